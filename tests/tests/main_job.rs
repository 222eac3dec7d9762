//! The main job: pair by code, see, command, end, read the ticket, prove the recording.

use image::GenericImageView as _;
use serde_json::json;

use crate::house::{Helped, House};

#[test]
fn pair_see_command_end_and_prove() {
    let house = House::new();
    let Helped { mut agent, session, ticket } = house.helped("agent");
    let paired = agent.wait_for("paired").unwrap();
    assert_eq!((&paired["verified"], &paired["ticket"]), (&json!(true), &json!(ticket)));
    assert_eq!(paired["subject"], "The printer is on fire");
    assert_eq!(session.opened()["ticket"].to_string(), ticket);
    assert!(session.opened()["device"]["hostname"].is_string(), "{}", session.opened());

    let picture = house.path("screen.png");
    let shot = house.alice.run(&["screenshot", "-o", picture.to_str().unwrap()]).unwrap();
    let shot = shot.done().unwrap();
    let (width, height) = image::open(&picture).unwrap().dimensions();
    assert_eq!((&shot["width"], &shot["height"]), (&json!(width), &json!(height)));

    let said = session.exec(&["echo", "hello"], b"").unwrap();
    assert_eq!((said.code, said.stdout.as_slice()), (Some(0), b"hello\n".as_slice()));

    // Each grant is asked for when it is first needed.
    let info = house.alice.run(&["info"]).unwrap().done().unwrap();
    assert_eq!(info["session"], session.id());
    assert_eq!(info["grants"], json!(["view", "command"]));
    assert_eq!((&info["recorded"], &info["connected"]), (&json!(true), &json!(true)));

    let id = session.id().to_owned();
    session.end("Put the fire out.").unwrap();
    let ended = agent.wait_for("ended").unwrap();
    assert_eq!(ended["reason"], "technician_ended");
    assert_eq!(agent.process.end().unwrap(), Some(0));

    let shown = house.alice.shown(&ticket).unwrap();
    let notes = shown["notes"].as_array().unwrap();
    let note = notes.iter().find(|note| note["signed"] == true).expect("a signed note");
    let text = note["text"].as_str().unwrap();
    assert!(text.contains("Put the fire out.") && text.contains("echo"), "{text}");

    let listed = house.alice.run(&["audit", "list"]).unwrap().done().unwrap();
    assert_eq!((&listed["session"], &listed["closed"].is_string()), (&json!(id), &true));
    let file = house.fetched(&id);
    let file = file.to_str().unwrap();
    let verdict = house.alice.run(&["audit", "verify", file]).unwrap().done().unwrap();
    assert_eq!(verdict["verdict"], "verified");
    let identity = house.alice.identity();
    let words = ["audit", "verify", file, "--identity", identity.to_str().unwrap()];
    let verdict = house.alice.run(&words).unwrap().done().unwrap();
    assert_eq!(
        (&verdict["verdict"], &verdict["seals"]["equal"]),
        (&json!("verified"), &json!([0]))
    );
    let online = house.alice.run(&["audit", "verify", &id]).unwrap().done().unwrap();
    assert_eq!(online["verdict"], "verified");
    house.relay.stop().unwrap();
}

#[test]
fn a_command_is_as_if_it_ran_here() {
    let house = House::new();
    let Helped { agent: _agent, session, .. } = house.helped("agent");
    let shell = |script: &str, input: &[u8]| session.exec(&["sh", "-c", script], input).unwrap();

    let apart = shell("printf out; printf err >&2; exit 7", b"");
    assert_eq!((apart.code, apart.stderr.as_str()), (Some(7), "err"));
    assert_eq!(apart.stdout, b"out");

    // Larger than every buffer on the way, and no text.
    let input: Vec<u8> = (0..=255).cycle().take(1_000_003).collect();
    let back = session.exec(&["cat"], &input).unwrap();
    assert!(back.code == Some(0) && back.stdout == input, "{} bytes came back", back.stdout.len());

    assert_eq!(session.exec(&["no-such-program-here"], b"").unwrap().code, Some(5));
    assert_eq!(shell("kill -TERM $$", b"").code, Some(128 + 15));

    let words = ["exec", "--timeout", "0.2", "--", "sleep", "600"];
    let late = house.alice.run(&words).unwrap();
    assert_eq!(late.code, Some(124));
    assert_eq!(late.events().unwrap().pop().unwrap(), json!({"event": "exit", "timeout": true}));
    let quick = house.alice.run(&["exec", "--", "sh", "-c", "exit 124"]).unwrap();
    assert_eq!(quick.code, Some(124));
    assert_eq!(quick.events().unwrap().pop().unwrap(), json!({"event": "exit", "code": 124}));
    session.end("").unwrap();
}

#[test]
fn several_commands_run_side_by_side() {
    let house = House::new();
    let Helped { agent: _agent, session, .. } = house.helped("agent");
    let fifo = house.path("agent/files/meeting");
    let fifo = fifo.to_str().unwrap();
    assert_eq!(session.exec(&["mkfifo", fifo], b"").unwrap().code, Some(0));
    // Each waits for the other: one after the other they would never end.
    let (alice, id) = (&house.alice, session.id());
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| alice.exec(id, &["cat", fifo], b"").unwrap());
        let wrote = alice.exec(id, &["sh", "-c", "echo met > \"$0\"", fifo], b"").unwrap();
        assert_eq!(wrote.code, Some(0), "{wrote}");
        assert_eq!(reading.join().unwrap().stdout, b"met\n");
    });
    session.end("").unwrap();
}
