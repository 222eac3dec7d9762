//! A relay that does not record what it forwards, or does not forward what it records, and
//! recordings of which something is missing, at every place.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use deskside_decode::{Found, Party, Report, Space, Suite};
use deskside_protocol::seal::LineSecrets;
use deskside_protocol::session::End;

use crate::forwarder::{Dice, Way};
use crate::peers::Pair;
use crate::tape::{Passed, Tape};

const LINE: u16 = 0;

/// What counts against the recording.
pub(crate) fn grave(report: &Report) -> Vec<(Found, Party)> {
    let findings = report.findings().filter(|finding| finding.is_grave());
    findings.map(|finding| (finding.what, finding.party)).collect()
}

/// A short line over a good way: some streams in each direction.
async fn small(way: Way, rounds: u64) -> (Vec<Passed>, LineSecrets) {
    let tape = Arc::new(Mutex::new(Tape::new()));
    let pair = Pair::connect(Suite::Aes256Gcm, LINE, way, tape.clone()).await;
    for round in 0..rounds {
        let (mut send, mut receive) = pair.technician.open_bi().await.unwrap();
        send.write_all(&Dice(round + 1).bytes(3_000)).await.unwrap();
        send.finish().unwrap();
        let (mut back, mut got) = pair.agent.accept_bi().await.unwrap();
        let asked = got.read_to_end(10_000).await.unwrap();
        back.write_all(&asked).await.unwrap();
        back.finish().unwrap();
        assert_eq!(receive.read_to_end(10_000).await.unwrap(), asked);
    }
    pair.settle().await;
    let secrets = pair.secrets.clone();
    pair.close().await;
    let passed = tape.lock().unwrap().passed();
    (passed, secrets)
}

fn report(passed: &[Passed], secrets: &LineSecrets) -> Report {
    Tape::of(passed).decoded(&[(LINE, secrets.clone())]).report
}

/// How many packets under secret keys the findings say are missing, and of whom.
fn missing(report: &Report) -> (u64, BTreeSet<u8>) {
    let (mut count, mut ends) = (0, BTreeSet::new());
    for (what, party) in grave(report) {
        let Found::Missing { from, first, last, .. } = what else {
            assert_eq!((what, party), (Found::NoHello, Party::Node));
            continue;
        };
        assert_eq!(party, Party::Node);
        count += last - first + 1;
        ends.insert(from.byte());
    }
    (count, ends)
}

#[tokio::test]
async fn every_datagram_that_is_left_out_is_missed_if_it_arrived() {
    let (passed, secrets) = small(Way::default(), 4).await;
    let whole = report(&passed, &secrets);
    assert_eq!((grave(&whole), whole.lines[0].ends.agent.lost), (Vec::new(), 0));
    let ends = whole.lines[0].ends;
    let acknowledged = ends.agent.acknowledged + ends.technician.acknowledged;
    let (mut missed, mut hello) = (0, 0);
    for at in 0..passed.len() {
        let mut left = passed.clone();
        let gone = left.remove(at);
        let report = report(&left, &secrets);
        let (count, of) = missing(&report);
        missed += count;
        assert!(of.is_subset(&BTreeSet::from([gone.from.byte()])), "datagram {at}: {report:?}");
        hello += usize::from(grave(&report).iter().any(|(what, _)| *what == Found::NoHello));
    }
    // Each packet that arrived is missed exactly once, and nothing else is.
    assert_eq!((missed, hello), (acknowledged, 1), "of {} datagrams", passed.len());
}

#[tokio::test]
async fn a_recording_that_is_cut_anywhere_says_nothing_false() {
    let (passed, secrets) = small(Way::default(), 4).await;
    let whole = Tape::of(&passed).decoded(&[(LINE, secrets.clone())]);
    let streams = whole.streams();
    let mut bytes_before = 0;
    for end in 0..=passed.len() {
        let cut = Tape::of(&passed[..end]).decoded(&[(LINE, secrets.clone())]);
        assert_eq!(grave(&cut.report), [], "cut at datagram {end}");
        let mut bytes = 0;
        for (key, stream) in cut.streams() {
            assert!(streams[&key].bytes.starts_with(&stream.bytes), "{key:?} at {end}");
            bytes += stream.bytes.len();
        }
        assert!(bytes >= bytes_before);
        bytes_before = bytes;
    }
    assert_eq!(bytes_before, streams.values().map(|stream| stream.bytes.len()).sum::<usize>());
    // The end of the line itself nobody acknowledges.
    let ends = whole.report.lines[0].ends;
    assert!(ends.agent.tail + ends.technician.tail <= 4, "{ends:?}");
}

#[tokio::test]
async fn a_relay_that_forwards_without_recording_is_named() {
    let (passed, secrets) = small(Way::default(), 12).await;
    let (first, last) = (passed.len() / 3, 2 * passed.len() / 3);
    let mut left = passed.clone();
    left.drain(first..last);
    let report = report(&left, &secrets);
    let (count, of) = missing(&report);
    // What was acknowledged within the gap too is not said again behind it: the edge is named, and
    // the rest is unseen.
    assert!(count > 0 && !of.is_empty() && !report.is_sound());
    let ends = report.lines[0].ends;
    let unseen = count + ends.agent.unseen + ends.technician.unseen;
    assert!(unseen >= (last - first) as u64 * 9 / 10, "{unseen} of {first}..{last}");
    // It shows with the first acknowledgement behind the gap.
    let shown = report.findings().find(|finding| finding.is_grave()).unwrap();
    let behind = &passed[last..];
    assert!(behind.iter().take(4).any(|passed| passed.time_us == shown.time_us), "{shown:?}");
    assert!(matches!(shown.what, Found::Missing { space: Space::Data, .. }));
    assert_eq!(report.lines[0].ends.agent.unopened, 0, "it is read again behind the gap");
    // The same gap, with the relay's word that it crashed there.
    let mut tape = Tape::of(&passed[..first]);
    tape.recovered(passed[first].time_us);
    passed[last..].iter().for_each(|passed| tape.record(passed));
    let crashed = tape.decoded(&[(LINE, secrets)]).report;
    let parties = grave(&crashed).into_iter().map(|(_, party)| party);
    assert!(parties.into_iter().all(|party| party == Party::Crash));
}

#[tokio::test]
async fn a_relay_that_records_too_late_is_named() {
    let (mut passed, secrets) = small(Way::default(), 4).await;
    // A packet of the agent's in the middle, moved to the end.
    let middle = passed.len() / 2;
    let at = (middle..).find(|at| passed[*at].from == End::Agent).unwrap();
    let late = passed.remove(at);
    passed.push(late);
    let found = grave(&report(&passed, &secrets));
    let late = found.iter().filter(|(what, _)| matches!(what, Found::Late { .. })).count();
    assert_eq!(late, 1, "{found:?}");
    assert!(found.iter().all(|(_, party)| *party == Party::Node));
}

#[tokio::test]
async fn what_a_relay_records_and_does_not_forward_is_counted_and_never_shown() {
    const SWALLOWED: u64 = 9;
    let way = Way { swallowed: Some((14, SWALLOWED)), ..Way::default() };
    let (passed, secrets) = small(way, 12).await;
    let report = report(&passed, &secrets);
    assert_eq!(grave(&report), []);
    let counted = report.lines[0].ends.agent;
    // Those that had nothing but acknowledgements are not missed by anybody.
    assert!(counted.lost > 0 && counted.lost <= SWALLOWED, "{counted:?}");
    assert_eq!(report.lines[0].ends.technician.lost, 0);
}
