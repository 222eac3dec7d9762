//! Against a made-up agent over a small pipe.

use deskside_protocol::wire::message::{Hand, Refusal, refusal};

use super::super::tests::{message, pipe};
use super::*;
use crate::failure::exit_of;

/// What the agent hears, and how the command ends when it answers with `answers`.
async fn done_with(act: &Act, answers: Vec<Kind>) -> (Vec<Kind>, anyhow::Result<()>) {
    let ((mut reader, mut writer), (mut from, mut to)) = pipe();
    let agent = tokio::spawn(async move {
        let mut heard = Vec::new();
        while let Ok(Some(message)) = from.recv().await {
            heard.extend(message.kind);
        }
        for kind in answers {
            to.send(&message(kind)).await.unwrap();
        }
        to.close().await.unwrap();
        heard
    });
    let done = input(&mut reader, &mut writer, act).await;
    drop((reader, writer));
    (agent.await.unwrap(), done)
}

const fn hand(user: bool) -> Kind {
    Kind::Hand(Hand { user })
}

#[tokio::test]
async fn keys_go_down_in_order_and_up_in_reverse_behind_a_word_that_asks() {
    let act = Act::keys(&["ctrl+c".to_owned(), "tab".to_owned()]).unwrap();
    let (heard, done) = done_with(&act, vec![hand(true), hand(false)]).await;
    done.unwrap();
    let key = |usage, down| Kind::Key(Key { usage, down });
    let pressed = [(0xe0, true), (6, true), (6, false), (0xe0, false), (0x2b, true), (0x2b, false)];
    assert_eq!(heard[0], Kind::StillHeld(StillHeld {}));
    assert_eq!(heard[1..], pressed.map(|(usage, down)| key(usage, down)));
    assert_eq!(act.text, "pressed ctrl+c, tab");
}

#[tokio::test]
async fn only_the_agents_last_word_says_that_all_was_done() {
    let act = Act::click((3, 4), 1, true).unwrap();
    assert_eq!(act.events.len(), 4);
    let refusal = |text: &str| {
        let cause = refusal::Cause::NotGranted.into();
        Kind::Refusal(Refusal { cause, grant: 2, text: text.to_owned() })
    };
    for (answers, exit) in [
        (vec![], Exit::EndedByPeer),
        (vec![hand(true)], Exit::EndedByPeer),
        (vec![refusal("")], Exit::Refused),
        (vec![hand(true), refusal("the user is using mouse and keyboard")], Exit::Refused),
        (vec![Kind::StillHeld(StillHeld {})], Exit::Other),
    ] {
        let (_, done) = done_with(&act, answers).await;
        assert_eq!(exit_of(&done.unwrap_err()), exit);
    }
}

#[test]
fn a_text_goes_in_pieces_between_its_characters() {
    let text = "ä€".repeat(1_000);
    let act = Act::text(&text).unwrap();
    let mut whole = String::new();
    for event in &act.events {
        let Kind::Typed(typed) = event else { panic!("{event:?}") };
        whole.push_str(&typed.text);
        // Only the last may be short.
        let full = typed.text.len() > PIECE - 4 || whole.len() == text.len();
        assert!(typed.text.len() <= PIECE && full);
        if whole.len() == text.len() {
            break;
        }
    }
    assert_eq!(whole, text);
    for bad in ["", "a\u{1b}b", &"x".repeat(MAX_TEXT + 1)] {
        assert_eq!(Act::text(bad).unwrap_err().exit, Exit::Usage);
    }
}

#[test]
fn what_cannot_be_is_wrong_usage() {
    assert_eq!(Act::click((0, 0), 4, false).unwrap_err().exit, Exit::Usage);
    for bad in [f64::NAN, f64::INFINITY, 100.5, -101.0] {
        assert_eq!(Act::scroll(0.0, bad, None).unwrap_err().exit, Exit::Usage);
    }
    let Kind::Wheel(wheel) = &Act::scroll(-0.5, 3.0, None).unwrap().events[0] else { panic!() };
    assert_eq!((wheel.right, wheel.down, wheel.here), (-60, 360, true));
    let Kind::Wheel(wheel) = &Act::point((7, -8)).events[0] else { panic!() };
    assert_eq!((wheel.right, wheel.down, wheel.x, wheel.y, wheel.here), (0, 0, 7, -8, false));
}
