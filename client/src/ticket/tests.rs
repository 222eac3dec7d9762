//! Ticket commands against a scripted relay.

use super::*;
use crate::cli::StatusWord;
use crate::failure::exit_of;
use crate::output::tests::Buffer;
use crate::relay::tests::Scripted;
use deskside_protocol::exit::Exit;
use deskside_protocol::wire::signal::{Note, Refused, Status, Tickets, refused};
use serde_json::Value;

fn ticket(ticket: &str) -> Ticket {
    Ticket {
        ticket: ticket.into(),
        subject: "Printer\u{1b}[2J".into(),
        requester: "Bob".into(),
        status: Status::Open.into(),
        created: 1_795_326_600,
        changed: 1_795_326_660,
        ..Ticket::default()
    }
}

async fn printed(command: TicketCommand, answer: Kind, json: bool) -> (String, Vec<Kind>) {
    let buffer = Buffer::default();
    let mut output = buffer.output(json);
    let mut relay = Scripted::answering([answer]);
    run(command, &mut relay, &mut output).await.unwrap();
    (buffer.text(), relay.questions)
}

#[tokio::test]
async fn a_new_ticket_tells_its_number() {
    let command = || TicketCommand::New {
        subject: "Printer".into(),
        requester: "Bob".into(),
        contact: String::new(),
        description: String::new(),
    };
    let (text, questions) = printed(command(), Kind::Ticket(ticket("1001")), false).await;
    assert_eq!(text, "ticket 1001\n");
    assert!(matches!(&questions[0], Kind::TicketNew(new) if new.subject == "Printer"));
    let (text, _) = printed(command(), Kind::Ticket(ticket("1001")), true).await;
    let event: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(event["ticket"], 1001);
}

#[tokio::test]
async fn a_list_is_aligned_and_harmless() {
    let tickets = Kind::Tickets(Tickets { tickets: vec![ticket("7"), ticket("INC-12")] });
    let (text, _) = printed(TicketCommand::List { all: false }, tickets.clone(), false).await;
    assert_eq!(
        text,
        "TICKET  STATUS  CHANGED (UTC)     REQUESTER  SUBJECT\n\
         7       open    2026-11-22 05:51  Bob        Printer\u{fffd}[2J\n\
         INC-12  open    2026-11-22 05:51  Bob        Printer\u{fffd}[2J\n"
    );
    let (text, _) = printed(TicketCommand::List { all: false }, tickets, true).await;
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        [&lines[0]["ticket"], &lines[1]["ticket"]],
        [&Value::from(7), &Value::from("INC-12")]
    );
}

#[tokio::test]
async fn show_has_the_notes_and_their_lines() {
    let note = Note { author: "alice".into(), text: "one\ntwo".into(), ..Note::default() };
    let shown = Kind::Ticket(Ticket { notes: vec![note], ..ticket("7") });
    let command = TicketCommand::Show { ticket: "7".into() };
    let (text, _) = printed(command, shown, false).await;
    assert!(text.ends_with("-- - UTC, alice\none\ntwo\n"), "{text}");
}

#[tokio::test]
async fn a_closed_ticket_is_exit_3() {
    let code = refused::Code::TicketClosed.into();
    let mut relay = Scripted::answering([Kind::Refused(Refused { code, text: String::new() })]);
    let command = TicketCommand::Status { ticket: "7".into(), status: StatusWord::Open };
    let error = run(command, &mut relay, &mut Buffer::default().output(false)).await.unwrap_err();
    assert_eq!(exit_of(&error), Exit::Refused);
}

#[test]
fn numbers_are_numbers_only_where_nothing_is_lost() {
    assert_eq!(number("1001"), 1001);
    for text in ["007", "INC-1", "", "+1", "99999999999999999999"] {
        assert_eq!(number(text), text);
    }
}
