//! How everything should be said: the streams of legs, one session at a time, and one ticket.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use deskside_link::stream::{Receiver, Sender};
use deskside_link::tls;
use deskside_protocol::code::Nameplate;
use deskside_protocol::frame::MAX_SIGNAL;
use deskside_protocol::key::Context;
use deskside_protocol::label::Label;
use deskside_protocol::session::{End, Ends, SessionId};
use deskside_protocol::signed;
use deskside_protocol::transcript::sha256;
use deskside_protocol::wire::record::{Receipt, Seal};
use deskside_protocol::wire::signal::{
    Closed, CodeEnded, Enrolled, Opened, Parked, Refused, Session, Signal, Status, Ticket, Welcome,
    refused::Code, signal::Kind,
};
use quinn::{Connection, Endpoint};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{Knowledge, SUBJECT};

/// Signals that wait for an end.
const OUTBOX: usize = 64;
/// Four times what an end may take: a lie may be too long.
const MAX_LIE: usize = 4 * MAX_SIGNAL;
/// The one answer to a code that is not open.
const SPENT: &str = "no agent waits with that code";

/// Who is there, and the session of the moment.
#[derive(Debug, Default)]
pub(super) struct Desk {
    outboxes: Ends<Option<mpsc::Sender<Kind>>>,
    addresses: Ends<Option<SocketAddr>>,
    nameplates: u32,
    session: Option<(SessionId, Ends<Label>, bool)>,
}

impl Desk {
    pub(super) fn outbox(&self, end: End) -> Option<mpsc::Sender<Kind>> {
        self.outboxes.of(end).clone()
    }

    pub(super) fn address(&self, end: End) -> Option<SocketAddr> {
        *self.addresses.of(end)
    }

    pub(super) fn labels(&self) -> Option<Ends<Label>> {
        self.session.as_ref().map(|(_, labels, _)| *labels)
    }

    pub(super) fn begin(&mut self, id: SessionId, labels: Ends<Label>, recorded: bool) {
        self.session = Some((id, labels, recorded));
    }

    /// The session as `end` is told of it.
    pub(super) fn session(&self, end: End) -> Kind {
        let Some((id, labels, recorded)) = &self.session else {
            return Kind::Session(Session::default());
        };
        let label = |end| Bytes::copy_from_slice(labels.of(end).as_bytes());
        let other = end.other();
        Kind::Session(Session {
            session: Bytes::copy_from_slice(id.as_bytes()),
            own_label: label(end),
            peer_label: label(other),
            reattach_token: vec![end.byte(); 16].into(),
            recorded: *recorded,
            line: 0,
        })
    }
}

/// Serves legs until the runtime ends.
pub(super) async fn serve(endpoint: Endpoint, knows: Arc<Knowledge>) {
    let mut legs = JoinSet::new();
    while let Some(incoming) = endpoint.accept().await {
        let knows = knows.clone();
        legs.spawn(async move {
            let Ok(connection) = incoming.await else { return };
            let mut streams = JoinSet::new();
            while let Ok((send, receive)) = connection.accept_bi().await {
                let stream = Stream {
                    knows: knows.clone(),
                    connection: connection.clone(),
                    sender: Sender::new(send, MAX_LIE),
                    receiver: Receiver::new(receive, MAX_SIGNAL),
                    end: End::Agent,
                };
                // Whatever breaks off a stream is an end that went.
                streams.spawn(async move { stream.serve().await.is_some() });
            }
        });
    }
}

struct Stream {
    knows: Arc<Knowledge>,
    connection: Connection,
    sender: Sender<Signal>,
    receiver: Receiver<Signal>,
    end: End,
}

impl Stream {
    async fn serve(mut self) -> Option<()> {
        let Kind::Hello(hello) = self.hear().await? else { return None };
        // The technician's program names itself; nothing here needs a proof.
        if hello.software.starts_with("deskside/") {
            self.end = End::Technician;
        }
        let (policy, origin) = (self.knows.state().signed.clone(), self.knows.origin.to_string());
        self.say(Kind::Welcome(Welcome {
            nodes: Vec::new(),
            organisations: Vec::new(),
            version: 1,
            software: "liar/1".to_owned(),
            relay_origin: origin,
            policy: Some(policy),
            revocations: Some(self.knows.revocations()),
            time: super::now(),
        }))
        .await?;
        let first = self.hear().await?;
        #[allow(clippy::wildcard_enum_match_arm, reason = "the rest is about the one ticket")]
        match first {
            Kind::Enrol(enrol) => {
                let key = tls::peer_key(&self.connection)?;
                let certificate = Some(self.knows.certificate(key));
                if !self.knows.state().policy.auditors.contains(&enrol.recipient) {
                    self.knows.state().policy.auditors.push(enrol.recipient);
                }
                let policy = self.knows.state().policy.sign(&self.knows.authority).ok()?;
                self.knows.state().signed = policy.clone();
                self.last(Kind::Enrolled(Enrolled { certificate, policy: Some(policy) })).await
            }
            Kind::LogHeadAsk(_) => {
                let log_head = self.knows.log_head(1);
                self.last(log_head).await
            }
            Kind::Open(_) => self.agent().await,
            Kind::Join(_) => self.technician().await,
            Kind::Reattach(_) => {
                let text = String::new();
                self.last(Kind::Refused(Refused { code: Code::NotFound.into(), text })).await
            }
            _ => {
                let (ticket, subject) = ("1".to_owned(), SUBJECT.to_owned());
                let status = Status::Open.into();
                self.last(Kind::Ticket(Ticket { ticket, subject, status, ..Ticket::default() }))
                    .await
            }
        }
    }

    async fn hear(&mut self) -> Option<Kind> {
        loop {
            if let Some(kind) = self.receiver.receive().await.ok()??.kind {
                self.knows.state().heard.push((self.end, kind.clone()));
                self.knows.more.notify_all();
                return Some(kind);
            }
        }
    }

    /// Says what the lie makes of it.
    async fn say(&mut self, kind: Kind) -> Option<()> {
        let kinds = (self.knows.state().lie)(self.end, kind);
        for kind in kinds {
            self.sender.send(&Signal { kind: Some(kind) }).await.ok()?;
        }
        Some(())
    }

    async fn last(&mut self, kind: Kind) -> Option<()> {
        self.say(kind).await?;
        self.sender.finish();
        self.sender.delivered().await.ok()
    }

    fn register(&self) -> mpsc::Receiver<Kind> {
        let (outbox, inbox) = mpsc::channel(OUTBOX);
        let mut state = self.knows.state();
        *state.desk.outboxes.of_mut(self.end) = Some(outbox);
        *state.desk.addresses.of_mut(self.end) = Some(self.connection.remote_address());
        inbox
    }

    async fn agent(&mut self) -> Option<()> {
        let number = {
            let mut state = self.knows.state();
            state.desk.nameplates += 1;
            state.desk.nameplates
        };
        let nameplate = Nameplate::new(number)?.to_string();
        self.say(Kind::Opened(Opened { nameplate, expires_in: 600 })).await?;
        self.attend().await
    }

    async fn technician(&mut self) -> Option<()> {
        // The last that was parked.
        let parked = self.knows.state().heard.iter().rev().find_map(|(_, kind)| {
            if let Kind::Park(park) = kind { Some(park.clone()) } else { None }
        });
        let Some(park) = parked else {
            let (code, text) = (Code::CodeSpent.into(), SPENT.to_owned());
            return self.last(Kind::Refused(Refused { code, text })).await;
        };
        let (y_a, ad_a, subject) = (park.y_a, park.ad_a, SUBJECT.to_owned());
        self.say(Kind::Joined(deskside_protocol::wire::signal::Joined { y_a, ad_a, subject }))
            .await?;
        self.attend().await
    }

    /// Hears an end and says what the other has to know, until either is gone.
    async fn attend(&mut self) -> Option<()> {
        let mut inbox = self.register();
        loop {
            tokio::select! {
                said = self.receiver.receive() => {
                    let Some(kind) = said.ok()??.kind else { continue };
                    self.knows.state().heard.push((self.end, kind.clone()));
                    self.knows.more.notify_all();
                    self.heard(kind).await?;
                }
                // It ends with the end's next stream, and what is said on this one still counts.
                Some(kind) = inbox.recv() => {
                    // An end that hears no more may have said something before.
                    let _unheard = self.sender.send(&Signal { kind: Some(kind) }).await.is_err();
                }
            }
        }
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "the rest is only remembered")]
    async fn heard(&mut self, kind: Kind) -> Option<()> {
        match kind {
            Kind::Park(_) => return self.say(Kind::Parked(Parked {})).await,
            Kind::PairingOffer(_) => self.tell(End::Agent, kind).await,
            Kind::PairingAnswer(_) => self.tell(End::Technician, kind).await,
            Kind::PairingFailed(_) => {
                self.tell(End::Technician, kind).await;
                return self.say(Kind::CodeEnded(CodeEnded { expired: false })).await;
            }
            Kind::Confirmed(_) => {
                let agent = self.knows.begin_session();
                let technician = self.knows.state().desk.session(End::Technician);
                self.tell(End::Agent, agent).await;
                return self.say(technician).await;
            }
            Kind::Seal(seal) => {
                let receipt = self.receipt(&seal)?;
                return self.say(receipt).await;
            }
            Kind::EndSession(ending) => {
                let closed = Closed { reason: ending.reason, ..Closed::default() };
                self.tell(self.end.other(), Kind::Closed(closed.clone())).await;
                return self.say(Kind::Closed(closed)).await;
            }
            _ => {}
        }
        Some(())
    }

    /// Tells an end what the lie makes of it. Nobody need be there: a relay may play an end itself.
    async fn tell(&self, end: End, kind: Kind) {
        let (kinds, outbox) = {
            let mut state = self.knows.state();
            ((state.lie)(end, kind), state.desk.outbox(end))
        };
        let Some(outbox) = outbox else { return };
        for kind in kinds {
            if outbox.send(kind).await.is_err() {
                return;
            }
        }
    }

    fn receipt(&self, seal: &Seal) -> Option<Kind> {
        let (id, _, _) = self.knows.state().desk.session?;
        let receipt = Receipt {
            session: Bytes::copy_from_slice(id.as_bytes()),
            line: seal.line,
            end: seal.end,
            age_sha256: Bytes::copy_from_slice(&sha256(&seal.age)),
            time: 1,
        };
        Some(Kind::Receipt(signed::sign_message(&self.knows.node, Context::Receipt, &receipt)))
    }
}
