//! What scripts and people read of a session.

use super::*;
use crate::note::Record;
use crate::output::tests::Buffer;
use deskside_protocol::grant::{Grant, GrantSet};
use deskside_protocol::wire::message::Device;

fn told(json: bool, tell: impl FnOnce(&mut Telling<'_>)) -> String {
    let buffer = Buffer::default();
    let mut output = buffer.output(json);
    let about = About { session: "00".into(), ticket: "7".into(), ..About::default() };
    let tally = Tally::new(Record::default());
    let grace = Duration::from_secs(300);
    tell(&mut Telling::new(about, tally, grace, &mut output, false));
    buffer.text()
}

fn events(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn an_interruption_is_told_to_scripts_and_noted() {
    let text = told(true, |telling| {
        telling.away(Away::Agent).unwrap();
        telling.away(Away::Agent).unwrap();
        let info = telling.info();
        assert!(!info.connected && info.away_since.is_some());
        telling.back(Away::Relay).unwrap();
        telling.back(Away::Agent).unwrap();
        telling.back(Away::Agent).unwrap();
        assert!(telling.info().connected && telling.info().away_since.is_none());
        assert_eq!(telling.tally.record().gaps, 1);
        telling.unrecorded().unwrap();
        assert!(!telling.info().recorded && telling.tally.record().unrecorded);
    });
    let expected = [
        json!({"event": "gap", "cause": "agent"}),
        json!({"event": "back", "seconds": 0.0}),
        json!({"event": "unrecorded"}),
    ];
    assert_eq!(events(&text), expected);
}

#[tokio::test(start_paused = true)]
async fn people_read_sentences_without_a_countdown_in_a_pipe() {
    let text = told(false, |telling| {
        telling.away(Away::Relay).unwrap();
        telling.tick();
        telling.back(Away::Relay).unwrap();
        telling.another_line(1).unwrap();
    });
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with("The connection to the relay is interrupted since "));
    assert!(lines[0].ends_with(" UTC. Trying again. The session ends in 5:00."), "{text}");
    let rest = ["Connected again after 0.0 s.", "The relay was restarted; the session goes on."];
    assert_eq!(lines[1..], rest);
    assert_eq!(
        sentence(Away::Agent, 1_795_326_600),
        "The user's computer cannot be reached since 05:50:00 UTC. Waiting for it."
    );
    assert_eq!(ends_in(Duration::ZERO), "The session ends now.");
}

#[tokio::test]
async fn the_session_is_told_once_and_the_same_lease_of_another_line_not_again() {
    let grants = GrantSet::from(Grant::View).to_wire();
    let device = Some(Device { hostname: "pc".into(), ..Device::default() });
    let text = told(true, |telling| {
        telling
            .lease(&Lease { grants: grants.clone(), device: device.clone(), ..Lease::default() })
            .unwrap();
        telling.another_line(1).unwrap();
        assert_eq!(telling.tally.record().restarts.agent, 1);
        telling.lease(&Lease { grants, device, ..Lease::default() }).unwrap();
        telling.lease(&Lease::default()).unwrap();
    });
    let words: Vec<_> =
        events(&text).iter().map(|event| event["event"].as_str().unwrap().to_owned()).collect();
    assert_eq!(words, ["session", "grants", "line", "grants"]);
}
