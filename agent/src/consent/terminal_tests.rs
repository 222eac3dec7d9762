//! What stands in the terminal, and what each key means.

use deskside_protocol::grant::{Grant, GrantSet};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::*;
use crate::events::told::Told;
use crate::texts::Language;

fn visitor() -> Visitor {
    Visitor {
        organisation: "Example IT".to_owned(),
        standing: Standing::New,
        name: "Alice\x1b[2J Ng".to_owned(),
        login: "alice".to_owned(),
        ticket: "17".to_owned(),
        subject: "Printer\nFrom: Microsoft".to_owned(),
    }
}

fn terminal() -> (mpsc::Sender<String>, Told, Terminal<Told>) {
    let (sender, lines) = mpsc::channel(8);
    let screen = Told::default();
    let terminal = Terminal::new(
        Arc::new(Keyboard::of(lines)),
        screen.clone(),
        Arc::new(Texts::of(Language::English)),
    );
    (sender, screen, terminal)
}

async fn answered(lines: &'static [&'static str]) -> (Answer, String) {
    let (sender, screen, terminal) = terminal();
    let visitor = visitor();
    let grants = GrantSet::parse("view,command").unwrap();
    let question = Question::Opening { visitor: &visitor, grants };
    let typing = async {
        tokio::time::sleep(std::time::Duration::from_secs(5)).await;
        for line in lines {
            sender.send((*line).to_owned()).await.unwrap();
        }
        std::future::pending::<()>().await;
    };
    let answer = tokio::select! {
        answer = terminal.ask(&question) => answer,
        () = typing => Answer::Allow,
    };
    (answer, screen.text())
}

#[tokio::test(start_paused = true)]
async fn each_letter_means_one_thing_and_enter_alone_means_nothing() {
    assert_eq!(answered(&["y"]).await.0, Answer::Allow);
    assert_eq!(answered(&["", "maybe", "YES"]).await.0, Answer::Allow);
    assert_eq!(answered(&["", "n"]).await.0, Answer::Refuse);
    assert_eq!(answered(&["x"]).await.0, Answer::NotAsked);
}

#[tokio::test(start_paused = true)]
async fn a_minute_without_an_answer_refuses() {
    let start = Instant::now();
    let (answer, text) = answered(&[""]).await;
    assert_eq!(answer, Answer::Refuse);
    assert_eq!(start.elapsed(), ANSWER_TIME);
    assert!(text.contains("No answer for a minute"));
}

#[tokio::test(start_paused = true)]
async fn the_question_names_who_what_and_the_danger_in_safe_characters() {
    let (_, text) = answered(&["n"]).await;
    for part in [
        "(alice)",
        "Example IT",
        "Not known to this computer",
        "17: Printer",
        "see your screen",
        "run commands on this computer",
        "call this help desk yourself",
        "I did not ask for this",
    ] {
        assert!(text.contains(part), "{part:?} is missing in {text}");
    }
    assert!(!text.contains('\x1b'));
    assert!(!text.contains("\nFrom: Microsoft"));
}

#[tokio::test(start_paused = true)]
async fn what_was_typed_before_the_question_does_not_answer_it() {
    let (sender, _screen, terminal) = terminal();
    sender.send("y".to_owned()).await.unwrap();
    let visitor = visitor();
    let question = Question::More { visitor: &visitor, grant: Grant::Shell, what: "", once: true };
    assert_eq!(terminal.ask(&question).await, Answer::Refuse);
}

#[tokio::test(start_paused = true)]
async fn no_more_input_refuses_and_a_dropped_question_is_withdrawn() {
    let (sender, screen, terminal) = terminal();
    let visitor = visitor();
    let question =
        Question::More { visitor: &visitor, grant: Grant::File, what: "a.log", once: true };
    let brief = std::time::Duration::from_secs(1);
    assert!(timeout(brief, terminal.ask(&question)).await.is_err());
    assert!(screen.text().contains("withdrawn"));
    drop(sender);
    assert_eq!(terminal.ask(&question).await, Answer::Refuse);
}

fn files() -> Listing {
    Listing {
        direction: Direction::Received,
        folder: "Downloads".to_owned(),
        named: vec![("photo.png".to_owned(), 3_145_728), ("a\x1b.txt".to_owned(), 5)],
        more: 12,
        bytes: 3_200_000_000,
    }
}

async fn asked(question: &Question<'_>, line: &str) -> (Answer, String) {
    let (sender, screen, terminal) = terminal();
    let typing = async {
        // Once the question stands there.
        tokio::time::sleep(std::time::Duration::from_secs(5)).await;
        sender.send(line.to_owned()).await.unwrap();
        std::future::pending::<()>().await;
    };
    let answer = tokio::select! {
        answer = terminal.ask(question) => answer,
        () = typing => unreachable!(),
    };
    (answer, screen.text())
}

#[tokio::test(start_paused = true)]
async fn files_are_asked_about_with_names_sizes_and_the_folder() {
    let (visitor, files) = (visitor(), files());
    let question = Question::Files { visitor: &visitor, files: &files };
    let (answer, text) = asked(&question, "y").await;
    assert_eq!(answer, Answer::Allow);
    for part in [
        "would like to put files on this computer",
        "Into:          Downloads",
        "Files:         photo.png (3.1 MB)",
        "a\u{FFFD}.txt (5 bytes)",
        "and 12 more, 3.2 GB in all",
        "a = Allow always in this session",
    ] {
        assert!(text.contains(part), "{part:?} is missing in {text}");
    }
    assert_eq!(asked(&question, "a").await.0, Answer::Always);
    assert_eq!(asked(&question, "x").await.0, Answer::NotAsked);
}

#[tokio::test(start_paused = true)]
async fn always_is_an_answer_only_where_it_means_something_else() {
    let visitor = visitor();
    let more = |grant, once| Question::More { visitor: &visitor, grant, what: "x", once };
    assert_eq!(asked(&more(Grant::Command, true), "a").await.0, Answer::Always);
    let (answer, text) = asked(&more(Grant::View, false), "a").await;
    assert_eq!(answer, Answer::Refuse);
    assert!(!text.contains("always"), "{text}");
}
