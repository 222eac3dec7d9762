//! A technician who has a files line, and sends on it what is no announced body.

use std::fs;

use bytes::Bytes;
use deskside_link::FilesLine;
use deskside_protocol::channel::Channel;
use deskside_protocol::close::CloseCode;
use deskside_protocol::policy::{FileBodies, Recording};
use deskside_protocol::wire::message::refusal::Cause;
use deskside_protocol::wire::message::{Act, CommandStart, Message, message::Kind};
use deskside_tests::agent::Agent;
use deskside_tests::hostile::{Said, Technician, apart};

use super::{MARKER, met};
use crate::house::House;

/// What the agent calls a stream that is no body.
const NOT_A_BODY: u64 = CloseCode::NotABody.number() as u64;

/// Nothing is recorded, so that statements need not be made; bodies pass apart all the same.
fn house() -> House {
    let house = House::new();
    let change = |policy: &mut deskside_protocol::policy::Policy| {
        policy.recording = Recording::Off;
        policy.file_bodies = FileBodies::HashOnly;
    };
    house.relay.change_policy(change).unwrap();
    house
}

/// What lies in the agent's folder.
#[track_caller]
fn assert_holds(agent: &Agent, names: &[&str]) {
    let entries = fs::read_dir(agent.file("")).unwrap();
    let mut all: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    all.retain(|name| !name.ends_with(".deskside-part"));
    all.sort();
    assert_eq!(all, names);
}

/// The session is as well as before: a file lands, its body apart.
#[track_caller]
fn assert_lands(hostile: &Technician, files: &FilesLine, name: &str) {
    let said = hostile.puts_apart(name, MARKER.as_bytes(), async |stream| {
        apart::body(files, stream, MARKER.as_bytes()).await?.finish();
        Ok(())
    });
    let said = said.unwrap();
    assert!(said.landed(), "{said:?}");
}

#[track_caller]
fn assert_refused(said: &Said, words: &str) {
    let refusal = said.refusal().unwrap();
    assert_eq!(refusal.cause(), Cause::BadRequest, "{refusal:?}");
    assert!(refusal.text.contains(words) && !said.landed(), "{said:?}");
}

fn touch(path: &std::path::Path) -> Message {
    let argv = ["touch", path.to_str().unwrap()].map(str::to_owned).to_vec();
    Message { kind: Some(Kind::CommandStart(CommandStart { argv, ..CommandStart::default() })) }
}

#[test]
fn anything_but_a_body_of_a_file() {
    let house = house();
    let mut agent = house.agent("agent");
    let mut hostile = met(&house, &mut agent);
    let marker = agent.file("marker");
    for channel in Channel::all().filter(|channel| *channel != Channel::File) {
        // By the main line's key and the stream's own number: as good as an act can be.
        let files = hostile.dials_files().unwrap().unwrap();
        hostile.block_on(async {
            let mut sender = files.beside().open::<Act>(channel).await.unwrap();
            let mut actor = hostile.line.act_key().actor(channel, sender.id());
            drop(sender.send(&actor.wrap(&touch(&marker))).await);
            let code = apart::closed(&files).await.unwrap();
            assert_eq!(code, Some(CloseCode::NotABody), "{channel:?}");
        });
    }
    // A stream that could be answered, as on the main line.
    let files = hostile.dials_files().unwrap().unwrap();
    hostile.block_on(async {
        let (mut send, _receive) = files.connection().open_bi().await.unwrap();
        drop(send.write_all(b"x").await);
        let code = apart::closed(&files).await.unwrap();
        assert_eq!(code, Some(CloseCode::NotABody));
    });
    assert!(!marker.exists());
    let files = hostile.dials_files().unwrap().unwrap();
    assert_lands(&hostile, &files, "fine");
    assert_holds(&agent, &["fine"]);
}

#[test]
fn bodies_that_nobody_waits_for() {
    let house = house();
    let mut agent = house.agent("agent");
    let mut hostile = met(&house, &mut agent);
    let files = hostile.dials_files().unwrap().unwrap();
    // Of no transfer, of the conversation's stream, and of a transfer that is over.
    let mut over = 0;
    let said = hostile.puts_apart("first", MARKER.as_bytes(), async |stream| {
        over = stream;
        apart::body(&files, stream, MARKER.as_bytes()).await?.finish();
        Ok(())
    });
    assert!(said.unwrap().landed());
    for stream in [0, over, over + 4, u64::MAX] {
        let code = hostile.block_on(apart::unwanted(&files, stream)).unwrap();
        assert_eq!(code, NOT_A_BODY, "{stream}");
    }
    // Twice for one transfer: one of the two is taken.
    let said = hostile.puts_apart("twice", MARKER.as_bytes(), async |stream| {
        let mut one = apart::body(&files, stream, MARKER.as_bytes()).await?;
        let mut two = apart::body(&files, stream, MARKER.as_bytes()).await?;
        let (one, two) = tokio::join!(apart::stopped(&mut one), apart::stopped(&mut two));
        let codes = [one?, two?];
        assert_eq!(codes.iter().filter(|code| **code == NOT_A_BODY).count(), 1, "{codes:?}");
        Ok(())
    });
    assert!(said.unwrap().landed());
    // What stands for a datagram means nothing, and holds nothing up.
    for _ in 0..1_000 {
        files.beside().send(Bytes::from(vec![7; 1_000]));
    }
    assert_lands(&hostile, &files, "fine");
    assert_holds(&agent, &["fine", "first", "twice"]);
}

#[test]
fn bodies_that_are_not_what_was_announced() {
    let house = house();
    let mut agent = house.agent("agent");
    let mut hostile = met(&house, &mut agent);
    let files = hostile.dials_files().unwrap().unwrap();
    // More than was announced, without an end.
    let said = hostile
        .puts_apart("flood", MARKER.as_bytes(), async |stream| apart::flood(&files, stream).await);
    assert_refused(&said.unwrap(), "more bytes than it had announced");
    // Less.
    let said = hostile.puts_apart("short", MARKER.as_bytes(), async |stream| {
        apart::body(&files, stream, b"short").await?.finish();
        Ok(())
    });
    assert_refused(&said.unwrap(), "fewer bytes than it had announced");
    // As much, and other bytes.
    let other = MARKER.to_uppercase();
    let said = hostile.puts_apart("other", MARKER.as_bytes(), async |stream| {
        apart::body(&files, stream, other.as_bytes()).await?.finish();
        Ok(())
    });
    let said = said.unwrap();
    let failed = |kind: &Kind| matches!(kind, Kind::FileDone(done) if done.failed.is_some());
    assert!(said.kinds.iter().any(failed) && !said.landed(), "{said:?}");

    assert_lands(&hostile, &files, "fine");
    assert_holds(&agent, &["fine"]);
}

#[test]
fn a_way_that_is_not_the_policys() {
    // The body on the main line, where it would be recorded against the policy's word.
    let apart_only = house();
    let mut agent = apart_only.agent("agent");
    let mut hostile = met(&apart_only, &mut agent);
    let said = hostile.puts(&[], &["along"], MARKER.as_bytes()).unwrap();
    assert_refused(&said, "does not have the bodies of files recorded");
    let files = hostile.dials_files().unwrap().unwrap();
    assert_lands(&hostile, &files, "fine");
    assert_holds(&agent, &["fine"]);

    // And apart, where the policy has bodies recorded: neither relay nor agent hear of it.
    let recorded = super::house();
    let mut agent = recorded.agent("agent");
    let mut hostile = met(&recorded, &mut agent);
    assert!(hostile.dials_files().unwrap().is_none(), "the relay gave a files line");
    let said = hostile.puts_apart("apart", MARKER.as_bytes(), async |_| Ok(())).unwrap();
    assert_refused(&said, "has the bodies of files recorded");
    assert!(hostile.puts(&[], &["fine"], MARKER.as_bytes()).unwrap().landed());
    assert_holds(&agent, &["fine"]);
}
