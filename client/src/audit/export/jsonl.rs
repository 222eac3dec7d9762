//! All that happened, one JSON object a line, in the order of time: first what the recording is, then
//! what happened. Bytes are text where they are, else base64. Pictures and the bodies of files are not
//! in it: of them it says when, how large, and of files which hashes.

use std::io::Write;

use deskside_story::Happening;
use serde_json::{Value, json};

use super::span::Span;
use super::spool::Spool;
use super::words::{event, instant};
use crate::audit::Tape;
use crate::output::json_line;
use crate::ticket::number;

/// Writes what happened in `span`. Gives how many happenings that are.
///
/// # Errors
/// What the disk says, or the recording.
pub(super) fn write(tape: &Tape, span: Span, out: &mut dyn Write) -> anyhow::Result<u64> {
    writeln!(out, "{}", json_line(&head(tape, span)))?;
    let mut spool = Spool::new()?;
    tape.happenings(|happening: &Happening| {
        if !span.has(happening.time_us) {
            return Ok(());
        }
        match event(happening) {
            Some(event) => spool.push(happening.time_us, json_line(&event).as_bytes()),
            None => Ok(()),
        }
    })?;
    let mut count = 0;
    spool.each(
        |times| times.sort_by_key(|(time, _)| *time),
        |_, line| {
            count += 1;
            out.write_all(line)?;
            Ok(out.write_all(b"\n")?)
        },
    )?;
    Ok(count)
}

fn head(tape: &Tape, span: Span) -> Value {
    let facts = tape.report().facts.as_ref();
    json!({
        "what": "recording",
        "session": tape.session(),
        "ticket": facts.map(|facts| number(&facts.technician.join.ticket)),
        "subject": facts.map(|facts| facts.technician.join.subject.clone()),
        "technician": facts.map(|facts| facts.certificate.login.clone()),
        "name": facts.map(|facts| facts.certificate.name.clone()),
        "organisation": facts.map(|facts| facts.certificate.organisation.clone()),
        "from": instant(span.from_us),
        "to": instant(span.to_us),
        "warning": tape.warning(),
    })
}
