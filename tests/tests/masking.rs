//! Passwords that are in no recording and on no ticket: arguments of commands, and typed text.

use deskside_tests::agent::Wish;
use deskside_tests::display::Display;
use serde_json::{Value, json};

use crate::house::House;

const SECRET: &str = "hunter2 über alles";

#[test]
fn a_password_reaches_the_users_computer_and_no_record_of_it_does_anything_else() {
    let house = House::new();
    let display = Display::start(400, 300).unwrap();
    let screen = vec![("DISPLAY", display.name().to_owned())];
    let allow = "view,control,command";
    let wish = Wish { allow, screen: "x11", display: screen, ..Wish::default() };
    let mut agent = house.agent_as("agent", &wish);
    let ticket = house.alice.ticket("A password").unwrap();
    let session = house.alice.connect(&agent.code().unwrap(), &ticket).unwrap();
    let (id, pin) = (session.id().to_owned(), house.path("pin"));
    std::fs::write(&pin, format!("{SECRET}\n")).unwrap();

    let mask = format!("PIN={}", pin.display());
    let script = format!("[ \"$1\" = '--pin={SECRET}' ] && echo understood");
    // What a program prints is recorded as ever: this one prints nothing of it.
    let words =
        ["exec", "--mask", &mask, "--", "sh", "-c", "exec \"$@\"", "sh", "true", "--pin={PIN}"];
    assert_eq!(house.alice.run(&words).unwrap().code, Some(0));
    let check = house.path("check");
    std::fs::write(&check, script).unwrap();
    let words = ["exec", "--mask", &mask, "--", "sh", check.to_str().unwrap(), "--pin={PIN}"];
    let said = house.alice.run(&words).unwrap();
    let whole = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.code == Some(0) && whole.contains("understood"), "{said}");
    let action = agent.wait_for("action").unwrap();
    assert!(action["what"].as_str().unwrap().contains("--pin=[masked]"), "{action}");

    let typed = house.alice.typing(&["input", "type", "--masked", "-"], SECRET).unwrap();
    assert_eq!(typed.done().unwrap()["masked"], true);
    for on in [true, false] {
        let told = agent.wait_for("masking").unwrap();
        assert_eq!((&told["on"], &told["by"]), (&json!(on), &json!("technician")));
    }
    let bare = house.alice.run(&["input", "type", "--masked", SECRET]).unwrap();
    assert_eq!(bare.code, Some(2), "in a command line everybody sees it");
    session.end("done").unwrap();

    let shown = house.alice.shown(&ticket).unwrap().to_string();
    assert!(!shown.contains("hunter2"), "{shown}");
    assert_eq!(house.verdict(&id)["verdict"], "verified");

    // The auditor sees that it was, and on whose wish; and finds the password nowhere.
    let file = house.fetched(&id);
    let (file, key) = (file.to_str().unwrap(), house.alice.identity());
    let audit = |words: &[&str]| {
        let all = [&["audit"], words, &["--identity", key.to_str().unwrap()]].concat();
        house.alice.run(&all).unwrap()
    };
    assert_eq!(audit(&["search", "hunter2", "--in", file]).code, Some(5));
    let lines = house.path("all.jsonl");
    let exported = audit(&["export", file, "--as", "jsonl", "-o", lines.to_str().unwrap()]);
    assert_eq!(exported.code, Some(0), "{exported}");
    let told = std::fs::read_to_string(lines).unwrap();
    assert!(told.contains("--pin=[masked]") && !told.contains("hunter2"), "{told}");
    let events = told.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let masked: Vec<_> =
        events.filter(|event| event["what"].as_str().unwrap().starts_with("mask")).collect();
    // Two commands with something masked, each a gap of so many bytes; then what was typed, from when
    // to when, how much of it, and who asked.
    let whats: Vec<_> = masked.iter().map(|event| event["what"].as_str().unwrap()).collect();
    assert_eq!(whats, ["masked", "masked", "masking", "masking-ended"], "{told}");
    let [one, other, began, ended] = &masked[..] else { unreachable!() };
    assert!(masked.iter().all(|event| event["from"] == "technician"), "{told}");
    for gap in [one, other, ended] {
        assert!(gap["bytes"].as_u64() >= Some(SECRET.len() as u64), "{gap}");
    }
    assert_eq!((&ended["of"], &ended["messages"]), (&began["number"], &1.into()));
    assert!(began["time"].as_str() <= ended["time"].as_str(), "{told}");
}
