//! A relay on a free port, in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use rustix::process::Signal;
use serde_json::Value;

use crate::process::{Process, Ran, command, run};
use crate::programs::programs;

/// `deskside-relay serve`, running.
#[derive(Debug)]
pub struct Relay {
    data: PathBuf,
    ready: Value,
    /// The process.
    pub process: Process,
}

impl Relay {
    /// Starts one on the folder `data`, which need not exist, on any free port of this machine.
    ///
    /// # Errors
    /// The relay's own words.
    pub fn start(data: &Path) -> anyhow::Result<Self> {
        Self::start_at(data, "127.0.0.1:0")
    }

    /// Starts one on the folder `data` at an address.
    ///
    /// # Errors
    /// The relay's own words.
    pub fn start_at(data: &Path, listen: &str) -> anyhow::Result<Self> {
        let mut command = relay_command(data)?;
        command.args(["serve", "--listen", listen, "--organisation", "Example Help"]);
        let mut process = Process::start("deskside-relay", &mut command)?;
        let ready = process.wait_for("ready")?;
        Ok(Self { data: data.to_owned(), ready, process })
    }

    /// Runs a command beside it, with `--json`.
    ///
    /// # Errors
    /// What the system says.
    pub fn beside(&self, words: &[&str]) -> anyhow::Result<Ran> {
        beside(&self.data, words)
    }

    /// Its data folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Its address, `127.0.0.1:PORT`.
    #[must_use]
    pub fn address(&self) -> &str {
        self.ready["address"].as_str().unwrap_or_default()
    }

    /// Its join link.
    #[must_use]
    pub fn join(&self) -> &str {
        self.ready["join"].as_str().unwrap_or_default()
    }

    /// The first person's enrolment token, after a first start.
    ///
    /// # Errors
    /// After any later start.
    pub fn token(&self) -> anyhow::Result<&str> {
        self.ready["enroll"].as_str().context("find the first enrolment token")
    }

    /// Invites a person, and gives the token.
    ///
    /// # Errors
    /// The relay's own words.
    pub fn invite(&self, login: &str, roles: &str) -> anyhow::Result<String> {
        let words = ["technician", "invite", login, "--name", login, "--role", roles];
        let invited = self.beside(&words)?.done()?;
        Ok(invited["token"].as_str().context("find a token")?.to_owned())
    }

    /// Ends it in order.
    ///
    /// # Errors
    /// Where it does not say so, or ends with another code than 0.
    pub fn stop(mut self) -> anyhow::Result<()> {
        self.process.signal(Signal::TERM)?;
        self.process.wait_for("drained")?;
        let code = self.process.end()?;
        ensure!(code == Some(0), "the relay ended with {code:?}: {}", self.process.words());
        Ok(())
    }
}

/// Runs a command on the folder of a relay, with `--json`.
///
/// # Errors
/// What the system says.
pub fn beside(data: &Path, words: &[&str]) -> anyhow::Result<Ran> {
    let name = format!("deskside-relay {}", words.join(" "));
    run(&name, relay_command(data)?.args(words), None)
}

fn relay_command(data: &Path) -> anyhow::Result<Command> {
    let mut command = command(&programs()?.relay);
    // A home beside the data, so that nobody's configuration file is read.
    command.env("HOME", data.with_extension("home")).arg("--json").arg("--data").arg(data);
    Ok(command)
}
