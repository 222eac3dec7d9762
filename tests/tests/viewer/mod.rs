//! The technician's window on a bare display, with a real agent on another: what a person sees there
//! is compared with the user's own screen, and what the keys do is seen.

use std::path::PathBuf;

mod hands;
mod monitors;

use deskside_tests::agent::{Agent, Wish};
use deskside_tests::display::{Display, Painting};
use deskside_tests::person::{Person, key};
use deskside_tests::process::Process;
use deskside_tests::relay::Relay;
use image::RgbImage;
use image::imageops::crop_imm;

use crate::house::House;

/// The user's screen.
const WIDTH: u16 = 1280;
const HEIGHT: u16 = 800;

/// Both people at their computers, and a session between them.
struct Seated {
    house: House,
    agent: Agent,
    connect: Process,
    ticket: String,
    user: Person,
    person: Person,
    _painting: Painting,
    /// Both displays: the user's, the technician's.
    displays: (Display, Display),
}

impl Seated {
    /// A technician whose screen has this size; the user allowed `allow` beforehand.
    fn new(size: (u16, u16), allow: &str, words: &[&str]) -> Self {
        Self::at(House::new(), size, allow, words)
    }

    fn at(house: House, size: (u16, u16), allow: &str, words: &[&str]) -> Self {
        let theirs = Display::start(WIDTH, HEIGHT).unwrap();
        let painting = theirs.paint().unwrap();
        let ours = Display::start(size.0, size.1).unwrap();
        let display = vec![("DISPLAY", theirs.name().to_owned())];
        let wish = Wish { allow, screen: "x11", display, ..Wish::default() };
        let mut agent = house.agent_as("agent", &wish);
        let ticket = house.alice.ticket("Colours are wrong").unwrap();
        let code = agent.code().unwrap();
        let all = [&["connect", &code, "--ticket", &ticket], words].concat();
        let mut command = house.alice.command(&all).unwrap();
        command.env("DISPLAY", ours.name()).current_dir(house.path(""));
        let mut connect = Process::start("deskside connect", &mut command).unwrap();
        connect.wait_for("session").unwrap();
        let (user, person) = (Person::at(theirs.name()).unwrap(), Person::at(ours.name()).unwrap());
        person.wait_for("Deskside").unwrap();
        let displays = (theirs, ours);
        Self { house, agent, connect, ticket, user, person, _painting: painting, displays }
    }

    /// What the user's screen looks like.
    fn original(&self) -> RgbImage {
        self.user.picture().unwrap()
    }

    fn shoot(&self, name: &str) -> RgbImage {
        let picture = self.person.picture().unwrap();
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        picture.save(folder.join(format!("viewer-{name}.png"))).unwrap();
        picture
    }

    /// Waits until the window shows exactly the user's screen.
    fn wait_for_exact(&self) {
        let original = self.original();
        self.person.wait_until(|seen| same(seen, &original)).unwrap();
    }

    /// Presses a key with the host key, and waits until something shows.
    fn host(&self, letter: char) {
        let before = self.person.picture().unwrap();
        self.person.press(&[key::HOST, u32::from(letter)]).unwrap();
        self.person.wait_for_change(&before).unwrap();
    }
}

/// Half of the side of a square that the user's pointer is in, which is drawn into the picture and is
/// not in the screen's own.
const POINTER: u32 = 16;

/// Whether a picture, whose upper left corner is at `corner` of the user's screen, is in the window's
/// upper left corner.
fn same_from(seen: &RgbImage, original: &RgbImage, corner: (u32, u32)) -> bool {
    // Nobody moves it from the middle, which may lie outside.
    let (x, y) = (u32::from(WIDTH) / 2, u32::from(HEIGHT) / 2);
    let near = |at: u32, middle: u32| at.abs_diff(middle) <= POINTER;
    original.enumerate_pixels().all(|(across, down, pixel)| {
        (near(across + corner.0, x) && near(down + corner.1, y))
            || seen.get_pixel(across, down) == pixel
    })
}

fn same(seen: &RgbImage, original: &RgbImage) -> bool {
    same_from(seen, original, (0, 0))
}

#[test]
fn at_rest_it_equals_the_users_screen_pixel_for_pixel() {
    let seated = Seated::new((1400, 1000), "view", &[]);
    seated.wait_for_exact();
    let picture = seated.shoot("actual");
    let colours: std::collections::HashSet<_> = picture.pixels().map(|pixel| pixel.0).collect();
    assert!(colours.len() > 200, "{} colours", colours.len());
    let (x, y) = (u32::from(WIDTH) / 2 - 8, u32::from(HEIGHT) / 2 - 8);
    let pointer = crop_imm(&picture, x, y, 16, 16).to_image();
    assert_ne!(pointer, crop_imm(&seated.original(), x, y, 16, 16).to_image(), "no pointer");
}

#[test]
fn a_smaller_screen_fits_it_and_one_to_one_pans() {
    let seated = Seated::new((1000, 700), "view", &[]);
    // 960 by 620 pixels are free, and the picture is 1280 by 800: the width decides.
    let original = seated.original();
    let small = image::imageops::thumbnail(&original, 960, 600);
    let alike = |seen: &RgbImage| {
        let seen = crop_imm(seen, 0, 0, 960, 600).to_image();
        let differ =
            seen.as_raw().iter().zip(small.as_raw()).map(|(a, b)| u64::from(a.abs_diff(*b)));
        differ.sum::<u64>() / 960 / 600 / 3 < 8
    };
    seated.person.wait_until(alike).unwrap();
    seated.shoot("fit");
    seated.host('z');
    let corner = |x, y| crop_imm(&original, x, y, 900, 600).to_image();
    let (first, moved) = (corner(0, 0), corner(160, 0));
    seated.person.wait_until(|seen| same_from(seen, &first, (0, 0))).unwrap();
    seated.person.press(&[key::HOST, 0xff53]).unwrap();
    seated.person.wait_until(|seen| same_from(seen, &moved, (160, 0))).unwrap();
}

#[test]
fn the_panel_and_the_shortcuts_lie_over_it_and_leave_no_trace() {
    let seated = Seated::new((1400, 1000), "view,clipboard", &["--request", "view,clipboard"]);
    seated.wait_for_exact();
    let plain = seated.person.picture().unwrap();
    let toggle = |keys: &[u32]| {
        let before = seated.person.picture().unwrap();
        seated.person.press(keys).unwrap();
        seated.person.wait_for_change(&before).unwrap();
    };
    toggle(&[key::HOST]);
    // The connection is measured each second.
    let measured = seated.person.picture().unwrap();
    seated.person.wait_for_change(&measured).unwrap();
    seated.shoot("panel");
    toggle(&[key::HOST]);
    seated.person.wait_until(|seen| *seen == plain).unwrap();
    seated.host('h');
    seated.shoot("shortcuts");
    seated.host('h');
    seated.person.wait_until(|seen| *seen == plain).unwrap();
    // The mouse that rests at the upper edge opens it, too.
    seated.person.point(640, 300).unwrap();
    seated.person.point(640, 0).unwrap();
    seated.person.wait_for_change(&plain).unwrap();
    seated.person.point(640, 700).unwrap();
    seated.person.wait_until(|seen| *seen == plain).unwrap();
}

#[test]
fn what_is_not_allowed_is_asked_for_and_chat_and_pictures_reach_the_ticket() {
    let mut seated = Seated::new((1400, 1000), "view", &[]);
    seated.wait_for_exact();
    seated.person.press(&[u32::from('a')]).unwrap();
    let exact = seated.original();
    seated.person.wait_until(|seen| !same(seen, &exact)).unwrap();
    let asking = seated.shoot("ask-control");
    seated.person.press(&[key::RETURN]).unwrap();
    // Nobody is there to be asked: it is refused at once, and that is shown.
    seated.connect.wait_for("refused").unwrap();
    seated.person.wait_until(|seen| !same(seen, &exact) && *seen != asking).unwrap();
    seated.shoot("refused");

    seated.host('w');
    seated.person.press(&[u32::from('h')]).unwrap();
    seated.person.press(&[u32::from('i')]).unwrap();
    seated.shoot("chat");
    let connect = &mut seated.connect;
    let said = seated.person.press_until(&[key::RETURN], || connect.has("said")).unwrap();
    assert_eq!((&said["by"], &said["text"]), (&"technician".into(), &"hi".into()));
    assert_eq!(seated.agent.wait_for("said").unwrap()["text"], "hi");

    seated.person.press(&[key::HOST, u32::from('s')]).unwrap();
    let shot = seated.connect.wait_for("screenshot").unwrap();
    let path = PathBuf::from(shot["path"].as_str().unwrap());
    assert_eq!(image::open(&path).unwrap().to_rgb8(), seated.original());

    // Closing asks first; Escape goes on, Enter ends.
    seated.host('q');
    seated.shoot("end");
    seated.person.press(&[key::ESCAPE]).unwrap();
    seated.host('q');
    seated.person.press(&[key::RETURN]).unwrap();
    let ended = seated.connect.wait_for("ended").unwrap();
    assert_eq!((&ended["reason"], &ended["noted"]), (&"technician_ended".into(), &true.into()));
    assert_eq!(seated.connect.end().unwrap(), Some(0));
    let shown = seated.house.alice.shown(&seated.ticket).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    let attached = &shown["attachments"][0];
    assert_eq!((&attached["name"], &attached["author"]), (&name.into(), &"admin".into()));
    let hash = attached["sha256"].as_str().unwrap();
    let note = shown["notes"][0]["text"].as_str().unwrap();
    assert!(note.contains(&format!("attached as {name}: ")) && note.contains(hash), "{note}");
    // Whoever has the ticket has the picture.
    let saved = seated.house.path("from-the-ticket.png");
    let words = ["ticket", "attachment", &seated.ticket, "1", "-o", saved.to_str().unwrap()];
    seated.house.alice.run(&words).unwrap().done().unwrap();
    assert_eq!(image::open(&saved).unwrap().to_rgb8(), seated.original());
}

#[test]
fn a_relay_that_is_gone_dims_the_picture_and_says_why() {
    let house = House::with(|data| Relay::start_lasting(data).unwrap());
    let mut seated = Seated::at(house, (1400, 1000), "view", &[]);
    seated.wait_for_exact();
    let bright = seated.person.picture().unwrap();
    seated.house.relay.kill().unwrap();
    seated.connect.wait_for("gap").unwrap();
    let light = |picture: &RgbImage| {
        let corner = crop_imm(picture, 0, 0, 300, 300).to_image();
        corner.as_raw().iter().map(|channel| u64::from(*channel)).sum::<u64>()
    };
    seated.person.wait_until(|seen| light(seen) * 2 < light(&bright)).unwrap();
    let first = seated.shoot("stale");
    // The seconds go by.
    seated.person.wait_for_change(&first).unwrap();
    seated.house.relay.restart().unwrap();
    seated.connect.wait_for("back").unwrap();
    seated.wait_for_exact();
}

#[test]
fn without_a_display_the_text_status_is_enough() {
    let house = House::new();
    let mut agent = house.agent("agent");
    let ticket = house.alice.ticket("No display").unwrap();
    let code = agent.code().unwrap();
    for display in ["", ":4093"] {
        let mut command = house.alice.command(&["connect", &code, "--ticket", &ticket]).unwrap();
        let mut connect =
            Process::start("deskside connect", command.env("DISPLAY", display)).unwrap();
        if display.is_empty() {
            connect.wait_for("session").unwrap();
            house.alice.run(&["end"]).unwrap().done().unwrap();
            assert_eq!(connect.end().unwrap(), Some(0));
        } else {
            // The code is spent: what matters is that it came that far, and said why.
            assert_eq!(connect.end().unwrap(), Some(4));
            assert!(connect.words().contains("There is no viewer window"), "{}", connect.words());
        }
    }
}
