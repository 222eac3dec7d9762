//! Where the policy says `hash-only`, the bodies of files go over a line of their own beside the line
//! of the moment. The technician's program asks the relay for it and dials; here it is awaited.
//!
//! A transfer speaks and hears as before. Only its bodies take the other way.

use bytes::Bytes;
use deskside_files::{Hear, PipeError, Speak};
use deskside_link::attend::FilesGiven;
use deskside_link::bodies::{Expected, Outgoing};
use deskside_link::line::{LineError, Listener};
use deskside_link::{Bodies, FilesLine, Lines};
use deskside_protocol::wire::message::message::Kind;
use tokio::sync::watch;

use super::bond::Bond;
use super::opening::SLACK;
use crate::gate::{Answers, Heard};

/// Keeps a files line beside the line with this number, whenever the relay gives one, as long as it
/// is polled.
pub(super) async fn keep(
    bodies: Option<&Bodies>,
    number: u16,
    mut given: watch::Receiver<Option<FilesGiven>>,
    (bond, lines): (&Bond, &Lines),
) {
    let Some(bodies) = bodies else { return std::future::pending().await };
    loop {
        let now = *given.borrow_and_update();
        let one = async {
            if let Some(given) = now.filter(|given| given.line == number) {
                match accept(given, bond, lines).await {
                    Ok(line) => bodies.serve(line).await,
                    Err(error) => tracing::debug!(%error, "the files line did not come about"),
                }
            }
            // Another comes where the technician's program asks for it.
            std::future::pending().await
        };
        // The same may be told again.
        let over = tokio::select! {
            () = one => false,
            over = async { given.wait_for(|given| *given != now).await.is_err() } => over,
        };
        if over {
            return std::future::pending().await;
        }
    }
}

async fn accept(given: FilesGiven, bond: &Bond, lines: &Lines) -> Result<FilesLine, LineError> {
    let listener = Listener::bind(lines, given.own)?;
    let plan = bond.plan_with(given.own, given.peer);
    listener.accept_files(bond.grace() + SLACK, &plan).await
}

/// Where the bodies of a transfer go that is sent.
enum Way<'a> {
    /// With everything else.
    Along,
    /// Over the files line, once there is one.
    Apart(&'a Bodies),
    Open(Outgoing),
}

/// What a transfer says to the technician.
pub(super) struct Speaking<'a> {
    answers: &'a mut Answers,
    way: Way<'a>,
}

impl<'a> Speaking<'a> {
    /// With the bodies of what is sent.
    pub(super) const fn with_bodies(answers: &'a mut Answers, bodies: Option<&'a Bodies>) -> Self {
        let way = match bodies {
            Some(bodies) => Way::Apart(bodies),
            None => Way::Along,
        };
        Self { answers, way }
    }

    /// Without: what receives sends none.
    pub(super) const fn alone(answers: &'a mut Answers) -> Self {
        Self { answers, way: Way::Along }
    }

    /// Breaks off at once, bodies too.
    pub(super) fn cut_off(&mut self) {
        if let Way::Open(bodies) = &mut self.way {
            bodies.cut_off();
        }
        self.answers.cut_off();
    }
}

impl Speak for Speaking<'_> {
    /// Before anything is said of a body its stream is there: so the receiver never waits for what
    /// was given up.
    async fn say(&mut self, kind: Kind) -> Result<(), PipeError> {
        if let Way::Apart(bodies) = self.way {
            let open = bodies.open(self.answers.stream()).await.map_err(PipeError::new)?;
            self.way = Way::Open(open);
        }
        self.answers.send(kind).await.map_err(PipeError::new)
    }

    async fn body(&mut self, bytes: Bytes) -> Result<(), PipeError> {
        match &mut self.way {
            Way::Along | Way::Apart(_) => self.answers.body(bytes).await.map_err(PipeError::new),
            Way::Open(bodies) => bodies.send(bytes).await.map_err(PipeError::new),
        }
    }

    async fn finish(&mut self) -> Result<(), PipeError> {
        if let Way::Open(bodies) = &mut self.way {
            bodies.finish();
        }
        self.answers.finish().await.map_err(PipeError::new)
    }
}

/// What a transfer hears of the technician.
pub(super) struct Hearing<'a> {
    heard: &'a mut Heard,
    bodies: Option<Expected>,
}

impl<'a> Hearing<'a> {
    /// With what is to come over the files line, where it goes that way.
    pub(super) const fn of(heard: &'a mut Heard, bodies: Option<Expected>) -> Self {
        Self { heard, bodies }
    }
}

impl Hear for Hearing<'_> {
    async fn hear(&mut self) -> Result<Option<Kind>, PipeError> {
        self.heard.next().await.map_err(PipeError::new)
    }

    async fn body(&mut self) -> Result<Option<Bytes>, PipeError> {
        let Some(bodies) = &mut self.bodies else {
            return self.heard.body().await.map_err(PipeError::new);
        };
        tokio::select! {
            biased;
            body = bodies.receive() => body.map_err(PipeError::new),
            error = self.heard.broken() => Err(PipeError::new(error)),
        }
    }
}
