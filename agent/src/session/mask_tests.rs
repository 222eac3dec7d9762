//! What is masked: taken where it may be, refused elsewhere, and never shown.

use std::sync::Arc;

use deskside_files::{Hear as _, Speak as _};
use deskside_protocol::channel::Channel;
use deskside_protocol::grant::GrantSet;
use deskside_protocol::wire::message::{
    Button, CommandExit, CommandMasked, CommandOutput, CommandStart, Hand, Key, Masking, Typed,
    command_exit::How, message::Kind, refusal::Cause,
};

use super::stage::{Hears, Says, Stage, gate_with};
use crate::consent::Unattended;
use crate::desktop::Done;
use crate::events::Show;
use crate::events::told::Told;
use crate::gate::Gate;
use crate::hand::Touch;

/// With a gate that has allowed all of this, and what it tells.
async fn stage(grants: &str) -> (Gate, Stage, Told) {
    let (told, grants) = (Told::default(), GrantSet::parse(grants).unwrap());
    let show = Show::json(told.clone());
    let gate = gate_with((GrantSet::all(), grants), Arc::new(Unattended), show);
    gate.open(grants).await.unwrap();
    (gate.clone(), Stage::new(gate, None).await, told)
}

fn typed(text: &str) -> Kind {
    Kind::Typed(Typed { text: text.to_owned() })
}

const fn masking(on: bool) -> Kind {
    Kind::Masking(Masking { on })
}

async fn refused(hears: &mut Hears) -> Cause {
    match hears.hear().await.unwrap() {
        Some(Kind::Refusal(refusal)) => refusal.cause(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_password_is_typed_within_a_passage_and_the_user_is_told() {
    let (_gate, stage, told) = stage("control").await;
    let (mut says, mut hears) = stage.stream(Channel::Input).await;
    says.say(masking(true)).await.unwrap();
    says.mask(typed("hunter2")).await;
    says.mask(Kind::Key(Key { usage: 4, down: true })).await;
    says.mask(Kind::Key(Key { usage: 4, down: false })).await;
    says.say(masking(false)).await.unwrap();
    says.say(typed("seen")).await.unwrap();
    says.finish().await.unwrap();
    assert_eq!(hears.hear().await.unwrap(), Some(Kind::Hand(Hand { user: false })));
    let record = stage.controls.record().unwrap();
    let expected = [
        Done::Text("hunter2".to_owned()),
        Done::Touch(Touch::Key(30, true)),
        Done::Touch(Touch::Key(30, false)),
        Done::Text("seen".to_owned()),
    ];
    assert_eq!(record.until(|done| done.len() >= expected.len()).await, expected);
    let told = told.text();
    assert_eq!(told.matches(r#""event":"masking""#).count(), 2, "{told}");
    assert!(!told.contains("hunter2"));
}

#[tokio::test]
async fn outside_of_a_passage_and_of_other_kinds_nothing_masked_is_taken() {
    let (_gate, stage, _) = stage("control").await;
    let button = || Kind::Button(Button { button: 1, down: true, ..Button::default() });
    for (opened, kind) in [(false, typed("x")), (true, button()), (true, masking(false))] {
        let (mut says, mut hears) = stage.stream(Channel::Input).await;
        says.say(masking(opened)).await.unwrap();
        says.mask(kind).await;
        assert_eq!(refused(&mut hears).await, Cause::BadRequest);
        assert_eq!(hears.hear().await.unwrap(), None);
    }
    // On a channel that takes nothing masked the stream is not read any further.
    let (mut says, mut hears) = stage.stream(Channel::Chat).await;
    says.mask(typed("x")).await;
    assert_eq!(refused(&mut hears).await, Cause::Forged);
    assert!(stage.controls.record().unwrap().until(|_| true).await.is_empty());
}

#[tokio::test]
async fn the_user_asks_for_it_and_the_technician_hears_it() {
    let (gate, stage, _) = stage("control").await;
    assert!(gate.mask(true));
    let (mut says, mut hears) = stage.stream(Channel::Input).await;
    says.say(typed("a")).await.unwrap();
    assert_eq!(hears.hear().await.unwrap(), Some(masking(true)));
    says.mask(typed("b")).await;
    assert!(gate.mask(false));
    assert_eq!(hears.hear().await.unwrap(), Some(masking(false)));
    let done = stage.controls.record().unwrap().until(|done| done.len() >= 2).await;
    assert_eq!(done, [Done::Text("a".to_owned()), Done::Text("b".to_owned())]);
}

async fn run(
    says: &mut Says,
    hears: &mut Hears,
    start: CommandStart,
    masked: Option<&[&str]>,
) -> Kind {
    says.say(Kind::CommandStart(start)).await.unwrap();
    if let Some(masked) = masked {
        let arguments = masked.iter().map(|argument| (*argument).to_owned()).collect();
        says.mask(Kind::CommandMasked(CommandMasked { arguments })).await;
    }
    hears.hear().await.unwrap().unwrap()
}

fn echo(masked: Vec<u32>) -> CommandStart {
    let argv = ["echo", "user", "-p[masked]"].map(str::to_owned).to_vec();
    CommandStart { argv, masked, ..CommandStart::default() }
}

#[tokio::test]
async fn an_argument_is_masked_and_the_command_has_it() {
    let (_gate, stage, told) = stage("command").await;
    let (mut says, mut hears) = stage.stream(Channel::Command).await;
    let first = run(&mut says, &mut hears, echo(vec![2]), Some(&["-phunter2"])).await;
    let data = "user -phunter2\n".into();
    assert_eq!(first, Kind::CommandOutput(CommandOutput { stderr: false, data }));
    let exit = Kind::CommandExit(CommandExit { how: Some(How::Code(0)) });
    assert_eq!(hears.hear().await.unwrap(), Some(exit));
    let told = told.text();
    assert!(told.contains("echo user -p[masked]") && !told.contains("hunter2"), "{told}");
}

#[tokio::test]
async fn arguments_that_do_not_fit_run_nothing() {
    let (_gate, stage, _) = stage("command").await;
    for (places, masked) in [
        (vec![0], Some(&["sh"][..])),
        (vec![3], Some(&["x"])),
        (vec![2, 1], Some(&["x", "y"])),
        (vec![1, 2], Some(&["x"])),
        (vec![2], Some(&["-px", "y"])),
        // What shows of it is another one.
        (vec![1], Some(&["root"])),
        (vec![2], Some(&["--rm"])),
    ] {
        let (mut says, mut hears) = stage.stream(Channel::Command).await;
        let answer = run(&mut says, &mut hears, echo(places.clone()), masked).await;
        let Kind::Refusal(refusal) = answer else { panic!("{places:?}: {answer:?}") };
        assert_eq!(refusal.cause(), Cause::BadRequest, "{places:?}");
    }
    let (mut says, mut hears) = stage.stream(Channel::Command).await;
    says.say(Kind::CommandStart(echo(vec![2]))).await.unwrap();
    says.say(Kind::CommandMasked(CommandMasked { arguments: vec!["-px".to_owned()] }))
        .await
        .unwrap();
    assert_eq!(refused(&mut hears).await, Cause::BadRequest, "in the open");
}
