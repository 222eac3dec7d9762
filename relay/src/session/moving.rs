//! Ends that come back on another leg, and ends whose leg has another address. Both have proved
//! themselves before a packet goes to the new place.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use deskside_link::random::System;
use deskside_protocol::label::Label;
use deskside_protocol::random;
use deskside_protocol::reattach::{Claim, NONCE};
use deskside_protocol::session::{End, Ends};
use deskside_protocol::wire::record::Reason;
use deskside_protocol::wire::signal::{
    Challenge, Peer, Proof, Session as Given, Unrecorded, signal::Kind,
};
use tokio::time::Instant;

use super::line::{Beginning, Current, labels};
use super::live::Live;
use super::terms::{BOTH, Session, without};
use crate::chain;
use crate::sessions::{Door, Visit};
use crate::talk::{Gone, Talk};

/// An end has this long to answer from a new address. Then it is asked again.
const PROVING: Duration = Duration::from_secs(10);

/// What an end has to sign, once.
#[derive(Debug)]
struct Question {
    nonce: [u8; NONCE],
    label: Label,
}

impl Question {
    fn new(label: Label) -> Self {
        Self { nonce: random::bytes(&mut System::new()), label }
    }

    fn signal(&self) -> Kind {
        Kind::Challenge(Challenge {
            nonce: Bytes::copy_from_slice(&self.nonce),
            label: Bytes::copy_from_slice(self.label.as_bytes()),
        })
    }

    /// Whether `proof` answers it, as `end` of the session behind `door`, on the leg of `talk`.
    fn is_answered(&self, door: &Door, end: End, talk: &Talk, proof: &Proof) -> bool {
        let Some(exporter) = talk.exporter() else { return false };
        let Self { nonce, label } = self;
        let claim = Claim { session: door.session(), label: *label, nonce, exporter: &exporter };
        claim.verify(&door.key(end), &proof.signature).is_ok()
    }
}

/// Has an end that wants to come back prove itself, before its session hears of it.
pub(super) async fn prove(door: &Door, end: End, talk: &mut Talk) -> Result<(), Gone> {
    let question = Question::new(door.label(end));
    talk.say(question.signal()).await?;
    let Kind::Proof(proof) = talk.answer().await? else { return Err(Gone::Unexpected) };
    if question.is_answered(door, end, talk, &proof) { Ok(()) } else { Err(Gone::Unproven) }
}

/// An end that was asked whether it has moved.
#[derive(Debug)]
pub(super) struct Probe {
    question: Question,
    address: SocketAddr,
    until: Instant,
}

impl Live {
    /// Asks every end whose leg has another address than packets go to.
    pub(super) async fn look(&mut self) {
        for end in BOTH {
            let Some(talk) = self.talks.of(end) else { continue };
            let address = talk.caller.connection.remote_address();
            let probe = self.probes.of_mut(end);
            if self.line.address(end) == Some(address) {
                *probe = None;
                continue;
            }
            let now = Instant::now();
            if probe.as_ref().is_some_and(|probe| probe.address == address && now < probe.until) {
                continue;
            }
            let question = Question::new(self.line.label(end));
            let signal = question.signal();
            *probe = Some(Probe { question, address, until: now + PROVING });
            self.say(end, signal).await;
        }
    }

    /// An end answered. Only an answer in time, to the last question, while the leg's address is
    /// still the one that was asked about, moves anything.
    pub(super) async fn proved(&mut self, end: End, proof: &Proof) -> Result<(), Reason> {
        let (Some(probe), Some(talk)) = (self.probes.of_mut(end).take(), self.talks.of(end)) else {
            return Ok(());
        };
        if !probe.question.is_answered(self.session.place.door(), end, talk, proof) {
            tracing::warn!(session = %self.session.id(), %end, "an end did not prove its new address");
            return Ok(());
        }
        let address = talk.caller.connection.remote_address();
        if address != probe.address || probe.until <= Instant::now() {
            self.look().await;
            return Ok(());
        }
        self.line.place(end, Some(address));
        self.say_presence_to_both().await;
        tracing::debug!(session = %self.session.id(), %end, "an end has moved");
        self.record_moved(end).await
    }

    /// An end came back and has proved itself. Its former leg, where there is one, is let go.
    pub(super) async fn visit(&mut self, end: End, visit: Visit) -> Result<(), Reason> {
        let Visit { talk, fresh_line } = visit;
        if end == End::Technician {
            let Session { service, stay, .. } = &self.session;
            service.standing.came_back(stay, &talk.caller.connection);
        }
        let address = talk.caller.connection.remote_address();
        *self.talks.of_mut(end) = Some(talk);
        *self.probes.of_mut(end) = None;
        self.line.place(end, Some(address));
        let back = self.arrived(end);
        self.session.service.relay.metrics.returned();
        // A line that this end was never told of is as good as a fresh one.
        if fresh_line && self.line.is_told(end) {
            self.begin_fresh_line(end).await?;
        } else {
            self.tell_line(end).await;
        }
        if back.both {
            self.say_presence_to_both().await;
        } else {
            self.say_presence(end).await;
        }
        tracing::debug!(session = %self.session.id(), %end, ?back, "an end came back");
        match back.away {
            Some(away) => self.record_back(end, away).await,
            None => self.record_moved(end).await,
        }
    }

    /// Another line in place of the one of the moment, since `end` cannot go on with that. Whoever
    /// is there is told.
    pub(super) async fn begin_fresh_line(&mut self, end: End) -> Result<(), Reason> {
        let number = self.line.next_number().ok_or_else(|| without(end))?;
        let addresses = Ends {
            agent: self.line.address(End::Agent),
            technician: self.line.address(End::Technician),
        };
        let recording = self.recording().cloned();
        let bytes_per_second = self.session.bounds.bytes_per_second;
        let labels = labels();
        let beginning = Beginning { number, labels, addresses, recording, bytes_per_second };
        let node = &self.session.service.relay.node;
        let written = node.store().add_line(self.session.id().as_bytes(), beginning.row()).await;
        if let Err(error) = written {
            tracing::error!(session = %self.session.id(), error = chain(&error), "a line cannot be written down");
            return Err(Reason::RelayStopped);
        }
        self.session.place.door().relabel(beginning.labels);
        self.line = Current::begin(&self.session.service.switch, beginning);
        self.seal_afresh();
        for end in BOTH {
            // A question about the former label is void.
            *self.probes.of_mut(end) = None;
            self.tell_line(end).await;
        }
        Ok(())
    }

    /// Tells an end of the line of the moment, where it is there.
    pub(super) async fn tell_line(&mut self, end: End) {
        if self.talks.of(end).is_none() {
            return;
        }
        let label = |end| Bytes::copy_from_slice(self.line.label(end).as_bytes());
        let given = Given {
            session: Bytes::copy_from_slice(self.session.id().as_bytes()),
            own_label: label(end),
            peer_label: label(end.other()),
            reattach_token: Bytes::copy_from_slice(self.session.place.token(end)),
            recorded: self.recorded,
            line: u32::from(self.line.number()),
        };
        self.line.tell(end);
        self.say(end, Kind::Session(given)).await;
        if self.went_unrecorded {
            self.say_unrecorded(end).await;
        }
        self.tell_policy(end).await;
        self.tell_files_line(end).await;
    }

    /// Says that nothing is recorded from here on.
    pub(super) async fn say_unrecorded(&mut self, end: End) {
        self.say(end, Kind::Unrecorded(Unrecorded {})).await;
    }

    /// Says to an end whether the other is there: where both are, each sends at once.
    pub(super) async fn say_presence(&mut self, end: End) {
        let present = self.presence.both();
        self.say(end, Kind::Peer(Peer { present })).await;
    }

    async fn say_presence_to_both(&mut self) {
        for end in BOTH {
            self.say_presence(end).await;
        }
    }
}
