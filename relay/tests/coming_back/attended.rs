//! The programs' own way back: what attends a session in agent and client, a line between them, and
//! a relay that is killed under it.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use bytes::Bytes;
use deskside_link::attend::{Attendance, Attendee, Given, News};
use deskside_link::line::{self, Line, Listener, Plan};
use deskside_protocol::channel::Channel;
use deskside_protocol::session::{End, Ends};
use deskside_protocol::wire::message::Message;
use deskside_protocol::wire::record::{Reason, event::Kind as Event};

use crate::house::{House, Seat, key, soon};

/// An end as a program has it.
async fn attended(house: &House, seat: Seat, relays: Vec<String>) -> (Attendance, Given) {
    let given = Given::read(&seat.given).unwrap();
    let attendee = Attendee {
        end: seat.end,
        session_key: seat.key.clone(),
        binding: seat.binding,
        node: house.join.node,
        token: given.token,
        leg_key: key(),
        link: house.join.clone(),
        relays,
        grace: Duration::from_secs(60),
        software: "test".to_owned(),
    };
    (Attendance::start(seat.leg, seat.signals, attendee, given), given)
}

async fn until(attendance: &mut Attendance, wanted: impl Fn(&News) -> bool) {
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
fn free() -> SocketAddr {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// What the technician sends comes to the agent, whole.
async fn pass(agent: &Line, technician: &Line, bytes: usize) {
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

#[tokio::test]
async fn a_line_goes_on_through_a_relay_that_was_killed() {
    let mut house = House::new().await;
    let seats = house.paired().await;
    let session = seats.agent.session();
    let keys = Ends { agent: seats.agent.key.clone(), technician: seats.technician.key.clone() };
    let elsewhere = free();
    let relays = vec![elsewhere.to_string()];
    let (mut agent, at_agent) = attended(&house, seats.agent, relays.clone()).await;
    let (mut technician, at_technician) = attended(&house, seats.technician, relays).await;
    let plan = |given: &Given, end| Plan {
        own: given.own,
        peer: given.peer,
        key: keys.of(end),
        peer_key: match end {
            End::Agent => keys.technician.public(),
            End::Technician => keys.agent.public(),
        },
    };
    let listener = Listener::bind(&agent.lines(), at_agent.own).unwrap();
    let (lines, plans) =
        (technician.lines(), (plan(&at_agent, End::Agent), plan(&at_technician, End::Technician)));
    let (accepted, dialled) =
        soon(async { tokio::join!(listener.accept(&plans.0), line::dial(&lines, &plans.1)) }).await;
    let (accepted, dialled) = (accepted.unwrap(), dialled.unwrap());
    let (one, two) = tokio::join!(agent.seal(0, vec![1]), technician.seal(0, vec![2]));
    assert!(one.is_ok() && two.is_ok());
    pass(&accepted, &dialled, 4 << 20).await;

    house.kill();
    house.listen = elsewhere;
    let meanwhile = pass(&accepted, &dialled, 8 << 20);
    let restart = async {
        house.start().await;
        until(&mut agent, |news| matches!(news, News::Back)).await;
        until(&mut technician, |news| matches!(news, News::Back)).await;
    };
    tokio::join!(meanwhile, restart);
    pass(&accepted, &dialled, 4 << 20).await;

    let closed = tokio::join!(technician.end(Reason::TechnicianEnded), agent.closed());
    let (ended, told) = (closed.0.unwrap(), closed.1.unwrap());
    assert_eq!((ended.recording_hash.len(), &ended), (32, &told));
    let kinds: Vec<_> = house.events(session).into_iter().map(|(kind, _)| kind).collect();
    assert!(kinds.contains(&Event::Recovered), "{kinds:?}");
    assert_eq!(kinds.iter().filter(|kind| **kind == Event::LegBack).count(), 2, "{kinds:?}");
}
