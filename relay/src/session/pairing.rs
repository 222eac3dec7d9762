//! The pairing as the relay sees it: four signals pass through, and none of them opens anything.

use bytes::Bytes;
use deskside_protocol::pairing::{PairingError, SHARE, TAG};
use deskside_protocol::wire::signal::refused::Code;
use deskside_protocol::wire::signal::{
    CodeEnded, Joined, PairingAnswer, PairingFailed, PairingOffer, Park, signal::Kind,
};

use super::{Pair, misplaced};
use crate::burned;
use crate::hall::SPENT;
use crate::lobby::Slot;
use crate::service::Service;
use crate::talk::{Gone, Talk};

/// The longest associated data of an offer: a certificate of 4 KiB, a subject of 1 KiB, the rest.
const MAX_AD: usize = 8 * 1024;

/// Why no session came of a visit.
pub(super) enum Failed {
    /// Before anything was offered to the agent.
    Unused,
    /// After: the agent has spent its code.
    Spent(Gone),
}

/// Everything that was said, for the recording's header.
#[derive(Debug)]
pub(super) struct Pairing {
    pub(super) y_a: Bytes,
    pub(super) ad_a: Bytes,
    pub(super) y_t: Bytes,
    pub(super) ad_t: Bytes,
    pub(super) tag_t: Bytes,
    pub(super) tag_a: Bytes,
}

/// Has the agent park again, with the same code, where the policy changed since: both ends bind the
/// policy that they were told, and pairing would fail.
pub(super) async fn renew(
    service: &Service,
    agent: &mut Talk,
    park: &mut Park,
) -> Result<(), Gone> {
    let Some(renew) = agent.outdated(&service.relay).await? else { return Ok(()) };
    agent.send(Kind::Renew(renew)).await?;
    let Kind::Park(again) = agent.answer().await? else { return Err(Gone::Unexpected) };
    *park = again;
    Ok(())
}

/// A technician at an agent's code.
pub(super) struct Joining<'a> {
    pub(super) park: &'a Park,
    pub(super) subject: &'a str,
    pub(super) ticket: &'a str,
    pub(super) technician: &'a str,
    pub(super) slot: Slot,
}

impl Joining<'_> {
    /// Passes the pairing through, until the technician confirms it.
    pub(super) async fn run(
        &self,
        service: &Service,
        mut ends: Pair<'_>,
    ) -> Result<Pairing, Failed> {
        let offer = self.offer(&mut ends).await?;
        // From here on the code is spent: the agent spends it when the offer arrives.
        service.hall.end(self.slot);
        match self.confirm(service, &mut ends, offer).await {
            Ok(pairing) => Ok(pairing),
            Err(gone) => {
                let over = Kind::CodeEnded(CodeEnded { expired: false });
                ends.agent.say_last(over).await;
                Err(Failed::Spent(gone))
            }
        }
    }

    /// Gives the technician what the agent parked, and waits for the offer.
    async fn offer(&self, ends: &mut Pair<'_>) -> Result<PairingOffer, Failed> {
        let Park { y_a, ad_a } = self.park.clone();
        let joined = Joined { y_a, ad_a, subject: self.subject.to_owned() };
        let technician = &mut *ends.technician;
        technician.send(Kind::Joined(joined)).await.map_err(|_| Failed::Unused)?;
        tokio::select! {
            said = technician.answer() => match said {
                Ok(Kind::PairingOffer(offer)) if is_sound(&offer) => Ok(offer),
                Ok(_) => {
                    misplaced(technician).await;
                    Err(Failed::Unused)
                }
                Err(_) => Err(Failed::Unused),
            },
            said = ends.agent.receive() => {
                technician.refuse(Code::CodeSpent, SPENT).await;
                Err(Failed::Spent(said.err().unwrap_or(Gone::Unexpected)))
            }
        }
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "whatever else comes does not belong here")]
    async fn confirm(
        &self,
        service: &Service,
        ends: &mut Pair<'_>,
        offer: PairingOffer,
    ) -> Result<Pairing, Gone> {
        let PairingOffer { y_t, ad_t, tag_t } = offer.clone();
        let answered = ask_agent(ends.agent, offer).await;
        let tag_a = match answered {
            Ok(tag) => tag,
            Err((gone, cause)) => {
                let text = self.burn(service, cause).await;
                let failed = Kind::PairingFailed(PairingFailed { cause, text });
                ends.technician.say_last(failed).await;
                return Err(gone);
            }
        };
        let answer = Kind::PairingAnswer(PairingAnswer { tag_a: tag_a.clone() });
        ends.technician.send(answer).await?;
        match ends.technician.answer().await? {
            Kind::Confirmed(_) => {}
            _ => return Err(Gone::Unexpected),
        }
        let Park { y_a, ad_a } = self.park.clone();
        Ok(Pairing { y_a, ad_a, y_t, ad_t, tag_t, tag_a })
    }

    /// Writes a wrong guess down, and gives what the technician is told beside the cause.
    async fn burn(&self, service: &Service, cause: u32) -> String {
        if ![PairingError::Share.cause(), PairingError::WrongCode.cause()].contains(&cause) {
            return String::new();
        }
        let plate = self.slot.nameplate();
        burned::note(&service.relay, self.technician, self.ticket, plate).await
    }
}

/// The agent's tag; or why there is none, with the cause that the technician is told.
async fn ask_agent(agent: &mut Talk, offer: PairingOffer) -> Result<Bytes, (Gone, u32)> {
    const NO_WORD: u32 = 0;
    agent.send(Kind::PairingOffer(offer)).await.map_err(|gone| (gone, NO_WORD))?;
    match agent.answer().await {
        Ok(Kind::PairingAnswer(answer)) if answer.tag_a.len() == TAG => Ok(answer.tag_a),
        Ok(Kind::PairingFailed(failed)) => Err((Gone::Left, failed.cause)),
        Ok(_) => Err((Gone::Unexpected, NO_WORD)),
        Err(gone) => Err((gone, NO_WORD)),
    }
}

fn is_sound(offer: &PairingOffer) -> bool {
    offer.y_t.len() == SHARE && offer.tag_t.len() == TAG && offer.ad_t.len() <= MAX_AD
}
