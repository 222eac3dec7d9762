//! What the user decides in the middle of a session: he takes back, gives, is asked about files,
//! stops, and talks. Everything is typed at the agent's terminal, and measured by what happens then.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::time::Instant;

use deskside_protocol::grant::{Grant, GrantSet};
use deskside_tests::agent::{Agent, Wish};
use deskside_tests::process::Process;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};

use crate::house::{Helped, House};

/// Bytes of a file that takes long enough to be disturbed, and after which it is.
const BIG: u64 = 48 * 1024 * 1024;
const MIDDLE: u64 = 8 * 1024 * 1024;

/// A session with an agent at whose terminal somebody sits.
fn attended(house: &House, allow: &str) -> Helped {
    let wish = Wish { typing: true, allow, ..Wish::default() };
    house.helped_by(house.agent_as("agent", &wish))
}

/// Types a line, waits for an event, and prints how long that took.
fn typed(agent: &mut Agent, line: &str, event: &str) -> Value {
    let began = Instant::now();
    agent.types(line).unwrap();
    let told = agent.wait_for(event).unwrap();
    measured(line, event, began);
    told
}

/// Waits until the action of this number is over. What runs under a grant ends before the user is
/// told that the grant is gone, so that either may be heard first.
fn over(agent: &mut Agent, number: &Value) {
    while &agent.wait_for("action_over").unwrap()["number"] != number {}
}

fn measured(line: &str, what: &str, began: Instant) {
    eprintln!("{line:?} to {what}: {:.1} ms", began.elapsed().as_secs_f64() * 1000.0);
}

/// A command that has a child and ends by itself in ten minutes. Both hold a pipe open: whoever reads
/// it comes to its end once both are gone.
struct Lasting {
    exec: Process,
    pipe: fs::File,
}

impl Lasting {
    fn begin(house: &House, session: &str) -> Self {
        let path = house.path("pipe");
        if !path.exists() {
            mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        }
        let script = "exec 3> \"$0\"; echo both >&3; sleep 600 & exec sleep 600";
        let path = path.to_str().unwrap();
        let words = ["exec", "--session", session, "--", "sh", "-c", script, path];
        let exec = house.alice.command(&words).unwrap();
        let exec = Process::start("deskside exec", &mut { exec }).unwrap();
        let mut pipe = fs::File::open(path).unwrap();
        let mut both = [0; 5];
        pipe.read_exact(&mut both).unwrap();
        assert_eq!(&both, b"both\n");
        Self { exec, pipe }
    }

    /// Waits until all of it has ended.
    fn gone(&mut self) {
        let mut rest = Vec::new();
        self.pipe.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"");
    }
}

#[test]
fn a_command_that_runs_ends_with_its_grant_children_and_all() {
    let house = House::new();
    let Helped { mut agent, session, .. } = attended(&house, "view,command");
    let mut lasting = Lasting::begin(&house, session.id());
    let action = agent.wait_for("action").unwrap();
    assert_eq!(action["grant"], "command");

    let began = Instant::now();
    agent.types("take back command").unwrap();
    lasting.gone();
    measured("take back command", "the end of both processes", began);
    over(&mut agent, &action["number"]);
    assert_eq!(lasting.exec.end().unwrap(), Some(3), "{:?}", lasting.exec.heard());

    // It is asked for again, in words, and the answer counts for this one only.
    let ask = |line: &str| {
        let words = ["exec", "--session", session.id(), "--", "echo", "hello"];
        let mut exec = house.alice.command(&words).unwrap();
        (Process::start("deskside exec", &mut exec).unwrap(), line.to_owned())
    };
    for (answer, code) in [("y", 0), ("n", 3), ("y", 0)] {
        let (mut exec, line) = ask(answer);
        let question = agent.wait_for("question").unwrap();
        assert_eq!((&question["what"], &question["once"]), (&json!("echo hello"), &json!(true)));
        agent.types(&line).unwrap();
        assert_eq!(exec.end().unwrap(), Some(code), "{:?}", exec.heard());
    }
    // What the user gives of his own accord needs no question.
    let given = typed(&mut agent, "give command", "grant");
    assert_eq!((&given["by"], &given["ends_in"]), (&json!("user"), &Value::Null));
    assert_eq!(session.exec(&["true"], b"").unwrap().code, Some(0));
    let given = typed(&mut agent, "give command 10", "grant");
    assert_eq!(given["ends_in"], 600);
    session.end("").unwrap();
    let heard =
        |name: &str| agent.process.heard().iter().filter(|event| event["event"] == name).count();
    assert_eq!((heard("question"), heard("revoked")), (3, 1));
}

#[test]
fn a_policy_that_becomes_narrower_ends_what_runs_and_both_are_told_why() {
    let house = House::new();
    let Helped { mut agent, mut session, .. } = attended(&house, "view,command");
    let mut lasting = Lasting::begin(&house, session.id());
    let began = Instant::now();
    house.relay.change_policy(|policy| policy.grants = Grant::View.into()).unwrap();
    lasting.gone();
    measured("policy set", "the end of both processes", began);
    assert_eq!(lasting.exec.end().unwrap(), Some(3), "{:?}", lasting.exec.heard());
    let said = lasting.exec.heard().last().unwrap().to_string();
    assert!(said.contains("policy changed"), "{said}");
    let told = agent.wait_for("policy").unwrap();
    assert!(told["forbidden"].to_string().contains("command"), "{told}");
    assert_eq!(agent.wait_for("revoked").unwrap()["grant"], "command");
    let told = session.process.wait_for("policy").unwrap();
    assert!(told["forbidden"].to_string().contains("command"), "{told}");

    // A wider policy gives nothing back: the user would not know. Nor is he asked, nor can he.
    house.relay.change_policy(|policy| policy.grants = GrantSet::all()).unwrap();
    agent.types("give command").unwrap();
    agent.wait_for("notice").unwrap();
    let refused = session.exec(&["true"], b"").unwrap();
    assert_eq!(refused.code, Some(3), "{refused}");
    assert!(agent.process.heard().iter().all(|event| event["event"] != "question"));
    session.end("").unwrap();
}

#[test]
fn a_transfer_ends_with_its_grant_in_both_directions() {
    let house = House::tapped(|_| ());
    let Helped { mut agent, session, .. } = attended(&house, "view,file");
    let (big, bytes) = house.noise("big.bin", BIG);
    let begun = |words: &[&str]| {
        let begin = house.tap().bulk();
        let copy = house.alice.copying(words).unwrap();
        house.tap().wait_for_bulk(begin + MIDDLE).unwrap();
        copy
    };

    let mut copy = begun(&[&big, "agent:"]);
    assert_eq!(typed(&mut agent, "take back file", "revoked")["grant"], "file");
    assert_eq!(copy.end().unwrap(), Some(3), "{:?}", copy.heard());
    assert!(!agent.file("big.bin").exists(), "it landed all the same");

    // Given again, it goes on where it was.
    typed(&mut agent, "give file", "grant");
    let again = house.copy(&["--resume", &big, "agent:"]);
    assert_eq!(again.code, Some(0), "{again}");
    assert!(fs::read(agent.file("big.bin")).unwrap() == bytes);

    let here = house.path("here.bin");
    let mut copy = begun(&["agent:big.bin", here.to_str().unwrap()]);
    let action = loop {
        let action = agent.wait_for("action").unwrap();
        if action["what"].as_str().unwrap().starts_with("send") {
            break action;
        }
    };
    let began = Instant::now();
    agent.types("take back file").unwrap();
    over(&mut agent, &action["number"]);
    measured("take back file", "the end of what is being sent", began);
    assert_eq!(copy.end().unwrap(), Some(3), "{:?}", copy.heard());
    assert!(!here.exists(), "it arrived all the same");
    session.end("").unwrap();
}

#[test]
fn stop_needs_no_relay() {
    let mut house = House::new();
    let Helped { mut agent, session, .. } = attended(&house, "view,command");
    let mut lasting = Lasting::begin(&house, session.id());
    house.relay.kill().unwrap();
    let began = Instant::now();
    agent.types("stop").unwrap();
    lasting.gone();
    measured("stop", "the end of both processes", began);
    for grant in ["view", "command"] {
        assert_eq!(agent.wait_for("revoked").unwrap()["grant"], grant);
    }
    measured("stop", "what the user is told", began);
    assert_eq!(agent.wait_for("ended").unwrap()["reason"], "user_ended");
    assert_eq!(agent.process.end().unwrap(), Some(0));
    assert!(!Path::new(&agent.folder().join("settings/agent/session")).exists());
}

#[test]
fn each_transfer_is_asked_about_by_name_until_all_are_allowed() {
    let house = House::new();
    let Helped { mut agent, session, .. } = attended(&house, "view");
    let (small, bytes) = house.noise("small.bin", 1234);
    let mut copied = |words: &[&str], answer: &str, code| {
        let mut copy = house.alice.copying(words).unwrap();
        let question = agent.wait_for("question").unwrap();
        agent.types(answer).unwrap();
        assert_eq!(copy.end().unwrap(), Some(code), "{:?}", copy.heard());
        question
    };
    let question = copied(&[&small, "agent:"], "n", 3);
    assert_eq!((&question["about"], &question["direction"]), (&json!("files"), &json!("received")));
    assert_eq!(question["files"], json!([{"name": "small.bin", "bytes": 1234}]));
    copied(&[&small, "agent:"], "y", 0);
    let here = house.path("here");
    fs::create_dir(&here).unwrap();
    let here = here.to_str().unwrap();
    let question = copied(&["agent:small.bin", here], "a", 0);
    assert_eq!((&question["direction"], &question["bytes"]), (&json!("sent"), &json!(1234)));
    // All of them now, either way.
    assert_eq!(house.copy(&[&small, "agent:again.bin"]).code, Some(0));
    assert!(fs::read(agent.file("again.bin")).unwrap() == bytes);
    session.end("").unwrap();
    let asked = agent.process.heard().iter().filter(|event| event["event"] == "question").count();
    assert_eq!(asked, 3);
}

#[test]
fn both_talk_and_the_ticket_holds_it_only_where_the_policy_says_so() {
    for in_note in [false, true] {
        let house = House::new();
        house.relay.change_policy(|policy| policy.note.chat = in_note).unwrap();
        let Helped { mut agent, mut session, ticket } = attended(&house, "view");
        agent.types("Is anybody there?").unwrap();
        assert_eq!(agent.wait_for("said").unwrap()["by"], "user");
        let said = session.process.wait_for("said").unwrap();
        let expected = json!({"event": "said", "by": "user", "text": "Is anybody there?"});
        assert_eq!(said, expected);
        let words = ["chat", "Yes,", "I", "am."];
        assert_eq!(house.alice.run(&words).unwrap().done().unwrap()["text"], "Yes, I am.");
        let heard = agent.wait_for("said").unwrap();
        assert_eq!((&heard["by"], &heard["text"]), (&json!("technician"), &json!("Yes, I am.")));
        let empty = house.alice.run(&["chat", " "]).unwrap();
        assert_eq!(empty.code, Some(2), "{empty}");
        session.end("").unwrap();
        let shown = house.alice.shown(&ticket).unwrap().to_string();
        assert!(shown.contains("Messages: 2"), "{shown}");
        assert_eq!(shown.contains("Is anybody there?"), in_note, "{shown}");
    }
}
