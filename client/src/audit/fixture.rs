//! A small recording, as an honest relay and two honest ends would leave it.

use bytes::Bytes;
use deskside_decode::forge::{self, Who};
use deskside_protocol::key::SigningKey;
use deskside_protocol::policy::Policy;
use deskside_protocol::recording::checkpoint::Checkpoint;
use deskside_protocol::recording::{Binding, Closer, Kind, Packets, Writer};
use deskside_protocol::seal::LineSecrets;
use deskside_protocol::session::{End, SessionId};
use deskside_protocol::wire::record;
use prost::Message as _;
use zeroize::Zeroizing;

/// Seconds since the epoch at which the session opens.
pub(super) const OPENED: u64 = forge::OPENED_US / 1_000_000;

pub(super) fn authority() -> SigningKey {
    forge::key(Who::Authority)
}

pub(super) fn technician() -> SigningKey {
    forge::key(Who::Technician)
}

pub(super) const fn session() -> SessionId {
    forge::SESSION
}

/// What an end seals.
pub(super) fn secrets(byte: u8) -> LineSecrets {
    let secrets = std::array::from_fn(|_| Zeroizing::new(vec![byte; 32]));
    LineSecrets { client_random: [7; 32], secrets }
}

/// The recording's file.
pub(super) struct Fixture {
    writer: Writer,
    bytes: Vec<u8>,
    binding: Binding,
    totals: record::Totals,
}

impl Fixture {
    /// HEADER only.
    pub(super) fn start() -> Self {
        Self::under(crate::account::tests::policy(vec![]))
    }

    /// The same, of a session under this policy.
    pub(super) fn under(policy: Policy) -> Self {
        let (writer, preamble) = Writer::create();
        let (header, binding) =
            forge::header(policy.sign(&authority()).unwrap(), "Printer").unwrap();
        let mut fixture =
            Self { writer, bytes: preamble.to_vec(), binding, totals: record::Totals::default() };
        fixture.block(Kind::Header, 0, &header.encode_to_vec());
        fixture
    }

    fn block(&mut self, kind: Kind, line: u16, body: &[u8]) {
        let time = OPENED * 1_000_000 + self.writer.state().seq();
        let next = self.writer.block(kind, line, time, body, &mut self.bytes).unwrap();
        self.writer.commit(next);
    }

    /// One end's seal of line 1 with what `secrets` hold.
    pub(super) fn seal(&mut self, end: End, secrets: &LineSecrets, to: &age::x25519::Recipient) {
        let key = match end {
            End::Agent => forge::key(Who::AgentEnd),
            End::Technician => forge::key(Who::TechnicianEnd),
        };
        let log = secrets.to_key_log(session(), 1, end);
        let sealed = age::encrypt(to, log.as_bytes()).unwrap();
        let seal = self.binding.seal(&key, 1, end, sealed.into());
        self.block(Kind::Seal, 1, &seal.encode_to_vec());
    }

    /// A packet on line 1.
    pub(super) fn packet(&mut self, from: End, packet: &[u8]) {
        let time = OPENED * 1_000_000 + self.writer.state().seq();
        let mut packets = Packets::new(1, time, packet.len());
        packets.run(from, packet.len().try_into().unwrap(), time, packet).unwrap();
        let next = self.writer.packets(&mut packets).unwrap();
        self.writer.commit(next);
        self.bytes.extend_from_slice(packets.block());
        let totals = &mut self.totals;
        let (count, bytes) = match from {
            End::Agent => (&mut totals.packets_from_agent, &mut totals.bytes_from_agent),
            End::Technician => {
                (&mut totals.packets_from_technician, &mut totals.bytes_from_technician)
            }
        };
        *count += 1;
        *bytes += packet.len() as u64;
    }

    /// The relay says that it crashed and goes on.
    pub(super) fn recovered(&mut self) {
        let kind = record::event::Kind::Recovered.into();
        let event = record::Event { kind, ..record::Event::default() };
        self.block(Kind::Event, 0, &event.encode_to_vec());
    }

    /// A checkpoint by the node.
    pub(super) fn checkpoint(&mut self) {
        let stated = Checkpoint::of(session(), self.writer.state(), OPENED * 1_000_000).unwrap();
        self.block(Kind::Checkpoint, 0, stated.sign(&forge::key(Who::Node)).encode().as_bytes());
    }

    /// The CLOSE, signed by all; gives the file and its final hash.
    pub(super) fn close(mut self) -> (Vec<u8>, [u8; 32]) {
        let state = *self.writer.state();
        let closing = record::Closing {
            session: session().as_bytes().to_vec().into(),
            reason: record::Reason::TechnicianEnded.into(),
            totals: Some(self.totals),
            seq: state.seq(),
            previous: state.hash().to_vec().into(),
            time: OPENED * 1_000_000 + state.seq(),
        };
        let closing = closing.encode_to_vec();
        let sign =
            |key: SigningKey, by| Bytes::from(self.binding.close(&key, by, &closing).to_vec());
        let close = record::Close {
            node_signature: sign(forge::key(Who::Node), Closer::Node),
            agent_signature: sign(forge::key(Who::AgentEnd), Closer::End(End::Agent)),
            technician_signature: sign(
                forge::key(Who::TechnicianEnd),
                Closer::End(End::Technician),
            ),
            closing: closing.into(),
        };
        self.block(Kind::Close, 0, &close.encode_to_vec());
        (self.bytes, *self.writer.state().hash())
    }
}
