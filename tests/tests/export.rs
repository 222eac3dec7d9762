//! What an auditor makes of a recording for other people's programs, each form held against what
//! really happened by a program of somebody else's: sessions between real processes with commands, a
//! file, a conversation and a screen that was watched.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use deskside_decode::{Decoder, What};
use deskside_protocol::recording::verify::whole;
use deskside_protocol::recording::{Reader, Step};
use deskside_protocol::seal::LineSecrets;
use deskside_protocol::session::End;
use deskside_tests::agent::Wish;
use deskside_tests::browser::{self, Look};
use deskside_tests::display::Display;
use deskside_tests::person::Person;
use deskside_tests::process::{Process, Ran, command, run};
use deskside_tests::technician::Technician;
use image::{Rgb, RgbImage};
use serde_json::Value;

use crate::house::{Helped, House};
use crate::secrecy::decrypted;

/// A session that is over, as a file.
struct Exported {
    house: House,
    id: String,
    file: PathBuf,
}

impl Exported {
    /// Two commands, a file there, and a word.
    fn new() -> Self {
        let house = House::new();
        let Helped { agent: _agent, session, .. } = house.helped("agent");
        assert_eq!(session.exec(&["echo", "first line"], b"").unwrap().code, Some(0));
        let failing = ["sh", "-c", "cat; echo trouble >&2; exit 3"];
        assert_eq!(session.exec(&failing, b"typed in").unwrap().code, Some(3));
        let (noise, _) = house.noise("noise", 300_000);
        house.copy(&[&noise, "agent:"]).done().unwrap();
        house.alice.run(&["chat", "Is the <b>lamp</b> on?"]).unwrap().done().unwrap();
        let id = session.id().to_owned();
        session.end("").unwrap();
        let file = house.fetched(&id);
        Self { house, id, file }
    }

    /// `deskside audit export`, to its end.
    fn export(&self, name: &str, words: &[&str]) -> (PathBuf, Ran) {
        let out = self.house.path(name);
        let (file, to) = (self.file.to_str().unwrap(), out.to_str().unwrap());
        let words = [&["audit", "export", file, "-o", to][..], words].concat();
        let ran = self.house.alice.run(&words).unwrap();
        (out, ran)
    }

    /// The organisation's key, as it stands in the join link.
    fn organisation(&self) -> String {
        let org = self.house.relay.join().split("org=").nth(1).unwrap();
        org.split('&').next().unwrap().to_owned()
    }

    /// What both ends sealed, as `age` itself opened it.
    fn sealed(&self) -> Vec<(u16, End, LineSecrets)> {
        let report = whole(&std::fs::read(&self.file).unwrap(), None);
        let session = report.facts.as_ref().unwrap().session();
        let opened = report.seals.iter().map(|seal| {
            let (identity, file) = (self.house.alice.identity(), self.house.path("seal.age"));
            let text = decrypted(&identity, &file, &seal.age);
            let secrets = LineSecrets::from_key_log(&text, session, seal.line, seal.end).unwrap();
            (seal.line, seal.end, secrets)
        });
        opened.collect()
    }

    /// Every secret, as bytes and as text.
    fn secrets(&self) -> Vec<Vec<u8>> {
        let sealed = self.sealed();
        let secrets = sealed.iter().flat_map(|(_, _, secrets)| &secrets.secrets);
        let both = |secret: &[u8]| {
            let text: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
            [secret.to_vec(), text.into_bytes()]
        };
        secrets.flat_map(|secret| both(secret)).collect()
    }

    /// What each stream carried, by the decoder.
    fn streams(&self) -> Streams {
        let bytes = std::fs::read(&self.file).unwrap();
        let mut decoder = Decoder::new();
        for (line, end, secrets) in self.sealed() {
            decoder.sealed(line, end, secrets);
        }
        let (mut reader, mut rest) = (Reader::new(), bytes.as_slice());
        let mut streams = Streams::new();
        while let Step::Block(block) = reader.next(&mut rest).unwrap() {
            decoder.feed(&block);
            while let Some(event) = decoder.poll() {
                if let What::Data { stream, offset, bytes } = event.what {
                    let known = streams.entry((event.from, stream)).or_default();
                    assert_eq!(known.len() as u64, offset);
                    known.extend_from_slice(&bytes);
                }
            }
        }
        streams
    }
}

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
    let (shown, typed, markers, exit) = played(&std::fs::read_to_string(cast).unwrap());
    assert!(
        shown.contains("$ echo first line\r\nfirst line\r\n[exit 0]\r\n$ sh -c cat;"),
        "{shown}"
    );
    assert!(shown.ends_with("[exit 3]\r\n") && shown.contains("trouble\r\n"), "{shown}");
    let second = "sh -c cat; echo trouble >&2; exit 3";
    assert_eq!((typed.as_str(), exit.as_str()), ("typed in", "3"));
    assert_eq!(markers, ["echo first line", second]);
}

#[test]
fn a_part_is_handed_out_and_whose_word_it_is_shows_without_an_account() {
    let exported = Exported::new();
    let house = &exported.house;
    let (file, out) = (exported.file.to_str().unwrap(), house.path("a.excerpt"));
    let excerpt = out.to_str().unwrap();
    let words = ["audit", "disclose", file, "--channels", "command,chat", "-o", excerpt];
    let told = house.alice.run(&words).unwrap().done().unwrap();
    assert_eq!(
        (&told["event"], &told["streams"]),
        (&"disclosed".into(), &told["proven"]),
        "{told}"
    );

    // Somebody outside, who has the organisation's key and nothing else.
    let stranger = Technician::new(&house.path("stranger"));
    let org = exported.organisation();
    let verify = |words: &[&str]| {
        let words = [&["audit", "verify", excerpt][..], words].concat();
        stranger.run(&words).unwrap()
    };
    let verdict = verify(&["--org", &org]).done().unwrap();
    assert_eq!((&verdict["verdict"], &verdict["of"]), (&"verified".into(), &"excerpt".into()));
    let whole = house.alice.run(&["audit", "verify", file]).unwrap().done().unwrap();
    assert_eq!((&verdict["hash"], &verdict["session"]), (&whole["hash"], &whole["session"]));
    assert!(verdict["log"]["size"].is_u64(), "{verdict}");
    let streams = verdict["streams"].as_array().unwrap();
    let of = |channel: &str| streams.iter().filter(|one| one["channel"] == channel).count();
    // Each command has a word from both ends, the chat from one.
    assert!(
        of("command") == 4 && of("chat") >= 1 && of("file") + of("control") == 0,
        "{streams:?}"
    );
    let proven = |one: &&Value| one["proven"] == one["bytes"];
    assert_eq!(streams.iter().filter(proven).count(), streams.len(), "{streams:?}");
    // Of the agent's own words both say that they are all; an agent need not read to the technician's.
    let ended = |one: &&Value| {
        (&one["channel"], &one["from"], &one["whole"])
            == (&"command".into(), &"agent".into(), &true.into())
    };
    assert_eq!(streams.iter().filter(ended).count(), 2, "{streams:?}");
    let happened = verdict["happened"].to_string();
    for said in ["first line", "trouble", "typed in", "lamp"] {
        assert!(happened.contains(said), "{said}: {happened}");
    }
    assert!(!happened.contains("noise"), "{happened}");
    let left = verdict["left_out"].as_array().unwrap();
    assert!(
        left.iter().any(|left| left["channel"] == "file" && left["bytes"].as_u64() > Some(300_000))
    );
    // Nothing in it opens the rest.
    let bytes = std::fs::read(&out).unwrap();
    for secret in exported.secrets() {
        assert!(!bytes.windows(secret.len()).any(|part| part == secret), "a secret was handed out");
    }
    // Without a key it is nobody's, under another's it is none; and no byte of it can be another.
    assert_eq!(verify(&[]).done().unwrap()["verdict"], "consistent");
    let other = "00".repeat(32);
    assert_eq!(verify(&["--org", &other]).code, Some(7));
    for at in (0..bytes.len()).step_by(bytes.len() / 20) {
        let mut altered = bytes.clone();
        altered[at] ^= 4;
        std::fs::write(&out, altered).unwrap();
        assert_eq!(verify(&["--org", &org]).code, Some(7), "byte {at}");
    }
    // A time in which the command had begun already: its rest is the auditor's word.
    let lines = exported.export("a.jsonl", &[]).0;
    let lines = std::fs::read_to_string(lines).unwrap();
    let events = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let later = events.into_iter().find(|event| event["what"] == "command-stderr").unwrap();
    let words = ["audit", "disclose", file, "--channels", "command", "--from"];
    let words = [&words[..], &[later["time"].as_str().unwrap(), "-o", excerpt]].concat();
    house.alice.run(&words).unwrap().done().unwrap();
    let verdict = verify(&["--org", &org]).done().unwrap();
    let happened = verdict["happened"].to_string();
    assert!(happened.contains("trouble") && !happened.contains("first line"), "{happened}");
    assert!(verdict["messages"].as_u64() > Some(0), "{verdict}");
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

/// A session over which a technician watched the user's screen: what it showed at last.
fn watched() -> (Exported, RgbImage) {
    let house = House::new();
    let (theirs, ours) = (Display::start(640, 401).unwrap(), Display::start(900, 700).unwrap());
    let display = vec![("DISPLAY", theirs.name().to_owned())];
    let wish = Wish { allow: "view,command", screen: "x11", display, ..Wish::default() };
    let mut agent = house.agent_as("agent", &wish);
    let ticket = house.alice.ticket("Colours are wrong").unwrap();
    let code = agent.code().unwrap();
    let words = ["connect", &code, "--ticket", &ticket, "--request", "view,command"];
    let mut command = house.alice.command(&words).unwrap();
    command.env("DISPLAY", ours.name()).current_dir(house.path(""));
    let mut connect = Process::start("deskside connect", &mut command).unwrap();
    let id = connect.wait_for("session").unwrap()["session"].as_str().unwrap().to_owned();
    let (user, person) = (Person::at(theirs.name()).unwrap(), Person::at(ours.name()).unwrap());
    person.wait_for("Deskside").unwrap();
    let shown = |original: &RgbImage| {
        // In the window's corner, but for the pointer, which nobody moves from the middle.
        let same = |seen: &RgbImage| {
            let alike = |(x, y, pixel): (u32, u32, &Rgb<u8>)| {
                (x.abs_diff(320) < 20 && y.abs_diff(200) < 20) || seen.get_pixel(x, y) == pixel
            };
            original.enumerate_pixels().all(alike)
        };
        person.wait_until(same).unwrap();
    };
    shown(&user.picture().unwrap());
    let painting = theirs.paint().unwrap();
    let last = user.picture().unwrap();
    shown(&last);
    let words = ["exec", "--session", &id, "--", "echo", "first line"];
    assert_eq!(house.alice.run(&words).unwrap().code, Some(0));
    house.alice.run(&["end", "--session", &id]).unwrap().done().unwrap();
    drop(painting);
    let file = house.fetched(&id);
    (Exported { house, id, file }, last)
}

#[test]
fn films_and_pictures_show_what_the_screen_showed_and_when() {
    let (exported, last) = watched();
    let (told, _) = exported.export("a.jsonl", &[]);
    let told = std::fs::read_to_string(told).unwrap();
    let head: Value = serde_json::from_str(told.lines().next().unwrap()).unwrap();
    let span = seconds(&head["to"]) - seconds(&head["from"]);
    let happened = |what: &str| {
        let events = told.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        events.into_iter().find(|event| event["what"] == what).unwrap()
    };
    let told_at = happened("command")["time"].clone();

    let (picture, told) = exported.export("a.png", &["--no-cursor"]);
    let told = told.done().unwrap();
    assert_eq!((&told["width"], &told["height"]), (&640.into(), &401.into()));
    let picture = image::open(picture).unwrap().to_rgb8();
    assert!(picture == last, "every pixel is the user's");
    let (pointed, _) = exported.export("b.png", &[]);
    assert_ne!(image::open(pointed).unwrap().to_rgb8(), last, "no pointer");
    let early = exported.export("c.png", &["--at", "0"]).1;
    assert_eq!(early.code, Some(5), "{early}");

    for (name, codec, height) in
        [("a.mp4", "h264", 402), ("a.webm", "vp9", 402), ("a.apng", "apng", 401)]
    {
        let (film, told) = exported.export(name, &["--no-cursor"]);
        let told = told.done().unwrap();
        let probed = ffprobe(&film);
        let stream = &probed["streams"][0];
        assert_eq!((&stream["codec_name"], &stream["height"]), (&codec.into(), &height.into()));
        let pictures: u64 = stream["nb_read_frames"].as_str().unwrap().parse().unwrap();
        assert_eq!(told["pictures"], pictures, "{name}");
        let frames = probed["frames"].as_array().unwrap();
        let number = |text: &Value| text.as_str().map(|text| text.parse::<f64>().unwrap());
        let at = |frame: &Value| number(&frame["pts_time"]).unwrap();
        let last = frames.last().unwrap();
        // A moving PNG says how long each picture stands, and not how long all of them do.
        let end = || at(last) + number(&last["pkt_duration_time"]).unwrap();
        let length = number(&probed["format"]["duration"]).unwrap_or_else(end);
        assert!((length - span).abs() < 1.0 / 30.0, "{name}: {length} s, {span} s were recorded");
        // The stripes came before the command, by the auditor's other account of it.
        let striped = seconds(&told_at) - seconds(&head["from"]);
        assert!(at(&frames[frames.len() - 2]) > 0.0 && at(&frames[1]) < striped, "{name}");
    }
    let (film, _) = exported.export("b.apng", &["--no-cursor"]);
    let still = exported.house.path("last.png");
    let mut ffmpeg = command("ffmpeg");
    ffmpeg.args(["-loglevel", "error", "-i"]).arg(film).args(["-update", "1"]).arg(&still);
    assert_eq!(run("ffmpeg", &mut ffmpeg, None).unwrap().code, Some(0));
    let still = image::open(still).unwrap().to_rgb8();
    let mut dimmed = last;
    dimmed.iter_mut().for_each(|colour| *colour /= 2);
    assert!(still == dimmed, "the session is over: the last picture is the user's, dimmed");
}

#[test]
fn a_page_shows_what_happened_and_holds_the_recording() {
    let (watched, last) = watched();
    let exported = Exported::new();
    let (page, told) = exported.export("a.html", &[]);
    let told = told.done().unwrap();
    assert_eq!((&told["as"], &told["pictures"]), (&"html".into(), &0.into()), "{told}");
    let text = std::fs::read_to_string(&page).unwrap();
    // What a person said is text there, and no script is anywhere.
    let url = format!("file://{}", page.display());
    let dom = browser::dom(&url, Look::default()).unwrap();
    assert!(dom.contains("Is the &lt;b&gt;lamp&lt;/b&gt; on?") && dom.contains("trouble"), "{dom}");
    assert!(text.contains("default-src 'none'; img-src data:;") && !text.contains("<b>"));
    let data = "<script type=\"application/octet-stream\"";
    assert_eq!(text.matches("<script").count(), text.matches(data).count());
    assert!(!text.contains("http://") && !text.contains("https://"), "it asks for nothing");

    // Somebody outside verifies it, and takes the recording out of it as it was.
    let stranger = Technician::new(&exported.house.path("stranger"));
    let org = exported.organisation();
    let verify = |page: &Path| {
        let words = ["audit", "verify", page.to_str().unwrap(), "--org", &org];
        stranger.run(&words).unwrap()
    };
    let verdict = verify(&page).done().unwrap();
    assert_eq!((&verdict["verdict"], &verdict["of"]), (&"verified".into(), &"page".into()));
    assert_eq!(verdict["log"]["state"], "proven");
    let again = exported.house.path("again.jsonl");
    let words = ["audit", "export", page.to_str().unwrap(), "-o", again.to_str().unwrap()];
    exported.house.alice.run(&words).unwrap().done().unwrap();
    let (lines, _) = exported.export("a.jsonl", &[]);
    assert!(std::fs::read(again).unwrap() == std::fs::read(lines).unwrap(), "the same recording");
    let inside = text.find(data).unwrap();
    let altered = exported.house.path("altered.html");
    let behind = text.find("deskside-proof").unwrap() - 100;
    for at in (inside + 200..behind).step_by(text.len() / 8) {
        let mut bytes = text.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        std::fs::write(&altered, bytes).unwrap();
        assert_eq!(verify(&altered).code, Some(7), "byte {at}");
    }

    // One with pictures, as people see it.
    let (page, told) = watched.export("a.html", &[]);
    assert!(told.done().unwrap()["pictures"].as_u64() > Some(0), "{told}");
    let url = format!("file://{}", page.display());
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let mut seen = Vec::new();
    for (name, dark) in [("light", false), ("dark", true)] {
        let path = folder.join(format!("export-{name}.png"));
        let look = Look { dark, size: (1280, 2_400), ..Look::default() };
        browser::picture(&url, look, &path).unwrap();
        let picture = image::open(path).unwrap().to_rgb8();
        // The user's screen is there as it was, in whatever light.
        let colours: HashSet<_> = picture.pixels().map(|pixel| pixel.0).collect();
        let stripes: HashSet<_> = last.pixels().map(|pixel| pixel.0).collect();
        assert!(stripes.len() > 200 && stripes.is_subset(&colours), "{name}: no stripes");
        seen.push(picture.get_pixel(2, 2).0[0]);
    }
    assert!(seen[0] > 200 && seen[1] < 60, "{seen:?}");
}

/// A time of the day in seconds.
fn seconds(time: &Value) -> f64 {
    let (_, clock) = time.as_str().unwrap().trim_end_matches('Z').split_once('T').unwrap();
    clock.split(':').fold(0.0, |all, part| all * 60.0 + part.parse::<f64>().unwrap())
}

fn ffprobe(film: &Path) -> Value {
    let mut ffprobe = command("ffprobe");
    ffprobe.args(["-v", "error", "-of", "json", "-count_frames", "-show_frames"]);
    ffprobe.args([
        "-show_entries",
        "format=duration:stream=codec_name,height,nb_read_frames:frame=pts_time,pkt_duration_time",
    ]);
    let probed = run("ffprobe", ffprobe.arg(film), None).unwrap();
    assert_eq!(probed.code, Some(0), "{probed}: is the package ffmpeg installed?");
    serde_json::from_slice(&probed.stdout).unwrap()
}

/// Bytes by who sent them and on which stream.
type Streams = BTreeMap<(End, u64), Vec<u8>>;

#[test]
fn tshark_reads_the_same_streams_from_the_packets() {
    let exported = Exported::new();
    let (capture, told) = exported.export("a.pcapng", &[]);
    let told = told.done().unwrap();
    assert_eq!((&told["event"], &told["as"]), (&"exported".into(), &"pcapng".into()));
    assert_eq!(told["bytes"], std::fs::metadata(&capture).unwrap().len());
    assert!(told["packets"].as_u64() > Some(100), "{told}");
    let read = tshark(&capture);
    let ours = exported.streams();
    assert!(ours.len() >= 6, "{:?}", ours.keys());
    assert_eq!(read.keys().collect::<Vec<_>>(), ours.keys().collect::<Vec<_>>());
    for (key, bytes) in &ours {
        assert!(read[key] == *bytes, "{key:?}: {} and {} bytes", read[key].len(), bytes.len());
    }
}

/// What each stream carried, by Wireshark's own decoder, which has nothing but the file.
fn tshark(capture: &Path) -> Streams {
    let mut tshark = command("tshark");
    tshark.args(["-n", "-T", "json", "--no-duplicate-keys", "-Y", "quic.stream_data", "-r"]);
    let read = run("tshark", tshark.arg(capture), None).unwrap();
    assert_eq!(read.code, Some(0), "{read}: is the package tshark installed?");
    let packets: Vec<Value> = serde_json::from_slice(&read.stdout).unwrap();
    let mut streams = Streams::new();
    for packet in packets {
        let layers = &packet["_source"]["layers"];
        let from = if layers["udp"]["udp.srcport"] == "443" { End::Agent } else { End::Technician };
        frames(&layers["quic"], &mut |stream, offset, bytes| {
            let known = streams.entry((from, stream)).or_default();
            known.resize(known.len().max(offset + bytes.len()), 0);
            known[offset..offset + bytes.len()].copy_from_slice(bytes);
        });
    }
    streams
}

/// All STREAM frames that carry anything: stream, offset, bytes.
fn frames(dissected: &Value, seen: &mut impl FnMut(u64, usize, &[u8])) {
    let data = dissected["quic.stream_data"].as_str();
    if let Some(data) = data.filter(|data| !data.is_empty()) {
        let number = |name: &str| dissected[name].as_str().map(|text| text.parse::<u64>().unwrap());
        let bytes: Vec<u8> =
            data.split(':').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
        let offset = number("quic.stream.offset").unwrap_or_default();
        seen(number("quic.stream.stream_id").unwrap(), offset.try_into().unwrap(), &bytes);
    }
    let parts = dissected.as_array().into_iter().flatten();
    for part in parts.chain(dissected.as_object().into_iter().flat_map(|object| object.values())) {
        frames(part, seen);
    }
}
