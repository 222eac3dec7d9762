//! The note that a session leaves on its ticket. It is the one thing of a session that the relay
//! reads, so it holds only what the policy lets it hold: by default a command's program name and
//! exit code, never its arguments.

mod record;

pub use record::{
    Change, Command, File, Line, LogAtEnd, MAX_CHANGES, MAX_COMMANDS, MAX_FILES, MAX_LINES,
    MAX_PICTURES, Picture, Record, Restarts, Voice, Way,
};

use std::fmt::Write as _;

use data_encoding::HEXLOWER;
use deskside_protocol::policy::NoteContents;
use deskside_protocol::text::{visible, visible_lines};
use deskside_protocol::wire::record::Reason;

use crate::commands::Outcome;
use crate::output::{minute, size};

/// The longest note, in bytes.
pub const MAX_NOTE: usize = 16 * 1024;
/// The longest work note inside it, in bytes: half, so that the facts have the other half.
pub const MAX_WORK_NOTE: usize = MAX_NOTE / 2;
/// The longest single line of the note, in bytes.
const MAX_LINE: usize = 512;
/// Kept free for the closing lines: what was left out, the recording.
const TAIL: usize = 512;

/// The note's text: at most [`MAX_NOTE`] bytes, whatever the record holds.
#[must_use]
pub fn compose(record: &Record, allowed: NoteContents) -> String {
    let mut note = Note::default();
    head(&mut note, record);
    if let Some(work) = record.work_note.as_deref().map(str::trim).filter(|work| !work.is_empty()) {
        note.block("");
        note.block(&shortened(&visible_lines(work), MAX_WORK_NOTE));
        note.block("");
    }
    changes(&mut note, record);
    commands(&mut note, record, allowed);
    files(&mut note, record, allowed);
    chat(&mut note, record, allowed);
    breaks(&mut note, record);
    tail(note, record)
}

fn head(note: &mut Note, record: &Record) {
    let Record { technician, login, organisation, hostname, system, .. } = record;
    note.line(&format!("Remote help: session {}", record.session));
    note.line(&format!("Technician: {technician} ({login}), {organisation}"));
    let user = match record.user.as_str() {
        "" => "the person",
        user => user,
    };
    note.line(&format!("Helped: {user} at {hostname} ({system})"));
    let minutes = record.ended.saturating_sub(record.started).div_ceil(60);
    let (start, end) = (minute(record.started), minute(record.ended));
    note.line(&format!("From {start} to {end} UTC ({minutes} min), {}", reason(record.reason)));
}

fn changes(note: &mut Note, record: &Record) {
    if record.changes.is_empty() {
        note.line("The user allowed nothing.");
    }
    for change in &record.changes {
        let what = if change.granted { "allowed" } else { "no longer allowed" };
        note.line(&format!("{} {what}: {}", minute(change.time), change.grants));
    }
    note.left_out += record.changes_left_out;
}

fn commands(note: &mut Note, record: &Record, allowed: NoteContents) {
    let count = record.commands.len() + record.commands_left_out;
    if count > 0 {
        note.line(&format!("Commands: {count}"));
    }
    for command in &record.commands {
        let how = match command.outcome {
            Some(Outcome::Code(code)) => format!("exit code {code}"),
            Some(Outcome::Signal(signal)) => format!("ended by signal {signal}"),
            Some(Outcome::TimedOut) => "stopped at its time-out".to_owned(),
            None => "end not known".to_owned(),
        };
        let what = program(&command.argv, allowed.arguments);
        note.line(&format!("- {} {}: {how}", minute(command.time), shortened(&what, MAX_LINE / 2)));
    }
    note.left_out += record.commands_left_out;
    if record.screenshots > 0 {
        note.line(&format!("Screenshots: {}", record.screenshots));
    }
    for picture in &record.pictures {
        let Picture { time, bytes, sha256, .. } = picture;
        let (time, name) = (minute(*time), shortened(&visible(&picture.name()), MAX_LINE / 2));
        note.line(&match sha256.as_slice() {
            [] => format!("- {time} kept by the technician as {name}"),
            hash => {
                let (size, hash) = (size(*bytes), HEXLOWER.encode(hash));
                format!("- {time} attached as {name}: {size}, SHA-256 {hash}")
            }
        });
    }
    note.left_out += record.pictures_left_out;
}

fn files(note: &mut Note, record: &Record, allowed: NoteContents) {
    let count = record.files.len() + record.files_left_out;
    if count > 0 {
        note.line(&format!("Files: {count}"));
    }
    for file in &record.files {
        let File { time, way, name, bytes, sha256 } = file;
        let name = if allowed.file_names { name.as_str() } else { "[name not shown]" };
        let (way, name) = (way.word(), shortened(&visible(name), MAX_LINE / 2));
        let (size, hash) = (size(*bytes), HEXLOWER.encode(sha256));
        note.line(&format!("- {} {way} {name}: {size}, SHA-256 {hash}", minute(*time)));
    }
    note.left_out += record.files_left_out;
}

/// How much was said; what, only where the policy lets the relay read it.
fn chat(note: &mut Note, record: &Record, allowed: NoteContents) {
    let count = record.chat.len() + record.chat_left_out;
    if count > 0 {
        note.line(&format!("Messages: {count}"));
    }
    if allowed.chat {
        for Line { time, by, text } in &record.chat {
            note.line(&format!("- {} {}: {text}", minute(*time), by.word()));
        }
        note.left_out += record.chat_left_out;
    }
}

fn breaks(note: &mut Note, record: &Record) {
    let times = |count: u64| if count == 1 { "once".to_owned() } else { format!("{count} times") };
    if record.gaps > 0 {
        let (times, longest) = (times(record.gaps), record.longest_gap);
        note.line(&format!("Interrupted {times}, for {longest} s at the longest"));
    }
    for (who, count) in
        [("user", record.restarts.agent), ("technician", record.restarts.technician)]
    {
        if count > 0 {
            note.line(&format!("The {who}'s program was restarted {}", times(count)));
        }
    }
    if record.unrecorded {
        note.line("From some moment on the relay could not record any more.");
    }
}

/// The program's own name, without its folder; with arguments where the policy opens them.
fn program(argv: &[String], arguments: bool) -> String {
    let (program, rest) = argv.split_first().map_or(("", &[][..]), |(p, rest)| (p.as_str(), rest));
    if arguments {
        let words = std::iter::once(program).chain(rest.iter().map(String::as_str));
        return words.collect::<Vec<_>>().join(" ");
    }
    let name = program.rsplit(['/', '\\']).next().unwrap_or(program).to_owned();
    if rest.is_empty() { name } else { name + " [arguments not shown]" }
}

fn tail(note: Note, record: &Record) -> String {
    let Note { mut text, left_out } = note;
    if left_out > 0 {
        let _infallible = writeln!(text, "({left_out} more are in the recording only)");
    }
    if record.recording_hash.is_empty() {
        text.push_str(match record.recorded {
            true => "Recorded; the final hash is not known here.",
            false => "Not recorded.",
        });
    } else {
        let hash = HEXLOWER.encode(&record.recording_hash);
        let _infallible = write!(text, "Recording {}, final hash {hash}", visible(&record.session));
    }
    match &record.log {
        LogAtEnd::Unknown => {}
        LogAtEnd::At(size, root) => {
            let root = HEXLOWER.encode(root);
            let _infallible = write!(text, "\nLog of the relay: {size} entries, root {root}");
        }
        LogAtEnd::Broken => {
            text.push_str("\nThe relay's log does not go on from what was seen of it before!");
        }
    }
    text
}

fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::TechnicianEnded => "ended by the technician",
        Reason::UserEnded => "ended by the user",
        Reason::UserRefused => "refused by the user",
        Reason::NotAsked => "ended by the user, who did not ask for help",
        Reason::TechnicianLost => "the technician's computer was lost",
        Reason::AgentLost => "the user's computer was lost",
        Reason::RelayStopped => "the relay was stopped",
        Reason::RecordingFailed => "the recording failed",
        Reason::RecordingFull => "the recording was as long as the policy lets it become",
        Reason::NotSealed => "it could not be recorded as the policy requires",
        Reason::Disputed => "the ends disagreed on what went between them",
        Reason::TechnicianRevoked => "the technician's enrolment was revoked",
        Reason::TechnicianExpired => "the technician's certificate expired",
        Reason::Unspecified => "for a reason not known",
    }
}

/// A text that never outgrows its bound.
#[derive(Default)]
struct Note {
    text: String,
    left_out: usize,
}

impl Note {
    /// One line of facts: whatever the peer put into it, it stays one line.
    fn line(&mut self, line: &str) {
        self.block(&shortened(&visible(line), MAX_LINE));
    }

    fn block(&mut self, block: &str) {
        if self.text.len() + block.len() < MAX_NOTE - TAIL {
            self.text.push_str(block);
            self.text.push('\n');
        } else {
            self.left_out += 1;
        }
    }
}

/// At most `bytes` bytes of `text`, whole characters, and a sign that some are missing.
fn shortened(text: &str, bytes: usize) -> String {
    const SIGN: &str = "...";
    if text.len() <= bytes {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(bytes.saturating_sub(SIGN.len()));
    format!("{}{SIGN}", text.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests;
