//! Transfers of files: what a sender and a receiver put on a stream, and what is refused.

use bytes::Bytes;
use deskside_protocol::file::{
    Announced, Breach, Component, End, Entry, Expected, Fault, Have, Incoming, NameError,
    RelativePath, Step,
};
use deskside_protocol::frame::{self, Decoder, MAX_MESSAGE};
use deskside_protocol::wire::message::refusal::Cause;
use deskside_protocol::wire::message::{
    FileDone, FileFrom, FileListed, FilePut, FileSkipped, FilesSent, Message, message::Kind,
};
use prost::Message as _;

use crate::sheet::Sheet;

const BODY: &[u8] = b"hello";

fn said(kind: Kind) -> Vec<u8> {
    frame::encode(&Message { kind: Some(kind) }, MAX_MESSAGE).unwrap().to_vec()
}

fn body(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

fn entry(path: &str, size: u64, folder: bool) -> Vec<u8> {
    let path = RelativePath::parse(path).unwrap();
    let modified = if folder { 0 } else { 1_700_000_000 };
    let entry = Entry { path, size, modified, folder, executable: false };
    said(Kind::FileEntry(entry.to_wire()))
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    deskside_protocol::transcript::sha256(bytes)
}

fn end(bytes: &[u8]) -> Vec<u8> {
    let end = End::Whole { blake3: *blake3::hash(bytes).as_bytes(), sha256: sha256(bytes) };
    said(Kind::FileEnd(end.to_wire()))
}

fn done(sha256: &[u8]) -> Vec<u8> {
    let sha256 = Bytes::copy_from_slice(sha256);
    said(Kind::FileDone(FileDone { sha256, failed: None }))
}

fn from(offset: u64) -> Vec<u8> {
    said(Kind::FileFrom(FileFrom { offset }))
}

/// Hears a sender's stream, with `have` as the part of every file where it is asked for.
fn heard(stream: &[u8], resume: bool, have: &Have) -> Result<Vec<Step>, Breach> {
    let announced = Announced { files: 1, bytes: 5, resume };
    let (mut incoming, mut steps) = (Incoming::new(announced), Vec::new());
    let mut decoder = Decoder::new(2 * MAX_MESSAGE);
    decoder.push(stream);
    while let Some(frame) = decoder.next_body().unwrap() {
        if incoming.wants_body() {
            incoming.body(frame.len())?;
            continue;
        }
        let step = incoming.message(&Message::decode(frame).unwrap().kind.unwrap())?;
        if matches!(step, Step::File(_)) {
            incoming.said(have);
        }
        steps.push(step);
    }
    incoming.finish().map(|()| steps)
}

#[test]
fn transfers() {
    let mut sheet = Sheet::new("files", "# Transfers of files. PROTOCOL.md, \"Files\".\n");
    let sent = said(Kind::FilesSent(FilesSent {}));
    let why = Fault::new(Cause::BadRequest, "link is a link, and links are not followed");
    let skipped = FileSkipped { path: vec!["d".into(), "link".into()], why: Some(why.to_wire()) };
    let sender = [
        ("FileEntry { path: [\"d\"], folder }", entry("d", 0, true)),
        ("FileEntry { path: [\"d\", \"a.txt\"], size: 5, modified }", entry("d/a.txt", 5, false)),
        ("the body: \"hello\"", body(BODY)),
        ("its end", body(b"")),
        ("FileEnd { blake3, sha256 }", end(BODY)),
        ("FileSkipped { path: [\"d\", \"link\"], why }", said(Kind::FileSkipped(skipped))),
        ("FilesSent", sent.clone()),
    ];
    sheet.part("a sender: a folder, a file, a link that is not sent");
    for (name, bytes) in &sender {
        sheet.hex(name, bytes);
    }
    let whole: Vec<u8> = sender.into_iter().flat_map(|(_, bytes)| bytes).collect();
    assert_eq!(heard(&whole, false, &Have::NOTHING).unwrap().len(), 5);
    sheet.part("a receiver");
    sheet.hex("FileDone { sha256 }", &done(&sha256(BODY)));

    let have = Have::new(2, *blake3::hash(&BODY[..2]).as_bytes());
    assert_eq!(have.begin(5, blake3::hash(&BODY[..2]).as_bytes()), 2);
    sheet.part("a receiver that has \"he\" already");
    sheet.hex("FileHave { bytes: 2, blake3 }", &said(Kind::FileHave(have.to_wire())));
    sheet.hex("FileHave where there is nothing", &said(Kind::FileHave(Have::NOTHING.to_wire())));
    let resumed = [entry("a.txt", 5, false), from(2), body(b"llo"), body(b""), end(BODY), sent];
    let resumed = resumed.concat();
    assert!(heard(&resumed, true, &have).unwrap().contains(&Step::From(2)));
    sheet.part("a sender that goes on behind it");
    sheet.hex("FileEntry, FileFrom { offset: 2 }, \"llo\", its end, FileEnd, FilesSent", &resumed);

    sheet.part("senders that are not heard to their end, of one file and 5 bytes announced");
    let file = || entry("a", 5, false);
    for (name, parts) in [
        ("a byte too many", vec![file(), body(b"hello!")]),
        ("a byte too few", vec![file(), body(b"hell"), body(b""), end(b"hell")]),
        ("a second file", vec![file(), body(BODY), body(b""), end(BODY), entry("b", 0, false)]),
        ("a size over what was announced", vec![entry("a", 6, false)]),
        ("no end of the body", vec![file(), body(BODY)]),
        ("an offset that nobody asked for", vec![from(0)]),
    ] {
        let stream = parts.concat();
        sheet.fails(name, &stream, heard(&stream, false, &Have::NOTHING).unwrap_err());
    }
    let elsewhere = [entry("a", 5, false), from(3)].concat();
    let failure = heard(&elsewhere, true, &have).unwrap_err();
    sheet.fails("an offset where the receiver's part does not end", &elsewhere, failure);
    announcements(&mut sheet);
    sheet.pinned();
}

/// A technician's announcement, with files that the user is asked about.
fn announcements(sheet: &mut Sheet) {
    let put = |files, bytes, listed: &[(&str, u64)]| {
        let listed = listed.iter().map(|(path, size)| {
            let path = path.split('/').map(str::to_owned).collect();
            FileListed { path, size: *size }
        });
        FilePut { files, bytes, listed: listed.collect(), ..FilePut::default() }
    };
    sheet.part("an announcement that names one of two files");
    let good = put(2, 12, &[("d/a.txt", 5)]);
    let expected = Expected::by_put(&good).unwrap();
    assert_eq!(expected.listed().len(), 1);
    sheet.hex("FilePut { files: 2, bytes: 12, listed: [[\"d\", \"a.txt\"] of 5] }", &{
        said(Kind::FilePut(good))
    });
    for (name, put) in [
        ("more are listed than announced", put(1, 12, &[("a", 5), ("b", 5)])),
        ("together they are more than announced", put(2, 9, &[("a", 5), ("b", 5)])),
        ("a path that leads up", put(1, 5, &[("../a", 5)])),
    ] {
        let failure = Expected::by_put(&put).unwrap_err();
        sheet.fails(name, &said(Kind::FilePut(put)), failure);
    }
    let mut incoming = Incoming::new(expected);
    for (name, size) in [("x", 7), ("d/b.txt", 5)] {
        let step = incoming
            .message(&Message::decode(&entry(name, size, false)[4..]).unwrap().kind.unwrap());
        if name == "x" {
            assert!(matches!(step, Ok(Step::File(_))));
            incoming.body(7).unwrap();
            incoming.body(0).unwrap();
            let end = Message::decode(&end(b"7 bytes")[4..]).unwrap().kind.unwrap();
            incoming.message(&end).unwrap();
        } else {
            let stream = entry(name, size, false);
            sheet.fails(
                "in the place of the listed file, behind one that was only counted",
                &stream,
                step.unwrap_err(),
            );
        }
    }
}

#[test]
fn names() {
    let mut sheet = Sheet::new(
        "names",
        "# Components of paths in Rust's notation, and why some are not taken.\n\
         # PROTOCOL.md, \"Files\".\n",
    );
    sheet.part("taken");
    let long = "x".repeat(255);
    let good =
        ["a", ".profile", "..a", "Müller 東京.txt", "COM10", "null", "a b", "~", "-rf", &long];
    for name in good {
        assert_eq!(Component::new(name).unwrap().as_str(), name);
        sheet.line(&format!("{name:?}"));
    }
    sheet.part("not taken");
    let longer = "x".repeat(256);
    for (name, why) in [
        ("", NameError::Empty),
        (".", NameError::Dots),
        ("..", NameError::Dots),
        ("a/b", NameError::Separator),
        ("../a", NameError::Separator),
        ("..\\a", NameError::Separator),
        ("C:", NameError::Separator),
        ("a\0", NameError::Control),
        ("a\u{1b}[2J", NameError::Control),
        ("a\u{85}", NameError::Control),
        ("a.", NameError::Trailing),
        ("a ", NameError::Trailing),
        ("...", NameError::Trailing),
        ("nul", NameError::Device),
        ("CON .txt", NameError::Device),
        ("com¹.log", NameError::Device),
        (".a.Deskside-Part", NameError::Part),
        (&longer, NameError::Long),
    ] {
        assert_eq!(Component::new(name), Err(why));
        sheet.line(&format!("{name:?} fails: {why:?}"));
    }
    sheet.pinned();
}
