//! Interruptions, counted: who is away, since when, and how long the session still waits.

use std::time::Duration;

use tokio::time::Instant;

use crate::lines::Away;

/// What comes this soon after an interruption is the same one: a relay that was restarted is back
/// a moment before the agent is.
const SAME: Duration = Duration::from_secs(2);

/// An interruption that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Over {
    pub(super) took: Duration,
    /// The one before goes on with it.
    pub(super) same: bool,
}

/// The interruption of the moment, if there is one.
#[derive(Debug, Default)]
pub(super) struct Gap {
    relay: bool,
    agent: bool,
    since: Option<Instant>,
    /// Beginning and end of the last one.
    last: Option<(Instant, Instant)>,
    /// Whether the relay was away in this one, or the last.
    relays: bool,
}

impl Gap {
    /// Somebody is away from `now` on. True where that was not so before.
    pub(super) fn lost(&mut self, away: Away, now: Instant) -> bool {
        let open = self.since.is_some();
        let flag = match away {
            Away::Relay => &mut self.relay,
            Away::Agent => &mut self.agent,
        };
        let new = !std::mem::replace(flag, true);
        if !open {
            let before = self.last.filter(|(_, ended)| now.duration_since(*ended) < SAME);
            self.since = Some(before.map_or(now, |(began, _)| began));
            self.relays &= before.is_some();
        }
        self.relays |= away == Away::Relay;
        new
    }

    /// Somebody is back. Gives the interruption where nobody else is away.
    pub(super) fn back(&mut self, away: Away, now: Instant) -> Option<Over> {
        match away {
            Away::Relay => self.relay = false,
            Away::Agent => self.agent = false,
        }
        if self.relay || self.agent {
            return None;
        }
        let began = self.since.take()?;
        let same = self.last.is_some_and(|(first, _)| first == began);
        self.last = Some((began, now));
        Some(Over { took: now.duration_since(began), same })
    }

    /// Who is away: the relay first, as whoever is behind it cannot be seen.
    pub(super) const fn away(&self) -> Option<Away> {
        match (self.relay, self.agent) {
            (true, _) => Some(Away::Relay),
            (false, true) => Some(Away::Agent),
            (false, false) => None,
        }
    }

    /// How long it has lasted.
    pub(super) fn lasted(&self, now: Instant) -> Option<Duration> {
        self.since.map(|since| now.duration_since(since))
    }

    /// How long the session still waits, of `grace` in all.
    pub(super) fn left(&self, grace: Duration, now: Instant) -> Option<Duration> {
        self.lasted(now).map(|lasted| grace.saturating_sub(lasted))
    }

    /// Whether the relay was away in the interruption of the moment, or in one that ended just now.
    pub(super) fn is_the_relays(&self, now: Instant) -> bool {
        let just = self.last.is_some_and(|(_, ended)| now.duration_since(ended) < SAME);
        self.relays && (self.since.is_some() || just)
    }
}

/// Minutes and seconds, as a countdown shows them.
pub(super) fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(300);

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn an_interruption_lasts_until_everybody_is_back() {
        let (mut gap, start) = (Gap::default(), Instant::now());
        let at = |seconds| after(start, seconds);
        assert_eq!(gap.back(Away::Agent, at(0)), None);
        assert!(gap.lost(Away::Agent, at(10)));
        assert!(!gap.lost(Away::Agent, at(11)));
        assert!(gap.lost(Away::Relay, at(20)));
        assert_eq!(gap.away(), Some(Away::Relay));
        assert_eq!(gap.left(GRACE, at(40)), Some(Duration::from_secs(270)));
        assert_eq!(gap.left(GRACE, at(999)), Some(Duration::ZERO));
        assert_eq!(gap.back(Away::Relay, at(45)), None);
        assert_eq!(gap.away(), Some(Away::Agent));
        let over = Over { took: Duration::from_secs(40), same: false };
        assert_eq!(gap.back(Away::Agent, at(50)), Some(over));
        assert_eq!((gap.away(), gap.lasted(at(60))), (None, None));
        assert!(gap.is_the_relays(at(51)) && !gap.is_the_relays(at(60)));
    }

    #[test]
    fn a_relay_and_then_an_agent_that_come_back_are_one() {
        let (mut gap, start) = (Gap::default(), Instant::now());
        let at = |seconds| after(start, seconds);
        gap.lost(Away::Relay, at(0));
        let over = gap.back(Away::Relay, at(5));
        assert_eq!(over, Some(Over { took: Duration::from_secs(5), same: false }));
        assert!(gap.lost(Away::Agent, at(6)));
        assert!(gap.is_the_relays(at(6)));
        let over = gap.back(Away::Agent, at(9));
        assert_eq!(over, Some(Over { took: Duration::from_secs(9), same: true }));
        assert!(gap.is_the_relays(at(10)));

        assert!(gap.lost(Away::Agent, at(60)));
        assert!(!gap.is_the_relays(at(60)));
        let over = gap.back(Away::Agent, at(61));
        assert_eq!(over, Some(Over { took: Duration::from_secs(1), same: false }));
    }

    #[test]
    fn a_countdown_reads_as_one() {
        assert_eq!(clock(Duration::from_secs(272)), "4:32");
        assert_eq!(clock(Duration::from_millis(9900)), "0:09");
    }
}
