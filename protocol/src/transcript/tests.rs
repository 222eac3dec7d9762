//! Both data come back, hashes cover all, signatures hold for their pairing only.

use super::*;
use crate::key::{SIGNATURE, SigningKey};
use bytes::Bytes;
use zeroize::Zeroizing;

const SID: [u8; HASH] = [1; HASH];

fn join() -> Join {
    Join {
        version: 1,
        session_key: PublicKey::from_bytes([2; 32]),
        certificate: Bytes::from_static(b"certificate"),
        ticket: "4711".to_owned(),
        subject: "Drucker geht nicht – schon wieder".to_owned(),
        requested: 3,
        nonce: [4; NONCE],
    }
}

fn technician() -> TechnicianData {
    join().sign(&SigningKey::from_seed(Zeroizing::new([7; 32])), b"ci", &SID, b"y_t")
}

fn agent() -> AgentData {
    AgentData {
        version: 1,
        session_key: PublicKey::from_bytes([5; 32]),
        answered: 0,
        nonce: [6; NONCE],
    }
}

#[test]
fn both_data_decode_to_what_was_encoded() {
    assert_eq!(TechnicianData::decode(&technician().encode()), Ok(technician()));
    assert_eq!(AgentData::decode(&agent().encode()), Ok(agent()));
}

#[test]
fn truncations_and_the_other_role_are_refused() {
    for bytes in [agent().encode(), technician().encode()] {
        for end in 0..bytes.len() {
            assert!(AgentData::decode(&bytes[..end]).is_err());
            assert!(TechnicianData::decode(&bytes[..end]).is_err());
        }
    }
    let reflected = lv::encode(&[b"technician", &[0; 4], &[0; 32], &[0; 4], &[0; 32]]);
    assert_eq!(AgentData::decode(&reflected), Err(TranscriptError::Role));
}

#[test]
fn maxima_hold() {
    let long = Join { subject: "s".repeat(MAX_SUBJECT + 1), ..join() };
    let long = TechnicianData { join: long, signature: [0; SIGNATURE] };
    assert_eq!(
        TechnicianData::decode(&long.encode()),
        Err(TranscriptError::Field { field: "subject" })
    );
}

#[test]
fn sig_t_holds_for_its_pairing_only() {
    let key = SigningKey::from_seed(Zeroizing::new([7; 32])).public();
    let data = technician();
    assert_eq!(data.verify(&key, b"ci", &SID, b"y_t"), Ok(()));
    assert!(data.verify(&key, b"other", &SID, b"y_t").is_err());
    assert!(data.verify(&key, b"ci", &[0; HASH], b"y_t").is_err());
    assert!(data.verify(&key, b"ci", &SID, b"other").is_err());
    let other = Join { requested: 7, ..join() };
    let other = TechnicianData { join: other, signature: data.signature };
    assert!(other.verify(&key, b"ci", &SID, b"y_t").is_err());
}

#[test]
fn the_hash_covers_every_field() {
    let whole =
        Transcript { ci: b"ci", sid: &SID, y_a: b"y_a", ad_a: b"ad_a", y_t: b"y_t", ad_t: b"ad_t" };
    let others = [
        Transcript { ci: b"x", ..whole },
        Transcript { sid: &[0; HASH], ..whole },
        Transcript { y_a: b"x", ..whole },
        Transcript { ad_a: b"x", ..whole },
        Transcript { y_t: b"x", ..whole },
        Transcript { ad_t: b"x", ..whole },
    ];
    for other in others {
        assert_ne!(other.hash(), whole.hash());
    }
}

#[test]
fn sid_depends_on_nameplate_and_nonce() {
    let nameplate = |text| Nameplate::parse(text).unwrap();
    let one = sid(nameplate("00042"), &[0; NONCE]);
    assert_eq!(one, sha256(&lv::encode(&[b"deskside1 sid", b"00042", &[0; 32]])));
    assert_ne!(one, sid(nameplate("00043"), &[0; NONCE]));
    assert_ne!(one, sid(nameplate("00042"), &[1; NONCE]));
}
