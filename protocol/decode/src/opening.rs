//! Takes the protection off packets of one direction and number space: header, number, payload, and
//! which of the key phases it is.

use bytes::Bytes;
use ring::aead::quic::HeaderProtectionKey;

use crate::header::Packet;
use crate::keys::{PacketKey, Secret};

/// The low bits of the first byte that are masked in a long and in a short header.
const LONG_BITS: u8 = 0x0f;
const SHORT_BITS: u8 = 0x1f;
const PHASE: u8 = 0x04;
/// Bytes of an AEAD's tag, the same in all suites.
pub(crate) const TAG: usize = 16;
/// Windows of packet numbers that are tried beyond the next one, where a packet opens by none of the
/// expected: behind a stretch that is not in the recording, in either direction. With numbers of two
/// bytes that is a gap of four million packets; what fails costs so many times its opening.
const WINDOWS: u64 = 64;

/// A packet that its key opened.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    pub(crate) number: u64,
    pub(crate) payload: Bytes,
    /// What authenticated it: tells a repeated packet from another one of its number.
    pub(crate) tag: [u8; TAG],
    /// It is the first of a new key phase.
    pub(crate) updated: bool,
}

/// The keys of one direction in one number space.
pub(crate) struct Opener {
    header: HeaderProtectionKey,
    /// Of the current phase: its secret, key, and lowest number.
    secret: Secret,
    current: PacketKey,
    first: u64,
    previous: Option<PacketKey>,
    next: Option<PacketKey>,
    phase: bool,
}

impl Opener {
    pub(crate) fn new(secret: Secret) -> Option<Self> {
        let (header, current) = (secret.header_key()?, secret.packet_key()?);
        let next = secret.updated()?.packet_key();
        Some(Self { header, secret, current, first: 0, previous: None, next, phase: false })
    }

    /// Opens `packet`, whose number is about `expected`.
    pub(crate) fn open(&mut self, packet: &Packet<'_>, expected: u64) -> Option<Opened> {
        let (mut bytes, length) = self.unmasked(packet)?;
        let payload_at = packet.number_at + length;
        let short = packet.bytes.first()? & 0x80 == 0;
        let phase = short && bytes.first()? & PHASE != 0;
        let truncated = bytes.get(packet.number_at..payload_at)?;
        let truncated = truncated.iter().fold(0, |all, byte| all << 8 | u64::from(*byte));
        let window = 1_u64 << (8 * length);
        let likely = expand(truncated, window, expected);
        let further = if short { WINDOWS } else { 0 };
        for step in 0..=further {
            let number = likely.checked_add(step * window).filter(|number| *number < 1 << 62)?;
            if step > 0 {
                // What did not open is destroyed.
                bytes.get_mut(payload_at..)?.copy_from_slice(packet.bytes.get(payload_at..)?);
            }
            let (header, payload) = bytes.split_at_mut_checked(payload_at)?;
            let updated = phase != self.phase && number >= self.first;
            let key = match (phase == self.phase, updated) {
                (true, _) => Some(&self.current),
                (false, true) => self.next.as_ref(),
                (false, false) => self.previous.as_ref(),
            };
            let Some(plain) = key.and_then(|key| key.open(number, header, payload)) else {
                continue;
            };
            self.succeeded(number, phase, updated);
            let tag = *packet.bytes.last_chunk()?;
            let payload = Bytes::from(bytes).slice(payload_at..payload_at + plain);
            return Some(Opened { number, payload, tag, updated });
        }
        None
    }

    /// The packet with its first byte and its number readable, and the number's length.
    fn unmasked(&self, packet: &Packet<'_>) -> Option<(Vec<u8>, usize)> {
        let at = packet.number_at;
        let sample = packet.bytes.get(at + 4..at + 4 + 16)?;
        let [first_mask, masks @ ..] = self.header.new_mask(sample).ok()?;
        let mut bytes = packet.bytes.to_vec();
        let first = bytes.first_mut()?;
        *first ^= first_mask & if *first & 0x80 != 0 { LONG_BITS } else { SHORT_BITS };
        let length = usize::from(*first & 3) + 1;
        let number = bytes.get_mut(at..at + length)?;
        number.iter_mut().zip(masks).for_each(|(byte, mask)| *byte ^= mask);
        Some((bytes, length))
    }

    /// Only now is it certain that the packet belongs to its phase.
    fn succeeded(&mut self, number: u64, phase: bool, updated: bool) {
        if !updated {
            if phase == self.phase {
                self.first = self.first.min(number);
            }
            return;
        }
        let Some(next) = self.next.take() else { return };
        let Some(secret) = self.secret.updated() else { return };
        self.next = secret.updated().and_then(|secret| secret.packet_key());
        self.previous = Some(std::mem::replace(&mut self.current, next));
        self.secret = secret;
        self.first = number;
        self.phase = phase;
    }
}

/// The number of that ending which is nearest to `expected` (RFC 9000 appendix A.3).
const fn expand(truncated: u64, window: u64, expected: u64) -> u64 {
    let candidate = expected & !(window - 1) | truncated;
    if candidate + window / 2 <= expected {
        candidate + window
    } else if candidate > expected + window / 2 && candidate >= window {
        candidate - window
    } else {
        candidate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 9000 appendix A.3, and the edges.
    #[test]
    fn a_number_is_the_one_nearest_to_what_is_expected() {
        assert_eq!(expand(0x9b32, 0x1_0000, 0xa82f_30eb), 0xa82f_9b32);
        assert_eq!(expand(0, 0x100, 0), 0);
        assert_eq!(expand(0xff, 0x100, 0x100), 0xff);
        assert_eq!(expand(0x01, 0x100, 0xff), 0x101);
        assert_eq!(expand(0xff, 0x100, 0), 0xff);
    }
}
