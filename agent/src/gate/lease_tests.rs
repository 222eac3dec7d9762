//! The lease under every order of events: it never widens by itself.

use std::time::Duration;

use proptest::prelude::*;
use tokio::time::Instant;

use super::*;

fn grants() -> impl Strategy<Value = GrantSet> {
    any::<u32>().prop_map(GrantSet::from_bits)
}

#[derive(Debug, Clone)]
enum Step {
    Grant(GrantSet),
    Refuse(GrantSet),
    Revoke(GrantSet),
    Narrow(GrantSet),
    Stop,
    Restart { beforehand: GrantSet },
    Give(GrantSet, Option<u64>),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => grants().prop_map(Step::Grant),
        3 => grants().prop_map(Step::Refuse),
        4 => grants().prop_map(Step::Revoke),
        1 => grants().prop_map(Step::Narrow),
        1 => Just(Step::Stop),
        4 => grants().prop_map(|beforehand| Step::Restart { beforehand }),
        3 => (grants(), proptest::option::of(0..500_u64))
            .prop_map(|(grants, time)| Step::Give(grants, time)),
        2 => (0..400_u64).prop_map(Step::Wait),
    ]
}

/// How wide a standing is, and what it would take to act.
fn width(standing: &Standing) -> (u8, u32) {
    match standing {
        Standing::Never(_) => (0, 0),
        Standing::Ask { refusals } => (1, MAX_REFUSALS - refusals),
        Standing::Beforehand => (2, 0),
        Standing::Held(_) => (3, 0),
    }
}

proptest! {
    /// Whatever happened: the next process holds what was held, until when it was held, asks for
    /// what was not, and `--allow` answers what it would have answered, but nothing that the user
    /// took back, that has reached its end, or that the policy has ceased to allow.
    #[test]
    fn a_restart_never_widens(
        policy in grants(),
        beforehand in grants(),
        steps in proptest::collection::vec(step(), 0..24),
    ) {
        let mut now = Moment { unix: 1_000, instant: Instant::now() };
        let mut lease = Lease::new(policy, beforehand, &Record::default(), now);
        lease.open();
        let mut taken_back = GrantSet::NONE;
        let (mut stopped, mut allowed) = (false, policy);
        for step in steps {
            match step {
                Step::Grant(grants) => {
                    taken_back = taken_back.without(lease.grant(grants, None));
                }
                Step::Give(grants, time) => {
                    let ends = time.map(|time| Ends::after(Duration::from_secs(time), now));
                    taken_back = taken_back.without(lease.give(grants, ends));
                }
                Step::Refuse(grants) => lease.refuse(grants),
                Step::Revoke(grants) => {
                    lease.revoke(grants);
                    taken_back = taken_back.union(grants);
                }
                Step::Narrow(policy) => {
                    let (lost, gone) = lease.narrow(policy);
                    prop_assert_eq!(lost, allowed.without(policy));
                    prop_assert!(gone.without(lost).is_empty());
                    allowed = allowed.intersection(policy);
                    taken_back = taken_back.union(lost);
                }
                Step::Wait(seconds) => {
                    now.unix += seconds;
                    now.instant += Duration::from_secs(seconds);
                    taken_back = taken_back.union(lease.expire(now));
                    prop_assert!(lease.next_end(now).is_none_or(|left| !left.is_zero()));
                }
                Step::Stop => {
                    lease.stop();
                    lease.revoke(GrantSet::all());
                    stopped = true;
                }
                Step::Restart { beforehand } => {
                    let mut next = Lease::new(policy, beforehand, &lease.record(), now);
                    taken_back = taken_back.union(lease.expire(now));
                    prop_assert_eq!(next.held(), lease.held());
                    prop_assert_eq!(next.terms(now), lease.terms(now));
                    for grant in Grant::all() {
                        let (old, new) = (lease.standing(grant), next.standing(grant));
                        if matches!(new, Standing::Beforehand) {
                            prop_assert!(beforehand.contains(grant));
                            prop_assert!(!taken_back.contains(grant), "{} is back", grant);
                            prop_assert!(!matches!(old, Standing::Never(_)));
                        } else {
                            prop_assert!(width(&new) <= width(&old), "{} is wider", grant);
                        }
                        prop_assert!(!stopped || matches!(new, Standing::Never(_)));
                    }
                    // What was allowed alone ends with its process.
                    next.once(Grant::Command);
                    lease = Lease::new(policy, beforehand, &next.record(), now);
                    prop_assert_eq!(lease.terms(now).len(), lease.held().iter().count());
                }
            }
            prop_assert!(lease.held().without(allowed).is_empty(), "beyond the policy");
        }
    }
}

fn moment() -> Moment {
    Moment { unix: 1_000, instant: Instant::now() }
}

#[test]
fn what_is_allowed_alone_ends_with_its_grant_and_knows_its_own_end() {
    let mut lease = Lease::new(GrantSet::all(), GrantSet::NONE, &Record::default(), moment());
    let (first, token) = lease.once(Grant::Command).unwrap();
    assert!(lease.held().is_empty());
    let term = Term { grant: Grant::Command, scope: Scope::Once, ends_in: None };
    assert_eq!(lease.terms(moment()), [term]);
    assert_eq!(lease.revoke(Grant::Command.into()), Grant::Command.into());
    assert!(token.is_cancelled());
    // Another one begins before the first has noticed: the first one's end is not its.
    let (_second, token) = lease.once(Grant::Command).unwrap();
    lease.once_over(first);
    assert_eq!(lease.revoke(GrantSet::all()), Grant::Command.into());
    assert!(token.is_cancelled());
    assert!(
        Lease::new(GrantSet::NONE, GrantSet::all(), &Record::default(), moment())
            .once(Grant::File)
            .is_none()
    );
}

#[test]
fn only_an_opened_session_is_given_anything() {
    let mut lease = Lease::new(GrantSet::all(), GrantSet::NONE, &Record::default(), moment());
    assert!(lease.give(GrantSet::all(), None).is_empty());
    lease.open();
    for _ in 0..MAX_REFUSALS {
        lease.refuse(Grant::View.into());
    }
    assert!(matches!(lease.standing(Grant::View), Standing::Never(_)));
    assert_eq!(lease.give(Grant::View.into(), None), Grant::View.into());
    assert!(matches!(lease.standing(Grant::View), Standing::Held(_)));
}

#[test]
fn an_end_that_passes_is_a_grant_taken_back() {
    let now = moment();
    let all = GrantSet::all();
    let mut lease = Lease::new(all, all, &Record::default(), now);
    lease.open();
    lease.give(Grant::View.into(), Some(Ends::after(Duration::from_secs(60), now)));
    let Standing::Held(token) = lease.standing(Grant::View) else { panic!() };
    assert_eq!(lease.next_end(now), Some(Duration::from_secs(60)));
    let later = Moment { unix: now.unix + 60, ..now };
    assert_eq!(lease.expire(later), Grant::View.into());
    assert!(token.is_cancelled());
    assert!(matches!(lease.standing(Grant::View), Standing::Ask { .. }), "--allow answers it");
}
