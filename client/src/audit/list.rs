//! The recordings that the relay holds.

use data_encoding::HEXLOWER;
use deskside_protocol::text::visible;
use deskside_protocol::wire::signal::signal::Kind;
use deskside_protocol::wire::signal::{Recording, RecordingList};
use serde_json::{Value, json};

use crate::output::{Output, minute, moment, size, table};
use crate::relay::{Relay, request, unexpected};
use crate::ticket::number;

/// Prints them.
///
/// # Errors
/// The relay's refusal.
pub async fn list(relay: &mut impl Relay, output: &mut Output) -> anyhow::Result<()> {
    let question = Kind::RecordingList(RecordingList {});
    let Kind::Recordings(held) = request(relay, question).await? else { return Err(unexpected()) };
    for recording in &held.recordings {
        output.event(&event(recording))?;
    }
    if held.recordings.is_empty() {
        return output.text("no recordings");
    }
    let rows: Vec<_> = held.recordings.iter().map(row).collect();
    let heads = ["SESSION", "TICKET", "TECHNICIAN", "OPENED (UTC)", "CLOSED (UTC)", "SIZE"];
    output.text(&table(heads, &rows))
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
    })
}

fn row(recording: &Recording) -> [String; 6] {
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
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::tests::Buffer;
    use crate::relay::tests::Scripted;
    use deskside_protocol::wire::signal::Recordings;

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
            let mut relay = Scripted::answering([held.clone()]);
            list(&mut relay, &mut buffer.output(json)).await.unwrap();
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
}
