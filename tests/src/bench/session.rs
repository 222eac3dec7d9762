//! `bench session`: enrols somebody at a relay that runs already, starts an agent and a technician's
//! program, and holds the session open until SIGTERM: the ends of a comparison in which the relay is
//! a daemon of its own. Prints one line, `ready SESSION`, when files may be sent.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args as Parse, ValueEnum};
use deskside_protocol::policy::{Policy, Recording};
use tokio::signal::unix::{SignalKind, signal};

use crate::agent::{Agent, Wish};
use crate::relay::{beside, change_policy};
use crate::technician::{Session, Technician};

/// A relay that was just started needs its first start's keys and database.
const TRIES: u32 = 300;
const PAUSE: Duration = Duration::from_millis(100);

/// Where everything is.
#[derive(Debug, Parse)]
pub(super) struct Args {
    /// The relay's data folder
    #[arg(long)]
    data: PathBuf,
    /// The technician's folder, which `DESKSIDE_HOME` of `deskside cp` then names
    #[arg(long)]
    home: PathBuf,
    /// The agent's folder for files
    #[arg(long)]
    files: PathBuf,
    /// What the policy says of recordings
    #[arg(long, value_enum, default_value_t = Rule::Required)]
    recording: Rule,
    /// Network namespace of the agent
    #[arg(long)]
    agent_netns: Option<String>,
    /// Network namespace of the technician
    #[arg(long)]
    technician_netns: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Rule {
    Required,
    BestEffort,
    Off,
}

/// Makes the session and holds it.
pub(super) async fn run(args: &Args) -> anyhow::Result<()> {
    let mut terminated = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let token = invited(args).await?;
    let rule = match args.recording {
        Rule::Required => Recording::Required,
        Rule::BestEffort => Recording::BestEffort,
        Rule::Off => Recording::Off,
    };
    let made = tokio::task::block_in_place(|| made(args, &token, |policy| policy.recording = rule));
    let (_agent, session) = made?;
    println!("ready {}", session.id());
    terminated.recv().await;
    Ok(())
}

async fn invited(args: &Args) -> anyhow::Result<String> {
    let words = ["technician", "invite", "bench", "--name", "Bench"];
    let words = [&words[..], &["--role", "technician,auditor"]].concat();
    let mut last = None;
    for _ in 0..TRIES {
        let invited = tokio::task::block_in_place(|| beside(&args.data, &words))?;
        match invited.done() {
            Ok(told) => {
                return Ok(told["token"].as_str().context("find a token")?.to_owned());
            }
            Err(error) => last = Some(error),
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(last.context("ask at all")?).context("find a relay in that folder")
}

fn made(
    args: &Args,
    token: &str,
    rule: impl FnOnce(&mut Policy),
) -> anyhow::Result<(Agent, Session)> {
    let technician = Technician::new(&args.home).within(args.technician_netns.as_deref());
    technician.typing(&["enroll", "-"], token)?.done()?;
    change_policy(&args.data, rule)?;
    let account = std::fs::read(args.home.join("account.json")).context("read the account")?;
    let account: serde_json::Value = serde_json::from_slice(&account).context("read it")?;
    let join = account["join"].as_str().context("find the join link")?;
    let ticket = technician.ticket("A bench")?;
    let wish = Wish {
        allow: "view,command,file",
        folder: Some(&args.files),
        netns: args.agent_netns.as_deref(),
        ..Wish::default()
    };
    let mut agent = Agent::start(&args.home.with_extension("agent"), join, &wish)?;
    let code = agent.code()?;
    let session = technician.held(technician.connecting_for("file", &code, &ticket)?)?;
    Ok((agent, session))
}
