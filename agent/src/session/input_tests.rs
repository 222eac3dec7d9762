//! Mouse and keyboard on a made-up desktop: what is done, what is dropped and said, and that nothing
//! stays held down.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deskside_files::{Hear as _, Speak as _};
use deskside_protocol::channel::Channel;
use deskside_protocol::grant::{Grant, GrantSet};
use deskside_protocol::wire::message::pointer_at::Use;
use deskside_protocol::wire::message::{
    Button, Hand, Key, PointerAt, StillHeld, Typed, message::Kind, refusal::Cause,
};
use tokio::sync::Notify;

use super::stage::{Hears, Says, Stage, gate_with};
use crate::consent::{Answer, Asker, Asking, Question, Unattended};
use crate::desktop::Done;
use crate::events::Show;
use crate::gate::Gate;
use crate::hand::{Seen, Touch};

fn gate(asker: Arc<dyn Asker>, beforehand: &str) -> Gate {
    let beforehand = GrantSet::parse(beforehand).unwrap();
    gate_with((GrantSet::all(), beforehand), asker, Show::json(std::io::sink()))
}

async fn controlling() -> (Gate, Stage) {
    let gate = gate(Arc::new(Unattended), "view,control");
    gate.open(GrantSet::parse("view,control").unwrap()).await.unwrap();
    (gate.clone(), Stage::new(gate, None).await)
}

async fn press(says: &mut Says, usage: u32, down: bool) {
    says.say(Kind::Key(Key { usage, down })).await.unwrap();
}

async fn drag(says: &mut Says) {
    let button = Button { button: 1, down: true, x: 5, y: 6 };
    says.say(Kind::Button(button)).await.unwrap();
}

async fn hear(hears: &mut Hears) -> Option<Kind> {
    hears.hear().await.unwrap()
}

const fn touched(touch: Touch) -> Done {
    Done::Touch(touch)
}

fn released(done: &[Done]) -> bool {
    done.contains(&touched(Touch::Button(1, false)))
}

#[tokio::test]
async fn what_the_technician_does_is_done_in_order_and_then_it_is_said() {
    let (_gate, stage) = controlling().await;
    let (mut says, mut hears) = stage.stream(Channel::Input).await;
    press(&mut says, 0xe0, true).await;
    says.say(Kind::Typed(Typed { text: "Grüße".to_owned() })).await.unwrap();
    press(&mut says, 4, true).await;
    says.finish().await.unwrap();
    assert_eq!(hear(&mut hears).await, Some(Kind::Hand(Hand { user: false })));
    assert_eq!(hear(&mut hears).await, None);
    // Control is lifted for the text, and what was held in the end is let go.
    let expected = [
        touched(Touch::Key(29, true)),
        touched(Touch::Key(29, false)),
        Done::Text("Grüße".to_owned()),
        touched(Touch::Key(29, true)),
        touched(Touch::Key(30, true)),
        touched(Touch::Key(29, false)),
        touched(Touch::Key(30, false)),
    ];
    let all = |done: &[Done]| done.len() >= expected.len();
    assert_eq!(stage.controls.record().unwrap().until(all).await, expected);
}

#[tokio::test]
async fn a_grant_taken_back_lets_go_in_the_middle_of_a_drag() {
    let (gate, stage) = controlling().await;
    let record = stage.controls.record().unwrap();
    let (mut says, mut hears) = stage.stream(Channel::Input).await;
    drag(&mut says).await;
    record.until(|done| done.len() == 2).await;
    let began = Instant::now();
    gate.revoke(Grant::Control.into());
    record.until(released).await;
    assert!(began.elapsed() < Duration::from_millis(100), "{:?}", began.elapsed());
    let Some(Kind::Refusal(refusal)) = hear(&mut hears).await else { panic!() };
    let control = Grant::Control.to_wire() as i32;
    assert_eq!((refusal.cause(), refusal.grant), (Cause::NotGranted, control));
    assert_eq!(hear(&mut hears).await, None);
}

#[tokio::test]
async fn a_line_that_is_lost_and_a_technician_who_is_silent_hold_nothing() {
    let (_gate, mut stage) = controlling().await;
    let record = stage.controls.record().unwrap().clone();
    let (mut says, _hears) = stage.stream(Channel::Input).await;
    drag(&mut says).await;
    record.until(|done| done.len() == 2).await;
    let began = Instant::now();
    record.until(released).await;
    assert!(began.elapsed() >= Duration::from_millis(1_400), "{:?}", began.elapsed());
    says.say(Kind::StillHeld(StillHeld {})).await.unwrap();
    press(&mut says, 4, true).await;
    record.until(|done| done.contains(&touched(Touch::Key(30, true)))).await;
    let began = Instant::now();
    stage.lose_line();
    record.until(|done| done.contains(&touched(Touch::Key(30, false)))).await;
    assert!(began.elapsed() < Duration::from_millis(1_000), "{:?}", began.elapsed());
}

#[tokio::test]
async fn the_users_own_hand_wins_and_the_technician_is_told() {
    let (_gate, stage) = controlling().await;
    let record = stage.controls.record().unwrap();
    let (mut says, mut hears) = stage.stream(Channel::Input).await;
    drag(&mut says).await;
    record.until(|done| done.len() == 2).await;
    record.user(Seen::Moved);
    assert_eq!(hear(&mut hears).await, Some(Kind::Hand(Hand { user: true })));
    assert!(released(&record.done()));
    press(&mut says, 4, true).await;
    press(&mut says, 4, false).await;
    assert_eq!(hear(&mut hears).await, Some(Kind::Hand(Hand { user: false })));
    press(&mut says, 5, true).await;
    let done = record.until(|done| done.contains(&touched(Touch::Key(48, true)))).await;
    assert!(!done.contains(&touched(Touch::Key(30, true))), "{done:?}");
    // A script hears that not all of it was done.
    says.finish().await.unwrap();
    let Some(Kind::Refusal(refusal)) = hear(&mut hears).await else { panic!() };
    assert_eq!(refusal.cause(), Cause::NotGranted);
}

#[tokio::test]
async fn the_mouse_moves_under_a_permit_only_and_by_nobody_else() {
    let (_gate, stage) = controlling().await;
    let record = stage.controls.record().unwrap();
    let at = |x| PointerAt { r#use: Use::Move.into(), x, y: 7 };
    let mut mouse = stage.mouse();
    mouse.at(at(1));
    stage.pointer.until_dropped(1).await;
    let (mut says, _hears) = stage.stream(Channel::Input).await;
    says.say(Kind::StillHeld(StillHeld {})).await.unwrap();
    press(&mut says, 4, true).await;
    record.until(|done| done.len() == 1).await;
    stage.stranger().at(at(2));
    stage.pointer.until_dropped(2).await;
    mouse.at(at(3));
    let done = record.until(|done| done.len() == 2).await;
    assert_eq!(done, [touched(Touch::Key(30, true)), touched(Touch::Move(3, 7))]);
}

#[tokio::test]
async fn a_place_is_shown_to_a_user_who_lets_his_screen_be_seen_and_moves_nothing() {
    let (gate, stage) = controlling().await;
    let at = |x, r#use: Use| PointerAt { r#use: r#use.into(), x, y: 7 };
    let mut mouse = stage.mouse();
    let shown = async |place| {
        while stage.laser.shown() != place {
            tokio::task::yield_now().await;
        }
    };
    mouse.at(at(1, Use::Show));
    shown(Some((1, 7))).await;
    mouse.at(at(2, Use::Show));
    shown(Some((2, 7))).await;
    mouse.at(at(2, Use::Hide));
    shown(None).await;
    mouse.at(at(3, Use::Show));
    shown(Some((3, 7))).await;
    gate.revoke(Grant::View.into());
    shown(None).await;
    mouse.at(at(4, Use::Show));
    stage.pointer.until_dropped(1).await;
    assert_eq!((stage.laser.shown(), stage.controls.record().unwrap().done()), (None, vec![]));
}

/// Answers once it is told to.
#[derive(Default)]
struct Slow {
    asked: Notify,
    answer: Notify,
}

impl Asker for Slow {
    fn ask<'a>(&'a self, _question: &'a Question<'a>) -> Asking<'a> {
        Box::pin(async move {
            self.asked.notify_one();
            self.answer.notified().await;
            Answer::Refuse
        })
    }
}

#[tokio::test]
async fn nobody_but_the_user_answers_a_question() {
    let slow = Arc::new(Slow::default());
    let gate = gate(slow.clone(), "control");
    gate.open(Grant::Control.into()).await.unwrap();
    let stage = Stage::new(gate.clone(), None).await;
    let record = stage.controls.record().unwrap();
    let (mut says, mut hears) = stage.stream(Channel::Input).await;
    drag(&mut says).await;
    record.until(|done| done.len() == 2).await;
    let asking = async {
        let asked = gate.request(Grant::Command.into(), "why").await;
        assert!(asked.is_err());
    };
    let trying = async {
        slow.asked.notified().await;
        record.until(released).await;
        says.say(Kind::Typed(Typed { text: "\n".to_owned() })).await.unwrap();
        let Some(Kind::Refusal(refusal)) = hear(&mut hears).await else { panic!() };
        assert_eq!(refusal.cause(), Cause::NotGranted);
        assert!(refusal.text.contains("question"), "{}", refusal.text);
        slow.answer.notify_one();
    };
    tokio::join!(asking, trying);
    assert_eq!(record.done().len(), 3, "{:?}", record.done());
    press(&mut says, 4, true).await;
    record.until(|done| done.contains(&touched(Touch::Key(30, true)))).await;
}
