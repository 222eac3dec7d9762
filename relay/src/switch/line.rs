//! One line as the relay sees it: two labels, two addresses, and whether it may carry more than its
//! handshake yet.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use deskside_protocol::label::Label;
use deskside_protocol::recording::format::HANDSHAKE_BYTES;
use deskside_protocol::session::{End, Ends};
use tokio::sync::Notify;

use super::bucket::{Bucket, Rate};
use super::budget::Budget;
use crate::recorder::Recording;

/// What one end of a session may send: 10 Gbit/s, ten times what a session over the Internet has
/// and more than this machine forwards; a burst is 26 ms of that, and above a line's largest window
/// (16 MiB). Who is over it runs away.
const FLOW: Rate = Rate { per_second: 1_250_000_000, burst: 32 * 1024 * 1024 };
/// The least burst of a policy's rate: two of the largest runs of packets that one receive gives
/// (64 KiB each), so that none is dropped for its size.
const LEAST_BURST: u64 = 128 * 1024;
/// What a line takes from addresses that are not those of its legs: each change of an address has a
/// second or two of a picture while it is on its way through the leg, and after 8 s again.
const STRAY: Rate = Rate { per_second: 128 * 1024, burst: 1024 * 1024 };
/// Hints that packets came from elsewhere: ten a second, so that strangers cost little.
const HINTS: Rate = Rate { per_second: 10, burst: 1 };

/// A policy's rate, a quarter of a second of it at once.
fn flow(bytes_per_second: Option<u64>) -> Rate {
    let wished = bytes_per_second.unwrap_or(FLOW.per_second);
    let per_second = wished.min(FLOW.per_second);
    let burst = if per_second < FLOW.per_second {
        (per_second / 4).clamp(LEAST_BURST, FLOW.burst)
    } else {
        FLOW.burst
    };
    Rate { per_second, burst }
}

/// One end of a line.
#[derive(Debug)]
pub struct Attached {
    /// Packets for this end carry it.
    pub label: Label,
    /// The validated address of this end's leg; `None` while the end is away.
    pub address: Option<SocketAddr>,
}

/// A line between two legs.
#[derive(Debug)]
pub struct Line {
    number: u16,
    labels: Ends<Label>,
    places: Ends<RwLock<Option<SocketAddr>>>,
    /// Shared with the lines beside this one.
    strayed: Arc<Notify>,
    recording: Option<Arc<Recording>>,
    open: AtomicBool,
    handshake: Budget,
    /// Of both ends, shared with the lines beside this one.
    flow: Arc<Ends<Bucket>>,
    stray: Bucket,
    hints: Bucket,
}

impl Line {
    /// A line that carries its handshake only until it is opened. Without a recording it is open at
    /// once: there is nothing to seal.
    #[must_use]
    pub fn new(
        number: u16,
        agent: Attached,
        technician: Attached,
        recording: Option<Arc<Recording>>,
    ) -> Arc<Self> {
        Self::with_rate(number, agent, technician, recording, None)
    }

    /// As [`Self::new`], where each end may send so many bytes a second, if that is less than what
    /// every line may carry.
    #[must_use]
    pub fn with_rate(
        number: u16,
        agent: Attached,
        technician: Attached,
        recording: Option<Arc<Recording>>,
        bytes_per_second: Option<u64>,
    ) -> Arc<Self> {
        let flow = flow(bytes_per_second);
        let flow = Arc::new(Ends { agent: Bucket::new(flow), technician: Bucket::new(flow) });
        Self::of(number, [agent, technician], recording, (flow, Arc::default()))
    }

    /// A files line beside `self`: nothing of it is recorded, and what an end may send is for both
    /// together.
    #[must_use]
    pub fn beside(&self, agent: Attached, technician: Attached) -> Arc<Self> {
        Self::of(self.number, [agent, technician], None, (self.flow.clone(), self.strayed.clone()))
    }

    fn of(
        number: u16,
        [agent, technician]: [Attached; 2],
        recording: Option<Arc<Recording>>,
        (flow, strayed): (Arc<Ends<Bucket>>, Arc<Notify>),
    ) -> Arc<Self> {
        Arc::new(Self {
            number,
            labels: Ends { agent: agent.label, technician: technician.label },
            places: Ends {
                agent: RwLock::new(agent.address),
                technician: RwLock::new(technician.address),
            },
            strayed,
            open: AtomicBool::new(recording.is_none()),
            recording,
            handshake: Budget::new(HANDSHAKE_BYTES),
            flow,
            stray: Bucket::new(STRAY),
            hints: Bucket::new(HINTS),
        })
    }

    /// Both seals are on disk: everything may pass.
    pub fn open(&self) {
        self.open.store(true, Ordering::Release);
    }

    /// Its number in the recording.
    #[must_use]
    pub const fn number(&self) -> u16 {
        self.number
    }

    /// Sends packets for `end` there from now on, and takes its packets from there. `None`: the end
    /// is away, and packets for it are dropped and counted.
    pub fn place(&self, end: End, address: Option<SocketAddr>) {
        *self.places.of(end).write().unwrap_or_else(PoisonError::into_inner) = address;
    }

    /// Waits until packets came from an address that is not that of their end's leg: it may have
    /// moved. A hint at most, which anybody can cause.
    pub async fn strayed(&self) {
        self.strayed.notified().await;
    }

    pub(super) const fn label(&self, end: End) -> Label {
        *self.labels.of(end)
    }

    pub(super) const fn recording(&self) -> Option<&Arc<Recording>> {
        self.recording.as_ref()
    }

    /// Where packets for `end` go; nowhere while it is away.
    pub(super) fn address(&self, end: End) -> Option<SocketAddr> {
        *self.places.of(end).read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether `bytes` from `source`, sent by `from`, may pass. `now` is since the switch began.
    pub(super) fn admits(
        &self,
        from: End,
        source: SocketAddr,
        bytes: usize,
        now: Duration,
    ) -> bool {
        let (bytes, place) = (bytes as u64, self.address(from));
        if place != Some(source) {
            // An end that is away has no leg that could say whether it moved.
            if place.is_some() && self.hints.take(1, now) {
                self.strayed.notify_one();
            }
            if !self.stray.take(bytes, now) {
                return false;
            }
        }
        self.flow.of(from).take(bytes, now)
            && (self.open.load(Ordering::Acquire) || self.handshake.take(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attached(byte: u8) -> Attached {
        Attached {
            label: Label::from_bytes(&[byte; 8]).unwrap(),
            address: Some(([127, 0, 0, byte], 1).into()),
        }
    }

    fn line() -> Arc<Line> {
        let line = Line::new(0, attached(0x80), attached(0x81), None);
        line.open.store(false, Ordering::Relaxed);
        line
    }

    const NOW: Duration = Duration::from_secs(1);

    fn home(end: u8) -> SocketAddr {
        attached(end).address.unwrap()
    }

    #[test]
    fn before_the_seals_only_a_handshake_fits() {
        let (line, source) = (line(), home(0x81));
        let all = usize::try_from(HANDSHAKE_BYTES).unwrap();
        assert!(line.admits(End::Technician, source, all, NOW));
        assert!(!line.admits(End::Technician, source, 1, NOW));
        line.open();
        assert!(line.admits(End::Technician, source, 1, NOW));
    }

    #[test]
    fn a_stranger_has_a_little_and_then_a_little_more() {
        let (line, stranger) = (line(), ([10, 0, 0, 1], 9).into());
        line.open();
        let all = usize::try_from(STRAY.burst).unwrap();
        assert!(line.admits(End::Technician, stranger, all, NOW));
        assert!(!line.admits(End::Technician, stranger, 1, NOW));
        assert!(line.admits(End::Technician, home(0x81), 1, NOW));
        let later = NOW + Duration::from_secs(8);
        assert!(line.admits(End::Technician, stranger, all, later));
        assert!(!line.admits(End::Technician, stranger, 1, later));
    }

    #[test]
    fn an_end_that_runs_away_does_not_slow_the_other() {
        let line = line();
        line.open();
        let all = usize::try_from(FLOW.burst).unwrap();
        assert!(line.admits(End::Agent, home(0x80), all, NOW));
        assert!(!line.admits(End::Agent, home(0x80), 1_200, NOW));
        assert!(line.admits(End::Technician, home(0x81), 1_200, NOW));
        assert!(line.admits(End::Agent, home(0x80), 1_200, NOW + Duration::from_micros(1)));
    }

    #[test]
    fn a_policy_may_have_a_line_carry_less() {
        let line = Line::with_rate(0, attached(0x80), attached(0x81), None, Some(1024 * 1024));
        let mut passed = 0;
        for millisecond in 0..10_000 {
            let now = NOW + Duration::from_millis(millisecond);
            for _ in 0..10 {
                passed += u64::from(line.admits(End::Agent, home(0x80), 1_200, now)) * 1_200;
            }
        }
        let (most, least) = (10 * 1024 * 1024 + 256 * 1024, 10 * 1024 * 1024);
        assert!((least..=most).contains(&passed), "{passed}");
        // The other end has its own.
        assert!(line.admits(End::Technician, home(0x81), 65_507, NOW));
        // Nobody gets more than the relay's own bound.
        assert_eq!(flow(Some(u64::MAX)).per_second, FLOW.per_second);
        assert_eq!(flow(Some(16 * 1024)).burst, LEAST_BURST);
    }

    #[test]
    fn a_files_line_is_open_and_shares_what_its_ends_may_send() {
        let line = line();
        let beside = line.beside(attached(0x82), attached(0x83));
        assert!(beside.recording().is_none());
        let all = usize::try_from(FLOW.burst).unwrap();
        assert!(beside.admits(End::Agent, home(0x82), all, NOW));
        assert!(!line.admits(End::Agent, home(0x80), 1_200, NOW));
        assert!(beside.admits(End::Technician, home(0x83), 1_200, NOW));
    }

    #[test]
    fn an_end_that_moved_is_known_at_its_new_place_only() {
        let (line, new) = (line(), ([10, 0, 0, 2], 7).into());
        line.open();
        line.place(End::Agent, Some(new));
        assert_eq!(line.address(End::Agent), Some(new));
        let all = usize::try_from(STRAY.burst).unwrap();
        assert!(line.admits(End::Agent, home(0x80), all, NOW));
        assert!(!line.admits(End::Agent, home(0x80), 1, NOW));
        assert!(line.admits(End::Agent, new, 1, NOW));
    }

    #[tokio::test]
    async fn strange_packets_are_a_hint_while_the_leg_is_there() {
        let (line, stranger) = (line(), ([10, 0, 0, 1], 9).into());
        let hinted = || {
            let mut waiting = std::pin::pin!(line.strayed());
            let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
            waiting.as_mut().poll(&mut cx).is_ready()
        };
        line.place(End::Agent, None);
        line.admits(End::Agent, stranger, 100, NOW);
        line.admits(End::Technician, home(0x81), 100, NOW);
        assert!(!hinted());
        line.admits(End::Technician, stranger, 100, NOW);
        assert!(hinted());
        line.admits(End::Technician, stranger, 100, NOW);
        assert!(!hinted(), "one hint in 100 ms");
        line.admits(End::Technician, stranger, 100, NOW + Duration::from_millis(100));
        assert!(hinted());
    }
}
