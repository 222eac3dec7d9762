//! Where an agent's nameplate waits for its technician.
//!
//! A pure machine: time is a `Duration` since any fixed moment, randomness an argument, and what
//! reaches the agent (`T`) is the caller's. It knows nameplates only; the secret half of a code
//! never comes here. One code has one run: whoever joins takes the agent's handle out, and only
//! [`Lobby::put_back`] brings it back, before anything was offered to the agent. What one network
//! holds is counted until the nameplate has rested, so that nobody uses them up by opening and
//! leaving.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use deskside_protocol::code::{LIFETIME_SECONDS, NAMEPLATES, Nameplate, REST_SECONDS};
use deskside_protocol::random::Random;
use thiserror::Error;

use crate::limits::{MAX_HELD_NEAR, MAX_HELD_WIDE, Network};

/// A code lives this long.
pub const LIFETIME: Duration = Duration::from_secs(LIFETIME_SECONDS as u64);
/// A nameplate rests this long after its code ended.
pub const REST: Duration = Duration::from_secs(REST_SECONDS as u64);
/// The most nameplates in use or at rest at once: half of all, so that a free one is found in two
/// draws on average and a guess meets nobody as often as somebody.
pub const MAX_NAMEPLATES: usize = NAMEPLATES as usize / 2;
/// Draws for a free nameplate. At half full all of them miss with probability 2^-64, so this is
/// only ever reached with a broken generator.
const MAX_DRAWS: usize = 64;

/// Too many codes are open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Busy {
    /// At this relay.
    #[error("busy, try again in a minute")]
    Full,
    /// From this network: [`MAX_HELD_NEAR`] or [`MAX_HELD_WIDE`].
    #[error("busy, try again in a minute: too many codes for your network")]
    Network,
}

/// For whom a nameplate is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// The address.
    pub near: Network,
    /// Its neighbourhood.
    pub wide: Network,
}

/// One code's stay in the lobby. A slot of an earlier code with the same nameplate is a different
/// one, so that a late word about it harms nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Slot {
    nameplate: Nameplate,
    number: u64,
}

impl Slot {
    /// The public part of the code.
    #[must_use]
    pub const fn nameplate(self) -> Nameplate {
        self.nameplate
    }
}

impl Holder {
    /// Whoever has this address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        Self { near: Network::near(address), wide: Network::wide(address) }
    }
}

#[derive(Debug)]
struct Stay<T> {
    number: u64,
    ends: Duration,
    /// `None`: nobody's share is counted.
    holder: Option<Holder>,
    /// `None` while a technician has it.
    handle: Option<T>,
}

/// All open codes of one node.
#[derive(Debug)]
pub struct Lobby<T> {
    lifetime: Duration,
    stays: HashMap<Nameplate, Stay<T>>,
    /// For whom a nameplate rests. With `stays` at most [`MAX_NAMEPLATES`].
    resting: HashMap<Nameplate, Option<Holder>>,
    /// Nameplates in use or at rest, by network: two entries for each at the most.
    held: HashMap<Network, u32>,
    /// In the order of their ends, which is that of their beginnings; one that ended early stays in
    /// here until its time. At most [`MAX_NAMEPLATES`].
    ends: VecDeque<(Duration, Slot)>,
    /// In the order of their ends.
    rests: VecDeque<(Duration, Nameplate)>,
    /// Of the next slot.
    number: u64,
}

impl<T> Default for Lobby<T> {
    fn default() -> Self {
        Self::new(LIFETIME)
    }
}

impl<T> Lobby<T> {
    /// An empty lobby, in which a code lives for `lifetime`.
    #[must_use]
    pub fn new(lifetime: Duration) -> Self {
        Self {
            lifetime,
            stays: HashMap::new(),
            resting: HashMap::new(),
            held: HashMap::new(),
            ends: VecDeque::new(),
            rests: VecDeque::new(),
            number: 0,
        }
    }

    /// Codes that are open, with or without a technician.
    #[must_use]
    pub fn open_codes(&self) -> usize {
        self.stays.len()
    }

    /// Gives the agent behind `handle` a nameplate for the lifetime of a code.
    ///
    /// # Errors
    /// [`Busy`] once [`MAX_NAMEPLATES`] are in use or at rest, or too many for this holder.
    pub fn open(
        &mut self,
        now: Duration,
        handle: T,
        holder: Option<Holder>,
        random: &mut dyn Random,
    ) -> Result<Slot, Busy> {
        self.wake(now);
        if self.ends.len().max(self.stays.len() + self.resting.len()) >= MAX_NAMEPLATES {
            return Err(Busy::Full);
        }
        if holder.is_some_and(|holder| !self.may_hold(holder)) {
            return Err(Busy::Network);
        }
        let nameplate = self.draw(random).ok_or(Busy::Full)?;
        let slot = Slot { nameplate, number: self.number };
        self.number += 1;
        let ends = now + self.lifetime;
        let stay = Stay { number: slot.number, ends, holder, handle: Some(handle) };
        self.stays.insert(nameplate, stay);
        self.hold(holder);
        self.ends.push_back((ends, slot));
        Ok(slot)
    }

    /// Takes the agent's handle, once. Unknown, used and expired nameplates are all `None`, and
    /// deserve one and the same answer.
    pub fn join(&mut self, nameplate: Nameplate, now: Duration) -> Option<(Slot, T)> {
        let stay = self.stays.get_mut(&nameplate).filter(|stay| now < stay.ends)?;
        let handle = stay.handle.take()?;
        Some((Slot { nameplate, number: stay.number }, handle))
    }

    /// The technician left before anything was offered to the agent: the code is open again.
    ///
    /// # Errors
    /// The handle itself where the code has ended meanwhile; the agent needs another.
    pub fn put_back(&mut self, slot: Slot, handle: T, now: Duration) -> Result<(), T> {
        match self.stays.get_mut(&slot.nameplate) {
            Some(stay) if stay.number == slot.number && now < stay.ends => {
                stay.handle = Some(handle);
                Ok(())
            }
            _ => Err(handle),
        }
    }

    /// The code is spent or its agent left: the nameplate goes to rest. Gives the handle where no
    /// technician had taken it. A second word about the same slot does nothing.
    pub fn end(&mut self, slot: Slot, now: Duration) -> Option<T> {
        let stay = self.stays.get(&slot.nameplate)?;
        if stay.number != slot.number {
            return None;
        }
        let stay = self.stays.remove(&slot.nameplate)?;
        let until = now + REST;
        self.resting.insert(slot.nameplate, stay.holder);
        self.rests.push_back((until, slot.nameplate));
        stay.handle
    }

    /// When [`Self::handle_timeout`] next has something to do.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        let end = self.ends.front().map(|(at, _)| *at);
        let rest = self.rests.front().map(|(at, _)| *at);
        [end, rest].into_iter().flatten().min()
    }

    /// Ends what has run out and gives the handles of agents that have to be told. A code that a
    /// technician has just then is ended without a word: its run goes on outside.
    pub fn handle_timeout(&mut self, now: Duration) -> Vec<(Slot, T)> {
        let mut expired = Vec::new();
        while let Some((_, slot)) = self.ends.pop_front_if(|(at, _)| *at <= now) {
            if let Some(handle) = self.end(slot, now) {
                expired.push((slot, handle));
            }
        }
        self.wake(now);
        expired
    }

    /// Frees nameplates that have rested, and forgets codes that ended before their time.
    fn wake(&mut self, now: Duration) {
        let stays = &self.stays;
        let open =
            |slot: &Slot| stays.get(&slot.nameplate).is_some_and(|it| it.number == slot.number);
        while self.ends.pop_front_if(|(at, slot)| *at <= now && !open(slot)).is_some() {}
        while let Some((_, nameplate)) = self.rests.pop_front_if(|(until, _)| *until <= now) {
            let holder = self.resting.remove(&nameplate).flatten();
            self.let_go(holder);
        }
    }

    fn may_hold(&self, Holder { near, wide }: Holder) -> bool {
        let held = |network| self.held.get(&network).copied().unwrap_or(0);
        held(near) < MAX_HELD_NEAR && held(wide) < MAX_HELD_WIDE
    }

    fn hold(&mut self, holder: Option<Holder>) {
        let networks = holder.map(|Holder { near, wide }| [near, wide]);
        for network in networks.into_iter().flatten() {
            *self.held.entry(network).or_insert(0) += 1;
        }
    }

    fn let_go(&mut self, holder: Option<Holder>) {
        let networks = holder.map(|Holder { near, wide }| [near, wide]);
        for network in networks.into_iter().flatten() {
            if let Some(count) = self.held.get_mut(&network) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.held.remove(&network);
                }
            }
        }
    }

    fn draw(&self, random: &mut dyn Random) -> Option<Nameplate> {
        (0..MAX_DRAWS)
            .map(|_| Nameplate::random(random))
            .find(|plate| !self.stays.contains_key(plate) && !self.resting.contains_key(plate))
    }
}

#[cfg(test)]
mod tests;
