//! Telling packets apart on one socket: the first bit of the destination connection id.
//!
//! 0 belongs to the leg that ends at this socket. 1 is a line's: the first eight bytes are then the
//! label by which the relay knows whom the packet is for. The offsets are those of RFC 8999.

use crate::random::{self, Random};

/// Bytes of a label.
pub const LABEL: usize = 8;
/// Bytes of a line's connection ids: the label and eight random ones.
pub const LINE_CID: usize = 16;
/// Bytes of a leg's connection ids.
pub const LEG_CID: usize = 8;

const FIRST_BIT: u8 = 0x80;

/// Eight bytes, the first bit 1, by which the relay knows whose packet it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Label([u8; LABEL]);

impl Label {
    /// A new label.
    pub fn random(random: &mut dyn Random) -> Self {
        let mut bytes: [u8; LABEL] = random::bytes(random);
        bytes[0] |= FIRST_BIT;
        Self(bytes)
    }

    /// A label from the wire; `None` where the first bit is 0 or the length is wrong.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: [u8; LABEL] = bytes.try_into().ok()?;
        (bytes[0] & FIRST_BIT != 0).then_some(Self(bytes))
    }

    /// The eight bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; LABEL] {
        &self.0
    }

    /// A connection id of a line that ends at the owner of this label.
    pub fn connection_id(&self, random: &mut dyn Random) -> [u8; LINE_CID] {
        let mut id = [0; LINE_CID];
        let (label, rest) = id.split_at_mut(LABEL);
        label.copy_from_slice(&self.0);
        random.fill(rest);
        id
    }
}

impl std::fmt::Debug for Label {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Label({})", data_encoding::HEXLOWER.encode(&self.0))
    }
}

/// A connection id of a leg: random, the first bit 0.
pub fn leg_connection_id(random: &mut dyn Random) -> [u8; LEG_CID] {
    let mut id: [u8; LEG_CID] = random::bytes(random);
    id[0] &= !FIRST_BIT;
    id
}

/// The label that a UDP datagram carries; `None` where it belongs to a leg or to nobody.
///
/// Only the first packet of a datagram is looked at: coalesced ones share its connection id
/// (RFC 9000 section 12.2).
#[must_use]
pub fn of_datagram(datagram: &[u8]) -> Option<Label> {
    const LONG_HEADER: u8 = 0x80;
    let first = *datagram.first()?;
    let id = if first & LONG_HEADER != 0 {
        // flags 1, version 4, length of the id 1, the id
        if usize::from(*datagram.get(5)?) < LABEL {
            return None;
        }
        datagram.get(6..6 + LABEL)?
    } else {
        datagram.get(1..=LABEL)?
    };
    Label::from_bytes(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: [u8; 8] = [0x80, 2, 3, 4, 5, 6, 7, 8];
    const LEG: [u8; 8] = [0x7f, 2, 3, 4, 5, 6, 7, 8];

    #[test]
    fn short_and_long_headers_carry_the_label() {
        let short = [&[0x40][..], &LINE, &[0; 20]].concat();
        let long = [&[0xc0, 0, 0, 0, 1, 16][..], &LINE, &[0; 20]].concat();
        assert_eq!(of_datagram(&short), Label::from_bytes(&LINE));
        assert_eq!(of_datagram(&long), Label::from_bytes(&LINE));
    }

    #[test]
    fn a_leg_s_packet_and_scraps_carry_none() {
        assert_eq!(of_datagram(&[&[0x40][..], &LEG].concat()), None);
        assert_eq!(of_datagram(&[&[0xc0, 0, 0, 0, 1, 7][..], &LINE].concat()), None);
        for end in 0..9 {
            assert_eq!(of_datagram(&[&[0x40][..], &LINE].concat()[..end]), None);
        }
    }
}
