//! An excerpt of a recording.

use deskside_protocol::excerpt::{self, Flaw, Known};
use deskside_protocol::key::Context;
use deskside_protocol::signed;
use prost::Message as _;

use crate::sheet::Sheet;
use crate::support::excerpt::{MADE_UP, auditor, honest};
use deskside_protocol::wire::record::ExcerptMark;

#[test]
fn an_excerpt() {
    let mut sheet = Sheet::new(
        "excerpt",
        "\
# An excerpt of the recording in recording.txt. PROTOCOL.md, \"Excerpts\".
# Seeds: organisation 01, node 02, agent 04, technician 05, auditor 30.
",
    );
    let (cast, excerpt) = honest();
    let known = Known { organisation: Some(cast.organisation()), ..Known::default() };
    let file = excerpt::encode(&excerpt, &auditor()).unwrap();
    assert!(excerpt::judge(&file, known).is_ok());
    sheet.part(
        "the certificate says auditor; stream 4 of line 0, of which both ends stated 15 bytes",
    );
    sheet.hex("Excerpt", &excerpt.encode_to_vec());
    sheet.hex("the file", &file);
    sheet.part("under the same signatures bytes that no end stated: on the auditor's word, disputed by both");
    let mut made_up = excerpt.clone();
    made_up.halves[0].bytes = MADE_UP.into();
    let made_up = excerpt::encode(&made_up, &auditor()).unwrap();
    let [half] = excerpt::judge(&made_up, known).unwrap().proven[..] else { panic!("one half") };
    assert_eq!((half.both(), half.disputed.agent, half.disputed.technician), (0, 1, 1));
    sheet.hex("the file", &made_up);
    sheet.part("what is not one");
    let mut later = file.clone();
    later[9] = 2;
    let mut altered = excerpt.clone();
    altered.time += 1;
    let altered = excerpt::encode(&altered, &auditor()).unwrap();
    let forged = [&altered[..altered.len() - 64], &file[file.len() - 64..]].concat();
    let mut twice = excerpt.clone();
    twice.halves.push(twice.halves[0].clone());
    let mut falling = excerpt.clone();
    let mark = falling.halves[0].marks[0];
    falling.halves[0].marks.insert(0, ExcerptMark { end: 1, time: mark.time + 1 });
    let mut renamed = excerpt;
    renamed.halves[0].channel = 6;
    let unshaped = |excerpt| {
        assert_eq!(excerpt::encode(&excerpt, &auditor()), Err(Flaw::Malformed));
        let signed = signed::sign_message(&auditor(), Context::Excerpt, &excerpt);
        [&file[..10], &signed.encode_to_vec()].concat()
    };
    for (name, bytes) in [
        ("of a later version", later),
        ("a byte too much", [&file[..], b"\0"].concat()),
        ("another time, and the signature of before", forged),
        ("a direction twice", unshaped(twice)),
        ("times that fall", unshaped(falling)),
        ("another channel than the stream was opened for", unshaped(renamed)),
    ] {
        let failure = excerpt::judge(&bytes, known).unwrap_err();
        sheet.fails(name, &bytes, failure);
    }
    sheet.pinned();
}
