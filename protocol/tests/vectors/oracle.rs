//! The pairing's formulas once more, from PROTOCOL.md alone and on other libraries than the crate
//! uses: CPace on curve25519-dalek and sha2, HMAC and HKDF by hand.

use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use sha2::{Digest as _, Sha256, Sha512};

const DSI: &[u8] = b"CPaceRistretto255";

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// This protocol's lists: 32-bit big-endian lengths.
pub(crate) fn lv(fields: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for field in fields {
        out.extend_from_slice(&u32::try_from(field.len()).unwrap().to_be_bytes());
        out.extend_from_slice(field);
    }
    out
}

/// The draft's own lists: LEB128 lengths.
fn lv_cat(fields: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for field in fields {
        let mut length = field.len();
        while length >= 0x80 {
            out.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
            length >>= 7;
        }
        out.push(u8::try_from(length).unwrap());
        out.extend_from_slice(field);
    }
    out
}

/// The draft's generator string.
pub(crate) fn generator_string(password: &[u8], ci: &[u8], sid: &[u8]) -> Vec<u8> {
    let used = 1 + lv_cat(&[password]).len() + lv_cat(&[DSI]).len();
    let pad = vec![0; 128_usize.saturating_sub(used)];
    lv_cat(&[DSI, password, &pad, ci, sid])
}

/// The generator of a generator string.
pub(crate) fn generator(string: &[u8]) -> RistrettoPoint {
    let hash: [u8; 64] = Sha512::digest(string).into();
    RistrettoPoint::from_uniform_bytes(&hash)
}

/// A scalar from 64 uniform bytes, little-endian.
pub(crate) fn scalar(wide: &[u8; 64]) -> Scalar {
    Scalar::from_bytes_mod_order_wide(wide)
}

/// `K`, from the other end's share.
pub(crate) fn product(scalar: &Scalar, share: &[u8]) -> [u8; 32] {
    let point = CompressedRistretto::from_slice(share).unwrap().decompress().unwrap();
    (point * scalar).compress().to_bytes()
}

/// `ISK` in initiator-responder mode.
pub(crate) fn isk(sid: &[u8], k: &[u8], a: [&[u8]; 2], t: [&[u8]; 2]) -> [u8; 64] {
    let head = lv_cat(&[b"CPaceRistretto255_ISK", sid, k]);
    Sha512::digest([head, lv_cat(&a), lv_cat(&t)].concat()).into()
}

/// HMAC-SHA-256 (RFC 2104).
pub(crate) fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0; 64];
    if key.len() > block.len() {
        block[..32].copy_from_slice(&sha256(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let inner = sha256(&[&block.map(|byte| byte ^ 0x36)[..], message].concat());
    sha256(&[&block.map(|byte| byte ^ 0x5c)[..], &inner].concat())
}

/// HKDF-Expand of 32 bytes (RFC 5869).
pub(crate) fn expand(prk: &[u8], info: &[u8]) -> [u8; 32] {
    hmac(prk, &[info, &[1]].concat())
}
