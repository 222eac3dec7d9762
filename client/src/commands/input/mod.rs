//! Mouse and keyboard of the user's computer, for scripts: what is to be done as one list of events,
//! and whether it was done.

mod keys;
mod monitor;
#[cfg(test)]
mod tests;

use deskside_protocol::exit::Exit;
use deskside_protocol::wire::message::{
    Button, Hand, Key, Masking, Message, StillHeld, Typed, Wheel, message::Kind,
};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};

use self::keys::combination;
pub use self::monitor::corner;
use super::{answer, out_of_order};
use crate::control::{MessageReader, MessageWriter};
use crate::failure::Failure;

/// Bytes of one text for the agent.
const PIECE: usize = 1_024;
/// Bytes of one text for this command: more is a file, and `deskside cp` copies it.
const MAX_TEXT: usize = 64 * 1024;
/// One notch of the wheel.
const NOTCH: f64 = 120.0;
/// Notches in one direction: what the agent takes of one message.
const MAX_NOTCHES: f64 = 100.0;
/// The buttons there are: left, middle, right, back, forward.
const BUTTONS: [u32; 5] = [1, 2, 3, 8, 9];

/// Something to be done: its events, and how it is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Act {
    events: Vec<Kind>,
    /// As `--json`.
    pub event: Value,
    /// For a person.
    pub text: String,
}

impl Act {
    /// Presses combinations of keys, one after the other.
    ///
    /// # Errors
    /// Exit 2: there is no such key.
    pub fn keys(combinations: &[String]) -> Result<Self, Failure> {
        let mut events = Vec::new();
        for text in combinations {
            let usages = combination(text)?;
            let key = |usage: &u32, down| Kind::Key(Key { usage: *usage, down });
            events.extend(usages.iter().map(|usage| key(usage, true)));
            events.extend(usages.iter().rev().map(|usage| key(usage, false)));
        }
        let event = json!({"event": "input", "did": "key", "keys": combinations});
        Ok(Self { events, event, text: format!("pressed {}", combinations.join(", ")) })
    }

    /// Types a text.
    ///
    /// # Errors
    /// Exit 2: nothing to type, or too much.
    pub fn text(text: &str) -> Result<Self, Failure> {
        if text.is_empty() || text.len() > MAX_TEXT {
            let why = format!(
                "give a text of 1 to {MAX_TEXT} bytes; deskside cp and deskside clipboard take more"
            );
            return Err(Failure::new(Exit::Usage, why));
        }
        if let Some(strange) = text.chars().find(|c| c.is_control() && !"\n\r\t".contains(*c)) {
            let why = format!("{strange:?} cannot be typed: see deskside input key --help");
            return Err(Failure::new(Exit::Usage, why));
        }
        let events = pieces(text).map(|text| Kind::Typed(Typed { text: text.to_owned() }));
        let count = text.chars().count();
        let characters = if count == 1 { "1 character" } else { &format!("{count} characters") };
        Ok(Self {
            events: events.collect(),
            event: json!({"event": "input", "did": "type", "characters": count}),
            text: format!("typed {characters}"),
        })
    }

    /// The same, kept out of the recording.
    #[must_use]
    pub fn masked(mut self) -> Self {
        let masking = |on| Kind::Masking(Masking { on });
        self.events.insert(0, masking(true));
        self.events.push(masking(false));
        self.event["masked"] = true.into();
        self
    }

    /// Clicks at a place of the desktop.
    ///
    /// # Errors
    /// Exit 2: there is no such button.
    pub fn click((x, y): (i32, i32), button: u32, double: bool) -> Result<Self, Failure> {
        if !BUTTONS.contains(&button) {
            let why = "the buttons are 1 left, 2 middle, 3 right, 8 back, 9 forward";
            return Err(Failure::new(Exit::Usage, why));
        }
        let press = |down| Kind::Button(Button { button, down, x, y });
        let times = if double { 2 } else { 1 };
        let events = (0..times).flat_map(|_| [press(true), press(false)]).collect();
        let event = json!({
            "event": "input", "did": "click", "x": x, "y": y, "button": button, "double": double,
        });
        let how = if double { "double-clicked" } else { "clicked" };
        Ok(Self { events, event, text: format!("{how} at {x}, {y}") })
    }

    /// Moves the pointer to a place of the desktop.
    #[must_use]
    pub fn point((x, y): (i32, i32)) -> Self {
        // A wheel that is not turned is a pointer that is moved: a datagram might be lost.
        let events = vec![Kind::Wheel(Wheel { x, y, ..Wheel::default() })];
        let event = json!({"event": "input", "did": "move", "x": x, "y": y});
        Self { events, event, text: format!("moved to {x}, {y}") }
    }

    /// Turns the wheel, in notches, at a place of the desktop or where the pointer is.
    ///
    /// # Errors
    /// Exit 2: more than a wheel turns.
    pub fn scroll(right: f64, down: f64, at: Option<(i32, i32)>) -> Result<Self, Failure> {
        let (x, y) = at.unwrap_or_default();
        let (Some(whole_right), Some(whole_down)) = (in_120ths(right), in_120ths(down)) else {
            let why = format!("give notches between -{MAX_NOTCHES} and {MAX_NOTCHES}");
            return Err(Failure::new(Exit::Usage, why));
        };
        let here = at.is_none();
        let wheel = Wheel { right: whole_right, down: whole_down, x, y, here };
        let event = json!({"event": "input", "did": "scroll", "right": right, "down": down});
        let text = format!("scrolled {right} to the right and {down} down");
        Ok(Self { events: vec![Kind::Wheel(wheel)], event, text })
    }
}

#[allow(clippy::cast_possible_truncation, reason = "12,000 at most")]
fn in_120ths(notches: f64) -> Option<i32> {
    (notches.abs() <= MAX_NOTCHES).then(|| (notches * NOTCH).round() as i32)
}

/// A text in pieces that end between characters.
fn pieces(mut text: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let (piece, rest) = text.split_at(text.floor_char_boundary(PIECE));
        text = rest;
        (!piece.is_empty()).then_some(piece)
    })
}

/// Does it, and waits until it was done.
///
/// # Errors
/// The agent's refusal, or a session that ended.
pub async fn input<R, W>(
    from: &mut MessageReader<R>,
    to: &mut MessageWriter<W>,
    act: &Act,
) -> anyhow::Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    // Asks for control: a person may take a minute to answer, and nothing is held down meanwhile.
    let asking = Kind::StillHeld(StillHeld {});
    to.send(&Message { kind: Some(asking) }).await?;
    let mut done = std::pin::pin!(done(from));
    let sending = async {
        for event in &act.events {
            to.send(&Message { kind: Some(event.clone()) }).await?;
        }
        to.close().await?;
        anyhow::Ok(())
    };
    tokio::select! {
        biased;
        // A refusal comes first where there is one, and says more than a broken pipe.
        done = &mut done => return done,
        sent = sending => sent?,
    }
    done.await
}

async fn first_hand<R: AsyncRead + Unpin>(from: &mut MessageReader<R>) -> anyhow::Result<Hand> {
    let mut first = answer(from).await?;
    while let Kind::Masking(_) = first {
        first = answer(from).await?;
    }
    if let Kind::Hand(hand) = first { Ok(hand) } else { Err(out_of_order()) }
}

/// The agent says whose hand it is when that changes, and once more when all was done.
async fn done<R: AsyncRead + Unpin>(from: &mut MessageReader<R>) -> anyhow::Result<()> {
    let mut last = first_hand(from).await?;
    while let Some(message) = from.recv().await? {
        match message.kind {
            Some(Kind::Hand(hand)) => last = hand,
            Some(Kind::Refusal(refusal)) => return Err(Failure::from(&refusal).into()),
            // The user wants it masked: the session has heard it.
            Some(Kind::Masking(_)) | None => {}
            Some(_) => return Err(out_of_order()),
        }
    }
    if last.user {
        let text = "the session ended while the user was using mouse and keyboard";
        return Err(Failure::new(Exit::EndedByPeer, text).into());
    }
    Ok(())
}
