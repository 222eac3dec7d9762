//! The HEADER's checks: everything that the pairing bound, computed again.

use prost::Message as _;

use super::report::{Facts, Flaw};
use crate::code::Nameplate;
use crate::identity::certificate;
use crate::key::{Context, PublicKey};
use crate::recording::format::Kind;
use crate::recording::signatures::Binding;
use crate::session::SessionId;
use crate::signed;
use crate::transcript::{
    AgentData, ChannelIdentifier, TechnicianData, Transcript, policy_hash, sid,
};
use crate::wire::record;

/// Checks a HEADER's body; `expected` is the organisation that the caller trusts, `former` the keys
/// that it had before.
pub(super) fn check(
    body: &[u8],
    expected: Option<&PublicKey>,
    former: &[PublicKey],
) -> Result<Facts, Flaw> {
    let header = record::Header::decode(body).map_err(|_| Flaw::Body(Kind::Header))?;
    let organisation = key(&header.organisation_key, "organisation_key")?;
    let is_known =
        |expected: &PublicKey| *expected == organisation || former.contains(&organisation);
    if !expected.is_none_or(is_known) {
        return Err(Flaw::OtherOrganisation(organisation));
    }
    let policy = header.policy.clone().ok_or(Flaw::Header("policy"))?;
    signed::open(&policy, &organisation, Context::Policy).map_err(|_| Flaw::Policy)?;
    let agent = AgentData::decode(&header.ad_a).map_err(|_| Flaw::Header("ad_a"))?;
    let technician = TechnicianData::decode(&header.ad_t).map_err(|_| Flaw::Header("ad_t"))?;
    let certificate = certificate::decode(&technician.join.certificate)
        .and_then(|signed| certificate::open(&signed, &organisation))
        .map_err(|_| Flaw::Certificate)?;
    let node_key = key(&header.node_key, "node_key")?;
    let ci = ChannelIdentifier {
        relay_origin: header.relay_origin.clone(),
        node_key,
        organisation_key: organisation,
        policy_hash: policy_hash(&policy),
    };
    let transcript = pairing(&header, &ci.encode(), &agent, &technician, &certificate)?;
    let session = SessionId::try_from(header.session.as_ref());
    let session = session.map_err(|_| Flaw::Header("session"))?;
    Ok(Facts {
        binding: Binding { session, transcript },
        relay_origin: header.relay_origin,
        node_key,
        organisation_key: organisation,
        policy,
        certificate,
        technician,
        agent,
        relay_version: header.relay_version,
        opened_us: header.opened,
    })
}

/// Whether the certificate allowed its holder to be a technician when the session opened.
pub(super) fn allowed(facts: &Facts) -> Result<(), Flaw> {
    let record::Certificate { not_before, not_after, roles, .. } = &facts.certificate;
    if !roles.contains(&record::Role::Technician.into()) {
        return Err(Flaw::NotATechnician);
    }
    let opened = facts.opened_us / 1_000_000;
    if !(*not_before..=*not_after).contains(&opened) {
        return Err(Flaw::CertificateTime);
    }
    Ok(())
}

/// Recomputes `sid` and the transcript hash and verifies `sig_T`.
fn pairing(
    header: &record::Header,
    ci: &[u8],
    agent: &AgentData,
    technician: &TechnicianData,
    certificate: &record::Certificate,
) -> Result<[u8; 32], Flaw> {
    let nameplate = Nameplate::parse(&header.nameplate).map_err(|_| Flaw::Header("nameplate"))?;
    let sid = sid(nameplate, &agent.nonce);
    if header.sid != sid.as_slice() {
        return Err(Flaw::Sid);
    }
    let long_term = PublicKey::try_from(certificate.public_key.as_ref());
    let long_term = long_term.map_err(|_| Flaw::Certificate)?;
    technician.verify(&long_term, ci, &sid, &header.y_t).map_err(|_| Flaw::Join)?;
    let transcript = Transcript {
        ci,
        sid: &sid,
        y_a: &header.y_a,
        ad_a: &header.ad_a,
        y_t: &header.y_t,
        ad_t: &header.ad_t,
    };
    Ok(transcript.hash())
}

fn key(bytes: &[u8], field: &'static str) -> Result<PublicKey, Flaw> {
    PublicKey::try_from(bytes).map_err(|_| Flaw::Header(field))
}
