//! The files line beside the line of the moment: where the policy under which the session began says
//! `hash-only`, the bodies of files go over a line that is forwarded and not recorded.
//!
//! It is there because the technician asked, goes with the line beside which it is, and is written
//! down, so that a relay that was killed forwards it again under the same labels.

use std::net::SocketAddr;

use bytes::Bytes;
use deskside_protocol::label::Label;
use deskside_protocol::session::{End, Ends};
use deskside_protocol::wire::record::Reason;
use deskside_protocol::wire::signal::{FilesLine, FilesLineAsk, signal::Kind};

use super::line::labels;
use super::live::Live;
use super::terms::{BOTH, without};
use crate::chain;
use crate::store::FilesRow;
use crate::switch::{Attached, Connected, Line, Switch};

/// Files lines beside one line, one after the other: as many as a session has lines. Each comes of a
/// connection that broke for good, which address and relay may change without.
const MAX_FILES_LINES: u32 = 255;

/// A files line that is being forwarded.
#[derive(Debug)]
pub(super) struct Beside {
    connected: Connected,
    number: u32,
    labels: Ends<Label>,
}

impl Beside {
    /// Forwards it beside `main`, whose ends are at `addresses`.
    pub(super) fn begin(
        switch: &std::sync::Arc<Switch>,
        main: &Line,
        addresses: &Ends<Option<SocketAddr>>,
        (number, labels): (u32, Ends<Label>),
    ) -> Self {
        let attached = |end| Attached { label: *labels.of(end), address: *addresses.of(end) };
        let line = main.beside(attached(End::Agent), attached(End::Technician));
        Self { connected: switch.connect(line), number, labels }
    }

    pub(super) const fn number(&self) -> u32 {
        self.number
    }

    pub(super) fn line(&self) -> &Line {
        self.connected.line()
    }
}

/// Labels as they are kept.
fn row(line: u16, number: u32, labels: Ends<Label>) -> FilesRow {
    let Ends { agent, technician } = labels;
    let labels = Ends { agent: *agent.as_bytes(), technician: *technician.as_bytes() };
    FilesRow { line, number, labels }
}

impl Live {
    /// An end asks for a files line. Only the technician does, who dials it.
    pub(super) async fn files_line_asked(
        &mut self,
        from: End,
        ask: FilesLineAsk,
    ) -> Result<(), Reason> {
        if from != End::Technician {
            return Err(without(from));
        }
        // There is another line by now, and the asker is told of that.
        if ask.line != u32::from(self.line.number()) {
            return Ok(());
        }
        let now = self.line.files().map_or(0, Beside::number);
        if now > ask.after {
            self.tell_files_line(from).await;
            return Ok(());
        }
        if !self.may_have_files_line() || ask.after > now || now >= MAX_FILES_LINES {
            tracing::warn!(session = %self.session.id(), "a files line was asked for that there is not to be");
            let refused = FilesLine { line: ask.line, ..FilesLine::default() };
            self.say(from, Kind::FilesLine(refused)).await;
            return Ok(());
        }
        self.begin_files_line(now + 1).await
    }

    /// Bodies pass unrecorded only where the policy says so, and not before what they are of is
    /// recorded.
    fn may_have_files_line(&self) -> bool {
        self.session.bodies_apart && (!self.recorded || self.line.is_sealed())
    }

    async fn begin_files_line(&mut self, number: u32) -> Result<(), Reason> {
        let labels = labels();
        let store = self.session.service.relay.node.store();
        let row = row(self.line.number(), number, labels);
        if let Err(error) = store.keep_files_line(self.session.id().as_bytes(), row).await {
            tracing::error!(session = %self.session.id(), error = chain(&error), "a files line cannot be written down");
            return Err(Reason::RelayStopped);
        }
        self.record_files_line(number).await?;
        self.line.begin_files(&self.session.service.switch, (number, labels));
        for end in BOTH {
            self.tell_files_line(end).await;
        }
        Ok(())
    }

    /// After a restart of the relay: it goes on, where it is of the line that goes on.
    pub(super) async fn files_line_goes_on(&mut self) {
        if !self.session.bodies_apart {
            return;
        }
        let store = self.session.service.relay.node.store();
        let kept = match store.files_line(self.session.id().as_bytes()).await {
            Ok(kept) => kept.filter(|kept| kept.line == self.line.number()),
            Err(error) => {
                // Transfers wait until the technician's program asks for another.
                tracing::error!(session = %self.session.id(), error = chain(&error), "a files line cannot be read");
                None
            }
        };
        let read = |bytes: &[u8; 8]| Label::from_bytes(bytes);
        let whole = kept.and_then(|FilesRow { number, labels, .. }| {
            let (agent, technician) = (read(&labels.agent)?, read(&labels.technician)?);
            Some((number, Ends { agent, technician }))
        });
        if let Some(whole) = whole {
            self.line.begin_files(&self.session.service.switch, whole);
        }
    }

    /// Tells an end of the files line, where there is one and the end is there.
    pub(super) async fn tell_files_line(&mut self, end: End) {
        let Some(Beside { number, labels, .. }) = self.line.files() else { return };
        let label = |end| Bytes::copy_from_slice(labels.of(end).as_bytes());
        let given = FilesLine {
            line: self.line.number().into(),
            number: *number,
            own_label: label(end),
            peer_label: label(end.other()),
        };
        self.say(end, Kind::FilesLine(given)).await;
    }
}
