//! A relay whose legs have a certificate of a public authority, here one that the test makes.

use std::path::Path;

use deskside_tests::process::{Process, command, run};
use deskside_tests::programs::programs;
use deskside_tests::relay::{beside, lasting_port};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustix::process::Signal;

/// An authority, and a certificate of its for `localhost` with its key, as PEM files.
fn certificates(folder: &Path) {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    std::fs::write(folder.join("authority.pem"), authority.pem()).unwrap();
    std::fs::write(folder.join("relay.pem"), certificate.pem()).unwrap();
    std::fs::write(folder.join("relay.key"), key.serialize_pem()).unwrap();
}

fn relay(folder: &Path, key: &str, listen: &str) -> std::process::Command {
    let mut serve = command(&programs().unwrap().relay);
    serve.args(["--json", "serve", "--listen", listen, "--data"]).arg(folder.join("relay"));
    serve.arg("--tls-cert").arg(folder.join("relay.pem")).arg("--tls-key").arg(folder.join(key));
    serve
}

/// `deskside enroll` on a computer that trusts the authorities of `trusted`.
fn enrols(folder: &Path, home: &str, token: &str, trusted: &str) -> (i32, String) {
    asks(folder, home, &["enroll", token], trusted)
}

/// `deskside` with these words there.
fn asks(folder: &Path, home: &str, words: &[&str], trusted: &str) -> (i32, String) {
    let mut asked = command(&programs().unwrap().client);
    asked.env("DESKSIDE_HOME", folder.join(home)).env("HOME", folder);
    asked.env("SSL_CERT_FILE", folder.join(trusted)).arg("--json").args(words);
    let ran = run("deskside", &mut asked, None).unwrap();
    (ran.code.unwrap(), ran.sentence())
}

#[test]
fn a_relay_with_a_public_certificate_is_known_by_its_authority() {
    let folder = tempfile::tempdir().unwrap();
    certificates(folder.path());
    let port = lasting_port().unwrap().to_string();
    let mut serve = relay(folder.path(), "relay.key", &port);
    // The name in the link has to be the certificate's.
    serve.args(["--public", "localhost:0"]);
    let mut process = Process::start("deskside-relay", &mut serve).unwrap();
    let ready = process.wait_for("ready").unwrap();
    assert!(ready["join"].as_str().unwrap().ends_with("&tls=webpki"), "{ready}");
    let token = ready["enroll"].as_str().unwrap();

    let other = tempfile::tempdir().unwrap();
    certificates(other.path());
    let theirs = other.path().join("authority.pem");
    let (code, sentence) = enrols(folder.path(), "stranger", token, theirs.to_str().unwrap());
    assert_eq!(code, 7, "{sentence}");
    let (code, sentence) = enrols(folder.path(), "alice", token, "authority.pem");
    assert_eq!(code, 0, "{sentence}");

    // Keys that are not shown in the handshake change too, and the certificate stays.
    process.signal(Signal::TERM).unwrap();
    assert_eq!(process.end().unwrap(), Some(0), "{}", process.words());
    let data = folder.path().join("relay");
    let keys = ["authority", "node"].map(|key| {
        let rotated = beside(&data, &["rotate", key]).unwrap().done().unwrap();
        rotated[if key == "node" { "node" } else { "organisation" }].as_str().unwrap().to_owned()
    });
    let mut serve = relay(folder.path(), "relay.key", &port);
    let mut process = Process::start("deskside-relay", serve.args(["--public", "localhost:0"]));
    process.as_mut().unwrap().wait_for("ready").unwrap();
    let (code, sentence) = asks(folder.path(), "alice", &["ticket", "list"], "authority.pem");
    assert_eq!(code, 0, "{sentence}");
    let account = std::fs::read_to_string(folder.path().join("alice/account.json")).unwrap();
    assert!(keys.iter().all(|key| account.contains(key)), "{account}");
}

#[test]
fn a_key_that_is_not_there_is_named_before_the_relay_is_ready() {
    let folder = tempfile::tempdir().unwrap();
    certificates(folder.path());
    let ran = run("deskside-relay", &mut relay(folder.path(), "missing.key", "127.0.0.1:0"), None)
        .unwrap();
    assert_eq!(ran.code, Some(1));
    assert!(ran.sentence().contains("missing.key"), "{}", ran.sentence());
}
