//! What is drawn over the picture, from what the model and the desk know. Nothing is decided in here:
//! what the technician does comes back as [`Press`]es.

mod cards;
mod panel;
mod parts;

use std::time::Instant;

use deskside_paint::theme::{DARK, Palette};
use egui::{Context, Rect};

use super::model::{Action, Desk, HostKey, Model, Order};

/// What the technician did in what is drawn here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Press {
    /// A command.
    Act(Action),
    /// Something for the session.
    Order(Order),
    /// The card's question.
    Answer(bool),
}

/// What is typed and not sent yet.
#[derive(Debug, Clone, Default)]
pub struct Fields {
    say: String,
}

/// What is drawn from.
#[derive(Debug)]
pub struct Scene<'a> {
    /// What the session knows.
    pub model: &'a Model,
    /// What the window knows.
    pub desk: &'a Desk,
    /// Which key is the host key.
    pub host: HostKey,
    /// The time.
    pub now: Instant,
}

/// What was drawn.
#[derive(Debug, Default)]
pub struct Drawn {
    /// What the technician did.
    pub presses: Vec<Press>,
    /// Where the mouse is the overlay's, in points.
    pub taken: Vec<Rect>,
}

/// Whether anything is to be drawn.
#[must_use]
pub fn is_open(scene: &Scene<'_>) -> bool {
    let Scene { model, desk, now, .. } = scene;
    desk.panel
        || desk.card.is_some()
        || !model.is_live()
        || model.notice(*now).is_some()
        || cards::steady(scene).is_some()
}

/// Draws all of it.
pub fn draw(context: &Context, scene: &Scene<'_>, fields: &mut Fields) -> Drawn {
    let mut drawn = Drawn::default();
    cards::hints(context, scene);
    if scene.desk.panel {
        panel::show(context, scene, fields, &mut drawn);
    }
    match scene.desk.card {
        Some(card) => cards::show(context, scene, card, &mut drawn),
        None => cards::stale(context, scene, &mut drawn),
    }
    drawn
}

/// Over a stranger's picture it is always night: bright ground would outshine it.
const PALETTE: &Palette = &DARK;
