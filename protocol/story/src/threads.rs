//! What is under way on one stream: a command, a transfer, a screenshot. Each takes the messages of
//! both ends and tells what they mean.

use std::collections::VecDeque;

use bytes::Bytes;
use deskside_protocol::session::End;
use deskside_protocol::wire::message::message::Kind;
use deskside_protocol::wire::message::{self, CommandExit, FileEntry, command_exit};

use crate::happening::{FileEnd, Outcome, What};

/// Files of a transfer whose end was not heard yet: an honest sender has 64.
const MAX_FILES: usize = 1_024;

/// What a stream is about.
#[derive(Debug)]
pub(crate) enum Thread {
    /// A command, by its number.
    Command { of: u64, over: bool },
    /// Files.
    Files(Files),
    /// A screenshot: of which monitor, and its number once it came.
    Screenshot { monitor: u32, of: Option<u64> },
    /// A question for more, by its number.
    Asked(u64),
    /// A masked passage, where it began, and what passed in it.
    Masking { of: u64, messages: u64, bytes: u64, over: bool },
}

/// A transfer.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) of: u64,
    /// Whose word it is what was sent; the other end's is what arrived.
    pub(crate) sender: End,
    apart: bool,
    over: bool,
    /// In the order in which they were sent; the receiver answers in that order.
    under_way: VecDeque<FileEnd>,
}

impl Files {
    pub(crate) const fn new(of: u64, sender: End, apart: bool) -> Self {
        Self { of, sender, apart, over: false, under_way: VecDeque::new() }
    }

    /// A file comes, which has been told under `number`.
    pub(crate) fn entry(&mut self, number: u64, entry: &FileEntry) {
        if entry.folder || self.under_way.len() >= MAX_FILES {
            return;
        }
        self.under_way.push_back(FileEnd {
            of: number,
            path: path(&entry.path),
            size: entry.size,
            sent: 0,
            apart: self.apart,
            sha256: Bytes::new(),
            landed: Ok(()),
        });
    }

    /// Bytes of the body of the file that came last.
    pub(crate) fn body(&mut self, bytes: usize) {
        if let Some(file) = self.under_way.back_mut() {
            file.sent = file.sent.saturating_add(bytes as u64);
        }
    }

    /// The sender has sent it.
    pub(crate) fn sent(&mut self, end: &message::FileEnd) {
        if let Some(file) = self.under_way.back_mut() {
            file.sha256 = end.sha256.clone();
            if let Some(failed) = &end.failed {
                file.landed = Err(failed.text.clone());
            }
        }
    }

    /// The receiver says what came of the oldest.
    pub(crate) fn done(&mut self, done: &message::FileDone) -> Option<What> {
        let mut file = self.under_way.pop_front()?;
        if let Some(failed) = &done.failed {
            file.landed = Err(failed.text.clone());
        } else if file.sha256.is_empty() {
            file.sha256 = done.sha256.clone();
        }
        Some(What::FileEnded(file))
    }

    /// No more is heard of it.
    fn end(&mut self, how: Outcome) -> Vec<What> {
        if std::mem::replace(&mut self.over, true) {
            return Vec::new();
        }
        let lost = |mut file: FileEnd| {
            if file.landed.is_ok() {
                file.landed = Err("whether it landed is not in the recording".to_owned());
            }
            What::FileEnded(file)
        };
        let mut told: Vec<What> = self.under_way.drain(..).map(lost).collect();
        told.push(What::TransferEnded { of: self.of, how });
        told
    }
}

impl Thread {
    /// The number of what it is about.
    pub(crate) const fn about(&self) -> Option<u64> {
        match self {
            Self::Command { of, .. } | Self::Asked(of) | Self::Masking { of, .. } => Some(*of),
            Self::Files(files) => Some(files.of),
            Self::Screenshot { of, .. } => *of,
        }
    }

    /// It ended like this, if it has not ended before.
    pub(crate) fn end(&mut self, how: Outcome) -> Vec<What> {
        match self {
            Self::Command { of, over } if !*over => {
                *over = true;
                vec![What::CommandEnded { of: *of, how }]
            }
            Self::Files(files) => files.end(how),
            Self::Masking { of, messages, bytes, over } if !*over => {
                *over = true;
                vec![What::MaskingEnded { of: *of, messages: *messages, bytes: *bytes }]
            }
            Self::Command { .. }
            | Self::Screenshot { .. }
            | Self::Asked(_)
            | Self::Masking { .. } => Vec::new(),
        }
    }

    /// What a message of a command means.
    pub(crate) fn command(&mut self, from: End, kind: &Kind) -> Option<Vec<What>> {
        let Self::Command { of, over } = self else { return None };
        let of = *of;
        if let (End::Technician, Kind::CommandInput(input)) = (from, kind) {
            let bytes = input.data.clone();
            let told = What::CommandInput { of, bytes };
            return Some(if input.data.is_empty() { Vec::new() } else { vec![told] });
        }
        if let (End::Agent, Kind::CommandOutput(output)) = (from, kind) {
            let (stderr, bytes) = (output.stderr, output.data.clone());
            return Some(vec![What::Output { of, stderr, bytes }]);
        }
        if let (End::Agent, Kind::CommandExit(exit)) = (from, kind) {
            *over = true;
            return Some(vec![What::CommandEnded { of, how: outcome(*exit) }]);
        }
        None
    }
}

const fn outcome(exit: CommandExit) -> Outcome {
    match exit.how {
        Some(command_exit::How::Code(code)) => Outcome::Exited(code),
        Some(command_exit::How::Signal(signal)) => Outcome::Killed(signal),
        Some(command_exit::How::TimedOut(_)) => Outcome::TimedOut,
        None => Outcome::Unknown,
    }
}

/// The components of a path as one.
pub(crate) fn path(components: &[String]) -> String {
    components.join("/")
}
