//! Handshakes that are under way: who has to show first that the address is his own (QUIC Retry,
//! RFC 9000 section 8.1), and who comes too late.
//!
//! A pure machine. An Initial costs its sender one packet with any address in it, and the relay
//! memory and a signature; so above a named number the relay keeps nothing of a newcomer until its
//! address is validated, and above another it takes nobody.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::time::Duration;

use super::network::Network;

/// Above so many handshakes under way, every newcomer has to validate its address: 64 take 10 ms of
/// two processors, more than a burst of users makes.
pub(crate) const RETRY_ABOVE: usize = 64;
/// Above so many from one neighbourhood, its newcomers have to.
pub(crate) const RETRY_ABOVE_WIDE: usize = 16;
/// Handshakes under way at the most. Each takes some 30 KiB: 120 MiB. All sessions of a relay that
/// was started again come back through here, 2,000 a second.
pub(crate) const MAX_HALF_OPEN: usize = 4_096;
/// Of one neighbourhood at the most.
pub(crate) const MAX_HALF_OPEN_WIDE: usize = 512;
/// Retries in a second, and at once. Each is 20 us of a processor, and smaller than the Initial that it
/// answers, so that nothing is amplified; what is beyond is not answered at all.
pub(crate) const RETRIES: NonZeroU32 = match NonZeroU32::new(20_000) {
    Some(retries) => retries,
    None => NonZeroU32::MIN,
};
/// Whoever was over its number of legs has to validate its address for so long.
pub(crate) const SUSPICION: Duration = Duration::from_secs(60);
/// Neighbourhoods that are remembered for that. In a table that is full nobody is added.
pub(crate) const MAX_SUSPECTS: usize = 4_096;

/// What to do with an Initial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Go on with the handshake.
    Take,
    /// Send a Retry, and keep nothing.
    Validate,
    /// Say no.
    Refuse,
}

/// All handshakes of one node that are under way.
#[derive(Debug, Default)]
pub(crate) struct Handshakes {
    open: usize,
    /// At most one entry for each of [`MAX_HALF_OPEN`].
    wide: HashMap<Network, usize>,
    /// Until when, at most [`MAX_SUSPECTS`].
    suspects: HashMap<Network, Duration>,
}

impl Handshakes {
    /// An Initial came from this neighbourhood. Whoever is taken has to be [`Self::end`]ed.
    pub(crate) fn arrive(
        &mut self,
        from: Network,
        validated: bool,
        counts: bool,
        now: Duration,
    ) -> Verdict {
        let own = self.wide.get(&from).copied().unwrap_or(0);
        let suspect = self.suspects.get(&from).is_some_and(|until| now < *until);
        let crowded = own >= RETRY_ABOVE_WIDE || suspect;
        if !validated && (self.open >= RETRY_ABOVE || (counts && crowded)) {
            return Verdict::Validate;
        }
        if self.open >= MAX_HALF_OPEN || (counts && own >= MAX_HALF_OPEN_WIDE) {
            return Verdict::Refuse;
        }
        self.open += 1;
        *self.wide.entry(from).or_insert(0) += 1;
        Verdict::Take
    }

    /// A handshake that was taken is over, whatever came of it.
    pub(crate) fn end(&mut self, from: Network) {
        self.open = self.open.saturating_sub(1);
        if let Some(own) = self.wide.get_mut(&from) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                self.wide.remove(&from);
            }
        }
    }

    /// A neighbourhood has had too many legs, by validated addresses.
    pub(crate) fn suspect(&mut self, from: Network, now: Duration) {
        if self.suspects.len() >= MAX_SUSPECTS {
            self.suspects.retain(|_, until| now < *until);
        }
        if self.suspects.len() < MAX_SUSPECTS {
            self.suspects.insert(from, now + SUSPICION);
        }
    }

    /// How many are under way.
    pub(crate) const fn open(&self) -> usize {
        self.open
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn network(number: u32) -> Network {
        Network::wide(Ipv4Addr::from_bits(number << 8).into())
    }

    const NOW: Duration = Duration::ZERO;

    #[test]
    fn a_quiet_relay_asks_nobody_and_a_busy_one_everybody() {
        let mut handshakes = Handshakes::default();
        for number in 0..u32::try_from(RETRY_ABOVE).unwrap() {
            assert_eq!(handshakes.arrive(network(number), false, true, NOW), Verdict::Take);
        }
        assert_eq!(handshakes.arrive(network(9_999), false, true, NOW), Verdict::Validate);
        assert_eq!(handshakes.arrive(network(9_999), false, false, NOW), Verdict::Validate);
        assert_eq!(handshakes.arrive(network(9_999), true, true, NOW), Verdict::Take);
        for _ in 0..2 {
            handshakes.end(network(0));
            handshakes.end(network(9_999));
        }
        assert_eq!(handshakes.arrive(network(9_999), false, true, NOW), Verdict::Take);
    }

    #[test]
    fn a_crowded_neighbourhood_is_asked_alone_and_then_refused() {
        let mut handshakes = Handshakes::default();
        for _ in 0..RETRY_ABOVE_WIDE {
            assert_eq!(handshakes.arrive(network(1), false, true, NOW), Verdict::Take);
        }
        assert_eq!(handshakes.arrive(network(1), false, true, NOW), Verdict::Validate);
        assert_eq!(handshakes.arrive(network(2), false, true, NOW), Verdict::Take);
        for _ in RETRY_ABOVE_WIDE..MAX_HALF_OPEN_WIDE {
            assert_eq!(handshakes.arrive(network(1), true, true, NOW), Verdict::Take);
        }
        assert_eq!(handshakes.arrive(network(1), true, true, NOW), Verdict::Refuse);
        assert_eq!(handshakes.arrive(network(1), true, false, NOW), Verdict::Take);
        assert_eq!(handshakes.arrive(network(2), true, true, NOW), Verdict::Take);
    }

    #[test]
    fn there_is_an_end_to_all_of_them_and_nothing_is_left() {
        let mut handshakes = Handshakes::default();
        let all = u32::try_from(MAX_HALF_OPEN).unwrap();
        for number in 0..all {
            assert_eq!(handshakes.arrive(network(number), true, true, NOW), Verdict::Take);
        }
        assert_eq!(handshakes.arrive(network(all), true, false, NOW), Verdict::Refuse);
        for number in 0..all {
            handshakes.end(network(number));
        }
        assert_eq!((handshakes.open(), handshakes.wide.len()), (0, 0));
    }

    #[test]
    fn suspicion_ends_and_its_table_is_bounded() {
        let mut handshakes = Handshakes::default();
        handshakes.suspect(network(1), NOW);
        assert_eq!(handshakes.arrive(network(1), false, true, NOW), Verdict::Validate);
        assert_eq!(handshakes.arrive(network(1), false, true, SUSPICION), Verdict::Take);
        for number in 0..u32::try_from(2 * MAX_SUSPECTS).unwrap() {
            handshakes.suspect(network(number), NOW);
        }
        assert_eq!(handshakes.suspects.len(), MAX_SUSPECTS);
        handshakes.suspect(network(77_777), SUSPICION);
        assert_eq!(handshakes.suspects.len(), 1);
    }
}
