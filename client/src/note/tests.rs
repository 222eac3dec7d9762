//! What a note says, and what it never does.

use super::*;
use deskside_protocol::grant::{Grant, GrantSet};

fn record() -> Record {
    let argv = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let mut record = Record {
        session: "00112233445566778899aabbccddeeff".into(),
        technician: "Alice Ng".into(),
        login: "alice".into(),
        organisation: "Example".into(),
        user: "bob".into(),
        hostname: "pc-7".into(),
        system: "Debian 12".into(),
        started: 1_795_326_600,
        ended: 1_795_326_720,
        reason: Reason::TechnicianEnded,
        screenshots: 1,
        work_note: Some("Cleared the queue.\nPrinted a test page.".into()),
        recording_hash: vec![0xab; 32],
        ..Record::default()
    };
    record.changed(Change { time: 1_795_326_600, granted: true, grants: GrantSet::all() });
    record.changed(Change { time: 1_795_326_660, granted: false, grants: Grant::Control.into() });
    let place = record.ran(1_795_326_660, argv(&["/usr/bin/mysql", "--password=secret"]));
    record.ended(place, Outcome::Code(3));
    record.ran(1_795_326_660, argv(&["lpq"]));
    let sha256 = vec![0xcd; 32];
    record.copied(File {
        time: 1_795_326_660,
        way: Way::Sent,
        name: "private/report.pdf".into(),
        bytes: 1_258_291,
        sha256,
    });
    record.interrupted(3, false);
    record.interrupted(9, false);
    record.interrupted(14, true);
    record.restarts.agent = 1;
    record
}

#[test]
fn the_log_stands_in_the_note() {
    let text = |log| compose(&Record { log, ..record() }, NoteContents::default());
    assert!(!text(LogAtEnd::Unknown).contains("og of the relay"));
    let at = text(LogAtEnd::At(42, [0xcd; 32]));
    assert!(at.ends_with(&format!("\nLog of the relay: 42 entries, root {}", "cd".repeat(32))));
    assert!(text(LogAtEnd::Broken).ends_with("does not go on from what was seen of it before!"));
}

#[test]
fn a_note_reads_like_this() {
    assert_eq!(
        compose(&record(), NoteContents::default()),
        format!(
            "Remote help: session 00112233445566778899aabbccddeeff\n\
             Technician: Alice Ng (alice), Example\n\
             Helped: bob at pc-7 (Debian 12)\n\
             From 2026-11-22 05:50 to 2026-11-22 05:52 UTC (2 min), ended by the technician\n\
             \n\
             Cleared the queue.\n\
             Printed a test page.\n\
             \n\
             2026-11-22 05:50 allowed: view, control, command, shell, file, clipboard, reboot\n\
             2026-11-22 05:51 no longer allowed: control\n\
             Commands: 2\n\
             - 2026-11-22 05:51 mysql [arguments not shown]: exit code 3\n\
             - 2026-11-22 05:51 lpq: end not known\n\
             Screenshots: 1\n\
             Files: 1\n\
             - 2026-11-22 05:51 sent [name not shown]: 1.1 MiB, SHA-256 {}\n\
             Interrupted 2 times, for 14 s at the longest\n\
             The user's program was restarted once\n\
             Recording 00112233445566778899aabbccddeeff, final hash {}",
            "cd".repeat(32),
            "ab".repeat(32)
        )
    );
}

#[test]
fn arguments_are_told_only_where_the_policy_says_so() {
    let closed = compose(&record(), NoteContents::default());
    assert!(!closed.contains("secret"));
    let open = compose(&record(), NoteContents { arguments: true, ..NoteContents::default() });
    assert!(open.contains("- 2026-11-22 05:51 /usr/bin/mysql --password=secret: exit code 3\n"));
}

#[test]
fn names_of_files_are_told_only_where_the_policy_says_so() {
    assert!(!compose(&record(), NoteContents::default()).contains("report"));
    let open = compose(&record(), NoteContents { file_names: true, ..NoteContents::default() });
    assert!(open.contains("- 2026-11-22 05:51 sent private/report.pdf: 1.1 MiB, SHA-256 cdcd"));
}

#[test]
fn a_record_comes_back_from_its_file_and_is_bounded() {
    let mut record = record();
    let text = serde_json::to_string(&record).unwrap();
    let back: Record = serde_json::from_str(&text).unwrap();
    // How it ended is the relay's to say, whenever that is.
    record.reason = Reason::Unspecified;
    record.recording_hash.clear();
    assert_eq!(back, record);
    assert_eq!(serde_json::from_str::<Record>("{}").unwrap(), Record::default());

    let long = "\u{20ac}".repeat(1000);
    record.ran(0, vec![long.clone(), long.clone(), long.clone()]);
    let argv = &record.commands.last().unwrap().argv;
    assert_eq!(argv.len(), 2, "one more word, so that arguments are known to have been there");
    assert!(argv.iter().map(String::len).sum::<usize>() <= 320);
    let (time, way, bytes, sha256) = (0, Way::Received, 0, Vec::new());
    for _ in 0..2 * MAX_FILES {
        let name = long.clone();
        record.copied(File { time, way, name, bytes, sha256: sha256.clone() });
    }
    assert_eq!(record.files.len(), MAX_FILES);
    assert!(record.files.last().unwrap().name.len() <= 320);
}

#[test]
fn a_peer_cannot_write_lines_of_its_own() {
    let record = Record { hostname: "pc\nCommands: 0\u{1b}[2J\u{202e}".into(), ..record() };
    let note = compose(&record, NoteContents::default());
    assert!(note.contains("pc\u{fffd}Commands: 0\u{fffd}[2J\u{fffd}"), "{note}");
}

#[test]
fn whatever_happened_fits_and_the_hash_is_always_there() {
    let mut record = record();
    record.work_note = Some("\u{20ac}".repeat(MAX_NOTE));
    record.hostname = "h".repeat(MAX_NOTE);
    for number in 0..2 * MAX_COMMANDS {
        let place = record.ran(0, vec![format!("{number}-{}", "x".repeat(900))]);
        record.ended(place, Outcome::Signal(9));
    }
    assert_eq!(record.commands.len(), MAX_COMMANDS);
    let note = compose(
        &record,
        NoteContents { arguments: true, file_names: true, chat: true, pictures: true },
    );
    assert!(note.len() <= MAX_NOTE, "{}", note.len());
    assert!(note.contains("more are in the recording only"));
    assert!(note.ends_with(&"ab".repeat(32)));
}

#[test]
fn without_a_recording_it_says_so() {
    let record = Record { recording_hash: Vec::new(), ..record() };
    assert!(compose(&record, NoteContents::default()).ends_with("Not recorded."));
    let record = Record { recorded: true, ..record };
    assert!(compose(&record, NoteContents::default()).ends_with("hash is not known here."));
}

#[test]
fn what_was_said_is_in_the_note_only_where_the_policy_says_so() {
    let mut record = record();
    record.said(1_795_326_660, Voice::User, "My password is\nhunter2".to_owned());
    record.said(1_795_326_660, Voice::Technician, "Thank you".to_owned());
    let closed = compose(&record, NoteContents::default());
    assert!(closed.contains("Messages: 2\n") && !closed.contains("hunter2"), "{closed}");
    let open = compose(&record, NoteContents { chat: true, ..NoteContents::default() });
    assert!(open.contains("- 2026-11-22 05:51 technician: Thank you\n"), "{open}");
    assert!(open.contains("user: My password is\u{FFFD}hunter2\n"), "{open}");
    for _ in 0..2 * MAX_LINES {
        record.said(0, Voice::User, "x".repeat(10_000));
    }
    assert_eq!((record.chat.len(), record.chat_left_out), (MAX_LINES, MAX_LINES + 2));
    assert!(
        compose(&record, NoteContents { chat: true, ..NoteContents::default() }).len() <= MAX_NOTE
    );
}
