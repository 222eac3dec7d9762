use std::time::Duration;

use deskside_decode::Item;
use deskside_protocol::channel::Channel;
use deskside_protocol::session::End;
use deskside_protocol::wire::message::message::Kind;
use deskside_protocol::wire::message::{self, pointer_at::Use};
use deskside_screen::{Encoder, Picture, Rect, Size, View};
use deskside_story::{Cutter, Film, FilmPoint, Take, Told, Turn, rgba};
use proptest::prelude::*;

use crate::script::Script;

pub(crate) const WATCH: u64 = 4;
const SIDE: usize = 96;

/// A display with something like a photo in it, and what was on it after each frame.
pub(crate) struct Display {
    bytes: Vec<u8>,
    /// The stream on which it is watched.
    pub(crate) watch: u64,
    pub(crate) seen: Vec<Picture>,
}

impl Display {
    pub(crate) fn new() -> Self {
        Self { bytes: vec![0x30; SIDE * SIDE * 4], watch: WATCH, seen: Vec::new() }
    }

    fn size() -> Size {
        Size::new(SIDE, SIDE).unwrap()
    }

    fn paint(&mut self, seed: u32, rough: bool) {
        for (at, pixel) in (0_u32..).zip(self.bytes.as_chunks_mut::<4>().0) {
            let (x, y) = (at % SIDE as u32, at / SIDE as u32);
            let value = if rough {
                let wave = |it: u32| ((f64::from(it) / 23.0).sin() * 90.0 + 120.0) as u32;
                let noise = (x * 31 + y * 17 + seed).wrapping_mul(2_654_435_761) >> 29;
                (wave(x + seed) + noise) << 16 | (wave(y) + noise) << 8 | wave(x + y)
            } else if (x / 8 + y / 8 + seed).is_multiple_of(5) {
                0x20_2020 * (seed % 7)
            } else {
                continue;
            };
            *pixel = value.to_le_bytes();
        }
    }

    /// The frames of these looks, each half a minute behind the other, so that there are renewed ones.
    pub(crate) fn film(&mut self, script: &mut Script, looks: &[(u32, bool)]) {
        let mut encoder = Encoder::new(Self::size()).unwrap();
        let mut pieces = 3;
        for ((seed, rough), at) in looks.iter().zip(1..) {
            self.paint(*seed, *rough);
            let view = View::new(Self::size(), SIDE * 4, &self.bytes).unwrap();
            let now = Duration::from_secs(at * 30);
            let coded = encoder.frame(&view, &[Self::size().rect()], now).unwrap();
            let Some(coded) = coded else { continue };
            script.frame(self.watch, &coded, &mut pieces);
            self.seen.push(Picture::of(&view));
        }
    }
}

pub(crate) fn watch(script: &mut Script, stream: u64) {
    let side = u32::try_from(SIDE).unwrap();
    let watching =
        message::Watching { x: 10, y: 20, width: side, height: side, ..Default::default() };
    script.technician(Channel::Screen, stream, Kind::Watch(message::Watch::default())).agent(
        Channel::Screen,
        WATCH,
        Kind::Watching(watching),
    );
}

fn cut(script: &Script) -> Vec<Take> {
    let (mut cutter, mut takes) = (Cutter::new(), Vec::new());
    script.entries.iter().for_each(|entry| cutter.feed(entry, |take| takes.push(take)));
    takes
}

#[test]
fn pointer_and_laser_stand_in_the_picture() {
    let mut script = Script::default();
    watch(&mut script, WATCH);
    Display::new().film(&mut script, &[(1, false)]);
    let at = |what: Use| Kind::PointerAt(message::PointerAt { r#use: what as i32, x: 30, y: 50 });
    let place = |number, x| Kind::CursorPlace(message::CursorPlace { number, x, y: 25 });
    let shape = message::CursorShape {
        id: 1,
        width: 1,
        height: 1,
        bgra: vec![1; 4].into(),
        ..Default::default()
    };
    script
        .agent(Channel::Screen, WATCH, Kind::CursorShape(shape.clone()))
        .agent(Channel::Screen, WATCH, place(5, 15))
        .agent(Channel::Screen, WATCH, place(4, 99))
        .technician(Channel::Pointer, u64::MAX, at(Use::Show));
    let mut film = Film::new();
    let turns: Vec<Turn> =
        script.entries.iter().flat_map(|entry| film.feed(entry).unwrap()).collect();
    assert!(turns.iter().any(|turn| matches!(turn, Turn::Picture(_))));
    assert_eq!(turns[turns.len() - 4..], [Turn::Shape, Turn::Places, Turn::Nothing, Turn::Places]);
    assert_eq!((film.pointed(), film.cursor().shape()), (Some((5, 5)), Some(&shape)));
    assert_eq!(film.cursor().rgba(), [255, 255, 255, 1]);
    let (mut pixels, one) = (Vec::new(), Rect { x: 0, y: 0, width: 2, height: 2 });
    rgba(film.picture().unwrap(), one, &mut pixels);
    assert_eq!((pixels.len(), pixels[3], pixels[0]), (16, 255, pixels[1]));
    assert_eq!(film.laser(script.now_us), Some((20, 30)));
    assert_eq!(film.laser(script.now_us + 2_000_001), None);
    assert!(film.is_live());
    script.item(End::Agent, Some((Channel::Screen, WATCH)), Item::Reset { code: 7 });
    film.feed(script.entries.last().unwrap()).unwrap();
    assert!(!film.is_live() && film.picture().is_some(), "the last that was seen stays");
}

#[test]
fn a_frame_that_is_none_is_told_and_a_fresh_one_helps() {
    let mut script = Script::default();
    watch(&mut script, WATCH);
    let mut display = Display::new();
    display.film(&mut script, &[(1, false), (2, false)]);
    let broken = script.entries.iter_mut().rev().find_map(|entry| match &mut entry.item {
        Item::Raw { bytes, .. } => Some(bytes),
        _ => None,
    });
    let broken = broken.unwrap();
    *broken = vec![0xff; broken.len()].into();
    let count = script.entries.len();
    display.watch = 8;
    script.item(End::Agent, Some((Channel::Screen, WATCH)), Item::Finished);
    watch(&mut script, 8);
    display.film(&mut script, &[(3, false)]);
    let mut film = Film::new();
    let (before, after) = script.entries.split_at(count);
    assert!(before.iter().any(|entry| film.feed(entry).is_err()));
    assert!(film.is_lost() && !film.is_live(), "what is seen is older than what was sent");
    let answer = Kind::Watching(message::Watching::default());
    let mut answered = Script::default();
    answered.agent(Channel::Screen, WATCH, answer);
    film.feed(&answered.entries[0]).unwrap();
    assert!(!film.is_live(), "a word brings no picture");
    assert_eq!(film.picture().map(Picture::size), Some(Display::size()), "what was seen stays");
    after.iter().for_each(|entry| drop(film.feed(entry).unwrap()));
    assert_eq!(film.picture(), display.seen.last());
    assert!(film.is_live() && !film.is_lost());
}

#[test]
fn what_a_piece_left_out_is_missing_until_a_fresh_frame() {
    let (mut script, mut display) = (Script::default(), Display::new());
    watch(&mut script, WATCH);
    display.film(&mut script, &[(1, true), (2, false)]);
    let of_pieces = script.entries.iter_mut().filter(|entry| entry.stream != Some(WATCH));
    for entry in of_pieces {
        if let Item::Raw { bytes, .. } = &mut entry.item {
            *bytes = vec![0xff; bytes.len()].into();
        }
    }
    let mut film = Film::new();
    let broken = script.entries.iter().filter(|entry| film.feed(entry).is_err()).count();
    assert!(broken > 0 && film.is_lost() && !film.is_live(), "the second frame builds on it");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever was on the screen is on the film after each frame, and from each point on.
    #[test]
    fn what_was_seen_is_seen_again(looks in proptest::collection::vec((1..40_u32, any::<bool>()), 1..12)) {
        let mut exact = true;
        let rough: Vec<bool> = looks.iter().map(|(_, rough)| *rough).collect();
        let (mut script, mut display) = (Script::default(), Display::new());
        watch(&mut script, WATCH);
        display.film(&mut script, &looks);
        let mut film = Film::new();
        let mut points: Vec<(usize, FilmPoint)> = Vec::new();
        let (mut seen, takes) = (display.seen.iter(), cut(&script));
        for (at, take) in takes.iter().enumerate() {
            if Film::can_begin_with(&take.told) {
                points.extend(film.point().unwrap().map(|point| (at, point)));
            }
            film.show(take).unwrap();
            if let Told::Frame(frame) = &take.told {
                let now = seen.next();
                exact &= !rough.iter().any(|rough| *rough);
                prop_assert!(!exact || film.picture() == now, "frame {}", frame.number);
            }
        }
        prop_assert!(seen.next().is_none() && !points.is_empty());
        for (at, point) in points {
            let mut again = Film::at(&point).unwrap();
            for take in &takes[at..] {
                again.show(take).unwrap();
            }
            prop_assert_eq!(again.picture(), film.picture());
            prop_assert_eq!(again.pointed(), film.pointed());
            let mut skimmed = Film::at(&point).unwrap();
            skimmed.skim();
            for take in &takes[at..] {
                skimmed.show(take).unwrap();
            }
            prop_assert!(skimmed.point().unwrap().is_none());
            skimmed.settle().unwrap();
            prop_assert_eq!(skimmed.picture(), film.picture());
        }
    }

    /// Pieces come on streams of their own, before their frame or after it: the film is the same.
    #[test]
    fn pieces_come_whenever_they_come(seeds in proptest::collection::vec(1..40_u32, 1..5), early: bool) {
        let looks: Vec<(u32, bool)> = seeds.into_iter().map(|seed| (seed, true)).collect();
        let mut script = Script::default();
        watch(&mut script, WATCH);
        Display::new().film(&mut script, &looks);
        let in_order = cut(&script);
        let mut moved = in_order.clone();
        // Stably: only frames and pieces change places.
        moved.sort_by_key(|take| match &take.told {
            Told::Piece(piece) if early => (piece.frame, 0),
            Told::Piece(piece) => (piece.frame + 1, 2),
            Told::Frame(frame) => (frame.number, 1),
            _ => (0, 0),
        });
        let (mut one, mut two) = (Film::new(), Film::new());
        in_order.iter().for_each(|take| drop(one.show(take).unwrap()));
        moved.iter().for_each(|take| drop(two.show(take).unwrap()));
        prop_assert!(in_order.iter().any(|take| matches!(take.told, Told::Piece(_))));
        prop_assert_eq!(one.picture(), two.picture());
    }
}
