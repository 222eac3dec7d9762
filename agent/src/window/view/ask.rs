//! Questions: who asks, what for, and the answers. No answer is a key that was pressed for something
//! else; Allow waits a moment, and says so.

use egui::{Ui, vec2};

use super::Look;
use super::layout::{Stand, page};
use super::parts::{self, Kind};
use crate::consent::{Answer, Direction, Listing, Standing, Visitor};
use crate::texts::{clock, whole_seconds};
use crate::window::model::{Asked, Model, Press, Request};
use deskside_paint::theme::{BODY, SMALL, plain, strong};

/// Names of files that are shown before the rest is counted.
const MAX_NAMES: usize = 8;

pub(super) fn show(
    ui: &mut Ui,
    look: &Look<'_>,
    model: &Model,
    asked: &Asked,
    presses: &mut Vec<Press>,
) {
    page(
        ui,
        Stand::Middle,
        |ui| match &asked.request {
            Request::Opening { grants } => {
                parts::title(ui, look, &look.texts.say("ask-title"));
                ui.add_space(4.0);
                who(ui, look, &asked.visitor, true);
                parts::card(ui, look, |ui| {
                    parts::group(ui, look, &look.texts.say("ask-wants"));
                    for grant in grants.iter() {
                        parts::point(ui, look, &look.texts.grant(grant));
                    }
                });
                scam(ui, look);
                recording(ui, look, model);
            }
            Request::More { grant, what, .. } => {
                let arguments =
                    [("name", &*asked.visitor.name), ("wish", &*look.texts.grant(*grant))];
                parts::title(ui, look, &look.texts.with("more-title", &arguments));
                ui.add_space(4.0);
                if !what.is_empty() {
                    parts::card(ui, look, |ui| {
                        parts::group(ui, look, &look.texts.say("more-what"));
                        parts::words(ui, what, strong(BODY), look.palette.ink);
                    });
                }
                who(ui, look, &asked.visitor, false);
                parts::aside(ui, look, &look.texts.say("more-lead"));
            }
            Request::Files(listing) => {
                files(ui, look, &asked.visitor, listing);
                who(ui, look, &asked.visitor, false);
                parts::aside(ui, look, &look.texts.say("files-lead"));
            }
        },
        |ui, width| answers(ui, look, asked, width, presses),
    );
}

/// Whom the pairing verified.
fn who(ui: &mut Ui, look: &Look<'_>, visitor: &Visitor, whole: bool) {
    let texts = look.texts;
    parts::card(ui, look, |ui| {
        ui.horizontal_top(|ui| {
            parts::initial(ui, look, &visitor.name);
            ui.vertical(|ui| {
                ui.spacing_mut().item_spacing.y = 2.0;
                parts::name(ui, look, &visitor.name);
                let login = format!("{} · {}", visitor.login, visitor.organisation);
                parts::lead(ui, look, &login);
                if visitor.standing == Standing::Known && whole {
                    parts::aside(ui, look, &texts.say("ask-known"));
                }
            });
        });
        if visitor.standing == Standing::New {
            parts::badge(ui, look, look.palette.caution_edge, &texts.say("ask-new"));
        }
        let ticket = format!("{}: {}", visitor.ticket, visitor.subject);
        parts::row(ui, look, &texts.say("ask-ticket"), &ticket);
    });
    if visitor.standing == Standing::NameOfAnother {
        parts::caution(ui, look, |ui| {
            let (text, ink) = (texts.say("ask-name-of-another"), look.palette.on_caution);
            parts::words(ui, &text, strong(BODY), ink);
        });
    }
}

fn scam(ui: &mut Ui, look: &Look<'_>) {
    parts::caution(ui, look, |ui| {
        let ink = look.palette.on_caution;
        parts::words(ui, &look.texts.say("scam-title"), strong(BODY), ink);
        parts::words(ui, &look.texts.say("scam-lead"), plain(SMALL + 1.0), ink);
    });
}

fn recording(ui: &mut Ui, look: &Look<'_>, model: &Model) {
    let text = if model.is_recorded() { "ask-recorded" } else { "ask-unrecorded" };
    parts::aside(ui, look, &look.texts.say(text));
}

/// By which way the files go.
pub(super) const fn files_title(listing: &Listing) -> &'static str {
    match listing.direction {
        Direction::Received => "files-in-title",
        Direction::Sent => "files-out-title",
    }
}

fn files(ui: &mut Ui, look: &Look<'_>, visitor: &Visitor, listing: &Listing) {
    let texts = look.texts;
    let folder = match listing.direction {
        Direction::Received => "files-in-folder",
        Direction::Sent => "files-out-folder",
    };
    let title = texts.with(files_title(listing), &[("name", &visitor.name)]);
    parts::title(ui, look, &title);
    ui.add_space(4.0);
    let named = u64::try_from(listing.named.len()).unwrap_or(u64::MAX);
    let count = named.saturating_add(listing.more);
    parts::card(ui, look, |ui| {
        let sum = texts.count("files-sum", count, &[("size", &texts.size(listing.bytes))]);
        parts::words(ui, &sum, strong(BODY), look.palette.ink);
        for (name, bytes) in listing.named.iter().take(MAX_NAMES) {
            parts::point(ui, look, &format!("{name} ({})", texts.size(*bytes)));
        }
        let shown = u64::try_from(listing.named.len().min(MAX_NAMES)).unwrap_or(u64::MAX);
        if let rest @ 1.. = count - shown {
            parts::lead(ui, look, &texts.count("files-more", rest, &[]));
        }
        parts::aside(ui, look, &texts.with(folder, &[("folder", &listing.folder)]));
    });
}

/// What can be answered, the safest first where the keyboard comes by.
fn answers(ui: &mut Ui, look: &Look<'_>, asked: &Asked, width: f32, presses: &mut Vec<Press>) {
    let texts = look.texts;
    let ready = |answer| asked.wait(answer, look.now).is_zero();
    let mut answer = |ui: &mut Ui, (kind, text): (Kind, &str), width: f32, answer: Answer| {
        if parts::button(ui, look, (kind, text), width, ready(answer)) {
            presses.push(Press::Answer(asked.number, answer));
        }
    };
    let half = (width - 10.0) / 2.0;
    let wait = asked.wait(Answer::Allow, look.now);
    let allow = match (wait.is_zero(), asked.has_always()) {
        (true, true) => texts.say("ask-allow-once"),
        (true, false) => texts.say("ask-allow"),
        (false, _) => {
            texts.with("ask-allow-wait", &[("seconds", &whole_seconds(wait).to_string())])
        }
    };
    ui.allocate_ui_with_layout(
        vec2(width, 0.0),
        egui::Layout::left_to_right(egui::Align::Center),
        |ui| {
            ui.spacing_mut().item_spacing.x = 10.0;
            answer(ui, (Kind::Plain, &texts.say("ask-refuse")), half, Answer::Refuse);
            answer(ui, (Kind::Main, &allow), half, Answer::Allow);
        },
    );
    if asked.has_always() {
        let text = match asked.request {
            Request::Files(_) => "files-always",
            Request::Opening { .. } | Request::More { .. } => "more-always",
        };
        answer(ui, (Kind::Plain, &texts.say(text)), width, Answer::Always);
    }
    let visitor = &asked.visitor;
    answer(ui, (Kind::Alarm, &texts.say("ask-not-asked")), width, Answer::NotAsked);
    let arguments = [("organisation", &*visitor.organisation), ("name", &*visitor.name)];
    parts::aside(ui, look, &texts.with("ask-not-asked-what", &arguments));
    let left = clock(asked.left(look.now));
    parts::aside(ui, look, &texts.with("ask-time", &[("time", &left)]));
}
