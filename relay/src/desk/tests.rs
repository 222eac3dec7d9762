//! The desk over a real database in a temporary folder.

use deskside_protocol::key::{Context, SigningKey};
use deskside_protocol::session::Ends;
use deskside_protocol::signed::sign_message;
use deskside_protocol::wire::record;
use tempfile::TempDir;
use zeroize::Zeroizing;

use super::*;
use crate::store::{Back, LineRow, NewSession};

pub(super) async fn desk() -> (Desk, Store, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("relay.db")).await.unwrap();
    (Desk::new(store.clone()), store, folder)
}

pub(super) fn new(subject: &str) -> TicketNew {
    TicketNew {
        subject: subject.to_owned(),
        requester: "Sam".to_owned(),
        contact: "ext. 42".to_owned(),
        description: "It says\nno.".to_owned(),
    }
}

#[tokio::test]
async fn numbers_ascend_from_1001() {
    let (desk, _store, _folder) = desk().await;
    let first = desk.open(&new("Printer"), 10).await.unwrap();
    let second = desk.open(&new("  Mail "), 11).await.unwrap();
    assert_eq!((first.ticket.as_str(), second.ticket.as_str()), ("1001", "1002"));
    assert_eq!((second.subject.as_str(), second.status), ("Mail", Status::New as i32));
    assert_eq!(desk.show("1001").await.unwrap().description, "It says\nno.");
}

#[tokio::test]
async fn what_a_ticket_may_not_hold_is_said() {
    let (desk, _store, _folder) = desk().await;
    let error = |new: TicketNew| {
        let desk = desk.clone();
        async move { desk.open(&new, 0).await.unwrap_err() }
    };
    assert!(matches!(error(new(" ")).await, DeskError::Missing("subject")));
    let long = error(new(&"x".repeat(MAX_SUBJECT + 1))).await;
    assert_eq!(long.to_string(), "the subject is too long: at most 400 bytes");
    assert!(matches!(error(new("a\nb")).await, DeskError::Control("subject")));
    let escape = TicketNew { description: "\u{1b}[2J".to_owned(), ..new("x") };
    assert!(matches!(error(escape).await, DeskError::Control("description")));
    assert!(desk.list(true).await.unwrap().is_empty());
}

#[tokio::test]
async fn open_ones_come_first() {
    let (desk, _store, _folder) = desk().await;
    for (subject, now) in [("a", 1), ("b", 2), ("c", 3)] {
        desk.open(&new(subject), now).await.unwrap();
    }
    desk.set_status("1003", Status::Closed as i32, 9).await.unwrap();
    desk.set_status("1001", Status::Waiting as i32, 8).await.unwrap();
    let order = |list: Vec<Ticket>| list.into_iter().map(|one| one.ticket).collect::<Vec<_>>();
    assert_eq!(order(desk.list(false).await.unwrap()), ["1001", "1002"]);
    assert_eq!(order(desk.list(true).await.unwrap()), ["1001", "1002", "1003"]);
    assert!(desk.summary("1001").await.unwrap().open);
    let closed = desk.summary("1003").await.unwrap();
    assert_eq!((closed.open, closed.subject.as_str()), (false, "c"));
}

#[tokio::test]
async fn unknown_tickets_and_statuses_are_refused() {
    let (desk, _store, _folder) = desk().await;
    desk.open(&new("a"), 1).await.unwrap();
    for id in ["1002", "01001", "+1001", "x", "", "99999999999999999999", "18446744073709551615"] {
        let error = desk.summary(id).await.unwrap_err();
        assert_eq!(error.refusal().code, Code::TicketNotFound as i32, "{id}");
    }
    for status in [0, 6, -1] {
        let error = desk.set_status("1001", status, 2).await.unwrap_err();
        assert_eq!(error.refusal().code, Code::BadRequest as i32);
    }
}

#[tokio::test]
async fn notes_stand_in_order_and_never_outgrow_a_signal() {
    let (desk, _store, _folder) = desk().await;
    desk.open(&new("a"), 1).await.unwrap();
    desk.note("1001", "alice", "first", true, 2).await.unwrap();
    let shown = desk.note("1001", "bob", "second", false, 3).await.unwrap();
    let texts: Vec<_> = shown.notes.iter().map(|note| (note.text.as_str(), note.public)).collect();
    assert_eq!(texts, [("first", true), ("second", false)]);
    assert_eq!(shown.changed, 3);
    for now in 10..30 {
        desk.note("1001", "bob", &"x".repeat(MAX_NOTE), false, now).await.unwrap();
    }
    let shown = desk.show("1001").await.unwrap();
    assert!(shown.encoded_len() < 256 * 1024);
    assert_eq!(shown.notes[0].text, "11 older notes are not shown here");
    assert_eq!(shown.notes.last().unwrap().time, 29);
}

fn session_note(key: &SigningKey, ticket: &str, text: &str) -> Signed {
    let body = record::Note {
        session: vec![7; 16].into(),
        ticket: ticket.to_owned(),
        text: text.to_owned(),
        ..record::Note::default()
    };
    sign_message(key, Context::Note, &body)
}

async fn with_session(store: &Store) {
    let session = NewSession {
        session: [7; 16],
        ticket: "1001".to_owned(),
        technician: "alice".to_owned(),
        serial: 1,
        nameplate: "48219".to_owned(),
        opened_at: 1,
        recording: String::new(),
        back: Back {
            keys: Ends { agent: [1; 32], technician: [2; 32] },
            tokens: Ends { agent: [1; 16], technician: [2; 16] },
            transcript: [3; 32],
            policy: 1,
        },
        line: LineRow { number: 0, labels: Ends { agent: [0x81; 8], technician: [0x82; 8] } },
    };
    store.open_session(session).await.unwrap();
}

#[tokio::test]
async fn a_sessions_note_stands_once() {
    let (desk, store, _folder) = desk().await;
    let key = SigningKey::from_seed(Zeroizing::new([1; 32]));
    desk.open(&new("a"), 1).await.unwrap();
    with_session(&store).await;
    let signed = session_note(&key, "1001", "helped");
    for now in [2, 3] {
        let shown = desk.session_note("1001", "alice", &key.public(), &signed, now).await.unwrap();
        assert_eq!(shown.notes.len(), 1);
        assert_eq!((shown.notes[0].time, shown.notes[0].text.as_str()), (2, "helped"));
        assert_eq!(shown.notes[0].signed.as_ref(), Some(&signed));
    }
    let other = session_note(&key, "1001", "something else");
    assert!(desk.session_note("1001", "alice", &key.public(), &other, 4).await.is_err());
}

#[tokio::test]
async fn a_note_of_another_key_ticket_or_session_is_refused() {
    let (desk, store, _folder) = desk().await;
    let key = SigningKey::from_seed(Zeroizing::new([1; 32]));
    let other = SigningKey::from_seed(Zeroizing::new([2; 32]));
    desk.open(&new("a"), 1).await.unwrap();
    desk.open(&new("b"), 1).await.unwrap();
    let signed = session_note(&key, "1001", "helped");
    let refused = |id: &'static str, author: &'static str, key: PublicKey, signed: Signed| {
        let desk = desk.clone();
        async move {
            let error = desk.session_note(id, author, &key, &signed, 2).await.unwrap_err();
            assert_eq!(error.refusal().code, Code::NotPermitted as i32, "{error}");
        }
    };
    refused("1001", "alice", key.public(), signed.clone()).await;
    with_session(&store).await;
    refused("1001", "bob", key.public(), signed.clone()).await;
    refused("1001", "alice", other.public(), signed.clone()).await;
    refused("1002", "alice", key.public(), signed).await;
    refused("1002", "alice", key.public(), session_note(&key, "1002", "helped")).await;
    assert!(desk.show("1001").await.unwrap().notes.is_empty());
}
