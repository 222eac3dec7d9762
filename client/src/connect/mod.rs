//! A session, from the code to its end.

use crate::cli::ConnectArgs;
use crate::home::Home;
use crate::output::Output;
use zeroize::Zeroizing;

/// Pairs, opens the line, serves local commands, writes the note.
///
/// # Errors
/// Everything that can go wrong, each with its exit code.
#[allow(clippy::unused_async, reason = "wired with the line")]
pub async fn run(
    _code: Zeroizing<String>,
    _args: ConnectArgs,
    _home: &Home,
    _output: &mut Output,
) -> anyhow::Result<()> {
    anyhow::bail!("connect is not wired to the line yet")
}
