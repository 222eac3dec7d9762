//! Several auditors, and other ones later: who opens what, with Debian's `age` and with our own program.

use std::path::{Path, PathBuf};

use deskside_protocol::recording::verify::whole;
use deskside_tests::process::{command, run};
use deskside_tests::technician::Technician;
use serde_json::Value;
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;

use crate::house::{Helped, House};

/// An age identity that nobody enrolled, and its recipient.
fn identity(house: &House, name: &str) -> (PathBuf, String) {
    let path = house.path(name);
    let made = run("age-keygen", command("age-keygen").arg("-o").arg(&path), None).unwrap();
    assert_eq!(made.code, Some(0), "{made}");
    let text = std::fs::read_to_string(&path).unwrap();
    let recipient = text.lines().find_map(|line| line.strip_prefix("# public key: "));
    (path, recipient.unwrap().to_owned())
}

/// A whole session. Gives its recording, in a file of its own.
fn recorded(house: &House, name: &str) -> PathBuf {
    let Helped { agent: _agent, session, .. } = house.helped(name);
    let id = session.id().to_owned();
    session.end("").unwrap();
    let kept = house.path(&format!("{name}.dsr"));
    std::fs::rename(house.fetched(&id), &kept).unwrap();
    kept
}

/// What Debian's `age` makes of both seals with this identity; `None` where it opens neither.
fn opened(recording: &Path, identity: &Path) -> Option<Vec<String>> {
    let report = whole(&std::fs::read(recording).unwrap(), None);
    assert_eq!(report.seals.len(), 2);
    let texts: Vec<_> = report
        .seals
        .iter()
        .filter_map(|seal| {
            let file = recording.with_extension("age");
            std::fs::write(&file, &seal.age).unwrap();
            let mut age = command("age");
            let ran = run("age", age.arg("-d").arg("-i").arg(identity).arg(file), None).unwrap();
            (ran.code == Some(0)).then(|| String::from_utf8(ran.stdout).unwrap())
        })
        .collect();
    assert_ne!(texts.len(), 1, "one seal opens and the other does not");
    (!texts.is_empty()).then_some(texts)
}

/// What our own program says of it with this identity.
fn verdict(house: &House, recording: &Path, identity: &Path) -> Value {
    let (recording, identity) = (recording.to_str().unwrap(), identity.to_str().unwrap());
    let words = ["audit", "verify", recording, "--identity", identity];
    house.alice.run(&words).unwrap().events().unwrap().pop().unwrap()
}

fn auditors(house: &House) -> Vec<Value> {
    house.relay.beside(&["auditor", "list"]).unwrap().events().unwrap()
}

#[test]
fn each_auditor_opens_it_and_after_a_rotation_the_old_key_opens_nothing_new() {
    let house = House::new();
    let ((old, old_key), (new, new_key)) = (identity(&house, "old"), identity(&house, "new"));
    let change = |words: [&str; 3]| house.relay.beside(&words).unwrap().done().unwrap();
    change(["auditor", "add", &old_key]);
    let listed = auditors(&house);
    assert_eq!(listed.len(), 2);
    assert_eq!(
        (&listed[1]["recipient"], &listed[1]["login"]),
        (&old_key.clone().into(), &"".into())
    );
    assert_ne!(listed[0]["login"], "", "{}", listed[0]);

    let before = recorded(&house, "before");
    let by_both = [&old, &house.alice.identity()].map(|with| opened(&before, with).unwrap());
    assert_eq!(by_both[0], by_both[1]);
    assert!(by_both[0][0].contains("CLIENT_TRAFFIC_SECRET_0 "), "{}", by_both[0][0]);
    assert!(opened(&before, &new).is_none());
    for with in [&old, &house.alice.identity()] {
        let verdict = verdict(&house, &before, with);
        assert_eq!(verdict["verdict"], "verified", "{verdict}");
        assert!(verdict["contents"]["streams"].as_u64() > Some(0), "{verdict}");
    }

    // The relay runs on, and the next session is sealed for the new set.
    change(["auditor", "add", &new_key]);
    let removed = change(["auditor", "remove", &old_key]);
    assert_eq!(removed["policy"]["auditors"].as_array().unwrap().len(), 2);
    assert_eq!(removed["warning"], Value::Null);
    let after = recorded(&house, "after");
    assert!(opened(&after, &old).is_none(), "the old key opens a new recording");
    let by_both = [&new, &house.alice.identity()].map(|with| opened(&after, with).unwrap());
    assert_eq!(by_both[0], by_both[1]);
    assert_eq!(verdict(&house, &after, &new)["verdict"], "verified");
    assert_eq!(verdict(&house, &after, &old)["contents"]["streams"].as_u64().unwrap_or(0), 0);
    // And what was before is still the old key's, and not the new one's.
    assert!(opened(&before, &old).is_some() && opened(&before, &new).is_none());

    let again = house.relay.beside(&["auditor", "remove", &old_key]).unwrap();
    assert_eq!(again.code, Some(5), "{again}");
    let slip = house.relay.beside(&["auditor", "remove", "age1slip"]).unwrap();
    assert_eq!(slip.code, Some(2), "{slip}");
}

/// As a relay of before had it: a key in the policy, and nobody's.
fn forget_whose(house: &House, recipient: &str) {
    let options = SqliteConnectOptions::new().filename(house.relay.data().join("relay.db"));
    let work = async {
        let pool = SqlitePool::connect_with(options).await.unwrap();
        let change = "UPDATE technicians SET recipient = '' WHERE recipient = $1";
        let done = sqlx::query(change).bind(recipient).execute(&pool).await.unwrap();
        assert_eq!(done.rows_affected(), 1);
        pool.close().await;
    };
    tokio::runtime::Runtime::new().unwrap().block_on(work);
}

#[test]
fn an_auditor_who_is_revoked_is_one_no_more() {
    let house = House::new();
    let enrolled = |login: &str| {
        let token = house.relay.invite(login, "auditor").unwrap();
        Technician::enrolled(&house.path(login), &token).unwrap()
    };
    let (bob, _carol) = (enrolled("bob"), enrolled("carol"));
    // Bob's second computer came at a time when nobody wrote down whose key it brought.
    let token = house.relay.invite("bob", "auditor").unwrap();
    let _second = Technician::enrolled(&house.path("second"), &token).unwrap();
    let second = auditors(&house)[3]["recipient"].as_str().unwrap().to_owned();
    forget_whose(&house, &second);
    let logins = |house: &House| {
        let login = |row: &Value| row["login"].as_str().unwrap().to_owned();
        auditors(house).iter().map(login).collect::<Vec<_>>()
    };
    assert_eq!(logins(&house)[1..], ["bob", "carol", ""]);
    let both = recorded(&house, "both");
    assert!(opened(&both, &bob.identity()).is_some());
    let revoke = |login: &str| {
        let words = ["technician", "revoke", login];
        house.relay.beside(&words).unwrap().done().unwrap()["auditor"].clone()
    };
    let said = revoke("bob");
    assert_eq!((&said["state"], &said["unknown"]), (&"removed".into(), &true.into()));
    assert_eq!(logins(&house)[1..], ["carol", ""]);
    house.relay.beside(&["auditor", "remove", &second]).unwrap().done().unwrap();
    assert!(opened(&recorded(&house, "without"), &bob.identity()).is_none());
    assert!(opened(&both, &bob.identity()).is_some());
    // Where the authority's key is elsewhere the revocation counts, and it is said what is left to do.
    let (here, away) = (house.path("relay-authority"), house.path("vault"));
    std::fs::rename(&here, &away).unwrap();
    let said = revoke("carol");
    assert_eq!(
        (&said["state"], said["recipients"].as_array().unwrap().len()),
        (&"stays".into(), 1)
    );
    assert!(auditors(&house)[1]["revoked"].as_bool().unwrap());
    std::fs::rename(&away, &here).unwrap();
    let key = said["recipients"][0].as_str().unwrap();
    house.relay.beside(&["auditor", "remove", key]).unwrap().done().unwrap();
    assert_eq!(auditors(&house).len(), 1);
}

#[test]
fn whoever_removes_the_last_auditor_is_told_what_happens_then_and_it_does() {
    let house = House::new();
    let last = auditors(&house)[0]["recipient"].as_str().unwrap().to_owned();
    let removed = house.relay.beside(&["auditor", "remove", &last]).unwrap().done().unwrap();
    let warning = removed["warning"].as_str().unwrap();
    assert!(warning.contains("NOBODY CAN CONNECT") && warning.contains("auditor add"), "{warning}");
    assert!(auditors(&house).is_empty());
    let mut agent = house.agent("agent");
    let ticket = house.alice.ticket("Printer").unwrap();
    let code = agent.code().unwrap();
    let refused = house.alice.refused(&code, &ticket).unwrap();
    assert_eq!(refused.code, Some(3), "{refused}");
    house.relay.beside(&["auditor", "add", &last]).unwrap().done().unwrap();
    // An agent shows its code under the policy of that moment.
    drop(agent);
    recorded(&house, "again");
}
