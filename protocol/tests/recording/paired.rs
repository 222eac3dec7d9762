//! A HEADER whose pairing does not hold, and people who are not who they should be.

use deskside_protocol::recording::Kind;
use deskside_protocol::recording::verify::{Flaw, Party};
use deskside_protocol::session::End;
use deskside_protocol::wire::record;

use crate::finding;
use crate::support::{BOTH, Cast, START, STEP, Tape, key, open_session};

#[test]
fn a_foreign_node_key_is_found() {
    let mut tape = open_session();
    tape.cast.node = key(77);
    let mut checkpoint = tape.clone();
    checkpoint.checkpoint();
    assert_eq!(finding(&checkpoint.file).what, Flaw::NotTheNode(Kind::Checkpoint));
    tape.close(&BOTH);
    assert_eq!(finding(&tape.file).what, Flaw::NotTheNode(Kind::Close));
}

#[test]
fn a_header_with_another_node_is_not_what_the_technician_signed() {
    let cast = Cast::default();
    let (mut header, _) = cast.header();
    header.node_key = key(77).public().as_bytes().to_vec().into();
    assert_eq!(finding(&Tape::begin_with(cast, &header).file).what, Flaw::Join);
}

#[test]
fn what_the_header_says_of_the_pairing_is_computed_again() {
    type Change = fn(&mut record::Header);
    let changes: [(Change, Flaw); 7] = [
        (|header| header.nameplate = "48218".to_owned(), Flaw::Sid),
        (|header| header.nameplate = "4821".to_owned(), Flaw::Header("nameplate")),
        (|header| header.relay_origin.push('x'), Flaw::Join),
        (|header| header.y_t = vec![0; 32].into(), Flaw::Join),
        (|header| header.policy.as_mut().unwrap().body = "".into(), Flaw::Policy),
        (|header| header.policy = None, Flaw::Header("policy")),
        (|header| header.ad_t = header.ad_a.clone(), Flaw::Header("ad_t")),
    ];
    for (change, flaw) in changes {
        let (mut header, _) = Cast::default().header();
        change(&mut header);
        let found = finding(&Tape::begin_with(Cast::default(), &header).file);
        assert_eq!((found.what, found.party, found.at.seq), (flaw, Party::Holder, 0));
    }
}

#[test]
fn an_agents_share_that_was_swapped_shows_at_the_first_seal() {
    let cast = Cast::default();
    let (mut header, _) = cast.header();
    header.y_a = vec![0; 32].into();
    let mut tape = Tape::begin_with(cast, &header);
    tape.seal(1, End::Agent);
    assert_eq!(finding(&tape.file).what, Flaw::Seal);
}

#[test]
fn a_certificate_without_the_role_or_past_its_end_is_found() {
    let cast = Cast { roles: vec![record::Role::Auditor], ..Cast::default() };
    let found = finding(&Tape::begin(cast).file);
    assert_eq!((found.what, found.party), (Flaw::NotATechnician, Party::End(End::Technician)));
    let cast = Cast { not_after: START / STEP - 1, ..Cast::default() };
    let mut tape = Tape::begin(cast);
    tape.checkpoint();
    let found = finding(&tape.file);
    assert_eq!((found.what, found.party), (Flaw::CertificateTime, Party::Node));
}

#[test]
fn a_certificate_of_another_organisation_is_found() {
    let (mut header, _) = Cast { organisation: key(66), ..Cast::default() }.header();
    let cast = Cast::default();
    let (own, _) = cast.header();
    header.organisation_key = own.organisation_key;
    header.policy = own.policy;
    assert_eq!(finding(&Tape::begin_with(cast, &header).file).what, Flaw::Certificate);
}
