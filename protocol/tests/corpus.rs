//! Replays the fuzz corpora on every `cargo test`: an input that once broke a parser never does
//! again.
#![allow(
    clippy::disallowed_methods,
    reason = "a test may read the corpus; the crate itself reads no file"
)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/replay.rs"]
mod replay;
mod support;

use std::path::Path;

use data_encoding::HEXLOWER;
use deskside_protocol::lv;
use deskside_protocol::parsers;
use prost::Message as _;

use replay::{corpora, replay};

#[test]
fn every_parser_has_a_target_and_a_corpus_and_keeps_its_promise_on_it() {
    replay(env!("CARGO_MANIFEST_DIR"), parsers::all());
}

/// The hex of a file of vectors, from behind the line `after` to the next comment.
fn vector(file: &str, after: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(file);
    let text = std::fs::read_to_string(path).unwrap();
    let behind = text.lines().skip_while(|line| *line != format!("# {after}")).skip(1);
    let bytes = behind.skip_while(|line| line.starts_with('#'));
    let hex: String = bytes.take_while(|line| !line.starts_with('#')).collect();
    assert!(!hex.is_empty(), "{file} has no {after:?}");
    HEXLOWER.decode(hex.as_bytes()).unwrap()
}

/// The first text of a list.
fn text(file: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(file);
    let text = std::fs::read_to_string(path).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix('"')).unwrap();
    line.strip_suffix('"').unwrap().as_bytes().to_vec()
}

/// `DESKSIDE_BLESS=1 cargo test -p deskside-protocol --test corpus` writes the seeds anew, after
/// `--test vectors`.
#[test]
#[allow(clippy::too_many_lines, reason = "a table, one row for each seed")]
fn seeds_are_what_this_version_writes() {
    if std::env::var_os("DESKSIDE_BLESS").is_none() {
        return;
    }
    let tape = support::session();
    let (header, _) = tape.cast.header();
    let note = tape.note.unwrap().encode();
    let fields = lv::encode(&[b"a", b"", b"bcd", b"e", b"f"]);
    let half = &tape.file[..tape.file.len() / 2];
    let frames = [
        vector("frames.txt", "Signal { hello }"),
        vector("frames.txt", "Signal { refused: CODE_CODE_SPENT }"),
        vector("frames.txt", "a signal of a newer version: skipped"),
    ]
    .concat();
    let on_a_line =
        [vector("frames.txt", "Opening { CHANNEL_COMMAND }"), vector("act.txt", "on the stream")]
            .concat();
    let plain = [
        vector("files.txt", "FileEntry { path: [\"d\"], folder }"),
        vector("files.txt", "FileEntry { path: [\"d\", \"a.txt\"], size: 5, modified }"),
        vector("files.txt", "the body: \"hello\""),
        vector("files.txt", "its end"),
        vector("files.txt", "FileEnd { blake3, sha256 }"),
        vector("files.txt", "FileSkipped { path: [\"d\", \"link\"], why }"),
        vector("files.txt", "FilesSent"),
    ];
    let plain = [vec![0], plain.concat()].concat();
    let resumed = "FileEntry, FileFrom { offset: 2 }, \"llo\", its end, FileEnd, FilesSent";
    let resumed = [vec![1], vector("files.txt", resumed)].concat();
    let seeds: [(&str, &str, &[u8]); 48] = [
        ("act", "act", &vector("act.txt", "Act")),
        ("act", "datagram", &vector("input.txt", "the datagram")),
        ("act", "message", &vector("act.txt", "Message")),
        ("agent_data", "whole", &header.ad_a),
        ("certificate", "body", &vector("certificate.txt", "Certificate")),
        ("certificate", "signed", &tape.cast.certificate().encode_to_vec()),
        ("checkpoint", "whole", note.as_bytes()),
        ("close", "whole", &vector("closing.txt", "Close")),
        ("code", "grouped", b"4821 9302 7568"),
        ("code", "dashed", b" 48219-302756-8 "),
        ("code", "nameplate", b"00042"),
        ("excerpt", "body", &vector("excerpt.txt", "Excerpt")),
        ("excerpt", "whole", &vector("excerpt.txt", "the file")),
        ("file", "plain", &plain),
        ("file", "resumed", &resumed),
        ("key_log", "agent", &vector("keylog.txt", "the agent's, of line 0")),
        ("label", "initial", b"\xc3\0\0\0\x01\x10\x80123456789abcdef"),
        ("label", "short", b"\x40\x80123456789abcdef"),
        ("link", "whole", &text("links.txt")),
        ("log_bundle", "three", &vector("log.txt", "tile/entries/000.p/3")),
        ("log_head", "whole", &vector("log.txt", "the head")),
        ("log_leaf", "open", &vector("log.txt", "OPEN")),
        ("log_leaf", "access", &vector("log.txt", "ACCESS")),
        ("log_path", "partial", b"tile/1/x001/x234/067.p/17"),
        ("log_proof", "whole", &vector("log.txt", "LogProof")),
        ("lv", "five", &fields),
        ("lv", "torn", &fields[..fields.len() - 1]),
        ("messages", "opened", &on_a_line),
        ("note", "body", &vector("note.txt", "Note")),
        ("note", "signed", &vector("note.txt", "Signed { body, signature }, encoded")),
        ("path", "typed", b"./a//b/"),
        ("path", "upward", b"a/../../etc/passwd"),
        ("policy", "whole", &vector("policy.txt", "TOML, signed as these very bytes")),
        ("recording", "whole", &tape.file),
        ("recording", "torn", half),
        ("revocations", "body", &vector("revocations.txt", "Revocations")),
        ("rotation", "change", &vector("rotation.txt", "Change")),
        ("rotation", "node", &vector("rotation.txt", "Rotation under seed 01")),
        ("rotation", "authority", &vector("rotation.txt", "Rotation from 01 to 05")),
        ("session_id", "whole", b"0001feff303132333435363738396162"),
        ("signals", "three", &frames),
        ("signals", "torn", &frames[..frames.len() - 1]),
        ("statement", "first", &vector("statement.txt", "number 0: Statement")),
        ("statement", "last", &vector("statement.txt", "number 1: Statement")),
        ("statement", "signed", &vector("statement.txt", "a hash of 31 bytes")),
        ("tail", "whole", &vector("statement.txt", "Tail")),
        ("technician_data", "whole", &header.ad_t),
        ("token", "whole", &text("tokens.txt")),
    ];
    for (parser, name, bytes) in seeds {
        let folder = corpora(env!("CARGO_MANIFEST_DIR")).join(parser);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(name), bytes).unwrap();
    }
}
