//! A relay in this process with settings of a test's own, and ends that speak by hand.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use deskside_link::Leg;
use deskside_link::leg::{LegError, Signals};
use deskside_link::random::System;
use deskside_protocol::code::Nameplate;
use deskside_protocol::identity::link::JoinLink;
use deskside_protocol::identity::token::EnrolmentToken;
use deskside_protocol::key::SigningKey;
use deskside_protocol::policy::Policy;
use deskside_protocol::transcript::{
    AgentData, ChannelIdentifier, Join as Joining, policy_hash, sid,
};
use deskside_protocol::wire::signal::{
    Enrol, Join, Open, PairingFailed, PairingOffer, Park, Refused, TicketNew, signal::Kind,
};
use deskside_relay::limits::Phases;
use deskside_relay::node::Places;
use deskside_relay::serve::{self, Running, Settings};
use deskside_relay::{clock, policy};
use prost::Message as _;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// Everything here happens within this time or not at all.
const SOON: Duration = Duration::from_secs(30);
const AUDITOR: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";
const SHARE: Bytes = Bytes::from_static(&[7; 32]);
pub(crate) const TAG: Bytes = Bytes::from_static(&[8; 32]);

pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, what).await.expect("it takes too long")
}

pub(crate) fn key() -> SigningKey {
    SigningKey::generate(&mut System::new())
}

pub(crate) struct House {
    folder: TempDir,
    pub(crate) running: Option<Running>,
    stop: CancellationToken,
    pub(crate) join: JoinLink,
    phases: Phases,
    pub(crate) alice: Alice,
}

pub(crate) struct Alice {
    pub(crate) key: SigningKey,
    certificate: Bytes,
}

async fn start(folder: &TempDir, phases: Phases) -> (Running, CancellationToken) {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let settings = Settings {
        listen: any,
        http: any,
        admin: any,
        public: None,
        organisation: "Example Help".to_owned(),
        places: Places::under(folder.path().join("relay")),
        certificate: None,
        sign_in: None,
        programs: None,
        unlimited: Vec::new(),
        phases,
    };
    let stop = CancellationToken::new();
    (serve::start(settings, stop.clone()).await.unwrap(), stop)
}

impl House {
    pub(crate) async fn new(phases: Phases) -> Self {
        Self::with(phases, |_| {}).await
    }

    pub(crate) async fn with(phases: Phases, change: impl FnOnce(&mut Policy)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (running, stop) = start(&folder, phases).await;
        let token: EnrolmentToken = running.enroll.as_ref().unwrap().parse().ok().unwrap();
        let join = running.join.clone();
        let alice = key();
        let leg = Leg::dial(&join, &alice, "test").await.unwrap();
        let enrol = Enrol {
            secret: Bytes::copy_from_slice(token.secret.as_ref()),
            recipient: AUDITOR.to_owned(),
            login: "alice".to_owned(),
            name: "Alice Ng".to_owned(),
        };
        let Kind::Enrolled(enrolled) = leg.request(Kind::Enrol(enrol)).await.unwrap() else {
            panic!("not enrolled")
        };
        let certificate = enrolled.certificate.unwrap().encode_to_vec().into();
        let alice = Alice { key: alice, certificate };
        let node = &running.relay.node;
        let mut held = policy::current(node).await.unwrap();
        change(&mut held);
        policy::set(node, held, clock::seconds()).await.unwrap();
        Self { folder, running: Some(running), stop, join, phases, alice }
    }

    pub(crate) fn relay(&self) -> &deskside_relay::relay::Relay {
        &self.running.as_ref().unwrap().relay
    }

    pub(crate) async fn restart(&mut self) {
        self.stop.cancel();
        soon(self.running.take().unwrap().ended()).await.unwrap();
        let (running, stop) = start(&self.folder, self.phases).await;
        self.join = running.join.clone();
        (self.running, self.stop) = (Some(running), stop);
    }

    pub(crate) async fn leg(&self) -> Leg {
        Leg::dial(&self.join, &key(), "test").await.unwrap()
    }

    pub(crate) async fn alices_leg(&self) -> Leg {
        Leg::dial(&self.join, &self.alice.key, "test").await.unwrap()
    }

    pub(crate) async fn ticket(&self, leg: &Leg) -> String {
        let new = TicketNew { subject: "Printer".to_owned(), ..TicketNew::default() };
        match leg.request(Kind::TicketNew(new)).await.unwrap() {
            Kind::Ticket(ticket) => ticket.ticket,
            said => panic!("{said:?}"),
        }
    }

    /// A number of `/metrics`.
    pub(crate) fn number(&self, name: &str) -> u64 {
        let text = self.relay().metrics.render();
        let line = text.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
        line.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// Waits until a number of `/metrics` is as it should be.
    pub(crate) async fn until(&self, name: &str, wished: u64) {
        soon(async {
            while self.number(name) != wished {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// What a technician offers to an agent that parked as [`Shown`] does.
    pub(crate) fn offer(&self, joined: &Joiner) -> PairingOffer {
        let ci = ChannelIdentifier {
            relay_origin: joined.signals.welcome.relay_origin.clone(),
            node_key: self.join.node,
            organisation_key: self.join.organisation,
            policy_hash: policy_hash(joined.signals.welcome.policy.as_ref().unwrap()),
        }
        .encode();
        let plate = Nameplate::parse(&joined.nameplate).ok().unwrap();
        let joining = Joining {
            version: 1,
            session_key: joined.session_key.public(),
            certificate: self.alice.certificate.clone(),
            ticket: joined.ticket.clone(),
            subject: "Printer".to_owned(),
            requested: 0,
            nonce: [2; 32],
        };
        let sid = sid(plate, &[1; 32]);
        let ad_t = joining.sign(&self.alice.key, &ci, &sid, &SHARE).encode();
        PairingOffer { y_t: SHARE, ad_t: ad_t.into(), tag_t: TAG }
    }
}

/// An agent whose code waits.
pub(crate) struct Shown {
    pub(crate) signals: Signals,
    pub(crate) nameplate: String,
}

impl Shown {
    pub(crate) async fn open(leg: &Leg) -> Result<Self, LegError> {
        let mut signals = leg.open().await?;
        signals.send(Kind::Open(Open {})).await?;
        let Kind::Opened(opened) = signals.receive().await? else { panic!("not opened") };
        Ok(Self { signals, nameplate: opened.nameplate })
    }

    pub(crate) async fn parked(leg: &Leg) -> Result<Self, LegError> {
        let mut shown = Self::open(leg).await?;
        let data =
            AgentData { version: 1, session_key: key().public(), answered: 0, nonce: [1; 32] };
        let park = Park { y_a: SHARE, ad_a: data.encode().into() };
        shown.signals.send(Kind::Park(park)).await?;
        let Kind::Parked(_) = shown.signals.receive().await? else { panic!("not parked") };
        Ok(shown)
    }

    /// Says that the code was not the right one.
    pub(crate) async fn refuse(&mut self) {
        let said = soon(self.signals.receive()).await;
        let Ok(Kind::PairingOffer(_)) = said else { panic!("{said:?}") };
        let failed = PairingFailed { cause: 2, text: "of an agent's own".to_owned() };
        self.signals.send(Kind::PairingFailed(failed)).await.unwrap();
        self.signals.sender.finish();
    }
}

/// A technician who stands at a code.
pub(crate) struct Joiner {
    pub(crate) signals: Signals,
    pub(crate) session_key: SigningKey,
    pub(crate) nameplate: String,
    pub(crate) ticket: String,
}

/// Joins a code; or what the relay says instead.
pub(crate) async fn join(leg: &Leg, nameplate: &str, ticket: &str) -> Result<Joiner, LegError> {
    let mut signals = leg.open().await?;
    let join = Join { nameplate: nameplate.to_owned(), ticket: ticket.to_owned() };
    signals.send(Kind::Join(join)).await?;
    match soon(signals.receive()).await? {
        Kind::Joined(_) => {}
        said => panic!("{said:?}"),
    }
    let (nameplate, ticket) = (nameplate.to_owned(), ticket.to_owned());
    Ok(Joiner { signals, session_key: key(), nameplate, ticket })
}

/// What is refused.
#[track_caller]
pub(crate) fn refusal<T>(answer: Result<T, LegError>) -> Refused {
    match answer {
        Err(LegError::Refused(refused)) => refused,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it was not refused"),
    }
}
