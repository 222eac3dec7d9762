//! What the organisation and its node sign: certificates, revocations, the policy.

use bytes::Bytes;
use deskside_protocol::grant::GrantSet;
use deskside_protocol::identity::certificate;
use deskside_protocol::identity::link::JoinLink;
use deskside_protocol::identity::revocations::RevocationList;
use deskside_protocol::identity::rotation::{authority, countersign, leads_to, node};
use deskside_protocol::key::Context;
use deskside_protocol::policy::{FileBodies, NoteContents, Policy, Recording};
use deskside_protocol::signed;
use deskside_protocol::transcript::policy_hash;
use deskside_protocol::wire::record::{Certificate, Role, Rotation, Signed};
use deskside_protocol::wire::signal::Welcome;
use prost::Message as _;

use crate::oracle::lv;
use crate::sheet::Sheet;
use crate::support::{Cast, key};

/// 2023-11-14 22:13:20 UTC, in seconds.
pub(crate) const NOW: u64 = 1_700_000_000;

/// What was signed and how it is carried.
pub(crate) fn signed_hex(sheet: &mut Sheet, context: Context, signed: &Signed) {
    sheet
        .hex("what is signed: lv(context, body)", &lv(&[context.label().as_bytes(), &signed.body]));
    sheet.hex("signature", &signed.signature);
    sheet.hex("Signed { body, signature }, encoded", &signed.encode_to_vec());
}

fn other_signature(signed: &Signed) -> Signed {
    let signature = [&signed.signature[..63], &[signed.signature[63] ^ 1]].concat();
    Signed { body: signed.body.clone(), signature: signature.into() }
}

#[test]
fn certificates() {
    let mut sheet = Sheet::new(
        "certificate",
        "\
# A technician's certificate, signed by the organisation's authority key (seed 32 times 01).
# PROTOCOL.md, \"Certificates\". Judged for the role technician at 1700000000.
",
    );
    let cast = Cast::default();
    let organisation = cast.organisation();
    let signed = cast.certificate();
    let body = Certificate::decode(signed.body.clone()).unwrap();
    sheet.part("a good one");
    sheet.hex("Certificate", &signed.body);
    signed_hex(&mut sheet, Context::Certificate, &signed);

    sheet.part("what does not count");
    let none = RevocationList::new(NOW, []);
    let by = |seed, change: fn(&mut Certificate)| {
        let mut body = body.clone();
        change(&mut body);
        certificate::issue(&key(seed), &body)
    };
    let cases = [
        ("signed by another key (seed 09)", by(9, |_| {}), none.clone()),
        ("a bit of the signature flipped", other_signature(&signed), none.clone()),
        (
            "signed as a revocation list",
            { signed::sign_message(&cast.organisation, Context::Revocations, &body) },
            none.clone(),
        ),
        ("without a name", by(1, |body| body.name.clear()), none.clone()),
        ("a name of 129 bytes", by(1, |body| body.name = "x".repeat(129)), none.clone()),
        ("a key of 31 bytes", by(1, |body| body.public_key.truncate(31)), none.clone()),
        ("not yet", by(1, |body| body.not_before = NOW + 1), none.clone()),
        ("no longer", by(1, |body| body.not_after = NOW - 1), none.clone()),
        ("an auditor's", by(1, |body| body.roles = vec![Role::Auditor.into()]), none),
        ("serial 7 is revoked", signed.clone(), RevocationList::new(NOW, [7])),
    ];
    let judge = |signed: &Signed, list: &RevocationList| {
        certificate::verify(signed, &organisation, NOW, Role::Technician, list)
    };
    assert_eq!(judge(&signed, &RevocationList::new(NOW, [8])), Ok(body.clone()));
    for (name, signed, list) in cases {
        let failure = judge(&signed, &list).unwrap_err();
        sheet.fails(name, &signed.encode_to_vec(), failure);
    }
    sheet.pinned();
}

#[test]
fn revocations() {
    let mut sheet = Sheet::new(
        "revocations",
        "\
# A list of revoked certificates, signed by the node key (seed 32 times 02).
# PROTOCOL.md, \"Revocations\". Judged at 1700000000.
",
    );
    let node = key(2);
    let list = RevocationList::new(NOW, [3, 4, 300]);
    let signed = list.sign(&node);
    sheet.part("a good one: issued 1700000000, serials 3, 4, 300");
    sheet.hex("Revocations", &signed.body);
    signed_hex(&mut sheet, Context::Revocations, &signed);
    let open = |signed: &Signed| RevocationList::open(signed, &node.public(), NOW);
    assert_eq!(open(&signed), Ok(list));

    sheet.part("what does not count");
    let day = 24 * 60 * 60;
    let garbage = signed::sign(&node, Context::Revocations, b"\x0a\xff".to_vec());
    for (name, signed) in [
        ("signed by another key (seed 09)", RevocationList::new(NOW, [3]).sign(&key(9))),
        ("a bit of the signature flipped", other_signature(&signed)),
        ("a body that is no list", garbage),
        ("a day and a second old", RevocationList::new(NOW - day - 1, []).sign(&node)),
        ("a day and a second ahead", RevocationList::new(NOW + day + 1, []).sign(&node)),
    ] {
        sheet.fails(name, &signed.encode_to_vec(), open(&signed).unwrap_err());
    }
    sheet.pinned();
}

#[test]
fn rotations() {
    let mut sheet = Sheet::new(
        "rotation",
        "\
# A relay whose keys changed: the node key from seed 02 to 03 at 1700000000 and to 04 a day later,
# the authority key from seed 01 to 05 another day later. The statements about the node are signed
# anew by seed 05. PROTOCOL.md, \"Another key\". Followed from a join link with the seeds 01 and 02.
",
    );
    let (one, old) = (node(&key(2), &key(1), &key(3).public(), NOW), key(1));
    let two = node(&key(3), &old, &key(4).public(), NOW + 86_400);
    let organisation = authority(&old, &key(5), NOW + 172_800);
    let anew = |rotation: &Rotation, by| countersign(rotation, &key(1).public(), &key(by)).unwrap();
    let nodes = [anew(&one, 5), anew(&two, 5)];
    let context = |context: Context| context.label().as_bytes();
    sheet.part("the node key, for the first time");
    sheet.hex("Change", &one.change);
    let signed = lv(&[context(Context::NodeRotation), &one.change]);
    sheet.hex("what both sign: lv(context, Change)", &signed);
    sheet.hex("old_signature, by seed 02", &one.old_signature);
    sheet.hex("other_signature, by seed 01", &one.other_signature);
    sheet.hex("Rotation under seed 01", &one.encode_to_vec());
    sheet.hex("Rotation under seed 05", &nodes[0].encode_to_vec());
    sheet.part("the node key, for the second time");
    sheet.hex("Rotation under seed 05, from 03 to 04", &nodes[1].encode_to_vec());
    sheet.part("the authority key");
    let signed = lv(&[context(Context::AuthorityRotation), &organisation.change]);
    sheet.hex("what both sign: lv(context, Change), by 01 to 05", &signed);
    sheet.hex("Rotation from 01 to 05", &organisation.encode_to_vec());
    let link = JoinLink {
        host: "relay.example".to_owned(),
        port: 7443,
        organisation: old.public(),
        node: key(2).public(),
        webpki: false,
    };
    let follow = |nodes: &[Rotation], organisation: &Rotation| {
        let organisations = vec![organisation.clone()];
        let welcome = Welcome { nodes: nodes.to_vec(), organisations, ..Welcome::default() };
        leads_to(&link, &welcome, &key(4).public())
    };
    let found = follow(&nodes, &organisation).unwrap();
    assert_eq!((found.organisation, found.node), (key(5).public(), key(4).public()));

    sheet.part("what leads nowhere, in the place of the node's first");
    let cases = [
        ("a bit of old_signature flipped", flipped(&nodes[0])),
        ("still signed by the authority key of before", one.clone()),
        ("by another authority (seed 09)", anew(&one, 9)),
        ("about another key (seed 06)", node(&key(6), &key(5), &key(3).public(), NOW)),
        ("to another key (seed 06)", node(&key(2), &key(5), &key(6).public(), NOW)),
        ("a body that is no change", Rotation { change: vec![0x0a, 0xff].into(), ..one }),
    ];
    for (name, first) in cases {
        let failure = follow(&[first.clone(), nodes[1].clone()], &organisation).unwrap_err();
        sheet.fails(name, &first.encode_to_vec(), failure);
    }
    sheet.part("in the place of the authority key's");
    let mut unheld = organisation.clone();
    unheld.other_signature.clone_from(&unheld.old_signature);
    let cases = [
        ("a bit of old_signature flipped", flipped(&organisation)),
        ("the new key did not sign", unheld),
        ("to another key (seed 06)", authority(&old, &key(6), NOW)),
    ];
    for (name, statement) in cases {
        let failure = follow(&nodes, &statement).unwrap_err();
        sheet.fails(name, &statement.encode_to_vec(), failure);
    }
    sheet.pinned();
}

fn flipped(rotation: &Rotation) -> Rotation {
    let signature = [&rotation.old_signature[..63], &[rotation.old_signature[63] ^ 1]].concat();
    Rotation { old_signature: signature.into(), ..rotation.clone() }
}

/// The policy of these vectors.
pub(crate) fn policy() -> Policy {
    Policy {
        serial: 4,
        organisation: "Example Ltd".to_owned(),
        issued: "2023-11-01T00:00:00Z".parse().unwrap(),
        ends: "2025-11-01T00:00:00Z".parse().unwrap(),
        recording: Recording::Required,
        file_bodies: FileBodies::Recorded,
        grants: GrantSet::parse("view,control,command,shell,file,clipboard").unwrap(),
        auditors: vec!["age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj".to_owned()],
        retention_days: 365,
        grace_seconds: 300,
        relays: Vec::new(),
        bytes_per_second: None,
        recording_quota_bytes: None,
        masking: true,
        note: NoteContents::default(),
    }
}

#[test]
fn policies() {
    let mut sheet = Sheet::new(
        "policy",
        "\
# An organisation's policy, signed by its authority key (seed 32 times 01).
# PROTOCOL.md, \"Policy\". Judged at 1700000000 by an end that has seen serial 4.
",
    );
    let authority = key(1);
    let signed = policy().sign(&authority).unwrap();
    sheet.part("a good one");
    sheet.text("TOML, signed as these very bytes", std::str::from_utf8(&signed.body).unwrap());
    signed_hex(&mut sheet, Context::Policy, &signed);
    sheet.hex("SHA-256 of Signed, which stands in CI", &policy_hash(&signed));
    let open = |signed: &Signed| Policy::open(signed, &authority.public(), NOW, 4);
    assert_eq!(open(&signed), Ok(policy()));

    sheet.part("what is not accepted");
    let of = |toml: String| signed::sign(&authority, Context::Policy, toml.into_bytes());
    let toml = policy().to_toml().unwrap();
    let many = vec![policy().auditors[0].clone(); 257];
    let many = Policy { auditors: many, ..policy() }.sign(&authority).unwrap();
    for (name, signed) in [
        ("signed by another key (seed 09)", policy().sign(&key(9)).unwrap()),
        ("a space appended after signing", {
            Signed { body: [&signed.body[..], b" "].concat().into(), ..signed.clone() }
        }),
        ("serial 3", of(toml.replace("serial = 4", "serial = 3"))),
        ("ended", of(toml.replace("2025-11-01", "2023-11-02"))),
    ] {
        sheet.fails(name, &signed.encode_to_vec(), open(&signed).unwrap_err());
    }
    // The sentence of a TOML error is the library's and may change: only its kind is pinned.
    for (name, body) in [
        ("a recording of another kind", toml.replace("required", "sometimes")),
        ("without an end", toml.replace("ends = ", "end = ")),
        ("not TOML", "serial: 4\n".to_owned()),
    ] {
        let signed = of(body);
        let failure = format!("{:?}", open(&signed).unwrap_err());
        assert!(failure.starts_with("Malformed("), "{failure}");
        sheet.hex(&format!("{name}\n# fails: Malformed"), &signed.encode_to_vec());
    }
    assert_eq!(format!("{:?}", open(&many).unwrap_err()), "TooLarge");
    sheet.line("# 257 auditors\n# fails: TooLarge");
    sheet.pinned();
}

/// The certificate and list of a pairing at [`NOW`].
pub(crate) fn papers() -> (Signed, Signed) {
    (Cast::default().certificate(), RevocationList::new(NOW, []).sign(&key(2)))
}

/// `Bytes` of anything.
pub(crate) fn bytes(from: &[u8]) -> Bytes {
    Bytes::copy_from_slice(from)
}
