//! A transfer that broke goes on where its bytes are the same, and only there.

use std::path::Path;

use deskside_files::{Landing, PIECE, Source};

use crate::support::{Enough, ROOM, Scene, both_over, listing, mode, noise, pipe};

const PART: &str = ".a.deskside-part";

/// Breaks a transfer of `path` once some of it was written.
async fn broken(scene: &Scene, path: &Path, resume: bool) {
    let enough = Enough::new();
    let source = Source::local(&[path.to_owned()], false).await.unwrap();
    let landing = Landing::local(&scene.inside, false).await.unwrap();
    let transfer = both_over(pipe(ROOM), source, landing, resume, &enough);
    tokio::select! {
        _both = transfer => panic!("it was to break"),
        () = enough.reached() => {}
    }
}

/// Waits until no thread holds the part any more, and returns its length.
fn released(part: &Path) -> usize {
    let file = std::fs::File::open(part).unwrap();
    file.lock().unwrap();
    usize::try_from(file.metadata().unwrap().len()).unwrap()
}

#[tokio::test]
async fn a_broken_file_goes_on_where_it_broke() {
    for resume in [true, false] {
        let scene = Scene::new();
        let bytes = noise(40 * PIECE + 99, 1);
        let path = scene.write("a", &bytes);
        broken(&scene, &path, resume).await;
        assert_eq!(listing(&scene.inside), [PART]);
        let part = scene.inside.join(PART);
        assert_eq!(mode(&part), 0o600);
        let there = released(&part);
        assert!((PIECE..bytes.len()).contains(&there), "{there}");
        assert!(std::fs::read(&part).unwrap() == bytes[..there]);

        let both = scene.put(&[path], "", true).await;
        assert_eq!(both.bodies, (bytes.len() - there) as u64);
        let report = both.whole();
        assert_eq!(report.files[0].resumed_from, there as u64);
        assert_eq!(listing(&scene.inside), ["a"]);
        assert!(std::fs::read(scene.inside.join("a")).unwrap() == bytes);
    }
}

#[tokio::test]
async fn without_resume_it_begins_anew() {
    let scene = Scene::new();
    let path = scene.write("a", &noise(3 * PIECE, 1));
    std::fs::write(scene.inside.join(PART), &noise(3 * PIECE, 1)[..PIECE]).unwrap();
    let report = scene.put(&[path], "", false).await.whole();
    assert_eq!(report.files[0].resumed_from, 0);
    assert_eq!(listing(&scene.inside), ["a"]);
}

#[tokio::test]
async fn a_part_of_something_else_is_written_anew() {
    let bytes = noise(3 * PIECE, 1);
    let mut other = bytes[..2 * PIECE].to_vec();
    other[17] ^= 1;
    let longer = noise(4 * PIECE, 1);
    let parts: [(&[u8], u64); 5] = [
        (&other, 0),
        (&longer, 0),
        (&[], 0),
        (&bytes[..2 * PIECE + 5], 2 * PIECE as u64 + 5),
        // It had come whole, and broke before its name.
        (&bytes, 3 * PIECE as u64),
    ];
    for (part, from) in parts {
        let scene = Scene::new();
        let path = scene.write("a", &bytes);
        std::fs::write(scene.inside.join(PART), part).unwrap();
        let both = scene.put(&[path], "", true).await;
        assert_eq!(both.bodies, bytes.len() as u64 - from);
        assert_eq!(both.whole().files[0].resumed_from, from);
        assert!(std::fs::read(scene.inside.join("a")).unwrap() == bytes);
        assert_eq!(listing(&scene.inside), ["a"]);
    }
}

#[tokio::test]
async fn a_part_that_was_never_the_peers_to_write_is_not_written() {
    let bytes = noise(2 * PIECE, 1);
    for lay in ["link", "second name", "pipe"] {
        let scene = Scene::new();
        let path = scene.write("a", &bytes);
        let secret = scene.outside.join("secret");
        std::fs::write(&secret, &bytes[..PIECE]).unwrap();
        let part = scene.inside.join(PART);
        match lay {
            "link" => std::os::unix::fs::symlink(&secret, &part).unwrap(),
            "second name" => std::fs::hard_link(&secret, &part).unwrap(),
            _ => rustix::fs::mkfifoat(rustix::fs::CWD, &part, 0o600.into()).unwrap(),
        }
        let report = scene.put(&[path], "", true).await.whole();
        assert_eq!(report.files[0].resumed_from, 0, "{lay}");
        assert!(std::fs::read(&secret).unwrap() == bytes[..PIECE], "{lay}");
        assert_eq!(scene.strays(), ["secret"], "{lay}");
        assert!(std::fs::read(scene.inside.join("a")).unwrap() == bytes, "{lay}");
        assert_eq!(listing(&scene.inside), ["a"], "{lay}");
    }
}

#[tokio::test]
async fn a_folder_in_the_parts_place_is_left_alone() {
    let scene = Scene::new();
    let path = scene.write("a", b"x");
    std::fs::create_dir(scene.inside.join(PART)).unwrap();
    let faults = scene.put(&[path], "", true).await.faults();
    assert!(faults[0].contains("is a folder there"), "{faults:?}");
}

#[tokio::test]
async fn names_as_long_as_they_may_be_have_a_part_too() {
    let scene = Scene::new();
    for name in ["x".repeat(255), "é".repeat(127), format!("{}.b", "x".repeat(253))] {
        let path = scene.write(&name, &noise(40 * PIECE, 9));
        broken(&scene, &path, true).await;
        let parts = listing(&scene.inside);
        let part = parts.iter().find(|part| part.ends_with(".deskside-part")).unwrap();
        assert!(part.len() <= 255);
        released(&scene.inside.join(part));
        scene.put(&[path], "", true).await.whole();
        assert!(listing(&scene.inside).contains(&name));
    }
    assert_eq!(listing(&scene.inside).len(), 3);
}
