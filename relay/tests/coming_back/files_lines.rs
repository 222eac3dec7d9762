//! The files line: who is given one, under which policy, and what becomes of it where the relay is
//! killed or an end was restarted.

use bytes::Bytes;
use deskside_link::attend::{AttendError, FilesGiven, News};
use deskside_link::line::{self, Listener, Plan};
use deskside_link::{Bodies, FilesLine};
use deskside_protocol::policy::FileBodies;
use deskside_protocol::recording::Verdict;
use deskside_protocol::session::Ends;
use deskside_protocol::wire::signal::{FilesLine as Given, FilesLineAsk, signal::Kind};

use crate::attended::{Program, back, end, free, line, programs, until};
use crate::house::{House, Seat, ended, soon};

async fn hash_only() -> House {
    House::with(|policy| policy.file_bodies = FileBodies::HashOnly).await
}

impl Seat {
    async fn ask(&mut self, line: u32, after: u32) {
        let ask = FilesLineAsk { line, after };
        self.signals.send(Kind::FilesLineAsk(ask)).await.unwrap();
    }

    async fn files_line(&mut self) -> Given {
        match self.next().await {
            Ok(Kind::FilesLine(given)) => given,
            said => panic!("{:?} heard {said:?}", self.end),
        }
    }
}

/// What whoever asks in vain is told.
fn refused(line: u32) -> Given {
    Given { line, ..Given::default() }
}

#[tokio::test]
async fn under_a_policy_that_has_bodies_recorded_there_are_no_labels() {
    let house = House::new().await;
    let Ends { mut agent, mut technician } = house.session().await;
    for _ in 0..2 {
        technician.ask(0, 0).await;
        assert_eq!(technician.files_line().await, refused(0));
    }
    // The agent heard nothing of it: the next that it hears is the end.
    ended(&mut agent, &mut technician).await;
}

#[tokio::test]
async fn whoever_asks_is_given_one_and_the_same_again_until_it_is_gone() {
    let house = hash_only().await;
    let Ends { mut agent, mut technician } = house.session().await;
    technician.ask(0, 0).await;
    let (first, told) = (technician.files_line().await, agent.files_line().await);
    assert_eq!((first.line, first.number), (0, 1));
    assert_eq!((&first.own_label, &first.peer_label), (&told.peer_label, &told.own_label));
    assert_ne!(first.own_label, technician.given.own_label);
    // The answer was lost.
    technician.ask(0, 0).await;
    assert_eq!(technician.files_line().await, first);
    // It is gone, and another follows; one that never was is none.
    technician.ask(0, 1).await;
    let (second, told) = (technician.files_line().await, agent.files_line().await);
    assert_eq!((second.number, told.number), (2, 2));
    assert_ne!(second.own_label, first.own_label);
    technician.ask(0, 9).await;
    assert_eq!(technician.files_line().await, refused(0));
    // Of a line that is not: nothing is said.
    technician.ask(7, 0).await;
    // Whoever comes back is told of it again.
    agent.reattach(&house.join, false).await;
    assert_eq!(agent.files_line().await, told);
    assert!(agent.peer().await && technician.peer().await);
    ended(&mut agent, &mut technician).await;
}

#[tokio::test]
async fn it_goes_with_its_line() {
    let house = hash_only().await;
    let Ends { mut agent, mut technician } = house.session().await;
    technician.ask(0, 0).await;
    let (first, _) = (technician.files_line().await, agent.files_line().await);
    technician.reattach(&house.join, true).await;
    assert_eq!(agent.told_line().await.line, 1);
    assert!(technician.peer().await && agent.peer().await);
    // Not before the line is sealed: what is not recorded would be about what is not recorded.
    technician.ask(1, 0).await;
    assert_eq!(technician.files_line().await, refused(1));
    agent.seal(1).await;
    technician.seal(1).await;
    technician.ask(1, 0).await;
    let (second, _) = (technician.files_line().await, agent.files_line().await);
    assert_eq!((second.line, second.number), (1, 1));
    assert_ne!(second.own_label, first.own_label);
    ended(&mut agent, &mut technician).await;
}

#[tokio::test]
async fn an_agent_that_asks_ends_its_session() {
    let house = hash_only().await;
    let Ends { mut agent, mut technician } = house.session().await;
    agent.ask(0, 0).await;
    let (closed, told) = tokio::join!(agent.closed(), technician.closed());
    assert_eq!(closed, told);
}

#[tokio::test]
async fn there_are_so_many_beside_one_line() {
    let house = hash_only().await;
    let Ends { mut agent, mut technician } = house.session().await;
    for after in 0..255 {
        technician.ask(0, after).await;
        assert_eq!(technician.files_line().await.number, after + 1);
        assert_eq!(agent.files_line().await.number, after + 1);
    }
    technician.ask(0, 255).await;
    assert_eq!(technician.files_line().await, refused(0));
    ended(&mut agent, &mut technician).await;
}

/// The files line that the technician asks for, between two programs.
async fn files_line(ends: &mut Ends<Program>, after: u32) -> Ends<FilesLine> {
    let asker = ends.technician.attendance.files_asker();
    let number = ends.technician.given.line;
    let given = soon(asker.ask(number, after)).await.unwrap();
    let mut told = None;
    until(&mut ends.agent.attendance, |news| match news {
        News::Files(given) => told.replace(*given).is_none(),
        _ => false,
    })
    .await;
    let Ends { agent, technician } = ends;
    let told = told.unwrap();
    let listener = Listener::bind(&agent.attendance.lines(), told.own).unwrap();
    let (at_agent, at_technician) = (plan(agent, told), plan(technician, given));
    let lines = technician.attendance.lines();
    let (accepted, dialled) = soon(async {
        tokio::join!(
            listener.accept_files(line::LINE_TIMEOUT, &at_agent),
            line::dial_files(&lines, &at_technician)
        )
    })
    .await;
    Ends { agent: accepted.unwrap(), technician: dialled.unwrap() }
}

fn plan(program: &Program, given: FilesGiven) -> Plan<'_> {
    let FilesGiven { own, peer, .. } = given;
    let Program { attendee, peer_key, .. } = program;
    Plan { own, peer, key: &attendee.session_key, peer_key: *peer_key }
}

/// A transfer's stream on the main line.
const STREAM: u64 = 4;
/// What no other packet holds.
const MARK: [u8; 64] = [0xd5; 64];
const PIECE: usize = 64 * 1024;

/// Sends bodies of so many bytes.
async fn send(bodies: &Bodies, stream: u64, bytes: usize) {
    let mut out = bodies.open(stream).await.unwrap();
    for _ in 0..bytes / PIECE {
        out.send(Bytes::from(vec![MARK[0]; PIECE])).await.unwrap();
    }
    out.finish();
}

/// Receives them.
async fn receive(bodies: &Bodies, stream: u64, bytes: usize) {
    let (mut expected, mut received) = (bodies.expect(stream), 0);
    while let Some(piece) = expected.receive().await.unwrap() {
        assert!(piece.iter().all(|byte| *byte == MARK[0]));
        received += piece.len();
    }
    assert_eq!(received, bytes);
}

#[tokio::test]
async fn it_goes_on_through_a_relay_that_was_killed_and_is_in_no_recording() {
    let mut house = hash_only().await;
    let elsewhere = free();
    let mut ends = programs(&house, &[elsewhere.to_string()]).await;
    let session = ends.agent.given.session;
    let main = line(&ends).await;
    let files = files_line(&mut ends, 0).await;
    let (here, there) = (Bodies::new(), Bodies::new());
    let mut serving = tokio::task::JoinSet::new();
    for (bodies, line) in [(here.clone(), files.agent), (there.clone(), files.technician)] {
        serving.spawn(async move { bodies.serve(line).await });
    }
    let bytes = 4 << 20;
    soon(async { tokio::join!(receive(&here, STREAM, bytes), send(&there, STREAM, bytes)) }).await;
    assert!(house.number("deskside_forwarded_bytes_total") > bytes as f64);
    let recorded = std::fs::metadata(house.recording(session)).unwrap().len();
    assert!(recorded < bytes as u64 / 4, "{recorded} bytes were recorded");

    house.kill();
    house.listen = elsewhere;
    let restart = back(&mut house, &mut ends);
    // In the middle of a transfer, which does not notice; and one the other way behind it.
    let passed = async { tokio::join!(receive(&there, 8, bytes), send(&here, 8, bytes)) };
    soon(Box::pin(async { tokio::join!(passed, restart) })).await;
    soon(async { tokio::join!(receive(&here, 12, bytes), send(&there, 12, bytes)) }).await;
    assert_eq!(serving.len(), 2, "it is the same line still");
    let recorded = std::fs::metadata(house.recording(session)).unwrap().len();
    assert!(recorded < bytes as u64 / 4, "{recorded} bytes were recorded");
    drop(main);
    end(&mut ends).await;
    let verdict = house.verdict(session);
    assert!(matches!(verdict, Verdict::Recovered { .. }), "{verdict:?}");
}

#[tokio::test]
async fn a_program_is_refused_one_in_words_of_its_own() {
    let house = House::new().await;
    let mut ends = programs(&house, &[]).await;
    let _main = line(&ends).await;
    let asker = ends.technician.attendance.files_asker();
    let refused = soon(asker.ask(0, 0)).await;
    assert!(matches!(refused, Err(AttendError::NoFilesLine)), "{refused:?}");
    let late = soon(asker.ask(3, 0)).await;
    assert!(matches!(late, Err(AttendError::Superseded)), "{late:?}");
    end(&mut ends).await;
}
