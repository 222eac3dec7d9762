//! What happened, as lines for a program and as a terminal's recording.

use std::fs::File;
use std::path::Path;

use deskside_tests::browser::Look;
use deskside_tests::devtools::Page;
use deskside_tests::process::{PATIENCE, Process, command, run};
use rustix::process::Signal;
use serde_json::Value;

use super::Exported;

#[test]
fn all_that_happened_stands_in_lines_and_plays_in_a_terminal() {
    let exported = Exported::new();
    let (lines, told) = exported.export("a.jsonl", &[]);
    let text = std::fs::read_to_string(&lines).unwrap();
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(told.done().unwrap()["happenings"], events.len() - 1);
    assert_eq!((&events[0]["what"], &events[0]["warning"]), (&"recording".into(), &Value::Null));
    let times: Vec<_> = events[1..].iter().map(|event| event["time"].as_str().unwrap()).collect();
    assert!(times.is_sorted() && times[0].ends_with('Z') && times[0].len() == 27, "{times:?}");
    let all = |what: &str| events.iter().filter(|event| event["what"] == what).collect::<Vec<_>>();
    let texts = |what: &str| {
        let said = all(what).into_iter().map(|event| event["text"].as_str().unwrap());
        said.collect::<String>()
    };
    assert_eq!(texts("command-stdout"), "first line\ntyped in");
    assert_eq!(
        (texts("command-stderr"), texts("command-input")),
        ("trouble\n".into(), "typed in".into())
    );
    assert_eq!(texts("said"), "Is the <b>lamp</b> on?");
    let codes: Vec<_> = all("command-ended").iter().map(|event| &event["code"]).collect();
    assert_eq!(codes, [&Value::from(0), &3.into()]);
    let [file] = all("file-ended")[..] else { panic!("{text}") };
    assert_eq!(
        (&file["path"], &file["bytes"], &file["landed"]),
        (&"noise".into(), &300_000.into(), &true.into())
    );
    let mut sha256sum = command("sha256sum");
    let summed = run("sha256sum", sha256sum.arg(exported.house.path("noise")), None).unwrap();
    let summed = String::from_utf8(summed.stdout).unwrap();
    assert_eq!(summed.split(' ').next(), file["sha256"].as_str());

    // A part of it, by the time of day and from the beginning on.
    let second = all("command")[1]["time"].as_str().unwrap();
    let (part, _) = exported.export("part.jsonl", &["--from", second]);
    let part = std::fs::read_to_string(part).unwrap();
    assert!(part.contains("trouble") && !part.contains("first line"), "{part}");
    let (_, none) = exported.export("none.jsonl", &["--from", "9:00:00"]);
    assert_eq!((none.code, exported.house.path("none.jsonl").exists()), (Some(5), false));

    // From the relay, which wants to know why and logs it.
    let fetched = exported.house.path("fetched.jsonl");
    let words = ["audit", "export", &exported.id, "-o", fetched.to_str().unwrap()];
    let unexplained = exported.house.alice.run(&words).unwrap();
    assert_eq!((unexplained.code, fetched.exists()), (Some(2), false), "{unexplained}");
    let words = [&words[..], &["--reason", "complaint 17"]].concat();
    exported.house.alice.run(&words).unwrap().done().unwrap();
    assert_eq!(std::fs::read_to_string(fetched).unwrap(), text);

    let (cast, told) = exported.export("a.cast", &[]);
    assert_eq!(told.done().unwrap()["commands"], 2);
    let cast = std::fs::read_to_string(cast).unwrap();
    let (shown, typed, markers, exit) = played(&cast);
    assert!(
        shown.contains("$ echo first line\r\nfirst line\r\n[exit 0]\r\n$ sh -c cat;"),
        "{shown}"
    );
    assert!(shown.ends_with("[exit 3]\r\n") && shown.contains("trouble\r\n"), "{shown}");
    let second = "sh -c cat; echo trouble >&2; exit 3";
    assert_eq!((typed.as_str(), exit.as_str()), ("typed in", "3"));
    assert_eq!(markers, ["echo first line", second]);
    plays_in_asciinema(&cast, &markers);

    // Of a part only its own commands, and the end of the last of these.
    let ended = all("command-ended")[0]["time"].as_str().unwrap();
    let (cast, told) = exported.export("part.cast", &["--to", ended]);
    assert_eq!(told.done().unwrap()["commands"], 1);
    let (_, _, markers, exit) = played(&std::fs::read_to_string(cast).unwrap());
    assert_eq!((markers.len(), exit.as_str()), (1, "0"));
}

#[test]
fn what_is_broken_off_leaves_nothing_behind() {
    let exported = Exported::new();
    // The page wants the recording's proof last, and here nobody ever gives it.
    let folder = exported.house.path("alone");
    std::fs::create_dir(&folder).unwrap();
    let recording = folder.join("a.dsr");
    std::fs::copy(&exported.file, &recording).unwrap();
    let proof = folder.join("a.dsr.proof");
    let mut mkfifo = command("mkfifo");
    assert_eq!(run("mkfifo", mkfifo.arg(&proof), None).unwrap().code, Some(0));
    let out = folder.join("a.html");
    let words = ["audit", "export", recording.to_str().unwrap(), "-o", out.to_str().unwrap()];
    let mut export = exported.house.alice.command(&words).unwrap();
    let mut export = Process::start("deskside audit export", &mut export).unwrap();
    let (opened, opens) = std::sync::mpsc::channel();
    std::thread::spawn(move || opened.send(File::options().write(true).open(proof).unwrap()));
    let _never_written = opens.recv_timeout(PATIENCE).unwrap();
    let names = || {
        let entries = std::fs::read_dir(&folder).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(
        names().len(),
        3,
        "the recording, its proof, and a page in the making: {:?}",
        names()
    );
    export.signal(Signal::INT).unwrap();
    assert_eq!(export.end().unwrap(), Some(1), "{}", export.words());
    assert_eq!(names(), ["a.dsr", "a.dsr.proof"]);
    assert!(export.words().contains("broken off"), "{}", export.words());
}

/// The player of asciinema itself, in a browser, shows and tells the same.
fn plays_in_asciinema(cast: &str, markers: &[String]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("asciinema");
    assert!(
        folder.join("node_modules").is_dir(),
        "there is no player: `npm ci` in tests/asciinema installs it, as tests/run does"
    );
    let mut page =
        Page::open(&format!("file://{}/page.html", folder.display()), Look::default()).unwrap();
    page.until("typeof played === 'function' && document.querySelector('main')").unwrap();
    let seen = page.value(&format!("played({})", Value::from(cast))).unwrap();
    // What `cat` gave back has no end of line.
    let all = "$ echo first line\nfirst line\n[exit 0]\n$ sh -c cat; echo trouble >&2; exit 3\n\
               typed introuble\n[exit 3]";
    assert_eq!(seen["text"], all);
    assert_eq!((&seen["typed"], &seen["markers"]), (&"typed in".into(), &markers.into()));
    let took = seen["seconds"].as_f64().unwrap();
    let told: f64 = cast.lines().skip(1).map(interval).sum();
    assert!((took - told).abs() < 0.01, "{took} s, and in the file {told} s");
    page.picture(Path::new(concat!(env!("CARGO_TARGET_TMPDIR"), "/asciinema.png"))).unwrap();
}

/// Seconds from the line before.
fn interval(line: &str) -> f64 {
    let (interval, _, _): (f64, String, String) = serde_json::from_str(line).unwrap();
    interval
}

/// Reads an asciicast as strictly as its description has it: what was shown and typed, the markers,
/// and how it ended.
fn played(cast: &str) -> (String, String, Vec<String>, String) {
    let mut lines = cast.lines();
    let header: Value = serde_json::from_str(lines.next().unwrap()).unwrap();
    assert_eq!((&header["version"], &header["term"]["cols"]), (&3.into(), &80.into()));
    assert!(header["timestamp"].is_u64() && header["term"]["rows"].is_u64(), "{header}");
    let (mut shown, mut typed, mut markers) = (String::new(), String::new(), Vec::new());
    let mut exit = None;
    for line in lines {
        let (interval, code, data): (f64, String, String) = serde_json::from_str(line).unwrap();
        assert!((0.0..60.0).contains(&interval) && exit.is_none(), "{line}");
        match code.as_str() {
            "o" => shown.push_str(&data),
            "i" => typed.push_str(&data),
            "m" => markers.push(data),
            "x" => exit = Some(data.parse::<i32>().map(|_| data).unwrap()),
            _ => unreachable!("{line}"),
        }
    }
    (shown, typed, markers, exit.unwrap())
}
