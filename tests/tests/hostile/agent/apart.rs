//! A hostile agent with a files line, and an honest `deskside cp`.

use std::fs;

use deskside_link::FilesLine;
use deskside_protocol::close::CloseCode;
use deskside_protocol::policy::FileBodies;
use deskside_protocol::transcript::sha256;
use deskside_protocol::wire::message::{FileEnd, FileEntry, FileReady, FilesSent, message::Kind};
use deskside_tests::hostile::{Agent, Asked, apart};
use deskside_tests::process::Ran;

use super::{Met, plain};
use crate::house::House;

const WORDS: &[u8] = b"abc";

/// What the technician's program calls a stream that is no body.
const NOT_A_BODY: u64 = CloseCode::NotABody.number() as u64;

/// A copy of the technician's as a person types it, while `answer` is the agent's side of it, and
/// what that says.
fn copied(
    house: &House,
    agent: &mut Agent,
    answer: impl AsyncFnOnce(&mut Asked, &FilesLine) -> anyhow::Result<()>,
) -> (Ran, anyhow::Result<()>) {
    let folder = house.path("here");
    let words = ["cp", "-r", "agent:x", folder.to_str().unwrap()];
    std::thread::scope(|scope| {
        let alice = &house.alice;
        let typed = scope.spawn(move || plain(alice, &words));
        let answered = agent.answers_apart(answer);
        (typed.join().unwrap(), answered)
    })
}

/// One file under this path, whose end says the hashes of [`WORDS`]; what is sent of it is up to
/// `apart`.
async fn one(
    asked: &mut Asked,
    path: &[&str],
    apart: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    let size = WORDS.len() as u64;
    let path = path.iter().map(|name| (*name).to_owned()).collect();
    let (blake3, sha256) =
        (blake3::hash(WORDS).as_bytes().to_vec().into(), sha256(WORDS).to_vec().into());
    asked.says(Kind::FileReady(FileReady { files: 1, bytes: size, apart: true })).await?;
    let announced = async {
        asked.says(Kind::FileEntry(FileEntry { path, size, ..FileEntry::default() })).await?;
        asked.says(Kind::FileEnd(FileEnd { blake3, sha256, failed: None })).await?;
        asked.says(Kind::FilesSent(FilesSent {})).await?;
        asked.finishes().await
    };
    let (done, said) = tokio::join!(apart, announced);
    // The technician's program may break off at any message.
    drop(said);
    done
}

async fn sent(files: &FilesLine, stream: u64, bytes: &[u8]) -> anyhow::Result<()> {
    apart::body(files, stream, bytes).await?.finish();
    Ok(())
}

#[test]
fn bodies_that_are_not_what_was_said() {
    let house = House::new();
    house.relay.change_policy(|policy| policy.file_bodies = FileBodies::HashOnly).unwrap();
    let (house, mut agent, session) = Met::at(house).allowed_by("pc");
    let folder = house.path("here");
    fs::create_dir(&folder).unwrap();
    let (house, agent) = (&house, &mut agent);

    // A body of another transfer beside the one that is waited for.
    let (ran, done) = copied(house, agent, async |asked, files| {
        let stream = asked.id;
        one(asked, &["x"], async {
            for other in [stream + 4, u64::MAX] {
                let code = apart::unwanted(files, other).await?;
                anyhow::ensure!(code == NOT_A_BODY, "{other} was stopped with {code}");
            }
            sent(files, stream, WORDS).await
        })
        .await
    });
    done.unwrap();
    assert_eq!(ran.code, Some(0), "{ran}");
    assert_eq!(fs::read(folder.join("x")).unwrap(), WORDS);
    fs::remove_file(folder.join("x")).unwrap();

    // More than was announced, without an end; other bytes; fewer.
    let (ran, done) = copied(house, agent, async |asked, files| {
        let stream = asked.id;
        one(asked, &["x"], apart::flood(files, stream)).await
    });
    done.unwrap();
    assert!(ran.stderr.contains("more bytes than it had announced"), "{ran}");
    for (bytes, words) in [(&b"abd"[..], "did not arrive as it was read"), (b"ab", "fewer bytes")] {
        let (ran, _broken_off) = copied(house, agent, async |asked, files| {
            let stream = asked.id;
            one(asked, &["x"], sent(files, stream, bytes)).await
        });
        assert_ne!(ran.code, Some(0), "{ran}");
        assert!(ran.stderr.contains(words), "{ran}");
    }
    // Names that lead out of the folder.
    let absolute = house.path("absolute");
    for path in [&["..", "up"][..], &["../up"], &[absolute.to_str().unwrap()], &["NUL"], &[]] {
        let (ran, _broken_off) = copied(house, agent, async |asked, files| {
            let stream = asked.id;
            one(asked, path, sent(files, stream, WORDS)).await
        });
        assert!(ran.stderr.contains("broke the protocol"), "{path:?}: {ran}");
    }
    assert!(!absolute.exists() && !house.path("up").exists());
    let left: Vec<_> = fs::read_dir(&folder).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name == ".x.deskside-part"), "{left:?}");

    // With everything else.
    let (ran, _broken_off) = copied(house, agent, async |asked, _| {
        let size = WORDS.len() as u64;
        asked.says(Kind::FileReady(FileReady { files: 1, bytes: size, apart: false })).await?;
        asked.finishes().await
    });
    assert_ne!(ran.code, Some(0), "{ran}");
    assert!(!folder.join("x").exists());
    session.end("").unwrap();
}
