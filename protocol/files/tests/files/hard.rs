//! What stands in the way of a file, and files that change or break on the way.

use deskside_files::{Hear as _, Landing, PIECE, Source, Speak as _, send};
use deskside_protocol::file::{End, Hash};
use deskside_protocol::wire::message::{FileDone, message::Kind};
use std::slice::from_ref;

use crate::support::{ROOM, Scene, both_over, listing, noise, pipe};

#[tokio::test]
async fn only_a_file_is_replaced() {
    for (lay, sentence) in [
        ("folder", "a is a folder there, and a file does not replace it"),
        ("link", "a is a link, and links are not followed"),
        ("pipe", "a is a pipe, socket or device, and only files are copied"),
    ] {
        for resume in [false, true] {
            let scene = Scene::new();
            let target = scene.inside.join("a");
            match lay {
                "folder" => std::fs::create_dir(&target).unwrap(),
                "link" => std::os::unix::fs::symlink(scene.outside.join("x"), &target).unwrap(),
                _ => rustix::fs::mkfifoat(rustix::fs::CWD, &target, 0o600.into()).unwrap(),
            }
            let (a, b) = (scene.write("a", &noise(60 * PIECE, 1)), scene.write("b", b"y"));
            let both = scene.put(&[a, b], "", resume).await;
            assert_eq!(both.faults(), [sentence]);
            // The rest of it was not even sent, and the next one landed.
            assert!(both.bodies < 40 * PIECE as u64, "{}", both.bodies);
            assert_eq!(listing(&scene.inside), ["a", "b"]);
            assert_eq!(scene.strays(), [""; 0]);
        }
    }
}

#[tokio::test]
async fn a_folder_does_not_replace_a_file_or_go_through_a_link() {
    let scene = Scene::new();
    std::fs::write(scene.inside.join("tree"), b"x").unwrap();
    std::os::unix::fs::symlink(&scene.outside, scene.inside.join("other")).unwrap();
    let mut paths = Vec::new();
    for name in ["tree", "other"] {
        let tree = scene.here.join(name);
        std::fs::create_dir(&tree).unwrap();
        std::fs::write(tree.join("f"), b"y").unwrap();
        paths.push(tree);
    }
    let both = scene.put(&paths, "", false).await;
    let received = both.received.unwrap();
    let sentences: Vec<_> = received.skipped.iter().map(|s| s.why.to_string()).collect();
    assert_eq!(sentences, ["tree is not a folder", "other is a link, and links are not followed"]);
    assert_eq!(received.landed().count(), 0);
    assert_eq!(scene.strays(), [""; 0]);
}

#[tokio::test]
async fn a_spoiled_body_is_not_kept() {
    let scene = Scene::new();
    std::fs::write(scene.inside.join("a"), b"old").unwrap();
    let paths = [scene.write("a", &noise(3 * PIECE, 1)), scene.write("b", b"y")];
    let source = Source::local(&paths, false).await.unwrap();
    let landing = Landing::local(&scene.inside, false).await.unwrap();
    let (mut a, b) = pipe(ROOM);
    a.0.spoil = Some(PIECE as u64 + 5);
    let both = both_over((a, b), source, landing, false, &()).await;
    assert_eq!(both.faults(), ["a did not arrive as it was read, and nothing of it is kept"]);
    assert_eq!(listing(&scene.inside), ["a", "b"]);
    assert_eq!(std::fs::read(scene.inside.join("a")).unwrap(), b"old");
}

/// Hears messages and bodies of one file until its end, and does something when the body begins.
async fn heard_to_its_end(
    ear: &mut crate::support::Ear,
    begun: impl FnOnce(),
) -> (u64, Option<End>) {
    let mut begun = Some(begun);
    let mut bytes = 0;
    loop {
        let piece = ear.body().await.unwrap().unwrap();
        if let Some(begun) = begun.take() {
            begun();
        }
        if piece.is_empty() {
            break;
        }
        bytes += piece.len() as u64;
    }
    let Some(Kind::FileEnd(end)) = ear.hear().await.unwrap() else { panic!("no end") };
    let hash = |bytes: &[u8]| -> Option<Hash> { bytes.try_into().ok() };
    let whole = hash(&end.blake3).zip(hash(&end.sha256));
    (bytes, whole.map(|(blake3, sha256)| End::Whole { blake3, sha256 }))
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_read_is_said_to_have_failed() {
    for change in ["shrinks", "grows", "other bytes"] {
        let scene = Scene::new();
        let bytes = noise(60 * PIECE, 1);
        let path = scene.write("a", &bytes);
        let source = Source::local(from_ref(&path), false).await.unwrap();
        // The reader stays a few pieces ahead, so that the end is still to be read.
        let ((mut speak, mut hear), (mut mouth, mut ear)) = pipe(ROOM);
        let sending = async { send(source, false, &mut speak, &mut hear, &()).await.unwrap() };
        let listening = async {
            assert!(matches!(ear.hear().await, Ok(Some(Kind::FileEntry(_)))));
            let (came, end) = heard_to_its_end(&mut ear, || {
                let file = std::fs::File::options().write(true).open(&path).unwrap();
                match change {
                    "shrinks" => file.set_len(PIECE as u64).unwrap(),
                    "grows" => file.set_len(61 * PIECE as u64).unwrap(),
                    _ => file.set_modified(std::time::UNIX_EPOCH).unwrap(),
                }
            })
            .await;
            assert!(came <= 60 * PIECE as u64, "never more than was announced");
            assert_eq!(end, None, "{change}");
            let failed = deskside_files::Fault::from(deskside_files::NameError::Empty).to_wire();
            let done = FileDone { failed: Some(failed), ..FileDone::default() };
            mouth.say(Kind::FileDone(done)).await.unwrap();
            assert!(matches!(ear.hear().await, Ok(Some(Kind::FilesSent(_)))));
            mouth.finish().await.unwrap();
        };
        let (report, ()) = tokio::join!(sending, listening);
        assert!(!report.is_whole());
    }
}

#[tokio::test]
async fn a_failed_file_leaves_nothing() {
    // A file of the system's that says a size and gives less: it cannot be read to its end.
    let scene = Scene::new();
    let short = std::path::PathBuf::from("/sys/kernel/mm/transparent_hugepage/enabled");
    let source = Source::local(&[short], false).await.unwrap();
    assert!(source.bytes() > 0);
    let landing = Landing::local(&scene.inside, false).await.unwrap();
    let both = crate::support::both(source, landing, false).await;
    assert_eq!(both.faults(), ["enabled changed while it was read: copy it again"]);
    assert_eq!(listing(&scene.inside), [""; 0]);
}

#[tokio::test]
async fn what_grew_or_went_since_it_was_counted_is_skipped() {
    let scene = Scene::new();
    let paths = [scene.write("a", b"1"), scene.write("b", b"2"), scene.write("c", b"3")];
    let source = Source::local(&paths, false).await.unwrap();
    std::fs::write(&paths[0], b"11").unwrap();
    std::fs::remove_file(&paths[1]).unwrap();
    let landing = Landing::local(&scene.inside, false).await.unwrap();
    let both = crate::support::both(source, landing, false).await;
    assert_eq!(both.faults(), ["a grew after it was counted: copy it again", "there is no b"]);
    assert_eq!(listing(&scene.inside), ["c"]);
}

#[tokio::test]
async fn a_folder_that_goes_away_meanwhile_takes_nothing() {
    // The folder is moved out while the file is half there: nothing takes its name anywhere.
    let scene = Scene::new();
    let sub = scene.inside.join("sub");
    std::fs::create_dir(&sub).unwrap();
    let landing = Landing::beneath(
        &scene.folder(),
        &deskside_files::RelativePath::parse("sub").unwrap(),
        false,
    )
    .await
    .unwrap();
    let bytes = noise(2 * PIECE, 1);
    let source = Source::local(&[scene.write("a", &bytes)], false).await.unwrap();
    let moved = MovesAway(sub, scene.outside.join("sub"));
    let both = both_over(pipe(ROOM), source, landing, false, &moved).await;
    assert_eq!(both.faults(), ["there is no sub"]);
    assert!(!scene.outside.join("sub/a").exists());
}

struct MovesAway(std::path::PathBuf, std::path::PathBuf);

impl deskside_files::Progress for MovesAway {
    fn moved(&self, _bytes: u64) {
        // Once its part is there.
        while self.0.exists() {
            if listing(&self.0).is_empty() {
                std::thread::yield_now();
            } else {
                std::fs::rename(&self.0, &self.1).unwrap();
            }
        }
    }
}
