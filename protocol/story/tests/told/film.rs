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

const WATCH: u64 = 4;
const SIDE: usize = 96;

/// A display with something like a photo in it, and what was on it after each frame.
struct Display {
    bytes: Vec<u8>,
    /// The stream on which it is watched.
    watch: u64,
    seen: Vec<Picture>,
}

impl Display {
    fn new() -> Self {
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
    fn film(&mut self, script: &mut Script, looks: &[(u32, bool)]) {
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

fn watch(script: &mut Script, stream: u64) {
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

fn wish(monitor: u32, hidden: bool) -> Kind {
    Kind::Watch(message::Watch { monitor, hidden, ..Default::default() })
}

/// Where frames are announced.
fn frames(script: &Script) -> Vec<usize> {
    let is_frame = |item: &Item| matches!(item, Item::Message(it) if matches!(it.kind, Some(Kind::ScreenFrame(_))));
    let frames = script.entries.iter().enumerate().filter(|(_, entry)| is_frame(&entry.item));
    frames.map(|(at, _)| at).collect()
}

/// Shows all that the script has.
fn shown(script: &Script) -> Film {
    let mut film = Film::new();
    script.entries.iter().for_each(|entry| drop(film.feed(entry).unwrap()));
    film
}

#[test]
fn the_watch_that_stands_is_shown_whatever_else_the_technician_says() {
    let nothing = |_: &mut Script| {};
    let datagram = |script: &mut Script| {
        let said = message::Message { kind: Some(wish(1, false)) };
        let item = Item::Message(Box::new(said));
        script.item(End::Technician, None, item);
    };
    let other_channel = |script: &mut Script| {
        script.technician(Channel::Chat, 16, wish(1, false));
    };
    let second = |script: &mut Script| {
        script.technician(Channel::Screen, 16, wish(2, false));
    };
    let asks = |script: &mut Script| {
        script.technician(Channel::Screen, 16, wish(2, true));
        script.agent(Channel::Screen, 16, Kind::Watching(message::Watching::default()));
        script.finished(Channel::Screen, 16);
    };
    let others: [fn(&mut Script); 5] = [nothing, datagram, other_channel, second, asks];
    for (at, other) in others.into_iter().enumerate() {
        let (mut script, mut display) = (Script::default(), Display::new());
        watch(&mut script, WATCH);
        display.film(&mut script, &[(1, false), (2, false)]);
        let (mut said, frame) = (Script::default(), frames(&script)[1]);
        other(&mut said);
        script.entries.splice(frame..frame, said.entries);
        let film = shown(&script);
        assert!(film.is_live(), "{at}");
        assert!(film.picture() == display.seen.last(), "{at}: another picture");
    }
}

#[test]
fn what_the_technician_sends_is_no_part_of_a_frame() {
    let (mut script, mut display) = (Script::default(), Display::new());
    watch(&mut script, WATCH);
    display.film(&mut script, &[(1, true)]);
    let frame = frames(&script)[0];
    let mut own = script.entries[frame + 1].clone();
    assert!(matches!(own.item, Item::Raw { .. }));
    own.from = End::Technician;
    own.item = Item::Raw { at: 0, bytes: vec![0xff; 7].into() };
    script.entries.insert(frame + 1, own);
    assert!(shown(&script).picture().is_some());
}

#[test]
fn the_second_watch_is_shown_once_the_first_has_ended() {
    let by_the_agent = |script: &mut Script| {
        script.item(End::Agent, Some((Channel::Screen, WATCH)), Item::Finished);
    };
    let by_the_technician = |script: &mut Script| {
        script.item(End::Technician, Some((Channel::Screen, WATCH)), Item::Reset { code: 0 });
    };
    for ends in [by_the_agent, by_the_technician] {
        for before in [true, false] {
            let (mut script, mut display) = (Script::default(), Display::new());
            watch(&mut script, WATCH);
            display.film(&mut script, &[(1, false)]);
            if before {
                ends(&mut script);
            }
            script.technician(Channel::Screen, 8, wish(1, false));
            if !before {
                ends(&mut script);
            }
            assert!(!shown(&script).is_live());
            display.watch = 8;
            display.film(&mut script, &[(2, false)]);
            let film = shown(&script);
            assert!(film.is_live() && film.picture() == display.seen.last());
        }
    }
    // One that was refused never is.
    let (mut script, mut display) = (Script::default(), Display::new());
    watch(&mut script, WATCH);
    display.film(&mut script, &[(1, false)]);
    script
        .technician(Channel::Screen, 8, wish(1, false))
        .agent(Channel::Screen, 8, Kind::Refusal(message::Refusal::default()))
        .item(End::Agent, Some((Channel::Screen, WATCH)), Item::Finished);
    display.watch = 8;
    display.film(&mut script, &[(2, false)]);
    let film = shown(&script);
    assert!(!film.is_live() && film.picture() == display.seen.first());
}

#[test]
fn while_nobody_looks_it_is_not_live() {
    let mut script = Script::default();
    watch(&mut script, WATCH);
    Display::new().film(&mut script, &[(1, false)]);
    assert!(shown(&script).is_live());
    let watching = || Kind::Watching(message::Watching::default());
    for (said, live) in [
        (wish(1, true), false),
        // It is answered all the same.
        (watching(), false),
        (wish(1, true), false),
        (watching(), false),
        (wish(1, false), false),
        (watching(), true),
        // Another monitor, and nothing hidden.
        (wish(2, false), true),
    ] {
        let from = if matches!(said, Kind::Watch(_)) { End::Technician } else { End::Agent };
        script.says(from, Channel::Screen, WATCH, said.clone());
        let film = shown(&script);
        assert_eq!(film.is_live(), live, "{said:?}");
        let again = Film::at(&film.point().unwrap().unwrap()).unwrap();
        assert_eq!(again.is_live(), live, "{said:?}");
    }
}

#[test]
fn no_point_forgets_what_a_stream_before_showed() {
    let (mut script, mut display) = (Script::default(), Display::new());
    watch(&mut script, WATCH);
    display.film(&mut script, &[(1, false)]);
    script.item(End::Agent, Some((Channel::Screen, WATCH)), Item::Finished);
    script.technician(Channel::Screen, 8, wish(1, false));
    let film = shown(&script);
    assert!(film.picture().is_some() && film.point().unwrap().is_none());
    display.watch = 8;
    display.film(&mut script, &[(2, false)]);
    assert!(shown(&script).point().unwrap().is_some());
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
