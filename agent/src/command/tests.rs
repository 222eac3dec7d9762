//! Real processes: what they print, how they end, and that none outlives its handle.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, test_kill_process};

use super::*;
use crate::gate;

async fn start(argv: &[&str], timeout: Option<Duration>) -> Result<Running, CommandError> {
    let gate = gate::tests::allowing_all();
    let permit = gate.admit::<Command>("test").await.unwrap();
    let argv = argv.iter().map(ToString::to_string).collect();
    Running::start(permit, &CommandSpec { argv, timeout })
}

async fn shell(script: &str) -> Running {
    start(&["sh", "-c", script], None).await.unwrap()
}

/// Standard output, standard error and the end.
async fn finish(mut running: Running) -> (Vec<u8>, Vec<u8>, How) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    loop {
        match running.event().await {
            Some(Event::Stdout(bytes)) => {
                assert!(bytes.len() <= CHUNK);
                out.extend_from_slice(&bytes);
            }
            Some(Event::Stderr(bytes)) => err.extend_from_slice(&bytes),
            Some(Event::Exited(how)) => {
                assert_eq!(running.event().await, None);
                return (out, err, how);
            }
            None => panic!("no end was told"),
        }
    }
}

/// Whether the process of this number is there and no zombie.
fn lives(pid: i32) -> bool {
    let there = Pid::from_raw(pid).is_some_and(|pid| test_kill_process(pid).is_ok());
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    there && !state.contains(") Z")
}

async fn soon(what: impl Fn() -> bool) -> bool {
    for _ in 0..200 {
        if what() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    false
}

/// The number that the command printed first.
async fn first_number(running: &mut Running) -> i32 {
    match running.event().await {
        Some(Event::Stdout(bytes)) => std::str::from_utf8(&bytes).unwrap().trim().parse().unwrap(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn exit_codes_and_signals_are_told_apart() {
    assert_eq!(finish(shell("exit 0").await).await.2, How::Code(0));
    assert_eq!(finish(shell("exit 7").await).await.2, How::Code(7));
    assert_eq!(finish(shell("kill -9 $$").await).await.2, How::Signal(9));
}

#[tokio::test]
async fn the_two_streams_stay_apart() {
    let (out, err, _) = finish(shell("echo out; echo err >&2; printf more").await).await;
    assert_eq!((out.as_slice(), err.as_slice()), (&b"out\nmore"[..], &b"err\n"[..]));
}

#[tokio::test]
async fn arguments_pass_through_no_shell() {
    let argument = "$HOME; `id` * \"'";
    let (out, _, how) = finish(start(&["printf", "%s", argument], None).await.unwrap()).await;
    assert_eq!((out.as_slice(), how), (argument.as_bytes(), How::Code(0)));
}

#[tokio::test]
async fn input_comes_back_and_ends() {
    let running = start(&["cat"], None).await.unwrap();
    let stdin = running.stdin();
    let feeding = async move {
        for piece in ["one ", "two"] {
            stdin.feed(Bytes::from(piece)).await;
        }
        stdin.end().await;
    };
    let ((out, _, how), ()) = tokio::join!(finish(running), feeding);
    assert_eq!((out.as_slice(), how), (&b"one two"[..], How::Code(0)));
}

#[tokio::test]
async fn a_command_that_closes_its_input_is_no_error() {
    let running = shell("exec <&-; sleep 0.3; exit 3").await;
    let stdin = running.stdin();
    let feeding = async move {
        for _ in 0..50 {
            stdin.feed(Bytes::from(vec![b'x'; CHUNK])).await;
        }
    };
    let ((_, _, how), ()) = tokio::join!(finish(running), feeding);
    assert_eq!(how, How::Code(3));
}

#[tokio::test]
async fn ten_mebibytes_arrive_whole_at_a_slow_reader() {
    let mut running = shell("head -c 10485760 /dev/zero; echo end").await;
    tokio::time::sleep(DRAIN_TIME + Duration::from_millis(500)).await;
    let mut total = 0;
    let mut slowed = false;
    while let Some(event) = running.event().await {
        if let Event::Stdout(bytes) = event {
            total += bytes.len();
        }
        if total > 10_000_000 && !slowed {
            slowed = true;
            tokio::time::sleep(DRAIN_TIME + Duration::from_millis(500)).await;
        }
    }
    assert_eq!(total, 10 * 1024 * 1024 + 4);
}

#[tokio::test]
async fn a_time_out_kills_grandchildren_too_even_stubborn_ones() {
    let script = "(trap '' TERM; sleep 600) & echo $!; wait";
    let limit = Some(Duration::from_millis(500));
    let mut running = start(&["sh", "-c", script], limit).await.unwrap();
    let grandchild = first_number(&mut running).await;
    assert!(lives(grandchild));
    let begun = Instant::now();
    assert_eq!(finish(running).await.2, How::TimedOut);
    assert!(begun.elapsed() < Duration::from_secs(4));
    assert!(soon(|| !lives(grandchild)).await);
}

#[tokio::test]
async fn a_stubborn_command_is_killed_after_its_grace() {
    let script = "trap '' TERM; while :; do sleep 0.1; done";
    let running = start(&["sh", "-c", script], Some(Duration::from_millis(200))).await.unwrap();
    let begun = Instant::now();
    assert_eq!(finish(running).await.2, How::TimedOut);
    assert!(begun.elapsed() >= TERM_TIME && begun.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn dropping_the_handle_kills_the_group() {
    let mut running = shell("sleep 600 & echo $!; wait").await;
    let grandchild = first_number(&mut running).await;
    assert!(lives(grandchild));
    drop(running);
    assert!(soon(|| !lives(grandchild)).await);
}

#[tokio::test]
async fn a_revoked_grant_kills_the_group_and_says_so() {
    let gate = gate::tests::allowing_all();
    let permit = gate.admit::<Command>("test").await.unwrap();
    let argv = ["sh", "-c", "sleep 600 & echo $!; wait"].map(str::to_owned).to_vec();
    let mut running = Running::start(permit, &CommandSpec { argv, timeout: None }).unwrap();
    let grandchild = first_number(&mut running).await;
    gate.revoke(deskside_protocol::grant::Grant::Command.into());
    assert_eq!(finish(running).await.2, How::Revoked);
    assert!(soon(|| !lives(grandchild)).await);
}

#[tokio::test]
async fn processes_left_behind_do_not_hold_the_result_up() {
    for background in
        ["sleep 20", "while :; do echo x; done", "while :; do echo x; sleep 0.1; done"]
    {
        let mut running = shell(&format!("({background}) & echo $!; exit 5")).await;
        let begun = Instant::now();
        // The first piece may hold more lines than the number: read the first.
        let number = match running.event().await {
            Some(Event::Stdout(bytes)) => String::from_utf8_lossy(&bytes).into_owned(),
            other => panic!("{other:?}"),
        };
        let (_, _, how) = finish(running).await;
        let number = number.lines().find_map(|line| line.parse().ok());
        if let Some(pid) = number.and_then(Pid::from_raw) {
            // This test's own grandchild, by its number.
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).ok();
        }
        assert_eq!(how, How::Code(5), "{background}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{background}");
    }
}

#[tokio::test]
async fn what_cannot_start_says_why() {
    let missing = start(&["no-such-program-here"], None).await;
    assert!(matches!(missing, Err(CommandError::NotFound(name)) if name == "no-such-program-here"));
    assert!(Path::new("/etc/passwd").exists());
    assert!(matches!(start(&["/etc/passwd"], None).await, Err(CommandError::Start { .. })));
    assert!(matches!(start(&[], None).await, Err(CommandError::Empty)));
    assert!(matches!(start(&[""], None).await, Err(CommandError::Empty)));
    assert!(matches!(start(&["echo", "a\0b"], None).await, Err(CommandError::Nul)));
    let many = vec!["a"; MAX_ARGV + 1];
    assert!(matches!(start(&many, None).await, Err(CommandError::TooLong)));
    let long = "a".repeat(MAX_ARGV_BYTES);
    assert!(matches!(start(&[&long], None).await, Err(CommandError::TooLong)));
}
