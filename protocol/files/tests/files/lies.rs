//! Peers that do not keep to the order, to what they announced, or to names.

use deskside_files::{
    Announced, Breach, Hear as _, Landing, NameError, Source, Speak as _, TransferError, receive,
    send,
};
use deskside_protocol::wire::message::refusal::Cause;
use deskside_protocol::wire::message::{
    CommandStart, FileDone, FileEnd, FileEntry, FileFrom, FileHave, FileSkipped, FilesSent,
    Refusal, message::Kind,
};

use crate::support::{Scene, listing, pipe};

/// What a lying sender says.
#[derive(Clone)]
enum Say {
    Kind(Kind),
    Body(usize),
}

fn entry(path: &[&str], size: u64) -> Say {
    let path = path.iter().map(|&name| name.to_owned()).collect();
    Say::Kind(Kind::FileEntry(FileEntry { path, size, ..FileEntry::default() }))
}

fn end() -> Say {
    let hash = || vec![7; 32].into();
    Say::Kind(Kind::FileEnd(FileEnd { blake3: hash(), sha256: hash(), failed: None }))
}

const SENT: Say = Say::Kind(Kind::FilesSent(FilesSent {}));

/// How a receiver ends that hears this, and what it answers last.
async fn receiver(scene: &Scene, resume: bool, lies: Vec<Say>) -> (TransferError, Option<Kind>) {
    let landing = Landing::beneath(&scene.folder(), &Default::default(), false).await.unwrap();
    let announced = Announced { files: 2, bytes: 100, resume };
    let ((mut mouth, mut ear), (mut speak, mut hear)) = pipe(1 << 20);
    let lying = async {
        for say in lies {
            let said = match say {
                Say::Kind(kind) => mouth.say(kind).await,
                Say::Body(length) => mouth.body(vec![b'x'; length].into()).await,
            };
            // The other side hears no more once it has enough.
            if said.is_err() {
                break;
            }
        }
        drop(mouth.finish().await);
        let mut last = None;
        while let Ok(Some(kind)) = ear.hear().await {
            last = Some(kind);
        }
        last
    };
    let receiving = async {
        let done = receive(landing, announced, &mut speak, &mut hear, &()).await;
        drop((speak, hear));
        done.unwrap_err()
    };
    let (error, last) = tokio::join!(receiving, lying);
    (error, last)
}

#[tokio::test]
async fn a_lying_sender_is_told_and_leaves_nothing() {
    let deep = vec!["d"; 65];
    let cases: Vec<(Breach, Vec<Say>)> = vec![
        (Breach::TooMuch, vec![entry(&["a"], 10), Say::Body(11)]),
        (Breach::TooMuch, vec![entry(&["a"], 10), Say::Body(10), Say::Body(1)]),
        (Breach::TooMuch, vec![entry(&["a"], 101)]),
        (Breach::TooLittle, vec![entry(&["a"], 10), Say::Body(0), end()]),
        (Breach::LongPiece, vec![entry(&["a"], 10), Say::Body(deskside_files::PIECE + 1)]),
        (Breach::Unexpected, vec![end()]),
        (Breach::Unexpected, vec![entry(&["a"], 0), Say::Body(0), SENT]),
        (Breach::Unexpected, vec![Say::Kind(Kind::FileFrom(FileFrom { offset: 0 }))]),
        (Breach::Unexpected, vec![Say::Kind(Kind::CommandStart(CommandStart::default()))]),
        (Breach::Name(NameError::Dots), vec![entry(&["..", "a"], 0)]),
        (Breach::Name(NameError::Dots), vec![entry(&["a", "..", "b"], 0)]),
        (Breach::Name(NameError::Separator), vec![entry(&["../a"], 0)]),
        (Breach::Name(NameError::Separator), vec![entry(&["/etc/passwd"], 0)]),
        (Breach::Name(NameError::Device), vec![entry(&["NUL"], 0)]),
        (Breach::Name(NameError::Part), vec![entry(&[".a.deskside-part"], 0)]),
        (Breach::Name(NameError::Path), vec![entry(&deep, 0)]),
        (Breach::Name(NameError::Empty), vec![entry(&[], 0)]),
    ];
    for (breach, lies) in cases {
        let scene = Scene::new();
        let (error, last) = receiver(&scene, false, lies).await;
        let TransferError::Breach(found) = error else { panic!("{error}") };
        assert_eq!(found, breach);
        let Some(Kind::Refusal(refusal)) = last else { panic!("{last:?}") };
        assert_eq!(refusal.cause(), Cause::BadRequest);
        scene.let_go().await;
        let parts = listing(&scene.inside);
        assert!(parts.iter().all(|name| name == ".a.deskside-part"), "{parts:?}");
        assert_eq!(scene.strays(), [""; 0]);
    }
}

#[tokio::test]
async fn more_files_than_announced_are_not_taken() {
    let scene = Scene::new();
    let file = |name| [entry(&[name], 0), Say::Body(0), end()];
    let lies = [file("a"), file("b"), file("c")].concat();
    let (error, _) = receiver(&scene, false, lies).await;
    assert!(matches!(error, TransferError::Breach(Breach::TooMany)), "{error}");
    scene.let_go().await;
    assert_eq!(listing(&scene.inside), [""; 0], "the hashes did not fit either");
}

#[tokio::test]
async fn skipping_does_not_go_on_for_ever() {
    let scene = Scene::new();
    let why = Some(Refusal { text: "x".repeat(500), ..Refusal::default() });
    let path = vec!["x".repeat(255); 16];
    let skip = Say::Kind(Kind::FileSkipped(FileSkipped { path, why }));
    let (error, last) = receiver(&scene, false, vec![skip; 4_000]).await;
    assert!(matches!(error, TransferError::Breach(Breach::TooMany)), "{error}");
    assert!(matches!(last, Some(Kind::Refusal(_))));
}

#[tokio::test]
async fn a_body_may_not_begin_where_nothing_is() {
    let scene = Scene::new();
    std::fs::write(scene.inside.join(".a.deskside-part"), b"12345").unwrap();
    let from = |offset| Say::Kind(Kind::FileFrom(FileFrom { offset }));
    for offset in [4, 6, u64::MAX] {
        let (error, _) = receiver(&scene, true, vec![entry(&["a"], 10), from(offset)]).await;
        assert!(matches!(error, TransferError::Breach(Breach::Malformed)), "{error}");
    }
    // Silence is no end.
    for lies in [vec![], vec![entry(&["a"], 10)], vec![entry(&["a"], 10), from(0), Say::Body(3)]] {
        let (error, _) = receiver(&scene, true, lies).await;
        assert!(matches!(error, TransferError::Breach(Breach::CutOff)), "{error}");
    }
}

/// How a sender of one file of 3 bytes ends that hears this.
async fn sender(resume: bool, lies: Vec<Kind>) -> TransferError {
    let scene = Scene::new();
    let source = Source::local(&[scene.write("a", b"abc")], false).await.unwrap();
    let ((mut mouth, mut ear), (mut speak, mut hear)) = pipe(1 << 20);
    let lying = async {
        for kind in lies {
            mouth.say(kind).await.unwrap();
        }
        mouth.finish().await.unwrap();
        while let Ok(Some(_)) = ear.body().await {}
    };
    let sending = async {
        let done = send(source, resume, &mut speak, &mut hear, &()).await;
        drop((speak, hear));
        done.unwrap_err()
    };
    tokio::join!(sending, lying).0
}

#[tokio::test]
async fn a_lying_receiver_is_not_believed() {
    let landed = Kind::FileDone(FileDone { sha256: vec![7; 32].into(), failed: None });
    let have = |bytes| Kind::FileHave(FileHave { bytes, blake3: vec![7; 32].into() });
    let early = sender(false, vec![landed.clone()]).await;
    assert!(matches!(early, TransferError::Breach(Breach::Unexpected | Breach::Malformed)));
    let unasked = sender(false, vec![have(1)]).await;
    assert!(matches!(unasked, TransferError::Breach(Breach::Unexpected)), "{unasked}");
    let silent = sender(false, vec![]).await;
    assert!(matches!(silent, TransferError::Breach(Breach::CutOff)), "{silent}");
    let refused = sender(false, vec![Kind::Refusal(Refusal::default())]).await;
    assert!(matches!(refused, TransferError::Refused(_)), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_nothing_is_not_waited_for() {
    let scene = Scene::new();
    let landing = Landing::local(&scene.inside, false).await.unwrap();
    let announced = Announced { files: 1, bytes: 1, resume: false };
    // The refusal does not fit into the pipe, and nobody takes it out.
    let ((mut mouth, _ear), (mut speak, mut hear)) = pipe(16);
    let lying = async { mouth.say(Kind::FileFrom(FileFrom { offset: 0 })).await.unwrap() };
    let receiving = receive(landing, announced, &mut speak, &mut hear, &());
    let (received, ()) = tokio::join!(receiving, lying);
    assert!(matches!(received, Err(TransferError::Breach(Breach::Unexpected))));
}
