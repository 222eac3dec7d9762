//! How the window looks: one room a state, drawn from the model alone. Nothing is decided in here;
//! what the user does comes back as [`Press`]es.

mod ask;
mod banner;
mod code;
mod join;
mod layout;
mod over;
mod parts;

use std::time::Duration;

use deskside_paint::theme::Palette;
use egui::{Key, Modifiers, Ui};

use super::model::{Model, Pose, Press, Request, Stage};
use crate::consent::Answer;
use crate::texts::Texts;

/// What all pages share.
pub(super) struct Look<'a> {
    pub(super) texts: &'a Texts,
    pub(super) palette: &'static Palette,
    pub(super) now: Duration,
    /// The keys that stop from anywhere, where there are such.
    pub(super) hotkey: Option<&'a str>,
}

/// What the user has typed and not sent yet, and what is folded open.
#[derive(Debug, Default)]
pub struct Fields {
    pub(super) join: String,
    pub(super) say: String,
    pub(super) history: bool,
    /// How the window stood when it was drawn last.
    pose: Option<Pose>,
    question: Option<u64>,
}

/// What is drawn from.
#[derive(Debug)]
pub struct Scene<'a> {
    /// What the window knows.
    pub model: &'a Model,
    /// In which language.
    pub texts: &'a Texts,
    /// By the clock of the model.
    pub now: Duration,
    /// The keys that stop from anywhere, as they are written on them.
    pub hotkey: Option<&'a str>,
}

/// Draws everything, and gives what the user did.
pub fn draw(ui: &mut Ui, scene: &Scene<'_>, fields: &mut Fields) -> Vec<Press> {
    let model = scene.model;
    let look = Look {
        texts: scene.texts,
        palette: Palette::of(ui.ctx().theme()),
        now: scene.now,
        hotkey: scene.hotkey,
    };
    let mut presses = Vec::new();
    settle(ui, model, fields);
    ui.painter().rect_filled(ui.ctx().viewport_rect(), 0, look.palette.ground);
    keys(ui, model, &mut presses);
    match (model.pose(), model.stage()) {
        (Pose::Prompt, _) => {
            if let Some(asked) = model.question() {
                ask::show(ui, &look, model, asked, &mut presses);
            }
        }
        (Pose::Banner | Pose::Slim, _) => banner::show(ui, &look, model, fields, &mut presses),
        (Pose::Page, Stage::Join { bad }) => join::show(ui, &look, *bad, fields, &mut presses),
        (Pose::Page, Stage::Code(shown)) => code::show(ui, &look, shown),
        (Pose::Page, Stage::Next) => code::next(ui, &look, &mut presses),
        (Pose::Page, Stage::Starting | Stage::Here) => code::starting(ui, &look, model),
        (Pose::Page, Stage::Over(ending)) => over::show(ui, &look, model, ending, &mut presses),
    }
    presses
}

/// What the window is called in a list of windows: what matters most about it.
#[must_use]
pub fn title(model: &Model, texts: &Texts) -> String {
    let name = model.visitor().map_or("", |visitor| &*visitor.name);
    match (model.question().map(|asked| &asked.request), model.stage()) {
        (Some(Request::Opening { .. }), _) => texts.say("ask-title"),
        (Some(Request::More { grant, .. }), _) => {
            texts.with("more-title", &[("name", name), ("wish", &texts.grant(*grant))])
        }
        (Some(Request::Files(listing)), _) => {
            texts.with(ask::files_title(listing), &[("name", name)])
        }
        (None, Stage::Here) => texts.with("banner-title", &[("name", name)]),
        (None, Stage::Over(_)) => texts.say("over-title"),
        (None, Stage::Join { .. } | Stage::Starting | Stage::Code(_) | Stage::Next) => {
            texts.say("window-title")
        }
    }
}

/// Whatever had the keyboard loses it when something else is shown: a key that was meant for the
/// page before does nothing on this one.
fn settle(ui: &Ui, model: &Model, fields: &mut Fields) {
    let shown = (Some(model.pose()), model.question().map(|asked| asked.number));
    if shown != (fields.pose, fields.question) {
        (fields.pose, fields.question) = shown;
        ui.ctx().memory_mut(|memory| {
            if let Some(focused) = memory.focused() {
                memory.surrender_focus(focused);
            }
        });
    }
}

/// Keys that mean the same wherever the keyboard is.
fn keys(ui: &Ui, model: &Model, presses: &mut Vec<Press>) {
    let pressed = |modifiers, key| ui.input_mut(|input| input.consume_key(modifiers, key));
    if *model.stage() == Stage::Here && pressed(Modifiers::CTRL | Modifiers::ALT, Key::End) {
        presses.push(Press::Stop);
    }
    if let Some(asked) = model.question()
        && pressed(Modifiers::NONE, Key::Escape)
    {
        presses.push(Press::Answer(asked.number, Answer::Refuse));
    }
}
