//! pcapng, as far as it is written here: sections with one interface of raw IP packets, and the
//! secrets that open them (draft-ietf-opsawg-pcapng, sections 4.1 to 4.3 and 4.7). Little-endian, and
//! every block padded to four bytes.

use std::net::Ipv4Addr;

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const SECRETS: u32 = 0x0a;
const PACKET: u32 = 6;
/// `LINKTYPE_RAW`: a packet begins with its IP header.
const RAW_IP: u16 = 101;
/// "TLSK": an NSS key log.
const TLS_KEY_LOG: u32 = 0x544c_534b;
const COMMENT: u16 = 1;
const IPV4: usize = 20;
const UDP: usize = 8;

/// Address and port.
pub(super) type Door = ([u8; 4], u16);

/// A UDP datagram to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Datagram<'a> {
    /// Microseconds since 1970-01-01 UTC.
    pub(super) time_us: u64,
    pub(super) source: Door,
    pub(super) destination: Door,
    pub(super) payload: &'a [u8],
}

/// What stands before the first packet: the section, with a comment, its interface, and a key log.
pub(super) fn preamble(comment: &str, key_log: &str) -> Vec<u8> {
    let mut section = Vec::new();
    section.extend(0x1a2b_3c4d_u32.to_le_bytes());
    section.extend([1_u16, 0].map(u16::to_le_bytes).concat());
    // The section's length is left open.
    section.extend(u64::MAX.to_le_bytes());
    section.extend(option(COMMENT, comment.as_bytes()));
    let mut interface = Vec::new();
    interface.extend(RAW_IP.to_le_bytes());
    interface.extend([0; 2]);
    // No limit to a packet's length; times are in microseconds where nothing else is said.
    interface.extend([0; 4]);
    let mut secrets = Vec::new();
    secrets.extend(TLS_KEY_LOG.to_le_bytes());
    secrets.extend(length(key_log.as_bytes()).to_le_bytes());
    secrets.extend(key_log.as_bytes());
    pad(&mut secrets);
    [block(SECTION, &section), block(INTERFACE, &interface), block(SECRETS, &secrets)].concat()
}

/// A packet block.
pub(super) fn datagram(datagram: &Datagram<'_>) -> Vec<u8> {
    let packet = ip(datagram);
    let mut body = Vec::with_capacity(packet.len() + 24);
    body.extend([0; 4]);
    let [high, low] = [datagram.time_us >> 32, datagram.time_us & u64::from(u32::MAX)];
    for half in [high, low] {
        body.extend(u32::try_from(half).unwrap_or_default().to_le_bytes());
    }
    body.extend(length(&packet).to_le_bytes());
    body.extend(length(&packet).to_le_bytes());
    body.extend(packet);
    pad(&mut body);
    block(PACKET, &body)
}

/// The datagram under its headers (RFC 791, RFC 768); UDP's checksum may be left out.
fn ip(datagram: &Datagram<'_>) -> Vec<u8> {
    let ((source, from), (destination, to)) = (datagram.source, datagram.destination);
    let sized = |headers: usize| {
        u16::try_from(headers + datagram.payload.len()).unwrap_or(u16::MAX).to_be_bytes()
    };
    let mut packet = vec![0x45, 0];
    packet.extend(sized(IPV4 + UDP));
    // Identification and fragments: none. Lives for 64 hops, UDP, a checksum to come.
    packet.extend([0, 0, 0x40, 0, 64, 17, 0, 0]);
    packet.extend(Ipv4Addr::from(source).octets());
    packet.extend(Ipv4Addr::from(destination).octets());
    let sum = checksum(&packet).to_be_bytes();
    packet.splice(10..12, sum);
    packet.extend(from.to_be_bytes());
    packet.extend(to.to_be_bytes());
    packet.extend(sized(UDP));
    packet.extend([0, 0]);
    packet.extend(datagram.payload);
    packet
}

/// The Internet checksum (RFC 1071) of an even number of bytes.
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes
        .chunks_exact(2)
        .map(|two| two.iter().fold(0, |all, byte| all << 8 | u32::from(*byte)));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or_default()
}

fn option(code: u16, value: &[u8]) -> Vec<u8> {
    let mut option = Vec::new();
    option.extend(code.to_le_bytes());
    option.extend(u16::try_from(value.len()).unwrap_or_default().to_le_bytes());
    option.extend(value);
    pad(&mut option);
    // The end of options.
    option.extend([0; 4]);
    option
}

fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let whole = length(body).saturating_add(12).to_le_bytes();
    [&kind.to_le_bytes()[..], &whole, body, &whole].concat()
}

fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_those_of_the_format() {
        let bytes = preamble("a b", "KEY 00 11\n");
        let words: Vec<u32> =
            bytes.chunks(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect();
        let section = [0x0a0d_0d0a, 40, 0x1a2b_3c4d, 1, u32::MAX, u32::MAX];
        assert_eq!(words[..6], section);
        assert_eq!(words[9], 40, "its length stands at both ends");
        assert_eq!(words[10..15], [1, 20, 101, 0, 20]);
        assert_eq!(words[15..19], [10, 32, 0x544c_534b, 10]);
        assert_eq!(&bytes[76..86], b"KEY 00 11\n");
    }

    #[test]
    fn a_packet_has_its_time_and_headers() {
        let payload = [7; 5];
        let block = datagram(&Datagram {
            time_us: 0x1_0000_0002,
            source: ([10, 0, 0, 1], 5),
            destination: ([10, 0, 0, 2], 443),
            payload: &payload,
        });
        assert_eq!(block.len() % 4, 0);
        let words = |range: std::ops::Range<usize>| -> Vec<u32> {
            block[range]
                .chunks(4)
                .map(|word| u32::from_le_bytes(word.try_into().unwrap()))
                .collect()
        };
        assert_eq!(words(0..28), [6, 68, 0, 1, 2, 33, 33]);
        let packet = &block[28..61];
        assert_eq!(&packet[..4], [0x45, 0, 0, 33]);
        assert_eq!(checksum(&packet[..20]), 0, "a sum over itself is nothing");
        assert_eq!(&packet[20..28], [0, 5, 1, 187, 0, 13, 0, 0]);
        assert_eq!(&packet[28..], payload);
    }
}
