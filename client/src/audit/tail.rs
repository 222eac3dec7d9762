//! What an end kept in a file of its own of a session, held against the recording: the relay's last
//! checkpoint that it signed, its own last statement and the other's. The relay never had the file,
//! so that what it names and the recording lacks was cut off.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use deskside_protocol::exit::Exit;
use deskside_protocol::recording::Report;
use deskside_protocol::recording::checkpoint::Note;
use deskside_protocol::recording::verify::Facts;
use deskside_protocol::session::End;
use deskside_protocol::statement::{self, MAX_TAIL, Tail};
use serde_json::{Value, json};

use super::file::unreadable;
use super::stated::Stated;
use crate::failure::{Failure, OrExit as _};
use crate::home::Home;

/// How a kept file and a recording fit: the gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    /// Its checkpoint is not in the recording, and the relay signed it.
    Cut,
    /// This end signed two statements of one number.
    Twice(End),
    /// This end went on to state something behind the last of it that is in the recording.
    Further(End),
    /// Its checkpoint is here; without an auditor's key its statements cannot be looked for.
    Unread,
    /// All that it names is here.
    Same,
}

/// One kept file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kept {
    /// Which end kept it.
    pub(super) end: End,
    /// How it fits.
    pub(super) fit: Fit,
}

impl Kept {
    /// What it says against the recording, and whom that points at.
    pub(super) fn sentence(&self) -> Option<String> {
        let keeper = self.end;
        match self.fit {
            Fit::Cut => Some(format!(
                "The {keeper} kept a checkpoint that the relay signed and that is not in the \
                 recording: something was cut out of it and the relay signed the rest again. This \
                 points at whoever keeps the recordings."
            )),
            Fit::Twice(end) => Some(format!(
                "The {end} signed two statements of one number: one is in the recording, another \
                     is what the {keeper} kept. This points at the {end}."
            )),
            Fit::Further(end) => Some(format!(
                "The {keeper} kept a later statement of the {} than is in the recording: the \
                 session went on, and this is not all of it.",
                end
            )),
            Fit::Unread | Fit::Same => None,
        }
    }

    /// For a row.
    pub(super) fn words(&self) -> String {
        let what = match self.fit {
            Fit::Cut => "its checkpoint is not here",
            Fit::Twice(_) => "it has another statement of the same number",
            Fit::Further(_) => "it goes on further",
            Fit::Unread => "its checkpoint is here; its statements were not looked for",
            Fit::Same => "all that it names is here",
        };
        format!("the {}'s: {what}", self.end)
    }

    /// For `--json`.
    pub(super) fn event(&self) -> Value {
        let state = match self.fit {
            Fit::Cut => "cut",
            Fit::Twice(_) => "twice",
            Fit::Further(_) => "further",
            Fit::Unread => "unread",
            Fit::Same => "same",
        };
        json!({"end": self.end.to_string(), "state": state})
    }
}

/// The kept files that are to be looked at: those that were named, and one's own of this session.
///
/// # Errors
/// Exit 5 for a file that is not there, 2 for one that is none of an end of this session.
pub(super) fn find(
    named: &[impl AsRef<Path>],
    home: &Home,
    report: &Report,
) -> anyhow::Result<Vec<Tail>> {
    let Some(facts) = &report.facts else { return Ok(Vec::new()) };
    let mut tails = Vec::new();
    for path in named {
        let path = path.as_ref();
        let tail = read(path)?;
        if !is_of(&tail, facts) {
            let what = format!(
                "{} is not what an end of this session kept: it is of another session, or was \
                 changed since",
                path.display()
            );
            return Err(Failure::new(Exit::Usage, what).into());
        }
        tails.push(tail);
    }
    let own = home.tails().read(facts.session()).context("read what was kept of the session")?;
    if let Some(own) = own.filter(|own| !tails.contains(own)) {
        if is_of(&own, facts) {
            tails.push(own);
        } else {
            tracing::warn!("what this computer kept of the session does not fit its pairing");
        }
    }
    Ok(tails)
}

fn read(path: &Path) -> anyhow::Result<Tail> {
    let file = File::open(path).or_exit(Exit::NotFound, unreadable(path))?;
    let mut bytes = Vec::new();
    // One byte more than there may be shows that it is too long.
    let mut some = file.take(MAX_TAIL as u64 + 1);
    some.read_to_end(&mut bytes).or_exit(Exit::NotFound, unreadable(path))?;
    let what = || format!("{} is not what an end keeps of a session", path.display());
    Tail::decode(&bytes).or_exit(Exit::Usage, what())
}

/// Whether everything in it is signed by those whose it says it is, for this session.
fn is_of(tail: &Tail, facts: &Facts) -> bool {
    let keys = facts.session_keys();
    let signed = [(&tail.own, tail.end), (&tail.other, tail.end.other())];
    let fit = signed.into_iter().all(|(signed, end)| {
        let said = signed.as_ref().map(|signed| statement::open(signed, &keys));
        said.is_none_or(|said| {
            said.is_ok_and(|said| said.end == end && said.session == tail.session)
        })
    });
    let noted = tail.checkpoint.as_ref().is_none_or(|text| {
        let note = Note::parse(text.as_bytes()).ok();
        note.is_some_and(|note| {
            note.verify(&facts.node_key).is_ok() && note.checkpoint.session == tail.session
        })
    });
    tail.session == facts.session() && fit && noted
}

/// What was read of the recording's packets.
pub(super) struct Read<'a> {
    /// The statements on all lines.
    pub(super) stated: &'a Stated,
    /// Each line, and whether its packets could be opened.
    pub(super) lines: Vec<(u16, bool)>,
}

impl Read<'_> {
    /// Whether what an end stated on this line would have been found.
    fn would_find(&self, line: u16) -> bool {
        let found = self.lines.iter().find(|(number, _)| *number == line);
        // One that is not here at all was cut off, where any other can be read.
        found.map_or_else(|| self.lines.iter().any(|(_, opened)| *opened), |(_, opened)| *opened)
    }
}

/// Holds them against the recording, and against what was read of its packets, if they were.
pub(super) fn judge(tails: &[Tail], report: &Report, read: Option<&Read<'_>>) -> Vec<Kept> {
    tails.iter().map(|tail| Kept { end: tail.end, fit: fit(tail, report, read) }).collect()
}

fn fit(tail: &Tail, report: &Report, read: Option<&Read<'_>>) -> Fit {
    let checkpoint = tail.checkpoint_sha256();
    if checkpoint.is_some_and(|name| report.has_checkpoint(&name) == Some(false)) {
        return Fit::Cut;
    }
    let (Some(read), Some(facts)) = (read, &report.facts) else { return Fit::Unread };
    let mut fit = Fit::Same;
    for signed in [&tail.own, &tail.other].into_iter().flatten() {
        let Ok(said) = statement::open(signed, &facts.session_keys()) else { continue };
        match read.stated.named(said.end, said.number) {
            Some(name) if *name != statement::name(signed) => return Fit::Twice(said.end),
            Some(_) => {}
            None if !read.would_find(said.line) => fit = fit.min(Fit::Unread),
            None if read.stated.count(said.end) <= said.number => fit = Fit::Further(said.end),
            // One before the last that nobody acknowledged: nothing is known of it.
            None => {}
        }
    }
    fit
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::fixture::{Fixture, session};
    use crate::audit::judge::{Organisation, judge as judged};
    use deskside_decode::forge::{Who, key};
    use deskside_decode::{Entry, Item};
    use deskside_protocol::channel::Channel;
    use deskside_protocol::recording::checkpoint::Checkpoint;
    use deskside_protocol::session::SessionId;
    use deskside_protocol::statement::Statement;
    use deskside_protocol::wire::message::Message;
    use deskside_protocol::wire::message::message::Kind;
    use deskside_protocol::wire::record::Signed;

    /// A recording with one checkpoint, and the text of that.
    fn recording() -> (Report, String) {
        let mut fixture = Fixture::start();
        fixture.checkpoint();
        let (bytes, _) = fixture.close();
        let text = b"deskside1 checkpoint";
        let at = bytes.windows(text.len()).position(|some| some == text).unwrap();
        // A block's header is 24 bytes, and the first four are the length of its body.
        let length = u32::from_be_bytes(bytes[at - 24..at - 20].try_into().unwrap());
        let note = String::from_utf8(bytes[at..at + length as usize].to_vec()).unwrap();
        let organisation = Organisation { key: key(Who::Authority).public(), former: Vec::new() };
        (judged(bytes.as_slice(), Some(organisation)).unwrap(), note)
    }

    fn said(end: End, number: u64, time_us: u64) -> Signed {
        let statement = Statement {
            number,
            previous: (number > 0).then_some([4; 32]),
            time_us,
            ..Statement::first(session(), end, 0, [1; 32])
        };
        statement.sign(&key(match end {
            End::Agent => Who::AgentEnd,
            End::Technician => Who::TechnicianEnd,
        }))
    }

    /// One statement of each end.
    fn stated(report: &Report) -> Stated {
        let mut stated = Stated::new(report.facts.as_ref().map(Facts::session_keys), []);
        for end in [End::Agent, End::Technician] {
            let message = Message { kind: Some(Kind::Statement(said(end, 0, 5))) };
            let item = Item::Message(Box::new(message));
            let (channel, stream) = (Some(Channel::Control), Some(0));
            stated.take(&Entry { line: 0, from: end, time_us: 6, channel, stream, item });
        }
        stated
    }

    #[test]
    fn what_an_end_kept_and_the_recording_lacks_is_named() {
        let (report, note) = recording();
        let stated = stated(&report);
        let (agent, technician) = (End::Agent, End::Technician);
        let lost = Checkpoint { session: session(), seq: 7, hash: [7; 32], time_us: 8 };
        let lost = lost.sign(&key(Who::Node)).encode();
        let bare = Tail::new(session(), technician);
        let whole = Tail {
            own: Some(said(technician, 0, 5)),
            other: Some(said(agent, 0, 5)),
            checkpoint: Some(note),
            ..bare.clone()
        };
        let later = Tail { other: Some(said(agent, 1, 9)), ..whole.clone() };
        let twice = Tail { own: Some(said(technician, 0, 6)), ..later.clone() };
        let cut = Tail { checkpoint: Some(lost), ..twice.clone() };
        for (tail, fit, unread) in [
            (&bare, Fit::Same, Fit::Unread),
            (&whole, Fit::Same, Fit::Unread),
            (&later, Fit::Further(agent), Fit::Unread),
            (&twice, Fit::Twice(technician), Fit::Unread),
            (&cut, Fit::Cut, Fit::Cut),
        ] {
            assert!(is_of(tail, report.facts.as_ref().unwrap()), "{fit:?}");
            let tails = [tail.clone()];
            let read = |lines| Read { stated: &stated, lines };
            let judged = |lines| judge(&tails, &report, Some(&read(lines)))[0].fit;
            assert_eq!(judged(vec![(0, true)]), fit);
            assert_eq!(judge(&tails, &report, None)[0].fit, unread);
            // Its line was cut off as a whole, and then nothing was read of it.
            assert_eq!(judged(vec![(1, true)]), fit);
            let shredded = Read { stated: &Stated::default(), lines: vec![(0, false)] };
            let said = tail.own.is_some() || tail.other.is_some();
            let expected = if said || fit == Fit::Cut { unread } else { Fit::Same };
            assert_eq!(judge(&tails, &report, Some(&shredded))[0].fit, expected);
        }
    }

    #[test]
    fn what_others_made_is_nobodys_word() {
        let (report, note) = recording();
        let facts = report.facts.as_ref().unwrap();
        let bare = Tail::new(session(), End::Agent);
        let bent = |mut text: String| {
            let at = text.find("seq 0").unwrap() + 4;
            text.replace_range(at..=at, "2");
            text
        };
        for tail in [
            Tail { session: SessionId::from_bytes([9; 16]), ..bare.clone() },
            Tail { own: Some(said(End::Technician, 0, 5)), ..bare.clone() },
            Tail { other: Some(said(End::Agent, 0, 5)), ..bare.clone() },
            Tail {
                own: Some(Signed { signature: vec![1; 64].into(), ..said(End::Agent, 0, 5) }),
                ..bare.clone()
            },
            Tail { checkpoint: Some(bent(note)), ..bare.clone() },
            Tail { checkpoint: Some("a checkpoint".to_owned()), ..bare.clone() },
        ] {
            assert!(!is_of(&tail, facts), "{tail:?}");
        }
        assert!(is_of(&bare, facts));
    }
}
