//! Who is here by which certificate, and whether it still counts: a revocation or the end of a
//! certificate ends what its holder is doing, not only what he begins.
//!
//! A person is present by a session ([`Tenure`]) or by a leg that asked for something. [`keep`] looks
//! at the database ten times a second, tells the sessions of whoever may not be here any more, and
//! closes the legs behind them. It also writes down who was seen, and passes a changed policy on.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deskside_protocol::close::CloseCode;
use deskside_protocol::wire::record::Reason;
use quinn::Connection;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

use crate::service::Service;
use crate::store::{StoreError, Technician};
use crate::{chain, clock};

/// How often it is looked: a revocation counts within a second, with room for a busy machine.
const LOOK: Duration = Duration::from_millis(100);
/// A session that ends has this long for its last words (3 s to sign, 10 s to hear), then the leg
/// is closed all the same.
const LAST_WORDS: Duration = Duration::from_secs(13);
/// A person who was seen is written down again after this many seconds: one commit a minute.
const SEEN_AGAIN: u64 = 60;

/// Why somebody may not stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expelled {
    Revoked,
    Expired,
}

impl Expelled {
    /// What the ends of a session are told.
    pub(crate) const fn reason(self) -> Reason {
        match self {
            Self::Revoked => Reason::TechnicianRevoked,
            Self::Expired => Reason::TechnicianExpired,
        }
    }
}

/// A session's hold on its technician's standing. The legs are closed once all are dropped.
#[derive(Debug)]
pub(crate) struct Tenure {
    /// Of the certificate.
    serial: u64,
    out: watch::Receiver<Option<Expelled>>,
}

impl Tenure {
    /// Waits until the technician may not stay; for ever where he may. Loses nothing when cancelled.
    pub(crate) async fn expelled(&mut self) -> Expelled {
        match self.out.wait_for(Option::is_some).await.map(|out| *out) {
            Ok(Some(why)) => why,
            // The relay is ending, and says so by itself.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }
}

/// What is closed when somebody has to go.
pub(crate) trait Leg {
    /// Whether it has ended by itself.
    fn is_over(&self) -> bool;
    /// Closes it.
    fn close(&self);
    /// Whether it is the same leg.
    fn is(&self, other: &Self) -> bool;
}

impl Leg for Connection {
    fn is_over(&self) -> bool {
        self.close_reason().is_some()
    }

    fn close(&self) {
        let code = CloseCode::NotPermitted;
        Self::close(self, code.number().into(), code.sentence().as_bytes());
    }

    fn is(&self, other: &Self) -> bool {
        self.stable_id() == other.stable_id()
    }
}

/// Everybody who is here. A machine: times are arguments, what it says is done by [`keep`].
#[derive(Debug)]
pub(crate) struct Standing<L = Connection> {
    inside: Mutex<Inside<L>>,
}

impl<L> Default for Standing<L> {
    fn default() -> Self {
        Self { inside: Mutex::new(Inside { present: HashMap::new(), revoked: BTreeSet::new() }) }
    }
}

#[derive(Debug)]
struct Inside<L> {
    present: HashMap<u64, Present<L>>,
    /// As of the last look.
    revoked: BTreeSet<u64>,
}

#[derive(Debug)]
struct Present<L> {
    /// Seconds since the epoch.
    expires_at: u64,
    out: watch::Sender<Option<Expelled>>,
    expelled_at: Option<Instant>,
    legs: Vec<L>,
    /// Seconds since the epoch; 0 for never.
    seen: u64,
    written: u64,
}

impl<L: Leg> Standing<L> {
    /// A session of this technician begins or goes on.
    pub(crate) fn stay(&self, who: &Technician) -> Tenure {
        let mut inside = self.inside();
        let out = inside.of(who).out.subscribe();
        Tenure { serial: who.serial, out }
    }

    /// Somebody asked for something over `leg`, and may.
    pub(crate) fn seen(&self, who: &Technician, leg: &L, now: u64)
    where
        L: Clone,
    {
        let mut inside = self.inside();
        let present = inside.of(who);
        present.seen = now;
        present.add(leg);
    }

    /// A technician came back to a session over another leg.
    pub(crate) fn came_back(&self, tenure: &Tenure, leg: &L)
    where
        L: Clone,
    {
        if let Some(present) = self.inside().present.get_mut(&tenure.serial) {
            present.add(leg);
        }
    }

    /// These certificates are revoked.
    fn handle_revoked(&self, serials: impl IntoIterator<Item = u64>) {
        let mut inside = self.inside();
        inside.revoked = serials.into_iter().collect();
        let Inside { present, revoked } = &mut *inside;
        for (serial, present) in present {
            if revoked.contains(serial) {
                present.expel(Expelled::Revoked);
            }
        }
    }

    /// Whose certificate has run out, as far as is known here: it may have been renewed.
    fn poll_due(&self, now: u64) -> Vec<u64> {
        let inside = self.inside();
        let due = inside
            .present
            .iter()
            .filter(|(_, present)| present.expires_at <= now && present.out.borrow().is_none());
        due.map(|(serial, _)| *serial).collect()
    }

    /// Until when a certificate really counts.
    fn handle_expiry(&self, serial: u64, expires_at: u64, now: u64) {
        if let Some(present) = self.inside().present.get_mut(&serial) {
            present.expires_at = expires_at;
            if expires_at <= now {
                present.expel(Expelled::Expired);
            }
        }
    }

    /// Closes the legs of those who have to go, once their sessions are over, and forgets who left.
    fn handle_time(&self, now: Instant) {
        self.inside().present.retain(|_, present| {
            let sessions = present.out.receiver_count() > 0;
            if let Some(since) = present.expelled_at
                && (!sessions || now.duration_since(since) >= LAST_WORDS)
            {
                present.legs.iter().for_each(Leg::close);
            }
            present.legs.retain(|leg| !leg.is_over());
            sessions || !present.legs.is_empty() || present.is_unwritten()
        });
    }

    /// Who was seen since it was last written down, and when.
    fn poll_seen(&self) -> Vec<(u64, u64)> {
        let mut seen = Vec::new();
        for (serial, present) in &mut self.inside().present {
            if present.is_unwritten() {
                present.written = present.seen;
                seen.push((*serial, present.seen));
            }
        }
        seen
    }

    fn inside(&self) -> MutexGuard<'_, Inside<L>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<L: Leg> Inside<L> {
    fn of(&mut self, who: &Technician) -> &mut Present<L> {
        let revoked = who.revoked_at.is_some() || self.revoked.contains(&who.serial);
        let present = self.present.entry(who.serial).or_insert_with(|| Present::new(who));
        if who.expires_at > present.expires_at {
            present.renew(who);
        }
        if revoked {
            present.expel(Expelled::Revoked);
        }
        present
    }
}

impl<L: Leg> Present<L> {
    fn new(who: &Technician) -> Self {
        Self {
            expires_at: who.expires_at,
            out: watch::Sender::new(None),
            expelled_at: None,
            legs: Vec::new(),
            seen: 0,
            written: 0,
        }
    }

    /// There is a later certificate. Whoever was expelled with the former one has been told.
    fn renew(&mut self, who: &Technician) {
        self.expires_at = who.expires_at;
        if *self.out.borrow() == Some(Expelled::Expired) {
            self.legs.iter().for_each(Leg::close);
            *self = Self { seen: self.seen, written: self.written, ..Self::new(who) };
        }
    }

    fn add(&mut self, leg: &L)
    where
        L: Clone,
    {
        if !self.legs.iter().any(|known| known.is(leg)) {
            self.legs.push(leg.clone());
        }
    }

    fn expel(&mut self, why: Expelled) {
        if self.expelled_at.is_none() {
            self.expelled_at = Some(Instant::now());
            self.out.send_replace(Some(why));
        }
    }

    const fn is_unwritten(&self) -> bool {
        self.seen >= self.written.saturating_add(SEEN_AGAIN)
    }
}

/// Looks at the database until the relay ends.
pub(crate) async fn keep(service: Arc<Service>) {
    let mut ticks = tokio::time::interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut version, mut failed) = (None, false);
    loop {
        tokio::select! {
            () = service.stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let looked = look(&service, &mut version).await;
        // Once, not ten times a second.
        if let (Err(error), false) = (&looked, failed) {
            tracing::error!(error = chain(error), "who was revoked cannot be read");
        }
        failed = looked.is_err();
    }
}

/// What the database counted when it was last looked at: changes by this process, and all commits.
type Version = Option<(u64, i64)>;

async fn look(service: &Service, version: &mut Version) -> Result<(), StoreError> {
    let (store, standing) = (service.relay.node.store(), &service.standing);
    let now = clock::seconds();
    let newest = Some((store.own_changes(), store.version().await?));
    let changed = *version != newest;
    if changed {
        standing.handle_revoked(store.revoked(now).await?);
    }
    for serial in standing.poll_due(now) {
        let who = store.technician_of(serial).await?;
        standing.handle_expiry(serial, who.map_or(0, |who| who.expires_at), now);
    }
    standing.handle_time(Instant::now());
    let seen = standing.poll_seen();
    if !seen.is_empty() {
        store.set_seen(&seen).await?;
    }
    if changed {
        pass_policy_on(service).await?;
        *version = newest;
    }
    Ok(())
}

/// Every session hears of a policy that changed.
async fn pass_policy_on(service: &Service) -> Result<(), StoreError> {
    let policy = service.relay.node.rules().policy().await?;
    service.policy.send_if_modified(|told| {
        let changed = told.as_ref().is_none_or(|told| told.hash != policy.hash);
        *told = Some(policy);
        changed
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[derive(Debug, Clone, Default)]
    struct Wire(Arc<AtomicBool>);

    impl Leg for Wire {
        fn is_over(&self) -> bool {
            self.0.load(Ordering::Relaxed)
        }

        fn close(&self) {
            self.0.store(true, Ordering::Relaxed);
        }

        fn is(&self, other: &Self) -> bool {
            Arc::ptr_eq(&self.0, &other.0)
        }
    }

    fn who(serial: u64) -> Technician {
        Technician {
            serial,
            login: "alice".into(),
            name: "Alice Ng".into(),
            roles: "technician".into(),
            public_key: [1; 32],
            certificate: Vec::new(),
            enrolled_at: 0,
            expires_at: 100,
            revoked_at: None,
            seen_at: None,
            renewal: crate::store::Renewal::ByItself,
            subject: None,
            recipient: String::new(),
        }
    }

    fn told(tenure: &Tenure) -> Option<Expelled> {
        *tenure.out.borrow()
    }

    #[tokio::test(start_paused = true)]
    async fn a_revocation_ends_the_session_and_then_the_leg() {
        let (standing, leg, other) = (Standing::default(), Wire::default(), Wire::default());
        standing.seen(&who(1), &leg, 5);
        standing.seen(&who(2), &other, 5);
        let mut stay = standing.stay(&who(1));
        standing.handle_revoked([1, 7]);
        assert_eq!(stay.expelled().await, Expelled::Revoked);
        standing.handle_time(Instant::now());
        assert!(!leg.is_over(), "a session has its last words first");
        drop(stay);
        standing.handle_time(Instant::now());
        assert!(leg.is_over() && !other.is_over());
        // Who comes after the look that saw the revocation is too late all the same.
        assert_eq!(told(&standing.stay(&who(7))), Some(Expelled::Revoked));
        assert_eq!(told(&standing.stay(&who(2))), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_that_does_not_end_keeps_no_leg() {
        let (standing, leg) = (Standing::default(), Wire::default());
        standing.seen(&who(1), &leg, 5);
        let _tenure = standing.stay(&who(1));
        standing.handle_revoked([1]);
        tokio::time::advance(LAST_WORDS - Duration::from_millis(1)).await;
        standing.handle_time(Instant::now());
        assert!(!leg.is_over());
        tokio::time::advance(Duration::from_millis(1)).await;
        standing.handle_time(Instant::now());
        assert!(leg.is_over());
    }

    #[test]
    fn a_certificate_that_ran_out_expels_unless_it_was_renewed() {
        let standing = Standing::<Wire>::default();
        let stay = standing.stay(&who(1));
        assert_eq!(standing.poll_due(99), [0; 0]);
        assert_eq!(standing.poll_due(100), [1]);
        standing.handle_expiry(1, 200, 100);
        assert_eq!((told(&stay), standing.poll_due(199)), (None, vec![]));
        standing.handle_expiry(1, 200, 200);
        assert_eq!(told(&stay), Some(Expelled::Expired));
        assert_eq!(standing.poll_due(300), [0; 0], "it is said once");
        let again = Technician { expires_at: 400, ..who(1) };
        assert_eq!(told(&standing.stay(&again)), None, "another sign-in counts at once");
        assert_eq!(told(&stay), Some(Expelled::Expired));
    }

    #[test]
    fn who_was_seen_is_written_down_once_a_minute_and_forgotten_when_gone() {
        let (standing, leg) = (Standing::default(), Wire::default());
        for now in [1000, 1001, 1059] {
            standing.seen(&who(1), &leg, now);
            assert_eq!(standing.poll_seen(), if now == 1000 { vec![(1, 1000)] } else { vec![] });
        }
        standing.seen(&who(1), &leg, 1060);
        leg.close();
        standing.handle_time(Instant::now());
        assert_eq!(standing.poll_seen(), [(1, 1060)]);
        standing.handle_time(Instant::now());
        assert!(standing.inside().present.is_empty());
    }
}
