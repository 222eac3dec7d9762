//! A recording that cannot be written: what is not on the disk does not reach the other end.

use deskside_tests::relay::Relay;

use crate::house::{Helped, House};

/// Bytes that the relay's files may have: the database and the beginning of the recording.
const ROOM: u64 = 1024 * 1024;

#[test]
fn what_cannot_be_recorded_is_not_forwarded() {
    let house = House::with(|data| Relay::start_fillable(data).unwrap());
    let Helped { mut agent, mut session, ticket } = house.helped("agent");
    house.relay.fill_disk(ROOM).unwrap();

    let input = vec![b'x'; 8 * 1024 * 1024];
    let through = session.exec(&["cat"], &input).unwrap();
    assert_ne!(through.code, Some(0), "8 MiB went there and back");
    let came = through.stdout.len() as u64;
    assert!(came < ROOM, "{came} bytes came back, and there was room for {ROOM} both ways");

    assert_eq!(session.process.end().unwrap(), Some(8), "{}", session.process.words());
    let reason = |events: &[serde_json::Value]| {
        let ended = events.iter().find(|event| event["event"] == "ended");
        ended.map(|event| event["reason"].as_str().unwrap().to_owned())
    };
    assert_eq!(reason(session.process.heard()).as_deref(), Some("recording_failed"));
    assert_eq!(agent.wait_for("ended").unwrap()["reason"], "recording_failed");
    drop(ticket);
}
