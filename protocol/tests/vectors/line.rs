//! What is on the wire of legs and lines: length-prefixed lists, frames, labels, acting messages,
//! key logs.

use deskside_protocol::act::{ActError, ActKey, KEY, MAC};
use deskside_protocol::channel::Channel;
use deskside_protocol::chat;
use deskside_protocol::frame::{self, Decoder, FrameError, MAX_MESSAGE, MAX_SIGNAL};
use deskside_protocol::label;
use deskside_protocol::lv::{self, Malformed};
use deskside_protocol::mask::{self, MaskKey};
use deskside_protocol::seal::{LineSecrets, NotAKeyLog};
use deskside_protocol::session::{End, SessionId};
use deskside_protocol::wire::message::{Act, CommandStart, Message, Opening, Said, Typed, message};
use deskside_protocol::wire::signal::{Hello, Opened, Refused, Signal, refused, signal};
use prost::Message as _;
use zeroize::Zeroizing;

use crate::identity::bytes;
use crate::oracle;
use crate::sheet::Sheet;

#[test]
fn lists() {
    let mut sheet = Sheet::new("lv", "# Length-prefixed lists. PROTOCOL.md, \"Conventions\".\n");
    let fields: [&[u8]; 3] = [b"a", b"", b"xyz"];
    let list = lv::encode(&fields);
    assert_eq!(list, oracle::lv(&fields));
    sheet.part("three fields: \"a\", nothing, \"xyz\"");
    sheet.hex("lv", &list);
    sheet.part("not three fields");
    for (name, bytes) in [
        ("cut inside the last field", list[..list.len() - 1].to_vec()),
        ("cut inside a length", list[..7].to_vec()),
        ("two fields", lv::encode(&[b"a", b"xyz"])),
        ("four fields", lv::encode(&[b"a", b"", b"xyz", b""])),
        ("a length that points past the end", b"\xff\xff\xff\xffa\0\0\0\0\0\0\0\0".to_vec()),
    ] {
        assert_eq!(lv::decode::<3>(&bytes), Err(Malformed));
        sheet.fails(name, &bytes, Malformed);
    }
    sheet.pinned();
}

#[test]
fn chat_lines() {
    let mut sheet =
        Sheet::new("chat", "# Lines of chat. PROTOCOL.md, \"Streams, channels, messages\".\n");
    let said = |text: &str| {
        let said = Said { text: text.to_owned() };
        let kind = Some(message::Kind::Said(said.clone()));
        (said, frame::encode(&Message { kind }, MAX_MESSAGE).unwrap())
    };
    sheet.part("as said, and as shown");
    for text in ["Is the lamp on?", " two\n lines\t", "\u{1b}[2J\u{202e}x"] {
        let (said, bytes) = said(text);
        sheet.hex(&format!("{text:?} is shown as {:?}", chat::heard(&said).unwrap()), &bytes);
    }
    sheet.part("not shown");
    for text in ["", " \n ", &"x".repeat(chat::MAX_SAID + 1)] {
        let (said, bytes) = said(text);
        let name = format!("{} bytes", text.len());
        sheet.fails(&name, &bytes, chat::heard(&said).unwrap_err());
    }
    sheet.pinned();
}

fn decoded(bytes: &[u8]) -> Result<Vec<Signal>, FrameError> {
    let mut decoder = Decoder::new(MAX_SIGNAL);
    decoder.push(bytes);
    let mut signals = Vec::new();
    while let Some(signal) = decoder.next_message()? {
        signals.push(signal);
    }
    decoder.finish().map(|()| signals)
}

#[test]
fn frames() {
    let mut sheet = Sheet::new(
        "frames",
        "# Signals and messages behind their lengths. PROTOCOL.md, \"Frames\".\n",
    );
    let hello = Hello { version: 1, software: "deskside 0.1.0".to_owned() };
    let opened = Opened { nameplate: "48219".to_owned(), expires_in: 600 };
    let refused = Refused { code: refused::Code::CodeSpent.into(), text: "ask again".to_owned() };
    let kinds = [
        ("Signal { hello }", signal::Kind::Hello(hello)),
        ("Signal { opened }", signal::Kind::Opened(opened)),
        ("Signal { refused: CODE_CODE_SPENT }", signal::Kind::Refused(refused)),
    ];
    sheet.part("on a leg");
    let mut all = Vec::new();
    for (name, kind) in kinds {
        let frame = frame::encode(&Signal { kind: Some(kind) }, MAX_SIGNAL).unwrap();
        sheet.hex(name, &frame);
        all.extend_from_slice(&frame);
    }
    assert_eq!(decoded(&all).unwrap().len(), 3);
    // Field 4000, which no version has: decoded to a signal of no kind, and skipped.
    let unknown = b"\0\0\0\x05\x82\xfa\x01\x01x";
    assert_eq!(decoded(unknown), Ok(vec![Signal { kind: None }]));
    sheet.hex("a signal of a newer version: skipped", unknown);

    sheet.part("on a line");
    let opening = Opening { channel: Channel::Command.to_wire().into() };
    sheet.hex("Opening { CHANNEL_COMMAND }", &frame::encode(&opening, MAX_MESSAGE).unwrap());

    sheet.part("not signals");
    let too_long = u32::try_from(MAX_SIGNAL + 1).unwrap().to_be_bytes();
    for (name, bytes) in [
        ("a length over 262144", &too_long[..]),
        ("not protobuf", b"\0\0\0\x02\x0a\xff"),
        ("cut off", &all[..all.len() - 1]),
        ("a length cut off", &all[..3]),
    ] {
        sheet.fails(name, bytes, decoded(bytes).unwrap_err());
    }
    sheet.pinned();
}

#[test]
fn labels() {
    let mut sheet = Sheet::new(
        "labels",
        "\
# UDP datagrams (their first bytes) and the label in them. PROTOCOL.md, \"Labels\".
",
    );
    let line: [u8; 16] =
        [0x80, 1, 2, 3, 4, 5, 6, 7, 0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7];
    let leg: [u8; 8] = [0x7f, 1, 2, 3, 4, 5, 6, 7];
    let long = |id: &[u8]| {
        let length = u8::try_from(id.len()).unwrap();
        [&[0xc3, 0, 0, 0, 1, length][..], id, &[8], &leg, &[0; 4]].concat()
    };
    let short = |id: &[u8]| [&[0x40][..], id, &[0; 4]].concat();
    for (name, datagram) in [
        ("a line's Initial packet (long header, QUIC version 1)", long(&line)),
        ("a line's 1-RTT packet (short header)", short(&line)),
        ("a leg's Initial packet", long(&leg)),
        ("a leg's 1-RTT packet", short(&leg)),
        ("a long header with an id of 7 bytes", long(&line[..7])),
        ("a short header that is cut off", short(&line)[..8].to_vec()),
        ("nothing", Vec::new()),
    ] {
        let label = label::of_datagram(&datagram);
        let label = label.map_or("none: a leg's, or nobody's".to_owned(), |label| {
            data_encoding::HEXLOWER.encode(label.as_bytes())
        });
        sheet.hex(&format!("{name}\n# label: {label}"), &datagram);
    }
    sheet.pinned();
}

fn start(program: &str) -> Message {
    let start = CommandStart {
        argv: vec![program.to_owned()],
        timeout_ms: 5_000,
        ..CommandStart::default()
    };
    Message { kind: Some(message::Kind::CommandStart(start)) }
}

/// The MAC by the formula of PROTOCOL.md.
pub(crate) fn mac_input(channel: Channel, stream: u64, number: u64, message: &[u8]) -> Vec<u8> {
    oracle::lv(&[
        b"deskside1 act",
        &(channel.to_wire() as i32).to_be_bytes(),
        &stream.to_be_bytes(),
        &number.to_be_bytes(),
        message,
    ])
}

#[test]
fn acts() {
    let mut sheet = Sheet::new(
        "act",
        "\
# What a technician sends on stream 4, channel command. PROTOCOL.md, \"Acting messages\".
",
    );
    let exported = [0x61; KEY];
    let key = ActKey::new(Zeroizing::new(exported));
    let mut actor = key.actor(Channel::Command, 4);
    let acts = [actor.wrap(&start("whoami")), actor.wrap(&start("id"))];
    sheet.hex("key: 32 bytes of the exporter \"EXPORTER deskside act\", no context", &exported);
    let mut verifier = key.verifier(Channel::Command, 4);
    for act in &acts {
        sheet.part(&format!("number {}", act.number));
        let input = mac_input(Channel::Command, 4, act.number, &act.message);
        let hmac = oracle::hmac(&exported, &input);
        assert_eq!(act.mac.as_ref(), &hmac[..MAC]);
        sheet.hex("Message", &act.message);
        sheet.hex("what the MAC covers", &input);
        sheet.hex("HMAC-SHA-256, whose first 16 bytes are the MAC", &hmac);
        sheet.hex("Act", &act.encode_to_vec());
        sheet.hex("on the stream", &frame::encode(act, MAX_MESSAGE).unwrap());
        assert!(verifier.open(act).is_ok());
    }
    sheet.part("what the agent refuses as the first message");
    let garbage = b"\x0a\xff";
    let hmac = oracle::hmac(&exported, &mac_input(Channel::Command, 4, 0, garbage));
    let [first, second] = &acts;
    let other = key.actor(Channel::Command, 8).wrap(&start("whoami"));
    let shell = key.actor(Channel::Shell, 4).wrap(&start("whoami"));
    for (name, act) in [
        ("the second before the first", second.clone()),
        ("a MAC of 15 bytes", Act { mac: first.mac.slice(..15), ..first.clone() }),
        (
            "another message under the same MAC",
            Act { message: second.message.clone(), ..first.clone() },
        ),
        ("from stream 8", other),
        ("from channel shell", shell),
        (
            "authentic, but no message",
            Act { mac: bytes(&hmac[..MAC]), message: bytes(garbage), ..Act::default() },
        ),
    ] {
        let failure: ActError = key.verifier(Channel::Command, 4).open(&act).unwrap_err();
        sheet.fails(name, &act.encode_to_vec(), failure);
    }
    sheet.pinned();
}

#[test]
fn masks() {
    let mut sheet = Sheet::new(
        "mask",
        "\
# Masked text on stream 4, channel input. PROTOCOL.md, \"Masked messages\".
",
    );
    let (exported, acting) = ([0x62; mask::KEY], [0x61; KEY]);
    let masking = || {
        let mask = MaskKey::new(Zeroizing::new(exported));
        ActKey::new(Zeroizing::new(acting)).with_mask(mask)
    };
    let typed =
        |text: &str| Message { kind: Some(message::Kind::Typed(Typed { text: text.into() })) };
    let mut actor = masking().actor(Channel::Input, 4);
    let acts = [actor.mask(&typed("hunter2")).unwrap(), actor.mask(&typed("")).unwrap()];
    sheet.hex("key: 32 bytes of the exporter \"EXPORTER deskside mask\", no context", &exported);
    let channel = (Channel::Input.to_wire() as i32).to_be_bytes();
    let context = oracle::lv(&[b"deskside1 mask", &channel, &4_u64.to_be_bytes()]);
    sheet.hex("the key of stream 4: HMAC-SHA-256", &oracle::hmac(&exported, &context));
    let mut verifier = masking().verifier(Channel::Input, 4);
    for act in &acts {
        sheet.part(&format!("number {}", act.number));
        let (message, masked) = verifier.open_any(act).unwrap();
        assert!(masked);
        sheet.hex("Message", &message.encode_to_vec());
        sheet.hex("sealed: ChaCha20-Poly1305 of it, 80, and zeros up to 64 bytes", &act.sealed);
        let covered = [
            b"deskside1 act masked".as_slice(),
            &channel,
            &4_u64.to_be_bytes(),
            &act.number.to_be_bytes(),
            &act.sealed,
        ];
        let hmac = oracle::hmac(&acting, &oracle::lv(&covered));
        assert_eq!(act.mac.as_ref(), &hmac[..MAC]);
        sheet.hex("Act, with the MAC under the key of acting messages", &act.encode_to_vec());
    }
    sheet.part("what the agent refuses as the first message");
    let [first, second] = &acts;
    for (name, act) in [
        ("another seal under the same MAC", Act { sealed: second.sealed.clone(), ..first.clone() }),
        ("a message beside the seal", Act { message: bytes(b"x"), ..first.clone() }),
    ] {
        let failure = masking().verifier(Channel::Input, 4).open_any(&act).unwrap_err();
        sheet.fails(name, &act.encode_to_vec(), failure);
    }
    let elsewhere = masking().verifier(Channel::Input, 4).open(first).unwrap_err();
    sheet.fails("where nothing masked is taken", &first.encode_to_vec(), elsewhere);
    sheet.pinned();
}

#[test]
fn key_logs() {
    let mut sheet = Sheet::new(
        "keylog",
        "\
# What an end seals with age for the auditors. PROTOCOL.md, \"Seals\".
",
    );
    let session = SessionId::from_bytes([0x5e; 16]);
    let secrets = [0x72, 0x73, 0x74, 0x75].map(|byte| Zeroizing::new(vec![byte; 48]));
    let secrets = LineSecrets { client_random: [0x71; 32], secrets };
    let text = secrets.to_key_log(session, 0, End::Agent);
    sheet.text("the agent's, of line 0", &text);
    let read = |text: &str| LineSecrets::from_key_log(text, session, 0, End::Agent);
    assert!(read(&text).is_ok_and(|back| back == secrets));
    sheet.part("not the agent's of line 0");
    let random = "71".repeat(32);
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    for (name, wrong) in [
        ("the technician's", text.replace("end agent", "end technician")),
        ("of line 1", text.replace("line 0", "line 1")),
        ("the exporter's secret is in it", format!("{}EXPORTER_SECRET {random} 76\n", *text)),
        ("one secret is missing", lines[..7].concat()),
        ("in another order", [&lines[..4], &[lines[5], lines[4]], &lines[6..]].concat().concat()),
        ("two handshakes", text.replacen(&random, &"70".repeat(32), 1)),
        ("capital digits", text.replace("72727272", "7272727A")),
    ] {
        assert!(read(&wrong).is_err(), "{name}");
        sheet.fails(name, wrong.as_bytes(), NotAKeyLog);
    }
    sheet.pinned();
}
