//! Happenings in words, as the list of the page shows them.
#![allow(clippy::wildcard_enum_match_arm, reason = "each function has a part of all that happens")]

use data_encoding::HEXLOWER;
use deskside_protocol::close::CloseCode;
use deskside_protocol::grant::Grant;
use deskside_protocol::session::End;
use deskside_protocol::text::visible;
use deskside_protocol::wire::record::Reason;
use deskside_story::{Allowance, FileEnd, Happening, Input, Outcome, Scope, Seen, What};
use serde_json::{Value, json};

use crate::output::size;
use crate::seek::line;

/// Characters of a title at the most; all of it is found by search, or opened.
const MAX_TITLE: usize = 300;

/// What the page is told: something for the list, or what became of something there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Telling {
    /// A row of its own.
    Row {
        /// Which filter it belongs to.
        kind: &'static str,
        title: String,
        /// More, which only this kind has.
        more: Value,
    },
    /// The end of a row that stands there.
    End {
        of: u64,
        /// Whether it went well; `None` where nobody knows.
        well: Option<bool>,
        words: String,
        more: Value,
    },
}

/// What of it is shown; nothing for the parts of something that is shown.
pub(crate) fn telling(happening: &Happening) -> Option<Telling> {
    let from = happening.from;
    let what = &happening.what;
    session(from, what)
        .or_else(|| consent(from, what))
        .or_else(|| work(from, what))
        .or_else(|| hands(what))
}

fn row(kind: &'static str, title: &str) -> Option<Telling> {
    more(kind, title, Value::Null)
}

fn more(kind: &'static str, title: &str, more: Value) -> Option<Telling> {
    Some(Telling::Row { kind, title: short(title), more })
}

/// Words of an end as they may be shown: harmless, and no more of them than fit a row.
pub(super) fn short(words: &str) -> String {
    let mut short: String = visible(words).chars().take(MAX_TITLE).collect();
    if words.chars().nth(MAX_TITLE).is_some() {
        short.push('…');
    }
    short
}

/// What the relay says that it saw.
fn relay(from: End, seen: &Seen) -> String {
    let whose = if from == End::Agent { "the user's computer" } else { "the technician" };
    match seen {
        Seen::Lost => format!("The relay lost its connection with {whose}"),
        Seen::Back(detail) => format!("The relay has {whose} back {detail}"),
        Seen::Moved => format!("To the relay {whose} came from another address"),
        Seen::Dropped(count) => format!("The relay did not forward {count} packets"),
        Seen::Killed => "The relay was ended".to_owned(),
        Seen::Recovered(_) => "The relay was killed, and went on from here".to_owned(),
        Seen::FilesLine(_) => {
            "The relay opened a line for bodies of files, which are not in the recording".to_owned()
        }
    }
}

fn session(from: End, what: &What) -> Option<Telling> {
    match what {
        What::LineOpened(suite) => row("session", &format!("The line stands ({suite})")),
        What::LineClosed(closed) => {
            let code = closed.application.then(|| CloseCode::from_number(closed.code)).flatten();
            let why = code.map_or("for a reason of the network", CloseCode::sentence);
            row("session", &format!("The line was closed: {why}"))
        }
        What::Relay(seen) => row("gap", &relay(from, seen)),
        What::Gap { since_us } => {
            let title = "No line stood: nothing passed between the two computers";
            more("gap", title, json!({"since": since_us}))
        }
        What::Ending(reason) => row("session", &format!("The session is over: {}", why(*reason))),
        What::NotUnderstood { channel, why } => {
            let place = channel.map_or_else(String::new, |it| format!(" on {}", it.word()));
            row("trouble", &format!("Not understood{place}: {why}"))
        }
        What::Newer { channel } => {
            let channel = channel.word();
            row("trouble", &format!("A message on {channel} that this version does not know"))
        }
        What::Disputed { what, party, grave } => {
            let kind = if *grave { "trouble" } else { "session" };
            row(kind, &format!("{what}. This points at {party}."))
        }
        _ => None,
    }
}

fn consent(from: End, what: &What) -> Option<Telling> {
    match what {
        What::Introduced { requested, software } => {
            row("consent", &format!("{software} wishes to {}", words(requested)))
        }
        What::Asked { grants, why } if why.is_empty() => {
            row("consent", &format!("Asked for {}", words(grants)))
        }
        What::Asked { grants, why } => {
            row("consent", &format!("Asked for {}: {why}", words(grants)))
        }
        What::Allowed { terms, new, computer } => {
            let all: Vec<&str> = terms.iter().map(|term| term.grant.word()).collect();
            let computer = computer.as_ref().map(|computer| {
                json!({"name": short(&computer.hostname), "user": short(&computer.user),
                    "system": short(&computer.system)})
            });
            more("consent", &allowed(terms, new), json!({"in_force": all, "computer": computer}))
        }
        What::TakenBack { grants, expired: true } => {
            row("consent", &format!("The time of {} was over", words(grants)))
        }
        What::TakenBack { grants, expired: false } => {
            row("consent", &format!("Took back {}", words(grants)))
        }
        What::Refused(refused) => {
            let who = if from == End::Agent { "Refused" } else { "The technician refused" };
            let text = if refused.text.is_empty() { "without a word" } else { &refused.text };
            more("consent", &format!("{who}: {text}"), json!({"about": refused.of}))
        }
        _ => None,
    }
}

/// Commands, files, words.
fn work(from: End, what: &What) -> Option<Telling> {
    match what {
        What::Command { argv, timeout_ms } => {
            more("command", &line(argv), json!({"timeout_ms": timeout_ms}))
        }
        What::CommandEnded { of, how } => end(*of, *how, "exit "),
        What::Transfer { to_agent, path, files, bytes, apart } => {
            let way = if *to_agent { "to the user's computer" } else { "from the user's computer" };
            let path = if path.is_empty() { String::new() } else { format!(": {path}") };
            let much =
                if *files > 0 { format!(" ({files}, {})", size(*bytes)) } else { String::new() };
            let where_to = if *apart { "; their bodies are not in the recording" } else { "" };
            row("file", &format!("Files {way}{path}{much}{where_to}"))
        }
        What::TransferEnded { of, how } => end(*of, *how, ""),
        What::File { of, path, size: bytes, folder } => {
            let title =
                if *folder { format!("{path}/") } else { format!("{path} ({})", size(*bytes)) };
            more("file", &title, json!({"in": of}))
        }
        What::FileEnded(end) => Some(landed(end)),
        What::FileSkipped { of, path, why } => {
            more("file", &format!("Left out: {path}: {why}"), json!({"in": of}))
        }
        What::Said { text } => row("chat", text),
        What::Copied { text } => {
            let way = if from == End::Agent { "from" } else { "to" };
            row("clipboard", &format!("Copied {way} the user's computer: {text}"))
        }
        What::Screenshot { width, height, bytes, .. } => {
            let title = format!("A picture of the screen, {width} × {height}, {}", size(*bytes));
            more("screen", &title, json!({"picture": true}))
        }
        _ => None,
    }
}

/// The screen, mouse and keyboard.
fn hands(what: &What) -> Option<Telling> {
    match what {
        What::Input(input) => typed(input),
        What::Masking => row("masked", "A password: what is typed is in no recording"),
        What::MaskingEnded { of, messages, bytes } => {
            let words = if *messages == 0 {
                "nothing was typed".to_owned()
            } else {
                format!("{messages} messages, at most {}", size(bytes - messages.min(bytes)))
            };
            Some(Telling::End { of: *of, well: None, words, more: Value::Null })
        }
        What::Masked { of, .. } => {
            more("masked", "An argument of the command is in no recording", json!({"in": of}))
        }
        What::Hand { user: true } => row("input", "The user's own hand is on mouse and keyboard"),
        What::Hand { user: false } => row("input", "The user's hands rest"),
        What::Pointed { until_us, .. } => {
            more("input", "Showed a place on the screen", json!({"until": until_us}))
        }
        What::Watch { hidden: true, .. } => row("screen", "Looks at the screen no more"),
        What::Watch { monitor: 0, .. } => row("screen", "Looks at the whole desktop"),
        What::Watch { monitor, .. } => row("screen", &format!("Looks at monitor {monitor}")),
        What::Screen { width, height, monitors, .. } => {
            let of = if monitors.len() > 1 {
                format!(", one of {} monitors", monitors.len())
            } else {
                String::new()
            };
            row("screen", &format!("The screen has {width} × {height} pixels{of}"))
        }
        _ => None,
    }
}

fn typed(input: &Input) -> Option<Telling> {
    let (typed, clicks) = (input.typed(), input.clicks());
    let mut title = if typed.is_empty() { String::new() } else { format!("Typed {typed}") };
    if clicks > 0 {
        let clicks = if clicks == 1 { "a click".to_owned() } else { format!("{clicks} clicks") };
        title = if title.is_empty() { clicks } else { format!("{title}, and {clicks}") };
    }
    if title.is_empty() {
        "Turned the wheel".clone_into(&mut title);
    }
    let mut letters = title.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    more("input", &format!("{first}{}", letters.as_str()), json!({"until": input.until_us}))
}

fn landed(end: &FileEnd) -> Telling {
    let sha256 = short(&HEXLOWER.encode(&end.sha256));
    let (well, words) = match &end.landed {
        Ok(()) if end.apart => (true, format!("arrived; not in the recording; SHA-256 {sha256}")),
        Ok(()) => (true, "arrived".to_owned()),
        Err(why) => (false, format!("did not arrive: {}", short(why))),
    };
    let more = json!({"sha256": sha256, "size": end.size, "sent": end.sent,
        "recorded": !end.apart});
    Telling::End { of: end.of, well: Some(well), words, more }
}

#[allow(clippy::unnecessary_wraps, reason = "one arm of a match that gives nothing elsewhere")]
fn end(of: u64, how: Outcome, exit: &str) -> Option<Telling> {
    let (well, words) = match how {
        Outcome::Exited(0) if exit.is_empty() => (Some(true), "all was answered".to_owned()),
        Outcome::Exited(code) => (Some(code == 0), format!("{exit}{code}")),
        Outcome::Killed(signal) => (Some(false), format!("killed by signal {signal}")),
        Outcome::TimedOut => (Some(false), "its time was over".to_owned()),
        Outcome::Refused => (Some(false), "refused".to_owned()),
        Outcome::BrokenOff { by: End::Technician, .. } => {
            (Some(false), "broken off by the technician".to_owned())
        }
        Outcome::BrokenOff { by: End::Agent, .. } => {
            (Some(false), "broken off by the user's computer".to_owned())
        }
        Outcome::Unknown => (None, "how it ended is not in the recording".to_owned()),
    };
    Some(Telling::End { of, well, words, more: Value::Null })
}

fn words(grants: &[Grant]) -> String {
    if grants.is_empty() {
        return "nothing".to_owned();
    }
    grants.iter().map(|grant| grant.word()).collect::<Vec<_>>().join(", ")
}

/// What is allowed now, of which `new` is new; the first word on another line has nothing new in it.
fn allowed(terms: &[Allowance], new: &[Grant]) -> String {
    let list = |wanted: &dyn Fn(&Allowance) -> bool| {
        terms.iter().filter(|term| wanted(term)).map(allowance).collect::<Vec<_>>().join(", ")
    };
    match (terms, new) {
        ([], _) => "Nothing is allowed".to_owned(),
        (_, []) => format!("Still allowed: {}", list(&|_| true)),
        _ => format!("Allowed {}", list(&|term| new.contains(&term.grant))),
    }
}

fn allowance(term: &Allowance) -> String {
    let word = term.grant.word();
    match (term.scope, term.ends_in) {
        (Scope::Once, _) => format!("{word} once"),
        (Scope::Session, 0) => format!("{word} for the session"),
        (Scope::Session, seconds) if seconds % 60 == 0 => {
            format!("{word} for {} min", seconds / 60)
        }
        (Scope::Session, seconds) => format!("{word} for {seconds} s"),
    }
}

const fn why(reason: Reason) -> &'static str {
    match reason {
        Reason::TechnicianEnded => "the technician ended it",
        Reason::UserEnded => "the user ended it",
        Reason::UserRefused => "the user refused",
        Reason::TechnicianLost => "the technician's computer was lost",
        Reason::AgentLost => "the user's computer was lost",
        Reason::RelayStopped => "the relay was stopped",
        Reason::RecordingFailed => "it could not be recorded any more",
        Reason::NotSealed => "its keys could not be sealed for the auditors",
        Reason::NotAsked => "the user had not asked for help",
        Reason::Disputed => "an end stated what is not true, says the other",
        Reason::TechnicianRevoked => "the technician was revoked",
        Reason::TechnicianExpired => "the technician's certificate ran out",
        Reason::RecordingFull => "the recording was as long as it may be",
        Reason::Unspecified => "no reason was given",
    }
}

#[cfg(test)]
mod tests;
