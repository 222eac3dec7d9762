//! Who had a recording: what auditors are told of it, and what a relay cannot hide. And which
//! recordings there are, by ticket, person and time.

use deskside_tests::process::Ran;
use deskside_tests::technician::Technician;
use serde_json::Value;
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;

use crate::house::House;

/// A whole session of this person on a new ticket. Gives session and ticket.
fn session(house: &House, who: &Technician, name: &str) -> (String, String) {
    let ticket = who.ticket("The printer is on fire").unwrap();
    let mut agent = house.agent(name);
    let session = who.connect(&agent.code().unwrap(), &ticket).unwrap();
    let id = session.id().to_owned();
    session.end("").unwrap();
    (id, ticket)
}

/// A change in the relay's database by whoever runs it.
fn changed(house: &House, change: &'static str) {
    let options = SqliteConnectOptions::new().filename(house.relay.data().join("relay.db"));
    let options = options.foreign_keys(false);
    let change = async {
        let pool = SqlitePool::connect_with(options).await.unwrap();
        let done = sqlx::query(change).execute(&pool).await.unwrap();
        assert_eq!(done.rows_affected(), 1, "{change}");
        pool.close().await;
    };
    tokio::runtime::Runtime::new().unwrap().block_on(change);
}

/// Who, what, why and how it fits the log.
fn lines(ran: &Ran) -> Vec<[String; 4]> {
    let word = |event: &Value, name: &str| event[name].as_str().unwrap_or("-").to_owned();
    let line = |event: &Value| ["login", "kind", "reason", "state"].map(|name| word(event, name));
    ran.events().unwrap().iter().map(line).collect()
}

#[test]
fn auditors_see_who_had_a_recording_and_the_log_proves_it() {
    let house = House::new();
    let bob = house.relay.invite("bob", "technician,auditor").unwrap();
    let bob = Technician::enrolled(&house.path("bob"), &bob).unwrap();
    let (id, _) = session(&house, &house.alice, "agent");
    let log = |who: &Technician| who.run(&["audit", "log", &id]).unwrap();
    let nobody = log(&bob);
    assert_eq!((nobody.code, lines(&nobody).len()), (Some(0), 0), "{nobody}");
    let copy = house.path("copy.dsr");
    let did = |who: &Technician, words: &[&str]| {
        let ran = who.run(&[&["audit"], words].concat()).unwrap();
        assert_eq!(ran.code, Some(0), "{ran}");
    };
    did(&house.alice, &["fetch", &id, "-o", copy.to_str().unwrap(), "--reason", "complaint 17"]);
    did(&bob, &["verify", &id, "--reason", "yearly check"]);
    did(&bob, &["hold", &id, "--reason", "court order"]);
    let told = log(&bob);
    let expected = [
        ["admin", "download", "complaint 17", "proven"],
        ["bob", "verification", "yearly check", "proven"],
        ["bob", "hold", "court order", "proven"],
    ];
    assert_eq!(
        (told.code, lines(&told)),
        (Some(0), expected.map(|line| line.map(String::from)).to_vec()),
        "{told}"
    );

    // Whoever runs the relay says now that it was somebody else, or nobody.
    changed(&house, "UPDATE accesses SET login = 'bob' WHERE login = 'admin'");
    let lie = log(&house.alice);
    assert_eq!(lie.code, Some(7), "{lie}");
    let states: Vec<_> =
        lines(&lie).into_iter().map(|[who, what, _, fit]| [who, what, fit]).collect();
    assert!(states.contains(&["-", "download", "unnamed"].map(String::from)), "{states:?}");
    assert!(states.contains(&["bob", "download", "unlogged"].map(String::from)), "{states:?}");
    changed(&house, "DELETE FROM accesses WHERE reason = 'complaint 17'");
    let lie = log(&house.alice);
    assert_eq!((lie.code, lines(&lie).len()), (Some(7), 3), "{lie}");

    let unknown = house.alice.run(&["audit", "log", &"0".repeat(32)]).unwrap();
    assert_eq!(unknown.code, Some(5), "{unknown}");
    let lea = house.relay.invite("lea", "lead,technician").unwrap();
    let lea = Technician::enrolled(&house.path("lea"), &lea).unwrap();
    assert_eq!(log(&lea).code, Some(3));
}

#[test]
fn a_list_is_of_what_was_asked_for_and_says_what_was_deleted_of_it() {
    let house = House::new();
    let bob = house.relay.invite("bob", "technician").unwrap();
    let bob = Technician::enrolled(&house.path("bob"), &bob).unwrap();
    let (first, ticket) = session(&house, &house.alice, "one");
    let (second, _) = session(&house, &bob, "two");
    let list = |words: &[&str]| -> (Option<i32>, Vec<String>) {
        let ran = house.alice.run(&[&["audit", "list"], words].concat()).unwrap();
        let events = ran.events().unwrap();
        let ids = events.iter().map(|event| event["session"].as_str().unwrap().to_owned());
        (ran.code, ids.collect())
    };
    let sorted = |(code, mut ids): (_, Vec<String>)| {
        ids.sort();
        (code, ids)
    };
    let mut both = vec![first.clone(), second.clone()];
    both.sort();
    assert_eq!(sorted(list(&[])), (Some(0), both.clone()));
    assert_eq!(list(&["--ticket", &ticket]), (Some(0), vec![first.clone()]));
    assert_eq!(list(&["--person", "bob"]), (Some(0), vec![second.clone()]));
    assert_eq!(list(&["--person", "bob", "--ticket", &ticket]), (Some(0), Vec::new()));
    assert_eq!(sorted(list(&["--from", "2020-01-01"])), (Some(0), both));
    assert_eq!(list(&["--to", "2020-01-01"]), (Some(0), Vec::new()));
    let wrong = house.alice.run(&["audit", "list", "--to", "yesterday"]).unwrap();
    assert_eq!(wrong.code, Some(2), "{wrong}");
    assert!(wrong.to_string().contains("a time is a day, 2026-11-26, or a moment"), "{wrong}");

    // Searching there hands each one out, for the reason that was given.
    let search = |words: &[&str]| {
        house
            .alice
            .run(&[&["audit", "search", "Nobody said it", "--relay"], words].concat())
            .unwrap()
    };
    assert_eq!(search(&["--ticket", &ticket]).code, Some(2), "without a reason");
    let nothing = search(&["--ticket", &ticket, "--reason", "complaint 17"]);
    assert_eq!(nothing.code, Some(5), "{nothing}");
    let none = search(&["--ticket", "9999", "--reason", "complaint 17"]);
    assert!(none.sentence().contains("the relay holds no such recording"), "{none}");
    let had = |id: &str| lines(&house.alice.run(&["audit", "log", id]).unwrap());
    assert_eq!(had(&first), [["admin", "replay", "complaint 17", "proven"].map(String::from)]);
    assert!(had(&second).is_empty());

    changed(&house, "DELETE FROM sessions WHERE technician = 'bob'");
    assert_eq!(list(&["--from", "2020-01-01"]), (Some(7), vec![first.clone(), second]));
    assert_eq!(list(&["--to", "2020-01-01"]), (Some(0), Vec::new()), "it did not begin then");
    assert_eq!(list(&["--ticket", &ticket]), (Some(0), vec![first]), "the log names no tickets");
}
