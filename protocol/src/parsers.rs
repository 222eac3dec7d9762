//! Every parser that reads a stranger's bytes, each as one function that parses and checks that
//! what was understood encodes again to the same bytes.
//!
//! The fuzz targets in `fuzz/` and the corpus replay in `tests/corpus.rs` call exactly these, so
//! that an input found by the one is replayed by the other. A new parser is one line in [`all`],
//! one in `fuzz/Cargo.toml` and a folder in `fuzz/corpus/`.

use bytes::Bytes;
use prost::Message;
use zeroize::Zeroizing;

use crate::act::{ActKey, KEY};
use crate::channel::Channel;
use crate::code::{Code, Nameplate};
use crate::file::{self, Entry, Expected, Have, Incoming, RelativePath};
use crate::frame::{self, Decoder, MAX_MESSAGE, MAX_SIGNAL};
use crate::identity::certificate;
use crate::identity::link::JoinLink;
use crate::identity::revocations::RevocationList;
use crate::identity::rotation;
use crate::identity::token::EnrolmentToken;
use crate::key::{Context, SigningKey};
use crate::label::{self, LABEL};
use crate::log::{Leaf, SignedHead, TilePath, evidence, tile};
use crate::lv;
use crate::note;
use crate::policy::Policy;
use crate::recording::checkpoint::Note;
use crate::recording::format::{BLOCK_HEADER, BlockHeader};
use crate::recording::reader::shred;
use crate::recording::{Kind, Packets, Reader, Step, WriteError, Writer, runs, verify};
use crate::seal::LineSecrets;
use crate::session::{End, Ends, SessionId};
use crate::signed;
use crate::statement::{self, Exchange, Ledger, Parties, Statement, Tail};
use crate::transcript::{AgentData, TechnicianData};
use crate::wire::{message, record, signal};

/// Panics where a parser breaks its promise; what is merely malformed is fine.
pub type Check = fn(&[u8]);

/// All parsers by name: the fuzz target's and the corpus folder's.
#[must_use]
pub const fn all() -> &'static [(&'static str, Check)] {
    &[
        ("act", act),
        ("agent_data", agent_data),
        ("certificate", certificate_body),
        ("checkpoint", checkpoint),
        ("close", close),
        ("code", code),
        ("file", transfer),
        ("key_log", key_log),
        ("label", label_of_datagram),
        ("link", link),
        ("log_bundle", log_bundle),
        ("log_head", log_head),
        ("log_leaf", log_leaf),
        ("log_path", log_path),
        ("log_proof", log_proof),
        ("lv", length_prefixed),
        ("messages", messages),
        ("note", session_note),
        ("path", path),
        ("policy", policy),
        ("recording", recording),
        ("revocations", revocations),
        ("rotation", rotations),
        ("session_id", session_id),
        ("signals", signals),
        ("statement", statements),
        ("tail", tail),
        ("technician_data", technician_data),
        ("token", token),
    ]
}

/// Runs the parser `name` on `bytes`, and says whether there is one.
pub fn check(name: &str, bytes: &[u8]) -> bool {
    let parser = all().iter().find(|(known, _)| *known == name);
    if let Some((_, parser)) = parser {
        parser(bytes);
    }
    parser.is_some()
}

/// Unknown fields are dropped, so that it is the message that has to come back, not its bytes.
fn again<M: Message + Default + PartialEq>(message: &M) {
    let read = M::decode(message.encode_to_vec().as_slice());
    assert!(read.is_ok_and(|read| read == *message));
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// A fuzzer cannot guess a signature, so the bytes are also signed and then opened.
fn signer() -> SigningKey {
    SigningKey::from_seed(Zeroizing::new([1; 32]))
}

fn carried(bytes: &[u8]) -> record::Signed {
    let signed = record::Signed::decode(bytes).unwrap_or_default();
    again(&signed);
    signed
}

fn act(bytes: &[u8]) {
    let key = || ActKey::new(Zeroizing::new([1; KEY]));
    if let Ok(stranger) = message::Act::decode(bytes) {
        again(&stranger);
        let opened = key().verifier(Channel::Command, 4).open(&stranger);
        assert!(opened.is_err(), "a MAC was guessed");
    }
    if let Ok(said) = message::Message::decode(bytes) {
        let act = key().actor(Channel::Command, 4).wrap(&said);
        let opened = key().verifier(Channel::Command, 4).open(&act);
        assert!(opened.is_ok_and(|opened| opened == said));
    }
}

fn certificate_body(bytes: &[u8]) {
    let key = signer();
    let _refused =
        certificate::decode(bytes).map(|signed| certificate::open(&signed, &key.public()));
    let signed = signed::sign(&key, Context::Certificate, bytes.to_vec());
    if let Ok(body) = certificate::open(&signed, &key.public()) {
        again(&body);
        assert!(certificate::open(&certificate::issue(&key, &body), &key.public()) == Ok(body));
    }
}

/// The bytes as a statement about a key that signs nothing, and as the change of one that both have
/// signed.
fn rotations(bytes: &[u8]) {
    let unused = SigningKey::from_seed(Zeroizing::new([0xfe; 32])).public();
    let stranger = record::Rotation::decode(bytes).unwrap_or_default();
    again(&stranger);
    let chain = [stranger];
    for moved in [
        rotation::follow_authority(&unused, &chain),
        rotation::follow_node(&unused, &unused, &chain),
    ] {
        assert!(moved.is_err() || moved == Ok(unused), "a signature was guessed");
    }
    assert!(rotation::former(&unused, &chain).is_empty());
    let key = signer();
    let signature: Bytes = key.sign(Context::NodeRotation, &[bytes]).to_vec().into();
    let signed = record::Rotation {
        change: Bytes::copy_from_slice(bytes),
        old_signature: signature.clone(),
        other_signature: signature,
    };
    let (from, chain) = (key.public(), [signed]);
    if let Ok(Some(new)) = rotation::last(&chain) {
        let at = rotation::follow_node(&from, &from, &chain);
        assert!(at == Ok(new) || at == Ok(from));
    }
}

fn revocations(bytes: &[u8]) {
    let key = signer();
    let open = |signed: &record::Signed, now| RevocationList::open(signed, &key.public(), now);
    let _refused = open(&carried(bytes), 0);
    let signed = signed::sign(&key, Context::Revocations, bytes.to_vec());
    let issued = record::Revocations::decode(bytes).map_or(0, |list| list.issued);
    if let Ok(list) = open(&signed, issued) {
        assert_eq!(open(&list.sign(&key), issued), Ok(list));
    }
}

fn policy(bytes: &[u8]) {
    if let Ok(policy) = Policy::parse(text(bytes)) {
        let again = policy.to_toml().and_then(|toml| Policy::parse(&toml));
        assert_eq!(again, Ok(policy));
    }
}

fn session_note(bytes: &[u8]) {
    let key = signer();
    let _refused = note::open(&carried(bytes), &key.public());
    let signed = signed::sign(&key, Context::Note, bytes.to_vec());
    if let Ok(read) = note::open_by(&signed, &key.public()) {
        again(&read);
    }
}

/// The bytes as a stranger's statement, as one that its end has signed, and as one that the other
/// end hears.
fn statements(bytes: &[u8]) {
    let key = signer();
    let keys = Ends { agent: key.public(), technician: key.public() };
    let _refused = statement::open(&carried(bytes), &keys);
    let signed = signed::sign(&key, Context::Statement, bytes.to_vec());
    let Ok(read) = statement::open(&signed, &keys) else { return };
    assert!(Statement::from_wire(&read.to_wire()).is_ok_and(|again| again == read));
    let end = if read.end == End::Agent { End::Technician } else { End::Agent };
    let parties = Parties { session: read.session, end, peer: key.public(), key };
    let (mut exchange, mut ledger) = (Exchange::new(parties, None), Ledger::new(read.secrets));
    exchange.begin_line(read.line);
    if exchange.hear(&mut ledger, &signed).is_ok() {
        assert!(exchange.hear(&mut ledger, &signed).is_err(), "it was heard twice");
    }
}

fn tail(bytes: &[u8]) {
    if let Ok(tail) = Tail::decode(bytes) {
        assert!(Tail::decode(&tail.encode(7)).is_ok_and(|again| again == tail));
    }
}

fn close(bytes: &[u8]) {
    if let Ok(close) = record::Close::decode(bytes) {
        again(&close);
        again(&record::Closing::decode(close.closing).unwrap_or_default());
    }
}

fn log_bundle(bytes: &[u8]) {
    let (entries, used) = tile::entries(bytes);
    let mut again = Vec::new();
    for entry in entries {
        tile::put_entry(&mut again, entry);
    }
    assert_eq!(again, bytes.get(..used).unwrap_or_default());
    assert!(again.len() <= tile::MAX_BUNDLE);
}

fn log_head(bytes: &[u8]) {
    if let Ok(head) = SignedHead::parse(bytes) {
        assert_eq!(head.encode().as_bytes(), bytes);
    }
}

fn log_leaf(bytes: &[u8]) {
    if let Ok(leaf) = Leaf::decode(bytes) {
        assert_eq!(leaf.encode(), bytes);
    }
}

fn log_path(bytes: &[u8]) {
    if let Ok(path) = text(bytes).parse::<TilePath>() {
        assert_eq!(path.to_string().as_bytes(), bytes);
    }
}

/// The bytes as a proof under the head that they name, which nobody has signed, and under one that
/// is signed over whatever root their first leaf leads to.
fn log_proof(bytes: &[u8]) {
    let Ok(proof) = record::LogProof::decode(bytes) else { return };
    again(&proof);
    let unused = [SigningKey::from_seed(Zeroizing::new([0xfe; 32])).public()];
    let session = SessionId::from_bytes([0x5e; 16]);
    let claim = evidence::Claim { session, first: [1; 32], last: None, keys: &unused };
    assert!(claim.judge(&proof).is_err(), "a signature was guessed");
    let keys = [signer().public()];
    let _judged = evidence::Claim { keys: &keys, ..claim }.judge(&proof).is_ok();
}

fn link(bytes: &[u8]) {
    if let Ok(link) = text(bytes).parse::<JoinLink>() {
        assert!(link.to_string().parse() == Ok(link));
    }
}

fn token(bytes: &[u8]) {
    if let Ok(token) = text(bytes).parse::<EnrolmentToken>() {
        assert!(token.to_text().parse::<EnrolmentToken>().is_ok_and(|again| again == token));
    }
}

fn session_id(bytes: &[u8]) {
    if let Ok(id) = text(bytes).parse::<SessionId>() {
        assert_eq!(id.to_string().as_bytes(), bytes);
    }
}

fn key_log(bytes: &[u8]) {
    let session = SessionId::from_bytes([0x5e; 16]);
    if let Ok(secrets) = LineSecrets::from_key_log(text(bytes), session, 0, End::Agent) {
        assert_eq!(secrets.to_key_log(session, 0, End::Agent).as_bytes(), bytes);
    }
}

fn label_of_datagram(bytes: &[u8]) {
    if let Some(label) = label::of_datagram(bytes) {
        assert!(bytes.windows(LABEL).any(|window| window == label.as_bytes()));
    }
}

fn signals(bytes: &[u8]) {
    framed::<signal::Signal>(bytes, MAX_SIGNAL);
}

fn messages(bytes: &[u8]) {
    framed::<message::Opening>(bytes, MAX_MESSAGE);
    framed::<message::Act>(bytes, MAX_MESSAGE);
    framed::<message::Message>(bytes, MAX_MESSAGE);
}

/// However the bytes are cut, the same messages come out, up to the same error.
fn framed<M: Message + Default + PartialEq>(bytes: &[u8], maximum: usize) {
    let decode = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let (mut decoder, mut all) = (Decoder::new(maximum), Vec::<M>::new());
        for piece in pieces {
            decoder.push(piece);
            loop {
                match decoder.next_message() {
                    Ok(Some(message)) => all.push(message),
                    Ok(None) => break,
                    Err(error) => return (all, Some(error), Bytes::new()),
                }
            }
        }
        let end = decoder.finish().err();
        (all, end, decoder.into_rest())
    };
    let whole = decode(&mut std::iter::once(bytes));
    let (read, ..) = &whole;
    for message in read {
        assert!(frame::encode(message, maximum).is_ok());
        again(message);
    }
    assert!(whole == decode(&mut bytes.chunks(1)));
}

/// Hears the bytes as a sender's stream; the first of them says whether parts are asked for, and
/// whether all files were named before.
fn transfer(bytes: &[u8]) {
    let Some((first, stream)) = bytes.split_first() else { return };
    let named = if first & 2 == 2 { 3 } else { 0 };
    let file = message::FileListed { path: vec!["a".to_owned()], size: 30 };
    let put = message::FilePut {
        files: 3,
        bytes: 100,
        resume: first & 1 == 1,
        listed: vec![file; named],
        ..message::FilePut::default()
    };
    let Ok(expected) = Expected::by_put(&put) else { return };
    let mut incoming = Incoming::new(expected);
    let (mut decoder, mut files, mut taken) = (Decoder::new(MAX_MESSAGE), 0, 0);
    decoder.push(stream);
    while let Ok(Some(frame)) = decoder.next_body() {
        if incoming.wants_body() {
            if incoming.body(frame.len()).is_err() {
                return;
            }
            taken += frame.len();
        } else {
            let kind = message::Message::decode(frame).ok().and_then(|message| message.kind);
            match kind.map(|kind| incoming.message(&kind)) {
                Some(Ok(file::Step::File(entry))) => {
                    assert!(named == 0 || (entry.path.to_string() == "a" && entry.size <= 30));
                    assert!(Entry::from_wire(&entry.to_wire()) == Ok(entry));
                    incoming.said(&Have::new(2, [2; 32]));
                    files += 1;
                }
                Some(Ok(_)) | None => {}
                Some(Err(_)) => return,
            }
        }
        assert!(files <= 3 && taken <= 100, "more was taken than was announced");
    }
}

/// However a path was typed, it reads as itself, and never leads up.
fn path(bytes: &[u8]) {
    if let Ok(path) = RelativePath::parse(text(bytes)) {
        assert!(RelativePath::from_wire(&path.to_wire()).is_ok_and(|again| again == path));
        assert!(path.components().iter().all(|name| !name.as_str().contains('/')));
        let typed = path.to_wire().join("/");
        assert!(RelativePath::parse(&typed).is_ok_and(|again| again == path));
    }
}

fn agent_data(bytes: &[u8]) {
    if let Ok(data) = AgentData::decode(bytes) {
        assert_eq!(data.encode(), bytes);
    }
}

fn technician_data(bytes: &[u8]) {
    if let Ok(data) = TechnicianData::decode(bytes) {
        assert_eq!(data.encode(), bytes);
    }
}

fn checkpoint(bytes: &[u8]) {
    if let Ok(note) = Note::parse(bytes) {
        assert_eq!(note.encode().as_bytes(), bytes);
    }
}

/// A code is read in any grouping, so it is its own text that has to read as itself.
fn code(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(code) = Code::parse(text) {
        assert!(Code::parse(&code.grouped()).is_ok_and(|again| again == code));
    }
    if let Ok(nameplate) = Nameplate::parse(text) {
        assert_eq!(nameplate.to_string(), text);
    }
}

fn length_prefixed(bytes: &[u8]) {
    fn of<const N: usize>(bytes: &[u8]) {
        if let Ok(fields) = lv::decode::<N>(bytes) {
            assert_eq!(lv::encode(&fields), bytes);
        }
    }
    of::<0>(bytes);
    of::<1>(bytes);
    of::<5>(bytes);
    of::<9>(bytes);
}

/// Reads the bytes as a recording and writes what was read again. A fuzzer cannot guess a chain
/// hash, so the bytes are also judged as bodies in a chain that fits.
fn recording(bytes: &[u8]) {
    let _report = verify::whole(bytes, None);
    let (mut reader, mut rest) = (Reader::new(), bytes);
    let (mut writer, preamble) = Writer::create();
    let mut again = preamble.to_vec();
    while let Ok(Step::Block(block)) = reader.next(&mut rest) {
        if block.is_shredded() {
            again.extend(shred(&block).unwrap_or_default());
            writer = Writer::resume(*reader.state());
        } else {
            append(&mut writer, block.header.kind, block.body, &block.header, &mut again);
        }
    }
    let read = usize::try_from(reader.offset()).unwrap_or_default();
    assert!(read == 0 || bytes.starts_with(&again) && again.len() == read);
    chained(bytes);
    packets(bytes);
}

/// Takes the bytes as (kind, 16-bit length, body) over and over, and judges the recording of these
/// blocks.
fn chained(mut bytes: &[u8]) {
    let (mut writer, preamble) = Writer::create();
    let mut file = preamble.to_vec();
    while let Some(([kind, high, low], rest)) = bytes.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
        let (body, rest) = rest.split_at(length);
        let header = BlockHeader::decode(&[0; BLOCK_HEADER]);
        append(&mut writer, Kind::from_byte(*kind), body, &header, &mut file);
        if writer.state().is_closed() {
            break;
        }
        bytes = rest;
    }
    let report = verify::whole(&file, None);
    assert_eq!(report.blocks, writer.state().seq());
}

fn append(writer: &mut Writer, kind: Kind, body: &[u8], like: &BlockHeader, out: &mut Vec<u8>) {
    match writer.block(kind, like.line, like.time_us, body, out) {
        Ok(next) => writer.commit(next),
        Err(error) => assert_eq!(error, WriteError::Closed),
    }
}

/// A body of runs is what a builder makes of these runs.
fn packets(body: &[u8]) {
    let Ok(runs) = runs(body).collect::<Result<Vec<_>, _>>() else {
        return;
    };
    let mut packets = Packets::new(0, 0, body.len());
    for run in runs {
        if packets.run(run.from, run.stride, run.delta_us.into(), run.bytes).is_err() {
            return;
        }
    }
    let (writer, _) = Writer::create();
    if writer.packets(&mut packets).is_ok() {
        assert_eq!(packets.block().get(BLOCK_HEADER..BLOCK_HEADER + body.len()), Some(body));
    }
}
