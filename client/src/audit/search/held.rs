//! Of what the relay holds, what is to be looked into.

use data_encoding::HEXLOWER;
use deskside_protocol::exit::Exit;
use deskside_protocol::wire::signal::Recording;

use super::{Place, left_out};
use crate::arrival::arrive;
use crate::audit::list::{Listing, Wanted};
use crate::failure::Failure;
use crate::home::Home;
use crate::output::Output;
use crate::relay::Relay as _;

/// The recordings that are asked for and can be read, the newest first. Of the others it is said why
/// not.
///
/// # Errors
/// The relay's refusal; exit 5 where it holds none such.
pub(super) async fn places(
    wanted: &Wanted,
    home: &Home,
    output: &mut Output,
) -> anyhow::Result<Vec<Place>> {
    let mut leg = arrive(home).await?.leg;
    let listing = Listing::all(&mut leg, wanted).await;
    leg.bye().await;
    let mut recordings = listing?.recordings;
    recordings.retain(|one| wanted.began(one.opened));
    if recordings.is_empty() {
        let what = "the relay holds no such recording: deskside audit list";
        return Err(Failure::new(Exit::NotFound, what).into());
    }
    let mut places = Vec::with_capacity(recordings.len());
    for recording in recordings {
        let session = HEXLOWER.encode(&recording.session);
        match closed_to_all(&recording) {
            Some(why) => left_out(&session, why, output)?,
            None => places.push(Place { recording: session, named: false }),
        }
    }
    Ok(places)
}

/// Why nobody can look into it.
const fn closed_to_all(recording: &Recording) -> Option<&'static str> {
    match recording {
        Recording { closed: 0, .. } => Some("the session is still running"),
        Recording { missing: true, .. } => Some("the relay has no file of it any more"),
        Recording { shredded: true, .. } => Some("its keys were destroyed"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_can_read_is_left_out() {
        let whole = Recording { closed: 5, ..Recording::default() };
        assert_eq!(closed_to_all(&whole), None);
        for (recording, word) in [
            (Recording::default(), "running"),
            (Recording { missing: true, ..whole.clone() }, "no file"),
            (Recording { shredded: true, ..whole }, "destroyed"),
        ] {
            assert!(closed_to_all(&recording).unwrap().contains(word));
        }
    }
}
