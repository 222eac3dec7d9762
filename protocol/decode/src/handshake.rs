//! Initial packets: their keys follow from what everybody sees, so they prove nothing and serve for
//! one question, whether the handshake whose secrets were sealed began in this recording.

use std::collections::VecDeque;

use deskside_protocol::session::{End, Ends};

use crate::frames::{Acked, Frame, frames};
use crate::header::Packet;
use crate::keys::Secret;
use crate::numbers::{Numbers, Seen};
use crate::opening::{Opened, Opener};

/// Handshakes that are followed at once: an agent lets 16 fail, and as many again.
const MAX_ATTEMPTS: usize = 32;
/// Bytes of a ClientHello up to the end of its random: type 1, length 3, version 2, random 32.
const HELLO: usize = 38;
/// Where the random begins.
const RANDOM_AT: usize = 6;

/// A handshake under way, by the id that the technician gave itself.
struct Attempt {
    technician_id: Vec<u8>,
    openers: Ends<Opener>,
    numbers: Ends<Numbers>,
}

/// What an Initial packet had.
pub(crate) struct Read {
    /// It acknowledges packets that are not in the recording.
    pub(crate) missing: Vec<(u64, u64)>,
    /// It had been seen before.
    pub(crate) again: bool,
    pub(crate) opened: Opened,
}

/// The handshakes of a line.
#[derive(Default)]
pub(crate) struct Handshakes {
    attempts: VecDeque<Attempt>,
    /// Randoms of the sealed handshake that are looked for.
    wanted: Vec<[u8; 32]>,
    hello_seen: bool,
    /// A ClientHello was there whose random could not be read.
    hello_cut: bool,
}

impl Handshakes {
    pub(crate) fn want(&mut self, client_random: [u8; 32]) {
        self.wanted.push(client_random);
    }

    /// Whether a ClientHello of the sealed handshake was seen, or may have been.
    pub(crate) const fn hello_may_be_there(&self) -> bool {
        self.hello_seen || self.hello_cut
    }

    /// Opens and reads an Initial packet; `None` where it does not open.
    pub(crate) fn read(
        &mut self,
        end: End,
        (to, from): (&[u8], &[u8]),
        packet: &Packet<'_>,
    ) -> Option<Read> {
        let technician_id = match end {
            End::Technician => from,
            End::Agent => to,
        };
        let known = self.attempts.iter().position(|known| known.technician_id == technician_id);
        let opened = known.and_then(|at| self.attempts.get_mut(at)).and_then(|attempt| {
            let expected = attempt.numbers.of(end).expected();
            attempt.openers.of_mut(end).open(packet, expected)
        });
        let opened = match (opened, end) {
            (Some(opened), _) => opened,
            // The first packet, or the first after a Retry.
            (None, End::Technician) => self.begin(technician_id, to, packet)?,
            (None, End::Agent) => return None,
        };
        let (wanted, mut hello) = (&self.wanted, (false, false));
        let attempt = self.attempts.iter_mut().find(|one| one.technician_id == technician_id)?;
        let known = attempt.numbers.of_mut(end).see(opened.number, &opened.tag);
        let mut missing = Vec::new();
        for frame in frames(&opened.payload).map_while(Result::ok) {
            if let Frame::Ack(acked) = frame {
                missing.extend(acknowledged(attempt, end, &acked));
            } else if let Frame::Crypto { offset: 0, data } = frame
                && end == End::Technician
            {
                let random = data.get(RANDOM_AT..HELLO);
                hello.0 |= random.is_some_and(|random| wanted.iter().any(|one| one == random));
                hello.1 |= random.is_none();
            }
        }
        self.hello_seen |= hello.0;
        self.hello_cut |= hello.1;
        let again = !matches!(known, Seen::First);
        Some(Read { missing, again, opened })
    }

    /// A handshake that begins with this packet, if it opens by the id that it was sent to.
    fn begin(&mut self, technician_id: &[u8], to: &[u8], packet: &Packet<'_>) -> Option<Opened> {
        let [client, server] = Secret::initial(to)?;
        let mut openers = Ends { agent: Opener::new(server)?, technician: Opener::new(client)? };
        let opened = openers.technician.open(packet, 0)?;
        self.attempts.retain(|known| known.technician_id != technician_id);
        if self.attempts.len() == MAX_ATTEMPTS {
            self.attempts.pop_front();
        }
        let technician_id = technician_id.to_vec();
        self.attempts.push_back(Attempt { technician_id, openers, numbers: Ends::default() });
        Some(opened)
    }
}

fn acknowledged(attempt: &mut Attempt, by: End, acked: &Acked<'_>) -> Vec<(u64, u64)> {
    let numbers = attempt.numbers.of_mut(by.other());
    acked.ranges().flat_map(|(first, last)| numbers.acknowledge(first, last).missing).collect()
}
