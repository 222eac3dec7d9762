//! Where a decoder can begin.

use std::time::Duration;

use deskside_screen::{DecodeError, Decoder, Picture, Rect};

use crate::pair::{PAGE_SMALL, Pair};

#[test]
fn a_decoder_can_begin_where_it_is_fresh() {
    let mut pair = Pair::new(300, 200);
    pair.screen.text(PAGE_SMALL, 1);
    pair.step();
    pair.screen.text(PAGE_SMALL, 2);
    let middle = pair.code().unwrap();
    pair.show(&middle);
    let mut late = Decoder::new().unwrap();
    assert_eq!(late.frame(&middle.frame), Err(DecodeError::NotFresh));
    pair.encoder.restart();
    let fresh = pair.code().unwrap();
    assert!(fresh.frame.fresh);
    late.frame(&fresh.frame).unwrap();
    assert_eq!(late.picture(), Some(&Picture::of(&pair.screen.view())));
    pair.show(&fresh);
    pair.screen.text(PAGE_SMALL, 3);
    let next = pair.code().unwrap();
    late.frame(&next.frame).unwrap();
    assert_eq!(late.picture(), Some(&Picture::of(&pair.screen.view())));
}

#[test]
fn a_decoder_goes_on_from_a_point_where_the_stream_is_renewed() {
    let mut pair = Pair::new(300, 200);
    assert!(pair.decoder.point().unwrap().is_none(), "it shows nothing yet");
    pair.screen.text(PAGE_SMALL, 1);
    pair.step();
    // A piece that comes behind the point, and one that came before its frame.
    pair.screen.photo(Rect { x: 0, y: 128, width: 64, height: 64 }, 5);
    let late = pair.code().unwrap();
    pair.decoder.frame(&late.frame).unwrap();
    pair.now += Duration::from_secs(60);
    pair.screen.photo(Rect { x: 64, y: 128, width: 64, height: 64 }, 5);
    let renewed = pair.code().unwrap();
    assert!(renewed.frame.renewed && !renewed.frame.fresh);
    let early = renewed.pieces.first().unwrap();
    pair.decoder.piece(early).unwrap();

    let point = pair.decoder.point().unwrap().unwrap();
    assert_eq!(point.number() + 1, renewed.frame.number);
    let mut other = Decoder::at(&point).unwrap();
    assert_eq!(other.picture(), pair.decoder.picture());
    for decoder in [&mut pair.decoder, &mut other] {
        decoder.frame(&renewed.frame).unwrap();
        late.pieces.iter().for_each(|piece| drop(decoder.piece(piece).unwrap()));
    }
    assert_eq!(other.picture(), pair.decoder.picture());
    assert_eq!(other.whole(), renewed.frame.number);
    pair.encoder.acknowledge(pair.decoder.whole());
    pair.screen.text(PAGE_SMALL, 2);
    let next = pair.code().unwrap();
    assert!(!next.frame.renewed);
    pair.show(&next);
    other.frame(&next.frame).unwrap();
    next.pieces.iter().for_each(|piece| drop(other.piece(piece).unwrap()));
    assert_eq!(other.picture(), pair.decoder.picture());
}

#[test]
fn the_stream_is_renewed_after_so_many_frames() {
    let mut pair = Pair::new(64, 48);
    let all = pair.screen.size.rect();
    let mut renewed = Vec::new();
    for seed in 0..700 {
        pair.screen.text(all, seed);
        let coded = pair.code().unwrap();
        if coded.frame.renewed {
            renewed.push(coded.frame.number);
            // What was on the screen long ago is not remembered, and what is on it still stands.
            let mut begun = Decoder::at(&pair.decoder.point().unwrap().unwrap()).unwrap();
            begun.frame(&coded.frame).unwrap();
            assert_eq!(begun.picture(), Some(&Picture::of(&pair.screen.view())));
        }
        pair.show(&coded);
    }
    assert_eq!(renewed, [301, 601]);
}
