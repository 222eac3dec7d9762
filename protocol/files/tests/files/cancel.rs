//! Dropping a transfer stops it; two of them never write one file.

use std::slice::from_ref;

use deskside_files::{Entry, Hear as _, Landing, PIECE, RelativePath, Source, Speak as _, receive};
use deskside_protocol::wire::message::message::Kind;

use crate::support::{Enough, Mate, ROOM, Scene, announced, both_over, listing, noise, pipe};

#[tokio::test]
async fn a_dropped_transfer_lets_go_of_everything_and_names_nothing() {
    let scene = Scene::new();
    let path = scene.write("a", &noise(40 * PIECE, 1));
    let source = Source::local(&[path], false).await.unwrap();
    let landing = Landing::local(&scene.inside, false).await.unwrap();
    let enough = Enough::new();
    tokio::select! {
        _both = both_over(pipe(ROOM), source, landing, true, &enough) => panic!("it was to break"),
        () = enough.reached() => {}
    }
    // Both threads end by themselves.
    scene.let_go().await;
    assert_eq!(listing(&scene.inside), [".a.deskside-part"]);
}

#[tokio::test]
async fn two_transfers_do_not_write_one_file() {
    let scene = Scene::new();
    let path = scene.write("a", &noise(4 * PIECE, 1));
    let source = Source::local(from_ref(&path), false).await.unwrap();
    let landing = Landing::local(&scene.inside, false).await.unwrap();
    let announced = announced(&source, false);
    let ((mut mouth, mut ear), b): (Mate, Mate) = pipe(1 << 24);
    let first = async {
        let (mut speak, mut hear) = b;
        receive(landing, announced, &mut speak, &mut hear, &()).await
    };
    let second = async {
        let path_there = RelativePath::parse("a").unwrap();
        let size = 4 * PIECE as u64;
        let entry = Entry { path: path_there, size, modified: 0, folder: false, executable: false };
        mouth.say(Kind::FileEntry(entry.to_wire())).await.unwrap();
        mouth.body(noise(PIECE, 1).into()).await.unwrap();
        // The first one stands in the middle of the file.
        while !listing(&scene.inside).contains(&".a.deskside-part".to_owned()) {
            tokio::task::yield_now().await;
        }
        let faults = scene.put(&[path], "", false).await.faults();
        assert_eq!(faults, ["another transfer is writing a"]);
        mouth.finish().await.unwrap();
        assert!(matches!(ear.hear().await, Ok(None) | Err(_)));
    };
    let (first, ()) = tokio::join!(first, second);
    assert!(first.is_err());
}
