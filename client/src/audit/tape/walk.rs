//! A tape's way through its file: entry by entry, packet by packet, happening by happening, as often as
//! somebody wants.

use std::ops::ControlFlow;

use deskside_decode::{Decoder, Entry, Event, Recorded, Report as Decoded};
use deskside_protocol::exit::Exit;
use deskside_protocol::recording::Kind;
use deskside_story::{Happening, Story};

use super::Tape;
use crate::audit::contents::Contents;
use crate::audit::file::{unreadable, walk};
use crate::audit::unroll::{decoder, unroll};
use crate::failure::OrExit as _;

impl Tape {
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
    pub(in crate::audit) fn packets(
        &self,
        mut seen: impl FnMut(Recorded) -> anyhow::Result<()>,
    ) -> anyhow::Result<Decoded> {
        let mut decoder = decoder(&self.sealed);
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
    pub(in crate::audit) fn events(
        &self,
        mut seen: impl FnMut(Event) -> anyhow::Result<()>,
    ) -> anyhow::Result<Decoded> {
        self.decode(decoder(&self.sealed), |decoder| {
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

    /// The last block of each of these kinds as it stands in the file, without its chain hash; empty
    /// where there is none.
    ///
    /// # Errors
    /// Exit 5 for a file that cannot be read any more.
    pub(in crate::audit) fn last_blocks<const N: usize>(
        &self,
        kinds: [Kind; N],
    ) -> anyhow::Result<[Vec<u8>; N]> {
        let mut blocks = [const { Vec::new() }; N];
        let walked = walk(self.file()?, |next| {
            let Ok(block) = next else { return ControlFlow::Break(()) };
            for (kept, _) in
                blocks.iter_mut().zip(kinds).filter(|(_, kind)| *kind == block.header.kind)
            {
                *kept = [&block.header.encode()[..], block.body].concat();
            }
            ControlFlow::Continue(())
        });
        walked.or_exit(Exit::NotFound, unreadable(&self.path))?;
        Ok(blocks)
    }

    /// Tells what happened, and what in the recording does not go together, what the ends stated
    /// included: in the order of [`Tape::play`]. Blocks. Gives what was read, as [`Tape::read`] does.
    ///
    /// # Errors
    /// Exit 5 for a file that cannot be read any more; what `seen` says, which ends it.
    pub(in crate::audit) fn happenings(
        &self,
        mut seen: impl FnMut(&Happening) -> anyhow::Result<()>,
    ) -> anyhow::Result<Contents> {
        let mut story = Story::new();
        let mut told = Ok(());
        let mut tell = |story: &mut Story| {
            while let Some(happening) = story.poll() {
                seen(&happening)?;
            }
            anyhow::Ok(())
        };
        let contents = self.read(|entry| {
            story.feed(entry);
            told = tell(&mut story);
            if told.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        told?;
        story.finish(contents.report().findings());
        tell(&mut story)?;
        Ok(contents)
    }
}
