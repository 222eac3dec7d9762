//! Who decides: the person in front of this computer, asked in plain words.
//!
//! An [`Asker`] puts a question and brings the answer; no answer in time is a refusal. What a peer
//! wrote is made safe before it is shown. The gate decides when to ask; nothing is granted in here.

mod keyboard;
mod terminal;

use std::pin::Pin;
use std::time::Duration;

use deskside_files::Size;
use deskside_protocol::grant::{Grant, GrantSet};

pub use self::keyboard::{Floor, Keyboard, MAX_LINE};
pub use self::terminal::Terminal;

/// Without an answer a question is refused after this time.
pub const ANSWER_TIME: Duration = Duration::from_secs(60);
/// Names of files that one question lists: what a person reads before he answers.
pub const MAX_LISTED: usize = deskside_protocol::file::MAX_LISTED;

/// Who wants in, as the pairing verified it. Its texts are the peer's: show them made safe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visitor {
    /// The organisation's name from its policy.
    pub organisation: String,
    /// How it stands with that organisation on this computer.
    pub standing: Standing,
    /// The technician's name from the certificate.
    pub name: String,
    /// The technician's login from the certificate.
    pub login: String,
    /// The ticket's number.
    pub ticket: String,
    /// What the ticket is about.
    pub subject: String,
}

/// How an organisation stands with this computer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It has helped on this computer before.
    Known,
    /// This computer has not known it before.
    New,
    /// New, under the name of another one that is known.
    NameOfAnother,
}

/// What the user is asked.
#[derive(Debug)]
pub enum Question<'a> {
    /// The session's first: everything that the technician wishes for.
    Opening {
        /// Who wants in.
        visitor: &'a Visitor,
        /// What for.
        grants: GrantSet,
    },
    /// One grant more, in the middle of the session.
    More {
        /// Who wants it.
        visitor: &'a Visitor,
        /// Which one.
        grant: Grant,
        /// What it is needed for first; made safe already.
        what: &'a str,
        /// Whether [`Answer::Allow`] means this once, so that [`Answer::Always`] means something
        /// else.
        once: bool,
    },
    /// One transfer of files.
    Files {
        /// Who wants it.
        visitor: &'a Visitor,
        /// Which files.
        files: &'a Listing,
    },
}

/// Which way a file went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To this computer.
    Received,
    /// From this computer.
    Sent,
}

impl Direction {
    /// For scripts.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Sent => "sent",
        }
    }
}

/// The files of one transfer, as the user is asked about them. Names are made safe already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Which way they go.
    pub direction: Direction,
    /// The folder here that they land in or leave from.
    pub folder: String,
    /// Names under it with their bytes: the first [`MAX_LISTED`] of them.
    pub named: Vec<(String, u64)>,
    /// How many more there are.
    pub more: u64,
    /// Bytes of all files.
    pub bytes: u64,
}

impl Listing {
    /// What stands behind the names: "and 12 more, 3.2 GB in all".
    #[must_use]
    pub fn rest(&self) -> String {
        let size = Size(self.bytes);
        match (self.named.len(), self.more) {
            (0, 1) => format!("1 file, {size}"),
            (0, more) => format!("{more} files, {size} in all"),
            (_, 0) => format!("{size} in all"),
            (_, more) => format!("and {more} more, {size} in all"),
        }
    }
}

/// What the user answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Yes: to what was asked about, this once; and for the session to what is not asked about
    /// each time ([`is_asked_each_time`]).
    Allow,
    /// Yes, and to all of its kind in this session.
    Always,
    /// No, or no answer in time.
    Refuse,
    /// "I did not ask for this": the session ends.
    NotAsked,
}

/// The future of an answer.
pub type Asking<'a> = Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

/// Somebody who puts questions to the user. Dropping the future withdraws the question.
pub trait Asker: Send + Sync {
    /// Puts one question.
    fn ask<'a>(&'a self, question: &'a Question<'a>) -> Asking<'a>;
}

/// Nobody is there to ask: everything that was not answered beforehand is refused.
#[derive(Debug, Clone, Copy)]
pub struct Unattended;

impl Asker for Unattended {
    fn ask<'a>(&'a self, _question: &'a Question<'a>) -> Asking<'a> {
        Box::pin(std::future::ready(Answer::Refuse))
    }
}

/// Whether [`Answer::Allow`] means this once: what can be done with it differs from one time to the
/// next, and the user sees what it is.
#[must_use]
pub const fn is_asked_each_time(grant: Grant) -> bool {
    match grant {
        Grant::Command | Grant::Shell | Grant::File | Grant::Reboot => true,
        Grant::View | Grant::Control | Grant::Clipboard => false,
    }
}

/// What a grant means, for the person who gives it.
#[must_use]
pub const fn in_words(grant: Grant) -> &'static str {
    match grant {
        Grant::View => "see your screen",
        Grant::Control => "use your mouse and keyboard",
        Grant::Command => "run commands on this computer",
        Grant::Shell => "open a command window on this computer",
        Grant::File => "send files to this computer and fetch files from it",
        Grant::Clipboard => "read and change what you copied (the clipboard)",
        Grant::Reboot => "restart this computer and come back",
    }
}
