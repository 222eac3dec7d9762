//! What nobody signed: it never panics, and never reads as the same twice.

use data_encoding::BASE64URL_NOPAD;
use deskside_protocol::identity::token::EnrolmentToken;
use deskside_protocol::seal::LineSecrets;
use deskside_protocol::session::End;
use zeroize::Zeroizing;

use crate::SESSION;
use crate::support::key;

#[test]
fn a_key_log_reads_as_itself_only() {
    let secrets = [1, 2, 3, 4].map(|byte| Zeroizing::new(vec![byte; 32]));
    let secrets = LineSecrets { client_random: [9; 32], secrets };
    let text = secrets.to_key_log(SESSION, 0, End::Agent);
    let read = |bytes: &[u8]| {
        let text = std::str::from_utf8(bytes).ok()?;
        LineSecrets::from_key_log(text, SESSION, 0, End::Agent).ok()
    };
    for bit in 0..text.len() * 8 {
        let mut flipped = text.as_bytes().to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(read(&flipped).is_none_or(|other| other != secrets), "bit {bit}");
    }
    for end in 0..text.len() {
        assert!(read(&text.as_bytes()[..end]).is_none_or(|other| other != secrets), "cut at {end}");
    }
}

#[test]
fn a_token_reads_as_itself_only() {
    let join =
        format!("deskside://relay.example:7443?org={}&node={}", key(1).public(), key(2).public());
    let token = EnrolmentToken { join: join.parse().unwrap(), secret: Zeroizing::new([7; 16]) };
    let text = token.to_text();
    let body = |text: &str| BASE64URL_NOPAD.decode(text.get(5..)?.as_bytes()).ok();
    for bit in 0..text.len() * 8 {
        let mut flipped = text.as_bytes().to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let Ok(flipped) = String::from_utf8(flipped) else { continue };
        if flipped.parse::<EnrolmentToken>().is_ok_and(|other| other == token) {
            // The keys' digits may be capital.
            let (one, two) = (body(&text).unwrap(), body(&flipped).unwrap());
            let changed = one.iter().zip(&two).filter(|(one, two)| one != two);
            assert!(changed.map(|(one, two)| one ^ two).eq([0x20]), "bit {bit}");
        }
    }
}

/// A sender's stream, whole and resumed, with each bit flipped and cut anywhere: whatever is taken
/// of it stays within what was announced (the check of the fuzz target says so).
#[test]
fn what_a_sender_of_files_says() {
    for seed in ["plain", "resumed"] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/file");
        let stream = std::fs::read(path.join(seed)).unwrap();
        for bit in 0..stream.len() * 8 {
            let mut flipped = stream.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(deskside_protocol::parsers::check("file", &flipped));
        }
        for end in 0..stream.len() {
            assert!(deskside_protocol::parsers::check("file", &stream[..end]));
        }
    }
}
