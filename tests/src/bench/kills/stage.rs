//! A relay that dies, its two ports, both ends behind a tap, and a session between them.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use deskside_protocol::policy::Recording;
use tempfile::TempDir;

use crate::agent::{Agent, Wish};
use crate::relay::{Relay, lasting_port};
use crate::tap::Tap;
use crate::technician::{Session, Technician};

/// The doors of the tap: each end's own, which lead to the relay's first port, and the one that the
/// policy names as a further address, which leads to its second.
const AGENT: usize = 0;
const TECHNICIAN: usize = 1;
const ELSEWHERE: usize = 2;

pub(super) struct Stage {
    pub(super) relay: Relay,
    pub(super) tap: Tap,
    pub(super) alice: Technician,
    pub(super) agent: Agent,
    pub(super) session: Session,
    ports: [SocketAddr; 2],
    /// Which of the ports it is at.
    at: usize,
    folder: TempDir,
}

impl Stage {
    pub(super) fn new(under: &Path) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir_in(under).context("make a folder")?;
        let relay = Relay::start_lasting(&folder.path().join("relay"))?;
        let ports = [relay.address().parse().context("read the relay's address")?, lasting_port()?];
        let [first, second] = ports;
        let tap = Tap::start(3, first)?;
        tap.lead(ELSEWHERE, second);
        let alice = Technician::enrolled(&folder.path().join("alice"), relay.token()?)?;
        relay.change_policy(|policy| {
            policy.recording = Recording::Required;
            policy.relays = vec![tap.door(ELSEWHERE).to_string()];
        })?;
        let door = |number| tap.door(number).to_string();
        alice.redirect(relay.address(), &door(TECHNICIAN))?;
        let join = relay.join().replace(relay.address(), &door(AGENT));
        let wish = Wish { allow: "view,command,file", ..Wish::default() };
        let mut agent = Agent::start(&folder.path().join("bob"), &join, &wish)?;
        let ticket = alice.ticket("A relay that dies")?;
        let session = alice.connect(&agent.code()?, &ticket)?;
        Ok(Self { relay, tap, alice, agent, session, ports, at: 0, folder })
    }

    /// Starts the relay again, here or at its other port.
    pub(super) fn restart(&mut self, elsewhere: bool) -> anyhow::Result<()> {
        if elsewhere {
            self.at = 1 - self.at;
        }
        let port = self.ports.get(self.at).context("find a port")?;
        self.relay.restart_at(&port.to_string())
    }

    /// A path in the stage's folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The agent's folder for files.
    pub(super) fn files(&self) -> PathBuf {
        self.agent.folder().join("files")
    }

    /// Ends the session, and gives its recording.
    pub(super) fn recording(self) -> anyhow::Result<Ended> {
        let id = self.session.id().to_owned();
        self.session.end("")?;
        // A command of its own knows the relay's first address only.
        self.tap.lead(TECHNICIAN, self.relay.address().parse().context("find the relay")?);
        let file = self.folder.path().join("fetched.dsr");
        let name = file.to_str().context("name a file")?.to_owned();
        let fetch = ["audit", "fetch", &id, "-o", &name, "--reason", "the bench"];
        self.alice.run(&fetch)?.done()?;
        let identity = self.alice.identity();
        let identity = identity.to_str().context("name the identity")?;
        let verified = self.alice.run(&["audit", "verify", &name, "--identity", identity])?;
        let verdict = verified.events()?.pop().context("verify anything")?;
        Ok(Ended {
            recording: fs::read(&file).context("read the recording")?,
            verdict: verdict["verdict"].as_str().unwrap_or_default().to_owned(),
            tap: self.tap,
        })
    }
}

/// What is left when a session is over.
pub(super) struct Ended {
    pub(super) recording: Vec<u8>,
    pub(super) verdict: String,
    pub(super) tap: Tap,
}
