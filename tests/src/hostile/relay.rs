//! A relay that lies: it holds the node key and the authority key of an organisation of its own, knows
//! how everything should be said, and gives each signal to a [`Lie`] before it says it.

mod desk;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use deskside_link::random::System;
use deskside_link::socket::Port;
use deskside_link::tls::{self, KeyVerifier};
use deskside_link::{cid, transport};
use deskside_protocol::code::Code;
use deskside_protocol::grant::GrantSet;
use deskside_protocol::identity::certificate;
use deskside_protocol::identity::link::JoinLink;
use deskside_protocol::identity::revocations::RevocationList;
use deskside_protocol::identity::token::EnrolmentToken;
use deskside_protocol::key::{PublicKey, SigningKey};
use deskside_protocol::label::Label;
use deskside_protocol::log::tree::leaf_hash;
use deskside_protocol::log::{Frontier, Head, head};
use deskside_protocol::pairing::Paired;
use deskside_protocol::pairing::technician::{Offered, Request};
use deskside_protocol::policy::{Policy, Recording};
use deskside_protocol::session::{End, Ends, SessionId};
use deskside_protocol::transcript::{ChannelIdentifier, policy_hash};
use deskside_protocol::wire::record::{Certificate, Role, Signed};
use deskside_protocol::wire::signal::{Joined, LogHead, signal::Kind};
use quinn::Endpoint;
use quinn::crypto::rustls::QuicServerConfig;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use super::plug::Socket;
use super::switch::{Switch, Switched, Tricks};
use crate::process::PATIENCE;
use desk::Desk;

/// What becomes of a signal on its way to an end: nothing, itself, something else, or several.
pub(super) type Lie = Box<dyn FnMut(End, Kind) -> Vec<Kind> + Send>;

/// Its name for tickets, which it has one of.
const SUBJECT: &str = "The printer is on fire";

/// What it knows, and what it remembers.
pub(super) struct Knowledge {
    node: SigningKey,
    authority: SigningKey,
    switch: Arc<Switch>,
    origin: SocketAddr,
    /// Everything that may change under its hands.
    state: Mutex<State>,
    more: Condvar,
}

struct State {
    lie: Lie,
    policy: Policy,
    signed: Signed,
    revoked: Vec<u64>,
    desk: Desk,
    heard: Vec<(End, Kind)>,
}

impl Knowledge {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn link(&self) -> JoinLink {
        JoinLink {
            host: self.origin.ip().to_string(),
            port: self.origin.port(),
            organisation: self.authority.public(),
            node: self.node.public(),
            webpki: false,
        }
    }

    fn certificate(&self, key: PublicKey) -> Signed {
        let now = now();
        let certificate = Certificate {
            login: "alice".to_owned(),
            name: "Alice Ng".to_owned(),
            organisation: "Example Help".to_owned(),
            public_key: Bytes::copy_from_slice(key.as_bytes()),
            roles: vec![Role::Technician as i32, Role::Auditor as i32],
            not_before: now - 60,
            not_after: now + 3600,
            serial: 7,
        };
        certificate::issue(&self.authority, &certificate)
    }
}

/// Seconds since the epoch.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// A relay that lies, until it is dropped.
#[allow(missing_debug_implementations, reason = "holds secret keys")]
pub struct Liar {
    knows: Arc<Knowledge>,
    /// Last, so that whoever is served goes first.
    runtime: Runtime,
    _serving: JoinHandle<()>,
}

impl Liar {
    /// Starts one, which does not lie yet. Sessions are not recorded under its policy until somebody
    /// changes it.
    ///
    /// # Errors
    /// What the system says.
    pub fn start() -> anyhow::Result<Self> {
        let runtime = Runtime::new().context("start a runtime")?;
        let (knows, serving) = {
            let _inside = runtime.enter();
            let node = SigningKey::generate(&mut System::new());
            let port = Port::bind((Ipv4Addr::LOCALHOST, 0).into())?;
            let origin = port.local_addr()?;
            let switch = Switch::new(port);
            let endpoint = endpoint(&node, &switch)?;
            let authority = SigningKey::generate(&mut System::new());
            let policy = policy();
            let state = State {
                lie: Box::new(|_, kind| vec![kind]),
                signed: policy.sign(&authority)?,
                policy,
                revoked: Vec::new(),
                desk: Desk::default(),
                heard: Vec::new(),
            };
            let (state, more) = (Mutex::new(state), Condvar::new());
            let knows = Arc::new(Knowledge { node, authority, switch, origin, state, more });
            let serving = tokio::spawn(desk::serve(endpoint, knows.clone()));
            (knows, serving)
        };
        Ok(Self { knows, runtime, _serving: serving })
    }

    /// Its join link.
    #[must_use]
    pub fn join(&self) -> String {
        self.knows.link().to_string()
    }

    /// An enrolment token, as good as any.
    #[must_use]
    pub fn token(&self) -> String {
        EnrolmentToken::generate(self.knows.link(), &mut System::new()).to_text().to_string()
    }

    /// Its node key, with which it may sign whatever it likes.
    #[must_use]
    pub fn node(&self) -> &SigningKey {
        &self.knows.node
    }

    /// The head of a log of so many entries, none of which anybody else has seen. The same number
    /// gives the same log.
    #[must_use]
    pub fn log_head(&self, size: u64) -> Kind {
        self.knows.log_head(size)
    }

    /// The policy that it tells, changed and signed by the authority. What it told before stays in
    /// force for whoever heard it.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn change_policy(&self, change: impl FnOnce(&mut Policy)) -> anyhow::Result<Signed> {
        let mut state = self.knows.state();
        change(&mut state.policy);
        state.signed = state.policy.sign(&self.knows.authority)?;
        Ok(state.signed.clone())
    }

    /// Another policy, signed by the authority or by somebody else, that is not in force.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn other_policy(
        &self,
        key: Option<&SigningKey>,
        change: impl FnOnce(&mut Policy),
    ) -> anyhow::Result<Signed> {
        let mut policy = self.knows.state().policy.clone();
        change(&mut policy);
        Ok(policy.sign(key.unwrap_or(&self.knows.authority))?)
    }

    /// From now on certificates of these serials are on its list.
    pub fn revoke(&self, serials: &[u64]) {
        self.knows.state().revoked = serials.to_vec();
    }

    /// From now on it lies like this.
    pub fn lies(&self, lie: impl FnMut(End, Kind) -> Vec<Kind> + Send + 'static) {
        self.knows.state().lie = Box::new(lie);
    }

    /// Says this to an end, past every lie.
    ///
    /// # Errors
    /// Where the end is not there.
    pub fn says(&self, to: End, kind: Kind) -> anyhow::Result<()> {
        let outbox = self.knows.state().desk.outbox(to).context("an end that is there")?;
        self.runtime.block_on(outbox.send(kind)).ok().context("an end that is there")
    }

    /// Waits until it has heard something.
    ///
    /// # Errors
    /// Where it does not in time.
    pub fn hears<T>(&self, wanted: impl Fn(End, &Kind) -> Option<T>) -> anyhow::Result<T> {
        let find = |state: &State| state.heard.iter().find_map(|(end, kind)| wanted(*end, kind));
        let mut state = self.knows.state();
        let until = std::time::Instant::now() + PATIENCE;
        loop {
            if let Some(found) = find(&state) {
                return Ok(found);
            }
            let left = until.saturating_duration_since(std::time::Instant::now());
            ensure!(!left.is_zero(), "the relay heard nothing of the sort: {:?}", state.heard);
            let waited = self.knows.more.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// All that it has heard so far.
    #[must_use]
    pub fn heard(&self) -> Vec<(End, Kind)> {
        self.knows.state().heard.clone()
    }

    /// From now on each packet of a line goes back to whoever sent it, beside going on.
    pub fn mirrors(&self) {
        self.knows.switch.play(Tricks { mirror: true, third: None });
    }

    /// From now on each packet of a line goes to a third, beside going on.
    pub fn copies_to(&self, third: SocketAddr) {
        self.knows.switch.play(Tricks { mirror: false, third: Some(third) });
    }

    /// Packets of lines so far.
    #[must_use]
    pub fn passed(&self) -> Vec<Bytes> {
        self.knows.switch.passed()
    }

    /// Delivers a packet to the owner of its label.
    pub fn delivers(&self, packet: &[u8]) {
        self.knows.switch.deliver(packet);
    }

    /// The labels of the session of the moment.
    ///
    /// # Errors
    /// Before there is one.
    pub fn labels(&self) -> anyhow::Result<Ends<Label>> {
        self.knows.state().desk.labels().context("a session")
    }

    /// Waits for an agent to park its half, and gives it: what is to be known without a code.
    ///
    /// # Errors
    /// Where none does.
    pub fn parked(&self) -> anyhow::Result<Joined> {
        self.hears(|_, kind| {
            let Kind::Park(park) = kind else { return None };
            let (y_a, ad_a, subject) = (park.y_a.clone(), park.ad_a.clone(), SUBJECT.to_owned());
            Some(Joined { y_a, ad_a, subject })
        })
    }

    /// Plays the technician itself, with a key that the authority vouches for and the user's code:
    /// relay and technician in one hand.
    ///
    /// # Errors
    /// Where the agent does not believe it.
    pub fn plays_technician(&self, code: &str, wish: GrantSet) -> anyhow::Result<Played> {
        let joined = self.parked()?;
        let key = SigningKey::generate(&mut System::new());
        let certificate = self.knows.certificate(key.public());
        let signed = self.knows.state().signed.clone();
        let channel = ChannelIdentifier {
            relay_origin: self.knows.origin.to_string(),
            node_key: self.knows.node.public(),
            organisation_key: self.knows.authority.public(),
            policy_hash: policy_hash(&signed),
        };
        let request = Request {
            certificate: &certificate,
            ticket: "1",
            subject: &joined.subject,
            grants: wish,
        };
        let (code, random) = (Code::parse(code)?, &mut System::new());
        let (offered, offer) = Offered::start(&code, &channel, &joined, &key, request, random)?;
        self.says(End::Agent, Kind::PairingOffer(offer))?;
        let answer = self.hears(|_, kind| {
            if let Kind::PairingAnswer(answer) = kind { Some(answer.clone()) } else { None }
        })?;
        let (paired, _) = offered.receive(&answer)?;
        let session = self.knows.begin_session();
        self.says(End::Agent, session)?;
        let labels = self.labels()?;
        let socket = {
            let _inside = self.runtime.enter();
            Socket::new(&self.knows.switch, labels.technician, labels.agent)?
        };
        Ok(Played { paired, socket })
    }

    /// Does something in its runtime, where its lines live.
    pub fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }
}

/// A technician's part that the relay plays.
#[allow(missing_debug_implementations, reason = "holds secret keys")]
pub struct Played {
    /// What the pairing gave.
    pub paired: Paired,
    socket: Socket,
}

impl Played {
    /// Dials the agent's line with this ALPN, and this key or that of the pairing.
    ///
    /// # Errors
    /// Where the agent does not let it in.
    pub async fn dial(
        &self,
        alpn: &[u8],
        key: Option<&SigningKey>,
    ) -> anyhow::Result<super::RawLine> {
        let key = key.unwrap_or(&self.paired.session_key);
        self.socket.dial(alpn, key, self.paired.peer_key).await
    }
}

fn endpoint(node: &SigningKey, switch: &Arc<Switch>) -> anyhow::Result<Endpoint> {
    let tls = tls::accepting(KeyVerifier::any(), node, tls::LEG_ALPN)?;
    let mut server = quinn::ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    server.transport_config(transport::leg_at_relay());
    let socket = Arc::new(Switched(switch.clone()));
    let (settings, runtime) = (cid::leg_endpoint(Some(node)), Arc::new(quinn::TokioRuntime));
    Ok(Endpoint::new_with_abstract_socket(settings, Some(server), socket, runtime)?)
}

fn policy() -> Policy {
    let ends = "2099-01-01T00:00:00Z".parse().unwrap_or_default();
    Policy {
        serial: 4,
        recording: Recording::Off,
        retention_days: 1,
        grace_seconds: 1,
        ..Policy::first("Example Help", Default::default(), ends)
    }
}

impl Knowledge {
    /// The list of revoked certificates, signed now.
    fn revocations(&self) -> Signed {
        let serials = self.state().revoked.clone();
        RevocationList::new(now(), serials).sign(&self.node)
    }

    /// The head of a log of so many equal entries. It proves nothing, which who sees it for the
    /// first time does not ask for.
    fn log_head(&self, size: u64) -> Kind {
        let mut tree = Frontier::default();
        for _ in 0..size {
            tree.push(leaf_hash(b"nothing"));
        }
        let origin = head::origin(&self.node.public());
        let note = Head { origin, size, root: tree.root() }.sign(&self.node).encode();
        Kind::LogHead(LogHead { note, consistency: Vec::new() })
    }

    /// A session as the agent is told of it; the desk has the rest.
    fn begin_session(&self) -> Kind {
        let mut random = System::new();
        let id = SessionId::generate(&mut random);
        let labels =
            Ends { agent: Label::random(&mut random), technician: Label::random(&mut random) };
        let mut state = self.state();
        let recorded = state.policy.recording != Recording::Off;
        state.desk.begin(id, labels, recorded);
        for end in [End::Agent, End::Technician] {
            if let Some(address) = state.desk.address(end) {
                self.switch.route(*labels.of(end), address);
            }
        }
        state.desk.session(End::Agent)
    }
}
