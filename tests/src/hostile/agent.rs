//! An agent that pairs as it should, and then says what it likes to the technician's program.

use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use deskside_link::FilesLine;
use deskside_link::attend::Attendance;
use deskside_link::leg::Leg;
use deskside_link::line::{Line, Listener, Plan, Stream};
use deskside_link::random::System;
use deskside_link::stream::{Receiver, Sender};
use deskside_protocol::act::Verifier;
use deskside_protocol::channel::Channel;
use deskside_protocol::frame::{self, MAX_MESSAGE};
use deskside_protocol::grant::GrantSet;
use deskside_protocol::key::SigningKey;
use deskside_protocol::session::End;
use deskside_protocol::statement::Statement;
use deskside_protocol::wire::message::{Act, Device, Lease, Message, message::Kind};
use deskside_protocol::wire::record::Signed;
use tokio::runtime::Runtime;

use super::apart::in_time;
use crate::light::{self, Access, Half, Shown};
use crate::process::PATIENCE;

/// What a frame of a lie may hold: four times what an end takes.
const MAX_LIE: usize = 4 * MAX_MESSAGE;

/// A technician's program has said all by then.
const HEARING: Duration = Duration::from_secs(20);
/// Long enough for a technician's program to try a line several times.
const IMPOSTOR: Duration = Duration::from_secs(3);

/// An agent that shows a code, or holds a session.
#[allow(missing_debug_implementations, reason = "holds secrets")]
pub struct Agent {
    runtime: Runtime,
    access: Access,
    leg: Leg,
    shown: Option<Shown>,
    session: Option<(Line, Half)>,
    conversation: Option<Asked>,
    files: Option<FilesLine>,
}

/// A stream that the technician's program opened.
#[allow(missing_debug_implementations, reason = "holds a secret key")]
pub struct Asked {
    /// What it is about.
    pub channel: Channel,
    /// The stream's number on the line.
    pub id: u64,
    sender: Sender<Message>,
    receiver: Receiver<Act>,
    verifier: Verifier,
}

impl Agent {
    /// Shows a code at the relay of `access`.
    ///
    /// # Errors
    /// Where the relay gives none.
    pub fn opens(access: &Access) -> anyhow::Result<Self> {
        let runtime = Runtime::new().context("start a runtime")?;
        let (leg, shown) = runtime.block_on(async {
            let leg = light::agent_leg(access).await?;
            let shown = Shown::open(&access.link, &leg).await?;
            anyhow::Ok((leg, shown))
        })?;
        let (shown, access) = (Some(shown), access.clone());
        Ok(Self { runtime, access, leg, shown, session: None, conversation: None, files: None })
    }

    /// The code.
    ///
    /// # Errors
    /// Once it was answered.
    pub fn code(&self) -> anyhow::Result<String> {
        let shown = self.shown.as_ref().context("a code that waits")?;
        Ok(String::from_utf8_lossy(shown.code.digits()).into_owned())
    }

    /// Answers whoever has the code, takes the line and hears the introduction.
    ///
    /// # Errors
    /// Where nobody comes.
    pub fn meets(&mut self) -> anyhow::Result<()> {
        let shown = self.shown.take().context("a code that waits")?;
        let (link, leg) = (&self.access.link, &self.leg);
        let (line, half, asked) = self.runtime.block_on(async {
            let mut half = shown.answer(link).await?;
            let line = half.take(leg).await?;
            let mut asked = Asked::next(&line).await?;
            asked.hears().await.context("an introduction")?;
            anyhow::Ok((line, half, asked))
        })?;
        (self.session, self.conversation) = (Some((line, half)), Some(asked));
        Ok(())
    }

    /// Allows everything, and says this of itself.
    ///
    /// # Errors
    /// Where the technician's program is gone.
    pub fn allows(&mut self, device: Device) -> anyhow::Result<()> {
        let grants = GrantSet::all().to_wire();
        self.says(Kind::Lease(Lease { grants, device: Some(device), terms: Vec::new() }))
    }

    /// Says something in the conversation.
    ///
    /// # Errors
    /// Where the technician's program is gone.
    pub fn says(&mut self, kind: Kind) -> anyhow::Result<()> {
        let asked = self.conversation.as_mut().context("a conversation")?;
        self.runtime.block_on(asked.says(kind))
    }

    /// A statement of this agent's, after `change`; signed by `key` in the place of its own.
    ///
    /// # Errors
    /// Without a session.
    pub fn states(
        &self,
        key: Option<&SigningKey>,
        change: impl FnOnce(&mut Statement),
    ) -> anyhow::Result<Signed> {
        let (line, half) = self.session.as_ref().context("a session")?;
        Ok(half.states(End::Agent, line, key, change))
    }

    /// Waits for the next stream that the technician's program opens, and answers it.
    ///
    /// # Errors
    /// What the answer says.
    pub fn answers(
        &mut self,
        answer: impl AsyncFnOnce(&mut Asked, Option<Kind>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let (line, _) = self.session.as_ref().context("a session")?;
        self.runtime.block_on(answered(line, answer))
    }

    /// As [`Agent::answers`], with the files line: the technician's program asks for one where there
    /// is none.
    ///
    /// # Errors
    /// What the answer says.
    pub fn answers_apart(
        &mut self,
        answer: impl AsyncFnOnce(&mut Asked, &FilesLine) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let lost = |files: &FilesLine| files.connection().close_reason().is_some();
        let kept = self.files.take().filter(|files| !lost(files));
        let (_, half) = self.session.as_mut().context("a session")?;
        let taken = async {
            match kept {
                Some(files) => Ok(files),
                None => half.take_files(&self.leg).await,
            }
        };
        let files = &*self.files.insert(self.runtime.block_on(in_time(taken))??);
        let (line, _) = self.session.as_ref().context("a session")?;
        self.runtime.block_on(answered(line, async |asked, _| answer(asked, files).await))
    }

    /// Comes back as a restarted program does, by the session's own key, and waits on the line that
    /// is made then with another one. Whether the technician's program took it.
    ///
    /// # Errors
    /// Where the relay does not let it come back.
    pub fn comes_back_as_another(&mut self) -> anyhow::Result<bool> {
        let (line, half) = self.session.take().context("a session")?;
        drop((line, self.conversation.take()));
        let attendee = half.attendee(&self.access.link);
        let other = SigningKey::generate(&mut System::new());
        self.runtime.block_on(async {
            let (attendance, given) = Attendance::resume(attendee, true).await?;
            let listener = Listener::bind(&attendance.lines(), given.own)?;
            let (own, peer, peer_key) = (given.own, given.peer, half.peer_key());
            let plan = Plan { own, peer, key: &other, peer_key };
            Ok(listener.accept_within(IMPOSTOR, &plan).await.is_ok())
        })
    }

    /// Waits until the technician's program has closed the line, and says how.
    ///
    /// # Errors
    /// Without a session.
    pub fn closed(&self) -> anyhow::Result<String> {
        let (line, _) = self.session.as_ref().context("a session")?;
        self.runtime.block_on(async {
            let lost = tokio::time::timeout(PATIENCE, line.lost()).await;
            Ok(lost.context("a line that is closed in time")?.to_string())
        })
    }
}

async fn answered(
    line: &Line,
    answer: impl AsyncFnOnce(&mut Asked, Option<Kind>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut chats = Vec::new();
    let answered = async {
        let mut asked = Asked::next(line).await?;
        // A technician's program opens the chat by itself; it is left open and silent.
        while asked.channel == Channel::Chat {
            chats.push(std::mem::replace(&mut asked, Asked::next(line).await?));
        }
        let first = asked.hears().await;
        answer(&mut asked, first).await
    };
    tokio::time::timeout(PATIENCE, answered).await.context("a stream in time")?
}

impl Asked {
    async fn next(line: &Line) -> anyhow::Result<Self> {
        let unopened = line.accept().await?;
        let stream: Stream<Message, Act> = unopened.opened().await.context("a channel")?;
        let Stream { channel, id, sender, receiver } = stream;
        let verifier = line.act_key().verifier(channel, id);
        Ok(Self { channel, id, sender, receiver, verifier })
    }

    /// The next message.
    pub async fn hears(&mut self) -> Option<Kind> {
        let act = self.receiver.receive().await.ok()??;
        self.verifier.open(&act).ok()?.kind
    }

    /// Says one message, of whatever length.
    ///
    /// # Errors
    /// Where nobody listens any more.
    pub async fn says(&mut self, kind: Kind) -> anyhow::Result<()> {
        let frame = frame::encode(&Message { kind: Some(kind) }, MAX_LIE)?;
        Ok(self.sender.send_raw(frame).await?)
    }

    /// Sends a piece of a body.
    ///
    /// # Errors
    /// Where nobody listens any more.
    pub async fn body(&mut self, bytes: Bytes) -> anyhow::Result<()> {
        Ok(self.sender.send_body(bytes).await?)
    }

    /// Says that no more will come, and hears the technician out: who leaves before that breaks the
    /// stream off, which is another move.
    ///
    /// # Errors
    /// Where the line is gone.
    pub async fn finishes(&mut self) -> anyhow::Result<()> {
        self.sender.finish();
        self.sender.delivered().await?;
        let heard = async { while self.hears().await.is_some() {} };
        tokio::time::timeout(HEARING, heard).await.context("hear the technician out")
    }
}
