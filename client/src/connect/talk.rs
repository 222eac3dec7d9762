//! The technician's half of the control conversation, on one line after the other: it introduces
//! itself, hears the user's answer, and then each change of it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use deskside_link::Line;
use deskside_link::attend::CLOSE_TIMEOUT;
use deskside_link::line::Stream;
use deskside_link::statements::Stating;
use deskside_link::stream::{Receiver, StreamError};
use deskside_protocol::channel::Channel;
use deskside_protocol::frame::FrameError;
use deskside_protocol::grant::{Grant, GrantSet};
use deskside_protocol::statement::{Difference, LAST_WAIT};
use deskside_protocol::wire::message::{
    Act, GrantRequest, Introduction, Lease, Message, Refusal, message::Kind,
};
use tokio::time::{Instant, timeout};

use super::voice::Voice;
use crate::relay::SOFTWARE;

/// The user has 60 seconds for the question; the line some more.
const ANSWER: Duration = Duration::from_secs(90);

/// A line on its way, and the conversation on it.
type Making = Pin<Box<dyn Future<Output = anyhow::Result<Control>> + Send>>;

/// Where the conversation is.
pub(super) enum Talk {
    /// There is no line yet.
    Making(Making),
    /// Introduced; the answer is awaited until then, once it came for ever.
    Open(Box<Control>, Option<Instant>),
    /// The line is gone; why, or another one, is awaited until then.
    Gone(Instant),
}

/// What the conversation brings.
pub(super) enum Said {
    /// There is a line, and the user is being asked.
    Up(Arc<Line>),
    /// No line came about.
    NotMade(anyhow::Error),
    /// What the user allows.
    Lease(Lease),
    /// No, to the session as a whole.
    No(Refusal),
    /// No, to something that was asked for later.
    Refused(Refusal),
    /// What came is no message: whoever speaks there is not to be spoken with.
    Broken(FrameError),
    /// What the agent states is not true.
    Disputed(Difference),
    /// The line is gone.
    LineGone(quinn::ConnectionError),
    /// The user's answer, or the reason for a lost line, did not come in time.
    Late {
        /// The line is there: it is the user's answer that did not come.
        asked: bool,
    },
}

/// The conversation on a line that stands.
pub(super) struct Control {
    line: Arc<Line>,
    receiver: Receiver<Message>,
    voice: Voice,
}

impl Control {
    pub(super) async fn open(
        line: Line,
        wished: GrantSet,
        stating: Stating,
    ) -> anyhow::Result<Self> {
        let line = Arc::new(line);
        let stream: Stream<Act, Message> = line.open(Channel::Control).await?;
        let mut actor = line.act_key().actor(Channel::Control, stream.id);
        let Stream { mut sender, receiver, .. } = stream;
        let introduction =
            Introduction { software: SOFTWARE.to_owned(), requested: wished.to_wire() };
        let introduction = Message { kind: Some(Kind::Introduction(introduction)) };
        sender.send(&actor.wrap(&introduction)).await?;
        Ok(Self { line, receiver, voice: Voice::new(sender, actor, stating) })
    }
}

impl Control {
    /// Ends when both have said their last, or the line is gone.
    async fn parted(&mut self) -> Result<(), Difference> {
        loop {
            if self.voice.speak_out().await.is_err() || self.voice.has_parted() {
                return Ok(());
            }
            match self.receiver.receive().await {
                Ok(Some(Message { kind: Some(Kind::Statement(stated)) })) => {
                    self.voice.hear(&stated)?;
                }
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return Ok(()),
            }
        }
    }
}

impl Talk {
    /// A conversation on the line that `making` makes.
    pub(super) fn on(
        making: impl Future<Output = anyhow::Result<Control>> + Send + 'static,
    ) -> Self {
        Self::Making(Box::pin(making))
    }

    /// What comes next. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Said {
        match self {
            Self::Making(making) => match making.await {
                Ok(control) => {
                    let line = control.line.clone();
                    *self = Self::Open(Box::new(control), Some(Instant::now() + ANSWER));
                    Said::Up(line)
                }
                Err(error) => {
                    *self = Self::gone();
                    Said::NotMade(error)
                }
            },
            Self::Open(control, until) => {
                let said = hear(control, until).await;
                if matches!(said, Said::LineGone(_)) {
                    *self = Self::gone();
                }
                said
            }
            Self::Gone(until) => {
                tokio::time::sleep_until(*until).await;
                Said::Late { asked: false }
            }
        }
    }

    /// Asks the user for something more; the answer is a lease, or a refusal. False where there is
    /// nobody to ask at the moment.
    pub(super) fn ask(&mut self, grant: Grant) -> bool {
        let Self::Open(control, None) = self else { return false };
        let grants = GrantSet::from(grant).to_wire();
        let request = GrantRequest { grants, why: String::new() };
        control.voice.say(Kind::GrantRequest(request))
    }

    /// The line that is talked on.
    pub(super) fn line(&self) -> Option<&Line> {
        match self {
            Self::Open(control, _) => Some(&control.line),
            Self::Making(_) | Self::Gone(_) => None,
        }
    }

    /// Says our last word on the line, and waits a moment for the agent's.
    ///
    /// # Errors
    /// What the agent states is not true.
    pub(super) async fn part(&mut self) -> Result<(), Difference> {
        let Self::Open(control, _) = self else { return Ok(()) };
        control.voice.part();
        match timeout(LAST_WAIT, control.parted()).await {
            Ok(parted) => parted,
            Err(_slow) => {
                tracing::debug!("the agent's last word did not come");
                Ok(())
            }
        }
    }

    /// Waits once more as long for what did not come in time.
    pub(super) fn wait_on(&mut self) {
        match self {
            Self::Making(_) | Self::Open(_, None) => {}
            Self::Open(_, Some(until)) => *until = Instant::now() + ANSWER,
            Self::Gone(_) => *self = Self::gone(),
        }
    }

    fn gone() -> Self {
        Self::Gone(Instant::now() + CLOSE_TIMEOUT)
    }
}

async fn hear(control: &mut Control, until: &mut Option<Instant>) -> Said {
    loop {
        let late = async {
            match until {
                Some(until) => tokio::time::sleep_until(*until).await,
                None => std::future::pending().await,
            }
        };
        let said = tokio::select! {
            biased;
            said = control.receiver.receive() => said,
            lost = control.voice.speak() => Err(lost),
            () = late => return Said::Late { asked: true },
        };
        match said {
            Ok(Some(Message { kind: Some(Kind::Lease(lease)) })) => {
                *until = None;
                return Said::Lease(lease);
            }
            Ok(Some(Message { kind: Some(Kind::Refusal(refusal)) })) => {
                return if until.is_some() { Said::No(refusal) } else { Said::Refused(refusal) };
            }
            Ok(Some(Message { kind: Some(Kind::Statement(stated)) })) => {
                if let Err(difference) = control.voice.hear(&stated) {
                    return Said::Disputed(difference);
                }
            }
            // A kind that means nothing here, or of a newer version.
            Ok(Some(_)) => {}
            Err(StreamError::Frame(breach)) => return Said::Broken(breach),
            Ok(None) | Err(_) => return Said::LineGone(control.line.lost().await),
        }
    }
}
