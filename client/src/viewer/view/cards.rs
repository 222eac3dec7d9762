//! Cards in the middle, and words at the edges.

use deskside_paint::theme::{BODY, NAME, SMALL, plain};
use egui::{Align2, Context, Grid, Label, RichText, Ui, vec2};

use super::super::model::{Action, Card, list};
use super::super::texts;
use super::parts::{Kind, bold, button, pill, soft, surface, text};
use super::{Drawn, PALETTE, Press, Scene};
use deskside_protocol::grant::Grant;

/// A card's width in points, where the window has room.
const WIDTH: f32 = 420.0;

fn width(context: &Context) -> f32 {
    (context.viewport_rect().width() - 60.0).clamp(120.0, WIDTH)
}

/// What is asked or told, which has the keyboard.
pub(super) fn show(context: &Context, scene: &Scene<'_>, card: Card, drawn: &mut Drawn) {
    let presses = &mut drawn.presses;
    let wide = width(context);
    let rect = surface(context, "card", (Align2::CENTER_CENTER, vec2(0.0, 0.0)), 20, |ui| {
        ui.set_width(wide);
        match card {
            Card::Help => help(ui, scene),
            Card::Control => {
                bold(ui, texts::ASK_CONTROL, NAME);
                soft(ui, texts::ASK_CONTROL_WHY);
                answers(ui, (Kind::Main, texts::ASK), texts::NOT_NOW, presses);
            }
            Card::End => {
                bold(ui, texts::END_QUESTION, NAME);
                soft(ui, texts::END_WHY);
                answers(ui, (Kind::Danger, texts::END_YES), texts::END_NO, presses);
            }
        }
    });
    drawn.taken.push(rect);
}

fn answers(ui: &mut Ui, (kind, yes): (Kind, &str), no: &str, presses: &mut Vec<Press>) {
    ui.add_space(8.0);
    ui.horizontal_wrapped(|ui| {
        if button(ui, kind, yes, None) {
            presses.push(Press::Answer(true));
        }
        if button(ui, Kind::Plain, no, None) {
            presses.push(Press::Answer(false));
        }
    });
}

fn help(ui: &mut Ui, scene: &Scene<'_>) {
    bold(ui, texts::HELP_TITLE, NAME);
    text(ui, texts::host_key(scene.host.word()));
    soft(ui, texts::HELP_LEAD);
    ui.add_space(4.0);
    Grid::new("shortcuts").num_columns(2).spacing([18.0, 5.0]).show(ui, |ui| {
        for (keys, what) in list() {
            let keys = RichText::new(keys).font(deskside_paint::theme::strong(SMALL));
            ui.add(Label::new(keys.color(PALETTE.accent)));
            ui.add(Label::new(RichText::new(what).font(plain(SMALL)).color(PALETTE.ink)));
            ui.end_row();
        }
    });
    ui.add_space(4.0);
    soft(ui, texts::HELP_EDGE);
}

/// Why the picture is not of the moment, and what follows.
pub(super) fn stale(context: &Context, scene: &Scene<'_>, drawn: &mut Drawn) {
    let model = scene.model;
    let (title, why) = match (model.away, model.held.contains(Grant::View)) {
        _ if model.is_live() => return,
        (Some((away, end)), _) => {
            // A second that has begun counts whole: the last word is 0:01.
            let left = end.saturating_duration_since(scene.now);
            (texts::away(away).to_owned(), texts::countdown(left))
        }
        (None, true) => (texts::STOPPED.to_owned(), texts::STOPPED_WHY.to_owned()),
        (None, false) => (texts::NO_VIEW.to_owned(), texts::NO_VIEW_WHY.to_owned()),
    };
    let wide = width(context);
    let ask = model.away.is_none() && !model.held.contains(Grant::View);
    let rect = surface(context, "stale", (Align2::CENTER_CENTER, vec2(0.0, 0.0)), 20, |ui| {
        ui.set_width(wide);
        bold(ui, title, NAME);
        ui.add(Label::new(RichText::new(why).font(plain(BODY)).color(PALETTE.soft)).wrap());
        if ask && button(ui, Kind::Main, &texts::action(Action::Ask(Grant::View)), None) {
            drawn.presses.push(Press::Act(Action::Ask(Grant::View)));
        }
    });
    if ask {
        drawn.taken.push(rect);
    }
}

/// Words at the edges: they take no mouse.
pub(super) fn hints(context: &Context, scene: &Scene<'_>) {
    let model = scene.model;
    if let Some(notice) = model.notice(scene.now) {
        let at = (Align2::CENTER_BOTTOM, vec2(0.0, -18.0));
        pill(context, "notice", at, notice, PALETTE.ink);
    }
    if let Some(steady) = steady(scene) {
        pill(context, "steady", (Align2::LEFT_BOTTOM, vec2(18.0, -18.0)), steady, PALETTE.accent);
    }
}

/// What is told as long as it lasts.
pub(super) const fn steady(scene: &Scene<'_>) -> Option<&'static str> {
    match (scene.model.user_hand, scene.model.masks.any(), scene.desk.laser) {
        (true, _, _) => Some(texts::USER_HAND),
        (false, true, _) => Some(texts::MASKED),
        (false, false, true) => Some(texts::LASER_ON),
        (false, false, false) => None,
    }
}
