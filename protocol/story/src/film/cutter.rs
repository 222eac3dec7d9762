//! Cuts the coded parts of the live screen out of the track of entries.

use std::collections::BTreeMap;

use deskside_decode::{Entry, Item};
use deskside_protocol::channel::Channel;
use deskside_protocol::session::End;
use deskside_protocol::wire::message::message::Kind;
use deskside_protocol::wire::message::pointer_at::Use;
use deskside_screen::{Announced, PieceAnnounced};

use super::{Take, Told};
use crate::watch::{Standing, Step};

/// Pieces that come at once: QUIC lets an agent have 100 streams open.
const MAX_PIECES: usize = 256;

/// Cuts.
#[derive(Debug, Default)]
pub struct Cutter {
    /// The stream on which the screen is watched.
    watch: Standing,
    frame: Option<Announced>,
    /// Pieces of which not all has come, by line and stream, with their frame.
    pieces: BTreeMap<(u16, u64), (u64, PieceAnnounced)>,
}

impl Cutter {
    /// Before the first entry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next entry, and gives what it makes whole.
    pub fn feed(&mut self, entry: &Entry, mut out: impl FnMut(Take)) {
        let time_us = entry.time_us;
        let mut out = |told| out(Take { time_us, told });
        let on = entry.stream.map(|stream| (entry.line, stream));
        let watches = self.watch.is_on(entry.line, entry.stream);
        match self.watch.feed(entry) {
            Some(Step::Began) => {
                self.frame = None;
                out(Told::Began);
            }
            Some(Step::Wishes { hidden }) => out(Told::Hidden(hidden)),
            Some(Step::Ended) => {
                self.frame = None;
                out(Told::Ended);
            }
            Some(Step::Second | Step::Asks) | None => {}
        }
        match &entry.item {
            Item::Message(message) => {
                if let Some(kind) = &message.kind {
                    self.message(entry, watches, kind, &mut out);
                }
            }
            Item::Raw { bytes, .. } if entry.from == End::Agent => {
                self.raw(on, watches, bytes, &mut out);
            }
            Item::Finished if entry.from == End::Agent => self.finished(on, &mut out),
            Item::Reset { .. } | Item::Unreadable(_) if entry.from == End::Agent => {
                self.broken(on, &mut out);
            }
            // As for the watch: another line has taken the place of all before.
            Item::LineOpened(_) => self.pieces.clear(),
            Item::LineClosed(_) => self.pieces.retain(|(line, _), _| *line != entry.line),
            Item::Opened
            | Item::Relay(_)
            | Item::Raw { .. }
            | Item::Masked { .. }
            | Item::Stopped { .. }
            | Item::Finished
            | Item::Reset { .. }
            | Item::Unreadable(_) => {}
        }
    }

    fn message(&mut self, entry: &Entry, watches: bool, kind: &Kind, out: &mut impl FnMut(Told)) {
        let (on, channel) = (entry.stream.map(|stream| (entry.line, stream)), entry.channel);
        match (entry.from, kind) {
            // As the agent hears it: said on a stream it shows nothing.
            (End::Technician, Kind::PointerAt(at)) if channel == Some(Channel::Pointer) => {
                match Use::try_from(at.r#use) {
                    Ok(Use::Show) => out(Told::Laser(Some((at.x, at.y)))),
                    Ok(Use::Hide) => out(Told::Laser(None)),
                    Ok(Use::Move | Use::Unspecified) | Err(_) => {}
                }
            }
            (End::Agent, Kind::ScreenPiece(told)) if channel == Some(Channel::Screen) => {
                self.piece(on, told, out);
            }
            (End::Agent, Kind::CursorPlace(place)) if on.is_none() || watches => {
                out(Told::Place { number: place.number, x: place.x, y: place.y });
            }
            (End::Agent, kind) if watches => self.watched(kind, out),
            _ => {}
        }
    }

    /// A message of the agent's on the stream that is watched.
    fn watched(&mut self, kind: &Kind, out: &mut impl FnMut(Told)) {
        match ((), kind) {
            ((), Kind::Watching(told)) => out(Told::Watching(told.clone())),
            ((), Kind::ScreenFrame(told)) => {
                self.frame = Announced::new(told).ok();
                self.whole(out);
            }
            ((), Kind::CursorShape(told)) => out(Told::Shape(told.clone())),
            _ => {}
        }
    }

    fn piece(
        &mut self,
        on: Option<(u16, u64)>,
        told: &deskside_protocol::wire::message::ScreenPiece,
        out: &mut impl FnMut(Told),
    ) {
        let Some(on) = on else { return };
        match PieceAnnounced::new(told) {
            Ok(piece) if self.pieces.len() < MAX_PIECES => {
                self.pieces.insert(on, (told.frame, piece));
            }
            Ok(_) | Err(_) => out(Told::Lost(told.frame)),
        }
    }

    fn raw(
        &mut self,
        on: Option<(u16, u64)>,
        watches: bool,
        bytes: &[u8],
        out: &mut impl FnMut(Told),
    ) {
        let Some(on) = on else { return };
        if watches {
            if let Some(frame) = &mut self.frame
                && frame.push(bytes).is_err()
            {
                self.frame = None;
            }
            self.whole(out);
        } else if let Some((frame, piece)) = self.pieces.get_mut(&on)
            && piece.push(bytes).is_err()
        {
            let frame = *frame;
            self.pieces.remove(&on);
            out(Told::Lost(frame));
        }
    }

    fn whole(&mut self, out: &mut impl FnMut(Told)) {
        if let Some(frame) = self.frame.take_if(|frame| frame.is_whole()) {
            out(Told::Frame(frame.into_frame()));
        }
    }

    fn finished(&mut self, on: Option<(u16, u64)>, out: &mut impl FnMut(Told)) {
        let Some(on) = on else { return };
        if let Some((_, piece)) = self.pieces.remove(&on) {
            out(Told::Piece(piece.into_piece()));
        }
    }

    fn broken(&mut self, on: Option<(u16, u64)>, out: &mut impl FnMut(Told)) {
        let Some(on) = on else { return };
        if let Some((frame, _)) = self.pieces.remove(&on) {
            out(Told::Lost(frame));
        }
    }
}
