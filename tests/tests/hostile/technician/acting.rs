//! A technician who acts without a grant, before his time, or on another line.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use deskside_link::random::System;
use deskside_protocol::channel::Channel;
use deskside_protocol::code::Code;
use deskside_protocol::grant::{Grant, GrantSet};
use deskside_protocol::key::SigningKey;
use deskside_protocol::wire::message::refusal::Cause;
use deskside_protocol::wire::message::{
    CommandStart, FileGet, GrantRequest, Introduction, Lease, Revoked, message::Kind,
};
use deskside_tests::agent::{Agent, Wish};
use deskside_tests::hostile::Technician;
use deskside_tests::light::{self};
use tokio::runtime::Runtime;

use super::{MARKER, SECRET, access, agent_that_allows, house, met};
use crate::hostile::{Den, told};
use crate::house::{AGENT, House};

fn touch(path: &Path) -> Kind {
    let argv = ["touch", path.to_str().unwrap()].map(str::to_owned).to_vec();
    Kind::CommandStart(CommandStart { argv, ..CommandStart::default() })
}

#[test]
fn a_forged_grant() {
    let house = house();
    let mut agent = agent_that_allows(&house, "agent", "view");
    let code = agent.code().unwrap();
    // What was signed is what counts, whatever the introduction says.
    let view = GrantSet::from(Grant::View);
    let mut hostile = Technician::meets(&access(&house), &code, view).unwrap();
    let answer = hostile.introduces(GrantSet::all()).unwrap();
    let Kind::Lease(lease) = answer else { panic!("{answer:?}") };
    assert_eq!(GrantSet::from_wire(&lease.grants), view);

    let all = GrantSet::all().to_wire();
    // Claims that are only an agent's to make are answered as what they are, and change nothing.
    for claim in [
        Kind::Lease(Lease { grants: all.clone(), device: None, terms: Vec::new() }),
        Kind::Introduction(Introduction { requested: all.clone(), software: String::new() }),
        Kind::Revoked(Revoked { grants: Vec::new() }),
    ] {
        let answer = hostile.converses(claim).unwrap();
        let Some(Kind::Refusal(refusal)) = answer else { panic!("{answer:?}") };
        assert_eq!(refusal.cause(), Cause::BadRequest);
    }
    // Nobody is there to say yes.
    let wish = GrantRequest { grants: all, why: "because".to_owned() };
    let answer = hostile.converses(Kind::GrantRequest(wish)).unwrap();
    let Some(Kind::Refusal(refusal)) = answer else { panic!("{answer:?}") };
    assert_eq!(refusal.cause(), Cause::UserRefused, "{refusal:?}");

    // And without a grant nothing acts.
    let marker = agent.file("marker");
    let said = hostile.says(Channel::Command, vec![touch(&marker)]).unwrap();
    assert_eq!(said.refusal().unwrap().cause(), Cause::UserRefused, "{said:?}");
    let said = hostile.puts(&[], &["marker"], MARKER.as_bytes()).unwrap();
    assert!(said.refusal().is_some() && !said.landed(), "{said:?}");
    fs::write(agent.file("private"), SECRET).unwrap();
    let said = hostile.gets(&["private"], false).unwrap();
    assert!(said.refusal().is_some() && said.bodies.is_empty(), "{said:?}");
    for channel in [Channel::Shell, Channel::Input, Channel::Clipboard, Channel::Pointer] {
        let said = hostile.says(channel, vec![touch(&marker)]).unwrap();
        assert!(said.refusal().is_some(), "{channel:?}: {said:?}");
    }
    assert!(!marker.exists());
    let Kind::Refusal(_) = hostile.converses(touch(&marker)).unwrap().unwrap() else {
        panic!("a command in the conversation")
    };
    assert!(!told(&agent.process, "action"));
    agent.wait_for("refused").unwrap();
    assert!(!marker.exists());
}

#[test]
fn lines_of_any_other_kind() {
    let den = Den::new();
    let mut agent = den.agent("agent");
    let code = agent.code().unwrap();
    let played = den.liar.plays_technician(&code, GrantSet::all()).unwrap();
    let stranger = SigningKey::generate(&mut System::new());
    let (first, second) = (agent.file("first"), agent.file("second"));
    den.liar.block_on(async {
        // Another protocol on the line, the files line among them: nobody answers to that.
        for alpn in [&b"deskside-line-files/1"[..], b"deskside-line/2", b"h3", b"deskside-leg/1"] {
            let refused = played.dial(alpn, None).await.err().unwrap();
            let said = format!("{refused:#}");
            assert!(
                said.contains("no known application protocol") || said.contains("120"),
                "{said}"
            );
        }
        // A key that was not confirmed: believed by nobody.
        let strange = played.dial(b"deskside-line/1", Some(&stranger)).await.unwrap();
        let said = strange.connection.closed().await.to_string();
        assert!(said.contains("certificate"), "{said}");

        // The one that was. Nothing acts before it has introduced itself.
        let line = played.dial(b"deskside-line/1", None).await.unwrap();
        let hello = Kind::Introduction(Introduction::default());
        let (_sender, mut receiver, _actor) =
            line.says(Channel::Control, vec![hello]).await.unwrap();
        let lease = receiver.receive().await.unwrap().unwrap().kind;
        assert!(matches!(lease, Some(Kind::Lease(_))), "{lease:?}");

        // A second line while it lives, by the same key and by another.
        for key in [None, Some(&stranger)] {
            if let Ok(second_line) = played.dial(b"deskside-line/1", key).await {
                drop(second_line.says(Channel::Command, vec![touch(&second)]).await);
                let said = second_line.connection.closed().await.to_string();
                assert!(!said.is_empty());
            }
        }
        let (_sender, mut receiver, _actor) =
            line.says(Channel::Command, vec![touch(&first)]).await.unwrap();
        let exit = receiver.receive().await.unwrap().unwrap().kind;
        assert!(matches!(exit, Some(Kind::CommandExit(_))), "{exit:?}");
    });
    assert!(first.exists(), "the first line is as well as before");
    assert!(!second.exists(), "a second line acted");
}

#[test]
fn a_command_before_the_introduction() {
    let den = Den::new();
    let mut agent = den.agent("agent");
    let code = agent.code().unwrap();
    let played = den.liar.plays_technician(&code, GrantSet::all()).unwrap();
    let marker = agent.file("marker");
    den.liar.block_on(async {
        let line = played.dial(b"deskside-line/1", None).await.unwrap();
        drop(line.says(Channel::Command, vec![touch(&marker)]).await.unwrap());
        line.connection.closed().await
    });
    assert_eq!(agent.wait_for("ended").unwrap()["reason"], "technician_lost");
    assert!(!marker.exists() && !told(&agent.process, "grant"));
}

#[test]
fn data_before_the_seals() {
    let house = House::tapped(|_| ());
    let mut agent = house.agent("agent");
    let code = Code::parse(&agent.code().unwrap()).unwrap();
    let access = access(&house);
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let leg = light::technician_leg(&access).await.unwrap();
        let half = light::join(&access, &leg, &code).await.unwrap();
        // The line, and no seal of ours: only a handshake's bytes go through, whatever is sent.
        let line = half.dial_unsealed(&leg).await.unwrap();
        let mut stream = line
            .open::<deskside_protocol::wire::message::Act, deskside_protocol::wire::message::Message>(
                Channel::File,
            )
            .await
            .unwrap();
        let flood = async {
            loop {
                stream.sender.send_body(Bytes::from(vec![0; 100_000])).await.unwrap();
            }
        };
        drop(tokio::time::timeout(std::time::Duration::from_secs(3), flood).await);
    });
    let to_agent = house.tap().look(|seen| {
        let left = |seen: &&deskside_tests::tap::Seen| {
            seen.door == AGENT && seen.way == deskside_tests::tap::Way::FromRelay
        };
        seen.iter().filter(left).map(|seen| seen.length as u64).sum::<u64>()
    });
    let budget = deskside_protocol::recording::format::HANDSHAKE_BYTES;
    assert!((1_000..=budget).contains(&to_agent), "{to_agent} bytes of {budget}");
    assert!(!told(&agent.process, "grant"));
}

#[test]
fn a_message_that_is_too_long() {
    let house = house();
    let mut agent = house.agent("agent");
    let hostile = met(&house, &mut agent);
    let marker = agent.file("marker");
    let before = agent.process.resident().unwrap();
    // A length that no message has, and then as much as the line takes; then no message at all.
    for head in [u32::MAX, 700_000, 16] {
        let bytes = [&head.to_be_bytes()[..], &vec![0xff; 4_000_000]].concat();
        for channel in [Channel::Command, Channel::File, Channel::Screen] {
            hostile.shouts(channel, bytes.clone());
        }
    }
    let after = agent.process.resident().unwrap();
    assert!(after < before + 64 * 1024 * 1024, "{before} bytes, then {after}");
    let said = hostile.says(Channel::Command, vec![touch(&marker)]).unwrap();
    assert!(matches!(said.kinds.last(), Some(Kind::CommandExit(_))), "{said:?}");
    assert!(marker.exists());
}

#[test]
fn a_burst_of_questions() {
    let house = house();
    let wish = Wish { allow: "view", typing: true, ..Wish::default() };
    let mut agent = house.agent_as("agent", &wish);
    fs::write(agent.file("private"), SECRET).unwrap();
    let code = agent.code().unwrap();
    let view = GrantSet::from(Grant::View);
    let mut hostile = Technician::meets(&access(&house), &code, view).unwrap();
    hostile.introduces(view).unwrap();
    let before = agent.process.resident().unwrap();
    let question = "would like to take files from this computer";
    let questions = |agent: &Agent| agent.process.words().matches(question).count();
    let asks = Kind::FileGet(FileGet { path: vec!["private".to_owned()], ..FileGet::default() });
    let said = std::thread::scope(|scope| {
        let bursting = scope.spawn(|| hostile.says_often(Channel::File, &asks, 400).unwrap());
        // One question at a time, as long as nobody answers.
        for refused in 0..3 {
            agent.process.wait_for_words(question, refused + 1).unwrap();
            assert_eq!(questions(&agent), refused + 1);
            agent.types("n").unwrap();
        }
        bursting.join().unwrap()
    });
    // After three times no nobody is asked any more.
    assert_eq!(questions(&agent), 3);
    assert_eq!(said.len(), 400);
    for said in said {
        assert_eq!(said.refusal().unwrap().cause(), Cause::UserRefused, "{said:?}");
        assert!(said.bodies.is_empty());
    }
    let after = agent.process.resident().unwrap();
    assert!(after < before + 16 * 1024 * 1024, "{before} bytes, then {after}");
}
