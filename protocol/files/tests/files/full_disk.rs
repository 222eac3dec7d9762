//! A disk that fills on the way: what has come is kept, and it goes on when there is room.
//!
//! The limit on the size of a file stands for the disk: the system refuses the same write, with
//! `EFBIG` in the place of `ENOSPC`. It is set for a process of its own, which is this test again.

use std::process::Command;

use deskside_files::PIECE;

use crate::support::{Scene, listing, noise};

const SCENE: &str = "DESKSIDE_FULL_DISK";
const LENGTH: usize = 20 * PIECE;
/// Blocks of 512 bytes that a file may have there: ten pieces and a half.
const LIMIT: usize = (10 * PIECE + PIECE / 2) / 512;

#[test]
fn what_came_before_the_disk_was_full_is_kept_and_goes_on() {
    let scene = Scene::new();
    let bytes = noise(LENGTH, 1);
    let path = scene.write("a", &bytes);
    let limited = format!("trap '' XFSZ; ulimit -f {LIMIT}; exec \"$0\" \"$@\"");
    let test = std::env::current_exe().unwrap();
    let child = Command::new("sh")
        .args(["-c", &limited])
        .arg(test)
        .args(["--exact", "full_disk::on_a_full_disk", "--ignored", "--nocapture"])
        .env(SCENE, scene.inside.parent().unwrap())
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{words}{}", String::from_utf8_lossy(&child.stderr));
    assert!(words.contains("1 passed"), "{words}");

    assert_eq!(listing(&scene.inside), [".a.deskside-part"]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let report = runtime.block_on(scene.put(&[path], "", true)).whole();
    assert_eq!(report.files[0].resumed_from, LIMIT as u64 * 512);
    assert!(std::fs::read(scene.inside.join("a")).unwrap() == bytes);
}

#[tokio::test]
#[ignore = "the half of the test above that runs under a limit"]
async fn on_a_full_disk() {
    let scene = Scene::at(std::env::var_os(SCENE).unwrap().as_ref());
    let both = scene.put(&[scene.here.join("a")], "", false).await;
    assert_eq!(
        both.faults(),
        ["the disk is full: 2.7 MB of a have arrived and are kept, --resume goes on there"]
    );
}
