//! Statements, and what an end keeps of them.

use bytes::Bytes;
use deskside_protocol::key::Context;
use deskside_protocol::seal::LineSecrets;
use deskside_protocol::session::{End, Ends, SessionId};
use deskside_protocol::signed;
use deskside_protocol::statement::{
    Exchange, Key, Ledger, Parties, State, Statement, StatementError, Way, name, open,
};
use deskside_protocol::wire::record::{self, Signed};
use prost::Message as _;
use zeroize::Zeroizing;

use crate::sheet::Sheet;
use crate::support::{Cast, START};

const PREFACE: &str = "\
# Statements. PROTOCOL.md, \"Statements\".
# Seeds: agent's session key 04, technician's 05; session 5e.., line 0; the secrets of keylog.txt.
";

fn parties(cast: &Cast, end: End) -> Parties {
    let (own, other) = match end {
        End::Agent => (&cast.ends.agent, &cast.ends.technician),
        End::Technician => (&cast.ends.technician, &cast.ends.agent),
    };
    Parties { session: cast.session, end, key: own.clone(), peer: other.public() }
}

fn secrets() -> LineSecrets {
    LineSecrets {
        client_random: [0x71; 32],
        secrets: [0x72, 0x73, 0x74, 0x75].map(|byte| Zeroizing::new(vec![byte; 48])),
    }
}

fn half(cast: &Cast, end: End) -> (Exchange, Ledger) {
    let mut exchange = Exchange::new(parties(cast, end), None);
    exchange.begin_line(0);
    (exchange, Ledger::new(secrets().sha256()))
}

fn count(ledger: &mut Ledger, key: Key, bytes: &[u8]) {
    ledger.opened(key, false);
    ledger.count(key, bytes);
}

fn hex(sheet: &mut Sheet, what: &str, signed: &Signed) {
    sheet.hex(&format!("{what}: Statement"), &signed.body);
    sheet.hex("its name", &name(signed));
    sheet.hex("its signature", &signed.signature);
}

#[test]
fn statements() {
    let cast = Cast::default();
    let mut sheet = Sheet::new("statement", PREFACE);
    let text = secrets().to_key_log(cast.session, 0, End::Technician);
    let lines: String = text.split_inclusive('\n').skip(4).collect();
    sheet.part("the hash of the secrets");
    sheet.text("the sealed text behind its fourth line feed", &lines);
    sheet.hex("SHA-256", &secrets().sha256());

    let (mut agent, mut here) = half(&cast, End::Agent);
    let (mut technician, mut there) = half(&cast, End::Technician);
    count(&mut there, (4, Way::Sent), b"hello");
    there.ended((4, Way::Sent), State::Finished);
    there.datagram(Way::Sent, b"one");
    there.datagram(Way::Sent, b"two");
    let first = technician.say(&mut there, START, false).unwrap().signed;
    sheet.part(
        "the technician's first: stream 4 with \"hello\", finished; datagrams \"one\", \"two\"",
    );
    hex(&mut sheet, "number 0", &first);

    agent.hear(&mut here, &first).unwrap();
    count(&mut here, (4, Way::Delivered), b"hel");
    here.datagram(Way::Delivered, b"two");
    agent.checkpoint("a checkpoint's text\n");
    let answer = agent.say(&mut here, START + 1, false).unwrap().signed;
    sheet.part("the agent's first: \"hel\" and \"two\" delivered, after a checkpoint");
    hex(&mut sheet, "number 0", &answer);

    technician.hear(&mut there, &answer).unwrap();
    there.freeze();
    let last = technician.say(&mut there, START + 2, true).unwrap().signed;
    sheet.part("the technician's last");
    hex(&mut sheet, "number 1", &last);
    agent.hear(&mut here, &last).unwrap();
    sheet.part("what the agent keeps");
    sheet.hex("Tail", &agent.tail().encode(START / 1_000_000));

    unsound(&cast, &mut sheet, &first);
    sheet.pinned();
}

/// What says nothing, and why.
fn unsound(cast: &Cast, sheet: &mut Sheet, good: &Signed) {
    let keys = Ends { agent: cast.ends.agent.public(), technician: cast.ends.technician.public() };
    let body = record::Statement::decode(good.body.clone()).unwrap();
    let resigned = |body: record::Statement| {
        signed::sign_message(&cast.ends.technician, Context::Statement, &body)
    };
    let two = [body.streams.clone(), body.streams.clone()].concat();
    sheet.part("what says nothing");
    for (why, wrong, expected) in [
        (
            "signed by the other end (seed 04)",
            signed::sign_message(&cast.ends.agent, Context::Statement, &body),
            StatementError::Signature,
        ),
        (
            "signed as a seal",
            signed::sign_message(&cast.ends.technician, Context::Seal, &body),
            StatementError::Signature,
        ),
        (
            "of no end",
            resigned(record::Statement { end: 0, ..body.clone() }),
            StatementError::Malformed,
        ),
        (
            "a first with one before it",
            resigned(record::Statement { previous: Bytes::from_static(&[1; 32]), ..body.clone() }),
            StatementError::Malformed,
        ),
        (
            "the same stream twice",
            resigned(record::Statement { streams: two, ..body.clone() }),
            StatementError::Malformed,
        ),
        (
            "a hash of 31 bytes",
            resigned(record::Statement { secrets: Bytes::from_static(&[1; 31]), ..body }),
            StatementError::Malformed,
        ),
    ] {
        assert_eq!(open(&wrong, &keys), Err(expected));
        sheet.fails(why, &wrong.encode_to_vec(), expected);
    }
    let read = open(good, &keys).unwrap();
    let again = Statement::from_wire(&read.to_wire());
    assert_eq!(again, Ok(read));
    assert_eq!(cast.session, SessionId::from_bytes([0x5e; 16]));
}
