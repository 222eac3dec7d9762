//! The words of the commands that make, use and end a session.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use deskside_protocol::grant::{Grant, GrantSet};

use crate::viewer::model::HostKey;

pub(super) const CP_AFTER: &str = "\
deskside cp report.pdf agent:                 into the folder that the user allowed
deskside cp -r logs notes.txt agent:case-17   a folder and a file, both into case-17
deskside cp agent:report.pdf agent:b.txt .    two files from there, into this folder
deskside cp --resume big.iso agent:           go on where an earlier transfer broke off

Paths behind agent: are under the folder that the user allowed. A local name with a colon is
written ./a:b. Existing files are replaced. What does not arrive whole does not arrive at all: a
part of it stays beside its place, for --resume.";

/// Which session a command means.
#[derive(Debug, Clone, Default, Args)]
pub struct SessionArgs {
    /// The session, or the first digits of its id; needed only when several are open
    #[arg(long, value_name = "ID")]
    pub session: Option<String>,
}

/// `deskside connect`.
#[derive(Debug, Clone, Args)]
pub struct ConnectArgs {
    /// The twelve digits, in any grouping, or - to read them from standard input; without them
    /// the program asks
    #[arg(num_args = 0..)]
    pub code: Vec<String>,
    /// The ticket that this session is for
    #[arg(long, value_name = "N")]
    pub ticket: String,
    /// Only look: nothing else is asked for in this session, also not when it is needed
    #[arg(long, conflicts_with = "request")]
    pub view_only: bool,
    /// What to ask the user for, by comma: view, control, command, shell, file, clipboard, reboot
    /// [default: view; everything else is asked for when it is needed]
    #[arg(long, value_name = "GRANTS", value_parser = grants)]
    pub request: Option<GrantSet>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "flattened")]
    pub window: WindowArgs,
}

/// How the session is seen.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct WindowArgs {
    /// Show a text status instead of a viewer window
    #[arg(long)]
    pub headless: bool,
    /// The key that is the viewer's own and never goes to the user's computer
    #[arg(
        long, value_enum, value_name = "KEY", default_value_t = HostKey::RightCtrl,
        env = "DESKSIDE_HOST_KEY", hide_env_values = true
    )]
    pub host_key: HostKey,
}

impl ConnectArgs {
    /// What to ask the user for, before the policy has its word.
    #[must_use]
    pub fn requested(&self) -> GrantSet {
        if self.view_only {
            return Grant::View.into();
        }
        self.request.unwrap_or_else(|| Grant::View.into())
    }
}

fn grants(list: &str) -> Result<GrantSet, String> {
    let set = GrantSet::parse(list).map_err(|error| error.to_string())?;
    if set.is_empty() { Err("name at least one grant".to_owned()) } else { Ok(set) }
}

/// `deskside screenshot`.
#[derive(Debug, Clone, Args)]
pub struct ScreenshotArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "flattened")]
    pub session: SessionArgs,
    /// Where to save it [default: deskside-SESSION-TIME.png in this folder]
    #[arg(short, long, value_name = "FILE.png")]
    pub output: Option<PathBuf>,
    /// Only this monitor, counted from 1 [default: the whole desktop]
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    pub monitor: Option<u32>,
}

/// `deskside exec`.
#[derive(Debug, Clone, Args)]
pub struct ExecArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "flattened")]
    pub session: SessionArgs,
    /// Stop the command after this many seconds and exit with 124
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub timeout: Option<Duration>,
    /// Keep {NAME} in the arguments out of recording and ticket; its text is in the environment, or in
    /// a file: a password
    #[arg(long, value_name = "NAME[=FILE]")]
    pub mask: Vec<String>,
    /// The program and its arguments, behind --; no shell reads them
    #[arg(last = true, required = true, value_name = "ARGV")]
    pub argv: Vec<String>,
}

/// The longest time-out of a command, in seconds: a day.
const MAX_TIMEOUT: f64 = 86_400.0;

fn seconds(text: &str) -> Result<Duration, String> {
    let wrong = || "give seconds above 0 and up to 86400, such as 30 or 0.5".to_owned();
    let seconds: f64 = text.parse().map_err(|_| wrong())?;
    if (0.001..=MAX_TIMEOUT).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err(wrong())
    }
}

/// `deskside cp`.
#[derive(Debug, Clone, Args)]
pub struct CpArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "flattened")]
    pub session: SessionArgs,
    /// Folders too, with all that is in them
    #[arg(short, long)]
    pub recursive: bool,
    /// Go on where an earlier transfer of the same files broke off
    #[arg(long)]
    pub resume: bool,
    /// What to copy, and last where to; either the last is agent:PATH, or all others are
    #[arg(required = true, num_args = 2.., value_name = "LOCAL|agent:PATH")]
    pub paths: Vec<String>,
}

/// `deskside resume`.
#[derive(Debug, Clone, Args)]
pub struct ResumeArgs {
    /// The session, or the first digits of its id; needed only when several can be resumed
    #[arg(value_name = "SESSION")]
    pub session: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "flattened")]
    pub window: WindowArgs,
}
