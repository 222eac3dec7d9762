//! Another program's window: a process of its own, since windows of the agent's process are spared.
//! It prints what it hears.

use std::io::{BufRead as _, BufReader, Lines};
use std::process::{ChildStdout, Command, Stdio};

use x11rb::connection::Connection as _;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::EventMask;

use crate::stage::{Running, Stage, window};

const DISPLAY: &str = "DESKSIDE_TEST_RECORDER";
/// Before each line: the test harness prints too.
const SAYS: &str = "recorder: ";

pub(crate) struct Recorder {
    lines: Lines<BufReader<ChildStdout>>,
    _process: Running,
}

impl Recorder {
    /// On the left side of the display.
    pub(crate) fn start(stage: &Stage) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "recorder::child_that_records", "--nocapture"])
            .env(DISPLAY, &stage.display)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut recorder = Self { lines, _process: Running(child) };
        assert_eq!(recorder.next(), "ready");
        recorder
    }

    pub(crate) fn next(&mut self) -> String {
        loop {
            let line = self.lines.next().unwrap().unwrap();
            if let Some((_, said)) = line.split_once(SAYS) {
                return said.to_owned();
            }
        }
    }

    pub(crate) fn hears(&mut self, expected: &[&str]) {
        for expected in expected {
            assert_eq!(self.next(), *expected);
        }
    }
}

#[test]
#[allow(clippy::wildcard_enum_match_arm, reason = "a test")]
fn child_that_records() {
    let Ok(display) = std::env::var(DISPLAY) else { return };
    let (connection, number) = x11rb::connect(Some(&display)).unwrap();
    let root = connection.setup().roots[number].root;
    let events = EventMask::BUTTON_PRESS
        | EventMask::BUTTON_RELEASE
        | EventMask::KEY_PRESS
        | EventMask::KEY_RELEASE;
    window(&connection, root, 0, events);
    println!("\n{SAYS}ready");
    // Until it is killed, or its display is.
    while let Ok(event) = connection.wait_for_event() {
        match event {
            Event::ButtonPress(it) => {
                println!("{SAYS}button {} down {} {}", it.detail, it.event_x, it.event_y);
            }
            Event::ButtonRelease(it) => {
                println!("{SAYS}button {} up {} {}", it.detail, it.event_x, it.event_y);
            }
            Event::KeyPress(it) => println!("{SAYS}key {} down", it.detail),
            Event::KeyRelease(it) => println!("{SAYS}key {} up", it.detail),
            _ => {}
        }
    }
}
