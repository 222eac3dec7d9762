//! A pairing becomes a session: id, labels and tokens are given out, the recording begins, the
//! line's handshake may pass.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use deskside_link::random::System;
use deskside_protocol::code::Nameplate;
use deskside_protocol::key::PublicKey;
use deskside_protocol::policy::{FileBodies, Policy, PolicyError, Recording as Rule};
use deskside_protocol::random;
use deskside_protocol::recording::{Binding, Kind as Block};
use deskside_protocol::session::{Ends, SessionId};
use deskside_protocol::transcript::{
    AgentData, ChannelIdentifier, HASH, TechnicianData, Transcript, TranscriptError, sid,
};
use deskside_protocol::wire::record::{self, Event, Header, event};
use prost::Message as _;
use thiserror::Error;

use super::line::{Beginning, Current, FIRST_LINE, labels};
use super::live::Live;
use super::pairing::Pairing;
use super::presence::Presence;
use super::terms::{BOTH, Bounds, Session};
use crate::log::LogError;
use crate::recorder::{RecordError, Recording};
use crate::service::Service;
use crate::sessions::{Door, Token};
use crate::store::{Back, NewSession, StoreError, Technician};
use crate::talk::Talk;
use crate::{SOFTWARE, clock};

/// Why a session does not begin.
#[derive(Debug, Error)]
pub(super) enum OpeningError {
    #[error("the pairing's data cannot be read")]
    Transcript(#[from] TranscriptError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Policy(#[from] PolicyError),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error(transparent)]
    Log(#[from] LogError),
}

/// Whom and what a session is about.
pub(super) struct About<'a> {
    pub(super) pairing: &'a Pairing,
    pub(super) ticket: &'a str,
    pub(super) technician: &'a Technician,
    pub(super) nameplate: Nameplate,
}

/// A session that is written down, and its first line.
pub(super) struct Opened {
    session: Session,
    grace: Duration,
    line: Current,
    went_unrecorded: bool,
}

/// Begins the recording, writes the session down and connects its line.
pub(super) async fn open(
    service: &Arc<Service>,
    addresses: Ends<SocketAddr>,
    about: &About<'_>,
) -> Result<Opened, OpeningError> {
    let mut random = System::new();
    let id = SessionId::generate(&mut random);
    let tokens: Ends<Token> =
        Ends { agent: random::bytes(&mut random), technician: random::bytes(&mut random) };
    let facts = Facts::of(service, about).await?;
    let recording = begin_recording(service, id, about, &facts).await?;
    let beginning = Beginning {
        number: FIRST_LINE,
        labels: labels(),
        addresses: Ends { agent: Some(addresses.agent), technician: Some(addresses.technician) },
        recording: recording.clone(),
        bytes_per_second: Bounds::of(&facts.held).bytes_per_second,
    };
    let bytes = |key: PublicKey| *key.as_bytes();
    let new = NewSession {
        session: *id.as_bytes(),
        ticket: about.ticket.to_owned(),
        technician: about.technician.login.clone(),
        serial: about.technician.serial,
        nameplate: about.nameplate.to_string(),
        opened_at: clock::seconds(),
        recording: recording.as_ref().map(|_| file_name(id)).unwrap_or_default(),
        back: Back {
            keys: Ends { agent: bytes(facts.keys.agent), technician: bytes(facts.keys.technician) },
            tokens,
            transcript: facts.transcript_hash,
            policy: facts.held.serial,
        },
        line: beginning.row(),
    };
    service.relay.node.store().open_session(new).await?;
    let door = Door::new(id, facts.keys, beginning.labels);
    let session = Session {
        service: service.clone(),
        place: service.sessions.register(tokens, door),
        binding: Binding { session: id, transcript: facts.transcript_hash },
        node_key: service.relay.node.key().clone(),
        best_effort: facts.held.recording == Rule::BestEffort,
        bounds: Bounds::of(&facts.held),
        bodies_apart: facts.held.file_bodies == FileBodies::HashOnly,
        recording,
        stay: service.standing.stay(about.technician),
        policy: facts.held.serial,
    };
    let went_unrecorded = facts.is_recorded() && session.recording.is_none();
    let grace = grace(&facts.held);
    Ok(Opened { session, grace, line: Current::begin(&service.switch, beginning), went_unrecorded })
}

impl Opened {
    /// Tells both ends. From here on there is a session to be closed: an end that left meanwhile is
    /// found missing by its task.
    pub(super) async fn begin(self, ends: Ends<Talk>) -> Live {
        let talks = Ends { agent: Some(ends.agent), technician: Some(ends.technician) };
        let mut live = Live::new(self.session, talks, Presence::new(self.grace), self.line);
        live.went_unrecorded = self.went_unrecorded;
        for end in BOTH {
            live.tell_line(end).await;
        }
        live
    }
}

/// How long a session under this policy waits for an end.
pub(super) fn grace(policy: &Policy) -> Duration {
    Duration::from_secs(policy.grace_seconds.into())
}

pub(super) fn file_name(id: SessionId) -> String {
    format!("{id}.dsr")
}

/// What follows from the pairing's bytes.
struct Facts {
    policy: record::Signed,
    held: Policy,
    sid: [u8; HASH],
    transcript_hash: [u8; HASH],
    keys: Ends<PublicKey>,
}

impl Facts {
    async fn of(service: &Service, about: &About<'_>) -> Result<Self, OpeningError> {
        let node = &service.relay.node;
        let in_force = node.rules().policy().await?;
        let pairing = about.pairing;
        let agent = AgentData::decode(&pairing.ad_a)?;
        let technician = TechnicianData::decode(&pairing.ad_t)?;
        let ci = ChannelIdentifier {
            relay_origin: service.relay.origin.clone(),
            node_key: node.key().public(),
            organisation_key: node.organisation(),
            policy_hash: in_force.hash,
        }
        .encode();
        let sid = sid(about.nameplate, &agent.nonce);
        let transcript = Transcript {
            ci: &ci,
            sid: &sid,
            y_a: &pairing.y_a,
            ad_a: &pairing.ad_a,
            y_t: &pairing.y_t,
            ad_t: &pairing.ad_t,
        };
        let transcript_hash = transcript.hash();
        let keys = Ends { agent: agent.session_key, technician: technician.join.session_key };
        let (policy, held) = (in_force.signed.clone(), in_force.policy.clone());
        Ok(Self { sid, transcript_hash, keys, policy, held })
    }

    /// Whether the policy has it recorded.
    const fn is_recorded(&self) -> bool {
        !matches!(self.held.recording, Rule::Off) && !self.held.auditors.is_empty()
    }
}

/// Begins the recording, where there is to be one. Where it cannot begin, the session does without
/// if the policy allows that.
async fn begin_recording(
    service: &Service,
    id: SessionId,
    about: &About<'_>,
    facts: &Facts,
) -> Result<Option<Arc<Recording>>, OpeningError> {
    let mut logged = false;
    if facts.is_recorded() {
        match try_to_record(service, id, about, facts, &mut logged).await {
            Ok(recording) => return Ok(Some(recording)),
            Err(error) if facts.held.recording == Rule::BestEffort => {
                tracing::error!(session = %id, error = crate::chain(&error), "a session begins unrecorded");
                service.relay.metrics.went_unrecorded();
            }
            Err(error) => return Err(error),
        }
    }
    if !logged && let Err(error) = service.relay.book.open(id, None).await {
        tracing::error!(session = %id, error = crate::chain(&error), "a session begins that is not in the log");
    }
    Ok(None)
}

async fn try_to_record(
    service: &Service,
    id: SessionId,
    about: &About<'_>,
    facts: &Facts,
    logged: &mut bool,
) -> Result<Arc<Recording>, OpeningError> {
    let node = &service.relay.node;
    let path = node.places().recordings.join(file_name(id));
    let recording = service.recorder.create(&path, facts.held.recording).await?;
    let pairing = about.pairing;
    let key = |key: PublicKey| Bytes::copy_from_slice(key.as_bytes());
    let header = Header {
        session: Bytes::copy_from_slice(id.as_bytes()),
        relay_origin: service.relay.origin.clone(),
        node_key: key(node.key().public()),
        organisation_key: key(node.organisation()),
        policy: Some(facts.policy.clone()),
        nameplate: about.nameplate.to_string(),
        y_a: pairing.y_a.clone(),
        ad_a: pairing.ad_a.clone(),
        y_t: pairing.y_t.clone(),
        ad_t: pairing.ad_t.clone(),
        tag_t: pairing.tag_t.clone(),
        tag_a: pairing.tag_a.clone(),
        relay_version: SOFTWARE.to_owned(),
        opened: clock::micros(),
        sid: Bytes::copy_from_slice(&facts.sid),
    };
    let begun = recording.append(Block::Header, FIRST_LINE, header.encode_to_vec()).await?;
    let confirmed = Event { kind: event::Kind::Confirmed as i32, ..Event::default() };
    // Two disks' waits in the time of one, both before anything passes.
    let (recorded, opened) = tokio::join!(
        recording.append(Block::Event, FIRST_LINE, confirmed.encode_to_vec()),
        service.relay.book.open(id, Some(*begun.hash()))
    );
    *logged = opened.is_ok();
    recorded?;
    opened?;
    service.relay.archive.follow(id, &file_name(id), &recording);
    Ok(recording)
}

/// Where both ends have their legs.
pub(super) fn addresses(talks: &Ends<Talk>) -> Ends<SocketAddr> {
    let of = |talk: &Talk| talk.caller.connection.remote_address();
    Ends { agent: of(&talks.agent), technician: of(&talks.technician) }
}
