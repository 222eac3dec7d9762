//! An excerpt of a recording.

use deskside_protocol::excerpt::{self, Flaw, Known};
use prost::Message as _;

use crate::sheet::Sheet;
use crate::support::excerpt::{auditor, honest};

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
    sheet.part("what is not one");
    let mut later = file.clone();
    later[9] = 2;
    let mut altered = excerpt.clone();
    altered.time += 1;
    let altered = excerpt::encode(&altered, &auditor()).unwrap();
    let forged = [&altered[..altered.len() - 64], &file[file.len() - 64..]].concat();
    let mut made_up = excerpt.clone();
    made_up.halves[0].bytes = b"the bytes of another..".as_slice().into();
    let mut twice = excerpt;
    twice.halves.push(twice.halves[0].clone());
    assert_eq!(excerpt::encode(&twice, &auditor()), Err(Flaw::Malformed));
    for (name, bytes) in [
        ("of a later version", later),
        ("a byte too much", [&file[..], b"\0"].concat()),
        ("another time, and the signature of before", forged),
        ("bytes that no end stated", excerpt::encode(&made_up, &auditor()).unwrap()),
    ] {
        let failure = excerpt::judge(&bytes, known).unwrap_err();
        sheet.fails(name, &bytes, failure);
    }
    sheet.pinned();
}
