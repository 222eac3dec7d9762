//! What the window knows and what it wants: events and the user's presses go in, orders come out. A
//! machine without I/O that knows nothing of how it is drawn; the clock is an argument, counted from
//! the window's start.
//!
//! What a peer wrote is made safe on its way in. An answer counts only for the question that stands,
//! and Allow only after [`ALLOW_AFTER`]: a key that was pressed for something else allows nothing.

mod activity;
mod press;
mod question;
mod stage;
#[cfg(test)]
mod tests;

use std::time::Duration;

use deskside_protocol::grant::{Grant, GrantSet};
use deskside_protocol::text::visible;

pub use self::activity::{Activity, Entry, Line, MAX_LINES, MAX_MESSAGE, MAX_SAID};
pub use self::press::{Order, Press};
pub use self::question::{ALLOW_AFTER, Asked, Request, SETTLE};
pub use self::stage::{Before, Code, Ending, Gap, Pose, Stage};
use crate::consent::{Answer, Question, Visitor};
use crate::events::{Event, Speaker};
use crate::wish::Wish;

/// What the window knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    stage: Stage,
    visitor: Option<Visitor>,
    recorded: bool,
    /// The user keeps what is typed out of the recording.
    masks: bool,
    lease: GrantSet,
    /// What has a switch: everything that was ever allowed, refused or taken back.
    known: GrantSet,
    question: Option<Asked>,
    questions: u64,
    gap: Option<Gap>,
    activity: Activity,
    before: Option<Before>,
    slim: bool,
    opened: bool,
    not_asked: bool,
    turned_away: bool,
    closing: bool,
}

impl Default for Model {
    fn default() -> Self {
        Self::new()
    }
}

impl Model {
    /// Of a program that has just started.
    #[must_use]
    pub fn new() -> Self {
        Self {
            stage: Stage::Starting,
            visitor: None,
            recorded: false,
            masks: false,
            lease: GrantSet::NONE,
            known: GrantSet::NONE,
            question: None,
            questions: 0,
            gap: None,
            activity: Activity::default(),
            before: None,
            slim: false,
            opened: false,
            not_asked: false,
            turned_away: false,
            closing: false,
        }
    }

    /// Takes in what happened.
    #[allow(clippy::wildcard_enum_match_arm, reason = "what changes nothing else is news")]
    pub fn hear(&mut self, event: &Event<'_>, now: Duration) {
        match event {
            Event::Code { code, expires_in } => {
                self.stage = Stage::Code(Code {
                    grouped: code.grouped(),
                    since: now,
                    lasts: Duration::from_secs((*expires_in).into()),
                    before: self.before.take(),
                });
            }
            Event::CodeExpired => self.before = Some(Before::Expired),
            Event::PairingFailed { wrong_code: true, .. } => self.before = Some(Before::Mistyped),
            Event::PairingFailed { reason, .. } => {
                self.before = Some(Before::Failed(visible(reason).into_owned()));
            }
            Event::PressEnter => self.stage = Stage::Next,
            Event::Paired { visitor, recorded, .. } => self.here(visitor, *recorded),
            Event::Resumed { visitor, lease, recorded, .. } => {
                self.here(visitor, *recorded);
                self.held(*lease);
                self.opened = true;
                self.note(Line::Resumed);
            }
            Event::Granted { grants, lease, by, .. } => {
                self.held(*lease);
                self.opened = true;
                self.note(Line::Granted(*grants, *by));
            }
            Event::Refused { grants } => {
                self.known = self.known.union(*grants);
                self.note(Line::Refused(*grants));
            }
            Event::Narrowed { grants } => self.note(Line::Narrowed(*grants)),
            Event::Revoked { grants } => {
                self.held(self.lease.without(*grants));
                self.note(Line::Revoked(*grants));
            }
            Event::Unrecorded => {
                self.recorded = false;
                self.note(Line::Unrecorded);
            }
            Event::Masking { by, on } => {
                let own = matches!(by, Speaker::User);
                if own {
                    self.masks = *on;
                }
                self.note(if *on { Line::Masked { own } } else { Line::Unmasked });
            }
            Event::Gap { cause, grace, .. } => {
                self.gap = Some(Gap { cause: *cause, since: now, grace: *grace });
            }
            Event::Back { .. } => {
                self.gap = None;
                self.note(Line::Back);
            }
            Event::TurnedAway { visitor } => {
                self.visitor = Some(shown(visitor));
                self.turned_away = true;
            }
            Event::Ended { reason } => self.over(Ending::Ended(*reason)),
            _ => self.activity.hear(event),
        }
    }

    fn here(&mut self, visitor: &Visitor, recorded: bool) {
        self.stage = Stage::Here;
        self.visitor = Some(shown(visitor));
        self.recorded = recorded;
        self.before = None;
    }

    fn held(&mut self, lease: GrantSet) {
        self.lease = lease;
        self.known = self.known.union(lease);
    }

    fn over(&mut self, ending: Ending) {
        self.stage = Stage::Over(ending);
        self.lease = GrantSet::NONE;
        self.masks = false;
        self.question = None;
        self.gap = None;
    }

    pub(super) fn note(&mut self, line: Line) {
        self.activity.note(line);
    }

    /// Nowhere is a join link: the user is asked for one.
    pub fn want_join(&mut self) {
        self.stage = Stage::Join { bad: false };
    }

    /// There was no session, or it broke off before it began. `why` may be a peer's words.
    pub fn failed(&mut self, why: &str) {
        self.over(Ending::Failed(visible(why).into_owned()));
    }

    /// A session begins anew, after the user pressed [`Press::Again`].
    pub fn restart(&mut self) {
        *self = Self { questions: self.questions, ..Self::new() };
    }

    /// Somebody asks. Whatever stood before is withdrawn. Gives the question's number.
    pub fn ask(&mut self, question: &Question<'_>, now: Duration) -> u64 {
        self.questions += 1;
        self.question = Some(Asked::new(self.questions, question, now));
        self.questions
    }

    /// The question of this number no longer wants an answer.
    pub fn withdraw(&mut self, number: u64) {
        self.question.take_if(|asked| asked.number == number);
    }

    /// The user does something. What does not fit to how things stand does nothing.
    pub fn press(&mut self, press: Press, now: Duration) -> Option<Order> {
        match press {
            Press::Join(text) => self.join(&text),
            Press::Next if self.stage == Stage::Next => Some(Order::Wish(Wish::NextCode)),
            Press::Answer(number, answer) => self.answer(number, answer, now),
            Press::Set(grant, on) if self.stage == Stage::Here => {
                let grants = GrantSet::from(grant);
                Some(Order::Wish(if on { Wish::Give(grants) } else { Wish::TakeBack(grants) }))
            }
            Press::Mask(on) if self.stage == Stage::Here => Some(Order::Wish(Wish::Mask(on))),
            Press::Say(text) if self.stage == Stage::Here => {
                let text = text.trim();
                (!text.is_empty()).then(|| Order::Wish(Wish::Say(text.to_owned())))
            }
            Press::Stop => self.stop(),
            Press::Slim(slim) => {
                self.slim = slim;
                None
            }
            Press::Again if matches!(self.stage, Stage::Over(_)) => Some(Order::Again),
            Press::Close => self.close(),
            Press::Next | Press::Set(..) | Press::Mask(_) | Press::Say(_) | Press::Again => None,
        }
    }

    fn join(&mut self, text: &str) -> Option<Order> {
        let Stage::Join { bad } = &mut self.stage else { return None };
        match text.trim().parse() {
            Ok(link) => {
                self.stage = Stage::Starting;
                Some(Order::Join(link))
            }
            Err(_) => {
                *bad = true;
                None
            }
        }
    }

    fn answer(&mut self, number: u64, answer: Answer, now: Duration) -> Option<Order> {
        let asked = self.question.take_if(|asked| {
            asked.number == number
                && asked.wait(answer, now).is_zero()
                && (answer != Answer::Always || asked.has_always())
        })?;
        self.not_asked |= answer == Answer::NotAsked;
        Some(Order::Answer(asked.number, answer))
    }

    fn stop(&mut self) -> Option<Order> {
        match self.stage {
            Stage::Here | Stage::Starting | Stage::Code(_) | Stage::Next => {
                Some(Order::Wish(Wish::Stop))
            }
            Stage::Join { .. } | Stage::Over(_) => None,
        }
    }

    /// The window is closed: whoever is here is sent away first.
    fn close(&mut self) -> Option<Order> {
        self.closing = true;
        self.stop().or(Some(Order::Close))
    }

    /// Whether the program ends with the session, because the user closed the window.
    #[must_use]
    pub const fn is_closing(&self) -> bool {
        self.closing
    }

    /// Where things stand.
    #[must_use]
    pub const fn stage(&self) -> &Stage {
        &self.stage
    }

    /// Who is here, or was.
    #[must_use]
    pub const fn visitor(&self) -> Option<&Visitor> {
        self.visitor.as_ref()
    }

    /// Whether the session is recorded.
    #[must_use]
    pub const fn is_recorded(&self) -> bool {
        self.recorded
    }

    /// The switch that keeps what is typed out of the recording, where there is a recording and the
    /// technician may type.
    #[must_use]
    pub fn masking(&self) -> Option<bool> {
        (self.recorded && self.lease.contains(Grant::Control)).then_some(self.masks)
    }

    /// What the technician may do now.
    #[must_use]
    pub const fn lease(&self) -> GrantSet {
        self.lease
    }

    /// What has a switch, and how it stands.
    pub fn switches(&self) -> impl Iterator<Item = (Grant, bool)> {
        let lease = self.lease;
        self.known.iter().map(move |grant| (grant, lease.contains(grant)))
    }

    /// The question that stands.
    #[must_use]
    pub const fn question(&self) -> Option<&Asked> {
        self.question.as_ref()
    }

    /// The interruption, where there is one.
    #[must_use]
    pub const fn gap(&self) -> Option<Gap> {
        self.gap
    }

    /// What is done, was done and was said.
    #[must_use]
    pub const fn activity(&self) -> &Activity {
        &self.activity
    }

    /// The user has seen the messages.
    pub const fn read(&mut self) {
        self.activity.read();
    }

    /// Whether somebody was let in.
    #[must_use]
    pub const fn is_opened(&self) -> bool {
        self.opened
    }

    /// Whether the user said that he did not ask for this.
    #[must_use]
    pub const fn was_not_asked_for(&self) -> bool {
        self.not_asked
    }

    /// Whether the technician was sent away because he is blocked here.
    #[must_use]
    pub const fn was_turned_away(&self) -> bool {
        self.turned_away
    }

    /// How the window stands among the others.
    #[must_use]
    pub const fn pose(&self) -> Pose {
        match (&self.stage, &self.question) {
            (_, Some(_)) => Pose::Prompt,
            (Stage::Here, None) if self.opened && self.slim => Pose::Slim,
            (Stage::Here, None) if self.opened => Pose::Banner,
            _ => Pose::Page,
        }
    }

    /// When something on the screen changes by itself: a clock, or the wait before Allow.
    #[must_use]
    pub fn changes_in(&self, now: Duration) -> Option<Duration> {
        let code = if let Stage::Code(code) = &self.stage { Some(code.left(now)) } else { None };
        let asked = self.question.as_ref();
        let waits = asked
            .into_iter()
            .flat_map(|asked| [asked.wait(Answer::Allow, now), asked.wait(Answer::Refuse, now)]);
        let clocks = [code, asked.map(|asked| asked.left(now)), self.gap.map(|gap| gap.left(now))];
        // A clock is rounded up: it changes when the part of a second is used up.
        let ticks = clocks.into_iter().flatten().map(|left| match left.subsec_nanos() {
            0 => Duration::from_secs(1),
            nanos => Duration::from_nanos(nanos.into()),
        });
        ticks.chain(waits.filter(|wait| !wait.is_zero())).min()
    }
}

/// A visitor whose texts may be shown.
fn shown(visitor: &Visitor) -> Visitor {
    let safe = |text: &str| visible(text).into_owned();
    Visitor {
        organisation: safe(&visitor.organisation),
        standing: visitor.standing,
        name: safe(&visitor.name),
        login: safe(&visitor.login),
        ticket: safe(&visitor.ticket),
        subject: safe(&visitor.subject),
    }
}
