//! What one network may hold and how often it may ask, and how a recording ends that is long enough.

use deskside_protocol::wire::signal::refused::Code;
use deskside_relay::limits::{MAX_HELD_NEAR, Phases};

use crate::house::{House, Shown, refusal};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codes_of_one_address_are_counted_even_after_they_were_left() {
    let house = House::new(Phases::default()).await;
    let mut opened = 0;
    let refused = loop {
        // Four streams at a time fit on a leg, and each agent leaves at once.
        let leg = house.leg().await;
        match Shown::parked(&leg).await {
            Ok(shown) => {
                opened += 1;
                drop(shown);
            }
            refused => break refusal(refused.map(drop)),
        }
        assert!(opened <= MAX_HELD_NEAR);
    };
    assert_eq!(refused.code, Code::Busy as i32);
    assert!(refused.text.contains("too many codes for your network"), "{}", refused.text);
    assert!(house.number("deskside_limited_total") >= 1);
}
