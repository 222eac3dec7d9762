//! Takes of a film as bytes of a temporary file, which nobody else reads.

use bytes::Bytes;
use deskside_protocol::wire::message::{CursorShape, ScreenFrame, ScreenPiece, Watching};
use deskside_screen::{Announced, PieceAnnounced};
use deskside_story::{Take, Told};
use prost::Message;

const BEGAN: u8 = 0;
const ENDED: u8 = 1;
const WATCHING: u8 = 2;
const FRAME: u8 = 3;
const PIECE: u8 = 4;
const LOST: u8 = 5;
const SHAPE: u8 = 6;
const PLACE: u8 = 7;
const LASER: u8 = 8;
const NO_LASER: u8 = 9;
const HIDDEN: u8 = 10;
const SEEN: u8 = 11;
const BROKEN: u8 = 12;

/// Adds a take, without its time.
pub(super) fn write(told: &Told, to: &mut Vec<u8>) {
    match told {
        Told::Began => to.push(BEGAN),
        Told::Ended => to.push(ENDED),
        Told::Hidden(true) => to.push(HIDDEN),
        Told::Hidden(false) => to.push(SEEN),
        Told::Watching(watching) => message(WATCHING, watching, to),
        Told::Frame(frame) => {
            announced(FRAME, &frame.announce(), to);
            to.extend_from_slice(&frame.exact);
            to.extend_from_slice(&frame.residual);
        }
        Told::Piece(piece) => {
            announced(PIECE, &piece.announce(), to);
            to.extend_from_slice(&piece.jpeg);
        }
        Told::Lost(frame) => {
            to.push(LOST);
            to.extend(frame.to_le_bytes());
        }
        Told::Shape(shape) => message(SHAPE, shape, to),
        Told::Place { number, x, y } => {
            to.push(PLACE);
            to.extend(number.to_le_bytes());
            to.extend(x.to_le_bytes());
            to.extend(y.to_le_bytes());
        }
        Told::Laser(Some((x, y))) => {
            to.push(LASER);
            to.extend(x.to_le_bytes());
            to.extend(y.to_le_bytes());
        }
        Told::Laser(None) => to.push(NO_LASER),
        Told::Broken => to.push(BROKEN),
    }
}

fn message(kind: u8, message: &impl Message, to: &mut Vec<u8>) {
    to.push(kind);
    message.encode_raw(to);
}

/// A message of a few dozen bytes, and behind it what it announces.
fn announced(kind: u8, message: &impl Message, to: &mut Vec<u8>) {
    to.push(kind);
    to.push(u8::try_from(message.encoded_len()).unwrap_or(u8::MAX));
    message.encode_raw(to);
}

/// Reads a take; `None` where it is none, which is a fault of ours or of the disk.
pub(super) fn read(time_us: u64, mut bytes: Bytes) -> Option<Take> {
    let kind = *bytes.first()?;
    let mut body = bytes.split_off(1);
    let told = match kind {
        BEGAN => Told::Began,
        ENDED => Told::Ended,
        HIDDEN => Told::Hidden(true),
        SEEN => Told::Hidden(false),
        WATCHING => Told::Watching(Watching::decode(body).ok()?),
        FRAME => {
            let mut frame = Announced::new(&ScreenFrame::decode(head(&mut body)?).ok()?).ok()?;
            frame.push(&body).ok()?;
            Told::Frame(frame.into_frame())
        }
        PIECE => {
            let mut piece =
                PieceAnnounced::new(&ScreenPiece::decode(head(&mut body)?).ok()?).ok()?;
            piece.push(&body).ok()?;
            Told::Piece(piece.into_piece())
        }
        LOST => Told::Lost(u64::from_le_bytes(body.as_ref().try_into().ok()?)),
        SHAPE => Told::Shape(CursorShape::decode(body).ok()?),
        PLACE => {
            let number = u64::from_le_bytes(body.get(..8)?.try_into().ok()?);
            let (x, y) = place(body.get(8..)?)?;
            Told::Place { number, x, y }
        }
        LASER => Told::Laser(Some(place(&body)?)),
        NO_LASER => Told::Laser(None),
        BROKEN => Told::Broken,
        _ => return None,
    };
    Some(Take { time_us, told })
}

fn head(body: &mut Bytes) -> Option<Bytes> {
    let length = usize::from(*body.first()?);
    if body.len() <= length {
        return None;
    }
    let head = body.slice(1..=length);
    *body = body.slice(1 + length..);
    Some(head)
}

fn place(bytes: &[u8]) -> Option<(i32, i32)> {
    let (x, y) = bytes.split_at_checked(4)?;
    Some((i32::from_le_bytes(x.try_into().ok()?), i32::from_le_bytes(y.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskside_screen::{Frame, Piece, Rect, Size};

    #[test]
    fn takes_come_back_as_they_were() {
        let frame = Frame {
            number: 7,
            size: Size::new(640, 480).unwrap(),
            fresh: true,
            renewed: true,
            exact: vec![1; 70_000].into(),
            residual: vec![2; 9].into(),
            pieces: u32::MAX,
        };
        let rect = Rect { x: 16, y: 32, width: 48, height: 64 };
        let shape = CursorShape {
            id: 3,
            width: 1,
            height: 1,
            bgra: vec![9; 4].into(),
            ..Default::default()
        };
        for told in [
            Told::Began,
            Told::Ended,
            Told::Hidden(true),
            Told::Hidden(false),
            Told::Watching(Watching { x: -5, width: 9, ..Watching::default() }),
            Told::Frame(Frame { exact: Bytes::new(), residual: Bytes::new(), ..frame.clone() }),
            Told::Frame(frame),
            Told::Piece(Piece { frame: u64::MAX, rect, jpeg: vec![3; 5].into() }),
            Told::Lost(u64::MAX),
            Told::Shape(shape),
            Told::Place { number: u64::MAX, x: i32::MIN, y: 5 },
            Told::Laser(Some((1, -1))),
            Told::Laser(None),
            Told::Broken,
        ] {
            let mut bytes = Vec::new();
            write(&told, &mut bytes);
            assert_eq!(read(11, bytes.into()), Some(Take { time_us: 11, told }));
        }
        assert_eq!(read(0, Bytes::from_static(&[99])), None);
        assert_eq!(read(0, Bytes::new()), None);
    }
}
