//! A relay that was killed, and started again on the same folder at another address.

use bytes::Bytes;
use deskside_protocol::session::Ends;
use deskside_protocol::wire::record::{Reason, event::Kind as Event};
use deskside_protocol::wire::signal::signal::Kind;

use crate::house::{House, Seat, ended, soon};

/// What an end hears that comes back to a session that has ended.
async fn told_end(house: &House, end: &Seat) -> (i32, usize) {
    let (_leg, mut signals) = end.dial(&house.join, false).await;
    loop {
        match soon(signals.receive()).await {
            // It was let in before the session was looked at.
            Ok(Kind::Challenge(challenge)) => {
                let proof = end.prove(&_leg, &challenge);
                signals.send(proof).await.unwrap();
            }
            Ok(Kind::Closed(closed)) => return (closed.reason, closed.recording_hash.len()),
            said => panic!("{said:?}"),
        }
    }
}

#[tokio::test]
async fn a_session_survives_the_relay() {
    let mut house = House::new().await;
    let Ends { mut agent, mut technician } = house.session().await;
    let (before, port) = (agent.given.clone(), house.join.port);
    for _ in 0..3 {
        house.crash().await;
        assert_ne!(house.join.port, port);
        agent.reattach(&house.join, false).await;
        assert_eq!(agent.given, before);
        assert!(!agent.peer().await);
        technician.reattach(&house.join, false).await;
        assert!(technician.peer().await && agent.peer().await);
    }
    let session = agent.session();
    let closed = ended(&mut technician, &mut agent).await;
    assert_eq!((closed.reason, closed.recording_hash.len()), (Reason::TechnicianEnded as i32, 32));
    let kinds: Vec<_> = house.events(session).into_iter().map(|(kind, _)| kind).collect();
    let round = [Event::Recovered, Event::LegBack, Event::LegBack];
    assert_eq!(kinds, [&[Event::Confirmed][..], &round, &round, &round].concat());
    // An end in order is an end: the next start finds nothing.
    house.end().await;
    house.start().await;
    assert_eq!(house.number("deskside_live_sessions"), 0.0);
    assert_eq!(told_end(&house, &agent).await, (Reason::TechnicianEnded as i32, 32));
}

#[tokio::test]
async fn a_line_that_was_not_sealed_by_both_is_not_gone_on_with() {
    let mut house = House::new().await;
    let Ends { mut agent, mut technician } = house.session().await;
    technician.reattach(&house.join, true).await;
    agent.told_line().await;
    agent.peer().await;
    agent.seal(1).await;
    house.crash().await;
    technician.reattach(&house.join, false).await;
    agent.reattach(&house.join, false).await;
    assert_eq!((agent.given.line, technician.given.line), (2, 2));
    assert!(!technician.peer().await);
    assert!(technician.peer().await && agent.peer().await);
    agent.seal(2).await;
    technician.seal(2).await;
    house.crash().await;
    agent.reattach(&house.join, false).await;
    assert_eq!(agent.given.line, 2);
    // Its receipt was on the way when the relay was killed: what that seal was is not known any
    // more, so there is another line.
    agent.peer().await;
    agent.say_seal(2, b"age").await;
    assert_eq!(agent.told_line().await.line, 3);
}

#[tokio::test]
async fn a_session_without_seals_does_not_survive() {
    let mut house = House::new().await;
    let Ends { agent, technician } = house.paired().await;
    house.crash().await;
    for end in [&agent, &technician] {
        assert_eq!(told_end(&house, end).await, (Reason::RelayStopped as i32, 32));
    }
    let kinds: Vec<_> = house.events(agent.session()).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, [Event::Confirmed, Event::Recovered]);
}

#[tokio::test]
async fn an_altered_recording_is_left_as_it_is() {
    let mut house = House::new().await;
    let Ends { mut agent, technician } = house.session().await;
    house.kill();
    let file = house.recording(agent.session());
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[60] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    house.start().await;
    for end in [&agent, &technician] {
        assert_eq!(told_end(&house, end).await, (Reason::RecordingFailed as i32, 0));
    }
    assert_eq!(std::fs::read(&file).unwrap(), bytes);
    assert!(agent.next().await.is_err());
}

#[tokio::test]
async fn a_torn_tail_is_cut_and_the_session_goes_on() {
    let mut house = House::new().await;
    let Ends { mut agent, .. } = house.session().await;
    house.kill();
    let file = house.recording(agent.session());
    let mut bytes = std::fs::read(&file).unwrap();
    bytes.extend_from_slice(&[0; 1000]);
    std::fs::write(&file, &bytes).unwrap();
    house.start().await;
    agent.reattach(&house.join, false).await;
    assert_eq!(agent.end().await.recording_hash.len(), 32);
    assert!(house.events(agent.session()).contains(&(Event::Recovered, None)));
}

#[tokio::test]
async fn an_unrecorded_session_survives_too() {
    let rule = deskside_protocol::policy::Recording::Off;
    let mut house = House::with(|policy| policy.recording = rule).await;
    let Ends { mut agent, mut technician } = house.paired().await;
    assert!(!agent.given.recorded);
    house.crash().await;
    agent.reattach(&house.join, false).await;
    technician.reattach(&house.join, false).await;
    assert_eq!((agent.given.line, agent.given.recorded), (0, false));
    assert_eq!(ended(&mut technician, &mut agent).await.recording_hash, Bytes::new());
}

#[tokio::test]
async fn nobody_comes_back_to_a_restarted_relay_in_the_grace() {
    let mut house = House::with(|policy| policy.grace_seconds = 1).await;
    let Ends { mut agent, technician } = house.session().await;
    house.crash().await;
    agent.reattach(&house.join, false).await;
    assert!(!agent.peer().await);
    let closed = agent.closed().await;
    assert_eq!(closed.reason, Reason::TechnicianLost as i32);
    assert_eq!(told_end(&house, &technician).await, (closed.reason, 32));
}

#[tokio::test]
async fn a_best_effort_session_goes_on_without_its_file() {
    let rule = deskside_protocol::policy::Recording::BestEffort;
    let mut house = House::with(|policy| policy.recording = rule).await;
    let Ends { mut agent, .. } = house.session().await;
    house.kill();
    std::fs::remove_file(house.recording(agent.session())).unwrap();
    house.start().await;
    agent.reattach(&house.join, false).await;
    assert_eq!((agent.given.line, agent.given.recorded), (0, false));
    assert!(matches!(agent.next().await, Ok(Kind::Unrecorded(_))));
    assert_eq!(agent.end().await.recording_hash, Bytes::new());
}

#[tokio::test]
async fn a_recording_without_its_header_is_no_session() {
    let mut house = House::new().await;
    let Ends { agent, .. } = house.session().await;
    house.kill();
    let file = house.recording(agent.session());
    std::fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(20).unwrap();
    house.start().await;
    assert_eq!(told_end(&house, &agent).await, (Reason::RelayStopped as i32, 0));
}

#[tokio::test]
async fn a_recording_that_was_closed_gives_its_end() {
    let mut house = House::new().await;
    let Ends { mut agent, mut technician } = house.session().await;
    let database = house.folder.path().join("relay/relay.db");
    let closed = ended(&mut agent, &mut technician).await;
    house.end().await;
    // As if the relay had been killed between the last block and the database.
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(database);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    sqlx::query("UPDATE sessions SET closed_at = NULL, reason = 0, hash = NULL")
        .execute(&pool)
        .await
        .unwrap();
    pool.close().await;
    house.start().await;
    assert_eq!(told_end(&house, &technician).await, (closed.reason, 32));
    assert_eq!(closed.reason, Reason::UserEnded as i32);
}
