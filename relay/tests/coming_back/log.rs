//! The log of sessions: what stands in it when, what a kill leaves, who may see it, and how a
//! recording's time ends.

use bytes::Bytes;
use deskside_link::leg::LegError;
use deskside_protocol::log::evidence::{Claim, Logged};
use deskside_protocol::log::leaf::commitment;
use deskside_protocol::log::tile::{self, Content};
use deskside_protocol::log::{Leaf, SignedHead, TilePath, What};
use deskside_protocol::recording::{Reader, Step, Verdict};
use deskside_protocol::session::{Ends, SessionId};
use deskside_protocol::wire::record::{LogProof, Reason};
use deskside_protocol::wire::signal::refused::Code;
use deskside_protocol::wire::signal::{
    AccessList, LogHeadAsk, LogProofAsk, LogTileAsk, RecordingFetch, RecordingHold, RecordingList,
    signal::Kind,
};
use deskside_relay::store::{Back, LineRow, NewSession, SessionEnd};
use deskside_relay::{clock, retention};

use crate::house::{House, ended, key};

const DAY: u64 = 24 * 60 * 60;

/// Every entry of the log, of which the last ones may not be in a proof yet.
fn leaves(house: &House) -> Vec<Leaf> {
    let log = house.relay().book.log();
    let size = log.head().head.size;
    let Some(bundle) = TilePath::of(Content::Entries, 0, size) else { return Vec::new() };
    let bytes = log.tile(&bundle).unwrap().unwrap();
    let (entries, _) = tile::entries(&bytes);
    entries.iter().map(|entry| Leaf::decode(entry).unwrap()).collect()
}

fn of(house: &House, session: SessionId) -> Vec<What> {
    let all = leaves(house).into_iter().filter(|leaf| leaf.session == session);
    all.map(|leaf| leaf.what).collect()
}

/// The chain hash of the first block.
fn first(house: &House, session: SessionId) -> [u8; 32] {
    let bytes = std::fs::read(house.recording(session)).unwrap();
    let (mut reader, mut rest) = (Reader::new(), bytes.as_slice());
    let Step::Block(block) = reader.next(&mut rest).unwrap() else { panic!("it has no block") };
    block.hash
}

async fn ask(house: &House, question: Kind) -> Result<Kind, i32> {
    let leg = deskside_link::Leg::dial(&house.join, house.alice_key(), "test").await.unwrap();
    match leg.request(question).await {
        Ok(answer) => Ok(answer),
        Err(LegError::Refused(refused)) => Err(refused.code),
        Err(error) => panic!("{error}"),
    }
}

fn id(session: SessionId) -> Bytes {
    Bytes::copy_from_slice(session.as_bytes())
}

async fn proof(house: &House, session: SessionId) -> LogProof {
    let asked = ask(house, Kind::LogProofAsk(LogProofAsk { session: id(session) })).await;
    let Ok(Kind::LogProof(proof)) = asked else { panic!("{asked:?}") };
    proof
}

/// What an auditor makes of a proof, who has the recording.
async fn logged(house: &House, session: SessionId, last: Option<[u8; 32]>) -> Logged {
    let keys = [house.join.node];
    let claim = Claim { session, first: first(house, session), last, keys: &keys };
    claim.judge(&proof(house, session).await).unwrap()
}

#[tokio::test]
async fn the_log_knows_a_session_before_its_ends_do_and_its_end_before_they_do() {
    let house = House::new().await;
    // Nothing has passed when both are told of it.
    let Ends { mut agent, mut technician } = house.paired().await;
    let session = agent.session();
    let header = Some(first(&house, session));
    assert_eq!(of(&house, session), [What::Open { header }]);
    agent.seal(0).await;
    technician.seal(0).await;
    let closed = ended(&mut technician, &mut agent).await;
    let last: [u8; 32] = closed.recording_hash.as_ref().try_into().unwrap();
    let reason = Reason::TechnicianEnded as u32;
    let close = What::Close { last: Some(last), reason };
    assert_eq!(of(&house, session), [What::Open { header }, close]);
    let logged = logged(&house, session, Some(last)).await;
    assert_eq!((logged.opened.0, logged.closed.map(|(index, _)| index)), (0, Some(1)));
}

#[tokio::test]
async fn a_session_that_cannot_be_logged_does_not_begin() {
    let house = House::new().await;
    let entries = house.folder.path().join("relay/log/tile");
    std::fs::create_dir_all(entries.parent().unwrap()).unwrap();
    // A file where the folder of tiles should be.
    std::fs::write(&entries, b"").unwrap();
    let leg = deskside_link::Leg::dial(&house.join, house.alice_key(), "test").await.unwrap();
    let told = house.refused_pairing().await;
    assert_eq!(told, Ends { agent: Code::Trouble as i32, technician: Code::Trouble as i32 });
    let Ok(Kind::Recordings(list)) =
        leg.request(Kind::RecordingList(RecordingList::default())).await
    else {
        panic!("no list")
    };
    assert_eq!(list.recordings, []);
}

#[tokio::test]
async fn what_a_kill_left_open_is_closed_once() {
    let mut house = House::new().await;
    let Ends { mut agent, mut technician } = house.session().await;
    let unsealed = house.paired().await;
    let lost = SessionId::from_bytes([1; 16]);
    // Killed between the log and the database, and between the database and the log.
    house.relay().book.open(lost, Some([2; 32])).await.unwrap();
    let half = SessionId::from_bytes([3; 16]);
    house.relay().book.open(half, Some([4; 32])).await.unwrap();
    let store = house.relay().node.store();
    store.open_session(row(half)).await.unwrap();
    let end = SessionEnd {
        closed_at: clock::seconds(),
        reason: Reason::UserEnded as i32,
        bytes: 5,
        hash: Some([6; 32]),
    };
    store.close_session(half.as_bytes(), end).await.unwrap();
    for _ in 0..3 {
        house.crash().await;
    }
    agent.reattach(&house.join, false).await;
    technician.reattach(&house.join, false).await;
    let closed = ended(&mut technician, &mut agent).await;
    assert_eq!(closed.recording_hash.len(), 32);
    let stopped = Reason::RelayStopped as u32;
    let after = |session| of(&house, session)[1..].to_vec();
    assert_eq!(after(lost), [What::Close { last: None, reason: stopped }]);
    let reason = Reason::UserEnded as u32;
    assert_eq!(after(half), [What::Close { last: Some([6; 32]), reason }]);
    for session in [agent.session(), unsealed.agent.session()] {
        assert!(matches!(of(&house, session)[..], [What::Open { .. }, What::Close { .. }]));
    }
    house.end().await;
    house.start().await;
    assert_eq!(leaves(&house).len(), 8);
}

fn row(session: SessionId) -> NewSession {
    NewSession {
        session: *session.as_bytes(),
        ticket: "1001".into(),
        technician: "alice".into(),
        serial: 1,
        nameplate: "48219".into(),
        opened_at: 5,
        recording: "none.dsr".into(),
        back: Back {
            keys: Ends { agent: [1; 32], technician: [2; 32] },
            tokens: Ends { agent: [1; 16], technician: [2; 16] },
            transcript: [3; 32],
            policy: 1,
        },
        line: LineRow { number: 0, labels: Ends { agent: [0x80; 8], technician: [0x81; 8] } },
    }
}

#[tokio::test]
async fn a_download_is_in_the_log_before_its_first_byte_and_names_nobody() {
    let house = House::new().await;
    let Ends { mut agent, mut technician } = house.session().await;
    let session = agent.session();
    ended(&mut technician, &mut agent).await;
    for (kind, fits) in [(0, true), (2, true), (9, false)] {
        let fetch = RecordingFetch { session: id(session), reason: "complaint 17".into(), kind };
        let answer = ask(&house, Kind::RecordingFetch(fetch)).await;
        assert_eq!(answer.is_ok(), fits, "{answer:?}");
    }
    let all = of(&house, session);
    let kinds = |what: &What| match what {
        What::Access { kind, .. } => Some(kind.word()),
        _ => None,
    };
    assert_eq!(all.iter().filter_map(kinds).collect::<Vec<_>>(), ["download", "replay"]);
    let bytes = std::fs::read(house.folder.path().join("relay/log/tile/entries/000")).unwrap();
    for word in [&b"alice"[..], b"complaint"] {
        assert!(!bytes.windows(word.len()).any(|some| some == word));
    }
    // What cannot be logged is not handed out.
    let (tiles, aside) = ("relay/log/tile", "relay/log/aside");
    let [tiles, aside] = [tiles, aside].map(|name| house.folder.path().join(name));
    std::fs::rename(&tiles, &aside).unwrap();
    std::fs::write(&tiles, b"").unwrap();
    let fetch = RecordingFetch { session: id(session), reason: "again".into(), kind: 0 };
    let answer = ask(&house, Kind::RecordingFetch(fetch)).await;
    assert_eq!(answer, Err(Code::Trouble as i32));
    std::fs::remove_file(&tiles).unwrap();
    std::fs::rename(&aside, &tiles).unwrap();
    // Twice the same, and it does not show.
    let [.., What::Access { commitment: one, .. }, What::Access { commitment: other, .. }] =
        all[..]
    else {
        panic!("{all:?}")
    };
    assert_ne!(one, other);
    opened(&house, session, [one, other]).await;
}

/// Auditors are told who it was and why, so that it fits what the log has; of the one that was not
/// logged they are told too.
async fn opened(house: &House, session: SessionId, logged: [[u8; 32]; 2]) {
    let list = async |behind| {
        let ask = Kind::AccessList(AccessList { session: id(session), behind });
        let leg = deskside_link::Leg::dial(&house.join, house.alice_key(), "test").await.unwrap();
        let Ok(Kind::Accesses(answer)) = leg.request(ask).await else { panic!("no list") };
        answer.accesses
    };
    let all = list(0).await;
    let told: Vec<_> = all.iter().map(|access| (access.kind, access.reason.as_str())).collect();
    assert_eq!(told, [(1, "complaint 17"), (2, "complaint 17"), (1, "again")]);
    for (access, logged) in all.iter().zip(logged) {
        let salt = access.salt.as_ref().try_into().unwrap();
        assert_eq!(commitment(&salt, &access.login, &access.reason), logged);
    }
    assert_eq!(list(all[0].number).await, all[1..]);
    assert_eq!(list(u64::MAX).await, []);
}

#[tokio::test]
async fn heads_are_for_the_enrolled_and_the_rest_for_auditors() {
    let house = House::new().await;
    let Ends { mut agent, mut technician } = house.session().await;
    let session = agent.session();
    ended(&mut technician, &mut agent).await;
    let tile = |path: &str| Kind::LogTileAsk(LogTileAsk { path: path.to_owned() });
    let Ok(Kind::LogHead(head)) = ask(&house, Kind::LogHeadAsk(LogHeadAsk { size: 1 })).await
    else {
        panic!("no head")
    };
    let signed = SignedHead::parse(head.note.as_bytes()).unwrap();
    assert!(signed.verify(&house.join.node).is_ok());
    assert_eq!((signed.head.size, head.consistency.len()), (2, 1));
    // A walk over a long log is not one request too many.
    let leg = deskside_link::Leg::dial(&house.join, house.alice_key(), "test").await.unwrap();
    for _ in 0..100 {
        assert!(leg.request(tile("tile/0/000.p/2")).await.is_ok());
    }
    for path in ["tile/0/000.p/3", "tile/0/000", "tile/0/001.p/1", "tile/../../node.key", ""] {
        assert_eq!(ask(&house, tile(path)).await, Err(Code::NotFound as i32), "{path}");
    }
    let unknown = LogProofAsk { session: vec![9; 16].into() };
    assert_eq!(ask(&house, Kind::LogProofAsk(unknown)).await, Err(Code::NotFound as i32));
    let stranger = deskside_link::Leg::dial(&house.join, &key(), "test").await.unwrap();
    let session = id(session);
    for question in [
        Kind::LogHeadAsk(LogHeadAsk { size: 0 }),
        Kind::LogProofAsk(LogProofAsk { session: session.clone() }),
        tile("tile/0/000.p/2"),
        Kind::RecordingHold(RecordingHold { session, reason: "x".into(), release: false }),
    ] {
        let refused = stranger.request(question).await;
        let Err(LegError::Refused(refused)) = refused else { panic!("{refused:?}") };
        assert_eq!(refused.code, Code::NotEnrolled as i32);
    }
}

async fn hold(house: &House, session: SessionId, release: bool) -> Result<Kind, i32> {
    let reason = "court order".to_owned();
    ask(house, Kind::RecordingHold(RecordingHold { session: id(session), reason, release })).await
}

#[tokio::test]
async fn a_recording_can_be_read_as_long_as_the_policy_says_and_longer_where_it_is_held() {
    let mut house = House::with(|policy| policy.retention_days = 30).await;
    let Ends { mut agent, mut technician } = house.session().await;
    let session = agent.session();
    let closed = ended(&mut technician, &mut agent).await;
    let last: [u8; 32] = closed.recording_hash.as_ref().try_into().unwrap();
    let now = clock::seconds();
    // The first sweep after many days only believes the clock.
    let sweep = async |house: &House, days: u64| {
        let at = |hour: u64| retention::sweep(house.relay(), now + days * DAY + hour * 3600);
        let (first, second) = (at(0).await.unwrap(), at(1).await.unwrap());
        assert_eq!(first, 0, "a clock that jumped is believed at once");
        second
    };
    assert_eq!(sweep(&house, 29).await, 0);
    assert!(hold(&house, session, false).await.is_ok());
    assert_eq!(sweep(&house, 400).await, 0, "it is held");
    assert_eq!(house.verdict(session), Verdict::Verified);
    let held = logged(&house, session, Some(last)).await;
    assert!(held.held && !held.shredded);
    assert!(hold(&house, session, true).await.is_ok());
    assert_eq!(sweep(&house, 431).await, 1);
    assert_eq!(sweep(&house, 439).await, 0);
    assert_eq!(house.verdict(session), Verdict::Shredded);
    let shredded = logged(&house, session, Some(last)).await;
    assert!(!shredded.held && shredded.shredded);
    assert_eq!(hold(&house, session, false).await, Err(Code::NotFound as i32), "it is too late");
    // A relay that was stopped half-way goes on at the next sweep.
    house.end().await;
    let file = house.folder.path().join("relay/relay.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    sqlx::query("UPDATE sessions SET shredded = 0").execute(&pool).await.unwrap();
    pool.close().await;
    house.start().await;
    // Beside the relay's own sweep of its start, which may come in between.
    let mut shredded = 0;
    for day in 500..505 {
        shredded += retention::sweep(house.relay(), now + day * DAY).await.unwrap();
    }
    assert_eq!(shredded, 1);
    assert_eq!(house.verdict(session), Verdict::Shredded);
}
