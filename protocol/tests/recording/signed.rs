//! Checkpoints, signatures and closings that do not fit their place.

use deskside_protocol::recording::Kind;
use deskside_protocol::recording::verify::{Flaw, Party};
use deskside_protocol::session::End;
use deskside_protocol::wire::record;
use prost::Message as _;

use crate::support::{BOTH, Cast, Tape, open_session};
use crate::{blocks, finding};

#[test]
fn the_close_of_another_session_does_not_fit() {
    let other = Cast { session: [7; 16].as_slice().try_into().unwrap(), ..Cast::default() };
    let mut other = Tape::begin(other);
    other.close(&BOTH);
    let close = blocks(&other.file)[1];
    let mut tape = Tape::begin(Cast::default());
    tape.block(Kind::Close, 0, close.body);
    // The transcript does not name the session: the closing itself does.
    assert_eq!(finding(&tape.file).what, Flaw::Elsewhere(Kind::Close));
}

#[test]
fn an_older_checkpoint_does_not_fit() {
    let mut tape = open_session();
    let old = tape.note.unwrap();
    tape.block(Kind::Checkpoint, 0, old.encode().as_bytes());
    assert_eq!(finding(&tape.file).what, Flaw::Chain(Kind::Checkpoint));
}

#[test]
fn a_checkpoint_that_the_recording_lacks_is_missed() {
    let mut tape = open_session();
    let mut forked = tape.clone();
    forked.event(record::event::Kind::LegLost);
    forked.checkpoint();
    tape.note = forked.note;
    tape.end_signature(End::Agent);
    assert_eq!(finding(&tape.file).what, Flaw::UnknownCheckpoint(End::Agent));
}

#[test]
fn an_end_cannot_sign_for_the_other() {
    let mut tape = open_session();
    tape.cast.ends.agent = tape.cast.ends.technician.clone();
    let mut signed = tape.clone();
    signed.end_signature(End::Agent);
    assert_eq!(finding(&signed.file).what, Flaw::NotTheEnd(Kind::EndSignature, End::Agent));
    tape.close(&BOTH);
    assert_eq!(finding(&tape.file).what, Flaw::NotTheEnd(Kind::Close, End::Agent));
}

#[test]
fn wrong_totals_incriminate_the_node() {
    let mut tape = open_session();
    tape.totals.bytes_from_agent += 1;
    tape.close(&BOTH);
    let found = finding(&tape.file);
    assert_eq!((found.what, found.party), (Flaw::Totals, Party::Node));
}

#[test]
fn a_close_elsewhere_in_the_chain_or_at_another_time_does_not_fit() {
    let tape = open_session();
    type Change = fn(&mut record::Closing);
    let changes: [(Change, Flaw); 4] = [
        (|closing| closing.seq += 1, Flaw::Chain(Kind::Close)),
        (|closing| closing.previous = vec![0; 32].into(), Flaw::Chain(Kind::Close)),
        (|closing| closing.time += 1, Flaw::Elsewhere(Kind::Close)),
        (|closing| closing.totals = None, Flaw::Totals),
    ];
    for (change, flaw) in changes {
        let mut tape = tape.clone();
        let mut closing = tape.closing();
        change(&mut closing);
        let close = tape.signed_close(&closing, &BOTH);
        tape.block(Kind::Close, 0, &close.encode_to_vec());
        assert_eq!(finding(&tape.file).what, flaw);
    }
}
