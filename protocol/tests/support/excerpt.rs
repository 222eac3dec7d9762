//! An excerpt of the small session of [`super::session`]: one direction of a stream, of which both ends
//! have stated the first part.

use bytes::Bytes;
use deskside_protocol::identity::certificate;
use deskside_protocol::key::SigningKey;
use deskside_protocol::log::tree::leaf_hash;
use deskside_protocol::log::{Head, Leaf, What, head};
use deskside_protocol::recording::{Kind, Reader, Step};
use deskside_protocol::session::End;
use deskside_protocol::statement::{State, Statement, Stream, Way};
use deskside_protocol::transcript::sha256;
use deskside_protocol::wire::record::{
    Certificate, Excerpt, ExcerptHalf, ExcerptMark, LogLeaf, LogProof, Role, Signed,
};
use prost::Message as _;

use super::{Cast, START, STEP, Tape, key, session};

/// The opening of a stream for a command, and what is none.
pub(crate) const SAID: &[u8] = b"\0\0\0\x02\x08\x08the bytes of a command";
/// Bytes that both ends have stated; the rest came later.
pub(crate) const STATED: usize = 21;
/// As long as [`SAID`], and what nobody said.
pub(crate) const MADE_UP: &[u8] = b"\0\0\0\x02\x08\x08the bytes of another..";
pub(crate) const NOW: u64 = START / STEP;

pub(crate) fn auditor() -> SigningKey {
    key(0x30)
}

pub(crate) fn certified(roles: &[Role], organisation: &SigningKey) -> Signed {
    let certificate = Certificate {
        login: "grace".into(),
        name: "Grace Hopper".into(),
        organisation: "Example Ltd".into(),
        public_key: Bytes::copy_from_slice(auditor().public().as_bytes()),
        roles: roles.iter().map(|role| (*role).into()).collect(),
        not_before: NOW - 10,
        not_after: NOW + 10,
        serial: 9,
    };
    certificate::issue(organisation, &certificate)
}

/// The first and the last block of a recording, without their chain hashes, and both hashes.
pub(crate) fn blocks(tape: &Tape) -> [(Bytes, [u8; 32]); 2] {
    let (mut reader, mut rest) = (Reader::new(), tape.file.as_slice());
    let mut kept = Vec::new();
    while let Ok(Step::Block(block)) = reader.next(&mut rest) {
        if matches!(block.header.kind, Kind::Header | Kind::Close) {
            let bytes = [&block.header.encode()[..], block.body].concat();
            kept.push((Bytes::from(bytes), block.hash));
        }
    }
    kept.try_into().unwrap()
}

/// The log of a session that began and ended with these blocks.
pub(crate) fn logged(cast: &Cast, first: [u8; 32], last: [u8; 32]) -> LogProof {
    let leaf = |what| Leaf { session: cast.session, what, time_us: START }.encode();
    let leaves = [
        leaf(What::Open { header: Some(first) }),
        leaf(What::Close { last: Some(last), reason: 1 }),
    ];
    let hashes = leaves.each_ref().map(|leaf| leaf_hash(leaf));
    let root = sha256(&[&[1][..], &hashes[0], &hashes[1]].concat());
    let origin = head::origin(&cast.node.public());
    let head = Head { origin, size: 2, root }.sign(&cast.node).encode();
    let proof = |(index, leaf): (usize, &Vec<u8>)| LogLeaf {
        index: index as u64,
        leaf: leaf.clone().into(),
        path: vec![hashes[1 - index].to_vec().into()],
    };
    LogProof { head, leaves: leaves.iter().enumerate().map(proof).collect(), note: None }
}

pub(crate) fn statement(cast: &Cast, end: End, bytes: &[u8], state: State) -> Signed {
    let way = if end == End::Technician { Way::Sent } else { Way::Delivered };
    let hash = *blake3::hash(bytes).as_bytes();
    let stream = Stream { id: 4, way, offset: bytes.len() as u64, hash, state };
    let statement = Statement {
        time_us: START,
        streams: vec![stream],
        ..Statement::first(cast.session, end, 0, [9; 32])
    };
    statement.sign(cast.ends.of(end))
}

/// One direction of a stream, of which both ends have stated the first part.
pub(crate) fn honest() -> (Cast, Excerpt) {
    let tape = session();
    let cast = tape.cast.clone();
    let [(header, first), (close, last)] = blocks(&tape);
    let stated = |end| statement(&cast, end, &SAID[..STATED], State::Open);
    let half = ExcerptHalf {
        line: 0,
        stream: 4,
        from: End::Technician.to_wire(),
        channel: 8,
        bytes: SAID.into(),
        marks: vec![ExcerptMark { end: SAID.len() as u64, time: START }],
        finished: true,
    };
    let excerpt = Excerpt {
        certificate: certified(&[Role::Auditor], &cast.organisation).encode_to_vec().into(),
        time: NOW,
        header,
        close,
        log: Some(logged(&cast, first, last)),
        from: START,
        to: START + STEP,
        channels: vec![8],
        statements: vec![stated(End::Agent), stated(End::Technician)],
        halves: vec![half],
        entries: Vec::new(),
        left_out: Vec::new(),
        findings: Vec::new(),
    };
    (cast, excerpt)
}
