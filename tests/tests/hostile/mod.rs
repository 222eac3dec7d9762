//! Those who mean no good, one test a move: what nobody did, and who was told what.
//!
//! `relay`, `technician` and `agent` are the three parts of a session gone bad, each against shipped
//! programs; `network` is everybody else. tests/README.md has the table.

mod agent;
mod network;
mod relay;
mod technician;

use std::path::PathBuf;

use deskside_protocol::policy::Recording;
use deskside_tests::agent::{Agent, Wish};
use deskside_tests::hostile::Liar;
use deskside_tests::process::Process;
use deskside_tests::technician::{Session, Technician};
use serde_json::Value;
use tempfile::TempDir;

/// A relay that lies, and an honest technician who is enrolled at it.
pub(crate) struct Den {
    pub(crate) liar: Liar,
    pub(crate) alice: Technician,
    folder: TempDir,
}

impl Den {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let liar = Liar::start().unwrap();
        let alice = Technician::enrolled(&folder.path().join("alice"), &liar.token()).unwrap();
        Self { liar, alice, folder }
    }

    /// One whose policy requires a recording.
    pub(crate) fn recorded() -> Self {
        let den = Self::new();
        den.liar.change_policy(|policy| policy.recording = Recording::Required).unwrap();
        den
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn agent(&self, name: &str) -> Agent {
        Agent::start(&self.path(name), &self.liar.join(), &Wish::default()).unwrap()
    }

    /// `connect`, which may fail.
    pub(crate) fn connecting(&self, code: &str) -> Process {
        self.alice.connecting(code, "1").unwrap()
    }

    pub(crate) fn helped(&self, name: &str) -> (Agent, Session) {
        let mut agent = self.agent(name);
        let session = self.alice.held(self.connecting(&agent.code().unwrap())).unwrap();
        (agent, session)
    }
}

/// The last sentence of a program that failed with this exit code.
#[track_caller]
pub(crate) fn assert_told(process: &mut Process, exit: i32, sentence: &str) {
    let code = process.end().unwrap();
    let said = process.words();
    assert_eq!(code, Some(exit), "{:?}\n{said}", process.heard());
    assert!(said.contains(sentence), "{said:?} has no {sentence:?}; {:?}", process.heard());
}

/// Whether a program told of this.
pub(crate) fn told(process: &Process, event: &str) -> bool {
    process.heard().iter().any(|heard: &Value| heard["event"] == event)
}
