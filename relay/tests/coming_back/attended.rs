//! The programs' own way back: what attends a session in agent and client, a line between them, and
//! a relay that is killed under it.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use bytes::Bytes;
use deskside_link::attend::{Attendance, Attendee, Given, News};
use deskside_link::line::{self, Line, Listener, Plan};
use deskside_protocol::channel::Channel;
use deskside_protocol::key::PublicKey;
use deskside_protocol::recording::Verdict;
use deskside_protocol::session::Ends;
use deskside_protocol::wire::message::Message;
use deskside_protocol::wire::record::{Reason, event::Kind as Event};

use crate::house::{House, Seat, key, soon};

/// An end as a program has it.
pub(crate) struct Program {
    pub(crate) attendance: Attendance,
    pub(crate) attendee: Attendee,
    pub(crate) given: Given,
    pub(crate) peer_key: PublicKey,
}

impl Program {
    fn new(house: &House, seat: Seat, peer_key: PublicKey, relays: &[String]) -> Self {
        let given = Given::read(&seat.given).unwrap();
        let attendee = Attendee {
            end: seat.end,
            session_key: seat.key.clone(),
            binding: seat.binding,
            node: house.join.node,
            token: given.token,
            leg_key: key(),
            link: house.join.clone(),
            relays: relays.to_vec(),
            grace: Duration::from_secs(60),
            software: "test".to_owned(),
        };
        let attendance = Attendance::start(seat.leg, seat.signals, attendee.clone(), given);
        Self { attendance, attendee, given, peer_key }
    }

    fn plan(&self) -> Plan<'_> {
        let Given { own, peer, .. } = self.given;
        Plan { own, peer, key: &self.attendee.session_key, peer_key: self.peer_key }
    }
}

/// Both ends of a session that has no line yet.
pub(crate) async fn programs(house: &House, relays: &[String]) -> Ends<Program> {
    let Ends { agent, technician } = house.paired().await;
    let (agents, technicians) = (agent.key.public(), technician.key.public());
    Ends {
        agent: Program::new(house, agent, technicians, relays),
        technician: Program::new(house, technician, agents, relays),
    }
}

/// The relay starts again, and both ends come back to it.
pub(crate) async fn back(house: &mut House, ends: &mut Ends<Program>) {
    house.start().await;
    for end in [&mut ends.agent, &mut ends.technician] {
        until(&mut end.attendance, |news| matches!(news, News::Back)).await;
    }
}

/// The line that both were given, sealed.
pub(crate) async fn line(ends: &Ends<Program>) -> Ends<Line> {
    let Ends { agent, technician } = ends;
    let listener = Listener::bind(&agent.attendance.lines(), agent.given.own).unwrap();
    let (at_agent, at_technician, lines) =
        (agent.plan(), technician.plan(), technician.attendance.lines());
    let made =
        async { tokio::join!(listener.accept(&at_agent), line::dial(&lines, &at_technician)) };
    let (accepted, dialled) = soon(made).await;
    let number = agent.given.line;
    let sealed = async {
        tokio::join!(
            agent.attendance.seal(number, vec![1]),
            technician.attendance.seal(number, vec![2])
        )
    };
    let (one, two) = soon(sealed).await;
    assert!(one.is_ok() && two.is_ok(), "{one:?} {two:?}");
    Ends { agent: accepted.unwrap(), technician: dialled.unwrap() }
}

pub(crate) async fn until(attendance: &mut Attendance, mut wanted: impl FnMut(&News) -> bool) {
    soon(async {
        loop {
            let news = attendance.news().await;
            assert!(!matches!(news, News::Closed(_)), "{news:?}");
            if wanted(&news) {
                break;
            }
        }
    })
    .await;
}

/// A port that is free, most likely still when it is used.
pub(crate) fn free() -> SocketAddr {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// What the technician sends comes to the agent, whole.
async fn pass(Ends { agent, technician }: &Ends<Line>, bytes: usize) {
    let pieces = bytes / 65_536;
    let send = async {
        let mut stream = technician.open::<Message, Message>(Channel::File).await.unwrap();
        for piece in 0..pieces {
            let piece = vec![u8::try_from(piece % 251).unwrap(); 65_536];
            stream.sender.send_body(Bytes::from(piece)).await.unwrap();
        }
        stream.sender.finish();
        stream.sender.delivered().await.unwrap();
    };
    let receive = async {
        let opened = agent.accept().await.unwrap().opened::<Message, Message>().await;
        let mut stream = opened.unwrap();
        for piece in 0..pieces {
            let body = stream.receiver.receive_body().await.unwrap().unwrap();
            assert_eq!(body, vec![u8::try_from(piece % 251).unwrap(); 65_536]);
        }
        assert!(stream.receiver.receive_body().await.unwrap().is_none());
    };
    soon(async { tokio::join!(send, receive) }).await;
}

pub(crate) async fn end(Ends { agent, technician }: &mut Ends<Program>) {
    let (ended, told) =
        tokio::join!(technician.attendance.end(Reason::TechnicianEnded), agent.attendance.closed());
    let ended = ended.unwrap();
    assert_eq!((ended.recording_hash.len(), &ended), (32, &told.unwrap()));
}

#[tokio::test]
async fn a_line_goes_on_through_a_relay_that_was_killed() {
    let mut house = House::new().await;
    let elsewhere = free();
    let mut ends = programs(&house, &[elsewhere.to_string()]).await;
    let session = ends.agent.given.session;
    let line = line(&ends).await;
    pass(&line, 4 << 20).await;

    house.kill();
    house.listen = elsewhere;
    let restart = back(&mut house, &mut ends);
    tokio::join!(pass(&line, 8 << 20), restart);
    pass(&line, 4 << 20).await;

    let Ends { agent, technician } = &mut ends;
    let (ended, told) =
        tokio::join!(technician.attendance.end(Reason::TechnicianEnded), agent.attendance.closed());
    let ended = ended.unwrap();
    assert_eq!((ended.recording_hash.len(), &ended), (32, &told.unwrap()));
    let kinds: Vec<_> = house.events(session).into_iter().map(|(kind, _)| kind).collect();
    assert!(kinds.contains(&Event::Recovered), "{kinds:?}");
    assert_eq!(kinds.iter().filter(|kind| **kind == Event::LegBack).count(), 2, "{kinds:?}");
}

#[tokio::test]
async fn a_program_that_was_restarted_makes_another_line() {
    let house = House::new().await;
    let mut ends = programs(&house, &[]).await;
    let first = line(&ends).await;
    pass(&first, 1 << 20).await;
    let attendee = ends.technician.attendee.clone();
    let (attendance, given) = soon(Attendance::resume(attendee, true)).await.unwrap();
    (ends.technician.attendance, ends.technician.given) = (attendance, given);
    let mut told = None;
    until(&mut ends.agent.attendance, |news| match news {
        News::Line(given) => told.replace(*given).is_none(),
        _ => false,
    })
    .await;
    ends.agent.given = told.unwrap();
    assert_eq!((given.line, ends.agent.given.line), (1, 1));
    assert_eq!((given.own, given.peer), (ends.agent.given.peer, ends.agent.given.own));
    drop(first);
    let second = line(&ends).await;
    pass(&second, 4 << 20).await;
    end(&mut ends).await;
    assert_eq!(house.verdict(given.session), Verdict::Verified);
}
