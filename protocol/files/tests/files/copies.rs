//! What is sent arrives: every size, whole trees, times and permissions.

use std::os::unix::fs::PermissionsExt;
use std::slice::from_ref;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use deskside_files::{Landing, PIECE, Source};

use crate::support::{Scene, announced, both, both_over, listing, mode, noise, pipe};

#[tokio::test]
async fn files_of_every_size() {
    let scene = Scene::new();
    let sizes = [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 7, 20 * PIECE];
    let mut paths = Vec::new();
    for size in sizes {
        paths.push(scene.write(&format!("{size}.bin"), &noise(size, 1)));
    }
    let report = scene.put(&paths, "", false).await.whole();
    assert_eq!(report.files.len(), sizes.len());
    for (size, file) in sizes.iter().zip(&report.files) {
        let bytes = std::fs::read(scene.inside.join(format!("{size}.bin"))).unwrap();
        assert!(bytes == noise(*size, 1));
        let sha256 = ring::digest::digest(&ring::digest::SHA256, &bytes);
        assert_eq!(file.sha256.unwrap(), sha256.as_ref());
    }
    assert_eq!(listing(&scene.inside).len(), sizes.len(), "no part stays");
}

#[tokio::test]
async fn many_small_files_and_empty_folders_both_ways() {
    let scene = Scene::new();
    let tree = scene.here.join("tree");
    std::fs::create_dir_all(tree.join("a/b/c")).unwrap();
    std::fs::create_dir_all(tree.join("empty")).unwrap();
    for n in 0..200 {
        std::fs::write(tree.join(format!("a/b/{n}")), noise(n, 2)).unwrap();
    }
    let report = scene.put(from_ref(&tree), "", false).await.whole();
    assert_eq!(report.files.len(), 200);
    assert_eq!(listing(&scene.inside.join("tree")), listing(&tree));
    let back = scene.here.join("back");
    scene.get("tree", &back).await.whole();
    assert_eq!(listing(&back), listing(&tree));
    assert!(std::fs::read(back.join("a/b/199")).unwrap() == noise(199, 2));
    // The folder itself, into a folder that is there.
    std::fs::create_dir(scene.here.join("all")).unwrap();
    scene.get("", &scene.here.join("all")).await.whole();
    assert_eq!(listing(&scene.here.join("all/inside/tree")), listing(&tree));
}

#[tokio::test]
async fn time_and_the_executable_bit_travel_and_nobody_else_may_read() {
    let scene = Scene::new();
    let then = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let script = scene.write("script", b"#!/bin/sh\n");
    let plain = scene.write("plain", b"x");
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
    for path in [&script, &plain] {
        std::fs::File::options().write(true).open(path).unwrap().set_modified(then).unwrap();
    }
    scene.put(&[script, plain], "", false).await.whole();
    assert_eq!(mode(&scene.inside.join("script")), 0o700);
    assert_eq!(mode(&scene.inside.join("plain")), 0o600);
    let modified = scene.inside.join("plain").metadata().unwrap().modified().unwrap();
    assert_eq!(modified, then);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_stranger_s_file_is_marked_and_no_program() {
    let scene = Scene::new();
    let script = scene.write("script", b"#!/bin/sh\n");
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
    let source = Source::local(&[script], false).await.unwrap();
    let landing = Landing::local(&scene.inside, false).await.unwrap();
    both(source, landing.from_stranger("deskside:session/00ff"), false).await.whole();
    let landed = scene.inside.join("script");
    assert_eq!(mode(&landed), 0o600);
    let mut mark = [0; 64];
    match rustix::fs::getxattr(&landed, "user.xdg.origin.url", &mut mark[..]) {
        Ok(length) => assert_eq!(&mark[..length], b"deskside:session/00ff"),
        // The file system of the test keeps none.
        Err(error) => assert_eq!(error, rustix::io::Errno::NOTSUP),
    }
}

#[tokio::test]
async fn a_file_that_is_there_is_replaced_in_one_step_and_keeps_its_permissions() {
    let scene = Scene::new();
    let old = scene.inside.join("a");
    std::fs::write(&old, b"old").unwrap();
    std::fs::set_permissions(&old, PermissionsExt::from_mode(0o644)).unwrap();
    std::fs::hard_link(&old, scene.outside.join("second")).unwrap();
    let held = std::fs::read(&old).unwrap();
    let new = scene.write("a", b"new");
    scene.put(&[new], "", false).await.whole();
    assert_eq!(std::fs::read(&old).unwrap(), b"new");
    assert_eq!(mode(&old), 0o644);
    assert_eq!(held, b"old");
    // A second name of the old file keeps the old bytes: nothing was written into it.
    assert_eq!(std::fs::read(scene.outside.join("second")).unwrap(), b"old");
}

#[tokio::test]
async fn one_byte_at_a_time_is_enough() {
    let scene = Scene::new();
    let path = scene.write("a", &noise(5_000, 3));
    let source = deskside_files::Source::local(&[path], false).await.unwrap();
    assert_eq!(announced(&source, true).bytes, 5_000);
    let landing = deskside_files::Landing::local(&scene.inside, false).await.unwrap();
    let both = both_over(pipe(1), source, landing, true, &()).await;
    both.whole();
    assert!(std::fs::read(scene.inside.join("a")).unwrap() == noise(5_000, 3));
}

#[tokio::test]
async fn a_time_before_1970_is_no_time() {
    let scene = Scene::new();
    let path = scene.write("old", b"x");
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(UNIX_EPOCH - Duration::from_secs(5)).unwrap();
    let before = SystemTime::now() - Duration::from_secs(60);
    scene.put(&[path], "", false).await.whole();
    assert!(scene.inside.join("old").metadata().unwrap().modified().unwrap() > before);
}
