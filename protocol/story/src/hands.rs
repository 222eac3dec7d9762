//! Mouse, keyboard and laser, summed up: one happening for what was done without a rest.

use deskside_protocol::session::End;
use deskside_protocol::wire::message::message::Kind;
use deskside_protocol::wire::message::pointer_at::Use;
use deskside_protocol::wire::message::{Button, PointerAt, Wheel};

use crate::happening::{Act, Input, What};
use crate::keys::is_modifier;

/// A rest: what comes later is another happening. In microseconds.
const REST_US: u64 = 2_000_000;
/// Acts of one happening at the most: some twenty lines of typing.
const MAX_ACTS: usize = 1_024;
/// Bytes of the texts in it: 64 messages of 1,024 bytes.
const MAX_TEXT: usize = 64 * 1_024;
/// Keys that are held down at once: more than two hands have fingers.
const MAX_HELD: usize = 16;
/// Pixels that a hand trembles while it clicks.
const STILL: u32 = 4;

/// What is being summed up: where and when it began.
#[derive(Debug, Default)]
pub(crate) struct Hands {
    input: Option<(u16, u64, Input)>,
    text: usize,
    /// Modifiers that are down, in the order in which they went down.
    held: Vec<u32>,
    /// A modifier that went down last, and nothing with it yet.
    alone: Option<u32>,
    laser: Option<(u16, u64, What)>,
}

/// A sum, where and when it began.
pub(crate) type Sum = (u16, u64, What);

impl Hands {
    /// Takes what the technician did. Gives what is complete by that.
    pub(crate) fn take(&mut self, line: u16, time_us: u64, kind: &Kind) -> Vec<Sum> {
        let mut told = self.rested(time_us);
        if let Kind::PointerAt(at) = kind {
            told.extend(self.pointed(line, time_us, at));
            return told;
        }
        let act = self.act(kind);
        let Some(act) = act else {
            if let Some((_, _, input)) = &mut self.input {
                input.until_us = time_us;
            }
            return told;
        };
        let length = if let Act::Text(text) = &act { text.len() } else { 0 };
        let full = |input: &Input| input.acts.len() >= MAX_ACTS;
        if self.input.as_ref().is_some_and(|(on, _, input)| *on != line || full(input))
            || self.text + length > MAX_TEXT
        {
            told.extend(self.input());
        }
        self.text += length;
        let (_, _, input) = self.input.get_or_insert_with(|| (line, time_us, Input::default()));
        input.until_us = time_us;
        input.acts.push(act);
        told
    }

    /// What ended because nothing followed in time.
    pub(crate) fn rested(&mut self, now_us: u64) -> Vec<Sum> {
        let over = |until_us: u64| now_us.saturating_sub(until_us) > REST_US;
        let mut told = Vec::new();
        if self.input.as_ref().is_some_and(|(_, _, input)| over(input.until_us)) {
            told.extend(self.input());
        }
        if let Some((_, _, What::Pointed { until_us, .. })) = &self.laser
            && over(*until_us)
        {
            told.extend(self.laser.take());
        }
        told
    }

    /// All that was begun.
    pub(crate) fn finish(&mut self) -> Vec<Sum> {
        self.held.clear();
        self.input().into_iter().chain(self.laser.take()).collect()
    }

    fn input(&mut self) -> Option<Sum> {
        self.text = 0;
        self.input.take().map(|(line, time_us, input)| (line, time_us, What::Input(input)))
    }

    fn pointed(&mut self, line: u16, time_us: u64, at: &PointerAt) -> Option<Sum> {
        match Use::try_from(at.r#use) {
            Ok(Use::Show) => {
                let (began, _) = match &self.laser {
                    Some((on, began, _)) if *on == line => (*began, ()),
                    Some(_) | None => (time_us, ()),
                };
                let what = What::Pointed { until_us: time_us, x: at.x, y: at.y };
                let before = self.laser.replace((line, began, what));
                before.filter(|(on, _, _)| *on != line)
            }
            Ok(Use::Hide) => self.laser.take(),
            Ok(Use::Move | Use::Unspecified) | Err(_) => None,
        }
    }

    fn act(&mut self, kind: &Kind) -> Option<Act> {
        if let Kind::Typed(typed) = kind {
            Some(Act::Text(typed.text.clone()))
        } else if let Kind::Key(key) = kind {
            self.key(key.usage, key.down)
        } else if let Kind::Button(button) = kind {
            self.button(button)
        } else if let Kind::Wheel(Wheel { right, down, .. }) = kind {
            self.wheel(*right, *down)
        } else {
            None
        }
    }

    fn key(&mut self, usage: u32, down: bool) -> Option<Act> {
        if !is_modifier(usage) {
            self.alone = None;
            return down.then(|| Act::Key { usage, held: self.held.clone() });
        }
        if down {
            if !self.held.contains(&usage) && self.held.len() < MAX_HELD {
                self.held.push(usage);
                self.alone = Some(usage);
            }
            return None;
        }
        self.held.retain(|held| *held != usage);
        let alone = self.alone.take_if(|alone| *alone == usage);
        alone.map(|usage| Act::Key { usage, held: self.held.clone() })
    }

    fn button(&mut self, told: &Button) -> Option<Act> {
        let Button { button, down, x, y } = *told;
        self.alone = None;
        if down {
            return Some(Act::Click { button, x, y, to: None });
        }
        let (_, _, input) = self.input.as_mut()?;
        let pressed = input.acts.iter_mut().rev().find_map(|act| match act {
            Act::Click { button: pressed, x, y, to } if *pressed == button => Some((*x, *y, to)),
            Act::Text(_) | Act::Key { .. } | Act::Click { .. } | Act::Wheel { .. } => None,
        });
        if let Some((from_x, from_y, to)) = pressed
            && from_x.abs_diff(x).max(from_y.abs_diff(y)) > STILL
        {
            *to = Some((x, y));
        }
        None
    }

    /// Turns that follow each other are one.
    fn wheel(&mut self, right: i32, down: i32) -> Option<Act> {
        if let Some((_, _, input)) = &mut self.input
            && let Some(Act::Wheel { right: r, down: d }) = input.acts.last_mut()
        {
            (*r, *d) = (r.saturating_add(right), d.saturating_add(down));
            return None;
        }
        (right != 0 || down != 0).then_some(Act::Wheel { right, down })
    }
}

/// Whose hands these are: nobody else's are on the line.
pub(crate) const WHOSE: End = End::Technician;
