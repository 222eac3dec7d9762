use deskside_protocol::wire::record::Reason;

use super::*;
use crate::consent::{ANSWER_TIME, Standing};
use crate::events::{By, Gone, Speaker};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn visitor() -> Visitor {
    Visitor {
        organisation: "Example IT".to_owned(),
        standing: Standing::New,
        name: "Alice\u{202e} Ng".to_owned(),
        login: "alice".to_owned(),
        ticket: "1001".to_owned(),
        subject: "Printer\nFrom: Microsoft".to_owned(),
    }
}

fn here() -> Model {
    let mut model = Model::new();
    let visitor = visitor();
    let event = Event::Paired { visitor: &visitor, session: None, recorded: true };
    model.hear(&event, seconds(0));
    model
}

fn granted(model: &mut Model, grants: GrantSet) {
    let lease = model.lease().union(grants);
    let (by, ends_in) = (By::User, None);
    model.hear(&Event::Granted { grants, lease, by, ends_in }, seconds(0));
}

fn opening(model: &mut Model, now: Duration) -> u64 {
    let visitor = visitor();
    model.ask(&Question::Opening { visitor: &visitor, grants: GrantSet::all() }, now)
}

#[test]
fn what_a_peer_wrote_is_made_safe_on_its_way_in() {
    let model = here();
    let shown = model.visitor().unwrap();
    assert_eq!(shown.name, "Alice\u{fffd} Ng");
    assert_eq!(shown.subject, "Printer\u{fffd}From: Microsoft");
    let mut model = model;
    model.failed("\x1b[2J");
    assert_eq!(model.stage(), &Stage::Over(Ending::Failed("\u{fffd}[2J".to_owned())));
}

#[test]
fn an_answer_counts_after_its_time_and_once() {
    let mut model = here();
    let number = opening(&mut model, seconds(10));
    let answer = |answer| Press::Answer(number, answer);
    let before = |after| seconds(10) + after - Duration::from_millis(1);
    assert_eq!(model.press(answer(Answer::Refuse), before(SETTLE)), None);
    assert_eq!(model.press(answer(Answer::Allow), before(ALLOW_AFTER)), None);
    let in_time = seconds(10) + ALLOW_AFTER;
    let order = Some(Order::Answer(number, Answer::Allow));
    assert_eq!(model.press(answer(Answer::Allow), in_time), order);
    assert_eq!(model.press(answer(Answer::Allow), in_time), None);
}

#[test]
fn an_answer_to_another_question_is_none() {
    let mut model = here();
    let first = opening(&mut model, seconds(0));
    model.withdraw(first);
    let second = opening(&mut model, seconds(5));
    assert_eq!(model.press(Press::Answer(first, Answer::Allow), seconds(30)), None);
    model.withdraw(first);
    assert_eq!(model.question().map(|asked| asked.number), Some(second));
    // There is no "always" in the first question of a session.
    assert_eq!(model.press(Press::Answer(second, Answer::Always), seconds(30)), None);
}

#[test]
fn the_pose_follows_what_matters_most() {
    let mut model = here();
    assert_eq!(model.pose(), Pose::Page);
    let number = opening(&mut model, seconds(0));
    assert_eq!(model.pose(), Pose::Prompt);
    model.press(Press::Answer(number, Answer::Allow), seconds(9));
    granted(&mut model, Grant::View.into());
    assert_eq!(model.pose(), Pose::Banner);
    model.press(Press::Slim(true), seconds(9));
    assert_eq!(model.pose(), Pose::Slim);
    opening(&mut model, seconds(9));
    assert_eq!(model.pose(), Pose::Prompt);
    model.hear(&Event::Ended { reason: Reason::UserEnded }, seconds(10));
    assert_eq!((model.pose(), model.question()), (Pose::Page, None));
}

#[test]
fn a_switch_stays_where_a_grant_was_taken_back_and_can_be_set_again() {
    let mut model = here();
    granted(&mut model, GrantSet::parse("view,file").unwrap());
    model.hear(&Event::Revoked { grants: Grant::File.into() }, seconds(1));
    let switches: Vec<_> = model.switches().collect();
    assert_eq!(switches, [(Grant::View, true), (Grant::File, false)]);
    let order = model.press(Press::Set(Grant::File, true), seconds(2));
    assert_eq!(order, Some(Order::Wish(Wish::Give(Grant::File.into()))));
    let order = model.press(Press::Set(Grant::View, false), seconds(2));
    assert_eq!(order, Some(Order::Wish(Wish::TakeBack(Grant::View.into()))));
}

#[test]
fn closing_the_window_stops_the_session_first() {
    let mut model = here();
    assert_eq!(model.press(Press::Close, seconds(1)), Some(Order::Wish(Wish::Stop)));
    assert!(model.is_closing());
    model.hear(&Event::Ended { reason: Reason::UserEnded }, seconds(2));
    assert_eq!(model.press(Press::Close, seconds(3)), Some(Order::Close));
    assert_eq!(model.press(Press::Again, seconds(3)), Some(Order::Again));
    model.restart();
    assert_eq!((model.stage(), model.is_closing()), (&Stage::Starting, false));
}

#[test]
fn clocks_tick_when_their_second_is_over() {
    let mut model = here();
    assert_eq!(model.changes_in(seconds(0)), None);
    let gap = Event::Gap { cause: Gone::Relay, technician: "", grace: seconds(300) };
    model.hear(&gap, Duration::from_millis(250));
    assert_eq!(model.gap().unwrap().left(seconds(60)), Duration::from_millis(240_250));
    assert_eq!(model.changes_in(seconds(60)), Some(Duration::from_millis(250)));
    model.hear(&Event::Back { after: seconds(1) }, seconds(61));
    assert_eq!((model.gap(), model.changes_in(seconds(61))), (None, None));
    opening(&mut model, seconds(100));
    let left = model.question().unwrap().left(seconds(101));
    assert_eq!(left, ANSWER_TIME - seconds(1));
    assert_eq!(model.changes_in(seconds(100)), Some(SETTLE));
    let late = seconds(102) + Duration::from_millis(400);
    assert_eq!(model.changes_in(late), Some(Duration::from_millis(100)));
}

#[test]
fn what_runs_is_known_until_it_is_over_and_everything_is_bounded() {
    let mut model = here();
    let action =
        |number| Event::Action { number, technician: "", grant: Grant::Command, what: "w" };
    for number in 0..1000 {
        model.hear(&action(number), seconds(1));
        model.hear(&Event::Said { by: Speaker::Technician(""), text: "x" }, seconds(1));
    }
    assert!(model.activity().running().count() <= 200);
    assert_eq!(model.activity().lines().count(), MAX_LINES);
    assert_eq!(model.activity().said().count(), MAX_SAID);
    for number in 0..1000 {
        model.hear(&Event::ActionOver { number }, seconds(2));
    }
    assert_eq!(model.activity().running().count(), 0);
}

#[test]
fn what_does_not_fit_does_nothing() {
    let mut model = Model::new();
    for press in [
        Press::Next,
        Press::Again,
        Press::Set(Grant::View, true),
        Press::Say("hello".to_owned()),
        Press::Join("x".to_owned()),
        Press::Answer(1, Answer::Allow),
    ] {
        assert_eq!(model.press(press.clone(), seconds(99)), None, "{press:?}");
    }
    assert_eq!(model, Model::new());
}
