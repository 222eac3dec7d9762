//! Text, as a real terminal reads it: what the layout has and what it lacks, with Caps Lock on too.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use deskside_agent::hand::Gesture;
use x11rb::connection::Connection as _;
use x11rb::protocol::xproto::{ConnectionExt as _, KEY_PRESS_EVENT, KEY_RELEASE_EVENT};
use x11rb::protocol::xtest::ConnectionExt as _;

use crate::stage::{Running, Stage, key};

/// An xterm whose one line of input comes out here.
struct Terminal {
    said: PathBuf,
    _folder: tempfile::TempDir,
    _process: Running,
}

impl Terminal {
    fn start(stage: &Stage) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (ready, said) = (folder.path().join("ready"), folder.path().join("said"));
        for pipe in [&ready, &said] {
            assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
        }
        let script = format!("echo > {}; exec head -n 1 > {}", ready.display(), said.display());
        let child = Command::new("xterm")
            .args(["-u8", "-geometry", "80x24+0+0", "-e", "sh", "-c", &script])
            .env("DISPLAY", &stage.display)
            .env("LC_ALL", "C.UTF-8")
            .env_remove("XMODIFIERS")
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("this test needs xterm: install the package xterm");
        let process = Running(child);
        std::fs::read(&ready).unwrap();
        Self { said, _folder: folder, _process: process }
    }

    fn line(&self) -> String {
        let mut text = String::new();
        std::fs::File::open(&self.said).unwrap().read_to_string(&mut text).unwrap();
        text
    }
}

fn mapping(stage: &Stage) -> Vec<u32> {
    stage.connection.get_keyboard_mapping(8, 248).unwrap().reply().unwrap().keysyms
}

async fn arrives(stage: &Stage, text: &str) {
    let terminal = Terminal::start(stage);
    let grip = stage.grip().await;
    grip.make(Gesture::Move(50, 50)).await.unwrap();
    // Held down, and of no matter to the text.
    grip.make(key(0xe0, true)).await.unwrap();
    grip.text(format!("{text}\n")).await.unwrap();
    assert_eq!(stage.keys_down(), [37]);
    assert_eq!(terminal.line(), format!("{text}\n"));
    assert!(!*grip.user().borrow());
}

#[tokio::test]
async fn a_text_arrives_whatever_the_layout_and_the_keyboard_is_as_before() {
    let stage = Stage::new();
    let before = mapping(&stage);
    arrives(&stage, "The Quick {brown} [fox] <jumps> @ ~/dog; \"12,3\" | 100% \\ $").await;
    arrives(&stage, "Grüße, ß und 25 €; Привет, мир; 日本語を入力; żółć").await;
    stage.controls.let_go();
    let set = |mapping: &[u32]| mapping.iter().filter(|symbol| **symbol != 0).count();
    assert_eq!(set(&before), set(&mapping(&stage)), "spare keys were not put back");
}

#[tokio::test]
async fn caps_lock_spoils_nothing_and_stays_on() {
    const CAPS_LOCK: u8 = 66;
    let stage = Stage::new();
    for kind in [KEY_PRESS_EVENT, KEY_RELEASE_EVENT] {
        stage.connection.xtest_fake_input(kind, CAPS_LOCK, 0, stage.root, 0, 0, 0).unwrap();
    }
    stage.connection.flush().unwrap();
    let locked = || {
        let mask = stage.connection.query_pointer(stage.root).unwrap().reply().unwrap().mask;
        u16::from(mask) & 2 != 0
    };
    assert!(locked());
    arrives(&stage, "aBc äÖ жЖ 日本").await;
    assert!(locked());
}

/// More characters that no key has than there are spare keys.
#[tokio::test]
async fn a_text_of_many_strange_characters_arrives() {
    let stage = Stage::new();
    let text: String = ('\u{4e00}'..'\u{4e40}').collect();
    arrives(&stage, &text).await;
}

/// A second group, as on a computer where two languages are typed.
#[tokio::test]
async fn the_group_of_the_layout_that_has_a_letter_is_used_and_left_again() {
    let stage = Stage::new();
    let set = Command::new("setxkbmap")
        .args(["-display", &stage.display, "us,ru"])
        .status()
        .expect("this test needs setxkbmap: install the package x11-xkb-utils");
    assert!(set.success());
    arrives(&stage, "Hello, Привет, hello").await;
}
