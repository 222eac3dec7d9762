//! The technician's side: it answers what the agent parked at the relay, and checks the agent's
//! tag.

use prost::Message as _;

use super::confirm::{Confirmation, Role};
use super::cpace::{Exchange, Shares};
use super::{Paired, PairingError, VERSION};
use crate::code::Code;
use crate::grant::GrantSet;
use crate::key::{PublicKey, SigningKey};
use crate::random::{self, Random};
use crate::transcript::{AgentData, ChannelIdentifier, HASH, Join, Transcript, sid};
use crate::wire::record;
use crate::wire::signal::{Joined, PairingAnswer, PairingOffer};

/// What the technician signs for: read by the user before anything is allowed.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The certificate that the organisation signed.
    pub certificate: &'a record::Signed,
    /// Ticket number.
    pub ticket: &'a str,
    /// The ticket's subject.
    pub subject: &'a str,
    /// What the technician wishes to do.
    pub grants: GrantSet,
}

/// An offer is on its way; the agent's tag is still to come.
#[allow(missing_debug_implementations, reason = "holds secrets")]
pub struct Offered {
    confirmation: Confirmation,
    session_key: SigningKey,
    peer_key: PublicKey,
    transcript_hash: [u8; HASH],
    answered: GrantSet,
}

impl Offered {
    /// Answers what the agent parked; the returned signal goes to the agent.
    ///
    /// `key` is the long-term key of the request's certificate.
    ///
    /// # Errors
    /// [`PairingError`]; the code is still unspent at the agent then.
    pub fn start(
        code: &Code,
        channel: &ChannelIdentifier,
        joined: &Joined,
        key: &SigningKey,
        request: Request<'_>,
        random: &mut dyn Random,
    ) -> Result<(Self, PairingOffer), PairingError> {
        let agent = AgentData::decode(&joined.ad_a).map_err(|_| PairingError::Malformed)?;
        if agent.version != VERSION {
            return Err(PairingError::Version { theirs: agent.version });
        }
        let ci = channel.encode();
        let sid = sid(code.nameplate(), &agent.nonce);
        let exchange = Exchange::start(code.digits(), &ci, &sid, random)?;
        let y_t = *exchange.share();
        let session_key = SigningKey::generate(random);
        let join = join(&session_key, request, random);
        let ad_t = join.sign(key, &ci, &sid, &y_t).encode();

        let (y_a, ad_a) = (joined.y_a.as_ref(), joined.ad_a.as_ref());
        let shares = Shares { y_a, ad_a, y_t: &y_t, ad_t: &ad_t };
        let isk = exchange.finish(y_a, &sid, shares)?;
        let transcript = Transcript { ci: &ci, sid: &sid, y_a, ad_a, y_t: &y_t, ad_t: &ad_t };
        let transcript_hash = transcript.hash();
        let confirmation = Confirmation::new(&isk, transcript_hash);
        let tag_t = confirmation.tag(Role::Technician)?.to_vec().into();
        let offer = PairingOffer { y_t: y_t.to_vec().into(), ad_t: ad_t.into(), tag_t };
        let offered = Self {
            confirmation,
            session_key,
            peer_key: agent.session_key,
            transcript_hash,
            answered: GrantSet::from_bits(agent.answered),
        };
        Ok((offered, offer))
    }

    /// Checks the agent's tag. What the user answered beforehand comes with the pairing.
    ///
    /// # Errors
    /// [`PairingError::WrongCode`]: whoever answered does not have the code.
    pub fn receive(self, answer: &PairingAnswer) -> Result<(Paired, GrantSet), PairingError> {
        self.confirmation.verify(Role::Agent, &answer.tag_a)?;
        let Self { session_key, peer_key, transcript_hash, answered, .. } = self;
        Ok((Paired { session_key, peer_key, transcript_hash }, answered))
    }
}

fn join(session_key: &SigningKey, request: Request<'_>, random: &mut dyn Random) -> Join {
    Join {
        version: VERSION,
        session_key: session_key.public(),
        certificate: request.certificate.encode_to_vec().into(),
        ticket: request.ticket.to_owned(),
        subject: request.subject.to_owned(),
        requested: request.grants.bits(),
        nonce: random::bytes(random),
    }
}
