//! Every kind of message on every channel, without its grant: nothing acts, and the answer is the
//! right refusal. A kind that is added to the protocol has no row here: [`due`] does not compile, and
//! [`samples`] is said to be short.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use deskside_files::{Hear as _, Speak as _};
use deskside_protocol::act::ActKey;
use deskside_protocol::channel::Channel;
use deskside_protocol::grant::{Grant, GrantSet};
use deskside_protocol::wire::message::{
    Button, Chunk, CommandExit, CommandInput, CommandMasked, CommandOutput, CommandStart, Copied,
    CursorPlace, CursorShape, Ending, FileBodies, FileDone, FileEnd, FileEntry, FileFrom, FileGet,
    FileHave, FilePut, FileReady, FileSkipped, FilesSent, GrantRequest, Hand, Introduction, Key,
    Lease, Masking, Message, PointerAt, Refusal, Revoked, Said, ScreenFrame, ScreenPiece,
    Screenshot, ScreenshotRequest, Shown, StillHeld, Typed, Watch, Watching, Wheel, message::Kind,
    refusal::Cause,
};
use deskside_protocol::wire::record::Signed;
use prost::Message as _;
use zeroize::Zeroizing;

use super::stage::{Hears, Stage, connection_of, gate_with};
use crate::consent::{Answer, Asker, Asking, Question};
use crate::desktop::{self, Choice};
use crate::events::Show;
use crate::events::told::Told;
use crate::gate::Gate;

const PROTO: &str = include_str!("../../../protocol/proto/messages.proto");

/// What a technician is to be answered who was granted nothing.
#[derive(Debug, PartialEq, Eq)]
enum Due {
    /// That this grant is missing.
    Grant(Grant),
    /// That nobody has been let in.
    Nobody,
    /// That it does not belong here.
    Nonsense,
    /// Nothing: the conversation is over.
    Over,
    /// Nothing, and it goes on.
    Silence,
}

fn due(channel: Channel, kind: &Kind) -> Due {
    let on = |home, due| if channel == home { due } else { Due::Nonsense };
    match kind {
        Kind::ScreenshotRequest(_) | Kind::Watch(_) => on(Channel::Screen, Due::Grant(Grant::View)),
        Kind::CommandStart(_) => on(Channel::Command, Due::Grant(Grant::Command)),
        Kind::FilePut(_) | Kind::FileGet(_) => on(Channel::File, Due::Grant(Grant::File)),
        Kind::GrantRequest(_) => on(Channel::Control, Due::Grant(Grant::Reboot)),
        Kind::Said(_) => on(Channel::Chat, Due::Nobody),
        Kind::Button(_)
        | Kind::Wheel(_)
        | Kind::Key(_)
        | Kind::Typed(_)
        | Kind::StillHeld(_)
        | Kind::Masking(_) => on(Channel::Input, Due::Grant(Grant::Control)),
        Kind::Copied(_) => on(Channel::Clipboard, Due::Grant(Grant::Clipboard)),
        Kind::Ending(_) => on(Channel::Control, Due::Over),
        // On a line that is not recorded nobody looks at it.
        Kind::Statement(_) => on(Channel::Control, Due::Silence),
        Kind::Introduction(_)
        | Kind::Lease(_)
        | Kind::Revoked(_)
        | Kind::Refusal(_)
        | Kind::Screenshot(_)
        | Kind::Chunk(_)
        | Kind::Watching(_)
        | Kind::ScreenFrame(_)
        | Kind::ScreenPiece(_)
        | Kind::Shown(_)
        | Kind::CursorShape(_)
        | Kind::CursorPlace(_)
        | Kind::PointerAt(_)
        | Kind::Hand(_)
        | Kind::CommandInput(_)
        | Kind::CommandOutput(_)
        | Kind::CommandExit(_)
        | Kind::CommandMasked(_)
        | Kind::FileReady(_)
        | Kind::FileEntry(_)
        | Kind::FileHave(_)
        | Kind::FileEnd(_)
        | Kind::FileDone(_)
        | Kind::FileSkipped(_)
        | Kind::FileFrom(_)
        | Kind::FilesSent(_)
        | Kind::FileBodies(_) => Due::Nonsense,
    }
}

/// One of each kind; those that act would leave a trace in the folder.
fn samples(marker: &str) -> Vec<Kind> {
    let argv = ["touch", marker].map(str::to_owned).to_vec();
    let path = vec!["secret.txt".to_owned()];
    let reboot = vec![Grant::Reboot.to_wire() as i32];
    vec![
        Kind::Introduction(Introduction::default()),
        Kind::Lease(Lease { grants: GrantSet::all().to_wire(), ..Lease::default() }),
        Kind::GrantRequest(GrantRequest { grants: reboot, why: "now".to_owned() }),
        Kind::Revoked(Revoked::default()),
        Kind::Ending(Ending::default()),
        Kind::Statement(Signed::default()),
        Kind::Refusal(Refusal::default()),
        Kind::ScreenshotRequest(ScreenshotRequest::default()),
        Kind::Screenshot(Screenshot::default()),
        Kind::Chunk(Chunk::default()),
        Kind::Watch(Watch::default()),
        Kind::Watching(Watching::default()),
        Kind::ScreenFrame(ScreenFrame::default()),
        Kind::ScreenPiece(ScreenPiece::default()),
        Kind::Shown(Shown::default()),
        Kind::CursorShape(CursorShape::default()),
        Kind::CursorPlace(CursorPlace::default()),
        Kind::PointerAt(PointerAt::default()),
        Kind::Button(Button { button: 1, down: true, ..Button::default() }),
        Kind::Wheel(Wheel { down: 120, ..Wheel::default() }),
        Kind::Key(Key { usage: 4, down: true }),
        Kind::Typed(Typed { text: "rm".to_owned() }),
        Kind::StillHeld(StillHeld {}),
        Kind::Hand(Hand::default()),
        Kind::Masking(Masking { on: true }),
        Kind::Copied(Copied { text: "secret".to_owned() }),
        Kind::CommandStart(CommandStart { argv, ..CommandStart::default() }),
        Kind::CommandInput(CommandInput::default()),
        Kind::CommandOutput(CommandOutput::default()),
        Kind::CommandExit(CommandExit::default()),
        Kind::CommandMasked(CommandMasked::default()),
        Kind::FilePut(FilePut { files: 1, bytes: 3, ..FilePut::default() }),
        Kind::FileGet(FileGet { path: path.clone(), ..FileGet::default() }),
        Kind::FileReady(FileReady::default()),
        Kind::FileEntry(FileEntry { path, size: 3, ..FileEntry::default() }),
        Kind::FileHave(FileHave::default()),
        Kind::FileEnd(FileEnd::default()),
        Kind::FileDone(FileDone::default()),
        Kind::FileSkipped(FileSkipped::default()),
        Kind::FileFrom(FileFrom::default()),
        Kind::FilesSent(FilesSent {}),
        Kind::FileBodies(FileBodies { stream: 4 }),
        Kind::Said(Said { text: "hello".to_owned() }),
    ]
}

/// The field number of a kind: in front of its encoding, above three bits.
fn number(kind: &Kind) -> u64 {
    let bytes = Message { kind: Some(kind.clone()) }.encode_to_vec();
    prost::encoding::decode_varint(&mut bytes.as_slice()).unwrap() >> 3
}

/// The field numbers of all kinds, as the protocol's own file has them.
fn numbers() -> BTreeSet<u64> {
    let (_, message) = PROTO.split_once("\nmessage Message {\n  oneof kind {\n").unwrap();
    let (kinds, _) = message.split_once("\n  }\n}").unwrap();
    let fields = kinds.lines().filter_map(|line| line.split("//").next()?.split_once('='));
    fields.map(|(_, number)| number.trim().trim_end_matches(';').parse().unwrap()).collect()
}

#[test]
fn there_is_a_sample_of_each_kind() {
    let sampled: BTreeSet<u64> = samples("x").iter().map(number).collect();
    assert_eq!(sampled, numbers());
    assert!(sampled.len() > 20);
}

/// Refuses, and counts.
#[derive(Default)]
struct Refusing(AtomicUsize);

impl Asker for Refusing {
    fn ask<'a>(&'a self, _question: &'a Question<'a>) -> Asking<'a> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::ready(Answer::Refuse))
    }
}

fn gate(policy: GrantSet, beforehand: GrantSet, asker: Arc<Refusing>, told: &Told) -> Gate {
    gate_with((policy, beforehand), asker, Show::json(told.clone()))
}

/// The next refusal; `None` where the stream ended without one.
async fn refused(hears: &mut Hears) -> Option<Refusal> {
    match hears.hear().await {
        Ok(Some(Kind::Refusal(refusal))) => Some(refusal),
        Ok(Some(other)) => panic!("{other:?} was answered"),
        Ok(None) | Err(_) => None,
    }
}

#[tokio::test]
async fn every_message_without_its_grant_is_refused_and_does_nothing() {
    let screen = desktop::open(Choice::Synthetic, None).unwrap();
    for (policy, cause) in [(GrantSet::NONE, Cause::Policy), (GrantSet::all(), Cause::UserRefused)]
    {
        let (told, asker) = (Told::default(), Arc::new(Refusing::default()));
        let gate = gate(policy, GrantSet::NONE, asker.clone(), &told);
        let stage = Stage::new(gate.clone(), screen.clone()).await;
        let secret = stage.folder.path().join("secret.txt");
        std::fs::write(&secret, "secret").unwrap();
        let marker = stage.folder.path().join("marker");
        let samples = samples(marker.to_str().unwrap());
        let mut rows = 0;
        for channel in Channel::all() {
            for kind in &samples {
                let (mut says, mut hears) = stage.stream(channel).await;
                says.say(kind.clone()).await.unwrap();
                says.finish().await.unwrap();
                let answer = refused(&mut hears).await;
                let said = answer.map(|refusal| (refusal.cause(), refusal.grant));
                let expected = match due(channel, kind) {
                    Due::Grant(grant) => Some((cause, grant.to_wire() as i32)),
                    Due::Nobody => Some((Cause::UserRefused, 0)),
                    Due::Nonsense => Some((Cause::BadRequest, 0)),
                    Due::Over | Due::Silence => None,
                };
                assert_eq!(said, expected, "{kind:?} on {channel:?} under {policy}");
                rows += 1;
            }
        }
        assert_eq!(rows, Channel::all().count() * numbers().len());
        let names: Vec<_> = std::fs::read_dir(stage.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!((names.as_slice(), gate.terms().len()), (&["secret.txt".to_owned()][..], 0));
        assert_eq!(std::fs::read(&secret).unwrap(), b"secret");
        let told = told.text();
        assert!(!told.contains("\"action\"") && !told.contains("\"said\""), "{told}");
        // Once for each row that needs a grant, and for one grant no more than three times.
        assert_eq!(asker.0.load(Ordering::SeqCst), if policy.is_empty() { 0 } else { 10 });
        assert_eq!(stage.controls.record().unwrap().done(), []);
    }
}

#[tokio::test]
async fn nobody_else_is_heard_on_any_channel() {
    let (told, asker) = (Told::default(), Arc::new(Refusing::default()));
    let gate = gate(GrantSet::all(), GrantSet::all(), asker, &told);
    gate.open(Grant::View.into()).await.unwrap();
    let screen = desktop::open(Choice::Synthetic, None).unwrap();
    let stage = Stage::new(gate, screen).await;
    let stranger = ActKey::new(Zeroizing::new([8; 32]));
    let marker = stage.folder.path().join("marker");
    for channel in Channel::all() {
        for kind in samples(marker.to_str().unwrap()) {
            let (mut says, mut hears) = stage.stream_by(channel, &stranger).await;
            says.say(kind.clone()).await.unwrap();
            let answer = refused(&mut hears).await;
            let cause = answer.map(|refusal| refusal.cause());
            // The control conversation ends without a word; a channel that carries nothing yet
            // reads nothing.
            match channel {
                Channel::Control => assert_eq!(cause, None, "{kind:?}"),
                Channel::Pointer | Channel::Shell => {
                    assert_eq!(cause, Some(Cause::BadRequest), "{kind:?}");
                }
                Channel::Screen
                | Channel::Input
                | Channel::Clipboard
                | Channel::Chat
                | Channel::Command
                | Channel::File => {
                    assert_eq!(cause, Some(Cause::Forged), "{kind:?} on {channel:?}");
                }
            }
        }
    }
    let told = told.text();
    assert!(!told.contains("\"action\"") && !told.contains("\"said\""), "{told}");
    assert_eq!(std::fs::read_dir(stage.folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn what_is_said_is_shown_and_what_the_user_says_arrives() {
    let (told, asker) = (Told::default(), Arc::new(Refusing::default()));
    let gate = gate(GrantSet::all(), GrantSet::all(), asker, &told);
    gate.open(Grant::View.into()).await.unwrap();
    let stage = Stage::new(gate.clone(), None).await;
    let said = |text: &str| Kind::Said(Said { text: text.to_owned() });
    stage.chat.say("before there is a stream".to_owned()).unwrap();
    let (mut first, mut hears) = stage.stream(Channel::Chat).await;
    first.say(said("Is the\nlamp \x1b on?")).await.unwrap();
    assert_eq!(hears.hear().await.unwrap(), Some(said("before there is a stream")));
    // A later stream takes the place of the first, with what was not sent yet.
    let (mut second, mut hears_second) = stage.stream(Channel::Chat).await;
    second.say(said("And now?")).await.unwrap();
    assert_eq!(hears.hear().await.unwrap(), None);
    stage.chat.say("It is.".to_owned()).unwrap();
    assert_eq!(hears_second.hear().await.unwrap(), Some(said("It is.")));
    // Too long, or nothing at all: refused, and not shown.
    for bad in ["x".repeat(3_000), " ".to_owned()] {
        let (mut says, mut hears) = stage.stream(Channel::Chat).await;
        says.say(said(&bad)).await.unwrap();
        assert_eq!(refused(&mut hears).await.unwrap().cause(), Cause::BadRequest);
    }
    gate.stop();
    let (mut says, mut hears) = stage.stream(Channel::Chat).await;
    says.say(said("hello?")).await.unwrap();
    assert_eq!(refused(&mut hears).await.unwrap().cause(), Cause::UserRefused);
    let told = told.text();
    assert!(told.contains("Is the lamp \u{FFFD} on?") && told.contains("And now?"), "{told}");
    assert!(!told.contains("xxx") && !told.contains("hello?"), "{told}");
}

#[tokio::test]
async fn a_grant_taken_back_ends_a_picture_in_the_middle() {
    let (told, asker) = (Told::default(), Arc::new(Refusing::default()));
    let gate = gate(GrantSet::all(), GrantSet::all(), asker, &told);
    let screen = desktop::open(Choice::Synthetic, None).unwrap();
    // A technician who takes a kilobyte at a time: the picture is stuck in the middle.
    let mut transport = quinn::TransportConfig::default();
    transport.stream_receive_window(1024_u32.into());
    let stage = Stage::on(gate.clone(), screen, connection_of(transport).await);
    let (mut says, mut hears) = stage.stream(Channel::Screen).await;
    says.say(Kind::ScreenshotRequest(ScreenshotRequest::default())).await.unwrap();
    let Some(Kind::Screenshot(announced)) = hears.hear().await.unwrap() else { panic!() };
    assert!(announced.bytes > 8 * 1024, "{} bytes are no middle", announced.bytes);
    gate.revoke(Grant::View.into());
    let broken = loop {
        match hears.hear().await {
            Ok(Some(Kind::Chunk(_))) => {}
            Ok(other) => panic!("{other:?} was answered"),
            Err(error) => break error,
        }
    };
    let broken = broken.into_inner().downcast::<deskside_link::stream::StreamError>().unwrap();
    let refused = deskside_protocol::close::CloseCode::Refused;
    assert!(broken.is_reset(refused), "{broken:?}");
    assert!(told.text().contains("action_over"), "{}", told.text());
}
