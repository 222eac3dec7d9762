//! Verification of whole files, honest and not.

use std::path::Path;

use age::secrecy::ExposeSecret as _;
use age::x25519::Identity;
use deskside_decode::forge::Forge;
use deskside_decode::{Entry, Item, Suite};
use deskside_protocol::channel::Channel;
use deskside_protocol::exit::Exit;
use deskside_protocol::identity::rotation;
use deskside_protocol::key::Context;
use deskside_protocol::recording::Verdict;
use deskside_protocol::session::{End, Ends};
use deskside_protocol::signed;
use deskside_protocol::statement::Statement;
use deskside_protocol::wire::message::Message;
use deskside_protocol::wire::message::message::Kind as Said;
use deskside_protocol::wire::record::{self, LogProof};
use deskside_protocol::wire::signal::signal::Kind;
use deskside_protocol::wire::signal::{Note, Ticket};
use prost::Message as _;
use serde_json::Value;

use super::anchor::{self, Anchor};
use super::contents::Contents;
use super::fixture::{Fixture, authority, secrets, session, technician};
use super::judge::{Organisation, judge};
use super::log;
use super::stated::Stated;
use super::verdict::Judgement;
use super::verify;
use crate::cli::VerifyArgs;
use crate::failure::exit_of;
use crate::home::Account;
use crate::home::tests::{certificate_of, home_in, join, key};
use crate::output::tests::Buffer;
use crate::relay::tests::Scripted;

/// A recording whose ends sealed these secrets to `identity`.
fn recording(identity: &Identity, agent: u8, technician: u8) -> (Vec<u8>, [u8; 32]) {
    let mut fixture = Fixture::start();
    fixture.seal(End::Agent, &secrets(agent), &identity.to_public());
    fixture.seal(End::Technician, &secrets(technician), &identity.to_public());
    fixture.checkpoint();
    fixture.close()
}

pub(super) struct Case<'a> {
    bytes: &'a [u8],
    identity: Option<&'a Identity>,
    org: Option<String>,
    enrolled: bool,
}

/// Verifies the file of `case` offline: exit code and what was printed with `--json`.
pub(super) async fn verdict(case: Case<'_>) -> anyhow::Result<(u8, Value)> {
    let folder = tempfile::tempdir().unwrap();
    let home = home_in(folder.path());
    if case.enrolled {
        let certificate = certificate_of(&authority(), &technician());
        let account = Account {
            join: join(&authority()),
            certificate,
            policy_serial: 1,
            organisations: Vec::new(),
        };
        home.keep_account(&account).unwrap();
    }
    let path = folder.path().join("a.dsr");
    std::fs::write(&path, case.bytes).unwrap();
    let identity = case.identity.map(|identity| {
        let path = folder.path().join("identity");
        std::fs::write(&path, identity.to_string().expose_secret()).unwrap();
        path
    });
    let args = args(&path, identity, case.org);
    let buffer = Buffer::default();
    let exit = verify(&args, &home, &mut buffer.output(true)).await?;
    verify(&args, &home, &mut Buffer::default().output(false)).await?;
    Ok((exit, serde_json::from_str(&buffer.text()).unwrap()))
}

fn args(path: &Path, identity: Option<std::path::PathBuf>, org: Option<String>) -> VerifyArgs {
    let recording = path.display().to_string();
    VerifyArgs { recording, identity, org, tail: Vec::new(), reason: "test".into() }
}

pub(super) fn offline<'a>(bytes: &'a [u8], identity: Option<&'a Identity>) -> Case<'a> {
    Case { bytes, identity, org: None, enrolled: true }
}

#[tokio::test]
async fn an_honest_recording_is_verified_against_the_accounts_organisation() {
    let identity = Identity::generate();
    let (bytes, hash) = recording(&identity, 1, 1);
    let (exit, event) = verdict(offline(&bytes, Some(&identity))).await.unwrap();
    assert_eq!((exit, event["verdict"].as_str()), (0, Some("verified")), "{event}");
    assert_eq!(event["ticket"], 1001);
    assert_eq!(event["hash"], data_encoding::HEXLOWER.encode(&hash));
    assert_eq!(event["seals"]["equal"], serde_json::json!([1]));
}

#[tokio::test]
async fn without_a_key_it_is_consistent_and_never_verified() {
    let (bytes, _) = recording(&Identity::generate(), 1, 1);
    let stranger = || Case { enrolled: false, ..offline(&bytes, None) };
    let (exit, event) = verdict(stranger()).await.unwrap();
    assert_eq!((exit, event["verdict"].as_str()), (0, Some("consistent")));
    let org = Some(authority().public().to_string());
    let (exit, event) = verdict(Case { org, ..stranger() }).await.unwrap();
    assert_eq!((exit, event["verdict"].as_str()), (0, Some("verified")));
    let org = Some(key(77).public().to_string());
    let (exit, event) = verdict(Case { org, ..stranger() }).await.unwrap();
    assert_eq!((exit, event["verdict"].as_str()), (7, Some("tampered")), "{event}");
    let org = Some("zz".to_owned());
    assert_eq!(exit_of(&verdict(Case { org, ..stranger() }).await.unwrap_err()), Exit::Usage);
}

#[tokio::test]
async fn a_changed_byte_and_a_cut_tail_are_exit_7() {
    let (bytes, _) = recording(&Identity::generate(), 1, 1);
    for at in [9, 40, bytes.len() / 2, bytes.len() - 1] {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let (exit, event) = verdict(offline(&changed, None)).await.unwrap();
        assert_eq!(exit, 7, "byte {at}: {event}");
    }
    let (exit, event) = verdict(offline(&bytes[..bytes.len() - 1], None)).await.unwrap();
    assert_eq!((exit, event["verdict"].as_str()), (7, Some("incomplete")));
}

#[tokio::test]
async fn a_changed_byte_is_named_with_its_place_and_party() {
    let (mut bytes, _) = recording(&Identity::generate(), 1, 1);
    let last = bytes.len() - 40;
    bytes[last] ^= 1;
    let (_, event) = verdict(offline(&bytes, None)).await.unwrap();
    assert_eq!(event["finding"]["at"]["block"], 4, "{event}");
    assert_eq!(event["finding"]["incriminates"], "whoever held the file");
}

#[tokio::test]
async fn what_is_no_recording_is_exit_7_and_what_is_missing_5() {
    let (exit, event) = verdict(offline(b"hello, world", None)).await.unwrap();
    assert_eq!((exit, event["verdict"].as_str()), (7, Some("unreadable")));
    let (exit, _) = verdict(offline(b"", None)).await.unwrap();
    assert_eq!(exit, 7);
    let folder = tempfile::tempdir().unwrap();
    let missing = args(&folder.path().join("none.dsr"), None, None);
    let home = home_in(folder.path());
    let error = verify(&missing, &home, &mut Buffer::default().output(false)).await.unwrap_err();
    assert_eq!(exit_of(&error), Exit::NotFound);
}

#[tokio::test]
async fn ends_that_sealed_different_secrets_are_exit_7() {
    let identity = Identity::generate();
    let (bytes, _) = recording(&identity, 1, 2);
    let (exit, event) = verdict(offline(&bytes, Some(&identity))).await.unwrap();
    assert_eq!((exit, event["verdict"].as_str()), (7, Some("seals-disputed")));
    let other = Identity::generate();
    let (exit, event) = verdict(offline(&bytes, Some(&other))).await.unwrap();
    assert_eq!((exit, event["seals"]["flaws"].as_array().map(Vec::len)), (7, Some(2)));
}

/// A line without a handshake, on which the technician acknowledged more than the agent's two
/// packets: one of them says "hello" on a stream of its own.
#[tokio::test]
async fn packets_that_are_missing_are_exit_7_and_point_at_the_relay() {
    let identity = Identity::generate();
    let forge = Forge::new(Suite::Aes256Gcm, 3).unwrap();
    let mut fixture = Fixture::start();
    for end in [End::Agent, End::Technician] {
        fixture.seal(end, forge.secrets(), &identity.to_public());
    }
    let opening = b"\x0f\x03\x00\x06\x00\x00\x00\x02\x08\x06";
    for (from, number, payload) in [
        (End::Agent, 0, &opening[..]),
        (End::Agent, 1, b"\x01\x01\x01\x01"),
        (End::Technician, 0, b"\x02\x05\x00\x00\x05"),
    ] {
        fixture.packet(from, &forge.packet(from, number, payload).unwrap());
    }
    fixture.checkpoint();
    let (bytes, _) = fixture.close();
    let (exit, event) = verdict(offline(&bytes, None)).await.unwrap();
    assert_eq!((exit, event["verdict"].as_str()), (0, Some("verified")), "{event}");
    let (exit, event) = verdict(offline(&bytes, Some(&identity))).await.unwrap();
    assert_eq!((exit, event["verdict"].as_str()), (7, Some("disputed")), "{event}");
    let contents = &event["contents"];
    let counts = ["streams", "messages", "bytes"].map(|name| contents[name].as_u64());
    assert_eq!(counts, [Some(1), Some(0), Some(6)]);
    let missing = "packets 2 to 5 of the agent arrived and are not in the recording";
    let hello = "the technician's first packet is not in the recording";
    let findings = contents["findings"].as_array().unwrap();
    assert_eq!(findings.iter().map(|one| &one["what"]).collect::<Vec<_>>(), [missing, hello]);
    assert!(findings.iter().all(|one| one["incriminates"] == "the relay"), "{contents}");
    // What the word says comes first, and last what the file alone would say.
    let explained = event["explanation"].as_array().unwrap();
    let (first, last) = (explained[0].as_str().unwrap(), explained.last().unwrap());
    assert!(first.ends_with(&format!("Z: {missing}. This points at the relay.")), "{first}");
    assert!(last.as_str().unwrap().starts_with("Of the file itself: nothing is wrong"), "{last}");
}

/// A ticket with a session note that names `hash`, signed by `signer`.
fn ticket(hash: &[u8], signer: u8) -> Ticket {
    ticket_with(hash, signer, &[])
}

/// The same, of a technician who saw this checkpoint last.
fn ticket_with(hash: &[u8], signer: u8, checkpoint: &[u8]) -> Ticket {
    let note = record::Note {
        session: session().as_bytes().to_vec().into(),
        ticket: "1001".into(),
        recording_hash: hash.to_vec().into(),
        checkpoint: checkpoint.to_vec().into(),
        certificate: certificate_of(&authority(), &key(signer)).encode_to_vec().into(),
        ..record::Note::default()
    };
    let signed = signed::sign_message(&key(signer), Context::Note, &note);
    let note = Note { signed: Some(signed), ..Note::default() };
    Ticket { ticket: "1001".into(), notes: vec![Note::default(), note], ..Ticket::default() }
}

#[tokio::test]
async fn the_tickets_note_is_an_anchor() {
    let (bytes, hash) = recording(&Identity::generate(), 1, 1);
    let organisation = Organisation { key: authority().public(), former: Vec::new() };
    let report = judge(bytes.as_slice(), Some(organisation)).unwrap();
    assert_eq!(report.verdict, Verdict::Verified);
    let seen = report.names.first().unwrap();
    for (ticket, expected) in [
        (ticket(&hash, 2), Anchor::Same),
        (ticket(&[0; 32], 2), Anchor::Different),
        (ticket_with(&hash, 2, seen), Anchor::Same),
        (ticket_with(&hash, 2, &[9; 32]), Anchor::Cut),
        (ticket(&hash, 3), Anchor::None),
        (Ticket::default(), Anchor::None),
    ] {
        let mut relay = Scripted::answering([Kind::Ticket(ticket)]);
        let (anchor, heads) = anchor::compare(&mut relay, &report).await.unwrap();
        assert_eq!((anchor, heads), (expected, Vec::new()));
    }
}

/// A relay that cuts its own recording and signs the rest again has to fit what the ends had seen.
#[test]
fn a_checkpoint_that_an_end_had_seen_is_in_the_recording_or_it_was_cut() {
    let (bytes, _) = recording(&Identity::generate(), 1, 1);
    let organisation = Organisation { key: authority().public(), former: Vec::new() };
    let report = judge(bytes.as_slice(), Some(organisation)).unwrap();
    let kept = *report.names.first().unwrap();
    for (checkpoint, word) in
        [(None, "verified"), (Some(kept), "verified"), (Some([9; 32]), "replaced")]
    {
        let keys = Ends { agent: key(1).public(), technician: key(2).public() };
        let mut stated = Stated::new(Some(keys), []);
        let said = Statement {
            time_us: 1,
            checkpoint,
            last: true,
            ..Statement::first(session(), End::Agent, 0, [1; 32])
        };
        let message = Message { kind: Some(Said::Statement(said.sign(&key(1)))) };
        let item = Item::Message(Box::new(message));
        let channel = Some(Channel::Control);
        let entry = Entry { line: 0, from: End::Agent, time_us: 2, channel, stream: Some(0), item };
        let taken = stated.take(&entry);
        assert!(taken.statement.is_some() && taken.found.is_empty());
        let judgement = Judgement {
            report: report.clone(),
            organisation: Some(authority().public()),
            seals: None,
            contents: Some(Contents::of(stated)),
            anchor: None,
            log: log::InLog::NoProof,
            kept: Vec::new(),
        };
        assert_eq!((judgement.word().as_str(), judgement.is_sound()), (word, word == "verified"));
        let cut = judgement.sentences().iter().any(|it| it.contains("something was cut out"));
        assert_eq!(cut, word == "replaced");
    }
}

/// The note that was kept with the proof says the same where no relay is asked.
#[test]
fn a_note_that_was_kept_is_an_anchor() {
    let (bytes, hash) = recording(&Identity::generate(), 1, 1);
    let organisation = Organisation { key: authority().public(), former: Vec::new() };
    let report = judge(bytes.as_slice(), Some(organisation)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.dsr");
    assert_eq!(anchor::beside(&path, &report).unwrap(), None);
    let note = |ticket: Ticket| ticket.notes.into_iter().find_map(|note| note.signed);
    for (note, expected) in [
        (None, None),
        (note(ticket(&hash, 2)), Some(Anchor::Same)),
        (note(ticket(&[0; 32], 2)), Some(Anchor::Different)),
        (note(ticket_with(&hash, 2, &[9; 32])), Some(Anchor::Cut)),
        (note(ticket(&hash, 3)), Some(Anchor::Forged)),
    ] {
        log::keep(&path, &LogProof { note, ..LogProof::default() }).unwrap();
        assert_eq!(anchor::beside(&path, &report).unwrap(), expected);
    }
}

/// The organisation has another key by now, and the account knows how it came to it, or does not.
#[tokio::test]
async fn a_recording_of_before_the_key_changed_is_the_organisation_s_still() {
    let identity = Identity::generate();
    let (bytes, _) = recording(&identity, 1, 1);
    let folder = tempfile::tempdir().unwrap();
    let (home, path) = (home_in(folder.path()), folder.path().join("a.dsr"));
    std::fs::write(&path, bytes).unwrap();
    let new = key(7);
    let certificate = certificate_of(&new, &technician());
    let chain = vec![rotation::authority(&authority(), &new, 100)];
    let stranger = vec![rotation::authority(&key(8), &new, 100)];
    for (organisations, org, exit, word) in [
        (chain.clone(), None, 0, "verified"),
        (chain, Some(new.public().to_string()), 0, "verified"),
        (stranger, None, 7, "tampered"),
        (Vec::new(), None, 7, "tampered"),
    ] {
        let certificate = certificate.clone();
        let account = Account { join: join(&new), certificate, policy_serial: 1, organisations };
        home.keep_account(&account).unwrap();
        assert_eq!(home.account().unwrap(), Some(account));
        let buffer = Buffer::default();
        let args = args(&path, None, org);
        assert_eq!(verify(&args, &home, &mut buffer.output(true)).await.unwrap(), exit);
        let told: Value = serde_json::from_str(&buffer.text()).unwrap();
        assert_eq!(told["verdict"], word);
        let explained = told["explanation"].to_string();
        assert_eq!(explained.contains("given up since"), exit == 0, "{explained}");
    }
}
