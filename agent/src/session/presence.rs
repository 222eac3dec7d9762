//! Who is there: gaps, from the loss of an end to the return of both, each told once. A machine
//! without I/O; the clock is an argument.

use std::time::Duration;

use deskside_link::attend::News;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::events::Gone;

/// When a gap has another cause than was told (the relay is back and the technician is not), it is
/// told only once it has lasted this long: both mostly come back within a second.
const SETTLE: Duration = Duration::from_secs(3);
/// A relay that was restarted says at once where it misses the other end: this long after our own
/// return it has.
const HEARSAY: Duration = Duration::from_millis(300);

/// What is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    Gap(Gone),
    Back { after: Duration },
}

#[derive(Debug)]
struct Gap {
    since: Instant,
    told: Gone,
    /// Since when there is something else to tell.
    other: Option<Instant>,
}

#[derive(Debug)]
pub(super) struct Presence {
    /// Our leg.
    here: bool,
    peer: bool,
    gap: Option<Gap>,
}

impl Presence {
    /// Both ends are there.
    pub(super) const fn new() -> Self {
        Self { here: true, peer: true, gap: None }
    }

    /// We have come back from a gap that was told, and do not know of the other end yet.
    pub(super) const fn returned(since: Instant, now: Instant) -> Self {
        let gap = Gap { since, told: Gone::Relay, other: Some(now) };
        Self { here: true, peer: true, gap: Some(gap) }
    }

    /// Takes news in; those about other things change nothing.
    pub(super) fn heard(&mut self, news: &News, now: Instant) -> Option<Told> {
        match news {
            News::Away => self.here = false,
            News::Back => self.here = true,
            News::PeerAway => self.peer = false,
            News::PeerBack => self.peer = true,
            News::Line(_)
            | News::Files(_)
            | News::Unrecorded
            | News::Policy(_)
            | News::Closed(_) => return None,
        }
        let cause = self.cause();
        let Some(gap) = &mut self.gap else {
            let told = cause?;
            self.gap = Some(Gap { since: now, told, other: None });
            return Some(Told::Gap(told));
        };
        let hearsay = matches!(news, News::Back);
        if cause.is_none() && !hearsay {
            gap.other = None;
            return self.settle(now);
        }
        gap.other = (cause != Some(gap.told)).then_some(now);
        None
    }

    /// To be called at [`Presence::due`].
    pub(super) fn settle(&mut self, now: Instant) -> Option<Told> {
        let cause = self.cause();
        let gap = self.gap.as_mut()?;
        let since = gap.other.take().unwrap_or(now);
        if let Some(cause) = cause {
            gap.told = cause;
            return Some(Told::Gap(cause));
        }
        let after = since.duration_since(gap.since);
        self.gap = None;
        Some(Told::Back { after })
    }

    /// When [`Presence::settle`] is due.
    pub(super) fn due(&self) -> Option<Instant> {
        let pause = if self.is_whole() { HEARSAY } else { SETTLE };
        Some(self.gap.as_ref()?.other? + pause)
    }

    const fn cause(&self) -> Option<Gone> {
        match (self.here, self.peer) {
            (false, _) => Some(Gone::Relay),
            (true, false) => Some(Gone::Technician),
            (true, true) => None,
        }
    }

    /// Whether our own leg is there.
    pub(super) const fn is_here(&self) -> bool {
        self.here
    }

    /// Whether both ends are there.
    pub(super) const fn is_whole(&self) -> bool {
        self.here && self.peer
    }
}

/// Ends after `time` during which both ends were there: nobody answers in a gap.
pub(super) async fn patience(mut whole: watch::Receiver<bool>, mut time: Duration) {
    loop {
        if whole.wait_for(|whole| *whole).await.is_err() {
            return std::future::pending().await;
        }
        let since = Instant::now();
        tokio::select! {
            () = sleep(time) => return,
            _ = whole.wait_for(|whole| !*whole) => time = time.saturating_sub(since.elapsed()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Instant {
        use std::sync::OnceLock;
        static START: OnceLock<Instant> = OnceLock::new();
        *START.get_or_init(Instant::now) + Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_restarted_relay_is_one_gap() {
        let mut presence = Presence::new();
        assert_eq!(presence.heard(&News::PeerBack, at(0)), None);
        assert_eq!(presence.heard(&News::Away, at(0)), Some(Told::Gap(Gone::Relay)));
        assert!(!presence.is_here() && !presence.is_whole());
        assert_eq!(presence.heard(&News::Back, at(900)), None);
        assert_eq!(presence.due(), Some(at(1200)));
        assert_eq!(presence.heard(&News::PeerAway, at(900)), None);
        assert!(presence.is_here() && !presence.is_whole());
        assert_eq!(presence.due(), Some(at(3900)));
        let after = Duration::from_millis(1000);
        assert_eq!(presence.heard(&News::PeerBack, at(1000)), Some(Told::Back { after }));
        assert_eq!(presence.due(), None);
        assert_eq!(presence.heard(&News::PeerBack, at(1100)), None);
    }

    #[test]
    fn a_relay_that_misses_nobody_says_nothing() {
        let mut presence = Presence::new();
        presence.heard(&News::Away, at(0));
        assert_eq!(presence.heard(&News::Back, at(900)), None);
        let after = Duration::from_millis(900);
        assert_eq!(presence.settle(at(1200)), Some(Told::Back { after }));
        assert_eq!((presence.due(), presence.settle(at(9999))), (None, None));
    }

    #[test]
    fn a_restarted_program_goes_on_with_the_gap_that_it_told() {
        let mut presence = Presence::returned(at(0), at(5000));
        assert_eq!(presence.heard(&News::PeerAway, at(5000)), None);
        let after = Duration::from_millis(5100);
        assert_eq!(presence.heard(&News::PeerBack, at(5100)), Some(Told::Back { after }));
        let mut presence = Presence::returned(at(0), at(5000));
        assert_eq!(presence.due(), Some(at(5300)));
        let after = Duration::from_secs(5);
        assert_eq!(presence.settle(at(5300)), Some(Told::Back { after }));
    }

    #[test]
    fn what_is_lost_again_at_once_was_never_back() {
        let mut presence = Presence::new();
        presence.heard(&News::Away, at(0));
        presence.heard(&News::Back, at(900));
        assert_eq!(presence.heard(&News::Away, at(1000)), None);
        assert_eq!(presence.due(), None);
    }

    #[test]
    fn a_technician_who_stays_away_is_told_after_a_moment() {
        let mut presence = Presence::new();
        presence.heard(&News::Away, at(0));
        presence.heard(&News::Back, at(1000));
        presence.heard(&News::PeerAway, at(1000));
        assert_eq!(presence.due(), Some(at(4000)));
        assert_eq!(presence.settle(at(4000)), Some(Told::Gap(Gone::Technician)));
        assert_eq!(presence.due(), None);
        let after = Duration::from_secs(9);
        assert_eq!(presence.heard(&News::PeerBack, at(9000)), Some(Told::Back { after }));
        let gap = presence.heard(&News::PeerAway, at(10_000));
        assert_eq!(gap, Some(Told::Gap(Gone::Technician)));
    }

    #[tokio::test(start_paused = true)]
    async fn patience_does_not_run_out_in_a_gap() {
        let (whole, watched) = watch::channel(true);
        let gap = async {
            sleep(Duration::from_secs(6)).await;
            whole.send_replace(false);
            sleep(Duration::from_secs(100)).await;
            whole.send_replace(true);
            Instant::now()
        };
        let ((), back) = tokio::join!(patience(watched, Duration::from_secs(10)), gap);
        assert_eq!(back.elapsed().as_secs(), 4);
    }
}
