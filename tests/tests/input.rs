//! Mouse and keyboard through everything: `deskside input` into a real terminal on the user's display.

use std::process::Stdio;

use deskside_tests::agent::{Agent, Wish};
use deskside_tests::clipboard;
use deskside_tests::display::Display;
use deskside_tests::process::{Process, command, run};
use serde_json::Value;

use crate::house::House;

/// The pointer's place, from somebody else's program.
fn pointer(display: &Display) -> (i16, i16) {
    use x11rb::connection::Connection as _;
    use x11rb::protocol::xproto::ConnectionExt as _;
    let (connection, number) = x11rb::connect(Some(display.name())).unwrap();
    let root = connection.setup().roots[number].root;
    let pointer = connection.query_pointer(root).unwrap().reply().unwrap();
    (pointer.root_x, pointer.root_y)
}

#[test]
fn what_a_script_types_arrives_in_a_terminal_and_nothing_without_control() {
    let house = House::new();
    let display = Display::start(800, 600).unwrap();
    let screen = vec![("DISPLAY", display.name().to_owned())];
    let wish = Wish { allow: "view,control", screen: "x11", display: screen, ..Wish::default() };
    let mut agent = Agent::start(&house.path("agent"), house.relay.join(), &wish).unwrap();
    let ticket = house.alice.ticket("Typing").unwrap();
    let session = house.alice.connect(&agent.code().unwrap(), &ticket).unwrap();

    let (ready, said) = (house.path("ready"), house.path("said"));
    for pipe in [&ready, &said] {
        let mut mkfifo = command("mkfifo");
        assert_eq!(run("mkfifo", mkfifo.arg(pipe), None).unwrap().code, Some(0));
    }
    // It hears one line, and then ends.
    let script = format!("echo > {}; exec head -n 1 > {}", ready.display(), said.display());
    let mut xterm = command("xterm");
    xterm
        .args(["-u8", "-geometry", "80x24+0+0", "-e", "sh", "-c", &script])
        .env("DISPLAY", display.name())
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null());
    let _terminal = Process::start("xterm: is the package xterm installed?", &mut xterm).unwrap();
    std::fs::read(&ready).unwrap();

    let input = |words: &[&str]| house.alice.run(&[&["input"], words].concat()).unwrap();
    let moved = input(&["move", "40", "50"]).done().unwrap();
    assert_eq!((&moved["did"], pointer(&display)), (&Value::from("move"), (40, 50)));
    input(&["click", "41", "52", "--monitor", "1"]).done().unwrap();
    assert_eq!(pointer(&display), (41, 52));
    input(&["type", "Grüße: 5 € für „Мир“ 日本x"]).done().unwrap();
    input(&["key", "BackSpace", "shift+1"]).done().unwrap();
    let text = "mkdir ~/{a,b}\n";
    house.alice.typing(&["input", "type", "-"], text.trim_end()).unwrap().done().unwrap();
    let line = std::fs::read_to_string(&said).unwrap();
    assert_eq!(line, format!("Grüße: 5 € für „Мир“ 日本!{text}"));

    for wrong in [&["key", "ctrl+hyper"][..], &["click", "1", "2", "--button", "5"], &["type", ""]]
    {
        assert_eq!(input(wrong).code, Some(2), "{wrong:?}");
    }
    assert_eq!(input(&["click", "1", "1", "--monitor", "7"]).code, Some(5));
    session.end("").unwrap();
    assert_eq!(input(&["key", "a"]).code, Some(5), "no session is open");
}

#[test]
fn a_user_who_has_not_allowed_control_has_his_mouse_for_himself() {
    let house = House::new();
    let display = Display::start(400, 300).unwrap();
    let screen = vec![("DISPLAY", display.name().to_owned())];
    let wish = Wish { allow: "view", screen: "x11", display: screen, ..Wish::default() };
    let mut agent = Agent::start(&house.path("agent"), house.relay.join(), &wish).unwrap();
    let ticket = house.alice.ticket("Looking").unwrap();
    let session = house.alice.connect(&agent.code().unwrap(), &ticket).unwrap();
    let before = pointer(&display);
    let refused = house.alice.run(&["input", "move", "3", "4"]).unwrap();
    assert_eq!((refused.code, pointer(&display)), (Some(3), before), "{refused}");
    session.end("").unwrap();
}

#[test]
fn what_one_end_copies_the_other_can_paste_but_no_secret() {
    let house = House::new();
    let display = Display::start(400, 300).unwrap();
    let screen = vec![("DISPLAY", display.name().to_owned())];
    let allow = "view,clipboard";
    let wish = Wish { allow, screen: "x11", display: screen, ..Wish::default() };
    let mut agent = Agent::start(&house.path("agent"), house.relay.join(), &wish).unwrap();
    let ticket = house.alice.ticket("Copying").unwrap();
    let session = house.alice.connect(&agent.code().unwrap(), &ticket).unwrap();
    let get = || house.alice.run(&["clipboard", "get"]).unwrap().done().unwrap()["text"].clone();

    assert_eq!(get(), "", "nothing is copied yet");
    clipboard::copy(&display, "Straße\n日本\t€", false).unwrap();
    assert_eq!(get(), "Straße\n日本\t€");
    clipboard::copy(&display, "hunter2", true).unwrap();
    assert_eq!(get(), "", "a password manager's");
    let long = "äöü ".repeat(18_000);
    for text in ["ip -brief address", &long] {
        house.alice.typing(&["clipboard", "set", "-"], text).unwrap().done().unwrap();
        assert!(clipboard::paste(&display).unwrap() == format!("{text}\n"));
    }
    assert_eq!(get(), format!("{long}\n"));
    clipboard::copy(&display, &"x".repeat(131_073), false).unwrap();
    assert_eq!(get(), "", "too long");
    let wrong = house.alice.run(&["clipboard", "set", ""]).unwrap();
    assert_eq!(wrong.code, Some(2));
    session.end("").unwrap();
}
