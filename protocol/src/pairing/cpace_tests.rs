//! The draft's vectors (appendix B.3), and an independent CPace on curve25519-dalek.

use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar as DalekScalar;
use curve25519_dalek::traits::IsIdentity as _;
use data_encoding::HEXUPPER_PERMISSIVE as HEX;
use proptest::prelude::*;
use sha2::{Digest as _, Sha512};

use super::*;

const SID: &str = "7E4B4791D6A8EF019B936C79FB7F2C57";
const CI: &str = "0B415F696E69746961746F720B425F726573706F6E646572";
const SCALAR_A: &str = "DA3D23700A9E5699258AEF94DC060DFDA5EBB61F02A5EA77FAD53F4FF0976D08";
const SCALAR_B: &str = "D2316B454718C35362D83D69DF6320F38578ED5984651435E2949762D900B80D";
const SHARE_A: &str = "D6BAC480F2C386C394EFC7C47ADB9925DCD2630B64F240C50F8D0EEC482B9157";
const SHARE_B: &str = "3EA7E0B19560D7C0B0F5734F63B955286DFA8232B5EBE63324E2D9E7433F7258";
const ISK: &str = "B69EFFBF61B51D56401C0F65601ABE428DE8206FEAAF0E32198896DCAE7B35CD\
                   2B38950A39DFD5D4A79164614C2984F7DAA460B588C1E80C3FA2068AF7900447";

fn hex(text: &str) -> Vec<u8> {
    HEX.decode(text.as_bytes()).unwrap()
}

fn exchange(scalar: &str) -> Exchange {
    let generator = calculate_generator::<Suite>(b"Password", &hex(CI), &hex(SID)).unwrap();
    // The draft's scalars are below the group order, so reducing a wide one leaves them as they are.
    let mut wide = hex(scalar);
    wide.resize(64, 0);
    let scalar = Ristretto255Group::scalar_from_wide_bytes(&wide).unwrap();
    Exchange::with_scalar(&generator, Zeroizing::new(scalar)).ok().unwrap()
}

#[test]
fn the_draft_s_vectors_come_out() {
    let (a, b) = (exchange(SCALAR_A), exchange(SCALAR_B));
    assert_eq!(a.share().as_slice(), hex(SHARE_A));
    assert_eq!(b.share().as_slice(), hex(SHARE_B));
    let (y_a, y_t) = (hex(SHARE_A), hex(SHARE_B));
    let shares = Shares { y_a: &y_a, ad_a: b"ADa", y_t: &y_t, ad_t: b"ADb" };
    for (end, theirs) in [(a, &y_t), (b, &y_a)] {
        let isk = end.finish(theirs, &hex(SID), shares).ok().unwrap();
        assert_eq!(isk.as_bytes(), hex(ISK));
    }
}

#[test]
fn the_draft_s_invalid_points_are_refused() {
    let invalid = "2B3C6B8C4F3800E7AEF6864025B4ED79BD599117E427C41BD47D93D654B4A51C";
    let neutral = "00".repeat(32);
    for point in [invalid, neutral.as_str(), "", "00"] {
        let y_t = hex(point);
        let shares = Shares { y_a: b"", ad_a: b"", y_t: &y_t, ad_t: b"" };
        let result = exchange(SCALAR_A).finish(&y_t, &hex(SID), shares);
        assert_eq!(result.err(), Some(PairingError::Share), "{point}");
    }
}

/// CPace as the draft's text has it, written on another library: LEB128 lengths, one zero pad.
struct Oracle {
    scalar: DalekScalar,
}

fn push_lv(out: &mut Vec<u8>, field: &[u8]) {
    let mut length = field.len();
    while length >= 0x80 {
        out.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
        length >>= 7;
    }
    out.push(u8::try_from(length).unwrap());
    out.extend_from_slice(field);
}

fn lv_cat(fields: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    fields.iter().for_each(|field| push_lv(&mut out, field));
    out
}

impl Oracle {
    fn share(&self, password: &[u8], ci: &[u8], sid: &[u8]) -> [u8; 32] {
        const DSI: &[u8] = b"CPaceRistretto255";
        let used = 1 + lv_cat(&[password]).len() + lv_cat(&[DSI]).len();
        let pad = vec![0; 128usize.saturating_sub(used)];
        let hash: [u8; 64] = Sha512::digest(lv_cat(&[DSI, password, &pad, ci, sid])).into();
        (RistrettoPoint::from_uniform_bytes(&hash) * self.scalar).compress().to_bytes()
    }

    fn isk(&self, theirs: &[u8], sid: &[u8], shares: Shares<'_>) -> [u8; 64] {
        let point = CompressedRistretto::from_slice(theirs).unwrap().decompress().unwrap();
        let k = point * self.scalar;
        assert!(!k.is_identity());
        let head = lv_cat(&[b"CPaceRistretto255_ISK", sid, k.compress().as_bytes()]);
        let a = lv_cat(&[shares.y_a, shares.ad_a]);
        let t = lv_cat(&[shares.y_t, shares.ad_t]);
        Sha512::digest([head, a, t].concat()).into()
    }
}

struct Fixed([u8; 64]);

impl Random for Fixed {
    fn fill(&mut self, out: &mut [u8]) {
        out.copy_from_slice(&self.0);
    }
}

proptest! {
    #[test]
    fn an_independent_cpace_agrees(
        password in "[0-9]{12}",
        ci in proptest::collection::vec(any::<u8>(), 0..300),
        sid: [u8; 32],
        wide: [u8; 32],
        theirs in 1u64..,
        ad_a in proptest::collection::vec(any::<u8>(), 0..200),
        ad_t in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let ours = Exchange::start(
            password.as_bytes(), &ci, &sid, &mut Fixed([wide, wide].concat().try_into().unwrap()),
        ).ok().unwrap();
        let oracle = Oracle { scalar: DalekScalar::from(theirs) };
        let y_a = *ours.share();
        let y_t = oracle.share(password.as_bytes(), &ci, &sid);
        let shares = Shares { y_a: &y_a, ad_a: &ad_a, y_t: &y_t, ad_t: &ad_t };
        let expected = oracle.isk(&y_a, &sid, shares);
        let isk = ours.finish(&y_t, &sid, shares).ok().unwrap();
        prop_assert_eq!(isk.as_bytes(), &expected[..]);
    }
}
