//! What of a packet is readable without a key (RFC 8999, RFC 9000 section 17): where it ends in its
//! datagram, which keys it wants, where its number stands.
//!
//! The fixed bit is not looked at: quinn greases it (RFC 9287).

use deskside_protocol::label::LINE_CID;

use crate::cursor::Cursor;

/// QUIC version 1, the only one that lines speak.
const VERSION: u32 = 1;
const LONG: u8 = 0x80;
/// Longest connection id of version 1, in bytes.
const MAX_CID: usize = 20;
/// Bytes behind the start of the packet number that a packet has at least: a number of up to 4, and
/// 16 that header protection samples (RFC 9001 section 5.4.2).
const SAMPLED: usize = 4 + 16;

/// Which keys a packet wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form<'a> {
    /// Keys that follow from the first destination id.
    Initial { to: &'a [u8], from: &'a [u8] },
    /// The handshake secrets.
    Handshake,
    /// The traffic secrets.
    Short,
}

/// One packet of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Packet<'a> {
    pub(crate) form: Form<'a>,
    /// All of it, header and payload.
    pub(crate) bytes: &'a [u8],
    /// Where the packet number begins.
    pub(crate) number_at: usize,
}

/// What stands at the front of the rest of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    Packet(Packet<'a>),
    /// Something that no key of a line opens: Retry, 0-RTT, another version, scraps.
    Other,
}

/// The packets of a datagram: coalesced ones one by one.
pub(crate) fn pieces(datagram: &[u8]) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let first = *rest.first()?;
        let parsed = if first & LONG == 0 { short(rest) } else { long(rest) };
        let (piece, behind) = parsed.unwrap_or((Piece::Other, &[]));
        rest = behind;
        Some(piece)
    })
}

fn short(bytes: &[u8]) -> Option<(Piece<'_>, &[u8])> {
    // Both ends of a line give ids of one length.
    let number_at = 1 + LINE_CID;
    let whole = bytes.len() >= number_at + SAMPLED;
    whole.then_some((Piece::Packet(Packet { form: Form::Short, bytes, number_at }), &[]))
}

fn long(bytes: &[u8]) -> Option<(Piece<'_>, &[u8])> {
    let mut cursor = Cursor::new(bytes);
    let first = cursor.byte()?;
    let version = cursor.take(4)?.first_chunk().copied().map(u32::from_be_bytes)?;
    if version != VERSION {
        return None;
    }
    let to = connection_id(&mut cursor)?;
    let from = connection_id(&mut cursor)?;
    let form = match first >> 4 & 3 {
        0 => {
            cursor.counted()?; // the token
            Some(Form::Initial { to, from })
        }
        2 => Some(Form::Handshake),
        1 => None,
        _ => return None, // Retry has no length: it is the whole rest
    };
    let length = usize::try_from(cursor.number()?).ok()?;
    let number_at = bytes.len() - cursor.len();
    let (bytes, behind) = bytes.split_at_checked(number_at.checked_add(length)?)?;
    let piece = match form {
        Some(form) if length >= SAMPLED => Piece::Packet(Packet { form, bytes, number_at }),
        _ => Piece::Other,
    };
    Some((piece, behind))
}

fn connection_id<'a>(cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let length = usize::from(cursor.byte()?);
    if length > MAX_CID { None } else { cursor.take(length) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coalesced_packets_come_apart() {
        let mut datagram = b"\xc0\0\0\0\x01\x02ab\x01c\x01t\x40\x14".to_vec();
        datagram.extend([7; 20]);
        datagram.extend(b"\xe0\0\0\0\x01\0\0\x14");
        datagram.extend([8; 20]);
        datagram.push(0x10);
        datagram.extend([9; LINE_CID + SAMPLED]);
        let packets: Vec<_> = pieces(&datagram)
            .map(|piece| match piece {
                Piece::Packet(packet) => (packet.form, packet.number_at, packet.bytes.len()),
                Piece::Other => panic!("a scrap"),
            })
            .collect();
        let initial = Form::Initial { to: b"ab", from: b"c" };
        let expected = [(initial, 14, 34), (Form::Handshake, 8, 28), (Form::Short, 17, 37)];
        assert_eq!(packets, expected);
    }

    #[test]
    fn what_is_no_packet_is_one_scrap() {
        let retry = b"\xf0\0\0\0\x01\0\0token and tag";
        let other_version = b"\xc0\0\0\0\x02\0\0\0\x40\x14 more";
        let cut = b"\xe0\0\0\0\x01\0\0\x40\xff\x01\x02";
        for scrap in [&retry[..], other_version, cut, b"\x40short", b"\xc0"] {
            assert_eq!(pieces(scrap).collect::<Vec<_>>(), [Piece::Other]);
        }
        assert_eq!(pieces(b"").count(), 0);
    }
}
