//! The panel: everything that can be done, with its letter, on top of the picture.

use deskside_paint::theme::{NAME, SMALL, plain};
use deskside_protocol::grant::{Grant, GrantSet};
use deskside_protocol::text::visible;
use egui::{Align2, Context, Key, Label, RichText, ScrollArea, TextEdit, Ui, vec2};

use super::super::model::{Action, Model, Order, Zoom, grants, letter};
use super::super::texts;
use super::parts::{Kind, bold, button, label, soft, surface, text};
use super::{Drawn, Fields, PALETTE, Press, Scene};
use crate::note::Voice;

/// The panel's width in points, where the window has room.
const WIDTH: f32 = 860.0;
/// Height of the lines of chat.
const LINES: f32 = 92.0;
/// Bytes of a line of chat: what the protocol takes.
const MAX_LINE: usize = 2_000;

pub(super) fn show(context: &Context, scene: &Scene<'_>, fields: &mut Fields, drawn: &mut Drawn) {
    let wide = (context.viewport_rect().width() - 48.0).clamp(120.0, WIDTH);
    let presses = &mut drawn.presses;
    let rect = surface(context, "panel", (Align2::CENTER_TOP, vec2(0.0, 8.0)), 14, |ui| {
        ui.set_width(wide);
        ui.spacing_mut().item_spacing = vec2(8.0, 7.0);
        head(ui, scene.model);
        ways(ui, scene, presses);
        monitors(ui, scene.model, presses);
        allowed(ui, scene.model, presses);
        ui.separator();
        chat(ui, scene, fields, presses);
    });
    drawn.taken.push(rect);
}

fn head(ui: &mut Ui, model: &Model) {
    ui.horizontal_wrapped(|ui| {
        bold(ui, texts::whom(&model.about), NAME);
        soft(ui, texts::ticket(&model.about));
    });
    let quality = model.reading.as_ref().map_or(texts::MEASURING.to_owned(), texts::quality);
    soft(ui, quality);
}

fn ways(ui: &mut Ui, scene: &Scene<'_>, presses: &mut Vec<Press>) {
    let desk = scene.desk;
    let on = |on: bool| if on { Kind::On } else { Kind::Plain };
    let mut act = |ui: &mut Ui, kind, text: &str, action| {
        if button(ui, kind, text, letter(action)) {
            presses.push(Press::Act(action));
        }
    };
    ui.horizontal_wrapped(|ui| {
        let (zoom, other) = match desk.zoom {
            Zoom::Actual => (texts::ACTUAL, texts::FIT),
            Zoom::Fit => (texts::FIT, texts::ACTUAL),
        };
        act(ui, Kind::Plain, &format!("{zoom} → {other}"), Action::Zoom);
        act(ui, on(desk.full), texts::FULL, Action::FullScreen);
        act(ui, on(desk.laser), texts::LASER, Action::Laser);
        act(ui, on(scene.model.masks.own), texts::MASK, Action::Mask);
        act(ui, Kind::Plain, texts::SHOOT, Action::Screenshot);
        act(ui, Kind::Plain, texts::KEYS, Action::Help);
        act(ui, Kind::Danger, texts::END, Action::End);
    });
}

fn monitors(ui: &mut Ui, model: &Model, presses: &mut Vec<Press>) {
    if model.monitors.len() < 2 {
        return;
    }
    ui.horizontal_wrapped(|ui| {
        let all = std::iter::once((0, texts::ALL_MONITORS.to_owned(), '0'));
        let each = model.monitors.iter().enumerate().map(|(at, monitor)| {
            let (name, number) = (visible(&monitor.name), at + 1);
            let text = match name.is_empty() {
                true => texts::monitor(number),
                false => format!("{} ({name})", texts::monitor(number)),
            };
            (number, text, char::from_digit(u32::try_from(number).unwrap_or(0) % 10, 10))
        });
        let each = each.map(|(number, text, digit)| (number, text, digit.unwrap_or('0')));
        for (number, text, digit) in all.chain(each) {
            let number = u32::try_from(number).unwrap_or(0);
            let kind = if model.monitor == number { Kind::On } else { Kind::Plain };
            if button(ui, kind, &text, (number < 10).then_some(digit)) {
                presses.push(Press::Act(Action::Monitor(number)));
            }
        }
    });
}

fn allowed(ui: &mut Ui, model: &Model, presses: &mut Vec<Press>) {
    ui.horizontal_wrapped(|ui| {
        soft(ui, texts::ALLOWED);
        let held = if model.held.is_empty() { "—".to_owned() } else { grants(model.held) };
        text(ui, held);
    });
    let open = Grant::all().filter(|grant| !model.held.contains(*grant));
    let open: GrantSet = open.collect();
    if model.view_only || open.is_empty() {
        return;
    }
    ui.horizontal_wrapped(|ui| {
        label(ui, texts::ASK_FOR);
        for grant in open.iter() {
            if model.asked.contains(grant) {
                let waiting = format!("{}: {}", texts::grant(grant), texts::WAITING);
                let waiting = RichText::new(waiting).font(plain(SMALL)).color(PALETTE.accent);
                ui.add(Label::new(waiting));
            } else if button(ui, Kind::Plain, texts::grant(grant), letter(Action::Ask(grant))) {
                presses.push(Press::Act(Action::Ask(grant)));
            }
        }
    });
}

fn chat(ui: &mut Ui, scene: &Scene<'_>, fields: &mut Fields, presses: &mut Vec<Press>) {
    let lines = ScrollArea::vertical().max_height(LINES).stick_to_bottom(true);
    lines.auto_shrink([false, true]).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 3.0;
        if scene.model.chat.is_empty() {
            soft(ui, texts::CHAT_EMPTY);
        }
        for (by, said) in &scene.model.chat {
            let (who, ink) = match by {
                Voice::User => (&*scene.model.about.user, PALETTE.accent),
                Voice::Technician => ("You", PALETTE.soft),
            };
            let who = if who.is_empty() { "User" } else { who };
            ui.horizontal_top(|ui| {
                let who = RichText::new(visible(who)).font(plain(SMALL)).color(ink);
                ui.add(Label::new(who));
                text(ui, visible(said));
            });
        }
    });
    ui.horizontal(|ui| {
        let field = TextEdit::singleline(&mut fields.say)
            .font(plain(SMALL))
            .hint_text(RichText::new(texts::CHAT_HINT).color(PALETTE.soft))
            .margin(vec2(10.0, 6.0))
            .char_limit(MAX_LINE)
            .desired_width(ui.available_width() - 80.0);
        let field = ui.add(field);
        if scene.desk.to_chat {
            field.request_focus();
        }
        let entered = field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        if button(ui, Kind::Plain, texts::SEND, letter(Action::Chat)) || entered {
            if !fields.say.trim().is_empty() {
                presses.push(Press::Order(Order::Say(std::mem::take(&mut fields.say))));
            }
            field.request_focus();
        }
    });
}
