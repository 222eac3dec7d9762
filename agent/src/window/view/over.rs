//! The end: why, and what to do now.

use deskside_protocol::wire::record::Reason;
use egui::Ui;

use super::Look;
use super::layout::{Stand, page};
use super::parts::{self, Kind};
use crate::window::model::{Ending, Model, Press};
use deskside_paint::theme::{BODY, plain};

pub(super) fn show(
    ui: &mut Ui,
    look: &Look<'_>,
    model: &Model,
    ending: &Ending,
    presses: &mut Vec<Press>,
) {
    let texts = look.texts;
    page(
        ui,
        Stand::Middle,
        |ui| match ending {
            Ending::Failed(why) => failed(ui, look, why),
            Ending::Ended(_) if model.was_not_asked_for() => scam(ui, look, model),
            Ending::Ended(_) if model.was_turned_away() => blocked(ui, look, model),
            Ending::Ended(reason) => ended(ui, look, *reason),
        },
        |ui, width| {
            let again = match ending {
                Ending::Failed(_) => texts.say("failed-again"),
                Ending::Ended(_) => texts.say("over-again"),
            };
            let close = (Kind::Main, &*texts.say("over-close"));
            if parts::button(ui, look, close, width, true) {
                presses.push(Press::Close);
            }
            if parts::button(ui, look, (Kind::Plain, &again), width, true) {
                presses.push(Press::Again);
            }
        },
    );
}

fn ended(ui: &mut Ui, look: &Look<'_>, reason: Reason) {
    let texts = look.texts;
    parts::title(ui, look, &texts.say("over-title"));
    ui.add_space(6.0);
    parts::lead(ui, look, &texts.say(key(reason)));
    parts::lead(ui, look, &texts.say("over-nobody"));
    ui.add_space(10.0);
    parts::aside(ui, look, &texts.say("over-again-hint"));
}

fn scam(ui: &mut Ui, look: &Look<'_>, model: &Model) {
    let texts = look.texts;
    parts::title(ui, look, &texts.say("scam-over-title"));
    ui.add_space(6.0);
    parts::lead(ui, look, &texts.say("over-nobody"));
    if let Some(visitor) = model.visitor() {
        let told = texts.with("scam-over-told", &[("organisation", &visitor.organisation)]);
        parts::lead(ui, look, &told);
        let blocked = texts.with("scam-over-blocked", &[("name", &visitor.name)]);
        parts::lead(ui, look, &blocked);
    }
    ui.add_space(10.0);
    parts::caution(ui, look, |ui| {
        let ink = look.palette.on_caution;
        parts::words(ui, &texts.say("scam-over-advice"), plain(BODY), ink);
    });
}

fn blocked(ui: &mut Ui, look: &Look<'_>, model: &Model) {
    let texts = look.texts;
    parts::title(ui, look, &texts.say("blocked-title"));
    ui.add_space(6.0);
    if let Some(visitor) = model.visitor() {
        parts::lead(ui, look, &texts.with("blocked-lead", &[("name", &visitor.name)]));
    }
}

fn failed(ui: &mut Ui, look: &Look<'_>, why: &str) {
    let texts = look.texts;
    parts::title(ui, look, &texts.say("failed-title"));
    ui.add_space(6.0);
    parts::lead(ui, look, &texts.say("failed-lead"));
    ui.add_space(10.0);
    parts::aside(ui, look, &texts.with("failed-why", &[("why", why)]));
}

const fn key(reason: Reason) -> &'static str {
    match reason {
        Reason::Unspecified => "over-unspecified",
        Reason::TechnicianEnded => "over-technician-ended",
        Reason::UserEnded => "over-user-ended",
        Reason::UserRefused | Reason::NotAsked => "over-user-refused",
        Reason::TechnicianLost => "over-technician-lost",
        Reason::AgentLost => "over-agent-lost",
        Reason::RelayStopped => "over-relay-stopped",
        Reason::RecordingFailed => "over-recording-failed",
        Reason::NotSealed => "over-not-sealed",
        Reason::Disputed => "over-disputed",
        Reason::RecordingFull => "over-recording-full",
        Reason::TechnicianRevoked => "over-technician-revoked",
        Reason::TechnicianExpired => "over-technician-expired",
    }
}
