//! A technician with a folder of her own, and the sessions that she holds open.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

use crate::process::{Process, Ran, command, full_disk_is_an_error, run, within};
use crate::programs::programs;

/// A `DESKSIDE_HOME`.
#[derive(Debug, Clone)]
pub struct Technician {
    home: PathBuf,
    netns: Option<String>,
}

impl Technician {
    /// Somebody who has not enrolled yet.
    #[must_use]
    pub fn new(home: &Path) -> Self {
        Self { home: home.to_owned(), netns: None }
    }

    /// The same person, at a computer in another network namespace.
    #[must_use]
    pub fn within(self, netns: Option<&str>) -> Self {
        Self { netns: netns.map(str::to_owned), ..self }
    }

    /// Somebody who has.
    ///
    /// # Errors
    /// The program's own words.
    pub fn enrolled(home: &Path, token: &str) -> anyhow::Result<Self> {
        let technician = Self::new(home);
        technician.typing(&["enroll", "-"], token)?.done()?;
        Ok(technician)
    }

    /// The folder.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The auditor's age identity.
    #[must_use]
    pub fn identity(&self) -> PathBuf {
        self.home.join("auditor.age-identity")
    }

    /// The program with `--json` and these words.
    ///
    /// # Errors
    /// Where the program cannot be built.
    pub fn command(&self, words: &[&str]) -> anyhow::Result<Command> {
        let mut command = command(&programs()?.client);
        command.env("HOME", &self.home).env("DESKSIDE_HOME", &self.home).arg("--json").args(words);
        Ok(within(self.netns.as_deref(), command))
    }

    /// Runs `deskside --json` with these words.
    ///
    /// # Errors
    /// What the system says. A failing program is no error here.
    pub fn run(&self, words: &[&str]) -> anyhow::Result<Ran> {
        run(&called(words), &mut self.command(words)?, None)
    }

    /// As [`Technician::run`], with something typed.
    ///
    /// # Errors
    /// What the system says.
    pub fn typing(&self, words: &[&str], typed: &str) -> anyhow::Result<Ran> {
        run(&called(words), &mut self.command(words)?, Some(format!("{typed}\n").as_bytes()))
    }

    /// From now on she finds the relay at another address, which shows the same keys.
    ///
    /// # Errors
    /// What the disk says.
    pub fn redirect(&self, from: &str, to: &str) -> anyhow::Result<()> {
        let account = self.home.join("account.json");
        let text = std::fs::read_to_string(&account).context("read the account")?;
        ensure!(text.contains(from), "the account names no relay at {from}");
        std::fs::write(&account, text.replace(from, to)).context("write the account")
    }

    /// `deskside cp`, started.
    ///
    /// # Errors
    /// What the system says.
    pub fn copying(&self, words: &[&str]) -> anyhow::Result<Process> {
        Process::start("deskside cp", &mut self.command(&[&["cp"], words].concat())?)
    }

    /// Opens a ticket and gives its number.
    ///
    /// # Errors
    /// The program's own words.
    pub fn ticket(&self, subject: &str) -> anyhow::Result<String> {
        let words = ["ticket", "new", "--subject", subject, "--requester", "Bob"];
        let ticket = self.run(&words)?.done()?;
        ensure!(ticket["ticket"].is_number(), "a ticket without a number: {ticket}");
        Ok(ticket["ticket"].to_string())
    }

    /// Shows a ticket.
    ///
    /// # Errors
    /// The program's own words.
    pub fn shown(&self, ticket: &str) -> anyhow::Result<Value> {
        self.run(&["ticket", "show", ticket])?.done()
    }

    /// The command line of `connect`, as a process that may fail.
    ///
    /// # Errors
    /// What the system says.
    pub fn connecting(&self, code: &str, ticket: &str) -> anyhow::Result<Process> {
        self.connecting_for("", code, ticket)
    }

    /// As [`Technician::connecting`], asking for these grants; empty for the usual ones.
    ///
    /// # Errors
    /// What the system says.
    pub fn connecting_for(
        &self,
        grants: &str,
        code: &str,
        ticket: &str,
    ) -> anyhow::Result<Process> {
        let mut words = vec!["connect", code, "--ticket", ticket, "--headless"];
        if !grants.is_empty() {
            words.extend(["--request", grants]);
        }
        Process::start("deskside connect", &mut self.command(&words)?)
    }

    /// As [`Technician::connecting`], at a display, on which a window opens.
    ///
    /// # Errors
    /// What the system says.
    pub fn connecting_at(
        &self,
        display: &str,
        code: &str,
        ticket: &str,
    ) -> anyhow::Result<Process> {
        let words = ["connect", code, "--ticket", ticket, "--request", "view,control"];
        Process::start("deskside connect", self.command(&words)?.env("DISPLAY", display))
    }

    /// As [`Technician::connecting`], with a disk that can be filled later:
    /// [`Process::fill_disk`].
    ///
    /// # Errors
    /// What the system says.
    pub fn fillable_connect(&self, code: &str, ticket: &str) -> anyhow::Result<Process> {
        let plain = self.command(&["connect", code, "--ticket", ticket, "--headless"])?;
        Process::start("deskside connect", &mut full_disk_is_an_error(&plain))
    }

    /// Connects, and waits until the session is there.
    ///
    /// # Errors
    /// The program's own words.
    pub fn connect(&self, code: &str, ticket: &str) -> anyhow::Result<Session> {
        self.held(self.connecting(code, ticket)?)
    }

    /// Waits until the session of a `connect` is there.
    ///
    /// # Errors
    /// The program's own words.
    pub fn held(&self, mut process: Process) -> anyhow::Result<Session> {
        let opened = process.wait_for("session")?;
        let id = opened["session"].as_str().context("find the session's id")?.to_owned();
        Ok(Session { technician: self.clone(), id, opened, process })
    }

    /// Runs a command on the user's computer as a person does: without `--json`, so that output,
    /// errors and exit code are the command's own.
    ///
    /// # Errors
    /// What the system says.
    pub fn exec(&self, session: &str, argv: &[&str], input: &[u8]) -> anyhow::Result<Ran> {
        let mut command = command(&programs()?.client);
        command.env("HOME", &self.home).env("DESKSIDE_HOME", &self.home);
        command.args(["exec", "--session", session, "--"]).args(argv);
        run(&format!("deskside exec {}", argv.join(" ")), &mut command, Some(input))
    }

    /// A `connect` that must not succeed: runs to its end.
    ///
    /// # Errors
    /// Where it does succeed.
    pub fn refused(&self, code: &str, ticket: &str) -> anyhow::Result<Ran> {
        let ran = self.run(&["connect", code, "--ticket", ticket, "--headless"])?;
        if ran.code == Some(0) {
            bail!("it connected: {ran}");
        }
        Ok(ran)
    }
}

fn called(words: &[&str]) -> String {
    format!("deskside {}", words.join(" "))
}

/// `deskside connect`, with its session open.
#[derive(Debug)]
pub struct Session {
    technician: Technician,
    id: String,
    opened: Value,
    /// The process that holds it.
    pub process: Process,
}

impl Session {
    /// The session's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The `session` event.
    #[must_use]
    pub const fn opened(&self) -> &Value {
        &self.opened
    }

    /// Runs a command on the user's computer: [`Technician::exec`].
    ///
    /// # Errors
    /// What the system says.
    pub fn exec(&self, argv: &[&str], input: &[u8]) -> anyhow::Result<Ran> {
        self.technician.exec(&self.id, argv, input)
    }

    /// Ends it with a note, and waits until `connect` has ended too.
    ///
    /// # Errors
    /// The programs' own words.
    pub fn end(mut self, note: &str) -> anyhow::Result<Value> {
        let words = ["end", "--session", &self.id, "--note", note];
        let ended = self.technician.run(&words)?.done()?;
        let code = self.process.end()?;
        ensure!(code == Some(0), "connect ended with {code:?}: {}", self.process.words());
        Ok(ended)
    }
}
