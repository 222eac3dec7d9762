//! Both ends of a files line over loopback.

use super::*;
use crate::line::{close_code, tests};

/// A transfer's stream on the main line.
const ONE: u64 = 4;
const TWO: u64 = 8;

/// Two ends with a files line between them; the raw line of each, to break the rules on.
async fn ends() -> (Bodies, Bodies, [Beside; 2], JoinSet<()>) {
    let (agent, technician) = tests::files_pair().await;
    let raw = [agent.beside(), technician.beside()];
    let (here, there) = (Bodies::new(), Bodies::new());
    let mut serving = JoinSet::new();
    for (bodies, line) in [(here.clone(), agent), (there.clone(), technician)] {
        serving.spawn(async move { bodies.serve(line).await });
    }
    (here, there, raw, serving)
}

/// What a peer finds of a stream on which it says `first`.
async fn says(raw: &Beside, channel: Channel, first: Kind) -> Sender<Message> {
    let mut sender = raw.open::<Message>(channel).await.unwrap();
    sender.send(&Message { kind: Some(first) }).await.unwrap();
    sender
}

fn of(stream: u64) -> Kind {
    Kind::FileBodies(FileBodies { stream })
}

#[tokio::test]
async fn a_body_comes_to_the_transfer_that_waits_for_it() {
    let (here, there, ..) = &ends().await;
    let mut expected = [here.expect(ONE), here.expect(TWO)];
    for (stream, frames) in [(TWO, ["b", ""]), (ONE, ["a", ""])] {
        let mut out = there.open(stream).await.unwrap();
        for frame in frames {
            out.send(Bytes::from(frame)).await.unwrap();
        }
        out.finish();
    }
    for (expected, first) in expected.iter_mut().zip(["a", "b"]) {
        assert_eq!(expected.receive().await.unwrap().unwrap(), first);
        assert_eq!(expected.receive().await.unwrap().unwrap(), "");
        assert_eq!(expected.receive().await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_stream_that_nobody_waits_for_is_reset_and_the_line_goes_on() {
    let (here, there, [_, raw], _serving) = &ends().await;
    let mut expected = here.expect(ONE);
    drop(here.expect(TWO));
    // Unannounced, given up, and the second of its transfer.
    let mut first = there.open(ONE).await.unwrap();
    first.send(Bytes::from("body")).await.unwrap();
    assert_eq!(expected.receive().await.unwrap().unwrap(), "body");
    for stream in [12, TWO, ONE] {
        let mut sender = says(raw, Channel::File, of(stream)).await;
        sender.delivered().await.unwrap();
        let error = sender.send_body(Bytes::from("x")).await.unwrap_err();
        assert!(matches!(error, StreamError::Write(quinn::WriteError::Stopped(_))), "{error:?}");
    }
    first.send(Bytes::from("more")).await.unwrap();
    assert_eq!(expected.receive().await.unwrap().unwrap(), "more");
}

#[tokio::test]
async fn anything_else_closes_it_with_a_code_of_its_own() {
    for channel in Channel::all().filter(|channel| *channel != Channel::File) {
        let (_here, _there, [_, raw], _serving) = &ends().await;
        let _sender = says(raw, channel, of(ONE)).await;
        let error = raw.datagram().await.unwrap_err();
        assert_eq!(close_code(&error), Some(CloseCode::NotABody), "{channel:?}");
    }
    let (_here, _there, [_, raw], _serving) = &ends().await;
    let _sender = says(raw, Channel::File, Kind::FilesSent(Default::default())).await;
    assert_eq!(close_code(&raw.datagram().await.unwrap_err()), Some(CloseCode::NotABody));
}

#[tokio::test]
async fn a_stream_in_both_directions_closes_it() {
    let (agent, technician) = tests::files_pair().await;
    let here = Bodies::new();
    let serving = async { here.serve(agent).await };
    let stray = async {
        let (mut send, _receive) = technician.connection.open_bi().await.unwrap();
        send.write_all(b"x").await.unwrap();
        close_code(&technician.lost().await)
    };
    let ((), code) = tokio::join!(serving, stray);
    assert_eq!(code, Some(CloseCode::NotABody));
}

#[tokio::test]
async fn datagrams_mean_nothing() {
    let (here, there, raw, _serving) = &ends().await;
    for _ in 0..100 {
        raw[1].send(Bytes::from(vec![7; 500]));
    }
    let mut expected = here.expect(ONE);
    let mut out = there.open(ONE).await.unwrap();
    out.send(Bytes::from("body")).await.unwrap();
    assert_eq!(expected.receive().await.unwrap().unwrap(), "body");
}

#[tokio::test]
async fn a_line_that_is_lost_ends_what_was_under_way_and_another_follows() {
    let (here, there, _raw, mut serving) = ends().await;
    let mut expected = [here.expect(ONE), here.expect(TWO)];
    let mut out = there.open(ONE).await.unwrap();
    out.send(Bytes::from("body")).await.unwrap();
    assert_eq!(expected[0].receive().await.unwrap().unwrap(), "body");
    serving.shutdown().await;
    for expected in &mut expected {
        assert!(matches!(expected.receive().await, Err(BodyError::Lost)));
    }
    let (agent, technician) = tests::files_pair().await;
    let mut again = here.expect(TWO);
    let transfer = async {
        let mut out = there.open(TWO).await.unwrap();
        out.send(Bytes::from("again")).await.unwrap();
        assert_eq!(again.receive().await.unwrap().unwrap(), "again");
    };
    tokio::select! {
        () = here.serve(agent) => panic!("the agent's line is gone"),
        () = there.serve(technician) => panic!("the technician's line is gone"),
        () = transfer => {}
    }
}

#[tokio::test]
async fn whoever_is_refused_a_line_is_told_and_the_next_may_ask_again() {
    let bodies = Bodies::new();
    let waiting = async {
        let mut expected = bodies.expect(ONE);
        let (opened, received) = tokio::join!(bodies.open(TWO), expected.receive());
        assert!(matches!(opened, Err(BodyError::Refused)));
        assert!(matches!(received, Err(BodyError::Refused)));
    };
    let relay = async {
        bodies.wanted().await;
        bodies.refuse().await;
    };
    tokio::join!(waiting, relay);
    let _expected = bodies.expect(ONE);
    bodies.wanted().await;
}

#[tokio::test]
async fn a_stream_that_is_watched_loses_nothing_and_tells_of_its_end() {
    let (agent, technician) = tests::pair().await;
    let (agent, technician) = (agent.counted(), technician.counted());
    let message = || Message { kind: Some(of(ONE)) };
    for broken in [false, true] {
        let mut ours = technician.open::<Message, Message>(Channel::File).await.unwrap();
        let theirs = agent.accept().await.unwrap().opened::<Message, Message>();
        let mut theirs = theirs.await.unwrap().receiver;
        ours.sender.send(&message()).await.unwrap();
        ours.sender.send(&message()).await.unwrap();
        if broken {
            // What had not left by then never will.
            let mut sender = ours.sender;
            sender.reset(CloseCode::Refused);
            assert!(theirs.broken().await.is_reset(CloseCode::Refused));
        } else {
            let mut sender = ours.sender;
            sender.finish();
            tokio::select! {
                biased;
                error = theirs.broken() => panic!("{error}"),
                done = sender.delivered() => done.unwrap(),
            }
            for _ in 0..2 {
                assert_eq!(theirs.receive().await.unwrap(), Some(message()));
            }
            assert_eq!(theirs.receive().await.unwrap(), None);
        }
    }
}
