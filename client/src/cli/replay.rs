//! Looking at recordings, on the command line.

use std::path::PathBuf;

use clap::Args;

use super::SourceArgs;
use crate::audit::{Kind, Time};

/// `deskside audit replay`.
#[derive(Debug, Clone, Args)]
pub struct ReplayArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "flattened")]
    pub source: SourceArgs,
    /// Begin there: 2026-11-26T14:05:00Z, or since the beginning 90 or 1:30
    #[arg(long, value_name = "TIME")]
    pub at: Option<Time>,
    /// Only print the address
    #[arg(long)]
    pub no_browser: bool,
}

/// `deskside audit search`.
#[derive(Debug, Clone, Args)]
pub struct SearchArgs {
    /// What to look for, in small or large letters
    pub text: String,
    /// Where: recordings, folders of them, or session ids to fetch from the relay [default: this folder]
    #[arg(long = "in", value_name = "FILE.dsr|FOLDER|SESSION", num_args = 1..)]
    pub places: Vec<String>,
    /// Only in these kinds of text
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub kind: Vec<Kind>,
    /// Whose key opens them [default: auditor.age-identity in your configuration folder]
    #[arg(long, value_name = "AGE_IDENTITY_FILE")]
    pub identity: Option<PathBuf>,
    /// Why you need them; for session ids, and then the relay logs it
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// The organisation's public key, as 64 hexadecimal digits [default: your own organisation's]
    #[arg(long, value_name = "KEYHEX")]
    pub org: Option<String>,
}
