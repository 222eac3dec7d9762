//! What each kind of change costs and becomes, and what is refused.

use deskside_screen::{Changed, DecodeError, Picture, Piece, Rect, Size};

use crate::pair::{PAGE_SMALL, Pair, REST, Screen};

const PAGE: Rect = Rect { x: 20, y: 30, width: 400, height: 300 };

const fn mixed(it: u32) -> u32 {
    let it = (it ^ (it >> 16)).wrapping_mul(0x7feb_352d);
    (it ^ (it >> 15)).wrapping_mul(0x846c_a68b)
}

#[test]
fn text_is_exact_at_once_and_a_picture_at_rest() {
    let mut pair = Pair::new(500, 400);
    pair.screen.text(PAGE, 1);
    assert!(pair.step() > 0);
    assert!(pair.is_exact() && pair.encoder.is_exact());
    assert_eq!(pair.step(), 0, "nothing changed");

    pair.screen.photo(PAGE, 1);
    let first = pair.step();
    assert!(!pair.is_exact() && !pair.encoder.is_exact());
    assert_eq!(
        pair.encoder.refine(pair.now, REST, usize::MAX).unwrap(),
        None,
        "it does not rest yet"
    );
    let exact = pair.rest();
    assert!(pair.is_exact());
    assert!(first * 2 < exact, "{first} bytes at first, {exact} until it was exact");
    assert_eq!(pair.rest(), 0);
}

#[test]
fn what_moved_costs_little() {
    let mut pair = Pair::new(700, 600);
    let page = Rect { x: 10, y: 10, width: 640, height: 580 };
    pair.screen.draw(page, |x, y| {
        let ink = mixed((x ^ (y * 911)) as u32) >> 30 == 0;
        if ink && y % 16 < 11 { 0x11_1111 } else { 0xee_eeee }
    });
    let whole = pair.step();
    pair.screen.scroll(page, 24);
    let moved = pair.step();
    assert!(pair.is_exact());
    assert!(moved * 5 < whole, "{moved} of {whole}");
    pair.screen.scroll(page, 24);
    pair.step();
    assert!(pair.is_exact());
}

#[test]
fn a_picture_moves_only_when_it_has_arrived() {
    let mut pair = Pair::new(700, 600);
    let page = Rect { x: 0, y: 0, width: 700, height: 600 };
    pair.screen.photo(page, 3);
    let late = pair.code().unwrap();
    pair.decoder.frame(&late.frame).unwrap();
    pair.screen.scroll(page, 16);
    let next = pair.code().unwrap();
    assert!(!next.pieces.is_empty(), "the viewer has nothing to copy from");
    pair.show(&next);
    // The old pieces come last and show only where nothing newer is.
    for piece in &late.pieces {
        pair.decoder.piece(piece).unwrap();
    }
    pair.encoder.acknowledge(pair.decoder.whole());
    assert_eq!(pair.decoder.whole(), next.frame.number);
    pair.screen.scroll(page, 16);
    let moved = pair.code().unwrap();
    let area: usize = moved.pieces.iter().map(|piece| piece.rect.pixels()).sum();
    assert!(area * 4 < page.pixels(), "most of it is copied now: {area}");
    pair.show(&moved);
    pair.rest();
    assert!(pair.is_exact());
}

#[test]
fn a_monitor_may_change_its_size() {
    let mut pair = Pair::new(300, 200);
    pair.step();
    pair.screen = Screen::new(211, 333);
    pair.screen.text(PAGE_SMALL, 2);
    let Pair { screen, encoder, mut decoder, now, .. } = pair;
    let mut encoder = encoder.after(screen.size).unwrap();
    let coded = encoder.frame(&screen.view(), &[screen.size.rect()], now).unwrap().unwrap();
    assert_eq!(decoder.frame(&coded.frame), Ok(Changed::All));
    assert_eq!(decoder.picture(), Some(&Picture::of(&screen.view())));
}

#[test]
fn what_is_not_damaged_stays_black_where_a_frame_begins_anew() {
    let mut pair = Pair::new(300, 200);
    pair.screen.text(PAGE_SMALL, 1);
    pair.step();
    pair.encoder.restart();
    let (upper, size) = (Rect { x: 0, y: 0, width: 300, height: 64 }, pair.screen.size);
    let coded = pair.encoder.frame(&pair.screen.view(), &[upper], pair.now).unwrap().unwrap();
    pair.decoder.frame(&coded.frame).unwrap();
    let picture = pair.decoder.picture().unwrap();
    assert!(picture.row(0, 64, 300).iter().all(|pixel| *pixel == 0));
    let whole = Picture::of(&pair.screen.view());
    assert_eq!(picture.row(0, 40, 300), whole.row(0, 40, 300));
    let rest = pair.encoder.frame(&pair.screen.view(), &[size.rect()], pair.now).unwrap().unwrap();
    assert!(!rest.frame.fresh);
    pair.decoder.frame(&rest.frame).unwrap();
    assert_eq!(pair.decoder.picture(), Some(&whole));
}

#[test]
fn what_does_not_fit_is_refused_and_a_fresh_frame_mends_it() {
    let mut pair = Pair::new(300, 200);
    pair.screen.text(PAGE_SMALL, 1);
    pair.step();
    pair.screen.text(PAGE_SMALL, 2);
    let coded = pair.code().unwrap();
    let mut skipped = coded.frame.clone();
    skipped.number += 1;
    assert!(matches!(pair.decoder.frame(&skipped), Err(DecodeError::Order { .. })));
    let mut other = coded.frame.clone();
    other.size = Size::new(301, 200).unwrap();
    assert_eq!(pair.decoder.frame(&other), Err(DecodeError::SizeChanged));
    let mut torn = coded.frame;
    torn.exact = torn.exact.slice(..torn.exact.len() / 2);
    assert!(pair.decoder.frame(&torn).is_err());
    pair.encoder.restart();
    pair.step();
    assert!(pair.is_exact());

    let huge =
        Piece { frame: 1, rect: Rect { width: 5_000, ..PAGE_SMALL }, jpeg: Vec::new().into() };
    assert_eq!(pair.decoder.piece(&huge), Err(DecodeError::Malformed));
    let parts_of_blocks = Piece { rect: Rect { x: 16, y: 32, width: 40, height: 32 }, ..huge };
    assert_eq!(pair.decoder.piece(&parts_of_blocks), Ok(Changed::Parts(Vec::new())));
}
