//! Chat: one stream on each line, kept open for both directions. What local commands want to say goes
//! out in their order; what the user says comes in as it is said.

use std::sync::Arc;

use deskside_link::Line;
use deskside_link::line::Stream;
use deskside_protocol::channel::Channel;
use deskside_protocol::chat;
use deskside_protocol::exit::Exit;
use deskside_protocol::wire::message::{Act, Message, Said, message::Kind};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::control::ChatRequest;
use crate::failure::Failure;
use crate::lines::Lines;
use crate::note::Voice;
use crate::viewer::Front;

/// Lines that may wait, either way: more than people type while a connection is made anew.
const MAX_WAITING: usize = 16;

/// Who wants to say something.
pub(super) enum Speaker {
    /// A local command, which waits for it.
    Command(ChatRequest),
    /// The window.
    Window(String, Front),
}

impl Speaker {
    fn text(&self) -> &str {
        match self {
            Self::Command(request) => &request.text,
            Self::Window(text, _) => text,
        }
    }

    /// It is on its way.
    async fn done(self) {
        match self {
            Self::Command(request) => request.done().await,
            // What was said stands in the window's own chat.
            Self::Window(..) => {}
        }
    }

    /// It is not.
    async fn failed(self, why: &Failure) {
        match self {
            Self::Command(request) => request.failed(why).await,
            Self::Window(_, front) => front.change(|model, now| model.tell(&*why.sentence, now)),
        }
    }
}

/// The chat of a session.
pub(super) struct Chat {
    wishes: mpsc::Sender<Speaker>,
    said: mpsc::Receiver<(Voice, String)>,
    _task: JoinSet<()>,
}

impl Chat {
    /// A chat on `lines`, one after the other.
    pub(super) fn on(lines: Lines) -> Self {
        let (wishes, waiting) = mpsc::channel(MAX_WAITING);
        let (tell, said) = mpsc::channel(MAX_WAITING);
        let mut task = JoinSet::new();
        task.spawn(Talking { waiting, tell }.over(lines));
        Self { wishes, said, _task: task }
    }

    /// Says what somebody wants said, who is told once that has gone.
    pub(super) async fn say(&self, request: Speaker) {
        match self.wishes.try_send(request) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(request)) => {
                let text = "the user has not received what was said before: try again";
                request.failed(&Failure::new(Exit::Other, text)).await;
            }
            Err(mpsc::error::TrySendError::Closed(request)) => request.failed(&over()).await,
        }
    }

    /// What was said next, by whom. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> (Voice, String) {
        match self.said.recv().await {
            Some(said) => said,
            // The session is over, which others say.
            None => std::future::pending().await,
        }
    }
}

fn over() -> Failure {
    Failure::new(Exit::EndedByPeer, "the session has ended")
}

/// Why a stream of chat is of no use any more.
enum Gone {
    /// The stream or its line.
    Lost,
    /// The user's program takes none, or not what was said.
    Refused(Failure),
}

/// The task's own.
struct Talking {
    waiting: mpsc::Receiver<Speaker>,
    tell: mpsc::Sender<(Voice, String)>,
}

impl Talking {
    async fn over(mut self, mut lines: Lines) {
        while let Some(line) = lines.now().await {
            let mut seen = lines.clone();
            let gone = tokio::select! {
                gone = self.on(&line) => Some(gone),
                _ = seen.replaced(&line) => None,
            };
            if let Some(Gone::Refused(why)) = gone {
                tokio::select! {
                    () = self.turn_down(&why) => {}
                    _ = seen.replaced(&line) => {}
                }
            } else if !lines.replaced(&line).await {
                break;
            }
        }
        while let Some(request) = self.waiting.recv().await {
            request.failed(&over()).await;
        }
    }

    /// Talks on one line, as long as it can.
    async fn on(&mut self, line: &Arc<Line>) -> Gone {
        let Ok(stream) = line.open(Channel::Chat).await else { return Gone::Lost };
        let Stream { id, mut sender, mut receiver, .. }: Stream<Act, Message> = stream;
        let mut actor = line.act_key().actor(Channel::Chat, id);
        loop {
            let request = tokio::select! {
                message = receiver.receive() => match message {
                    Ok(Some(Message { kind: Some(Kind::Said(said)) })) => {
                        self.heard(&said).await;
                        continue;
                    }
                    Ok(Some(Message { kind: Some(Kind::Refusal(refusal)) })) => {
                        return Gone::Refused(Failure::from(&refusal));
                    }
                    Ok(Some(_)) => continue,
                    Ok(None) | Err(_) => return Gone::Lost,
                },
                request = self.waiting.recv() => match request {
                    Some(request) => request,
                    None => std::future::pending().await,
                },
            };
            let text = request.text().to_owned();
            let said = Message { kind: Some(Kind::Said(Said { text: text.clone() })) };
            match sender.send(&actor.wrap(&said)).await {
                Ok(()) => {
                    self.told(Voice::Technician, text).await;
                    request.done().await;
                }
                Err(error) => {
                    tracing::debug!(%error, "the line went away under a message");
                    let text = "the line was made anew before this was said: say it again";
                    request.failed(&Failure::new(Exit::EndedByPeer, text)).await;
                    return Gone::Lost;
                }
            }
        }
    }

    /// What the user says, where it is a line at all.
    async fn heard(&self, said: &Said) {
        match chat::heard(said) {
            Ok(text) => self.told(Voice::User, text).await,
            Err(error) => tracing::debug!(%error, "the user's program sent no line of chat"),
        }
    }

    async fn told(&self, by: Voice, text: String) {
        if self.tell.send((by, text)).await.is_err() {
            tracing::trace!("the session is over");
        }
    }

    /// Says to each local command why nothing is said.
    async fn turn_down(&mut self, why: &Failure) {
        while let Some(request) = self.waiting.recv().await {
            request.failed(why).await;
        }
    }
}
