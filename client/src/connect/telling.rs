//! What a session tells while it lives: events for scripts, sentences for people, and on a terminal
//! a line that counts down while somebody is away.

use std::time::Duration;

use deskside_protocol::text::visible;
use deskside_protocol::wire::message::{Lease, Refusal};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::gap::{Away, Gap, clock};
use super::tally::{About, Tally};
use crate::control::SessionInfo;
use crate::failure::sentence_of;
use crate::output::{Output, now};
use crate::ticket::number;

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
        let (gap, countdown, told) = (Gap::default(), None, false);
        Self { about, tally, gap, grace, output, terminal, countdown, told }
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
        if again && new.is_empty() && gone.is_empty() {
            return Ok(());
        }
        let held = self.tally.held();
        let event = json!({
            "event": "grants",
            "grants": held.words(),
            "granted": new.words(),
            "revoked": gone.words(),
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

    pub(super) fn refused(&mut self, refusal: &Refusal) -> anyhow::Result<()> {
        let event = json!({"event": "refused", "text": refusal.text});
        self.show(&event, &visible(&refusal.text))
    }

    /// Somebody is away.
    pub(super) fn away(&mut self, away: Away) -> anyhow::Result<()> {
        let at = Instant::now();
        if !self.gap.lost(away, at) {
            return Ok(());
        }
        self.about.away_since.get_or_insert_with(now);
        let event = json!({"event": "gap", "cause": away.word()});
        if self.terminal {
            self.show(&event, "")?;
            let line = self.countdown.get_or_insert_with(line_at_the_bottom);
            line.set_message(sentence(away, self.gap.left(self.grace, at)));
            line.tick();
            return Ok(());
        }
        self.show(&event, &sentence(away, self.gap.left(self.grace, at)))
    }

    /// A second has passed.
    pub(super) fn tick(&self) {
        if let (Some(line), Some(away)) = (&self.countdown, self.gap.away()) {
            line.set_message(sentence(away, self.gap.left(self.grace, Instant::now())));
            line.tick();
        }
    }

    /// Somebody is back.
    pub(super) fn back(&mut self, away: Away) -> anyhow::Result<()> {
        let Some(over) = self.gap.back(away, Instant::now()) else {
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

    pub(super) fn unrecorded(&mut self) -> anyhow::Result<()> {
        self.about.recorded = false;
        self.tally.unrecorded();
        let text = "From here on the relay cannot record. Your organisation's policy allows the \
                    session to go on.";
        self.show(&json!({"event": "unrecorded"}), text)
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

fn sentence(away: Away, left: Option<Duration>) -> String {
    let what = match away {
        Away::Relay => "The connection to the relay is interrupted. Trying again",
        Away::Agent => "The user's computer cannot be reached. Waiting for it",
    };
    match left {
        Some(left) if !left.is_zero() => format!("{what}; the session ends in {}.", clock(left)),
        _ => format!("{what}; the session ends now."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::note::Record;
    use crate::output::tests::Buffer;
    use deskside_protocol::grant::{Grant, GrantSet};
    use deskside_protocol::wire::message::Device;

    fn told(json: bool, tell: impl FnOnce(&mut Telling<'_>)) -> String {
        let buffer = Buffer::default();
        let mut output = buffer.output(json);
        let about = About { session: "00".into(), ticket: "7".into(), ..About::default() };
        let tally = Tally::new(Record::default());
        let grace = Duration::from_secs(300);
        tell(&mut Telling::new(about, tally, grace, &mut output, false));
        buffer.text()
    }

    fn events(text: &str) -> Vec<Value> {
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn an_interruption_is_told_to_scripts_and_noted() {
        let text = told(true, |telling| {
            telling.away(Away::Agent).unwrap();
            telling.away(Away::Agent).unwrap();
            let info = telling.info();
            assert!(!info.connected && info.away_since.is_some());
            telling.back(Away::Relay).unwrap();
            telling.back(Away::Agent).unwrap();
            telling.back(Away::Agent).unwrap();
            assert!(telling.info().connected && telling.info().away_since.is_none());
            assert_eq!(telling.tally.record().gaps, 1);
            telling.unrecorded().unwrap();
            assert!(!telling.info().recorded && telling.tally.record().unrecorded);
        });
        let expected = [
            json!({"event": "gap", "cause": "agent"}),
            json!({"event": "back", "seconds": 0.0}),
            json!({"event": "unrecorded"}),
        ];
        assert_eq!(events(&text), expected);
    }

    #[tokio::test(start_paused = true)]
    async fn people_read_sentences_without_a_countdown_in_a_pipe() {
        let text = told(false, |telling| {
            telling.away(Away::Relay).unwrap();
            telling.tick();
            telling.back(Away::Relay).unwrap();
            telling.another_line(1).unwrap();
        });
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "The connection to the relay is interrupted. Trying again; the session ends in \
                 5:00.",
                "Connected again after 0.0 s.",
                "The relay was restarted; the session goes on.",
            ]
        );
        assert!(sentence(Away::Agent, None).ends_with("the session ends now."));
    }

    #[tokio::test]
    async fn the_session_is_told_once_and_the_same_lease_of_another_line_not_again() {
        let grants = GrantSet::from(Grant::View).to_wire();
        let device = Some(Device { hostname: "pc".into(), ..Device::default() });
        let text = told(true, |telling| {
            telling.lease(&Lease { grants: grants.clone(), device: device.clone() }).unwrap();
            telling.another_line(1).unwrap();
            assert_eq!(telling.tally.record().restarts.agent, 1);
            telling.lease(&Lease { grants, device }).unwrap();
            telling.lease(&Lease::default()).unwrap();
        });
        let words: Vec<_> =
            events(&text).iter().map(|event| event["event"].as_str().unwrap().to_owned()).collect();
        assert_eq!(words, ["session", "grants", "line", "grants"]);
    }
}
