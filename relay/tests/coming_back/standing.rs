//! Technicians who may no longer be here: their sessions end, their legs are closed, and they do not
//! come in again.

use bytes::Bytes;
use deskside_link::Leg;
use deskside_link::leg::LegError;
use deskside_protocol::close::CloseCode;
use deskside_protocol::identity::revocations::RevocationList;
use deskside_protocol::session::Ends;
use deskside_protocol::wire::record::{Reason, Signed};
use deskside_protocol::wire::signal::refused::Code;
use deskside_protocol::wire::signal::{Join, Open, Park, TicketList, TicketNew, signal::Kind};
use deskside_relay::clock;
use deskside_relay::node::{Node, Places};
use deskside_relay::store::Store;

use crate::house::{House, Seat, soon};

/// The database as a command beside the relay has it.
async fn beside(house: &House) -> Store {
    let places = Places::under(house.folder.path().join("relay"));
    Node::open(places).await.unwrap().store().clone()
}

/// Both ends of a session hear why it is over.
async fn over(ends: &mut Ends<Seat>) -> i32 {
    let (agent, technician) = tokio::join!(ends.agent.closed(), ends.technician.closed());
    assert_eq!(agent, technician);
    assert!(!agent.recording_hash.is_empty(), "its recording was closed in order");
    agent.reason
}

/// The code with which a leg was closed.
async fn closed_with(leg: &Leg) -> Option<CloseCode> {
    match soon(leg.lost()).await {
        quinn::ConnectionError::ApplicationClosed(closed) => {
            CloseCode::from_number(closed.error_code.into())
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_revocation_beside_the_relay_ends_session_and_leg() {
    let house = House::new().await;
    let mut ends = house.session().await;
    let began = std::time::Instant::now();
    beside(&house).await.revoke("alice", clock::seconds()).await.unwrap();
    assert_eq!(over(&mut ends).await, Reason::TechnicianRevoked as i32);
    assert_eq!(closed_with(&ends.technician.leg).await, Some(CloseCode::NotPermitted));
    // Generous: ten looks, the signatures of both ends and the disk of a machine that others use.
    assert!(began.elapsed() < std::time::Duration::from_secs(5), "{:?}", began.elapsed());

    // The agent's leg is as it was, hers does not come in again.
    assert!(ends.agent.leg.open().await.is_ok());
    let again = soon(Leg::dial(&house.join, house.alice_key(), "test")).await.unwrap();
    let error = again.request(Kind::TicketList(TicketList { all: false })).await.unwrap_err();
    let LegError::Refused(refused) = error else { panic!("{error}") };
    assert_eq!(refused.code, Code::NotPermitted as i32);
    assert!(refused.text.contains("revoked"), "{}", refused.text);
    // Nor by the token of the session: it is told how that ended.
    let (_leg, mut signals) = ends.technician.dial(&house.join, false).await;
    let Ok(Kind::Closed(closed)) = soon(signals.receive()).await else { panic!() };
    assert_eq!(closed.reason, Reason::TechnicianRevoked as i32);
}

#[tokio::test]
async fn a_certificate_that_runs_out_in_mid_session_ends_it_unless_renewed() {
    let house = House::new().await;
    let store = house.relay().node.store().clone();
    let who = store.technicians().await.unwrap().remove(0);
    // Two are let in with a short one; before it ends it is renewed, and what counts is what the
    // database says then.
    let end = clock::seconds() + 3;
    store.renew(who.serial, &who.certificate, end).await.unwrap();
    let mut renewed = house.session().await;
    store.renew(who.serial, &who.certificate, end + 3).await.unwrap();
    while clock::seconds() <= end {
        renewed.technician.nudge().await;
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    crate::house::ended(&mut renewed.agent, &mut renewed.technician).await;

    let mut ends = house.session().await;
    assert_eq!(over(&mut ends).await, Reason::TechnicianExpired as i32);
    assert_eq!(closed_with(&ends.technician.leg).await, Some(CloseCode::NotPermitted));
}

#[tokio::test]
async fn a_revocation_while_the_relay_was_down_counts_when_it_is_back() {
    let mut house = House::new().await;
    let ends = house.session().await;
    let store = beside(&house).await;
    house.kill();
    store.revoke("alice", clock::seconds()).await.unwrap();
    house.start().await;
    for seat in [&ends.agent, &ends.technician] {
        let (leg, mut signals) = seat.dial(&house.join, false).await;
        // It may still be walking its recordings: then it is challenged first.
        let closed = loop {
            match soon(signals.receive()).await {
                Ok(Kind::Closed(closed)) => break closed,
                Ok(Kind::Challenge(challenge)) => {
                    signals.send(seat.prove(&leg, &challenge)).await.unwrap();
                }
                Ok(Kind::Session(_) | Kind::Peer(_) | Kind::CloseProposal(_)) => {}
                said => panic!("{said:?}"),
            }
        };
        assert_eq!(closed.reason, Reason::TechnicianRevoked as i32);
    }
}

#[tokio::test]
async fn a_waiting_code_is_renewed_when_somebody_was_revoked() {
    let house = House::new().await;
    let agent = Leg::dial(&house.join, &crate::house::key(), "test").await.unwrap();
    let mut agent = agent.open().await.unwrap();
    agent.send(Kind::Open(Open {})).await.unwrap();
    let Ok(Kind::Opened(opened)) = soon(agent.receive()).await else { panic!() };
    let park = || Park { y_a: Bytes::from_static(&[7; 32]), ad_a: Bytes::from_static(b"x") };
    agent.send(Kind::Park(park())).await.unwrap();
    let Ok(Kind::Parked(_)) = soon(agent.receive()).await else { panic!() };
    let node = house.join.node;
    let list = |signed: &Signed| RevocationList::open(signed, &node, clock::seconds()).unwrap();
    assert!(!list(agent.welcome.revocations.as_ref().unwrap()).contains(2));

    // Somebody else is enrolled and revoked; then she comes to the code.
    let bob = crate::roles::leg_of(&house, "technician", clock::seconds()).await;
    let login = house.relay().node.store().technicians().await.unwrap().pop().unwrap().login;
    beside(&house).await.revoke(&login, clock::seconds()).await.unwrap();
    drop(bob);
    let alice = Leg::dial(&house.join, house.alice_key(), "test").await.unwrap();
    let new = TicketNew { subject: "Printer".to_owned(), ..TicketNew::default() };
    let Ok(Kind::Ticket(ticket)) = alice.request(Kind::TicketNew(new)).await else { panic!() };
    let mut technician = alice.open().await.unwrap();
    let join = Join { nameplate: opened.nameplate, ticket: ticket.ticket };
    technician.send(Kind::Join(join)).await.unwrap();
    let Ok(Kind::Renew(renew)) = soon(agent.receive()).await else { panic!() };
    assert!(list(renew.revocations.as_ref().unwrap()).contains(2));
    agent.send(Kind::Park(park())).await.unwrap();
    let Ok(Kind::Joined(joined)) = soon(technician.receive()).await else { panic!() };
    assert_eq!(joined.y_a, park().y_a);
}
