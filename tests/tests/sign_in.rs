//! Signing in at a real OpenID provider (`oidc-provider` on Node), by a person who is a script.

use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;
use deskside_link::Leg;
use deskside_link::leg::LegError;
use deskside_protocol::identity::certificate;
use deskside_protocol::identity::link::JoinLink;
use deskside_protocol::key::SigningKey;
use deskside_protocol::wire::signal::signal::Kind;
use deskside_protocol::wire::signal::{SignIn, refused::Code};
use deskside_signin::nonce;
use deskside_tests::process::{Process, command, run};
use deskside_tests::relay::Relay;
use deskside_tests::technician::Technician;
use serde_json::Value;

use crate::house::{Helped, House};

const SALT: [u8; 32] = [7; 32];

fn node(script: &str) -> Command {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("provider");
    assert!(
        folder.join("node_modules").is_dir(),
        "the provider is not installed: tests/run does it, or `npm ci` in tests/provider"
    );
    let mut command = command("node");
    command.current_dir(&folder).arg(script);
    command
}

struct Provider {
    issuer: String,
    _process: Process,
}

impl Provider {
    fn start() -> Self {
        let mut process = Process::start("the provider", &mut node("provider.mjs")).unwrap();
        let ready = process.wait_for("ready").unwrap();
        Self { issuer: ready["issuer"].as_str().unwrap().to_owned(), _process: process }
    }

    /// An ID token, as the provider gives it to whoever signs in there.
    fn token(&self, client: &str, nonce: &str, name: &str) -> String {
        let mut command = node("browser.mjs");
        command.args(["token", &self.issuer, client, nonce, name]);
        let given = run("a sign-in", &mut command, None).unwrap().done().unwrap();
        given["id_token"].as_str().unwrap().to_owned()
    }
}

/// A house whose relay lets people of this provider in.
fn house(provider: &Provider, client: &str, lifetime: &str) -> House {
    House::with(|data| {
        let folder = data.with_extension("home").join(".config/deskside");
        std::fs::create_dir_all(&folder).unwrap();
        let issuer = &provider.issuer;
        let config = format!(
            "[sign-in]\nissuer = \"{issuer}\"\nclient-id = \"{client}\"\nlifetime = \"{lifetime}\"\n\
             [sign-in.roles]\nhelpdesk = \"technician\"\nleads = \"technician,auditor\"\n"
        );
        std::fs::write(folder.join("relay.toml"), config).unwrap();
        Relay::start(data).unwrap()
    })
}

/// Signs in with the program, and a person who goes where it says.
fn signed_in(home: PathBuf, link: Option<&str>, name: &str) -> (Technician, Value) {
    let person = Technician::new(&home);
    let mut words = vec!["enroll", "--sign-in"];
    words.extend(link);
    let mut command = person.command(&words).unwrap();
    let mut process = Process::start("deskside enroll", &mut command).unwrap();
    let shown = process.wait_for("sign_in").unwrap();
    let url = shown["url"].as_str().unwrap().to_owned();
    let mut browser = node("browser.mjs");
    browser.args(["visit", &url, name]);
    let visited = run("a browser", &mut browser, None).unwrap();
    assert_eq!(visited.code, Some(0), "{visited}");
    let enrolled = process.wait_for("enrolled").unwrap();
    assert_eq!(process.end().unwrap(), Some(0), "{}", process.words());
    (person, enrolled)
}

#[test]
fn whoever_signs_in_helps_for_a_working_day() {
    let provider = Provider::start();
    let house = house(&provider, "deskside", "12h");
    let (bob, enrolled) = signed_in(house.path("bob"), Some(house.relay.join()), "bob");
    assert_eq!(enrolled["login"], "bob");
    assert_eq!(enrolled["name"], "bob of the provider");
    assert_eq!(enrolled["roles"], serde_json::json!(["technician"]));

    let mut agent = house.agent("agent");
    let ticket = bob.ticket("Printer").unwrap();
    let session = bob.connect(&agent.code().unwrap(), &ticket).unwrap();
    agent.wait_for("grant").unwrap();
    let helped = Helped { agent, session, ticket };
    assert_eq!(helped.session.exec(&["true"], b"").unwrap().code, Some(0));

    // Signing in again, at the relay that is known by now, keeps the serial and the session.
    let before = listed(&house, "bob");
    assert_eq!(before["renewal"], "by_sign_in");
    let left = before["expires"].as_u64().unwrap() - before["enrolled"].as_u64().unwrap();
    assert_eq!(left, 12 * 60 * 60);
    signed_in(house.path("bob"), None, "bob");
    let after = listed(&house, "bob");
    assert_eq!(after["serial"], before["serial"]);
    assert!(after["expires"].as_u64() >= before["expires"].as_u64(), "{after}");
    let list = house.relay.beside(&["technician", "list"]).unwrap().events().unwrap();
    assert_eq!(list.iter().filter(|who| who["login"] == "bob").count(), 1);
    helped.session.end("").unwrap();

    // A lead is auditor too: the policy names another recipient.
    let (lea, enrolled) = signed_in(house.path("lea"), Some(house.relay.join()), "lea");
    assert_eq!(enrolled["roles"], serde_json::json!(["technician", "auditor"]));
    assert!(lea.identity().is_file());
    let audited = lea.run(&["audit", "list"]).unwrap();
    assert_eq!(audited.code, Some(0), "{audited}");

    // Who was taken back stays out, whatever the provider says.
    house.relay.beside(&["technician", "revoke", "bob"]).unwrap().done().unwrap();
    let refused = refused(&house, &provider.token("deskside", &own_nonce(&house, 1), "bob"), 1);
    assert_eq!(refused.0, Code::NotPermitted as i32);
    assert!(refused.1.contains("revoked"), "{}", refused.1);
}

#[test]
fn a_provider_that_signs_on_a_curve_counts_too() {
    let provider = Provider::start();
    let house = house(&provider, "curves", "1h");
    let (bob, enrolled) = signed_in(house.path("bob"), Some(house.relay.join()), "bob");
    assert_eq!(enrolled["login"], "bob");
    bob.ticket("Printer").unwrap();
}

#[test]
fn what_is_not_meant_for_this_key_and_this_relay_does_not_count() {
    let (provider, other) = (Provider::start(), Provider::start());
    let house = house(&provider, "deskside", "12h");
    let own = own_nonce(&house, 1);
    let token = |client: &str, name: &str| provider.token(client, &own, name);
    let good = token("deskside", "bob");
    for (what, token, key, why) in [
        ("wrong audience", token("another", "bob"), 1, "another program"),
        ("stolen", good.clone(), 2, "another computer's key"),
        ("wrong nonce", provider.token("deskside", "x", "bob"), 1, "another computer's key"),
        ("expired", token("deskside", "late"), 1, "not of this time"),
        ("unknown key", other.token("deskside", &own, "bob"), 1, "a key that the provider"),
        ("no role", token("deskside", "carol"), 1, "no role here"),
        ("cut off", good[..good.len() - 8].to_owned(), 1, "does not verify"),
    ] {
        let (code, text) = refused(&house, &token, key);
        assert_eq!(code, Code::NotPermitted as i32, "{what}: {text}");
        assert!(text.contains(why), "{what}: {text}");
    }
    assert_eq!(refused(&house, "no token", 1).0, Code::BadRequest as i32);
    // And the very same token counts for the key that it was made for.
    let answer = hand_in(&house, &good, 1).unwrap();
    let Kind::Enrolled(enrolled) = answer else { unreachable!("{answer:?}") };
    let join: JoinLink = house.relay.join().parse().unwrap();
    let person = certificate::open(&enrolled.certificate.unwrap(), &join.organisation).unwrap();
    assert_eq!(person.login, "bob");
    assert_eq!(person.public_key, key(1).public().as_bytes().as_slice());
}

#[test]
fn where_nobody_signs_in_it_is_said() {
    let house = House::new();
    let ran = Technician::new(&house.path("bob"));
    let ran = ran.run(&["enroll", "--sign-in", house.relay.join()]).unwrap();
    assert_eq!(ran.code, Some(5), "{ran}");
    assert!(ran.sentence().contains("nobody signs in at this relay"), "{ran}");
    let ran = Technician::new(&house.path("eve")).run(&["enroll", "--sign-in"]).unwrap();
    assert_eq!(ran.code, Some(2), "{ran}");
}

fn listed(house: &House, login: &str) -> Value {
    let list = house.relay.beside(&["technician", "list"]).unwrap().events().unwrap();
    list.into_iter().find(|who| who["login"] == login).unwrap()
}

fn key(seed: u8) -> SigningKey {
    struct Fixed(u8);
    impl deskside_protocol::random::Random for Fixed {
        fn fill(&mut self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }
    SigningKey::generate(&mut Fixed(seed))
}

fn own_nonce(house: &House, seed: u8) -> String {
    let join: JoinLink = house.relay.join().parse().unwrap();
    nonce(&join.organisation, &key(seed).public(), &SALT)
}

/// Hands a token in by the bare protocol, on the leg of a key.
fn hand_in(house: &House, token: &str, seed: u8) -> Result<Kind, LegError> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let join: JoinLink = house.relay.join().parse().unwrap();
        let leg = Leg::dial(&join, &key(seed), "test").await.unwrap();
        let salt = Bytes::copy_from_slice(&SALT);
        let said = SignIn { id_token: token.to_owned(), salt, recipient: String::new() };
        leg.request(Kind::SignIn(said)).await
    })
}

fn refused(house: &House, token: &str, seed: u8) -> (i32, String) {
    let error = hand_in(house, token, seed).unwrap_err();
    let LegError::Refused(refused) = error else { unreachable!("{error}") };
    (refused.code, refused.text)
}
