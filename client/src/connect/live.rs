//! A session while it lives: what there is of it at this moment, and what is made beside it when the
//! relay gives a line. What happens to it is for the rooms above this one.

use std::sync::Arc;

use deskside_link::attend::{Attendance, Given};
use deskside_link::statements::Statements;

use super::Technician;
use super::bodies::{Keeping, Maker};
use super::chat::Chat;
use super::keeping::Keeper;
use super::local::Local;
use super::opening::LineMaker;
use super::talk::{Control, Talk};
use super::telling::Telling;
use super::window::Window;
use crate::lines::LinesOwner;

/// A session while it lives.
pub(super) struct Live<'a> {
    pub(super) technician: &'a Technician<'a>,
    pub(super) attendance: Attendance,
    pub(super) maker: Arc<LineMaker>,
    pub(super) statements: Statements,
    pub(super) telling: Telling<'a>,
    pub(super) keeper: Keeper,
    pub(super) lines: LinesOwner,
    /// The files line beside the line of the moment.
    pub(super) files: Keeping,
    /// Number of the line that the relay gave last.
    pub(super) number: u16,
    pub(super) local: Local,
    pub(super) chat: Chat,
    pub(super) window: Window,
    /// Whether there ever was a line.
    pub(super) began: bool,
}

impl Live<'_> {
    /// A conversation on the line that the relay gave.
    pub(super) fn talk(&self, given: Given) -> Talk {
        let (maker, wished) = (self.maker.clone(), self.technician.wished);
        let (lines, sealer) = (self.attendance.lines(), self.attendance.sealer());
        let statements = self.statements.clone();
        Talk::on(async move {
            let line = maker.make(&lines, given, &sealer).await?;
            let stating = statements.on(&line, given.line);
            Control::open(line, wished, stating).await
        })
    }

    /// What makes files lines beside the line of the moment.
    pub(super) fn files_maker(&self) -> Maker {
        let (asker, lines) = (self.attendance.files_asker(), self.attendance.lines());
        Maker { maker: self.maker.clone(), asker, lines, number: self.number }
    }
}
