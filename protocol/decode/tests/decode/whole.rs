//! Everything comes back, byte for byte, over a bad way and under every suite.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use deskside_decode::{Suite, What};
use deskside_protocol::session::End;
use quinn::{Connection, RecvStream, SendStream, VarInt};

use crate::forwarder::{BAD, Dice};
use crate::peers::Pair;
use crate::tape::{Decoded, Stream, Tape};

const LINE: u16 = 3;
/// Bytes of the longest stream: some thousand packets, so that every fate strikes.
const LONGEST: usize = 1_500_000;
/// Datagrams that each end sends.
const DATAGRAMS: usize = 120;
/// Packets of an end at the most that are acknowledged in none that arrived. quinn says each range again
/// until it knows that it came, and forgets the lowest of more than 64.
const MAX_SILENT: u64 = 4;
/// What the technician gives its one stream up with.
const GIVEN_UP: u32 = 9;

/// What the applications sent and got.
#[derive(Default)]
struct Truth {
    /// By stream and sender: what was written, and finished.
    sent: BTreeMap<(u64, End), Vec<u8>>,
    /// The same as the other side read it.
    read: BTreeMap<(u64, End), Vec<u8>>,
    /// Datagrams that were read, by sender.
    datagrams: BTreeMap<End, Vec<Vec<u8>>>,
}

type Shared = Arc<Mutex<Truth>>;

#[tokio::test]
async fn under_aes_256() {
    everything_comes_back(Suite::Aes256Gcm).await;
}

#[tokio::test]
async fn under_aes_128() {
    everything_comes_back(Suite::Aes128Gcm).await;
}

#[tokio::test]
async fn under_chacha20() {
    everything_comes_back(Suite::ChaCha20Poly1305).await;
}

async fn everything_comes_back(suite: Suite) {
    let pair = Pair::connect(suite, LINE, BAD, Arc::new(Mutex::new(Tape::new()))).await;
    let truth = Shared::default();
    let (technician, agent) = (&pair.technician, &pair.agent);
    let given_up = tokio::join!(
        conversations(&pair, &truth),
        one_way(agent, technician, End::Agent, &truth),
        send_datagrams(technician, End::Technician),
        send_datagrams(agent, End::Agent),
        give_up(technician, agent),
    )
    .4;
    // quinn takes an update only three probe time-outs after the one before, and shows no sign.
    for _ in 0..12 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        technician.force_key_update();
        pair.settle().await;
    }
    read_datagrams(agent, End::Technician, &truth).await;
    read_datagrams(technician, End::Agent, &truth).await;
    let secrets = pair.secrets.clone();
    let tape = pair.close().await;
    let (tape, sealed) = (tape.lock().unwrap(), [(LINE, secrets)]);
    let decoded = tape.decoded(&sealed);
    judge(&decoded, suite, &truth.lock().unwrap(), given_up);
    let [all, counting] = [false, true].map(|only| tape.opened(&sealed, only).decoded(&sealed));
    judge_without_noise(&decoded, &all, &counting);
}

/// Nothing is lost where what is repeated or unopened is left out; and no more than some acknowledgements
/// where the packets are left out that never arrived: those that stood in these alone.
fn judge_without_noise(raw: &Decoded, all: &Decoded, counting: &Decoded) {
    assert!(raw.streams() == all.streams(), "the same streams, without noise");
    assert!(raw.streams() == counting.streams(), "the same streams, of what counts");
    for from in [End::Agent, End::Technician] {
        let of = |one: &Decoded| *one.report.lines[0].ends.of(from);
        let [raw_counts, all_counts, counting_counts] = [raw, all, counting].map(of);
        assert_eq!(all_counts.acknowledged, raw_counts.acknowledged);
        assert_eq!((all_counts.repeated, all_counts.unopened), (0, 0));
        assert!(missing(&raw.datagrams(from), &all.datagrams(from)).is_empty());
        // Each packet that counts is there still, whether or not anybody says so.
        let silent = raw_counts.acknowledged - counting_counts.acknowledged;
        assert!(silent <= MAX_SILENT, "{silent} acknowledgements");
        assert_eq!((counting_counts.repeated, counting_counts.unopened), (0, 0));
        assert_eq!(counting_counts.lost + counting_counts.tail, silent, "{counting_counts:?}");
        assert!(missing(&raw.datagrams(from), &counting.datagrams(from)).len() as u64 <= silent);
    }
}

/// Those of `raw` that `other` does not have, which has no others. On the way they overtake each other.
fn missing(raw: &[Vec<u8>], other: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut left = raw.to_vec();
    for datagram in other {
        let at = left.iter().position(|one| one == datagram);
        left.swap_remove(at.expect("a datagram that was not there before"));
    }
    left
}

fn judge(decoded: &Decoded, suite: Suite, truth: &Truth, given_up: u64) {
    let report = &decoded.report.lines[0];
    assert_eq!((report.suite, &report.findings), (Some(suite), &Vec::new()), "{report:?}");
    let mut streams = decoded.streams();
    assert_eq!(truth.sent.len(), truth.read.len());
    for ((stream, from), bytes) in &truth.sent {
        assert_eq!(truth.read.get(&(*stream, *from)), Some(bytes));
        let out = streams.remove(&(LINE, *stream, *from));
        let whole = Stream { bytes: bytes.clone(), finished: true, reset: None };
        assert!(out == Some(whole), "stream {stream} of the {from} differs");
    }
    let broken = streams.remove(&(LINE, given_up, End::Technician)).unwrap();
    assert_eq!(broken.reset, Some(GIVEN_UP.into()));
    assert!(broken.bytes.iter().all(|byte| *byte == 7));
    // What is left are the two of `settle`.
    assert!(streams.values().all(|stream| stream.bytes == b"settled"), "{}", streams.len());
    for from in [End::Agent, End::Technician] {
        // A packet that comes late may be taken in and never acknowledged: quinn says no more about
        // numbers below those whose acknowledgement arrived.
        let (out, mut read) = (decoded.datagrams(from), truth.datagrams[&from].clone());
        for datagram in &out {
            let at = read.iter().position(|read| read == datagram);
            read.swap_remove(at.expect("a datagram that nobody read"));
        }
        assert!(out.len() > DATAGRAMS * 3 / 4 && read.len() < 8, "{} of {}", read.len(), out.len());
        let counted = report.ends.of(from);
        assert!(counted.repeated > 0 && counted.unopened > 0 && counted.lost > 0, "{counted:?}");
    }
    assert!(report.ends.technician.updates >= 2 && report.ends.agent.updates >= 2, "{report:?}");
    let closed = report.closed.technician.as_ref().unwrap();
    assert_eq!((closed.application, closed.code, closed.reason.as_ref()), (true, 7, &b"bye"[..]));
    let stopped = decoded.events.iter().any(|event| matches!(event.what, What::Stopped { .. }));
    assert!(stopped, "the agent wanted no more of one stream");
}

/// Streams in both directions, of all sizes; the agent answers with what it was told. In between
/// the agent updates its keys, and the technician's address changes.
async fn conversations(pair: &Pair, truth: &Shared) {
    let sizes = [0, 1, 1_000, 70_001, 70_003, LONGEST];
    let asking = async {
        for (round, size) in sizes.into_iter().enumerate() {
            match round {
                2 => {
                    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
                    pair.technician_endpoint.rebind(socket).unwrap();
                }
                3 => pair.agent.force_key_update(),
                _ => {}
            }
            let (send, receive) = pair.technician.open_bi().await.unwrap();
            let bytes = Dice(size as u64 + 1).bytes(size);
            tokio::join!(
                write(send, bytes, End::Technician, truth),
                read(receive, End::Agent, truth)
            );
        }
    };
    let answering = async {
        for _ in sizes {
            let (send, receive) = pair.agent.accept_bi().await.unwrap();
            let bytes = read(receive, End::Technician, truth).await;
            write(send, bytes, End::Agent, truth).await;
        }
    };
    tokio::join!(asking, answering);
}

/// Streams in one direction, side by side.
async fn one_way(sender: &Connection, receiver: &Connection, from: End, truth: &Shared) {
    let sending = async |number: u64| {
        let stream = sender.open_uni().await.unwrap();
        write(stream, Dice(number + 77).bytes(90_000), from, truth).await;
    };
    let receiving = async || {
        let stream = receiver.accept_uni().await.unwrap();
        read(stream, from, truth).await;
    };
    tokio::join!(sending(1), sending(2), sending(3), receiving(), receiving(), receiving());
}

async fn write(mut stream: SendStream, bytes: Vec<u8>, from: End, truth: &Shared) {
    stream.write_all(&bytes).await.unwrap();
    stream.finish().unwrap();
    let id = VarInt::from(stream.id()).into_inner();
    // The other end has it all, and said so.
    assert_eq!(stream.stopped().await.unwrap(), None);
    truth.lock().unwrap().sent.insert((id, from), bytes);
}

async fn read(mut stream: RecvStream, from: End, truth: &Shared) -> Vec<u8> {
    let id = VarInt::from(stream.id()).into_inner();
    let bytes = stream.read_to_end(2 * LONGEST).await.unwrap();
    truth.lock().unwrap().read.insert((id, from), bytes.clone());
    bytes
}

async fn send_datagrams(sender: &Connection, from: End) {
    for number in 0..DATAGRAMS {
        let mut dice = Dice(number as u64 * 2 + u64::from(from.byte()));
        let size = 1 + usize::try_from(dice.roll()).unwrap() % 1_000;
        sender.send_datagram_wait(dice.bytes(size).into()).await.unwrap();
        tokio::task::yield_now().await;
    }
}

/// All that have come.
async fn read_datagrams(receiver: &Connection, from: End, truth: &Shared) {
    let mut read = Vec::new();
    let next = async || tokio::time::timeout(Duration::ZERO, receiver.read_datagram()).await;
    while let Ok(datagram) = next().await {
        read.push(datagram.unwrap().to_vec());
    }
    truth.lock().unwrap().datagrams.insert(from, read);
}

/// The technician gives a stream up in the middle; the agent has given it up already.
async fn give_up(technician: &Connection, agent: &Connection) -> u64 {
    let mut send = technician.open_uni().await.unwrap();
    send.write_all(&[7; 50_000]).await.unwrap();
    let mut receive = agent.accept_uni().await.unwrap();
    receive.read_exact(&mut [0; 1_000]).await.unwrap();
    receive.stop(5_u32.into()).unwrap();
    assert_eq!(send.stopped().await.unwrap(), Some(5_u32.into()));
    send.reset(GIVEN_UP.into()).unwrap();
    VarInt::from(send.id()).into_inner()
}
