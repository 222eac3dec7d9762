//! What `cp` and `connect` say to each other, as JSON: one wish there, progress and outcome back.
//! The files' bytes never pass the local socket: `connect` reads and writes them itself.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What to copy, and where to. Local paths are absolute; paths on the user's computer are one
/// component each, under the folder that the user allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyWish {
    /// What, and which way.
    #[serde(flatten)]
    pub way: CopyWay,
    /// Folders too.
    pub recursive: bool,
    /// Go on where an earlier transfer broke off.
    pub resume: bool,
}

/// Which way files go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CopyWay {
    /// To the user's computer.
    Put {
        /// Files and folders here.
        local: Vec<PathBuf>,
        /// Where they belong there; empty is the allowed folder itself.
        into: Vec<String>,
        /// `into` names the one file itself, unless it is a folder.
        exact: bool,
    },
    /// From the user's computer.
    Get {
        /// Files and folders there.
        paths: Vec<Vec<String>>,
        /// A folder that is there, or with one path the name of the file to be.
        local: PathBuf,
    },
}

/// How far a copy is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The file of the moment.
    pub name: String,
    /// Files that are done, and of how many.
    pub done: u64,
    /// All of them; 0 while that is not known.
    pub files: u64,
    /// Bytes that are there, of all files.
    pub bytes: u64,
    /// Bytes of all files.
    pub total: u64,
}

/// A file that has arrived.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Copied {
    /// Its path under the destination.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
    /// Bytes of it that were there before.
    pub resumed: u64,
    /// How long it took.
    pub seconds: f64,
}

/// What `connect` says of a copy: any number of the first ones, then one of the last two.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CopyNews {
    /// At most ten times a second.
    Progress(Progress),
    /// A file is there.
    Copied(Copied),
    /// Something was left out or did not arrive; the copy goes on.
    Skipped {
        /// Which.
        name: String,
        /// The exit code that stands for why.
        exit: u8,
        /// Why.
        error: String,
    },
    /// The line died; the copy goes on over the next one.
    Broken {
        /// What happened, for people.
        why: String,
    },
    /// All that could be copied is.
    Done,
    /// The copy failed as a whole.
    Failed {
        /// The exit code.
        exit: u8,
        /// Why.
        error: String,
    },
}
