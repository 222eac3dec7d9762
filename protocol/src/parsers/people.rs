//! Who somebody is, what an organisation rules, and what people type.

use bytes::Bytes;
use zeroize::Zeroizing;

use super::{again, carried, signer, text};
use crate::code::{Code, Nameplate};
use crate::identity::certificate;
use crate::identity::link::JoinLink;
use crate::identity::revocations::RevocationList;
use crate::identity::rotation;
use crate::identity::token::EnrolmentToken;
use crate::key::{Context, SigningKey};
use crate::note;
use crate::policy::Policy;
use crate::signed;
use crate::wire::record;
use prost::Message as _;

pub(super) fn certificate_body(bytes: &[u8]) {
    let key = signer();
    let _refused =
        certificate::decode(bytes).map(|signed| certificate::open(&signed, &key.public()));
    let signed = signed::sign(&key, Context::Certificate, bytes.to_vec());
    if let Ok(body) = certificate::open(&signed, &key.public()) {
        again(&body);
        assert!(certificate::open(&certificate::issue(&key, &body), &key.public()) == Ok(body));
    }
}

/// The bytes as a statement about a key that signs nothing, and as the change of one that both have
/// signed.
pub(super) fn rotations(bytes: &[u8]) {
    let unused = SigningKey::from_seed(Zeroizing::new([0xfe; 32])).public();
    let stranger = record::Rotation::decode(bytes).unwrap_or_default();
    again(&stranger);
    let chain = [stranger];
    for moved in [
        rotation::follow_authority(&unused, &chain),
        rotation::follow_node(&unused, &unused, &chain),
    ] {
        assert!(moved.is_err() || moved == Ok(unused), "a signature was guessed");
    }
    assert!(rotation::former(&unused, &chain).is_empty());
    let key = signer();
    let signature: Bytes = key.sign(Context::NodeRotation, &[bytes]).to_vec().into();
    let signed = record::Rotation {
        change: Bytes::copy_from_slice(bytes),
        old_signature: signature.clone(),
        other_signature: signature,
    };
    let (from, chain) = (key.public(), [signed]);
    if let Ok(Some(new)) = rotation::last(&chain) {
        let at = rotation::follow_node(&from, &from, &chain);
        assert!(at == Ok(new) || at == Ok(from));
    }
}

pub(super) fn revocations(bytes: &[u8]) {
    let key = signer();
    let open = |signed: &record::Signed, now| RevocationList::open(signed, &key.public(), now);
    let _refused = open(&carried(bytes), 0);
    let signed = signed::sign(&key, Context::Revocations, bytes.to_vec());
    let issued = record::Revocations::decode(bytes).map_or(0, |list| list.issued);
    if let Ok(list) = open(&signed, issued) {
        assert_eq!(open(&list.sign(&key), issued), Ok(list));
    }
}

pub(super) fn policy(bytes: &[u8]) {
    if let Ok(policy) = Policy::parse(text(bytes)) {
        let again = policy.to_toml().and_then(|toml| Policy::parse(&toml));
        assert_eq!(again, Ok(policy));
    }
}

pub(super) fn session_note(bytes: &[u8]) {
    let key = signer();
    let _refused = note::open(&carried(bytes), &key.public());
    let signed = signed::sign(&key, Context::Note, bytes.to_vec());
    if let Ok(read) = note::open_by(&signed, &key.public()) {
        again(&read);
    }
}

pub(super) fn link(bytes: &[u8]) {
    if let Ok(link) = text(bytes).parse::<JoinLink>() {
        assert!(link.to_string().parse() == Ok(link));
    }
}

pub(super) fn token(bytes: &[u8]) {
    if let Ok(token) = text(bytes).parse::<EnrolmentToken>() {
        assert!(token.to_text().parse::<EnrolmentToken>().is_ok_and(|again| again == token));
    }
}

/// A code is read in any grouping, so it is its own text that has to read as itself.
pub(super) fn code(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(code) = Code::parse(text) {
        assert!(Code::parse(&code.grouped()).is_ok_and(|again| again == code));
    }
    if let Ok(nameplate) = Nameplate::parse(text) {
        assert_eq!(nameplate.to_string(), text);
    }
}
