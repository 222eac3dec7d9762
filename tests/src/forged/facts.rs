//! Who is in a forged recording, and under which policy: the same people each time.

use anyhow::Context as _;
use bytes::Bytes;
use deskside_protocol::code::Nameplate;
use deskside_protocol::identity::certificate;
use deskside_protocol::key::SigningKey;
use deskside_protocol::policy::Policy;
use deskside_protocol::recording::Binding;
use deskside_protocol::session::SessionId;
use deskside_protocol::transcript::{
    AgentData, ChannelIdentifier, Join, Transcript, policy_hash, sid,
};
use deskside_protocol::wire::record;
use prost::Message as _;
use zeroize::Zeroizing;

use super::OPENED_US;

pub(super) fn key(byte: u8) -> SigningKey {
    SigningKey::from_seed(Zeroizing::new([byte; 32]))
}

/// The head of a recording of a session with this subject.
pub(super) fn header(auditor: &str, subject: &str) -> anyhow::Result<(record::Header, Binding)> {
    let (authority, technician) = (key(1), key(2));
    let policy = policy(auditor)?.sign(&authority)?;
    let agent =
        AgentData { version: 1, session_key: key(11).public(), answered: 0, nonce: [3; 32] };
    let nameplate = Nameplate::new(48_219).context("make a nameplate")?;
    let sid = sid(nameplate, &agent.nonce);
    let ci = ChannelIdentifier {
        relay_origin: "relay.example:4433".into(),
        node_key: key(9).public(),
        organisation_key: authority.public(),
        policy_hash: policy_hash(&policy),
    };
    let person = record::Certificate {
        login: "alice".into(),
        name: "Alice Ng".into(),
        organisation: "Example".into(),
        public_key: technician.public().as_bytes().to_vec().into(),
        roles: vec![record::Role::Technician.into()],
        not_before: 0,
        not_after: u64::MAX,
        serial: 1,
    };
    let join = Join {
        version: 1,
        session_key: key(12).public(),
        certificate: certificate::issue(&authority, &person).encode_to_vec().into(),
        ticket: "1001".into(),
        subject: subject.into(),
        requested: 2,
        nonce: [4; 32],
    };
    let ad_t = join.sign(&technician, &ci.encode(), &sid, &[5; 32]).encode();
    let ad_a = agent.encode();
    let own = ci.encode();
    let transcript =
        Transcript { ci: &own, sid: &sid, y_a: &[6; 32], ad_a: &ad_a, y_t: &[5; 32], ad_t: &ad_t };
    let session = SessionId::from_bytes([0xab; 16]);
    let binding = Binding { session, transcript: transcript.hash() };
    let header = record::Header {
        session: session.as_bytes().to_vec().into(),
        relay_origin: ci.relay_origin.clone(),
        node_key: ci.node_key.as_bytes().to_vec().into(),
        organisation_key: ci.organisation_key.as_bytes().to_vec().into(),
        policy: Some(policy),
        nameplate: nameplate.to_string(),
        y_a: vec![6; 32].into(),
        y_t: vec![5; 32].into(),
        ad_a: ad_a.into(),
        ad_t: ad_t.into(),
        tag_a: Bytes::new(),
        tag_t: Bytes::new(),
        relay_version: "forged".into(),
        opened: OPENED_US,
        sid: sid.to_vec().into(),
    };
    Ok((header, binding))
}

fn policy(auditor: &str) -> anyhow::Result<Policy> {
    let (issued, ends) = ("2026-11-22T00:00:00Z".parse()?, "2027-11-22T00:00:00Z".parse()?);
    Ok(Policy { auditors: vec![auditor.to_owned()], ..Policy::first("Example", issued, ends) })
}
