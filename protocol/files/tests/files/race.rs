//! Somebody on the same computer swaps folders for links while files come and go: nothing lands
//! outside, and nothing outside is read.

use std::path::{Path, PathBuf};
use std::slice::from_ref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use deskside_files::{Landing, RelativePath, Source};
use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::support::{Scene, both, listing};

/// Swaps two names with each other as fast as it can, until it is dropped.
struct Swapper {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Swapper {
    fn start(a: PathBuf, b: PathBuf) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Acquire) {
                renameat_with(CWD, &a, CWD, &b, RenameFlags::EXCHANGE).unwrap();
                std::thread::yield_now();
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Swapper {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.thread.take().unwrap().join().unwrap();
    }
}

fn folder_and_link(scene: &Scene, at: &Path) -> Swapper {
    std::fs::create_dir_all(at.join("dir")).unwrap();
    std::os::unix::fs::symlink(&scene.outside, at.join("link")).unwrap();
    Swapper::start(at.join("dir"), at.join("link"))
}

/// Rounds of each race at least; it goes on until it was lost and won this often.
const ROUNDS: usize = 30;
const EACH: usize = 3;

#[tokio::test]
async fn nothing_lands_outside() {
    let scene = Scene::new();
    let tree = scene.here.join("tree");
    std::fs::create_dir_all(tree.join("dir")).unwrap();
    std::fs::write(tree.join("dir/f"), b"from the peer").unwrap();
    std::fs::create_dir(scene.inside.join("tree")).unwrap();
    let _swapper = folder_and_link(&scene, &scene.inside.join("tree"));
    let (mut landed, mut refused) = (0, 0);
    while landed < EACH || refused < EACH || landed + refused < ROUNDS {
        let source = Source::local(from_ref(&tree), true).await.unwrap();
        let (folder, into) = (scene.folder(), RelativePath::default());
        let landing = Landing::beneath(&folder, &into, false).await.unwrap();
        let both = both(source, landing, landed % 2 == 0).await;
        match both.received.unwrap().landed().count() {
            0 => refused += 1,
            _ => landed += 1,
        }
        assert_eq!(scene.strays(), [""; 0]);
    }
}

#[tokio::test]
async fn nothing_outside_is_read() {
    let scene = Scene::new();
    std::fs::write(scene.outside.join("f"), b"secret").unwrap();
    std::fs::create_dir_all(scene.inside.join("tree/dir")).unwrap();
    std::fs::write(scene.inside.join("tree/dir/f"), b"public").unwrap();
    // A file and a link to a file, too.
    std::fs::write(scene.inside.join("tree/g"), b"public").unwrap();
    std::os::unix::fs::symlink(scene.outside.join("f"), scene.inside.join("tree/h")).unwrap();
    let _folders = folder_and_link(&scene, &scene.inside.join("tree"));
    let _files = Swapper::start(scene.inside.join("tree/g"), scene.inside.join("tree/h"));
    let (mut came, mut skipped, mut rounds) = (0, 0, 0);
    while came < EACH || skipped < EACH || rounds < ROUNDS {
        rounds += 1;
        let to = scene.here.join(rounds.to_string());
        std::fs::create_dir(&to).unwrap();
        let path = RelativePath::parse("tree").unwrap();
        let source = Source::beneath(&scene.folder(), &path, true).await.unwrap();
        let landing = Landing::local(&to, false).await.unwrap();
        let report = both(source, landing, false).await.received.unwrap();
        // Of two names that are swapped at most one file comes, under either name.
        skipped += report.skipped.len().saturating_sub(2);
        for name in listing(&to) {
            if let Ok(bytes) = std::fs::read(to.join(&name)) {
                assert_eq!(bytes, b"public", "{name}");
                came += 1;
            }
        }
    }
}
