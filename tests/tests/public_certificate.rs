//! A relay whose legs have a certificate of a public authority, here one that the test makes.

use std::path::Path;

use deskside_tests::process::{Process, command, run};
use deskside_tests::programs::programs;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

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

fn relay(folder: &Path, key: &str) -> std::process::Command {
    let mut serve = command(&programs().unwrap().relay);
    serve.args(["--json", "serve", "--listen", "127.0.0.1:0", "--data"]).arg(folder.join("relay"));
    serve.arg("--tls-cert").arg(folder.join("relay.pem")).arg("--tls-key").arg(folder.join(key));
    serve
}

/// `deskside enroll` on a computer that trusts the authorities of `trusted`.
fn enrols(folder: &Path, home: &str, token: &str, trusted: &str) -> (i32, String) {
    let mut enroll = command(&programs().unwrap().client);
    enroll.env("DESKSIDE_HOME", folder.join(home)).env("HOME", folder);
    enroll.env("SSL_CERT_FILE", folder.join(trusted)).args(["--json", "enroll", token]);
    let ran = run("deskside enroll", &mut enroll, None).unwrap();
    (ran.code.unwrap(), ran.sentence())
}

#[test]
fn a_relay_with_a_public_certificate_is_known_by_its_authority() {
    let folder = tempfile::tempdir().unwrap();
    certificates(folder.path());
    let mut serve = relay(folder.path(), "relay.key");
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
}

#[test]
fn a_key_that_is_not_there_is_named_before_the_relay_is_ready() {
    let folder = tempfile::tempdir().unwrap();
    certificates(folder.path());
    let ran = run("deskside-relay", &mut relay(folder.path(), "missing.key"), None).unwrap();
    assert_eq!(ran.code, Some(1));
    assert!(ran.sentence().contains("missing.key"), "{}", ran.sentence());
}
