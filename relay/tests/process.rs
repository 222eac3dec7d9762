//! The program as a process: what scripts rely on.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

fn relay(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_deskside-relay"));
    command.env_clear().env("HOME", home).arg("--data").arg(home.join("relay")).arg("--json");
    command
}

struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        // It has ended in order in every test that passes.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn serve(home: &Path) -> (Serving, Value, BufReader<std::process::ChildStdout>) {
    let mut command = relay(home);
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    (Serving(child), serde_json::from_str(&line).unwrap(), out)
}

fn run(home: &Path, args: &[&str]) -> (Vec<Value>, Option<i32>) {
    let Output { stdout, status, .. } = relay(home).args(args).output().unwrap();
    let text = String::from_utf8(stdout).unwrap();
    (text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), status.code())
}

#[test]
fn ready_line_commands_beside_it_and_an_end_in_order() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let (answer, exit) = run(home, &["technician", "list"]);
    assert_eq!((exit, answer[0]["exit"].as_i64()), (Some(5), Some(5)));

    let (mut serving, ready, mut out) = serve(home);
    assert_eq!(ready["event"], "ready");
    let address = ready["address"].as_str().unwrap();
    assert!(ready["join"].as_str().unwrap().starts_with(&format!("deskside://{address}?org=")));
    assert!(ready["http"].as_str().unwrap().starts_with("http://127.0.0.1:"));
    assert!(ready["enroll"].as_str().unwrap().starts_with("dse1."));

    let (answer, exit) = run(home, &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(exit, Some(1));
    assert!(answer[0]["error"].as_str().unwrap().contains("already running on this folder"));
    let (answer, exit) = run(home, &["technician", "invite", "bob", "--name", "Bob"]);
    assert_eq!(exit, Some(0));
    assert!(answer[0]["token"].as_str().unwrap().starts_with("dse1."));
    let (answer, _) = run(home, &["technician", "list"]);
    assert_eq!(answer[1]["login"], "bob");
    assert_eq!(run(home, &["technician", "revoke", "bob"]).1, Some(0));
    assert_eq!(run(home, &["technician", "revoke", "carol"]).1, Some(5));
    assert_eq!(run(home, &["technician", "invite", "Bob!", "--name", "Bob"]).1, Some(2));
    assert_eq!(run(home, &["auditor", "add", "age1oops"]).1, Some(2));
    assert_eq!(run(home, &["policy", "show"]).0[0]["policy"]["serial"], 1);
    assert_eq!(run(home, &["policy", "set", "/nowhere.toml"]).1, Some(5));
    assert_eq!(run(home, &["policy", "show", "--database", "mysql:x"]).1, Some(2));
    assert_eq!(run(home, &["frobnicate"]).1, Some(2));
    let (findings, exit) = run(home, &["doctor"]);
    let faults: Vec<_> = findings.iter().filter(|it| it["state"] == "fault").collect();
    assert_eq!((faults.len(), exit), (1, Some(1)));
    assert_eq!(faults[0]["check"], "auditors");

    let id = serving.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "{\"event\":\"drained\"}\n");
    assert_eq!(serving.0.wait().unwrap().code(), Some(0));

    let (_serving, ready, _out) = serve(home);
    assert_eq!(ready["enroll"], Value::Null);
}
