//! A relay for one session, which may be killed and started again: what it would keep in a database
//! is a [`Session`], all else ends with it. There is no pairing: who opens or joins is an end.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use deskside_link::stream::{Receiver, Sender};
use deskside_link::tls::{self, KeyVerifier};
use deskside_link::{cid, transport};
use deskside_protocol::frame::MAX_SIGNAL;
use deskside_protocol::key::Context;
use deskside_protocol::reattach::{Claim, EXPORTER_LABEL};
use deskside_protocol::session::End;
use deskside_protocol::signed;
use deskside_protocol::transcript::sha256;
use deskside_protocol::wire::record::{Receipt, Seal};
use deskside_protocol::wire::signal::{
    Challenge, Closed, Peer, Refused, Signal, Unrecorded, Welcome, refused::Code, signal::Kind,
};
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Connection, Endpoint};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use zeroize::Zeroizing;

use crate::session::{Lie, Line, Seals, Session, labels, slot, token};
use crate::switch::{Switch, Switched};

/// One process, so to speak.
pub(crate) struct Relay {
    pub(crate) switch: Arc<Switch>,
    pub(crate) address: SocketAddr,
    _task: JoinSet<()>,
}

type Heard = (u64, mpsc::UnboundedSender<Kind>);
type Check = Box<dyn Fn(&[u8]) -> bool + Send>;

struct Desk {
    session: Arc<Session>,
    switch: Arc<Switch>,
    /// Where each end hears signals, by a number that counts its legs.
    ends: Mutex<[Option<Heard>; 2]>,
    addresses: Mutex<[Option<SocketAddr>; 2]>,
    legs: Mutex<u64>,
}

impl Relay {
    pub(crate) fn start(session: &Arc<Session>, address: SocketAddr) -> Self {
        let switch = Switch::bind(address);
        let tls = tls::accepting(KeyVerifier::any(), &session.node, tls::LEG_ALPN).unwrap();
        let crypto = QuicServerConfig::try_from(tls).unwrap();
        let mut server = quinn::ServerConfig::with_crypto(Arc::new(crypto));
        server.transport_config(transport::leg_at_relay());
        let endpoint = Endpoint::new_with_abstract_socket(
            cid::leg_endpoint(Some(&session.node)),
            Some(server),
            Arc::new(Switched(switch.clone())),
            Arc::new(quinn::TokioRuntime),
        )
        .unwrap();
        let address = endpoint.local_addr().unwrap();
        let desk = Arc::new(Desk {
            session: session.clone(),
            switch: switch.clone(),
            ends: Mutex::default(),
            addresses: Mutex::default(),
            legs: Mutex::default(),
        });
        let mut task = JoinSet::new();
        task.spawn(accept(endpoint, desk));
        Self { switch, address, _task: task }
    }

    /// As by SIGKILL: nobody is told anything.
    pub(crate) fn kill(self) -> SocketAddr {
        self.switch.kill();
        self.address
    }

    pub(crate) fn set_silent(&self, silent: bool) {
        self.switch.silent.store(silent, Ordering::Relaxed);
    }
}

async fn accept(endpoint: Endpoint, desk: Arc<Desk>) {
    let mut legs = JoinSet::new();
    while let Some(incoming) = endpoint.accept().await {
        let desk = desk.clone();
        legs.spawn(async move {
            let Ok(connection) = incoming.await else { return };
            while let Ok((send, receive)) = connection.accept_bi().await {
                let stream = Stream {
                    desk: desk.clone(),
                    connection: connection.clone(),
                    sender: Sender::new(send, MAX_SIGNAL),
                    receiver: Receiver::new(receive, MAX_SIGNAL),
                };
                // Whatever breaks off a stream is a leg that went, and the end comes back.
                stream.serve().await;
            }
        });
    }
}

struct Stream {
    desk: Arc<Desk>,
    connection: Connection,
    sender: Sender<Signal>,
    receiver: Receiver<Signal>,
}

impl Stream {
    async fn serve(mut self) -> Option<()> {
        let Kind::Hello(_) = self.hear().await? else { return None };
        self.say(Kind::Welcome(Welcome { version: 1, ..Welcome::default() })).await?;
        let (end, back) = match self.hear().await? {
            Kind::Open(_) => (End::Agent, false),
            Kind::Join(_) => (End::Technician, false),
            Kind::Reattach(wish) => {
                let end =
                    [End::Agent, End::Technician].into_iter().find(|e| wish.token == token(*e)[..]);
                let lie = *self.desk.session.lie.lock().unwrap();
                if lie == Lie::Gone {
                    self.say(Kind::Refused(Refused {
                        code: Code::NotFound.into(),
                        text: String::new(),
                    }))
                    .await?;
                    return None;
                }
                if lie == Lie::Ended {
                    return self.say(Kind::Closed(Closed { reason: 4, ..Closed::default() })).await;
                }
                self.prove(end?).await?;
                if wish.fresh_line {
                    let mut line = self.desk.session.line.lock().unwrap();
                    *line = Line { number: line.number + 1, labels: labels() };
                }
                (end?, true)
            }
            _ => return None,
        };
        self.attend(end, back).await
    }

    async fn hear(&mut self) -> Option<Kind> {
        loop {
            if let Some(kind) = self.receiver.receive().await.ok()??.kind {
                return Some(kind);
            }
        }
    }

    async fn say(&mut self, kind: Kind) -> Option<()> {
        self.sender.send(&Signal { kind: Some(kind) }).await.ok()
    }

    async fn prove(&mut self, end: End) -> Option<()> {
        let (challenge, check) = self.challenge(end);
        self.say(challenge).await?;
        let Kind::Proof(proof) = self.hear().await? else { return None };
        check(&proof.signature).then_some(())
    }

    fn challenge(&self, end: End) -> (Kind, impl Fn(&[u8]) -> bool + Send + use<>) {
        let session = self.desk.session.clone();
        let label = session.line.lock().unwrap().labels[slot(end)];
        let nonce = [7; 32];
        let mut exporter = Zeroizing::new([0; 32]);
        self.connection.export_keying_material(exporter.as_mut(), EXPORTER_LABEL, b"").unwrap();
        let kind = Kind::Challenge(Challenge {
            nonce: Bytes::copy_from_slice(&nonce),
            label: Bytes::copy_from_slice(label.as_bytes()),
        });
        let check = move |signature: &[u8]| {
            let claim = Claim { session: session.id, label, nonce: &nonce, exporter: &exporter };
            claim.verify(&session.keys[slot(end)], signature).is_ok()
        };
        (kind, check)
    }

    async fn attend(mut self, end: End, back: bool) -> Option<()> {
        let (outbox, mut inbox) = mpsc::unbounded_channel();
        let number = self.desk.register(end, outbox.clone(), back);
        let mut address = self.connection.remote_address();
        self.desk.route(end, address);
        self.say(self.desk.session.begins(end, back)).await?;
        if back {
            self.desk.tell_presence();
        }
        let mut asked: Option<Check> = None;
        loop {
            let said = tokio::select! {
                said = self.receiver.receive() => said.ok().flatten(),
                kind = inbox.recv() => {
                    if self.say(kind?).await.is_none() {
                        break;
                    }
                    continue;
                }
            };
            let Some(signal) = said else { break };
            if self.connection.remote_address() != address && asked.is_none() {
                let (challenge, check) = self.challenge(end);
                asked = Some(Box::new(check));
                self.say(challenge).await?;
            }
            match signal.kind {
                Some(Kind::Seal(seal)) => {
                    let seals = *self.desk.session.seals.lock().unwrap();
                    match seals {
                        Seals::Kept => self.say(self.receipt(end, &seal)).await?,
                        Seals::Lost => {}
                        Seals::Useless => self.say(Kind::Unrecorded(Unrecorded {})).await?,
                    }
                }
                Some(Kind::EndSession(end)) => {
                    let closed = Closed { reason: end.reason, ..Closed::default() };
                    return self.say(Kind::Closed(closed)).await;
                }
                Some(Kind::Proof(proof)) => {
                    if asked.take().is_some_and(|check| check(&proof.signature)) {
                        address = self.connection.remote_address();
                        self.desk.route(end, address);
                        self.desk.tell_presence();
                    }
                }
                _ => {}
            }
        }
        self.desk.leave(end, number);
        None
    }

    fn receipt(&self, end: End, seal: &Seal) -> Kind {
        let session = &self.desk.session;
        let receipt = Receipt {
            session: Bytes::copy_from_slice(session.id.as_bytes()),
            line: seal.line,
            end: end.to_wire(),
            age_sha256: Bytes::copy_from_slice(&sha256(&seal.age)),
            time: 1,
        };
        Kind::Receipt(signed::sign_message(&session.node, Context::Receipt, &receipt))
    }
}

impl Desk {
    fn register(&self, end: End, outbox: mpsc::UnboundedSender<Kind>, back: bool) -> u64 {
        let mut legs = self.legs.lock().unwrap();
        *legs += 1;
        let mut ends = self.ends.lock().unwrap();
        ends[slot(end)] = Some((*legs, outbox));
        let other = end.other();
        // The other end may have another line than the one of the moment.
        if let (true, Some((_, outbox))) = (back, &ends[slot(other)]) {
            outbox.send(self.session.begins(other, false)).ok();
        }
        *legs
    }

    /// Packets with the labels of the line of the moment go where the ends are now.
    fn route(&self, end: End, address: SocketAddr) {
        let mut addresses = self.addresses.lock().unwrap();
        addresses[slot(end)] = Some(address);
        let labels = self.session.line.lock().unwrap().labels;
        let known = labels.into_iter().zip(*addresses);
        *self.switch.routes.lock().unwrap() =
            known.filter_map(|(label, address)| Some((label, address?))).collect();
    }

    /// Both hear whether both are there.
    fn tell_presence(&self) {
        let ends = self.ends.lock().unwrap();
        let present = ends.iter().all(Option::is_some);
        for (_, outbox) in ends.iter().flatten() {
            outbox.send(Kind::Peer(Peer { present })).ok();
        }
    }

    fn leave(&self, end: End, number: u64) {
        let mut ends = self.ends.lock().unwrap();
        if ends[slot(end)].as_ref().is_some_and(|(held, _)| *held == number) {
            ends[slot(end)] = None;
            drop(ends);
            self.tell_presence();
        }
    }
}
