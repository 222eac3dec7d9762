//! A policy that changed while the session lives. The session keeps the rules that it began under for
//! everything that the relay does; the ends are handed the new one, and narrow by it what may be done.

use std::sync::Arc;

use deskside_protocol::session::End;
use deskside_protocol::wire::signal::PolicyNow;
use deskside_protocol::wire::signal::signal::Kind;

use super::live::Live;
use crate::rules::InForce;

impl Live {
    /// Hands an end the policy in force, where it is a later one than the session began under.
    pub(super) async fn tell_policy(&mut self, end: End) {
        let Some(now) = self.later_policy() else { return };
        let organisations = self.session.service.relay.node.rotations().organisations.clone();
        let policy = Some(now.signed.clone());
        self.say(end, Kind::PolicyNow(PolicyNow { policy, organisations })).await;
    }

    fn later_policy(&self) -> Option<Arc<InForce>> {
        let now = self.policy.borrow();
        now.as_ref().filter(|now| now.policy.serial > self.session.policy).cloned()
    }
}
