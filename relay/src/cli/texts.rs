//! Completion scripts and the manual page, from the command line's own description.

use clap::CommandFactory as _;
use clap_complete::Shell;
use serde_json::json;

use super::args::Cli;
use super::say::Say;

pub(super) fn completions(shell: Shell, say: Say) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "deskside-relay", &mut script);
    let script = String::from_utf8(script)?;
    say.answer(&json!({"shell": shell.to_string(), "script": script}), || script.clone())
}

pub(super) fn man(say: Say) -> anyhow::Result<()> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page)?;
    let page = String::from_utf8(page)?;
    say.answer(&json!({"man": page}), || page.clone())
}
