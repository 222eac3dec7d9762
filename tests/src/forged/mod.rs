//! The recording of an hour that took no hour: packets of one line as its two ends would have sent
//! them, with times that are spread. Nobody closed it, so it is incomplete, and read like any other.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::time::Duration;

use age::secrecy::ExposeSecret as _;
use age::x25519::Identity;
use anyhow::Context as _;
use bytes::Bytes;
use deskside_decode::Suite;
use deskside_decode::forge::Forge;
use deskside_protocol::act::{ActKey, Actor};
use deskside_protocol::channel::Channel;
use deskside_protocol::code::Nameplate;
use deskside_protocol::frame::{MAX_MESSAGE, encode, prefix};
use deskside_protocol::grant::GrantSet;
use deskside_protocol::identity::certificate;
use deskside_protocol::key::SigningKey;
use deskside_protocol::policy::{FileBodies, NoteContents, Policy, Recording};
use deskside_protocol::recording::{Binding, Kind, Packets, Writer};
use deskside_protocol::session::{End, SessionId};
use deskside_protocol::transcript::{
    AgentData, ChannelIdentifier, Join, Transcript, policy_hash, sid,
};
use deskside_protocol::wire::message::message::Kind as Said;
use deskside_protocol::wire::message::{
    CommandExit, CommandOutput, CommandStart, Message, Opening, Watch, Watching, command_exit,
};
use deskside_protocol::wire::record;
use deskside_screen::{Coded, Encoder, Rect, Size, View};
use prost::Message as _;
use zeroize::Zeroizing;

use super::office::{HEIGHT, Office, WIDTH};

/// Microseconds since 1970-01-01 UTC at which it begins.
const OPENED_US: u64 = 1_795_326_600_000_000;
/// Bytes of a stream in one packet.
const DATA: usize = 1_300;
/// Packets of one block.
const BATCH: usize = 40;
const LINE: u16 = 1;
const SCREEN: u64 = 4;
/// Frames between two commands.
const COMMANDS: u64 = 200;

/// How much it has become.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Made {
    pub(super) frames: u64,
    pub(super) packets: u64,
    pub(super) bytes: u64,
}

/// Writes `frames` of office work over `minutes` to `path`, and the auditor's identity beside it.
pub(super) fn write(path: &Path, frames: u64, minutes: u64) -> anyhow::Result<Made> {
    let auditor = Identity::generate();
    std::fs::write(path.with_extension("identity"), auditor.to_string().expose_secret())
        .context("save an identity")?;
    let mut tape = Tape::create(path)?;
    tape.begin(&auditor.to_public().to_string())?;
    let (mut office, size) = (Office::new(), Size::new(WIDTH, HEIGHT)?);
    let mut encoder = Encoder::new(size)?;
    let step_us = minutes * 60_000_000 / frames.max(1);
    let mut damage = size.rect();
    for number in 0..frames {
        tape.now_us = OPENED_US + number * step_us;
        let view = View::new(size, WIDTH * 4, &office.pixels)?;
        let now = Duration::from_micros(number * step_us);
        if let Some(coded) = encoder.frame(&view, &[damage], now)? {
            tape.frame(&coded)?;
            encoder.acknowledge(coded.frame.number);
            tape.made.frames += 1;
        }
        if number % COMMANDS == 0 {
            tape.command(number)?;
        }
        let (x, y, width, height) = office.work();
        damage = Rect { x, y, width, height };
    }
    tape.file.flush().context("save a recording")?;
    tape.made.bytes = tape.file.get_ref().metadata().context("save a recording")?.len();
    Ok(tape.made)
}

struct Tape {
    writer: Writer,
    file: BufWriter<File>,
    forge: Forge,
    /// Packet numbers: agent's, technician's.
    numbers: (u64, u64),
    /// How far each of the agent's streams that go on has come.
    screen: u64,
    /// The last of the streams that the agent opened, and that the technician opened.
    streams: (u64, u64),
    now_us: u64,
    made: Made,
}

impl Tape {
    fn create(path: &Path) -> anyhow::Result<Self> {
        let (writer, preamble) = Writer::create();
        let mut file = BufWriter::new(File::create(path).context("save a recording")?);
        file.write_all(&preamble).context("save a recording")?;
        let forge = Forge::new(Suite::Aes128Gcm, 7).context("make keys")?;
        let (made, now_us) = (Made::default(), OPENED_US);
        Ok(Self { writer, file, forge, numbers: (0, 0), screen: 0, streams: (3, 4), now_us, made })
    }

    fn block(&mut self, kind: Kind, line: u16, body: &[u8]) -> anyhow::Result<()> {
        let mut bytes = Vec::new();
        let next = self.writer.block(kind, line, self.now_us, body, &mut bytes)?;
        self.writer.commit(next);
        self.file.write_all(&bytes).context("save a recording")
    }

    /// HEADER, both seals, and the watch that the technician begins.
    fn begin(&mut self, auditor: &str) -> anyhow::Result<()> {
        let (header, binding) = header(auditor)?;
        self.block(Kind::Header, 0, &header.encode_to_vec())?;
        for (end, own) in [(End::Agent, 11), (End::Technician, 12)] {
            let log = self.forge.secrets().to_key_log(binding.session, LINE, end);
            let sealed = deskside_sealing::seal(&log, &[auditor.to_owned()])?;
            let seal = binding.seal(&key(own), LINE, end, sealed.into());
            self.block(Kind::Seal, LINE, &seal.encode_to_vec())?;
        }
        let mut actor = actor(Channel::Screen, SCREEN);
        let watch = actor.wrap(&message(Said::Watch(Watch { monitor: 1, ..Watch::default() })));
        let said = [opening(Channel::Screen)?, encode(&watch, MAX_MESSAGE)?].concat();
        self.technician(SCREEN, &said, false)?;
        let (width, height) = (u32::try_from(WIDTH)?, u32::try_from(HEIGHT)?);
        let watching = Watching { monitor: 1, width, height, ..Watching::default() };
        self.agent_on_screen(&encode(&message(Said::Watching(watching)), MAX_MESSAGE)?)
    }

    fn frame(&mut self, coded: &Coded) -> anyhow::Result<()> {
        let mut bytes =
            encode(&message(Said::ScreenFrame(coded.frame.announce())), MAX_MESSAGE)?.to_vec();
        coded.frame.parts().try_for_each(|part| framed(&part, &mut bytes))?;
        self.agent_on_screen(&bytes)?;
        for piece in &coded.pieces {
            let mut bytes = opening(Channel::Screen)?.to_vec();
            let told = message(Said::ScreenPiece(piece.announce()));
            bytes.extend_from_slice(&encode(&told, MAX_MESSAGE)?);
            piece.parts().try_for_each(|part| framed(&part, &mut bytes))?;
            self.streams.0 += 4;
            self.agent(self.streams.0, 0, &bytes, true)?;
        }
        Ok(())
    }

    fn command(&mut self, number: u64) -> anyhow::Result<()> {
        self.streams.1 += 4;
        let stream = self.streams.1;
        let argv = vec!["grep".to_owned(), format!("error-{number}"), "/var/log/syslog".to_owned()];
        let start =
            message(Said::CommandStart(CommandStart { argv, timeout_ms: 0, masked: Vec::new() }));
        let start = actor(Channel::Command, stream).wrap(&start);
        let said = [opening(Channel::Command)?, encode(&start, MAX_MESSAGE)?].concat();
        self.technician(stream, &said, true)?;
        let data = Bytes::from(format!("error-{number}: the printer is on fire\n").repeat(20));
        let output = message(Said::CommandOutput(CommandOutput { stderr: false, data }));
        let how = Some(command_exit::How::Code(0));
        let exit = message(Said::CommandExit(CommandExit { how }));
        let said = [encode(&output, MAX_MESSAGE)?, encode(&exit, MAX_MESSAGE)?].concat();
        self.agent(stream, 0, &said, true)
    }

    fn agent_on_screen(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let offset = self.screen;
        self.screen += bytes.len() as u64;
        self.agent(SCREEN, offset, bytes, false)
    }

    /// The agent says something on a stream, and the technician acknowledges it.
    fn agent(&mut self, stream: u64, offset: u64, bytes: &[u8], last: bool) -> anyhow::Result<()> {
        let mut chunks = bytes.chunks(DATA).peekable();
        let (mut offset, first) = (offset, self.numbers.0);
        let mut payloads = Vec::new();
        while let Some(chunk) = chunks.next() {
            payloads.push(data(stream, offset, chunk, last && chunks.peek().is_none()));
            offset += chunk.len() as u64;
        }
        for batch in payloads.chunks(BATCH) {
            let mut packets = Packets::new(LINE, self.now_us, BATCH * (DATA + 100));
            for payload in batch {
                let packet = self.forge.packet(End::Agent, self.numbers.0, payload);
                self.put(&mut packets, End::Agent, &packet.context("seal a packet")?)?;
                self.numbers.0 += 1;
            }
            self.save(&mut packets)?;
        }
        let ack = ack(self.numbers.0 - 1, self.numbers.0 - 1 - first);
        self.say(End::Technician, &ack)
    }

    fn technician(&mut self, stream: u64, bytes: &[u8], last: bool) -> anyhow::Result<()> {
        self.say(End::Technician, &data(stream, 0, bytes, last))?;
        let said = self.numbers.1 - 1;
        self.say(End::Agent, &ack(said, 0))
    }

    /// One packet.
    fn say(&mut self, from: End, payload: &[u8]) -> anyhow::Result<()> {
        let number = match from {
            End::Agent => &mut self.numbers.0,
            End::Technician => &mut self.numbers.1,
        };
        let packet = self.forge.packet(from, *number, payload).context("seal a packet")?;
        *number += 1;
        let mut packets = Packets::new(LINE, self.now_us, packet.len());
        self.put(&mut packets, from, &packet)?;
        self.save(&mut packets)
    }

    fn put(&mut self, to: &mut Packets, from: End, packet: &[u8]) -> anyhow::Result<()> {
        to.run(from, u16::try_from(packet.len())?, self.now_us, packet)?;
        self.made.packets += 1;
        Ok(())
    }

    fn save(&mut self, packets: &mut Packets) -> anyhow::Result<()> {
        let next = self.writer.packets(packets)?;
        self.writer.commit(next);
        self.file.write_all(packets.block()).context("save a recording")
    }
}

fn message(said: Said) -> Message {
    Message { kind: Some(said) }
}

fn opening(channel: Channel) -> anyhow::Result<Bytes> {
    Ok(encode(&Opening { channel: channel.to_wire() as i32 }, MAX_MESSAGE)?)
}

fn actor(channel: Channel, stream: u64) -> Actor {
    ActKey::new(Zeroizing::new([1; 32])).actor(channel, stream)
}

fn framed(part: &[u8], to: &mut Vec<u8>) -> anyhow::Result<()> {
    to.extend_from_slice(&prefix(part.len(), MAX_MESSAGE)?);
    to.extend_from_slice(part);
    Ok(())
}

/// A STREAM frame with offset and length (RFC 9000 section 19.8).
fn data(stream: u64, offset: u64, bytes: &[u8], last: bool) -> Vec<u8> {
    let mut frame = vec![0x0e | u8::from(last)];
    for number in [stream, offset, bytes.len() as u64] {
        frame.extend(varint(number));
    }
    frame.extend_from_slice(bytes);
    frame
}

/// An ACK frame of one range (section 19.3): the largest number, and so many below it.
fn ack(largest: u64, below: u64) -> Vec<u8> {
    [&[2][..], &varint(largest), &[0, 0], &varint(below)].concat()
}

/// A number of eight bytes.
const fn varint(number: u64) -> [u8; 8] {
    (number | 3 << 62).to_be_bytes()
}

fn key(byte: u8) -> SigningKey {
    SigningKey::from_seed(Zeroizing::new([byte; 32]))
}

fn header(auditor: &str) -> anyhow::Result<(record::Header, Binding)> {
    let (authority, technician) = (key(1), key(2));
    let policy = policy(auditor)?.sign(&authority)?;
    let agent =
        AgentData { version: 1, session_key: key(11).public(), answered: 0, nonce: [3; 32] };
    let nameplate = Nameplate::new(48_219).context("make a nameplate")?;
    let sid = sid(nameplate, &agent.nonce);
    let ci = ChannelIdentifier {
        relay_origin: "relay.example:4433".into(),
        node_key: key(9).public(),
        organisation_key: authority.public(),
        policy_hash: policy_hash(&policy),
    };
    let person = record::Certificate {
        login: "alice".into(),
        name: "Alice Ng".into(),
        organisation: "Example".into(),
        public_key: technician.public().as_bytes().to_vec().into(),
        roles: vec![record::Role::Technician.into()],
        not_before: 0,
        not_after: u64::MAX,
        serial: 1,
    };
    let join = Join {
        version: 1,
        session_key: key(12).public(),
        certificate: certificate::issue(&authority, &person).encode_to_vec().into(),
        ticket: "1001".into(),
        subject: "An hour at the office".into(),
        requested: 2,
        nonce: [4; 32],
    };
    let ad_t = join.sign(&technician, &ci.encode(), &sid, &[5; 32]).encode();
    let ad_a = agent.encode();
    let own = ci.encode();
    let transcript =
        Transcript { ci: &own, sid: &sid, y_a: &[6; 32], ad_a: &ad_a, y_t: &[5; 32], ad_t: &ad_t };
    let session = SessionId::from_bytes([0xab; 16]);
    let binding = Binding { session, transcript: transcript.hash() };
    let header = record::Header {
        session: session.as_bytes().to_vec().into(),
        relay_origin: ci.relay_origin.clone(),
        node_key: ci.node_key.as_bytes().to_vec().into(),
        organisation_key: ci.organisation_key.as_bytes().to_vec().into(),
        policy: Some(policy),
        nameplate: nameplate.to_string(),
        y_a: vec![6; 32].into(),
        y_t: vec![5; 32].into(),
        ad_a: ad_a.into(),
        ad_t: ad_t.into(),
        tag_a: Bytes::new(),
        tag_t: Bytes::new(),
        relay_version: "bench".into(),
        opened: OPENED_US,
        sid: sid.to_vec().into(),
    };
    Ok((header, binding))
}

fn policy(auditor: &str) -> anyhow::Result<Policy> {
    Ok(Policy {
        serial: 1,
        organisation: "Example".into(),
        issued: "2026-11-22T00:00:00Z".parse()?,
        ends: "2027-11-22T00:00:00Z".parse()?,
        recording: Recording::Required,
        file_bodies: FileBodies::Recorded,
        grants: GrantSet::all(),
        auditors: vec![auditor.to_owned()],
        retention_days: 365,
        grace_seconds: deskside_protocol::policy::MAX_GRACE,
        relays: Vec::new(),
        bytes_per_second: None,
        recording_quota_bytes: None,
        masking: true,
        note: NoteContents::default(),
    })
}
