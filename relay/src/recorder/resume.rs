//! A recording that a relay did not close: walked from its first byte to its last whole block,
//! recounted, and cut where a crash tore it. A file that a hand altered stays as it is.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use deskside_protocol::recording::recovery::{MAX_TAIL, whole_block_behind};
use deskside_protocol::recording::verify::{Finding, Flaw};
use deskside_protocol::recording::{
    Block, Damage, Fault, Kind, Place, Reader, Step, Verdict, Verifier,
};
use deskside_protocol::session::Ends;
use deskside_protocol::wire::record::{Close, Closing, Event, Header, Totals, event};
use prost::Message as _;
use thiserror::Error;

use super::recording::Recording;
use super::spool::Spool;

/// Bytes of the file in memory: some ten receive batches, which the processor's caches hold. It grows
/// with a block that is larger, which is 4 MiB at the most.
const PIECE: usize = 1024 * 1024;

/// A recording that goes on.
#[derive(Debug)]
pub struct Resumed {
    /// The recording, at the end of its file.
    pub recording: Arc<Recording>,
    /// Bytes of a torn block that were cut off.
    pub cut: u64,
    /// Which ends sealed which line.
    pub sealed: BTreeMap<u16, Ends<bool>>,
    /// The first block's body: the session and its pairing.
    pub header: Header,
    /// The chain hash of the CLOSE, where the file has it: nothing can be appended any more.
    pub closed: Option<[u8; 32]>,
    /// Number of the `Reason` in that CLOSE, else 0.
    pub reason: i32,
}

/// A recording does not go on. The file is as it was.
#[derive(Debug, Error)]
pub enum ResumeError {
    /// Somebody altered the file: a crash does not leave this.
    #[error("the recording was tampered with: {what} ({at})")]
    Tampered {
        /// What is wrong.
        what: Flaw,
        /// Where.
        at: Place,
    },
    /// There is no such file.
    #[error("the recording is missing")]
    Missing,
    /// The file ends before its first block does: nothing was forwarded yet.
    #[error("the recording has no header")]
    NoHeader,
    /// The disk refuses.
    #[error("the recording cannot be read")]
    Disk(#[from] io::Error),
    /// The relay is ending.
    #[error("the recorder has ended")]
    Ended,
}

impl From<Fault> for ResumeError {
    fn from(fault: Fault) -> Self {
        Self::Tampered { what: Flaw::Bytes(fault.what), at: fault.at }
    }
}

/// What a walk found.
pub(super) struct Walked {
    pub(super) spool: Spool,
    pub(super) totals: Totals,
    pub(super) cut: u64,
    pub(super) sealed: BTreeMap<u16, Ends<bool>>,
    pub(super) header: Header,
    pub(super) closed: Option<[u8; 32]>,
    pub(super) reason: i32,
}

/// Walks the file at `path` and cuts off a torn tail.
///
/// It is judged as an auditor without a key would judge it: whoever goes on with an altered chain
/// and signs it takes the blame.
pub(super) fn walk(path: &Path) -> Result<Walked, ResumeError> {
    let opened = OpenOptions::new().read(true).write(true).open(path);
    let file = opened.map_err(|error| {
        if error.kind() == io::ErrorKind::NotFound {
            ResumeError::Missing
        } else {
            ResumeError::Disk(error)
        }
    })?;
    let (mut verifier, mut found) = (Verifier::new(None), Found::default());
    let reader = blocks(&file, |block| {
        found.take(block);
        verifier.feed(block);
    })?;
    let report = verifier.finish();
    if let Verdict::Tampered(Finding { what, at, .. }) = report.verdict {
        return Err(ResumeError::Tampered { what, at });
    }
    let header = found.header.ok_or(ResumeError::NoHeader)?;
    let (state, good) = (*reader.state(), reader.offset());
    let cut = file.metadata()?.len().saturating_sub(good);
    if cut > 0 {
        file.set_len(good)?;
        file.sync_all()?;
    }
    let mut sealed: BTreeMap<u16, Ends<bool>> = BTreeMap::new();
    for seal in &report.seals {
        *sealed.entry(seal.line).or_default().of_mut(seal.end) = true;
    }
    let Ends { agent, technician } = report.packets;
    let totals = Totals {
        packets_from_agent: agent.packets,
        bytes_from_agent: agent.bytes,
        packets_from_technician: technician.packets,
        bytes_from_technician: technician.bytes,
        packets_dropped: found.dropped,
    };
    let closed = state.is_closed().then(|| *state.hash());
    let spool = Spool::resume(Box::new(file), state, good);
    Ok(Walked { spool, totals, cut, sealed, header, closed, reason: found.reason })
}

/// Reads whole blocks in order as long as there are any, with the block at hand in memory and a
/// piece of what follows it. What stands behind them is torn.
pub(super) fn blocks(file: &File, mut each: impl FnMut(&Block<'_>)) -> Result<Reader, ResumeError> {
    let (mut reader, mut window) = (Reader::new(), vec![0; PIECE]);
    let (mut filled, mut at) = (0, 0);
    loop {
        let read = read_up_to(file, window.get_mut(filled..).unwrap_or_default(), at)?;
        filled += read;
        at += read as u64;
        let mut rest = window.get(..filled).unwrap_or_default();
        let needed = loop {
            match reader.next(&mut rest) {
                Ok(Step::Block(block)) => each(&block),
                Ok(Step::NeedMore(needed)) => break needed,
                Err(fault) => return torn(file, reader, fault),
            }
        };
        if read == 0 {
            return match reader.finish(rest) {
                Ok(_) => Ok(reader),
                Err(fault) => torn(file, reader, fault),
            };
        }
        let left = rest.len();
        window.copy_within(filled - left..filled, 0);
        filled = left;
        if window.len() < needed {
            window.resize(needed, 0);
        }
    }
}

/// As many bytes as the file has from `at` on, and fit.
fn read_up_to(file: &File, mut to: &mut [u8], at: u64) -> io::Result<usize> {
    let mut total = 0;
    while !to.is_empty() {
        match file.read_at(to, at + total as u64) {
            Ok(0) => break,
            Ok(read) => {
                total += read;
                to = to.get_mut(read..).unwrap_or_default();
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(total)
}

/// Tells what a crash leaves from what only a hand leaves.
fn torn(file: &File, reader: Reader, fault: Fault) -> Result<Reader, ResumeError> {
    match fault.what {
        Damage::Magic | Damage::Version { .. } | Damage::AfterClose => return Err(fault.into()),
        Damage::TooLarge { .. }
        | Damage::Flags { .. }
        | Damage::Sequence { .. }
        | Damage::Chain
        | Damage::Torn => {}
    }
    let mut tail = vec![0; MAX_TAIL];
    let read = read_up_to(file, &mut tail, reader.offset())?;
    tail.truncate(read);
    match whole_block_behind(&tail, reader.state().seq()) {
        None => Ok(reader),
        Some(_) => Err(fault.into()),
    }
}

/// What is gathered on the way, beyond what the verifier reports.
#[derive(Default)]
struct Found {
    header: Option<Header>,
    dropped: u64,
    reason: i32,
}

impl Found {
    /// What cannot be read is the verifier's to tell.
    fn take(&mut self, block: &Block<'_>) {
        if block.header.kind == Kind::Header && self.header.is_none() {
            self.header = Header::decode(block.body).ok();
        }
        if block.header.kind == Kind::Close
            && let Ok(close) = Close::decode(block.body)
            && let Ok(closing) = Closing::decode(close.closing)
        {
            self.reason = closing.reason;
        }
        if block.header.kind == Kind::Event
            && let Ok(event) = Event::decode(block.body)
            && event.kind == i32::from(event::Kind::Dropped)
        {
            // The count is that of the whole session so far.
            self.dropped = event.count;
        }
    }
}
