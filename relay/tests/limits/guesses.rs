//! Somebody guesses codes: how far that leads, and who hears of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use deskside_link::Leg;
use deskside_link::leg::LegError;
use deskside_protocol::wire::signal::refused::Code;
use deskside_protocol::wire::signal::{TicketShow, signal::Kind};
use deskside_relay::burned::{MOST_ANYWHERE, MOST_HERE};
use deskside_relay::limits::Phases;
use tokio::task::JoinSet;

use crate::house::{House, Shown, join, key, refusal, soon};

/// One wrong guess that reaches the agent. Gives what the technician is told.
async fn burn(house: &House, agents: &Leg, alices: &Leg, ticket: &str) -> String {
    let mut shown = Shown::parked(agents).await.unwrap();
    let mut joined = join(alices, &shown.nameplate, ticket).await.unwrap();
    let offer = house.offer(&joined);
    joined.signals.send(Kind::PairingOffer(offer)).await.unwrap();
    shown.refuse().await;
    match soon(joined.signals.receive()).await {
        Ok(Kind::PairingFailed(failed)) if failed.cause == 2 => failed.text,
        said => panic!("{said:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_burned_codes_lock_a_technician_on_a_ticket_also_after_a_restart() {
    let mut house = House::new(Phases::default()).await;
    let (agents, alices) = (house.leg().await, house.alices_leg().await);
    let ticket = house.ticket(&alices).await;
    let told = burn(&house, &agents, &alices, &ticket).await;
    assert!(told.contains("one more that fails locks ticket"), "{told}");
    let told = burn(&house, &agents, &alices, &ticket).await;
    assert!(told.contains("you can try again in 15 minutes"), "{told}");
    assert_eq!(house.number("deskside_failed_pairings_total"), 2);

    house.restart().await;
    let (agents, alices) = (house.leg().await, house.alices_leg().await);
    let shown = Shown::parked(&agents).await.unwrap();
    let refused = refusal(join(&alices, &shown.nameplate, &ticket).await);
    assert_eq!(refused.code, Code::NotPermitted as i32);
    assert!(refused.text.contains("in 15 minutes"), "{}", refused.text);
    assert!(refused.text.contains("deskside technician unlock alice"), "{}", refused.text);
    assert_eq!(house.number("deskside_locked_total"), 1);

    // The ticket says so, twice; another ticket is not locked.
    let show = TicketShow { ticket: ticket.clone() };
    let Kind::Ticket(shown_ticket) = alices.request(Kind::TicketShow(show)).await.unwrap() else {
        panic!("no ticket")
    };
    let said = shown_ticket.notes.iter().filter(|note| note.text.contains("Pairing failed: alice"));
    assert_eq!(said.count(), MOST_HERE);
    let other = house.ticket(&alices).await;
    drop(join(&alices, &shown.nameplate, &other).await.unwrap());

    assert_eq!(house.relay().node.store().forgive("alice", None).await.unwrap(), Some(2));
    assert_eq!(house.relay().node.store().forgive("nobody", None).await.unwrap(), None);
    drop(join(&alices, &shown.nameplate, &ticket).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guesses_that_are_under_way_count_before_they_fail() {
    let house = House::new(Phases::default()).await;
    let (agents, alices) = (house.leg().await, house.alices_leg().await);
    let ticket = house.ticket(&alices).await;
    burn(&house, &agents, &alices, &ticket).await;
    let (one, two) = (Shown::parked(&agents).await.unwrap(), Shown::parked(&agents).await.unwrap());
    let first = join(&alices, &one.nameplate, &ticket).await.unwrap();
    let refused = refusal(join(&alices, &two.nameplate, &ticket).await);
    assert_eq!(refused.code, Code::Busy as i32);
    assert!(refused.text.contains("another code is being tried"), "{}", refused.text);
    drop(first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_burned_codes_lock_a_technician_on_every_ticket() {
    let house = House::new(Phases::default()).await;
    let store = house.relay().node.store();
    let now = deskside_relay::clock::seconds();
    for nth in 0..MOST_ANYWHERE as u64 {
        store.burn("alice", &format!("{nth}"), now - nth * 3_600, 0).await.unwrap();
    }
    let (agents, alices) = (house.leg().await, house.alices_leg().await);
    let ticket = house.ticket(&alices).await;
    let shown = Shown::parked(&agents).await.unwrap();
    let refused = refusal(join(&alices, &shown.nameplate, &ticket).await);
    assert_eq!(refused.code, Code::NotPermitted as i32);
    assert!(refused.text.contains("10 codes failed in your name within a day"), "{}", refused.text);
}

/// Legs of a guesser: each waits a second for a refusal once it has too many streams.
const LEGS: u64 = 200;
const GUESSES: u64 = 10_000;

/// What became of many guesses.
#[derive(Debug, Default)]
struct Fates {
    joined: AtomicU64,
    busy: AtomicU64,
    refused: AtomicU64,
    spent: AtomicU64,
}

impl Fates {
    fn count(&self, fate: &AtomicU64) {
        fate.fetch_add(1, Ordering::Relaxed);
    }

    fn note(&self, answer: Result<impl Sized, LegError>) {
        let fate = match answer {
            Ok(_) => &self.joined,
            Err(LegError::Refused(refused)) if refused.code == Code::Busy as i32 => &self.busy,
            Err(LegError::Refused(refused)) if refused.code == Code::CodeSpent as i32 => {
                &self.spent
            }
            Err(LegError::Refused(_)) => &self.refused,
            Err(other) => panic!("{other:?}"),
        };
        self.count(fate);
    }

    fn all(&self) -> [u64; 4] {
        [&self.joined, &self.busy, &self.refused, &self.spent].map(|it| it.load(Ordering::Relaxed))
    }
}

/// Ten thousand guesses at nameplates by whoever has this key.
async fn guess(house: &House, key: &deskside_protocol::key::SigningKey, ticket: &str) -> [u64; 4] {
    let fates = Arc::new(Fates::default());
    let mut tasks = JoinSet::new();
    for nth in 0..LEGS {
        let leg = Leg::dial(&house.join, key, "test").await.unwrap();
        let (fates, ticket) = (fates.clone(), ticket.to_owned());
        tasks.spawn(async move {
            for guess in 0..GUESSES / LEGS {
                let plate = format!("{:05}", (nth * GUESSES / LEGS + guess) * 7 % 100_000);
                fates.note(guess_once(&leg, &plate, &ticket).await);
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    fates.all()
}

async fn guess_once(leg: &Leg, plate: &str, ticket: &str) -> Result<Kind, LegError> {
    let mut signals = leg.open().await?;
    let join = deskside_protocol::wire::signal::Join {
        nameplate: plate.to_owned(),
        ticket: ticket.to_owned(),
    };
    signals.send(Kind::Join(join)).await?;
    signals.receive().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_guesses_of_a_technician_come_to_a_handful() {
    let house = House::new(Phases::default()).await;
    let alices = house.alices_leg().await;
    let ticket = house.ticket(&alices).await;
    let began = tokio::time::Instant::now();
    let [joined, busy, refused, spent] = guess(&house, &house.alice.key, &ticket).await;
    let seconds = began.elapsed().as_secs();
    assert_eq!(joined + busy + refused + spent, GUESSES);
    assert_eq!((joined, refused), (0, 0), "nobody had a code open");
    // 10 at once and one more every ten seconds, whatever the number of legs.
    assert!(spent <= 10 + seconds / 10 + 1, "{spent} in {seconds} s");
    assert_eq!(house.number("deskside_limited_total"), busy, "each is seen");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_guesses_of_a_stranger_reach_nobody() {
    let house = House::new(Phases::default()).await;
    let agents = house.leg().await;
    let mut shown = Shown::parked(&agents).await.unwrap();
    let [joined, busy, refused, spent] = guess(&house, &key(), "1001").await;
    assert_eq!(joined + busy + refused + spent, GUESSES);
    assert_eq!((joined, spent), (0, 0), "a stranger learns nothing of any nameplate");
    assert_eq!(house.number("deskside_limited_total"), busy, "each is seen");
    // The agent heard nothing of all that, and its code is as good as before.
    let alices = house.alices_leg().await;
    let ticket = loop {
        let new = deskside_protocol::wire::signal::TicketNew {
            subject: "Printer".to_owned(),
            ..Default::default()
        };
        match alices.request(Kind::TicketNew(new)).await {
            Ok(Kind::Ticket(ticket)) => break ticket.ticket,
            Ok(said) => panic!("{said:?}"),
            // From the same address: it is busy for a moment.
            Err(error) => assert_eq!(refusal::<()>(Err(error)).code, Code::Busy as i32),
        }
    };
    let mut joined = loop {
        match join(&alices, &shown.nameplate, &ticket).await {
            Ok(joined) => break joined,
            Err(error) => assert_eq!(refusal::<()>(Err(error)).code, Code::Busy as i32),
        }
    };
    let offer = house.offer(&joined);
    joined.signals.send(Kind::PairingOffer(offer)).await.unwrap();
    let said = soon(shown.signals.receive()).await;
    assert!(matches!(said, Ok(Kind::PairingOffer(_))), "{said:?}");
}
