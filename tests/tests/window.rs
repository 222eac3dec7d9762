//! The agent's window on a display without OpenGL and without a window manager: the least that a
//! computer can have.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use deskside_tests::agent::{Agent, Wish};
use deskside_tests::display::Display;
use deskside_tests::person::{Person, key};
use deskside_tests::technician::Session;

use crate::house::House;

/// A display with the agent's window on it.
struct Seated {
    house: House,
    agent: Agent,
    person: Person,
    display: Display,
}

fn seated(allow: &str) -> Seated {
    seated_in("en", allow)
}

fn seated_in(language: &str, allow: &str) -> Seated {
    let house = House::new();
    let display = Display::start_without(1280, 900, "GLX").unwrap();
    let person = Person::at(display.name()).unwrap();
    let agent = sit_down(&house, &display, "agent", language, allow);
    Seated { house, agent, person, display }
}

fn sit_down(house: &House, display: &Display, name: &str, language: &str, allow: &str) -> Agent {
    let screen =
        vec![("DISPLAY", display.name().to_owned()), ("DESKSIDE_LANGUAGE", language.to_owned())];
    let wish = Wish { allow, screen: "x11", display: screen, window: true, ..Wish::default() };
    Agent::start(&house.path(name), house.relay.join(), &wish).unwrap()
}

impl Seated {
    /// A session that the person has to allow: the technician waits at the door.
    fn knock(&mut self) -> (std::thread::JoinHandle<anyhow::Result<Session>>, String) {
        let ticket = self.house.alice.ticket("The printer does not print").unwrap();
        let (alice, code, number) =
            (self.house.alice.clone(), self.agent.code().unwrap(), ticket.clone());
        (std::thread::spawn(move || alice.connect(&code, &number)), ticket)
    }

    /// One step with Tab, which shows: two in one frame would be one.
    fn tab(&self) {
        let before = self.person.picture().unwrap();
        self.person.press(&[key::TAB]).unwrap();
        self.person.wait_for_change(&before).unwrap();
    }

    fn shoot(&self, name: &str) -> image::RgbImage {
        let picture = self.person.picture().unwrap();
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        picture.save(folder.join(format!("window-{name}.png"))).unwrap();
        picture
    }
}

#[test]
fn a_session_is_allowed_and_stopped_by_keyboard() {
    let mut seated = seated("");
    seated.person.wait_for("Deskside").unwrap();
    seated.shoot("code");
    let (knocking, _) = seated.knock();
    seated.person.wait_for("Somebody wants to help you").unwrap();
    seated.shoot("ask");
    // Past Refuse to Allow, which does nothing before its time.
    seated.tab();
    seated.tab();
    let agent = &mut seated.agent;
    seated.person.press_until(&[key::RETURN], || agent.process.has("grant")).unwrap();
    let session = knocking.join().unwrap().unwrap();

    seated.person.wait_for("admin is helping you").unwrap();
    let picture = seated.shoot("banner");
    let colours: std::collections::HashSet<_> = picture.pixels().map(|pixel| pixel.0).collect();
    assert!(colours.len() > 50, "{} colours", colours.len());
    // Stop is the last thing that Tab comes by.
    seated.person.press(&[key::SHIFT, key::TAB]).unwrap();
    seated.person.press(&[key::RETURN]).unwrap();
    assert_eq!(seated.agent.wait_for("ended").unwrap()["reason"], "user_ended");
    assert_eq!(seated.agent.process.end().unwrap(), Some(0));
    drop(session);
}

#[test]
fn a_key_stops_without_the_relay_whatever_window_is_in_front() {
    let mut seated = seated("view");
    let (knocking, _) = seated.knock();
    seated.agent.wait_for("grant").unwrap();
    let _session = knocking.join().unwrap().unwrap();
    seated.person.wait_for("admin is helping you").unwrap();
    seated.house.relay.kill().unwrap();
    seated.agent.wait_for("gap").unwrap();
    seated.person.wait_for("admin is helping you").unwrap();
    seated.person.look_away().unwrap();
    seated.shoot("gap");
    let began = Instant::now();
    seated.person.press(&[key::CONTROL, key::ALT, key::END]).unwrap();
    assert_eq!(seated.agent.wait_for("revoked").unwrap()["grant"], "view");
    assert_eq!(seated.agent.wait_for("ended").unwrap()["reason"], "user_ended");
    assert_eq!(seated.agent.process.end().unwrap(), Some(0));
    // Two seconds for a relay that is not there, one for the line, and a machine that builds.
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[test]
fn who_was_not_asked_for_is_reported_and_blocked() {
    let mut seated = seated_in("de", "");
    let (knocking, ticket) = seated.knock();
    seated.person.wait_for("Jemand möchte Ihnen").unwrap();
    // Backwards from nowhere: the last button.
    seated.person.press(&[key::SHIFT, key::TAB]).unwrap();
    let agent = &mut seated.agent;
    let ended = seated.person.press_until(&[key::RETURN], || agent.process.has("ended")).unwrap();
    assert_eq!(ended["reason"], "not_asked");
    assert_eq!(seated.agent.process.end().unwrap(), Some(3));
    let refused = knocking.join().unwrap().err().map(|error| format!("{error:#}"));
    assert!(refused.is_some_and(|words| words.contains("did not ask")));

    let shown = seated.house.alice.shown(&ticket).unwrap();
    let notes = shown["notes"].as_array().unwrap();
    let report = notes.iter().find(|note| note["author"] == "desk").unwrap();
    assert!(report["text"].as_str().unwrap().contains("did not ask for help"), "{report}");
    assert_eq!(report["public"], false);

    // The same folder, another code: she is refused, and nobody is asked.
    seated.agent = sit_down(&seated.house, &seated.display, "agent", "de", "view");
    let (knocking, _) = seated.knock();
    assert_eq!(seated.agent.wait_for("turned_away").unwrap()["login"], "admin");
    assert_eq!(seated.agent.wait_for("ended").unwrap()["reason"], "user_refused");
    let refused = knocking.join().unwrap().err().map(|error| format!("{error:#}"));
    assert!(refused.is_some_and(|words| words.contains("refused")));
    assert!(seated.agent.process.heard().iter().all(|event| event["event"] != "grant"));
}

#[test]
fn without_a_window_it_is_said_and_the_terminal_is_asked() {
    let house = House::new();
    let screen = vec![("DISPLAY", ":4093".to_owned())];
    let wish = Wish { display: screen, window: true, ..Wish::default() };
    let mut agent = Agent::start(&house.path("agent"), house.relay.join(), &wish).unwrap();
    agent.code().unwrap();
    let words = agent.process.words();
    assert!(words.contains("There is no window"), "{words}");
    assert!(words.contains("what was not allowed beforehand is refused"), "{words}");
}
