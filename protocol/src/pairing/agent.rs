//! The agent's side: it shows the code, waits for one offer, checks it and answers.

use super::confirm::{Confirmation, Role};
use super::cpace::{Exchange, Shares};
use super::{Paired, PairingError, VERSION};
use crate::code::Code;
use crate::grant::GrantSet;
use crate::identity::certificate;
use crate::identity::revocations::RevocationList;
use crate::key::{PublicKey, SigningKey};
use crate::random::{self, Random};
use crate::transcript::{
    AgentData, ChannelIdentifier, HASH, Join, TechnicianData, Transcript, sid,
};
use crate::wire::record::{self, Role as CertificateRole};
use crate::wire::signal::{PairingAnswer, PairingOffer, Park};

/// A code is on the screen and its half of the run lies at the relay.
///
/// Consuming it by [`Waiting::receive`] is what spends the code: there is no second run.
#[allow(missing_debug_implementations, reason = "holds secrets")]
pub struct Waiting {
    exchange: Exchange,
    session_key: SigningKey,
    channel: ChannelIdentifier,
    ci: Vec<u8>,
    sid: [u8; HASH],
    ad_a: Vec<u8>,
}

/// What the checks of an offer need from outside.
#[derive(Debug, Clone, Copy)]
pub struct Checks<'a> {
    /// Seconds since the epoch.
    pub now: u64,
    /// The relay's list of certificates that no longer count, as it came with its welcome.
    pub revocations: &'a record::Signed,
}

/// Who asks and what for: verified, and what the user is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Technician {
    /// Name, login, organisation: as the organisation signed them.
    pub certificate: record::Certificate,
    /// Ticket number, under the technician's signature.
    pub ticket: String,
    /// The ticket's subject, under the technician's signature.
    pub subject: String,
    /// What the technician wishes to do.
    pub requested: GrantSet,
}

impl Waiting {
    /// Starts the run of `code`; the returned signal goes to the relay, the code to the user.
    ///
    /// # Errors
    /// [`PairingError::Share`], in theory only.
    pub fn start(
        code: &Code,
        channel: ChannelIdentifier,
        answered: GrantSet,
        random: &mut dyn Random,
    ) -> Result<(Self, Park), PairingError> {
        let session_key = SigningKey::generate(random);
        let nonce = random::bytes(random);
        let ad_a = AgentData {
            version: VERSION,
            session_key: session_key.public(),
            answered: answered.bits(),
            nonce,
        }
        .encode();
        let ci = channel.encode();
        let sid = sid(code.nameplate(), &nonce);
        let exchange = Exchange::start(code.digits(), &ci, &sid, random)?;
        let park = Park { y_a: exchange.share().to_vec().into(), ad_a: ad_a.clone().into() };
        Ok((Self { exchange, session_key, channel, ci, sid, ad_a }, park))
    }

    /// Spends the code and checks the offer, in the order of PROTOCOL.md: share, tag, version,
    /// list of revocations, certificate, signature.
    ///
    /// # Errors
    /// [`PairingError`]; the run is over then, and the code with it.
    pub fn receive(
        self,
        offer: &PairingOffer,
        checks: Checks<'_>,
    ) -> Result<(Paired, Technician, PairingAnswer), PairingError> {
        let Self { exchange, session_key, channel, ci, sid, ad_a } = self;
        let y_a = *exchange.share();
        let (y_t, ad_t) = (offer.y_t.as_ref(), offer.ad_t.as_ref());
        let shares = Shares { y_a: &y_a, ad_a: &ad_a, y_t, ad_t };
        let isk = exchange.finish(y_t, &sid, shares)?;
        let transcript = Transcript { ci: &ci, sid: &sid, y_a: &y_a, ad_a: &ad_a, y_t, ad_t };
        let transcript_hash = transcript.hash();
        let confirmation = Confirmation::new(&isk, transcript_hash);
        confirmation.verify(Role::Technician, &offer.tag_t)?;

        let (technician, peer_key) = identify(ad_t, y_t, &channel, &ci, &sid, checks)?;
        let tag_a = confirmation.tag(Role::Agent)?.to_vec().into();
        let paired = Paired { session_key, peer_key, transcript_hash };
        Ok((paired, technician, PairingAnswer { tag_a }))
    }
}

/// What follows the tag: whoever has the code also has to be whom the organisation vouches for.
fn identify(
    ad_t: &[u8],
    y_t: &[u8],
    channel: &ChannelIdentifier,
    ci: &[u8],
    sid: &[u8; HASH],
    checks: Checks<'_>,
) -> Result<(Technician, PublicKey), PairingError> {
    let data = TechnicianData::decode(ad_t).map_err(|_| PairingError::Malformed)?;
    if data.join.version != VERSION {
        return Err(PairingError::Version { theirs: data.join.version });
    }
    let revoked = RevocationList::open(checks.revocations, &channel.node_key, checks.now)?;
    let certificate =
        certificate::decode(&data.join.certificate).map_err(|_| PairingError::Malformed)?;
    let certificate = certificate::verify(
        &certificate,
        &channel.organisation_key,
        checks.now,
        CertificateRole::Technician,
        &revoked,
    )?;
    let key = PublicKey::try_from(certificate.public_key.as_ref())
        .map_err(|_| PairingError::Malformed)?;
    data.verify(&key, ci, sid, y_t).map_err(|_| PairingError::Signature)?;
    let Join { session_key, ticket, subject, requested, .. } = data.join;
    let requested = GrantSet::from_bits(requested);
    Ok((Technician { certificate, ticket, subject, requested }, session_key))
}
