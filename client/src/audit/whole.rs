//! `deskside audit log`: every entry of the relay's log, from the first, against the head that the
//! relay signed and the one that this program saw last; and the sessions in it against the list.

use data_encoding::HEXLOWER;
use deskside_protocol::exit::Exit;
use deskside_protocol::key::PublicKey;
use serde_json::json;

use super::list::{Listing, Wanted, deleted, logged};
use super::log::walk;
use crate::failure::Failure;
use crate::home::Home;
use crate::ledger::catch_up;
use crate::output::Output;
use crate::relay::Relay;

/// Walks the log of the relay that is known by `node`, and says what is in it. Gives the exit code:
/// 0, or 7 where sessions were deleted or kept out of it.
///
/// # Errors
/// The relay's refusal; exit 5 where it keeps no log, 7 where the log does not hold.
pub async fn whole(
    relay: &mut impl Relay,
    home: &Home,
    node: &PublicKey,
    output: &mut Output,
) -> anyhow::Result<u8> {
    let head = catch_up(home, relay, node).await?.map(|head| head.head);
    let none = || Failure::new(Exit::NotFound, "this relay keeps no log of sessions");
    let head = head.ok_or_else(none)?;
    let walked = walk(relay, &head).await?;
    let listing = Listing::all(relay, &Wanted::default()).await?;
    let gone = deleted(&walked, &listing);
    let root = HEXLOWER.encode(&head.root);
    let sessions: Vec<_> = gone.iter().map(|(session, _)| session.to_string()).collect();
    let listed = listing.recordings.iter().zip(logged(&walked, &listing));
    let hidden = listed.filter(|(_, logged)| *logged == Some(false));
    let hidden: Vec<_> = hidden.map(|(one, _)| HEXLOWER.encode(&one.session)).collect();
    let event = json!({
        "event": "log", "origin": head.origin, "size": head.size, "root": root,
        "opened": walked.opened, "closed": walked.closed, "open": walked.open,
        "accesses": walked.accesses, "holds": walked.holds, "shredded": walked.shredded,
        "unknown": walked.unknown, "deleted": sessions, "not_logged": hidden,
    });
    let mut text = format!(
        "The log is whole: {} entries are those that the relay signed.\n\
         name        {}\nroot        {root}\n\
         sessions    {} began, {} ended, {} without an end\n\
         recordings  handed out {} times, held or released {} times, {} shredded",
        head.size,
        head.origin,
        walked.opened,
        walked.closed,
        walked.open,
        walked.accesses,
        walked.holds,
        walked.shredded,
    );
    if walked.unknown > 0 {
        text += &format!("\n{} entries are of a later version", walked.unknown);
    }
    if listing.cut {
        let many = listing.recordings.len();
        text += &format!("\nOnly the newest {many} recordings were held against it");
    }
    for session in &sessions {
        text += &format!("\nDELETED     {session}: it was recorded, and the relay has it no more");
    }
    for session in &hidden {
        text += &format!("\nNOT LOGGED  {session}: the relay has it, and the log does not");
    }
    output.show(&event, &text)?;
    let sound = gone.is_empty() && hidden.is_empty();
    let exit = if sound { Exit::Done } else { Exit::Verification };
    Ok(exit.code())
}
