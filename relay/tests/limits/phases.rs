//! No phase of a leg is without an end: one row for each, with that limit short and all others long.

use std::net::Ipv4Addr;
use std::pin::Pin;
use std::time::Duration;

use deskside_link::Leg;
use deskside_link::leg::LegError;
use deskside_protocol::close::CloseCode;
use deskside_protocol::wire::record::Reason;
use deskside_protocol::wire::signal::{
    Confirmed, PairingAnswer, Reattach, TicketList, signal::Kind,
};
use deskside_relay::limits::Phases;
use quinn::ConnectionError;
use tokio::net::UdpSocket;

use crate::house::{House, Joiner, Shown, TAG, join, key, soon};

/// The limit that a row makes short.
const SHORT: Duration = Duration::from_millis(300);
/// All others: longer than any test takes.
const LONG: Duration = Duration::from_secs(3_600);

const ALL_LONG: Phases = Phases {
    handshake: LONG,
    first_stream: LONG,
    idle: LONG,
    answer: LONG,
    code: LONG,
    sealing: LONG,
};

type Run<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// One row: what it is about, the short limit, and an end that is silent there.
struct Row {
    name: &'static str,
    phases: Phases,
    run: for<'a> fn(&'a House) -> Run<'a>,
}

const ROWS: [Row; 11] = [
    Row {
        name: "a handshake",
        phases: Phases { handshake: SHORT, ..ALL_LONG },
        run: |house| Box::pin(handshake(house)),
    },
    Row {
        name: "a leg without a stream",
        phases: Phases { first_stream: SHORT, ..ALL_LONG },
        run: |house| Box::pin(no_stream(house)),
    },
    Row {
        name: "a leg without another stream",
        phases: Phases { idle: SHORT, ..ALL_LONG },
        run: |house| Box::pin(no_other_stream(house)),
    },
    Row {
        name: "a stream's first signal",
        phases: Phases { answer: SHORT, ..ALL_LONG },
        run: |house| Box::pin(no_signal(house)),
    },
    Row {
        name: "Park",
        phases: Phases { answer: SHORT, ..ALL_LONG },
        run: |house| Box::pin(no_park(house)),
    },
    Row {
        name: "a code",
        phases: Phases { code: SHORT, ..ALL_LONG },
        run: |house| Box::pin(no_technician(house)),
    },
    Row {
        name: "PairingOffer",
        phases: Phases { answer: SHORT, ..ALL_LONG },
        run: |house| Box::pin(no_offer(house)),
    },
    Row {
        name: "PairingAnswer",
        phases: Phases { answer: SHORT, ..ALL_LONG },
        run: |house| Box::pin(no_answer(house)),
    },
    Row {
        name: "Confirmed",
        phases: Phases { answer: SHORT, ..ALL_LONG },
        run: |house| Box::pin(no_confirmation(house)),
    },
    Row {
        name: "both seals",
        phases: Phases { sealing: SHORT, ..ALL_LONG },
        run: |house| Box::pin(no_seal(house)),
    },
    Row {
        name: "Proof",
        phases: Phases { answer: SHORT, ..ALL_LONG },
        run: |house| Box::pin(no_proof(house)),
    },
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_phase_has_an_end() {
    for Row { name, phases, run } in ROWS {
        println!("{name}");
        let house = House::new(phases).await;
        soon(run(&house)).await;
    }
}

/// The relay hears the first packet of a leg and nothing more.
async fn handshake(house: &House) {
    let relay = house.running.as_ref().unwrap().address;
    let door = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let mut link = house.join.clone();
    link.port = door.local_addr().unwrap().port();
    let key = key();
    let dialled = Leg::dial(&link, &key, "test");
    let once = async {
        let onward = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let mut packet = [0; 2048];
        let (length, _) = door.recv_from(&mut packet).await.unwrap();
        onward.send_to(&packet[..length], relay).await.unwrap();
        house.until("deskside_half_open", 1).await;
        house.until("deskside_half_open", 0).await;
    };
    tokio::select! {
        dialled = dialled => panic!("{:?}", dialled.map(drop)),
        () = once => {}
    }
}

fn assert_timed_out(lost: &ConnectionError) {
    match lost {
        ConnectionError::ApplicationClosed(closed) => {
            assert_eq!(u64::from(closed.error_code), u64::from(CloseCode::TimedOut.number()));
        }
        other => panic!("{other:?}"),
    }
}

async fn no_stream(house: &House) {
    assert_timed_out(&house.leg().await.lost().await);
}

async fn no_other_stream(house: &House) {
    let leg = house.leg().await;
    assert!(leg.request(Kind::TicketList(TicketList::default())).await.is_err());
    assert_timed_out(&leg.lost().await);
}

/// The stream is over, without a word.
#[track_caller]
fn assert_over(said: Result<Kind, LegError>) {
    assert!(matches!(said, Err(LegError::Unexpected | LegError::Lost(_))), "{said:?}");
}

async fn no_signal(house: &House) {
    let leg = house.leg().await;
    let mut signals = leg.open().await.unwrap();
    assert_over(signals.receive().await);
}

async fn no_park(house: &House) {
    let leg = house.leg().await;
    let mut shown = Shown::open(&leg).await.unwrap();
    assert_over(shown.signals.receive().await);
    house.until("deskside_open_codes", 0).await;
}

async fn no_technician(house: &House) {
    let leg = house.leg().await;
    let mut shown = Shown::parked(&leg).await.unwrap();
    let said = shown.signals.receive().await;
    assert!(matches!(said, Ok(Kind::CodeEnded(ended)) if ended.expired), "{said:?}");
}

/// An agent's code and a technician who stands at it.
async fn joined(house: &House) -> (Leg, Leg, Shown, Joiner) {
    let (agents, alices) = (house.leg().await, house.alices_leg().await);
    let ticket = house.ticket(&alices).await;
    let shown = Shown::parked(&agents).await.unwrap();
    let joiner = join(&alices, &shown.nameplate, &ticket).await.unwrap();
    (agents, alices, shown, joiner)
}

async fn no_offer(house: &House) {
    let (_agents, alices, shown, mut joiner) = joined(house).await;
    assert_over(joiner.signals.receive().await);
    // The code is as good as before.
    drop(join(&alices, &shown.nameplate, &joiner.ticket).await.unwrap());
}

async fn offered(house: &House) -> (Leg, Leg, Shown, Joiner) {
    let (agents, alices, mut shown, mut joiner) = joined(house).await;
    let offer = house.offer(&joiner);
    joiner.signals.send(Kind::PairingOffer(offer)).await.unwrap();
    let said = shown.signals.receive().await;
    assert!(matches!(said, Ok(Kind::PairingOffer(_))), "{said:?}");
    (agents, alices, shown, joiner)
}

async fn no_answer(house: &House) {
    let (_agents, _alices, _shown, mut joiner) = offered(house).await;
    let said = joiner.signals.receive().await;
    assert!(matches!(&said, Ok(Kind::PairingFailed(failed)) if failed.cause == 0), "{said:?}");
    // The user's program was slow: no fault of the technician's.
    assert_eq!(house.number("deskside_failed_pairings_total"), 0);
}

async fn no_confirmation(house: &House) {
    let (_agents, _alices, mut shown, joiner) = offered(house).await;
    shown.signals.send(Kind::PairingAnswer(PairingAnswer { tag_a: TAG })).await.unwrap();
    let said = shown.signals.receive().await;
    assert!(matches!(said, Ok(Kind::CodeEnded(ended)) if !ended.expired), "{said:?}");
    drop(joiner);
}

/// A session whose line nobody has sealed.
async fn session(house: &House) -> (Leg, Leg, Shown, Joiner, bytes::Bytes) {
    let (agents, alices, mut shown, mut joiner) = offered(house).await;
    shown.signals.send(Kind::PairingAnswer(PairingAnswer { tag_a: TAG })).await.unwrap();
    let said = joiner.signals.receive().await;
    assert!(matches!(said, Ok(Kind::PairingAnswer(_))), "{said:?}");
    joiner.signals.send(Kind::Confirmed(Confirmed {})).await.unwrap();
    let Ok(Kind::Session(given)) = joiner.signals.receive().await else { panic!("no session") };
    (agents, alices, shown, joiner, given.reattach_token)
}

async fn no_seal(house: &House) {
    let (_agents, _alices, _shown, mut joiner, _) = session(house).await;
    loop {
        match joiner.signals.receive().await {
            Ok(Kind::Closed(closed)) => {
                return assert_eq!(closed.reason, Reason::NotSealed as i32);
            }
            Ok(_) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
}

async fn no_proof(house: &House) {
    let (_agents, _alices, _shown, _joiner, token) = session(house).await;
    let leg = house.leg().await;
    let mut signals = leg.open().await.unwrap();
    signals.send(Kind::Reattach(Reattach { token, fresh_line: false })).await.unwrap();
    let said = signals.receive().await;
    assert!(matches!(said, Ok(Kind::Challenge(_))), "{said:?}");
    assert_over(signals.receive().await);
}
