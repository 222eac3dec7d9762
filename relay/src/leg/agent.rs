//! An agent's stream: a code is opened, its half of the pairing parked, a technician awaited.

use std::sync::Arc;

use deskside_protocol::code::LIFETIME_SECONDS;
use deskside_protocol::wire::signal::refused::Code;
use deskside_protocol::wire::signal::{CodeEnded, Opened, Parked, signal::Kind};
use tokio::sync::mpsc;

use crate::hall::Visitor;
use crate::lobby::Slot;
use crate::service::Service;
use crate::session::{self, Outcome};
use crate::talk::{Gone, Talk};

/// One code, from its opening to its end.
pub(super) async fn serve(service: &Arc<Service>, mut talk: Talk) {
    let (slot, arrivals) = match service.hall.open() {
        Ok(opened) => opened,
        Err(busy) => return talk.refuse(Code::Busy, &busy.to_string()).await,
    };
    if let Err(gone) = host(service, talk, slot, arrivals).await {
        tracing::debug!(%gone, "an agent's code ended");
    }
    service.hall.end(slot);
}

async fn host(
    service: &Arc<Service>,
    mut talk: Talk,
    slot: Slot,
    mut arrivals: mpsc::Receiver<Box<Visitor>>,
) -> Result<(), Gone> {
    let nameplate = slot.nameplate().to_string();
    talk.send(Kind::Opened(Opened { nameplate, expires_in: LIFETIME_SECONDS })).await?;
    let Kind::Park(mut park) = talk.answer().await? else { return Err(Gone::Unexpected) };
    talk.send(Kind::Parked(Parked {})).await?;
    loop {
        let Some(visitor) = next_visitor(service, &mut talk, &mut arrivals).await? else {
            talk.say_last(Kind::CodeEnded(CodeEnded { expired: true })).await;
            return Ok(());
        };
        // Large, and soon over: a waiting agent does not carry it.
        match Box::pin(session::host(service, talk, &mut park, slot, *visitor)).await {
            Outcome::Unused(unused, handle) => {
                talk = *unused;
                service.hall.put_back(slot, handle);
            }
            Outcome::Ended => return Ok(()),
        }
    }
}

/// Waits for a technician; `None` once the code has expired or the relay ends.
async fn next_visitor(
    service: &Service,
    talk: &mut Talk,
    arrivals: &mut mpsc::Receiver<Box<Visitor>>,
) -> Result<Option<Box<Visitor>>, Gone> {
    tokio::select! {
        visitor = arrivals.recv() => Ok(visitor),
        said = talk.receive() => said.and(Err(Gone::Unexpected)),
        () = service.stop.cancelled() => Ok(None),
    }
}
