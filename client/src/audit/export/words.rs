//! A happening for a program: one JSON object with its time, who, and what.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "said() names all of them, and each of the rest its own"
)]

use data_encoding::{BASE64, HEXLOWER};
use deskside_protocol::channel::Channel;
use deskside_protocol::grant::Grant;
use deskside_story::{
    Act, Allowance, FileEnd, Happening, Input, Monitor, Outcome, Scope, Seen, What, key_name,
};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// Microseconds since 1970-01-01 UTC as RFC 3339, to the microsecond.
pub(in crate::audit) fn instant(time_us: u64) -> String {
    let time = i64::try_from(time_us).ok().and_then(|time| Timestamp::from_microsecond(time).ok());
    time.map_or_else(|| time_us.to_string(), |time| format!("{time:.6}"))
}

/// One object; `None` for parts of pictures.
pub(in crate::audit) fn event(happening: &Happening) -> Option<Value> {
    let (word, more) = said(&happening.what)?;
    let mut event = Map::new();
    event.insert("time".to_owned(), instant(happening.time_us).into());
    event.insert("what".to_owned(), word.into());
    event.insert("from".to_owned(), happening.from.to_string().into());
    event.insert("line".to_owned(), happening.line.into());
    event.insert("number".to_owned(), happening.number.into());
    if let Value::Object(more) = more {
        event.extend(more);
    }
    Some(event.into())
}

/// Bytes under `text` or `base64`.
fn bytes(of: u64, bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!({"of": of, "text": text}),
        Err(_) => json!({"of": of, "base64": BASE64.encode(bytes)}),
    }
}

fn said(what: &What) -> Option<(&'static str, Value)> {
    Some(match what {
        What::ScreenshotPart { .. } => return None,
        What::LineOpened(suite) => ("line-opened", json!({"cipher": suite.to_string()})),
        What::LineClosed(closed) => (
            "line-closed",
            json!({"application": closed.application, "code": closed.code,
                "reason": String::from_utf8_lossy(&closed.reason)}),
        ),
        What::Relay(seen) => ("relay-saw", relay(seen)),
        What::Gap { since_us } => ("gap", json!({"since": instant(*since_us)})),
        What::Said { text } => ("said", json!({"text": text})),
        What::Copied { text } => ("copied", json!({"text": text})),
        What::NotUnderstood { channel, why } => {
            ("not-understood", json!({"channel": channel.map(Channel::word), "why": why}))
        }
        What::Newer { channel } => ("newer", json!({"channel": channel.word()})),
        What::Disputed { what, party, grave } => (
            "disputed",
            json!({"finding": what, "incriminates": party.to_string(), "grave": grave}),
        ),
        What::Introduced { .. }
        | What::Asked { .. }
        | What::Allowed { .. }
        | What::TakenBack { .. }
        | What::Refused(_)
        | What::Ending(_) => consent(what)?,
        What::Command { .. }
        | What::CommandInput { .. }
        | What::Output { .. }
        | What::CommandEnded { .. } => command(what)?,
        What::Transfer { .. }
        | What::TransferReady { .. }
        | What::File { .. }
        | What::FileEnded(_)
        | What::FileSkipped { .. }
        | What::TransferEnded { .. } => file(what)?,
        What::Input(_)
        | What::Hand { .. }
        | What::Masking
        | What::MaskingEnded { .. }
        | What::Masked { .. }
        | What::Pointed { .. }
        | What::Watch { .. }
        | What::Screen { .. }
        | What::Screenshot { .. } => desk(what)?,
    })
}

fn relay(seen: &Seen) -> Value {
    match seen {
        Seen::Lost => json!({"event": "lost"}),
        Seen::Back(detail) => json!({"event": "back", "detail": detail}),
        Seen::Moved => json!({"event": "moved"}),
        Seen::Dropped(count) => json!({"event": "dropped", "packets": count}),
        Seen::Killed => json!({"event": "killed"}),
        Seen::Recovered(detail) => json!({"event": "recovered", "detail": detail}),
        Seen::FilesLine(number) => json!({"event": "files-line", "files_line": number}),
    }
}

fn consent(what: &What) -> Option<(&'static str, Value)> {
    let words = |grants: &[Grant]| grants.iter().map(|grant| grant.word()).collect::<Vec<_>>();
    Some(match what {
        What::Introduced { software, requested } => {
            ("introduced", json!({"software": software, "requested": words(requested)}))
        }
        What::Asked { grants, why } => ("asked", json!({"grants": words(grants), "why": why})),
        What::Allowed { terms, new, computer } => {
            let computer = computer.as_ref().map(|computer| {
                json!({"hostname": computer.hostname, "system": computer.system, "user": computer.user})
            });
            let terms: Vec<_> = terms.iter().map(term).collect();
            ("allowed", json!({"terms": terms, "new": words(new), "computer": computer}))
        }
        What::TakenBack { grants, expired } => {
            ("taken-back", json!({"grants": words(grants), "expired": expired}))
        }
        What::Refused(refused) => (
            "refused",
            json!({"of": refused.of, "channel": refused.channel.word(),
                "cause": word(refused.cause.as_str_name(), "CAUSE_"),
                "grant": refused.grant.map(Grant::word), "text": refused.text}),
        ),
        What::Ending(reason) => {
            ("ending", json!({"reason": word(reason.as_str_name(), "REASON_")}))
        }
        _ => return None,
    })
}

fn command(what: &What) -> Option<(&'static str, Value)> {
    Some(match what {
        What::Command { argv, timeout_ms } => {
            ("command", json!({"argv": argv, "timeout_ms": timeout_ms}))
        }
        What::CommandInput { of, bytes: said } => ("command-input", bytes(*of, said)),
        What::Output { of, stderr, bytes: said } => {
            (if *stderr { "command-stderr" } else { "command-stdout" }, bytes(*of, said))
        }
        What::CommandEnded { of, how } => ("command-ended", outcome(*of, *how)),
        _ => return None,
    })
}

fn file(what: &What) -> Option<(&'static str, Value)> {
    Some(match what {
        What::Transfer { to_agent, path, files, bytes, apart } => {
            let to = if *to_agent { "agent" } else { "technician" };
            let more = json!({"to": to, "path": path, "files": files, "bytes": bytes,
                "bodies_recorded": !apart});
            ("transfer", more)
        }
        What::TransferReady { of, files, bytes } => {
            ("transfer-ready", json!({"of": of, "files": files, "bytes": bytes}))
        }
        What::File { of, path, size, folder } => {
            ("file", json!({"of": of, "path": path, "bytes": size, "folder": folder}))
        }
        What::FileEnded(FileEnd { of, path, size, sent, apart, sha256, landed }) => {
            let sha256 = (!sha256.is_empty()).then(|| HEXLOWER.encode(sha256));
            let failed = landed.as_ref().err();
            let more = json!({"of": of, "path": path, "bytes": size, "sent": sent, "sha256": sha256,
                "body_recorded": !apart, "landed": landed.is_ok(), "why": failed});
            ("file-ended", more)
        }
        What::FileSkipped { of, path, why } => {
            ("file-skipped", json!({"of": of, "path": path, "why": why}))
        }
        What::TransferEnded { of, how } => ("transfer-ended", outcome(*of, *how)),
        _ => return None,
    })
}

fn desk(what: &What) -> Option<(&'static str, Value)> {
    Some(match what {
        What::Input(input) => ("input", hands(input)),
        What::Masking => ("masking", json!({})),
        What::MaskingEnded { of, messages, bytes } => {
            ("masking-ended", json!({"of": of, "messages": messages, "bytes": bytes}))
        }
        What::Masked { of, bytes } => ("masked", json!({"of": of, "bytes": bytes})),
        What::Hand { user } => ("hand", json!({"user": user})),
        What::Pointed { until_us, x, y } => {
            ("pointed", json!({"until": instant(*until_us), "x": x, "y": y}))
        }
        What::Watch { monitor, hidden } => ("watch", json!({"monitor": monitor, "hidden": hidden})),
        What::Screen { monitor, width, height, monitors } => {
            let one = |one: &Monitor| {
                json!({"name": one.name, "x": one.x, "y": one.y, "width": one.width,
                    "height": one.height})
            };
            let monitors: Vec<_> = monitors.iter().map(one).collect();
            let more = json!({"monitor": monitor, "width": width, "height": height,
                "monitors": monitors});
            ("screen", more)
        }
        What::Screenshot { monitor, width, height, bytes } => {
            let more =
                json!({"monitor": monitor, "width": width, "height": height, "bytes": bytes});
            ("screenshot", more)
        }
        _ => return None,
    })
}

fn term(term: &Allowance) -> Value {
    let scope = match term.scope {
        Scope::Once => "once",
        Scope::Session => "session",
    };
    json!({"grant": term.grant.word(), "scope": scope, "ends_in": term.ends_in})
}

fn outcome(of: u64, how: Outcome) -> Value {
    match how {
        Outcome::Exited(code) => json!({"of": of, "how": "exited", "code": code}),
        Outcome::Killed(signal) => json!({"of": of, "how": "killed", "signal": signal}),
        Outcome::TimedOut => json!({"of": of, "how": "timed-out"}),
        Outcome::Refused => json!({"of": of, "how": "refused"}),
        Outcome::BrokenOff { by, code } => {
            json!({"of": of, "how": "broken-off", "by": by.to_string(), "code": code})
        }
        Outcome::Unknown => json!({"of": of, "how": "unknown"}),
    }
}

fn hands(input: &Input) -> Value {
    let acts: Vec<_> = input.acts.iter().map(act).collect();
    json!({"until": instant(input.until_us), "typed": input.typed(), "acts": acts})
}

fn act(act: &Act) -> Value {
    match act {
        Act::Text(text) => json!({"text": text}),
        Act::Key { usage, held } => {
            let held: Vec<_> = held.iter().map(|usage| key_name(*usage)).collect();
            json!({"key": key_name(*usage), "held": held})
        }
        Act::Click { button, x, y, to } => json!({"button": button, "x": x, "y": y, "to": to}),
        Act::Wheel { right, down } => json!({"right": right, "down": down}),
    }
}

/// A word of the protocol as JSON has it here: `CAUSE_USER_REFUSED` is `user-refused`.
fn word(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix).unwrap_or(name).to_lowercase().replace('_', "-")
}
