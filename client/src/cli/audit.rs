//! What is made of recordings, on the command line.

use std::path::PathBuf;

use clap::Args;
use deskside_protocol::channel::Channel;

use super::{Form, Time, When};

/// Which recording, and who reads it.
#[derive(Debug, Clone, Args)]
pub struct SourceArgs {
    /// A recording's file, a page that holds one, or a session id to fetch it from the relay
    #[arg(value_name = "FILE.dsr|SESSION")]
    pub recording: String,
    #[command(flatten)]
    #[allow(missing_docs, reason = "flattened")]
    pub reader: ReaderArgs,
}

/// Who reads recordings, and why.
#[derive(Debug, Clone, Args)]
pub struct ReaderArgs {
    /// Whose key opens what is read [default: auditor.age-identity in your configuration folder]
    #[arg(long, value_name = "AGE_IDENTITY_FILE")]
    pub identity: Option<PathBuf>,
    /// Why you need it; for a session id, and then the relay logs it
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// The organisation's public key, as 64 hexadecimal digits [default: your own organisation's]
    #[arg(long, value_name = "KEYHEX")]
    pub org: Option<String>,
}

/// Which part of it.
#[derive(Debug, Clone, Copy, Args)]
pub struct SpanArgs {
    /// From then on: 2026-11-26T14:05:00Z, or since the beginning 90 or 1:30 [default: all of it]
    #[arg(long, value_name = "TIME")]
    pub from: Option<Time>,
    /// Up to then
    #[arg(long, value_name = "TIME")]
    pub to: Option<Time>,
}

/// `deskside audit list`.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// Only of this ticket
    #[arg(long, value_name = "N")]
    pub ticket: Option<String>,
    /// Only of this technician
    #[arg(long, value_name = "LOGIN")]
    pub person: Option<String>,
    /// Only from then on: 2026-11-26 or 2026-11-26T14:05:00Z
    #[arg(long, value_name = "TIME")]
    pub from: Option<When>,
    /// Only up to then, a day as a whole
    #[arg(long, value_name = "TIME")]
    pub to: Option<When>,
}

/// `deskside audit disclose`.
#[derive(Debug, Clone, Args)]
pub struct DiscloseArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "flattened")]
    pub source: SourceArgs,
    /// Where to save the excerpt
    #[arg(short, long, value_name = "FILE.excerpt")]
    pub output: PathBuf,
    #[command(flatten)]
    #[allow(missing_docs, reason = "flattened")]
    pub span: SpanArgs,
    /// Only these: control, screen, pointer, input, clipboard, chat, shell, command, file [default: all]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = channel)]
    pub channels: Vec<Channel>,
}

fn channel(word: &str) -> Result<Channel, String> {
    Channel::all()
        .find(|channel| channel.word() == word.trim())
        .ok_or_else(|| "it is not a channel".to_owned())
}

/// `deskside audit export`.
#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "flattened")]
    pub source: SourceArgs,
    /// Where to save it
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// As what [default: by the ending of FILE]
    #[arg(long = "as", value_name = "FORM", value_enum)]
    pub form: Option<Form>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "flattened")]
    pub span: SpanArgs,
    /// For png: at which moment [default: the last picture]
    #[arg(long, value_name = "TIME")]
    pub at: Option<Time>,
    /// For pictures of the screen: without the user's pointer
    #[arg(long)]
    pub no_cursor: bool,
}
