//! The two ends of a session, with a line that carries a stream of numbered bytes.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use deskside_link::attend::{Attendance, Attendee, Given, News};
use deskside_link::line::{self, Listener, Plan};
use deskside_link::random::System;
use deskside_link::{Leg, Line};
use deskside_protocol::channel::Channel;
use deskside_protocol::identity::link::JoinLink;
use deskside_protocol::key::{PublicKey, SigningKey};
use deskside_protocol::recording::Binding;
use deskside_protocol::session::End;
use deskside_protocol::wire::message::Message;
use deskside_protocol::wire::signal::{Join, Open, signal::Kind};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::relay::Relay;
use crate::session::{Session, slot};

/// Nothing here takes as long, however slow the machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn keys() -> [SigningKey; 2] {
    std::array::from_fn(|_| SigningKey::generate(&mut System::new()))
}

/// One end.
pub(crate) struct Side {
    pub(crate) attendance: Attendance,
    pub(crate) given: Given,
    pub(crate) attendee: Attendee,
    peer: PublicKey,
}

pub(crate) struct Terms {
    pub(crate) relays: Vec<String>,
    pub(crate) grace: Duration,
}

impl Default for Terms {
    fn default() -> Self {
        Self { relays: Vec::new(), grace: Duration::from_secs(300) }
    }
}

impl Side {
    /// An end whose session has just begun.
    pub(crate) async fn begin(
        session: &Session,
        relay: &Relay,
        keys: &[SigningKey; 2],
        end: End,
        terms: &Terms,
    ) -> Self {
        let link = JoinLink {
            host: relay.address.ip().to_string(),
            port: relay.address.port(),
            organisation: session.node.public(),
            node: session.node.public(),
            webpki: false,
        };
        let leg_key = SigningKey::generate(&mut System::new());
        let leg = Leg::dial(&link, &leg_key, "test").await.unwrap();
        let mut signals = leg.open().await.unwrap();
        let first = match end {
            End::Agent => Kind::Open(Open {}),
            End::Technician => Kind::Join(Join::default()),
        };
        signals.send(first).await.unwrap();
        let Kind::Session(begins) = signals.receive().await.unwrap() else { panic!("no session") };
        let given = Given::read(&begins).unwrap();
        let attendee = Attendee {
            end,
            session_key: keys[slot(end)].clone(),
            binding: Binding { session: session.id, transcript: [1; 32] },
            node: session.node.public(),
            token: given.token,
            leg_key,
            link,
            relays: terms.relays.clone(),
            grace: terms.grace,
            software: "test".to_owned(),
        };
        let peer = keys[1 - slot(end)].public();
        let attendance = Attendance::start(leg, signals, attendee.clone(), given);
        Self { attendance, given, attendee, peer }
    }

    /// As a program that was restarted.
    pub(crate) async fn resume(attendee: Attendee, peer: PublicKey) -> Self {
        let (attendance, given) = Attendance::resume(attendee.clone(), true).await.unwrap();
        Self { attendance, given, attendee, peer }
    }

    fn plan(&self) -> Plan<'_> {
        Plan {
            own: self.given.own,
            peer: self.given.peer,
            key: &self.attendee.session_key,
            peer_key: self.peer,
        }
    }

    pub(crate) async fn seal(&self) {
        self.attendance.seal(self.given.line, b"age".to_vec()).await.unwrap();
    }

    /// The next news that are `wanted`; what else comes is not.
    pub(crate) async fn until(&mut self, wanted: impl Fn(&News) -> bool) -> News {
        let wait = async {
            loop {
                let news = self.attendance.news().await;
                if wanted(&news) {
                    return news;
                }
                assert!(!matches!(news, News::Closed(_)), "{news:?}");
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap()
    }
}

/// The line between two ends, both of which have sealed it.
pub(crate) async fn line(agent: &Side, technician: &Side) -> (Arc<Line>, Arc<Line>) {
    let lines = technician.attendance.lines();
    let listener = Listener::bind(&agent.attendance.lines(), agent.given.own).unwrap();
    let (theirs, ours) = (agent.plan(), technician.plan());
    let (accepted, dialled) = tokio::join!(listener.accept(&theirs), line::dial(&lines, &ours));
    tokio::join!(agent.seal(), technician.seal());
    (Arc::new(accepted.unwrap()), Arc::new(dialled.unwrap()))
}

/// Frames of a stream, each with its number in it.
const FRAME: usize = 40_000;

fn frame(number: u32) -> Bytes {
    let mut bytes = vec![number.to_le_bytes()[0]; FRAME];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    bytes.into()
}

/// A stream that flows until it is told to stop, and says how far it is.
pub(crate) struct Flow {
    stop: watch::Sender<bool>,
    arrived: watch::Receiver<u32>,
    sender: JoinHandle<u32>,
    receiver: JoinHandle<u32>,
}

impl Flow {
    /// From the technician's line to the agent's.
    pub(crate) fn start(from: &Arc<Line>, to: &Arc<Line>) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (arrive, arrived) = watch::channel(0);
        let (from, to) = (from.clone(), to.clone());
        let sender = tokio::spawn(async move {
            let mut stream = from.open::<Message, Message>(Channel::File).await.unwrap();
            let mut number = 0;
            while !*stopped.borrow() {
                stream.sender.send_body(frame(number)).await.unwrap();
                number += 1;
            }
            stream.sender.finish();
            stream.sender.delivered().await.unwrap();
            number
        });
        let receiver = tokio::spawn(async move {
            let unopened = to.accept().await.unwrap();
            let mut stream = unopened.opened::<Message, Message>().await.unwrap();
            let mut number = 0;
            while let Some(body) = stream.receiver.receive_body().await.unwrap() {
                assert_eq!(body, frame(number));
                number += 1;
                arrive.send_replace(number);
            }
            number
        });
        Self { stop, arrived, sender, receiver }
    }

    /// Waits until more of it arrived than has by now.
    pub(crate) async fn flows(&mut self) {
        let now = *self.arrived.borrow_and_update();
        let more = self.arrived.wait_for(|arrived| *arrived > now + 2);
        tokio::time::timeout(PATIENCE, more).await.unwrap().unwrap();
    }

    /// Ends it, and checks that everything arrived.
    pub(crate) async fn whole(self) {
        self.stop.send_replace(true);
        let both = async { (self.sender.await.unwrap(), self.receiver.await.unwrap()) };
        let (sent, received) = tokio::time::timeout(PATIENCE, both).await.unwrap();
        assert_eq!(sent, received);
    }
}
