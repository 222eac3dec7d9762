//! What nearly every test stands on: one relay, one technician, a folder that goes again.

use std::path::{Path, PathBuf};

use deskside_tests::agent::{Agent, Wish};
use deskside_tests::relay::Relay;
use deskside_tests::technician::{Session, Technician};
use tempfile::TempDir;

/// A relay and its first person, who is technician and auditor.
pub(crate) struct House {
    pub(crate) relay: Relay,
    pub(crate) alice: Technician,
    folder: TempDir,
}

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
        Self { relay, alice, folder }
    }

    /// A path in the house's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// An agent with a synthetic screen that allows viewing and commands.
    pub(crate) fn agent(&self, name: &str) -> Agent {
        Agent::start(&self.path(name), self.relay.join(), &Wish::default()).unwrap()
    }

    /// A session that the agent `name` allowed.
    pub(crate) fn helped(&self, name: &str) -> Helped {
        let mut agent = self.agent(name);
        let ticket = self.alice.ticket("The printer is on fire").unwrap();
        let code = agent.code().unwrap();
        let session = self.alice.connect(&code, &ticket).unwrap();
        Helped { agent, session, ticket }
    }

    /// Fetches a recording.
    pub(crate) fn fetched(&self, session: &str) -> PathBuf {
        let path = self.path("fetched.dsr");
        let words = ["audit", "fetch", session, "-o", path.to_str().unwrap(), "--reason", "a test"];
        self.alice.run(&words).unwrap().done().unwrap();
        path
    }
}
