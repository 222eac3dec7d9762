//! What a session tells while it lives: events for scripts, sentences for people, and on a terminal
//! a line that counts down while somebody is away.

use std::path::PathBuf;
use std::time::Duration;

use deskside_protocol::grant::{Grant, GrantSet};
use deskside_protocol::policy::Policy;
use deskside_protocol::statement::Difference;
use deskside_protocol::text::visible;
use deskside_protocol::wire::message::{Lease, Refusal};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::gap::{Gap, clock};
use super::tally::{About, Tally};
use crate::control::SessionInfo;
use crate::failure::{Failure, sentence_of};
use crate::lines::Away;
use crate::note::Voice;
use crate::output::{Output, moment, now};
use crate::ticket::number;
use crate::viewer::model::{self as viewer, Model};
use crate::viewer::{Front, texts};

/// Tells what happens in one session.
pub(super) struct Telling<'a> {
    pub(super) about: About,
    pub(super) tally: Tally,
    pub(super) gap: Gap,
    grace: Duration,
    output: &'a mut Output,
    /// Whether somebody watches standard error.
    terminal: bool,
    countdown: Option<ProgressBar>,
    /// Whether the session was told, which is with its first lease.
    told: bool,
    /// What the policy has ceased to allow since the session began.
    forbidden: GrantSet,
    /// Who sees the session in a window.
    front: Option<Front>,
}

impl<'a> Telling<'a> {
    pub(super) fn new(
        about: About,
        tally: Tally,
        grace: Duration,
        output: &'a mut Output,
        terminal: bool,
    ) -> Self {
        let terminal = terminal && !output.json();
        let (gap, countdown, told, front) = (Gap::default(), None, false, None);
        let forbidden = GrantSet::NONE;
        Self { about, tally, gap, grace, output, terminal, countdown, told, forbidden, front }
    }

    /// From here on the window is told, too.
    pub(super) fn beside(&mut self, front: Option<&Front>, view_only: bool) {
        self.front = front.cloned();
        let (ticket, subject) = (self.about.ticket.clone(), self.about.subject.clone());
        self.window(|model, _| {
            model.view_only = view_only;
            model.about = viewer::About { ticket, subject, ..viewer::About::default() };
        });
    }

    fn window(&self, change: impl FnOnce(&mut Model, std::time::Instant)) {
        if let Some(front) = &self.front {
            front.change(change);
        }
    }

    /// A word in the window.
    pub(super) fn notice(&self, text: String) {
        self.window(|model, now| model.tell(text, now));
    }

    /// There was nobody to ask.
    pub(super) fn unasked(&self) {
        let text = "nobody can be asked at the moment: try again";
        self.window(|model, now| model.refuse(text, now));
    }

    /// A picture was taken from the window, or could not be.
    pub(super) fn shot(&mut self, shot: anyhow::Result<PathBuf>) -> anyhow::Result<()> {
        match shot {
            Ok(path) => {
                self.notice(texts::saved(&path.to_string_lossy()));
                self.tally.pictured(&path);
                let event = json!({"event": "screenshot", "path": path});
                self.show(&event, &format!("Saved {}", visible(&path.to_string_lossy())))
            }
            Err(error) => {
                self.notice(sentence_of(&error));
                Ok(())
            }
        }
    }

    pub(super) fn show(&mut self, event: &Value, text: &str) -> anyhow::Result<()> {
        let output = &mut *self.output;
        match &self.countdown {
            Some(line) => line.suspend(|| output.show(event, text)),
            None => output.show(event, text),
        }
    }

    pub(super) fn text(&mut self, text: &str) -> anyhow::Result<()> {
        if self.output.json() { Ok(()) } else { self.show(&Value::Null, text) }
    }

    /// A session that a program before this one began.
    pub(super) fn resumed(&mut self) -> anyhow::Result<()> {
        let About { session, ticket, .. } = &self.about;
        let event = json!({"event": "resumed", "session": session, "ticket": number(ticket)});
        let text = format!("Going on with session {session}.");
        self.show(&event, &text)
    }

    /// The user's answer, and each change of it.
    pub(super) fn lease(&mut self, lease: &Lease) -> anyhow::Result<()> {
        if let Some(device) = &lease.device {
            self.tally.device(device);
        }
        let again = std::mem::replace(&mut self.told, true);
        if !again {
            self.session(lease)?;
        }
        let (new, gone) = self.tally.lease(lease);
        let (held, record) = (self.tally.held(), self.tally.record());
        self.window(|model, now| {
            model.allow(held, now);
            (model.about.user, model.about.host) = (record.user, record.hostname);
        });
        if again && new.is_empty() && gone.is_empty() {
            return Ok(());
        }
        let held = self.tally.held();
        let event = json!({
            "event": "grants",
            "grants": held.words(),
            "granted": new.words(),
            "revoked": gone.words(),
            "ends_in": ends(lease),
        });
        let text = match held.is_empty() {
            true => "The user allows nothing at the moment.".to_owned(),
            false => format!("The user allows: {held}"),
        };
        self.show(&event, &text)
    }

    fn session(&mut self, lease: &Lease) -> anyhow::Result<()> {
        let device = lease.device.clone().unwrap_or_default();
        let About { session, ticket, subject, recorded, .. } = &self.about;
        let event = json!({
            "event": "session",
            "session": session,
            "ticket": number(ticket),
            "device": {
                "hostname": device.hostname,
                "system": device.system,
                "user": device.user,
                "monitors": device.monitors,
            },
            "recorded": recorded,
        });
        let record = self.tally.record();
        let (hostname, system) = (visible(&record.hostname), visible(&record.system));
        let text = format!(
            "Session {session} on {hostname} ({system}), ticket {}: {}\n\
             In another terminal: deskside screenshot, deskside exec -- COMMAND, deskside cp FILE \
             agent:, deskside end",
            visible(ticket),
            visible(subject),
        );
        self.show(&event, &text)
    }

    /// Somebody said something.
    pub(super) fn said(&mut self, by: Voice, text: &str) -> anyhow::Result<()> {
        self.tally.said(by, text);
        self.window(|model, now| model.said(by, text, now));
        let who = match by {
            Voice::User => "User",
            Voice::Technician => "You",
        };
        let event = json!({"event": "said", "by": by.word(), "text": text});
        self.show(&event, &format!("{who}: {}", visible(text)))
    }

    pub(super) fn refused(&mut self, refusal: &Refusal) -> anyhow::Result<()> {
        let sentence = Failure::from(refusal).sentence;
        self.window(|model, now| model.refuse(&sentence, now));
        let event = json!({"event": "refused", "text": refusal.text});
        self.show(&event, &visible(&refusal.text))
    }

    /// Somebody is away.
    pub(super) fn away(&mut self, away: Away) -> anyhow::Result<()> {
        let at = Instant::now();
        let new = self.gap.lost(away, at);
        self.window_away();
        if !new {
            return Ok(());
        }
        self.about.away_since.get_or_insert_with(now);
        let event = json!({"event": "gap", "cause": away.word()});
        let left = self.gap.left(self.grace, at).unwrap_or_default();
        let text = sentence(away, now());
        if self.terminal {
            self.show(&event, &text)?;
            self.countdown.get_or_insert_with(line_at_the_bottom);
            self.tick();
            return Ok(());
        }
        self.show(&event, &format!("{text} {}", ends_in(left)))
    }

    /// Who is away, if somebody is, and until when the session waits.
    fn window_away(&self) {
        let left = self.gap.left(self.grace, Instant::now());
        let away = self.gap.away().zip(left);
        self.window(|model, now| model.away = away.map(|(who, left)| (who, now + left)));
    }

    /// A second has passed.
    pub(super) fn tick(&self) {
        if let (Some(line), Some(left)) =
            (&self.countdown, self.gap.left(self.grace, Instant::now()))
        {
            line.set_message(ends_in(left));
            line.tick();
        }
    }

    /// Somebody is back.
    pub(super) fn back(&mut self, away: Away) -> anyhow::Result<()> {
        let over = self.gap.back(away, Instant::now());
        self.window_away();
        let Some(over) = over else {
            self.tick();
            return Ok(());
        };
        self.about.away_since = None;
        self.end_countdown();
        self.tally.interrupted(over);
        let seconds = (over.took.as_secs_f64() * 1000.0).round() / 1000.0;
        let event = json!({"event": "back", "seconds": seconds});
        self.show(&event, &format!("Connected again after {seconds:.1} s."))
    }

    /// There is another line: a program was restarted, or the relay died before the first was sealed.
    pub(super) fn another_line(&mut self, number: u16) -> anyhow::Result<()> {
        let event = json!({"event": "line", "line": number});
        let text = match self.gap.is_the_relays(Instant::now()) {
            true => "The relay was restarted; the session goes on.",
            false => {
                self.tally.agent_restarted();
                "The user's program was restarted; the session goes on."
            }
        };
        self.show(&event, text)
    }

    /// The session cannot be kept on the disk, which is no reason not to have it.
    pub(super) fn unkept(&mut self, error: &anyhow::Error) -> anyhow::Result<()> {
        let error = sentence_of(error);
        let text = format!("A restart of this program would lose the session: {error}");
        self.show(&json!({"event": "unkept", "error": error}), &text)
    }

    /// The organisation's policy changed: what the session cannot do any more is said once. It never
    /// does more than it began with.
    pub(super) fn narrowed(&mut self, began: &Policy, now: &Policy) -> anyhow::Result<()> {
        let lost = began.grants.without(now.grants).without(self.forbidden);
        if lost.is_empty() {
            return Ok(());
        }
        self.forbidden = self.forbidden.union(lost);
        let event =
            json!({"event": "policy", "serial": now.serial, "forbidden": self.forbidden.words()});
        let text = format!(
            "Your organisation's policy changed. Not possible in this session any more: {lost}"
        );
        self.notice(text.clone());
        self.show(&event, &text)
    }

    pub(super) fn unrecorded(&mut self) -> anyhow::Result<()> {
        self.about.recorded = false;
        self.tally.unrecorded();
        let text = "From here on the relay cannot record. Your organisation's policy allows the \
                    session to go on.";
        self.show(&json!({"event": "unrecorded"}), text)
    }

    /// What the agent states is not true.
    pub(super) fn disputed(&mut self, difference: &Difference) -> anyhow::Result<()> {
        let why = difference.to_string();
        let text = format!("What the user's program says of this session is not true: {why}.");
        self.show(&json!({"event": "disputed", "why": why}), &text)
    }

    pub(super) fn end_countdown(&mut self) {
        if let Some(line) = self.countdown.take() {
            line.finish_and_clear();
        }
    }

    /// What `deskside info` shows.
    pub(super) fn info(&self) -> SessionInfo {
        let record = self.tally.record();
        let About { session, ticket, subject, recorded, relay, since, away_since } = &self.about;
        SessionInfo {
            session: session.clone(),
            ticket: ticket.clone(),
            subject: subject.clone(),
            relay: relay.clone(),
            hostname: record.hostname,
            system: record.system,
            user: record.user,
            monitors: self.tally.monitors(),
            grants: self.tally.held().words().into_iter().map(str::to_owned).collect(),
            recorded: *recorded,
            connected: self.gap.away().is_none(),
            away_since: *away_since,
            since: *since,
        }
    }
}

fn line_at_the_bottom() -> ProgressBar {
    let line = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{wide_msg}");
    line.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    line
}

/// `since` in seconds since the epoch.
fn sentence(away: Away, since: u64) -> String {
    let since = moment(since);
    let time = since.get(11..19).unwrap_or(&since);
    match away {
        Away::Relay => {
            format!("The connection to the relay is interrupted since {time} UTC. Trying again.")
        }
        Away::Agent => {
            format!("The user's computer cannot be reached since {time} UTC. Waiting for it.")
        }
    }
}

/// Seconds after which the user's program takes grants back by itself; the others hold.
fn ends(lease: &Lease) -> Value {
    let ends = lease.terms.iter().filter(|term| term.ends_in > 0).filter_map(|term| {
        Some((Grant::from_wire(term.grant)?.word().to_owned(), Value::from(term.ends_in)))
    });
    ends.collect::<serde_json::Map<_, _>>().into()
}

fn ends_in(left: Duration) -> String {
    if left.is_zero() {
        return "The session ends now.".to_owned();
    }
    format!("The session ends in {}.", clock(left))
}

#[cfg(test)]
#[path = "telling_tests.rs"]
mod tests;
