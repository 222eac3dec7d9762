//! Looking at recordings, on the command line.

use clap::Args;

use super::{ListArgs, ReaderArgs, SourceArgs, Time};
use crate::seek::Kind;

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
    /// Also in all that the relay holds and --ticket, --person, --from, --to ask for: each is fetched, and logged with your --reason
    #[arg(long, requires = "reason")]
    pub relay: bool,
    #[command(flatten)]
    #[allow(missing_docs, reason = "flattened")]
    pub held: ListArgs,
    #[command(flatten)]
    #[allow(missing_docs, reason = "flattened")]
    pub reader: ReaderArgs,
}
