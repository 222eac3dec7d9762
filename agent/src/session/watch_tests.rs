//! The live screen over a real connection: what a viewer decodes, and how it ends.

use deskside_files::{Hear as _, Speak as _};
use deskside_link::Beside;
use deskside_protocol::channel::Channel;
use deskside_protocol::close::CloseCode;
use deskside_protocol::grant::{Grant, GrantSet};
use deskside_protocol::wire::message::{
    Message, Said, Shown, Watch, Watching, message::Kind, refusal::Cause,
};
use deskside_screen::{Announced, Decoder, Picture, PieceAnnounced};
use tokio::task::JoinSet;

use super::stage::{Hears, Says, Stage, gate_of};
use crate::desktop::{self, Choice};
use crate::gate::Gate;

/// A viewer on a stream.
struct Viewer {
    says: Says,
    hears: Hears,
    beside: Beside,
    decoder: Decoder,
    scene: Option<Watching>,
}

impl Viewer {
    async fn of(gate: &Gate) -> (Stage, Self) {
        let screen = desktop::open(Choice::Synthetic, None).unwrap();
        let stage = Stage::new(gate.clone(), screen).await;
        let (mut says, hears) = stage.stream(Channel::Screen).await;
        says.say(Kind::Watch(Watch { monitor: 1, ..Watch::default() })).await.unwrap();
        let (beside, decoder) = (stage.beside(), Decoder::new().unwrap());
        (stage, Self { says, hears, beside, decoder, scene: None })
    }

    /// Takes in the next thing that comes, and says what it shows.
    async fn next(&mut self) {
        tokio::select! {
            heard = self.hears.hear() => match heard.unwrap() {
                Some(Kind::Watching(scene)) => {
                    self.scene = Some(scene);
                    return;
                }
                Some(Kind::ScreenFrame(frame)) => {
                    let mut coming = Announced::new(&frame).unwrap();
                    while !coming.is_whole() {
                        coming.push(&self.hears.body().await.unwrap().unwrap()).unwrap();
                    }
                    self.decoder.frame(&coming.into_frame()).unwrap();
                }
                other => panic!("{other:?}"),
            },
            stream = self.beside.accept() => {
                let opened = stream.unwrap().opened::<Message>().await;
                let (channel, mut receiver) = opened.unwrap();
                assert_eq!(channel, Channel::Screen);
                let Some(Kind::ScreenPiece(piece)) = receiver.receive().await.unwrap().unwrap().kind
                else {
                    panic!("a stream of the agent's begins with something else")
                };
                let mut coming = PieceAnnounced::new(&piece).unwrap();
                while let Some(part) = receiver.receive_body().await.unwrap() {
                    coming.push(&part).unwrap();
                }
                self.decoder.piece(&coming.into_piece()).unwrap();
            }
        }
        let whole = self.decoder.whole();
        self.says.say(Kind::Shown(Shown { frame: whole, whole })).await.unwrap();
    }
}

#[tokio::test]
async fn a_viewer_sees_the_desktop_and_each_change_of_it() {
    let gate = gate_of(GrantSet::all());
    gate.open(Grant::View.into()).await.unwrap();
    let (_stage, mut viewer) = Viewer::of(&gate).await;
    let mut seen = 0;
    let mut last = None;
    // The made-up desktop counts twice a second. On a busy computer it comes in parts.
    while seen < 3 || colours(last.as_ref()) < 100 {
        viewer.next().await;
        let picture = viewer.decoder.picture().cloned();
        if picture.is_some() && picture != last {
            seen += 1;
            last = picture;
        }
    }
    let scene = viewer.scene.unwrap();
    assert_eq!((scene.monitor, scene.width, scene.height), (1, 1280, 720));
    assert_eq!(scene.monitors.len(), 1);
}

fn colours(picture: Option<&Picture>) -> usize {
    let pixels = picture.into_iter().flat_map(|picture| picture.pixels());
    pixels.collect::<std::collections::BTreeSet<_>>().len()
}

#[tokio::test]
async fn a_grant_taken_back_breaks_the_picture_off() {
    let gate = gate_of(GrantSet::all());
    gate.open(Grant::View.into()).await.unwrap();
    let (_stage, mut viewer) = Viewer::of(&gate).await;
    while viewer.decoder.picture().is_none() {
        viewer.next().await;
    }
    gate.revoke(Grant::View.into());
    loop {
        match viewer.hears.0.receive_body().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it ended in order"),
            Err(error) => {
                assert!(error.is_reset(CloseCode::Refused), "{error}");
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_stream_that_watches_takes_nothing_else() {
    let gate = gate_of(GrantSet::all());
    gate.open(Grant::View.into()).await.unwrap();
    let (_stage, mut viewer) = Viewer::of(&gate).await;
    let said = Kind::Said(Said { text: "hello".to_owned() });
    viewer.says.say(said).await.unwrap();
    // Frames may be on the way; what was asked for last is answered behind them.
    let mut hears = JoinSet::new();
    hears.spawn(async move {
        loop {
            let body = viewer.hears.0.receive_body().await.unwrap().unwrap();
            let message = <Message as prost::Message>::decode(body);
            if let Ok(Message { kind: Some(Kind::Refusal(refusal)) }) = message {
                return refusal.cause();
            }
        }
    });
    assert_eq!(hears.join_next().await.unwrap().unwrap(), Cause::BadRequest);
}

#[tokio::test]
async fn one_stream_sees_and_any_may_ask() {
    let gate = gate_of(GrantSet::all());
    gate.open(Grant::View.into()).await.unwrap();
    let (stage, mut viewer) = Viewer::of(&gate).await;
    while viewer.decoder.picture().is_none() {
        viewer.next().await;
    }
    let watch = |hidden| Kind::Watch(Watch { monitor: 1, hidden, afresh: false });
    // Where the monitor lies is said to whoever asks, and that is all.
    let (mut says, mut hears) = stage.stream(Channel::Screen).await;
    says.say(watch(true)).await.unwrap();
    assert!(matches!(hears.hear().await.unwrap(), Some(Kind::Watching(it)) if it.monitor == 1));
    says.say(watch(false)).await.unwrap();
    let second = stage.stream(Channel::Screen).await;
    let mut refused = JoinSet::new();
    for (mut says, mut hears, first) in [(says, hears, false), (second.0, second.1, true)] {
        refused.spawn(async move {
            if first {
                says.say(watch(false)).await.unwrap();
            }
            let Some(Kind::Refusal(no)) = hears.hear().await.unwrap() else { panic!("no refusal") };
            assert_eq!(hears.hear().await.unwrap(), None);
            no.cause()
        });
    }
    // The first sees on.
    let mut answers = 0;
    while answers < 2 {
        tokio::select! {
            () = viewer.next() => {}
            Some(cause) = refused.join_next() => {
                assert_eq!(cause.unwrap(), Cause::BadRequest);
                answers += 1;
            }
        }
    }
    let before = viewer.decoder.picture().cloned();
    while viewer.decoder.picture().cloned() == before {
        viewer.next().await;
    }
    // Another takes its place.
    drop(viewer);
    let (mut says, mut hears) = stage.stream(Channel::Screen).await;
    says.say(watch(false)).await.unwrap();
    assert!(matches!(hears.hear().await.unwrap(), Some(Kind::Watching(_))));
}
