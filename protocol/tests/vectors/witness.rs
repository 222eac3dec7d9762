//! What node, ends and technician sign of a session: seal, receipt, checkpoint, an end's word for
//! it, the closing, the note on the ticket.

use bytes::Bytes;
use data_encoding::BASE64;
use deskside_protocol::key::{Context, SigningKey};
use deskside_protocol::note;
use deskside_protocol::recording::checkpoint::{Checkpoint, KEY_NAME, Note};
use deskside_protocol::recording::{Binding, Closer};
use deskside_protocol::session::{End, SessionId};
use deskside_protocol::signed;
use deskside_protocol::wire::record::{self, Closing, Receipt, Signed};
use deskside_protocol::wire::signal::CloseProposal;
use deskside_protocol::witness::{Witness, WitnessError};
use prost::Message as _;

use crate::identity::{NOW, bytes, signed_hex};
use crate::oracle::{lv, sha256};
use crate::sheet::Sheet;
use crate::support::{Cast, key};

const TH: [u8; 32] = [0x74; 32];
const AGE: &[u8] = b"age-encryption.org/v1 (some file)";
const MICROS: u64 = NOW * 1_000_000;

const SESSION: SessionId = SessionId::from_bytes([0x5e; 16]);

fn binding() -> Binding {
    Binding { session: SESSION, transcript: TH }
}

/// The agent, of session key 04.
fn agent() -> Witness {
    Witness::new(End::Agent, key(4), key(2).public(), binding())
}

fn receipt(node: &SigningKey, age: &[u8], end: End) -> Signed {
    let receipt = Receipt {
        session: bytes(SESSION.as_bytes()),
        line: 0,
        end: end.to_wire(),
        age_sha256: bytes(&sha256(age)),
        time: MICROS,
    };
    signed::sign_message(node, Context::Receipt, &receipt)
}

#[test]
fn seals_and_receipts() {
    let mut sheet = Sheet::new(
        "seal",
        "\
# An end's seal and the node's receipt. PROTOCOL.md, \"Seals\".
# Seeds: node 02, agent's session key 04. Session: 16 times 5e, TH: 32 times 74.
",
    );
    let mut witness = agent();
    let seal = witness.seal(0, Bytes::from_static(AGE));
    assert!(binding().verify_seal(&key(4).public(), &seal).is_ok());
    sheet.part("the agent's seal of line 0");
    sheet.hex("age file (here only some bytes)", AGE);
    sheet.hex(
        "what is signed",
        &lv(&[b"deskside1 seal", SESSION.as_bytes(), &[0; 4], &[1], &TH, &sha256(AGE)]),
    );
    sheet.hex("Seal", &seal.encode_to_vec());

    sheet.part("the receipt for it");
    let good = receipt(&key(2), AGE, End::Agent);
    sheet.hex("Receipt", &good.body);
    signed_hex(&mut sheet, Context::Receipt, &good);
    assert_eq!(witness.receipt(&good), Ok(()));
    sheet.part("receipts that the agent does not take");
    for (name, wrong) in [
        ("signed by another key (seed 09)", receipt(&key(9), AGE, End::Agent)),
        ("for another age file", receipt(&key(2), b"another", End::Agent)),
        ("for the technician's seal", receipt(&key(2), AGE, End::Technician)),
    ] {
        let failure: WitnessError = witness.receipt(&wrong).unwrap_err();
        sheet.fails(name, &wrong.encode_to_vec(), failure);
    }
    sheet.pinned();
}

fn checkpoint(seq: u64) -> Checkpoint {
    Checkpoint { session: SESSION, seq, hash: [0xc4; 32], time_us: MICROS }
}

#[test]
fn checkpoints() {
    let mut sheet = Sheet::new(
        "checkpoint",
        "\
# The node's checkpoint and an end's word for it. PROTOCOL.md, \"Checkpoints\".
# Seeds: node 02, agent's session key 04. Session: 16 times 5e, TH: 32 times 74.
",
    );
    let note = checkpoint(41).sign(&key(2));
    let text = note.encode();
    sheet.part("the node's note on blocks 0 to 41");
    sheet.text("what is signed, as it stands", &checkpoint(41).text());
    let named = [KEY_NAME.as_bytes(), b"\x0a\x01", key(2).public().as_bytes()].concat();
    sheet.hex("what the key id is the hash of: name, 0a, 01, node key", &named);
    sheet.hex("key id: the first four bytes of its SHA-256", &sha256(&named)[..4]);
    sheet.text("the note", &text);
    sheet.hex("SHA-256 of the note", &note.sha256());
    let mut witness = agent();
    let signed = witness.checkpoint(&text).unwrap();
    sheet.part("the agent's word for it");
    sheet.hex(
        "what is signed",
        &lv(&[b"deskside1 endsig", SESSION.as_bytes(), &[1], &TH, &note.sha256()]),
    );
    sheet.hex("EndSignature", &signed.encode_to_vec());

    sheet.part("not notes");
    for (from, to) in [
        ("seq 41", "seq 041"),
        ("seq 41\n", "seq 41\r\n"),
        ("session 5e", "session 5E"),
        ("\n\n", "\nmore\n\n"),
        ("\u{2014}", "-"),
        ("deskside-node", "another-node"),
    ] {
        let wrong = text.replacen(from, to, 1);
        let failure = Note::parse(wrong.as_bytes()).unwrap_err();
        sheet.fails(&format!("{from:?} became {to:?}"), wrong.as_bytes(), failure);
    }
    // 62 and 6 bytes, each with its padding: many decoders take them for 68.
    let last = text.trim_end().rsplit(' ').next().unwrap();
    let bytes = BASE64.decode(last.as_bytes()).unwrap();
    let padded = BASE64.encode(&bytes[..62]) + &BASE64.encode(&bytes[62..]);
    let wrong = text.replace(last, &padded);
    let failure = Note::parse(wrong.as_bytes()).unwrap_err();
    sheet.fails("padding in the middle of the base64", wrong.as_bytes(), failure);
    sheet.part("notes that the agent does not sign after that one");
    let elsewhere = Checkpoint { session: SessionId::from_bytes([0x5f; 16]), ..checkpoint(42) };
    for (name, wrong) in [
        ("once more", text),
        ("one before it", checkpoint(40).sign(&key(2)).encode()),
        ("of another session", elsewhere.sign(&key(2)).encode()),
        ("by another node (seed 09)", checkpoint(42).sign(&key(9)).encode()),
        ("seq 42 under the signature of 41", {
            checkpoint(42).text() + "\n" + note.encode().lines().last().unwrap() + "\n"
        }),
    ] {
        let failure = witness.checkpoint(&wrong).unwrap_err();
        sheet.fails(name, wrong.as_bytes(), failure);
    }
    sheet.pinned();
}

fn closing(seq: u64) -> Closing {
    Closing {
        session: bytes(SESSION.as_bytes()),
        reason: record::Reason::TechnicianEnded.into(),
        totals: Some(record::Totals {
            packets_from_agent: 3,
            bytes_from_agent: 2_500,
            packets_from_technician: 1,
            bytes_from_technician: 60,
            packets_dropped: 0,
        }),
        seq,
        previous: bytes(&[0xc5; 32]),
        time: MICROS,
    }
}

fn proposal(node: &SigningKey, closing: &Closing) -> CloseProposal {
    let closing = closing.encode_to_vec();
    let signature = binding().close(node, Closer::Node, &closing);
    CloseProposal { closing: closing.into(), node_signature: bytes(&signature) }
}

#[test]
fn closings() {
    let mut sheet = Sheet::new(
        "closing",
        "\
# The closing of a recording, signed by node and ends. PROTOCOL.md, \"Closing\".
# Seeds: node 02, session keys: agent 04, technician 05. Session: 16 times 5e, TH: 32 times 74.
",
    );
    let good = proposal(&key(2), &closing(44));
    sheet.part("what is proposed");
    sheet.hex("Closing", &good.closing);
    let closing_bytes = good.closing.clone();
    let signed = |by: &[u8]| lv(&[b"deskside1 close", by, &TH, &closing_bytes]);
    sheet.hex("what the node signs", &signed(b"node"));
    sheet.hex("CloseProposal", &good.encode_to_vec());
    sheet.part("what the ends sign");
    sheet.hex("the agent", &signed(b"agent"));
    sheet.hex("the technician", &signed(b"technician"));
    let mut witness = agent();
    let by_agent = witness.close(&good).unwrap().signature;
    sheet.hex("the agent's CloseSignature.signature", &by_agent);
    let technician = Closer::End(End::Technician);
    let by_technician = binding().close(&key(5), technician, &good.closing);
    sheet.hex("the technician's", &by_technician);
    let close = record::Close {
        closing: good.closing.clone(),
        node_signature: good.node_signature.clone(),
        agent_signature: by_agent,
        technician_signature: bytes(&by_technician),
    };
    sheet.part("the body of the CLOSE block");
    sheet.hex("Close", &close.encode_to_vec());

    sheet.part("what the agent does not sign, having seen a checkpoint over blocks 0 to 41");
    witness.checkpoint(&checkpoint(41).sign(&key(2)).encode()).unwrap();
    let elsewhere = Closing { session: bytes(&[0x5f; 16]), ..closing(44) };
    for (name, wrong) in [
        ("by another node (seed 09)", proposal(&key(9), &closing(44))),
        ("of another session", proposal(&key(2), &elsewhere)),
        ("before the checkpoint", proposal(&key(2), &closing(41))),
    ] {
        sheet.fails(name, &wrong.encode_to_vec(), witness.close(&wrong).unwrap_err());
    }
    sheet.pinned();
}

#[test]
fn notes() {
    let mut sheet = Sheet::new(
        "note",
        "\
# A session's note on its ticket. PROTOCOL.md, \"The session's note\".
# Seeds: organisation 01, technician's long-term key 03; the certificate of certificate.txt.
",
    );
    let certificate = Cast::default().certificate();
    let note = record::Note {
        session: bytes(SESSION.as_bytes()),
        ticket: "4711".to_owned(),
        text: "Cleaned the print queue.\nIt prints.".to_owned(),
        recording_hash: bytes(&[0xc6; 32]),
        time: NOW,
        certificate: certificate.encode_to_vec().into(),
        ..record::Note::default()
    };
    let good = note::sign(&key(3), note.clone());
    sheet.part("a good one");
    sheet.hex("Note", &good.body);
    signed_hex(&mut sheet, Context::Note, &good);
    let organisation = key(1).public();
    assert_eq!(note::open(&good, &organisation), Ok(note.clone()));

    sheet.part("what does not count");
    let foreign = Signed { signature: bytes(&[0; 64]), ..certificate };
    let foreign = record::Note { certificate: foreign.encode_to_vec().into(), ..note.clone() };
    let bare = record::Note { certificate: Bytes::new(), ..note.clone() };
    let nameless = record::Note { session: bytes(&[0x5e; 15]), ..note.clone() };
    let long = record::Note { text: "x".repeat(note::MAX_TEXT + 1), ..note.clone() };
    for (name, wrong) in [
        (
            "signed by another key (seed 09) than the certificate's",
            note::sign(&key(9), note.clone()),
        ),
        ("the organisation did not sign the certificate", note::sign(&key(3), foreign)),
        ("without a certificate", note::sign(&key(3), bare)),
        ("a session id of 15 bytes", note::sign(&key(3), nameless)),
        ("signed as a certificate", { signed::sign_message(&key(3), Context::Certificate, &note) }),
    ] {
        sheet.fails(name, &wrong.encode_to_vec(), note::open(&wrong, &organisation).unwrap_err());
    }
    let failure = note::open(&note::sign(&key(3), long), &organisation).unwrap_err();
    sheet.line(&format!("# a text of 16385 bytes\n# fails: {failure:?}"));
    sheet.pinned();
}
