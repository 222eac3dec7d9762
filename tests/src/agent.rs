//! An agent in a folder of its own, with its consent given beforehand.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::Context as _;
use serde_json::Value;

use crate::process::{Process, command, full_disk_is_an_error, within};
use crate::programs::programs;

/// How an agent is started.
#[derive(Debug, Clone)]
pub struct Wish<'a> {
    /// `--allow`; empty for nobody.
    pub allow: &'a str,
    /// `--screen`.
    pub screen: &'a str,
    /// `DISPLAY` and what goes with it.
    pub display: Vec<(&'a str, String)>,
    /// Whether it shows its window where there is a display: then it covers a part of what a test
    /// may look at.
    pub window: bool,
    /// `--folder`; a folder of the agent's own where there is none.
    pub folder: Option<&'a Path>,
    /// The network namespace to run in, as `ip netns` names it.
    pub netns: Option<&'a str>,
    /// Its disk can be filled later: [`Process::fill_disk`].
    pub fillable: bool,
    /// Somebody sits at its terminal: [`Agent::types`].
    pub typing: bool,
}

impl Default for Wish<'_> {
    fn default() -> Self {
        Self {
            allow: "view,command,file",
            screen: "synthetic",
            display: Vec::new(),
            window: false,
            folder: None,
            netns: None,
            fillable: false,
            typing: false,
        }
    }
}

/// `deskside-agent --json`, running.
#[derive(Debug)]
pub struct Agent {
    folder: PathBuf,
    /// The process.
    pub process: Process,
}

impl Agent {
    /// Starts one for the relay of `join`; its settings and files are kept under `folder`.
    ///
    /// # Errors
    /// What the system says.
    pub fn start(folder: &Path, join: &str, wish: &Wish<'_>) -> anyhow::Result<Self> {
        let home = folder.join("settings");
        let files = wish.folder.map_or_else(|| folder.join("files"), Path::to_owned);
        fs::create_dir_all(folder).context("make the agent's folder")?;
        fs::create_dir_all(&files).context("make the agent's folder")?;
        let mut command = command(&programs()?.agent);
        command
            .env("HOME", folder)
            .env("DESKSIDE_HOME", &home)
            .envs(wish.display.iter().map(|(name, value)| (name, value)))
            .args(["--json", "--relay", join, "--allow", wish.allow, "--screen", wish.screen])
            .arg("--folder")
            .arg(&files);
        let hidden = !wish.display.is_empty() && !wish.window;
        if wish.typing || hidden {
            command.arg("--terminal");
        }
        if wish.typing {
            command.stdin(Stdio::piped());
        }
        let mut command = within(wish.netns, command);
        if wish.fillable {
            command = full_disk_is_an_error(&command);
        }
        let process = Process::start("deskside-agent", &mut command)?;
        Ok(Self { folder: folder.to_owned(), process })
    }

    /// The folder that it lives in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A path in the folder that it allows.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join("files").join(name)
    }

    /// The next code that it shows.
    ///
    /// # Errors
    /// The agent's own words, where it shows none.
    pub fn code(&mut self) -> anyhow::Result<String> {
        let event = self.process.wait_for("code")?;
        Ok(event["code"].as_str().context("find twelve digits")?.to_owned())
    }

    /// Types a line, as the person in front of it does. For one that was started so.
    ///
    /// # Errors
    /// Where nobody sits there, or it reads no more.
    pub fn types(&mut self, line: &str) -> anyhow::Result<()> {
        self.process.types(line)
    }

    /// Waits for an event.
    ///
    /// # Errors
    /// The agent's own words, where it does not come.
    pub fn wait_for(&mut self, name: &str) -> anyhow::Result<Value> {
        self.process.wait_for(name)
    }
}
