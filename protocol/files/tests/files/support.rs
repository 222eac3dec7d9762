//! Two ends of a pipe, a folder with an outside, and files that are easy to tell apart.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use deskside_files::{
    Announced, Folder, Hear, Landing, PIECE, PIECES, PipeError, Progress, RelativePath, Report,
    Source, Speak, TransferError, receive, send,
};
use deskside_protocol::frame::{self, Decoder, MAX_MESSAGE};
use deskside_protocol::wire::message::{Message, message::Kind};
use prost::Message as _;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, ReadHalf, WriteHalf};
use tokio::sync::Notify;

/// The writing half of one end.
pub(crate) struct Mouth {
    to: WriteHalf<DuplexStream>,
    /// Counts body bytes.
    pub(crate) bodies: u64,
    /// Flips a bit of the body byte with this number.
    pub(crate) spoil: Option<u64>,
}

/// The reading half of one end.
pub(crate) struct Ear {
    from: ReadHalf<DuplexStream>,
    decoder: Decoder,
}

/// One end.
pub(crate) type Mate = (Mouth, Ear);

/// Two ends; so many bytes fit between them.
pub(crate) fn pipe(room: usize) -> (Mate, Mate) {
    let (a, b) = tokio::io::duplex(room);
    let mate = |stream| {
        let (from, to) = tokio::io::split(stream);
        let ear = Ear { from, decoder: Decoder::new(MAX_MESSAGE + 1) };
        (Mouth { to, bodies: 0, spoil: None }, ear)
    };
    (mate(a), mate(b))
}

impl Mouth {
    async fn frame(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = u32::try_from(bytes.len()).unwrap();
        self.to.write_all(&length.to_be_bytes()).await?;
        self.to.write_all(bytes).await
    }
}

impl Speak for Mouth {
    async fn say(&mut self, kind: Kind) -> Result<(), PipeError> {
        let frame = frame::encode(&Message { kind: Some(kind) }, MAX_MESSAGE).unwrap();
        self.to.write_all(&frame).await.map_err(PipeError::new)
    }

    async fn body(&mut self, bytes: Bytes) -> Result<(), PipeError> {
        let mut bytes = bytes.to_vec();
        let before = self.bodies;
        self.bodies += bytes.len() as u64;
        if let Some(at) = self.spoil.filter(|at| (before..self.bodies).contains(at)) {
            bytes[usize::try_from(at - before).unwrap()] ^= 1;
        }
        self.frame(&bytes).await.map_err(PipeError::new)
    }

    async fn finish(&mut self) -> Result<(), PipeError> {
        self.to.shutdown().await.map_err(PipeError::new)
    }
}

impl Ear {
    async fn frame(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            if let Some(body) = self.decoder.next_body().map_err(io::Error::other)? {
                return Ok(Some(body));
            }
            let mut buffer = [0; 4096];
            match self.from.read(&mut buffer).await? {
                0 => return Ok(None),
                length => self.decoder.push(&buffer[..length]),
            }
        }
    }
}

impl Hear for Ear {
    async fn hear(&mut self) -> Result<Option<Kind>, PipeError> {
        let frame = self.frame().await.map_err(PipeError::new)?;
        Ok(frame.map(|frame| Message::decode(frame).unwrap().kind.unwrap()))
    }

    async fn body(&mut self) -> Result<Option<Bytes>, PipeError> {
        self.frame().await.map_err(PipeError::new)
    }
}

/// A folder that is allowed, one to send from, and one outside of both.
pub(crate) struct Scene {
    whole: PathBuf,
    /// Goes with the scene.
    temporary: Option<TempDir>,
    pub(crate) inside: PathBuf,
    pub(crate) here: PathBuf,
    pub(crate) outside: PathBuf,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let whole = tempfile::tempdir().unwrap();
        for name in ["inside", "here", "outside"] {
            std::fs::create_dir(whole.path().join(name)).unwrap();
        }
        let mut scene = Self::at(whole.path());
        scene.temporary = Some(whole);
        scene
    }

    /// One that somebody else made.
    pub(crate) fn at(whole: &Path) -> Self {
        let at = |name| whole.join(name);
        let (inside, here, outside) = (at("inside"), at("here"), at("outside"));
        Self { inside, here, outside, whole: whole.to_owned(), temporary: None }
    }

    pub(crate) fn folder(&self) -> Folder {
        Folder::open(&self.inside).unwrap()
    }

    /// Everything beneath the scene but what is in the allowed folder and `here`.
    pub(crate) fn strays(&self) -> Vec<String> {
        let mut found = listing(&self.outside);
        let known = ["inside", "here", "outside"];
        let top = std::fs::read_dir(&self.whole).unwrap();
        let names = top.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        found.extend(names.filter(|name| !known.contains(&name.as_str())));
        found
    }

    /// Waits until no thread has anything of the scene open any more.
    pub(crate) async fn let_go(&self) {
        while is_open(&self.whole) {
            tokio::task::yield_now().await;
        }
    }

    /// A file to send.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.here.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Sends local paths to `agent:INTO`.
    pub(crate) async fn put(&self, paths: &[PathBuf], into: &str, resume: bool) -> Both {
        let source = Source::local(paths, true).await.unwrap();
        let into = deskside_files::Destination::parse(into).unwrap();
        let exact = into.is_exact(paths.len());
        let landing = Landing::beneath(&self.folder(), &into.path, exact).await.unwrap();
        both(source, landing, resume).await
    }

    /// Fetches `agent:PATH` to a local path.
    pub(crate) async fn get(&self, path: &str, to: &Path) -> Both {
        let path = RelativePath::parse(path).unwrap();
        let source = Source::beneath(&self.folder(), &path, true).await.unwrap();
        let landing = Landing::local(to, false).await.unwrap();
        both(source, landing, false).await
    }
}

/// Whether this process has something beneath `folder` open.
fn is_open(folder: &Path) -> bool {
    let open = std::fs::read_dir("/proc/self/fd").unwrap();
    let mut targets = open.filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok());
    targets.any(|target| target.starts_with(folder))
}

/// How both sides of a transfer ended.
pub(crate) struct Both {
    pub(crate) sent: Result<Report, TransferError>,
    pub(crate) received: Result<Report, TransferError>,
    /// Body bytes that went.
    pub(crate) bodies: u64,
}

impl Both {
    /// The receiver's report, where all is well and both say the same.
    pub(crate) fn whole(self) -> Report {
        let (sent, received) = (self.sent.unwrap(), self.received.unwrap());
        assert!(received.is_whole(), "{received:?}");
        let facts = |report: &Report| -> Vec<_> {
            let fact = |file: &deskside_files::FileReport| {
                (file.path.clone(), file.bytes, file.sha256, file.resumed_from)
            };
            report.files.iter().map(fact).collect()
        };
        assert_eq!(facts(&sent), facts(&received));
        received
    }

    /// The sentences of what failed or was skipped, which both sides have.
    pub(crate) fn faults(&self) -> Vec<String> {
        let of = |report: &Report| -> Vec<String> {
            let failed = report.files.iter().filter_map(|file| file.failed.as_ref());
            let skipped = report.skipped.iter().map(|skipped| &skipped.why);
            failed.chain(skipped).map(ToString::to_string).collect()
        };
        let (sent, received) = (self.sent.as_ref().unwrap(), self.received.as_ref().unwrap());
        assert_eq!(of(sent), of(received));
        of(received)
    }
}

/// Room of the pipe: less than any frame.
pub(crate) const ROOM: usize = 4096;

pub(crate) fn announced(source: &Source, resume: bool) -> Announced {
    Announced { files: source.files(), bytes: source.bytes(), resume }
}

pub(crate) async fn both(source: Source, landing: Landing, resume: bool) -> Both {
    both_over(pipe(ROOM), source, landing, resume, &()).await
}

pub(crate) async fn both_over(
    (a, b): (Mate, Mate),
    source: Source,
    landing: Landing,
    resume: bool,
    progress: &impl Progress,
) -> Both {
    let announced = announced(&source, resume);
    let sending = async move {
        let (mut mouth, mut ear) = a;
        let sent = send(source, resume, &mut mouth, &mut ear, &()).await;
        (sent, mouth.bodies)
    };
    let receiving = async move {
        let (mut mouth, mut ear) = b;
        receive(landing, announced, &mut mouth, &mut ear, progress).await
    };
    let ((sent, bodies), received) = tokio::join!(sending, receiving);
    Both { sent, received, bodies }
}

/// Tells when enough has come.
pub(crate) struct Enough {
    come: AtomicU64,
    wanted: u64,
    reached: Notify,
}

impl Enough {
    /// At least [`WRITTEN`] pieces: more than the queue before the writer takes, so that some of
    /// them were written when this is reached.
    pub(crate) fn new() -> Self {
        let wanted = (WRITTEN * PIECE) as u64;
        Self { come: AtomicU64::new(0), wanted, reached: Notify::new() }
    }

    pub(crate) async fn reached(&self) {
        self.reached.notified().await;
    }
}

impl Progress for Enough {
    fn moved(&self, bytes: u64) {
        if self.come.fetch_add(bytes, Ordering::AcqRel) + bytes >= self.wanted {
            self.reached.notify_one();
        }
    }
}

/// See [`Enough`].
pub(crate) const WRITTEN: usize = PIECES + 4;

/// Bytes that do not repeat for a while.
pub(crate) fn noise(length: usize, seed: u8) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().update(&[seed]).finalize_xof().fill(&mut bytes);
    bytes
}

/// The paths of everything in a folder, sorted.
pub(crate) fn listing(folder: &Path) -> Vec<String> {
    fn fill(folder: &Path, above: &str, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{above}{}", entry.file_name().to_string_lossy());
            if entry.file_type().unwrap().is_dir() {
                fill(&entry.path(), &format!("{name}/"), found);
            }
            found.push(name);
        }
    }
    let mut found = Vec::new();
    fill(folder, "", &mut found);
    found.sort();
    found
}

pub(crate) fn mode(path: &Path) -> u32 {
    path.symlink_metadata().unwrap().permissions().mode() & 0o7777
}
