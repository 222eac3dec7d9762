//! Where no help desk is known: the user pastes the link that his technician sent.

use std::cell::Cell;

use egui::accesskit::Role;
use egui::{Key, Margin, TextEdit, Ui, WidgetInfo};

use super::layout::{Stand, page};
use super::parts::{self, Kind};
use super::{Fields, Look};
use crate::window::model::Press;
use deskside_paint::theme::BODY;
use deskside_paint::theme::plain;

/// Characters of a link that are taken; the longest is two keys of 64 digits and a host of 253.
const MAX_LINK: usize = 1024;

pub(super) fn show(
    ui: &mut Ui,
    look: &Look<'_>,
    bad: bool,
    fields: &mut Fields,
    presses: &mut Vec<Press>,
) {
    let texts = look.texts;
    let entered = Cell::new(false);
    let join = &mut fields.join;
    page(
        ui,
        Stand::Middle,
        |ui| {
            parts::title(ui, look, &texts.say("join-title"));
            ui.add_space(6.0);
            parts::lead(ui, look, &texts.say("join-lead"));
            ui.add_space(14.0);
            let edit = TextEdit::singleline(join)
                .char_limit(MAX_LINK)
                .desired_width(f32::INFINITY)
                .font(plain(BODY))
                .margin(Margin::symmetric(12, 12))
                .hint_text(texts.say("join-hint"));
            let response = ui.add(edit);
            let name = texts.say("join-field");
            response.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, &name));
            parts::focus_ring(ui, look, &response, response.rect, 12);
            let enter = ui.input(|input| input.key_pressed(Key::Enter));
            entered.set(response.lost_focus() && enter);
            if bad {
                ui.add_space(10.0);
                parts::caution(ui, look, |ui| {
                    let colour = look.palette.on_caution;
                    parts::news(ui, &texts.say("join-bad"), plain(BODY), colour);
                });
            }
        },
        |ui, width| {
            let go = (Kind::Main, &*texts.say("join-go"));
            let pressed = parts::button(ui, look, go, width, true);
            entered.set(entered.get() || pressed);
        },
    );
    if entered.get() {
        presses.push(Press::Join(fields.join.clone()));
    }
}
