//! Which ends of a session are there, since when, and when the grace is over.
//!
//! A pure machine: time is a `Duration` since any fixed moment. What the relay then says, records
//! and forwards is for whoever drives it.

use std::time::Duration;

use deskside_protocol::session::{End, Ends};

/// What follows from the loss of an end's leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    /// The session waits for it.
    Waits,
    /// The session had not come about yet: it ends.
    Ends,
    /// It was away already.
    Known,
}

/// What an end's return changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Return {
    /// How long it was away; `None` where its former leg had not been lost.
    pub(super) away: Option<Duration>,
    /// Whether both ends are there now.
    pub(super) both: bool,
}

/// Both ends of one session.
#[derive(Debug, Clone, Copy)]
pub(super) struct Presence {
    grace: Duration,
    /// Whether a lost end is waited for.
    lasting: bool,
    /// `None` for an end that is there.
    away_since: Ends<Option<Duration>>,
}

impl Presence {
    /// A session that begins, both ends there. A lost end ends it until [`Self::handle_lasting`].
    pub(super) const fn new(grace: Duration) -> Self {
        Self { grace, lasting: false, away_since: Ends { agent: None, technician: None } }
    }

    /// A session that a restarted relay waits for, both ends away.
    pub(super) const fn rebuilt(grace: Duration, now: Duration) -> Self {
        let away_since = Ends { agent: Some(now), technician: Some(now) };
        Self { grace, lasting: true, away_since }
    }

    /// From here on the session lasts while an end is away.
    pub(super) const fn handle_lasting(&mut self) {
        self.lasting = true;
    }

    /// An end's leg is gone.
    pub(super) fn handle_lost(&mut self, end: End, now: Duration) -> Lost {
        let since = self.away_since.of_mut(end);
        if since.is_some() {
            return Lost::Known;
        }
        *since = Some(now);
        if self.lasting { Lost::Waits } else { Lost::Ends }
    }

    /// An end is there, on a leg of its own.
    pub(super) fn handle_back(&mut self, end: End, now: Duration) -> Return {
        let since = self.away_since.of_mut(end).take();
        let away = since.map(|since| now.saturating_sub(since));
        Return { away, both: self.both() }
    }

    /// When [`Self::handle_timeout`] next has something to say.
    pub(super) fn poll_timeout(&self) -> Option<Duration> {
        self.longest_away().map(|(since, _)| since + self.grace)
    }

    /// The end for which the session has waited long enough: of two the one that was lost first.
    pub(super) fn handle_timeout(&self, now: Duration) -> Option<End> {
        let (since, end) = self.longest_away()?;
        (now >= since + self.grace).then_some(end)
    }

    /// Whether `end` is there.
    pub(super) const fn is_here(&self, end: End) -> bool {
        self.away_since.of(end).is_none()
    }

    /// Whether both are there.
    pub(super) const fn both(&self) -> bool {
        self.is_here(End::Agent) && self.is_here(End::Technician)
    }

    fn longest_away(&self) -> Option<(Duration, End)> {
        let Ends { agent, technician } = self.away_since;
        let away = [(agent, End::Agent), (technician, End::Technician)];
        let away = away.into_iter().filter_map(|(since, end)| Some((since?, end)));
        // The first of equals: a restarted relay that sees nobody again names the agent.
        away.min_by_key(|(since, _)| *since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(300);

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn before_it_lasts_a_lost_end_ends_it() {
        let mut presence = Presence::new(GRACE);
        assert_eq!((presence.poll_timeout(), presence.both()), (None, true));
        assert_eq!(presence.handle_lost(End::Agent, at(1)), Lost::Ends);
    }

    #[test]
    fn a_lost_end_has_the_grace_and_no_more() {
        let mut presence = Presence::new(GRACE);
        presence.handle_lasting();
        assert_eq!(presence.handle_lost(End::Technician, at(10)), Lost::Waits);
        assert_eq!(presence.handle_lost(End::Technician, at(20)), Lost::Known);
        assert!(presence.is_here(End::Agent) && !presence.both());
        assert_eq!(presence.poll_timeout(), Some(at(310)));
        assert_eq!(presence.handle_timeout(at(309)), None);
        assert_eq!(presence.handle_timeout(at(310)), Some(End::Technician));
    }

    #[test]
    fn each_absence_has_a_grace_of_its_own() {
        let mut presence = Presence::new(GRACE);
        presence.handle_lasting();
        presence.handle_lost(End::Agent, at(10));
        let back = presence.handle_back(End::Agent, at(200));
        assert_eq!(back, Return { away: Some(at(190)), both: true });
        assert_eq!(presence.poll_timeout(), None);
        presence.handle_lost(End::Agent, at(250));
        assert_eq!(presence.poll_timeout(), Some(at(550)));
    }

    #[test]
    fn a_second_leg_of_an_end_that_is_there_is_no_return() {
        let mut presence = Presence::new(GRACE);
        presence.handle_lasting();
        let back = presence.handle_back(End::Agent, at(5));
        assert_eq!(back, Return { away: None, both: true });
    }

    #[test]
    fn of_two_that_are_away_the_first_counts() {
        let mut presence = Presence::new(GRACE);
        presence.handle_lasting();
        presence.handle_lost(End::Technician, at(10));
        presence.handle_lost(End::Agent, at(20));
        assert_eq!(presence.handle_timeout(at(310)), Some(End::Technician));
        let back = presence.handle_back(End::Technician, at(300));
        assert_eq!(back, Return { away: Some(at(290)), both: false });
        assert_eq!(presence.handle_timeout(at(310)), None);
        assert_eq!(presence.handle_timeout(at(320)), Some(End::Agent));
    }

    #[test]
    fn a_rebuilt_session_waits_for_both() {
        let mut presence = Presence::rebuilt(GRACE, at(7));
        assert_eq!(presence.poll_timeout(), Some(at(307)));
        assert!(!presence.handle_back(End::Technician, at(8)).both);
        assert!(presence.handle_back(End::Agent, at(9)).both);
        assert_eq!(presence.poll_timeout(), None);
    }

    #[test]
    fn a_clock_that_stands_still_or_jumps_back_breaks_nothing() {
        let mut presence = Presence::rebuilt(GRACE, at(7));
        let back = presence.handle_back(End::Agent, at(3));
        assert_eq!(back.away, Some(Duration::ZERO));
    }
}
