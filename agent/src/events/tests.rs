//! What scripts rely on, and what people read.

use serde_json::{Value, json};

use super::*;
use crate::consent::{Listing, Standing};

fn visitor() -> Visitor {
    Visitor {
        organisation: "Example IT".to_owned(),
        standing: Standing::Known,
        name: "Alice Ng".to_owned(),
        login: "alice".to_owned(),
        ticket: "17".to_owned(),
        subject: "Printer".to_owned(),
    }
}

/// The twelve digits with a fitting check digit.
fn code() -> Code {
    (0..10).find_map(|digit| Code::parse(&format!("48219302756{digit}")).ok()).unwrap()
}

#[test]
fn scripts_get_the_lines_of_cli_md() {
    let code = code();
    let line = lines(&Event::Code { code: &code, expires_in: 600 });
    let digits = std::str::from_utf8(code.digits()).unwrap();
    let object: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(object, json!({"event": "code", "code": digits, "expires_in": 600}));

    let line = lines(&Event::Paired { visitor: &visitor(), session: None, recorded: true });
    let object: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(object["event"], "paired");
    assert_eq!(object["technician"], "Alice Ng");
    assert_eq!(object["verified"], true);

    let line = lines(&Event::Ended { reason: Reason::TechnicianEnded });
    assert_eq!(line, "{\"event\":\"ended\",\"reason\":\"technician_ended\"}\n");
}

#[test]
fn each_grant_has_a_line_of_its_own() {
    let grants = GrantSet::parse("view,command").unwrap();
    let text = lines(&Event::Granted { grants, lease: grants, by: By::Beforehand, ends_in: None });
    let words: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["grant"].clone())
        .collect();
    assert_eq!(words, ["view", "command"]);
}

#[test]
fn people_read_the_code_in_groups_and_the_action_in_words() {
    let code = code();
    let text = words(&Event::Code { code: &code, expires_in: 600 });
    assert!(text.contains("Read these digits to your technician"));
    assert!(text.contains(code.grouped().as_str()));
    assert!(text.contains("10 minutes"));
    let event = Event::Action {
        number: 1,
        technician: "Alice Ng",
        grant: Grant::Command,
        what: "ip route",
    };
    assert_eq!(words(&event), "  Alice Ng runs: ip route\n");
}

#[test]
fn peer_text_cannot_move_the_cursor() {
    let event = Event::PairingFailed { reason: "\x1b[2J", wrong_code: false };
    assert!(!words(&event).contains('\x1b'));
    let mut visitor = visitor();
    visitor.name = "\x1b]0;x\x07".to_owned();
    assert!(
        !words(&Event::Paired { visitor: &visitor, session: None, recorded: true })
            .contains('\x1b')
    );
}

#[test]
fn a_gap_is_told_calmly_and_for_scripts() {
    let gap = |cause| Event::Gap { cause, technician: "Alice Ng", grace: Duration::from_secs(300) };
    assert_eq!(
        words(&gap(Gone::Relay)),
        "  The connection to the help desk is interrupted. Nothing is lost; it goes on by itself, \
         or ends in 5 minutes.\n"
    );
    assert!(words(&gap(Gone::Technician)).starts_with("  Alice Ng is not connected"));
    let objects = [gap(Gone::Relay), gap(Gone::Technician)].map(|event| lines(&event));
    assert_eq!(objects[0], "{\"cause\":\"relay\",\"event\":\"gap\",\"grace_seconds\":300}\n");
    assert!(objects[1].contains("\"cause\":\"technician\""));

    let back = Event::Back { after: Duration::from_micros(2_345_600) };
    assert_eq!(words(&back), "  The connection is back after 2 seconds.\n");
    assert_eq!(lines(&back), "{\"event\":\"back\",\"seconds\":2.346}\n");
}

#[test]
fn a_resumed_session_names_who_is_here() {
    let visitor = visitor();
    let event = Event::Resumed {
        visitor: &visitor,
        session: "00ff",
        recorded: true,
        lease: GrantSet::NONE,
    };
    assert!(words(&event).contains("Going on with the session of Alice Ng (ticket 17)."));
    let object: Value = serde_json::from_str(&lines(&event)).unwrap();
    assert_eq!((&object["event"], &object["session"]), (&json!("resumed"), &json!("00ff")));
}

#[test]
fn a_file_is_told_with_its_size_and_hash() {
    let file = |name, bytes| Event::File {
        direction: Direction::Received,
        name,
        bytes,
        sha256: &[0xab; 32],
        named: true,
    };
    assert_eq!(words(&file("photo.png", 3_145_728)), "  Received photo.png (3.1 MB).\n");
    assert!(!words(&file("a\x1b[2J", 1)).contains('\x1b'));
    let object: Value = serde_json::from_str(&lines(&file("photo.png", 3_145_728))).unwrap();
    let hash = "ab".repeat(32);
    let expected = json!({
        "event": "file", "direction": "received", "name": "photo.png", "bytes": 3_145_728,
        "sha256": hash,
    });
    assert_eq!(object, expected);
}

#[test]
fn many_files_are_a_sum_for_people_and_a_failure_has_its_reason() {
    let one_of_many = Event::File {
        direction: Direction::Sent,
        name: "a",
        bytes: 1,
        sha256: &[0; 32],
        named: false,
    };
    assert_eq!(words(&one_of_many), "");
    assert!(lines(&one_of_many).contains("\"name\":\"a\""));
    let sum = Event::Files { direction: Direction::Sent, files: 120, bytes: 40_000_000 };
    assert_eq!(words(&sum), "  Sent 120 files (40 MB).\n");
    let why = "needs 1.2 GB, and 300 MB are free";
    let failed = Event::FileFailed { direction: Direction::Received, name: "big.iso", why };
    assert_eq!(words(&failed), "  Not received: big.iso: needs 1.2 GB, and 300 MB are free.\n");
    assert!(lines(&failed).contains("\"event\":\"file_failed\""));
}

#[test]
fn an_action_has_a_number_and_its_end_has_the_same() {
    let event =
        Event::Action { number: 7, technician: "A", grant: Grant::Command, what: "ip route" };
    let object: Value = serde_json::from_str(&lines(&event)).unwrap();
    assert_eq!(
        object,
        json!({"event": "action", "number": 7, "technician": "A", "grant": "command", "what": "ip route"})
    );
    let over = Event::ActionOver { number: 7 };
    assert_eq!(lines(&over), "{\"event\":\"action_over\",\"number\":7}\n");
    assert_eq!(words(&over), "");
}

#[test]
fn what_is_said_names_the_speaker() {
    let said = |by| Event::Said { by, text: "Is the lamp on?" };
    let technician = said(Speaker::Technician("Alice\x1b Ng"));
    assert_eq!(words(&technician), "  Alice\u{FFFD} Ng: Is the lamp on?\n");
    assert_eq!(words(&said(Speaker::User)), "  You: Is the lamp on?\n");
    let object: Value = serde_json::from_str(&lines(&technician)).unwrap();
    assert_eq!(object, json!({"event": "said", "by": "technician", "text": "Is the lamp on?"}));
}

#[test]
fn a_grant_with_an_end_says_when() {
    let grants = Grant::View.into();
    let ends_in = Some(Duration::from_secs(600));
    let event = Event::Granted { grants, lease: grants, by: By::User, ends_in };
    assert!(words(&event).contains("taken back by itself after 10 minutes"));
    assert!(lines(&event).contains("\"ends_in\":600"));
}

#[test]
fn scripts_hear_what_is_asked() {
    let visitor = visitor();
    let question = Question::Files {
        visitor: &visitor,
        files: &Listing {
            direction: Direction::Received,
            folder: "/home/bob/Downloads".to_owned(),
            named: vec![("a.txt".to_owned(), 5)],
            more: 2,
            bytes: 9,
        },
    };
    let event = Event::Question { question: &question };
    assert_eq!(words(&event), "");
    let object: Value = serde_json::from_str(&lines(&event)).unwrap();
    let expected = json!({
        "event": "question", "about": "files", "grants": ["file"], "direction": "received",
        "folder": "/home/bob/Downloads", "files": [{"name": "a.txt", "bytes": 5}], "more": 2,
        "bytes": 9,
    });
    assert_eq!(object, expected);
    let question =
        Question::More { visitor: &visitor, grant: Grant::Command, what: "ip route", once: true };
    let object: Value =
        serde_json::from_str(&lines(&Event::Question { question: &question })).unwrap();
    assert_eq!((&object["grants"], &object["once"]), (&json!(["command"]), &json!(true)));
}
