//! A statement as it is signed, and how one is read: nothing of it counts before its signature was
//! verified by the session key of the end that it names.

use prost::Message as _;
use thiserror::Error;

use super::{MAX_STATEMENT, MAX_STREAMS};
use crate::key::{Context, PublicKey, SigningKey};
use crate::session::{End, Ends, SessionId};
use crate::signed;
use crate::transcript::HASH;
use crate::wire::record::{
    self, DatagramStatement, HeardStatement, Signed, StreamStatement, stream_statement as wire,
};

/// Why a statement says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum StatementError {
    /// Over [`MAX_STATEMENT`] or [`MAX_STREAMS`].
    #[error("it is too long")]
    TooLong,
    /// Not a statement.
    #[error("it cannot be read")]
    Malformed,
    /// Not signed by the session key of the end that it names.
    #[error("its signature does not verify")]
    Signature,
}

/// Which way the bytes of a stream went, seen from the end that speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Way {
    /// QUIC took them from the program.
    Sent,
    /// The program took them from QUIC, in order.
    Delivered,
}

impl Way {
    /// The same bytes, seen from the other end.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Sent => Self::Delivered,
            Self::Delivered => Self::Sent,
        }
    }
}

impl std::fmt::Display for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Sent => "sent",
            Self::Delivered => "delivered",
        })
    }
}

/// What became of one direction of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// More may come.
    Open,
    /// No more will come: all of it is stated.
    Finished,
    /// The sender broke it off.
    Reset,
    /// The receiver reads no further.
    Stopped,
}

/// One direction of one stream, from its first byte on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    /// The QUIC stream's number.
    pub id: u64,
    /// Which way.
    pub way: Way,
    /// So many bytes.
    pub offset: u64,
    /// BLAKE3 of all of them.
    pub hash: [u8; HASH],
    /// Whether more may come.
    pub state: State,
}

/// Datagrams of one direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// So many.
    pub count: u64,
    /// The sum of their hashes, which knows no order.
    pub sum: [u8; HASH],
}

/// The line's datagrams so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Datagrams {
    /// Those that QUIC took from the program.
    pub sent: Tally,
    /// Those that the program took from QUIC.
    pub delivered: Tally,
}

/// A statement of the other end, by number and name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// Its number.
    pub number: u64,
    /// SHA-256 of its body.
    pub name: [u8; HASH],
}

/// What an end says that it sent and delivered on a line so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The session.
    pub session: SessionId,
    /// Whose word it is.
    pub end: End,
    /// The line.
    pub line: u16,
    /// Counts this end's statements from 0 over the whole session.
    pub number: u64,
    /// The name of this end's statement before.
    pub previous: Option<[u8; HASH]>,
    /// [`LineSecrets::sha256`](crate::seal::LineSecrets::sha256).
    pub secrets: [u8; HASH],
    /// Microseconds since 1970-01-01 UTC, by this end's clock.
    pub time_us: u64,
    /// The other end's last one.
    pub heard: Option<Heard>,
    /// SHA-256 of the text of the relay's last checkpoint.
    pub checkpoint: Option<[u8; HASH]>,
    /// The streams that changed since the statement before, by id and way.
    pub streams: Vec<Stream>,
    /// The datagrams, where there were more.
    pub datagrams: Option<Datagrams>,
    /// This end sends and delivers nothing more on this line.
    pub last: bool,
}

/// Reads a statement, once its signature was verified by the session key of the end that it names:
/// `keys` are those of the pairing, as a recording's HEADER has them. Whether what it says is true is
/// the caller's to compare.
///
/// # Errors
/// [`StatementError`].
pub fn open(signed: &Signed, keys: &Ends<PublicKey>) -> Result<Statement, StatementError> {
    if signed.body.len() > MAX_STATEMENT {
        return Err(StatementError::TooLong);
    }
    // Whose key verifies it stands in what was signed, so this much is read before.
    let body = record::Statement::decode(signed.body.clone());
    let body = body.map_err(|_| StatementError::Malformed)?;
    let end = End::from_wire(body.end).ok_or(StatementError::Malformed)?;
    signed::open(signed, keys.of(end), Context::Statement)
        .map_err(|_| StatementError::Signature)?;
    Statement::from_wire(&body)
}

impl Statement {
    /// The first one of an end, on this line with secrets of this hash, before anything passed.
    #[must_use]
    pub const fn first(session: SessionId, end: End, line: u16, secrets: [u8; HASH]) -> Self {
        Self {
            session,
            end,
            line,
            number: 0,
            previous: None,
            secrets,
            time_us: 0,
            heard: None,
            checkpoint: None,
            streams: Vec::new(),
            datagrams: None,
            last: false,
        }
    }

    /// Signs it with the end's session key.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> Signed {
        signed::sign_message(key, Context::Statement, &self.to_wire())
    }

    /// The statement of a body whose signature holds.
    ///
    /// # Errors
    /// [`StatementError`].
    pub fn from_wire(body: &record::Statement) -> Result<Self, StatementError> {
        if body.streams.len() > MAX_STREAMS {
            return Err(StatementError::TooLong);
        }
        let streams: Option<Vec<_>> = body.streams.iter().map(stream).collect();
        let streams = streams.ok_or(StatementError::Malformed)?;
        let keys = || streams.iter().map(|stream| (stream.id, stream.way));
        if !keys().zip(keys().skip(1)).all(|(one, next)| one < next) {
            return Err(StatementError::Malformed);
        }
        let read = || {
            Some(Self {
                session: SessionId::try_from(body.session.as_ref()).ok()?,
                end: End::from_wire(body.end)?,
                line: u16::try_from(body.line).ok()?,
                number: body.number,
                previous: optional(&body.previous)?,
                secrets: hash(&body.secrets)?,
                time_us: body.time,
                heard: match &body.heard {
                    Some(heard) => Some(Heard { number: heard.number, name: hash(&heard.sha256)? }),
                    None => None,
                },
                checkpoint: optional(&body.checkpoint)?,
                streams,
                datagrams: match &body.datagrams {
                    Some(both) => Some(Datagrams {
                        sent: Tally { count: both.sent, sum: hash(&both.sent_sum)? },
                        delivered: Tally { count: both.delivered, sum: hash(&both.delivered_sum)? },
                    }),
                    None => None,
                },
                last: body.last,
            })
        };
        let read = read().ok_or(StatementError::Malformed)?;
        // The first of all has nothing before it, and every other has.
        let first = read.number == 0;
        if first == read.previous.is_none() { Ok(read) } else { Err(StatementError::Malformed) }
    }

    /// As it is signed.
    #[must_use]
    pub fn to_wire(&self) -> record::Statement {
        let optional = |hash: &Option<[u8; HASH]>| {
            hash.as_ref().map(|hash| hash.to_vec().into()).unwrap_or_default()
        };
        record::Statement {
            session: self.session.as_bytes().to_vec().into(),
            end: self.end.to_wire(),
            line: self.line.into(),
            number: self.number,
            previous: optional(&self.previous),
            secrets: self.secrets.to_vec().into(),
            time: self.time_us,
            heard: self.heard.map(|heard| HeardStatement {
                number: heard.number,
                sha256: heard.name.to_vec().into(),
            }),
            checkpoint: optional(&self.checkpoint),
            streams: self.streams.iter().map(|stream| stream.to_wire()).collect(),
            datagrams: self.datagrams.map(|both| DatagramStatement {
                sent: both.sent.count,
                sent_sum: both.sent.sum.to_vec().into(),
                delivered: both.delivered.count,
                delivered_sum: both.delivered.sum.to_vec().into(),
            }),
            last: self.last,
        }
    }
}

impl Stream {
    fn to_wire(self) -> StreamStatement {
        let way = match self.way {
            Way::Sent => wire::Way::Sent,
            Way::Delivered => wire::Way::Delivered,
        };
        let state = match self.state {
            State::Open => wire::State::Open,
            State::Finished => wire::State::Finished,
            State::Reset => wire::State::Reset,
            State::Stopped => wire::State::Stopped,
        };
        StreamStatement {
            id: self.id,
            way: way.into(),
            offset: self.offset,
            blake3: self.hash.to_vec().into(),
            state: state.into(),
        }
    }
}

fn stream(stream: &StreamStatement) -> Option<Stream> {
    let way = match wire::Way::try_from(stream.way) {
        Ok(wire::Way::Sent) => Way::Sent,
        Ok(wire::Way::Delivered) => Way::Delivered,
        Ok(wire::Way::Unspecified) | Err(_) => return None,
    };
    let state = match wire::State::try_from(stream.state) {
        Ok(wire::State::Open) => State::Open,
        Ok(wire::State::Finished) => State::Finished,
        Ok(wire::State::Reset) => State::Reset,
        // Who sends does not stop himself.
        Ok(wire::State::Stopped) if way == Way::Delivered => State::Stopped,
        Ok(wire::State::Stopped | wire::State::Unspecified) | Err(_) => return None,
    };
    Some(Stream { id: stream.id, way, offset: stream.offset, hash: hash(&stream.blake3)?, state })
}

fn hash(bytes: &[u8]) -> Option<[u8; HASH]> {
    bytes.try_into().ok()
}

/// Nothing, or a hash.
fn optional(bytes: &[u8]) -> Option<Option<[u8; HASH]>> {
    if bytes.is_empty() { Some(None) } else { hash(bytes).map(Some) }
}
