use std::net::SocketAddr;
use std::time::Duration;

use deskside_decode::{Entry, Item};
use deskside_protocol::channel::Channel;
use deskside_protocol::session::End;
use deskside_protocol::wire::message::message::Kind;
use deskside_protocol::wire::message::{self, Message};
use deskside_screen::{Encoder, Picture, Size, View};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::*;

const SIDE: usize = 64;
const BEGAN: u64 = 1_000_000;

fn entry(time_us: u64, from: End, item: Item) -> Entry {
    Entry { line: 0, from, time_us, channel: Some(Channel::Screen), stream: Some(4), item }
}

fn said(time_us: u64, from: End, kind: Kind) -> Entry {
    entry(time_us, from, Item::Message(Box::new(Message { kind: Some(kind) })))
}

fn verdict() -> Verdict {
    let intervals = vec![
        Interval { from_us: BEGAN, to_us: BEGAN + 5, word: "proven" },
        Interval { from_us: BEGAN + 5, to_us: BEGAN + 9, word: "consistent" },
    ];
    let sentences = vec!["all is well.".into()];
    Verdict { word: "verified".into(), sound: true, sentences, intervals }
}

/// A film of so many frames, ten milliseconds apart, and what was on the screen after each.
fn stage(frames: u64) -> (Stage, Vec<Picture>) {
    let (entries, seen) = film(frames, |_| false);
    (read(&entries, frames), seen)
}

fn read(entries: &[Entry], frames: u64) -> Stage {
    let stage = Stage::new((BEGAN, BEGAN + frames * 10_000), Value::Null, verdict()).unwrap();
    let mut reading = Reading::new(&stage);
    entries.iter().for_each(|entry| reading.take(entry).unwrap());
    reading.finish(&deskside_decode::Report::default(), verdict()).unwrap();
    stage
}

/// Those frames as entries; some of them begin anew.
fn film(frames: u64, fresh: impl Fn(u64) -> bool) -> (Vec<Entry>, Vec<Picture>) {
    let side = u32::try_from(SIDE).unwrap();
    let watching = message::Watching { width: side, height: side, ..Default::default() };
    let mut entries = vec![
        said(BEGAN, End::Technician, Kind::Watch(message::Watch::default())),
        said(BEGAN, End::Agent, Kind::Watching(watching)),
    ];
    let size = Size::new(SIDE, SIDE).unwrap();
    let (mut encoder, mut bytes) = (Encoder::new(size).unwrap(), vec![0x40_u8; SIDE * SIDE * 4]);
    let mut seen = Vec::new();
    for number in 0..frames {
        let time_us = BEGAN + number * 10_000;
        let at = usize::try_from(number * 37).unwrap() % (SIDE * SIDE) * 4;
        bytes[at] = bytes[at].wrapping_add(77);
        bytes[at + 1] ^= 0x5a;
        let view = View::new(size, SIDE * 4, &bytes).unwrap();
        let now = Duration::from_micros(time_us);
        if fresh(number) {
            encoder.restart();
        }
        let coded = encoder.frame(&view, &[size.rect()], now).unwrap().unwrap();
        entries.push(said(time_us, End::Agent, Kind::ScreenFrame(coded.frame.announce())));
        for part in coded.frame.parts() {
            entries.push(entry(time_us, End::Agent, Item::Raw { at: 0, bytes: part }));
        }
        seen.push(Picture::of(&view));
    }
    (entries, seen)
}

/// What a page draws: it has `picture` so far.
fn draw(bytes: &[u8], picture: &mut Vec<u8>) -> Value {
    let (length, rest) = bytes.split_first_chunk().unwrap();
    let (head, mut rest) = rest.split_at(usize::try_from(u32::from_le_bytes(*length)).unwrap());
    let head: Value = serde_json::from_slice(head).unwrap();
    picture.resize(SIDE * SIDE * 4, 0);
    for part in head["parts"].as_array().unwrap() {
        let [x, y, width, height] =
            [0, 1, 2, 3].map(|at| usize::try_from(part[at].as_u64().unwrap()).unwrap());
        for row in y..y + height {
            let (pixels, more) = rest.split_at(width * 4);
            picture[(row * SIDE + x) * 4..][..width * 4].copy_from_slice(pixels);
            rest = more;
        }
    }
    assert!(rest.is_empty());
    head
}

fn rgba(picture: &Picture) -> Vec<u8> {
    let mut bytes = Vec::new();
    deskside_story::rgba(picture, picture.size().rect(), &mut bytes);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    /// Wherever a page jumps, forwards and back, it sees what was on the screen then; 700 frames have
    /// two places in them from which to go on.
    #[test]
    fn a_jump_shows_what_was_there(jumps in proptest::collection::vec(0..700_u64, 1..24)) {
        let (stage, seen) = stage(700);
        prop_assert!(stage.reel.point(1_000).is_some_and(|(next, _)| next > 500));
        let mut picture = Vec::new();
        for (count, frame) in jumps.into_iter().enumerate() {
            let bytes = stage.see(1, frame * 10_000 + 5_000, count == 0).unwrap();
            let head = draw(&bytes, &mut picture);
            prop_assert_eq!((&head["lost"], &head["live"]), (&false.into(), &true.into()));
            prop_assert!(picture == rgba(&seen[usize::try_from(frame).unwrap()]), "frame {}", frame);
        }
    }
}

/// A piece that is none, and is painted over: whether a page passes it by or plays it, what is seen
/// behind it is told to be older than what was sent.
#[test]
fn what_is_broken_is_told_where_it_is_passed_by_as_well() {
    let (mut entries, _) = film(0, |_| false);
    let size = Size::new(SIDE, SIDE).unwrap();
    let (mut encoder, mut stream) = (Encoder::new(size).unwrap(), 3);
    for (frame, time_us) in (0..3_u32).zip((BEGAN..).step_by(10_000)) {
        let noise = |at: u32| (at * 31 + frame * 977).wrapping_mul(2_654_435_761) >> 29;
        let pixel = |at: u32| (at % 64 * 2 + noise(at)) << 16 | (at / 64 * 2 + noise(at)) << 8;
        let bytes: Vec<u8> = (0..64 * 64).flat_map(|at| pixel(at).to_le_bytes()).collect();
        let view = View::new(size, SIDE * 4, &bytes).unwrap();
        let now = Duration::from_micros(time_us);
        let coded = encoder.frame(&view, &[size.rect()], now).unwrap().unwrap();
        entries.push(said(time_us, End::Agent, Kind::ScreenFrame(coded.frame.announce())));
        let raw = |bytes| Item::Raw { at: 0, bytes };
        entries.extend(coded.frame.parts().map(|part| entry(time_us, End::Agent, raw(part))));
        assert!(!coded.pieces.is_empty());
        for piece in &coded.pieces {
            stream += 4;
            let none =
                |part: bytes::Bytes| if frame == 0 { vec![0; part.len()].into() } else { part };
            let announced = said(time_us, End::Agent, Kind::ScreenPiece(piece.announce()));
            let parts = piece.parts().map(|part| entry(time_us, End::Agent, raw(none(part))));
            let own = std::iter::once(announced).chain(parts);
            entries.extend(own.map(|entry| Entry { stream: Some(stream), ..entry }));
            entries
                .push(Entry { stream: Some(stream), ..entry(time_us, End::Agent, Item::Finished) });
        }
    }
    let stage = read(&entries, 3);
    let (mut played, mut passed) = (Vec::new(), Vec::new());
    for at in 0..3 {
        let head = draw(&stage.see(1, at * 10_000, at == 0).unwrap(), &mut played);
        assert_eq!(head["lost"], true);
    }
    let head = draw(&stage.see(2, 20_000, true).unwrap(), &mut passed);
    assert_eq!(head["lost"], true);
    assert!(played == passed && played.iter().any(|byte| !matches!(*byte, 0 | u8::MAX)));
}

#[test]
fn what_was_not_read_to_its_end_was_not_checked() {
    let mut wrong = verdict();
    (wrong.word, wrong.sound) = ("tampered".into(), false);
    for (first, before, after, word) in
        [(verdict(), "waiting", "unchecked", "not checked"), (wrong, "wrong", "wrong", "tampered")]
    {
        let stage = Stage::new((BEGAN, BEGAN), Value::Null, first).unwrap();
        assert_eq!(stage.state(0, 0)["verdict"]["state"], before);
        stage.fail("the disk is gone".into());
        let told = stage.state(0, 0);
        assert_eq!(
            (&told["verdict"]["state"], &told["verdict"]["word"]),
            (&after.into(), &word.into())
        );
        let said = told["verdict"]["sentences"].as_array().unwrap();
        assert!(said[0].as_str().unwrap().contains("not checked"), "{said:?}");
        assert_eq!(
            (&said[1], &told["failed"]),
            (&"all is well.".into(), &"the disk is gone".into())
        );
    }
    assert_eq!(stage(1).0.state(0, 0)["verdict"]["state"], "sound");
}

/// The page shows where it stood and how long it was, and has nothing of it.
#[test]
fn a_masked_passage_is_a_row_with_its_end() {
    let typing = |time_us, from, item| Entry {
        channel: Some(Channel::Input),
        stream: Some(8),
        ..entry(time_us, from, item)
    };
    let masking = |time_us, on| {
        let message = Message { kind: Some(Kind::Masking(message::Masking { on })) };
        typing(time_us, End::Agent, Item::Message(Box::new(message)))
    };
    let entries = [
        masking(BEGAN + 1_000, true),
        typing(BEGAN + 2_000, End::Technician, Item::Masked { bytes: 80 }),
        typing(BEGAN + 3_000, End::Technician, Item::Masked { bytes: 80 }),
        masking(BEGAN + 4_000, false),
    ];
    let told = read(&entries, 1).state(0, 0);
    let rows = told["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 2, "{told}");
    let title = "A password: what is typed is in no recording";
    assert_eq!((&rows[0]["kind"], &rows[0]["title"]), (&json!("masked"), &json!(title)));
    assert_eq!((&rows[1]["of"], &rows[1]["at"]), (&rows[0]["n"], &json!(4_000)));
    assert_eq!(rows[1]["words"], "2 messages, at most 158 B");
}

#[test]
fn a_frame_that_cannot_be_decoded_is_a_row_and_the_picture_is_not_live() {
    let (mut entries, _) = film(6, |number| number == 4);
    // The third is damaged: what comes before the fifth builds on it.
    for entry in entries.iter_mut().filter(|entry| entry.time_us == BEGAN + 20_000) {
        if let Item::Raw { bytes, .. } = &mut entry.item {
            *bytes = vec![0xff; bytes.len()].into();
        }
    }
    let stage = read(&entries, 6);
    let told = stage.state(0, 0);
    let troubles = told["rows"].as_array().unwrap().iter().filter(|row| row["kind"] == "trouble");
    let times: Vec<_> = troubles.map(|row| row["at"].as_u64().unwrap()).collect();
    assert_eq!(times, [20_000]);
    let mut picture = Vec::new();
    for (frame, live) in [true, true, false, false, true, true].into_iter().enumerate() {
        let at = u64::try_from(frame).unwrap() * 10_000 + 5_000;
        let head = draw(&stage.see(1, at, frame == 0).unwrap(), &mut picture);
        assert_eq!((&head["live"], &head["lost"]), (&live.into(), &(!live).into()), "{frame}");
    }
}

#[test]
fn a_page_is_told_what_it_does_not_have_and_few_pages_look_at_once() {
    let (stage, _) = stage(120);
    let told = stage.state(0, 0);
    assert_eq!((&told["whole"], &told["film"]), (&true.into(), &true.into()));
    assert_eq!(told["movement"], "99");
    assert_eq!(told["verdict"]["sentences"][0], "all is well.");
    let intervals = json!([[0, 5, "proven"], [5, 9, "consistent"]]);
    assert_eq!(told["verdict"]["intervals"], intervals);
    let rows = told["rows"].as_array().unwrap().len();
    assert!(rows >= 2, "{told}");
    let more = stage.state(rows, 1);
    assert_eq!((more["rows"].as_array().unwrap().len(), &more["movement"]), (0, &"9".into()));
    // The fifth page puts the first out, which is then told all of it again.
    let mut picture = Vec::new();
    for page in 0..5 {
        draw(&stage.see(page, 0, false).unwrap(), &mut picture);
    }
    let again = draw(&stage.see(0, 0, false).unwrap(), &mut picture);
    assert_eq!(again["parts"].as_array().unwrap().len(), 1);
    let none = draw(&stage.see(0, 0, false).unwrap(), &mut picture);
    assert_eq!(none["parts"].as_array().unwrap().len(), 0);
}

/// A stage that is served, with its address and word, and the task that ends with it.
async fn served(
    stop: CancellationToken,
) -> (SocketAddr, (String, String), JoinHandle<anyhow::Result<()>>) {
    let (stage, _) = stage(1);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = Served::new(listener, Arc::new(stage)).unwrap();
    let word = served.url.rsplit('/').nth(1).unwrap().to_owned();
    let once = served.once.rsplit('/').next().unwrap().to_owned();
    (address, (word, once), tokio::spawn(served.run(stop.cancelled_owned())))
}

/// One request, and the status of its answer.
async fn asked(to: SocketAddr, line: &str, headers: &[(&str, &str)]) -> String {
    answered(to, line, headers).await.split(' ').nth(1).unwrap_or_default().to_owned()
}

async fn answered(to: SocketAddr, line: &str, headers: &[(&str, &str)]) -> String {
    let mut stream = TcpStream::connect(to).await.unwrap();
    let headers: String =
        headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let request = format!("{line} HTTP/1.0\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn only_the_word_and_the_address_open_it() {
    let stop = CancellationToken::new();
    let (address, (word, once), running) = served(stop.clone()).await;
    let host = address.to_string();
    let (own, port) = (("host", host.as_str()), address.port());
    let localhost = format!("localhost:{port}");
    assert_eq!(word.len(), 43);
    for (path, headers, wanted) in [
        (format!("/{word}/"), vec![own], "200"),
        (format!("/{word}/player.js"), vec![own], "200"),
        (format!("/{word}/title"), vec![own, ("sec-fetch-site", "same-origin")], "200"),
        (format!("/{word}/title"), vec![own, ("sec-fetch-site", "cross-site")], "404"),
        (format!("/{word}/title"), vec![("host", "evil.example")], "404"),
        (format!("/{word}/title"), vec![("host", &localhost)], "404"),
        (format!("/{word}/title"), vec![], "404"),
        (format!("/{word}"), vec![own], "404"),
        (format!("/{}/title", "A".repeat(43)), vec![own], "404"),
        ("/".to_owned(), vec![own], "404"),
        (format!("/{word}/none.js"), vec![own], "404"),
        (format!("/{word}/picture/7"), vec![own], "404"),
        (format!("/{word}/gone"), vec![own], "404"),
    ] {
        let status = asked(address, &format!("GET {path}"), &headers).await;
        assert_eq!(status, wanted, "{path} {headers:?}");
    }
    // Another word leads there, and only the first that asks.
    assert!(once.len() == 43 && once != word);
    let foreign = [own, ("sec-fetch-site", "cross-site")];
    assert_eq!(asked(address, &format!("GET /{once}"), &foreign).await, "404");
    assert_eq!(asked(address, &format!("HEAD /{once}"), &[own]).await, "404");
    let led = answered(address, &format!("GET /{once}"), &[own]).await;
    assert!(led.contains(" 303 ") && led.contains(&format!("location: /{word}/\r\n")), "{led}");
    let again = answered(address, &format!("GET /{once}"), &[own]).await;
    assert!(again.contains(" 404 ") && !again.contains(&word), "{again}");
    stop.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn it_ends_when_the_page_has_gone_and_waits_for_the_first_one() {
    let (address, (word, _), running) = served(CancellationToken::new()).await;
    // Nobody came yet: it waits.
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert!(!running.is_finished());
    let host = address.to_string();
    let began = tokio::time::Instant::now();
    // The clock of the test runs whenever nothing else does, so that the answer may be cut off.
    let (line, headers) = (format!("POST /{word}/gone"), [("host", host.as_str())]);
    let asking = asked(address, &line, &headers);
    let (status, ended) = tokio::join!(asking, running);
    assert!(status == "204" || status.is_empty(), "{status}");
    ended.unwrap().unwrap();
    assert!(
        began.elapsed() >= Duration::from_secs(10) && began.elapsed() < Duration::from_secs(60)
    );
}
