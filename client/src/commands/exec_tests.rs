//! `exec` against a scripted agent.

use super::super::tests::{message, pipe};
use super::*;
use crate::failure::{OutputClosed, exit_of};
use deskside_protocol::exit::Exit;
use deskside_protocol::wire::message::{Refusal, refusal};

fn out(data: &'static [u8]) -> Kind {
    Kind::CommandOutput(CommandOutput { stderr: false, data: data.into() })
}

fn err(data: &'static [u8]) -> Kind {
    Kind::CommandOutput(CommandOutput { stderr: true, data: data.into() })
}

fn end(how: command_exit::How) -> Kind {
    Kind::CommandExit(CommandExit { how: Some(how) })
}

struct Seen {
    outcome: anyhow::Result<Outcome>,
    output: Vec<u8>,
    errors: Vec<u8>,
    input: Vec<u8>,
}

/// Runs `cat -` against an agent that reads all input, then answers.
async fn run(input: Option<&[u8]>, answers: Vec<Kind>, json: bool) -> Seen {
    let ((mut reader, mut writer), (mut from, mut to)) = pipe();
    let agent = tokio::spawn(async move {
        let argv = vec!["cat".to_owned(), "-".to_owned()];
        let start = Kind::CommandStart(CommandStart { argv, timeout_ms: 1500, masked: Vec::new() });
        assert_eq!(from.recv().await.unwrap().unwrap().kind, Some(start));
        let mut input = Vec::new();
        while let Some(Message { kind: Some(Kind::CommandInput(piece)) }) =
            from.recv().await.unwrap()
        {
            input.extend_from_slice(&piece.data);
            if piece.end {
                break;
            }
        }
        for kind in answers {
            to.send(&message(kind)).await.unwrap();
        }
        to.close().await.unwrap();
        input
    });
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let standard = Standard { input, output: &mut output, errors: &mut errors, json };
    let argv = vec!["cat".to_owned(), "-".to_owned()];
    let timeout = Some(Duration::from_millis(1500));
    let outcome =
        exec(&mut reader, &mut writer, Argv::new(argv, &[]).unwrap(), timeout, standard).await;
    Seen { outcome, output, errors, input: agent.await.unwrap() }
}

#[tokio::test]
async fn bytes_go_both_ways_untouched_and_apart() {
    let answers =
        vec![out(b"a\xff\x1b[31m"), err(b"b\0"), out(b"c"), end(command_exit::How::Code(3))];
    let seen = run(Some(b"some input, longer than the pipe"), answers, false).await;
    assert_eq!(seen.outcome.unwrap(), Outcome::Code(3));
    assert_eq!(seen.output, b"a\xff\x1b[31mc");
    assert_eq!(seen.errors, b"b\0");
    assert_eq!(seen.input, b"some input, longer than the pipe");
}

#[tokio::test]
async fn json_has_one_object_a_line_and_whole_characters() {
    let answers = vec![
        out(b"gr\xc3"),
        err(b"\xff"),
        out(b"\xbcn\n"),
        out(b"\xe2\x82"),
        end(command_exit::How::Signal(9)),
    ];
    let seen = run(None, answers, true).await;
    let lines: Vec<Value> = seen
        .output
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!(
        lines,
        [
            json!({"event": "stdout", "data": "gr"}),
            json!({"event": "stderr", "data": "\u{fffd}", "base64": "/w=="}),
            json!({"event": "stdout", "data": "\u{fc}n\n"}),
            json!({"event": "stdout", "data": "\u{fffd}", "base64": "4oI="}),
            json!({"event": "exit", "signal": 9}),
        ]
    );
    assert_eq!(seen.errors, b"");
}

#[tokio::test]
async fn every_end_has_its_exit_code() {
    for (how, code) in [
        (command_exit::How::Code(0), 0),
        (command_exit::How::Code(7), 7),
        (command_exit::How::Code(256), 255),
        (command_exit::How::Code(-1), 255),
        (command_exit::How::Signal(15), 143),
        (command_exit::How::TimedOut(true), 124),
    ] {
        let seen = run(None, vec![end(how)], false).await;
        assert_eq!(seen.outcome.unwrap().exit_code(), code, "{how:?}");
    }
}

#[tokio::test]
async fn a_refusal_and_a_lost_session_are_no_exit_of_the_command() {
    let cause = refusal::Cause::UserRefused.into();
    let refusal = Kind::Refusal(Refusal { cause, grant: 3, text: "not now".into() });
    let seen = run(None, vec![refusal], false).await;
    let error = seen.outcome.unwrap_err();
    assert_eq!(exit_of(&error), Exit::Refused);
    assert_eq!(error.to_string(), "the user refused command: not now");

    let seen = run(None, vec![out(b"half")], false).await;
    assert_eq!(exit_of(&seen.outcome.unwrap_err()), Exit::EndedByPeer);
    assert_eq!(seen.output, b"half");
}

#[tokio::test]
async fn a_command_may_end_before_its_input() {
    let ((mut reader, mut writer), (mut from, mut to)) = pipe();
    let agent = tokio::spawn(async move {
        from.recv().await.unwrap();
        to.send(&message(end(command_exit::How::Code(0)))).await.unwrap();
    });
    let (_held, input) = tokio::io::duplex(8);
    let standard =
        Standard { input: Some(input), output: Vec::new(), errors: Vec::new(), json: false };
    let argv = vec!["true".to_owned()];
    let outcome =
        exec(&mut reader, &mut writer, Argv::new(argv, &[]).unwrap(), None, standard).await;
    assert_eq!(outcome.unwrap(), Outcome::Code(0));
    agent.await.unwrap();
}

#[tokio::test]
async fn an_output_that_nobody_reads_ends_it() {
    let ((mut reader, mut writer), (mut from, mut to)) = pipe();
    let agent = tokio::spawn(async move {
        from.recv().await.unwrap();
        to.send(&message(out(b"y"))).await.unwrap();
    });
    let (output, gone) = tokio::io::duplex(8);
    drop(gone);
    let standard = Standard { input: None::<&[u8]>, output, errors: Vec::new(), json: false };
    let outcome = exec(
        &mut reader,
        &mut writer,
        Argv::new(vec!["yes".to_owned()], &[]).unwrap(),
        None,
        standard,
    )
    .await;
    assert!(outcome.unwrap_err().is::<OutputClosed>());
    agent.await.unwrap();
}
