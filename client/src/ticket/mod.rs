//! Help-desk tickets: requests to the relay, and how a ticket looks.

mod files;
mod show;

pub use files::Handed;
pub use show::{number, ticket_event, ticket_text};

use std::path::Path;

use deskside_protocol::wire::signal::signal::Kind;
use deskside_protocol::wire::signal::{
    AttachmentFetch, Ticket, TicketList, TicketNew, TicketNote, TicketShow, TicketStatus,
};
use serde_json::json;

use crate::cli::TicketCommand;
use crate::output::{Output, minute, table};
use crate::relay::{Relay, hand_in, request, unexpected};

/// Does what `command` says.
///
/// # Errors
/// The relay's refusal, or one that cannot be asked.
pub async fn run(
    command: TicketCommand,
    relay: &mut impl Relay,
    output: &mut Output,
) -> anyhow::Result<()> {
    match command {
        TicketCommand::New { subject, requester, contact, description } => {
            let new = TicketNew { subject, requester, contact, description };
            let ticket = one(relay, Kind::TicketNew(new)).await?;
            output.show(&ticket_event(&ticket), &format!("ticket {}", shown(&ticket.ticket)))
        }
        TicketCommand::List { all } => list(all, relay, output).await,
        TicketCommand::Show { ticket } => {
            let ticket = one(relay, Kind::TicketShow(TicketShow { ticket })).await?;
            output.show(&ticket_event(&ticket), &ticket_text(&ticket))
        }
        TicketCommand::Note { ticket, text, public } => {
            let note = TicketNote { ticket, text, public, session_note: None };
            let ticket = one(relay, Kind::TicketNote(note)).await?;
            let said = format!("noted on ticket {}", shown(&ticket.ticket));
            output.show(&ticket_event(&ticket), &said)
        }
        TicketCommand::Status { ticket, status } => {
            let status = deskside_protocol::wire::signal::Status::from(status).into();
            let ticket = one(relay, Kind::TicketStatus(TicketStatus { ticket, status })).await?;
            let said =
                format!("ticket {} is {}", shown(&ticket.ticket), show::status_word(&ticket));
            output.show(&ticket_event(&ticket), &said)
        }
        TicketCommand::Attach { ticket, file } => attach(&ticket, &file, relay, output).await,
        TicketCommand::Attachment { ticket, number, output: wished } => {
            let wanted = AttachmentFetch { ticket, number };
            let (file, path) = files::save(relay, wanted, wished.as_deref()).await?;
            let event = json!({"event": "attachment", "path": path, "bytes": file.bytes});
            output.show(&event, &format!("saved {}", shown(&path.to_string_lossy())))
        }
    }
}

async fn attach(
    ticket: &str,
    file: &Path,
    relay: &mut impl Relay,
    output: &mut Output,
) -> anyhow::Result<()> {
    let Handed { announced, content } = Handed::read(ticket, file).await?;
    let said = format!("{} is on ticket {}", announced.name, shown(ticket));
    let answer = hand_in(relay, Kind::TicketAttach(announced), content).await?;
    let Kind::Ticket(ticket) = answer else { return Err(unexpected()) };
    output.show(&ticket_event(&ticket), &said)
}

async fn one(relay: &mut impl Relay, question: Kind) -> anyhow::Result<Ticket> {
    let Kind::Ticket(ticket) = request(relay, question).await? else { return Err(unexpected()) };
    Ok(ticket)
}

async fn list(all: bool, relay: &mut impl Relay, output: &mut Output) -> anyhow::Result<()> {
    let Kind::Tickets(tickets) = request(relay, Kind::TicketList(TicketList { all })).await? else {
        return Err(unexpected());
    };
    for ticket in &tickets.tickets {
        output.event(&ticket_event(ticket))?;
    }
    if tickets.tickets.is_empty() {
        return output.text("no tickets");
    }
    let row = |ticket: &Ticket| {
        [
            shown(&ticket.ticket),
            show::status_word(ticket).to_owned(),
            minute(ticket.changed),
            shown(&ticket.requester),
            shown(&ticket.subject),
        ]
    };
    let rows: Vec<_> = tickets.tickets.iter().map(row).collect();
    output.text(&table(["TICKET", "STATUS", "CHANGED (UTC)", "REQUESTER", "SUBJECT"], &rows))
}

fn shown(text: &str) -> String {
    deskside_protocol::text::visible(text).into_owned()
}

#[cfg(test)]
mod tests;
