//! The player's clock, track and list, on a recording with rests in it, two lines and a gap between
//! them. It took no time to make: where everything stands is known to the microsecond.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use deskside_screen::{Coded, Encoder, Size, View};
use deskside_tests::browser::Look;
use deskside_tests::devtools::Page;
use deskside_tests::forged::{Tape, identity};
use deskside_tests::process::{Process, command};
use deskside_tests::programs::programs;
use deskside_tests::web;
use tempfile::TempDir;

/// Microseconds.
const SECOND: u64 = 1_000_000;
/// When each frame comes, and how bright it is: the fourth begins the second line.
const FRAMES: [(u64, u8); 5] =
    [(0, 40), (SECOND, 80), (21 * SECOND, 120), (SECOND_LINE, 160), (60 * SECOND, 200)];
const SECOND_LINE: u64 = 40 * SECOND;
/// When each command runs. While the second does nothing moves.
const COMMANDS: [u64; 4] = [SECOND / 2, 10 * SECOND, 22 * SECOND, 41 * SECOND];
/// All of it was read, and what is wanted is shown.
const SETTLED: &str = "player.whole && player.screen.shown === player.screen.wanted";

/// Makes it.
fn record(path: &Path) {
    let size = Size::new(640, 400).unwrap();
    let mut tape = Tape::create(path, "Two lines and their rests").unwrap();
    let mut encoder = Encoder::new(size).unwrap();
    tape.watch(size).unwrap();
    let mut commands = COMMANDS.into_iter().peekable();
    for (at, shade) in FRAMES {
        while let Some(at) = commands.next_if(|time| *time < at) {
            tape.at(at);
            tape.command(&["date"], "late\n").unwrap();
        }
        tape.at(at);
        if at == SECOND_LINE {
            tape.line().unwrap();
            tape.watch(size).unwrap();
            encoder = Encoder::new(size).unwrap();
        }
        tape.frame(&frame(&mut encoder, at, shade)).unwrap();
    }
    tape.finish().unwrap();
}

/// A screen of one shade.
fn frame(encoder: &mut Encoder, at: u64, shade: u8) -> Coded {
    let size = encoder.size();
    let pixels = vec![shade; size.width() * size.height() * 4];
    let view = View::new(size, size.width() * 4, &pixels).unwrap();
    let coded = encoder.frame(&view, &[size.rect()], Duration::from_micros(at)).unwrap().unwrap();
    encoder.acknowledge(coded.frame.number);
    coded
}

/// A recording and whoever looks at it.
struct Desk {
    folder: TempDir,
    file: PathBuf,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rests.dsr");
        record(&file);
        Self { folder, file }
    }

    fn command(&self, more: &[&str]) -> Command {
        let mut command = command(&programs().unwrap().client);
        command.env("HOME", self.folder.path()).env("DESKSIDE_HOME", self.folder.path());
        command.args(more).args(["audit", "replay", "--identity"]);
        command.arg(identity(&self.file)).arg(&self.file);
        command
    }

    /// The page, all of it read.
    fn page(&self) -> (Process, Page) {
        let mut command = self.command(&["--json"]);
        let mut replay =
            Process::start("deskside audit replay", command.arg("--no-browser")).unwrap();
        let told = replay.wait_for("replay").unwrap();
        let mut page = Page::open(told["url"].as_str().unwrap(), Look::default()).unwrap();
        page.until(SETTLED).unwrap();
        (replay, page)
    }
}

/// Does something in the page.
fn run(page: &mut Page, script: &str) {
    page.value(&format!("{{ {script} }}; 0")).unwrap();
}

fn go(page: &mut Page, at: u64) {
    run(page, &format!("player.go({at})"));
    page.until(SETTLED).unwrap();
}

/// Where the clock leads at once from this time.
fn leads(page: &mut Page, from: u64) -> u64 {
    go(page, from);
    run(page, "player.pass(0)");
    page.value("player.at").unwrap().as_u64().unwrap()
}

/// Answers about the film stay on their way until `release`.
const HOLD: &str = "window.held = []; window.holds = true; window.own ??= window.fetch; \
    window.fetch = async (to, more) => { const answer = await own(to, more); \
    if (window.holds && `${to}`.startsWith('film')) await new Promise((go) => held.push(go)); \
    return answer; };";
const RELEASE: &str = "window.holds = false; held.splice(0).forEach((go) => go());";

#[test]
fn a_rest_is_skipped_to_where_something_goes_on() {
    let desk = Desk::new();
    let (_replay, mut page) = desk.page();
    let before = SECOND / 2;
    let (second, third) = (COMMANDS[1] - before, 21 * SECOND - before);
    for (from, to) in [
        // To the command, though nothing moves.
        (2 * SECOND, second),
        (6_400_000, second),
        // Not for so short a rest, and not where something moves.
        (6_600_000, 6_600_000),
        (second, second),
        (SECOND, SECOND),
        // To the next picture; over the gap; to the last.
        (10_500_000, third),
        (23 * SECOND, SECOND_LINE - before),
        (42 * SECOND, 60 * SECOND - before),
    ] {
        assert_eq!(leads(&mut page, from), to, "from {from}");
    }
    // What is not in the list holds nothing up.
    page.click("#filters [data-kind=command]", 0.5).unwrap();
    assert_eq!(leads(&mut page, 2 * SECOND), third);
    page.click("#filters [data-kind=command]", 0.5).unwrap();
    assert_eq!(leads(&mut page, 2 * SECOND), second);
    run(&mut page, "document.activeElement.blur()");
    page.press("i").unwrap();
    assert_eq!(leads(&mut page, 2 * SECOND), 2 * SECOND);
    page.press("i").unwrap();

    // While the picture of the new place is on its way the clock stays there.
    go(&mut page, 2 * SECOND);
    run(&mut page, HOLD);
    run(&mut page, "player.pass(0); player.pass(0.1); player.pass(9)");
    assert_eq!(page.value("player.at").unwrap(), second + SECOND / 4);
    run(&mut page, RELEASE);
    page.until(SETTLED).unwrap();
    assert_eq!(page.console(), [] as [String; 0]);
}

/// What somebody does at the page.
type Jump = fn(&mut Page);

#[test]
fn a_jump_holds_while_an_answer_is_on_its_way() {
    let desk = Desk::new();
    let (_replay, mut page) = desk.page();
    // Where the last jump led, and the earliest time of the clock since.
    let notes = "const { go, move } = player; \
        player.go = function (at) { go.call(this, at); window.least = window.target = this.at; }; \
        player.move = function (at) { move.call(this, at); \
        window.least = Math.min(window.least, this.at); };";
    run(&mut page, notes);
    run(&mut page, "document.getElementById('skip').checked = false");
    let jumps: [(&str, Jump); 5] = [
        ("on", |page| page.press("ArrowRight").unwrap()),
        ("next", |page| page.press("n").unwrap()),
        ("end", |page| page.press("End").unwrap()),
        ("track", |page| page.click("#track", 0.5).unwrap()),
        ("list", |page| page.click("#list li[data-kind=gap]", 0.5).unwrap()),
    ];
    for (name, jump) in jumps {
        go(&mut page, 2 * SECOND);
        run(&mut page, &format!("document.activeElement.blur(); {HOLD}"));
        page.press(" ").unwrap();
        page.until("player.playing && held.length === 1").unwrap();
        jump(&mut page);
        let target = page.value("target").unwrap().as_f64().unwrap();
        assert!(target > 6.9e6, "{name}: {target}");
        run(&mut page, RELEASE);
        page.until("player.screen.shown >= target").unwrap();
        let least = page.value("least").unwrap();
        assert_eq!(least, page.value("target").unwrap(), "{name} was undone");
        run(&mut page, "player.pause()");
    }
    assert_eq!(page.console(), [] as [String; 0]);
}

#[test]
fn filters_track_and_list_follow_a_click() {
    let desk = Desk::new();
    let (_replay, mut page) = desk.page();
    // Each picture in its time, on the second line too.
    let shade = "player.screen.context.getImageData(5, 5, 1, 1).data[0]";
    for (at, wanted) in FRAMES {
        go(&mut page, at);
        assert_eq!(page.value(shade).unwrap(), wanted, "at {at}");
    }
    let rows = |page: &mut Page, kind: &str| {
        let rows = format!("player.list.rows.filter((row) => row.kind === '{kind}')");
        page.value(&format!("{rows}.map((row) => [row.since ?? row.at, row.at])")).unwrap()
    };
    let commands: Vec<_> = COMMANDS.iter().map(|at| [*at, *at]).collect();
    assert_eq!(rows(&mut page, "command"), serde_json::json!(commands));
    let gap = serde_json::json!([[COMMANDS[2], SECOND_LINE]]);
    assert_eq!(rows(&mut page, "gap"), gap);
    let said = page.value("document.querySelector('#list li[data-kind=gap]').textContent").unwrap();
    assert!(said.as_str().unwrap().contains("for 0:00:18.0"), "{said}");

    // A filter takes its rows out of the list and out of the way.
    let shown = |page: &mut Page, kind: &str| {
        page.value(&format!("document.querySelectorAll('#list li[data-kind={kind}]').length"))
    };
    let (all, chip) = (shown(&mut page, "command").unwrap(), "#filters [data-kind=command]");
    assert_eq!(all, COMMANDS.len());
    page.click(chip, 0.5).unwrap();
    let pressed = format!("document.querySelector('{chip}').getAttribute('aria-pressed')");
    assert_eq!(page.value(&pressed).unwrap(), "false");
    assert_eq!(shown(&mut page, "command").unwrap(), 0);
    assert_eq!(shown(&mut page, "gap").unwrap(), 1);
    go(&mut page, SECOND);
    run(&mut page, "document.activeElement.blur()");
    page.press("n").unwrap();
    assert_eq!(page.value("player.at").unwrap(), SECOND_LINE);
    page.click(chip, 0.5).unwrap();
    assert_eq!(page.value(&pressed).unwrap(), "true");
    assert_eq!(shown(&mut page, "command").unwrap(), all);

    // The track leads to the time under the mouse, to a pixel; a row to its own time.
    for part in [0.25, 0.75] {
        page.click("#track", part).unwrap();
        let off = format!(
            "Math.abs(player.at - {part} * player.length) * \
             document.getElementById('track').clientWidth / player.length"
        );
        let off = page.value(&off).unwrap().as_f64().unwrap();
        assert!(off <= 1.0, "{off} pixels beside {part}");
    }
    page.click("#list li[data-kind=command]", 0.5).unwrap();
    assert_eq!(page.value("player.at").unwrap(), COMMANDS[0]);
    page.until("document.querySelector('#detail pre')?.textContent === 'late\\n'").unwrap();
    assert_eq!(page.console(), [] as [String; 0]);
}

#[test]
fn what_cannot_be_decoded_is_no_live_picture() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("damaged.dsr");
    let size = Size::new(640, 400).unwrap();
    let mut tape = Tape::create(&file, "A frame that is none").unwrap();
    let mut encoder = Encoder::new(size).unwrap();
    tape.watch(size).unwrap();
    for (number, shade) in (0..4_u64).zip([40, 80, 120, 160]) {
        let at = number * SECOND;
        let mut coded = frame(&mut encoder, at, shade);
        if number == 1 {
            coded.frame.exact = vec![0xff; coded.frame.exact.len()].into();
            // As for a technician's program that says it could not decode it.
            encoder.restart();
        }
        tape.at(at);
        tape.frame(&coded).unwrap();
    }
    tape.finish().unwrap();
    let (_replay, mut page) = Desk { folder, file }.page();
    let said = "[!document.getElementById('stale').hidden, \
                document.getElementById('stale').textContent.includes('cannot be decoded')]";
    for (at, stale) in [(SECOND / 2, false), (SECOND, true), (2 * SECOND, false)] {
        go(&mut page, at);
        assert_eq!(page.value(said).unwrap(), serde_json::json!([stale, stale]), "at {at}");
    }
    let told = "player.list.rows.filter((row) => row.kind === 'trouble' && \
                row.title.includes('cannot be decoded')).map((row) => row.at)";
    assert_eq!(page.value(told).unwrap(), serde_json::json!([SECOND]));
    assert_eq!(page.console(), [] as [String; 0]);
}

#[test]
fn the_browser_is_started_with_an_address_that_leads_there_once() {
    let desk = Desk::new();
    // A browser that tells what it was started with, as any account of the computer can read it.
    let bin = desk.folder.path().join("bin");
    let told = desk.folder.path().join("told");
    std::fs::create_dir(&bin).unwrap();
    let script = format!("#!/bin/sh\nprintf '%s' \"$*\" > '{}'\n", told.display());
    std::fs::write(bin.join("xdg-open"), script).unwrap();
    for (program, words) in [("mkfifo", vec![&told]), ("chmod", vec![&bin])] {
        let mut command = Command::new(program);
        if program == "chmod" {
            command.args(["-R", "755"]);
        }
        assert!(command.args(words).status().unwrap().success());
    }
    let mut command = desk.command(&[]);
    command.env("PATH", &bin).env("DISPLAY", ":0").args(["--at", "0:00:02"]);
    let _replay = Process::start("deskside audit replay", &mut command).unwrap();
    let url = std::fs::read_to_string(&told).unwrap();
    let (once, at) = url.split_once('#').unwrap();
    assert_eq!(at, "at=2000000");
    let (address, path) = once.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let path = format!("/{path}");
    let led = web::get(address, &path, &[]).unwrap();
    assert_eq!(led.status, 303);
    let page = led.header("location").to_owned();
    assert!(!page.contains(&path) && page.len() > 40, "{page}");
    assert_eq!(web::get(address, &page, &[]).unwrap().status, 200);
    assert_eq!(web::get(address, &path, &[]).unwrap().status, 404);
}
