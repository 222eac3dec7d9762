//! The window by keyboard alone, and by a screen reader: everything can be reached, and no key that
//! was pressed for something else allows anything.

use std::time::Duration;

use deskside_agent::consent::{Answer, Question, Standing};
use deskside_agent::texts::Language;
use deskside_agent::window::Model;
use deskside_agent::window::model::{ALLOW_AFTER, Order, Stage as At};
use deskside_agent::wish::Wish;
use deskside_protocol::grant::{Grant, GrantSet};
use egui::{Key, Modifiers, Theme};

use crate::scenes::{self, BANNER, PAGE, PROMPT};
use crate::stage::Stage;

fn stage(model: Model, size: (u16, u16)) -> Stage {
    let mut stage = Stage::new(model, Language::English, Theme::Light, size, 1);
    stage.settle();
    stage
}

fn asked() -> Stage {
    let visitor = scenes::visitor(Standing::Known);
    let grants = GrantSet::parse("view,command").unwrap();
    stage(scenes::asked(&Question::Opening { visitor: &visitor, grants }), PROMPT)
}

/// Presses Tab until the keyboard is on `name`.
fn walk_to(stage: &mut Stage, name: &str) {
    for _ in 0..20 {
        stage.key(Key::Tab, Modifiers::NONE);
        if stage.focused().as_deref() == Some(name) {
            return;
        }
    }
    panic!("{name:?} cannot be reached: {}", stage.tree());
}

#[test]
fn the_digits_of_a_prompt_are_answered_by_tab_and_enter_or_space() {
    for key in [Key::Enter, Key::Space] {
        for (name, answer) in [
            ("Refuse", Answer::Refuse),
            ("Allow", Answer::Allow),
            ("I did not ask for this", Answer::NotAsked),
        ] {
            let mut stage = asked();
            stage.now = ALLOW_AFTER;
            stage.settle();
            walk_to(&mut stage, name);
            stage.key(key, Modifiers::NONE);
            assert_eq!(stage.orders(), [Order::Answer(1, answer)], "{name} by {key:?}");
        }
    }
}

#[test]
fn a_stray_key_answers_nothing() {
    let mut stage = asked();
    for key in [Key::Enter, Key::Space, Key::Y, Key::A] {
        stage.key(key, Modifiers::NONE);
    }
    stage.text("y");
    stage.now = Duration::from_secs(30);
    for key in [Key::Enter, Key::Space, Key::Y, Key::A] {
        stage.key(key, Modifiers::NONE);
    }
    assert_eq!(stage.orders(), []);
    assert!(stage.model.question().is_some());
}

#[test]
fn a_keyboard_that_was_on_a_button_before_the_question_is_on_none_of_its_buttons() {
    let mut stage = stage(scenes::busy(), BANNER);
    walk_to(&mut stage, "Send");
    let visitor = scenes::visitor(Standing::Known);
    let what = "reboot";
    let question = Question::More { visitor: &visitor, grant: Grant::Command, what, once: true };
    stage.model.ask(&question, Duration::ZERO);
    stage.now = Duration::from_secs(10);
    stage.settle();
    for _ in 0..3 {
        stage.key(Key::Enter, Modifiers::NONE);
    }
    assert_eq!(stage.orders(), []);
}

#[test]
fn allow_cannot_be_pressed_before_its_time_not_even_by_a_screen_reader() {
    let mut stage = asked();
    stage.now = ALLOW_AFTER - Duration::from_millis(1);
    stage.settle();
    let waiting = "Allow (in 1)";
    assert!(stage.find(waiting).unwrap().1.is_disabled());
    stage.click(waiting);
    assert_eq!(stage.orders(), []);
    stage.now = ALLOW_AFTER;
    stage.settle();
    stage.click("Allow");
    assert_eq!(stage.orders(), [Order::Answer(1, Answer::Allow)]);
}

#[test]
fn escape_refuses_after_a_moment() {
    let mut stage = asked();
    stage.key(Key::Escape, Modifiers::NONE);
    assert_eq!(stage.orders(), []);
    stage.now = Duration::from_secs(1);
    stage.key(Key::Escape, Modifiers::NONE);
    assert_eq!(stage.orders(), [Order::Answer(1, Answer::Refuse)]);
}

#[test]
fn the_banner_stops_takes_back_gives_and_talks() {
    let mut stage = stage(scenes::busy(), BANNER);
    walk_to(&mut stage, "Run commands");
    stage.key(Key::Space, Modifiers::NONE);
    let command = GrantSet::from(Grant::Command);
    assert_eq!(stage.orders(), [Order::Wish(Wish::TakeBack(command))]);
    stage.click("Send and fetch files");
    assert_eq!(stage.orders(), [Order::Wish(Wish::Give(Grant::File.into()))]);
    walk_to(&mut stage, "Message to Alice Ng");
    stage.text("It is on now");
    stage.key(Key::Enter, Modifiers::NONE);
    assert_eq!(stage.orders(), [Order::Wish(Wish::Say("It is on now".to_owned()))]);
    stage.key(Key::End, Modifiers::CTRL | Modifiers::ALT);
    assert_eq!(stage.orders(), [Order::Wish(Wish::Stop)]);
    walk_to(&mut stage, "Stop: ends the session at once");
    stage.key(Key::Enter, Modifiers::NONE);
    assert_eq!(stage.orders(), [Order::Wish(Wish::Stop)]);
}

#[test]
fn a_join_link_is_typed_or_pasted_and_checked() {
    let mut model = Model::new();
    model.want_join();
    let mut stage = stage(model, PAGE);
    walk_to(&mut stage, "Link of your help desk");
    stage.text("help.example.com");
    stage.key(Key::Enter, Modifiers::NONE);
    assert_eq!(stage.orders(), []);
    assert_eq!(stage.model.stage(), &At::Join { bad: true });
    stage.settle();
    assert!(stage.tree().contains("This is not a help desk link"));

    let link = format!("deskside://h:1?org={}&node={}", "11".repeat(32), "22".repeat(32));
    walk_to(&mut stage, "Link of your help desk");
    stage.key(Key::A, Modifiers::COMMAND);
    stage.frame(vec![egui::Event::Paste(format!(" {link} "))]);
    walk_to(&mut stage, "Continue");
    stage.key(Key::Enter, Modifiers::NONE);
    assert_eq!(stage.orders(), [Order::Join(link.parse().unwrap())]);
    assert_eq!(stage.model.stage(), &At::Starting);
}
