//! The recordings that the relay holds.

use std::collections::HashSet;

use data_encoding::HEXLOWER;
use deskside_protocol::exit::Exit;
use deskside_protocol::key::PublicKey;
use deskside_protocol::log::tile::WIDTH;
use deskside_protocol::session::SessionId;
use deskside_protocol::text::visible;
use deskside_protocol::wire::signal::signal::Kind;
use deskside_protocol::wire::signal::{Recording, RecordingList};
use serde_json::{Value, json};

use super::log::{Known, Walk, walk};
use crate::home::Home;
use crate::ledger::catch_up;
use crate::output::{Output, minute, moment, size, table};
use crate::relay::{Relay, request, unexpected};
use crate::ticket::number;

/// The relay lists so many, the newest.
const LISTED: usize = 500;
/// A log of more entries is not walked for a list: 256 questions, and some 6 MiB.
const MAX_WALKED: u64 = 256 * WIDTH;

/// Prints them, and holds them against the log of the relay that is known by `node`: a session that
/// began and that nobody knows any more was deleted. Gives the exit code: 0, or 7 for such a one.
///
/// # Errors
/// The relay's refusal; exit 7 where its log does not hold.
pub async fn list(
    relay: &mut impl Relay,
    home: &Home,
    node: &PublicKey,
    output: &mut Output,
) -> anyhow::Result<u8> {
    let head = catch_up(home, relay, node).await?.map(|head| head.head);
    let walked = match head.as_ref().filter(|head| head.size <= MAX_WALKED) {
        Some(head) => Some(walk(relay, head).await?),
        None => None,
    };
    // Behind the walk: a session is in the log a moment before it is in the list.
    let recordings = recordings(relay).await?;
    let gone = walked.as_ref().map(|walked| deleted(walked, &recordings)).unwrap_or_default();
    for recording in &recordings {
        output.event(&event(recording))?;
    }
    for (session, known) in &gone {
        output.event(&json!({"event": "recording", "session": session.to_string(),
            "deleted": true, "opened": moment(known.opened_us / 1_000_000)}))?;
    }
    let mut rows: Vec<_> = recordings.iter().map(row).collect();
    rows.extend(gone.iter().map(|(session, known)| deleted_row(*session, known)));
    if rows.is_empty() {
        output.text("no recordings")?;
    } else {
        let heads =
            ["SESSION", "TICKET", "TECHNICIAN", "OPENED (UTC)", "CLOSED (UTC)", "SIZE", "STATE"];
        output.text(&table(heads, &rows))?;
    }
    if head.is_some() && walked.is_none() {
        output.text("The log is long: deskside audit log holds this list against it.")?;
    }
    if gone.is_empty() {
        return Ok(Exit::Done.code());
    }
    output.text("DELETED: the relay's log says that these sessions began and were recorded.")?;
    Ok(Exit::Verification.code())
}

/// What the relay says that it holds, the newest 500.
///
/// # Errors
/// The relay's refusal.
pub(super) async fn recordings(relay: &mut impl Relay) -> anyhow::Result<Vec<Recording>> {
    let question = Kind::RecordingList(RecordingList {});
    let Kind::Recordings(held) = request(relay, question).await? else { return Err(unexpected()) };
    Ok(held.recordings)
}

/// Sessions that are recorded by the log, and that the relay does not list, or without a file.
/// Those from before a list that is full are not in question.
pub(super) fn deleted(walked: &Walk, listed: &[Recording]) -> Vec<(SessionId, Known)> {
    let full = listed.len() >= LISTED;
    let since = listed.iter().map(|one| one.opened).min().filter(|_| full).unwrap_or(0);
    let here: HashSet<&[u8]> =
        listed.iter().filter(|one| !one.missing).map(|one| one.session.as_ref()).collect();
    let gone = walked.sessions.iter().filter(|(session, known)| {
        let asked = known.opened_us / 1_000_000 > since || !full;
        known.recorded && asked && !here.contains(session.as_bytes().as_slice())
    });
    gone.map(|(session, known)| (*session, *known)).collect()
}

fn deleted_row(session: SessionId, known: &Known) -> [String; 7] {
    let opened = minute(known.opened_us / 1_000_000);
    let none = || "-".to_owned();
    [session.to_string(), none(), none(), opened, none(), none(), "DELETED".to_owned()]
}

fn event(recording: &Recording) -> Value {
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
    })
}

/// In one word.
const fn state(recording: &Recording) -> &'static str {
    match recording {
        Recording { missing: true, .. } => "no file",
        Recording { shredded: true, .. } => "shredded",
        Recording { held: true, .. } => "held",
        _ => "",
    }
}

fn row(recording: &Recording) -> [String; 7] {
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
        state(recording).to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::tests::{home_in, key};
    use crate::output::tests::Buffer;
    use crate::relay::tests::Scripted;
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
            let exit = list(&mut relay, &home, &node, &mut buffer.output(json)).await.unwrap();
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
        let gone = |list: &[Recording]| -> Vec<_> {
            deleted(&walked, list).into_iter().map(|(session, _)| session).collect()
        };
        assert_eq!(gone(&[]), [id(1), id(3)]);
        assert_eq!(gone(&[listed(1, 5, false), listed(3, 5, true)]), [id(3)]);
        let newer: Vec<_> = (0..500).map(|_| listed(9, 6, false)).collect();
        assert!(gone(&newer).is_empty(), "they may be behind the end of the list");
        let older: Vec<_> = (0..500).map(|_| listed(9, 4, false)).collect();
        assert_eq!(gone(&older), [id(1), id(3)]);
    }
}
