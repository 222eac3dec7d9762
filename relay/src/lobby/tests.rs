//! The lobby in virtual time.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

const fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

struct Seeded(u64);

impl Random for Seeded {
    fn fill(&mut self, out: &mut [u8]) {
        for byte in out {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = (self.0 >> 33).to_le_bytes()[0];
        }
    }
}

/// Always the same nameplate.
struct Stuck;

impl Random for Stuck {
    fn fill(&mut self, out: &mut [u8]) {
        out.fill(0);
    }
}

#[test]
fn a_code_has_one_run() {
    let mut lobby = Lobby::new(LIFETIME);
    let slot = lobby.open(at(0), "agent", None, &mut Seeded(1)).unwrap();
    assert_eq!(lobby.join(slot.nameplate(), at(1)), Some((slot, "agent")));
    assert_eq!(lobby.join(slot.nameplate(), at(2)), None);
    assert_eq!(lobby.end(slot, at(3)), None);
    assert_eq!(lobby.join(slot.nameplate(), at(4)), None);
}

#[test]
fn a_technician_who_leaves_early_spends_nothing() {
    let mut lobby = Lobby::new(LIFETIME);
    let slot = lobby.open(at(0), "agent", None, &mut Seeded(1)).unwrap();
    let (same, handle) = lobby.join(slot.nameplate(), at(1)).unwrap();
    assert_eq!(lobby.put_back(same, handle, at(2)), Ok(()));
    assert!(lobby.join(slot.nameplate(), at(3)).is_some());
}

#[test]
fn what_comes_back_too_late_is_handed_back() {
    let mut lobby = Lobby::new(LIFETIME);
    let slot = lobby.open(at(0), "agent", None, &mut Seeded(1)).unwrap();
    let (_, handle) = lobby.join(slot.nameplate(), at(599)).unwrap();
    assert_eq!(lobby.put_back(slot, handle, at(600)), Err("agent"));
    assert_eq!(lobby.handle_timeout(at(600)), []);
    assert_eq!(lobby.put_back(slot, handle, at(601)), Err("agent"));
}

#[test]
fn a_code_ends_by_itself_and_its_agent_is_told() {
    let mut lobby = Lobby::new(LIFETIME);
    let slot = lobby.open(at(5), "agent", None, &mut Seeded(1)).unwrap();
    assert_eq!(lobby.poll_timeout(), Some(at(605)));
    assert_eq!(lobby.handle_timeout(at(604)), []);
    assert_eq!(lobby.join(slot.nameplate(), at(605)), None);
    assert_eq!(lobby.handle_timeout(at(605)), [(slot, "agent")]);
    assert_eq!(lobby.open_codes(), 0);
    assert_eq!(lobby.poll_timeout(), Some(at(1205)));
    assert_eq!(lobby.handle_timeout(at(1205)), []);
    assert_eq!(lobby.poll_timeout(), None);
}

#[test]
fn a_nameplate_rests_before_it_is_used_again() {
    let mut lobby = Lobby::new(LIFETIME);
    let slot = lobby.open(at(0), 1, None, &mut Stuck).unwrap();
    assert_eq!(lobby.open(at(1), 2, None, &mut Stuck), Err(Busy::Full));
    assert_eq!(lobby.end(slot, at(10)), Some(1));
    assert_eq!(lobby.open(at(609), 2, None, &mut Stuck), Err(Busy::Full));
    let next = lobby.open(at(610), 2, None, &mut Stuck).unwrap();
    assert_eq!(next.nameplate(), slot.nameplate());
    // A late word about the first code does not touch the second.
    assert_eq!(lobby.end(slot, at(611)), None);
    assert_eq!(lobby.put_back(slot, 1, at(611)), Err(1));
    assert_eq!(lobby.join(next.nameplate(), at(612)), Some((next, 2)));
}

#[test]
fn it_is_busy_well_before_it_is_full() {
    let mut lobby = Lobby::new(LIFETIME);
    let mut random = Seeded(7);
    let mut slots = Vec::new();
    for _ in 0..MAX_NAMEPLATES {
        slots.push(lobby.open(at(0), (), None, &mut random).unwrap());
    }
    assert_eq!(lobby.open(at(1), (), None, &mut random), Err(Busy::Full));
    // Opening and ending in a hurry makes no room, and nothing grows.
    assert_eq!(lobby.end(slots[0], at(2)), Some(()));
    assert_eq!(lobby.open(at(3), (), None, &mut random), Err(Busy::Full));
    assert!(lobby.open(at(602), (), None, &mut random).is_ok());
    assert!(lobby.ends.len() <= MAX_NAMEPLATES);
}

#[derive(Debug, Clone)]
enum Step {
    Open,
    Join(usize),
    PutBack(usize),
    End(usize),
    Pass(u64),
    Tick,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Open),
        3 => (0..64_usize).prop_map(Step::Join),
        1 => (0..64_usize).prop_map(Step::PutBack),
        2 => (0..64_usize).prop_map(Step::End),
        3 => (0..400_u64).prop_map(Step::Pass),
        2 => Just(Step::Tick),
    ]
}

/// Draws from six nameplates only, so that reuse is the rule.
struct Few(Seeded);

impl Random for Few {
    fn fill(&mut self, out: &mut [u8]) {
        let mut byte = [0];
        self.0.fill(&mut byte);
        out.fill(0);
        if let Some(last) = out.last_mut() {
            *last = byte[0] % 6;
        }
    }
}

/// What must hold of one opened code.
#[derive(Default)]
struct Fate {
    opened: u64,
    ended: bool,
    taken: bool,
}

proptest! {
    #[test]
    fn no_reuse_too_early_and_one_run_only(
        steps in proptest::collection::vec(step(), 1..200),
        seed: u64,
    ) {
        let mut lobby = Lobby::new(LIFETIME);
        let mut random = Few(Seeded(seed));
        let mut now = 0;
        let mut slots: Vec<Slot> = Vec::new();
        let mut fates: Vec<Fate> = Vec::new();
        let mut held: HashMap<usize, usize> = HashMap::new();
        let mut last_alive: HashMap<Nameplate, u64> = HashMap::new();
        for step in steps {
            match step {
                Step::Open => {
                    let Ok(slot) = lobby.open(at(now), slots.len(), None, &mut random) else { continue };
                    if let Some(alive) = last_alive.insert(slot.nameplate(), now) {
                        prop_assert!(now >= alive + 600, "reused after {}", now - alive);
                    }
                    slots.push(slot);
                    fates.push(Fate { opened: now, ..Fate::default() });
                }
                Step::Join(pick) if !slots.is_empty() => {
                    let nameplate = slots[pick % slots.len()].nameplate();
                    let Some((slot, who)) = lobby.join(nameplate, at(now)) else { continue };
                    prop_assert_eq!(slot, slots[who]);
                    prop_assert!(!fates[who].taken && !fates[who].ended);
                    prop_assert!(now < fates[who].opened + 600);
                    fates[who].taken = true;
                    held.insert(who, who);
                }
                Step::PutBack(pick) if !slots.is_empty() => {
                    let who = pick % slots.len();
                    let Some(handle) = held.remove(&who) else { continue };
                    match lobby.put_back(slots[who], handle, at(now)) {
                        Ok(()) => {
                            prop_assert!(!fates[who].ended && now < fates[who].opened + 600);
                            fates[who].taken = false;
                        }
                        Err(back) => prop_assert_eq!(back, who),
                    }
                }
                Step::End(pick) if !slots.is_empty() => {
                    let who = pick % slots.len();
                    if !fates[who].ended && now < fates[who].opened + 600 {
                        last_alive.insert(slots[who].nameplate(), now);
                    }
                    if let Some(handle) = lobby.end(slots[who], at(now)) {
                        prop_assert_eq!(handle, who);
                        prop_assert!(!fates[who].ended && !fates[who].taken);
                    }
                    fates[who].ended = true;
                }
                Step::Pass(seconds) => now += seconds,
                Step::Tick => {
                    for (slot, who) in lobby.handle_timeout(at(now)) {
                        prop_assert_eq!(slot, slots[who]);
                        prop_assert!(!fates[who].taken && !fates[who].ended);
                        prop_assert!(now >= fates[who].opened + 600);
                        fates[who].ended = true;
                        last_alive.insert(slot.nameplate(), now);
                    }
                }
                Step::Join(_) | Step::PutBack(_) | Step::End(_) => {}
            }
            prop_assert!(lobby.ends.len() <= fates.len());
        }
        // In the end everything is told once and everything is freed.
        now += 1200;
        let _told = lobby.handle_timeout(at(now));
        now += 1200;
        prop_assert_eq!(lobby.handle_timeout(at(now)).len(), 0);
        prop_assert_eq!(lobby.poll_timeout(), None);
        prop_assert!(lobby.stays.is_empty() && lobby.resting.is_empty());
    }
}

fn household(host: u8) -> Option<Holder> {
    Some(Holder::of(IpAddr::from([192, 0, 2, host])))
}

#[test]
fn what_a_network_holds_counts_until_it_has_rested() {
    let mut lobby = Lobby::new(LIFETIME);
    let mut random = Seeded(5);
    let mut slots = Vec::new();
    for _ in 0..MAX_HELD_NEAR {
        slots.push(lobby.open(at(0), (), household(1), &mut random).unwrap());
    }
    assert_eq!(lobby.open(at(0), (), household(1), &mut random), Err(Busy::Network));
    // Leaving gives nothing back before the nameplate has rested.
    for slot in slots {
        lobby.end(slot, at(1));
    }
    assert_eq!(lobby.open_codes(), 0);
    assert_eq!(lobby.open(at(600), (), household(1), &mut random), Err(Busy::Network));
    assert!(lobby.open(at(600), (), household(2), &mut random).is_ok());
    assert!(lobby.open(at(600), (), None, &mut random).is_ok());
    assert!(lobby.open(at(601), (), household(1), &mut random).is_ok());
}

#[test]
fn neighbours_share_what_a_neighbourhood_holds_and_nothing_is_left_of_it() {
    let mut lobby = Lobby::new(LIFETIME);
    let mut random = Seeded(6);
    let mut opened = 0;
    for host in 0..=255 {
        for _ in 0..4 {
            opened += u32::from(lobby.open(at(0), (), household(host), &mut random).is_ok());
        }
    }
    assert_eq!(opened, MAX_HELD_WIDE);
    assert_eq!(lobby.open(at(599), (), household(9), &mut random), Err(Busy::Network));
    assert_eq!(lobby.handle_timeout(at(600)).len(), usize::try_from(opened).unwrap());
    lobby.handle_timeout(at(1200));
    assert_eq!((lobby.held.len(), lobby.resting.len(), lobby.stays.len()), (0, 0, 0));
}
