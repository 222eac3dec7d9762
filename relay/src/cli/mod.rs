//! `deskside-relay`: flags, environment, configuration file, and what people and scripts read.
//!
//! Each command is a file of its own; none of them does more than ask the rooms of the library and
//! say what came of it. Exit codes are those that all three programs share.

mod args;
mod auditor;
mod authority;
mod config;
mod doctor;
mod people;
mod policy;
mod rotate;
mod run;
mod say;
mod texts;

use std::process::ExitCode;

use clap::Parser as _;
use deskside_protocol::exit::Exit;
use deskside_protocol::policy::PolicyError;
use thiserror::Error;

use crate::authority::AuthorityError;
use crate::enrolment::EnrolmentError;
use crate::node::{Node, NodeError, Places};
use crate::offline::OfflineError;
use crate::policy::{AuditorError, ChangeError};
use crate::rotation::RotateError;
use crate::serve::ServeError;
use args::{
    AuditorCommand, AuthorityCommand, Cli, Command, PolicyCommand, RotateCommand, TechnicianCommand,
};
use config::Wrong;
use say::Say;

/// What was asked for is not there.
#[derive(Debug, Error)]
#[error("{0}")]
struct NotThere(String);

/// The program.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let say = Say::new(cli.json);
    say::start_log();
    let ended = tokio::runtime::Runtime::new()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(run(cli, say)));
    let exit = match ended {
        Ok(exit) => exit,
        Err(error) => {
            let exit = exit_of(&error);
            say.failed(&crate::chain(error.as_ref()), exit);
            exit
        }
    };
    exit.into()
}

async fn run(cli: Cli, say: Say) -> anyhow::Result<Exit> {
    let config = config::read()?;
    match cli.command {
        Command::Completions { shell } => texts::completions(shell, say)?,
        Command::Man => texts::man(say)?,
        Command::Serve(serve) => {
            run::serve(config::settings(cli.places, *serve, config)?, say).await?
        }
        Command::Doctor => return doctor::run(config::places(cli.places, config)?, say).await,
        Command::Technician { command } => {
            let node = node(config::places(cli.places, config)?).await?;
            match command {
                TechnicianCommand::Invite { login, name, role, valid } => {
                    people::invite(&node, &login, &name, &role, valid, say).await?;
                }
                TechnicianCommand::List => people::list(&node, say).await?,
                TechnicianCommand::Unlock { login } => people::unlock(&node, &login, say).await?,
                TechnicianCommand::Revoke { login } => people::revoke(&node, &login, say).await?,
            }
        }
        Command::Authority { command } => {
            let places = config::places(cli.places, config)?;
            match command {
                AuthorityCommand::Requests { output } => {
                    authority::requests(&node(places).await?, output.as_deref(), say).await?;
                }
                AuthorityCommand::Sign { file, output, yes } => {
                    authority::sign(&places.authority, &file, &output, yes, say)?;
                }
                AuthorityCommand::Import { file } => authority::import(places, &file, say).await?,
            }
        }
        Command::Rotate { command } => {
            let places = config::places(cli.places, config)?;
            match command {
                RotateCommand::Node => rotate::node(&node(places).await?, say).await?,
                RotateCommand::Authority { output } => {
                    rotate::authority(places, output.as_deref(), say).await?;
                }
            }
        }
        Command::Auditor { command } => {
            let node = node(config::places(cli.places, config)?).await?;
            match command {
                AuditorCommand::Add { recipient } => auditor::add(&node, &recipient, say).await?,
                AuditorCommand::List => auditor::list(&node, say).await?,
                AuditorCommand::Remove { recipient } => {
                    auditor::remove(&node, recipient, say).await?;
                }
            }
        }
        Command::Policy { command } => {
            let node = node(config::places(cli.places, config)?).await?;
            match command {
                PolicyCommand::Show => policy::show(&node, say).await?,
                PolicyCommand::Set { file } => policy::set(&node, &file, say).await?,
            }
        }
    }
    Ok(Exit::Done)
}

async fn node(places: Places) -> Result<Node, NodeError> {
    Node::open(places).await
}

/// The one table from errors to exit codes.
fn exit_of(error: &anyhow::Error) -> Exit {
    if error.is::<Wrong>() {
        return Exit::Usage;
    }
    if error.is::<NotThere>() {
        return Exit::NotFound;
    }
    if let Some(NodeError::NotHere { .. }) = error.downcast_ref() {
        return Exit::NotFound;
    }
    if let Some(error) = error.downcast_ref::<ServeError>() {
        return if let ServeError::Node(NodeError::NotHere { .. }) = error {
            Exit::NotFound
        } else {
            Exit::Other
        };
    }
    if let Some(error) = error.downcast_ref::<EnrolmentError>() {
        return of_enrolment(error);
    }
    if let Some(error) = error.downcast_ref::<OfflineError>() {
        return of_offline(error);
    }
    if let Some(error) = error.downcast_ref::<RotateError>() {
        return of_rotation(error);
    }
    if let Some(AuthorityError::Away { .. }) = error.downcast_ref() {
        return Exit::NotFound;
    }
    match error.downcast_ref::<ChangeError>() {
        Some(ChangeError::Older { .. } | ChangeError::Ended(_)) => Exit::Refused,
        Some(ChangeError::Auditor { .. } | ChangeError::Organisation | ChangeError::Unknown(_)) => {
            Exit::Usage
        }
        Some(ChangeError::Policy(PolicyError::Malformed(_) | PolicyError::TooLarge)) => Exit::Usage,
        Some(ChangeError::NewAuditor(error)) => of_auditor(error),
        Some(ChangeError::NoSuchAuditor(_)) => Exit::NotFound,
        Some(ChangeError::Authority(AuthorityError::Away { .. })) => Exit::NotFound,
        Some(ChangeError::Authority(_) | ChangeError::Policy(_) | ChangeError::Store(_)) | None => {
            Exit::Other
        }
    }
}

const fn of_auditor(error: &AuditorError) -> Exit {
    match error {
        AuditorError::Missing | AuditorError::Recipient(_) => Exit::Usage,
        AuditorError::TooMany => Exit::Refused,
        AuditorError::Policy(_) => Exit::Other,
    }
}

fn of_rotation(error: &RotateError) -> Exit {
    match error {
        RotateError::Authority(AuthorityError::Away { .. })
        | RotateError::Node(NodeError::NotHere { .. }) => Exit::NotFound,
        RotateError::Pending(_) => Exit::Refused,
        RotateError::Offline(error) => of_offline(error),
        RotateError::Node(_)
        | RotateError::Authority(_)
        | RotateError::Rotation(_)
        | RotateError::Store(_)
        | RotateError::File(_) => Exit::Other,
    }
}

fn of_offline(error: &OfflineError) -> Exit {
    match error {
        OfflineError::Paper(_) => Exit::Usage,
        OfflineError::Foreign | OfflineError::Unasked(_) | OfflineError::Rotation(_) => {
            Exit::Verification
        }
        OfflineError::Outdated | OfflineError::Changed(_) => Exit::Refused,
        OfflineError::Request { source, .. } => of_enrolment(source),
        OfflineError::Policy(_) | OfflineError::Change(_) | OfflineError::Store(_) => Exit::Other,
    }
}

fn of_enrolment(error: &EnrolmentError) -> Exit {
    match error {
        EnrolmentError::Spent => Exit::Code,
        EnrolmentError::Login
        | EnrolmentError::Name
        | EnrolmentError::Key
        | EnrolmentError::Role(_) => Exit::Usage,
        EnrolmentError::LoginTaken(_)
        | EnrolmentError::KeyTaken
        | EnrolmentError::NotRenewable(_)
        | EnrolmentError::Waiting
        | EnrolmentError::Revoked => Exit::Refused,
        EnrolmentError::Auditor(error) => of_auditor(error),
        EnrolmentError::Authority(AuthorityError::Away { .. }) => Exit::NotFound,
        EnrolmentError::Authority(_) | EnrolmentError::Policy(_) | EnrolmentError::Store(_) => {
            Exit::Other
        }
    }
}
