//! `deskside audit verify` of an excerpt: whose it is, and of each part whose word it is.

use std::io::Read as _;
use std::path::Path;

use data_encoding::HEXLOWER;
use deskside_protocol::channel::Channel;
use deskside_protocol::excerpt::{Flaw, Half, Judged, Known, MAGIC, MAX_EXCERPT, Proven, judge};
use deskside_protocol::exit::Exit;
use deskside_protocol::session::Ends;
use deskside_protocol::text::visible;
use deskside_protocol::wire::record::{ExcerptHalf, ExcerptLeftOut};
use serde_json::{Value, json};

use super::told::{ENDS, WORD, happened};
use crate::audit::Organisation;
use crate::audit::export::instant;
use crate::audit::log::InLog;
use crate::audit::verdict::log_sentence;
use crate::failure::OrExit as _;
use crate::home::Home;
use crate::output::{Output, json_line, moment, size};
use crate::ticket::number;

/// Directions of streams that are listed for a person; how many more there are is said.
const LISTED: usize = 200;

/// Whether the file begins as an excerpt does.
pub(in crate::audit) fn is_excerpt(path: &Path) -> bool {
    let mut magic = [0; MAGIC.len()];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut magic));
    read.is_ok() && magic == MAGIC
}

/// Judges the excerpt at `path` and says what came of it. Gives the exit code: 0 or 7.
///
/// # Errors
/// A file that cannot be read.
pub(in crate::audit) fn verify(
    path: &Path,
    organisation: Option<&Organisation>,
    home: &Home,
    output: &mut Output,
) -> anyhow::Result<u8> {
    let unreadable = || format!("{} cannot be read", path.display());
    let file = std::fs::File::open(path).or_exit(Exit::NotFound, unreadable())?;
    let mut bytes = Vec::new();
    // One byte more than there may be shows that it is too long.
    let read = file.take(MAX_EXCERPT as u64 + 1).read_to_end(&mut bytes);
    read.or_exit(Exit::NotFound, unreadable())?;
    let known = Known {
        organisation: organisation.map(|known| known.key),
        former: organisation.map(|known| known.former.as_slice()).unwrap_or_default(),
        node: home.account()?.map(|account| account.join.node),
    };
    match judge(&bytes, known) {
        Ok(judged) => {
            let (happened, known) = (happened(&judged), organisation.is_some());
            let event = told(&judged, known, &happened);
            output.show(&event, &text(&judged, known, &happened))?;
            Ok(Exit::Done.code())
        }
        Err(flaw) => {
            let verdict = if matches!(flaw, Flaw::Malformed | Flaw::Version(_)) {
                "unreadable"
            } else {
                "tampered"
            };
            let sentence = blaming(flaw);
            let event = json!({"event": "verdict", "of": "excerpt", "verdict": verdict,
                "sound": false, "explanation": [sentence]});
            output.show(&event, &format!("{}: {sentence}", verdict.to_uppercase()))?;
            Ok(Exit::Verification.code())
        }
    }
}

/// What is wrong with it, and whom that points at.
pub(super) fn blaming(flaw: Flaw) -> String {
    match flaw {
        Flaw::Log(flaw) => log_sentence(&InLog::Flawed(flaw)).unwrap_or_default(),
        Flaw::Version(_) => format!("{flaw}. A later version of this program reads it."),
        Flaw::Malformed
        | Flaw::Certificate(_)
        | Flaw::Signature
        | Flaw::Header(_)
        | Flaw::Close
        | Flaw::Statement => format!("{flaw}. This points at whoever gave it to you."),
    }
}

/// The channel of a number, in a word.
fn word(number: u32) -> &'static str {
    let known = i32::try_from(number).ok().and_then(Channel::from_wire);
    known.map_or("unknown", Channel::word)
}

fn channels(judged: &Judged) -> String {
    let words: Vec<_> = judged.excerpt.channels.iter().map(|number| word(*number)).collect();
    if words.is_empty() { "all channels".to_owned() } else { words.join(", ") }
}

/// Whose word a direction of a stream is.
fn whose(half: &ExcerptHalf, proven: &Proven) -> String {
    let (all, both) = (half.bytes.len() as u64, proven.both());
    let whole = proven.whole.agent && proven.whole.technician;
    let word = match both {
        _ if whole => format!("{}, all of the stream, proven by both ends", size(all)),
        _ if both == all => format!("{}, proven by both ends", size(all)),
        0 => format!("{}, on the auditor's word", size(all)),
        _ => format!(
            "{} proven by both ends, {} more on the auditor's word",
            size(both),
            size(all - both)
        ),
    };
    match (proven.disputed.agent > 0, proven.disputed.technician > 0) {
        (false, false) => word,
        (true, false) => format!("{word}; the agent signed for other bytes"),
        (false, true) => format!("{word}; the technician signed for other bytes"),
        (true, true) => format!("{word}; both ends signed for other bytes"),
    }
}

/// How many directions of streams an end signed other bytes of.
pub(super) fn disputed(judged: &Judged) -> usize {
    let disputed = |proven: &&Proven| proven.disputed != Ends::default();
    judged.proven.iter().filter(disputed).count()
}

fn verdict(judged: &Judged, known: bool) -> String {
    let auditor = &judged.auditor;
    let (name, login) = (visible(&auditor.name), visible(&auditor.login));
    let time = moment(judged.excerpt.time);
    let mut verdict = if known {
        format!(
            "this excerpt is as the auditor {name} ({login}) signed it at {time}, under your \
             organisation's key; of what is in it, what is said to be proven is what both ends signed."
        )
    } else {
        format!(
            "this excerpt is consistent in itself: signed by the auditor {name} ({login}) at {time}, \
             of an organisation whose key nobody gave."
        )
    };
    let disputed = disputed(judged);
    if disputed > 0 {
        verdict += &format!(
            " Of {disputed} directions of streams an end signed for other bytes than are in it: \
             either that end lied, or the auditor does."
        );
    }
    verdict
}

pub(super) fn text(judged: &Judged, known: bool, happened: &[Value]) -> String {
    let facts = &judged.facts;
    let word = if known { "VERIFIED" } else { "CONSISTENT" };
    let mut text = format!("{word}: {}", verdict(judged, known));
    // Most of it was written by somebody else: none of it begins a line of its own.
    let mut row = |name: &str, value: &str| text += &format!("\n{name:<16}{}", visible(value));
    row("session", &facts.session().to_string());
    row("ticket", &format!("{} {}", facts.technician.join.ticket, facts.technician.join.subject));
    let person = &facts.certificate;
    row("technician", &format!("{} ({}), {}", person.name, person.login, person.organisation));
    let closed = judged.closed.map(|closed| {
        let by = match (closed.by.agent, closed.by.technician) {
            (true, true) => "the relay and both ends",
            (true, false) => "the relay and the agent",
            (false, true) => "the relay and the technician",
            (false, false) => "the relay",
        };
        format!("final hash {}, signed by {by}", HEXLOWER.encode(&closed.hash))
    });
    row("recording", &closed.unwrap_or_else(|| "its end is not in the excerpt".to_owned()));
    let log = judged
        .log
        .as_ref()
        .map(|log| format!("begun as entry {} of {}", log.opened.0, log.head.size));
    row("relay's log", &log.unwrap_or_else(|| "no proof of it is in the excerpt".to_owned()));
    let (from, to) = (instant(judged.excerpt.from), instant(judged.excerpt.to));
    row("part", &format!("{from} to {to}, {}", channels(judged)));
    let halves = judged.excerpt.halves.iter().zip(&judged.proven);
    for (half, proven) in halves.take(LISTED) {
        let from = Half::of(half).map(|half| half.from.to_string()).unwrap_or_default();
        let place = format!("line {}, stream {}", half.line, half.stream);
        row(
            self::word(half.channel),
            &format!("{place}, from the {from}: {}", whose(half, proven)),
        );
    }
    let more = judged.excerpt.halves.len().saturating_sub(LISTED);
    if more > 0 {
        row("", &format!("and {more} more directions of streams"));
    }
    if !judged.excerpt.entries.is_empty() {
        let count = judged.excerpt.entries.len();
        row("single", &format!("{count} messages, on the auditor's word"));
    }
    for ExcerptLeftOut { channel, streams, bytes } in &judged.excerpt.left_out {
        let channel = self::word(*channel);
        row(
            "left out",
            &format!("{channel}: {streams} streams, {}, says the auditor", size(*bytes)),
        );
    }
    for finding in &judged.excerpt.findings {
        row("the auditor says", &format!(" {finding}"));
    }
    for happened in happened {
        let whose = if happened[WORD] == ENDS { "both ends say" } else { "the auditor says" };
        row(whose, &format!(" {}", json_line(happened)));
    }
    text
}

fn told(judged: &Judged, known: bool, happened: &[Value]) -> Value {
    let facts = &judged.facts;
    let halves = judged.excerpt.halves.iter().zip(&judged.proven).map(|(half, proven)| {
        json!({
            "line": half.line,
            "stream": half.stream,
            "from": Half::of(half).map(|half| half.from.to_string()),
            "channel": word(half.channel),
            "bytes": half.bytes.len(),
            "proven": proven.both(),
            "whole": proven.whole.agent && proven.whole.technician,
            "disputed": {"agent": proven.disputed.agent, "technician": proven.disputed.technician},
        })
    });
    let left_out = judged.excerpt.left_out.iter().map(
        |left| json!({"channel": word(left.channel), "streams": left.streams, "bytes": left.bytes}),
    );
    json!({
        "event": "verdict",
        "of": "excerpt",
        "verdict": if known { "verified" } else { "consistent" },
        "sound": true,
        "explanation": [verdict(judged, known)],
        "auditor": judged.auditor.login,
        "time": moment(judged.excerpt.time),
        "session": facts.session().to_string(),
        "ticket": number(&facts.technician.join.ticket),
        "technician": facts.certificate.login,
        "organisation_key": facts.organisation_key.to_string(),
        "hash": judged.closed.map(|closed| HEXLOWER.encode(&closed.hash)),
        "log": judged.log.as_ref().map(|log| json!({"size": log.head.size, "opened": log.opened.0})),
        "from": instant(judged.excerpt.from),
        "to": instant(judged.excerpt.to),
        "channels": judged.excerpt.channels.iter().map(|number| word(*number)).collect::<Vec<_>>(),
        "streams": halves.collect::<Vec<_>>(),
        "messages": judged.excerpt.entries.len(),
        "left_out": left_out.collect::<Vec<_>>(),
        "disputed": disputed(judged),
        "findings": judged.excerpt.findings,
        "happened": happened,
    })
}
