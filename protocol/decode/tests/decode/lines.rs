//! Several lines in one recording, and what the ends sealed of them.

use std::sync::{Arc, Mutex};

use deskside_decode::{Found, Party, Suite};
use deskside_protocol::seal::LineSecrets;
use deskside_protocol::session::End;

use crate::findings::grave;
use crate::forwarder::Way;
use crate::peers::Pair;
use crate::tape::Tape;

/// Two lines, one after the other, and their secrets.
async fn two_lines() -> (Arc<Mutex<Tape>>, Vec<(u16, LineSecrets)>) {
    let tape = Arc::new(Mutex::new(Tape::new()));
    let mut sealed = Vec::new();
    for (line, suite) in [(1, Suite::Aes256Gcm), (2, Suite::Aes128Gcm)] {
        let pair = Pair::connect(suite, line, Way::default(), tape.clone()).await;
        pair.settle().await;
        sealed.push((line, pair.secrets.clone()));
        pair.close().await;
        tape.lock().unwrap().recovered(5);
    }
    (tape, sealed)
}

#[tokio::test]
async fn after_a_restart_it_goes_on_with_the_next_line() {
    let (tape, sealed) = two_lines().await;
    let tape = tape.lock().unwrap();
    let decoded = tape.decoded(&sealed);
    assert!(decoded.report.is_sound(), "{:?}", decoded.report);
    let streams = decoded.streams();
    assert_eq!(streams.len(), 4);
    for line in [1, 2] {
        for (stream, from) in [(2, End::Technician), (3, End::Agent)] {
            assert_eq!(streams[&(line, stream, from)].bytes, b"settled");
        }
    }
    // Without the second line's secrets it is counted and not read.
    let first = tape.decoded(&sealed[..1]);
    let report = &first.report.lines[1];
    assert_eq!((report.suite, report.halves, first.streams().len()), (None, 0, 2));
    assert!(first.report.is_sound() && report.ends.agent.unopened > 3, "{report:?}");
}

#[tokio::test]
async fn the_end_that_sealed_other_secrets_is_named() {
    let (tape, sealed) = two_lines().await;
    let tape = tape.lock().unwrap();
    let [(_, one), (_, other)] = sealed.as_slice() else { panic!("two lines") };
    for liar in [End::Agent, End::Technician] {
        let seals = [End::Agent, End::Technician]
            .map(|end| (1, end, if end == liar { other.clone() } else { one.clone() }));
        let decoded = tape.decoded_by(seals);
        assert_eq!(decoded.streams().len(), 2, "one honest end is enough");
        let expected = [(Found::WrongSecrets(liar), Party::End(liar))];
        assert_eq!(grave(&decoded.report), expected);
    }
    let decoded = tape.decoded(&[(1, other.clone())]);
    assert_eq!(grave(&decoded.report), [(Found::NothingOpens, Party::Anybody)]);
}
