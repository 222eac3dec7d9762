//! What is made of recordings, on the command line.

use std::path::PathBuf;

use clap::Args;

/// Which recording, and who reads it.
#[derive(Debug, Clone, Args)]
pub struct SourceArgs {
    /// A recording's file, or a session id to fetch it from the relay
    #[arg(value_name = "FILE.dsr|SESSION")]
    pub recording: String,
    /// Whose key opens it [default: auditor.age-identity in your configuration folder]
    #[arg(long, value_name = "AGE_IDENTITY_FILE")]
    pub identity: Option<PathBuf>,
    /// Why you need it; for a session id, and then the relay logs it
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// The organisation's public key, as 64 hexadecimal digits [default: your own organisation's]
    #[arg(long, value_name = "KEYHEX")]
    pub org: Option<String>,
}
