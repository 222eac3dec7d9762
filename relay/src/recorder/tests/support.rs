//! A recorder on a disk in memory that a test can stop, fill and break.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use deskside_link::socket::Udp;
use deskside_protocol::policy::Recording as Rule;
use deskside_protocol::recording::{Kind, Reader, Step, runs};
use deskside_protocol::session::End;

use super::super::counts::Counts;
use super::super::disk::Disk;
use super::super::spool::Spool;
use super::super::{Batch, Recorder, Recording};
use crate::metrics::Metrics;
use crate::switch::Onward;

/// What a test asks of a disk.
#[derive(Debug, Default)]
struct Medium {
    bytes: Vec<u8>,
    /// Bytes that fit, those set aside included.
    capacity: Option<u64>,
    reserved: u64,
    stalled: bool,
    sync_stalled: bool,
    broken: bool,
    unsynced: bool,
    /// Calls that wait until the disk goes on.
    waiting: usize,
}

/// A disk in memory. Cloning gives another handle.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory(Arc<(Mutex<Medium>, Condvar)>);

impl Memory {
    fn medium(&self) -> MutexGuard<'_, Medium> {
        self.0.0.lock().unwrap()
    }

    fn change(&self, change: impl FnOnce(&mut Medium)) {
        change(&mut self.medium());
        self.0.1.notify_all();
    }

    pub(super) fn stall(&self, stalled: bool) {
        self.change(|medium| medium.stalled = stalled);
    }

    pub(super) fn stall_sync(&self, stalled: bool) {
        self.change(|medium| medium.sync_stalled = stalled);
    }

    pub(super) fn break_down(&self, broken: bool) {
        self.change(|medium| medium.broken = broken);
    }

    pub(super) fn hold(&self, capacity: u64) {
        self.change(|medium| medium.capacity = Some(capacity));
    }

    /// Blocks until a call waits for the disk.
    pub(super) fn wait_until_stalled(&self) {
        let waiting = self.0.1.wait_while(self.medium(), |medium| medium.waiting == 0);
        drop(waiting.unwrap());
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.medium().bytes.clone()
    }

    pub(super) fn synced(&self) -> bool {
        !self.medium().unsynced
    }

    pub(super) fn reserved(&self) -> u64 {
        self.medium().reserved
    }

    fn ready(&self, stalled: impl Fn(&Medium) -> bool) -> io::Result<MutexGuard<'_, Medium>> {
        let mut medium = self.medium();
        medium.waiting += 1;
        self.0.1.notify_all();
        let mut medium = self.0.1.wait_while(medium, |medium| stalled(medium)).unwrap();
        medium.waiting -= 1;
        if medium.broken { Err(io::Error::other("it broke")) } else { Ok(medium) }
    }
}

impl Disk for Memory {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut medium = self.ready(|medium| medium.stalled)?;
        let (at, end) = (usize::try_from(offset).unwrap(), offset + bytes.len() as u64);
        let fits = medium.capacity.is_none_or(|capacity| end <= capacity);
        // As a disk does: what fits is there, the rest is not.
        let room = medium.capacity.unwrap_or(end).saturating_sub(offset);
        let part = &bytes[..bytes.len().min(usize::try_from(room).unwrap())];
        medium.bytes.resize(at, 0);
        medium.bytes.extend_from_slice(part);
        medium.unsynced = true;
        if fits { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
    }

    fn reserve(&self, _from: u64, to: u64) -> io::Result<()> {
        let mut medium = self.ready(|medium| medium.stalled)?;
        if medium.capacity.is_some_and(|capacity| to > capacity) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        medium.reserved = to;
        Ok(())
    }

    fn cut(&self, length: u64) -> io::Result<()> {
        let mut medium = self.ready(|medium| medium.stalled)?;
        medium.bytes.truncate(usize::try_from(length).unwrap());
        medium.reserved = 0;
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.ready(|medium| medium.stalled || medium.sync_stalled)?.unsynced = false;
        Ok(())
    }
}

/// A recorder with two threads, and somebody to whom it forwards.
pub(super) struct Bench {
    pub(super) recorder: Recorder,
    pub(super) metrics: Metrics,
    pub(super) port: Arc<Udp>,
    peer: UdpSocket,
}

impl Bench {
    pub(super) fn new() -> Self {
        let any = (Ipv4Addr::LOCALHOST, 0);
        let (port, peer) =
            (Arc::new(Udp::bind(any.into()).unwrap()), UdpSocket::bind(any).unwrap());
        peer.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let metrics = Metrics::new();
        let recorder = Recorder::with_threads(&port, &metrics, 2).unwrap();
        Self { recorder, metrics, port, peer }
    }

    pub(super) fn recording(&self, disk: &Memory, rule: Rule) -> Arc<Recording> {
        let spool = Spool::begin(Box::new(disk.clone())).unwrap();
        self.recorder.begin(spool, rule, Counts::default()).unwrap()
    }

    /// Where forwarded packets come.
    pub(super) fn home(&self) -> SocketAddr {
        self.peer.local_addr().unwrap()
    }

    /// A batch of one packet.
    pub(super) fn batch(&self, packet: &[u8]) -> Batch {
        let onward = Onward { stride: packet.len(), to: self.home(), ecn: None };
        let mut batch = Batch::new(0, 5, packet.len());
        batch.push(End::Agent, onward, 5, packet).unwrap();
        batch
    }

    /// The next packet that was forwarded.
    pub(super) fn arrives(&self) -> Vec<u8> {
        let mut packet = vec![0; 2_000];
        let length = self.peer.recv(&mut packet).unwrap();
        packet.truncate(length);
        packet
    }

    /// Whether nothing was forwarded. To be asked after a block behind it in the same queue.
    pub(super) fn nothing_arrives(&self) -> bool {
        self.peer.set_nonblocking(true).unwrap();
        let nothing = self.peer.recv(&mut [0; 2_000]).is_err();
        self.peer.set_nonblocking(false).unwrap();
        nothing
    }
}

/// The kinds in a file that has to be whole, and the packets in it.
pub(super) fn read(file: &[u8]) -> (Vec<Kind>, Vec<Vec<u8>>) {
    let (mut reader, mut rest, mut kinds, mut packets) =
        (Reader::new(), file, Vec::new(), Vec::new());
    while let Step::Block(block) = reader.next(&mut rest).unwrap() {
        kinds.push(block.header.kind);
        if block.header.kind == Kind::Packets {
            packets
                .extend(runs(block.body).flat_map(|run| {
                    run.unwrap().packets().map(<[u8]>::to_vec).collect::<Vec<_>>()
                }));
        }
    }
    reader.finish(rest).unwrap();
    (kinds, packets)
}
