//! What travels: datagrams and their labels, the fields of a pairing, signals and messages.

use bytes::Bytes;
use prost::Message;
use zeroize::Zeroizing;

use super::{again, text};
use crate::act::{ActKey, KEY};
use crate::channel::Channel;
use crate::file::{self, Entry, Expected, Have, Incoming, RelativePath};
use crate::frame::{self, Decoder, MAX_MESSAGE, MAX_SIGNAL};
use crate::label::{self, LABEL};
use crate::lv;
use crate::session::SessionId;
use crate::transcript::{AgentData, TechnicianData};
use crate::wire::{message, signal};

pub(super) fn act(bytes: &[u8]) {
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

pub(super) fn signals(bytes: &[u8]) {
    framed::<signal::Signal>(bytes, MAX_SIGNAL);
}

pub(super) fn messages(bytes: &[u8]) {
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
pub(super) fn transfer(bytes: &[u8]) {
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
pub(super) fn path(bytes: &[u8]) {
    if let Ok(path) = RelativePath::parse(text(bytes)) {
        assert!(RelativePath::from_wire(&path.to_wire()).is_ok_and(|again| again == path));
        assert!(path.components().iter().all(|name| !name.as_str().contains('/')));
        let typed = path.to_wire().join("/");
        assert!(RelativePath::parse(&typed).is_ok_and(|again| again == path));
    }
}

pub(super) fn agent_data(bytes: &[u8]) {
    if let Ok(data) = AgentData::decode(bytes) {
        assert_eq!(data.encode(), bytes);
    }
}

pub(super) fn technician_data(bytes: &[u8]) {
    if let Ok(data) = TechnicianData::decode(bytes) {
        assert_eq!(data.encode(), bytes);
    }
}

pub(super) fn label_of_datagram(bytes: &[u8]) {
    if let Some(label) = label::of_datagram(bytes) {
        assert!(bytes.windows(LABEL).any(|window| window == label.as_bytes()));
    }
}

pub(super) fn length_prefixed(bytes: &[u8]) {
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

pub(super) fn session_id(bytes: &[u8]) {
    if let Ok(id) = text(bytes).parse::<SessionId>() {
        assert_eq!(id.to_string().as_bytes(), bytes);
    }
}
