use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::wire::message::{FileFrom, FileSkipped, FilesSent, Refusal};

const ANNOUNCED: Announced = Announced { files: 2, bytes: 100, resume: false };

fn entry(path: &[&str], size: u64) -> Kind {
    let path = path.iter().map(|&name| name.to_owned()).collect();
    Kind::FileEntry(FileEntry { path, size, ..FileEntry::default() })
}

fn whole() -> Kind {
    Kind::FileEnd(End::Whole { blake3: [1; 32], sha256: [2; 32] }.to_wire())
}

fn failed() -> Kind {
    Kind::FileEnd(End::Failed(Fault::from(NameError::Empty)).to_wire())
}

fn skipped(path: Vec<String>) -> Kind {
    let refusal = Refusal { text: "a link".to_owned(), ..Refusal::default() };
    Kind::FileSkipped(FileSkipped { path, why: Some(refusal) })
}

fn sent() -> Kind {
    Kind::FilesSent(FilesSent {})
}

#[test]
fn two_files_a_folder_and_a_link() {
    let mut incoming = Incoming::new(ANNOUNCED);
    let folder = FileEntry { path: vec!["d".to_owned()], folder: true, ..FileEntry::default() };
    assert!(matches!(incoming.message(&Kind::FileEntry(folder)), Ok(Step::Folder(_))));
    for size in [60, 0] {
        assert!(matches!(incoming.message(&entry(&["d", "a"], size)), Ok(Step::File(_))));
        assert!(incoming.wants_body());
        if size > 0 {
            assert_eq!((incoming.body(50), incoming.body(10)), (Ok(true), Ok(true)));
        }
        assert_eq!(incoming.body(0), Ok(false));
        assert!(!incoming.wants_body());
        assert!(matches!(incoming.message(&whole()), Ok(Step::End(End::Whole { .. }))));
    }
    assert!(matches!(incoming.message(&skipped(vec!["l".to_owned()])), Ok(Step::Skipped(..))));
    assert_eq!(incoming.finish(), Err(Breach::CutOff));
    assert_eq!(incoming.message(&sent()), Ok(Step::Over));
    assert_eq!(incoming.finish(), Ok(()));
    assert_eq!(incoming.message(&entry(&["x"], 0)), Err(Breach::Unexpected));
}

#[test]
fn a_broken_file_goes_on_where_it_was_said() {
    let begin = |have: Have, offset, size| {
        let announced = Announced { resume: true, ..ANNOUNCED };
        let mut incoming = Incoming::new(announced);
        incoming.message(&entry(&["a"], size)).unwrap();
        let early = incoming.message(&Kind::FileFrom(FileFrom { offset: 0 }));
        assert_eq!(early, Err(Breach::Unexpected));
        incoming.said(&have);
        let step = incoming.message(&Kind::FileFrom(FileFrom { offset }));
        step.map(|step| (step, incoming))
    };
    let have = Have::new(40, [4; 32]);
    let (step, mut incoming) = begin(have, 40, 50).unwrap();
    assert_eq!(step, Step::From(40));
    assert_eq!((incoming.body(10), incoming.body(1)), (Ok(true), Err(Breach::TooMuch)));
    let (_, mut incoming) = begin(have, 0, 50).unwrap();
    assert_eq!(incoming.body(50), Ok(true));
    assert!(begin(have, 39, 50).is_err() && begin(have, 41, 50).is_err());
    // A part that is longer than the file cannot be its beginning.
    assert!(begin(have, 40, 30).is_err() && begin(have, 0, 30).is_ok());
}

#[test]
fn each_lie_is_named() {
    let after = |kinds: &[Kind], bodies: &[usize], last: &Kind| {
        let mut incoming = Incoming::new(ANNOUNCED);
        for kind in kinds {
            incoming.message(kind)?;
        }
        for length in bodies {
            incoming.body(*length)?;
        }
        incoming.message(last)
    };
    let file = || entry(&["a"], 10);
    let cases = [
        (Breach::TooMuch, after(&[file()], &[11], &whole())),
        (Breach::TooMuch, after(&[file()], &[5, 6], &whole())),
        (Breach::TooLittle, after(&[file()], &[9, 0], &whole())),
        (Breach::LongPiece, after(&[entry(&["a"], 1)], &[MAX_BODY + 1], &whole())),
        (Breach::Unexpected, after(&[file()], &[10], &whole())),
        (Breach::Unexpected, after(&[file()], &[], &file())),
        (Breach::Unexpected, after(&[], &[0], &whole())),
        (Breach::Unexpected, after(&[], &[], &whole())),
        (Breach::Unexpected, after(&[file()], &[10, 0], &sent())),
        (Breach::Unexpected, after(&[], &[], &Kind::FileFrom(FileFrom { offset: 0 }))),
        (Breach::TooMuch, after(&[], &[], &entry(&["a"], 101))),
        (Breach::Name(NameError::Dots), after(&[], &[], &entry(&["..", "a"], 1))),
        (Breach::Name(NameError::Empty), after(&[], &[], &entry(&[], 1))),
        (Breach::Malformed, after(&[], &[], &Kind::FileSkipped(FileSkipped::default()))),
    ];
    for (breach, step) in cases {
        assert_eq!(step, Err(breach));
    }
    let torn = after(&[file()], &[3, 0], &failed());
    assert!(matches!(torn, Ok(Step::End(End::Failed(_)))));
    let short = Kind::FileEnd(FileEnd { blake3: Bytes::from_static(b"x"), ..FileEnd::default() });
    assert_eq!(after(&[file()], &[10, 0], &short), Err(Breach::Malformed));
    let full = Kind::FileEntry(FileEntry {
        path: vec!["d".to_owned()],
        folder: true,
        size: 1,
        ..FileEntry::default()
    });
    assert_eq!(after(&[], &[], &full), Err(Breach::Malformed));
}

#[test]
fn nothing_goes_on_for_ever() {
    let mut incoming = Incoming::new(ANNOUNCED);
    let count = (0..).take_while(|_| incoming.message(&skipped(Vec::new())).is_ok()).count();
    assert_eq!(u64::try_from(count).unwrap(), MAX_ENTRIES);

    let mut incoming = Incoming::new(ANNOUNCED);
    let long = vec!["x".repeat(255); 16];
    let count = (0..).take_while(|_| incoming.message(&skipped(long.clone())).is_ok()).count();
    assert_eq!(count, MAX_PATHS / (16 * 255 + 15 + "a link".len()));

    let mut incoming = Incoming::new(ANNOUNCED);
    for _ in 0..2 {
        incoming.message(&entry(&["a"], 0)).unwrap();
        incoming.body(0).unwrap();
        incoming.message(&whole()).unwrap();
    }
    assert_eq!(incoming.message(&entry(&["a"], 0)), Err(Breach::TooMany));
}

fn put(files: u64, bytes: u64, listed: &[(&str, u64)]) -> FilePut {
    let listed = listed.iter().map(|(path, size)| FileListed {
        path: path.split('/').map(str::to_owned).collect(),
        size: *size,
    });
    FilePut { files, bytes, listed: listed.collect(), ..FilePut::default() }
}

#[test]
fn what_was_named_comes_and_nothing_else_in_its_place() {
    let expected = Expected::by_put(&put(3, 100, &[("a", 10), ("d/b", 20)])).unwrap();
    let comes = |files: &[(&[&str], u64)]| {
        let mut incoming = Incoming::new(expected.clone());
        for (path, size) in files {
            incoming.message(&entry(path, *size))?;
            incoming.body(usize::try_from(*size).unwrap())?;
            incoming.body(0)?;
            incoming.message(&whole())?;
        }
        Ok(())
    };
    let (a, b): (&[&str], &[&str]) = (&["a"], &["d", "b"]);
    // In any order, shorter than was said, or not at all; and one that was only counted.
    assert_eq!(comes(&[(b, 20), (&["other"], 30), (a, 10)]), Ok(()));
    assert_eq!(comes(&[(a, 3)]), Ok(()));
    for wrong in [
        [(a, 10), (&["x"], 1), (&["y"], 1)],
        [(a, 11), (&["x"], 1), (b, 20)],
        [(a, 10), (a, 10), (&["x"], 1)],
        [(&["b"], 20), (&["d", "a"], 10), (b, 20)],
    ] {
        assert_eq!(comes(&wrong), Err(Breach::NotListed), "{wrong:?}");
    }
}

#[test]
fn a_list_is_short_and_fits_what_is_announced() {
    let many: Vec<_> = (0..=MAX_LISTED).map(|_| ("a", 0)).collect();
    assert!(Expected::by_put(&put(100, 0, &many[1..])).is_ok());
    for (put, breach) in [
        (put(100, 0, &many), Breach::Malformed),
        (put(1, 9, &[("a", 1), ("b", 1)]), Breach::Malformed),
        (put(2, 9, &[("a", 9), ("b", 1)]), Breach::Malformed),
        (put(2, 9, &[("a", u64::MAX), ("b", u64::MAX)]), Breach::Malformed),
        (put(1, 9, &[("../a", 1)]), Breach::Name(NameError::Dots)),
        (put(1, 9, &[("", 1)]), Breach::Name(NameError::Empty)),
    ] {
        assert_eq!(Expected::by_put(&put), Err(breach));
    }
    let nameless = put(1, 9, &[]);
    let nameless = FilePut { listed: vec![FileListed::default()], ..nameless };
    assert_eq!(Expected::by_put(&nameless), Err(Breach::Name(NameError::Empty)));
}

/// Anything that a peer may say, in any order.
#[derive(Debug, Clone)]
enum Said {
    Kind(Kind),
    Body(usize),
    Have(u64),
}

fn said() -> impl Strategy<Value = Said> {
    let size = prop_oneof![0..40u64, any::<u64>()];
    prop_oneof![
        size.clone().prop_map(|size| Said::Kind(entry(&["a"], size))),
        Just(Said::Kind(whole())),
        Just(Said::Kind(failed())),
        Just(Said::Kind(sent())),
        Just(Said::Kind(skipped(Vec::new()))),
        size.clone().prop_map(|offset| Said::Kind(Kind::FileFrom(FileFrom { offset }))),
        (0..40usize).prop_map(Said::Body),
        size.prop_map(Said::Have),
    ]
}

proptest! {
    /// No order of words makes a receiver take more than was announced, or write outside a body.
    #[test]
    fn no_more_is_taken_than_was_announced(
        all in proptest::collection::vec(said(), 0..60),
        resume: bool,
    ) {
        let mut incoming = Incoming::new(Announced { resume, ..ANNOUNCED });
        let (mut files, mut bytes) = (0, 0);
        for said in all {
            match said {
                Said::Kind(kind) => {
                    if let Ok(Step::File(entry)) = incoming.message(&kind) {
                        files += 1;
                        prop_assert!(entry.size <= 100);
                    }
                }
                Said::Body(length) => {
                    let wanted = incoming.wants_body();
                    if incoming.body(length).is_ok() {
                        prop_assert!(wanted);
                        bytes += length;
                    }
                }
                Said::Have(have) => incoming.said(&Have::new(have, [0; 32])),
            }
            prop_assert!(files <= 2 && bytes <= 100);
        }
    }

    #[test]
    fn an_entry_that_was_read_is_written_the_same(
        path in proptest::collection::vec("[a-z.]{1,4}", 0..5),
        size: u64,
        modified: u64,
        folder: bool,
        executable: bool,
    ) {
        let wire = FileEntry { path, size, modified, folder, executable };
        if let Ok(entry) = Entry::from_wire(&wire) {
            prop_assert_eq!(entry.to_wire(), wire);
        }
    }
}
