//! Makes recordings as a relay and two ends would, with keys from fixed seeds, for the tests of the
//! format.
#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

pub(crate) mod excerpt;

use bytes::Bytes;
use deskside_protocol::code::Nameplate;
use deskside_protocol::key::{Context, PublicKey, SigningKey};
use deskside_protocol::recording::checkpoint::{Checkpoint, Note};
use deskside_protocol::recording::{Binding, Closer, Kind, Packets, Writer};
use deskside_protocol::session::{End, Ends, SessionId};
use deskside_protocol::signed;
use deskside_protocol::transcript::{
    AgentData, ChannelIdentifier, Join, Transcript, policy_hash, sid,
};
use deskside_protocol::wire::record;
use prost::Message as _;
use zeroize::Zeroizing;

/// 2023-11-14 22:13:20 UTC, in microseconds.
pub(crate) const START: u64 = 1_700_000_000_000_000;
/// Microseconds between two blocks.
pub(crate) const STEP: u64 = 1_000_000;

/// Everybody's keys.
#[derive(Clone)]
pub(crate) struct Cast {
    pub(crate) organisation: SigningKey,
    pub(crate) node: SigningKey,
    pub(crate) long_term: SigningKey,
    pub(crate) ends: Ends<SigningKey>,
    pub(crate) session: SessionId,
    pub(crate) roles: Vec<record::Role>,
    pub(crate) not_after: u64,
}

impl Default for Cast {
    fn default() -> Self {
        Self {
            organisation: key(1),
            node: key(2),
            long_term: key(3),
            ends: Ends { agent: key(4), technician: key(5) },
            session: SessionId::from_bytes([0x5e; 16]),
            roles: vec![record::Role::Technician],
            not_after: START / STEP + 86_400,
        }
    }
}

/// The key of thirty-two times `seed`.
pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(Zeroizing::new([seed; 32]))
}

impl Cast {
    pub(crate) fn organisation(&self) -> PublicKey {
        self.organisation.public()
    }

    fn signed(&self, context: Context, body: Vec<u8>) -> record::Signed {
        signed::sign(&self.organisation, context, body)
    }

    pub(crate) fn certificate(&self) -> record::Signed {
        let certificate = record::Certificate {
            login: "ada".to_owned(),
            name: "Ada Lovelace".to_owned(),
            organisation: "Example Ltd".to_owned(),
            public_key: Bytes::copy_from_slice(self.long_term.public().as_bytes()),
            roles: self.roles.iter().map(|role| (*role).into()).collect(),
            not_before: START / STEP - 86_400,
            not_after: self.not_after,
            serial: 7,
        };
        self.signed(Context::Certificate, certificate.encode_to_vec())
    }

    /// The HEADER and the transcript hash in it.
    pub(crate) fn header(&self) -> (record::Header, [u8; 32]) {
        let policy = self.signed(Context::Policy, b"recording = \"required\"\n".to_vec());
        let ci = ChannelIdentifier {
            relay_origin: "relay.example:7443".to_owned(),
            node_key: self.node.public(),
            organisation_key: self.organisation(),
            policy_hash: policy_hash(&policy),
        };
        let agent = AgentData {
            version: 1,
            session_key: self.ends.agent.public(),
            answered: 0,
            nonce: [0xaa; 32],
        };
        let nameplate = Nameplate::new(48_219).unwrap();
        let sid = sid(nameplate, &agent.nonce);
        let join = Join {
            version: 1,
            session_key: self.ends.technician.public(),
            certificate: self.certificate().encode_to_vec().into(),
            ticket: "4711".to_owned(),
            subject: "The printer is on fire".to_owned(),
            requested: 3,
            nonce: [0xbb; 32],
        };
        let (y_a, y_t) = ([0xca; 32], [0xcb; 32]);
        let (ci_bytes, ad_a) = (ci.encode(), agent.encode());
        let ad_t = join.sign(&self.long_term, &ci_bytes, &sid, &y_t).encode();
        let transcript =
            Transcript { ci: &ci_bytes, sid: &sid, y_a: &y_a, ad_a: &ad_a, y_t: &y_t, ad_t: &ad_t };
        let hash = transcript.hash();
        let header = record::Header {
            session: Bytes::copy_from_slice(self.session.as_bytes()),
            relay_origin: ci.relay_origin,
            node_key: Bytes::copy_from_slice(ci.node_key.as_bytes()),
            organisation_key: Bytes::copy_from_slice(ci.organisation_key.as_bytes()),
            policy: Some(policy),
            nameplate: nameplate.to_string(),
            y_a: Bytes::copy_from_slice(&y_a),
            ad_a: ad_a.into(),
            y_t: Bytes::copy_from_slice(&y_t),
            ad_t: ad_t.into(),
            tag_t: Bytes::from_static(&[0xd0; 32]),
            tag_a: Bytes::from_static(&[0xd1; 32]),
            relay_version: "0.1.0".to_owned(),
            opened: START,
            sid: Bytes::copy_from_slice(&sid),
        };
        (header, hash)
    }
}

/// A recording in the making. The clock moves one [`STEP`] with each block.
#[derive(Clone)]
pub(crate) struct Tape {
    pub(crate) cast: Cast,
    pub(crate) binding: Binding,
    pub(crate) writer: Writer,
    pub(crate) file: Vec<u8>,
    pub(crate) totals: record::Totals,
    pub(crate) note: Option<Note>,
}

impl Tape {
    /// With its HEADER.
    pub(crate) fn begin(cast: Cast) -> Self {
        let (header, _) = cast.header();
        Self::begin_with(cast, &header)
    }

    /// With a HEADER of the test's making.
    pub(crate) fn begin_with(cast: Cast, header: &record::Header) -> Self {
        let (_, transcript) = cast.header();
        let (writer, preamble) = Writer::create();
        let mut tape = Self {
            binding: Binding { session: cast.session, transcript },
            cast,
            writer,
            file: preamble.to_vec(),
            totals: record::Totals::default(),
            note: None,
        };
        tape.block(Kind::Header, 0, &header.encode_to_vec());
        tape
    }

    pub(crate) fn now(&self) -> u64 {
        START + self.writer.state().seq() * STEP
    }

    pub(crate) fn block(&mut self, kind: Kind, line: u16, body: &[u8]) {
        let next = self.writer.block(kind, line, self.now(), body, &mut self.file).unwrap();
        self.writer.commit(next);
    }

    pub(crate) fn seal(&mut self, line: u16, end: End) {
        let age = Bytes::from(format!("age-encryption.org/v1 of the {end}"));
        self.seal_of(line, end, age);
    }

    pub(crate) fn seal_of(&mut self, line: u16, end: End, age: Bytes) {
        let seal = self.binding.seal(self.cast.ends.of(end), line, end, age);
        self.block(Kind::Seal, line, &seal.encode_to_vec());
    }

    /// Two batches: 2,500 bytes of the agent's in three packets, 60 of the technician's in one.
    pub(crate) fn packets(&mut self, line: u16) {
        self.packets_of(line, &[(End::Agent, 1_200, 2_500), (End::Technician, 1_200, 60)]);
    }

    pub(crate) fn packets_of(&mut self, line: u16, runs: &[(End, u16, usize)]) {
        let now = self.now();
        let mut packets = Packets::new(line, now, 0);
        for (delta, (from, stride, len)) in (0..).zip(runs) {
            packets
                .run(*from, *stride, now + delta * 100, &vec![0x40 | from.byte(); *len])
                .unwrap();
            let (count, bytes) = match from {
                End::Agent => {
                    (&mut self.totals.packets_from_agent, &mut self.totals.bytes_from_agent)
                }
                End::Technician => (
                    &mut self.totals.packets_from_technician,
                    &mut self.totals.bytes_from_technician,
                ),
            };
            *count += len.div_ceil(usize::from(*stride)) as u64;
            *bytes += *len as u64;
        }
        let next = self.writer.packets(&mut packets).unwrap();
        self.file.extend_from_slice(packets.block());
        self.writer.commit(next);
    }

    pub(crate) fn event(&mut self, kind: record::event::Kind) {
        let event = record::Event { kind: kind.into(), ..record::Event::default() };
        self.block(Kind::Event, 0, &event.encode_to_vec());
    }

    pub(crate) fn checkpoint(&mut self) {
        let checkpoint = Checkpoint::of(self.cast.session, self.writer.state(), self.now());
        let note = checkpoint.unwrap().sign(&self.cast.node);
        self.note = Some(note);
        self.block(Kind::Checkpoint, 0, note.encode().as_bytes());
    }

    /// `end` signs the last checkpoint.
    pub(crate) fn end_signature(&mut self, end: End) {
        let note = self.note.unwrap().sha256();
        let signature = self.binding.end_signature(self.cast.ends.of(end), end, &note);
        self.block(Kind::EndSignature, 0, &signature.encode_to_vec());
    }

    pub(crate) fn closing(&self) -> record::Closing {
        record::Closing {
            session: Bytes::copy_from_slice(self.cast.session.as_bytes()),
            reason: record::Reason::TechnicianEnded.into(),
            totals: Some(self.totals),
            seq: self.writer.state().seq(),
            previous: Bytes::copy_from_slice(self.writer.state().hash()),
            time: self.now(),
        }
    }

    /// Closed by the node and `ends`.
    pub(crate) fn close(&mut self, ends: &[End]) {
        let close = self.signed_close(&self.closing(), ends);
        self.block(Kind::Close, 0, &close.encode_to_vec());
    }

    pub(crate) fn signed_close(&self, closing: &record::Closing, ends: &[End]) -> record::Close {
        let closing = closing.encode_to_vec();
        let sign = |key, by| Bytes::copy_from_slice(&self.binding.close(key, by, &closing));
        let of_end = |end| match ends.contains(&end) {
            true => sign(self.cast.ends.of(end), Closer::End(end)),
            false => Bytes::new(),
        };
        record::Close {
            node_signature: sign(&self.cast.node, Closer::Node),
            agent_signature: of_end(End::Agent),
            technician_signature: of_end(End::Technician),
            closing: closing.into(),
        }
    }
}

/// Both ends.
pub(crate) const BOTH: [End; 2] = [End::Agent, End::Technician];

/// Everything up to the CLOSE of a small session.
pub(crate) fn open_session() -> Tape {
    let mut tape = Tape::begin(Cast::default());
    tape.event(record::event::Kind::Joined);
    tape.packets_of(1, &[(End::Technician, 1_200, 1_200), (End::Agent, 1_200, 2_400)]);
    tape.seal(1, End::Agent);
    tape.seal(1, End::Technician);
    tape.packets(1);
    tape.checkpoint();
    tape.end_signature(End::Agent);
    tape.end_signature(End::Technician);
    tape
}

/// A small session, closed by all.
pub(crate) fn session() -> Tape {
    let mut tape = open_session();
    tape.close(&BOTH);
    tape
}
