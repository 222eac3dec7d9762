//! What nearly every test stands on: one relay, one technician, a folder that goes again.

use std::path::{Path, PathBuf};

use deskside_protocol::policy::Policy;
use deskside_tests::agent::{Agent, Wish};
use deskside_tests::dice::Dice;
use deskside_tests::process::{Process, Ran};
use deskside_tests::relay::Relay;
use deskside_tests::tap::Tap;
use deskside_tests::technician::{Session, Technician};
use serde_json::Value;
use tempfile::TempDir;

/// A relay and its first person, who is technician and auditor.
pub(crate) struct House {
    pub(crate) relay: Relay,
    pub(crate) alice: Technician,
    tap: Option<Tap>,
    folder: TempDir,
}

/// The doors of the tap, where there is one: both ends' own, and one that leads wherever a test
/// wants, which the policy names as a further address of the relay.
pub(crate) const AGENT: usize = 0;
pub(crate) const TECHNICIAN: usize = 1;
pub(crate) const ELSEWHERE: usize = 2;

/// An open session, and what belongs to it.
pub(crate) struct Helped {
    pub(crate) agent: Agent,
    pub(crate) session: Session,
    pub(crate) ticket: String,
}

impl House {
    pub(crate) fn new() -> Self {
        Self::with(|data| Relay::start(data).unwrap())
    }

    /// A house whose relay is started by `start`, on the folder that it is given.
    pub(crate) fn with(start: impl FnOnce(&Path) -> Relay) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let relay = start(&folder.path().join("relay"));
        let token = relay.token().unwrap();
        let alice = Technician::enrolled(&folder.path().join("alice"), token).unwrap();
        Self { relay, alice, tap: None, folder }
    }

    /// A house with a tap between each end and the relay, whose policy is changed first.
    pub(crate) fn tapped(change: impl FnOnce(&mut Policy)) -> Self {
        let mut house = Self::with(|data| Relay::start_lasting(data).unwrap());
        let address = house.relay.address().to_owned();
        let tap = Tap::start(3, address.parse().unwrap()).unwrap();
        let named = |policy: &mut Policy| policy.relays = vec![tap.door(ELSEWHERE).to_string()];
        house
            .relay
            .change_policy(|policy| {
                change({
                    named(policy);
                    policy
                })
            })
            .unwrap();
        house.alice.redirect(&address, &tap.door(TECHNICIAN).to_string()).unwrap();
        house.tap = Some(tap);
        house
    }

    /// The tap of a house that has one.
    pub(crate) fn tap(&self) -> &Tap {
        self.tap.as_ref().expect("a tapped house")
    }

    /// The join link as an agent is given it.
    pub(crate) fn join(&self) -> String {
        let join = self.relay.join();
        let Some(tap) = &self.tap else { return join.to_owned() };
        join.replace(self.relay.address(), &tap.door(AGENT).to_string())
    }

    /// A path in the house's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// An agent with a synthetic screen that allows viewing, commands and files.
    pub(crate) fn agent(&self, name: &str) -> Agent {
        self.agent_as(name, &Wish::default())
    }

    /// An agent that is started as wished.
    pub(crate) fn agent_as(&self, name: &str, wish: &Wish<'_>) -> Agent {
        Agent::start(&self.path(name), &self.join(), wish).unwrap()
    }

    /// A session that the agent `name` allowed.
    pub(crate) fn helped(&self, name: &str) -> Helped {
        self.helped_by(self.agent(name))
    }

    /// A session with this agent.
    pub(crate) fn helped_by(&self, mut agent: Agent) -> Helped {
        let ticket = self.alice.ticket("The printer is on fire").unwrap();
        let code = agent.code().unwrap();
        let session = self.alice.connect(&code, &ticket).unwrap();
        Helped { agent, session, ticket }
    }

    /// A file of this name and size in the house's folder, full of noise, and its bytes.
    pub(crate) fn noise(&self, name: &str, bytes: u64) -> (String, Vec<u8>) {
        let noise = Dice(bytes).bytes(bytes);
        let path = self.path(name);
        std::fs::write(&path, &noise).unwrap();
        (path.to_str().unwrap().to_owned(), noise)
    }

    /// `deskside cp`, to its end.
    pub(crate) fn copy(&self, words: &[&str]) -> Ran {
        self.alice.run(&[&["cp"], words].concat()).unwrap()
    }

    /// `deskside cp` under way, with so much of it through.
    pub(crate) fn copying(&self, words: &[&str], bytes: u64) -> Process {
        let begin = self.tap().bulk();
        let copy = self.alice.copying(words).unwrap();
        self.tap().wait_for_bulk(begin + bytes).unwrap();
        copy
    }

    /// What `audit verify` says of a recording, with the auditor's key.
    pub(crate) fn verdict(&self, session: &str) -> Value {
        let (file, identity) = (self.fetched(session), self.alice.identity());
        let words = ["audit", "verify", file.to_str().unwrap(), "--identity"];
        let words = [&words[..], &[identity.to_str().unwrap()]].concat();
        self.alice.run(&words).unwrap().events().unwrap().pop().unwrap()
    }

    /// Fetches a recording.
    pub(crate) fn fetched(&self, session: &str) -> PathBuf {
        let path = self.path("fetched.dsr");
        let words = ["audit", "fetch", session, "-o", path.to_str().unwrap(), "--reason", "a test"];
        self.alice.run(&words).unwrap().done().unwrap();
        path
    }
}

/// Waits until a copy has ended well.
#[track_caller]
pub(crate) fn assert_copied(mut copy: Process) {
    let code = copy.end().unwrap();
    assert_eq!(code, Some(0), "{:?} {}", copy.heard(), copy.words());
}

/// The file that an end keeps of a session, somewhere in its own folder.
pub(crate) fn tail_file(folder: &Path, session: &str) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?;
    entries.filter_map(Result::ok).map(|entry| entry.path()).find_map(|path| {
        if path.is_dir() {
            return tail_file(&path, session);
        }
        path.file_name().is_some_and(|name| *name == *format!("{session}.tail")).then_some(path)
    })
}
