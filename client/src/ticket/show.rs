//! A ticket as JSON and as text.

use std::fmt::Write as _;

use data_encoding::HEXLOWER;
use deskside_protocol::text::{visible, visible_lines};
use deskside_protocol::wire::signal::{Attachment, Note, Status, Ticket};
use serde_json::{Value, json};

use crate::output::{minute, moment, size, table};

/// A ticket's number as JSON: a number where it is written like one, else a text, as other help
/// desks have it.
#[must_use]
pub fn number(ticket: &str) -> Value {
    match ticket.parse::<u64>() {
        Ok(number) if number.to_string() == ticket => number.into(),
        _ => ticket.into(),
    }
}

pub(super) fn status_word(ticket: &Ticket) -> &'static str {
    match ticket.status() {
        Status::New => "new",
        Status::Open => "open",
        Status::Waiting => "waiting",
        Status::Resolved => "resolved",
        Status::Closed => "closed",
        Status::Unspecified => "unknown",
    }
}

/// For `--json`.
#[must_use]
pub fn ticket_event(ticket: &Ticket) -> Value {
    let note = |note: &Note| {
        json!({
            "author": note.author,
            "time": moment(note.time),
            "text": note.text,
            "public": note.public,
            "signed": note.signed.is_some(),
        })
    };
    let attachment = |file: &Attachment| {
        json!({
            "number": file.number,
            "name": file.name,
            "bytes": file.bytes,
            "sha256": HEXLOWER.encode(&file.sha256),
            "author": file.author,
            "time": moment(file.time),
        })
    };
    json!({
        "event": "ticket",
        "ticket": number(&ticket.ticket),
        "subject": ticket.subject,
        "requester": ticket.requester,
        "contact": ticket.contact,
        "description": ticket.description,
        "status": status_word(ticket),
        "created": moment(ticket.created),
        "changed": moment(ticket.changed),
        "attachments": ticket.attachments.iter().map(attachment).collect::<Vec<_>>(),
        "notes": ticket.notes.iter().map(note).collect::<Vec<_>>(),
    })
}

/// For people.
#[must_use]
pub fn ticket_text(ticket: &Ticket) -> String {
    let mut text = format!("ticket {}: {}", visible(&ticket.ticket), visible(&ticket.subject));
    let mut row = |name: &str, value: &str| {
        if !value.is_empty() {
            let _infallible = write!(text, "\n{name:<10} {}", visible(value));
        }
    };
    row("status", status_word(ticket));
    row("requester", &ticket.requester);
    row("contact", &ticket.contact);
    row("opened", &format!("{} UTC", minute(ticket.created)));
    row("changed", &format!("{} UTC", minute(ticket.changed)));
    if !ticket.description.is_empty() {
        let _infallible = write!(text, "\n\n{}", visible_lines(&ticket.description));
    }
    if !ticket.attachments.is_empty() {
        let row = |file: &Attachment| {
            [
                file.number.to_string(),
                visible(&file.name).into_owned(),
                size(file.bytes),
                minute(file.time),
                visible(&file.author).into_owned(),
            ]
        };
        let rows: Vec<_> = ticket.attachments.iter().map(row).collect();
        let head = ["ATTACHMENT", "NAME", "SIZE", "SINCE (UTC)", "BY"];
        let _infallible = write!(text, "\n\n{}", table(head, &rows));
    }
    for note in &ticket.notes {
        let public = if note.public { ", public" } else { "" };
        let signed = if note.signed.is_some() { ", of a session" } else { "" };
        let _infallible = write!(
            text,
            "\n\n-- {} UTC, {}{public}{signed}\n{}",
            minute(note.time),
            visible(&note.author),
            visible_lines(&note.text),
        );
    }
    text
}
