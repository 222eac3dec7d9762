//! A hostile agent: it has a code to read out, and a program of its own behind it.

mod apart;

use std::fs;

use deskside_protocol::grant::GrantSet;
use deskside_protocol::transcript::sha256;
use deskside_protocol::wire::message::refusal::Cause;
use deskside_protocol::wire::message::{
    Chunk, CommandExit, CommandOutput, Device, FileEnd, FileEntry, FileReady, FileSkipped,
    FilesSent, Lease, Refusal, Screenshot, command_exit, message::Kind,
};
use deskside_tests::hostile::{Agent, Asked};
use deskside_tests::light::Access;
use deskside_tests::process::{Process, Ran, command, run};
use deskside_tests::programs::programs;
use deskside_tests::technician::{Session, Technician};

use super::{assert_told, told};
use crate::house::House;

/// Moves a cursor, colours, sets a title, turns the line: each in a way that some terminal knows.
const DRIVING: &str =
    "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}gpj.exe\u{2066}\r\u{8}\u{85}\u{2028}";

/// No character of it gets to a person's terminal.
#[track_caller]
fn assert_tame(text: &str) {
    let wild = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
    };
    assert!(!text.contains(wild), "{text:?}");
}

/// A hostile agent at a house's relay, and the honest `connect` that believes it to be a user's.
struct Met {
    house: House,
    agent: Agent,
    connect: Process,
}

impl Met {
    fn new() -> Self {
        Self::at(House::new())
    }

    fn at(house: House) -> Self {
        let ticket = house.alice.ticket("Hostile").unwrap();
        let access = Access::read(house.alice.home(), ticket.clone()).unwrap();
        let mut agent = Agent::opens(&access).unwrap();
        let connect = house.alice.connecting(&agent.code().unwrap(), &ticket).unwrap();
        agent.meets().unwrap();
        Self { house, agent, connect }
    }

    /// With everything allowed by a computer that calls itself this.
    fn allowed(device: &str) -> (House, Agent, Session) {
        Self::new().allowed_by(device)
    }

    fn allowed_by(self, device: &str) -> (House, Agent, Session) {
        let Self { house, mut agent, connect } = self;
        let [hostname, system, user] = [device; 3].map(str::to_owned);
        agent.allows(Device { hostname, system, user, monitors: 1 }).unwrap();
        let session = house.alice.held(connect).unwrap();
        (house, agent, session)
    }
}

/// A command of the technician's as a person types it, while `answer` is the agent's side of it.
fn person(
    house: &House,
    agent: &mut Agent,
    words: &[&str],
    answer: impl AsyncFnOnce(&mut Asked, Option<Kind>) -> anyhow::Result<()>,
) -> Ran {
    std::thread::scope(|scope| {
        let alice = &house.alice;
        let typed = scope.spawn(|| plain(alice, words));
        // What the program does not want to hear any more it does not hear.
        drop(agent.answers(answer));
        typed.join().unwrap()
    })
}

/// `deskside` without `--json`.
fn plain(alice: &Technician, words: &[&str]) -> Ran {
    let mut command = command(&programs().unwrap().client);
    command.env("HOME", alice.home()).env("DESKSIDE_HOME", alice.home()).args(words);
    run("deskside", &mut command, None).unwrap()
}

fn refusal(text: &str) -> Refusal {
    Refusal { cause: Cause::Trouble.into(), grant: 0, text: text.to_owned() }
}

#[test]
fn names_that_drive_a_terminal() {
    let (house, mut agent, session) = Met::allowed(DRIVING);
    let info = plain(&house.alice, &["info"]);
    assert_eq!(info.code, Some(0), "{info}");
    assert!(String::from_utf8_lossy(&info.stdout).contains("gpj.exe"));
    assert_tame(&String::from_utf8_lossy(&info.stdout));

    let ran = person(&house, &mut agent, &["exec", "--", "true"], async |asked, _| {
        asked.says(Kind::Refusal(refusal(DRIVING))).await?;
        asked.finishes().await
    });
    assert!(ran.stderr.contains("gpj.exe"), "{ran}");
    assert_tame(&ran.stderr);

    // A file's name, and the reason for another that does not come.
    let folder = house.path("here");
    fs::create_dir(&folder).unwrap();
    let words = ["cp", "-r", "agent:x", folder.to_str().unwrap()];
    let ran = person(&house, &mut agent, &words, async |asked, _| {
        asked
            .says(Kind::FileReady(FileReady { files: 2, bytes: 2, ..FileReady::default() }))
            .await?;
        let skipped =
            FileSkipped { path: vec!["x\u{202e}gpj.exe".to_owned()], why: Some(refusal(DRIVING)) };
        asked.says(Kind::FileSkipped(skipped)).await?;
        asked.says(Kind::FilesSent(FilesSent {})).await?;
        asked.finishes().await
    });
    assert_ne!(ran.code, Some(0), "{ran}");
    assert!(ran.stderr.contains("gpj.exe"), "{ran}");
    assert_tame(&ran.stderr);
    assert_tame(&String::from_utf8_lossy(&ran.stdout));

    // What a command prints is the one thing that is passed on as it is.
    let ran = person(&house, &mut agent, &["exec", "--", "cat"], async |asked, _| {
        let data = DRIVING.into();
        asked.says(Kind::CommandOutput(CommandOutput { stderr: false, data })).await?;
        let how = Some(command_exit::How::Code(0));
        asked.says(Kind::CommandExit(CommandExit { how })).await?;
        asked.finishes().await
    });
    assert_eq!((ran.code, ran.stdout.as_slice()), (Some(0), DRIVING.as_bytes()));

    // Nor does the note, which others read.
    let ticket = session.opened()["ticket"].to_string();
    session.end("").unwrap();
    let shown = plain(&house.alice, &["ticket", "show", &ticket]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("gpj.exe"), "{shown}");
    assert_tame(&String::from_utf8_lossy(&shown.stdout));
}

#[test]
fn json_that_drives_a_terminal() {
    // A script reads the same text; whoever only looks at it sees it written out.
    let (house, _agent, mut session) = Met::allowed(DRIVING);
    assert_eq!(session.opened()["device"]["hostname"], DRIVING);
    let info = house.alice.run(&["info"]).unwrap();
    assert_eq!(info.done().unwrap()["device"]["hostname"], DRIVING);
    assert_tame(&String::from_utf8_lossy(&info.stdout));
    session.process.signal(rustix::process::Signal::TERM).unwrap();
    session.process.end().unwrap();
}

#[test]
fn a_message_that_is_too_long() {
    let Met { house: _house, mut agent, mut connect } = Met::new();
    let hostname = "x".repeat(700_000);
    let device = Some(Device { hostname, ..Device::default() });
    agent
        .says(Kind::Lease(Lease { grants: GrantSet::all().to_wire(), device, terms: Vec::new() }))
        .unwrap();
    assert!(agent.closed().unwrap().contains("closed by peer"));
    assert_told(&mut connect, 8, "broke the protocol");
    assert!(!told(&connect, "session"));
}

#[test]
fn streams_without_an_end() {
    let (house, mut agent, session) = Met::allowed("pc");
    let file = house.path("screen.png");
    let shoot = ["screenshot", "-o", file.to_str().unwrap()];
    // A picture that is larger than it said, one that says more than anybody takes, and one that
    // comes to nothing.
    let ran = person(&house, &mut agent, &shoot, async |asked, _| {
        asked.says(Kind::Screenshot(Screenshot { width: 10, height: 10, bytes: 1000 })).await?;
        loop {
            asked.says(Kind::Chunk(Chunk { data: vec![7; 60_000].into() })).await?;
        }
    });
    assert_eq!(ran.code, Some(1), "{ran}");
    let ran = person(&house, &mut agent, &shoot, async |asked, _| {
        asked.says(Kind::Screenshot(Screenshot { width: 10, height: 10, bytes: 1 << 40 })).await?;
        asked.finishes().await
    });
    assert!(ran.stderr.contains("over the limit"), "{ran}");
    let ran = person(&house, &mut agent, &shoot, async |asked, _| {
        asked.says(Kind::Screenshot(Screenshot { width: 10, height: 10, bytes: 9 })).await?;
        asked.says(Kind::Chunk(Chunk { data: vec![7; 9].into() })).await?;
        asked.finishes().await
    });
    assert!(ran.stderr.contains("cannot be read"), "{ran}");
    assert!(!file.exists());

    // A command that is over long ago, says the technician's own clock.
    let ran =
        person(&house, &mut agent, &["exec", "--timeout", "1", "--", "true"], async |asked, _| {
            loop {
                let data = vec![b'.'; 1000].into();
                asked.says(Kind::CommandOutput(CommandOutput { stderr: false, data })).await?;
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        });
    assert_eq!(ran.code, Some(124), "{ran}");
    session.end("").unwrap();
}

#[test]
fn files_that_are_not_what_was_said() {
    let (house, mut agent, session) = Met::allowed("pc");
    let folder = house.path("here");
    fs::create_dir(&folder).unwrap();
    let copy = ["cp", "-r", "agent:x", folder.to_str().unwrap()];
    let entry = |path: &[&str], size| {
        let path = path.iter().map(|name| (*name).to_owned()).collect();
        Kind::FileEntry(FileEntry { path, size, ..FileEntry::default() })
    };
    let wrong = || {
        let (blake3, sha256) = (vec![1; 32].into(), vec![2; 32].into());
        Kind::FileEnd(FileEnd { blake3, sha256, failed: None })
    };
    // Hashes of something else.
    let ran = person(&house, &mut agent, &copy, async |asked, _| {
        asked
            .says(Kind::FileReady(FileReady { files: 1, bytes: 3, ..FileReady::default() }))
            .await?;
        asked.says(entry(&["x"], 3)).await?;
        asked.body("abc".into()).await?;
        asked.body(bytes::Bytes::new()).await?;
        asked.says(wrong()).await?;
        asked.says(Kind::FilesSent(FilesSent {})).await?;
        asked.finishes().await
    });
    assert_eq!(ran.code, Some(1), "{ran}");
    assert!(ran.stderr.contains("did not arrive as it was read"), "{ran}");
    // More than was announced, without an end.
    let ran = person(&house, &mut agent, &copy, async |asked, _| {
        asked
            .says(Kind::FileReady(FileReady { files: 1, bytes: 3, ..FileReady::default() }))
            .await?;
        asked.says(entry(&["x"], 3)).await?;
        loop {
            asked.body(vec![0; 60_000].into()).await?;
        }
    });
    assert!(ran.stderr.contains("more bytes than it had announced"), "{ran}");
    // Names that lead out of the folder.
    let absolute = house.path("absolute");
    for path in [
        &["..", "up"][..],
        &["../up"],
        &[absolute.to_str().unwrap()],
        &["x", "..", "..", "up"],
        &["..\\up"],
        &["C:up"],
        &["NUL"],
        &[".x.deskside-part"],
        &[""],
        &[],
    ] {
        let ran = person(&house, &mut agent, &copy, async |asked, _| {
            asked
                .says(Kind::FileReady(FileReady { files: 1, bytes: 3, ..FileReady::default() }))
                .await?;
            asked.says(entry(path, 3)).await?;
            asked.body("abc".into()).await?;
            asked.body(bytes::Bytes::new()).await?;
            let (blake3, sha256) =
                (blake3::hash(b"abc").as_bytes().to_vec().into(), sha256(b"abc").to_vec().into());
            asked.says(Kind::FileEnd(FileEnd { blake3, sha256, failed: None })).await?;
            asked.says(Kind::FilesSent(FilesSent {})).await?;
            asked.finishes().await
        });
        assert!(ran.stderr.contains("broke the protocol"), "{path:?}: {ran}");
    }
    assert!(!absolute.exists() && !house.path("up").exists());
    let left: Vec<_> = fs::read_dir(&folder).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name == ".x.deskside-part"), "{left:?}");
    session.end("").unwrap();
}

#[test]
fn another_agent_after_a_restart() {
    let (house, mut agent, mut session) = Met::allowed("pc");
    // The same session by its own key, another line, and another key on it: somebody who has the
    // leg's side of an agent and not its line's.
    let impostor = agent.comes_back_as_another().unwrap();
    assert_eq!(session.process.wait_for("line").unwrap()["line"], 1);
    assert!(!impostor, "the technician's program talked to another agent");
    let info = house.alice.run(&["info"]).unwrap();
    assert_eq!(info.code, Some(0), "{info}");
    session.process.signal(rustix::process::Signal::KILL).unwrap();
}
