//! A recording as something to be played: judged once, its seals opened, and then what was said on
//! its lines, entry by entry, as often as somebody wants. Reads the file as a stream, with room for
//! one block and for what a [`Decoder`] holds; asks no relay.

mod walk;

use std::collections::BTreeSet;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use deskside_decode::{Entry, Found, Report as Decoded};
use deskside_protocol::exit::Exit;
use deskside_protocol::recording::{Report, Verdict};
use indicatif::ProgressBar;
use zeroize::Zeroizing;

use super::anchor;
use super::contents::{self, Contents};
use super::file::{file, unreadable};
use super::judge::{Organisation, judge, organisation};
use super::log;
use super::seals::{self, Identities, Sealed, Seals};
use super::verdict::{Judgement, verdict_sentence};
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
    pub(in crate::audit) fn watched(&mut self, bar: ProgressBar) {
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
    pub(in crate::audit) fn warning(&self) -> Option<String> {
        let verdict = &self.report.verdict;
        (!verdict.is_sound()).then(|| verdict_sentence(verdict))
    }

    /// Whose it is, in digits.
    pub(in crate::audit) fn session(&self) -> String {
        self.report.facts.as_ref().map(|facts| facts.session().to_string()).unwrap_or_default()
    }

    /// What the file says without its packets: whose session it is, its times, its verdict.
    #[must_use]
    pub const fn report(&self) -> &Report {
        &self.report
    }

    /// Where it lies.
    pub(in crate::audit) fn path(&self) -> &Path {
        &self.path
    }

    /// The lines' secrets as the key logs that were sealed, line by line; of an end that sealed
    /// others than open it, by what `decoded` says, not its own.
    pub(in crate::audit) fn key_logs(&self, decoded: &Decoded) -> Zeroizing<String> {
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

    /// As [`Tape::play`], and holds what the ends stated against the packets, as `verify` does.
    ///
    /// # Errors
    /// Exit 5 for a file that cannot be read any more.
    pub(in crate::audit) fn read(
        &self,
        seen: impl FnMut(&Entry) -> ControlFlow<()>,
    ) -> anyhow::Result<Contents> {
        let facts = self.report.facts.as_ref();
        let read = contents::read_along(self.file()?, &self.sealed, facts, seen);
        read.or_exit(Exit::NotFound, unreadable(&self.path))
    }

    /// What `verify` says of it; without its contents as long as they were not read.
    ///
    /// # Errors
    /// Exit 2 for an organisation's key that is none, and a proof beside the file that is none.
    pub(in crate::audit) fn judgement(
        &self,
        args: &SourceArgs,
        home: &Home,
        contents: Option<Contents>,
    ) -> anyhow::Result<Judgement> {
        let node = home.account()?.map(|account| account.join.node);
        Ok(Judgement {
            log: log::beside(&self.path, &self.report, node)?,
            organisation: organisation(args.reader.org.as_deref(), home)?.map(|known| known.key),
            report: self.report.clone(),
            seals: Some(self.seals.clone()),
            contents,
            anchor: anchor::beside(&self.path, &self.report)?,
            kept: Vec::new(),
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

#[cfg(test)]
mod tests {
    use age::x25519::Identity;
    use deskside_decode::forge::Forge;
    use deskside_decode::{Item, Suite};
    use deskside_protocol::session::End;

    use super::*;
    use crate::audit::fixture::Fixture;
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
