//! PROTOCOL.md against the code and the vectors: what it quotes is what is there.

use deskside_protocol::act::EXPORTER_LABEL;
use deskside_protocol::channel::Channel;
use deskside_protocol::close::CloseCode;
use deskside_protocol::file::{MAX_COMPONENT, MAX_COMPONENTS, MAX_FAULT, MAX_OUTSTANDING};
use deskside_protocol::grant::Grant;
use deskside_protocol::key::Context;
use deskside_protocol::log::evidence;
use deskside_protocol::log::head::MAX_HEAD;
use deskside_protocol::log::leaf::MAX_LEAF;
use deskside_protocol::log::proof::MAX_PROOF;
use deskside_protocol::recording::Kind;
use deskside_protocol::recording::format::{HANDSHAKE_BYTES, MAX_AGE, MAX_BODY};
use deskside_protocol::wire::signal::refused::Code;
use deskside_protocol::{file, frame, mask, note, pairing, policy, reattach, statement};

use crate::sheet;

const PAGE: &str = include_str!("../../PROTOCOL.md");

fn says(words: &str) {
    assert!(PAGE.contains(words), "PROTOCOL.md does not say {words:?}");
}

#[test]
fn it_quotes_the_proto_files() {
    for proto in [
        include_str!("../../proto/records.proto"),
        include_str!("../../proto/signals.proto"),
        include_str!("../../proto/messages.proto"),
    ] {
        says(&format!("```proto\n{proto}```\n"));
    }
}

#[test]
fn its_tables_have_every_row() {
    for context in [
        Context::Policy,
        Context::Certificate,
        Context::Revocations,
        Context::Join,
        Context::Seal,
        Context::Receipt,
        Context::EndSignature,
        Context::Close,
        Context::Note,
        Context::Reattach,
        Context::NodeRotation,
        Context::AuthorityRotation,
        Context::Statement,
        Context::Excerpt,
    ] {
        says(&format!("| `{}` |", context.label()));
    }
    for channel in Channel::all() {
        let wire = channel.to_wire();
        let name = wire.as_str_name().trim_start_matches("CHANNEL_").to_lowercase();
        says(&format!("| {name} | {} | {} |", wire as i32, channel.priority()));
    }
    for code in (0..).map_while(CloseCode::from_number) {
        says(&format!("| {} |", code.sentence()));
    }
    for code in (1..).map_while(|number| Code::try_from(number).ok()) {
        let name = code.as_str_name().strip_prefix("CODE_").unwrap();
        says(&format!("| {} | {name} |", code as i32));
    }
    for byte in 1..=8 {
        says(&format!("| {} | {byte} |", Kind::from_byte(byte)));
    }
    for grant in Grant::all() {
        says(&format!("{} {}", grant.word(), grant.to_wire() as i32));
    }
    for exporter in [EXPORTER_LABEL, mask::EXPORTER_LABEL, reattach::EXPORTER_LABEL] {
        says(std::str::from_utf8(exporter).unwrap());
    }
}

/// `4194304` as `4,194,304`.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().collect();
    String::from_utf8(groups.join(&b',')).unwrap()
}

#[test]
fn its_numbers_are_the_code_s() {
    let handshake = usize::try_from(HANDSHAKE_BYTES).unwrap();
    for maximum in [frame::MAX_SIGNAL, MAX_BODY, MAX_AGE, policy::MAX_POLICY, handshake] {
        says(&grouped(maximum));
    }
    let every = usize::try_from(statement::EVERY_BYTES).unwrap();
    for maximum in [statement::MAX_STREAMS, statement::MAX_STATEMENT, every] {
        says(&grouped(maximum));
    }
    says(&format!("| {} s |", statement::LAST_WAIT.as_secs()));
    says(&format!("every {} s", statement::EVERY.as_secs()));
    says(&format!("{} directions of streams", statement::EVERY_STREAMS));
    let encoded = grouped(evidence::MAX_ENCODED);
    says(&format!("| {MAX_LEAF}, {MAX_HEAD}, {encoded} bytes |"));
    says(&format!("| {MAX_PROOF}; {} |", evidence::MAX_LEAVES));
    let entries = usize::try_from(file::MAX_ENTRIES).unwrap();
    for maximum in [entries, file::MAX_BODY, file::MAX_PATH] {
        says(&grouped(maximum));
    }
    says(&format!("| {}; {}; {} |", MAX_COMPONENTS, grouped(file::MAX_PATH), MAX_COMPONENT));
    says(&format!("at most {MAX_OUTSTANDING} of them outstanding"));
    says(&format!("| {MAX_FAULT} characters; more is cut |"));
    assert_eq!(file::MAX_PATHS, 16 * 1024 * 1024);
    assert_eq!((frame::MAX_SIGNAL, note::MAX_TEXT), (frame::MAX_MESSAGE, 16 * 1024));
    assert_eq!(pairing::VERSION, 1);
}

#[test]
fn its_examples_stand_in_the_vectors() {
    let stored = std::fs::read_to_string(sheet::path("pairing")).unwrap();
    for name in ["sid", "Y_A", "Y_T", "K", "TH", "tag_T", "tag_A"] {
        let mut lines = stored.lines().skip_while(|line| *line != format!("# {name}"));
        says(&format!("{name:<5} {}", lines.nth(1).unwrap()));
    }
    let note = std::fs::read_to_string(sheet::path("checkpoint")).unwrap();
    let signed = note.lines().find_map(|line| line.strip_prefix("#   \u{2014} ")).unwrap();
    says(&format!("\u{2014} {signed}\n"));
    let log = std::fs::read_to_string(sheet::path("log")).unwrap();
    let signed = log.lines().find_map(|line| line.strip_prefix("#   \u{2014} ")).unwrap();
    says(&format!("\u{2014} {signed}\n"));
}
