//! The other way round: seals packets as an end would. Tests, benches and fuzzers make lines with
//! it that no honest end ever had.

mod facts;

pub use facts::{OPENED_US, SESSION, Who, header, key};

use bytes::Bytes;
use deskside_protocol::label::LINE_CID;
use deskside_protocol::seal::LineSecrets;
use deskside_protocol::session::{End, Ends};
use zeroize::Zeroizing;

use crate::keys::{Sealer, Secret, Suite};

/// Bytes of a short header as it is made here: flags, id, a packet number of four bytes.
const HEADER: usize = 1 + LINE_CID + 4;
/// A short header's flags: the fixed bit, a number of four bytes.
const FLAGS: u8 = 0x43;
const PHASE: u8 = 0x04;

/// Makes 1-RTT packets of both ends of one line.
#[allow(missing_debug_implementations, reason = "holds secrets")]
pub struct Forge {
    secrets: LineSecrets,
    ends: Ends<(Secret, Sealer)>,
    phases: Ends<bool>,
}

impl Forge {
    /// A line under this suite, with secrets that follow from `seed`; `None` never.
    #[must_use]
    pub fn new(suite: Suite, seed: u8) -> Option<Self> {
        let length = match suite {
            Suite::Aes128Gcm | Suite::ChaCha20Poly1305 => 32,
            Suite::Aes256Gcm => 48,
        };
        let secrets = [1_u8, 2, 3, 4].map(|number| vec![seed.wrapping_mul(4) ^ number; length]);
        let [_, _, technician, agent] = &secrets;
        let end = |bytes: &[u8]| {
            let secret = Secret::new(suite, bytes);
            let sealer = secret.sealer()?;
            Some((secret, sealer))
        };
        let ends = Ends { agent: end(agent)?, technician: end(technician)? };
        let secrets =
            LineSecrets { client_random: [seed; 32], secrets: secrets.map(Zeroizing::new) };
        Some(Self { secrets, ends, phases: Ends::default() })
    }

    /// What both ends would seal.
    #[must_use]
    pub const fn secrets(&self) -> &LineSecrets {
        &self.secrets
    }

    /// `from` updates its key; `None` never.
    pub fn update(&mut self, from: End) -> Option<()> {
        let (secret, sealer) = self.ends.of_mut(from);
        *secret = secret.updated()?;
        // Header protection stays (RFC 9001 section 6).
        sealer.rekey(secret)?;
        let phase = self.phases.of_mut(from);
        *phase = !*phase;
        Some(())
    }

    /// The packet of this number with this payload; `None` where it is shorter than 4 bytes or the
    /// number is above 32 bits.
    #[must_use]
    pub fn packet(&self, from: End, number: u64, payload: &[u8]) -> Option<Bytes> {
        let phase = if *self.phases.of(from) { PHASE } else { 0 };
        let number_bytes = u32::try_from(number).ok()?.to_be_bytes();
        let mut packet = vec![FLAGS | phase];
        packet.extend([0x80; LINE_CID]);
        packet.extend(number_bytes);
        packet.extend_from_slice(payload);
        let (_, sealer) = self.ends.of(from);
        sealer.seal(number, HEADER, 1 + LINE_CID, &mut packet)?;
        Some(packet.into())
    }
}
