//! One direction of a stream: which of its frames are messages and which are raw bytes. As the ends
//! do, it knows that by its place in the grammar of its channel.

use bytes::Bytes;
use deskside_protocol::frame::{Decoder, MAX_MESSAGE, PREFIX};
use deskside_protocol::wire::message::message::Kind;

use super::entry::Trouble;

/// What the next frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expect {
    /// The opening of the stream.
    Opening,
    /// A message.
    Message,
    /// A message that says where a file's body begins; behind it the body.
    FileFrom,
    /// A part of a file's body; an empty one ends it.
    Body,
    /// So many bytes of a picture.
    Counted(u64),
    /// Raw bytes up to the end.
    Rest,
}

/// A frame, by what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Framed {
    Opening(Bytes),
    Message(Bytes),
    Raw { at: u64, bytes: Bytes },
}

/// How the files of a transfer go, by its first message.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Going {
    /// On with parts.
    pub(super) resumes: bool,
    /// Their bodies over the files line, which is not in the recording.
    pub(super) apart: bool,
}

/// One direction of a stream.
#[derive(Debug)]
pub(super) struct Reader {
    decoder: Decoder,
    pub(super) expect: Expect,
    /// Bytes from the stream's start to the next frame.
    at: u64,
    /// Bytes behind that which are there.
    pub(super) buffered: usize,
    /// It is not understood any more.
    pub(super) broken: bool,
    /// Nothing more comes.
    pub(super) over: bool,
}

impl Reader {
    pub(super) fn new(expect: Expect) -> Self {
        let decoder = Decoder::new(MAX_MESSAGE);
        Self { decoder, expect, at: 0, buffered: 0, broken: false, over: false }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        if !self.broken {
            self.buffered += bytes.len();
            self.decoder.push(bytes);
        }
    }

    /// The next whole frame that is anything.
    pub(super) fn next(&mut self) -> Result<Option<Framed>, Trouble> {
        loop {
            if self.broken {
                return Ok(None);
            }
            let Some(frame) = self.decoder.next_body()? else { return Ok(None) };
            let at = self.at + PREFIX as u64;
            self.at = at + frame.len() as u64;
            self.buffered -= PREFIX + frame.len();
            match self.expect {
                Expect::Opening => return Ok(Some(Framed::Opening(frame))),
                Expect::Message | Expect::FileFrom => return Ok(Some(Framed::Message(frame))),
                Expect::Body if frame.is_empty() => self.expect = Expect::Message,
                Expect::Counted(left) => {
                    self.expect = match left.checked_sub(frame.len() as u64) {
                        Some(0) => Expect::Message,
                        Some(left) => Expect::Counted(left),
                        None => return Err(Trouble::Malformed),
                    };
                }
                Expect::Body | Expect::Rest => {}
            }
            if !frame.is_empty() {
                return Ok(Some(Framed::Raw { at, bytes: frame }));
            }
        }
    }

    /// What follows this message in a transfer that goes so.
    pub(super) fn heard(&mut self, kind: Option<&Kind>, Going { resumes, apart }: Going) {
        self.expect = match kind {
            Some(Kind::FileEntry(_) | Kind::FileFrom(_)) if apart => Expect::Message,
            Some(Kind::FileEntry(entry)) if !entry.folder && resumes => Expect::FileFrom,
            Some(Kind::FileEntry(entry)) if !entry.folder => Expect::Body,
            Some(Kind::FileFrom(_)) if self.expect == Expect::FileFrom => Expect::Body,
            Some(Kind::ScreenFrame(frame)) => {
                match u64::from(frame.exact) + u64::from(frame.residual) {
                    0 => Expect::Message,
                    bytes => Expect::Counted(bytes),
                }
            }
            Some(Kind::ScreenPiece(_)) => Expect::Rest,
            Some(_) | None => Expect::Message,
        };
    }

    /// The direction ended here, whole or not.
    pub(super) fn end(&mut self) -> Result<(), Trouble> {
        self.over = true;
        if self.broken { Ok(()) } else { Ok(self.decoder.finish()?) }
    }

    /// Reads no further.
    pub(super) fn give_up(&mut self) {
        self.broken = true;
        self.decoder = Decoder::new(MAX_MESSAGE);
        self.buffered = 0;
    }
}
