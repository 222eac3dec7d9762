//! Further lines of a session, and legs that change their address.

use std::net::SocketAddr;

use deskside_protocol::identity::link::JoinLink;
use deskside_protocol::session::{End, Ends};
use deskside_protocol::wire::record::{Reason, event::Kind as Event};
use deskside_protocol::wire::signal::{Proof, signal::Kind};
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::house::{House, ended};

#[tokio::test]
async fn a_restarted_program_gets_another_line() {
    let house = House::new().await;
    let Ends { mut agent, mut technician } = house.session().await;
    let first = agent.given.clone();
    technician.reattach(&house.join, true).await;
    let told = agent.told_line().await;
    assert_eq!((told.line, technician.given.line), (1, 1));
    assert_eq!(
        (&told.own_label, &told.peer_label),
        (&technician.given.peer_label, &technician.given.own_label)
    );
    assert_ne!(told.own_label, first.own_label);
    assert_eq!(told.reattach_token, first.reattach_token);
    assert!(technician.peer().await && agent.peer().await);
    // A seal of the line before is late, and harms nobody.
    agent.say_seal(0, b"late").await;
    agent.seal(1).await;
    technician.seal(1).await;
    // The receipt was lost: the same seal has another, and another seal has none.
    agent.seal(1).await;
    agent.say_seal(1, b"other").await;
    let (closed, told) = tokio::join!(agent.closed(), technician.closed());
    assert_eq!((closed.reason, told), (Reason::NotSealed as i32, closed));
}

#[tokio::test]
async fn who_was_away_is_told_of_the_line_and_needs_no_other() {
    let house = House::new().await;
    let Ends { mut agent, mut technician } = house.session().await;
    agent.leg.clone().close(deskside_protocol::close::CloseCode::GoingAway).await;
    assert!(!technician.peer().await);
    technician.reattach(&house.join, true).await;
    assert_eq!(technician.given.line, 1);
    assert!(!technician.peer().await);
    // It was restarted too: line 1 is as new to it as any.
    agent.reattach(&house.join, true).await;
    assert_eq!(agent.given.line, 1);
    assert!(technician.peer().await && agent.peer().await);
    technician.seal(1).await;
    agent.seal(1).await;
    agent.reattach(&house.join, true).await;
    assert_eq!((agent.given.line, technician.told_line().await.line), (2, 2));
}

/// Passes datagrams on, from one address and later from another: a NAT that forgets.
struct Nat {
    address: SocketAddr,
    moves: mpsc::Sender<oneshot::Sender<()>>,
    _task: JoinSet<()>,
}

impl Nat {
    async fn before(relay: SocketAddr) -> Self {
        let inside = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = inside.local_addr().unwrap();
        let (moves, asked) = mpsc::channel(1);
        let mut task = JoinSet::new();
        task.spawn(pass(inside, relay, asked));
        Self { address, moves, _task: task }
    }

    async fn forget(&self) {
        let (done, forgotten) = oneshot::channel();
        self.moves.send(done).await.unwrap();
        forgotten.await.unwrap();
    }
}

async fn pass(
    inside: UdpSocket,
    relay: SocketAddr,
    mut asked: mpsc::Receiver<oneshot::Sender<()>>,
) {
    let mut outside = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let (mut from_inside, mut from_outside) = (vec![0; 65536], vec![0; 65536]);
    let mut who = None;
    loop {
        tokio::select! {
            Ok((bytes, from)) = inside.recv_from(&mut from_inside) => {
                who = Some(from);
                outside.send_to(&from_inside[..bytes], relay).await.unwrap();
            }
            Ok((bytes, _)) = outside.recv_from(&mut from_outside) => {
                inside.send_to(&from_outside[..bytes], who.unwrap()).await.unwrap();
            }
            Some(done) = asked.recv() => {
                outside = UdpSocket::bind("127.0.0.1:0").await.unwrap();
                done.send(()).unwrap();
            }
        }
    }
}

#[tokio::test]
async fn a_leg_with_another_address_is_asked_and_followed() {
    let house = House::new().await;
    let nat = Nat::before(house.running.as_ref().unwrap().address).await;
    let link = JoinLink { port: nat.address.port(), ..house.join.clone() };
    let Ends { mut agent, mut technician } = house.session_through(&link).await;
    let session = agent.session();
    for _ in 0..2 {
        nat.forget().await;
        // Something has to be said, so that the relay sees the new address.
        technician.nudge().await;
        let challenge = match technician.next().await {
            Ok(Kind::Challenge(challenge)) => challenge,
            said => panic!("{said:?}"),
        };
        assert_eq!(challenge.label, technician.given.own_label);
        // A wrong answer moves nothing, and it is asked again.
        let wrong = Proof { signature: vec![0; 64].into() };
        technician.signals.send(Kind::Proof(wrong)).await.unwrap();
        let challenge = match technician.next().await {
            Ok(Kind::Challenge(again)) if again.nonce != challenge.nonce => again,
            said => panic!("{said:?}"),
        };
        let proof = technician.prove(&technician.leg, &challenge);
        technician.signals.send(proof).await.unwrap();
        assert!(technician.peer().await && agent.peer().await);
    }
    ended(&mut agent, &mut technician).await;
    let moved = (Event::LegMoved, Some(End::Technician));
    assert_eq!(house.events(session), [(Event::Confirmed, None), moved, moved]);
}

/// In place of the folder of recordings: nothing can be written there.
fn without_room(house: &House) {
    let folder = house.folder.path().join("relay/recordings");
    std::fs::remove_dir(&folder).unwrap();
    std::fs::write(folder, b"").unwrap();
}

#[tokio::test]
async fn a_best_effort_session_begins_unrecorded_and_says_so() {
    let rule = deskside_protocol::policy::Recording::BestEffort;
    let house = House::with(|policy| policy.recording = rule).await;
    without_room(&house);
    let Ends { mut agent, mut technician } = house.paired().await;
    for end in [&mut agent, &mut technician] {
        assert!(!end.given.recorded);
        assert!(matches!(end.next().await, Ok(Kind::Unrecorded(_))));
    }
    assert_eq!(house.number("deskside_unrecorded_sessions_total"), 1.0);
    // It lasts as any other.
    agent.reattach(&house.join, false).await;
    assert!(matches!(agent.next().await, Ok(Kind::Unrecorded(_))));
    assert!(agent.peer().await && technician.peer().await);
    assert!(ended(&mut agent, &mut technician).await.recording_hash.is_empty());
}
