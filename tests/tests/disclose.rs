//! A part of a recording that an auditor hands out, and what somebody outside makes of it.

use deskside_protocol::recording::{Kind, Reader, Step};
use deskside_tests::technician::Technician;
use serde_json::Value;

use crate::export::Exported;

#[test]
fn a_part_is_handed_out_and_whose_word_it_is_shows_without_an_account() {
    let exported = Exported::new();
    let house = &exported.house;
    let (file, out) = (exported.file.to_str().unwrap(), house.path("a.excerpt"));
    let excerpt = out.to_str().unwrap();
    let words = ["audit", "disclose", file, "--channels", "command,chat", "-o", excerpt];
    let told = house.alice.run(&words).unwrap().done().unwrap();
    assert_eq!(
        (&told["event"], &told["streams"]),
        (&"disclosed".into(), &told["proven"]),
        "{told}"
    );

    // Somebody outside, who has the organisation's key and nothing else.
    let stranger = Technician::new(&house.path("stranger"));
    let org = exported.organisation();
    let verify = |words: &[&str]| {
        let words = [&["audit", "verify", excerpt][..], words].concat();
        stranger.run(&words).unwrap()
    };
    let verdict = verify(&["--org", &org]).done().unwrap();
    assert_eq!((&verdict["verdict"], &verdict["of"]), (&"verified".into(), &"excerpt".into()));
    let whole = house.alice.run(&["audit", "verify", file]).unwrap().done().unwrap();
    assert_eq!((&verdict["hash"], &verdict["session"]), (&whole["hash"], &whole["session"]));
    assert!(verdict["log"]["size"].is_u64(), "{verdict}");
    let streams = verdict["streams"].as_array().unwrap();
    let of = |channel: &str| streams.iter().filter(|one| one["channel"] == channel).count();
    // Each command has a word from both ends, the chat from one.
    assert!(
        of("command") == 4 && of("chat") >= 1 && of("file") + of("control") == 0,
        "{streams:?}"
    );
    let proven = |one: &&Value| one["proven"] == one["bytes"];
    assert_eq!(streams.iter().filter(proven).count(), streams.len(), "{streams:?}");
    // Of the agent's own words both say that they are all; an agent need not read to the technician's.
    let ended = |one: &&Value| {
        (&one["channel"], &one["from"], &one["whole"])
            == (&"command".into(), &"agent".into(), &true.into())
    };
    assert_eq!(streams.iter().filter(ended).count(), 2, "{streams:?}");
    let happened = verdict["happened"].to_string();
    for said in ["first line", "trouble", "typed in", "lamp"] {
        assert!(happened.contains(said), "{said}: {happened}");
    }
    assert!(!happened.contains("noise"), "{happened}");
    // All of it was signed for, so that all of it is what the ends say.
    let whose = |verdict: &Value| {
        let happened = verdict["happened"].as_array().unwrap();
        happened.iter().map(|one| one["word"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let by_ends = whose(&verdict).iter().filter(|word| *word == "ends").count();
    assert!(by_ends >= 7, "{happened}");
    assert_eq!((&verdict["disputed"], &verdict["findings"]), (&0.into(), &Value::Array(vec![])));
    let left = verdict["left_out"].as_array().unwrap();
    assert!(
        left.iter().any(|left| left["channel"] == "file" && left["bytes"].as_u64() > Some(300_000))
    );
    // Nothing in it opens the rest.
    let bytes = std::fs::read(&out).unwrap();
    for secret in exported.secrets() {
        assert!(!bytes.windows(secret.len()).any(|part| part == secret), "a secret was handed out");
    }
    // Without a key it is nobody's, under another's it is none; and no byte of it can be another.
    assert_eq!(verify(&[]).done().unwrap()["verdict"], "consistent");
    let other = "00".repeat(32);
    assert_eq!(verify(&["--org", &other]).code, Some(7));
    for at in (0..bytes.len()).step_by(bytes.len() / 20) {
        let mut altered = bytes.clone();
        altered[at] ^= 4;
        std::fs::write(&out, altered).unwrap();
        assert_eq!(verify(&["--org", &org]).code, Some(7), "byte {at}");
    }
    // A time in which the command had begun already: its rest is the auditor's word.
    let lines = exported.export("a.jsonl", &[]).0;
    let lines = std::fs::read_to_string(lines).unwrap();
    let events = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let later = events.into_iter().find(|event| event["what"] == "command-stderr").unwrap();
    let words = ["audit", "disclose", file, "--channels", "command", "--from"];
    let words = [&words[..], &[later["time"].as_str().unwrap(), "-o", excerpt]].concat();
    house.alice.run(&words).unwrap().done().unwrap();
    let verdict = verify(&["--org", &org]).done().unwrap();
    let happened = verdict["happened"].to_string();
    assert!(happened.contains("trouble") && !happened.contains("first line"), "{happened}");
    assert!(verdict["messages"].as_u64() > Some(0), "{verdict}");
    assert!(whose(&verdict).iter().all(|word| word == "auditor"), "{happened}");
}

#[test]
fn what_speaks_against_the_recording_goes_along_or_forbids_it() {
    let exported = Exported::new();
    let house = &exported.house;
    let bytes = std::fs::read(&exported.file).unwrap();
    let (path, out) = (house.path("other.dsr"), house.path("other.excerpt"));
    let excerpt = out.to_str().unwrap();
    let disclosed = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let file = path.to_str().unwrap();
        house.alice.run(&["audit", "disclose", file, "-o", excerpt]).unwrap()
    };
    // Somebody changed a block.
    let mut altered = bytes.clone();
    altered[bytes.len() / 2] ^= 1;
    let refused = disclosed(&altered);
    assert_eq!((refused.code, out.exists()), (Some(7), false), "{refused}");
    // Its end is gone: nobody can say what else passed, and the reader is to know.
    let (mut reader, mut rest, mut last) = (Reader::new(), bytes.as_slice(), 0);
    while let Step::Block(block) = reader.next(&mut rest).unwrap() {
        if block.header.kind == Kind::Close {
            break;
        }
        last = bytes.len() - rest.len();
    }
    let told = disclosed(&bytes[..last]).done().unwrap();
    assert!(told["warning"].as_str().unwrap().contains("none of it is proven"), "{told}");
    let verdict = house.alice.run(&["audit", "verify", excerpt]).unwrap().done().unwrap();
    assert_eq!((&verdict["hash"], &verdict["findings"][0]), (&Value::Null, &told["warning"]));
}
