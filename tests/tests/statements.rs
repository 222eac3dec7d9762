//! What both ends state of a session, with real processes: the files that stay, the note, restarts,
//! and ends that state what is not true.

use std::fs;
use std::path::Path;
use std::time::Instant;

use deskside_protocol::key::SigningKey;
use deskside_protocol::recording::Report;
use deskside_protocol::recording::verify::whole;
use deskside_protocol::session::{End, Ends};
use deskside_protocol::statement::{Heard, State, Statement, Stream, Tail, Way, name, open};
use deskside_protocol::wire::message::{Device, message::Kind};
use deskside_protocol::wire::record::Reason;
use deskside_tests::agent::Wish;
use deskside_tests::hostile;
use deskside_tests::light::Access;
use deskside_tests::process::{PATIENCE, Process};
use rustix::process::Signal;
use zeroize::Zeroizing;

use crate::house::{Helped, House, tail_file};

/// More than is sent without a statement.
const BIG: u64 = 80 * 1024 * 1024;

/// What both ends have kept, and the judged recording.
struct Kept {
    tails: Ends<Tail>,
    report: Report,
}

impl Kept {
    fn read(house: &House, agent: &Path, session: &str) -> Self {
        let tail = |folder: &Path| {
            let file = tail_file(folder, session).expect("a tail");
            Tail::decode(&fs::read(file).unwrap()).unwrap()
        };
        let tails = Ends { agent: tail(agent), technician: tail(house.alice.home()) };
        let report = whole(&fs::read(house.fetched(session)).unwrap(), None);
        Self { tails, report }
    }

    /// The last statement of `end`, which both ends have kept.
    #[track_caller]
    fn last(&self, end: End) -> Statement {
        let other = end.other();
        let own = self.tails.of(end).own.clone().expect("a statement");
        let names = (self.tails.of(end).statement_of(end), self.tails.of(other).statement_of(end));
        assert_eq!(names.0, names.1, "the {other} heard the {end}'s last");
        let facts = self.report.facts.as_ref().unwrap();
        let keys = Ends {
            agent: *facts.session_key(End::Agent),
            technician: *facts.session_key(End::Technician),
        };
        let read = open(&own, &keys).unwrap();
        assert!(read.last && read.end == end, "{read:?}");
        read
    }
}

/// The verdict on a session's recording, and what the note on the ticket adds to it.
fn compared(house: &House, session: &str) -> (String, String) {
    let words = ["audit", "verify", session, "--reason", "a test"];
    let verdict = house.alice.run(&words).unwrap().events().unwrap().pop().unwrap();
    let word = |name: &str| verdict[name].as_str().unwrap_or_default().to_owned();
    (word("verdict"), word("note"))
}

#[test]
fn both_ends_say_a_last_word_and_the_note_names_it() {
    let house = House::new();
    let Helped { mut agent, session, .. } = house.helped("agent");
    assert_eq!(session.exec(&["echo", "stated"], b"").unwrap().code, Some(0));
    let id = session.id().to_owned();
    session.end("").unwrap();
    assert_eq!(agent.process.end().unwrap(), Some(0));

    let kept = Kept::read(&house, agent.folder(), &id);
    let (by_agent, by_technician) = (kept.last(End::Agent), kept.last(End::Technician));
    assert_eq!(by_agent.secrets, by_technician.secrets);
    let Heard { name: heard, .. } = by_agent.heard.unwrap();
    assert_eq!(heard, name(kept.tails.technician.own.as_ref().unwrap()), "the agent answered");
    // Every stream of both ends but control, which carries the statements, ends alike.
    let of = |said: &Statement, way| {
        let streams = said.streams.iter().filter(move |stream| stream.way == way && stream.id > 0);
        streams.map(|stream| (stream.id, (stream.offset, stream.hash))).collect::<Vec<_>>()
    };
    assert_eq!(of(&by_agent, Way::Sent), of(&by_technician, Way::Delivered));
    assert_eq!(of(&by_technician, Way::Sent), of(&by_agent, Way::Delivered));
    assert!(!of(&by_agent, Way::Sent).is_empty());
    assert_eq!(compared(&house, &id), ("verified".to_owned(), "same".to_owned()));
    // From the first packet to the last.
    let verdict = house.verdict(&id);
    let intervals = verdict["contents"]["intervals"].as_array().unwrap();
    let states: Vec<_> = intervals.iter().map(|one| one["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["proven"], "{verdict}");
    let file = house.fetched(&id);
    assert_eq!(
        outside(&house, &file, agent.folder(), &id),
        ("verified".into(), ["same"; 2].map(String::from).to_vec())
    );
}

/// The verdict on a recording beside what both ends have kept, and how these fit: the agent's file,
/// which is named, and the technician's own.
fn outside(house: &House, file: &Path, agent: &Path, session: &str) -> (String, Vec<String>) {
    let tail = tail_file(agent, session).unwrap();
    let [file, tail] = [file, &tail].map(|path| path.to_str().unwrap());
    let ran = house.alice.run(&["audit", "verify", file, "--tail", tail]).unwrap();
    let verdict = ran.events().unwrap().pop().unwrap();
    let kept = verdict["kept"].as_array().unwrap();
    let ends: Vec<_> = kept.iter().map(|kept| kept["end"].as_str().unwrap()).collect();
    assert_eq!(ends, ["agent", "technician"], "{ran}");
    let states = kept.iter().map(|kept| kept["state"].as_str().unwrap().to_owned());
    (verdict["verdict"].as_str().unwrap().to_owned(), states.collect())
}

#[test]
fn numbers_go_on_when_the_relay_and_both_programs_are_killed() {
    let mut house = House::new();
    let Helped { agent, session, .. } = house.helped("agent");
    let id = session.id().to_owned();
    // What a relay that wants to hide the rest hands out later. A checkpoint comes
    // after 10 s or 64 MiB.
    let early = house.path("early.dsr");
    fs::copy(house.relay.data().join(format!("recordings/{id}.dsr")), &early).unwrap();
    let (big, bytes) = house.noise("big.bin", BIG);
    let copied = house.alice.run(&["cp", &big, "agent:"]).unwrap();
    assert_eq!(copied.code, Some(0), "{copied}");
    let read =
        |folder: &Path| Tail::decode(&fs::read(tail_file(folder, &id).unwrap()).unwrap()).unwrap();
    let kept = |folder: &Path| statement::number(read(folder).own.as_ref().unwrap());
    // A checkpoint comes within 10 s, and is in both ends' files with their next statements.
    let until = Instant::now() + PATIENCE;
    for folder in [agent.folder(), house.alice.home()] {
        while read(folder).checkpoint.is_none() {
            assert!(Instant::now() < until, "no checkpoint is kept");
            assert_eq!(session.exec(&["true"], b"").unwrap().code, Some(0));
        }
    }
    let before = Ends { agent: kept(agent.folder()), technician: kept(house.alice.home()) };
    house.relay.kill().unwrap();
    house.relay.restart().unwrap();
    assert_eq!(session.exec(&["true"], b"").unwrap().code, Some(0));

    // Each end has kept what it said before it was killed, and goes on from there.
    agent.process.signal(Signal::KILL).unwrap();
    drop(agent);
    let mut agent = house.agent_as("agent", &Wish { allow: "", ..Wish::default() });
    agent.wait_for("resumed").unwrap();
    assert_eq!(session.exec(&["true"], b"").unwrap().code, Some(0));
    session.process.signal(Signal::KILL).unwrap();
    drop(session);
    let mut resume = house.alice.command(&["resume", "--headless"]).unwrap();
    let mut process = Process::start("deskside resume", &mut resume).unwrap();
    process.wait_for("resumed").unwrap();
    let session = house.alice.held(process).unwrap();
    assert_eq!(session.exec(&["true"], b"").unwrap().code, Some(0));
    assert!(fs::read(agent.file("big.bin")).unwrap() == bytes);
    session.end("").unwrap();
    assert_eq!(agent.process.end().unwrap(), Some(0));

    let kept = Kept::read(&house, agent.folder(), &id);
    for end in [End::Agent, End::Technician] {
        let last = kept.last(end);
        assert_eq!(last.line, 2, "{last:?}");
        assert!(last.number > *before.of(end) && last.previous.is_some(), "{last:?}");
    }
    // There was a checkpoint, and the note names it.
    for tail in [&kept.tails.agent, &kept.tails.technician] {
        assert!(kept.report.names.contains(&tail.checkpoint_sha256().unwrap()));
    }
    assert_eq!(compared(&house, &id), ("recovered".to_owned(), "same".to_owned()));
    let file = house.fetched(&id);
    let told = |file: &Path| outside(&house, file, agent.folder(), &id);
    assert_eq!(told(&file), ("recovered".into(), ["same"; 2].map(String::from).to_vec()));
    assert_eq!(told(&early), ("replaced".into(), ["cut"; 2].map(String::from).to_vec()));
}

/// The number of a statement whose signature was verified elsewhere.
mod statement {
    use deskside_protocol::wire::record::{self, Signed};
    use prost::Message as _;

    pub(super) fn number(signed: &Signed) -> u64 {
        record::Statement::decode(signed.body.clone()).unwrap().number
    }
}

/// A change that makes a statement a lie, by name, and whether another key signs it.
type Lie = (&'static str, fn(&mut Statement), bool);

/// More was delivered than anybody sent.
fn swollen(said: &mut Statement) {
    let more =
        Stream { id: 0, way: Way::Delivered, offset: 1 << 40, hash: [0; 32], state: State::Open };
    said.streams.push(more);
}

/// Nothing was delivered, and the hash is not that of nothing.
fn bent(said: &mut Statement) {
    swollen(said);
    said.streams[0].offset = 0;
}

const LIES: [Lie; 5] = [
    ("secrets", |said| said.secrets = [1; 32], false),
    ("more", swollen, false),
    ("other bytes", bent, false),
    ("number", |said| (said.number, said.previous) = (3, Some([1; 32])), false),
    ("somebody else", |_| (), true),
];

/// As the relay closed it.
fn reason(house: &House, session: &str) -> Option<i32> {
    let report = whole(&fs::read(house.fetched(session)).unwrap(), None);
    report.closing.map(|closing| closing.reason)
}

#[test]
fn an_agent_that_states_what_is_not_true() {
    for (what, change, foreign) in LIES {
        let house = House::new();
        let ticket = house.alice.ticket("Hostile").unwrap();
        let access = Access::read(house.alice.home(), ticket.clone()).unwrap();
        let mut agent = hostile::Agent::opens(&access).unwrap();
        let connect = house.alice.connecting(&agent.code().unwrap(), &ticket).unwrap();
        agent.meets().unwrap();
        let [hostname, system, user] = ["pc", "Linux", "ann"].map(str::to_owned);
        agent.allows(Device { hostname, system, user, monitors: 1 }).unwrap();
        let mut session = house.alice.held(connect).unwrap();
        let stated = agent.states(other(foreign).as_ref(), change).unwrap();
        agent.says(Kind::Statement(stated)).unwrap();
        let event = session.process.wait_for("disputed").unwrap();
        assert!(event["why"].is_string(), "{what}");
        assert_eq!(
            session.process.end().unwrap(),
            Some(7),
            "{what}: {:?}",
            session.process.heard()
        );
        let id = session.id().to_owned();
        assert_eq!(reason(&house, &id), Some(Reason::Disputed as i32), "{what}");
    }
}

#[test]
fn a_technician_who_states_what_is_not_true() {
    for (what, change, foreign) in LIES {
        let house = House::new();
        let mut agent = house.agent("agent");
        let ticket = house.alice.ticket("Hostile").unwrap();
        let access = Access::read(house.alice.home(), ticket).unwrap();
        let all = deskside_protocol::grant::GrantSet::all();
        let mut technician =
            hostile::Technician::meets(&access, &agent.code().unwrap(), all).unwrap();
        technician.introduces(all).unwrap();
        let stated = technician.states(other(foreign).as_ref(), change);
        // Whatever comes back is no answer to it.
        drop(technician.converses(Kind::Statement(stated)));
        let ended = agent.wait_for("ended").unwrap();
        assert_eq!(ended["reason"], "disputed", "{what}");
        assert_eq!(agent.process.end().unwrap(), Some(7), "{what}");
    }
}

/// Another key than the session's.
fn other(foreign: bool) -> Option<SigningKey> {
    foreign.then(|| SigningKey::from_seed(Zeroizing::new([9; 32])))
}
