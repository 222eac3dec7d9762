//! Events as JSON, for scripts.

use std::time::Duration;

use data_encoding::HEXLOWER;
use deskside_protocol::grant::GrantSet;
use deskside_protocol::wire::record::Reason;
use serde_json::{Value, json};

use super::{By, Event, Gone, Speaker};
use crate::consent::{Question, Standing, Visitor};

/// For scripts: one object a line, each with its `event`.
pub(super) fn lines(event: &Event<'_>) -> String {
    objects(event).iter().map(|object| format!("{object}\n")).collect()
}

fn objects(event: &Event<'_>) -> Vec<Value> {
    match event {
        Event::Code { code, expires_in } => {
            let digits = String::from_utf8_lossy(code.digits());
            vec![json!({"event": "code", "code": digits, "expires_in": expires_in})]
        }
        Event::CodeExpired => vec![json!({"event": "code_expired"})],
        Event::PairingFailed { reason, wrong_code } => {
            vec![json!({"event": "pairing_failed", "reason": reason, "wrong_code": wrong_code})]
        }
        Event::PressEnter => vec![json!({"event": "press_enter"})],
        Event::Paired { visitor, session, recorded } => {
            vec![paired(visitor, *session, *recorded)]
        }
        Event::Question { question } => vec![asked(question)],
        Event::Granted { grants, lease, by, ends_in } => {
            let by = match by {
                By::User => "user",
                By::Beforehand => "allow",
            };
            let seconds = ends_in.map(|time| time.as_secs());
            each(*grants, |grant| {
                json!({
                    "event": "grant", "grant": grant, "by": by, "lease": lease.words(),
                    "ends_in": seconds,
                })
            })
        }
        Event::Refused { grants } => {
            each(*grants, |grant| json!({"event": "refused", "grant": grant}))
        }
        Event::Action { number, technician, grant, what } => vec![json!({
            "event": "action", "number": number, "technician": technician,
            "grant": grant.word(), "what": what,
        })],
        Event::ActionOver { number } => vec![json!({"event": "action_over", "number": number})],
        Event::Said { by, text } => {
            vec![json!({"event": "said", "by": speaker(*by), "text": text})]
        }
        Event::Masking { by, on } => {
            vec![json!({"event": "masking", "by": speaker(*by), "on": on})]
        }
        Event::Narrowed { grants } => {
            vec![json!({"event": "policy", "forbidden": grants.words()})]
        }
        Event::Revoked { grants } => {
            each(*grants, |grant| json!({"event": "revoked", "grant": grant}))
        }
        Event::Resumed { visitor, session, lease, .. } => vec![json!({
            "event": "resumed", "session": session, "technician": visitor.name,
            "ticket": visitor.ticket, "lease": lease.words(),
        })],
        Event::TurnedAway { visitor } => vec![json!({
            "event": "turned_away", "technician": visitor.name, "login": visitor.login,
        })],
        Event::NotResumed { why } => vec![json!({"event": "not_resumed", "why": why})],
        Event::Gap { cause, grace, .. } => {
            let cause = match cause {
                Gone::Relay => "relay",
                Gone::Technician => "technician",
            };
            vec![json!({"event": "gap", "cause": cause, "grace_seconds": grace.as_secs()})]
        }
        Event::Back { after } => vec![json!({"event": "back", "seconds": seconds(*after)})],
        Event::Unrecorded => vec![json!({"event": "unrecorded"})],
        Event::File { direction, name, bytes, sha256, .. } => vec![json!({
            "event": "file", "direction": direction.word(), "name": name, "bytes": bytes,
            "sha256": HEXLOWER.encode(sha256),
        })],
        Event::FileFailed { direction, name, why } => vec![json!({
            "event": "file_failed", "direction": direction.word(), "name": name, "why": why,
        })],
        Event::Files { direction, files, bytes } => vec![json!({
            "event": "files", "direction": direction.word(), "files": files, "bytes": bytes,
        })],
        Event::Ended { reason } => vec![json!({"event": "ended", "reason": reason_word(*reason)})],
        Event::Notice { text } => vec![json!({"event": "notice", "text": text})],
    }
}

const fn speaker(by: Speaker<'_>) -> &'static str {
    match by {
        Speaker::User => "user",
        Speaker::Technician(_) => "technician",
    }
}

fn each(grants: GrantSet, object: impl Fn(&str) -> Value) -> Vec<Value> {
    grants.iter().map(|grant| object(grant.word())).collect()
}

fn asked(question: &Question<'_>) -> Value {
    match question {
        Question::Opening { grants, .. } => {
            json!({"event": "question", "about": "session", "grants": grants.words()})
        }
        Question::More { grant, what, once, .. } => json!({
            "event": "question", "about": "grant", "grants": [grant.word()], "what": what,
            "once": once,
        }),
        Question::Files { files, .. } => {
            let named = files.named.iter();
            let named: Vec<_> =
                named.map(|(name, bytes)| json!({"name": name, "bytes": bytes})).collect();
            json!({
                "event": "question", "about": "files", "grants": ["file"],
                "direction": files.direction.word(), "folder": files.folder, "files": named,
                "more": files.more, "bytes": files.bytes,
            })
        }
    }
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

/// A reason, for scripts: `technician_ended`.
#[must_use]
pub fn reason_word(reason: Reason) -> String {
    let name = reason.as_str_name();
    name.strip_prefix("REASON_").unwrap_or(name).to_lowercase()
}

/// Seconds with milliseconds, for scripts.
fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}
