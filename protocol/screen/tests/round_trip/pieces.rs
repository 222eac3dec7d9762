//! Pieces: whenever they come, or never, and those that nobody sees.

use deskside_screen::{Changed, DecodeError, Decoder, Piece, Rect};

use crate::pair::{Act, Pair, shown};

#[test]
fn pieces_may_come_before_their_frame_or_never() {
    let mut pair = Pair::new(300, 200);
    pair.step();
    pair.screen.photo(pair.screen.size.rect(), 5);
    let coded = pair.code().unwrap();
    for piece in &coded.pieces {
        assert_eq!(pair.decoder.piece(piece), Ok(Changed::Parts(Vec::new())));
    }
    pair.decoder.frame(&coded.frame).unwrap();
    assert_eq!(pair.decoder.whole(), coded.frame.number);

    pair.screen.photo(pair.screen.size.rect(), 6);
    let coded = pair.code().unwrap();
    pair.decoder.frame(&coded.frame).unwrap();
    assert_eq!(pair.decoder.whole(), coded.frame.number - 1);
    for _ in &coded.pieces {
        pair.decoder.lost(coded.frame.number);
    }
    assert_eq!(pair.decoder.whole(), coded.frame.number);
    pair.rest();
    assert!(pair.is_exact(), "what was lost is made exact all the same");
}

#[test]
fn what_is_painted_over_unseen_is_not_decoded() {
    let mut pair = Pair::new(300, 200);
    let photo = Rect { x: 0, y: 0, width: 128, height: 64 };
    let mut steps = Vec::new();
    for seed in 0..3 {
        pair.screen.photo(photo, seed * 40);
        let coded = pair.code().unwrap();
        pair.show(&coded);
        steps.push(coded);
    }
    let torn = |piece: &Piece| Piece { jpeg: piece.jpeg.slice(..9), ..piece.clone() };
    for broken in 0..3 {
        let mut other = Decoder::new().unwrap();
        other.skim();
        for (at, coded) in steps.iter().enumerate() {
            other.frame(&coded.frame).unwrap();
            for piece in &coded.pieces {
                let piece = if at == broken { torn(piece) } else { piece.clone() };
                other.piece(&piece).unwrap();
            }
        }
        assert!(other.point().unwrap().is_none(), "the picture is not what it will be");
        // Only the last one is seen.
        let seen = if broken < 2 { Ok(()) } else { Err(DecodeError::Jpeg) };
        assert_eq!(other.settle(), seen);
        assert_eq!(other.picture() == pair.decoder.picture(), broken < 2);
    }
}

#[test]
fn what_moves_unseen_moves_with_its_pixels() {
    let mut pair = Pair::new(700, 600);
    let page = pair.screen.size.rect();
    pair.screen.photo(page, 3);
    let (first, mut other) = (pair.code().unwrap(), Decoder::new().unwrap());
    pair.show(&first);
    other.skim();
    pair.screen.scroll(page, 16);
    let moved = pair.code().unwrap();
    let area: usize = moved.pieces.iter().map(|piece| piece.rect.pixels()).sum();
    assert!(area * 4 < page.pixels(), "most of it is copied: {area}");
    pair.show(&moved);
    for coded in [&first, &moved] {
        shown(&mut other, coded);
    }
    assert_ne!(other.picture(), pair.decoder.picture());
    other.settle().unwrap();
    assert_eq!(other.picture(), pair.decoder.picture());
}

#[test]
fn one_that_is_none_leaves_those_beside_it_as_they_are() {
    let mut pair = Pair::new(300, 200);
    let mut before = Vec::new();
    for x in [0, 192] {
        pair.screen.photo(Rect { x, y: 0, width: 64, height: 64 }, 5);
    }
    let coded = pair.code().unwrap();
    let [first, second] = coded.pieces.as_slice() else { panic!("{} pieces", coded.pieces.len()) };
    let torn = Piece { jpeg: first.jpeg.slice(..9), ..first.clone() };
    // Before their frame, behind it, and unseen: it is the same picture.
    for way in 0..3 {
        let mut decoder = Decoder::new().unwrap();
        let show = |decoder: &mut Decoder| [&torn, second].map(|piece| decoder.piece(piece).err());
        let broken = [Some(DecodeError::Jpeg), None];
        match way {
            0 => {
                assert_eq!(show(&mut decoder), [None, None]);
                assert_eq!(decoder.frame(&coded.frame), Err(DecodeError::Jpeg));
            }
            1 => {
                decoder.frame(&coded.frame).unwrap();
                assert_eq!(show(&mut decoder), broken);
            }
            _ => {
                decoder.skim();
                decoder.frame(&coded.frame).unwrap();
                assert_eq!(show(&mut decoder), [None, None]);
                assert_eq!(decoder.settle(), Err(DecodeError::Jpeg));
            }
        }
        before.push(decoder.picture().unwrap().clone());
    }
    assert!(before.iter().all(|picture| *picture == before[0]));
    let lit =
        |rect: Rect| before[0].row(rect.x, rect.y, rect.width).iter().any(|pixel| *pixel != 0);
    assert!(!lit(first.rect) && lit(second.rect));
}

#[test]
fn what_is_lost_unseen_leaves_what_stood_there() {
    let mut pair = Pair::new(301, 203);
    let strip = |width, height| Rect { x: 128, y: 0, width, height };
    for act in
        [Act::Photo(strip(17, 88), 0), Act::Scroll(1), Act::Lose, Act::Photo(strip(129, 1), 0)]
    {
        pair.act(act);
    }
    assert!(pair.told.iter().any(|coded| coded.frame.pieces > 0 && coded.pieces.is_empty()));
    let mut other = Decoder::new().unwrap();
    other.skim();
    pair.told.iter().for_each(|coded| shown(&mut other, coded));
    other.settle().unwrap();
    assert_eq!(other.picture(), pair.decoder.picture());
}
