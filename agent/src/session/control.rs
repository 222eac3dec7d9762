//! The control conversation: the technician introduces himself, the user is asked, and from then on
//! each change of what is allowed is told.

use std::time::Duration;

use deskside_link::Line;
use deskside_link::statements::Stating;
use deskside_link::stream::StreamError;
use deskside_protocol::act::ActError;
use deskside_protocol::channel::Channel;
use deskside_protocol::grant::GrantSet;
use deskside_protocol::statement::{Difference, LAST_WAIT};
use deskside_protocol::wire::message::{
    self, Device, Lease, Refusal, Term, message::Kind, refusal::Cause,
};
use deskside_protocol::wire::record::{Reason, Signed};
use thiserror::Error;
use tokio::sync::watch;
use tokio::time::timeout;

use super::consent::Consent;
use super::parting::Parting;
use super::presence::patience;
use crate::device;
use crate::gate::{Answers, Gate, Heard, Scope, TurnedDown, Unheard, listen};

/// The technician's program has this long to introduce itself, gaps apart.
const INTRODUCTION: Duration = Duration::from_secs(15);

/// Why the conversation broke off.
#[derive(Debug, Error)]
pub(super) enum ControlError {
    #[error(transparent)]
    Unheard(#[from] Unheard),
    #[error(transparent)]
    Line(#[from] quinn::ConnectionError),
    #[error("the technician's program did not introduce itself")]
    NoIntroduction,
    #[error("what the technician's program says of this session is not true: {0}")]
    Disputed(#[from] Difference),
}

impl From<StreamError> for ControlError {
    fn from(error: StreamError) -> Self {
        Self::Unheard(error.into())
    }
}

impl From<ActError> for ControlError {
    fn from(error: ActError) -> Self {
        Self::Unheard(error.into())
    }
}

/// What the conversation needs.
pub(super) struct Talk<'a> {
    pub(super) line: &'a Line,
    pub(super) consent: &'a Consent,
    pub(super) gate: &'a Gate,
    /// Whether both ends are there.
    pub(super) whole: &'a watch::Receiver<bool>,
    pub(super) monitors: usize,
    pub(super) stating: Stating,
}

/// A conversation whose first question was answered with yes.
pub(super) struct Conversation {
    gate: Gate,
    heard: Heard,
    answers: Answers,
    changes: watch::Receiver<GrantSet>,
    /// `None` where no line is stated about.
    stating: Option<Stating>,
}

impl Conversation {
    /// On a stream whose introduction was heard.
    pub(super) fn new(gate: &Gate, heard: Heard, answers: Answers) -> Self {
        Self { gate: gate.clone(), heard, answers, changes: gate.changes(), stating: None }
    }

    /// The same, with statements of its line.
    fn stating(self, stating: Stating) -> Self {
        Self { stating: Some(stating), ..self }
    }
}

impl Talk<'_> {
    /// Waits for the introduction and for the user's answer, which a line before this one may have
    /// brought already. A no is a reason to end.
    pub(super) async fn open(mut self) -> Result<Result<Conversation, Reason>, ControlError> {
        let (heard, mut answers) = tokio::select! {
            introduced = self.introduced() => introduced?,
            () = patience(self.whole.clone(), INTRODUCTION) => {
                return Err(ControlError::NoIntroduction);
            }
        };
        match self.consent.answer().await {
            Ok(()) => {
                // Before the lease is said: no change of it is missed.
                let conversation = Conversation::new(self.gate, heard, answers);
                let mut conversation = conversation.stating(self.stating);
                let lease = lease(self.gate, Some(device::describe(self.monitors)));
                conversation.answers.send(Kind::Lease(lease)).await?;
                Ok(Ok(conversation))
            }
            Err(down) => {
                for last in self.stating.say_last() {
                    answers.send(Kind::Statement(last)).await?;
                }
                answers.refuse(refusal(down)).await?;
                Ok(Err(Reason::UserRefused))
            }
        }
    }

    async fn introduced(&self) -> Result<(Heard, Answers), ControlError> {
        let unopened = self.line.accept().await?;
        let stream = unopened.opened().await.ok_or(ControlError::NoIntroduction)?;
        let (channel, mut heard, answers) = listen(stream, self.line.act_key());
        match heard.next().await? {
            Some(Kind::Introduction(_)) if channel == Channel::Control => Ok((heard, answers)),
            _ => Err(ControlError::NoIntroduction),
        }
    }
}

fn refusal(down: TurnedDown) -> Refusal {
    let cause = match down {
        TurnedDown::Policy => Cause::Policy,
        TurnedDown::Refused | TurnedDown::NotAsked | TurnedDown::Stopped => Cause::UserRefused,
    };
    Refusal { cause: cause as i32, grant: 0, text: down.to_string() }
}

impl Conversation {
    /// Answers until the technician ends the session or the stream. Where the session is ended here
    /// both ends say their last, and then nothing more is said.
    pub(super) async fn run(&mut self, parting: &Parting) -> Result<(), ControlError> {
        let talking = parting.talking();
        loop {
            tokio::select! {
                said = self.heard.next() => match said? {
                    Some(Kind::Ending(_)) | None => return Ok(()),
                    Some(Kind::Statement(stated)) => self.stated(&stated).await?,
                    Some(said) => self.answer(said).await?,
                },
                Ok(()) = self.changes.changed() => self.tell().await?,
                () = due(self.stating.as_mut()) => self.state().await?,
                () = talking.wanted() => break,
            }
        }
        match timeout(LAST_WAIT, self.part()).await {
            Ok(Err(ControlError::Disputed(difference))) => return Err(difference.into()),
            Ok(Err(error)) => tracing::debug!(%error, "the line went away under the last word"),
            Ok(Ok(())) => {}
            Err(_slow) => tracing::debug!("the technician's last word did not come"),
        }
        drop(talking);
        std::future::pending().await
    }

    /// Something else than a statement was said.
    fn touch(&self) {
        if let Some(stating) = &self.stating {
            stating.touch();
        }
    }

    /// The next statement.
    async fn state(&mut self) -> Result<(), ControlError> {
        if let Some(stated) = self.stating.as_mut().and_then(Stating::say) {
            self.answers.send(Kind::Statement(stated)).await?;
        }
        Ok(())
    }

    /// What the technician's program states. Its last word is answered with ours.
    async fn stated(&mut self, stated: &Signed) -> Result<(), ControlError> {
        let Some(stating) = &mut self.stating else { return Ok(()) };
        if stating.hear(stated)? { self.state_last().await } else { Ok(()) }
    }

    async fn state_last(&mut self) -> Result<(), ControlError> {
        let last = self.stating.as_mut().map(Stating::say_last).unwrap_or_default();
        for stated in last {
            self.answers.send(Kind::Statement(stated)).await?;
        }
        Ok(())
    }

    /// Says our last, and waits for the technician's.
    async fn part(&mut self) -> Result<(), ControlError> {
        self.state_last().await?;
        while let Some(stating) = self.stating.as_mut().filter(|stating| !stating.is_complete()) {
            match self.heard.next().await? {
                Some(Kind::Statement(stated)) => drop(stating.hear(&stated)?),
                Some(_) => {}
                None => break,
            }
        }
        Ok(())
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "whatever else comes does not belong here")]
    async fn answer(&mut self, said: Kind) -> Result<(), ControlError> {
        self.touch();
        let answer = match said {
            Kind::GrantRequest(wish) => {
                let grants = GrantSet::from_wire(&wish.grants);
                match self.gate.request(grants, &wish.why).await {
                    // The change itself tells what is held now.
                    Ok(_) => return Ok(()),
                    Err(refusal) => refusal.to_wire(),
                }
            }
            _ => {
                let text = "the user's program does not know what was asked".to_owned();
                Refusal { cause: Cause::BadRequest as i32, grant: 0, text }
            }
        };
        Ok(self.answers.send(Kind::Refusal(answer)).await?)
    }

    async fn tell(&mut self) -> Result<(), ControlError> {
        self.touch();
        Ok(self.answers.send(Kind::Lease(lease(&self.gate, None))).await?)
    }
}

/// Waits until a statement is due.
async fn due(stating: Option<&mut Stating>) {
    match stating {
        Some(stating) => stating.due().await,
        None => std::future::pending().await,
    }
}

/// The lease of the moment, as it travels.
fn lease(gate: &Gate, device: Option<Device>) -> Lease {
    let terms = gate.terms();
    let lasting = terms.iter().filter(|term| term.scope == Scope::Session);
    let grants: GrantSet = lasting.map(|term| term.grant).collect();
    let terms = terms.iter().map(|term| Term {
        grant: term.grant.to_wire().into(),
        scope: match term.scope {
            Scope::Once => message::Scope::Once.into(),
            Scope::Session => message::Scope::Session.into(),
        },
        // At least a second: 0 would be the whole session.
        ends_in: term
            .ends_in
            .map_or(0, |left| u32::try_from(left.as_secs()).unwrap_or(u32::MAX).max(1)),
    });
    Lease { grants: grants.to_wire(), device, terms: terms.collect() }
}
