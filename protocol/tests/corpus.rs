//! Replays the fuzz corpora on every `cargo test`: an input that once broke a parser never does
//! again.
#![allow(
    clippy::disallowed_methods,
    reason = "a test may read the corpus; the crate itself reads no file"
)]

mod support;

use std::path::{Path, PathBuf};

use deskside_protocol::lv;
use deskside_protocol::parsers;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus")
}

#[test]
fn every_parser_has_a_corpus_and_keeps_its_promise_on_it() {
    for (name, check) in parsers::all() {
        let folder = corpus().join(name);
        let inputs = std::fs::read_dir(&folder).unwrap_or_else(|_| panic!("no corpus: {name}"));
        let mut count = 0;
        for input in inputs {
            check(&std::fs::read(input.unwrap().path()).unwrap());
            count += 1;
        }
        assert!(count > 0, "the corpus of {name} is empty");
    }
}

#[test]
fn every_corpus_and_every_target_has_its_parser() {
    let targets = corpus().parent().unwrap().join("Cargo.toml");
    let targets = std::fs::read_to_string(targets).unwrap();
    for (name, _) in parsers::all() {
        assert!(targets.contains(&format!("name = \"{name}\"")), "no fuzz target: {name}");
    }
    for folder in std::fs::read_dir(corpus()).unwrap() {
        let name = folder.unwrap().file_name().into_string().unwrap();
        assert!(parsers::check(&name, b""), "a corpus without a parser: {name}");
    }
}

/// `DESKSIDE_BLESS=1 cargo test -p deskside-protocol --test corpus` writes the seeds anew.
#[test]
fn seeds_are_what_this_version_writes() {
    if std::env::var_os("DESKSIDE_BLESS").is_none() {
        return;
    }
    let tape = support::session();
    let (header, _) = tape.cast.header();
    let note = tape.note.unwrap().encode();
    let fields = lv::encode(&[b"a", b"", b"bcd", b"e", b"f"]);
    let half = &tape.file[..tape.file.len() / 2];
    let seeds: [(&str, &str, &[u8]); 10] = [
        ("agent_data", "whole", &header.ad_a),
        ("checkpoint", "whole", note.as_bytes()),
        ("code", "grouped", b"4821 9302 7568"),
        ("code", "dashed", b" 48219-302756-1 "),
        ("code", "nameplate", b"00042"),
        ("lv", "five", &fields),
        ("lv", "torn", &fields[..fields.len() - 1]),
        ("recording", "whole", &tape.file),
        ("recording", "torn", half),
        ("technician_data", "whole", &header.ad_t),
    ];
    for (parser, name, bytes) in seeds {
        let folder = corpus().join(parser);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(name), bytes).unwrap();
    }
}
