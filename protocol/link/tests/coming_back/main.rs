//! Coming back, against a relay of a few hundred lines over real sockets: what the relay of the
//! house does with a database and recordings is none of this crate's.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    clippy::collapsible_match,
    reason = "a test fails by panicking, and its relay skips what it does not need"
)]

mod ends;
mod relay;
mod session;
mod switch;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use deskside_link::Line;
use deskside_link::attend::{AttendError, Attendance, News, ResumeError};
use deskside_protocol::key::SigningKey;
use deskside_protocol::session::End;
use deskside_protocol::wire::record::Reason;

use ends::{Flow, PATIENCE, Side, Terms, keys, line};
use relay::Relay;
use session::{Lie, Seals, Session};

/// Two ends with a sealed line through a relay.
struct House {
    session: Arc<Session>,
    relay: Relay,
    agent: Side,
    technician: Side,
    at_agent: Arc<Line>,
    at_technician: Arc<Line>,
    keys: [SigningKey; 2],
}

fn anywhere() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

impl House {
    async fn build(terms: Terms) -> Self {
        let keys = keys();
        let session = Session::new(keys.each_ref().map(SigningKey::public));
        let relay = Relay::start(&session, anywhere());
        let agent = Side::begin(&session, &relay, &keys, End::Agent, &terms).await;
        let technician = Side::begin(&session, &relay, &keys, End::Technician, &terms).await;
        let (at_agent, at_technician) = line(&agent, &technician).await;
        Self { session, relay, agent, technician, at_agent, at_technician, keys }
    }

    fn flow(&self) -> Flow {
        Flow::start(&self.at_technician, &self.at_agent)
    }
}

fn away(news: &News) -> bool {
    matches!(news, News::Away)
}

fn back(news: &News) -> bool {
    matches!(news, News::Back)
}

fn closed(news: &News) -> bool {
    matches!(news, News::Closed(_))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_was_replaced_on_its_port_is_noticed_and_the_line_goes_on() {
    let mut house = House::build(Terms::default()).await;
    let mut flow = house.flow();
    flow.flows().await;
    let address = house.relay.kill();
    let restarted = std::time::Instant::now();
    house.relay = Relay::start(&house.session, address);
    tokio::join!(house.agent.until(away), house.technician.until(away));
    // Without the resets of the relay's own key it would be silence, after two seconds.
    let noticed = restarted.elapsed();
    assert!(noticed < Duration::from_secs(2), "{noticed:?}");
    tokio::join!(house.agent.until(back), house.technician.until(back));
    flow.flows().await;
    flow.whole().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_at_another_address_of_the_policy_is_found_and_the_line_moves() {
    let free = std::net::UdpSocket::bind(anywhere()).unwrap().local_addr().unwrap();
    let relays = vec![free.to_string()];
    let mut house = House::build(Terms { relays, ..Terms::default() }).await;
    let mut flow = house.flow();
    flow.flows().await;
    house.relay.kill();
    house.relay = Relay::start(&house.session, free);
    tokio::join!(house.agent.until(back), house.technician.until(back));
    flow.flows().await;
    flow.whole().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_was_silent_for_a_while_is_there_again() {
    let mut house = House::build(Terms::default()).await;
    let mut flow = house.flow();
    flow.flows().await;
    house.relay.set_silent(true);
    tokio::join!(house.agent.until(away), house.technician.until(away));
    house.relay.set_silent(false);
    tokio::join!(house.agent.until(back), house.technician.until(back));
    flow.flows().await;
    flow.whole().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_grace_time_ends_the_session_of_an_end_that_finds_no_relay() {
    let grace = Duration::from_secs(1);
    let mut house = House::build(Terms { grace, ..Terms::default() }).await;
    let flow = house.flow();
    house.relay.kill();
    let news = house.technician.until(closed).await;
    assert!(matches!(news, News::Closed(Err(AttendError::RelayAway))), "{news:?}");
    drop(flow);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_the_seal_a_lost_leg_ends_the_session() {
    let keys = keys();
    let session = Session::new(keys.each_ref().map(SigningKey::public));
    let relay = Relay::start(&session, anywhere());
    let mut agent = Side::begin(&session, &relay, &keys, End::Agent, &Terms::default()).await;
    let address = relay.kill();
    let _relay = Relay::start(&session, address);
    agent.attendance.moved();
    let news = agent.until(closed).await;
    assert!(matches!(news, News::Closed(Err(AttendError::Leg(_)))), "{news:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_that_moved_is_challenged_and_the_line_follows_it() {
    let house = House::build(Terms::default()).await;
    let mut flow = house.flow();
    flow.flows().await;
    let routes = || house.relay.switch.routes.lock().unwrap().clone();
    let before = routes();
    house.agent.attendance.moved();
    let followed = async {
        while routes() == before {
            flow.flows().await;
        }
    };
    tokio::time::timeout(PATIENCE, followed).await.unwrap();
    let after = routes();
    let moved = before.iter().filter(|(label, address)| after.get(label) != Some(address)).count();
    assert_eq!(moved, 1, "{before:?} {after:?}");
    // Both ends were told that both are there, and say their last word again.
    let repeated = async {
        while house.relay.switch.repeated.load(Ordering::Relaxed) == 0 {
            // The old port is closed: what arrives from here on does so at the new one.
            flow.flows().await;
        }
    };
    tokio::time::timeout(PATIENCE, repeated).await.unwrap();
    flow.whole().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_relay_says_of_another_session_or_label_is_refused() {
    for (lie, gone) in [(Lie::Label, false), (Lie::Session, false), (Lie::Gone, true)] {
        let mut house = House::build(Terms::default()).await;
        *house.session.lie.lock().unwrap() = lie;
        let address = house.relay.kill();
        house.relay = Relay::start(&house.session, address);
        house.agent.attendance.moved();
        let news = house.agent.until(closed).await;
        match news {
            News::Closed(Err(AttendError::Unexpected)) if !gone => {}
            News::Closed(Err(AttendError::Gone)) if gone => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_ended_meanwhile_is_told_with_its_reason() {
    let mut house = House::build(Terms::default()).await;
    *house.session.lie.lock().unwrap() = Lie::Ended;
    let address = house.relay.kill();
    house.relay = Relay::start(&house.session, address);
    house.agent.attendance.moved();
    let news = house.agent.until(closed).await;
    let News::Closed(Ok(closed)) = news else { panic!("{news:?}") };
    assert_eq!(closed.reason, Reason::TechnicianLost as i32);
    let resumed = Attendance::resume(house.technician.attendee.clone(), true).await;
    assert!(matches!(resumed, Err(ResumeError::Ended(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seal_and_an_end_are_said_again_on_the_next_leg() {
    let mut house = House::build(Terms::default()).await;
    *house.session.seals.lock().unwrap() = Seals::Lost;
    let again = house.agent.attendance.seal(0, b"age".to_vec());
    let replaced = async {
        let address = house.relay.kill();
        *house.session.seals.lock().unwrap() = Seals::Kept;
        let relay = Relay::start(&house.session, address);
        house.technician.attendance.moved();
        relay
    };
    let (sealed, relay) = tokio::join!(again, replaced);
    sealed.unwrap();
    let address = relay.kill();
    let (ended, _relay) = tokio::join!(house.agent.attendance.end(Reason::UserEnded), async {
        tokio::task::yield_now().await;
        Relay::start(&house.session, address)
    });
    assert_eq!(ended.unwrap().reason, Reason::UserEnded as i32);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_program_goes_on_by_another_line_under_the_same_keys() {
    let mut house = House::build(Terms::default()).await;
    let Side { attendee, attendance, .. } = house.technician;
    drop((attendance, house.at_technician));
    let resumed = Side::resume(attendee, house.keys[0].public());
    let technician = tokio::time::timeout(PATIENCE, resumed).await.unwrap();
    assert_eq!(technician.given.line, 1);
    let news = house.agent.until(|news| matches!(news, News::Line(_))).await;
    let News::Line(given) = news else { panic!("{news:?}") };
    assert_eq!((given.line, given.own), (1, technician.given.peer));
    // What is sealed of the old line is of no use any more.
    let late = house.agent.attendance.seal(0, b"age".to_vec()).await;
    assert!(matches!(late, Err(AttendError::Superseded)), "{late:?}");
    house.agent.given = given;
    let (at_agent, at_technician) = line(&house.agent, &technician).await;
    let mut flow = Flow::start(&at_technician, &at_agent);
    flow.flows().await;
    flow.whole().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_records_no_more_says_so_to_whoever_waits_for_a_receipt() {
    let mut house = House::build(Terms::default()).await;
    *house.session.seals.lock().unwrap() = Seals::Useless;
    let sealed = house.agent.attendance.seal(0, b"age".to_vec()).await;
    assert!(matches!(sealed, Err(AttendError::Unrecorded)), "{sealed:?}");
    house.agent.until(|news| matches!(news, News::Unrecorded)).await;
    let mut flow = house.flow();
    flow.flows().await;
    flow.whole().await;
}
