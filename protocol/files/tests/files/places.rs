//! Where files go, as of scp, and what is found to send.

use std::path::Path;
use std::slice::from_ref;

use deskside_files::{Destination, FileError, Landing, RelativePath, Source};

use crate::support::{Scene, listing, noise};

async fn landing(scene: &Scene, into: &str, exact: bool) -> Result<Landing, FileError> {
    Landing::beneath(&scene.folder(), &RelativePath::parse(into).unwrap(), exact).await
}

#[tokio::test]
async fn a_folder_takes_names_and_a_new_name_is_taken() {
    let scene = Scene::new();
    std::fs::create_dir(scene.inside.join("sub")).unwrap();
    let a = scene.write("a", b"x");
    for (into, lands) in [
        ("", "a"),
        ("sub", "sub/a"),
        ("sub/", "sub/a"),
        ("sub/b", "sub/b"),
        ("b", "b"),
        ("./c", "c"),
    ] {
        scene.put(from_ref(&a), into, false).await.whole();
        assert!(listing(&scene.inside).contains(&lands.to_owned()), "{into}");
    }
    let tree = scene.here.join("tree");
    std::fs::create_dir(&tree).unwrap();
    std::fs::write(tree.join("f"), b"x").unwrap();
    scene.put(from_ref(&tree), "renamed", false).await.whole();
    scene.put(&[tree], "sub", false).await.whole();
    let all = listing(&scene.inside);
    assert!(all.contains(&"renamed/f".to_owned()) && all.contains(&"sub/tree/f".to_owned()));
}

#[tokio::test]
async fn each_wrong_place_has_its_sentence() {
    let scene = Scene::new();
    std::fs::write(scene.inside.join("file"), b"x").unwrap();
    std::os::unix::fs::symlink(&scene.outside, scene.inside.join("link")).unwrap();
    let cases = [
        ("missing/x", true, "there is no missing"),
        ("missing", false, "there is no missing"),
        ("file", false, "file is not a folder"),
        ("file/x", true, "file is not a folder"),
        ("link", true, "link is a link, and links are not followed"),
        ("link/x", true, "link is a link, and links are not followed"),
    ];
    for (into, exact, sentence) in cases {
        assert_eq!(landing(&scene, into, exact).await.unwrap_err().to_string(), sentence);
    }
    for text in ["/etc/x", "../x"] {
        let error = Destination::parse(text).unwrap_err().to_string();
        assert!(error.contains("in the folder that the user has allowed"), "{error}");
    }
}

#[tokio::test]
async fn a_local_place_is_a_folder_or_a_new_name() {
    let scene = Scene::new();
    std::fs::write(scene.inside.join("a"), b"x").unwrap();
    std::fs::write(scene.here.join("old"), b"y").unwrap();
    scene.get("a", &scene.here).await.whole();
    scene.get("a", &scene.here.join("new")).await.whole();
    scene.get("a", &scene.here.join("old")).await.whole();
    assert_eq!(listing(&scene.here), ["a", "new", "old"]);
    assert_eq!(std::fs::read(scene.here.join("old")).unwrap(), b"x");
    let sentence =
        async |path: &Path, several| Landing::local(path, several).await.unwrap_err().to_string();
    assert!(sentence(&scene.here.join("no/x"), false).await.starts_with("there is no"));
    assert!(sentence(&scene.here.join("no/"), false).await.starts_with("there is no"));
    assert!(sentence(&scene.here.join("old"), true).await.starts_with("several files need"));
    assert!(sentence(Path::new("/dev/null"), false).await.contains("device"));
}

#[tokio::test]
async fn a_local_link_is_what_it_leads_to_and_keeps_its_name() {
    let scene = Scene::new();
    std::fs::write(scene.outside.join("real"), b"x").unwrap();
    let link = scene.here.join("link");
    std::os::unix::fs::symlink(scene.outside.join("real"), &link).unwrap();
    scene.put(&[link], "", false).await.whole();
    assert_eq!(listing(&scene.inside), ["link"]);
}

#[tokio::test]
async fn what_cannot_be_sent_is_named() {
    let scene = Scene::new();
    let tree = scene.here.join("tree");
    std::fs::create_dir(&tree).unwrap();
    std::fs::write(tree.join("good"), noise(10, 1)).unwrap();
    std::fs::write(tree.join("12:30.log"), b"x").unwrap();
    std::fs::write(tree.join("con.txt"), b"x").unwrap();
    std::fs::write(tree.join(".x.deskside-part"), b"x").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", tree.join("link")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, tree.join("pipe"), 0o600.into()).unwrap();
    let both = scene.put(&[tree], "", false).await;
    let faults = both.faults();
    assert_eq!(faults.len(), 5, "{faults:?}");
    for words in ["12:30.log", "device on Windows", "still arriving", "is a link", "is a pipe"] {
        assert!(faults.iter().any(|fault| fault.contains(words)), "{words}: {faults:?}");
    }
    assert_eq!(listing(&scene.inside), ["tree", "tree/good"]);
}

#[tokio::test]
async fn what_is_named_must_be_there_and_be_a_file() {
    let scene = Scene::new();
    std::fs::create_dir(scene.inside.join("dir")).unwrap();
    std::os::unix::fs::symlink("dir", scene.inside.join("link")).unwrap();
    std::fs::write(scene.inside.join("file"), b"x").unwrap();
    let cases = [
        ("none", "there is no none"),
        ("dir", "dir is a folder: --recursive copies folders"),
        ("", "inside is a folder: --recursive copies folders"),
        ("link", "link is a link, and links are not followed"),
        ("link/x", "link is a link, and links are not followed"),
        ("file/x", "file is not a folder"),
    ];
    for (path, sentence) in cases {
        let path = RelativePath::parse(path).unwrap();
        let error = Source::beneath(&scene.folder(), &path, false).await.unwrap_err();
        assert_eq!(error.to_string(), sentence);
    }
    let devices = deskside_files::Folder::open("/dev".as_ref()).unwrap();
    let null = RelativePath::parse("null").unwrap();
    let error = Source::beneath(&devices, &null, false).await.unwrap_err();
    assert_eq!(error.to_string(), "null is a pipe, socket or device, and only files are copied");
    let twice = [scene.write("a", b"x"), scene.here.join("a")];
    let error = Source::local(&twice, false).await.unwrap_err();
    assert_eq!(error.to_string(), "two of the files are named a");
}

#[tokio::test]
async fn room_is_told_before() {
    let scene = Scene::new();
    let landing = landing(&scene, "", false).await.unwrap();
    landing.room_for(1).unwrap();
    let error = landing.room_for(u64::MAX).unwrap_err().to_string();
    assert!(error.starts_with("needs 18446 PB, and ") && error.ends_with(" are free"), "{error}");
}
