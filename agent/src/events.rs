//! What happens, told in one of two forms: calm words for the person in front of the computer, or
//! one JSON object a line for scripts. Nothing else of the agent prints to standard output.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use deskside_protocol::code::Code;
use deskside_protocol::grant::{Grant, GrantSet};
use deskside_protocol::text::visible;
use deskside_protocol::wire::record::Reason;
use serde_json::{Value, json};

use crate::consent::{Standing, Visitor, in_words};

/// Who granted something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The user, asked.
    User,
    /// `--allow`.
    Beforehand,
}

/// Something that the user or a script is told.
#[allow(missing_debug_implementations, reason = "it may hold a code, which never reaches a log")]
pub enum Event<'a> {
    /// A code can be read aloud.
    Code {
        /// All twelve digits.
        code: &'a Code,
        /// Seconds that it lives.
        expires_in: u32,
    },
    /// The code's time is up; another follows.
    CodeExpired,
    /// Somebody used the code and could not prove what he should; another follows.
    PairingFailed {
        /// In plain words.
        reason: &'a str,
    },
    /// After several failed runs: the next code waits for the Enter key.
    PressEnter,
    /// The technician has proved who he is.
    Paired {
        /// Who, verified.
        visitor: &'a Visitor,
        /// The session's id, where one is known.
        session: Option<&'a str>,
        /// Whether the relay records.
        recorded: bool,
    },
    /// Grants were given.
    Granted {
        /// Those that are new.
        grants: GrantSet,
        /// All that hold now.
        lease: GrantSet,
        /// Who gave them.
        by: By,
    },
    /// The user said no.
    Refused {
        /// To these.
        grants: GrantSet,
    },
    /// The technician does something.
    Action {
        /// His name.
        technician: &'a str,
        /// Under which grant.
        grant: Grant,
        /// What, in plain words or as typed; made safe already.
        what: &'a str,
    },
    /// Grants were taken back.
    Revoked {
        /// These.
        grants: GrantSet,
    },
    /// The connection is lost or back.
    Connection {
        /// Whether it is there.
        present: bool,
    },
    /// The session is over.
    Ended {
        /// Why.
        reason: Reason,
    },
    /// Anything else that the user should read.
    Notice {
        /// In plain words.
        text: &'a str,
    },
}

enum Form {
    People,
    Json,
}

/// Where events are told.
pub struct Show {
    form: Form,
    out: Mutex<Box<dyn Write + Send>>,
}

impl std::fmt::Debug for Show {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Show").finish_non_exhaustive()
    }
}

impl Show {
    /// Tells people, in words.
    pub fn people(out: impl Write + Send + 'static) -> Self {
        Self { form: Form::People, out: Mutex::new(Box::new(out)) }
    }

    /// Tells scripts, one JSON object a line.
    pub fn json(out: impl Write + Send + 'static) -> Self {
        Self { form: Form::Json, out: Mutex::new(Box::new(out)) }
    }

    /// Tells one event, at once.
    pub fn tell(&self, event: &Event<'_>) {
        let text = match self.form {
            Form::People => words(event),
            Form::Json => lines(event),
        };
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            tracing::debug!(%error, "cannot print an event");
        }
    }
}

/// For people. Each event ends with a line break.
fn words(event: &Event<'_>) -> String {
    match event {
        Event::Code { code, expires_in } => code_in_words(code, *expires_in),
        Event::CodeExpired => "  These digits are no longer valid. Here are new ones.\n".to_owned(),
        Event::PairingFailed { reason } => {
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
        Event::Granted { grants, by, .. } => {
            let by = match by {
                By::User => "You allowed your technician to:",
                By::Beforehand => "Allowed when this program was started:",
            };
            format!("\n  {by}\n{}  To stop at any time, press Ctrl-C.\n\n", list(*grants))
        }
        Event::Refused { grants } => format!("  Not allowed:\n{}", list(*grants)),
        Event::Action { technician, grant, what } => action(&visible(technician), *grant, what),
        Event::Revoked { grants } => format!("  No longer allowed:\n{}", list(*grants)),
        Event::Connection { present: false } => {
            "  The connection is lost. Waiting for it to come back ...\n".to_owned()
        }
        Event::Connection { present: true } => "  The connection is back.\n".to_owned(),
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

fn action(technician: &str, grant: Grant, what: &str) -> String {
    let does = match grant {
        Grant::View => "looks at",
        Grant::Control => "uses mouse and keyboard:",
        Grant::Command => "runs:",
        Grant::Shell => "opens a command window:",
        Grant::File => "moves a file:",
        Grant::Clipboard => "uses the clipboard:",
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
        Reason::TechnicianLost => "your technician could not be reached any more",
        Reason::AgentLost => "this computer could not be reached any more",
        Reason::RelayStopped => "the server in the middle was stopped",
        Reason::RecordingFailed => "it could not be recorded, and it must be",
        Reason::NotSealed => "the recording could not be protected, and it must be",
    }
}

/// A reason, for scripts: `technician_ended`.
#[must_use]
pub fn reason_word(reason: Reason) -> String {
    let name = reason.as_str_name();
    name.strip_prefix("REASON_").unwrap_or(name).to_lowercase()
}

/// For scripts: one object a line, each with its `event`.
fn lines(event: &Event<'_>) -> String {
    objects(event).iter().map(|object| format!("{object}\n")).collect()
}

fn objects(event: &Event<'_>) -> Vec<Value> {
    match event {
        Event::Code { code, expires_in } => {
            let digits = String::from_utf8_lossy(code.digits());
            vec![json!({"event": "code", "code": digits, "expires_in": expires_in})]
        }
        Event::CodeExpired => vec![json!({"event": "code_expired"})],
        Event::PairingFailed { reason } => {
            vec![json!({"event": "pairing_failed", "reason": reason})]
        }
        Event::PressEnter => vec![json!({"event": "press_enter"})],
        Event::Paired { visitor, session, recorded } => {
            vec![paired(visitor, *session, *recorded)]
        }
        Event::Granted { grants, lease, by } => {
            let by = match by {
                By::User => "user",
                By::Beforehand => "allow",
            };
            each(
                *grants,
                |grant| json!({"event": "grant", "grant": grant, "by": by, "lease": lease.words()}),
            )
        }
        Event::Refused { grants } => {
            each(*grants, |grant| json!({"event": "refused", "grant": grant}))
        }
        Event::Action { technician, grant, what } => vec![
            json!({"event": "action", "technician": technician, "grant": grant.word(), "what": what}),
        ],
        Event::Revoked { grants } => {
            each(*grants, |grant| json!({"event": "revoked", "grant": grant}))
        }
        Event::Connection { present } => vec![json!({"event": "connection", "present": present})],
        Event::Ended { reason } => vec![json!({"event": "ended", "reason": reason_word(*reason)})],
        Event::Notice { text } => vec![json!({"event": "notice", "text": text})],
    }
}

fn each(grants: GrantSet, object: impl Fn(&str) -> Value) -> Vec<Value> {
    grants.iter().map(|grant| object(grant.word())).collect()
}

fn paired(visitor: &Visitor, session: Option<&str>, recorded: bool) -> Value {
    json!({
        "event": "paired",
        "technician": visitor.name,
        "login": visitor.login,
        "organisation": visitor.organisation,
        "organisation_known": visitor.standing == Standing::Known,
        "ticket": visitor.ticket,
        "subject": visitor.subject,
        "session": session,
        "recorded": recorded,
        "verified": true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visitor() -> Visitor {
        Visitor {
            organisation: "Example IT".to_owned(),
            standing: Standing::Known,
            name: "Alice Ng".to_owned(),
            login: "alice".to_owned(),
            ticket: "17".to_owned(),
            subject: "Printer".to_owned(),
        }
    }

    /// The twelve digits with a fitting check digit.
    fn code() -> Code {
        (0..10).find_map(|digit| Code::parse(&format!("48219302756{digit}")).ok()).unwrap()
    }

    #[test]
    fn scripts_get_the_lines_of_cli_md() {
        let code = code();
        let line = lines(&Event::Code { code: &code, expires_in: 600 });
        let digits = std::str::from_utf8(code.digits()).unwrap();
        let object: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(object, json!({"event": "code", "code": digits, "expires_in": 600}));

        let line = lines(&Event::Paired { visitor: &visitor(), session: None, recorded: true });
        let object: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(object["event"], "paired");
        assert_eq!(object["technician"], "Alice Ng");
        assert_eq!(object["verified"], true);

        let line = lines(&Event::Ended { reason: Reason::TechnicianEnded });
        assert_eq!(line, "{\"event\":\"ended\",\"reason\":\"technician_ended\"}\n");
    }

    #[test]
    fn each_grant_has_a_line_of_its_own() {
        let grants = GrantSet::parse("view,command").unwrap();
        let text = lines(&Event::Granted { grants, lease: grants, by: By::Beforehand });
        let words: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["grant"].clone())
            .collect();
        assert_eq!(words, ["view", "command"]);
    }

    #[test]
    fn people_read_the_code_in_groups_and_the_action_in_words() {
        let code = code();
        let text = words(&Event::Code { code: &code, expires_in: 600 });
        assert!(text.contains("Read these digits to your technician"));
        assert!(text.contains(code.grouped().as_str()));
        assert!(text.contains("10 minutes"));
        let event =
            Event::Action { technician: "Alice Ng", grant: Grant::Command, what: "ip route" };
        assert_eq!(words(&event), "  Alice Ng runs: ip route\n");
    }

    #[test]
    fn peer_text_cannot_move_the_cursor() {
        let event = Event::PairingFailed { reason: "\x1b[2J" };
        assert!(!words(&event).contains('\x1b'));
        let mut visitor = visitor();
        visitor.name = "\x1b]0;x\x07".to_owned();
        assert!(
            !words(&Event::Paired { visitor: &visitor, session: None, recorded: true })
                .contains('\x1b')
        );
    }
}
