//! Pieces of pictures, each on a stream of its own: read side by side, so that a lost packet delays
//! one of them only.

use deskside_link::beside::{Beside, Unread};
use deskside_protocol::channel::Channel;
use deskside_protocol::wire::message::{Message, message::Kind};
use deskside_screen::{Piece, PieceAnnounced};
use tokio::task::JoinSet;

/// A piece, or the frame whose piece was lost on its way.
pub(super) type Arrived = Result<Piece, Option<u64>>;

/// The pieces of one line. QUIC bounds how many streams there are at once.
pub(super) struct Pieces {
    beside: Beside,
    reading: JoinSet<Arrived>,
}

impl Pieces {
    pub(super) fn of(beside: Beside) -> Self {
        Self { beside, reading: JoinSet::new() }
    }

    /// The next one. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Result<Arrived, quinn::ConnectionError> {
        loop {
            tokio::select! {
                unread = self.beside.accept() => {
                    self.reading.spawn(read(unread?));
                }
                Some(read) = self.reading.join_next() => match read {
                    Ok(arrived) => return Ok(arrived),
                    Err(error) => tracing::error!(%error, "reading a piece failed"),
                },
            }
        }
    }
}

async fn read(unread: Unread) -> Arrived {
    let Some((Channel::Screen, mut receiver)) = unread.opened::<Message>().await else {
        return Err(None);
    };
    let Ok(Some(Message { kind: Some(Kind::ScreenPiece(told)) })) = receiver.receive().await else {
        return Err(None);
    };
    let lost = |error: &dyn std::fmt::Display| {
        tracing::debug!(%error, frame = told.frame, "a piece is lost");
        Some(told.frame)
    };
    let mut piece = PieceAnnounced::new(&told).map_err(|error| lost(&error))?;
    loop {
        match receiver.receive_body().await {
            Ok(Some(part)) => piece.push(&part).map_err(|error| lost(&error))?,
            Ok(None) => return Ok(piece.into_piece()),
            Err(error) => return Err(lost(&error)),
        }
    }
}
