//! From secrets to keys (RFC 9001 sections 5.1, 5.2 and 6.1), and the two operations that they are
//! for: a packet's mask, and opening its payload.

use ring::aead::quic::HeaderProtectionKey;
use ring::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{self, Prk};
use zeroize::Zeroizing;

/// Salt of the Initial secrets of version 1 (RFC 9001 section 5.2).
const INITIAL_SALT: [u8; 20] = [
    0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad,
    0xcc, 0xbb, 0x7f, 0x0a,
];
/// Bytes of a nonce.
const NONCE: usize = 12;

/// A cipher suite of TLS 1.3 that lines use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    /// `TLS_AES_128_GCM_SHA256`
    Aes128Gcm,
    /// `TLS_AES_256_GCM_SHA384`
    Aes256Gcm,
    /// `TLS_CHACHA20_POLY1305_SHA256`
    ChaCha20Poly1305,
}

impl Suite {
    /// The suites whose secrets have this length, in bytes.
    pub(crate) const fn of_secret(length: usize) -> &'static [Self] {
        match length {
            32 => &[Self::Aes128Gcm, Self::ChaCha20Poly1305],
            48 => &[Self::Aes256Gcm],
            _ => &[],
        }
    }

    const fn aead(self) -> &'static aead::Algorithm {
        match self {
            Self::Aes128Gcm => &aead::AES_128_GCM,
            Self::Aes256Gcm => &aead::AES_256_GCM,
            Self::ChaCha20Poly1305 => &aead::CHACHA20_POLY1305,
        }
    }

    const fn mask(self) -> &'static aead::quic::Algorithm {
        match self {
            Self::Aes128Gcm => &aead::quic::AES_128,
            Self::Aes256Gcm => &aead::quic::AES_256,
            Self::ChaCha20Poly1305 => &aead::quic::CHACHA20,
        }
    }

    const fn hkdf(self) -> hkdf::Algorithm {
        match self {
            Self::Aes128Gcm | Self::ChaCha20Poly1305 => hkdf::HKDF_SHA256,
            Self::Aes256Gcm => hkdf::HKDF_SHA384,
        }
    }
}

impl std::fmt::Display for Suite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Aes128Gcm => "AES-128-GCM",
            Self::Aes256Gcm => "AES-256-GCM",
            Self::ChaCha20Poly1305 => "ChaCha20-Poly1305",
        })
    }
}

/// One direction's secret, from which its keys come.
pub(crate) struct Secret {
    suite: Suite,
    bytes: Zeroizing<Vec<u8>>,
}

impl Secret {
    /// `bytes` as the handshake logged them.
    pub(crate) fn new(suite: Suite, bytes: &[u8]) -> Self {
        Self { suite, bytes: Zeroizing::new(bytes.to_vec()) }
    }

    /// The two ends' Initial secrets, client's first, where the client dialled `id`.
    pub(crate) fn initial(id: &[u8]) -> Option<[Self; 2]> {
        let suite = Suite::Aes128Gcm;
        let prk = hkdf::Salt::new(suite.hkdf(), &INITIAL_SALT).extract(id);
        let secret = |label| Some(Self { suite, bytes: expand(&prk, label, 32)? });
        Some([secret("client in")?, secret("server in")?])
    }

    /// What a key update makes of it.
    pub(crate) fn updated(&self) -> Option<Self> {
        let bytes = expand(&self.prk(), "quic ku", self.bytes.len())?;
        Some(Self { suite: self.suite, bytes })
    }

    pub(crate) fn header_key(&self) -> Option<HeaderProtectionKey> {
        let key = expand(&self.prk(), "quic hp", self.suite.aead().key_len())?;
        HeaderProtectionKey::new(self.suite.mask(), &key).ok()
    }

    pub(crate) fn packet_key(&self) -> Option<PacketKey> {
        let prk = self.prk();
        let key = expand(&prk, "quic key", self.suite.aead().key_len())?;
        let key = LessSafeKey::new(UnboundKey::new(self.suite.aead(), &key).ok()?);
        let iv = *expand(&prk, "quic iv", NONCE)?.first_chunk()?;
        Some(PacketKey { key, iv })
    }

    pub(crate) fn sealer(&self) -> Option<Sealer> {
        Some(Sealer { header: self.header_key()?, packet: self.packet_key()? })
    }

    fn prk(&self) -> Prk {
        Prk::new_less_safe(self.suite.hkdf(), &self.bytes)
    }
}

/// Opens payloads of one direction and key phase.
pub(crate) struct PacketKey {
    key: LessSafeKey,
    iv: [u8; NONCE],
}

impl PacketKey {
    /// Opens `payload` in place: how many bytes of it are plain. On failure its content is lost.
    pub(crate) fn open(&self, number: u64, header: &[u8], payload: &mut [u8]) -> Option<usize> {
        let plain = self.key.open_in_place(self.nonce(number), Aad::from(header), payload).ok()?;
        Some(plain.len())
    }

    fn nonce(&self, number: u64) -> Nonce {
        let mut nonce = self.iv;
        let [_, _, _, _, low @ ..] = &mut nonce;
        for (to, from) in low.iter_mut().zip(number.to_be_bytes()) {
            *to ^= from;
        }
        Nonce::assume_unique_for_key(nonce)
    }
}

/// Seals packets of one direction and key phase, see [`crate::forge`].
pub(crate) struct Sealer {
    header: HeaderProtectionKey,
    packet: PacketKey,
}

impl Sealer {
    /// The keys of the next phase; header protection stays.
    pub(crate) fn rekey(&mut self, secret: &Secret) -> Option<()> {
        self.packet = secret.packet_key()?;
        Some(())
    }

    /// Seals `packet`, whose header of `header` bytes ends with a number of four at `number_at`.
    pub(crate) fn seal(
        &self,
        number: u64,
        header: usize,
        number_at: usize,
        packet: &mut Vec<u8>,
    ) -> Option<()> {
        let (aad, payload) = packet.split_at_mut_checked(header)?;
        let nonce = self.packet.nonce(number);
        let tag =
            self.packet.key.seal_in_place_separate_tag(nonce, Aad::from(aad), payload).ok()?;
        packet.extend_from_slice(tag.as_ref());
        let sample = packet.get(number_at + 4..number_at + 4 + 16)?;
        let [first, masks @ ..] = self.header.new_mask(sample).ok()?;
        *packet.first_mut()? ^= first & 0x1f;
        let number = packet.get_mut(number_at..number_at + 4)?;
        number.iter_mut().zip(masks).for_each(|(byte, mask)| *byte ^= mask);
        Some(())
    }
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-Expand-Label with an empty context (RFC 8446 section 7.1).
fn expand(prk: &Prk, label: &str, length: usize) -> Option<Zeroizing<Vec<u8>>> {
    let size = u16::try_from(length).ok()?.to_be_bytes();
    let label_size = [u8::try_from("tls13 ".len() + label.len()).ok()?];
    let info: [&[u8]; 5] = [&size, &label_size, b"tls13 ", label.as_bytes(), &[0]];
    let mut out = Zeroizing::new(vec![0; length]);
    prk.expand(&info, Length(length)).ok()?.fill(&mut out).ok()?;
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits = text.as_bytes().chunks(2);
        digits
            .map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap())
            .collect()
    }

    /// RFC 9001 appendix A.1: keys of the client that dials 8394c8f03e515708.
    #[test]
    fn initial_secrets_are_those_of_the_standard() {
        let [client, server] = Secret::initial(&hex("8394c8f03e515708")).unwrap();
        let client_secret = "c00cf151ca5be075ed0ebfb5c80323c42d6b7db67881289af4008f1f6c357aea";
        let server_secret = "3c199828fd139efd216c155ad844cc81fb82fa8d7446fa7d78be803acdda951b";
        assert_eq!(*client.bytes, hex(client_secret));
        assert_eq!(*server.bytes, hex(server_secret));
        assert_eq!(client.packet_key().unwrap().iv, *hex("fa044b2f42a3fd3b46fb255c"));
    }

    /// RFC 9001 appendix A.5: a packet under ChaCha20-Poly1305, number 654,360,564.
    #[test]
    fn a_short_packet_of_the_standard_opens() {
        let secret = "9ac312a7f877468ebe69422748ad00a15443f18203a07d6060f688f30f21632b";
        let secret = Secret::new(Suite::ChaCha20Poly1305, &hex(secret));
        let mut packet = hex("4cfe4189655e5cd55c41f69080575d7999c25a5bfb");
        let mask = secret.header_key().unwrap().new_mask(&packet[5..21]).unwrap();
        assert_eq!(mask[..], *hex("aefefe7d03"));
        for (byte, mask) in packet.iter_mut().zip([mask[0] & 0x1f, mask[1], mask[2], mask[3]]) {
            *byte ^= mask;
        }
        let (header, payload) = packet.split_at_mut(4);
        let opened = secret.packet_key().unwrap().open(654_360_564, header, payload);
        assert_eq!((opened, payload[0]), (Some(1), 1));
        let updated = "1223504755036d556342ee9361d253421a826c9ecdf3c7148684b36b714881f9";
        assert_eq!(*secret.updated().unwrap().bytes, hex(updated));
    }
}
