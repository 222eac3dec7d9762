//! Which stream the film follows, and whether it is live.

use deskside_decode::Item;
use deskside_protocol::channel::Channel;
use deskside_protocol::session::End;
use deskside_protocol::wire::message;
use deskside_protocol::wire::message::message::Kind;
use deskside_story::Film;

use crate::film::{Display, WATCH, watch};
use crate::script::Script;

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
fn another_line_takes_the_place_of_one_that_broke() {
    for said in [true, false] {
        let (mut script, mut display) = (Script::default(), Display::new());
        script.opened();
        watch(&mut script, WATCH);
        display.film(&mut script, &[(1, false)]);
        if said {
            script.closed();
            assert!(!shown(&script).is_live());
        }
        script.line = 1;
        script.opened();
        assert!(!shown(&script).is_live());
        watch(&mut script, WATCH);
        let mut display = Display::new();
        display.film(&mut script, &[(2, false)]);
        let film = shown(&script);
        assert!(film.is_live() && film.picture() == display.seen.last(), "closed: {said}");
    }
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
