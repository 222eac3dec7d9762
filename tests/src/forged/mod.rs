//! A recording that took no time: packets of a session's lines as their two ends would have sent them,
//! at times that are given. Nobody closed it, so it is incomplete, and read like any other.

mod facts;

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use age::secrecy::ExposeSecret as _;
use age::x25519::Identity;
use anyhow::Context as _;
use bytes::Bytes;
use deskside_decode::Suite;
use deskside_decode::forge::{self, Forge, OPENED_US, Who};
use deskside_protocol::act::{ActKey, Actor};
use deskside_protocol::channel::Channel;
use deskside_protocol::frame::{MAX_MESSAGE, encode, prefix};
use deskside_protocol::recording::{Binding, Kind, Packets, Writer};
use deskside_protocol::session::End;
use deskside_protocol::wire::message::message::Kind as Said;
use deskside_protocol::wire::message::{
    CommandExit, CommandOutput, CommandStart, Message, Opening, Watch, Watching, command_exit,
};
use deskside_screen::{Coded, Size};
use prost::Message as _;
use zeroize::Zeroizing;

use facts::header;

/// Bytes of a stream in one packet.
const DATA: usize = 1_300;
/// Packets of one block.
const BATCH: usize = 40;
/// The stream on which the screen is watched.
const SCREEN: u64 = 4;

/// How much it has become.
#[derive(Debug, Clone, Copy, Default)]
pub struct Made {
    /// Packets.
    pub packets: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

/// A recording that is being made.
#[allow(missing_debug_implementations, reason = "holds secrets")]
pub struct Tape {
    writer: Writer,
    file: BufWriter<File>,
    binding: Binding,
    auditor: String,
    line: Line,
    now_us: u64,
    packets: u64,
}

/// The line of the moment.
struct Line {
    number: u16,
    forge: Forge,
    /// Packet numbers: agent's, technician's.
    numbers: (u64, u64),
    /// How far the stream of the screen has come.
    screen: u64,
    /// The last of the streams that the agent opened, and that the technician opened.
    streams: (u64, u64),
}

/// Where the identity of a recording's auditor lies.
#[must_use]
pub fn identity(path: &Path) -> PathBuf {
    path.with_extension("identity")
}

impl Line {
    fn new(number: u16) -> anyhow::Result<Self> {
        let seed = 6 + u8::try_from(number)?;
        let forge = Forge::new(Suite::Aes128Gcm, seed).context("make keys")?;
        Ok(Self { number, forge, numbers: (0, 0), screen: 0, streams: (3, SCREEN) })
    }
}

impl Tape {
    /// Begins one at `path`, of a session with this subject and its first line, with the auditor's
    /// identity beside it.
    ///
    /// # Errors
    /// What the disk says.
    pub fn create(path: &Path, subject: &str) -> anyhow::Result<Self> {
        let own = Identity::generate();
        std::fs::write(identity(path), own.to_string().expose_secret())
            .context("save an identity")?;
        let auditor = own.to_public().to_string();
        let (writer, preamble) = Writer::create();
        let mut file = BufWriter::new(File::create(path).context("save a recording")?);
        file.write_all(&preamble).context("save a recording")?;
        let (header, binding) = header(&auditor, subject)?;
        let line = Line::new(1)?;
        let mut tape = Self { writer, file, binding, auditor, line, now_us: OPENED_US, packets: 0 };
        tape.block(Kind::Header, 0, &header.encode_to_vec())?;
        tape.seals()?;
        Ok(tape)
    }

    /// What follows happens so many microseconds after the beginning.
    pub const fn at(&mut self, since_us: u64) {
        self.now_us = OPENED_US + since_us;
    }

    /// Another line takes the place of the one before, of which nobody has said that it ended.
    ///
    /// # Errors
    /// What the disk says.
    pub fn line(&mut self) -> anyhow::Result<()> {
        self.line = Line::new(self.line.number + 1)?;
        self.seals()
    }

    /// The technician begins to watch.
    ///
    /// # Errors
    /// What the disk says.
    pub fn watch(&mut self, size: Size) -> anyhow::Result<()> {
        let mut actor = actor(Channel::Screen, SCREEN);
        let watch = actor.wrap(&message(Said::Watch(Watch { monitor: 1, ..Watch::default() })));
        let said = [opening(Channel::Screen)?, encode(&watch, MAX_MESSAGE)?].concat();
        self.technician(SCREEN, &said, false)?;
        let (width, height) = (u32::try_from(size.width())?, u32::try_from(size.height())?);
        let watching = Watching { monitor: 1, width, height, ..Watching::default() };
        self.agent_on_screen(&encode(&message(Said::Watching(watching)), MAX_MESSAGE)?)
    }

    /// The agent sends a frame and its pieces.
    ///
    /// # Errors
    /// What the disk says.
    pub fn frame(&mut self, coded: &Coded) -> anyhow::Result<()> {
        let mut bytes =
            encode(&message(Said::ScreenFrame(coded.frame.announce())), MAX_MESSAGE)?.to_vec();
        coded.frame.parts().try_for_each(|part| framed(&part, &mut bytes))?;
        self.agent_on_screen(&bytes)?;
        for piece in &coded.pieces {
            let mut bytes = opening(Channel::Screen)?.to_vec();
            let told = message(Said::ScreenPiece(piece.announce()));
            bytes.extend_from_slice(&encode(&told, MAX_MESSAGE)?);
            piece.parts().try_for_each(|part| framed(&part, &mut bytes))?;
            self.line.streams.0 += 4;
            self.agent(self.line.streams.0, 0, &bytes, true)?;
        }
        Ok(())
    }

    /// The technician runs a command, which prints something and ends well.
    ///
    /// # Errors
    /// What the disk says.
    pub fn command(&mut self, argv: &[&str], output: &str) -> anyhow::Result<()> {
        self.line.streams.1 += 4;
        let stream = self.line.streams.1;
        let argv = argv.iter().map(|word| (*word).to_owned()).collect();
        let start =
            message(Said::CommandStart(CommandStart { argv, timeout_ms: 0, masked: Vec::new() }));
        let start = actor(Channel::Command, stream).wrap(&start);
        let said = [opening(Channel::Command)?, encode(&start, MAX_MESSAGE)?].concat();
        self.technician(stream, &said, true)?;
        let data = Bytes::copy_from_slice(output.as_bytes());
        let output = message(Said::CommandOutput(CommandOutput { stderr: false, data }));
        let how = Some(command_exit::How::Code(0));
        let exit = message(Said::CommandExit(CommandExit { how }));
        let said = [encode(&output, MAX_MESSAGE)?, encode(&exit, MAX_MESSAGE)?].concat();
        self.agent(stream, 0, &said, true)
    }

    /// Nothing more comes.
    ///
    /// # Errors
    /// What the disk says.
    pub fn finish(mut self) -> anyhow::Result<Made> {
        self.file.flush().context("save a recording")?;
        let bytes = self.file.get_ref().metadata().context("save a recording")?.len();
        Ok(Made { packets: self.packets, bytes })
    }

    fn block(&mut self, kind: Kind, line: u16, body: &[u8]) -> anyhow::Result<()> {
        let mut bytes = Vec::new();
        let next = self.writer.block(kind, line, self.now_us, body, &mut bytes)?;
        self.writer.commit(next);
        self.file.write_all(&bytes).context("save a recording")
    }

    /// Those of both ends.
    fn seals(&mut self) -> anyhow::Result<()> {
        let number = self.line.number;
        for (end, own) in [(End::Agent, Who::AgentEnd), (End::Technician, Who::TechnicianEnd)] {
            let log = self.line.forge.secrets().to_key_log(self.binding.session, number, end);
            let sealed = deskside_sealing::seal(&log, std::slice::from_ref(&self.auditor))?;
            let seal = self.binding.seal(&forge::key(own), number, end, sealed.into());
            self.block(Kind::Seal, number, &seal.encode_to_vec())?;
        }
        Ok(())
    }

    fn agent_on_screen(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let offset = self.line.screen;
        self.line.screen += bytes.len() as u64;
        self.agent(SCREEN, offset, bytes, false)
    }

    /// The agent says something on a stream, and the technician acknowledges it.
    fn agent(&mut self, stream: u64, offset: u64, bytes: &[u8], last: bool) -> anyhow::Result<()> {
        let mut chunks = bytes.chunks(DATA).peekable();
        let (mut offset, first) = (offset, self.line.numbers.0);
        let mut payloads = Vec::new();
        while let Some(chunk) = chunks.next() {
            payloads.push(data(stream, offset, chunk, last && chunks.peek().is_none()));
            offset += chunk.len() as u64;
        }
        for batch in payloads.chunks(BATCH) {
            let mut packets = Packets::new(self.line.number, self.now_us, BATCH * (DATA + 100));
            for payload in batch {
                let packet = self.line.forge.packet(End::Agent, self.line.numbers.0, payload);
                self.put(&mut packets, End::Agent, &packet.context("seal a packet")?)?;
                self.line.numbers.0 += 1;
            }
            self.save(&mut packets)?;
        }
        let ack = ack(self.line.numbers.0 - 1, self.line.numbers.0 - 1 - first);
        self.say(End::Technician, &ack)
    }

    fn technician(&mut self, stream: u64, bytes: &[u8], last: bool) -> anyhow::Result<()> {
        self.say(End::Technician, &data(stream, 0, bytes, last))?;
        let said = self.line.numbers.1 - 1;
        self.say(End::Agent, &ack(said, 0))
    }

    /// One packet.
    fn say(&mut self, from: End, payload: &[u8]) -> anyhow::Result<()> {
        let number = match from {
            End::Agent => &mut self.line.numbers.0,
            End::Technician => &mut self.line.numbers.1,
        };
        let packet = self.line.forge.packet(from, *number, payload).context("seal a packet")?;
        *number += 1;
        let mut packets = Packets::new(self.line.number, self.now_us, packet.len());
        self.put(&mut packets, from, &packet)?;
        self.save(&mut packets)
    }

    fn put(&mut self, to: &mut Packets, from: End, packet: &[u8]) -> anyhow::Result<()> {
        to.run(from, u16::try_from(packet.len())?, self.now_us, packet)?;
        self.packets += 1;
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
