//! The file channel where bodies go over a files line: what ends there at once when a grant is taken
//! back, and what becomes of a transfer whose files line is lost while the line lives.

use std::time::Duration;

use bytes::Bytes;
use deskside_files::{Announced, Hear, Landing, PipeError, Source, Speak, request};
use deskside_link::Bodies;
use deskside_link::bodies::{BodyError, Expected, Outgoing};
use deskside_link::stream::StreamError;
use deskside_protocol::channel::Channel;
use deskside_protocol::close::CloseCode;
use deskside_protocol::grant::Grant;
use deskside_protocol::wire::message::refusal::Cause;
use deskside_protocol::wire::message::{FileEntry, FileGet, FilePut, message::Kind};
use tokio::task::JoinSet;

use super::stage::{Hears, Says, Stage, files_line, gate_of};
use crate::gate::Gate;

/// Bytes of the file: several times what QUIC and the writer's queue hold of it, so that whoever has
/// sent half of it knows that some is on the disk.
const SIZE: usize = 16 * 1024 * 1024;
const FRAME: usize = 256 * 1024;
/// What takes longer never happens.
const LATE: Duration = Duration::from_secs(20);

/// An agent's channels and the files line beside them.
struct Apart {
    gate: Gate,
    stage: Stage,
    agent: Bodies,
    technician: Bodies,
    /// The files line of the moment, as the agent has it, and what serves it at both ends.
    line: quinn::Connection,
    serving: JoinSet<()>,
}

impl Apart {
    async fn new() -> Self {
        let (gate, agent, technician) = (gate_of(Grant::File.into()), Bodies::new(), Bodies::new());
        let stage = Stage::apart(gate.clone(), agent.clone()).await;
        let mut serving = JoinSet::new();
        let line = serve(&agent, &technician, &mut serving).await;
        Self { gate, stage, agent, technician, line, serving }
    }

    /// The files line is lost, and both ends know it; the line is as it was. It is the agent that
    /// closes it: of an end that has sent a lot the closing may be lost with the rest, and nothing
    /// says it again.
    async fn lose(&mut self) {
        self.line.close(CloseCode::Done.number().into(), b"");
        while self.serving.join_next().await.is_some() {}
    }

    /// Another files line beside the same line.
    async fn again(&mut self) {
        self.line = serve(&self.agent, &self.technician, &mut self.serving).await;
    }

    /// What lies in the folder, parts of broken transfers apart.
    fn names(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.stage.folder.path()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| !name.ends_with(".deskside-part")).collect()
    }

    /// Asks to send the file; its bodies may go.
    async fn puts(&self, resume: bool) -> (Sends, Hears) {
        let (mut says, mut hears) = self.stage.stream(Channel::File).await;
        let (files, bytes) = (1, SIZE as u64);
        let put = FilePut { files, bytes, resume, apart: true, ..FilePut::default() };
        let ready = request(Kind::FilePut(put), &mut says, &mut hears).await.unwrap();
        assert!(ready.apart);
        let out = self.technician.open(says.sender.id()).await.unwrap();
        (Sends { says, out }, hears)
    }

    /// Begins to send the file, and sends half of it.
    async fn half_sent(&self) -> (Sends, Hears) {
        let (mut sends, hears) = self.puts(false).await;
        let (path, size) = (vec!["file.bin".to_owned()], SIZE as u64);
        let entry = FileEntry { path, size, ..FileEntry::default() };
        sends.say(Kind::FileEntry(entry)).await.unwrap();
        for frame in bytes()[..SIZE / 2].chunks(FRAME) {
            sends.body(Bytes::copy_from_slice(frame)).await.unwrap();
        }
        (sends, hears)
    }

    /// Asks for the file.
    async fn gets(&self) -> (Says, Takes) {
        let (mut says, mut hears) = self.stage.stream(Channel::File).await;
        let expected = self.technician.expect(says.sender.id());
        let path = vec!["file.bin".to_owned()];
        let get = FileGet { path, apart: true, ..FileGet::default() };
        let ready = request(Kind::FileGet(get), &mut says, &mut hears).await.unwrap();
        assert!(ready.apart);
        assert_eq!(ready.bytes, SIZE as u64);
        (says, Takes { hears, expected })
    }
}

async fn serve(
    agent: &Bodies,
    technician: &Bodies,
    serving: &mut JoinSet<()>,
) -> quinn::Connection {
    let (here, there) = files_line().await;
    let line = here.connection().clone();
    for (bodies, line) in [(agent.clone(), here), (technician.clone(), there)] {
        serving.spawn(async move { bodies.serve(line).await });
    }
    line
}

fn bytes() -> Vec<u8> {
    (0..=250).cycle().take(SIZE).collect()
}

/// What a technician says who sends.
struct Sends {
    says: Says,
    out: Outgoing,
}

impl Speak for Sends {
    async fn say(&mut self, kind: Kind) -> Result<(), PipeError> {
        self.says.say(kind).await
    }

    async fn body(&mut self, bytes: Bytes) -> Result<(), PipeError> {
        self.out.send(bytes).await.map_err(PipeError::new)
    }

    async fn finish(&mut self) -> Result<(), PipeError> {
        self.out.finish();
        self.says.finish().await
    }
}

/// What a technician hears who receives.
struct Takes {
    hears: Hears,
    expected: Expected,
}

impl Hear for Takes {
    async fn hear(&mut self) -> Result<Option<Kind>, PipeError> {
        self.hears.hear().await
    }

    async fn body(&mut self) -> Result<Option<Bytes>, PipeError> {
        self.expected.receive().await.map_err(PipeError::new)
    }
}

/// So many bytes of a body came still, before it broke off for this.
async fn breaks_off(expected: &mut Expected) -> (usize, BodyError) {
    let mut more = 0;
    loop {
        match expected.receive().await {
            Ok(Some(piece)) => more += piece.len(),
            Ok(None) => panic!("it ended as if it were whole"),
            Err(error) => return (more, error),
        }
    }
}

/// Why nobody takes more of a body.
async fn is_stopped(out: &mut Outgoing) -> BodyError {
    loop {
        if let Err(error) = out.send(Bytes::from(vec![0; FRAME])).await {
            return error;
        }
    }
}

async fn in_time<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(LATE, what).await.unwrap()
}

#[tokio::test]
async fn a_grant_taken_back_ends_a_body_that_goes() {
    let apart = Apart::new().await;
    std::fs::write(apart.stage.folder.path().join("file.bin"), bytes()).unwrap();
    let (_says, mut takes) = apart.gets().await;
    assert!(takes.expected.receive().await.unwrap().is_some());
    apart.gate.revoke(Grant::File.into());
    let (more, broken) = in_time(breaks_off(&mut takes.expected)).await;
    let reset = |error: &StreamError| error.is_reset(CloseCode::Refused);
    assert!(matches!(&broken, BodyError::Stream(error) if reset(error)), "{broken:?}");
    assert!(more < SIZE / 2, "{more} bytes came after the no");
    // On the line too, so that nobody waits there for what will not come.
    let said = async {
        loop {
            if let Err(error) = takes.hear().await {
                break error;
            }
        }
    };
    let broken = in_time(said).await.into_inner().downcast::<StreamError>().unwrap();
    assert!(reset(&broken), "{broken:?}");
    assert!(apart.line.close_reason().is_none(), "the files line goes on");
}

#[tokio::test]
async fn a_grant_taken_back_ends_a_body_that_comes() {
    let apart = Apart::new().await;
    let (mut sends, mut hears) = apart.half_sent().await;
    apart.gate.revoke(Grant::File.into());
    let Some(Kind::Refusal(refusal)) = in_time(hears.hear()).await.unwrap() else {
        panic!("no word of it")
    };
    let said = (refusal.cause(), refusal.text.as_str());
    assert_eq!(said, (Cause::NotGranted, "the user stopped it"));
    let stopped = in_time(is_stopped(&mut sends.out)).await;
    let write =
        |error: &StreamError| matches!(error, StreamError::Write(quinn::WriteError::Stopped(_)));
    assert!(matches!(&stopped, BodyError::Stream(error) if write(error)), "{stopped:?}");
    assert_eq!(apart.names(), Vec::<String>::new());
    assert!(apart.line.close_reason().is_none(), "the files line goes on");
}

#[tokio::test]
async fn a_file_that_comes_goes_on_over_the_next_files_line() {
    let mut apart = Apart::new().await;
    let (mut sends, mut hears) = apart.half_sent().await;
    in_time(apart.lose()).await;
    // Over without a no: it may begin again.
    assert_eq!(in_time(hears.hear()).await.unwrap(), None);
    let lost = in_time(is_stopped(&mut sends.out)).await;
    assert!(matches!(lost, BodyError::Lost), "{lost:?}");
    assert_eq!(apart.names(), Vec::<String>::new());
    drop((sends, hears));

    apart.again().await;
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("file.bin");
    std::fs::write(&file, bytes()).unwrap();
    let source = Source::local(&[file], false).await.unwrap();
    let (mut sends, mut hears) = in_time(apart.puts(true)).await;
    let sent = deskside_files::send(source, true, &mut sends, &mut hears, &());
    let report = in_time(sent).await.unwrap();
    assert!(report.is_whole() && report.files[0].resumed_from > 0, "{report:?}");
    assert!(std::fs::read(apart.stage.folder.path().join("file.bin")).unwrap() == bytes());
}

#[tokio::test]
async fn a_file_that_goes_is_fetched_over_the_next_files_line() {
    let mut apart = Apart::new().await;
    std::fs::write(apart.stage.folder.path().join("file.bin"), bytes()).unwrap();
    let (_says, mut takes) = apart.gets().await;
    assert!(takes.expected.receive().await.unwrap().is_some());
    in_time(apart.lose()).await;
    let (_, lost) = in_time(breaks_off(&mut takes.expected)).await;
    assert!(matches!(lost, BodyError::Lost), "{lost:?}");
    // The agent has given it up as well, and not for want of a grant.
    let said = async {
        while let Some(kind) = takes.hear().await.unwrap() {
            assert!(!matches!(kind, Kind::Refusal(_)), "{kind:?}");
        }
    };
    in_time(said).await;
    drop(takes);

    // Asked for before the next files line is there: the transfer waits for it.
    let (mut says, mut takes) = in_time(apart.gets()).await;
    apart.again().await;
    let home = tempfile::tempdir().unwrap();
    let landing = Landing::local(home.path(), false).await.unwrap();
    let announced = Announced { files: 1, bytes: SIZE as u64, resume: false };
    let received = deskside_files::receive(landing, announced, &mut says, &mut takes, &());
    let report = in_time(received).await.unwrap();
    assert!(report.is_whole(), "{report:?}");
    assert!(std::fs::read(home.path().join("file.bin")).unwrap() == bytes());
}
