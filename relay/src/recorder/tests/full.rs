//! A disk that is full or breaks: the file stays whole, and the rule says what becomes of the
//! session.

use std::sync::Arc;

use deskside_protocol::policy::Recording as Rule;
use deskside_protocol::recording::Kind;

use super::super::recording::Broken;
use super::super::{RecordError, Recording};
use super::support::{Bench, Memory, read};

#[tokio::test(flavor = "multi_thread")]
async fn a_required_recording_lets_nothing_pass_that_it_does_not_hold() {
    let (bench, disk) = (Bench::new(), Memory::default());
    let recording = bench.recording(&disk, Rule::Required);
    recording.submit(bench.batch(b"recorded"));
    assert_eq!(bench.arrives(), b"recorded");
    disk.break_down(true);
    recording.submit(bench.batch(b"lost"));
    assert_eq!(recording.broken().await, Broken { best_effort: false });
    // It is tried again for the relay's own blocks only.
    disk.break_down(false);
    recording.submit(bench.batch(b"lost too"));
    recording.append(Kind::Close, 0, Vec::new()).await.unwrap();
    assert!(bench.nothing_arrives());
    assert_eq!(recording.totals().packets_dropped, 2);
    let (kinds, packets) = read(&disk.bytes());
    assert_eq!((kinds, packets), (vec![Kind::Packets, Kind::Close], vec![b"recorded".to_vec()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_best_effort_session_goes_on_and_its_recording_does_not() {
    let (bench, disk) = (Bench::new(), Memory::default());
    let recording = bench.recording(&disk, Rule::BestEffort);
    recording.submit(bench.batch(b"recorded"));
    assert_eq!(bench.arrives(), b"recorded");
    let whole = disk.bytes();
    disk.break_down(true);
    recording.submit(bench.batch(b"not recorded"));
    assert_eq!(bench.arrives(), b"not recorded");
    assert_eq!(recording.broken().await, Broken { best_effort: true });
    assert!(recording.is_over());

    disk.break_down(false);
    recording.submit(bench.batch(b"nor this"));
    assert_eq!(bench.arrives(), b"nor this");
    let appended = recording.append(Kind::Event, 0, Vec::new()).await;
    assert!(matches!(appended, Err(RecordError::Over)));
    assert_eq!(disk.bytes(), whole);
    let totals = recording.totals();
    assert_eq!((totals.packets_from_agent, totals.packets_dropped), (1, 0));
    assert_eq!(recording.unrecorded(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_cannot_sync_is_broken() {
    for rule in [Rule::Required, Rule::BestEffort] {
        let (bench, disk) = (Bench::new(), Memory::default());
        let recording = bench.recording(&disk, rule);
        disk.stall_sync(true);
        recording.submit(bench.batch(b"forwarded"));
        assert_eq!(bench.arrives(), b"forwarded");
        disk.break_down(true);
        disk.stall_sync(false);
        assert_eq!(recording.broken().await, Broken { best_effort: rule == Rule::BestEffort });
    }
}

/// Packets of 1,000 bytes, twice as many as the disk has room for, and fewer than may wait.
const PACKETS: u64 = 500;

async fn fill(bench: &Bench, disk: &Memory, recording: &Arc<Recording>) {
    disk.hold(PACKETS / 2 * 1_000);
    for _ in 0..PACKETS {
        recording.submit(bench.batch(&[7; 1_000]));
    }
    recording.broken().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_has_room_for_the_closing() {
    let (bench, disk) = (Bench::new(), Memory::default());
    let recording = bench.recording(&disk, Rule::Required);
    fill(&bench, &disk, &recording).await;
    for kind in [Kind::Event, Kind::Checkpoint, Kind::Close] {
        recording.append(kind, 0, vec![1; 500]).await.unwrap();
    }
    let (kinds, packets) = read(&disk.bytes());
    let totals = recording.totals();
    assert!(totals.packets_from_agent > PACKETS / 3, "{totals:?}");
    assert_eq!(packets.len() as u64, totals.packets_from_agent);
    assert_eq!(totals.packets_from_agent + totals.packets_dropped, PACKETS);
    assert_eq!(kinds.last(), Some(&Kind::Close));
    assert_eq!(disk.reserved(), 0, "what was set aside is given back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_ends_a_best_effort_recording_and_gets_its_room_back() {
    let (bench, disk) = (Bench::new(), Memory::default());
    let recording = bench.recording(&disk, Rule::BestEffort);
    fill(&bench, &disk, &recording).await;
    assert!(matches!(recording.append(Kind::Close, 0, Vec::new()).await, Err(RecordError::Over)));
    let (_, packets) = read(&disk.bytes());
    let totals = recording.totals();
    assert_eq!(packets.len() as u64, totals.packets_from_agent);
    assert_eq!(totals.packets_from_agent + recording.unrecorded(), PACKETS);
    assert_eq!((disk.reserved(), totals.packets_dropped), (0, 0));
}
