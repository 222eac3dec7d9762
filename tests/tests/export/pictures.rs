//! The screen as pictures and films, and the page with pictures of it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use deskside_tests::agent::Wish;
use deskside_tests::browser::{self, Look};
use deskside_tests::devtools::Page;
use deskside_tests::display::Display;
use deskside_tests::person::Person;
use deskside_tests::process::{Process, command, run};
use deskside_tests::technician::Technician;
use image::{Rgb, RgbImage};
use serde_json::Value;

use super::Exported;
use crate::house::House;

/// A session over which a technician watched the user's screen: what it showed at last.
fn watched() -> (Exported, RgbImage) {
    let house = House::new();
    let (theirs, ours) = (Display::start(640, 401).unwrap(), Display::start(900, 700).unwrap());
    let display = vec![("DISPLAY", theirs.name().to_owned())];
    let wish = Wish { allow: "view,command", screen: "x11", display, ..Wish::default() };
    let mut agent = house.agent_as("agent", &wish);
    let ticket = house.alice.ticket("Colours are wrong").unwrap();
    let code = agent.code().unwrap();
    let words = ["connect", &code, "--ticket", &ticket, "--request", "view,command"];
    let mut command = house.alice.command(&words).unwrap();
    command.env("DISPLAY", ours.name()).current_dir(house.path(""));
    let mut connect = Process::start("deskside connect", &mut command).unwrap();
    let id = connect.wait_for("session").unwrap()["session"].as_str().unwrap().to_owned();
    let (user, person) = (Person::at(theirs.name()).unwrap(), Person::at(ours.name()).unwrap());
    person.wait_for("Deskside").unwrap();
    let shown = |original: &RgbImage| {
        // In the window's corner, but for the pointer, which nobody moves from the middle.
        let same = |seen: &RgbImage| {
            let alike = |(x, y, pixel): (u32, u32, &Rgb<u8>)| {
                (x.abs_diff(320) < 20 && y.abs_diff(200) < 20) || seen.get_pixel(x, y) == pixel
            };
            original.enumerate_pixels().all(alike)
        };
        person.wait_until(same).unwrap();
    };
    shown(&user.picture().unwrap());
    let painting = theirs.paint().unwrap();
    let last = user.picture().unwrap();
    shown(&last);
    let words = ["exec", "--session", &id, "--", "echo", "first line"];
    assert_eq!(house.alice.run(&words).unwrap().code, Some(0));
    house.alice.run(&["end", "--session", &id]).unwrap().done().unwrap();
    drop(painting);
    let file = house.fetched(&id);
    (Exported { house, id, file }, last)
}

#[test]
fn without_ffmpeg_it_is_said_what_to_do_and_nothing_is_left() {
    let (exported, _) = watched();
    let film = exported.house.path("a.mp4");
    let (file, to) = (exported.file.to_str().unwrap(), film.to_str().unwrap());
    let words = ["audit", "export", file, "-o", to];
    let mut export = exported.house.alice.command(&words).unwrap();
    export.env("PATH", exported.house.path("no programs"));
    let ran = run("deskside audit export", &mut export, None).unwrap();
    let said = "films are made by ffmpeg, which is not installed here: install it";
    assert!(ran.code == Some(1) && ran.sentence().contains(said), "{ran}");
    assert!(!film.exists());
}

/// The pictures that a page has.
fn pictured(page: &Path) -> Vec<RgbImage> {
    let page = std::fs::read_to_string(page).unwrap();
    let sources = page.split("src=\"data:image/png;base64,").skip(1);
    let decoded = sources.map(|rest| {
        let png = BASE64.decode(rest.split('"').next().unwrap().as_bytes()).unwrap();
        image::load_from_memory(&png).unwrap().to_rgb8()
    });
    decoded.collect()
}

#[test]
fn films_and_pictures_show_what_the_screen_showed_and_when() {
    let (exported, last) = watched();
    let (told, _) = exported.export("a.jsonl", &[]);
    let told = std::fs::read_to_string(told).unwrap();
    let head: Value = serde_json::from_str(told.lines().next().unwrap()).unwrap();
    let span = seconds(&head["to"]) - seconds(&head["from"]);
    let happened = |what: &str| {
        let events = told.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        events.into_iter().find(|event| event["what"] == what).unwrap()
    };
    let told_at = happened("command")["time"].clone();

    let (picture, told) = exported.export("a.png", &["--no-cursor"]);
    let told = told.done().unwrap();
    assert_eq!((&told["width"], &told["height"]), (&640.into(), &401.into()));
    let picture = image::open(picture).unwrap().to_rgb8();
    assert!(picture == last, "every pixel is the user's");
    let (pointed, _) = exported.export("b.png", &[]);
    assert_ne!(image::open(pointed).unwrap().to_rgb8(), last, "no pointer");
    let early = exported.export("c.png", &["--at", "0"]).1;
    assert_eq!(early.code, Some(5), "{early}");
    let (page, _) = exported.export("a.html", &["--no-cursor"]);
    assert!(pictured(&page).last() == Some(&last), "every pixel is the user's on a page as well");

    for (name, codec, height) in
        [("a.mp4", "h264", 402), ("a.webm", "vp9", 402), ("a.apng", "apng", 401)]
    {
        let (film, told) = exported.export(name, &["--no-cursor"]);
        let told = told.done().unwrap();
        let probed = ffprobe(&film);
        let stream = &probed["streams"][0];
        assert_eq!((&stream["codec_name"], &stream["height"]), (&codec.into(), &height.into()));
        let pictures: u64 = stream["nb_read_frames"].as_str().unwrap().parse().unwrap();
        assert_eq!(told["pictures"], pictures, "{name}");
        let frames = probed["frames"].as_array().unwrap();
        let number = |text: &Value| text.as_str().map(|text| text.parse::<f64>().unwrap());
        let at = |frame: &Value| number(&frame["pts_time"]).unwrap();
        let last = frames.last().unwrap();
        // A moving PNG says how long each picture stands, and not how long all of them do.
        let end = || at(last) + number(&last["pkt_duration_time"]).unwrap();
        let length = number(&probed["format"]["duration"]).unwrap_or_else(end);
        assert!((length - span).abs() < 1.0 / 30.0, "{name}: {length} s, {span} s were recorded");
        // The stripes came before the command, by the auditor's other account of it.
        let striped = seconds(&told_at) - seconds(&head["from"]);
        assert!(at(&frames[frames.len() - 2]) > 0.0 && at(&frames[1]) < striped, "{name}");
    }
    let (film, _) = exported.export("b.apng", &["--no-cursor"]);
    let still = exported.house.path("last.png");
    let mut ffmpeg = command("ffmpeg");
    ffmpeg.args(["-loglevel", "error", "-i"]).arg(film).args(["-update", "1"]).arg(&still);
    assert_eq!(run("ffmpeg", &mut ffmpeg, None).unwrap().code, Some(0));
    let still = image::open(still).unwrap().to_rgb8();
    let mut dimmed = last;
    dimmed.iter_mut().for_each(|colour| *colour /= 2);
    assert!(still == dimmed, "the session is over: the last picture is the user's, dimmed");
}

#[test]
fn a_page_shows_what_happened_and_holds_the_recording() {
    let (watched, last) = watched();
    let exported = Exported::new();
    let (page, told) = exported.export("a.html", &[]);
    let told = told.done().unwrap();
    assert_eq!((&told["as"], &told["pictures"]), (&"html".into(), &0.into()), "{told}");
    let text = std::fs::read_to_string(&page).unwrap();
    // What a person said is text there, and no script but the player's is anywhere.
    let url = format!("file://{}", page.display());
    let dom = browser::dom(&url, Look::default()).unwrap();
    assert!(dom.contains("Is the &lt;b&gt;lamp&lt;/b&gt; on?") && dom.contains("trouble"), "{dom}");
    assert!(text.contains("default-src 'none'; img-src data:;") && !text.contains("<b>"));
    let data = "<script type=\"application/octet-stream\"";
    assert_eq!(text.matches("<script").count(), text.matches(data).count() + 1);
    assert!(!text.contains("http://") && !text.contains("https://"), "it asks for nothing");

    // Somebody outside verifies it, and takes the recording out of it as it was.
    let stranger = Technician::new(&exported.house.path("stranger"));
    let org = exported.organisation();
    let verify = |page: &Path| {
        let words = ["audit", "verify", page.to_str().unwrap(), "--org", &org];
        stranger.run(&words).unwrap()
    };
    let verdict = verify(&page).done().unwrap();
    assert_eq!((&verdict["verdict"], &verdict["of"]), (&"verified".into(), &"page".into()));
    assert_eq!((&verdict["log"]["state"], &verdict["note"]), (&"proven".into(), &"same".into()));
    let again = exported.house.path("again.jsonl");
    let words = ["audit", "export", page.to_str().unwrap(), "-o", again.to_str().unwrap()];
    exported.house.alice.run(&words).unwrap().done().unwrap();
    let (lines, _) = exported.export("a.jsonl", &[]);
    assert!(std::fs::read(again).unwrap() == std::fs::read(lines).unwrap(), "the same recording");
    let inside = text.find(data).unwrap();
    let altered = exported.house.path("altered.html");
    let behind = text.find("deskside-proof").unwrap() - 100;
    for at in (inside + 200..behind).step_by(text.len() / 8) {
        let mut bytes = text.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        std::fs::write(&altered, bytes).unwrap();
        assert_eq!(verify(&altered).code, Some(7), "byte {at}");
    }

    // One with pictures, as people see it.
    let (page, told) = watched.export("a.html", &[]);
    assert!(told.done().unwrap()["pictures"].as_u64() > Some(0), "{told}");
    let url = format!("file://{}", page.display());
    plays(&url);
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let mut seen = Vec::new();
    for (name, dark) in [("light", false), ("dark", true)] {
        let path = folder.join(format!("export-{name}.png"));
        let look = Look { dark, size: (1000, 2_400), ..Look::default() };
        browser::picture(&format!("{url}#at=999999999"), look, &path).unwrap();
        let picture = image::open(path).unwrap().to_rgb8();
        // The user's screen is there as it was, in whatever light.
        let colours: HashSet<_> = picture.pixels().map(|pixel| pixel.0).collect();
        let stripes: HashSet<_> = last.pixels().map(|pixel| pixel.0).collect();
        assert!(stripes.len() > 200 && stripes.is_subset(&colours), "{name}: no stripes");
        seen.push(picture.get_pixel(2, 2).0[0]);
    }
    assert!(seen[0] > 200 && seen[1] < 60, "{seen:?}");
}

/// A time of the day in seconds.
fn seconds(time: &Value) -> f64 {
    let (_, clock) = time.as_str().unwrap().trim_end_matches('Z').split_once('T').unwrap();
    clock.split(':').fold(0.0, |all, part| all * 60.0 + part.parse::<f64>().unwrap())
}

fn ffprobe(film: &Path) -> Value {
    let mut ffprobe = command("ffprobe");
    ffprobe.args(["-v", "error", "-of", "json", "-count_frames", "-show_frames"]);
    ffprobe.args([
        "-show_entries",
        "format=duration:stream=codec_name,height,nb_read_frames:frame=pts_time,pkt_duration_time",
    ]);
    let probed = run("ffprobe", ffprobe.arg(film), None).unwrap();
    assert_eq!(probed.code, Some(0), "{probed}: is the package ffmpeg installed?");
    serde_json::from_slice(&probed.stdout).unwrap()
}

/// The page is a player: pictures and list follow one clock, which goes by itself, by keys, and to what
/// is clicked.
fn plays(url: &str) {
    let mut page = Page::open(url, Look { size: (1280, 900), ..Look::default() }).unwrap();
    page.until("!document.getElementById('player').hidden").unwrap();
    assert_eq!(page.value("document.getElementById('screen').hidden").unwrap(), true);
    // To its end, at once: the last picture is there, and the last row is where it stands.
    page.press("End").unwrap();
    page.until("document.getElementById('screen').naturalWidth > 0").unwrap();
    let last = "document.querySelector('#list > li:last-child').hasAttribute('aria-current')";
    assert_eq!(page.value(last).unwrap(), true);
    // Back by a click on what happened first, and from there it goes by itself to the end.
    let first = "document.querySelector('#list time button')";
    page.value(&format!("{first}.click()")).unwrap();
    let at = "Number(document.getElementById('at').value)";
    page.until(&format!("{at} < Number(document.getElementById('at').max) / 2")).unwrap();
    page.press("5").unwrap();
    page.press(" ").unwrap();
    page.until("document.getElementById('play').textContent === 'Pause'").unwrap();
    page.until(&format!("{at} === Number(document.getElementById('at').max)")).unwrap();
    page.until("document.getElementById('play').textContent === 'Play'").unwrap();
    page.press("p").unwrap();
    page.until(&format!("{at} < Number(document.getElementById('at').max)")).unwrap();
    let loaded = "[...document.querySelectorAll('#list img')].length > 0 && \
                  document.getElementById('screen').src.startsWith('data:image/png')";
    page.until(loaded).unwrap();
    for (name, size, dark) in [
        ("page-wide", (1440, 900), false),
        ("page-tablet", (768, 1024), false),
        ("page-dark", (1280, 800), true),
    ] {
        page.looks(Look { size, dark, ..Look::default() }).unwrap();
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        page.picture(&folder.join(format!("export-{name}.png"))).unwrap();
        let wider = "document.documentElement.scrollWidth > innerWidth";
        assert_eq!(page.value(wider).unwrap(), false, "{name} is wider than its window");
    }
    // It asked for nothing, and nothing in it was refused by its own policy.
    let asked: Vec<_> = page.requests().iter().filter(|it| !it.starts_with("data:")).collect();
    assert_eq!((asked, page.console()), (vec![&url.to_owned()], &[][..]));
}
