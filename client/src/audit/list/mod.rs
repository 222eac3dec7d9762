//! The recordings that the relay holds.

mod ask;

use std::collections::HashSet;

use data_encoding::HEXLOWER;
use deskside_protocol::exit::Exit;
use deskside_protocol::key::PublicKey;
use deskside_protocol::log::Head;
use deskside_protocol::log::tile::WIDTH;
use deskside_protocol::session::SessionId;
use deskside_protocol::text::visible;
use deskside_protocol::wire::signal::Recording;
use serde_json::{Value, json};

pub(super) use self::ask::Listing;
pub use self::ask::Wanted;
use self::ask::{APART, SHOWN};
use super::log::{Known, Walk, walk};
use crate::home::Home;
use crate::ledger::catch_up;
use crate::output::{Output, minute, moment, size, table};
use crate::relay::Relay;
use crate::ticket::number;

/// A log of more entries is not walked for a list: 256 questions, and some 6 MiB.
const MAX_WALKED: u64 = 256 * WIDTH;

/// Prints those that are wanted, and holds them against the log of the relay that is known by `node`:
/// a session that began and that nobody knows any more was deleted, and one that is here and never
/// began was kept out of the log. Gives the exit code: 0, or 7 for such a one.
///
/// # Errors
/// The relay's refusal; exit 7 where its log does not hold.
pub async fn list(
    relay: &mut impl Relay,
    home: &Home,
    node: &PublicKey,
    wanted: &Wanted,
    output: &mut Output,
) -> anyhow::Result<u8> {
    let head = catch_up(home, relay, node).await?.map(|head| head.head);
    let may_walk = |head: &&Head| head.size <= MAX_WALKED && wanted.is_by_time();
    let walked = match head.as_ref().filter(may_walk) {
        Some(head) => Some(walk(relay, head).await?),
        None => None,
    };
    // Behind the walk: a session is in the log a moment before it is in the list.
    let mut listing = if wanted.is_all() {
        Listing::up_to(SHOWN, relay, wanted).await?
    } else {
        Listing::all(relay, wanted).await?
    };
    let mut gone = walked.as_ref().map(|walked| deleted(walked, &listing)).unwrap_or_default();
    gone.retain(|(_, known)| wanted.began(known.opened_us / 1_000_000));
    listing.recordings.retain(|one| wanted.began(one.opened));
    let logged = match &walked {
        Some(walked) => logged(walked, &listing),
        None => vec![None; listing.recordings.len()],
    };
    let Listing { recordings, cut } = listing;
    print(&recordings, &logged, &gone, output)?;
    if cut {
        let many = recordings.len();
        output.text(&format!("These are the newest {many}: --from and --to show older ones."))?;
    }
    if let Some(head) = &head
        && walked.is_none()
    {
        let why = if head.size > MAX_WALKED {
            "The log is long"
        } else {
            "The log names neither tickets nor people"
        };
        output.text(&format!("{why}: deskside audit log looks for deleted recordings."))?;
    }
    if !gone.is_empty() {
        output
            .text("DELETED: the relay's log says that these sessions began and were recorded.")?;
    }
    let hides = logged.contains(&Some(false));
    if hides {
        output.text(
            "NOT LOGGED: the relay's log does not say that these sessions began: deleting one of them \
             would leave no trace. This points at the relay.",
        )?;
    }
    let sound = gone.is_empty() && !hides;
    Ok(if sound { Exit::Done } else { Exit::Verification }.code())
}

fn print(
    recordings: &[Recording],
    logged: &[Option<bool>],
    gone: &[(SessionId, Known)],
    output: &mut Output,
) -> anyhow::Result<()> {
    let listed = || recordings.iter().zip(logged);
    for (recording, logged) in listed() {
        output.event(&event(recording, *logged))?;
    }
    for (session, known) in gone {
        output.event(&json!({"event": "recording", "session": session.to_string(),
            "deleted": true, "opened": moment(known.opened_us / 1_000_000)}))?;
    }
    let mut rows: Vec<_> = listed().map(|(one, logged)| row(one, *logged)).collect();
    rows.extend(gone.iter().map(|(session, known)| deleted_row(*session, known)));
    if rows.is_empty() {
        return output.text("no recordings");
    }
    let heads =
        ["SESSION", "TICKET", "TECHNICIAN", "OPENED (UTC)", "CLOSED (UTC)", "SIZE", "STATE"];
    output.text(&table(heads, &rows))
}

/// Sessions that are recorded by the log, and that the relay does not list, or without a file.
/// Those from before a list that was cut are not in question.
pub(super) fn deleted(walked: &Walk, listing: &Listing) -> Vec<(SessionId, Known)> {
    let listed = &listing.recordings;
    let since = listed.iter().map(|one| one.opened).min().filter(|_| listing.cut);
    let here: HashSet<&[u8]> =
        listed.iter().filter(|one| !one.missing).map(|one| one.session.as_ref()).collect();
    let gone = walked.sessions.iter().filter(|(session, known)| {
        let asked = since.is_none_or(|since| known.opened_us / 1_000_000 > since);
        known.recorded && asked && !here.contains(session.as_bytes().as_slice())
    });
    gone.map(|(session, known)| (*session, *known)).collect()
}

/// Whether the log has the beginning of each session that the relay lists. `None` of one that it does
/// not have and that may have begun behind the walk: no other of the log began a minute later.
pub(super) fn logged(walked: &Walk, listing: &Listing) -> Vec<Option<bool>> {
    let reached = walked.sessions.values().map(|known| known.opened_us / 1_000_000).max();
    let of = |recording: &Recording| {
        let session = SessionId::from_bytes(recording.session.as_ref().try_into().ok()?);
        let older = reached.is_some_and(|reached| recording.opened + APART < reached);
        let known = walked.sessions.contains_key(&session);
        (known || older).then_some(known)
    };
    listing.recordings.iter().map(of).collect()
}

fn deleted_row(session: SessionId, known: &Known) -> [String; 7] {
    let opened = minute(known.opened_us / 1_000_000);
    let none = || "-".to_owned();
    [session.to_string(), none(), none(), opened, none(), none(), "DELETED".to_owned()]
}

fn event(recording: &Recording, logged: Option<bool>) -> Value {
    let closed = (recording.closed != 0).then(|| moment(recording.closed));
    let hash = (!recording.hash.is_empty()).then(|| HEXLOWER.encode(&recording.hash));
    json!({
        "event": "recording",
        "session": HEXLOWER.encode(&recording.session),
        "ticket": number(&recording.ticket),
        "technician": recording.technician,
        "opened": moment(recording.opened),
        "closed": closed,
        "bytes": recording.bytes,
        "hash": hash,
        "held": recording.held,
        "shredded": recording.shredded,
        "missing": recording.missing,
        "logged": logged,
    })
}

/// In one word.
const fn state(recording: &Recording, logged: Option<bool>) -> &'static str {
    match recording {
        _ if matches!(logged, Some(false)) => "NOT LOGGED",
        Recording { missing: true, .. } => "no file",
        Recording { shredded: true, .. } => "shredded",
        Recording { held: true, .. } => "held",
        _ => "",
    }
}

fn row(recording: &Recording, logged: Option<bool>) -> [String; 7] {
    let closed = match recording.closed {
        0 => "running".to_owned(),
        seconds => minute(seconds),
    };
    [
        HEXLOWER.encode(&recording.session),
        visible(&recording.ticket).into_owned(),
        visible(&recording.technician).into_owned(),
        minute(recording.opened),
        closed,
        size(recording.bytes),
        state(recording, logged).to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::tests::{home_in, key};
    use crate::output::tests::Buffer;
    use crate::relay::tests::Scripted;
    use deskside_protocol::wire::signal::signal::Kind;
    use deskside_protocol::wire::signal::{Recordings, Refused, refused};

    #[tokio::test]
    async fn a_running_one_is_said_to_run() {
        let recording = Recording {
            session: vec![0xab; 16].into(),
            ticket: "1001".into(),
            technician: "alice".into(),
            opened: 1_795_326_600,
            bytes: 2048,
            ..Recording::default()
        };
        let held = Kind::Recordings(Recordings { recordings: vec![recording] });
        let print = async |json| {
            let buffer = Buffer::default();
            let code = refused::Code::BadRequest.into();
            let old = Kind::Refused(Refused { code, ..Refused::default() });
            let mut relay = Scripted::answering([old, held.clone()]);
            let folder = tempfile::tempdir().unwrap();
            let (home, node) = (home_in(folder.path()), key(9).public());
            let (wanted, output) = (Wanted::default(), &mut buffer.output(json));
            let exit = list(&mut relay, &home, &node, &wanted, output).await.unwrap();
            assert_eq!(exit, 0);
            buffer.text()
        };
        let text = print(false).await;
        assert!(
            text.contains("1001    alice       2026-11-22 05:50  running       2.0 KiB"),
            "{text}"
        );
        let event: Value = serde_json::from_str(&print(true).await).unwrap();
        assert_eq!((&event["ticket"], &event["closed"]), (&1001.into(), &Value::Null));
        assert_eq!(event["session"], "ab".repeat(16));
    }

    #[test]
    fn what_the_log_knows_and_the_list_does_not_was_deleted() {
        let id = |byte| SessionId::from_bytes([byte; 16]);
        let known = |recorded| Known { opened_us: 5_000_000, recorded };
        let sessions = [(id(1), known(true)), (id(2), known(false)), (id(3), known(true))];
        let walked = Walk { sessions: sessions.into_iter().collect(), ..Walk::default() };
        let listed = |byte: u8, opened, missing| Recording {
            session: vec![byte; 16].into(),
            opened,
            missing,
            ..Recording::default()
        };
        let gone = |recordings: &[Recording], cut| -> Vec<_> {
            let listing = Listing { recordings: recordings.to_vec(), cut };
            deleted(&walked, &listing).into_iter().map(|(session, _)| session).collect()
        };
        assert_eq!(gone(&[], false), [id(1), id(3)]);
        assert_eq!(gone(&[listed(1, 5, false), listed(3, 5, true)], false), [id(3)]);
        let newer = [listed(9, 6, false)];
        assert!(gone(&newer, true).is_empty(), "they may be behind the end of the list");
        assert_eq!(gone(&newer, false), [id(1), id(3)]);
        assert_eq!(gone(&[listed(9, 4, false)], true), [id(1), id(3)]);
    }

    #[test]
    fn what_the_list_has_and_the_log_does_not_was_kept_out_of_it() {
        let id = |byte| SessionId::from_bytes([byte; 16]);
        let known = |opened_us| Known { opened_us, recorded: true };
        let sessions = [(id(1), known(5_000_000)), (id(2), known(900_000_000))];
        let walked = Walk { sessions: sessions.into_iter().collect(), ..Walk::default() };
        let listed = |byte: u8, opened| Recording {
            session: vec![byte; 16].into(),
            opened,
            ..Recording::default()
        };
        // The last one may have begun behind the walk.
        let recordings = vec![listed(1, 5), listed(2, 900), listed(3, 700), listed(4, 890)];
        let listing = Listing { recordings, cut: false };
        let known = logged(&walked, &listing);
        assert_eq!(known, [Some(true), Some(true), Some(false), None]);
        assert_eq!(logged(&Walk::default(), &listing), [None; 4], "they may be new");
        let buffer = Buffer::default();
        print(&listing.recordings, &known, &[], &mut buffer.output(false)).unwrap();
        let text = buffer.text();
        let states: Vec<_> = text.lines().map(|line| line.ends_with("NOT LOGGED")).collect();
        assert_eq!(states, [false, false, false, true, false], "{text}");
    }
}
