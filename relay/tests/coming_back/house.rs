//! A relay in this process and two ends that speak signals by hand: they can say what no program
//! of ours would.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use deskside_link::Leg;
use deskside_link::leg::{LegError, Signals};
use deskside_link::random::System;
use deskside_protocol::identity::link::JoinLink;
use deskside_protocol::identity::token::EnrolmentToken;
use deskside_protocol::key::SigningKey;
use deskside_protocol::label::Label;
use deskside_protocol::policy::Policy;
use deskside_protocol::reattach::Claim;
use deskside_protocol::recording::{
    Binding, Closer, Kind as Block, Reader, Step, Verdict, Verifier,
};
use deskside_protocol::session::{End, Ends, SessionId};
use deskside_protocol::wire::record::{Event, Reason, event};
use deskside_protocol::wire::signal::{
    Challenge, CloseSignature, Closed, EndSession, Proof, Reattach, Session, Signal, signal::Kind,
};
use deskside_relay::limits::Phases;
use deskside_relay::node::Places;
use deskside_relay::serve::{self, Running, Settings};
use deskside_relay::{clock, policy};
use prost::Message as _;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::pairing::{Alice, pair, unpaired};

/// Everything here happens at once or not at all.
const SOON: Duration = Duration::from_secs(20);

pub(crate) fn key() -> SigningKey {
    SigningKey::generate(&mut System::new())
}

/// Waits for what has to happen.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, what).await.expect("it takes too long")
}

pub(crate) struct House {
    pub(crate) folder: TempDir,
    pub(crate) running: Option<Running>,
    stop: CancellationToken,
    pub(crate) join: JoinLink,
    /// Where the next start listens; any port at first.
    pub(crate) listen: SocketAddr,
    alice: Alice,
}

impl House {
    /// A relay with one technician, who is the auditor too.
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Policy)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let (running, stop) = start(&folder, listen).await;
        let token: EnrolmentToken = running.enroll.as_ref().unwrap().parse().ok().unwrap();
        let join = running.join.clone();
        let alice = Alice::enrolled(&join, &token).await;
        let node = &running.relay.node;
        let mut held = policy::current(node).await.unwrap();
        change(&mut held);
        policy::set(node, held, clock::seconds()).await.unwrap();
        Self { folder, running: Some(running), stop, join, listen, alice }
    }

    pub(crate) fn relay(&self) -> &Arc<deskside_relay::relay::Relay> {
        &self.running.as_ref().unwrap().relay
    }

    pub(crate) fn alice_key(&self) -> &SigningKey {
        &self.alice.0
    }

    /// The relay goes away without a word, as after SIGKILL, and another starts on its folder.
    pub(crate) async fn crash(&mut self) {
        self.kill();
        self.start().await;
    }

    /// As [`Self::crash`], without the start.
    pub(crate) fn kill(&mut self) {
        drop(self.running.take());
    }

    pub(crate) async fn start(&mut self) {
        let (running, stop) = start(&self.folder, self.listen).await;
        self.join = running.join.clone();
        (self.running, self.stop) = (Some(running), stop);
    }

    /// The relay ends in order.
    pub(crate) async fn end(&mut self) {
        self.stop.cancel();
        soon(self.running.take().unwrap().ended()).await.unwrap();
    }

    /// A session whose line is not sealed yet.
    pub(crate) async fn paired(&self) -> Ends<Seat> {
        pair(&self.join, &self.join, &self.alice).await
    }

    /// What both ends are told, by number, of a session that does not come about.
    pub(crate) async fn refused_pairing(&self) -> Ends<i32> {
        unpaired(&self.join, &self.alice).await
    }

    /// A session that lasts.
    pub(crate) async fn session(&self) -> Ends<Seat> {
        let mut ends = self.paired().await;
        ends.agent.seal(0).await;
        ends.technician.seal(0).await;
        ends
    }

    /// As [`Self::session`], with the technician's leg through `link`.
    pub(crate) async fn session_through(&self, link: &JoinLink) -> Ends<Seat> {
        let mut ends = pair(&self.join, link, &self.alice).await;
        ends.agent.seal(0).await;
        ends.technician.seal(0).await;
        ends
    }

    pub(crate) fn recording(&self, session: SessionId) -> std::path::PathBuf {
        self.folder.path().join(format!("relay/recordings/{session}.dsr"))
    }

    /// The kinds of events in a recording, in order, with whom they are about.
    pub(crate) fn events(&self, session: SessionId) -> Vec<(event::Kind, Option<End>)> {
        let bytes = std::fs::read(self.recording(session)).unwrap();
        let (mut reader, mut rest, mut events) = (Reader::new(), bytes.as_slice(), Vec::new());
        while let Step::Block(block) = reader.next(&mut rest).unwrap() {
            if block.header.kind == Block::Event {
                let event = Event::decode(block.body).unwrap();
                events.push((event.kind(), End::from_wire(event.end)));
            }
        }
        events
    }

    /// What an auditor finds who has no key.
    pub(crate) fn verdict(&self, session: SessionId) -> Verdict {
        let bytes = std::fs::read(self.recording(session)).unwrap();
        let mut verifier = Verifier::new(Some(self.join.organisation));
        let (mut reader, mut rest) = (Reader::new(), bytes.as_slice());
        while let Step::Block(block) = reader.next(&mut rest).unwrap() {
            verifier.feed(&block);
        }
        verifier.finish().verdict
    }

    /// A number of `/metrics`.
    pub(crate) fn number(&self, name: &str) -> f64 {
        let text = self.relay().metrics.render();
        let line = text.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
        line.split(' ').nth(1).unwrap().parse().unwrap()
    }
}

async fn start(folder: &TempDir, listen: SocketAddr) -> (Running, CancellationToken) {
    let settings = Settings {
        listen,
        http: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        admin: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        public: None,
        organisation: "Example Help".to_owned(),
        places: Places::under(folder.path().join("relay")),
        certificate: None,
        programs: None,
        unlimited: Vec::new(),
        phases: Phases::default(),
        sign_in: None,
    };
    let stop = CancellationToken::new();
    (serve::start(settings, stop.clone()).await.unwrap(), stop)
}

/// One end of a session, on its leg.
pub(crate) struct Seat {
    pub(crate) end: End,
    pub(crate) key: SigningKey,
    pub(crate) binding: Binding,
    pub(crate) leg: Leg,
    pub(crate) signals: Signals,
    pub(crate) given: Session,
}

impl Seat {
    pub(crate) fn token(&self) -> Bytes {
        self.given.reattach_token.clone()
    }

    pub(crate) fn session(&self) -> SessionId {
        self.binding.session
    }

    /// The next signal; checkpoints are skipped.
    pub(crate) async fn next(&mut self) -> Result<Kind, LegError> {
        loop {
            match soon(self.signals.receive()).await? {
                Kind::Checkpoint(_) => {}
                said => return Ok(said),
            }
        }
    }

    /// Says what means nothing: it is heard.
    pub(crate) async fn nudge(&mut self) {
        self.signals.sender.send(&Signal { kind: None }).await.unwrap();
    }

    /// Waits for the word that the other end is there or not.
    pub(crate) async fn peer(&mut self) -> bool {
        match self.next().await {
            Ok(Kind::Peer(peer)) => peer.present,
            said => panic!("{:?} heard {said:?}", self.end),
        }
    }

    pub(crate) async fn told_line(&mut self) -> Session {
        match self.next().await {
            Ok(Kind::Session(given)) => {
                self.given = given.clone();
                given
            }
            said => panic!("{:?} heard {said:?}", self.end),
        }
    }

    pub(crate) async fn say_seal(&mut self, line: u16, age: &'static [u8]) {
        let seal = self.binding.seal(&self.key, line, self.end, Bytes::from_static(age));
        self.signals.send(Kind::Seal(seal)).await.unwrap();
    }

    pub(crate) async fn seal(&mut self, line: u16) {
        self.say_seal(line, b"age").await;
        let said = self.next().await;
        assert!(matches!(said, Ok(Kind::Receipt(_))), "{:?} heard {said:?}", self.end);
    }

    /// Waits for the closing, signing what is proposed.
    pub(crate) async fn closed(&mut self) -> Closed {
        loop {
            match self.next().await {
                Ok(Kind::CloseProposal(proposal)) => {
                    let by = Closer::End(self.end);
                    let signature = self.binding.close(&self.key, by, &proposal.closing);
                    let signature = Bytes::copy_from_slice(&signature);
                    let signed = Kind::CloseSignature(CloseSignature { signature });
                    self.signals.send(signed).await.unwrap();
                }
                Ok(Kind::Closed(closed)) => return closed,
                Ok(Kind::Peer(_)) => {}
                said => panic!("{:?} heard {said:?}", self.end),
            }
        }
    }

    /// Dials the relay anew and asks to come back.
    pub(crate) async fn dial(&self, link: &JoinLink, fresh_line: bool) -> (Leg, Signals) {
        let leg = soon(Leg::dial(link, &key(), "test")).await.unwrap();
        let mut signals = leg.open().await.unwrap();
        signals.send(Kind::Reattach(Reattach { token: self.token(), fresh_line })).await.unwrap();
        (leg, signals)
    }

    /// The answer to a challenge on `leg`.
    pub(crate) fn prove(&self, leg: &Leg, challenge: &Challenge) -> Kind {
        let exporter = &leg.exporter().unwrap();
        let claim = Claim {
            session: self.session(),
            label: Label::from_bytes(&challenge.label).unwrap(),
            nonce: challenge.nonce.as_ref().try_into().unwrap(),
            exporter,
        };
        let signature = Bytes::copy_from_slice(&claim.sign(&self.key));
        Kind::Proof(Proof { signature })
    }

    /// Comes back on another leg; the former one is kept and given.
    pub(crate) async fn reattach(&mut self, link: &JoinLink, fresh_line: bool) -> (Leg, Signals) {
        let (leg, mut signals) = self.dial(link, fresh_line).await;
        let challenge = challenge(&mut signals).await;
        signals.send(self.prove(&leg, &challenge)).await.unwrap();
        let former =
            (std::mem::replace(&mut self.leg, leg), std::mem::replace(&mut self.signals, signals));
        self.told_line().await;
        former
    }

    pub(crate) async fn end(&mut self) -> Closed {
        self.end_for(Reason::Unspecified).await
    }

    pub(crate) async fn end_for(&mut self, reason: Reason) -> Closed {
        let end = EndSession { reason: reason as i32 };
        self.signals.send(Kind::EndSession(end)).await.unwrap();
        self.closed().await
    }
}

/// `one` ends the session, and both are told the same.
pub(crate) async fn ended(one: &mut Seat, other: &mut Seat) -> Closed {
    let (closed, told) = tokio::join!(one.end(), other.closed());
    assert_eq!(closed, told);
    closed
}

pub(crate) async fn challenge(signals: &mut Signals) -> Challenge {
    match soon(signals.receive()).await {
        Ok(Kind::Challenge(challenge)) => challenge,
        said => panic!("{said:?}"),
    }
}

/// What is refused, by its number.
pub(crate) async fn refusal(signals: &mut Signals) -> i32 {
    match soon(signals.receive()).await {
        Err(LegError::Refused(refused)) => refused.code,
        said => panic!("{said:?}"),
    }
}
