//! Recordings looked at again: words found in them, and a session in the player, in a real browser. The
//! pictures that are left in `target/tmp/replay` are there to be looked at.

use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use deskside_tests::agent::Wish;
use deskside_tests::browser::Look;
use deskside_tests::devtools::Page;
use deskside_tests::display::Display;
use deskside_tests::person::Person;
use deskside_tests::process::Process;
use deskside_tests::web;
use image::RgbImage;
use serde_json::json;

use crate::house::House;

/// The user's screen.
const WIDTH: u16 = 1280;
const HEIGHT: u16 = 800;

/// A session that is over, with everything in it that a page shows.
struct Recorded {
    house: House,
    file: PathBuf,
    session: String,
    /// The user's screen for most of the time; in the end it was black.
    screen: RgbImage,
    sha256: String,
}

fn record() -> Recorded {
    let house = House::new();
    let (theirs, ours) =
        (Display::start(WIDTH, HEIGHT).unwrap(), Display::start(1400, 1000).unwrap());
    let painting = theirs.paint().unwrap();
    let display = vec![("DISPLAY", theirs.name().to_owned())];
    let wish = Wish { screen: "x11", display, ..Wish::default() };
    let mut agent = house.agent_as("agent", &wish);
    let ticket = house.alice.ticket("Colours are wrong").unwrap();
    let code = agent.code().unwrap();
    let words = ["connect", &code, "--ticket", &ticket, "--request", "view,command,file"];
    let mut command = house.alice.command(&words).unwrap();
    command.env("DISPLAY", ours.name()).current_dir(house.path(""));
    let mut connect = Process::start("deskside connect", &mut command).unwrap();
    let session = connect.wait_for("session").unwrap()["session"].as_str().unwrap().to_owned();
    let (user, person) = (Person::at(theirs.name()).unwrap(), Person::at(ours.name()).unwrap());
    person.wait_for("Deskside").unwrap();
    let screen = user.picture().unwrap();
    person.wait_until(|seen| seen.get_pixel(5, 5) == screen.get_pixel(5, 5)).unwrap();

    let exec = |argv: &[&str]| house.alice.exec(&session, argv, b"").unwrap();
    exec(&["sh", "-c", "echo the printer is on fire; echo 'no such lamp' >&2; exit 3"]);
    exec(&["echo", "all is well"]);
    house.alice.run(&["chat", "Is the lamp on?"]).unwrap().done().unwrap();
    let (file, _) = house.noise("report.pdf", 70_000);
    let copied = house.copy(&[&file, "agent:"]).events().unwrap();
    let sha256 = copied.iter().find(|event| event["event"] == "file").unwrap();
    let sha256 = sha256["sha256"].as_str().unwrap().to_owned();
    let shot = house.path("shot.png");
    house.alice.run(&["screenshot", "-o", shot.to_str().unwrap()]).unwrap().done().unwrap();
    drop(painting);
    let black = |seen: &RgbImage| seen.get_pixel(900, 200).0 != screen.get_pixel(900, 200).0;
    person.wait_until(black).unwrap();
    house.alice.run(&["end", "--note", "All is well."]).unwrap().done().unwrap();
    connect.wait_for("ended").unwrap();
    let file = house.fetched(&session);
    Recorded { house, file, session, screen, sha256 }
}

/// A replay that is served, and its address.
fn served(recorded: &Recorded, more: &[&str]) -> (Process, String) {
    let identity = recorded.house.alice.identity();
    let words = ["audit", "replay", recorded.file.to_str().unwrap(), "--no-browser", "--identity"];
    let words = [&words[..], &[identity.to_str().unwrap()], more].concat();
    let mut command = recorded.house.alice.command(&words).unwrap();
    let mut replay = Process::start("deskside audit replay", &mut command).unwrap();
    let url = replay.wait_for("replay").unwrap()["url"].as_str().unwrap().to_owned();
    (replay, url)
}

/// Where pictures are left.
fn gallery(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("replay");
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(format!("{name}.png"))
}

/// The picture in the page, without the pointer.
fn picture(page: &mut Page) -> RgbImage {
    let data = page
        .value(
            "player.screen.picture.convertToBlob().then((blob) => new Promise((done) => { \
             const reader = new FileReader(); reader.onload = () => done(reader.result); \
             reader.readAsDataURL(blob); }))",
        )
        .unwrap();
    let data = data.as_str().unwrap().strip_prefix("data:image/png;base64,").unwrap().to_owned();
    image::load_from_memory(&BASE64.decode(data.as_bytes()).unwrap()).unwrap().to_rgb8()
}

/// All of it was read, and what is wanted is shown.
const SETTLED: &str = "player.whole && player.screen.shown === player.screen.wanted";

#[test]
fn a_session_is_seen_again() {
    let recorded = record();
    let (mut replay, url) = served(&recorded, &[]);
    let mut page = Page::open(&url, Look::default()).unwrap();
    page.until(SETTLED).unwrap();
    assert_eq!(
        page.value("document.querySelector('h1').textContent").unwrap(),
        "Colours are wrong"
    );
    let state = page.value("document.getElementById('verdict').dataset.state").unwrap();
    let sentence = page.value("document.getElementById('verdict').textContent").unwrap();
    assert_eq!(state, "sound", "{sentence}");
    // Before the screen went black it was this, pixel for pixel; in the end it is black.
    let gone = "player.list.rows.find((row) => row.more?.picture).at";
    page.value(&format!("player.go({gone}), 0")).unwrap();
    page.until(SETTLED).unwrap();
    assert!(picture(&mut page) == recorded.screen, "the picture is another than the screen's");
    page.picture(&gallery("light-1280")).unwrap();
    page.value("player.go(player.length), 0").unwrap();
    page.until(SETTLED).unwrap();
    let last = picture(&mut page);
    assert!(last != recorded.screen && last.dimensions() == recorded.screen.dimensions());
    // And back again.
    page.value(&format!("player.go({gone}), 0")).unwrap();
    page.until(SETTLED).unwrap();
    assert!(picture(&mut page) == recorded.screen, "the picture is another after going back");
    assert_eq!(page.console(), [] as [String; 0]);
    let origin = url.split('/').take(3).collect::<Vec<_>>().join("/");
    let stranger = page.requests().iter().find(|asked| {
        !asked.starts_with(&origin) && !asked.starts_with("data:") && *asked != "about:blank"
    });
    assert_eq!(stranger, None);
    drop(page);
    replay.end().unwrap();
}
