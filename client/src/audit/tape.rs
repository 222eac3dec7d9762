//! A recording as something to be played: judged once, its seals opened, and then what was said on
//! its lines, entry by entry, as often as somebody wants. Reads the file as a stream, with room for
//! one block and for what a [`Decoder`] holds; asks no relay.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use deskside_decode::{Decoder, Entry, Event, Found, Recorded, Report as Decoded, Timeline};
use deskside_protocol::exit::Exit;
use deskside_protocol::recording::{Kind, Report, Verdict};
use deskside_story::{Happening, Story};
use indicatif::ProgressBar;
use zeroize::Zeroizing;

use super::contents::{self, Contents};
use super::judge::{Organisation, judge, walk};
use super::log;
use super::seals::{self, Identities, Sealed, Seals};
use super::verdict::{Judgement, verdict_sentence};
use super::verify::{file, organisation, session_keys, unreadable};
use crate::cli::SourceArgs;
use crate::failure::{Failure, OrExit as _};
use crate::home::Home;

/// A recording that can be read.
#[allow(missing_debug_implementations, reason = "holds secrets")]
pub struct Tape {
    path: PathBuf,
    report: Report,
    seals: Seals,
    sealed: Sealed,
    bar: ProgressBar,
}

impl Tape {
    /// Judges the recording at `path`, against `organisation` where it is known, and opens its seals
    /// with `identities`. Blocks. What is wrong with a recording that can be read all the same is
    /// told by [`Tape::report`], and is the caller's to pass on.
    ///
    /// # Errors
    /// Exit 5 for a file that is not there, 7 for one that is no recording, and for one of which no
    /// seal opens.
    pub fn open(
        path: &Path,
        organisation: Option<Organisation>,
        identities: &Identities,
    ) -> anyhow::Result<Self> {
        let report = judge(file(path)?, organisation).or_exit(Exit::NotFound, unreadable(path))?;
        let (seals, sealed) = seals::open(&report, identities);
        if sealed.is_empty() {
            return Err(Failure::new(Exit::Verification, closed(path, &report)).into());
        }
        let (path, bar) = (path.to_owned(), ProgressBar::hidden());
        Ok(Self { path, report, seals, sealed, bar })
    }

    /// Shows on `bar`, from now on, how much of the file is read.
    pub(super) fn watched(&mut self, bar: ProgressBar) {
        self.bar = bar;
    }

    /// The file, from its beginning.
    fn file(&self) -> anyhow::Result<impl Read> {
        let file = file(&self.path)?;
        let bytes = file.metadata().or_exit(Exit::NotFound, unreadable(&self.path))?.len();
        self.bar.set_length(bytes);
        self.bar.set_position(0);
        Ok(self.bar.wrap_read(file))
    }

    /// What is to be said of it wherever something of it is shown: nothing where it is sound.
    pub(super) fn warning(&self) -> Option<String> {
        let verdict = &self.report.verdict;
        (!verdict.is_sound()).then(|| verdict_sentence(verdict))
    }

    /// Whose it is, in digits.
    pub(super) fn session(&self) -> String {
        self.report.facts.as_ref().map(|facts| facts.session().to_string()).unwrap_or_default()
    }

    /// What the file says without its packets: whose session it is, its times, its verdict.
    #[must_use]
    pub const fn report(&self) -> &Report {
        &self.report
    }

    /// Shows what came through, in the order in which the other end acknowledged it: who wants one
    /// order in time sorts by [`Entry::time_us`], stably. Blocks; ends at the file's first fault, at
    /// its end, or when `seen` breaks off. Gives what the packets themselves say of the recording up
    /// to there.
    ///
    /// # Errors
    /// Exit 5 for a file that cannot be read any more.
    pub fn play(&self, mut seen: impl FnMut(&Entry) -> ControlFlow<()>) -> anyhow::Result<Decoded> {
        let unrolled = unroll(self.file()?, &self.sealed, |entry, _| seen(entry));
        unrolled.or_exit(Exit::NotFound, unreadable(&self.path))
    }

    /// Shows the packets themselves, those that open, in the order of the recording, up to the file's
    /// first fault. Blocks.
    ///
    /// # Errors
    /// Exit 5 for a file that cannot be read any more; what `seen` says, which ends it.
    pub(super) fn packets(
        &self,
        mut seen: impl FnMut(Recorded) -> anyhow::Result<()>,
    ) -> anyhow::Result<Decoded> {
        let mut decoder = self.decoder();
        decoder.keep_packets();
        self.decode(decoder, |decoder| {
            while decoder.poll().is_some() {}
            std::iter::from_fn(|| decoder.poll_packet()).try_for_each(&mut seen)
        })
    }

    /// Shows what came through as bytes of streams and datagrams, in the order in which the other end
    /// acknowledged it, up to the file's first fault. Blocks.
    ///
    /// # Errors
    /// Exit 5 for a file that cannot be read any more; what `seen` says, which ends it.
    pub(super) fn events(
        &self,
        mut seen: impl FnMut(Event) -> anyhow::Result<()>,
    ) -> anyhow::Result<Decoded> {
        self.decode(self.decoder(), |decoder| {
            std::iter::from_fn(|| decoder.poll()).try_for_each(&mut seen)
        })
    }

    /// Feeds block after block; `seen` takes what each brings.
    fn decode(
        &self,
        mut decoder: Decoder,
        mut seen: impl FnMut(&mut Decoder) -> anyhow::Result<()>,
    ) -> anyhow::Result<Decoded> {
        let mut told = Ok(());
        let walked = walk(self.file()?, |next| {
            let Ok(block) = next else { return ControlFlow::Break(()) };
            decoder.feed(block);
            told = seen(&mut decoder);
            if told.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        walked.or_exit(Exit::NotFound, unreadable(&self.path))?;
        told?;
        Ok(decoder.finish())
    }

    /// The blocks of one kind as they stand in the file, each without its chain hash.
    ///
    /// # Errors
    /// Exit 5 for a file that cannot be read any more.
    pub(super) fn blocks(&self, kind: Kind) -> anyhow::Result<Vec<Vec<u8>>> {
        let mut blocks = Vec::new();
        let walked = walk(self.file()?, |next| {
            let Ok(block) = next else { return ControlFlow::Break(()) };
            if block.header.kind == kind {
                blocks.push([&block.header.encode()[..], block.body].concat());
            }
            ControlFlow::Continue(())
        });
        walked.or_exit(Exit::NotFound, unreadable(&self.path))?;
        Ok(blocks)
    }

    /// Where it lies.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Tells what happened, and what in the recording does not go together: in the order of
    /// [`Tape::play`]. Blocks.
    ///
    /// # Errors
    /// Exit 5 for a file that cannot be read any more; what `seen` says, which ends it.
    pub(super) fn happenings(
        &self,
        mut seen: impl FnMut(&Happening) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut story = Story::new();
        let mut told = Ok(());
        let mut tell = |story: &mut Story| {
            while let Some(happening) = story.poll() {
                seen(&happening)?;
            }
            anyhow::Ok(())
        };
        let decoded = self.play(|entry| {
            story.feed(entry);
            told = tell(&mut story);
            if told.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        told?;
        story.finish(decoded.findings());
        tell(&mut story)
    }

    /// The lines' secrets as the key logs that were sealed, line by line; of an end that sealed
    /// others than open it, by what `decoded` says, not its own.
    pub(super) fn key_logs(&self, decoded: &Decoded) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::new());
        let Some(facts) = &self.report.facts else { return text };
        let lied = |line, end| {
            decoded.findings().any(|one| one.line == line && one.what == Found::WrongSecrets(end))
        };
        let mut written = BTreeSet::new();
        for (line, end, secrets) in &self.sealed {
            if !lied(*line, *end) && written.insert(*line) {
                text.push_str(&secrets.to_key_log(facts.session(), *line, *end));
            }
        }
        text
    }

    fn decoder(&self) -> Decoder {
        let mut decoder = Decoder::new();
        for (line, end, secrets) in &self.sealed {
            decoder.sealed(*line, *end, secrets.clone());
        }
        decoder
    }
}

impl Tape {
    /// As [`Tape::play`], and holds what the ends stated against the packets, as `verify` does.
    ///
    /// # Errors
    /// Exit 5 for a file that cannot be read any more.
    pub(super) fn read(
        &self,
        seen: impl FnMut(&Entry) -> ControlFlow<()>,
    ) -> anyhow::Result<Contents> {
        let keys = session_keys(&self.report);
        let read = contents::read_along(self.file()?, &self.sealed, keys, seen);
        read.or_exit(Exit::NotFound, unreadable(&self.path))
    }

    /// What `verify` says of it; without its contents as long as they were not read.
    ///
    /// # Errors
    /// Exit 2 for an organisation's key that is none, and a proof beside the file that is none.
    pub(super) fn judgement(
        &self,
        args: &SourceArgs,
        home: &Home,
        contents: Option<Contents>,
    ) -> anyhow::Result<Judgement> {
        let node = home.account()?.map(|account| account.join.node);
        Ok(Judgement {
            log: log::beside(&self.path, &self.report, node)?,
            organisation: organisation(args.org.as_deref(), home)?.map(|known| known.key),
            report: self.report.clone(),
            seals: Some(self.seals.clone()),
            contents,
            anchor: None,
        })
    }
}

/// Why nothing of a recording can be read.
fn closed(path: &Path, report: &Report) -> String {
    let name = path.display();
    if let Verdict::Unreadable(damage) = &report.verdict {
        format!("{name} is not a recording to be read: {damage}")
    } else if report.verdict == Verdict::Shredded {
        format!("{name} was shredded: nobody can read it any more")
    } else if report.seals.is_empty() {
        format!("{name} holds no sealed keys: nothing but a handshake can have passed")
    } else {
        format!(
            "no seal of {name} opens with this identity: it is another auditor's, or became one \
             after the session"
        )
    }
}

/// Decodes what `from` gives with what was `sealed`, up to its first fault, which is the verifier's
/// to name. `seen` may hold what an entry states against the decoder, and breaks off when it wants.
///
/// # Errors
/// What the disk says.
pub(super) fn unroll(
    from: impl Read,
    sealed: &Sealed,
    mut seen: impl FnMut(&Entry, &mut Decoder) -> ControlFlow<()>,
) -> io::Result<Decoded> {
    let (mut decoder, mut timeline) = (Decoder::new(), Timeline::new());
    for (line, end, secrets) in sealed {
        decoder.sealed(*line, *end, secrets.clone());
    }
    let mut show = |timeline: &mut Timeline, decoder: &mut Decoder| {
        while let Some(entry) = timeline.poll() {
            seen(&entry, decoder)?;
        }
        ControlFlow::Continue(())
    };
    let mut over = ControlFlow::Continue(());
    walk(from, |next| {
        let Ok(block) = next else { return ControlFlow::Break(()) };
        decoder.feed(block);
        while let Some(event) = decoder.poll() {
            timeline.feed(event);
            over = show(&mut timeline, &mut decoder);
            over?;
        }
        ControlFlow::Continue(())
    })?;
    if over.is_continue() {
        timeline.finish();
        let _over = show(&mut timeline, &mut decoder);
    }
    Ok(decoder.finish())
}

#[cfg(test)]
mod tests {
    use age::x25519::Identity;
    use deskside_decode::forge::Forge;
    use deskside_decode::{Item, Suite};
    use deskside_protocol::session::End;

    use super::super::fixture::Fixture;
    use super::*;
    use crate::failure::exit_of;

    /// The agent opens a stream and says nothing on it, and the technician acknowledged that.
    fn recording(identity: &Identity) -> Vec<u8> {
        let forge = Forge::new(Suite::Aes128Gcm, 3).unwrap();
        let mut fixture = Fixture::start();
        for end in [End::Agent, End::Technician] {
            fixture.seal(end, forge.secrets(), &identity.to_public());
        }
        let opening = b"\x0f\x03\x00\x06\x00\x00\x00\x02\x08\x06";
        for (from, payload) in
            [(End::Agent, &opening[..]), (End::Technician, b"\x02\x00\x00\x00\x00")]
        {
            fixture.packet(from, &forge.packet(from, 0, payload).unwrap());
        }
        fixture.close().0
    }

    fn opened(file: &[u8], identity: Identity) -> anyhow::Result<(tempfile::TempDir, Tape)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.dsr");
        std::fs::write(&path, file).unwrap();
        let tape = Tape::open(&path, None, &vec![Box::new(identity)])?;
        Ok((folder, tape))
    }

    #[test]
    fn it_plays_as_often_as_one_likes_and_stops_where_one_likes() {
        let identity = Identity::generate();
        let (_folder, tape) = opened(&recording(&identity), identity).unwrap();
        assert_eq!(tape.report().verdict, Verdict::Consistent);
        for stop in [1, 2, usize::MAX] {
            let mut items = Vec::new();
            let decoded = tape.play(|entry| {
                items.push(entry.item.clone());
                if items.len() < stop { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
            let all = [Item::LineOpened(Suite::Aes128Gcm), Item::Opened, Item::Finished];
            assert_eq!(items, all[..stop.min(3)]);
            assert_eq!(decoded.unwrap().lines.len(), 1);
        }
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let (identity, other) = (Identity::generate(), Identity::generate());
        let file = recording(&identity);
        for (file, identity, words) in [
            (&file[..], other, "opens with this identity"),
            (b"hello, world", Identity::generate(), "not a recording"),
            (&Fixture::start().close().0, Identity::generate(), "no sealed keys"),
        ] {
            let error = opened(file, identity).err().unwrap();
            assert_eq!(exit_of(&error), Exit::Verification);
            assert!(error.to_string().contains(words), "{error}");
        }
        let missing = Path::new("none.dsr");
        let error = Tape::open(missing, None, &vec![Box::new(identity)]).err().unwrap();
        assert_eq!(exit_of(&error), Exit::NotFound);
    }
}
