//! Two lines' ends over loopback, with no relay between them: what both state of what really went
//! over QUIC fits, whatever was given up on the way.

use bytes::Bytes;
use deskside_protocol::channel::Channel;
use deskside_protocol::close::CloseCode;
use deskside_protocol::key::SigningKey;
use deskside_protocol::seal::LineSecrets;
use deskside_protocol::session::{End, Ends, SessionId};
use deskside_protocol::statement::{
    self, Difference, EVERY, Parties, State, Statement, Stream, Way,
};
use deskside_protocol::wire::message::{Message, Said, message::Kind};
use deskside_protocol::wire::record::Signed;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use zeroize::Zeroizing;

use super::{Statements, Stating};
use crate::Line;
use crate::line::{Stream as Both, tests::pair};
use crate::tails::Tails;

fn key(byte: u8) -> SigningKey {
    SigningKey::from_seed(Zeroizing::new([byte; 32]))
}

fn parties(end: End) -> Parties {
    let (own, peer) = match end {
        End::Agent => (key(1), key(2)),
        End::Technician => (key(2), key(1)),
    };
    let session = SessionId::from_bytes([9; 16]);
    Parties { session, end, key: own, peer: peer.public() }
}

/// One end of a counted line, and its half of the statements.
struct Half {
    line: Line,
    stating: Stating,
}

fn half(line: Line, end: End, number: u16, tails: Option<Tails>) -> Half {
    let line = line.counted();
    let statements = Statements::new(parties(end), watch::channel(None).1, tails);
    let stating = statements.on(&line, number);
    Half { line, stating }
}

async fn halves() -> (Half, Half) {
    let (agent, technician) = pair().await;
    (half(agent, End::Agent, 0, None), half(technician, End::Technician, 0, None))
}

fn read(signed: &Signed) -> Statement {
    statement::open(signed, &parties(End::Agent).keys()).unwrap()
}

fn of(statement: &Statement, id: u64, way: Way) -> Stream {
    *statement.streams.iter().find(|stream| (stream.id, stream.way) == (id, way)).unwrap()
}

/// Both say their last, and hear the other's.
fn parts(agent: &mut Half, technician: &mut Half) -> Ends<Statement> {
    let (mut last_agent, mut last_technician) = (None, None);
    for said in technician.stating.say_last() {
        agent.stating.hear(&said).unwrap();
        last_technician = Some(read(&said));
    }
    for said in agent.stating.say_last() {
        technician.stating.hear(&said).unwrap();
        last_agent = Some(read(&said));
    }
    assert!(agent.stating.is_complete() && technician.stating.is_complete());
    Ends { agent: last_agent.unwrap(), technician: last_technician.unwrap() }
}

fn said(text: &str) -> Message {
    Message { kind: Some(Kind::Said(Said { text: text.to_owned() })) }
}

type Talk = Both<Message, Message>;

/// A stream of the technician's, at both ends.
async fn stream(agent: &Half, technician: &Half, channel: Channel) -> (Talk, Talk) {
    let there: Talk = technician.line.open(channel).await.unwrap();
    let here = agent.line.accept().await.unwrap().opened().await.unwrap();
    (here, there)
}

#[tokio::test]
async fn every_way_in_which_bytes_go_is_counted_at_both_ends() {
    let (mut agent, mut technician) = halves().await;
    let (mut here, mut there) = stream(&agent, &technician, Channel::File).await;
    there.sender.send(&said("hello")).await.unwrap();
    there.sender.send_body(Bytes::from(vec![7; 100_000])).await.unwrap();
    there.sender.send_raw(Bytes::from_static(b"\0\0\0\x03raw")).await.unwrap();
    there.sender.finish();
    assert_eq!(here.receiver.receive().await.unwrap(), Some(said("hello")));
    assert_eq!(here.receiver.receive_body().await.unwrap().unwrap().len(), 100_000);
    assert_eq!(here.receiver.receive_body().await.unwrap().unwrap(), "raw");
    assert_eq!(here.receiver.receive_body().await.unwrap(), None);

    let (outward, inward) = (agent.line.beside(), technician.line.beside());
    let mut piece = outward.open::<Message>(Channel::Screen).await.unwrap();
    piece.send(&said("a piece")).await.unwrap();
    let piece_id = piece.id();
    drop(piece);
    let (_, mut piece) = inward.accept().await.unwrap().opened::<Message>().await.unwrap();
    assert_eq!(piece.receive().await.unwrap(), Some(said("a piece")));
    assert_eq!(piece.receive().await.unwrap(), None);

    inward.send(Bytes::from_static(b"here"));
    inward.send(Bytes::new());
    inward.send(Bytes::from_static(b"there"));
    for expected in ["here", "there"] {
        assert_eq!(outward.datagram().await.unwrap(), expected);
    }
    let last = parts(&mut agent, &mut technician);
    for (id, by, to) in
        [(there.id, &last.technician, &last.agent), (piece_id, &last.agent, &last.technician)]
    {
        let (sent, delivered) = (of(by, id, Way::Sent), of(to, id, Way::Delivered));
        assert_eq!((sent.offset, sent.hash), (delivered.offset, delivered.hash));
        assert_eq!((sent.state, delivered.state), (State::Finished, State::Finished));
    }
    let (here, there) = (last.agent.datagrams.unwrap(), last.technician.datagrams.unwrap());
    assert_eq!((here.delivered, here.delivered.count), (there.sent, 2));
    assert!(last.agent.last && last.technician.last);
}

#[tokio::test]
async fn what_is_given_up_in_the_middle_is_counted_as_far_as_quic_took_it() {
    let (mut agent, mut technician) = halves().await;
    let (mut here, mut there) = stream(&agent, &technician, Channel::File).await;
    // More than any window: nobody reads, and the sender is given up somewhere in it.
    let body: Vec<u8> =
        (0..64 * 1024 * 1024_u32).map(|at| at.to_le_bytes()[at as usize % 3]).collect();
    let body = Bytes::from(body);
    loop {
        let short = std::time::Duration::from_millis(20);
        if timeout(short, there.sender.send_raw(body.clone())).await.is_err() {
            break;
        }
    }
    let middle = technician.stating.say().unwrap();
    agent.stating.hear(&middle).unwrap();
    let middle = read(&middle);
    let sent = of(&middle, there.id, Way::Sent);
    assert!(sent.state == State::Open && sent.offset > 0 && sent.offset < body.len() as u64);
    there.sender.finish();
    // Reads are given up too, and lose nothing.
    let mut taken = Vec::new();
    loop {
        let mut chunks: [Bytes; 3] = Default::default();
        let read = here.receiver.stream_mut().read(&mut chunks);
        match timeout(std::time::Duration::ZERO, read).await {
            Ok(Ok(None)) => break,
            Ok(read) => {
                chunks
                    .iter()
                    .take(read.unwrap().unwrap())
                    .for_each(|chunk| taken.extend_from_slice(chunk));
            }
            Err(_given_up) => tokio::task::yield_now().await,
        }
    }
    let last = parts(&mut agent, &mut technician);
    let (sent, delivered) =
        (of(&last.technician, there.id, Way::Sent), of(&last.agent, there.id, Way::Delivered));
    assert_eq!(
        (sent.offset, sent.hash, sent.state),
        (delivered.offset, delivered.hash, State::Finished)
    );
    assert!(body.starts_with(&taken[..1024]));
}

#[tokio::test]
async fn streams_that_are_broken_off_or_dropped_are_stated_as_that() {
    let (mut agent, mut technician) = halves().await;
    let (mut here, mut there) = stream(&agent, &technician, Channel::Chat).await;
    let id = there.id;
    here.sender.send(&said("not to its end")).await.unwrap();
    here.sender.reset(CloseCode::Refused);
    assert!(there.receiver.receive().await.unwrap_err().is_reset(CloseCode::Refused));
    drop(here.receiver);
    there.sender.delivered().await.unwrap();
    assert!(there.sender.send(&said("to nobody")).await.is_err());
    drop(there);
    let last = parts(&mut agent, &mut technician);
    let states = |last: &Statement| [Way::Sent, Way::Delivered].map(|way| of(last, id, way).state);
    assert_eq!(states(&last.agent), [State::Reset, State::Stopped]);
    assert_eq!(states(&last.technician), [State::Reset, State::Reset]);
}

#[tokio::test]
async fn behind_the_last_statement_nothing_goes_but_control() {
    let (mut agent, mut technician) = halves().await;
    let (mut control_here, mut control) = stream(&agent, &technician, Channel::Control).await;
    let (_here, mut there) = stream(&agent, &technician, Channel::Chat).await;
    parts(&mut agent, &mut technician);
    control.sender.send(&said("the statement itself")).await.unwrap();
    assert!(control_here.receiver.receive().await.unwrap().is_some());
    technician.line.beside().send(Bytes::from_static(b"late"));
    let late = said("late");
    let late = there.sender.send(&late);
    let closing = async {
        tokio::task::yield_now().await;
        technician.line.close(CloseCode::SessionEnded);
    };
    let (late, ()) = tokio::join!(late, closing);
    assert!(late.unwrap_err().connection().is_some(), "it waits for the line's end");
    assert!(technician.stating.say().is_none());
}

#[tokio::test]
async fn a_statement_is_due_when_something_went_over_the_line() {
    let (mut agent, technician) = halves().await;
    let (mut here, mut there) = stream(&agent, &technician, Channel::Control).await;
    drop(agent.stating.say());
    // The control stream alone asks for none.
    there.sender.send(&said("quiet")).await.unwrap();
    assert!(here.receiver.receive().await.unwrap().is_some());
    tokio::time::pause();
    assert!(timeout(3 * EVERY, agent.stating.due()).await.is_err());
    agent.stating.touch();
    let since = Instant::now();
    timeout(3 * EVERY, agent.stating.due()).await.unwrap();
    assert!(since.elapsed() <= EVERY);
}

#[tokio::test]
async fn two_ends_of_two_lines_have_somebody_between_them() {
    let (mut agent, _) = halves().await;
    let (_, mut technician) = halves().await;
    let said = technician.stating.say().unwrap();
    assert_eq!(agent.stating.hear(&said), Err(Difference::Secrets));
}

#[tokio::test]
async fn a_killed_program_goes_on_from_its_file_and_a_relay_that_stops_recording_ends_it() {
    let home = tempfile::tempdir().unwrap();
    let tails = || Some(Tails::in_folder(home.path().to_owned()));
    let (line, other) = pair().await;
    let mut agent = half(line, End::Agent, 0, tails());
    let mut technician = half(other, End::Technician, 0, None);
    technician.stating.hear(&agent.stating.say().unwrap()).unwrap();
    let unheard = agent.stating.say().unwrap();
    drop(agent);

    let (line, other) = pair().await;
    let mut agent = half(line, End::Agent, 1, tails());
    let other = other.counted();
    let mut stating = technician.stating.statements.on(&other, 1);
    let first = agent.stating.say().unwrap();
    stating.hear(&first).unwrap();
    assert_eq!(read(&first).number, 2);
    assert_eq!(read(&first).previous, Some(statement::name(&unheard)));

    stating.statements.unrecorded();
    assert!(stating.say().is_none() && stating.is_complete());
    assert_eq!(stating.hear(&Signed::default()), Ok(false));
}

#[tokio::test]
async fn on_a_line_that_is_not_recorded_nothing_is_stated() {
    let (agent, _other) = pair().await;
    let statements = Statements::new(parties(End::Agent), watch::channel(None).1, None);
    let mut stating = statements.on(&agent, 0);
    assert!(stating.say().is_none() && stating.say_last().is_empty() && stating.is_complete());
    let secrets: &LineSecrets = agent.secrets();
    assert_ne!(secrets.sha256(), [0; 32]);
}
