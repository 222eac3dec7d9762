//! A session while it lives: the user's answer, interruptions, other lines, local commands, and
//! whoever ends it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use deskside_link::attend::{Attendance, Given, News};
use deskside_link::line::close_code;
use deskside_link::statements::Statements;
use deskside_protocol::chat;
use deskside_protocol::close::CloseCode;
use deskside_protocol::exit::Exit;
use deskside_protocol::identity::rotation::follow_authority;
use deskside_protocol::policy::{Policy, PolicyError};
use deskside_protocol::statement::Difference;
use deskside_protocol::wire::record::Reason;
use deskside_protocol::wire::signal::PolicyNow;
use tokio::time::{MissedTickBehavior, interval};

use super::Technician;
use super::bodies::{Keeping, Maker};
use super::chat::{Chat, Speaker};
use super::ending::End;
use super::gap::Away;
use super::keeping::Keeper;
use super::lines::LinesOwner;
use super::local::{Local, Wish};
use super::opening::LineMaker;
use super::over::{How, Over};
use super::talk::{Control, Said, Talk};
use super::telling::Telling;
use super::wake::Clocks;
use super::window::{self, Window};
use crate::failure::{Failure, exit_of, sentence_of};
use crate::viewer::Seat;
use crate::viewer::model::Order;

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

/// A session while it lives.
struct Live<'a> {
    technician: &'a Technician<'a>,
    attendance: Attendance,
    maker: Arc<LineMaker>,
    statements: Statements,
    telling: Telling<'a>,
    keeper: Keeper,
    lines: LinesOwner,
    /// The files line beside the line of the moment.
    files: Keeping,
    /// Number of the line that the relay gave last.
    number: u16,
    local: Local,
    chat: Chat,
    window: Window,
    /// Whether there ever was a line.
    began: bool,
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

    /// A conversation on the line that the relay gave.
    fn talk(&self, given: Given) -> Talk {
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
    fn files_maker(&self) -> Maker {
        let (asker, lines) = (self.attendance.files_asker(), self.attendance.lines());
        Maker { maker: self.maker.clone(), asker, lines, number: self.number }
    }

    /// Both ends say their last, where anybody is there to hear it.
    async fn part(&self, over: Over, talk: &mut Talk) -> Over {
        if matches!(over.how, How::Closed(_)) || self.telling.gap.away().is_some() {
            return over;
        }
        match talk.part().await {
            Ok(()) => over,
            Err(difference) => disputed(difference),
        }
    }

    /// What the window wants.
    async fn wanted(
        &mut self,
        wish: window::Wish,
        talk: &mut Talk,
    ) -> anyhow::Result<Option<Over>> {
        match wish {
            window::Wish::Order(Order::End) => {
                return Ok(Some(Over::here(Reason::TechnicianEnded)));
            }
            window::Wish::Order(Order::Ask(grant)) => {
                if !talk.ask(grant) {
                    self.telling.unasked();
                }
            }
            window::Wish::Order(Order::Say(text)) => match (chat::line(&text), self.window.front())
            {
                (Ok(text), Some(front)) => {
                    self.chat.say(Speaker::Window(text, front.clone())).await;
                }
                (Err(error), _) => self.telling.notice(error.to_string()),
                (Ok(_), None) => {}
            },
            window::Wish::Order(Order::Screenshot) => {
                let folder = self.technician.home.runtime()?;
                self.window.shoot(folder, self.telling.about.session.clone());
            }
            window::Wish::Shot(shot) => self.telling.shot(shot)?,
        }
        Ok(None)
    }

    /// What the session's signals bring.
    fn hear(&mut self, news: News, talk: &mut Talk) -> anyhow::Result<Option<Over>> {
        match news {
            News::Away => self.telling.away(Away::Relay)?,
            News::Back => self.telling.back(Away::Relay)?,
            News::PeerAway => self.telling.away(Away::Agent)?,
            News::PeerBack => self.telling.back(Away::Agent)?,
            News::Unrecorded => {
                if let Err(error) = self.maker.unrecorded() {
                    return Ok(Some(Over::failed(Reason::TechnicianEnded, error)));
                }
                self.statements.unrecorded();
                self.telling.unrecorded()?;
            }
            // Whoever asked has the answer.
            News::Files(_) => {}
            News::Policy(now) => match self.policy_now(&now) {
                Ok(policy) => self.telling.narrowed(&self.maker.policy, &policy)?,
                Err(error) => {
                    let error = sentence_of(&error);
                    tracing::warn!(error, "the relay told of a policy that cannot be taken");
                }
            },
            News::Line(given) => {
                self.lines.drop_line();
                self.keeper.found_at(given.token);
                self.telling.another_line(given.line)?;
                self.number = given.line;
                *talk = self.talk(given);
            }
            News::Closed(closed) => return Ok(Some(Over::closed(closed))),
        }
        Ok(None)
    }

    /// The policy in force, where the organisation has signed it and it is no older one.
    fn policy_now(&self, now: &PolicyNow) -> anyhow::Result<Policy> {
        let known = &self.technician.account.join.organisation;
        let organisation = follow_authority(known, &now.organisations)?;
        let signed = now.policy.as_ref().context("find a policy")?;
        let policy = Policy::open_at_any_time(signed, &organisation)?;
        let (serial, seen) = (policy.serial, self.maker.policy.serial);
        if serial < seen { Err(PolicyError::Stale { serial, seen }.into()) } else { Ok(policy) }
    }

    /// What the conversation brings.
    async fn heard(&mut self, said: Said, talk: &mut Talk) -> anyhow::Result<Option<Over>> {
        match said {
            Said::Up(line) => {
                self.files.beside(line.clone(), self.files_maker());
                self.lines.set(line);
                if !std::mem::replace(&mut self.began, true) {
                    self.telling.text("Connected. The user is being asked.")?;
                }
            }
            Said::NotMade(error) if !self.began => {
                return Ok(Some(Over::failed(Reason::NotSealed, error)));
            }
            Said::NotMade(error) if exit_of(&error) == Exit::Refused => {
                let over = Over::here(Reason::NotSealed);
                return Ok(Some(over.saying(sentence_of(&error))));
            }
            // The leg may have been lost on the way: what the relay says next decides.
            Said::NotMade(error) => {
                tracing::debug!(error = sentence_of(&error), "another line did not come about");
            }
            Said::Lease(lease) => {
                let folder = self.technician.home.runtime()?;
                self.local.open(&folder, &self.telling.about.session).await?;
                self.telling.lease(&lease)?;
            }
            Said::No(refusal) => return Ok(Some(Over::refused(Some(refusal.text)))),
            Said::Refused(refusal) => self.telling.refused(&refusal)?,
            Said::Broken(breach) => {
                let text = format!("the user's computer broke the protocol: {breach}");
                return Ok(Some(gave_up(Exit::EndedByPeer, text)));
            }
            Said::Disputed(difference) => {
                self.telling.disputed(&difference)?;
                if let Some(line) = talk.line() {
                    line.close(CloseCode::Misbehaved);
                }
                return Ok(Some(disputed(difference)));
            }
            Said::LineGone(error) => match close_code(&error) {
                Some(CloseCode::Refused) => return Ok(Some(Over::refused(None))),
                // In order: the relay says why in a moment.
                Some(CloseCode::SessionEnded) => {}
                code => {
                    tracing::debug!(%error, ?code, "the line is gone");
                    self.lines.drop_line();
                }
            },
            Said::Late { .. } if self.telling.gap.away().is_some() => talk.wait_on(),
            Said::Late { asked: true } => {
                return Ok(Some(gave_up(Exit::Refused, "the user did not answer in time")));
            }
            Said::Late { asked: false } => {
                let text = "the user's computer could not be reached any more";
                return Ok(Some(gave_up(Exit::EndedByPeer, text)));
            }
        }
        Ok(None)
    }
}

/// The agent lies, or this is not the line that it is on.
fn disputed(difference: Difference) -> Over {
    let text = format!(
        "what the user's program says of this session is not true: {difference}; tell whoever runs \
         the relay, and keep the recording"
    );
    Over::failed(Reason::Disputed, Failure::new(Exit::Verification, text).into())
}

/// This side ends the session, which to the relay is an end like any other, and says why here.
fn gave_up(exit: Exit, sentence: impl Into<String>) -> Over {
    Over::failed(Reason::TechnicianEnded, Failure::new(exit, sentence).into())
}

/// Ctrl-C, or a polite end from outside.
pub(crate) async fn stop_signal() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed.context("listen for Ctrl-C"),
        _ = terminate.recv() => Ok(()),
    }
}
