//! The file of a kept session: what survives, what is not believed, and that the user's no is on the
//! disk before anybody hears of it.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use deskside_protocol::grant::Grant;
use proptest::prelude::*;

use super::*;
use crate::consent::{Standing, Unattended};
use crate::events::Show;
use crate::gate::{Gate, Keep as _, Terms};

const NOW: u64 = 1_800_000_000;

fn link() -> JoinLink {
    JoinLink {
        host: "help.example".to_owned(),
        port: 7443,
        organisation: PublicKey::from_bytes([1; 32]),
        node: PublicKey::from_bytes([2; 32]),
        webpki: false,
    }
}

fn kept() -> Kept {
    Kept {
        relay: link(),
        session: SessionId::from_bytes([3; 16]),
        session_key: SigningKey::from_seed(Zeroizing::new([4; 32])),
        peer_key: PublicKey::from_bytes([5; 32]),
        transcript: [6; 32],
        token: [7; TOKEN],
        policy: Signed { body: vec![8; 100].into(), signature: vec![9; 64].into() },
        visitor: Visitor {
            organisation: "Example \"IT\"".to_owned(),
            standing: Standing::New,
            name: "Alice Ng\u{1b}".to_owned(),
            login: "alice".to_owned(),
            ticket: "1001".to_owned(),
            subject: "Printer\n".to_owned(),
        },
        requested: GrantSet::all(),
        lease: Record {
            opened: true,
            held: GrantSet::parse("view,file").unwrap(),
            ends: [(Grant::File, NOW + 60)].into(),
            taken_back: Grant::Shell.into(),
            refusals: [(Grant::Command, 2)].into(),
            forbidden: Grant::Reboot.into(),
            stopped: false,
        },
        written: NOW,
        ends: NOW + 300,
    }
}

/// The help desk of the kept session.
fn desk() -> [PublicKey; 1] {
    [link().organisation]
}

fn store(folder: &Path) -> Store {
    Store::open(folder).unwrap().unwrap()
}

/// Everything in it, the secret too.
fn content(kept: &Kept) -> Vec<u8> {
    form::encode(kept).unwrap().to_vec()
}

fn keeper(folder: &Path, show: Show) -> Keeper {
    Keeper::new(Some(store(folder)), kept(), || NOW, 300, Arc::new(show))
}

#[test]
fn a_session_is_there_after_a_restart_and_gone_after_its_end() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("agent");
    let first = store(&folder);
    assert!(first.load(&desk(), NOW).unwrap().is_none());
    first.write(&kept()).unwrap();
    drop(first);
    let second = store(&folder);
    let found = second.load(&desk(), NOW + 299).unwrap().unwrap().unwrap_or_else(|_| panic!());
    assert_eq!(content(&found), content(&kept()));
    let [desk] = desk();
    let other = PublicKey::from_bytes([9; 32]);
    assert!(second.load(&[other, desk], NOW).unwrap().unwrap().is_ok());
    second.remove().unwrap();
    assert!(second.load(&[desk], NOW).unwrap().is_none());
}

#[test]
fn one_process_at_a_time_has_the_place() {
    let home = tempfile::tempdir().unwrap();
    let first = store(home.path());
    assert!(Store::open(home.path()).unwrap().is_none());
    drop(first);
    assert!(Store::open(home.path()).unwrap().is_some());
}

#[test]
fn the_longest_names_and_policy_fit() {
    let mut long = kept();
    let policy = deskside_protocol::policy::MAX_POLICY;
    long.policy = Signed { body: vec![0xff; policy].into(), signature: vec![0xff; 64].into() };
    for text in [&mut long.visitor.name, &mut long.visitor.login, &mut long.visitor.organisation] {
        *text = "\u{1}".repeat(512);
    }
    long.visitor.ticket = "\u{1}".repeat(deskside_protocol::transcript::MAX_TICKET);
    long.visitor.subject = "\u{1}".repeat(deskside_protocol::transcript::MAX_SUBJECT);
    assert_eq!(form::decode(&content(&long)).map(|kept| content(&kept)), Ok(content(&long)));
}

#[test]
fn what_is_expired_foreign_or_stopped_is_removed_with_a_word() {
    let home = tempfile::tempdir().unwrap();
    let store = store(home.path());
    let stopped = Record { stopped: true, ..kept().lease };
    let other_desk = [PublicKey::from_bytes([9; 32])];
    let table = [
        (kept(), desk(), NOW + 300, Unusable::Expired),
        // The clock was set back by a year, or the end date was moved.
        (kept(), desk(), NOW - 31_536_000, Unusable::Expired),
        (Kept { ends: NOW + 301, ..kept() }, desk(), NOW, Unusable::Expired),
        (kept(), other_desk, NOW, Unusable::Foreign),
        (Kept { lease: stopped, ..kept() }, desk(), NOW, Unusable::Stopped),
    ];
    for (kept, desk, now, expected) in table {
        store.write(&kept).unwrap();
        assert_eq!(store.load(&desk, now).unwrap().unwrap().err(), Some(expected));
        assert!(store.load(&desk, now).unwrap().is_none(), "{expected} was not removed");
    }
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_have_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("agent");
    let store = store(&folder);
    store.write(&kept()).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let modes = [mode(&folder), mode(&store.path), mode(&folder.join(LOCK))];
    assert_eq!(modes, [0o700, 0o600, 0o600]);
    for others in [0o640, 0o604, 0o660] {
        store.write(&kept()).unwrap();
        std::fs::set_permissions(&store.path, std::fs::Permissions::from_mode(others)).unwrap();
        let found = store.load(&desk(), NOW).unwrap().unwrap();
        assert_eq!(found.err(), Some(Unusable::Foreign));
    }
    let elsewhere = home.path().join("elsewhere");
    std::fs::write(&elsewhere, content(&kept())).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &store.path).unwrap();
    assert_eq!(store.load(&desk(), NOW).unwrap().unwrap().err(), Some(Unusable::Foreign));
    assert!(elsewhere.exists() && !store.path.is_symlink());
}

#[test]
fn what_a_crash_left_of_a_write_is_removed_and_the_old_session_is_there() {
    let home = tempfile::tempdir().unwrap();
    store(home.path()).write(&kept()).unwrap();
    let bytes = content(&Kept { lease: Record::default(), ..kept() });
    for length in [0, 1, bytes.len() / 2, bytes.len()] {
        std::fs::write(home.path().join(NEXT), &bytes[..length]).unwrap();
        let store = store(home.path());
        assert!(!home.path().join(NEXT).exists(), "secrets are left behind");
        let found = store.load(&desk(), NOW).unwrap().unwrap().unwrap_or_else(|_| panic!());
        assert_eq!(found.lease, kept().lease);
    }
}

/// What a program wrote that knew of no ends.
#[test]
fn a_file_from_before_there_were_ends_is_read() {
    let lease = Record { ends: BTreeMap::new(), ..kept().lease };
    let old = content(&Kept { lease: lease.clone(), ..kept() });
    assert!(!String::from_utf8_lossy(&old).contains("grant_ends"));
    assert_eq!(form::decode(&old).map(|kept| kept.lease), Ok(lease));
    assert!(String::from_utf8_lossy(&content(&kept())).contains("grant_ends"));
}

proptest! {
    /// A fault of the disk never reads as another session or lease.
    #[test]
    fn a_damaged_file_is_never_believed(at in any::<prop::sample::Index>(), bit in 0..8_u8, cut: bool) {
        let mut bytes = content(&kept());
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] ^= 1 << bit }
        prop_assert!(form::decode(&bytes).is_err());
    }

    #[test]
    fn what_is_written_is_read(held: u32, taken: u32, lost: u32, refused in 0..9_u32, stopped: bool, opened: bool, timed: bool, ends: u64) {
        let lease = Record {
            opened,
            held: GrantSet::from_bits(held),
            ends: Grant::all().filter(|_| timed).map(|grant| (grant, ends)).collect(),
            taken_back: GrantSet::from_bits(taken),
            refusals: Grant::all().map(|grant| (grant, refused)).collect(),
            forbidden: GrantSet::from_bits(lost),
            stopped,
        };
        let bytes = content(&Kept { lease: lease.clone(), ..kept() });
        prop_assert_eq!(form::decode(&bytes).map(|kept| kept.lease), Ok(lease));
    }
}

/// What the disk holds at each moment at which something is told.
#[derive(Clone)]
struct Told {
    path: PathBuf,
    leases: Arc<Mutex<Vec<(String, Record)>>>,
}

impl Write for Told {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let lease = std::fs::read(&self.path).map_or_else(
            |_| Record::default(),
            |bytes| form::decode(&bytes).unwrap_or_else(|_| panic!("damaged")).lease,
        );
        let line = String::from_utf8(line.to_vec()).unwrap();
        self.leases.lock().unwrap().push((line, lease));
        Ok(self.leases.lock().unwrap().last().map_or(0, |(line, _)| line.len()))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn what_the_user_takes_back_is_on_the_disk_before_anybody_is_told() {
    let home = tempfile::tempdir().unwrap();
    let told = Told { path: home.path().join(FILE), leases: Arc::default() };
    let (leases, show) = (told.leases.clone(), Arc::new(Show::json(told)));
    let keeper = Arc::new(keeper(home.path(), Show::json(io::sink())));
    keeper.alive();
    let Kept { visitor, lease: record, .. } = kept();
    let terms = Terms {
        policy: GrantSet::all(),
        masking: true,
        beforehand: GrantSet::all(),
        visitor,
        record,
    };
    let gate = Gate::new(terms, keeper, Arc::new(Unattended), show);
    let mut changes = gate.changes();
    let on_disk = || form::decode(&std::fs::read(home.path().join(FILE)).unwrap()).unwrap().lease;

    gate.revoke(Grant::File.into());
    assert!(changes.has_changed().unwrap() && !on_disk().held.contains(Grant::File));
    changes.mark_unchanged();
    gate.stop();
    gate.stopped().await;
    assert!(on_disk().stopped);

    let leases = leases.lock().unwrap();
    let [(file, first), (view, second)] = leases.as_slice() else { panic!("{leases:?}") };
    assert!(file.contains("revoked") && file.contains("file"), "{file}");
    assert_eq!((first.held, first.stopped), (Grant::View.into(), false));
    assert!(first.taken_back.contains(Grant::File));
    assert!(view.contains("revoked") && view.contains("view"), "{view}");
    assert!(second.stopped && second.held.is_empty());
}

#[cfg(unix)]
#[test]
fn what_cannot_be_written_is_removed() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = tempfile::tempdir().unwrap();
    let keeper = keeper(home.path(), Show::json(io::sink()));
    keeper.alive();
    assert!(home.path().join(FILE).exists());
    // A folder in the way of the next content, which even root cannot write into as a file.
    std::fs::create_dir(home.path().join(NEXT)).unwrap();
    keeper.keep(&Record { taken_back: GrantSet::all(), ..Record::default() });
    assert!(!home.path().join(FILE).exists(), "the older lease is there still");
    assert!(std::fs::metadata(home.path()).unwrap().permissions().mode() & 0o700 == 0o700);
}

#[test]
fn the_end_date_moves_with_life_and_with_nothing_else() {
    let home = tempfile::tempdir().unwrap();
    let store = store(home.path());
    let show = Arc::new(Show::json(io::sink()));
    let keeper = Keeper::new(Some(store), kept(), || NOW + 100, 300, show);
    let ends = || form::decode(&std::fs::read(home.path().join(FILE)).unwrap()).unwrap().ends;
    keeper.keep(&Record::default());
    keeper.located([1; TOKEN]);
    assert_eq!(ends(), NOW + 300);
    keeper.alive();
    assert_eq!(ends(), NOW + 400);
    keeper.end();
    keeper.alive();
    assert!(!home.path().join(FILE).exists(), "a session that has ended is kept again");
}

const CHILD: &str = "DESKSIDE_KEPT_CHILD";

/// The process of the next test: revokes one grant after the other and says so.
#[test]
fn child_that_is_killed() {
    let Some(folder) = std::env::var_os(CHILD) else { return };
    let keeper = keeper(Path::new(&folder), Show::json(io::sink()));
    let mut lease = Record { held: GrantSet::all(), ..Record::default() };
    let mut out = io::stdout();
    for number in 0..10_000_u32 {
        lease.refusals = [(Grant::View, number)].into();
        keeper.keep(&lease);
        writeln!(out, "kept {number}").unwrap();
    }
}

/// SIGKILL at moments that nobody chose: whatever was acknowledged is there.
#[test]
fn a_killed_process_leaves_what_it_had_acknowledged() {
    for acknowledged in [0_u32, 1, 7, 20, 33] {
        let home = tempfile::tempdir().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kept::tests::child_that_is_killed", "--nocapture"])
            .env(CHILD, home.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert!(lines.any(|line| line.ends_with(&format!("kept {acknowledged}"))));
        child.kill().unwrap();
        child.wait().unwrap();
        // What it still said before it died counts too.
        let last = lines.filter_map(|line| line.strip_prefix("kept ")?.parse::<u32>().ok()).last();
        let last = last.unwrap_or(acknowledged);
        let store = store(home.path());
        let found = store.load(&desk(), NOW).unwrap().unwrap().unwrap_or_else(|_| panic!());
        let number = found.lease.refusals[&Grant::View];
        assert!((last..=last + 1).contains(&number), "{number} on the disk, {last} acknowledged");
    }
}
