//! A relay for one line, in this process: it records what it forwards, and the way is as bad as a
//! test wants it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use deskside_protocol::session::End;
use tokio::net::UdpSocket;
use tokio::task::JoinSet;

use crate::tape::{Passed, Tape};

/// How many datagrams of a thousand meet which fate.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Way {
    /// Lost before the recorder.
    pub(crate) lost_before: u64,
    /// Recorded, and lost behind it.
    pub(crate) lost_behind: u64,
    /// Recorded and forwarded twice.
    pub(crate) twice: u64,
    /// Recorded and forwarded again with a flipped bit.
    pub(crate) bent: u64,
    /// Held back behind the next three.
    pub(crate) late: u64,
    /// Of the agent's datagrams, so many from this one on are recorded and go nowhere.
    pub(crate) swallowed: Option<(u64, u64)>,
}

/// A bad way that still gets everything through.
pub(crate) const BAD: Way =
    Way { lost_before: 10, lost_behind: 10, twice: 20, bent: 10, late: 20, swallowed: None };

/// Pseudo-random numbers (xorshift64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 8
    }

    fn happens(&mut self, of_a_thousand: u64) -> bool {
        self.roll() % 1_000 < of_a_thousand
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count.div_ceil(4))
            .flat_map(|_| self.roll().to_le_bytes()[..4].to_vec())
            .take(count)
            .collect()
    }
}

/// Datagrams that pass unharmed at first, so that the handshake is quick.
const UNHARMED: u64 = 12;

struct Direction {
    from: End,
    line: u16,
    way: Way,
    dice: Dice,
    count: u64,
    held: Option<(Vec<u8>, u8)>,
    calm: Arc<AtomicBool>,
}

impl Direction {
    fn new(from: End, line: u16, way: Way, calm: Arc<AtomicBool>) -> Self {
        let dice = Dice(u64::from(from.byte()) + 77);
        Self { from, line, way, dice, count: 0, held: None, calm }
    }

    fn is_harmed(&self) -> bool {
        self.count > UNHARMED && !self.calm.load(Ordering::Relaxed)
    }

    /// Records `datagram` as fate wants it, and says what is to be forwarded.
    fn pass(&mut self, datagram: &[u8], tape: &Mutex<Tape>) -> Vec<Vec<u8>> {
        self.count += 1;
        let mut sent = Vec::new();
        let harmed = self.is_harmed();
        let happens = |dice: &mut Dice, often| harmed && dice.happens(often);
        if happens(&mut self.dice, self.way.lost_before) {
            return sent;
        }
        if self.held.is_none() && happens(&mut self.dice, self.way.late) {
            self.held = Some((datagram.to_vec(), 3));
            return sent;
        }
        self.record(datagram, tape, &mut sent);
        if happens(&mut self.dice, self.way.twice) {
            self.record(datagram, tape, &mut sent);
        }
        if happens(&mut self.dice, self.way.bent) {
            let mut bent = datagram.to_vec();
            let at = usize::try_from(self.dice.roll()).unwrap() % (bent.len() - 10) + 10;
            bent[at] ^= 0x10;
            self.record(&bent, tape, &mut sent);
        }
        match self.held.take() {
            Some((held, left)) if left == 0 || !harmed => self.record(&held, tape, &mut sent),
            Some((held, left)) => self.held = Some((held, left - 1)),
            None => {}
        }
        sent
    }

    fn record(&mut self, datagram: &[u8], tape: &Mutex<Tape>, sent: &mut Vec<Vec<u8>>) {
        let time_us = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
        let time_us = u64::try_from(time_us).unwrap();
        let passed = Passed { line: self.line, from: self.from, time_us, bytes: datagram.to_vec() };
        tape.lock().unwrap().record(&passed);
        let swallowed = self.way.swallowed.filter(|_| self.from == End::Agent);
        let swallowed =
            swallowed.is_some_and(|(first, count)| (first..first + count).contains(&self.count));
        let lost = self.is_harmed() && self.dice.happens(self.way.lost_behind);
        if !swallowed && !lost {
            sent.push(datagram.to_vec());
        }
    }
}

/// A forwarder under way; it ends when it is dropped.
pub(crate) struct Forwarder {
    /// Where the technician sends to.
    pub(crate) address: SocketAddr,
    pub(crate) tape: Arc<Mutex<Tape>>,
    calm: Arc<AtomicBool>,
    _tasks: JoinSet<()>,
}

impl Forwarder {
    /// A forwarder to `agent`, for this line, that goes on with `tape`.
    pub(crate) async fn start(
        agent: SocketAddr,
        line: u16,
        way: Way,
        tape: Arc<Mutex<Tape>>,
    ) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let (mut tasks, calm) = (JoinSet::new(), Arc::new(AtomicBool::new(false)));
        let directions =
            [End::Technician, End::Agent].map(|from| Direction::new(from, line, way, calm.clone()));
        tasks.spawn(forward(socket, agent, directions, tape.clone()));
        Self { address, tape, calm, _tasks: tasks }
    }

    /// From here on everything gets through at once: for what an end says only once.
    pub(crate) fn calm(&self) {
        self.calm.store(true, Ordering::Relaxed);
    }
}

async fn forward(
    here: UdpSocket,
    agent: SocketAddr,
    [mut up, mut down]: [Direction; 2],
    tape: Arc<Mutex<Tape>>,
) {
    let mut technician: Option<SocketAddr> = None;
    let mut there = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let (mut one, mut other) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            got = here.recv_from(&mut one) => {
                let Ok((length, from)) = got else { continue };
                // Another address of the technician's: another path for the agent too.
                if technician.replace(from).is_some_and(|before| before != from) {
                    there = UdpSocket::bind("127.0.0.1:0").await.unwrap();
                }
                for datagram in up.pass(&one[..length], &tape) {
                    let _lost = there.send_to(&datagram, agent).await;
                }
            }
            got = there.recv_from(&mut other) => {
                let (Ok((length, _)), Some(technician)) = (got, technician) else { continue };
                for datagram in down.pass(&other[..length], &tape) {
                    let _lost = here.send_to(&datagram, technician).await;
                }
            }
        }
    }
}
