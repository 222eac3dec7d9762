//! While somebody is here: who, what he may do, what he is doing right now, and Stop. It is above all
//! other windows and cannot be put away; small, it still says who and has Stop.

use egui::accesskit::Role;
use egui::{Key, Layout, Margin, ScrollArea, TextEdit, Ui, WidgetInfo};

use super::layout::{Stand, page};
use super::parts::{self, Kind};
use super::{Fields, Look};
use crate::consent::{Direction, Visitor};
use crate::events::{By, Gone};
use crate::texts::clock;
use crate::window::model::{Gap, Line, MAX_MESSAGE, Model, Pose, Press};
use deskside_paint::theme::{BODY, NAME, SMALL, plain, strong};

/// Lines of what happened and of what was said that are in view at once.
const MAX_HISTORY: usize = 40;
/// Height of a list that scrolls by itself, in points.
const LIST: f32 = 116.0;

pub(super) fn show(
    ui: &mut Ui,
    look: &Look<'_>,
    model: &Model,
    fields: &mut Fields,
    presses: &mut Vec<Press>,
) {
    let Some(visitor) = model.visitor() else { return };
    let slim = model.pose() == Pose::Slim;
    let mut pressed = Vec::new();
    page(
        ui,
        Stand::Top,
        |ui| {
            ui.spacing_mut().item_spacing.y = 7.0;
            head(ui, look, model, visitor, slim, &mut pressed);
            if let Some(gap) = model.gap() {
                interrupted(ui, look, visitor, gap);
            }
            doing(ui, look, model, visitor, slim);
            if slim {
                return;
            }
            switches(ui, look, model, visitor, &mut pressed);
            chat(ui, look, model, (visitor, fields), &mut pressed);
            history(ui, look, model, visitor, fields);
        },
        |ui, width| stop(ui, look, width, slim, presses),
    );
    presses.append(&mut pressed);
}

fn head(
    ui: &mut Ui,
    look: &Look<'_>,
    model: &Model,
    visitor: &Visitor,
    slim: bool,
    presses: &mut Vec<Press>,
) {
    let texts = look.texts;
    let title = texts.with("banner-title", &[("name", &visitor.name)]);
    let text = texts.say(if slim { "banner-more" } else { "banner-less" });
    ui.with_layout(Layout::right_to_left(egui::Align::Min), |ui| {
        if parts::small_button(ui, look, &text) {
            presses.push(Press::Slim(!slim));
        }
        ui.with_layout(Layout::top_down(egui::Align::Min), |ui| {
            parts::news(ui, &title, strong(NAME), look.palette.ink);
        });
    });
    ui.with_layout(Layout::top_down(egui::Align::Min), |ui| {
        if !slim {
            let arguments =
                [("organisation", &*visitor.organisation), ("ticket", &*visitor.ticket)];
            parts::aside(ui, look, &texts.with("banner-from", &arguments));
        }
        let (colour, recorded) = if model.is_recorded() {
            (look.palette.danger, "banner-recorded")
        } else {
            (look.palette.outline, "banner-unrecorded")
        };
        if !slim {
            parts::badge(ui, look, colour, &texts.say(recorded));
        }
    });
}

fn interrupted(ui: &mut Ui, look: &Look<'_>, visitor: &Visitor, gap: Gap) {
    let texts = look.texts;
    let ink = look.palette.on_caution;
    parts::caution(ui, look, |ui| {
        let text = match gap.cause {
            Gone::Relay => texts.say("gap-relay"),
            Gone::Technician => texts.with("gap-technician", &[("name", &visitor.name)]),
        };
        parts::news(ui, &text, strong(BODY), ink);
        let left = clock(gap.left(look.now));
        parts::words(ui, &texts.with("gap-time", &[("time", &left)]), plain(SMALL), ink);
    });
}

/// What is being done at this moment.
fn doing(ui: &mut Ui, look: &Look<'_>, model: &Model, visitor: &Visitor, slim: bool) {
    let mut running = model.activity().running();
    let (first, rest) = (running.next(), running);
    let inside = |ui: &mut Ui| match first {
        None => {
            parts::news(ui, &look.texts.say("banner-idle"), plain(BODY), look.palette.soft);
        }
        Some(line) => {
            parts::news(ui, &told(look, visitor, line), strong(BODY), look.palette.ink);
            for line in rest.take(if slim { 0 } else { 3 }) {
                parts::lead(ui, look, &told(look, visitor, line));
            }
        }
    };
    if slim {
        ui.with_layout(Layout::top_down(egui::Align::Min), inside);
    } else {
        parts::card(ui, look, inside);
    }
}

fn switches(
    ui: &mut Ui,
    look: &Look<'_>,
    model: &Model,
    visitor: &Visitor,
    presses: &mut Vec<Press>,
) {
    let title = look.texts.with("banner-permissions", &[("name", &visitor.name)]);
    parts::card(ui, look, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        parts::group(ui, look, &title);
        for (grant, on) in model.switches() {
            if parts::switch(ui, look, &look.texts.short(grant), on).clicked() {
                presses.push(Press::Set(grant, !on));
            }
        }
        if let Some(on) = model.masking()
            && parts::switch(ui, look, &look.texts.say("banner-mask"), on).clicked()
        {
            presses.push(Press::Mask(!on));
        }
    });
}

fn chat(
    ui: &mut Ui,
    look: &Look<'_>,
    model: &Model,
    (visitor, fields): (&Visitor, &mut Fields),
    presses: &mut Vec<Press>,
) {
    let texts = look.texts;
    parts::card(ui, look, |ui| {
        parts::group(ui, look, &texts.say("banner-chat"));
        let list = ScrollArea::vertical().id_salt("chat").max_height(LIST).stick_to_bottom(true);
        list.show(ui, |ui| {
            ui.set_width(ui.available_width());
            let said = model.activity().said();
            let skip = said.len().saturating_sub(MAX_HISTORY);
            for entry in said.skip(skip) {
                let own = texts.say("chat-you");
                let (who, ink) = if entry.own {
                    (&*own, look.palette.soft)
                } else {
                    (&*visitor.name, look.palette.ink)
                };
                parts::news(ui, &format!("{who}: {}", entry.text), plain(BODY), ink);
            }
        });
        let hint = texts.with("banner-chat-field", &[("name", &visitor.name)]);
        let edit = TextEdit::singleline(&mut fields.say)
            .char_limit(MAX_MESSAGE)
            .desired_width(f32::INFINITY)
            .margin(Margin::symmetric(10, 8))
            .hint_text(&hint);
        let response = ui.add(edit);
        response.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, &hint));
        parts::focus_ring(ui, look, &response, response.rect, 12);
        let entered = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        let send = parts::small_button(ui, look, &texts.say("banner-chat-send"));
        if (entered || send) && !fields.say.trim().is_empty() {
            presses.push(Press::Say(std::mem::take(&mut fields.say)));
            response.request_focus();
        }
    });
}

fn history(ui: &mut Ui, look: &Look<'_>, model: &Model, visitor: &Visitor, fields: &mut Fields) {
    parts::card(ui, look, |ui| {
        let title = look.texts.say("banner-activity");
        if parts::switch(ui, look, &title, fields.history).clicked() {
            fields.history = !fields.history;
        }
        if !fields.history {
            return;
        }
        for line in model.activity().lines().take(MAX_HISTORY) {
            parts::aside(ui, look, &told(look, visitor, line));
        }
    });
}

fn stop(ui: &mut Ui, look: &Look<'_>, width: f32, slim: bool, presses: &mut Vec<Press>) {
    let (text, spoken) = (look.texts.say("banner-stop"), look.texts.say("banner-stop-spoken"));
    let words = (Kind::Danger, &*text, &*spoken);
    if parts::spoken_button(ui, look, words, width, true) {
        presses.push(Press::Stop);
    }
    if let (Some(keys), false) = (look.hotkey, slim) {
        parts::aside(ui, look, &look.texts.with("banner-hotkey", &[("keys", keys)]));
    }
}

/// A line in words.
fn told(look: &Look<'_>, visitor: &Visitor, line: &Line) -> String {
    use deskside_protocol::grant::Grant;
    let texts = look.texts;
    match line {
        Line::Does(grant, what) => {
            let key = match grant {
                Grant::View => "does-view",
                Grant::Control => "does-control",
                Grant::Command => "does-command",
                Grant::Shell => "does-shell",
                Grant::File => "does-file",
                Grant::Clipboard => "does-clipboard",
                Grant::Reboot => "does-reboot",
            };
            texts.with(key, &[("name", &visitor.name), ("what", what)])
        }
        Line::File(direction, name, bytes) => {
            let key = match direction {
                Direction::Received => "done-received",
                Direction::Sent => "done-sent",
            };
            texts.with(key, &[("what", name), ("size", &texts.size(*bytes))])
        }
        Line::Files(direction, files, bytes) => {
            let key = match direction {
                Direction::Received => "done-files-received",
                Direction::Sent => "done-files-sent",
            };
            texts.count(key, *files, &[("size", &texts.size(*bytes))])
        }
        Line::FileFailed(name, why) => {
            texts.with("done-file-failed", &[("what", name), ("why", why)])
        }
        Line::Granted(grants, By::User) => {
            texts.with("note-granted", &[("what", &texts.shorts(*grants))])
        }
        Line::Granted(grants, By::Beforehand) => {
            texts.with("note-granted-before", &[("what", &texts.shorts(*grants))])
        }
        Line::Refused(grants) => texts.with("note-refused", &[("what", &texts.shorts(*grants))]),
        Line::Narrowed(grants) => texts.with("note-narrowed", &[("what", &texts.shorts(*grants))]),
        Line::Revoked(grants) => texts.with("note-revoked", &[("what", &texts.shorts(*grants))]),
        Line::Unrecorded => texts.say("note-unrecorded"),
        Line::Masked { own: true } => texts.say("note-masked"),
        Line::Masked { own: false } => texts.with("note-masked-by", &[("name", &visitor.name)]),
        Line::Unmasked => texts.say("note-unmasked"),
        Line::Resumed => texts.say("note-resumed"),
        Line::Back => texts.say("note-back"),
        Line::Notice(text) => text.clone(),
    }
}
