//! The machine in virtual time: no clock runs here.

use super::*;

const GRACE: Duration = Duration::from_secs(300);

/// Always the smallest number.
struct Low;

impl Random for Low {
    fn fill(&mut self, out: &mut [u8]) {
        out.fill(0);
    }
}

struct Sim {
    presence: Presence,
    begin: Instant,
    now: Instant,
}

impl Sim {
    fn new(returns: bool) -> Self {
        let begin = Instant::now();
        Self { presence: Presence::here(GRACE, returns), begin, now: begin }
    }

    fn ms(&self) -> u128 {
        self.now.duration_since(self.begin).as_millis()
    }

    /// Everything that is due up to `until` milliseconds, with its time.
    fn run(&mut self, until: u64) -> Vec<(u128, Do)> {
        let until = self.begin + Duration::from_millis(until);
        let mut done = Vec::new();
        loop {
            while let Some(due) = self.presence.poll(self.now, &mut Low) {
                done.push((self.ms(), due));
                if matches!(due, GiveUp(_)) {
                    return done;
                }
            }
            match self.presence.poll_timeout().filter(|at| *at <= until) {
                Some(at) => self.now = at,
                None => {
                    self.now = until;
                    return done;
                }
            }
        }
    }

    fn traffic(&mut self, sent: u64, received: u64) {
        self.presence.handle_traffic(self.now, Traffic { sent, received, of_lines: 0 });
    }
}

use Do::{Dial, GiveUp, Nudge, Resend, Stay, Tell};

#[test]
fn an_idle_end_does_nothing() {
    let mut sim = Sim::new(true);
    assert_eq!(sim.run(1_000_000), []);
}

#[test]
fn silence_is_provoked_then_dialled_and_the_old_leg_may_still_answer() {
    let mut sim = Sim::new(true);
    sim.traffic(1, 0);
    let done = sim.run(2_700);
    let dials = [
        (2000, Tell(Change::Away)),
        (2000, Dial(0)),
        (2100, Dial(1)),
        (2300, Dial(2)),
        (2700, Dial(3)),
    ];
    let mut expected: Vec<_> = (1..=13).map(|nth| (nth * 200, Nudge)).chain(dials).collect();
    expected.sort_by_key(|(ms, _)| *ms);
    assert_eq!(done, expected);
    // More of our own changes nothing; the first sound of the old leg does.
    sim.traffic(9, 0);
    assert_eq!(sim.run(2_700), []);
    sim.traffic(9, 1);
    assert_eq!(sim.run(60_000), [(2_700, Stay), (2_700, Tell(Change::Back))]);
}

#[test]
fn an_answer_in_time_is_no_silence() {
    let mut sim = Sim::new(true);
    sim.traffic(1, 0);
    sim.run(150);
    sim.traffic(2, 1);
    assert_eq!(sim.run(10_000), []);
    // Sent and answered within one look is none either.
    sim.traffic(3, 2);
    assert_eq!(sim.run(20_000), []);
}

#[test]
fn a_lost_leg_is_dialled_at_once_with_growing_pauses_until_the_grace_is_over() {
    let mut sim = Sim::new(true);
    sim.presence.handle_lost(sim.now);
    let done = sim.run(1_000_000);
    let dials: Vec<u128> =
        done.iter().filter(|(_, due)| matches!(due, Dial(_))).map(|(at, _)| *at).collect();
    assert_eq!(dials[..8], [0, 100, 300, 700, 1500, 3100, 5100, 7100]);
    assert_eq!(done[0], (0, Tell(Change::Away)));
    assert_eq!(done.last(), Some(&(300_000, GiveUp(Who::Relay))));
}

#[test]
fn the_grace_counts_from_the_first_moment_of_silence() {
    let mut sim = Sim::new(true);
    sim.traffic(1, 0);
    sim.run(1_000);
    sim.presence.handle_lost(sim.now);
    assert_eq!(sim.run(1_000_000).last(), Some(&(300_000, GiveUp(Who::Relay))));
}

#[test]
fn nothing_is_dialled_while_a_leg_is_proved_and_then_on() {
    let mut sim = Sim::new(true);
    sim.presence.handle_lost(sim.now);
    sim.run(150);
    sim.presence.handle_proving(true);
    assert_eq!(sim.run(5_000), []);
    sim.presence.handle_proving(false);
    assert_eq!(sim.run(5_000), [(5_000, Dial(2))]);
    sim.presence.handle_proving(true);
    sim.presence.handle_returned(sim.now, Traffic { sent: 4, received: 3, of_lines: 0 });
    assert_eq!(sim.run(90_000), [(5_000, Tell(Change::Back))]);
}

#[test]
fn an_old_leg_that_answers_while_a_new_one_is_proved_does_not_stop_it() {
    let mut sim = Sim::new(true);
    sim.traffic(1, 0);
    sim.run(2_000);
    sim.presence.handle_proving(true);
    sim.traffic(1, 1);
    assert_eq!(sim.run(2_400), []);
    sim.presence.handle_returned(sim.now, Traffic::default());
    assert_eq!(sim.run(9_000), [(2_400, Tell(Change::Back))]);
}

#[test]
fn when_the_other_end_s_packets_cease_the_relay_is_asked_once() {
    let mut sim = Sim::new(true);
    sim.presence.handle_traffic(sim.now, Traffic { sent: 1, received: 1, of_lines: 1 });
    sim.run(150);
    sim.presence.handle_traffic(sim.now, Traffic { sent: 2, received: 2, of_lines: 2 });
    assert_eq!(sim.run(400), [(350, Nudge)]);
    // The answer is the leg's, and no reason to ask again.
    sim.presence.handle_traffic(sim.now, Traffic { sent: 3, received: 3, of_lines: 2 });
    assert_eq!(sim.run(90_000), []);
    // Without an answer it is silence like any.
    sim.presence.handle_traffic(sim.now, Traffic { sent: 4, received: 3, of_lines: 2 });
    assert!(sim.run(92_000).contains(&(92_000, Tell(Change::Away))));
}

#[test]
fn before_the_line_is_sealed_silence_is_provoked_only() {
    let mut sim = Sim::new(false);
    sim.traffic(1, 0);
    assert_eq!(sim.run(1_900).len(), 9);
    sim.traffic(2, 0);
    assert!(sim.run(4_000).iter().all(|(_, due)| *due == Nudge));
    assert!(!sim.presence.returns());
    sim.presence.handle_sealed();
    assert!(sim.run(4_000).contains(&(4_000, Tell(Change::Away))));
}

#[test]
fn both_ends_there_means_resend_four_times() {
    let mut sim = Sim::new(true);
    sim.presence.handle_peer(sim.now, true);
    let due = |ms| (ms, Resend);
    assert_eq!(sim.run(9_000), [due(0), due(30), due(90), due(210)]);
    // A machine that was not polled in time does it once, not four times.
    sim.presence.handle_peer(sim.now, true);
    sim.now += Duration::from_secs(1);
    assert_eq!(sim.run(20_000), [due(10_000)]);
}

#[test]
fn the_other_end_is_told_away_and_back_and_given_up_after_the_grace_and_five_seconds() {
    let mut sim = Sim::new(true);
    sim.presence.handle_peer(sim.now, false);
    sim.presence.handle_peer(sim.now, false);
    assert_eq!(sim.run(1_000), [(0, Tell(Change::PeerAway))]);
    sim.presence.handle_peer(sim.now, true);
    assert_eq!(sim.run(2_000)[..2], [(1_000, Tell(Change::PeerBack)), (1_000, Resend)]);
    sim.presence.handle_peer(sim.now, false);
    let done = sim.run(1_000_000);
    assert_eq!(done.last(), Some(&(307_000, GiveUp(Who::Peer))));
}

#[test]
fn coming_back_ourselves_gives_the_other_end_its_time_again() {
    let mut sim = Sim::new(true);
    sim.presence.handle_peer(sim.now, false);
    sim.run(100_000);
    sim.presence.handle_lost(sim.now);
    sim.run(200_000);
    sim.presence.handle_returned(sim.now, Traffic::default());
    assert_eq!(sim.run(1_000_000).last(), Some(&(505_000, GiveUp(Who::Peer))));
}

#[test]
fn a_move_is_heard_at_once_and_dials_begin_anew() {
    let mut sim = Sim::new(true);
    sim.presence.handle_moved(sim.now);
    assert_eq!(sim.run(1_000), [(0, Nudge)]);
    sim.presence.handle_lost(sim.now);
    sim.run(60_000);
    sim.presence.handle_moved(sim.now);
    assert_eq!(sim.run(60_100), [(60_000, Dial(0)), (60_100, Dial(1))]);
}

#[test]
fn pauses_are_bounded_with_their_jitter() {
    struct High;
    impl Random for High {
        fn fill(&mut self, out: &mut [u8]) {
            out.fill(0xff);
            out[0] = 0x7f;
        }
    }
    for turn in [0, 4, 5, 100, usize::MAX] {
        let (low, high) = (pause(turn, &mut Low), pause(turn, &mut High));
        assert!(FIRST_PAUSE <= low && low <= high, "{turn}: {low:?} {high:?}");
        assert!(high <= LAST_PAUSE + LAST_PAUSE / 4);
    }
}
