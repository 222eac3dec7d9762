//! Legs: too many of them are refused in words that a program can say.

use deskside_link::Leg;
use deskside_link::leg::{DialError, LegError};
use deskside_protocol::wire::signal::refused::Code;
use deskside_relay::limits::Phases;

use crate::house::{House, key};

/// Legs of one address at once: the table's burst.
const BURST: usize = 1_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_leg_too_many_is_told_to_wait() {
    let house = House::new(Phases::default()).await;
    let key = key();
    let mut dialled = 0;
    loop {
        assert!(dialled < 4 * BURST, "no leg was refused");
        dialled += 1;
        match Leg::dial(&house.join, &key, "test").await {
            // Its own handshake was done before the relay counted it.
            Ok(leg) => match leg.open().await {
                Ok(_signals) => {}
                Err(LegError::Refused(refused)) => {
                    assert_eq!(refused.code, Code::Busy as i32);
                    assert!(refused.text.starts_with("busy, try again"), "{}", refused.text);
                    break;
                }
                Err(error) => panic!("{error:?}"),
            },
            Err(error) => panic!("{error:?}"),
        }
    }
    // From now on it has to validate its address, and is refused before any handshake.
    let refused = loop {
        match Leg::dial(&house.join, &key, "test").await {
            Err(refused) => break refused,
            Ok(leg) => drop(leg),
        }
    };
    assert!(matches!(refused, DialError::Busy { .. }), "{refused:?}");
    assert!(refused.to_string().contains("busy: try again in a minute"), "{refused}");
    assert!(house.number("deskside_retries_total") >= 1);
    assert!(house.number("deskside_refused_legs_total") >= 2);
}
