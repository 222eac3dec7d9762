//! Finished recordings in a server that speaks S3 (moto), which refuses, dies and comes back, with a
//! relay that is killed; and what the doctor says of an archive that cannot be used. Signatures are
//! checked where the bucket is strict, and there alone.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use deskside_tests::bucket::{Bucket, Keys};
use deskside_tests::process::PATIENCE;
use deskside_tests::relay::Relay;
use serde_json::Value;
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;

use crate::house::{Helped, House};

/// More than one part of 16 MiB, in a file that is copied in a session.
const COPIED: u64 = 20 << 20;
/// A part is on its way when so much of it has passed.
const SOME: u64 = 4 << 20;
/// Between two looks at a number that a relay renews every second.
const LOOK: Duration = Duration::from_millis(50);

fn house(bucket: &Bucket) -> House {
    House::with(|data| Relay::start_told(data, bucket.environment()).unwrap())
}

fn spooled(house: &House, session: &str) -> PathBuf {
    house.relay.data().join(format!("recordings/{session}.dsr"))
}

/// Looks until it is so. Numbers and objects tell nobody when they change.
#[allow(clippy::disallowed_methods, reason = "there is no event to wait for, and a deadline")]
fn look_until(house: &House, what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "{what}: {}", house.relay.process.words());
        std::thread::sleep(LOOK);
    }
}

/// Waits until a number of the relay's is what it is to be.
fn until(house: &House, name: &str, wanted: f64) {
    let is_so = || (house.relay.number(name).unwrap() - wanted).abs() < 0.1;
    look_until(house, &format!("{name} never was {wanted}"), is_so);
}

fn works(helped: &Helped) {
    let ran = helped.session.exec(&["echo", "still here"], b"").unwrap();
    assert_eq!((ran.code, ran.stdout.as_slice()), (Some(0), &b"still here\n"[..]));
}

/// Begins to copy more than a part to the agent.
fn copying(house: &House) -> deskside_tests::process::Process {
    let (path, _) = house.noise("large", COPIED);
    house.alice.copying(&[&path, "agent:"]).unwrap()
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

fn doctor(house: &House) -> Vec<Value> {
    let ran = house.relay.beside(&["doctor"]).unwrap();
    ran.events().unwrap().into_iter().filter(|said| said["check"] == "archive").collect()
}

#[test]
fn a_recording_waits_for_a_store_that_refuses_and_comes_back_from_it_whole() {
    let bucket = Bucket::start().unwrap();
    bucket.gate.close();
    let house = house(&bucket);
    until(&house, "deskside_archive_failing", 1.0);
    house.relay.process.wait_for_words("cannot be reached: look at the address", 1).unwrap();
    let helped = house.helped("agent");
    works(&helped);
    let id = helped.session.id().to_owned();
    helped.session.end("").unwrap();
    until(&house, "deskside_archive_waiting", 1.0);
    let bytes = std::fs::read(spooled(&house, &id)).unwrap();
    assert_eq!(std::fs::read(house.fetched(&id)).unwrap(), bytes);
    assert_eq!(doctor(&house).last().unwrap()["state"], "warning");

    bucket.open();
    until(&house, "deskside_archived_total", 1.0);
    assert_eq!(bucket.object(&id).unwrap().unwrap(), bytes);
    assert!(!spooled(&house, &id).exists());
    assert_eq!(bucket.uploads().unwrap(), 0);
    assert_eq!(std::fs::read(house.fetched(&id)).unwrap(), bytes);
    assert_eq!(house.verdict(&id)["verdict"], "verified");
    let listed = house.alice.run(&["audit", "list"]).unwrap();
    assert_eq!(listed.code, Some(0), "{listed}");
    let listed = listed.events().unwrap();
    assert_eq!((listed.len(), &listed[0]["session"]), (1, &id.as_str().into()));
    let by_id = house.alice.run(&["audit", "verify", &id]).unwrap();
    assert_eq!(by_id.code, Some(0), "{by_id}");
    let said = doctor(&house);
    assert!(said.iter().all(|said| said["state"] == "ok"), "{said:?}");
    until(&house, "deskside_archive_waiting", 0.0);
    until(&house, "deskside_archive_failing", 0.0);
}

#[test]
fn a_store_that_dies_in_the_middle_of_an_upload_slows_nobody() {
    let mut bucket = Bucket::start().unwrap();
    let house = house(&bucket);
    let helped = house.helped("agent");
    bucket.gate.hold_up_after(SOME);
    let mut copying = copying(&house);
    bucket.gate.wait_until_held_up().unwrap();
    assert_eq!(copying.end().unwrap(), Some(0), "the copy ends while the store stands still");
    works(&helped);
    // It dies with all that it had, and another one comes, which knows of no upload.
    bucket.gate.close();
    until(&house, "deskside_archive_failing", 1.0);
    bucket.replace().unwrap();
    works(&helped);
    bucket.open();
    // It could be the wrong one: nothing goes there before somebody says that it is meant.
    let said = doctor(&house);
    let text = said.last().unwrap()["text"].as_str().unwrap();
    assert!(text.contains("has no object deskside-archive"), "{said:?}");
    bucket.mark().unwrap();
    until(&house, "deskside_archive_failing", 0.0);
    let id = helped.session.id().to_owned();
    helped.session.end("").unwrap();
    until(&house, "deskside_archived_total", 1.0);
    assert!(bucket.object(&id).unwrap().unwrap().len() as u64 > COPIED);
    assert!(!spooled(&house, &id).exists());
    assert_eq!(house.verdict(&id)["verdict"], "verified");
}

#[test]
fn a_store_that_checks_signatures_takes_a_recording_and_gives_it_back() {
    let bucket = Bucket::strict().unwrap();
    let house = House::with(|data| Relay::start_told(data, bucket.told(bucket.keys())).unwrap());
    let helped = house.helped("agent");
    // In two parts, and read back.
    let mut copying = copying(&house);
    assert_eq!(copying.end().unwrap(), Some(0));
    let id = helped.session.id().to_owned();
    helped.session.end("").unwrap();
    until(&house, "deskside_archived_total", 1.0);
    assert!(!spooled(&house, &id).exists());
    assert_eq!(bucket.object(&id).unwrap(), None, "not without a signature");
    assert!(std::fs::metadata(house.fetched(&id)).unwrap().len() > COPIED);
    assert_eq!(house.verdict(&id)["verdict"], "verified");
    assert!(doctor(&house).iter().all(|said| said["state"] == "ok"));
    // The same key with another secret: it does look.
    let forged = bucket.told(Keys { secret: "guessed".to_owned(), ..bucket.keys() });
    let elsewhere = House::with(|data| Relay::start_told(data, forged).unwrap());
    let said = doctor(&elsewhere);
    let text = said[0]["text"].as_str().unwrap();
    assert!(text.contains("does not know these keys") && text.contains("ignature"), "{said:?}");
}

#[test]
fn a_relay_that_is_killed_in_the_middle_of_an_upload_begins_anew() {
    let bucket = Bucket::start().unwrap();
    let mut house = house(&bucket);
    let helped = house.helped("agent");
    bucket.gate.hold_up_after(SOME);
    let mut copying = copying(&house);
    bucket.gate.wait_until_held_up().unwrap();
    assert_eq!(copying.end().unwrap(), Some(0));
    house.relay.kill().unwrap();
    assert_eq!(bucket.uploads().unwrap(), 1, "what the kill left behind");
    let id = helped.session.id().to_owned();
    assert!(spooled(&house, &id).exists() && bucket.object(&id).unwrap().is_none());
    bucket.open();
    house.relay.restart().unwrap();
    works(&helped);
    helped.session.end("").unwrap();
    until(&house, "deskside_archived_total", 1.0);
    assert_eq!(bucket.uploads().unwrap(), 0, "it was aborted");
    assert!(!spooled(&house, &id).exists());
    let fetched = std::fs::read(house.fetched(&id)).unwrap();
    assert!(fetched.len() as u64 > COPIED);
    assert_eq!(bucket.object(&id).unwrap().unwrap(), fetched);
    let verdict = house.verdict(&id);
    assert!(verdict["verdict"] == "verified" && !verdict["recovered"].is_null(), "{verdict}");
}

/// Makes every session so old that its time is over, in the database of a relay that does not run.
fn a_year_passes(house: &House) {
    let options = SqliteConnectOptions::new().filename(house.relay.data().join("relay.db"));
    let work = async {
        let pool = SqlitePool::connect_with(options).await.unwrap();
        for change in ["closed_at = closed_at - 34560000", "opened_at = opened_at - 34560000"] {
            let change = sqlx::AssertSqlSafe(format!("UPDATE sessions SET {change}"));
            sqlx::query(change).execute(&pool).await.unwrap();
        }
        pool.close().await;
    };
    tokio::runtime::Runtime::new().unwrap().block_on(work);
}

#[test]
fn the_seals_of_what_is_over_go_from_the_bucket_and_of_what_is_held_stay() {
    let bucket = Bucket::start().unwrap();
    let mut house = house(&bucket);
    let sessions = ["one", "two"].map(|name| {
        let Helped { agent: _agent, session, .. } = house.helped(name);
        let id = session.id().to_owned();
        session.end("").unwrap();
        id
    });
    until(&house, "deskside_archived_total", 2.0);
    let before = sessions.each_ref().map(|id| bucket.object(id).unwrap().unwrap());
    let hold = ["audit", "hold", sessions[1].as_str(), "--reason", "court order"];
    house.alice.run(&hold).unwrap().done().unwrap();
    house.relay.kill().unwrap();
    a_year_passes(&house);
    house.relay.restart().unwrap();
    look_until(&house, "the seals stay", || {
        bucket.object(&sessions[0]).unwrap().unwrap() != before[0]
    });
    // The sweep writes the object, then the database, and then the file goes.
    look_until(&house, "the copy stays", || !spooled(&house, &sessions[0]).exists());
    assert_eq!(house.verdict(&sessions[0])["verdict"], "shredded");
    assert_eq!(bucket.object(&sessions[1]).unwrap().unwrap(), before[1]);
    assert_eq!(house.verdict(&sessions[1])["verdict"], "verified");
    let listed = house.alice.run(&["audit", "list"]).unwrap();
    assert_eq!(listed.code, Some(0), "{listed}");
}

#[test]
fn the_doctor_names_the_fault_of_an_archive_and_a_relay_starts_without() {
    let strict = Bucket::strict().unwrap();
    let house = house(&strict);
    let fault = |house: &House| {
        let said = doctor(house);
        let text = said[0]["text"].as_str().unwrap().to_owned();
        assert_eq!(said[0]["state"], "fault", "{text}");
        assert_eq!(house.relay.beside(&["doctor"]).unwrap().code, Some(1));
        text
    };
    let text = fault(&house);
    assert!(text.contains("does not know these keys: look at AWS_ACCESS_KEY_ID"), "{text}");
    assert!(text.contains("s3://audio/desk at http://127.0.0.1:"), "{text}");
    assert!(!text.contains("nobody-else-knows"), "{text}");
    until(&house, "deskside_archive_failing", 1.0);
    strict.gate.close();
    let text = fault(&house);
    assert!(text.contains("cannot be reached: look at the address"), "{text}");

    let bucket = Bucket::start().unwrap();
    let elsewhere = House::with(|data| {
        let mut told = bucket.environment();
        told[0].1 = "s3://video".to_owned();
        Relay::start_told(data, told).unwrap()
    });
    let text = fault(&elsewhere);
    assert!(text.contains("there is no s3://video/ at http"), "{text}");
    let plain = elsewhere.path("plain");
    let refused = Relay::start_with(&plain, &["--archive", "s3://key:secret@audio"]).unwrap_err();
    let refused = format!("{refused:#}");
    assert!(refused.contains("s3://BUCKET/PREFIX") && !refused.contains("secret"), "{refused}");
}

#[test]
fn a_folder_that_is_its_own_archive_keeps_what_it_has_and_the_doctor_waits_for_nothing() {
    let house = House::with(|data| {
        // By a detour, and before either is there.
        let same = format!("file://{}/../{}/recordings", data.display(), name(data));
        Relay::start_told(data, vec![("DESKSIDE_ARCHIVE".to_owned(), same)]).unwrap()
    });
    let helped = house.helped("agent");
    let id = helped.session.id().to_owned();
    helped.session.end("").unwrap();
    assert_eq!(house.verdict(&id)["verdict"], "verified");
    assert_eq!(doctor(&house), [Value::Null; 0]);
    assert!(spooled(&house, &id).exists());
}
