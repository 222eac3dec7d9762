//! The recording of a session as an honest relay leaves it, block by block.

use deskside_protocol::code::Nameplate;
use deskside_protocol::key::{Context, PublicKey, SigningKey};
use deskside_protocol::recording::checkpoint::Checkpoint;
use deskside_protocol::recording::{Binding, Closer, Kind, Packets, Reader, State, Step, Writer};
use deskside_protocol::session::{End, SessionId};
use deskside_protocol::signed;
use deskside_protocol::transcript::{
    AgentData, ChannelIdentifier, Join, Transcript, policy_hash, sid,
};
use deskside_protocol::wire::record;
use prost::Message as _;
use prost::bytes::Bytes;
use zeroize::Zeroizing;

/// Microseconds at which all happens.
const NOW: u64 = 1_795_326_600_000_000;

fn key(byte: u8) -> SigningKey {
    SigningKey::from_seed(Zeroizing::new([byte; 32]))
}

pub(super) fn node() -> SigningKey {
    key(9)
}

fn session_key(end: End) -> SigningKey {
    key(10 + end.byte())
}

fn id() -> SessionId {
    SessionId::from_bytes([0xab; 16])
}

/// A file in the making.
pub(super) struct File {
    writer: Writer,
    binding: Binding,
    pub(super) bytes: Vec<u8>,
    /// Where each block begins.
    pub(super) starts: Vec<usize>,
}

impl File {
    /// With magic and version.
    pub(super) fn empty() -> Self {
        let ((writer, preamble), (_, binding)) = (Writer::create(), header());
        Self { writer, binding, bytes: preamble.to_vec(), starts: Vec::new() }
    }

    /// With a HEADER.
    pub(super) fn new() -> Self {
        Self::empty().with(Kind::Header, 0, &header().0.encode_to_vec())
    }

    pub(super) fn with(mut self, kind: Kind, line: u16, body: &[u8]) -> Self {
        self.starts.push(self.bytes.len());
        let next = self.writer.block(kind, line, NOW, body, &mut self.bytes).unwrap();
        self.writer.commit(next);
        self
    }

    pub(super) fn seal(self, line: u16, end: End) -> Self {
        let seal = self.binding.seal(&session_key(end), line, end, Bytes::from_static(b"age"));
        self.with(Kind::Seal, line, &seal.encode_to_vec())
    }

    pub(super) fn dropped(self, count: u64) -> Self {
        let kind = record::event::Kind::Dropped as i32;
        let event = record::Event { kind, count, ..record::Event::default() };
        self.with(Kind::Event, 0, &event.encode_to_vec())
    }

    pub(super) fn packets(mut self, from: End, stride: u16, bytes: &[u8]) -> Self {
        self.starts.push(self.bytes.len());
        let mut packets = Packets::new(0, NOW, bytes.len());
        packets.run(from, stride, NOW, bytes).unwrap();
        let next = self.writer.packets(&mut packets).unwrap();
        self.bytes.extend_from_slice(packets.block());
        self.writer.commit(next);
        self
    }

    pub(super) fn checkpoint(self, node: &SigningKey) -> Self {
        let stated = Checkpoint::of(id(), self.writer.state(), NOW).unwrap();
        self.with(Kind::Checkpoint, 0, stated.sign(node).encode().as_bytes())
    }

    /// The CLOSE, without the ends.
    pub(super) fn close(self) -> Self {
        let state = *self.writer.state();
        let closing = record::Closing {
            session: id().as_bytes().to_vec().into(),
            seq: state.seq(),
            previous: state.hash().to_vec().into(),
            time: NOW,
            totals: Some(record::Totals {
                packets_from_agent: 12,
                bytes_from_agent: 1_060,
                packets_from_technician: 3,
                bytes_from_technician: 2_500,
                packets_dropped: 9,
            }),
            ..record::Closing::default()
        }
        .encode_to_vec();
        let signature = self.binding.close(&node(), Closer::Node, &closing);
        let close = record::Close {
            closing: closing.into(),
            node_signature: signature.to_vec().into(),
            ..record::Close::default()
        };
        self.with(Kind::Close, 0, &close.encode_to_vec())
    }

    pub(super) fn state(&self) -> State {
        *self.writer.state()
    }

    /// The same blocks with other bodies, chained anew.
    pub(super) fn again(&self, alter: impl Fn(Kind, &mut Vec<u8>)) -> Self {
        let (mut reader, mut rest, mut file) =
            (Reader::new(), self.bytes.as_slice(), Self::empty());
        while let Step::Block(block) = reader.next(&mut rest).unwrap() {
            let mut body = block.body.to_vec();
            alter(block.header.kind, &mut body);
            file = file.with(block.header.kind, block.header.line, &body);
        }
        file
    }
}

fn bytes_of(key: PublicKey) -> Bytes {
    Bytes::copy_from_slice(key.as_bytes())
}

/// A pairing that verifies.
fn header() -> (record::Header, Binding) {
    let (authority, technician) = (key(1), key(2));
    let policy = signed::sign(&authority, Context::Policy, b"any".to_vec());
    let certificate = record::Certificate {
        login: "alice".to_owned(),
        name: "Alice Ng".to_owned(),
        organisation: "Example Help".to_owned(),
        public_key: bytes_of(technician.public()),
        roles: vec![record::Role::Technician.into()],
        not_after: u64::MAX,
        ..record::Certificate::default()
    };
    let certificate = signed::sign_message(&authority, Context::Certificate, &certificate);
    let (y_a, y_t, session_keys) = ([6; 32], [5; 32], [End::Agent, End::Technician]);
    let [agent_key, technician_key] = session_keys.map(|end| session_key(end).public());
    let agent = AgentData { version: 1, session_key: agent_key, answered: 0, nonce: [3; 32] };
    let nameplate = Nameplate::new(48_219).unwrap();
    let sid = sid(nameplate, &agent.nonce);
    let ci = ChannelIdentifier {
        relay_origin: "relay.example:7443".into(),
        node_key: node().public(),
        organisation_key: authority.public(),
        policy_hash: policy_hash(&policy),
    };
    let join = Join {
        version: 1,
        session_key: technician_key,
        certificate: certificate.encode_to_vec().into(),
        ticket: "1001".into(),
        subject: "Printer".into(),
        requested: 2,
        nonce: [4; 32],
    };
    let ad_t = join.sign(&technician, &ci.encode(), &sid, &y_t).encode();
    let ad_a = agent.encode();
    let (ci_bytes, ad_a, ad_t) = (ci.encode(), Bytes::from(ad_a), Bytes::from(ad_t));
    let transcript =
        Transcript { ci: &ci_bytes, sid: &sid, y_a: &y_a, ad_a: &ad_a, y_t: &y_t, ad_t: &ad_t };
    let binding = Binding { session: id(), transcript: transcript.hash() };
    let header = record::Header {
        session: Bytes::copy_from_slice(id().as_bytes()),
        relay_origin: ci.relay_origin.clone(),
        node_key: bytes_of(ci.node_key),
        organisation_key: bytes_of(ci.organisation_key),
        policy: Some(policy),
        nameplate: nameplate.to_string(),
        y_a: Bytes::copy_from_slice(&y_a),
        y_t: Bytes::copy_from_slice(&y_t),
        ad_a,
        ad_t,
        opened: NOW,
        sid: Bytes::copy_from_slice(&sid),
        ..record::Header::default()
    };
    (header, binding)
}
