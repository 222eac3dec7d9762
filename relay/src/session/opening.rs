//! A pairing becomes a session: id and labels are given out, the recording begins, the line's
//! handshake may pass.

use std::sync::Arc;

use bytes::Bytes;
use deskside_link::random::System;
use deskside_protocol::code::Nameplate;
use deskside_protocol::key::PublicKey;
use deskside_protocol::label::Label;
use deskside_protocol::policy::Recording as Rule;
use deskside_protocol::recording::{Binding, Kind as Block};
use deskside_protocol::session::SessionId;
use deskside_protocol::transcript::{
    AgentData, ChannelIdentifier, HASH, TechnicianData, Transcript, TranscriptError, policy_hash,
    sid,
};
use deskside_protocol::wire::record::{self, Event, Header, event};
use deskside_protocol::wire::signal::{Session as Begins, signal::Kind};
use prost::Message as _;
use thiserror::Error;

use super::Ends;
use super::pairing::Pairing;
use crate::policy::{self, ChangeError};
use crate::recorder::{RecordError, Recording};
use crate::service::Service;
use crate::store::{NewSession, StoreError};
use crate::switch::{Attached, Connected, Line};
use crate::talk::{Gone, Talk};
use crate::{SOFTWARE, clock};

/// Number of the main line in a recording.
pub(super) const MAIN_LINE: u16 = 0;

/// Why a session does not begin.
#[derive(Debug, Error)]
pub(super) enum OpeningError {
    #[error("the pairing's data cannot be read")]
    Transcript(#[from] TranscriptError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Policy(#[from] ChangeError),
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Whom and what a session is about.
pub(super) struct About<'a> {
    pub(super) pairing: &'a Pairing,
    pub(super) ticket: &'a str,
    pub(super) technician: &'a str,
    pub(super) nameplate: Nameplate,
}

/// The session keys that the ends will sign with.
#[derive(Debug, Clone, Copy)]
pub(super) struct SessionKeys {
    pub(super) agent: PublicKey,
    pub(super) technician: PublicKey,
}

/// A session whose line may carry its handshake.
pub(super) struct Session {
    pub(super) id: SessionId,
    pub(super) binding: Binding,
    pub(super) keys: SessionKeys,
    pub(super) recording: Option<Arc<Recording>>,
    pub(super) line: Connected,
}

/// Begins the recording, connects the line and tells both ends.
pub(super) async fn open(
    service: &Service,
    ends: &mut Ends<'_>,
    about: &About<'_>,
) -> Result<Session, OpeningError> {
    let id = SessionId::generate(&mut System::new());
    let facts = Facts::of(service, about).await?;
    let recording = begin_recording(service, id, about, &facts).await?;
    let new = NewSession {
        session: *id.as_bytes(),
        ticket: about.ticket.to_owned(),
        technician: about.technician.to_owned(),
        nameplate: about.nameplate.to_string(),
        opened_at: clock::seconds(),
        recording: recording.as_ref().map(|_| file_name(id)).unwrap_or_default(),
    };
    service.relay.node.store().open_session(&new).await?;
    let line = connect(service, ends, recording.clone());
    let binding = Binding { session: id, transcript: facts.transcript_hash };
    let session = Session { id, binding, keys: facts.keys, recording, line: line.connected };
    // From here on there is a session to be closed: an end that left meanwhile is found missing
    // by whoever watches over it.
    for told in [
        tell(ends.agent, &session, line.agent, line.technician).await,
        tell(ends.technician, &session, line.technician, line.agent).await,
    ] {
        if let Err(gone) = told {
            tracing::debug!(session = %session.id, %gone, "an end left before the session began");
        }
    }
    Ok(session)
}

fn file_name(id: SessionId) -> String {
    format!("{id}.dsr")
}

/// What follows from the pairing's bytes.
struct Facts {
    policy: record::Signed,
    sid: [u8; HASH],
    transcript_hash: [u8; HASH],
    keys: SessionKeys,
    recorded: bool,
    rule: Rule,
}

impl Facts {
    async fn of(service: &Service, about: &About<'_>) -> Result<Self, OpeningError> {
        let node = &service.relay.node;
        let policy = node.policy().await?;
        let held = policy::current(node).await?;
        let pairing = about.pairing;
        let agent = AgentData::decode(&pairing.ad_a)?;
        let technician = TechnicianData::decode(&pairing.ad_t)?;
        let ci = ChannelIdentifier {
            relay_origin: service.relay.origin.clone(),
            node_key: node.key().public(),
            organisation_key: node.organisation(),
            policy_hash: policy_hash(&policy),
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
        let keys =
            SessionKeys { agent: agent.session_key, technician: technician.join.session_key };
        let recorded = held.recording != Rule::Off && !held.auditors.is_empty();
        Ok(Self { sid, transcript_hash, keys, recorded, rule: held.recording, policy })
    }
}

async fn begin_recording(
    service: &Service,
    id: SessionId,
    about: &About<'_>,
    facts: &Facts,
) -> Result<Option<Arc<Recording>>, OpeningError> {
    if !facts.recorded {
        return Ok(None);
    }
    let node = &service.relay.node;
    let path = node.places().recordings.join(file_name(id));
    let recording = service.recorder.create(&path, facts.rule).await?;
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
    recording.append(Block::Header, MAIN_LINE, header.encode_to_vec()).await?;
    let confirmed = Event { kind: event::Kind::Confirmed as i32, ..Event::default() };
    recording.append(Block::Event, MAIN_LINE, confirmed.encode_to_vec()).await?;
    Ok(Some(recording))
}

/// A line and its two labels.
struct Labelled {
    connected: Connected,
    agent: Label,
    technician: Label,
}

fn connect(service: &Service, ends: &Ends<'_>, recording: Option<Arc<Recording>>) -> Labelled {
    let mut random = System::new();
    let mut attach = |talk: &Talk| Attached {
        label: Label::random(&mut random),
        address: Some(talk.caller.connection.remote_address()),
    };
    let (agent, technician) = (attach(ends.agent), attach(ends.technician));
    let (agent_label, technician_label) = (agent.label, technician.label);
    let line = Line::new(MAIN_LINE, agent, technician, recording);
    let connected = service.switch.connect(line);
    Labelled { connected, agent: agent_label, technician: technician_label }
}

async fn tell(talk: &mut Talk, session: &Session, own: Label, peer: Label) -> Result<(), Gone> {
    let begins = Begins {
        session: Bytes::copy_from_slice(session.id.as_bytes()),
        own_label: Bytes::copy_from_slice(own.as_bytes()),
        peer_label: Bytes::copy_from_slice(peer.as_bytes()),
        recorded: session.recording.is_some(),
        line: u32::from(MAIN_LINE),
        ..Begins::default()
    };
    talk.send(Kind::Session(begins)).await
}
