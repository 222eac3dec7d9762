//! Sessions as kept, in a real database in a temporary folder.

use super::*;
use std::time::Instant;

fn new(id: u8) -> NewSession {
    NewSession {
        session: [id; 16],
        ticket: "1001".into(),
        technician: "alice".into(),
        serial: 1,
        nameplate: "48219".into(),
        opened_at: 100 + u64::from(id),
        recording: "recordings/x.dsr".into(),
        back: back_of(id),
        line: line_of(id, 0),
    }
}

fn back_of(id: u8) -> Back {
    Back {
        keys: Ends { agent: [id; 32], technician: [id + 100; 32] },
        tokens: Ends { agent: [id; 16], technician: [id + 100; 16] },
        transcript: [id; 32],
        policy: 3,
    }
}

fn line_of(id: u8, number: u16) -> LineRow {
    LineRow { number, labels: Ends { agent: [id; 8], technician: [id + 100; 8] } }
}

#[tokio::test]
async fn a_session_ends_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("relay.db")).await.unwrap();
    store.open_session(new(1)).await.unwrap();
    store.open_session(new(2)).await.unwrap();
    assert!(store.open_session(new(1)).await.is_err());
    let end = SessionEnd { closed_at: 200, reason: 2, bytes: 12, hash: Some([9; 32]) };
    assert!(store.close_session(&[1; 16], end).await.unwrap());
    let later = SessionEnd { closed_at: 300, reason: 3, bytes: 0, hash: None };
    assert!(!store.close_session(&[1; 16], later.clone()).await.unwrap());
    assert!(!store.close_session(&[7; 16], later).await.unwrap());
    let row = store.session(&[1; 16]).await.unwrap().unwrap();
    assert_eq!((row.closed_at, row.reason, row.hash), (Some(200), 2, Some([9; 32])));
    let ids = |rows: Vec<SessionRow>| rows.iter().map(|row| row.session[0]).collect::<Vec<_>>();
    let unfinished = store.unfinished_sessions().await.unwrap();
    assert_eq!(ids(unfinished.into_iter().map(|it| it.row).collect()), [2]);
}

#[tokio::test]
async fn a_restart_finds_keys_tokens_and_the_last_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relay.db");
    let store = Store::open(&path).await.unwrap();
    store.open_session(new(1)).await.unwrap();
    store.open_session(new(2)).await.unwrap();
    store.add_line(&[1; 16], line_of(7, 1)).await.unwrap();
    assert!(store.add_line(&[1; 16], line_of(8, 1)).await.is_err());
    assert!(store.add_line(&[9; 16], line_of(9, 0)).await.is_err());
    // Of a version that had no way back.
    sqlx::query(
        "INSERT INTO sessions (session, ticket, technician, nameplate, opened_at) \
         VALUES ($1, '1', 'a', '00000', 0)",
    )
    .bind([3_u8; 16].as_slice())
    .execute(&store.pool)
    .await
    .unwrap();
    store.close().await;

    let store = Store::open(&path).await.unwrap();
    let found = store.unfinished_sessions().await.unwrap();
    let found: Vec<_> = found.into_iter().map(|it| (it.row.session[0], it.back)).collect();
    let expected =
        [(3, None), (1, Some((back_of(1), line_of(7, 1)))), (2, Some((back_of(2), line_of(2, 0))))];
    assert_eq!(found, expected);
    for token in [[1; 16], [101; 16]] {
        let row = store.session_by_token(&token).await.unwrap();
        assert_eq!(row.unwrap().session, [1; 16]);
    }
    assert_eq!(store.session_by_token(&[50; 16]).await.unwrap(), None);
}

#[tokio::test]
async fn a_restart_finds_the_last_files_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relay.db");
    let store = Store::open(&path).await.unwrap();
    store.open_session(new(1)).await.unwrap();
    assert_eq!(store.files_line(&[1; 16]).await.unwrap(), None);
    let of = |line, number, id| FilesRow { line, number, labels: line_of(id, 0).labels };
    for beside in [of(0, 1, 5), of(0, 2, 6), of(1, 1, 7)] {
        store.keep_files_line(&[1; 16], beside).await.unwrap();
    }
    assert!(store.keep_files_line(&[9; 16], of(0, 1, 8)).await.is_err(), "no such session");
    store.close().await;
    let store = Store::open(&path).await.unwrap();
    assert_eq!(store.files_line(&[1; 16]).await.unwrap(), Some(of(1, 1, 7)));
}

#[tokio::test]
async fn one_that_cannot_be_written_takes_no_other_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("relay.db")).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    // Each id twice: of each pair one is refused, in whatever batches they come.
    for id in (0..100).chain(0..100) {
        let store = store.clone();
        tasks.spawn(async move { store.open_session(new(id)).await.is_ok() });
    }
    let opened = tasks.join_all().await;
    assert_eq!(opened.iter().filter(|opened| **opened).count(), 100);
    assert_eq!(store.unfinished_sessions().await.unwrap().len(), 100);
}

/// `cargo test --release -p deskside-relay openings_a_second -- --ignored --nocapture`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a figure, for DESKSIDE_BENCH_FOLDER or the temporary folder"]
async fn openings_a_second() {
    const SESSIONS: u32 = 8_000;
    for at_once in [1, 8, 32, 128] {
        let folder = match std::env::var_os("DESKSIDE_BENCH_FOLDER") {
            Some(place) => tempfile::tempdir_in(place).unwrap(),
            None => tempfile::tempdir().unwrap(),
        };
        let store = Store::open(&folder.path().join("relay.db")).await.unwrap();
        let began = Instant::now();
        let mut tasks = tokio::task::JoinSet::new();
        let sessions = if at_once == 1 { SESSIONS / 8 } else { SESSIONS };
        for task in 0..at_once {
            let store = store.clone();
            tasks.spawn(async move {
                for number in (task..sessions).step_by(at_once as usize) {
                    let mut new = new(0);
                    new.session[..4].copy_from_slice(&number.to_be_bytes());
                    new.back.tokens.agent[..4].copy_from_slice(&number.to_be_bytes());
                    new.back.tokens.technician[..4].copy_from_slice(&number.to_be_bytes());
                    store.open_session(new).await.unwrap();
                }
            });
        }
        tasks.join_all().await;
        let a_second = f64::from(sessions) / began.elapsed().as_secs_f64();
        println!("{at_once} at once: {a_second:.0} sessions opened a second");
    }
}
