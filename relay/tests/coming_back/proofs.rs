//! Who is let in, who is not, and what the other end hears of it.

use bytes::Bytes;
use deskside_protocol::recording::Verdict;
use deskside_protocol::session::{End, Ends};
use deskside_protocol::wire::record::{Reason, event::Kind as Event};
use deskside_protocol::wire::signal::refused::Code;
use deskside_protocol::wire::signal::{Proof, Reattach, signal::Kind};
use deskside_relay::desk::DESK;

use crate::house::{House, challenge, ended, refusal, soon};

const NOT_FOUND: i32 = Code::NotFound as i32;

#[tokio::test]
async fn an_end_that_was_lost_comes_back_to_the_same_line() {
    let house = House::new().await;
    let Ends { mut agent, mut technician } = house.session().await;
    let before = technician.given.clone();
    assert_eq!((before.reattach_token.len(), before.line), (16, 0));
    assert_ne!(before.reattach_token, agent.token());

    technician.leg.clone().close(deskside_protocol::close::CloseCode::GoingAway).await;
    assert!(!agent.peer().await);
    assert_eq!(house.number("deskside_ends_away"), 1.0);
    technician.reattach(&house.join, false).await;
    assert_eq!(technician.given, before);
    assert!(technician.peer().await && agent.peer().await);
    assert_eq!(house.number("deskside_ends_away"), 0.0);

    let session = agent.session();
    let closed = ended(&mut agent, &mut technician).await;
    assert_eq!(closed.reason, Reason::UserEnded as i32);
    let technician = Some(End::Technician);
    let expected =
        [(Event::Confirmed, None), (Event::LegLost, technician), (Event::LegBack, technician)];
    assert_eq!(house.events(session), expected);
    assert_eq!(house.verdict(session), Verdict::Verified);
    assert_eq!(house.number("deskside_live_sessions"), 0.0);
}

#[tokio::test]
async fn nobody_without_the_session_key_disturbs_a_session() {
    let mut house = House::new().await;
    let Ends { mut agent, mut technician } = house.session().await;
    let link = house.join.clone();

    // A token that nobody has, and one of another length.
    for token in [Bytes::from_static(&[9; 16]), Bytes::from_static(&[9; 15]), Bytes::new()] {
        let mut signals = agent.leg.open().await.unwrap();
        let wrong = Reattach { token, fresh_line: false };
        signals.send(Kind::Reattach(wrong)).await.unwrap();
        assert_eq!(refusal(&mut signals).await, NOT_FOUND);
    }
    // Nobody's signature, and one that is too short.
    for signature in [Bytes::from_static(&[0; 64]), Bytes::from_static(b"x")] {
        let (_leg, mut signals) = agent.dial(&link, true).await;
        challenge(&mut signals).await;
        signals.send(Kind::Proof(Proof { signature })).await.unwrap();
        assert_eq!(refusal(&mut signals).await, NOT_FOUND);
    }
    // The other end's, who has a key of the same session.
    let (leg, mut signals) = agent.dial(&link, true).await;
    let asked = challenge(&mut signals).await;
    signals.send(technician.prove(&leg, &asked)).await.unwrap();
    assert_eq!(refusal(&mut signals).await, NOT_FOUND);
    // The right one, asked for on one leg and given on another.
    let (leg, mut signals) = agent.dial(&link, true).await;
    let asked = challenge(&mut signals).await;
    let (_other, mut elsewhere) = agent.dial(&link, true).await;
    challenge(&mut elsewhere).await;
    elsewhere.send(agent.prove(&leg, &asked)).await.unwrap();
    assert_eq!(refusal(&mut elsewhere).await, NOT_FOUND);
    // The right one, once more: nonces are new each time.
    let proof = agent.prove(&leg, &asked);
    let mut again = leg.open().await.unwrap();
    let reattach = Reattach { token: agent.token(), fresh_line: true };
    again.send(Kind::Reattach(reattach)).await.unwrap();
    challenge(&mut again).await;
    again.send(proof).await.unwrap();
    assert_eq!(refusal(&mut again).await, NOT_FOUND);

    // Nobody heard anything of it, and the line is the same.
    let session = agent.session();
    let closed = ended(&mut technician, &mut agent).await;
    assert_eq!(closed.reason, Reason::TechnicianEnded as i32);
    assert_eq!(house.events(session), [(Event::Confirmed, None)]);
    house.end().await;
}

#[tokio::test]
async fn the_newest_proof_wins() {
    let house = House::new().await;
    let Ends { mut agent, mut technician } = house.session().await;
    let (_leg, mut former) = agent.reattach(&house.join, false).await;
    // The former leg is told no more, and what it says is not heard.
    assert!(soon(former.receive()).await.is_err());
    assert!(agent.peer().await && technician.peer().await);
    let (_leg, _second) = agent.reattach(&house.join, false).await;
    assert!(agent.peer().await && technician.peer().await);
    let session = agent.session();
    ended(&mut agent, &mut technician).await;
    let moved = (Event::LegMoved, Some(End::Agent));
    assert_eq!(house.events(session), [(Event::Confirmed, None), moved, moved]);
}

#[tokio::test]
async fn before_the_seals_a_lost_leg_ends_the_session() {
    let house = House::new().await;
    let Ends { agent, mut technician } = house.paired().await;
    agent.leg.clone().close(deskside_protocol::close::CloseCode::GoingAway).await;
    assert_eq!(technician.closed().await.reason, Reason::AgentLost as i32);
    let (_leg, mut signals) = agent.dial(&house.join, false).await;
    let Ok(Kind::Closed(closed)) = soon(signals.receive()).await else { panic!() };
    assert_eq!(closed.reason, Reason::AgentLost as i32);
}

#[tokio::test]
async fn the_grace_is_over_one_day_and_the_late_end_is_told() {
    let house = House::with(|policy| policy.grace_seconds = 1).await;
    let Ends { mut agent, technician } = house.session().await;
    technician.leg.clone().close(deskside_protocol::close::CloseCode::GoingAway).await;
    assert!(!agent.peer().await);
    let closed = agent.closed().await;
    assert_eq!(closed.reason, Reason::TechnicianLost as i32);
    assert_eq!(closed.recording_hash.len(), 32);
    let (_leg, mut signals) = technician.dial(&house.join, false).await;
    let Ok(Kind::Closed(late)) = soon(signals.receive()).await else { panic!() };
    assert_eq!(late, closed);
}

/// Notes that the relay itself wrote on the session's ticket.
async fn reports(house: &House, session: [u8; 16]) -> Vec<String> {
    let node = &house.relay().node;
    let row = node.store().session(&session).await.unwrap().unwrap();
    let ticket = node.desk().show(&row.ticket).await.unwrap();
    let own = ticket.notes.into_iter().filter(|note| note.author == DESK && !note.public);
    own.map(|note| note.text).collect()
}

#[tokio::test]
async fn a_user_who_did_not_ask_is_heard_and_a_technician_cannot_say_so_for_him() {
    let house = House::new().await;
    let not_asked = || house.number("deskside_not_asked_sessions_total");
    let Ends { mut agent, mut technician } = house.session().await;
    let session = *agent.session().as_bytes();
    let (closed, told) = tokio::join!(technician.end_for(Reason::NotAsked), agent.closed());
    assert_eq!((closed.reason, told), (Reason::TechnicianEnded as i32, closed));
    assert_eq!((reports(&house, session).await.len(), not_asked()), (0, 0.0));

    let Ends { mut agent, mut technician } = house.session().await;
    let session = *agent.session().as_bytes();
    let (closed, told) = tokio::join!(agent.end_for(Reason::NotAsked), technician.closed());
    assert_eq!((closed.reason, told), (Reason::NotAsked as i32, closed));
    let reports = reports(&house, session).await;
    assert_eq!((reports.len(), not_asked()), (1, 1.0), "{reports:?}");
    assert!(reports[0].contains("did not ask for help"), "{reports:?}");
}
