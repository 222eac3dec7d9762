//! A technician's program that is nobody's: it pairs as it should, and then says what it likes.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use deskside_link::FilesLine;
use deskside_link::leg::Leg;
use deskside_link::line::{Line, Stream};
use deskside_link::stream::StreamError;
use deskside_protocol::act::Actor;
use deskside_protocol::channel::Channel;
use deskside_protocol::code::Code;
use deskside_protocol::grant::GrantSet;
use deskside_protocol::key::SigningKey;
use deskside_protocol::session::End;
use deskside_protocol::statement::Statement;
use deskside_protocol::transcript::sha256;
use deskside_protocol::wire::message::{
    Act, FileEnd, FileEntry, FileGet, FilePut, FilesSent, Introduction, Message, message::Kind,
};
use deskside_protocol::wire::record::Signed;
use deskside_protocol::wire::signal::signal::Kind as Signal;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::apart::in_time;
use crate::light::{self, Access, Half, Joining};
use crate::process::PATIENCE;

/// Bytes of a body that are kept: what is looked for in one is short.
const KEPT: usize = 64 * 1024;

/// An agent that takes no more of something has said so by then.
const SHOUT: Duration = Duration::from_secs(5);

/// A session that is held open, and what its program can say in it.
#[allow(missing_debug_implementations, reason = "holds secrets")]
pub struct Technician {
    runtime: Runtime,
    /// The line to the agent.
    pub line: Arc<Line>,
    control: Option<(Stream<Act, Message>, Actor)>,
    half: Half,
    leg: Leg,
}

/// What an agent said on one stream.
#[derive(Debug, Default)]
pub struct Said {
    /// Its messages, in order.
    pub kinds: Vec<Kind>,
    /// The bodies that came between them, the first of them.
    pub bodies: Vec<u8>,
}

impl Said {
    /// The refusal, where there is one.
    #[must_use]
    pub fn refusal(&self) -> Option<&deskside_protocol::wire::message::Refusal> {
        self.kinds
            .iter()
            .find_map(|kind| if let Kind::Refusal(refusal) = kind { Some(refusal) } else { None })
    }

    /// Whether a file landed.
    #[must_use]
    pub fn landed(&self) -> bool {
        self.kinds.iter().any(|kind| matches!(kind, Kind::FileDone(done) if done.failed.is_none()))
    }
}

impl Technician {
    /// Pairs with whoever shows `code`, with a signed wish for `grants`, and makes the line.
    ///
    /// # Errors
    /// Where relay or agent refuse.
    pub fn meets(access: &Access, code: &str, grants: GrantSet) -> anyhow::Result<Self> {
        let code = Code::parse(code)?;
        let runtime = Runtime::new().context("start a runtime")?;
        let (line, half, leg) = runtime.block_on(async {
            let leg = light::technician_leg(access).await?;
            let mut joining = Joining::knock(access, &leg, &code).await?;
            let (offered, offer) = joining.offer(access, grants)?;
            let Signal::PairingAnswer(answer) = joining.ask(offer).await? else {
                bail!("no answer came")
            };
            let mut half = joining.confirm(offered, &answer).await?;
            let line = half.dial(&leg).await?;
            anyhow::Ok((line, half, leg))
        })?;
        let line = Arc::new(line);
        Ok(Self { runtime, line, control: None, half, leg })
    }

    /// Introduces itself, whatever it signed, with a wish for `grants`; gives the agent's answer.
    ///
    /// # Errors
    /// Where none comes.
    pub fn introduces(&mut self, grants: GrantSet) -> anyhow::Result<Kind> {
        let introduction = Introduction { requested: grants.to_wire(), software: "hostile".into() };
        let (control, answer) = self.runtime.block_on(async {
            let mut stream = self.line.open::<Act, Message>(Channel::Control).await?;
            let mut actor = self.line.act_key().actor(Channel::Control, stream.id);
            let message = Message { kind: Some(Kind::Introduction(introduction)) };
            stream.sender.send(&actor.wrap(&message)).await?;
            let answer = stream.receiver.receive().await?.and_then(|message| message.kind);
            anyhow::Ok(((stream, actor), answer.context("an answer to the introduction")?))
        })?;
        self.control = Some(control);
        Ok(answer)
    }

    /// A statement of this technician's, after `change`; signed by `key` in the place of its own.
    #[must_use]
    pub fn states(&self, key: Option<&SigningKey>, change: impl FnOnce(&mut Statement)) -> Signed {
        self.half.states(End::Technician, &self.line, key, change)
    }

    /// Says something more in the conversation, and gives what comes back; statements are skipped.
    ///
    /// # Errors
    /// Where the conversation is over.
    pub fn converses(&mut self, kind: Kind) -> anyhow::Result<Option<Kind>> {
        let (stream, actor) = self.control.as_mut().context("an introduction")?;
        self.runtime.block_on(async {
            stream.sender.send(&actor.wrap(&Message { kind: Some(kind) })).await?;
            loop {
                let answer = tokio::time::timeout(PATIENCE, stream.receiver.receive()).await??;
                match answer.map(|message| message.kind) {
                    Some(Some(Kind::Statement(_))) => {}
                    answer => return Ok(answer.flatten()),
                }
            }
        })
    }

    /// Says these messages on a fresh stream of `channel`, and hears all that comes back.
    ///
    /// # Errors
    /// Where the line is gone.
    pub fn says(&self, channel: Channel, kinds: Vec<Kind>) -> anyhow::Result<Said> {
        self.runtime.block_on(says(&self.line, channel, kinds))
    }

    /// As [`Technician::says`], on so many streams at once.
    ///
    /// # Errors
    /// Where the line is gone.
    pub fn says_often(
        &self,
        channel: Channel,
        kind: &Kind,
        streams: usize,
    ) -> anyhow::Result<Vec<Said>> {
        self.runtime.block_on(async {
            let mut all = JoinSet::new();
            for _ in 0..streams {
                let (line, kinds) = (self.line.clone(), vec![kind.clone()]);
                all.spawn(async move { says(&line, channel, kinds).await });
            }
            all.join_all().await.into_iter().collect()
        })
    }

    /// Sends bytes that are no message on a fresh stream of `channel`, until nobody takes any more.
    pub fn shouts(&self, channel: Channel, bytes: Vec<u8>) {
        self.runtime.block_on(async {
            let Ok(mut stream) = self.line.open::<Act, Message>(channel).await else { return };
            let shouted = async {
                // The agent may break off at any byte of it.
                let _unheard = stream.sender.send_raw(bytes.into()).await.is_err();
                hears(&mut stream).await;
            };
            let _late = tokio::time::timeout(SHOUT, shouted).await.is_err();
        });
    }

    /// Asks the relay for a files line behind the last one, and dials it. `None` where it gives none.
    ///
    /// # Errors
    /// Where it does not come about in time.
    pub fn dials_files(&mut self) -> anyhow::Result<Option<FilesLine>> {
        self.runtime.block_on(in_time(self.half.dial_files(&self.leg)))?
    }

    /// Runs what a test does by itself.
    pub fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Announces one file of these bytes, its body apart; once the agent is ready for it, does
    /// `apart` in the place of sending that, with the number of the transfer's stream, while all
    /// else is said of it.
    ///
    /// # Errors
    /// Where the line is gone or nobody answers in time, or what `apart` says.
    pub fn puts_apart(
        &self,
        name: &str,
        bytes: &[u8],
        apart: impl AsyncFnOnce(u64) -> anyhow::Result<()>,
    ) -> anyhow::Result<Said> {
        let (put, entry, end) = of(&[], &[name], bytes);
        let put = FilePut { apart: true, ..put };
        let done = async {
            let mut stream = self.line.open::<Act, Message>(Channel::File).await?;
            let mut actor = self.line.act_key().actor(Channel::File, stream.id);
            let mut wrap = |kind| actor.wrap(&Message { kind: Some(kind) });
            stream.sender.send(&wrap(Kind::FilePut(put))).await?;
            let ready = stream.receiver.receive().await?.and_then(|message| message.kind);
            let Some(Kind::FileReady(ready)) = ready else {
                return Ok(Said { kinds: ready.into_iter().collect(), bodies: Vec::new() });
            };
            let number = stream.id;
            let announced = async {
                let all = async {
                    stream.sender.send(&wrap(Kind::FileEntry(entry))).await?;
                    stream.sender.send(&wrap(Kind::FileEnd(end))).await?;
                    stream.sender.send(&wrap(Kind::FilesSent(FilesSent {}))).await?;
                    stream.sender.finish();
                    Ok::<_, StreamError>(())
                };
                // The agent may break off at any of these.
                drop(all.await);
                hears(&mut stream).await
            };
            let (done, mut said) = tokio::join!(apart(number), announced);
            done?;
            said.kinds.insert(0, Kind::FileReady(ready));
            Ok(said)
        };
        self.runtime.block_on(in_time(done))?
    }

    /// Sends one file of these bytes into `into`, under `path`.
    ///
    /// # Errors
    /// Where the line is gone.
    pub fn puts(&self, into: &[&str], path: &[&str], bytes: &[u8]) -> anyhow::Result<Said> {
        let (put, entry, end) = of(into, path, bytes);
        let body = Bytes::copy_from_slice(bytes);
        self.runtime.block_on(async {
            let mut stream = self.line.open::<Act, Message>(Channel::File).await?;
            let mut actor = self.line.act_key().actor(Channel::File, stream.id);
            let mut wrap = |kind| actor.wrap(&Message { kind: Some(kind) });
            let all = async {
                stream.sender.send(&wrap(Kind::FilePut(put))).await?;
                stream.sender.send(&wrap(Kind::FileEntry(entry))).await?;
                stream.sender.send_body(body).await?;
                stream.sender.send_body(Bytes::new()).await?;
                stream.sender.send(&wrap(Kind::FileEnd(end))).await?;
                stream.sender.send(&wrap(Kind::FilesSent(FilesSent {}))).await?;
                stream.sender.finish();
                Ok::<_, StreamError>(())
            };
            // The agent may break off at any of these.
            drop(all.await);
            Ok(hears(&mut stream).await)
        })
    }

    /// Asks for what lies at `path`, and gives all that comes.
    ///
    /// # Errors
    /// Where the line is gone.
    pub fn gets(&self, path: &[&str], recursive: bool) -> anyhow::Result<Said> {
        let get = FileGet { path: owned(path), recursive, ..FileGet::default() };
        self.says(Channel::File, vec![Kind::FileGet(get)])
    }
}

/// All that is said of one file of these bytes.
fn of(into: &[&str], path: &[&str], bytes: &[u8]) -> (FilePut, FileEntry, FileEnd) {
    let size = bytes.len() as u64;
    let put = FilePut { into: owned(into), files: 1, bytes: size, ..FilePut::default() };
    let entry = FileEntry { path: owned(path), size, ..FileEntry::default() };
    let end = FileEnd {
        blake3: blake3::hash(bytes).as_bytes().to_vec().into(),
        sha256: sha256(bytes).to_vec().into(),
        failed: None,
    };
    (put, entry, end)
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

async fn says(line: &Line, channel: Channel, kinds: Vec<Kind>) -> anyhow::Result<Said> {
    let mut stream = line.open::<Act, Message>(channel).await?;
    let mut actor = line.act_key().actor(channel, stream.id);
    for kind in kinds {
        // Where the agent has heard enough it still says why.
        if stream.sender.send(&actor.wrap(&Message { kind: Some(kind) })).await.is_err() {
            break;
        }
    }
    let said = hears(&mut stream).await;
    stream.sender.finish();
    Ok(said)
}

/// All that comes until the agent has finished. A frame that is no message is a piece of a body.
async fn hears(stream: &mut Stream<Act, Message>) -> Said {
    let mut said = Said::default();
    let mut body = false;
    while let Ok(Ok(Some(frame))) =
        tokio::time::timeout(PATIENCE, stream.receiver.receive_body()).await
    {
        if body {
            body = !frame.is_empty();
            let room = KEPT.saturating_sub(said.bodies.len()).min(frame.len());
            said.bodies.extend_from_slice(frame.get(..room).unwrap_or_default());
            continue;
        }
        let message: Option<Message> = prost::Message::decode(frame).ok();
        let Some(kind) = message.and_then(|message| message.kind) else { continue };
        body = matches!(&kind, Kind::FileEntry(entry) if !entry.folder);
        said.kinds.push(kind);
    }
    said
}
