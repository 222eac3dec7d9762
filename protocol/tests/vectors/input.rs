//! Mouse, keyboard and clipboard: one of each message, and the technician's mouse in datagrams.

use deskside_protocol::act::{ActError, ActKey, DATAGRAMS, KEY, MAC};
use deskside_protocol::channel::Channel;
use deskside_protocol::frame::{self, MAX_MESSAGE};
use deskside_protocol::wire::message::pointer_at::Use;
use deskside_protocol::wire::message::{
    Act, Button, Copied, Hand, Key, Message, PointerAt, StillHeld, Typed, Wheel, message::Kind,
};
use prost::Message as _;
use zeroize::Zeroizing;

use crate::line::mac_input;
use crate::oracle;
use crate::sheet::Sheet;

const fn of(kind: Kind) -> Message {
    Message { kind: Some(kind) }
}

fn at(r#use: Use, x: i32, y: i32) -> Message {
    of(Kind::PointerAt(PointerAt { r#use: r#use.into(), x, y }))
}

#[test]
fn input() {
    let mut sheet = Sheet::new(
        "input",
        "\
# Mouse, keyboard, clipboard. PROTOCOL.md, \"Mouse, keyboard, clipboard\".
",
    );
    sheet.part("Message, framed, as an Act holds it; Hand as the agent says it");
    let typed = |text: &str| of(Kind::Typed(Typed { text: text.to_owned() }));
    let copied = |text: &str| of(Kind::Copied(Copied { text: text.to_owned() }));
    let wheel = Wheel { right: -60, down: 120, x: 0, y: 0, here: true };
    for (name, message) in [
        ("left button down at 640, 400", {
            of(Kind::Button(Button { button: 1, down: true, x: 640, y: 400 }))
        }),
        ("left button up, beyond the upper left corner", {
            of(Kind::Button(Button { button: 1, down: false, x: -1, y: -2 }))
        }),
        ("half a notch to the left and one down, where the pointer is", of(Kind::Wheel(wheel))),
        ("the pointer to 3, 4, by a wheel that is not turned", {
            of(Kind::Wheel(Wheel { x: 3, y: 4, ..Wheel::default() }))
        }),
        ("A down: usage 0x04", of(Kind::Key(Key { usage: 4, down: true }))),
        ("left Control up: usage 0xe0", of(Kind::Key(Key { usage: 0xe0, down: false }))),
        ("\"Grüße €\"", typed("Grüße €")),
        ("still held", of(Kind::StillHeld(StillHeld {}))),
        ("the user's own hand", of(Kind::Hand(Hand { user: true }))),
        ("the technician's again", of(Kind::Hand(Hand { user: false }))),
        ("copied: \"ß\"", copied("ß")),
        ("nothing copied: what is there?", copied("")),
    ] {
        let bytes = frame::encode(&message, MAX_MESSAGE).unwrap();
        assert_eq!(Message::decode(&bytes[frame::PREFIX..]), Ok(message), "{name}");
        sheet.hex(name, &bytes);
    }
    datagrams(&mut sheet);
    sheet.pinned();
}

/// Three places, the second of which overtakes the first.
fn datagrams(sheet: &mut Sheet) {
    let exported = [0x61; KEY];
    let key = ActKey::new(Zeroizing::new(exported));
    let mut actor = key.actor(Channel::Pointer, DATAGRAMS);
    let places = [at(Use::Move, 10, 20), at(Use::Show, 30, -40), at(Use::Hide, 0, 0)];
    let acts: Vec<Act> = places.iter().map(|place| actor.wrap(place)).collect();
    sheet.part("datagrams: each an Act without a length, under the key of act.txt");
    for act in &acts {
        let input = mac_input(Channel::Pointer, DATAGRAMS, act.number, &act.message);
        let hmac = oracle::hmac(&exported, &input);
        assert_eq!(act.mac.as_ref(), &hmac[..MAC]);
        sheet.hex(&format!("number {}: Message", act.number), &act.message);
        sheet.hex("what the MAC covers", &input);
        sheet.hex("the datagram", &act.encode_to_vec());
    }
    let mut verifier = key.verifier(Channel::Pointer, DATAGRAMS);
    assert_eq!(verifier.open_newer(&acts[1]).as_ref(), Ok(&places[1]));
    sheet.part("datagrams that come to nothing behind number 1");
    let on_a_stream = key.actor(Channel::Pointer, 4).wrap(&places[0]);
    let forged = Act { number: 7, ..on_a_stream };
    for (name, act, failure) in [
        ("number 0, which it has overtaken", &acts[0], ActError::OutOfOrder),
        ("number 1 again", &acts[1], ActError::OutOfOrder),
        ("number 7, made for a stream", &forged, ActError::Forged),
    ] {
        assert_eq!(verifier.open_newer(act), Err(failure), "{name}");
        sheet.fails(name, &act.encode_to_vec(), failure);
    }
    assert_eq!(verifier.open_newer(&acts[2]).as_ref(), Ok(&places[2]));
}
