//! Packets of a line as somebody makes them who holds its traffic secrets: an auditor with the opened
//! seal of a session that still lives (RFC 9001 sections 5.1 to 5.4; the keys of the first phase).

use anyhow::{Context as _, ensure};
use bytes::{BufMut as _, Bytes};
use deskside_protocol::label::LINE_CID;
use ring::aead::quic::{AES_256, Algorithm, CHACHA20, HeaderProtectionKey};
use ring::aead::{AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf;

/// Bytes of the flags and the connection id in front of the packet's number.
const HEAD: usize = 1 + LINE_CID;
/// Where the sample of the header protection begins, counted from the number (RFC 9001 5.4.2).
const SAMPLE: usize = 4;
/// Bytes of a key of either cipher.
const KEY: usize = 32;
/// Numbers of a packet are tried up to here in their missing bytes.
const MAX_WRAPS: u64 = 256;

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// One direction of a line.
#[allow(missing_debug_implementations, reason = "holds secrets")]
pub struct Direction {
    header: HeaderProtectionKey,
    key: LessSafeKey,
    iv: [u8; NONCE_LEN],
}

/// A packet that was opened.
#[derive(Debug, Clone)]
pub struct Opened {
    /// Its number.
    pub number: u64,
    /// The connection id that it was for.
    pub id: Bytes,
    /// Its frames.
    pub frames: Vec<u8>,
}

impl Direction {
    /// The direction of a traffic secret: 48 bytes for AES-256, 32 for ChaCha20.
    ///
    /// # Errors
    /// For any other length.
    pub fn of(secret: &[u8]) -> anyhow::Result<Self> {
        let (aead, algorithm, hash): (_, &'static Algorithm, _) = match secret.len() {
            48 => (&AES_256_GCM, &AES_256, hkdf::HKDF_SHA384),
            32 => (&CHACHA20_POLY1305, &CHACHA20, hkdf::HKDF_SHA256),
            other => anyhow::bail!("no cipher has secrets of {other} bytes"),
        };
        let secret = hkdf::Prk::new_less_safe(hash, secret);
        let key = expand::<KEY>(&secret, "quic key")?;
        let header = expand::<KEY>(&secret, "quic hp")?;
        Ok(Self {
            header: HeaderProtectionKey::new(algorithm, &header).ok().context("make a key")?,
            key: LessSafeKey::new(UnboundKey::new(aead, &key).ok().context("make a key")?),
            iv: expand(&secret, "quic iv")?,
        })
    }

    fn nonce(&self, number: u64) -> Nonce {
        let mut nonce = self.iv;
        let bytes = number.to_be_bytes();
        nonce.iter_mut().rev().zip(bytes.iter().rev()).for_each(|(n, b)| *n ^= b);
        Nonce::assume_unique_for_key(nonce)
    }

    fn mask(&self, packet: &[u8]) -> anyhow::Result<[u8; 5]> {
        let from = HEAD + SAMPLE;
        let sample = packet.get(from..from + self.header.algorithm().sample_len());
        self.header.new_mask(sample.context("a packet that is long enough")?).ok().context("a mask")
    }

    /// Opens a packet with a short header.
    ///
    /// # Errors
    /// Where it is none of this direction.
    pub fn open(&self, packet: &[u8]) -> anyhow::Result<Opened> {
        let mask = self.mask(packet)?;
        let mut clear = packet.to_vec();
        ensure!(clear.first().is_some_and(|flags| flags & 0x80 == 0), "a long header");
        clear[0] ^= mask[0] & 0x1f;
        let length = usize::from(clear[0] & 3) + 1;
        for (byte, mask) in clear.iter_mut().skip(HEAD).zip(mask.iter().skip(1)).take(length) {
            *byte ^= mask;
        }
        let (head, body) = clear.split_at(HEAD + length);
        let low = head.iter().skip(HEAD).fold(0, |number, byte| number << 8 | u64::from(*byte));
        let id = Bytes::copy_from_slice(head.get(1..HEAD).context("an id")?);
        (0..MAX_WRAPS)
            .map(|wraps| low + (wraps << (8 * length)))
            .find_map(|number| {
                let mut body = body.to_vec();
                let aad = Aad::from(head);
                let frames = self.key.open_in_place(self.nonce(number), aad, &mut body).ok()?;
                Some(Opened { number, id: id.clone(), frames: frames.to_vec() })
            })
            .context("a packet of this direction")
    }

    /// Makes a packet for `id`, with its number in four bytes.
    ///
    /// # Errors
    /// Where the number is too high for that.
    pub fn make(&self, id: &[u8], number: u64, frames: &[u8]) -> anyhow::Result<Vec<u8>> {
        let mut packet = vec![0x40 | 3];
        packet.extend_from_slice(id);
        packet.put_u32(u32::try_from(number)?);
        let mut body = frames.to_vec();
        let (nonce, aad) = (self.nonce(number), Aad::from(packet.as_slice()));
        self.key.seal_in_place_append_tag(nonce, aad, &mut body).ok().context("seal")?;
        packet.extend_from_slice(&body);
        let mask = self.mask(&packet)?;
        packet[0] ^= mask[0] & 0x1f;
        packet
            .iter_mut()
            .skip(HEAD)
            .zip(mask.iter().skip(1))
            .for_each(|(byte, mask)| *byte ^= mask);
        Ok(packet)
    }
}

/// HKDF-Expand-Label (RFC 8446 section 7.1) with an empty context.
fn expand<const N: usize>(secret: &hkdf::Prk, label: &str) -> anyhow::Result<[u8; N]> {
    let label = format!("tls13 {label}");
    let lengths = (u16::try_from(N)?.to_be_bytes(), u8::try_from(label.len())?);
    let info = [&lengths.0[..], &[lengths.1], label.as_bytes(), &[0]];
    let mut out = [0; N];
    let okm = secret.expand(&info, Length(N)).ok().context("expand a secret")?;
    okm.fill(&mut out).ok().context("expand a secret")?;
    Ok(out)
}

/// A STREAM frame at the beginning of a stream (RFC 9000 section 19.8), with a length.
#[must_use]
pub fn stream_frame(stream: u32, bytes: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x0a];
    frame.put_u32(0x8000_0000 | stream);
    frame.put_u32(0x8000_0000 | u32::try_from(bytes.len()).unwrap_or_default());
    frame.extend_from_slice(bytes);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_opens_again_and_a_stranger_opens_nothing() {
        for (own, other) in [([1; 48].as_slice(), [2; 48].as_slice()), (&[1; 32], &[2; 32])] {
            let ours = Direction::of(own).unwrap();
            let packet = ours.make(&[0x80; 16], 77, &stream_frame(8, b"some bytes")).unwrap();
            let opened = ours.open(&packet).unwrap();
            assert_eq!((opened.number, opened.id.as_ref()), (77, &[0x80; 16][..]));
            assert_eq!(opened.frames, stream_frame(8, b"some bytes"));
            assert!(Direction::of(other).unwrap().open(&packet).is_err());
        }
        assert!(Direction::of(&[0; 31]).is_err());
    }
}
