//! Somebody who is neither end nor relay: on the network, with somebody else's label, token, keys or
//! link.

use std::fs;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use deskside_link::Leg;
use deskside_link::random::System;
use deskside_protocol::channel::Channel;
use deskside_protocol::frame::{self, MAX_MESSAGE};
use deskside_protocol::key::SigningKey;
use deskside_protocol::label;
use deskside_protocol::recording::{Kind as Block, Reader, Step};
use deskside_protocol::seal::LineSecrets;
use deskside_protocol::session::{End, SessionId};
use deskside_protocol::wire::message::{Act, CommandStart, Message, Opening, message::Kind};
use deskside_protocol::wire::record::Seal;
use deskside_protocol::wire::signal::{Proof, Reattach, signal::Kind as Signal};
use deskside_tests::agent::{Agent, Wish};
use deskside_tests::hostile::packet::{Direction, stream_frame};
use deskside_tests::process::{PATIENCE, command, run};
use deskside_tests::relay::Relay;
use deskside_tests::tap::Way;
use prost::Message as _;
use serde_json::Value;
use tokio::runtime::Runtime;

use super::{assert_told, told};
use crate::house::{AGENT, Helped, House, TECHNICIAN};

/// A stranger's socket, which nobody answers who waits no longer than this.
fn stranger() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    socket
}

/// A packet with this head and noise behind it.
fn noise(head: &[u8], length: usize) -> Vec<u8> {
    let noise = deskside_tests::dice::Dice(length as u64).bytes(length as u64);
    [head, &noise].concat()
}

#[test]
fn a_label_that_is_somebody_elses() {
    let house = House::tapped(|_| ());
    let Helped { agent: _agent, session, .. } = house.helped("agent");
    assert_eq!(session.exec(&["true"], b"").unwrap().code, Some(0));
    let seen = house.tap().last(TECHNICIAN, Way::ToRelay, true).unwrap();
    let label = label::of_datagram(&seen).unwrap();
    let stranger = stranger();
    let relay = house.relay.address();
    // Noise under the agent's label, a packet of the technician's once more, and the beginning of a
    // connection: 2 MiB of it, twice what a line takes from elsewhere.
    let initial = [&[0xc3, 0, 0, 0, 1, 16][..], label.as_bytes(), &[1; 8], &[0]].concat();
    let short = [&[0x40][..], label.as_bytes()].concat();
    for _ in 0..600 {
        for packet in [noise(&short, 1200), seen.to_vec(), noise(&initial, 1200)] {
            stranger.send_to(&packet, relay).unwrap();
        }
    }
    // Nobody answers a stranger, and those whose line it is go on.
    assert!(stranger.recv(&mut [0; 2048]).is_err(), "the relay answered a stranger");
    assert_eq!(session.exec(&["echo", "well"], b"").unwrap().stdout, b"well\n");
    session.end("").unwrap();
}

#[test]
fn a_spoofed_source_address() {
    let house = House::tapped(|_| ());
    let Helped { agent, mut session, .. } = house.helped("agent");
    let count = agent.file("count");
    let counting = ["sh", "-c", "echo once >> \"$0\"", count.to_str().unwrap()];
    assert_eq!(session.exec(&counting, b"").unwrap().code, Some(0));
    let tap = house.tap();
    let line = tap.last(TECHNICIAN, Way::ToRelay, true).unwrap();
    let leg = tap.last(TECHNICIAN, Way::ToRelay, false).unwrap();
    let (to_line, to_leg) = (line.split_at(9).0.to_vec(), leg.split_at(9).0.to_vec());
    // As if he were the technician, and as if he were the relay: noise, and what passed before.
    for _ in 0..200 {
        for packet in [noise(&to_line, 600), noise(&to_leg, 600), line.to_vec(), leg.to_vec()] {
            tap.spoofs_end(TECHNICIAN, &packet).unwrap();
            tap.spoofs_relay(AGENT, &packet).unwrap();
            tap.spoofs_relay(TECHNICIAN, &packet).unwrap();
        }
    }
    assert_eq!(session.exec(&["echo", "well"], b"").unwrap().stdout, b"well\n");
    assert_eq!(fs::read_to_string(&count).unwrap(), "once\n");
    assert!(!told(&session.process, "gap"), "{:?}", session.process.heard());
    session.process.signal(rustix::process::Signal::TERM).unwrap();
    assert_eq!(session.process.end().unwrap(), Some(0));
}

#[test]
fn a_legs_packets_that_are_sent_from_elsewhere() {
    let house = House::tapped(|_| ());
    let Helped { agent: _agent, session, .. } = house.helped("agent");
    assert_eq!(session.exec(&["true"], b"").unwrap().code, Some(0));
    let tap = house.tap();
    let agents = tap.last(AGENT, Way::FromRelay, true).unwrap();
    let agents = label::of_datagram(&agents).unwrap();
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    stranger.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    let counting = "i=0; while [ $i -lt 80 ]; do echo $i; sleep 0.05; i=$((i+1)); done";
    let (alice, id) = (house.alice.clone(), session.id().to_owned());
    let traffic = std::thread::spawn(move || alice.exec(&id, &["sh", "-c", counting], b""));
    // The relay thinks that the leg has moved, and answers there. It looks where its legs are every
    // second, and then the leg is let go again. The line does not follow before the end has proved
    // that it is there too.
    let looked = Instant::now() + Duration::from_millis(1500);
    tap.divert(AGENT, Some(stranger.try_clone().unwrap())).unwrap();
    let (mut of_leg, mut of_line, mut buffer) = (0, 0, [0; 2048]);
    let until = Instant::now() + PATIENCE;
    while !traffic.is_finished() {
        while let Ok(length) = stranger.recv(&mut buffer) {
            // A stateless reset looks like anything: the line's packets have its label.
            let is_of_line = label::of_datagram(&buffer[..length]) == Some(agents);
            *if is_of_line { &mut of_line } else { &mut of_leg } += 1;
        }
        if of_leg > 3 && Instant::now() > looked {
            tap.divert(AGENT, None).unwrap();
        }
        assert_eq!(of_line, 0, "packets of the line went to a stranger");
        assert!(Instant::now() < until, "the leg was not diverted, or did not come back");
    }
    assert!(of_leg > 3, "{of_leg} packets of the leg");
    let ran = traffic.join().unwrap().unwrap();
    assert_eq!((ran.code, ran.stdout.split(|byte| *byte == b'\n').count()), (Some(0), 81), "{ran}");
    session.end("").unwrap();
}

#[test]
fn a_token_without_its_key() {
    let house = House::new();
    let Helped { mut agent, session, .. } = house.helped("agent");
    // What the agent keeps for a restart, read by somebody who may not have its key as well.
    let kept = fs::read_to_string(agent.folder().join("settings/agent/session")).unwrap();
    // A line with its hash stands in front.
    let kept: Value = serde_json::from_str(kept.split_once('\n').unwrap().1).unwrap();
    let token = kept["token"].as_str().unwrap();
    let token = data_encoding::HEXLOWER.decode(token.as_bytes()).unwrap();
    let link = house.relay.join().parse().unwrap();
    let key = SigningKey::generate(&mut System::new());
    let runtime = Runtime::new().unwrap();
    for signature in [vec![0; 64], vec![1; 64], Vec::new()] {
        runtime.block_on(async {
            let leg = Leg::dial(&link, &key, "hostile/1").await.unwrap();
            let mut signals = leg.open().await.unwrap();
            let token = token.clone().into();
            signals.send(Signal::Reattach(Reattach { token, fresh_line: true })).await.unwrap();
            let challenge = signals.receive().await.unwrap();
            assert!(matches!(challenge, Signal::Challenge(_)), "{challenge:?}");
            let proof = Proof { signature: signature.into() };
            signals.send(Signal::Proof(proof)).await.unwrap();
            let said = signals.receive().await;
            assert!(said.is_err(), "{said:?}");
        });
    }
    // Neither end has noticed anything: no gap, no other line.
    assert_eq!(session.exec(&["echo", "well"], b"").unwrap().stdout, b"well\n");
    let noticed =
        |events: &[Value]| events.iter().any(|it| it["event"] == "gap" || it["event"] == "line");
    assert!(!noticed(session.process.heard()));
    session.end("").unwrap();
    assert_eq!(agent.process.end().unwrap(), Some(0));
    assert!(!noticed(agent.process.heard()));
}

/// The secrets of a line that still lives, by an auditor's key: from a copy of the relay's file.
fn unsealed(house: &House, session: &str) -> LineSecrets {
    let file = house.relay.data().join("recordings").join(format!("{session}.dsr"));
    let bytes = fs::read(file).unwrap();
    let (mut reader, mut rest) = (Reader::new(), bytes.as_slice());
    loop {
        let Step::Block(block) = reader.next(&mut rest).unwrap() else { unreachable!("no seal") };
        if block.header.kind != Block::Seal {
            continue;
        }
        let seal = Seal::decode(block.body).unwrap();
        let sealed = house.path("seal.age");
        fs::write(&sealed, &seal.age).unwrap();
        let mut age = command("age");
        age.arg("-d").arg("-i").arg(house.alice.identity()).arg(&sealed);
        let opened = run("age", &mut age, None).unwrap();
        assert_eq!(opened.code, Some(0), "{opened}: is the package age installed?");
        let text = String::from_utf8(opened.stdout).unwrap();
        let session: SessionId = session.parse().unwrap();
        return LineSecrets::from_key_log(&text, session, 0, End::from_wire(seal.end).unwrap())
            .unwrap();
    }
}

/// A stream of the command channel that runs `argv`, with a MAC by whoever has not its key.
fn forged(argv: &[&str]) -> Vec<u8> {
    let opening = Opening { channel: Channel::Command.to_wire() as i32 };
    let argv = argv.iter().map(|word| (*word).to_owned()).collect();
    let start = Kind::CommandStart(CommandStart { argv, ..CommandStart::default() });
    let message = Message { kind: Some(start) }.encode_to_vec().into();
    let act = Act { mac: vec![7; 16].into(), message, ..Act::default() };
    let frame = |bytes: bytes::Bytes| bytes.to_vec();
    let opening = frame(frame::encode(&opening, MAX_MESSAGE).unwrap());
    [opening, frame(frame::encode(&act, MAX_MESSAGE).unwrap())].concat()
}

#[test]
fn a_live_injection_with_the_auditors_keys() {
    let house = House::tapped(|_| ());
    let log = vec![("RUST_LOG", "deskside_agent=warn".to_owned())];
    let wish = Wish { display: log, ..Wish::default() };
    let Helped { agent, session, .. } = house.helped_by(house.agent_as("agent", &wish));
    assert_eq!(session.exec(&["true"], b"").unwrap().code, Some(0));
    let secrets = unsealed(&house, session.id());
    // The technician dials: he is the client of TLS.
    let technician = Direction::of(&secrets.secrets[2]).unwrap();
    let seen = house.tap().last(TECHNICIAN, Way::ToRelay, true).unwrap();
    let seen = technician.open(&seen).unwrap();
    let marker = agent.file("marker");
    let frames = stream_frame(40, &forged(&["touch", marker.to_str().unwrap()]));
    // Well encrypted, the next one's number, from the technician's own address.
    let packet = technician.make(&seen.id, seen.number + 1, &frames).unwrap();
    house.tap().spoofs_end(TECHNICIAN, &packet).unwrap();
    // QUIC takes it for the technician's; the gate does not.
    agent.process.wait_for_words("a message was not the paired technician's", 1).unwrap();
    assert!(agent.process.words().contains("does not come from the paired technician"));
    assert!(!marker.exists());
}

#[test]
fn a_join_link_for_another_organisation() {
    let house = House::new();
    let Helped { mut agent, session, .. } = house.helped("agent");
    session.end("").unwrap();
    assert_eq!(agent.process.end().unwrap(), Some(0));
    let folder = agent.folder().join("settings/agent");
    let known = fs::read_to_string(folder.join("known.json")).unwrap();
    let configuration = format!("relay = \"{}\"\n", house.relay.join());
    fs::write(folder.join("config.toml"), &configuration).unwrap();

    // Somebody else's relay, under the same name, with a link that would allow everything.
    let other = Relay::start(&house.path("other")).unwrap();
    let link = format!("{}&allow=view,command,file&verified=true", other.join());
    let token = other.token().unwrap();
    let mallory = deskside_tests::technician::Technician::enrolled(&house.path("mallory"), token);
    let mallory = mallory.unwrap();
    let ticket = mallory.ticket("Fraud").unwrap();
    let wish = Wish { allow: "", ..Wish::default() };
    let mut agent = Agent::start(&house.path("agent"), &link, &wish).unwrap();
    let mut connect = mallory.connecting(&agent.code().unwrap(), &ticket).unwrap();
    let paired = agent.wait_for("paired").unwrap();
    assert_eq!(paired["organisation_known"], false, "{paired}");
    assert_eq!(paired["organisation"], "Example Help");
    // Nobody is there to say yes, and the link says it for nobody.
    assert_told(&mut connect, 3, "the user");
    assert_eq!(agent.wait_for("ended").unwrap()["reason"], "user_refused");
    assert_eq!(agent.process.end().unwrap(), Some(3));
    assert!(!told(&agent.process, "grant"));
    // Nothing of what this computer knows has changed.
    assert_eq!(fs::read_to_string(folder.join("known.json")).unwrap(), known);
    assert_eq!(fs::read_to_string(folder.join("config.toml")).unwrap(), configuration);

    // A technician's program does not change sides either.
    let account = house.alice.home().join("account.json");
    let before = fs::read_to_string(&account).unwrap();
    let invited = other.invite("carol", "technician").unwrap();
    let ran = house.alice.typing(&["enroll", "-"], &invited).unwrap();
    assert_eq!(ran.code, Some(3), "{ran}");
    assert!(ran.sentence().contains("this is another organisation"), "{ran}");
    assert_eq!(fs::read_to_string(&account).unwrap(), before);
}
