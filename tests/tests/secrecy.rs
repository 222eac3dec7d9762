//! What the relay must never hold, looked for where it would be: in its memory and its folder.

use std::fs;
use std::path::Path;

use deskside_protocol::recording::verify::whole;
use deskside_protocol::seal::LineSecrets;
use deskside_tests::memory::{self, Found, Needle};
use deskside_tests::process::{command, run};

use crate::house::{Helped, House};

/// Printed by a command; never typed in this form, so that only its output can hold it.
const PRINTED: &str = "marker-printed-by-a-command-7c1e02";
/// Typed into a command's standard input.
const TYPED: &str = "marker-typed-into-a-command-91b3d4";

fn relay_holds(house: &House, needles: &[Needle]) -> (Found, Found) {
    let memory = house.relay.process.memory(needles).unwrap();
    let folder = memory::folder(house.relay.data(), needles).unwrap();
    assert!(memory.searched > 1_000_000, "only {} bytes of memory", memory.searched);
    (memory, folder)
}

fn assert_blind(house: &House, needles: &[Needle], when: &str) {
    let (memory, folder) = relay_holds(house, needles);
    assert_eq!((memory.hits, folder.hits), (vec![], vec![]), "{when}");
}

#[test]
fn the_relay_knows_neither_what_was_printed_nor_what_was_typed() {
    let house = House::new();
    let mut agent = house.agent("agent");
    let ticket = house.alice.ticket("Secrecy").unwrap();
    let code = agent.code().unwrap();
    let session = house.alice.connect(&code, &ticket).unwrap();
    let printing = "i=0; while [ $i -lt 2000 ]; do echo marker-printed-by-a-command-$0; \
                    i=$((i+1)); done; cat";
    let typed = format!("{TYPED}\n").repeat(2000);
    let said = session.exec(&["sh", "-c", printing, "7c1e02"], typed.as_bytes()).unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(said.contains(PRINTED) && said.contains(TYPED));

    let mut needles = vec![Needle::new("printed", PRINTED), Needle::new("typed", TYPED)];
    // A search that cannot find what is there finds nothing anywhere.
    let agents = agent.process.memory(&needles).unwrap();
    assert!(agents.has("printed") && agents.has("typed"), "the agent: {agents:?}");
    // And the relay's own memory can be searched: it holds its address, and what it was asked for.
    let known = Needle::new("known", "ORGANISATION-KEY-IS-HERE");
    let subject = house.alice.ticket("a subject that the relay may well read").unwrap();
    let known = Needle { bytes: b"a subject that the relay may well read".to_vec(), ..known };
    let (_, folder) = relay_holds(&house, &[known]);
    assert!(folder.has("known"), "ticket {subject} is in the relay's database");

    needles.push(Needle::new("code", code.as_bytes()));
    needles.push(identity(&house));
    assert_blind(&house, &needles, "before the end");
    let id = session.id().to_owned();
    session.end("").unwrap();
    assert_blind(&house, &needles, "after the end");

    needles.extend(line_secrets(&house, &id));
    assert_eq!(needles.len(), 4 + 8);
    assert_blind(&house, &needles, "after the end, with the opened seals");
}

/// The auditor's key: the text behind its prefix, which alone would be found in any program.
fn identity(house: &House) -> Needle {
    let text = fs::read_to_string(house.alice.identity()).unwrap();
    let key = text.lines().find(|line| line.starts_with("AGE-SECRET-KEY-1")).unwrap();
    Needle::new("the auditor's key", key.as_bytes())
}

/// The four secrets of the line, as bytes and as text, from both seals, which `age` itself opens:
/// an auditor needs nothing of ours for that.
fn line_secrets(house: &House, session: &str) -> Vec<Needle> {
    let report = whole(&fs::read(house.fetched(session)).unwrap(), None);
    assert_eq!(report.seals.len(), 2);
    let session = report.facts.unwrap().session();
    let opened = report.seals.iter().map(|seal| {
        let text = decrypted(&house.alice.identity(), &house.path("seal.age"), &seal.age);
        LineSecrets::from_key_log(&text, session, seal.line, seal.end).unwrap()
    });
    let opened: Vec<_> = opened.collect();
    assert!(opened[0] == opened[1], "both ends sealed the same secrets");
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let both = |secret: &[u8]| {
        [
            Needle::new("a line's secret", secret),
            Needle::new("a line's secret as text", hex(secret)),
        ]
    };
    opened[0].secrets.iter().flat_map(|secret| both(secret)).collect()
}

pub(crate) fn decrypted(identity: &Path, file: &Path, sealed: &[u8]) -> String {
    fs::write(file, sealed).unwrap();
    let mut age = command("age");
    let opened = run("age", age.arg("-d").arg("-i").arg(identity).arg(file), None).unwrap();
    assert_eq!(opened.code, Some(0), "{opened}: is the package age installed?");
    String::from_utf8(opened.stdout).unwrap()
}

#[test]
fn the_relay_is_not_told_a_commands_arguments() {
    let house = House::new();
    let Helped { agent: _agent, session, .. } = house.helped("agent");
    let argument = "argument-of-a-command-55d0aa";
    assert_eq!(session.exec(&["test", argument, "=", argument], b"").unwrap().code, Some(0));
    session.end("").unwrap();
    assert_blind(&house, &[Needle::new("argument", argument)], "after the note");
}
