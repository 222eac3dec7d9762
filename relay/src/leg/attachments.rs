//! Files of tickets, to the desk and from it. Each is in memory whole for a moment, so only a few move
//! at once; whoever finds no room is told to try again.

use std::time::Duration;

use bytes::BytesMut;
use deskside_protocol::wire::signal::refused::Code;
use deskside_protocol::wire::signal::{
    AttachmentFetch, AttachmentFollows, Refused, Ticket, TicketAttach, signal::Kind,
};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::clock;
use crate::desk::{DeskError, Wanted};
use crate::service::Service;
use crate::store::Technician;
use crate::talk::{Gone, Talk};

/// Files that move at once: 128 MiB of memory.
const MAX_MOVING: usize = 4;
/// The longest that one may take: 32 MiB at 55 KiB/s.
const LONGEST: Duration = Duration::from_secs(10 * 60);

/// Room for what moves.
pub(super) const fn room() -> Semaphore {
    Semaphore::const_new(MAX_MOVING)
}

fn enter(service: &Service) -> Result<SemaphorePermit<'_>, Refused> {
    let text = "the relay is busy with other files: try again in a minute";
    let busy = |_| Refused { code: Code::Busy as i32, text: text.to_owned() };
    service.attachments.try_acquire().map_err(busy)
}

/// Takes a file for a ticket.
pub(super) async fn take(service: &Service, mut talk: Talk, who: Technician, attach: TicketAttach) {
    let taking = taken(service, &mut talk, &who, &attach);
    match tokio::time::timeout(LONGEST, taking).await {
        Ok(Ok(Ok(ticket))) => talk.say_last(Kind::Ticket(ticket)).await,
        Ok(Ok(Err(refused))) => talk.refuse_with(refused).await,
        Ok(Err(gone)) => tracing::debug!(%gone, "a file broke off"),
        Err(_elapsed) => tracing::debug!("a file took too long"),
    }
}

async fn taken(
    service: &Service,
    talk: &mut Talk,
    who: &Technician,
    attach: &TicketAttach,
) -> Result<Result<Ticket, Refused>, Gone> {
    let desk = service.relay.node.desk();
    let refused = |error: DeskError| error.refusal();
    let wanted = match desk.wanted(attach).await.map_err(refused) {
        Ok(wanted) => wanted,
        Err(refused) => return Ok(Err(refused)),
    };
    let _room = match enter(service) {
        Ok(room) => room,
        Err(busy) => return Ok(Err(busy)),
    };
    let content = content(talk, &wanted).await?;
    Ok(desk.attach(&wanted, &who.login, &content, clock::seconds()).await.map_err(refused))
}

/// What was announced, and no byte more than one.
async fn content(talk: &mut Talk, wanted: &Wanted) -> Result<BytesMut, Gone> {
    let mut content = BytesMut::new();
    while let Some(piece) = talk.receive_raw().await? {
        content.extend_from_slice(&piece);
        // The desk finds that it is too long.
        if u64::try_from(content.len()).is_ok_and(|length| length > wanted.bytes) {
            break;
        }
    }
    Ok(content)
}

/// Hands out a file of a ticket.
pub(super) async fn give(service: &Service, mut talk: Talk, fetch: AttachmentFetch) {
    let _room = match enter(service) {
        Ok(room) => room,
        Err(busy) => return talk.refuse_with(busy).await,
    };
    let found = service.relay.node.desk().attachment(&fetch.ticket, fetch.number).await;
    let (attachment, content) = match found {
        Ok(found) => found,
        Err(error) => return talk.refuse_with(error.refusal()).await,
    };
    let follows = Kind::AttachmentFollows(AttachmentFollows { attachment: Some(attachment) });
    let sending = async {
        talk.send(follows).await?;
        talk.send_raw(content.into()).await?;
        talk.finish().await;
        Ok::<_, Gone>(())
    };
    match tokio::time::timeout(LONGEST, sending).await {
        Ok(Ok(())) => {}
        Ok(Err(gone)) => tracing::debug!(%gone, "a file broke off"),
        Err(_elapsed) => tracing::debug!("a file took too long"),
    }
}
