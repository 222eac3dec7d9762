//! Recordings looked at again: words found in them, and a session in the player, in a real browser. The
//! pictures that are left in `target/tmp/replay` are there to be looked at.

use std::path::{Path, PathBuf};
use std::time::Instant;

use data_encoding::BASE64;
use deskside_protocol::statement::{self, Tail};
use deskside_tests::agent::{Agent, Wish};
use deskside_tests::browser::Look;
use deskside_tests::devtools::Page;
use deskside_tests::display::Display;
use deskside_tests::person::Person;
use deskside_tests::process::{PATIENCE, Process};
use deskside_tests::technician::Session;
use deskside_tests::web;
use image::RgbImage;
use rustix::process::Signal;
use serde_json::json;

use crate::house::{AGENT, Helped, House, TECHNICIAN, tail_file};

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
fn served(house: &House, file: &Path, more: &[&str]) -> (Process, String) {
    let identity = house.alice.identity();
    let words = ["audit", "replay", file.to_str().unwrap(), "--no-browser", "--identity"];
    let words = [&words[..], &[identity.to_str().unwrap()], more].concat();
    let mut command = house.alice.command(&words).unwrap();
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
/// Where somebody took a picture: the screen was not black yet.
const SHOT: &str = "player.list.rows.find((row) => row.more?.picture).at";

/// Goes to a time, an expression of the page's, and waits until it is shown.
fn go(page: &mut Page, at: &str) {
    page.value(&format!("player.go({at}), 0")).unwrap();
    page.until(SETTLED).unwrap();
}

fn text(page: &mut Page, id: &str) -> String {
    let text = page.value(&format!("document.getElementById('{id}').textContent")).unwrap();
    text.as_str().unwrap().to_owned()
}

#[test]
fn a_session_is_seen_again() {
    let recorded = record();
    let (mut replay, url) = served(&recorded.house, &recorded.file, &[]);
    let mut page = Page::open(&url, Look::default()).unwrap();
    page.until(SETTLED).unwrap();
    assert_eq!(text(&mut page, "subject"), "Colours are wrong");
    let verdict = text(&mut page, "verdict");
    assert!(verdict.contains("verified") && verdict.contains("Nobody changed"), "{verdict}");
    // From the first packet to the last, and the track says so.
    let intervals = page.value("player.intervals.map(([from, to, word]) => word)").unwrap();
    assert_eq!(intervals, json!(["proven"]));
    assert_eq!(text(&mut page, "proof"), "proven by both ends");

    // Before the screen went black it was this, pixel for pixel; in the end it is black; and back.
    go(&mut page, SHOT);
    assert!(picture(&mut page) == recorded.screen, "the picture is another than the screen's");
    let value = "document.getElementById('track').getAttribute('aria-valuetext')";
    let value = page.value(value).unwrap();
    assert!(value.as_str().unwrap().ends_with(", proven by both ends"), "{value}");
    go(&mut page, "player.length");
    let last = picture(&mut page);
    assert!(last != recorded.screen && last.dimensions() == recorded.screen.dimensions());
    go(&mut page, SHOT);
    assert!(picture(&mut page) == recorded.screen, "the picture is another after going back");

    // Each kind of thing that happened stands in the list, with what became of it.
    let rows = page.value("player.list.rows.map((row) => [row.kind, row.title, row.end?.words])");
    let rows = rows.unwrap();
    let has = |kind: &str, title: &str, end: Option<&str>| {
        rows.as_array().unwrap().iter().any(|row| {
            row[0] == kind
                && row[1].as_str().unwrap().contains(title)
                && end.is_none_or(|end| row[2] == end)
        })
    };
    assert!(has("command", "the printer is on fire", Some("exit 3")), "{rows}");
    assert!(has("command", "echo 'all is well'", Some("exit 0")), "{rows}");
    assert!(has("chat", "Is the lamp on?", None), "{rows}");
    assert!(has("file", "report.pdf", Some("arrived")), "{rows}");
    assert!(has("consent", "Allowed view", None), "{rows}");
    let sum = page.value("player.list.rows.find((row) => row.end?.more?.sha256).end.more.sha256");
    assert_eq!(sum.unwrap(), recorded.sha256);

    // A picture that the technician took is shown as it was taken.
    page.value(&format!("player.list.open(player.list.near({SHOT}, 1)), 0")).unwrap();
    page.until("document.querySelector('#detail img')?.naturalWidth === 1280").unwrap();

    // Nothing was asked of anybody else, and nothing went wrong.
    assert_eq!(page.console(), [] as [String; 0]);
    let own = |asked: &&String| !asked.starts_with(&url) && !asked.starts_with("data:");
    assert_eq!(page.requests().iter().find(own), None);
    assert!(page.requests().len() > 8);
    drop(page);
    replay.signal(Signal::INT).unwrap();
    assert_eq!(replay.end().unwrap(), Some(0));
}

#[test]
fn keys_and_search_lead_anywhere() {
    let recorded = record();
    let (_replay, url) = served(&recorded.house, &recorded.file, &["--at", "0:00:00.5"]);
    let mut page = Page::open(&url, Look::default()).unwrap();
    page.until(SETTLED).unwrap();
    assert_eq!(page.value("player.at").unwrap(), 500_000);

    page.press("?").unwrap();
    page.until("document.getElementById('help').open").unwrap();
    page.picture(&gallery("keys")).unwrap();
    page.press("Enter").unwrap();
    page.until("!document.getElementById('help').open").unwrap();

    page.press("Home").unwrap();
    assert_eq!(page.value("player.at").unwrap(), 0);
    page.press("n").unwrap();
    page.until("player.at === player.list.rows[0].at").unwrap();
    page.press("ArrowRight").unwrap();
    assert_eq!(
        page.value("player.at === Math.min(player.length, player.list.rows[0].at + 5e6)").unwrap(),
        true
    );
    page.press("End").unwrap();
    assert_eq!(page.value("player.at === player.length").unwrap(), true);
    page.press("p").unwrap();
    page.until("player.at === player.list.rows.at(-1).at").unwrap();

    // Twice as quick is half the time, whatever the machine does: the clock is told the time.
    page.press("Home").unwrap();
    page.press("2").unwrap();
    assert_eq!(page.value("player.speed").unwrap(), 2);
    page.value("document.getElementById('skip').checked = false").unwrap();
    let passed = "(() => { player.screen.shown = Infinity; const from = player.at; \
                  player.pass(0.1); return Math.round((player.at - from) / 1000); })()";
    assert_eq!(page.value(passed).unwrap(), 200);
    page.press("Home").unwrap();
    page.press("5").unwrap();
    page.value("document.activeElement.blur(), 0").unwrap();
    page.press(" ").unwrap();
    page.until("player.at === player.length && !player.playing").unwrap();

    page.press("/").unwrap();
    page.types("ON FIRE").unwrap();
    page.until("player.list.hits?.length === 2").unwrap();
    page.picture(&gallery("search")).unwrap();
    page.press("Enter").unwrap();
    page.until("document.querySelector('#detail pre')?.textContent.includes('no such lamp')")
        .unwrap();
    let at = page.value("player.at === player.list.hits[0].at").unwrap();
    assert_eq!(at, true);
    page.press("Escape").unwrap();
    page.until("document.getElementById('detail').hidden").unwrap();
    // By the keyboard alone: everything that can be used can be reached, and has a name.
    let nameless = "[...document.querySelectorAll('button, input')].filter((it) => \
                    !(it.ariaLabel || it.textContent.trim() || it.labels?.length)).length";
    assert_eq!(page.value(nameless).unwrap(), 0);
    assert_eq!(page.console(), [] as [String; 0]);
}

#[test]
fn it_fits_desk_and_tablet_by_day_and_by_night() {
    let recorded = record();
    let (_replay, url) = served(&recorded.house, &recorded.file, &[]);
    let mut page = Page::open(&url, Look::default()).unwrap();
    page.until(SETTLED).unwrap();
    let open = "player.list.open(player.list.rows.find((row) => row.kind === 'command'), true), 0";
    page.value(open).unwrap();
    go(&mut page, SHOT);
    for (name, size) in [("1280", (1280, 900)), ("768", (768, 1024))] {
        for (look, dark) in [("light", false), ("dark", true)] {
            page.looks(Look { size, dark, ..Look::default() }).unwrap();
            let path = gallery(&format!("{look}-{name}"));
            page.picture(&path).unwrap();
            let picture = image::open(&path).unwrap().to_rgb8();
            assert_eq!(picture.dimensions(), size);
            let paper = picture.get_pixel(3, 3).0.map(u32::from);
            assert_eq!(paper.iter().sum::<u32>() / 3 > 128, !dark, "{look} {name}: {paper:?}");
            let over = page.value("document.documentElement.scrollWidth - innerWidth").unwrap();
            assert!(over.as_i64() <= Some(0), "{name}: {over} pixels too wide");
        }
    }
}

/// Waits until both ends have made one more statement.
fn state(house: &House, agent: &Agent, session: &Session) {
    let read = || {
        [agent.folder(), house.alice.home()].map(|folder| {
            let tail = std::fs::read(tail_file(folder, session.id())?).unwrap();
            Tail::decode(&tail).unwrap().own.as_ref().map(statement::name)
        })
    };
    let (before, until) = (read(), Instant::now() + PATIENCE);
    while read().iter().zip(&before).any(|(now, before)| now == before) {
        assert!(Instant::now() < until, "no further statement");
        assert_eq!(session.exec(&["sleep", "0.2"], b"").unwrap().code, Some(0));
    }
}

/// A session of which the relay kept something in the middle to itself, and whose last part only one end
/// could state: a statement comes every ten seconds.
fn disputed() -> (House, PathBuf) {
    let house = House::tapped(|_| ());
    let Helped { agent, session, .. } = house.helped("agent");
    state(&house, &agent, &session);
    house.tap().bypass(TECHNICIAN, Some(AGENT)).unwrap();
    let said = session.exec(&["echo", "hidden from the recording"], b"").unwrap();
    house.tap().bypass(TECHNICIAN, None).unwrap();
    assert_eq!(said.code, Some(0));
    state(&house, &agent, &session);
    assert_eq!(session.exec(&["echo", "stated by nobody"], b"").unwrap().code, Some(0));
    agent.process.signal(Signal::KILL).unwrap();
    let id = session.id().to_owned();
    session.end("").unwrap();
    let file = house.fetched(&id);
    (house, file)
}

#[test]
fn what_is_proven_and_what_is_not_shows_at_the_foot() {
    let (house, file) = disputed();
    let (_replay, url) = served(&house, &file, &[]);
    let mut page = Page::open(&url, Look::default()).unwrap();
    page.until("player.whole").unwrap();
    let words = page.value("player.intervals.map(([from, to, word]) => word)").unwrap();
    assert_eq!(words, json!(["proven", "disputed", "consistent"]));
    let told =
        page.value("[...document.querySelectorAll('#proof li')].map((it) => it.textContent)");
    let all = ["proven by both ends", "consistent, not stated by both ends", "disputed"];
    assert_eq!(told.unwrap(), json!(all));
    let verdict = text(&mut page, "verdict");
    assert!(verdict.contains("disputed") && verdict.contains("points at the relay"), "{verdict}");
    // In the middle of each, its word is that of whoever cannot see the track.
    for (number, told) in [(0, all[0]), (1, all[2]), (2, all[1])] {
        let middle =
            format!("((player.intervals[{number}][0] + player.intervals[{number}][1]) / 2)");
        page.value(&format!("player.go({middle}), 0")).unwrap();
        let value = "document.getElementById('track').getAttribute('aria-valuetext')";
        let value = page.value(value).unwrap();
        assert!(value.as_str().unwrap().ends_with(told), "{value}");
    }
    for (look, dark) in [("light", false), ("dark", true)] {
        page.looks(Look { dark, ..Look::default() }).unwrap();
        page.picture(&gallery(&format!("foot-{look}"))).unwrap();
    }
    assert_eq!(page.console(), [] as [String; 0]);
}

#[test]
fn nobody_else_sees_it_and_words_are_found() {
    let recorded = record();
    let (mut replay, url) = served(&recorded.house, &recorded.file, &[]);
    let (address, word) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let ask = |path: &str, headers: &[(&str, &str)]| web::get(address, path, headers).unwrap();
    let right = format!("/{word}");
    let answer = ask(&right, &[]);
    assert_eq!(answer.status, 200);
    let policy = answer.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(answer.header("cache-control"), "no-store");
    let other = format!("/{}/", "A".repeat(43));
    for path in
        ["/", "/title", "/state", &other, &format!("{other}state"), &right[..right.len() - 1]]
    {
        assert_eq!(ask(path, &[]).status, 404, "{path}");
    }
    assert_eq!(ask(&format!("{right}title"), &[("Sec-Fetch-Site", "cross-site")]).status, 404);
    assert_eq!(ask(&format!("{right}title"), &[("Sec-Fetch-Site", "same-origin")]).status, 200);
    // A name that somebody else's server gave to this address.
    let named = web::ask_as("GET", address, "evil.example", &right, &[]).unwrap();
    assert_eq!(named.status, 404);
    // The page said good-bye and does not come again: it is over.
    assert_eq!(web::ask("POST", address, &format!("{right}gone"), &[]).unwrap().status, 204);
    assert_eq!(replay.end().unwrap(), Some(0));

    let alice = &recorded.house.alice;
    let identity = alice.identity();
    let look = |text: &str, place: &str, more: &[&str]| {
        let words = ["audit", "search", text, "--in", place, "--identity"];
        let words = [&words[..], &[identity.to_str().unwrap()], more].concat();
        alice.run(&words).unwrap()
    };
    let file = recorded.file.to_str().unwrap();
    let hits = look("PRINTER is", file, &[]).events().unwrap();
    let kinds: Vec<_> = hits.iter().map(|hit| hit["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["command", "output"], "{hits:?}");
    assert_eq!(hits[1]["line"], "the printer is on fire");
    assert_eq!((&hits[1]["session"], &hits[1]["by"]), (&json!(recorded.session), &json!("agent")));
    let folder = recorded.file.parent().unwrap().to_str().unwrap();
    let chat = look("lamp", folder, &["--kind", "chat"]).events().unwrap();
    assert_eq!((chat.len(), &chat[0]["line"]), (1, &json!("Is the lamp on?")));
    assert_eq!(look(&recorded.sha256, file, &[]).events().unwrap()[0]["kind"], "file");
    // From the relay, with a reason; without one nothing is fetched.
    assert_eq!(look("lamp", &recorded.session, &["--reason", "why"]).events().unwrap().len(), 3);
    assert_eq!(look("lamp", &recorded.session, &[]).code, Some(2));
    assert_eq!(look("nowhere in it", file, &[]).code, Some(5));
}
