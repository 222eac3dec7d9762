//! What the relay lets one party do: how often, how much at once, for how long.
//!
//! A pure machine: the time is an argument, and nothing here knows a socket. Rates are `governor`'s,
//! one keyed limiter for each row of the table; what is kept of a key is a hash of it, so that nobody
//! can make a key long. Each map has a named bound: stale keys go when it is reached, and where none
//! is stale, whoever is new shares one allowance with all others who are.

mod handshakes;
mod limiter;
mod network;
mod phases;
mod runs;
mod table;
mod told;

use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::Quota;
use thiserror::Error;

pub(crate) use handshakes::{Handshakes, Verdict};
pub use network::{Network, NotANetwork};
pub use phases::Phases;
pub(crate) use runs::{Run, Runs};
pub(crate) use table::{By, What};
pub use table::{MAX_HELD_NEAR, MAX_HELD_WIDE};

use limiter::Limiter;
use table::TABLE;
use told::{Direct, Told};

/// Whoever asks is over a limit. The text is for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{}", table::sentence(*.what, *.by))]
pub(crate) struct Limited {
    pub(crate) what: What,
    pub(crate) by: By,
}

/// Who does something.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Doer<'a> {
    pub(crate) address: IpAddr,
    /// Whether the address was counted before, when no more was known.
    pub(crate) seen: bool,
    pub(crate) technician: Option<&'a str>,
    pub(crate) ticket: Option<&'a str>,
}

impl Doer<'_> {
    /// Somebody of whom only the address is known.
    pub(crate) const fn at(address: IpAddr) -> Self {
        Self { address, seen: false, technician: None, ticket: None }
    }

    /// The same, now that it is known who it is and, perhaps, on which ticket.
    pub(crate) const fn named<'b>(self, technician: &'b str, ticket: Option<&'b str>) -> Doer<'b> {
        Doer { address: self.address, seen: true, technician: Some(technician), ticket }
    }
}

/// The limits of one node.
#[derive(Debug)]
pub(crate) struct Limits {
    clock: Told,
    limiters: Vec<Limiter>,
    hash: RandomState,
    handshakes: Mutex<Handshakes>,
    retries: Direct,
    runs: Mutex<Runs>,
    /// Networks of which nothing is counted.
    unlimited: Vec<Network>,
}

impl Limits {
    /// Nobody has done anything. Of addresses in `unlimited` nothing is counted by address, by
    /// technician or by ticket.
    pub(crate) fn new(unlimited: Vec<Network>) -> Self {
        let clock = Told::default();
        Self {
            limiters: TABLE.iter().map(|rule| Limiter::new(*rule, &clock)).collect(),
            retries: Direct::direct_with_clock(
                Quota::per_second(handshakes::RETRIES),
                clock.clone(),
            ),
            clock,
            hash: RandomState::new(),
            handshakes: Mutex::default(),
            runs: Mutex::default(),
            unlimited,
        }
    }

    /// Whether limits hold for an address.
    pub(crate) fn count(&self, address: IpAddr) -> bool {
        !self.unlimited.iter().any(|network| network.contains(address))
    }

    /// Counts one more of `what`. `now` is since any fixed moment, the same for all calls.
    ///
    /// # Errors
    /// [`Limited`]: it was one too many.
    pub(crate) fn admit(&self, what: What, doer: Doer<'_>, now: Duration) -> Result<(), Limited> {
        if !self.count(doer.address) {
            return Ok(());
        }
        self.clock.tell(now);
        for limiter in self.limiters.iter().filter(|limiter| limiter.rule().what == what) {
            let by = limiter.rule().by;
            let Some(key) = self.key(by, doer) else { continue };
            if !limiter.admits(key, now) {
                return Err(Limited { what, by });
            }
        }
        Ok(())
    }

    /// A hash of whom a rule counts by; `None` where that is not known.
    fn key(&self, by: By, doer: Doer<'_>) -> Option<u64> {
        Some(match by {
            By::Address | By::Prefix if doer.seen => return None,
            By::Address => self.hash.hash_one(Network::near(doer.address)),
            By::Prefix => self.hash.hash_one(Network::wide(doer.address)),
            By::Technician => self.hash.hash_one(doer.technician?),
            By::Ticket => self.hash.hash_one(doer.ticket?),
        })
    }

    /// Whether one more Retry may be sent.
    pub(crate) fn may_retry(&self, now: Duration) -> bool {
        self.clock.tell(now);
        self.retries.check().is_ok()
    }

    /// Handshakes under way, for as long as the lock is held.
    pub(crate) fn handshakes(&self) -> MutexGuard<'_, Handshakes> {
        self.handshakes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs of codes under way.
    pub(crate) fn runs(&self) -> MutexGuard<'_, Runs> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
