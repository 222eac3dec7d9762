//! Who is in a forged recording: the same people each time.

use bytes::Bytes;
use deskside_protocol::code::Nameplate;
use deskside_protocol::identity::certificate;
use deskside_protocol::key::SigningKey;
use deskside_protocol::recording::Binding;
use deskside_protocol::session::SessionId;
use deskside_protocol::transcript::{
    AgentData, ChannelIdentifier, Join, Transcript, policy_hash, sid,
};
use deskside_protocol::wire::record::{Certificate, Header, Role, Signed};
use prost::Message as _;
use zeroize::Zeroizing;

/// Microseconds since 1970-01-01 UTC at which the session opens.
pub const OPENED_US: u64 = 1_795_326_600_000_000;
/// The session.
pub const SESSION: SessionId = SessionId::from_bytes([0xab; 16]);

/// Whose keys there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// The organisation's authority.
    Authority = 1,
    /// The technician, for the long term.
    Technician = 2,
    /// The relay's node.
    Node = 9,
    /// The agent, for the session.
    AgentEnd = 11,
    /// The technician, for the session.
    TechnicianEnd = 12,
}

/// The key of one of them.
#[must_use]
pub fn key(who: Who) -> SigningKey {
    SigningKey::from_seed(Zeroizing::new([who as u8; 32]))
}

/// The head of a recording under this policy, of a session with this subject; `None` never.
#[must_use]
pub fn header(policy: Signed, subject: &str) -> Option<(Header, Binding)> {
    let public = |who| key(who).public();
    let agent =
        AgentData { version: 1, session_key: public(Who::AgentEnd), answered: 0, nonce: [3; 32] };
    let nameplate = Nameplate::new(48_219)?;
    let sid = sid(nameplate, &agent.nonce);
    let identifier = ChannelIdentifier {
        relay_origin: "relay.example:4433".into(),
        node_key: public(Who::Node),
        organisation_key: public(Who::Authority),
        policy_hash: policy_hash(&policy),
    };
    let (ci, ad_a) = (identifier.encode(), agent.encode());
    let (y_a, y_t) = ([6; 32], [5; 32]);
    let ad_t = join(subject).sign(&key(Who::Technician), &ci, &sid, &y_t).encode();
    let transcript =
        Transcript { ci: &ci, sid: &sid, y_a: &y_a, ad_a: &ad_a, y_t: &y_t, ad_t: &ad_t };
    let binding = Binding { session: SESSION, transcript: transcript.hash() };
    let header = Header {
        session: SESSION.as_bytes().to_vec().into(),
        relay_origin: identifier.relay_origin,
        node_key: identifier.node_key.as_bytes().to_vec().into(),
        organisation_key: identifier.organisation_key.as_bytes().to_vec().into(),
        policy: Some(policy),
        nameplate: nameplate.to_string(),
        y_a: y_a.to_vec().into(),
        y_t: y_t.to_vec().into(),
        ad_a: ad_a.into(),
        ad_t: ad_t.into(),
        tag_a: Bytes::new(),
        tag_t: Bytes::new(),
        relay_version: "forged".into(),
        opened: OPENED_US,
        sid: sid.to_vec().into(),
    };
    Some((header, binding))
}

fn join(subject: &str) -> Join {
    let person = Certificate {
        login: "alice".into(),
        name: "Alice Ng".into(),
        organisation: "Example".into(),
        public_key: key(Who::Technician).public().as_bytes().to_vec().into(),
        roles: vec![Role::Technician.into()],
        not_before: 0,
        not_after: u64::MAX,
        serial: 1,
    };
    Join {
        version: 1,
        session_key: key(Who::TechnicianEnd).public(),
        certificate: certificate::issue(&key(Who::Authority), &person).encode_to_vec().into(),
        ticket: "1001".into(),
        subject: subject.into(),
        requested: 2,
        nonce: [4; 32],
    }
}
