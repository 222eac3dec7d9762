//! A hostile technician: enrolled, with the code, and with a program of his own.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use deskside_link::random::System;
use deskside_protocol::channel::Channel;
use deskside_protocol::code::Code;
use deskside_protocol::grant::{Grant, GrantSet};
use deskside_protocol::identity::certificate;
use deskside_protocol::key::SigningKey;
use deskside_protocol::policy::Recording;
use deskside_protocol::wire::message::refusal::Cause;
use deskside_protocol::wire::message::{
    CommandStart, FileGet, GrantRequest, Introduction, Lease, Revoked, message::Kind,
};
use deskside_protocol::wire::record::{Certificate, Role};
use deskside_protocol::wire::signal::{PairingFailed, PairingOffer, signal::Kind as Signal};
use deskside_tests::agent::{Agent, Wish};
use deskside_tests::hostile::Technician;
use deskside_tests::light::{self, Access, Joining};
use tokio::runtime::Runtime;

use super::{Den, told};
use crate::house::{AGENT, House};

/// What nobody may read, and what nobody may find outside of the folder.
const SECRET: &str = "what is none of a technician's business";
const MARKER: &str = "sent by somebody who means no good";

/// A house that records nothing: what is said is what counts here.
fn house() -> House {
    let house = House::new();
    house.relay.change_policy(|policy| policy.recording = Recording::Off).unwrap();
    house
}

/// What enrolling left to Alice, on a ticket of its own: a relay counts what goes wrong on one.
fn access(house: &House) -> Access {
    let ticket = house.alice.ticket("Hostile").unwrap();
    Access::read(house.alice.home(), ticket).unwrap()
}

fn agent_that_allows(house: &House, name: &str, allow: &str) -> Agent {
    house.agent_as(name, &Wish { allow, ..Wish::default() })
}

/// A session of a hostile technician, introduced, with all grants signed for.
fn met(house: &House, agent: &mut Agent) -> Technician {
    let code = agent.code().unwrap();
    let mut hostile = Technician::meets(&access(house), &code, GrantSet::all()).unwrap();
    hostile.introduces(GrantSet::all()).unwrap();
    hostile
}

fn touch(path: &Path) -> Kind {
    let argv = ["touch", path.to_str().unwrap()].map(str::to_owned).to_vec();
    Kind::CommandStart(CommandStart { argv, timeout_ms: 0 })
}

/// The agent's verdict on an offer: its sentence, and the number that the technician is told.
fn judged(
    house: &House,
    name: &str,
    offer: impl FnOnce(&Joining, &Access) -> PairingOffer,
) -> (String, u32) {
    let mut agent = house.agent(name);
    let code = Code::parse(&agent.code().unwrap()).unwrap();
    let access = access(house);
    let answer = Runtime::new().unwrap().block_on(async {
        let leg = light::technician_leg(&access).await.unwrap();
        let mut joining = Joining::knock(&access, &leg, &code).await.unwrap();
        let offer = offer(&joining, &access);
        joining.ask(offer).await.unwrap()
    });
    let Signal::PairingFailed(PairingFailed { cause }) = answer else { unreachable!("{answer:?}") };
    let failed = agent.wait_for("pairing_failed").unwrap();
    agent.code().unwrap();
    assert!(!told(&agent.process, "paired"));
    (failed["reason"].as_str().unwrap().to_owned(), cause)
}

#[test]
fn a_certificate_that_is_not_ones_own() {
    let house = house();
    let authority = fs::read(house.path("relay-authority/authority.key")).unwrap();
    let authority = SigningKey::from_seed(<[u8; 32]>::try_from(authority).unwrap().into());
    let key = SigningKey::generate(&mut System::new());
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let genuine = Certificate {
        login: "mallory".to_owned(),
        name: "Alice Ng".to_owned(),
        organisation: "Example Help".to_owned(),
        public_key: Bytes::copy_from_slice(key.public().as_bytes()),
        roles: vec![Role::Technician as i32],
        not_before: now - 60,
        not_after: now + 600,
        serial: 4_000,
    };
    let by = |signer: &SigningKey, change: fn(&mut Certificate)| {
        let mut certificate = genuine.clone();
        change(&mut certificate);
        let (key, certificate) = (key.clone(), certificate::issue(signer, &certificate));
        move |joining: &Joining, access: &Access| {
            let liar = Access { key, certificate, ..access.clone() };
            joining.offer(&liar, GrantSet::all()).unwrap().1
        }
    };
    let stranger = SigningKey::generate(&mut System::new());
    let cases = [
        (by(&stranger, |_| ()), "not signed by the organisation"),
        (by(&authority, |it| it.not_after = it.not_before + 1), "not valid at this time"),
        (by(&authority, |it| it.roles = vec![Role::Auditor as i32]), "lacks the role"),
        (by(&authority, |it| it.name.clear()), "malformed"),
    ];
    for (number, (offer, sentence)) in cases.into_iter().enumerate() {
        let (said, cause) = judged(&house, &format!("agent{number}"), offer);
        assert!(said.contains(sentence) && cause == 5, "{said:?}, cause {cause}");
    }
    // Alice's own certificate, shown by somebody who has not her key.
    let (said, cause) = judged(&house, "stolen", |joining, access| {
        let liar = Access { key: key.clone(), ..access.clone() };
        joining.offer(&liar, GrantSet::all()).unwrap().1
    });
    assert!(said.contains("not signed by the technician of the certificate"), "{said}");
    assert_eq!(cause, 7);
}

#[test]
fn a_code_that_was_spent() {
    let house = house();
    let mut agent = house.agent("agent");
    let text = agent.code().unwrap();
    let code = Code::parse(&text).unwrap();
    let access = access(&house);
    let runtime = Runtime::new().unwrap();
    let offer = runtime.block_on(async {
        let leg = light::technician_leg(&access).await.unwrap();
        let mut joining = Joining::knock(&access, &leg, &code).await.unwrap();
        let (_, right) = joining.offer(&access, GrantSet::all()).unwrap();
        let wrong = PairingOffer { tag_t: vec![0; 32].into(), ..right.clone() };
        let answer = joining.ask(wrong).await.unwrap();
        assert!(matches!(answer, Signal::PairingFailed(_)), "{answer:?}");
        // The right one, a moment too late, on the same stream: nobody hears it.
        assert!(joining.ask(right.clone()).await.is_err());
        // And the same code again.
        let again = Joining::knock(&access, &leg, &code).await.err().unwrap();
        assert!(again.to_string().contains("was used"), "{again:#}");
        right
    });
    agent.wait_for("pairing_failed").unwrap();
    // To the next code of the same computer, and to another computer.
    let next = Code::parse(&agent.code().unwrap()).unwrap();
    let mut other = house.agent("other");
    let another = Code::parse(&other.code().unwrap()).unwrap();
    for (agent, code) in [(&mut agent, next), (&mut other, another)] {
        let answer = runtime.block_on(async {
            let leg = light::technician_leg(&access).await.unwrap();
            let mut joining = Joining::knock(&access, &leg, &code).await.unwrap();
            joining.ask(offer.clone()).await.unwrap()
        });
        assert!(matches!(answer, Signal::PairingFailed(PairingFailed { cause: 2 })), "{answer:?}");
        let failed = agent.wait_for("pairing_failed").unwrap();
        assert_eq!(failed["reason"], "the code was not the right one");
        assert!(!told(&agent.process, "paired"));
    }
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
        Kind::Lease(Lease { grants: all.clone(), device: None }),
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

/// More than thirty ways to say "elsewhere", or something that a file system takes for another name.
fn spellings(absolute: &str) -> Vec<String> {
    let mut all: Vec<String> = [
        "..",
        ".",
        "",
        "/",
        "\\",
        "../up",
        "..\\up",
        "../../up",
        "./up",
        "a/b",
        "a\\b",
        "/etc/passwd",
        "inside/../../up",
        "inside\\..\\..\\up",
        "C:",
        "C:up",
        "C:\\up",
        "\\\\host\\share\\up",
        "\\\\?\\C:\\up",
        "//host/share/up",
        "a:stream",
        "a::$DATA",
        "CON",
        "con.txt",
        "nul",
        "PRN ",
        "AUX",
        "COM1",
        "com9.log",
        "LPT1",
        "CONIN$",
        "dot.",
        "space ",
        "... ",
        ".. ",
        "..\0",
        "nul\0l",
        "new\nline",
        "esc\u{1b}[2J",
        "%2e%2e",
        "%2e%2e%2fup",
        "..%2fup",
        "..%c0%afup",
        "~",
        "~root",
        "$HOME",
        "\u{ff0e}\u{ff0e}",
        "\u{2025}",
        "\u{2024}\u{2024}",
        "..\u{2215}up",
        "..\u{ff0f}up",
        "..\u{ff3c}up",
        "\u{202e}pu",
        "a\u{200b}b",
        ".x.deskside-part",
    ]
    .map(str::to_owned)
    .to_vec();
    all.extend([absolute.to_owned(), "n".repeat(256), "../".repeat(64) + "up"]);
    all
}

#[test]
fn path_traversal_in_fifty_spellings() {
    let house = house();
    let mut agent = house.agent("agent");
    fs::create_dir(agent.file("inside")).unwrap();
    let outside = house.path("agent/up");
    let hostile = met(&house, &mut agent);
    assert!(hostile.puts(&["inside"], &["fine"], MARKER.as_bytes()).unwrap().landed());

    let spellings = spellings(house.path("absolute").to_str().unwrap());
    assert!(spellings.len() > 50, "{}", spellings.len());
    let mut refused = 0;
    for name in &spellings {
        let name = name.as_str();
        for (into, path) in [
            (&[][..], &[name][..]),
            (&[name], &["up"]),
            (&["inside", name], &["up"]),
            (&["inside"], &[name, "up"]),
            (&[], &["inside", name, "up"]),
        ] {
            let said = hostile.puts(into, path, MARKER.as_bytes()).unwrap();
            refused += usize::from(!said.landed());
        }
    }
    // Some are ordinary names and land, as themselves, in the folder; nothing lands elsewhere.
    assert!(refused > 5 * 38, "only {refused} were refused");
    let marked = marked(&house.path(""));
    let within = agent.file("");
    let strays: Vec<_> = marked.iter().filter(|path| !path.starts_with(&within)).collect();
    assert_eq!(strays, Vec::<&std::path::PathBuf>::new());
    assert!(!outside.exists());

    // And the other way: nothing of what lies outside comes.
    for folder in ["", "agent"] {
        fs::write(house.path(folder).join("up"), SECRET).unwrap();
    }
    fs::write(house.path("absolute"), SECRET).unwrap();
    for name in &spellings {
        let name = name.as_str();
        for path in [&[name][..], &[name, "up"], &["inside", name], &["inside", name, "up"]] {
            for recursive in [false, true] {
                let said = hostile.gets(path, recursive).unwrap();
                assert_eq!(
                    said.bodies.windows(9).position(|it| it == &SECRET.as_bytes()[..9]),
                    None,
                    "{path:?}"
                );
            }
        }
    }
}

/// The files under a folder that hold the marker.
fn marked(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            all.extend(marked(&path));
        } else if fs::read(&path).is_ok_and(|bytes| bytes == MARKER.as_bytes()) {
            all.push(path);
        }
    }
    all
}

#[test]
fn a_link_that_appears_while_files_are_fetched() {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use std::sync::atomic::{AtomicBool, Ordering};

    let house = house();
    let mut agent = house.agent("agent");
    let outside = house.path("outside");
    fs::create_dir(&outside).unwrap();
    let many = agent.file("many");
    fs::create_dir(&many).unwrap();
    for number in 0..20 {
        fs::write(outside.join(format!("{number}")), SECRET).unwrap();
        fs::write(many.join(format!("{number}")), "harmless").unwrap();
    }
    // A folder for a folder outside, and a file for a file outside: in one step of the kernel's.
    let (link, file, file_link) = (agent.file("link"), many.join("0"), agent.file("file-link"));
    std::os::unix::fs::symlink(&outside, &link).unwrap();
    std::os::unix::fs::symlink(outside.join("0"), &file_link).unwrap();
    let hostile = met(&house, &mut agent);
    let over = AtomicBool::new(false);
    let (exchanged, came) = std::thread::scope(|scope| {
        let racing = scope.spawn(|| {
            let mut exchanged = 0_u64;
            while !over.load(Ordering::Relaxed) {
                let flags = RenameFlags::EXCHANGE;
                renameat_with(CWD, &many, CWD, &link, flags).unwrap();
                renameat_with(CWD, &link, CWD, &many, flags).unwrap();
                renameat_with(CWD, &file, CWD, &file_link, flags).unwrap();
                renameat_with(CWD, &file_link, CWD, &file, flags).unwrap();
                exchanged += 2;
            }
            exchanged
        });
        let mut came = 0;
        for _ in 0..60 {
            let all = hostile.gets(&["many"], true).unwrap();
            let one = hostile.gets(&["many", "0"], false).unwrap();
            for said in [all, one] {
                let text = String::from_utf8_lossy(&said.bodies);
                came += text.matches("harmless").count();
                assert!(!text.contains("none of a technician"), "a secret came out");
            }
        }
        over.store(true, Ordering::Relaxed);
        (racing.join().unwrap(), came)
    });
    assert!(exchanged > 100 && came > 0, "{exchanged} exchanges, {came} files came");
}

#[test]
fn pipes_sockets_and_devices() {
    let house = house();
    let mut agent = house.agent("agent");
    let (fifo, socket) = (agent.file("fifo"), agent.file("socket"));
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, 0o600.into()).unwrap();
    let _listening = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    std::os::unix::fs::symlink("/dev/zero", agent.file("zero")).unwrap();
    let hostile = met(&house, &mut agent);
    for name in ["fifo", "socket", "zero"] {
        // Nobody opens the other end of the pipe: whoever opened it would wait for ever.
        let said = hostile.gets(&[name], false).unwrap();
        let refusal = said.refusal().unwrap();
        assert!(
            refusal.text.contains("pipe, socket or device") || refusal.text.contains("link"),
            "{refusal:?}"
        );
        let said = hostile.puts(&[], &[name], MARKER.as_bytes()).unwrap();
        assert!(!said.landed(), "{name}: {said:?}");
        let said = hostile.puts(&[name], &["below"], MARKER.as_bytes()).unwrap();
        assert!(!said.landed(), "{name}: {said:?}");
    }
    use std::os::unix::fs::FileTypeExt as _;
    assert!(fs::symlink_metadata(&fifo).unwrap().file_type().is_fifo());
    assert!(fs::symlink_metadata(&socket).unwrap().file_type().is_socket());
    assert!(agent.file("zero").is_symlink());
    // The session is as well as before.
    assert!(hostile.puts(&[], &["fine"], MARKER.as_bytes()).unwrap().landed());
}

/// Guesses of each sort: at one code, so that all but the first come too late.
const GUESSES: usize = 10_000;
/// Legs that guess at once, each with as many streams as a relay gives one.
const LEGS: usize = 4;

#[test]
fn ten_thousand_guesses() {
    let house = house();
    let mut agent = house.agent("agent");
    let code = agent.code().unwrap();
    // A stranger guesses at the nameplate that he overheard, and gets nowhere near the agent.
    let stranger = Access { key: SigningKey::generate(&mut System::new()), ..access(&house) };
    let met = guess(&stranger, &code, GUESSES);
    assert_eq!(met, 0, "a stranger met an agent");
    // Somebody enrolled meets it once. What he guesses then is at nobody.
    let met = guess(&access(&house), &code, GUESSES);
    assert_eq!(met, 1, "of {GUESSES} guesses at one code one is heard");
    agent.wait_for("pairing_failed").unwrap();
    let next = agent.code().unwrap();
    assert_ne!(next, code);
    let failed = agent.process.heard().iter().filter(|it| it["event"] == "pairing_failed");
    assert_eq!(failed.count(), 1);
    assert!(!told(&agent.process, "paired"));
}

/// Guesses at the six secret digits behind a nameplate; gives how many an agent has heard.
fn guess(access: &Access, code: &str, guesses: usize) -> usize {
    let runtime = Runtime::new().unwrap();
    let plate = code[..5].to_owned();
    runtime.block_on(async {
        let mut all = tokio::task::JoinSet::new();
        for leg in 0..LEGS {
            let (access, plate) = (access.clone(), plate.clone());
            all.spawn(async move {
                let mut heard = 0;
                let dialled = light::technician_leg(&access).await.unwrap();
                for number in 0..guesses / LEGS {
                    let digits = format!("{plate}{:06}", number * LEGS + leg);
                    let code =
                        (0..10).find_map(|check| Code::parse(&format!("{digits}{check}")).ok());
                    // The relay says no, in whatever words.
                    let knocked = Joining::knock(&access, &dialled, &code.unwrap()).await;
                    let Ok(mut joining) = knocked else { continue };
                    let (_, offer) = joining.offer(&access, GrantSet::all()).unwrap();
                    let answer = joining.ask(offer).await;
                    heard += usize::from(matches!(answer, Ok(Signal::PairingFailed(_))));
                }
                heard
            });
        }
        all.join_all().await.into_iter().sum()
    })
}

#[test]
fn a_burst_of_questions() {
    let house = house();
    let wish = Wish { allow: "view", asks: true, ..Wish::default() };
    let mut agent = house.agent_as("agent", &wish);
    fs::write(agent.file("private"), SECRET).unwrap();
    let code = agent.code().unwrap();
    let view = GrantSet::from(Grant::View);
    let mut hostile = Technician::meets(&access(&house), &code, view).unwrap();
    hostile.introduces(view).unwrap();
    let before = agent.process.resident().unwrap();
    let questions = |agent: &Agent| agent.process.words().matches("What for:").count();
    let asks = Kind::FileGet(FileGet { path: vec!["private".to_owned()], ..FileGet::default() });
    let said = std::thread::scope(|scope| {
        let bursting = scope.spawn(|| hostile.says_often(Channel::File, &asks, 400).unwrap());
        // One question at a time, as long as nobody answers.
        for refused in 0..3 {
            agent.process.wait_for_words("What for:", refused + 1).unwrap();
            assert_eq!(questions(&agent), refused + 1);
            agent.process.types("n").unwrap();
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
