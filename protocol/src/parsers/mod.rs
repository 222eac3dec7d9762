//! Every parser that reads a stranger's bytes, each as one function that parses and checks that
//! what was understood encodes again to the same bytes.
//!
//! The fuzz targets in `fuzz/` and the corpus replay in `tests/corpus.rs` call exactly these, so
//! that an input found by the one is replayed by the other. A new parser is one line in [`all`],
//! one in `fuzz/Cargo.toml` and a folder in `fuzz/corpus/`.

mod evidence;
mod people;
mod spoken;

use prost::Message;
use zeroize::Zeroizing;

use crate::key::SigningKey;
use crate::wire::record;

/// Panics where a parser breaks its promise; what is merely malformed is fine.
pub type Check = fn(&[u8]);

/// All parsers by name: the fuzz target's and the corpus folder's.
#[must_use]
pub const fn all() -> &'static [(&'static str, Check)] {
    &[
        ("act", spoken::act),
        ("agent_data", spoken::agent_data),
        ("certificate", people::certificate_body),
        ("checkpoint", evidence::checkpoint),
        ("close", evidence::close),
        ("code", people::code),
        ("excerpt", evidence::excerpt),
        ("file", spoken::transfer),
        ("key_log", evidence::key_log),
        ("label", spoken::label_of_datagram),
        ("link", people::link),
        ("log_bundle", evidence::log_bundle),
        ("log_head", evidence::log_head),
        ("log_leaf", evidence::log_leaf),
        ("log_path", evidence::log_path),
        ("log_proof", evidence::log_proof),
        ("lv", spoken::length_prefixed),
        ("messages", spoken::messages),
        ("note", people::session_note),
        ("path", spoken::path),
        ("policy", people::policy),
        ("recording", evidence::recording),
        ("revocations", people::revocations),
        ("rotation", people::rotations),
        ("session_id", spoken::session_id),
        ("signals", spoken::signals),
        ("statement", evidence::statements),
        ("tail", evidence::tail),
        ("technician_data", spoken::technician_data),
        ("token", people::token),
    ]
}

/// Runs the parser `name` on `bytes`, and says whether there is one.
pub fn check(name: &str, bytes: &[u8]) -> bool {
    let parser = all().iter().find(|(known, _)| *known == name);
    if let Some((_, parser)) = parser {
        parser(bytes);
    }
    parser.is_some()
}

/// Unknown fields are dropped, so that it is the message that has to come back, not its bytes.
fn again<M: Message + Default + PartialEq>(message: &M) {
    let read = M::decode(message.encode_to_vec().as_slice());
    assert!(read.is_ok_and(|read| read == *message));
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// A fuzzer cannot guess a signature, so the bytes are also signed and then opened.
fn signer() -> SigningKey {
    SigningKey::from_seed(Zeroizing::new([1; 32]))
}

fn carried(bytes: &[u8]) -> record::Signed {
    let signed = record::Signed::decode(bytes).unwrap_or_default();
    again(&signed);
    signed
}
