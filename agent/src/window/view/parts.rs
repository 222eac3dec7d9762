//! What every page is made of: texts, buttons, switches, cards. Each says to a screen reader what it
//! is, wraps instead of being cut off, and shows where the keyboard is.

use std::sync::Arc;

use egui::accesskit::{Live, Role};
use egui::text::LayoutJob;
use egui::{
    Align, Align2, Color32, CornerRadius, CursorIcon, FontId, Frame, Galley, Label, Margin, Pos2,
    Rect, Response, RichText, Sense, Shape, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2,
};

use super::Look;
use deskside_paint::theme::{BODY, BUTTON, NAME, PRESS, SMALL, TITLE, plain, strong};

/// Space between a button's edge and its text.
const PADDING: f32 = 14.0;

/// The one sentence of a page. A screen reader says it when it appears.
pub(super) fn title(ui: &mut Ui, look: &Look<'_>, text: &str) -> Response {
    let response = words(ui, text, strong(TITLE), look.palette.ink);
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_role(Role::Heading);
        node.set_label(text);
        node.set_live(Live::Assertive);
    });
    response
}

/// What the page has to say.
pub(super) fn lead(ui: &mut Ui, look: &Look<'_>, text: &str) -> Response {
    words(ui, text, plain(BODY), look.palette.ink)
}

/// What is worth a glance.
pub(super) fn aside(ui: &mut Ui, look: &Look<'_>, text: &str) -> Response {
    words(ui, text, plain(SMALL), look.palette.soft)
}

/// The name of a group of things.
pub(super) fn group(ui: &mut Ui, look: &Look<'_>, text: &str) -> Response {
    words(ui, text, strong(SMALL), look.palette.soft)
}

/// Somebody's name.
pub(super) fn name(ui: &mut Ui, look: &Look<'_>, text: &str) -> Response {
    words(ui, text, strong(NAME), look.palette.ink)
}

/// Any text; it wraps.
pub(super) fn words(ui: &mut Ui, text: &str, font: FontId, colour: Color32) -> Response {
    ui.add(Label::new(RichText::new(text).font(font).color(colour)).wrap())
}

/// A text that changes and is to be said by a screen reader when it does, in its own time.
pub(super) fn news(ui: &mut Ui, text: &str, font: FontId, colour: Color32) -> Response {
    let response = words(ui, text, font, colour);
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_live(Live::Polite));
    response
}

/// What a button is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// What goes on.
    Main,
    /// Any other.
    Plain,
    /// What ends things.
    Danger,
    /// What warns: outlined in the colour of danger.
    Alarm,
}

/// A button across `width`; its text wraps. One that is not enabled can have the keyboard all the
/// same, so that Tab comes by the same things always. Whether it was pressed.
pub(super) fn button(
    ui: &mut Ui,
    look: &Look<'_>,
    (kind, text): (Kind, &str),
    width: f32,
    enabled: bool,
) -> bool {
    spoken_button(ui, look, (kind, text, text), width, enabled)
}

/// As [`button`], with other words for a screen reader.
pub(super) fn spoken_button(
    ui: &mut Ui,
    look: &Look<'_>,
    (kind, text, spoken): (Kind, &str, &str),
    width: f32,
    enabled: bool,
) -> bool {
    let palette = look.palette;
    let (fill, ink, edge) = match kind {
        _ if !enabled => (palette.ground, palette.soft, palette.edge),
        Kind::Main => (palette.accent, palette.on_accent, palette.accent),
        Kind::Plain => (palette.surface, palette.ink, palette.outline),
        Kind::Danger => (palette.danger, palette.on_danger, palette.danger),
        Kind::Alarm => (palette.surface, palette.danger, palette.danger),
    };
    let galley = centred(ui, text, strong(BUTTON), ink, width - 2.0 * PADDING);
    let height = (galley.size().y + 2.0 * PADDING).max(PRESS);
    let (rect, response) = ui.allocate_exact_size(vec2(width, height), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, enabled, spoken));
    let pressed = response.is_pointer_button_down_on() && enabled;
    let fill = match (pressed, response.hovered() && enabled) {
        (true, _) => mixed(fill, palette.ink, 0.16),
        (false, true) => mixed(fill, palette.ink, 0.08),
        (false, false) => fill,
    };
    let (corner, stroke) = (CornerRadius::same(10), Stroke::new(1.5, edge));
    ui.painter().rect(rect, corner, fill, stroke, StrokeKind::Inside);
    let place = pos2(rect.center().x, rect.center().y - galley.size().y / 2.0);
    ui.painter().galley(place, galley, ink);
    focus_ring(ui, look, &response, rect, 12);
    let clicked = response.clicked() && enabled;
    if enabled {
        response.on_hover_cursor(CursorIcon::PointingHand);
    }
    clicked
}

/// A button as wide as its text, for what matters less. Whether it was pressed.
pub(super) fn small_button(ui: &mut Ui, look: &Look<'_>, text: &str) -> bool {
    let palette = look.palette;
    let galley = ui.painter().layout_no_wrap(text.to_owned(), plain(SMALL), palette.ink);
    let size = vec2(galley.size().x + 22.0, 32.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, text));
    let part = if response.hovered() { 0.08 } else { 0.0 };
    let fill = mixed(palette.surface, palette.ink, part);
    let (corner, stroke) = (CornerRadius::same(9), Stroke::new(1.0, palette.outline));
    ui.painter().rect(rect, corner, fill, stroke, StrokeKind::Inside);
    ui.painter().galley(rect.center() - galley.size() / 2.0, galley, palette.ink);
    focus_ring(ui, look, &response, rect, 11);
    response.on_hover_cursor(CursorIcon::PointingHand).clicked()
}

fn centred(ui: &Ui, text: &str, font: FontId, colour: Color32, width: f32) -> Arc<Galley> {
    let mut job = LayoutJob::simple(text.to_owned(), font, colour, width);
    job.halign = Align::Center;
    ui.painter().layout_job(job)
}

/// Shows that the keyboard is here, and brings it into view.
pub(super) fn focus_ring(ui: &Ui, look: &Look<'_>, response: &Response, rect: Rect, corner: u8) {
    if response.has_focus() {
        let stroke = Stroke::new(3.0, look.palette.focus);
        let ring = rect.expand(2.0);
        ui.painter().rect_stroke(ring, CornerRadius::same(corner), stroke, StrokeKind::Outside);
    }
    if response.gained_focus() {
        response.scroll_to_me(None);
    }
}

/// Something that is on or off, as a row across the whole width.
pub(super) fn switch(ui: &mut Ui, look: &Look<'_>, text: &str, on: bool) -> Response {
    const TRACK: egui::Vec2 = vec2(44.0, 24.0);
    let palette = look.palette;
    let width = ui.available_width();
    let galley =
        ui.painter().layout(text.to_owned(), plain(BODY), palette.ink, width - TRACK.x - 16.0);
    let height = (galley.size().y + 10.0).max(36.0);
    let (rect, response) = ui.allocate_exact_size(vec2(width, height), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Switch, true, on, text));
    let top = rect.center().y - galley.size().y / 2.0;
    ui.painter().galley(pos2(rect.left() + 2.0, top), galley, palette.ink);
    let centre = pos2(rect.right() - TRACK.x / 2.0 - 2.0, rect.center().y);
    let track = Rect::from_center_size(centre, TRACK);
    let (fill, edge, knob) = if on {
        (palette.accent, palette.accent, palette.on_accent)
    } else {
        (palette.surface, palette.outline, palette.outline)
    };
    let stroke = Stroke::new(1.5, edge);
    ui.painter().rect(track, CornerRadius::same(12), fill, stroke, StrokeKind::Inside);
    let x = if on { track.right() - 12.0 } else { track.left() + 12.0 };
    ui.painter().circle_filled(pos2(x, track.center().y), 7.5, knob);
    focus_ring(ui, look, &response, rect, 8);
    response.on_hover_cursor(CursorIcon::PointingHand)
}

/// A card.
pub(super) fn card<R>(ui: &mut Ui, look: &Look<'_>, inside: impl FnOnce(&mut Ui) -> R) -> R {
    boxed(ui, look.palette.surface, look.palette.edge, inside)
}

/// A warning, with a sign that needs no colour to be seen.
pub(super) fn caution<R>(ui: &mut Ui, look: &Look<'_>, inside: impl FnOnce(&mut Ui) -> R) -> R {
    let palette = look.palette;
    boxed(ui, palette.caution, palette.caution_edge, |ui| {
        ui.horizontal_top(|ui| {
            let (rect, _) = ui.allocate_exact_size(vec2(24.0, 24.0), Sense::hover());
            warning_sign(ui, rect, palette.on_caution, palette.caution);
            ui.vertical(inside).inner
        })
        .inner
    })
}

fn boxed<R>(ui: &mut Ui, fill: Color32, edge: Color32, inside: impl FnOnce(&mut Ui) -> R) -> R {
    let frame = Frame::new()
        .fill(fill)
        .stroke(Stroke::new(1.0, edge))
        .corner_radius(CornerRadius::same(12))
        .inner_margin(Margin::symmetric(16, 12));
    let shown = frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.with_layout(egui::Layout::top_down(Align::Min), inside).inner
    });
    shown.inner
}

fn warning_sign(ui: &Ui, rect: Rect, ink: Color32, paper: Color32) {
    let (centre, half) = (rect.center(), 10.0);
    let corners = vec![
        centre + vec2(0.0, -half),
        centre + vec2(half + 1.0, half - 1.0),
        centre + vec2(-half - 1.0, half - 1.0),
    ];
    ui.painter().add(Shape::convex_polygon(corners, ink, Stroke::new(2.0, ink)));
    let bar = Rect::from_center_size(centre + vec2(0.0, 0.5), vec2(2.6, 8.0));
    ui.painter().rect_filled(bar, CornerRadius::same(1), paper);
    ui.painter().circle_filled(centre + vec2(0.0, 6.8), 1.6, paper);
}

/// A coloured point with a word behind it.
pub(super) fn badge(ui: &mut Ui, look: &Look<'_>, colour: Color32, text: &str) -> Response {
    let row = ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 7.0;
        let (rect, _) = ui.allocate_exact_size(vec2(10.0, 18.0), Sense::hover());
        ui.painter().circle_filled(rect.center(), 5.0, colour);
        words(ui, text, strong(SMALL), look.palette.ink)
    });
    row.inner
}

/// A clock: the ring is what is left of the time.
pub(super) fn ring(ui: &Ui, look: &Look<'_>, centre: Pos2, radius: f32, left: f32, urgent: bool) {
    const STEPS: u8 = 72;
    let palette = look.palette;
    let colour = if urgent { palette.danger } else { palette.accent };
    ui.painter().circle_stroke(centre, radius, Stroke::new(4.0, palette.edge));
    let arc = (0..=STEPS)
        .map(|step| {
            let turn = f32::from(step) / f32::from(STEPS) * left.clamp(0.0, 1.0);
            let angle = (turn - 0.25) * std::f32::consts::TAU;
            centre + vec2(angle.cos(), angle.sin()) * radius
        })
        .collect();
    if left > 0.0 {
        ui.painter().add(Shape::line(arc, Stroke::new(4.0, colour)));
    }
}

/// A label and what it is about, side by side.
pub(super) fn row(ui: &mut Ui, look: &Look<'_>, label: &str, value: &str) {
    const LABEL: f32 = 74.0;
    ui.horizontal_top(|ui| {
        let width = LABEL.min(ui.available_width() / 3.0);
        let top = ui.cursor().top();
        let galley = ui.painter().layout(label.to_owned(), plain(SMALL), look.palette.soft, width);
        let (rect, response) = ui.allocate_exact_size(vec2(width, galley.size().y), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, label));
        ui.painter().galley(pos2(rect.left(), top + 1.0), galley, look.palette.soft);
        lead(ui, look, value);
    });
}

/// A point of a list.
pub(super) fn point(ui: &mut Ui, look: &Look<'_>, text: &str) {
    ui.horizontal_top(|ui| {
        let (rect, _) = ui.allocate_exact_size(vec2(12.0, 20.0), Sense::hover());
        ui.painter().circle_filled(rect.center() + vec2(-1.0, 0.0), 3.0, look.palette.accent);
        lead(ui, look, text);
    });
}

/// The first letter of a name, in a circle.
pub(super) fn initial(ui: &mut Ui, look: &Look<'_>, name: &str) {
    let (rect, _) = ui.allocate_exact_size(vec2(46.0, 46.0), Sense::hover());
    ui.painter().circle_filled(rect.center(), 23.0, look.palette.accent);
    let letter: String = name.chars().next().into_iter().flat_map(char::to_uppercase).collect();
    let (font, ink) = (strong(22.0), look.palette.on_accent);
    ui.painter().text(rect.center(), Align2::CENTER_CENTER, letter, font, ink);
}

fn mixed(colour: Color32, with: Color32, part: f32) -> Color32 {
    colour.lerp_to_gamma(with, part)
}
