//! The relay's log of sessions against whoever runs the relay: a session that was deleted, a log
//! that was cut back or forked, a recording in an older state. And against SIGKILL.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deskside_protocol::log::tile::{self, Content, WIDTH};
use deskside_protocol::log::tree::leaf_hash;
use deskside_protocol::log::{Frontier, Leaf, SignedHead, TilePath, What};
use deskside_protocol::policy::Recording;
use deskside_protocol::session::SessionId;
use deskside_tests::dice::Dice;
use deskside_tests::light::{Access, agent_leg, pair, technician_leg};
use deskside_tests::process::Ran;
use deskside_tests::relay::Relay;
use deskside_tests::technician::Technician;
use deskside_tests::web;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::house::{Helped, House};

/// A house whose relay can be killed and found again where it was.
fn house() -> House {
    House::with(|data| Relay::start_lasting(data).unwrap())
}

/// A whole session, by alice. Gives its id.
fn session(house: &House, name: &str) -> String {
    let Helped { agent: _agent, session, .. } = house.helped(name);
    let id = session.id().to_owned();
    session.end("").unwrap();
    id
}

/// Copies a folder.
fn copied(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for found in fs::read_dir(from).unwrap() {
        let found = found.unwrap();
        let to = to.join(found.file_name());
        if found.file_type().unwrap().is_dir() {
            copied(&found.path(), &to);
        } else {
            fs::copy(found.path(), to).unwrap();
        }
    }
}

/// Stops the relay, does something with its folder, and starts it again.
fn meanwhile(house: &mut House, work: impl FnOnce(&Path)) {
    house.relay.kill().unwrap();
    work(house.relay.data());
    house.relay.restart().unwrap();
}

/// Puts everything back to how it was but what `keeps` says.
fn rolled_back(data: &Path, backup: &Path, keeps: &[&str]) {
    for found in fs::read_dir(data).unwrap() {
        let found = found.unwrap();
        if keeps.iter().any(|name| found.file_name() == **name) {
            continue;
        }
        if found.file_type().unwrap().is_dir() {
            fs::remove_dir_all(found.path()).unwrap();
        } else {
            fs::remove_file(found.path()).unwrap();
        }
    }
    for found in fs::read_dir(backup).unwrap() {
        let found = found.unwrap();
        if keeps.iter().any(|name| found.file_name() == **name) {
            continue;
        }
        if found.file_type().unwrap().is_dir() {
            copied(&found.path(), &data.join(found.file_name()));
        } else {
            fs::copy(found.path(), data.join(found.file_name())).unwrap();
        }
    }
}

fn last(ran: &Ran) -> Value {
    ran.events().unwrap().pop().unwrap()
}

#[test]
fn a_session_that_was_deleted_whole_shows() {
    let mut house = house();
    let kept = session(&house, "one");
    let backup = house.path("backup");
    meanwhile(&mut house, |data| copied(data, &backup));
    let deleted = session(&house, "two");
    let listed = house.alice.run(&["audit", "list"]).unwrap();
    assert_eq!((listed.code, listed.events().unwrap().len()), (Some(0), 2), "{listed}");
    // No trace is left of it, neither in the database nor on the disk.
    meanwhile(&mut house, |data| rolled_back(data, &backup, &["log"]));
    assert!(!house.relay.data().join(format!("recordings/{deleted}.dsr")).exists());
    let listed = house.alice.run(&["audit", "list"]).unwrap();
    assert_eq!(listed.code, Some(7), "{listed}");
    let events = listed.events().unwrap();
    assert_eq!((events.len(), &events[0]["session"]), (2, &kept.as_str().into()));
    assert_eq!(
        (&events[1]["session"], &events[1]["deleted"]),
        (&deleted.as_str().into(), &true.into())
    );
    let log = house.alice.run(&["audit", "log"]).unwrap();
    assert_eq!((log.code, &last(&log)["deleted"]), (Some(7), &vec![deleted.as_str()].into()));
    // One whose file alone is gone shows as well.
    fs::remove_file(house.relay.data().join(format!("recordings/{kept}.dsr"))).unwrap();
    let log = house.alice.run(&["audit", "log"]).unwrap();
    assert_eq!(last(&log)["deleted"].as_array().unwrap().len(), 2);
}

#[test]
fn a_log_that_was_cut_back_or_forked_is_refused_by_who_saw_more() {
    let mut house = house();
    session(&house, "one");
    let bob = house.relay.invite("bob", "technician,auditor").unwrap();
    let bob = Technician::enrolled(&house.path("bob"), &bob).unwrap();
    let backup = house.path("backup");
    meanwhile(&mut house, |data| copied(data, &backup));
    let before = last(&bob.run(&["audit", "log"]).unwrap());
    assert_eq!(before["size"], 2);
    let hidden = session(&house, "two");
    meanwhile(&mut house, |data| rolled_back(data, &backup, &[]));
    let mut agent = house.agent("three");
    let code = agent.code().unwrap();
    let refused = |words: &str| {
        let ran = house.alice.refused(&code, "1001").unwrap();
        assert_eq!(ran.code, Some(7), "{ran}");
        assert!(ran.sentence().contains(words), "{ran}");
        let log = house.alice.run(&["audit", "log"]).unwrap();
        assert_eq!(log.code, Some(7), "{log}");
    };
    refused("was cut back");
    // Bob never saw what is gone: for him it goes on, and becomes longer than it was.
    let ticket = bob.ticket("Another").unwrap();
    for name in ["four", "five"] {
        let mut agent = house.agent(name);
        bob.connect(&agent.code().unwrap(), &ticket).unwrap().end("").unwrap();
    }
    let after = last(&bob.run(&["audit", "log"]).unwrap());
    assert_eq!((&after["size"], &after["origin"]), (&6.into(), &before["origin"]));
    refused("was rewritten");
    assert!(!house.relay.data().join(format!("recordings/{hidden}.dsr")).exists());
}

#[test]
fn a_recording_in_an_older_state_is_named() {
    let house = house();
    let Helped { agent: _agent, session, ticket } = house.helped("agent");
    let id = session.id().to_owned();
    assert_eq!(session.exec(&["echo", "early"], b"").unwrap().code, Some(0));
    let file = house.relay.data().join(format!("recordings/{id}.dsr"));
    let early = fs::read(&file).unwrap();
    assert_eq!(session.exec(&["echo", "late"], b"").unwrap().code, Some(0));
    session.end("").unwrap();
    // The note has the head, and the head has the session.
    let shown = house.alice.shown(&ticket).unwrap().to_string();
    assert!(shown.contains("Log of the relay: 2 entries, root "), "{shown}");

    let verify = |what: &str| house.alice.run(&["audit", "verify", what]).unwrap();
    let online = verify(&id);
    let told = last(&online);
    assert_eq!((online.code, &told["log"]["state"]), (Some(0), &"proven".into()), "{told}");
    assert_eq!((&told["log"]["opened"], &told["log"]["closed"]), (&0.into(), &1.into()));
    let fetched = house.fetched(&id);
    let path = fetched.to_str().unwrap();
    let offline = verify(path);
    assert_eq!(last(&offline)["log"]["state"], "proven");
    assert_eq!(last(&offline)["note"], "same", "{offline}");
    assert_eq!(last(&offline)["log"]["accesses"], 2);

    let whole = fs::read(&file).unwrap();
    fs::write(&file, &early).unwrap();
    let older = verify(&id);
    let told = last(&older);
    assert_eq!((older.code, &told["log"]["state"]), (Some(7), &"disputed".into()), "{told}");
    assert!(told.to_string().contains("this is not the last state of it"), "{told}");
    fs::write(&file, whole).unwrap();
    // And offline, by the proof that was kept beside it.
    fs::write(&fetched, early).unwrap();
    assert_eq!(last(&verify(path))["log"]["state"], "disputed");
    fs::copy(&file, &fetched).unwrap();
    let proof = house.path("fetched.dsr.proof");
    let good = fs::read(&proof).unwrap();
    for at in 0..good.len() {
        let mut bent = good.clone();
        bent[at] ^= 1 << (at % 8);
        fs::write(&proof, bent).unwrap();
        // Each byte matters somewhere; a few hundred runs of a program would say no more.
        if at % 97 == 0 {
            let ran = verify(path);
            // Where it is the note's own tag that was bent, there is no note beside it any more.
            let gone = last(&ran)["note"].is_null();
            assert!(ran.code == Some(7) || gone, "byte {at}: {ran}");
        }
    }
    fs::remove_file(&proof).unwrap();
    let bare = verify(path);
    assert_eq!((bare.code, &last(&bare)["log"]["state"]), (Some(0), &"no-proof".into()));
}

#[test]
fn a_hold_is_in_the_log_and_in_the_list() {
    let house = house();
    let id = session(&house, "agent");
    for (words, held) in [(&[][..], true), (&["--release"], false)] {
        let hold = ["audit", "hold", &id, "--reason", "court order"];
        let ran = house.alice.run(&[&hold[..], words].concat()).unwrap();
        assert_eq!((ran.code, &last(&ran)["held"]), (Some(0), &held.into()), "{ran}");
        let listed = last(&house.alice.run(&["audit", "list"]).unwrap());
        assert_eq!(listed["held"], held);
        let verdict = last(&house.alice.run(&["audit", "verify", &id]).unwrap());
        assert_eq!(verdict["log"]["held"], held);
    }
    let log = last(&house.alice.run(&["audit", "log"]).unwrap());
    assert_eq!((&log["holds"], &log["accesses"], &log["size"]), (&2.into(), &2.into(), &6.into()));
    // Not on the address for people.
    for path in ["/log/checkpoint", "/log/tile/0/000.p/1"] {
        assert_eq!(web::get(house.relay.http(), path, &[]).unwrap().status, 404);
        assert_eq!(web::get(house.relay.admin(), path, &[]).unwrap().status, 200);
    }
    let lead = house.relay.invite("lea", "lead,technician").unwrap();
    let lea = Technician::enrolled(&house.path("lea"), &lead).unwrap();
    let refused = lea.run(&["audit", "hold", &id, "--reason", "curious"]).unwrap();
    assert_eq!(refused.code, Some(3), "{refused}");
}

/// What the ends were told of.
#[derive(Default)]
struct Told {
    began: Vec<SessionId>,
    ended: Vec<SessionId>,
}

/// The whole log, as any reader of such logs gets it: the leaves, once their hashes have led to the
/// root that the node signed.
fn read(relay: &Relay, access: &Access) -> Vec<Leaf> {
    let get = |path: &str| {
        let answer = web::get(relay.admin(), path, &[]).unwrap();
        assert_eq!(answer.status, 200, "{path}");
        answer.body
    };
    let signed = SignedHead::parse(&get("/log/checkpoint")).unwrap();
    signed.verify(&access.link.node).unwrap();
    let (mut tree, mut leaves) = (Frontier::default(), Vec::new());
    for index in 0..signed.head.size.div_ceil(WIDTH) {
        let path = |content| TilePath::of(content, index, signed.head.size).unwrap().to_string();
        let bundle = get(&format!("/log/{}", path(Content::Entries)));
        let (entries, used) = tile::entries(&bundle);
        assert_eq!(used, bundle.len());
        let hashes: Vec<_> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        assert_eq!(get(&format!("/log/{}", path(Content::Hashes(0)))), hashes.concat());
        hashes.into_iter().for_each(|hash| tree.push(hash));
        leaves.extend(entries.iter().map(|entry| Leaf::decode(entry).unwrap()));
    }
    assert_eq!((tree.size(), tree.root()), (signed.head.size, signed.head.root));
    leaves
}

/// How often each session begins and ends in a log.
fn counted(leaves: &[Leaf]) -> HashMap<SessionId, (u32, u32)> {
    let mut all: HashMap<_, (u32, u32)> = HashMap::new();
    for leaf in leaves {
        let known = all.entry(leaf.session).or_default();
        known.0 += u32::from(matches!(leaf.what, What::Open { .. }));
        known.1 += u32::from(matches!(leaf.what, What::Close { .. }));
    }
    all
}

/// Sessions, one after the other, until the relay is gone.
async fn meet(access: Access, told: Arc<Mutex<Told>>) -> anyhow::Result<()> {
    let technician = technician_leg(&access).await?;
    loop {
        let agent = agent_leg(&access).await?;
        let met = pair(&access, &agent, &technician).await?;
        let id = met.agent.given.session;
        told.lock().unwrap_or_else(PoisonError::into_inner).began.push(id);
        met.end().await?;
        told.lock().unwrap_or_else(PoisonError::into_inner).ended.push(id);
    }
}

/// Fifty times, at moments that a dice chooses, in the middle of sessions that open and close.
#[test]
fn no_kill_takes_from_the_log_what_anybody_was_told_of() {
    const KILLS: u64 = 50;
    let mut house = House::with(|data| {
        // All ends are at one address, which stands for many.
        let folder = data.with_extension("home").join(".config/deskside");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("relay.toml"), "unlimited = [\"127.0.0.0/8\"]\n").unwrap();
        Relay::start_lasting(data).unwrap()
    });
    house.relay.change_policy(|policy| policy.recording = Recording::Required).unwrap();
    let ticket = house.alice.ticket("Kills").unwrap();
    let access = Access::read(house.alice.home(), ticket).unwrap();
    let told = Arc::new(Mutex::new(Told::default()));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (mut dice, mut whole) = (Dice(7), Vec::new());
    for round in 0..KILLS {
        let workers = runtime.block_on(async {
            let mut workers = JoinSet::new();
            for _ in 0..4 {
                workers.spawn(meet(access.clone(), told.clone()));
            }
            // A moment is what is drawn here: nothing is waited for.
            tokio::time::sleep(Duration::from_millis(60 + dice.below(300))).await;
            workers
        });
        house.relay.kill().unwrap();
        // What they hear last is that the relay is gone.
        runtime.block_on(async {
            let mut workers = workers;
            workers.abort_all();
            while workers.join_next().await.is_some() {}
        });
        house.relay.restart().unwrap();
        let leaves = read(&house.relay, &access);
        assert!(leaves.starts_with(&whole), "the log of round {round} does not go on");
        whole = leaves;
        let told = told.lock().unwrap_or_else(PoisonError::into_inner);
        let known = counted(&whole);
        for id in &told.began {
            let (began, ended) = known.get(id).copied().unwrap_or_default();
            assert!(began == 1 && ended <= 1, "{id}: {began} and {ended}, in round {round}");
        }
        for id in &told.ended {
            assert_eq!(known[id].1, 1, "{id} ended, in round {round}");
        }
    }
    let told = told.lock().unwrap_or_else(PoisonError::into_inner);
    println!(
        "{} sessions began, {} ended, {} entries",
        told.began.len(),
        told.ended.len(),
        whole.len()
    );
    assert!(told.ended.len() as u64 > KILLS, "too little happened");
}
