//! Coming back: what an end proves to a node, and how the node's stateless resets are made.

use deskside_protocol::frame::{self, MAX_SIGNAL};
use deskside_protocol::label::Label;
use deskside_protocol::reattach::{Claim, EXPORTER, EXPORTER_LABEL, NONCE, TOKEN, reset_key};
use deskside_protocol::session::SessionId;
use deskside_protocol::wire::signal::{
    Challenge, Peer, Proof, Reattach, Session, Signal, Unrecorded, signal::Kind,
};
use zeroize::Zeroizing;

use crate::identity::bytes;
use crate::oracle::{expand, hmac, lv};
use crate::sheet::Sheet;
use crate::support::key;

const SESSION: SessionId = SessionId::from_bytes([0x5e; 16]);
const LABEL: [u8; 8] = [0x80, 1, 2, 3, 4, 5, 6, 7];
const PEER_LABEL: [u8; 8] = [0x90, 1, 2, 3, 4, 5, 6, 7];

fn label(bytes: [u8; 8]) -> Label {
    Label::from_bytes(&bytes).unwrap()
}

fn on_the_stream(kind: Kind) -> Vec<u8> {
    frame::encode(&Signal { kind: Some(kind) }, MAX_SIGNAL).unwrap().to_vec()
}

#[test]
fn coming_back() {
    let mut sheet = Sheet::new(
        "reattach",
        "\
# An end that comes back, and the node's reset key. PROTOCOL.md, \"Coming back\".
# Seeds: node 02, agent's session key 04. Session: 16 times 5e.
",
    );
    let exporter = Zeroizing::new([0x65; EXPORTER]);
    let nonce = [0x6e; NONCE];
    sheet.part("the signals, in order");
    let token = bytes(&[0x74; TOKEN]);
    let reattach = Reattach { token: token.clone(), fresh_line: false };
    sheet.hex("Signal { reattach }, from the end", &on_the_stream(Kind::Reattach(reattach)));
    let challenge = Challenge { nonce: bytes(&nonce), label: bytes(&LABEL) };
    sheet.hex("Signal { challenge }, from the node", &on_the_stream(Kind::Challenge(challenge)));

    let claim = Claim { session: SESSION, label: label(LABEL), nonce: &nonce, exporter: &exporter };
    let signature = claim.sign(&key(4));
    let label_text = String::from_utf8(EXPORTER_LABEL.to_vec()).unwrap();
    sheet.hex(&format!("the leg's exporter {label_text:?}, no context"), exporter.as_ref());
    sheet.hex(
        "what is signed: nonce, session, label, exporter",
        &lv(&[b"deskside1 reattach", &nonce, SESSION.as_bytes(), &LABEL, exporter.as_ref()]),
    );
    let proof = Proof { signature: bytes(&signature) };
    sheet.hex("Signal { proof }, from the end", &on_the_stream(Kind::Proof(proof)));
    let session = Session {
        session: bytes(SESSION.as_bytes()),
        own_label: bytes(&LABEL),
        peer_label: bytes(&PEER_LABEL),
        reattach_token: token,
        recorded: true,
        line: 0,
    };
    sheet.hex("Signal { session }, from the node", &on_the_stream(Kind::Session(session)));
    let peer = Peer { present: true };
    sheet.hex("Signal { peer }, from the node", &on_the_stream(Kind::Peer(peer)));
    sheet.hex("Signal { unrecorded }", &on_the_stream(Kind::Unrecorded(Unrecorded {})));
    sheet.hex("a Signal without a kind, in its frame: provokes an answer", &[0; 4]);

    sheet.part("claims that this proof does not prove");
    let public = key(4).public();
    assert_eq!(claim.verify(&public, &signature), Ok(()));
    let (other_nonce, other_leg) = ([0x6f; NONCE], Zeroizing::new([0x66; EXPORTER]));
    let elsewhere = SessionId::from_bytes([0x5f; 16]);
    for (name, wrong) in [
        ("of another session", Claim { session: elsewhere, ..claim_of(&nonce, &exporter) }),
        (
            "of the other end's label",
            Claim { label: label(PEER_LABEL), ..claim_of(&nonce, &exporter) },
        ),
        ("for another nonce", claim_of(&other_nonce, &exporter)),
        ("on another leg", claim_of(&nonce, &other_leg)),
    ] {
        let failure = wrong.verify(&public, &signature).unwrap_err();
        sheet.fails(name, &signature, failure);
    }
    let failure = claim.verify(&key(5).public(), &signature).unwrap_err();
    sheet.fails("by the other end's session key (seed 05)", &signature, failure);
    sheet.fails("cut off", &signature[..63], claim.verify(&public, &signature[..63]).unwrap_err());

    sheet.part("stateless resets");
    let reset = reset_key(&key(2)).unwrap();
    // HKDF by hand: no salt is 32 zero bytes.
    assert_eq!(*reset, expand(&hmac(&[0; 32], key(2).seed().as_ref()), b"deskside1 reset"));
    sheet.hex("the node's reset key", reset.as_ref());
    let id = [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88];
    sheet.hex("a connection id that the node gave to an end", &id);
    sheet.hex("its token: the last 16 bytes of a reset", &hmac(reset.as_ref(), &id)[..16]);
    sheet.pinned();
}

fn claim_of<'a>(nonce: &'a [u8; NONCE], exporter: &'a Zeroizing<[u8; EXPORTER]>) -> Claim<'a> {
    Claim { session: SESSION, label: label(LABEL), nonce, exporter }
}
