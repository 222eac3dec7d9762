//! The relay's log: entries, the tree over them, its head, its tiles, proofs. The hashes are made
//! once more from RFC 6962's definitions, on another library than the crate uses.

use deskside_protocol::log::evidence::{Claim, Flaw};
use deskside_protocol::log::leaf::{Access, commitment};
use deskside_protocol::log::proof::{Unproven, verify_consistency, verify_inclusion};
use deskside_protocol::log::tile::{self, NotATile};
use deskside_protocol::log::{Head, Leaf, SignedHead, TilePath, What, head};
use deskside_protocol::session::SessionId;
use deskside_protocol::wire::record::{LogLeaf, LogProof};
use prost::Message as _;

use crate::identity::{NOW, bytes};
use crate::oracle::{lv, sha256};
use crate::sheet::Sheet;
use crate::support::key;

const SESSION: SessionId = SessionId::from_bytes([0x5e; 16]);
const MICROS: u64 = NOW * 1_000_000;

type Hash = [u8; 32];

fn node(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[1][..], left, right].concat())
}

fn leaf(entry: &[u8]) -> Hash {
    sha256(&[&[0][..], entry].concat())
}

fn entry(what: What) -> Vec<u8> {
    Leaf { session: SESSION, what, time_us: MICROS }.encode()
}

/// By hand, as PROTOCOL.md says it.
fn by_hand(label: &str, hash: &[u8], number: u32) -> Vec<u8> {
    let (number, time) = (number.to_be_bytes(), MICROS.to_be_bytes());
    lv(&[label.as_bytes(), SESSION.as_bytes(), hash, &number, &time])
}

/// The entries of the log that everything here is about: `(name, entry)`.
fn entries() -> Vec<(&'static str, Vec<u8>)> {
    let salted = lv(&[b"deskside1 leaf commitment", &[0x5a; 32], b"ada", b"complaint 17"]);
    let who = sha256(&salted);
    assert_eq!(who, commitment(&[0x5a; 32], "ada", "complaint 17"));
    let all = vec![
        ("OPEN", entry(What::Open { header: Some([0xc0; 32]) })),
        ("CLOSE", entry(What::Close { last: Some([0xc6; 32]), reason: 1 })),
        ("ACCESS", entry(What::Access { kind: Access::Download, commitment: who })),
        ("HOLD", entry(What::Hold { held: true, commitment: who })),
        ("SHRED", entry(What::Shred { last: Some([0xc6; 32]) })),
        ("OPEN of a session that is not recorded", entry(What::Open { header: None })),
        ("CLOSE of one, with reason 4", entry(What::Close { last: None, reason: 4 })),
    ];
    let hands = [
        by_hand("deskside1 leaf open", &[0xc0; 32], 0),
        by_hand("deskside1 leaf close", &[0xc6; 32], 1),
        by_hand("deskside1 leaf access", &who, 1),
        by_hand("deskside1 leaf hold", &who, 1),
        by_hand("deskside1 leaf shred", &[0xc6; 32], 0),
        by_hand("deskside1 leaf open", &[], 0),
        by_hand("deskside1 leaf close", &[], 4),
    ];
    assert!(all.iter().map(|(_, entry)| entry).eq(hands.iter()));
    all
}

#[test]
fn the_log() {
    let mut sheet = Sheet::new(
        "log",
        "\
# The relay's log. PROTOCOL.md, \"The log\".
# Seed of the node: 02. Session: 16 times 5e. All times: 1700000000 s.
",
    );
    let entries = entries();
    sheet.part("who and why: SHA-256 of this list, with a salt of 32 times 5a");
    sheet.hex("list", &lv(&[b"deskside1 leaf commitment", &[0x5a; 32], b"ada", b"complaint 17"]));
    sheet.hex("commitment", &commitment(&[0x5a; 32], "ada", "complaint 17"));
    sheet.part("entries, number 0 to 6");
    for (name, entry) in &entries {
        sheet.hex(name, entry);
        sheet.hex("its hash", &leaf(entry));
    }
    broken_entries(&mut sheet, &entries[0].1);

    let hashes: Vec<Hash> = entries.iter().map(|(_, entry)| leaf(entry)).collect();
    let [a, b, c, d, e, f, g] = hashes.as_slice().try_into().unwrap();
    let (ab, cd, ef) = (node(&a, &b), node(&c, &d), node(&e, &f));
    let (abcd, efg) = (node(&ab, &cd), node(&ef, &g));
    let whole = node(&abcd, &efg);
    sheet.part("roots");
    sheet.hex("of no entry", &sha256(b""));
    for (name, root) in [("1", a), ("2", ab), ("3", node(&ab, &c)), ("4", abcd), ("7", whole)] {
        sheet.hex(&format!("of the first {name}"), &root);
    }
    let signed = a_head(&mut sheet, whole);
    tiles(&mut sheet, &entries, &hashes);

    sheet.part("entry 2 is in the log of 7: its path, and what else does not prove it");
    let path = [d, ab, efg];
    sheet.hex("path", &path.concat());
    assert_eq!(verify_inclusion(&c, 2, 7, &path, &whole), Ok(()));
    for (name, index, size, other) in [
        ("as entry 3", 3, 7, path.to_vec()),
        ("in a log of 4", 2, 4, path.to_vec()),
        ("one hash less", 2, 7, path[..2].to_vec()),
        ("one hash more", 2, 7, [&path[..], &[[0; 32]]].concat()),
    ] {
        let failure: Unproven = verify_inclusion(&c, index, size, &other, &whole).unwrap_err();
        sheet.fails(name, &other.concat(), failure);
    }
    sheet.part("the first 3, 4 and 6 are the beginning of 7");
    let proofs = [
        (3, node(&ab, &c), vec![c, d, ab, efg]),
        (4, abcd, vec![efg]),
        (6, node(&abcd, &ef), vec![ef, g, abcd]),
    ];
    for (old, root, proof) in proofs {
        assert_eq!(verify_consistency((old, &root), (7, &whole), &proof), Ok(()));
        sheet.hex(&format!("from {old}"), &proof.concat());
    }
    proof_of_a_session(&mut sheet, &signed, &entries, [vec![b, cd, efg], vec![a, cd, efg]]);
    sheet.pinned();
}

fn broken_entries(sheet: &mut Sheet, good: &[u8]) {
    sheet.part("not entries that this version knows");
    let hold = by_hand("deskside1 leaf hold", &[1; 32], 2);
    let bare = by_hand("deskside1 leaf access", &[], 1);
    let later = by_hand("deskside1 leaf later", &[], 0);
    for (name, wrong) in [
        ("a byte behind it", [good, &[0]].concat()),
        ("a byte less", good[..good.len() - 1].to_vec()),
        ("an OPEN with a number", by_hand("deskside1 leaf open", &[], 1)),
        ("a hash of 31 bytes", by_hand("deskside1 leaf open", &[1; 31], 0)),
        ("held in a third way", hold),
        ("an ACCESS without a commitment", bare),
        ("of a later version", later),
    ] {
        sheet.fails(name, &wrong, Leaf::decode(&wrong).unwrap_err());
    }
}

fn a_head(sheet: &mut Sheet, root: Hash) -> String {
    let node = key(2);
    let origin = head::origin(&node.public());
    sheet.part("the head");
    let named = lv(&[b"deskside1 log", node.public().as_bytes()]);
    sheet.hex("what the log is named by the hash of", &named);
    let id = data_encoding::HEXLOWER.encode(&sha256(&named)[..16]);
    assert_eq!(origin, format!("deskside-log/{id}"));
    let signed = Head { origin: origin.clone(), size: 7, root }.sign(&node);
    sheet.text("what is signed", &signed.head.text());
    let named = [origin.as_bytes(), b"\x0a\x01", node.public().as_bytes()].concat();
    let id = sha256(&named);
    sheet.hex("key id: the first four bytes of the SHA-256 of name, 0a, 01, node key", &id[..4]);
    let text = signed.encode();
    sheet.text("the head", &text);
    assert_eq!(SignedHead::parse(text.as_bytes()).as_ref(), Ok(&signed));
    sheet.part("not heads");
    for (from, to) in [
        ("\n7\n", "\n07\n"),
        ("\n7\n", "\n0\n"),
        ("\n7\n", "\n7\nextension\n"),
        ("\u{2014} deskside-log/", "\u{2014} deskside-log/0"),
        ("deskside-log/", "another-log/"),
    ] {
        let wrong = text.replacen(from, to, 1);
        let failure = SignedHead::parse(wrong.as_bytes()).unwrap_err();
        sheet.fails(&format!("{from:?} became {to:?}"), wrong.as_bytes(), failure);
    }
    text
}

fn tiles(sheet: &mut Sheet, entries: &[(&str, Vec<u8>)], hashes: &[Hash]) {
    sheet.part("tiles of the first 3");
    let mut bundle = Vec::new();
    for (_, entry) in &entries[..3] {
        tile::put_entry(&mut bundle, entry);
    }
    let by_hand: Vec<u8> = entries[..3]
        .iter()
        .flat_map(|(_, entry)| [&[0, u8::try_from(entry.len()).unwrap()], &entry[..]].concat())
        .collect();
    assert_eq!(bundle, by_hand);
    sheet.hex("tile/entries/000.p/3", &bundle);
    sheet.hex("tile/0/000.p/3", &hashes[..3].concat());
    sheet.part("paths that are none");
    for wrong in ["tile/0/0", "tile/0/000.p/256", "tile/8/000", "tile/0/x000/000", "tile/0/../0"] {
        let failure: NotATile = wrong.parse::<TilePath>().unwrap_err();
        sheet.fails(&format!("{wrong:?}"), wrong.as_bytes(), failure);
    }
}

fn proof_of_a_session(
    sheet: &mut Sheet,
    head: &str,
    entries: &[(&str, Vec<u8>)],
    paths: [Vec<Hash>; 2],
) {
    sheet.part("the proof of a session, of entries 0 and 1");
    let leaves = (0..).zip(entries).zip(paths).map(|((index, (_, entry)), path)| LogLeaf {
        index,
        leaf: entry.clone().into(),
        path: path.iter().map(|hash| bytes(hash)).collect(),
    });
    let proof = LogProof { head: head.to_owned(), leaves: leaves.collect(), note: None };
    sheet.hex("LogProof", &proof.encode_to_vec());
    let keys = [key(2).public()];
    let good = Claim { session: SESSION, first: [0xc0; 32], last: Some([0xc6; 32]), keys: &keys };
    assert!(good.judge(&proof).is_ok());
    let strangers = [key(9).public()];
    for (name, claim, expected) in [
        ("for another first block", Claim { first: [0; 32], ..good }, Flaw::OtherOpen),
        ("for another last block", Claim { last: Some([0; 32]), ..good }, Flaw::OtherClose),
        ("for a recording without its end", Claim { last: None, ..good }, Flaw::OtherClose),
        ("under another node's key", Claim { keys: &strangers, ..good }, Flaw::Head),
    ] {
        let failure = claim.judge(&proof).unwrap_err();
        assert_eq!(failure, expected);
        sheet.line(&format!("# {name}\n# fails: {failure:?}"));
    }
}
