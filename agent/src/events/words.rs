//! Events in calm words, for the person in front of the computer.

use std::time::Duration;

use deskside_files::Size;
use deskside_protocol::code::Code;
use deskside_protocol::grant::{Grant, GrantSet};
use deskside_protocol::text::visible;
use deskside_protocol::wire::record::Reason;

use super::{By, Event, Gone, Speaker};
use crate::consent::{Direction, in_words};

/// For people. Each event ends with a line break.
pub(super) fn words(event: &Event<'_>) -> String {
    match event {
        Event::Code { code, expires_in } => code_in_words(code, *expires_in),
        Event::CodeExpired => "  These digits are no longer valid. Here are new ones.\n".to_owned(),
        Event::PairingFailed { reason, .. } => {
            format!(
                "  Somebody tried to connect and failed: {}.\n  Nobody is connected.\n",
                visible(reason)
            )
        }
        Event::PressEnter => "\n  Several attempts to connect have failed.\n  \
            Ask your technician what happened. Press Enter to show new digits.\n"
            .to_owned(),
        Event::Paired { visitor, recorded, .. } => format!(
            "\n  {} ({}) from {} is at the door. Ticket {}: {}\n  {}\n",
            visible(&visitor.name),
            visible(&visitor.login),
            visible(&visitor.organisation),
            visible(&visitor.ticket),
            visible(&visitor.subject),
            if *recorded {
                "The session is recorded. Only the help desk's auditors can open the recording."
            } else {
                "The session is not recorded."
            },
        ),
        Event::Granted { grants, by, ends_in, .. } => {
            let by = match by {
                By::User => "You allowed your technician to:",
                By::Beforehand => "Allowed when this program was started:",
            };
            let ends = ends_in.map_or_else(String::new, |ends| {
                format!("  It is taken back by itself after {}.\n", time(ends))
            });
            format!("\n  {by}\n{}{ends}  To stop at any time, press Ctrl-C.\n\n", list(*grants))
        }
        Event::Refused { grants } => format!("  Not allowed:\n{}", list(*grants)),
        Event::Action { technician, grant, what, .. } => action(&visible(technician), *grant, what),
        Event::ActionOver { .. } | Event::Question { .. } => String::new(),
        Event::Said { by: Speaker::User, text } => format!("  You: {text}\n"),
        Event::Said { by: Speaker::Technician(name), text } => {
            format!("  {}: {text}\n", visible(name))
        }
        Event::Masking { by, on } => masking(*by, *on),
        Event::Narrowed { grants } => format!(
            "  Your help desk's rules changed. Not possible in this session any more:\n{}",
            list(*grants)
        ),
        Event::Revoked { grants } => format!("  No longer allowed:\n{}", list(*grants)),
        Event::Resumed { visitor, .. } => format!(
            "\n  Going on with the session of {} (ticket {}).\n  To stop at any time, press Ctrl-C.\n\n",
            visible(&visitor.name),
            visible(&visitor.ticket),
        ),
        Event::TurnedAway { visitor } => format!(
            "\n  {} ({}) is blocked on this computer and was refused. Nothing was shown or done.\n",
            visible(&visitor.name),
            visible(&visitor.login),
        ),
        Event::NotResumed { why } => format!("\n  {}.\n", sentence(why)),
        Event::Gap { cause, technician, grace } => gap(*cause, &visible(technician), *grace),
        Event::Back { after } => format!("  The connection is back after {}.\n", time(*after)),
        Event::Unrecorded => "  From here on the session is not recorded: \
            the help desk's server cannot write it down.\n"
            .to_owned(),
        Event::File { direction, name, bytes, named: true, .. } => {
            format!("  {} {} ({}).\n", moved(*direction), visible(name), Size(*bytes))
        }
        Event::File { named: false, .. } => String::new(),
        Event::Files { direction, files, bytes } => {
            format!("  {} {files} files ({}).\n", moved(*direction), Size(*bytes))
        }
        Event::FileFailed { direction, name, why } => {
            format!("  Not {}: {}: {}.\n", direction.word(), visible(name), visible(why))
        }
        Event::Ended { reason } => format!(
            "\n  The session is over: {}.\n  Nobody is connected to this computer any more.\n",
            reason_in_words(*reason)
        ),
        Event::Notice { text } => format!("  {text}\n"),
    }
}

fn code_in_words(code: &Code, expires_in: u32) -> String {
    let grouped = code.grouped();
    let large: String = grouped.chars().flat_map(|digit| [digit, ' ']).collect();
    let large = large.trim_end();
    let edge = "-".repeat(large.len() + 6);
    format!(
        "\n  Read these digits to your technician:\n\n    +{edge}+\n    |   {large}   |\n    +{edge}+\n\n  \
         That is {}. They are valid for {} minutes.\n  \
         Give them only to a help desk that you called yourself. To stop, press Ctrl-C.\n",
        *grouped,
        expires_in.div_ceil(60),
    )
}

fn masking(by: Speaker<'_>, on: bool) -> String {
    match by {
        _ if !on => "  What is typed is in the recording again.\n".to_owned(),
        Speaker::Technician(name) => format!(
            "  {} types a password now: what is typed is not in the recording.\n",
            visible(name)
        ),
        Speaker::User => "  What your technician types is not in the recording, for two minutes \
             at most. The screen is.\n"
            .to_owned(),
    }
}

fn gap(cause: Gone, technician: &str, grace: Duration) -> String {
    let ends = time(grace);
    match cause {
        Gone::Relay => format!(
            "  The connection to the help desk is interrupted. \
             Nothing is lost; it goes on by itself, or ends in {ends}.\n"
        ),
        Gone::Technician => format!(
            "  {technician} is not connected at the moment. \
             It goes on by itself, or ends in {ends}.\n"
        ),
    }
}

/// With a capital letter.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// "5 minutes", "40 seconds".
fn time(time: Duration) -> String {
    let whole =
        if time.as_secs() >= 60 { time.as_secs().div_ceil(60) } else { time.as_secs().max(1) };
    let unit = if time.as_secs() >= 60 { "minute" } else { "second" };
    format!("{whole} {unit}{}", if whole == 1 { "" } else { "s" })
}

const fn moved(direction: Direction) -> &'static str {
    match direction {
        Direction::Received => "Received",
        Direction::Sent => "Sent",
    }
}

fn action(technician: &str, grant: Grant, what: &str) -> String {
    let does = match grant {
        Grant::View => "looks at",
        Grant::Control => "uses",
        Grant::Command => "runs:",
        Grant::Shell => "opens a command window:",
        Grant::File => "asks this computer to",
        Grant::Clipboard => "reads and changes",
        Grant::Reboot => "restarts this computer:",
    };
    format!("  {technician} {does} {what}\n")
}

fn list(grants: GrantSet) -> String {
    grants.iter().map(|grant| format!("    - {}\n", in_words(grant))).collect()
}

/// A reason, for people.
#[must_use]
pub const fn reason_in_words(reason: Reason) -> &'static str {
    match reason {
        Reason::Unspecified => "it ended",
        Reason::TechnicianEnded => "your technician ended it",
        Reason::UserEnded => "you ended it",
        Reason::UserRefused => "you refused",
        Reason::NotAsked => "you did not ask for it, and your help desk has been told",
        Reason::TechnicianLost => "your technician could not be reached any more",
        Reason::AgentLost => "this computer could not be reached any more",
        Reason::RelayStopped => "the server in the middle was stopped",
        Reason::RecordingFailed => "it could not be recorded, and it must be",
        Reason::NotSealed => "the recording could not be protected, and it must be",
        Reason::Disputed => "the two programs do not agree on what went between them",
        Reason::RecordingFull => "the recording is as long as your help desk's rules let it become",
        Reason::TechnicianRevoked => "the organisation no longer lets your technician help",
        Reason::TechnicianExpired => "the time for which your technician may help has passed",
    }
}
