//! Seals that are not the ends', or not there.

use deskside_protocol::recording::verify::{Flaw, Party};
use deskside_protocol::recording::{Kind, Verdict};
use deskside_protocol::session::End;
use deskside_protocol::wire::record;
use prost::Message as _;

use crate::support::{Cast, Tape};
use crate::{finding, verify};

#[test]
fn a_relabelled_seal_is_found_and_the_node_that_signed_it_named() {
    let mut tape = Tape::begin(Cast::default());
    let agent = &tape.cast.ends.agent;
    let seal = tape.binding.seal(agent, 1, End::Agent, "age".into());
    let relabelled = record::Seal { end: End::Technician.to_wire(), ..seal };
    tape.block(Kind::Seal, 1, &relabelled.encode_to_vec());
    assert_eq!(finding(&tape.file).party, Party::Holder);
    tape.checkpoint();
    let found = finding(&tape.file);
    assert_eq!((found.what, found.at.seq, found.party), (Flaw::Seal, 1, Party::Node));
}

#[test]
fn a_seal_in_another_lines_block_is_found() {
    let mut tape = Tape::begin(Cast::default());
    let seal = tape.binding.seal(&tape.cast.ends.agent, 1, End::Agent, "age".into());
    tape.block(Kind::Seal, 2, &seal.encode_to_vec());
    assert_eq!(finding(&tape.file).what, Flaw::Elsewhere(Kind::Seal));
}

#[test]
fn only_an_end_that_signed_two_seals_is_blamed_for_them() {
    let mut tape = Tape::begin(Cast::default());
    tape.seal(1, End::Agent);
    let mut repeated = tape.clone();
    repeated.seal(1, End::Agent);
    let found = finding(&repeated.file);
    assert_eq!((found.what, found.party), (Flaw::Order(Kind::Seal), Party::Holder));
    tape.seal_of(1, End::Agent, "another".into());
    let found = finding(&tape.file);
    let what = Flaw::SecondSeal { line: 1, end: End::Agent };
    assert_eq!((found.what, found.party), (what, Party::End(End::Agent)));
}

#[test]
fn a_line_needs_both_seals_beyond_its_handshake() {
    let mut tape = Tape::begin(Cast::default());
    tape.seal(1, End::Agent);
    tape.packets_of(1, &[(End::Agent, 1_200, 64 * 1024)]);
    assert!(matches!(verify(&tape.file).verdict, Verdict::Incomplete { .. }));
    tape.packets_of(1, &[(End::Agent, 1_200, 1)]);
    assert_eq!(finding(&tape.file).what, Flaw::Unsealed { line: 1 });
}
