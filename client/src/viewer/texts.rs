//! Every sentence of the viewer, in one place.

use std::time::Duration;

use deskside_protocol::grant::Grant;
use deskside_protocol::text::visible;

use super::model::{About, Action, Away, Limit, Reading};
use crate::output::size;

pub(super) const ALONE: &str = "alone";
pub(super) const ARROWS: &str = "Arrows";
pub(super) const MONITOR_BY_NUMBER: &str = "One monitor";
pub(super) const HELP_TITLE: &str = "Shortcuts";
pub(super) const HELP_LEAD: &str = "Hold the host key and press:";
pub(super) const HELP_EDGE: &str =
    "The panel also opens when the mouse rests at the window's upper edge.";
pub(super) const ASK_CONTROL: &str = "Ask the user for control?";
pub(super) const ASK_CONTROL_WHY: &str =
    "You may look only. The user is asked whether you may use mouse and keyboard.";
pub(super) const ASK: &str = "Ask (Enter)";
pub(super) const NOT_NOW: &str = "Not now (Esc)";
pub(super) const END_QUESTION: &str = "End the session?";
pub(super) const END_WHY: &str =
    "The connection is closed and the note goes to the ticket. To connect again takes a new code.";
pub(super) const END_YES: &str = "End it (Enter)";
pub(super) const END_NO: &str = "Go on (Esc)";
pub(super) const USER_HAND: &str = "The user is using the mouse";
pub(super) const LASER_ON: &str = "Laser pointer: the user sees where you point";
pub(super) const MASKED: &str = "A password: what you type is not in the recording";
pub(super) const MASKED_BY_USER: &str = "The user wants what you type kept out of the recording";
pub(super) const RECORDED_AGAIN: &str = "What you type is in the recording again";
pub(super) const ONLY_LOOKING: &str = "This session is for looking only";
pub(super) const NO_VIEW: &str = "The user does not let you see the screen";
pub(super) const NO_VIEW_WHY: &str = "You see what was last shown. Ask for it in the panel.";
pub(super) const STOPPED: &str = "The picture has stopped";
pub(super) const STOPPED_WHY: &str =
    "The user's computer sends none. Choose a monitor to try again: the host key and 0.";
pub(super) const CHAT: &str = "Chat";
pub(super) const CHAT_EMPTY: &str = "Nothing was said yet.";
pub(super) const CHAT_HINT: &str = "Write to the user, Enter sends";
pub(super) const SEND: &str = "Send";
pub(super) const ALLOWED: &str = "Allowed";
pub(super) const ASK_FOR: &str = "Ask for";
pub(super) const WAITING: &str = "waiting for the user";
pub(super) const ALL_MONITORS: &str = "All monitors";
pub(super) const ACTUAL: &str = "1:1";
pub(super) const FIT: &str = "Fit";
pub(super) const FULL: &str = "Full screen";
pub(super) const LASER: &str = "Laser pointer";
pub(super) const MASK: &str = "Password";
pub(super) const SHOOT: &str = "Screenshot";
pub(super) const KEYS: &str = "Shortcuts";
pub(super) const END: &str = "End session";
pub(super) const MEASURING: &str = "Measuring the connection…";

pub(super) fn title(about: &About) -> String {
    let host = visible(&about.host);
    match about.host.is_empty() {
        true => "Deskside".to_owned(),
        false => format!("{host} — Deskside"),
    }
}

pub(super) fn whom(about: &About) -> String {
    let (user, host) = (visible(&about.user), visible(&about.host));
    match about.user.is_empty() {
        true => host.into_owned(),
        false => format!("{user} at {host}"),
    }
}

pub(super) fn ticket(about: &About) -> String {
    format!("Ticket {}: {}", visible(&about.ticket), visible(&about.subject))
}

pub(super) fn host_key(word: &str) -> String {
    format!("Host key: {word}")
}

pub(super) fn monitor(number: usize) -> String {
    format!("Monitor {number}")
}

pub(super) fn grant(grant: Grant) -> &'static str {
    match grant {
        Grant::View => "see the screen",
        Grant::Control => "mouse and keyboard",
        Grant::Command => "commands",
        Grant::Shell => "shell",
        Grant::File => "files",
        Grant::Clipboard => "clipboard",
        Grant::Reboot => "restart",
    }
}

pub(super) fn action(action: Action) -> String {
    match action {
        Action::Panel => "Open or close the panel".to_owned(),
        Action::Help => "These shortcuts".to_owned(),
        Action::Zoom => "Between 1:1 and fit".to_owned(),
        Action::FullScreen => "Full screen".to_owned(),
        Action::Monitor(0) => ALL_MONITORS.to_owned(),
        Action::Monitor(number) => format!("Monitor {number}"),
        Action::Pan(..) => "Move over a picture that is larger".to_owned(),
        Action::Chat => "Write to the user".to_owned(),
        Action::Screenshot => "Screenshot for the ticket".to_owned(),
        Action::Laser => "Laser pointer: show, and touch nothing".to_owned(),
        Action::Mask => "Type a password: not in the recording".to_owned(),
        Action::Ask(asked) => format!("Ask for: {}", grant(asked)),
        Action::End => "End the session".to_owned(),
    }
}

pub(super) fn asked(grant: Grant) -> String {
    format!("The user is asked: {}", self::grant(grant))
}

pub(super) fn refused(text: &str) -> String {
    let text = visible(text);
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}", letters.as_str())
}

pub(super) fn allowed(words: &str) -> String {
    format!("The user allows: {words}")
}

pub(crate) fn saved(path: &str) -> String {
    format!("Saved {}; the ticket's note names it", visible(path))
}

pub(super) const fn away(away: Away) -> &'static str {
    match away {
        Away::Relay => "The connection to the relay is interrupted",
        Away::Agent => "The user's computer cannot be reached",
    }
}

pub(super) fn countdown(left: Duration) -> String {
    if left.is_zero() {
        return "Trying again. The session ends now.".to_owned();
    }
    let seconds = left.as_secs();
    format!("Trying again. The session ends in {}:{:02}.", seconds / 60, seconds % 60)
}

pub(super) const fn limit(limit: Limit) -> &'static str {
    match limit {
        Limit::Idle => "nothing changes",
        Limit::Nothing => "nothing holds it up",
        Limit::Line => "the line is the limit",
        Limit::Here => "this computer is the limit",
        Limit::There => "the user's computer is the limit",
    }
}

pub(super) fn quality(reading: &Reading) -> String {
    let Reading { rtt, rate, frames, lost, limit: side } = reading;
    let lost = match lost {
        0 => String::new(),
        lost => format!(" · {}.{} % lost", lost / 10, lost % 10),
    };
    let micros = rtt.as_micros();
    let rtt = match micros {
        0..10_000 => format!("{}.{} ms", micros / 1000, micros / 100 % 10),
        _ => format!("{} ms", micros / 1000),
    };
    format!("{rtt} · {}/s · {frames} frames/s{lost} · {}", size(*rate), limit(*side))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_is_one_line() {
        let reading = Reading {
            rtt: Duration::from_micros(1_234),
            rate: 2048,
            frames: 30,
            lost: 15,
            limit: Limit::Line,
        };
        assert_eq!(
            quality(&reading),
            "1.2 ms · 2.0 KiB/s · 30 frames/s · 1.5 % lost · the line is the limit"
        );
        assert!(countdown(Duration::from_secs(272)).ends_with("4:32."));
    }

    #[test]
    fn what_the_user_said_drives_nothing() {
        assert_eq!(refused("no\u{1b}[2J"), "No\u{fffd}[2J");
    }
}
