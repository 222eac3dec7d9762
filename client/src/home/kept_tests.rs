//! What is kept comes back whole, to one program at a time, and to nobody else.

use super::*;
use crate::failure::exit_of;
use crate::home::tests::{home_in, key};

const ID: &str = "00112233445566778899aabbccddeeff";

pub(crate) fn kept() -> Kept {
    Kept {
        session: ID.parse().unwrap(),
        session_key: key(5),
        peer_key: key(6).public(),
        transcript_hash: [7; HASH],
        node: key(8).public(),
        token: [9; TOKEN],
        policy: Signed { body: "policy".into(), ..Signed::default() },
        ticket: "1001".into(),
        subject: "Printer".into(),
        requested: GrantSet::all(),
        view_only: true,
        recorded: true,
        alive: 1000,
        grace: 300,
        record: Record { session: ID.into(), screenshots: 3, ..Record::default() },
    }
}

fn sessions(folder: &tempfile::TempDir) -> KeptSessions {
    home_in(folder.path()).kept_sessions().unwrap()
}

#[test]
fn a_session_comes_back_whole() {
    let folder = tempfile::tempdir().unwrap();
    let claim = sessions(&folder).claim(ID).unwrap().unwrap();
    assert!(claim.read().unwrap().is_none());
    claim.write(&kept()).unwrap();
    let back = claim.read().unwrap().unwrap();
    assert_eq!(back.to_bytes().unwrap(), kept().to_bytes().unwrap());
    assert_eq!(back.session_key.public(), key(5).public());
    assert_eq!((back.record, back.policy), (kept().record, kept().policy));
    assert_eq!(kept().ends(), 1300);
}

#[cfg(unix)]
#[test]
fn nobody_else_can_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let sessions = sessions(&folder);
    let claim = sessions.claim(ID).unwrap().unwrap();
    claim.write(&kept()).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&sessions.folder), mode(&claim.path)), (0o700, 0o600));
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&sessions.folder, open).unwrap();
    let home = home_in(folder.path());
    assert!(home.kept_sessions().unwrap_err().to_string().contains("open to other users"));
}

#[test]
fn one_program_at_a_time_holds_it() {
    let folder = tempfile::tempdir().unwrap();
    let sessions = sessions(&folder);
    let claim = sessions.claim(ID).unwrap().unwrap();
    claim.write(&kept()).unwrap();
    assert!(sessions.claim(ID).unwrap().is_none());
    assert!(sessions.orphans().unwrap().is_empty());
    drop(claim);
    assert_eq!(sessions.orphans().unwrap().len(), 1);
    let claim = sessions.claim(ID).unwrap().unwrap();
    claim.remove().unwrap();
    assert!(sessions.ids().unwrap().is_empty());
    assert_eq!(std::fs::read_dir(&sessions.folder).unwrap().count(), 0);
}

#[test]
fn a_damaged_file_is_named_and_never_taken_for_a_session() {
    let folder = tempfile::tempdir().unwrap();
    let sessions = sessions(&folder);
    let claim = sessions.claim(ID).unwrap().unwrap();
    let whole = kept().to_bytes().unwrap();
    let mut wrong_key = whole.to_vec();
    wrong_key[3] = b'z';
    for damaged in [&whole[..whole.len() - 1], &whole[..40], b"", b"\n{}", &wrong_key] {
        std::fs::write(&claim.path, damaged).unwrap();
        let error = claim.read().err().unwrap();
        assert_eq!(exit_of(&error), Exit::Other);
        assert!(error.to_string().contains("is damaged"), "{error:#}");
        assert!(!format!("{error:?}").contains(&HEXLOWER.encode(key(5).seed().as_ref())));
    }
    drop(claim);
    assert!(sessions.orphans().unwrap().is_empty());
}

#[test]
fn the_fullest_record_fits() {
    let mut full = kept();
    for _ in 0..2000 {
        full.record.ran(0, vec!["\u{1}".repeat(1000), "\u{1}".repeat(1000)]);
        let name = "\u{1}".repeat(1000);
        let (way, sha256) = (crate::note::Way::Sent, vec![255; 32]);
        full.record.copied(crate::note::File { time: 0, way, name, bytes: 0, sha256 });
    }
    assert!((full.to_bytes().unwrap().len() as u64) < MAX_FILE);
}
