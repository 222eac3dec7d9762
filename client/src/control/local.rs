//! What is said on the socket before and beside a channel's messages, as JSON.

use deskside_protocol::exit::Exit;
use serde::{Deserialize, Serialize};

use super::copying::CopyWish;
use crate::failure::Failure;

/// A command's first frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Request {
    Open(String),
    Info,
    Chat { text: String },
    End { note: Option<String> },
    Copy(CopyWish),
}

/// The answer to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Answer {
    Opened { session: String },
    Info(Box<SessionInfo>),
    Said,
    Ended,
    Copying,
    Failed { exit: u8, error: String },
}

impl Answer {
    pub(super) fn failed(failure: &Failure) -> Self {
        Self::Failed { exit: failure.exit.code(), error: failure.sentence.clone() }
    }
}

/// The failure that the other program sent, with its exit code.
pub(crate) fn failure(exit: u8, error: String) -> Failure {
    const ALL: [Exit; 8] = [
        Exit::Usage,
        Exit::Refused,
        Exit::Code,
        Exit::NotFound,
        Exit::NoConnection,
        Exit::Verification,
        Exit::EndedByPeer,
        Exit::Other,
    ];
    let exit = ALL.into_iter().find(|known| known.code() == exit).unwrap_or(Exit::Other);
    Failure::new(exit, error)
}

/// What `deskside info` shows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SessionInfo {
    /// 32 hexadecimal digits.
    pub session: String,
    /// The ticket's number.
    pub ticket: String,
    /// What the ticket is about.
    pub subject: String,
    /// The relay, as host:port.
    pub relay: String,
    /// Name of the user's computer.
    pub hostname: String,
    /// Its operating system.
    pub system: String,
    /// Who is logged in there.
    pub user: String,
    /// Its monitors.
    pub monitors: u32,
    /// What the user allows now, in words.
    pub grants: Vec<String>,
    /// Whether the relay records.
    pub recorded: bool,
    /// False while the relay or the user's computer cannot be reached.
    pub connected: bool,
    /// Since when it cannot, in seconds since the epoch.
    pub away_since: Option<u64>,
    /// Start, in seconds since the epoch.
    pub since: u64,
}
