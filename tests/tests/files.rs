//! Files both ways, and what must not come of them.

use std::fs;
use std::path::Path;

use deskside_protocol::transcript::sha256;
use serde_json::{Value, json};

use crate::house::{Helped, House};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The events of this name.
fn named<'a>(events: &'a [Value], name: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["event"] == name).collect()
}

#[test]
fn one_several_and_folders_both_ways() {
    let house = House::new();
    let Helped { mut agent, session, .. } = house.helped("agent");
    let (big, bytes) = house.noise("big.bin", 3_000_001);
    let (empty, _) = house.noise("empty", 0);

    let sent = house.copy(&[&big, "agent:"]);
    let events = sent.events().unwrap();
    assert_eq!(sent.code, Some(0), "{sent}");
    let file = named(&events, "file")[0];
    assert_eq!((&file["name"], &file["bytes"]), (&json!("big.bin"), &json!(bytes.len())));
    assert_eq!(file["sha256"], json!(hex(&sha256(&bytes))));
    let copied = named(&events, "copied")[0];
    assert_eq!((&copied["files"], &copied["bytes"]), (&json!(1), &json!(bytes.len())));
    assert!(fs::read(agent.file("big.bin")).unwrap() == bytes);
    let told = agent.wait_for("file").unwrap();
    assert_eq!((&told["direction"], &told["sha256"]), (&json!("received"), &file["sha256"]));

    // Under another name, over what is there, several at once, an empty one.
    fs::create_dir(agent.file("case")).unwrap();
    fs::write(agent.file("case/big.bin"), "old").unwrap();
    assert_eq!(house.copy(&[&empty, "agent:renamed"]).code, Some(0));
    let both = house.copy(&[&big, &empty, "agent:case"]);
    assert_eq!(both.code, Some(0), "{both}");
    assert_eq!(fs::read(agent.file("renamed")).unwrap(), b"");
    assert!(fs::read(agent.file("case/big.bin")).unwrap() == bytes);
    assert_eq!(fs::read(agent.file("case/empty")).unwrap(), b"");

    // A folder there, and back again.
    let tree = house.path("tree");
    fs::create_dir_all(tree.join("deep/er")).unwrap();
    fs::create_dir(tree.join("hollow")).unwrap();
    fs::write(tree.join("deep/er/ünï cöde.txt"), "words").unwrap();
    fs::write(tree.join("top"), "top").unwrap();
    assert_ne!(house.copy(&[tree.to_str().unwrap(), "agent:"]).code, Some(0), "not --recursive");
    let there = house.copy(&["--recursive", tree.to_str().unwrap(), "agent:"]);
    assert_eq!(there.code, Some(0), "{there}");
    let back = house.path("back");
    fs::create_dir(&back).unwrap();
    let words = ["-r", "agent:tree", "agent:renamed", back.to_str().unwrap()];
    let came = house.copy(&words);
    assert_eq!(came.code, Some(0), "{came}");
    for (name, text) in [("tree/deep/er/ünï cöde.txt", "words"), ("tree/top", "top")] {
        assert_eq!(fs::read_to_string(agent.file(name)).unwrap(), text);
        assert_eq!(fs::read_to_string(back.join(name)).unwrap(), text);
    }
    assert!(agent.file("tree/hollow").is_dir() && back.join("tree/hollow").is_dir());
    assert!(back.join("renamed").is_file());

    assert_eq!(house.copy(&["agent:no-such-file", back.to_str().unwrap()]).code, Some(5));
    session.end("").unwrap();
    let left: Vec<_> = parts(agent.folder()).collect();
    assert!(left.is_empty(), "parts are left: {left:?}");
}

/// Names of files under a folder that look like a part of one.
fn parts(folder: &Path) -> impl Iterator<Item = String> {
    everything(folder).into_iter().filter(|name| name.ends_with(".deskside-part"))
}

/// Every path under a folder.
fn everything(folder: &Path) -> Vec<String> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            all.extend(everything(&path));
        }
        all.push(path.to_str().unwrap().to_owned());
    }
    all
}

#[test]
fn a_broken_transfer_goes_on_where_it_broke() {
    let house = House::tapped(|_| ());
    let Helped { agent, session, .. } = house.helped("agent");
    let (big, bytes) = house.noise("big.bin", 48 * 1024 * 1024);
    let begin = house.tap().bulk();
    let copy = house.alice.copying(&[&big, "agent:"]).unwrap();
    house.tap().wait_for_bulk(begin + 8 * 1024 * 1024).unwrap();
    // Dropped is killed.
    drop(copy);
    let again = house.copy(&["--resume", &big, "agent:"]);
    assert_eq!(again.code, Some(0), "{again}");
    let events = again.events().unwrap();
    let resumed = named(&events, "file")[0]["resumed"].as_u64().unwrap();
    assert!((1..bytes.len() as u64).contains(&resumed), "from byte {resumed}");
    assert!(fs::read(agent.file("big.bin")).unwrap() == bytes);

    // And the other way, where the part is this end's.
    let here = house.path("here.bin");
    let begin = house.tap().bulk();
    let copy = house.alice.copying(&["agent:big.bin", here.to_str().unwrap()]).unwrap();
    house.tap().wait_for_bulk(begin + 8 * 1024 * 1024).unwrap();
    drop(copy);
    let again = house.copy(&["--resume", "agent:big.bin", here.to_str().unwrap()]);
    assert_eq!(again.code, Some(0), "{again}");
    assert!(named(&again.events().unwrap(), "file")[0]["resumed"].as_u64() > Some(0), "{again}");
    assert!(fs::read(here).unwrap() == bytes);
    session.end("").unwrap();
}

#[test]
fn what_a_disk_has_no_room_for_is_refused_before() {
    let house = House::new();
    let Helped { agent, session, .. } = house.helped("agent");
    // Only its length is large.
    let huge = house.path("huge");
    fs::File::create(&huge).unwrap().set_len(1 << 42).unwrap();
    let refused = house.copy(&[huge.to_str().unwrap(), "agent:"]);
    assert_eq!(refused.code, Some(1), "{refused}");
    let said = refused.sentence();
    assert!(said.contains("needs") && said.contains("free"), "{said}");
    assert_eq!(fs::read_dir(agent.file("")).unwrap().count(), 0);
    session.end("").unwrap();
}

/// What is written where a race is on.
const MARKER: &str = "sent by somebody who means no good";

#[test]
fn a_link_leads_nowhere() {
    let house = House::new();
    let Helped { agent, session, .. } = house.helped("agent");
    let outside = house.path("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), "a secret").unwrap();
    let link = |to: &Path, name: &str| std::os::unix::fs::symlink(to, agent.file(name)).unwrap();
    link(&outside, "folder");
    link(&outside.join("secret"), "file");
    link(&outside.join("new"), "dangling");
    let (small, _) = house.noise("small", 1000);
    let here = house.path("here");
    for words in [
        [small.as_str(), "agent:folder/small"],
        [&small, "agent:folder"],
        ["agent:folder/secret", here.to_str().unwrap()],
        ["agent:file", here.to_str().unwrap()],
    ] {
        let ran = house.copy(&words);
        assert_ne!(ran.code, Some(0), "{words:?}: {ran}");
    }
    // A link in the place of a file is either refused or replaced, never written through.
    house.copy(&[&small, "agent:file"]);
    house.copy(&[&small, "agent:dangling"]);
    assert_eq!(fs::read_to_string(outside.join("secret")).unwrap(), "a secret");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
    assert!(!here.exists(), "a secret came out");
    session.end("").unwrap();
}

#[test]
fn a_folder_that_becomes_a_link_meanwhile_leads_nowhere() {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use std::sync::atomic::{AtomicBool, Ordering};

    let house = House::new();
    let Helped { agent, session, .. } = house.helped("agent");
    let outside = house.path("outside");
    fs::create_dir(&outside).unwrap();
    let many = house.path("many");
    fs::create_dir(&many).unwrap();
    for number in 0..300 {
        fs::write(many.join(format!("{number}")), MARKER).unwrap();
    }
    // Within the folder that the user allowed, so that the exchange is one step of the kernel's.
    let (folder, link) = (agent.file("many"), agent.file("link"));
    fs::create_dir(&folder).unwrap();
    std::os::unix::fs::symlink(&outside, &link).unwrap();
    let over = AtomicBool::new(false);
    let exchanged = std::thread::scope(|scope| {
        let racing = scope.spawn(|| {
            let mut exchanged = 0_u64;
            while !over.load(Ordering::Relaxed) {
                let flags = RenameFlags::EXCHANGE;
                renameat_with(CWD, &folder, CWD, &link, flags).unwrap();
                exchanged += 1;
            }
            exchanged
        });
        // What comes of each file is not foreseen: some land, some are refused.
        house.copy(&["--recursive", many.to_str().unwrap(), "agent:"]);
        house.copy(&["--recursive", many.to_str().unwrap(), "agent:"]);
        over.store(true, Ordering::Relaxed);
        racing.join().unwrap()
    });
    assert!(exchanged > 100, "only {exchanged} exchanges");
    assert_eq!(everything(&outside), [""; 0], "after {exchanged} exchanges");
    // The session is as well as before.
    let (small, bytes) = house.noise("small", 1000);
    let after = house.copy(&[&small, "agent:"]);
    assert_eq!(after.code, Some(0), "{after}");
    assert!(fs::read(agent.file("small")).unwrap() == bytes);
    session.end("").unwrap();
}
