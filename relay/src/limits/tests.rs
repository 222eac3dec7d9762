use super::table::MAX_KEYS;
use super::*;
use std::net::{Ipv4Addr, Ipv6Addr};

fn v4(number: u32) -> IpAddr {
    Ipv4Addr::from_bits(number).into()
}

fn admitted(limits: &Limits, what: What, address: IpAddr, now: Duration) -> usize {
    let fits = |_: &usize| limits.admit(what, Doer::at(address), now).is_ok();
    (0..10_000_usize).take_while(fits).count()
}

fn rule(what: What, by: By) -> table::Rule {
    *TABLE.iter().find(|rule| rule.what == what && rule.by == by).unwrap()
}

#[test]
fn each_rule_lets_its_burst_pass_and_then_its_rate() {
    for rule in TABLE {
        let limits = Limits::new(Vec::new());
        // Everybody else's counters are kept out of the way: another address each time.
        let fits = |nth: u32, now| {
            let address = match rule.by {
                By::Address => v4(0x0a00_0001),
                // A neighbour for each, of whom no more than its own burst is asked.
                By::Prefix => v4(0x0a00_0000 + nth % 256),
                By::Technician | By::Ticket => v4(0x0a00_0000 + nth * 256),
            };
            let name = |by| (rule.by == by).then_some("1");
            let (technician, ticket) = (name(By::Technician), name(By::Ticket));
            limits.admit(rule.what, Doer { address, seen: false, technician, ticket }, now)
        };
        let burst = rule.burst.get();
        for nth in 0..burst {
            assert_eq!(fits(nth, Duration::ZERO), Ok(()), "{rule:?}, {nth}");
        }
        let limited = fits(burst, Duration::ZERO).unwrap_err();
        assert_eq!((limited.what, limited.by), (rule.what, rule.by));
        assert!(limited.to_string().starts_with("busy, try again in a minute"));
        assert_eq!(fits(burst + 1, rule.every), Ok(()), "{rule:?}");
        assert!(fits(burst + 2, rule.every).is_err(), "{rule:?}");
    }
}

#[test]
fn one_does_not_use_up_what_another_has() {
    let limits = Limits::new(Vec::new());
    let burst = usize::try_from(rule(What::Code, By::Address).burst.get()).unwrap();
    assert_eq!(admitted(&limits, What::Code, v4(0x0a00_0001), Duration::ZERO), burst);
    assert_eq!(admitted(&limits, What::Code, v4(0x0a00_0101), Duration::ZERO), burst);
    assert!(limits.admit(What::Join, Doer::at(v4(0x0a00_0001)), Duration::ZERO).is_ok());
}

#[test]
fn the_hosts_of_an_ipv6_network_are_one() {
    let limits = Limits::new(Vec::new());
    let host = |network: u128, host: u128| {
        IpAddr::V6(Ipv6Addr::from_bits(0x2001_0db8 << 96 | network << 64 | host))
    };
    let burst = rule(What::Code, By::Address).burst.get();
    for nth in 0..u128::from(burst) {
        let doer = Doer::at(host(1, nth));
        assert_eq!(limits.admit(What::Code, doer, Duration::ZERO), Ok(()));
    }
    let next = limits.admit(What::Code, Doer::at(host(1, 1 << 40)), Duration::ZERO);
    assert_eq!(next, Err(Limited { what: What::Code, by: By::Address }));
    assert_eq!(limits.admit(What::Code, Doer::at(host(2, 0)), Duration::ZERO), Ok(()));
}

#[test]
fn of_networks_without_limits_nothing_is_counted() {
    let limits = Limits::new(vec!["10.0.0.0/8".parse().unwrap()]);
    assert_eq!(admitted(&limits, What::Enrol, v4(0x0a00_0001), Duration::ZERO), 10_000);
    assert_eq!(limits.limiters.iter().map(Limiter::keys).sum::<usize>(), 0);
}

#[test]
fn a_million_addresses_leave_a_bounded_table_and_room_for_others_later() {
    let limits = Limits::new(Vec::new());
    let mut passed = 0;
    for number in 0..1_000_000_u32 {
        let doer = Doer::at(v4(number << 8));
        passed += usize::from(limits.admit(What::Enrol, doer, Duration::ZERO).is_ok());
    }
    assert!(limits.limiters.iter().all(|limiter| limiter.keys() <= MAX_KEYS));
    // All that found no room had together what 32 have.
    let burst = usize::try_from(rule(What::Enrol, By::Address).burst.get()).unwrap();
    assert_eq!(passed, MAX_KEYS + 32 * burst);
    // A minute later the table has forgotten them.
    let later = Duration::from_secs(60);
    assert_eq!(limits.admit(What::Enrol, Doer::at(v4(7)), later), Ok(()));
    assert!(limits.limiters.iter().all(|limiter| limiter.keys() <= 1));
}

#[test]
fn time_that_steps_back_gives_nothing() {
    let limits = Limits::new(Vec::new());
    let late = Duration::from_secs(1_000);
    let burst = usize::try_from(rule(What::Code, By::Address).burst.get()).unwrap();
    assert_eq!(admitted(&limits, What::Code, v4(1), late), burst);
    assert_eq!(admitted(&limits, What::Code, v4(1), Duration::ZERO), 0);
}
