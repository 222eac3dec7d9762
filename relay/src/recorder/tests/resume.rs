//! A relay that died and comes back finds its recordings as they were.

use std::path::{Path, PathBuf};

use deskside_protocol::policy::Recording as Rule;
use deskside_protocol::recording::Kind;
use deskside_protocol::session::{End, Ends};
use tempfile::TempDir;

use super::super::{RecordError, ResumeError, Resumed, SpoolError};
use super::session::{File, node};
use super::support::{Bench, read};

/// A session of some blocks that a relay did not close.
fn session() -> File {
    File::new()
        .packets(End::Technician, 1_200, &[1; 2_500])
        .seal(0, End::Agent)
        .seal(0, End::Technician)
        .dropped(7)
        .packets(End::Agent, 100, &[2; 1_000])
        .seal(1, End::Technician)
        .dropped(9)
        .packets(End::Agent, 50, &[3; 60])
}

fn store(bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.dsr");
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

async fn resume(bench: &Bench, path: &Path) -> Result<Resumed, ResumeError> {
    bench.recorder.resume(path, Rule::Required).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_file_goes_on_where_it_was() {
    let (bench, file) = (Bench::new(), session());
    let (_folder, path) = store(&file.bytes);
    let Resumed { recording, cut, sealed, header, closed, .. } =
        resume(&bench, &path).await.unwrap();
    assert_eq!((cut, closed, header.nameplate.as_str()), (0, None, "48219"));
    let both = Ends { agent: true, technician: true };
    let one = Ends { agent: false, technician: true };
    assert_eq!(sealed.into_iter().collect::<Vec<_>>(), [(0, both), (1, one)]);
    assert_eq!((recording.state(), recording.length()), (file.state(), file.bytes.len() as u64));
    let totals = recording.totals();
    assert_eq!((totals.packets_from_technician, totals.bytes_from_technician), (3, 2_500));
    assert_eq!((totals.packets_from_agent, totals.bytes_from_agent), (12, 1_060));
    assert_eq!(totals.packets_dropped, 9);
    assert_eq!(std::fs::read(&path).unwrap(), file.bytes, "it appends nothing itself");

    recording.append(Kind::Event, 0, Vec::new()).await.unwrap();
    recording.submit(bench.batch(b"after"));
    assert_eq!(bench.arrives(), b"after");
    let (kinds, packets) = read(&std::fs::read(&path).unwrap());
    assert_eq!(kinds[kinds.len() - 2..], [Kind::Event, Kind::Packets]);
    assert_eq!(packets.last().unwrap(), b"after");
    assert_eq!(recording.totals().packets_from_agent, 13);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_torn_at_any_byte_is_cut() {
    let (bench, file) = (Bench::new(), session());
    let last = *file.starts.last().unwrap();
    for end in last..file.bytes.len() {
        let (_folder, path) = store(&file.bytes[..end]);
        let resumed = resume(&bench, &path).await.unwrap();
        assert_eq!(resumed.cut, (end - last) as u64);
        assert_eq!(std::fs::read(&path).unwrap(), file.bytes[..last]);
        resumed.recording.append(Kind::Close, 0, Vec::new()).await.unwrap();
        read(&std::fs::read(&path).unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_leaves_zeros_and_they_are_cut() {
    let (bench, file) = (Bench::new(), session());
    let mut torn = file.bytes.clone();
    torn.resize(file.bytes.len() + 9_000_000, 0);
    let (_folder, path) = store(&torn);
    assert_eq!(resume(&bench, &path).await.unwrap().cut, 9_000_000);
    assert_eq!(std::fs::read(&path).unwrap(), file.bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_altered_block_is_no_torn_tail() {
    let (bench, file) = (Bench::new(), session());
    for (number, start) in file.starts[..file.starts.len() - 1].iter().enumerate() {
        let mut altered = file.bytes.clone();
        altered[start + 24] ^= 1;
        let (_folder, path) = store(&altered);
        match resume(&bench, &path).await {
            Err(ResumeError::Tampered { at, .. }) => {
                assert_eq!((at.seq, at.offset), (number as u64, *start as u64));
            }
            other => panic!("block {number}: {other:?}"),
        }
        assert_eq!(std::fs::read(&path).unwrap(), altered, "the file is kept as it is");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_recording_of_ours_is_kept() {
    let bench = Bench::new();
    let twice = File::new().with(Kind::Header, 0, &[]);
    let late = File::empty().with(Kind::Event, 0, &[]);
    let malformed = File::new().with(Kind::Packets, 0, b"no runs");
    let behind = session().close();
    let newer = [&b"DSR1\r\n\x1a\n\x00\x02"[..], &[7; 100]].concat();
    for bytes in [
        twice.bytes,
        late.bytes,
        malformed.bytes,
        [behind.bytes, b"x".to_vec()].concat(),
        newer,
        b"something else".to_vec(),
    ] {
        let (_folder, path) = store(&bytes);
        let refused = resume(&bench, &path).await;
        assert!(matches!(refused, Err(ResumeError::Tampered { .. })), "{refused:?}");
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_without_a_header_held_nothing_yet() {
    let (bench, file) = (Bench::new(), File::new());
    for end in [0, 5, 10, 40, file.bytes.len() - 1] {
        let (_folder, path) = store(&file.bytes[..end]);
        let refused = resume(&bench, &path).await;
        assert!(matches!(refused, Err(ResumeError::NoHeader)), "{end}: {refused:?}");
    }
    let (folder, _path) = store(&[]);
    let missing = resume(&bench, &folder.path().join("b.dsr")).await;
    assert!(matches!(missing, Err(ResumeError::Missing)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_recording_says_so_and_takes_no_more() {
    let bench = Bench::new();
    let file = session().close();
    let (_folder, path) = store(&file.bytes);
    let resumed = resume(&bench, &path).await.unwrap();
    assert_eq!(resumed.closed, Some(*file.state().hash()));
    let appended = resumed.recording.append(Kind::Event, 0, Vec::new()).await;
    assert!(matches!(appended, Err(RecordError::Spool(SpoolError::Block(_)))), "{appended:?}");
    assert_eq!(std::fs::read(&path).unwrap(), file.bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_larger_than_memory_is_walked_in_pieces() {
    let bench = Bench::new();
    let mut file = File::new().seal(0, End::Agent).seal(0, End::Technician);
    for _ in 0..30 {
        file = file.packets(End::Agent, 1_000, &vec![9; 1_000_000]);
    }
    file = file.packets(End::Technician, 1, &vec![9; 4_000_000]);
    let (_folder, path) = store(&file.bytes);
    let resumed = resume(&bench, &path).await.unwrap();
    let totals = resumed.recording.totals();
    assert_eq!((totals.packets_from_agent, totals.bytes_from_agent), (30_000, 30_000_000));
    assert_eq!(totals.packets_from_technician, 4_000_000);
    assert_eq!(resumed.recording.state(), file.state());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_was_made_anew_does_not_pass_what_the_node_signed() {
    let bench = Bench::new();
    let honest = session().checkpoint(&node()).packets(End::Agent, 9, b"behind");
    let (_folder, path) = store(&honest.bytes);
    resume(&bench, &path).await.unwrap();

    // The same blocks with one packet altered, and all hashes computed again.
    let forged = honest.again(|kind, body| {
        if kind == Kind::Packets
            && let Some(last) = body.last_mut()
        {
            *last ^= 1;
        }
    });
    let (_folder, path) = store(&forged.bytes);
    let refused = resume(&bench, &path).await;
    assert!(matches!(refused, Err(ResumeError::Tampered { .. })), "{refused:?}");
    assert_eq!(std::fs::read(&path).unwrap(), forged.bytes);
}
