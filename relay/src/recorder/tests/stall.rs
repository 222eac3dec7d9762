//! A disk that stalls costs packets of the sessions on it, and nobody anything else.

use std::net::UdpSocket;
use std::sync::Arc;

use deskside_link::random::System;
use deskside_protocol::label::Label;
use deskside_protocol::policy::Recording as Rule;
use deskside_protocol::recording::Kind;

use super::super::Recording;
use super::super::recording::{MAX_LANE, MAX_WAITING};
use super::support::{Bench, Memory, read};
use crate::switch::{Attached, Line, Pump, Switch};

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_disk_holds_up_neither_who_asks_nor_the_other_thread() {
    let (bench, slow, fine) = (Bench::new(), Memory::default(), Memory::default());
    let stalled = bench.recording(&slow, Rule::Required);
    let other = bench.recording(&fine, Rule::Required);
    let before = stalled.state();
    slow.stall(true);
    stalled.submit(bench.batch(b"late"));
    slow.wait_until_stalled();

    // This is the only async thread: whatever blocks here would block for good.
    assert_eq!((stalled.state(), stalled.length()), (before, 10));
    assert_eq!(stalled.totals().packets_from_agent, 0);
    other.submit(bench.batch(b"prompt"));
    assert_eq!(bench.arrives(), b"prompt");
    other.append(Kind::Event, 0, Vec::new()).await.unwrap();

    slow.stall(false);
    assert_eq!(bench.arrives(), b"late");
    assert_eq!(stalled.totals().packets_from_agent, 1);
}

#[test]
fn whoever_receives_writes_in_its_turn_and_never_waits() {
    let (bench, disk) = (Bench::new(), Memory::default());
    let recording = bench.recording(&disk, Rule::Required);
    assert!(recording.pass_now(&mut bench.batch(b"in its turn")));
    assert_eq!(bench.arrives(), b"in its turn");

    disk.stall(true);
    recording.submit(bench.batch(b"waits"));
    assert!(!recording.pass_now(&mut bench.batch(b"would overtake")));
    disk.wait_until_stalled();
    assert!(!recording.pass_now(&mut bench.batch(b"would wait")));
    disk.stall(false);
    assert_eq!(bench.arrives(), b"waits");
    assert!(bench.nothing_arrives());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_bounded_and_the_rest_is_counted() {
    let (bench, disk) = (Bench::new(), Memory::default());
    let recording = bench.recording(&disk, Rule::Required);
    disk.stall(true);
    recording.submit(bench.batch(&[0; 1_200]));
    disk.wait_until_stalled();
    let (packet, sent) = (vec![7; 1_200], 3 * MAX_WAITING / 1_200);
    for _ in 0..sent {
        recording.submit(bench.batch(&packet));
    }
    assert!(recording.waiting() <= MAX_WAITING);
    let dropped = recording.totals().packets_dropped;
    assert!(dropped > 0);

    // The end of the queue: all that waited is written, and no packet more.
    disk.stall(false);
    recording.append(Kind::Event, 0, Vec::new()).await.unwrap();
    let (_, packets) = read(&disk.bytes());
    assert_eq!(packets.len() as u64, 1 + sent as u64 - dropped);
    assert_eq!(recording.totals().packets_from_agent, packets.len() as u64);
    assert_eq!(recording.waiting(), 0);
    let text = bench.metrics.render();
    assert!(text.contains(&format!("deskside_dropped_packets_total {dropped}\n")), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_sessions_on_a_stalled_disk_have_one_bound() {
    let bench = Bench::new();
    let disks: Vec<Memory> = std::iter::repeat_with(Memory::default).take(40).collect();
    let recordings: Vec<_> = disks.iter().map(|it| bench.recording(it, Rule::Required)).collect();
    disks.iter().for_each(|disk| disk.stall(true));
    let large = vec![7; 60_000];
    for recording in &recordings {
        for _ in 0..100 {
            recording.submit(bench.batch(&large));
        }
    }
    let waiting: usize = recordings.iter().map(|recording| recording.waiting()).sum();
    // Two threads; each has taken at most one batch out of the count.
    assert!(waiting <= 2 * MAX_LANE, "{waiting}");
    disks.iter().for_each(|disk| disk.stall(false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_takes_long_to_sync_keeps_no_other_waiting() {
    let (bench, slow, fine) = (Bench::new(), Memory::default(), Memory::default());
    let stalled = bench.recording(&slow, Rule::Required);
    let _second = bench.recording(&Memory::default(), Rule::Required);
    // On the same thread as the first.
    let other = bench.recording(&fine, Rule::Required);
    slow.stall_sync(true);
    let waiting = {
        let stalled = stalled.clone();
        tokio::spawn(async move { stalled.append(Kind::Event, 0, Vec::new()).await })
    };
    tokio::task::spawn_blocking({
        let slow = slow.clone();
        move || slow.wait_until_stalled()
    })
    .await
    .unwrap();

    other.append(Kind::Event, 0, Vec::new()).await.unwrap();
    stalled.submit(bench.batch(b"written, not yet synced"));
    assert_eq!(bench.arrives(), b"written, not yet synced");
    assert!(!waiting.is_finished());
    slow.stall_sync(false);
    waiting.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_forwarded_is_forced_to_the_disk_soon() {
    let (bench, disk) = (Bench::new(), Memory::default());
    let recording = bench.recording(&disk, Rule::Required);
    for packet in [b"one", b"two"] {
        disk.stall_sync(true);
        recording.submit(bench.batch(packet));
        let waiting = disk.clone();
        // Comes about only if a sync is tried, each time anew.
        tokio::task::spawn_blocking(move || waiting.wait_until_stalled()).await.unwrap();
        disk.stall_sync(false);
        assert_eq!(bench.arrives(), packet);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_leaves_nothing_unsynced() {
    let (bench, disk) = (Bench::new(), Memory::default());
    let recording = bench.recording(&disk, Rule::Required);
    recording.submit(bench.batch(b"last"));
    drop(recording);
    let Bench { recorder, .. } = bench;
    tokio::task::spawn_blocking(|| recorder.end()).await.unwrap();
    assert!(disk.synced());
    assert_eq!(read(&disk.bytes()).1, [b"last"]);
}

/// A line to the bench's peer, from a technician's socket at `from`.
fn line(bench: &Bench, from: &UdpSocket, recording: Option<Arc<Recording>>) -> (Label, Arc<Line>) {
    let mut random = System::new();
    let mut attach =
        |address| Attached { label: Label::random(&mut random), address: Some(address) };
    let (agent, technician) = (attach(bench.home()), attach(from.local_addr().unwrap()));
    let label = agent.label;
    let line = Line::new(0, agent, technician, recording);
    line.open();
    (label, line)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_socket_and_sessions_without_a_recording_go_on() {
    let (bench, disk) = (Bench::new(), Memory::default());
    let from = UdpSocket::bind((std::net::Ipv4Addr::LOCALHOST, 0)).unwrap();
    let recording = bench.recording(&disk, Rule::Required);
    let switch = Switch::new(bench.port.clone(), bench.metrics.clone());
    let (recorded, line_recorded) = line(&bench, &from, Some(recording.clone()));
    let (plain, line_plain) = line(&bench, &from, None);
    let _pump = Pump::start(&switch).unwrap();
    let _connected = [switch.connect(line_recorded), switch.connect(line_plain)];
    let send = |label: Label, mark: u8| {
        let packet = [&[0x40][..], label.as_bytes(), &[mark; 20]].concat();
        from.send_to(&packet, bench.port.local_addr().unwrap()).unwrap();
    };
    disk.stall(true);
    send(recorded, 1);
    disk.wait_until_stalled();
    for mark in 2..100 {
        send(recorded, 1);
        send(plain, mark);
        assert_eq!(bench.arrives().last(), Some(&mark));
    }
    disk.stall(false);
    for _ in 1..100 {
        assert_eq!(bench.arrives().last(), Some(&1));
    }
    let text = bench.metrics.render();
    assert!(text.contains("deskside_disk_stalls_total 1\n"), "{text}");
}
