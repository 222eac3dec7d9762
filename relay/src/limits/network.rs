//! A part of the Internet that one party holds: what limits count by.
//!
//! An IPv4 address, or an IPv6 /64, is one household or office; an IPv4 /24, or an IPv6 /48, is what
//! one customer of a provider commonly gets. Whoever has more of them pays for it.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use thiserror::Error;

/// Bits of an IPv4 address that say who it is.
const NEAR_V4: u8 = 32;
/// Bits of an IPv6 address that say who it is: one network, whose hosts choose the rest.
const NEAR_V6: u8 = 64;
/// Bits of an IPv4 address that say whose neighbour it is.
const WIDE_V4: u8 = 24;
/// Bits of an IPv6 address that say whose neighbour it is.
const WIDE_V6: u8 = 48;

/// Not a network in writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("that is no network: it reads 192.0.2.0/24, 2001:db8::/32 or one address")]
pub struct NotANetwork;

/// All addresses that begin with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    base: IpAddr,
    bits: u8,
}

impl Network {
    /// The addresses that agree with `address` in so many bits.
    fn of(address: IpAddr, bits: u8) -> Self {
        let base = match address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(bits.min(32))).unwrap_or(0);
                IpAddr::V4((address.to_bits() & mask).into())
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(bits.min(128))).unwrap_or(0);
                IpAddr::V6((address.to_bits() & mask).into())
            }
        };
        Self { base, bits }
    }

    /// Whoever has this address: an IPv4 address alone, of IPv6 its /64.
    #[must_use]
    pub fn near(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self::of(address, if address.is_ipv4() { NEAR_V4 } else { NEAR_V6 })
    }

    /// The neighbourhood of this address: its IPv4 /24 or IPv6 /48.
    #[must_use]
    pub fn wide(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self::of(address, if address.is_ipv4() { WIDE_V4 } else { WIDE_V6 })
    }

    /// Whether an address is one of these.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.base.is_ipv4() && Self::of(address, self.bits) == *self
    }
}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse().map_err(|_| NotANetwork)?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NotANetwork)?;
        let all = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(all);
        if bits > all {
            return Err(NotANetwork);
        }
        Ok(Self::of(address, bits))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_has_a_household_and_a_neighbourhood() {
        for (text, near, wide) in [
            ("192.0.2.77", "192.0.2.77/32", "192.0.2.0/24"),
            ("::ffff:192.0.2.77", "192.0.2.77/32", "192.0.2.0/24"),
            ("2001:db8:1:2:3::4", "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ] {
            assert_eq!(Network::near(address(text)).to_string(), near);
            assert_eq!(Network::wide(address(text)).to_string(), wide);
        }
    }

    #[test]
    fn a_network_in_writing_contains_its_own() {
        let network: Network = "10.1.0.0/16".parse().unwrap();
        assert!(network.contains(address("10.1.255.255")));
        assert!(network.contains(address("::ffff:10.1.2.3")));
        assert!(!network.contains(address("10.2.0.0")));
        assert!(!network.contains(address("::1")));
        assert!("0.0.0.0/0".parse::<Network>().unwrap().contains(address("203.0.113.9")));
        assert!("::/0".parse::<Network>().unwrap().contains(address("2001:db8::1")));
        assert!(!"0.0.0.0/0".parse::<Network>().unwrap().contains(address("2001:db8::1")));
        assert_eq!("192.0.2.9".parse::<Network>().unwrap().to_string(), "192.0.2.9/32");
        for bad in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "x/8", "10.0.0.0/", "10.0.0.0/-1"] {
            assert_eq!(bad.parse::<Network>(), Err(NotANetwork), "{bad}");
        }
    }
}
