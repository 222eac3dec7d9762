//! The line of the moment: its labels, who sealed it, where its ends are. A session has one at a
//! time; each has a number of its own in the recording.

use std::net::SocketAddr;
use std::sync::Arc;

use deskside_link::random::System;
use deskside_protocol::label::Label;
use deskside_protocol::recording::format::MAX_LINES;
use deskside_protocol::session::{End, Ends};

use super::files::Beside;
use crate::recorder::Recording;
use crate::store::LineRow;
use crate::switch::{Attached, Connected, Line, Switch};

/// Number of a session's first line.
pub(super) const FIRST_LINE: u16 = 0;

/// What the relay knows of an end's seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sealed {
    No,
    /// By an age file with this SHA-256.
    By([u8; 32]),
    /// Before the relay was restarted.
    Before,
}

/// A line that is being forwarded.
#[derive(Debug)]
pub(super) struct Current {
    connected: Connected,
    number: u16,
    labels: Ends<Label>,
    addresses: Ends<Option<SocketAddr>>,
    sealed: Ends<Sealed>,
    /// Which ends were told of it.
    told: Ends<bool>,
    /// The files line beside it.
    files: Option<Box<Beside>>,
}

/// How a line begins.
pub(super) struct Beginning {
    pub(super) number: u16,
    pub(super) labels: Ends<Label>,
    /// Where its ends are; `None` for one that is away.
    pub(super) addresses: Ends<Option<SocketAddr>>,
    /// Without one nothing has to be sealed.
    pub(super) recording: Option<Arc<Recording>>,
    /// What the policy lets each end send.
    pub(super) bytes_per_second: Option<u64>,
}

impl Beginning {
    /// The row that is kept of it.
    pub(super) fn row(&self) -> LineRow {
        let Ends { agent, technician } = self.labels;
        let labels = Ends { agent: *agent.as_bytes(), technician: *technician.as_bytes() };
        LineRow { number: self.number, labels }
    }
}

/// Two new labels.
pub(super) fn labels() -> Ends<Label> {
    let mut random = System::new();
    Ends { agent: Label::random(&mut random), technician: Label::random(&mut random) }
}

impl Current {
    /// Forwards the line's handshake, and everything where there is no recording.
    pub(super) fn begin(switch: &Arc<Switch>, beginning: Beginning) -> Self {
        let Beginning { number, labels, addresses, recording, bytes_per_second } = beginning;
        let attached = |end| Attached { label: *labels.of(end), address: *addresses.of(end) };
        let (agent, technician) = (attached(End::Agent), attached(End::Technician));
        let line = Line::with_rate(number, agent, technician, recording, bytes_per_second);
        let connected = switch.connect(line);
        let sealed = Ends { agent: Sealed::No, technician: Sealed::No };
        Self { connected, number, labels, addresses, sealed, told: Ends::default(), files: None }
    }

    /// It goes on after a restart of the relay, before which both ends had sealed it.
    pub(super) fn go_on(&mut self) {
        self.sealed = Ends { agent: Sealed::Before, technician: Sealed::Before };
        self.told = Ends { agent: true, technician: true };
        self.open();
    }

    pub(super) const fn number(&self) -> u16 {
        self.number
    }

    /// The number of the next line, where the session may have another.
    pub(super) fn next_number(&self) -> Option<u16> {
        let next = self.number.checked_add(1)?;
        (usize::from(next) < MAX_LINES).then_some(next)
    }

    pub(super) const fn label(&self, end: End) -> Label {
        *self.labels.of(end)
    }

    pub(super) const fn address(&self, end: End) -> Option<SocketAddr> {
        *self.addresses.of(end)
    }

    /// Packets for `end` go there; nowhere while it is away.
    pub(super) fn place(&mut self, end: End, address: Option<SocketAddr>) {
        *self.addresses.of_mut(end) = address;
        self.connected.line().place(end, address);
        if let Some(files) = &self.files {
            files.line().place(end, address);
        }
    }

    /// Forwards a files line beside it, in the place of the one before.
    pub(super) fn begin_files(&mut self, switch: &Arc<Switch>, which: (u32, Ends<Label>)) {
        let files = Beside::begin(switch, self.connected.line(), &self.addresses, which);
        self.files = Some(Box::new(files));
    }

    /// The files line beside it.
    pub(super) fn files(&self) -> Option<&Beside> {
        self.files.as_deref()
    }

    /// Waits until packets came from an address that is not their end's leg's. A hint, which
    /// anybody can cause.
    pub(super) async fn strayed(&self) {
        self.connected.line().strayed().await;
    }

    /// Whether `end` was told of this line, and so may have had it.
    pub(super) const fn is_told(&self, end: End) -> bool {
        *self.told.of(end)
    }

    pub(super) const fn tell(&mut self, end: End) {
        *self.told.of_mut(end) = true;
    }

    pub(super) const fn sealed(&self, end: End) -> Sealed {
        *self.sealed.of(end)
    }

    /// An end's seal is on disk. The second one opens the line.
    pub(super) fn seal(&mut self, end: End, age_sha256: [u8; 32]) {
        *self.sealed.of_mut(end) = Sealed::By(age_sha256);
        if self.is_sealed() {
            self.open();
        }
    }

    pub(super) fn is_sealed(&self) -> bool {
        self.sealed.agent != Sealed::No && self.sealed.technician != Sealed::No
    }

    /// Everything may pass.
    pub(super) fn open(&self) {
        self.connected.line().open();
    }

    /// Nothing is forwarded any more.
    pub(super) fn disconnect(&mut self) {
        self.files = None;
        self.connected.disconnect();
    }
}
