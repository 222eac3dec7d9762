//! What an idle session takes: a figure of the relay as a process of its own, with its ends here.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use deskside_protocol::identity::link::JoinLink;
use deskside_protocol::identity::token::EnrolmentToken;
use deskside_protocol::session::Ends;

use crate::pairing::{Alice, pair};

struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Resident bytes of a process.
fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// `cargo test --release -p deskside-relay --test coming_back idle -- --ignored --nocapture`
#[tokio::test]
#[ignore = "a figure; DESKSIDE_SESSIONS says of how many"]
async fn memory_of_an_idle_session() {
    let wanted = std::env::var("DESKSIDE_SESSIONS").map_or(1_000, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_deskside-relay"));
    command.env_clear().env("HOME", folder.path()).arg("--json").arg("--data");
    command.arg(folder.path().join("relay")).args(["serve", "--listen", "127.0.0.1:0"]);
    let mut serving = Serving(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut ready = String::new();
    BufReader::new(serving.0.stdout.take().unwrap()).read_line(&mut ready).unwrap();
    let ready: serde_json::Value = serde_json::from_str(&ready).unwrap();
    let join: JoinLink = ready["join"].as_str().unwrap().parse().ok().unwrap();
    let token: EnrolmentToken = ready["enroll"].as_str().unwrap().parse().ok().unwrap();
    let alice = Alice::enrolled(&join, &token).await;

    let mut sessions: Vec<Ends<_>> = Vec::new();
    let mut before = 0;
    for number in 0..=wanted {
        let mut ends = pair(&join, &join, &alice).await;
        ends.agent.seal(0).await;
        ends.technician.seal(0).await;
        sessions.push(ends);
        // The first one brings what all share.
        if number == 0 {
            before = resident(serving.0.id());
        }
    }
    // Every session is heard, so that what was allocated for its opening is over.
    for ends in &mut sessions {
        ends.agent.nudge().await;
    }
    let grown = resident(serving.0.id()) - before;
    println!("{wanted} idle sessions: {} bytes each", grown / wanted);
}
