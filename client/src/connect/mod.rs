//! A session from the technician's side, from the code to the note on the ticket.

mod ending;
mod live;
mod opening;
mod over;
mod pairing;
mod proxy;
mod tally;

use deskside_link::Leg;
use deskside_protocol::close::CloseCode;
use deskside_protocol::code::Code;
use deskside_protocol::exit::Exit;
use deskside_protocol::key::SigningKey;
use zeroize::Zeroizing;

use crate::cli::ConnectArgs;
use crate::failure::OrExit as _;
use crate::home::{Account, Home};
use crate::output::Output;
use crate::relay;

/// Who connects, and for what.
pub(crate) struct Technician<'a> {
    pub(crate) key: SigningKey,
    pub(crate) account: Account,
    pub(crate) home: &'a Home,
    pub(crate) args: ConnectArgs,
}

/// Pairs, opens the line, serves local commands, writes the note.
///
/// # Errors
/// Everything that can go wrong, each with its exit code.
pub async fn run(
    code: Zeroizing<String>,
    args: ConnectArgs,
    home: &Home,
    output: &mut Output,
) -> anyhow::Result<()> {
    // A slip of the tongue costs no attempt: nothing is sent before the check digit fits.
    let code = Code::parse(&code).or_exit_as_is(Exit::Code)?;
    let (key, account) = home.enrolled()?;
    let leg = relay::dial(&account.join, &key).await?;
    let technician = Technician { key, account, home, args };
    Box::pin(session(&technician, leg, &code, output)).await
}

async fn session(
    technician: &Technician<'_>,
    leg: Leg,
    code: &Code,
    output: &mut Output,
) -> anyhow::Result<()> {
    let meeting = match pairing::meet(technician, &leg, code).await {
        Ok(meeting) => meeting,
        Err(error) => {
            leg.close(CloseCode::Done).await;
            return Err(error);
        }
    };
    let opened = opening::open(technician, leg, meeting).await?;
    live::run(technician, opened, output).await
}
