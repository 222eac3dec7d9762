//! Whether the two ends of a session are there: what to do about silence, when to dial, when to give
//! up. Decided without I/O; the clock and the randomness are arguments.

use std::collections::VecDeque;
use std::time::Duration;

use deskside_protocol::random::{self, Random};
use tokio::time::Instant;

/// Something was sent and nothing came for this long, or the other end's packets ceased this long
/// ago: the relay is provoked to say something, and again each time this has passed. Most of what a
/// person feels of a restarted relay is this; on a way that takes longer it costs a small packet.
pub(super) const PROVOKE: Duration = Duration::from_millis(200);
/// After this much silence another leg is dialled, without giving up the old one.
pub(super) const SILENCE: Duration = Duration::from_secs(2);
/// The first pause between two dials. Each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest one.
const LAST_PAUSE: Duration = Duration::from_secs(2);
/// The relay ends a session whose other end is away; this much later we do.
pub(super) const PEER_SLACK: Duration = Duration::from_secs(5);
/// When a line's last datagram is sent again, counted from when both ends are there.
pub(super) const RESENDS: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_millis(30),
    Duration::from_millis(90),
    Duration::from_millis(210),
];

/// What changed for whoever uses the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Away,
    Back,
    PeerAway,
    PeerBack,
}

/// Who stayed away for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Relay,
    Peer,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Do {
    Tell(Change),
    /// Send something on the leg that is answered.
    Nudge,
    /// Dial another leg; counts from 0 since we went away.
    Dial(usize),
    /// The leg is there after all: no more dialling.
    Stay,
    /// Send the line's last datagram again.
    Resend,
    /// The grace time is over.
    GiveUp(Who),
}

/// Datagrams so far, of leg and lines together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Traffic {
    pub(super) sent: u64,
    pub(super) received: u64,
    /// Of those received, how many were of lines.
    pub(super) of_lines: u64,
}

/// Nothing came since something was sent.
#[derive(Debug, Clone, Copy)]
struct Silent {
    since: Instant,
    nudge: Instant,
}

/// Our own leg is lost, or silent for so long that it may be.
#[derive(Debug, Clone, Copy)]
struct Away {
    since: Instant,
    lost: bool,
    /// A new leg stands, and we prove ourselves on it.
    proving: bool,
    dials: usize,
    next: Instant,
}

/// The machine.
#[derive(Debug)]
pub(super) struct Presence {
    grace: Duration,
    /// Whether a lost leg may be replaced: not before the first line is sealed.
    returns: bool,
    traffic: Traffic,
    silent: Option<Silent>,
    /// When to ask why the other end's packets ceased: whoever only receives sends nothing that
    /// would be missed.
    ceased: Option<Instant>,
    away: Option<Away>,
    peer_away: Option<Instant>,
    resends: VecDeque<Instant>,
    due: VecDeque<Do>,
}

impl Presence {
    /// Both ends are there. `returns` says whether a lost leg may be replaced already.
    pub(super) fn here(grace: Duration, returns: bool) -> Self {
        Self {
            grace,
            returns,
            traffic: Traffic::default(),
            silent: None,
            ceased: None,
            away: None,
            peer_away: None,
            resends: VecDeque::new(),
            due: VecDeque::new(),
        }
    }

    /// We have no leg, and come from elsewhere: a program that was restarted.
    pub(super) fn away(grace: Duration, now: Instant) -> Self {
        let mut presence = Self::here(grace, true);
        presence.away = Some(Away { since: now, lost: true, proving: false, dials: 0, next: now });
        presence
    }

    pub(super) const fn is_away(&self) -> bool {
        self.away.is_some()
    }

    pub(super) const fn is_silent(&self) -> bool {
        self.silent.is_some()
    }

    pub(super) const fn returns(&self) -> bool {
        self.returns
    }

    /// From here on a lost leg is replaced.
    pub(super) const fn handle_sealed(&mut self) {
        self.returns = true;
    }

    /// What leg and lines have sent and received so far.
    pub(super) fn handle_traffic(&mut self, now: Instant, traffic: Traffic) {
        let before = std::mem::replace(&mut self.traffic, traffic);
        if traffic.of_lines != before.of_lines {
            self.ceased = Some(now + PROVOKE);
        }
        if traffic.received != before.received {
            self.silent = None;
            if self.away.is_some_and(|away| !away.lost && !away.proving) {
                self.away = None;
                self.due.extend([Do::Stay, Do::Tell(Change::Back)]);
            }
        } else if traffic.sent != before.sent && self.silent.is_none() {
            self.silent = Some(Silent { since: now, nudge: now + PROVOKE });
        }
    }

    /// Our leg is gone for certain.
    pub(super) fn handle_lost(&mut self, now: Instant) {
        self.ceased = None;
        let silent = self.silent.take();
        match &mut self.away {
            Some(away) => away.lost = true,
            None => {
                let since = silent.map_or(now, |silent| silent.since);
                self.go_away(Away { since, lost: true, proving: false, dials: 0, next: now });
            }
        }
    }

    /// A new leg stands, and is proved; or that failed.
    pub(super) const fn handle_proving(&mut self, proving: bool) {
        if let Some(away) = &mut self.away {
            away.proving = proving;
        }
    }

    /// The session is on the new leg, which has had `traffic`.
    pub(super) fn handle_returned(&mut self, now: Instant, traffic: Traffic) {
        self.traffic = traffic;
        (self.silent, self.ceased) = (None, None);
        if self.away.take().is_some() {
            self.due.push_back(Do::Tell(Change::Back));
        }
        // The relay may have been away itself: what it says of the other end counts from now.
        self.peer_away = self.peer_away.map(|_| now);
    }

    /// This computer woke up or changed its network.
    pub(super) fn handle_moved(&mut self, now: Instant) {
        if let Some(away) = &mut self.away {
            (away.dials, away.next) = (0, now);
        }
        if self.away.is_none_or(|away| !away.lost) {
            self.due.push_back(Do::Nudge);
        }
    }

    /// What the relay says of the other end.
    pub(super) fn handle_peer(&mut self, now: Instant, present: bool) {
        if present {
            self.resends = RESENDS.iter().map(|after| now + *after).collect();
            if self.peer_away.take().is_some() {
                self.due.push_back(Do::Tell(Change::PeerBack));
            }
        } else if self.peer_away.is_none() {
            self.peer_away = Some(now);
            self.due.push_back(Do::Tell(Change::PeerAway));
        }
    }

    /// The next thing that is due. To be asked until there is none.
    pub(super) fn poll(&mut self, now: Instant, random: &mut dyn Random) -> Option<Do> {
        if let Some(due) = self.due.pop_front() {
            return Some(due);
        }
        if let Some((_, who)) = self.ends().find(|(at, _)| *at <= now) {
            return Some(Do::GiveUp(who));
        }
        let resends = self.resends.len();
        self.resends.retain(|at| *at > now);
        if self.resends.len() < resends {
            return Some(Do::Resend);
        }
        self.poll_silence(now).or_else(|| self.poll_dial(now, random))
    }

    /// When to poll again, where nothing is handled before.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let ends = self.ends().map(|(at, _)| at);
        let silence = self.silent.iter().flat_map(|silent| {
            let away = (self.returns && self.away.is_none()).then_some(silent.since + SILENCE);
            [Some(silent.nudge), away].into_iter().flatten()
        });
        let dial = self.away.iter().filter(|away| !away.proving).map(|away| away.next);
        let resends = self.resends.iter().copied();
        ends.chain(resends).chain(self.ceased).chain(silence).chain(dial).min()
    }

    /// When the session is over, and for whose sake.
    fn ends(&self) -> impl Iterator<Item = (Instant, Who)> {
        let own = self.away.map(|away| (away.since + self.grace, Who::Relay));
        let peer = self.peer_away.map(|since| (since + self.grace + PEER_SLACK, Who::Peer));
        own.into_iter().chain(peer)
    }

    fn poll_silence(&mut self, now: Instant) -> Option<Do> {
        if self.ceased.take_if(|at| *at <= now).is_some() {
            return Some(Do::Nudge);
        }
        let silent = self.silent.as_mut()?;
        if silent.nudge <= now {
            silent.nudge = now + PROVOKE;
            return Some(Do::Nudge);
        }
        let since = silent.since;
        if self.returns && self.away.is_none() && since + SILENCE <= now {
            self.go_away(Away { since, lost: false, proving: false, dials: 0, next: now });
            return self.due.pop_front();
        }
        None
    }

    fn poll_dial(&mut self, now: Instant, random: &mut dyn Random) -> Option<Do> {
        let away = self.away.as_mut().filter(|away| !away.proving && away.next <= now)?;
        let turn = away.dials;
        away.dials += 1;
        away.next = now + pause(turn, random);
        Some(Do::Dial(turn))
    }

    fn go_away(&mut self, away: Away) {
        self.away = Some(away);
        self.due.push_back(Do::Tell(Change::Away));
    }
}

/// The pause after a dial: doubled each time up to its maximum, and up to a quarter more, so that
/// the ends of a relay that was restarted do not all come at once again and again.
fn pause(turn: usize, random: &mut dyn Random) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << turn.min(16));
    let pause = doubled.min(LAST_PAUSE);
    let quarter = u32::try_from(pause.as_millis() / 4).unwrap_or(u32::MAX);
    pause + Duration::from_millis(random::below(random, quarter.saturating_add(1)).into())
}

#[cfg(test)]
#[path = "presence_tests.rs"]
mod tests;
