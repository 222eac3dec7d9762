//! What a message means on its channel. Each says whether it is one that belongs there.

use deskside_decode::Entry;
use deskside_protocol::channel::Channel;
use deskside_protocol::session::End;
use deskside_protocol::wire::message;
use deskside_protocol::wire::message::message::Kind;
use deskside_protocol::wire::record::Reason;

use super::{Here, Story};
use crate::consent::grants;
use crate::happening::{Monitor, Outcome, What};
use crate::threads::{Files, Thread, path};

/// Monitors of a screen, as many as the protocol has.
const MAX_MONITORS: usize = 64;

impl Story {
    pub(super) fn control(&mut self, here: Here, entry: &Entry, kind: &Kind) -> bool {
        match (here.from, kind) {
            (End::Technician, Kind::Introduction(told)) => {
                let (software, requested) = (told.software.clone(), grants(&told.requested));
                self.tell(here, What::Introduced { software, requested });
            }
            (End::Technician, Kind::GrantRequest(asked)) => {
                let (grants, why) = (grants(&asked.grants), asked.why.clone());
                let number = self.tell(here, What::Asked { grants, why });
                self.thread(here, entry, Thread::Asked(number));
            }
            (End::Agent, Kind::Lease(lease)) => {
                let told = self.consent.lease(here.time_us, lease);
                self.tell_all(here, told);
            }
            (_, Kind::Revoked(revoked)) => {
                let told = self.consent.revoked(&revoked.grants);
                self.tell_all(here, told.into_iter().collect());
            }
            (_, Kind::Ending(ending)) => {
                let reason = Reason::try_from(ending.reason).unwrap_or(Reason::Unspecified);
                self.tell(here, What::Ending(reason));
            }
            // Proofs of what was sent, for who verifies.
            (_, Kind::Statement(_)) => {}
            _ => return false,
        }
        true
    }

    pub(super) fn screen(&mut self, here: Here, entry: &Entry, kind: &Kind) -> bool {
        match (here.from, kind) {
            (End::Technician, Kind::Watch(watch)) => {
                // Another stream only asks where a monitor lies, or has been told of already.
                if self.watch.is_on(entry.line, entry.stream) {
                    let (monitor, hidden) = (watch.monitor, watch.hidden);
                    self.tell(here, What::Watch { monitor, hidden });
                }
            }
            (End::Agent, Kind::Watching(watching)) => self.watching(here, watching),
            (End::Technician, Kind::ScreenshotRequest(asked)) => {
                let monitor = asked.monitor;
                self.thread(here, entry, Thread::Screenshot { monitor, of: None });
            }
            (End::Agent, Kind::Screenshot(shot)) => {
                let (width, height, bytes) = (shot.width, shot.height, shot.bytes);
                let asked = self.known(entry);
                let monitor =
                    if let Some(Thread::Screenshot { monitor, .. }) = asked { *monitor } else { 0 };
                let number = self.tell(here, What::Screenshot { monitor, width, height, bytes });
                self.thread(here, entry, Thread::Screenshot { monitor, of: Some(number) });
            }
            (End::Agent, Kind::Chunk(chunk)) => {
                let of = self.known(entry).and_then(|thread| thread.about());
                if let Some(of) = of {
                    let bytes = chunk.data.clone();
                    self.tell(here, What::ScreenshotPart { of, bytes });
                }
            }
            // The film shows these.
            (
                _,
                Kind::ScreenFrame(_)
                | Kind::ScreenPiece(_)
                | Kind::Shown(_)
                | Kind::CursorShape(_)
                | Kind::CursorPlace(_),
            ) => {}
            _ => return false,
        }
        true
    }

    fn watching(&mut self, here: Here, told: &message::Watching) {
        let monitor = |it: &message::Monitor| Monitor {
            name: it.name.clone(),
            x: it.x,
            y: it.y,
            width: it.width,
            height: it.height,
        };
        let screen = What::Screen {
            monitor: told.monitor,
            width: told.width,
            height: told.height,
            monitors: told.monitors.iter().take(MAX_MONITORS).map(monitor).collect(),
        };
        if self.screen.as_ref() != Some(&screen) {
            self.screen = Some(screen.clone());
            self.tell(here, screen);
        }
    }

    pub(super) fn input(&mut self, here: Here, entry: &Entry, kind: &Kind) -> bool {
        match (here.from, kind) {
            (End::Agent, Kind::Hand(hand)) => {
                self.tell(here, What::Hand { user: hand.user });
            }
            (_, Kind::Masking(masking)) => self.masking(here, entry, masking.on),
            (
                End::Technician,
                Kind::Typed(_)
                | Kind::Key(_)
                | Kind::Button(_)
                | Kind::Wheel(_)
                | Kind::PointerAt(_)
                | Kind::StillHeld(_),
            ) => {
                let sums = self.hands.take(here.line, here.time_us, kind);
                self.sums(sums);
            }
            _ => return false,
        }
        true
    }

    /// A masked passage begins or ends; whoever says so asked for it.
    fn masking(&mut self, here: Here, entry: &Entry, on: bool) {
        if on {
            let of = self.tell(here, What::Masking);
            let (messages, bytes, over) = (0, 0, false);
            self.thread(here, entry, Thread::Masking { of, messages, bytes, over });
        } else {
            let ended = self.known(entry).map(|thread| thread.end(Outcome::Exited(0)));
            self.tell_all(here, ended.unwrap_or_default());
        }
    }

    /// Something that only the agent could read.
    pub(super) fn masked(&mut self, here: Here, entry: &Entry, length: u64) {
        if entry.channel == Some(Channel::Command) {
            let of = self.known(entry).and_then(|thread| thread.about());
            self.tell(here, What::Masked { of, bytes: length });
            return;
        }
        // What was on its way when the passage was said to be over belongs to one of its own.
        if !matches!(self.known(entry), Some(Thread::Masking { over: false, .. })) {
            self.masking(here, entry, true);
        }
        if let Some(Thread::Masking { messages, bytes, .. }) = self.known(entry) {
            *messages = messages.saturating_add(1);
            *bytes = bytes.saturating_add(length);
        }
    }

    pub(super) fn command(&mut self, here: Here, entry: &Entry, kind: &Kind) -> bool {
        if let (End::Technician, Kind::CommandStart(start)) = (here.from, kind) {
            let (argv, timeout_ms) = (start.argv.clone(), start.timeout_ms);
            let of = self.tell(here, What::Command { argv, timeout_ms });
            self.thread(here, entry, Thread::Command { of, over: false });
            return true;
        }
        let told = self.known(entry).and_then(|thread| thread.command(here.from, kind));
        let known = told.is_some();
        self.tell_all(here, told.unwrap_or_default());
        known
    }

    pub(super) fn file(&mut self, here: Here, entry: &Entry, kind: &Kind) -> bool {
        match (here.from, kind) {
            (End::Technician, Kind::FilePut(put)) => {
                let (path, files, bytes) = (path(&put.into), put.files, put.bytes);
                let apart = put.apart;
                let what = What::Transfer { to_agent: true, path, files, bytes, apart };
                let of = self.tell(here, what);
                self.thread(here, entry, Thread::Files(Files::new(of, End::Technician, apart)));
                return true;
            }
            (End::Technician, Kind::FileGet(get)) => {
                let (path, apart) = (path(&get.path), get.apart);
                let what = What::Transfer { to_agent: false, path, files: 0, bytes: 0, apart };
                let of = self.tell(here, what);
                self.thread(here, entry, Thread::Files(Files::new(of, End::Agent, apart)));
                return true;
            }
            _ => {}
        }
        let Some(Thread::Files(files)) = self.known(entry) else { return false };
        let (of, sends) = (files.of, files.sender == here.from);
        match (sends, kind) {
            (_, Kind::FileReady(ready)) if here.from == End::Agent => {
                let (files, bytes) = (ready.files, ready.bytes);
                self.tell(here, What::TransferReady { of, files, bytes });
            }
            (true, Kind::FileEntry(file)) => {
                let (path, size, folder) = (path(&file.path), file.size, file.folder);
                let number = self.tell(here, What::File { of, path, size, folder });
                if let Some(Thread::Files(files)) = self.known(entry) {
                    files.entry(number, file);
                }
            }
            (true, Kind::FileEnd(end)) => files.sent(end),
            (false, Kind::FileDone(done)) => {
                let told = files.done(done);
                self.tell_all(here, told.into_iter().collect());
            }
            (true, Kind::FileSkipped(skipped)) => {
                let why = skipped.why.as_ref().map(|why| why.text.clone()).unwrap_or_default();
                let path = path(&skipped.path);
                self.tell(here, What::FileSkipped { of, path, why });
            }
            (false, Kind::FileHave(_)) | (true, Kind::FileFrom(_) | Kind::FilesSent(_)) => {}
            _ => return false,
        }
        true
    }

    pub(super) fn text(&mut self, here: Here, kind: &Kind) -> bool {
        match (here.from, kind) {
            (_, Kind::Said(said)) => {
                self.tell(here, What::Said { text: said.text.clone() });
            }
            // An empty one only asks for what is there.
            (_, Kind::Copied(copied)) if copied.text.is_empty() => {}
            (_, Kind::Copied(copied)) => {
                self.tell(here, What::Copied { text: copied.text.clone() });
            }
            _ => return false,
        }
        true
    }
}
