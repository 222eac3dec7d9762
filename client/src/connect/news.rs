//! What the session's signals bring: interruptions, other lines, a policy that changed, and the
//! relay's word that the session is closed.

use anyhow::Context as _;
use deskside_link::attend::News;
use deskside_protocol::identity::rotation::follow_authority;
use deskside_protocol::policy::{Policy, PolicyError};
use deskside_protocol::wire::record::Reason;
use deskside_protocol::wire::signal::PolicyNow;

use super::live::Live;
use super::over::Over;
use super::talk::Talk;
use crate::failure::sentence_of;
use crate::lines::Away;

impl Live<'_> {
    /// What the session's signals bring.
    pub(super) fn hear(&mut self, news: News, talk: &mut Talk) -> anyhow::Result<Option<Over>> {
        match news {
            News::Away => self.telling.away(Away::Relay)?,
            News::Back => self.telling.back(Away::Relay)?,
            News::PeerAway => self.telling.away(Away::Agent)?,
            News::PeerBack => self.telling.back(Away::Agent)?,
            News::Unrecorded => {
                if let Err(error) = self.maker.unrecorded() {
                    return Ok(Some(Over::failed(Reason::TechnicianEnded, error)));
                }
                self.statements.unrecorded();
                self.telling.unrecorded()?;
            }
            // Whoever asked has the answer.
            News::Files(_) => {}
            News::Policy(now) => match self.policy_now(&now) {
                Ok(policy) => self.telling.narrowed(&self.maker.policy, &policy)?,
                Err(error) => {
                    let error = sentence_of(&error);
                    tracing::warn!(error, "the relay told of a policy that cannot be taken");
                }
            },
            News::Line(given) => {
                self.lines.drop_line();
                self.keeper.found_at(given.token);
                self.telling.another_line(given.line)?;
                self.number = given.line;
                *talk = self.talk(given);
            }
            News::Closed(closed) => return Ok(Some(Over::closed(closed))),
        }
        Ok(None)
    }

    /// The policy in force, where the organisation has signed it and it is no older one.
    fn policy_now(&self, now: &PolicyNow) -> anyhow::Result<Policy> {
        let known = &self.technician.account.join.organisation;
        let organisation = follow_authority(known, &now.organisations)?;
        let signed = now.policy.as_ref().context("find a policy")?;
        let policy = Policy::open_at_any_time(signed, &organisation)?;
        let (serial, seen) = (policy.serial, self.maker.policy.serial);
        if serial < seen { Err(PolicyError::Stale { serial, seen }.into()) } else { Ok(policy) }
    }
}
