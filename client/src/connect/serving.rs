//! A session is served: from the line that the relay gave first, through whatever happens, to the
//! ending that writes it down. What is done about each thing is in the rooms beside this one.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use deskside_link::attend::{Attendance, Given};
use deskside_link::statements::Statements;
use deskside_protocol::wire::record::Reason;
use tokio::time::{MissedTickBehavior, interval};

use super::Technician;
use super::bodies::Keeping;
use super::chat::{Chat, Speaker};
use super::ending::End;
use super::keeping::Keeper;
use super::live::Live;
use super::local::{Local, Wish};
use super::opening::LineMaker;
use super::over::{How, Over};
use super::stop::stop_signal;
use super::talk::Talk;
use super::telling::Telling;
use super::wake::Clocks;
use super::window::Window;
use crate::lines::LinesOwner;
use crate::viewer::Seat;

/// A session that was paired, or that is gone on with.
pub(super) struct Begun<'a> {
    pub(super) technician: &'a Technician<'a>,
    pub(super) attendance: Attendance,
    pub(super) given: Given,
    pub(super) maker: Arc<LineMaker>,
    pub(super) statements: Statements,
    pub(super) keeper: Keeper,
    pub(super) telling: Telling<'a>,
    pub(super) seat: Option<Seat>,
}

impl<'a> Begun<'a> {
    /// Serves the session until it ends, then closes it and writes the note.
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let Self { technician, attendance, given, maker, statements, .. } = self;
        let (mut keeper, mut telling, seat) = (self.keeper, self.telling, self.seat);
        if let Err(error) = keeper.keep(&telling.tally).await
            && let Err(closed) = telling.unkept(&error)
        {
            // The next thing that is told fails too, and ends the session in order.
            tracing::debug!(%closed, "nobody reads what is told");
        }
        let lines = LinesOwner::new();
        let local = Local::new(lines.lines(), telling.tally.clone(), technician.view_only);
        let chat = Chat::on(lines.lines());
        let window = Window::at(seat, &lines.lines());
        telling.beside(window.front(), technician.view_only);
        let began = given.line > 0;
        let mut live = Live {
            technician,
            attendance,
            maker,
            statements,
            telling,
            keeper,
            lines,
            files: Keeping::default(),
            number: given.line,
            local,
            chat,
            window,
            began,
        };
        let over = live.until_over(given).await;
        let Live { attendance, maker, statements, mut telling, keeper, lines, .. } = live;
        let (local, began) = (live.local, live.began);
        telling.end_countdown();
        // The lines end before the commands do, so that each of these can say why.
        lines.end().await;
        let note = maker.policy.note;
        let end = End { technician, note, telling, keeper, statements };
        let done = end.run(attendance, over, began).await;
        drop(local);
        done
    }
}

impl Live<'_> {
    async fn until_over(&mut self, given: Given) -> Over {
        match self.converse(given).await {
            Ok(over) => over,
            // Nobody reads what we print, or the like: the user must not be left waiting.
            Err(error) => Over::failed(Reason::TechnicianEnded, error),
        }
    }

    async fn converse(&mut self, given: Given) -> anyhow::Result<Over> {
        let mut talk = self.talk(given);
        let mut seconds = interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut clocks = Clocks::now();
        let mut stop = std::pin::pin!(stop_signal());
        loop {
            let over = tokio::select! {
                news = self.attendance.news() => self.hear(news, &mut talk)?,
                said = talk.next() => self.heard(said, &mut talk).await?,
                wish = self.local.next() => match wish.context("take a local command")? {
                    Wish::End(request) => Some(Over::asked(request)),
                    Wish::Info(request) => {
                        request.answer(self.telling.info()).await;
                        None
                    }
                    Wish::Chat(request) => {
                        self.chat.say(Speaker::Command(request)).await;
                        None
                    }
                },
                wish = self.window.next() => self.wanted(wish, &mut talk).await?,
                (by, text) = self.chat.next() => {
                    self.telling.said(by, &text)?;
                    None
                }
                () = self.keeper.due() => {
                    self.keeper.look(&self.telling.tally);
                    None
                }
                _ = seconds.tick() => {
                    self.telling.tick();
                    let seen = std::mem::replace(&mut clocks, Clocks::now());
                    if seen.slept(&clocks) {
                        self.attendance.moved();
                    }
                    None
                }
                stopped = &mut stop => {
                    stopped?;
                    Some(Over::here(Reason::TechnicianEnded))
                }
            };
            if let Some(over) = over {
                return Ok(self.part(over, &mut talk).await);
            }
        }
    }

    /// Both ends say their last, where anybody is there to hear it.
    async fn part(&self, over: Over, talk: &mut Talk) -> Over {
        if matches!(over.how, How::Closed(_)) || self.telling.gap.away().is_some() {
            return over;
        }
        match talk.part().await {
            Ok(()) => over,
            Err(difference) => Over::disputed(difference),
        }
    }
}
