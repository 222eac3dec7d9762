//! Nobody learns from an answer whether a code is unknown, used or expired.

use std::time::Duration;

use deskside_protocol::wire::signal::refused::Code;
use deskside_protocol::wire::signal::signal::Kind;
use deskside_relay::limits::Phases;

use crate::house::{House, Shown, join, refusal, soon};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_used_and_expired_codes_get_the_same_bytes() {
    let phases = Phases { code: Duration::from_secs(5), ..Phases::default() };
    let house = House::new(phases).await;
    let (agents, alices) = (house.leg().await, house.alices_leg().await);
    let ticket = house.ticket(&alices).await;
    let mut expiring = Shown::parked(&agents).await.unwrap();
    let said = soon(expiring.signals.receive()).await;
    assert!(matches!(said, Ok(Kind::CodeEnded(ended)) if ended.expired), "{said:?}");

    let used = Shown::parked(&agents).await.unwrap();
    let taken = join(&alices, &used.nameplate, &ticket).await.unwrap();
    let left = Shown::parked(&agents).await.unwrap();
    let left_plate = left.nameplate.clone();
    drop(left);
    house.until("deskside_open_codes", 1).await;

    let taken_plates = [&expiring.nameplate, &used.nameplate, &left_plate];
    let unknown = (0..).map(|plate| format!("{plate:05}")).find(|p| !taken_plates.contains(&p));
    let plates = [
        ("unknown", unknown.unwrap()),
        ("no nameplate at all", "12a45".to_owned()),
        ("expired", expiring.nameplate),
        ("just being used", used.nameplate),
        ("its agent left", left_plate),
    ];
    let mut answers = Vec::new();
    for (what, plate) in &plates {
        let refused = refusal(join(&alices, plate, &ticket).await);
        assert_eq!(refused.code, Code::CodeSpent as i32, "{what}");
        answers.push(Kind::Refused(refused));
    }
    let bytes = |kind: &Kind| {
        let mut bytes = Vec::new();
        kind.encode(&mut bytes);
        bytes
    };
    for (answer, (what, _)) in answers.iter().zip(&plates) {
        assert_eq!(bytes(answer), bytes(&answers[0]), "{what}");
    }
    drop(taken);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn none_of_these_answers_comes_early() {
    let house = House::new(Phases::default()).await;
    let (agents, alices) = (house.leg().await, house.alices_leg().await);
    let ticket = house.ticket(&alices).await;
    let used = Shown::parked(&agents).await.unwrap();
    let taken = join(&alices, &used.nameplate, &ticket).await.unwrap();
    let unknown = if used.nameplate == "00000" { "00001" } else { "00000" };
    for plate in [unknown, used.nameplate.as_str()] {
        let began = tokio::time::Instant::now();
        refusal(join(&alices, plate, &ticket).await);
        assert!(began.elapsed() >= Duration::from_millis(100), "{plate}");
    }
    drop(taken);
}
