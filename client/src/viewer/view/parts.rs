//! What panel and cards are made of.

use deskside_paint::theme::{SMALL, plain, strong};
use egui::accesskit::Role;
use egui::{
    Align2, Area, Color32, Context, CornerRadius, Frame, Id, InnerResponse, Label, Margin, Order,
    Rect, RichText, Sense, Shadow, Stroke, StrokeKind, Ui, Vec2, WidgetInfo, vec2,
};

use super::PALETTE;

/// Height of whatever is pressed, in points: there is a mouse, and room matters.
const PRESS: f32 = 30.0;

/// A surface over the picture. Gives where it stands.
pub(super) fn surface(
    context: &Context,
    name: &str,
    (align, by): (Align2, Vec2),
    margin: i8,
    add: impl FnOnce(&mut Ui),
) -> Rect {
    let area =
        Area::new(Id::unique(name)).anchor(align, by).order(Order::Foreground).fade_in(false);
    let InnerResponse { response, .. } = area.show(context, |ui| {
        Frame::new()
            .fill(PALETTE.ground)
            .stroke(Stroke::new(1.0, PALETTE.edge))
            .corner_radius(CornerRadius::same(12))
            .inner_margin(Margin::same(margin))
            .shadow(Shadow {
                offset: [0, 6],
                blur: 20,
                spread: 0,
                color: Color32::from_black_alpha(110),
            })
            .show(ui, add)
    });
    response.rect
}

pub(super) fn text(ui: &mut Ui, text: impl Into<String>) {
    ui.add(Label::new(RichText::new(text).font(plain(SMALL)).color(PALETTE.ink)).wrap());
}

pub(super) fn soft(ui: &mut Ui, text: impl Into<String>) {
    ui.add(Label::new(RichText::new(text).font(plain(SMALL)).color(PALETTE.soft)).wrap());
}

pub(super) fn bold(ui: &mut Ui, text: impl Into<String>, size: f32) {
    ui.add(Label::new(RichText::new(text).font(strong(size)).color(PALETTE.ink)).wrap());
}

/// What a button is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// What goes on.
    Main,
    /// Any other.
    Plain,
    /// One that is on.
    On,
    /// What ends things.
    Danger,
}

/// A button as wide as its text, with the letter of its shortcut. Whether it was pressed.
pub(super) fn button(ui: &mut Ui, kind: Kind, text: &str, letter: Option<char>) -> bool {
    let (fill, ink, edge) = match kind {
        Kind::Main => (PALETTE.accent, PALETTE.on_accent, PALETTE.accent),
        Kind::Plain => (PALETTE.surface, PALETTE.ink, PALETTE.edge),
        Kind::On => (PALETTE.surface, PALETTE.accent, PALETTE.accent),
        Kind::Danger => (PALETTE.surface, PALETTE.danger, PALETTE.edge),
    };
    let words = ui.painter().layout_no_wrap(text.to_owned(), strong(SMALL), ink);
    let key = letter.map(|letter| {
        let letter = letter.to_ascii_uppercase().to_string();
        ui.painter().layout_no_wrap(letter, plain(12.0), PALETTE.soft)
    });
    let beside = key.as_ref().map_or(0.0, |key| key.size().x + 7.0);
    let size = vec2(words.size().x + beside + 22.0, PRESS);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, text));
    let fill = if response.hovered() { fill.lerp_to_gamma(PALETTE.ink, 0.12) } else { fill };
    let (corner, stroke) = (CornerRadius::same(8), Stroke::new(1.0, edge));
    ui.painter().rect(rect, corner, fill, stroke, StrokeKind::Inside);
    if response.has_focus() {
        let ring = Stroke::new(2.0, PALETTE.focus);
        ui.painter().rect_stroke(
            rect.expand(2.0),
            CornerRadius::same(10),
            ring,
            StrokeKind::Middle,
        );
    }
    let place = rect.left_center() + vec2(11.0, -words.size().y / 2.0);
    if let Some(key) = key {
        let place = rect.right_center() - vec2(10.0 + key.size().x, key.size().y / 2.0);
        ui.painter().galley(place, key, PALETTE.soft);
    }
    ui.painter().galley(place, words, ink);
    response.clicked()
}

/// A few words that stand by themselves.
pub(super) fn pill(context: &Context, name: &str, at: (Align2, Vec2), text: &str, ink: Color32) {
    let most = context.viewport_rect().width() - 60.0;
    surface(context, name, at, 9, |ui| {
        ui.set_max_width(most.clamp(100.0, 640.0));
        ui.add(Label::new(RichText::new(text).font(plain(SMALL)).color(ink)).wrap());
    });
}
