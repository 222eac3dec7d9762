//! Before anybody is here: the digits in large type, and what became of the ones before.

use egui::accesskit::{Live, Role};
use egui::{Align2, CornerRadius, Rect, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};

use super::Look;
use super::layout::{Stand, page};
use super::parts::{self, Kind};
use crate::texts::clock;
use crate::window::model::{Before, Code, Model, Press, Stage};
use deskside_paint::theme::{BODY, DIGITS, SMALL, plain, strong};

/// From here on the clock is in the colour of what ends.
const URGENT: u64 = 60;

pub(super) fn starting(ui: &mut Ui, look: &Look<'_>, model: &Model) {
    let texts = look.texts;
    page(
        ui,
        Stand::Middle,
        |ui| {
            let lead = match (model.stage(), model.visitor()) {
                (Stage::Here, Some(visitor)) => {
                    texts.with("banner-waiting", &[("name", &visitor.name)])
                }
                _ => texts.say("starting-lead"),
            };
            parts::title(ui, look, &texts.say("starting-title"));
            ui.add_space(6.0);
            parts::lead(ui, look, &lead);
        },
        |_, _| (),
    );
}

pub(super) fn show(ui: &mut Ui, look: &Look<'_>, code: &Code) {
    let texts = look.texts;
    page(
        ui,
        Stand::Middle,
        |ui| {
            if let Some(before) = &code.before {
                parts::card(ui, look, |ui| {
                    let (text, why) = match before {
                        Before::Expired => ("code-new", None),
                        Before::Mistyped => ("code-mistyped", None),
                        Before::Failed(why) => ("code-failed", Some(why)),
                    };
                    parts::news(ui, &texts.say(text), plain(BODY), look.palette.ink);
                    if let Some(why) = why {
                        parts::aside(ui, look, &texts.with("code-failed-why", &[("why", why)]));
                    }
                });
                ui.add_space(14.0);
            }
            parts::title(ui, look, &texts.say("code-title"));
            ui.add_space(16.0);
            digits(ui, look, code);
            ui.add_space(18.0);
            time(ui, look, code);
            ui.add_space(18.0);
            parts::aside(ui, look, &texts.say("code-caution"));
        },
        |_, _| (),
    );
}

/// Three groups in a frame each, as large as there is room for.
fn digits(ui: &mut Ui, look: &Look<'_>, code: &Code) {
    const GAP: f32 = 10.0;
    let palette = look.palette;
    let width = ui.available_width();
    let group = (width - 2.0 * GAP) / 3.0;
    // Four digits are 2.56 times as wide as high in this typeface, with some air between them.
    let cell = (group - 18.0) / 4.0;
    let size = DIGITS.min(cell / 0.62);
    let (rect, response) = ui.allocate_exact_size(vec2(width, size * 1.75), Sense::hover());
    let spoken: String = code.grouped.chars().flat_map(|digit| [digit, ' ']).collect();
    let spoken = look.texts.with("code-spoken", &[("digits", spoken.trim_end())]);
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &spoken));
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_live(Live::Polite));
    let mut left = rect.left();
    for digits in code.grouped.split(' ') {
        let frame = Rect::from_min_size(pos2(left, rect.top()), vec2(group, rect.height()));
        let (corner, edge) = (CornerRadius::same(12), Stroke::new(1.0, palette.edge));
        ui.painter().rect(frame, corner, palette.surface, edge, StrokeKind::Inside);
        let mut centre = pos2(frame.center().x - 1.5 * cell, frame.center().y);
        for digit in digits.chars() {
            let anchor = Align2::CENTER_CENTER;
            ui.painter().text(centre, anchor, digit, strong(size), palette.ink);
            centre.x += cell;
        }
        left += group + GAP;
    }
}

fn time(ui: &mut Ui, look: &Look<'_>, code: &Code) {
    let left = code.left(look.now);
    let part = left.as_secs_f32() / code.lasts.as_secs_f32().max(1.0);
    let urgent = left.as_secs() < URGENT;
    let text = look.texts.with("code-time", &[("time", &clock(left))]);
    let ink = if urgent { look.palette.danger } else { look.palette.soft };
    let galley = ui.painter().layout(text.clone(), strong(SMALL + 1.0), ink, f32::INFINITY);
    let size = vec2(30.0 + 10.0 + galley.size().x, 32.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Timer, true, &text));
    parts::ring(ui, look, pos2(rect.left() + 15.0, rect.center().y), 12.0, part, urgent);
    let place = pos2(rect.left() + 40.0, rect.center().y - galley.size().y / 2.0);
    ui.painter().galley(place, galley, ink);
}

/// After several failures.
pub(super) fn next(ui: &mut Ui, look: &Look<'_>, presses: &mut Vec<Press>) {
    let texts = look.texts;
    page(
        ui,
        Stand::Middle,
        |ui| {
            parts::title(ui, look, &texts.say("next-title"));
            ui.add_space(6.0);
            parts::lead(ui, look, &texts.say("next-lead"));
        },
        |ui, width| {
            let go = (Kind::Main, &*texts.say("next-go"));
            if parts::button(ui, look, go, width, true) {
                presses.push(Press::Next);
            }
        },
    );
}
