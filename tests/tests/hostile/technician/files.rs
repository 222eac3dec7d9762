//! A technician who wants files from elsewhere, or to leave some there.

use std::fs;
use std::path::Path;

use super::{MARKER, SECRET, house, met};

/// Ways to say "elsewhere", or what some file system takes for another name: none of them is one.
fn elsewhere(absolute: &str) -> Vec<String> {
    let mut all: Vec<String> = [
        "..",
        ".",
        "",
        "/",
        "\\",
        "../up",
        "..\\up",
        "../../up",
        "./up",
        "a/b",
        "a\\b",
        "/etc/passwd",
        "inside/../../up",
        "inside\\..\\..\\up",
        "C:",
        "C:up",
        "C:\\up",
        "\\\\host\\share\\up",
        "\\\\?\\C:\\up",
        "//host/share/up",
        "a:stream",
        "a::$DATA",
        "CON",
        "con.txt",
        "nul",
        "PRN ",
        "AUX",
        "COM1",
        "com9.log",
        "LPT1",
        "CONIN$",
        "dot.",
        "space ",
        "... ",
        ".. ",
        "..\0",
        "nul\0l",
        "new\nline",
        "esc\u{1b}[2J",
        "\u{9b}2J",
        ".x.deskside-part",
    ]
    .map(str::to_owned)
    .to_vec();
    all.extend([absolute.to_owned(), "n".repeat(256), "../".repeat(64) + "up"]);
    all
}

/// What only looks like it: names like any other, which mean themselves.
const ORDINARY: [&str; 15] = [
    "%2e%2e",
    "%2e%2e%2fup",
    "..%2fup",
    "..%c0%afup",
    "~",
    "~root",
    "$HOME",
    "\u{ff0e}\u{ff0e}",
    "\u{2025}",
    "\u{2024}\u{2024}",
    "..\u{2215}up",
    "..\u{ff0f}up",
    "..\u{ff3c}up",
    "\u{202e}pu",
    "a\u{200b}b",
];

#[test]
fn path_traversal_in_fifty_spellings() {
    let house = house();
    let mut agent = house.agent("agent");
    fs::create_dir(agent.file("inside")).unwrap();
    let hostile = met(&house, &mut agent);
    assert!(hostile.puts(&["inside"], &["fine"], MARKER.as_bytes()).unwrap().landed());

    let absolute = house.path("absolute");
    let elsewhere = elsewhere(absolute.to_str().unwrap());
    assert!(elsewhere.len() + ORDINARY.len() > 50);
    for name in &elsewhere {
        let name = name.as_str();
        for (into, path) in [
            (&[][..], &[name][..]),
            (&[name], &["up"]),
            (&["inside", name], &["up"]),
            (&["inside"], &[name, "up"]),
            (&[], &["inside", name, "up"]),
        ] {
            let said = hostile.puts(into, path, MARKER.as_bytes()).unwrap();
            assert!(!said.landed(), "{into:?} {path:?} landed");
        }
    }
    for path in [&[][..], &["deep"; 100]] {
        assert!(!hostile.puts(&[], path, MARKER.as_bytes()).unwrap().landed(), "{path:?} landed");
    }
    let mut wanted = vec![agent.file("inside/fine")];
    for name in ORDINARY {
        assert!(hostile.puts(&[], &[name], MARKER.as_bytes()).unwrap().landed(), "{name:?}");
        wanted.push(agent.file(name));
    }
    let mut marked = marked(&house.path(""));
    marked.sort();
    wanted.sort();
    assert_eq!(marked, wanted, "nothing lands elsewhere");

    // And the other way: nothing of what lies outside comes.
    for place in ["up", "agent/up", "absolute"] {
        fs::write(house.path(place), SECRET).unwrap();
    }
    for name in elsewhere.iter().map(String::as_str).chain(ORDINARY) {
        for path in [&[name][..], &[name, "up"], &["inside", name], &["inside", name, "up"]] {
            for recursive in [false, true] {
                let said = hostile.gets(path, recursive).unwrap();
                let found = memchr::memmem::find(&said.bodies, SECRET.as_bytes());
                assert_eq!(found, None, "{path:?}");
            }
        }
    }
}

/// The files under a folder that hold the marker.
fn marked(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            all.extend(marked(&path));
        } else if fs::read(&path).is_ok_and(|bytes| bytes == MARKER.as_bytes()) {
            all.push(path);
        }
    }
    all
}

#[test]
fn a_link_that_appears_while_files_are_fetched() {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use std::sync::atomic::{AtomicBool, Ordering};

    let house = house();
    let mut agent = house.agent("agent");
    let outside = house.path("outside");
    fs::create_dir(&outside).unwrap();
    let many = agent.file("many");
    fs::create_dir(&many).unwrap();
    for number in 0..20 {
        fs::write(outside.join(format!("{number}")), SECRET).unwrap();
        fs::write(many.join(format!("{number}")), "harmless").unwrap();
    }
    // A folder for a folder outside, and a file for a file outside: in one step of the kernel's.
    let (link, file, file_link) = (agent.file("link"), many.join("0"), agent.file("file-link"));
    std::os::unix::fs::symlink(&outside, &link).unwrap();
    std::os::unix::fs::symlink(outside.join("0"), &file_link).unwrap();
    let hostile = met(&house, &mut agent);
    let over = AtomicBool::new(false);
    // Judged behind the scope: whoever fails within it would wait for the race for ever.
    let (exchanged, texts) = std::thread::scope(|scope| {
        let racing = scope.spawn(|| {
            let mut exchanged = 0_u64;
            while !over.load(Ordering::Relaxed) {
                let exchange = |one, other| {
                    renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).unwrap();
                };
                exchange(&many, &link);
                exchange(&link, &many);
                exchange(&file, &file_link);
                exchange(&file_link, &file);
                exchanged += 2;
            }
            exchanged
        });
        let fetch = || {
            let all = hostile.gets(&["many"], true)?;
            let one = hostile.gets(&["many", "0"], false)?;
            anyhow::Ok([all.bodies, one.bodies].concat())
        };
        let texts: Vec<_> = (0..60).map(|_| fetch()).collect();
        over.store(true, Ordering::Relaxed);
        (racing.join().unwrap(), texts)
    });
    let texts: Vec<_> = texts.into_iter().map(Result::unwrap).collect();
    let came = texts.iter().filter(|text| memchr::memmem::find(text, b"harmless").is_some());
    let (came, secret) = (came.count(), SECRET.as_bytes());
    assert!(exchanged > 100 && came > 0, "{exchanged} exchanges, {came} files came");
    assert!(texts.iter().all(|text| memchr::memmem::find(text, secret).is_none()), "a secret");
}

#[test]
fn pipes_sockets_and_devices() {
    let house = house();
    let mut agent = house.agent("agent");
    let (fifo, socket) = (agent.file("fifo"), agent.file("socket"));
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, 0o600.into()).unwrap();
    let _listening = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    std::os::unix::fs::symlink("/dev/zero", agent.file("zero")).unwrap();
    let hostile = met(&house, &mut agent);
    for name in ["fifo", "socket", "zero"] {
        // Nobody opens the other end of the pipe: whoever opened it would wait for ever.
        let said = hostile.gets(&[name], false).unwrap();
        let refusal = said.refusal().unwrap();
        assert!(
            refusal.text.contains("pipe, socket or device") || refusal.text.contains("link"),
            "{refusal:?}"
        );
        let said = hostile.puts(&[], &[name], MARKER.as_bytes()).unwrap();
        assert!(!said.landed(), "{name}: {said:?}");
        let said = hostile.puts(&[name], &["below"], MARKER.as_bytes()).unwrap();
        assert!(!said.landed(), "{name}: {said:?}");
    }
    use std::os::unix::fs::FileTypeExt as _;
    assert!(fs::symlink_metadata(&fifo).unwrap().file_type().is_fifo());
    assert!(fs::symlink_metadata(&socket).unwrap().file_type().is_socket());
    assert!(agent.file("zero").is_symlink());
    // The session is as well as before.
    assert!(hostile.puts(&[], &["fine"], MARKER.as_bytes()).unwrap().landed());
}
