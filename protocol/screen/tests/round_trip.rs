//! Whatever happens on a screen: the viewer's picture follows, and at rest it is the screen, pixel
//! for pixel.
#![allow(
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    reason = "a test with small numbers"
)]

use std::time::Duration;

use deskside_screen::{
    Changed, Coded, DecodeError, Decoder, Encoder, Picture, Piece, Rect, Size, View,
};
use proptest::prelude::*;

const REST: Duration = Duration::from_millis(200);

const fn mixed(it: u32) -> u32 {
    let it = (it ^ (it >> 16)).wrapping_mul(0x7feb_352d);
    (it ^ (it >> 15)).wrapping_mul(0x846c_a68b)
}

/// A screen that a test draws on.
struct Screen {
    size: Size,
    bytes: Vec<u8>,
}

impl Screen {
    fn new(width: usize, height: usize) -> Self {
        let size = Size::new(width, height).unwrap();
        Self { size, bytes: vec![0; width * height * 4] }
    }

    fn view(&self) -> View<'_> {
        View::new(self.size, self.size.width() * 4, &self.bytes).unwrap()
    }

    fn draw(&mut self, rect: Rect, colour: impl Fn(usize, usize) -> u32) {
        for y in rect.y..rect.y + rect.height {
            for x in rect.x..rect.x + rect.width {
                let at = (y * self.size.width() + x) * 4;
                self.bytes[at..at + 4].copy_from_slice(&colour(x, y).to_le_bytes());
            }
        }
    }

    fn text(&mut self, rect: Rect, seed: usize) {
        self.draw(rect, |x, y| {
            if (x / 3 * 7 + y / 2 * 13 + seed).is_multiple_of(5) { 0 } else { 0xff_ffff }
        });
    }

    fn photo(&mut self, rect: Rect, seed: usize) {
        self.draw(rect, |x, y| {
            let wave = |it: usize| ((it as f64 / 23.0).sin() * 90.0 + 120.0) as u32;
            let noise = ((x * 31 + y * 17 + seed) as u32).wrapping_mul(2_654_435_761) >> 29;
            (wave(x + seed) + noise) << 16 | (wave(y) + noise) << 8 | wave(x + y)
        });
    }

    fn scroll(&mut self, rect: Rect, by: usize) {
        let old = self.bytes.clone();
        let width = self.size.width();
        for y in rect.y..rect.y + rect.height - by {
            let (to, from) = ((y * width + rect.x) * 4, ((y + by) * width + rect.x) * 4);
            self.bytes[to..to + rect.width * 4].copy_from_slice(&old[from..from + rect.width * 4]);
        }
    }
}

/// Both halves.
struct Pair {
    screen: Screen,
    encoder: Encoder,
    decoder: Decoder,
    now: Duration,
    /// What was shown.
    told: Vec<Coded>,
    /// No pieces arrive.
    losing: bool,
}

impl Pair {
    fn new(width: usize, height: usize) -> Self {
        let screen = Screen::new(width, height);
        let encoder = Encoder::new(screen.size).unwrap();
        let (decoder, now, told) = (Decoder::new().unwrap(), Duration::ZERO, Vec::new());
        Self { screen, encoder, decoder, now, told, losing: false }
    }

    /// A frame of all that changed.
    fn code(&mut self) -> Option<Coded> {
        self.now += Duration::from_millis(33);
        let all = [self.screen.size.rect()];
        self.encoder.frame(&self.screen.view(), &all, self.now).unwrap()
    }

    fn show(&mut self, coded: &Coded) {
        shown(&mut self.decoder, coded);
        self.encoder.acknowledge(self.decoder.whole());
        self.told.push(coded.clone());
    }

    /// None of its pieces arrives.
    fn lose(&mut self, mut coded: Coded) {
        coded.pieces.clear();
        shown(&mut self.decoder, &coded);
        self.told.push(coded);
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Text(rect, seed) => self.screen.text(rect, seed),
            Act::Photo(rect, seed) => self.screen.photo(rect, seed),
            Act::Fill(rect, colour) => self.screen.draw(rect, |_, _| colour),
            Act::Scroll(by) => self.screen.scroll(self.screen.size.rect(), by),
            Act::Rest => {
                self.rest();
            }
            Act::Restart => self.encoder.restart(),
            Act::Lose => self.losing = !self.losing,
        }
        match self.code() {
            Some(coded) if self.losing => self.lose(coded),
            Some(coded) => self.show(&coded),
            None => {}
        }
    }

    fn step(&mut self) -> usize {
        let Some(coded) = self.code() else { return 0 };
        self.show(&coded);
        bytes(&coded)
    }

    /// Time passes and nothing changes.
    fn rest(&mut self) -> usize {
        let mut sum = self.step();
        self.now += REST;
        while let Some(coded) = self.encoder.refine(self.now, REST, 100_000).unwrap() {
            assert!(coded.pieces.is_empty());
            sum += bytes(&coded);
            self.show(&coded);
        }
        assert!(self.encoder.is_exact());
        sum
    }

    fn is_exact(&self) -> bool {
        self.decoder.picture() == Some(&Picture::of(&self.screen.view()))
    }
}

fn shown(decoder: &mut Decoder, coded: &Coded) {
    decoder.frame(&coded.frame).unwrap();
    for piece in &coded.pieces {
        decoder.piece(piece).unwrap();
    }
}

fn bytes(coded: &Coded) -> usize {
    let pieces: usize = coded.pieces.iter().map(|piece| piece.jpeg.len()).sum();
    coded.frame.exact.len() + coded.frame.residual.len() + pieces
}

const PAGE: Rect = Rect { x: 20, y: 30, width: 400, height: 300 };

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

const PAGE_SMALL: Rect = Rect { x: 20, y: 30, width: 200, height: 100 };

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

/// Something that happens on a screen.
#[derive(Debug, Clone)]
enum Act {
    Text(Rect, usize),
    Photo(Rect, usize),
    Fill(Rect, u32),
    Scroll(usize),
    Rest,
    Restart,
    Lose,
}

fn rect() -> impl Strategy<Value = Rect> {
    (0..300_usize, 0..200_usize, 1..300_usize, 1..200_usize).prop_map(|(x, y, width, height)| {
        Rect { x, y, width: width.min(301 - x), height: height.min(203 - y) }
    })
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        (rect(), 0..100_usize).prop_map(|(rect, seed)| Act::Text(rect, seed)),
        (rect(), 0..100_usize).prop_map(|(rect, seed)| Act::Photo(rect, seed)),
        (rect(), any::<u32>()).prop_map(|(rect, colour)| Act::Fill(rect, colour)),
        (1..60_usize).prop_map(Act::Scroll),
        Just(Act::Rest),
        Just(Act::Restart),
        Just(Act::Lose),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn at_rest_the_viewer_sees_the_screen(acts in proptest::collection::vec(act(), 1..14)) {
        let mut pair = Pair::new(301, 203);
        acts.into_iter().for_each(|act| pair.act(act));
        pair.step();
        pair.rest();
        prop_assert!(pair.is_exact());
    }

    #[test]
    fn who_skims_sees_the_same(
        acts in proptest::collection::vec(act(), 1..14),
        looks in proptest::collection::vec(any::<bool>(), 14),
    ) {
        let mut pair = Pair::new(301, 203);
        acts.into_iter().for_each(|act| pair.act(act));
        let (mut one, mut other) = (Decoder::new().unwrap(), Decoder::new().unwrap());
        other.skim();
        for (coded, looks) in pair.told.iter().zip(looks.into_iter().cycle()) {
            shown(&mut one, coded);
            shown(&mut other, coded);
            prop_assert_eq!(one.whole(), other.whole());
            if looks {
                other.settle().unwrap();
                prop_assert!(other.picture() == one.picture());
                other.skim();
            }
        }
        other.settle().unwrap();
        prop_assert!(other.picture() == one.picture());
    }

    #[test]
    fn damaged_frames_are_refused_or_shown_and_never_panic(
        at in any::<prop::sample::Index>(), bit in 0..8_u32, residual in any::<bool>(),
    ) {
        let mut pair = Pair::new(301, 203);
        pair.screen.photo(PAGE_SMALL, 1);
        pair.step();
        pair.now += REST;
        let mut frame = if residual {
            pair.encoder.refine(pair.now, REST, usize::MAX).unwrap().unwrap().frame
        } else {
            pair.screen.text(PAGE_SMALL, 1);
            pair.code().unwrap().frame
        };
        let part = if residual { &mut frame.residual } else { &mut frame.exact };
        let mut bytes = part.to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= 1_u8 << bit;
        *part = bytes.into();
        let _shown_or_refused = pair.decoder.frame(&frame);
    }
}
