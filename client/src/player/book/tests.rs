use super::*;
use deskside_story::Outcome;

fn book(whats: Vec<What>) -> Book {
    let book = Book::new(1_000_000).unwrap();
    for (what, number) in whats.into_iter().zip(0_u64..) {
        let time_us = 1_000_000 + number * 10;
        let happening = Happening { number, line: 0, from: End::Agent, time_us, what };
        book.write(&happening).unwrap();
    }
    book
}

fn output(of: u64, stderr: bool, bytes: &'static [u8]) -> What {
    What::Output { of, stderr, bytes: Bytes::from_static(bytes) }
}

#[test]
fn output_is_told_by_way_and_harmless() {
    let book = book(vec![
        What::Command { argv: vec!["ls".into()], timeout_ms: 0 },
        output(0, false, b"a\xc3"),
        output(0, false, b"\xa9\r\n\x1b[31mred\x1b[0m\n"),
        output(9, false, b"of another"),
        output(0, true, b"no \x07such"),
        What::CommandEnded { of: 0, how: Outcome::Exited(2) },
    ]);
    let told = book.output(0, 0).unwrap();
    assert_eq!(told["pieces"][0]["text"], "aé\nred\n");
    assert_eq!((&told["pieces"][0]["way"], &told["pieces"][0]["at"]), (&json!("out"), &json!(10)));
    assert_eq!(
        (&told["pieces"][1]["way"], &told["pieces"][1]["text"]),
        (&json!("err"), &json!("no \u{fffd}such"))
    );
    assert_eq!(told["next"], Value::Null);
    let rows = book.rows(0);
    assert_eq!((rows.len(), &rows[0]["title"], &rows[0]["n"]), (2, &json!("ls"), &json!(0)));
    assert_eq!(
        (&rows[1]["of"], &rows[1]["words"], &rows[1]["well"]),
        (&json!(0), &json!("exit 2"), &json!(false))
    );
    assert_eq!(book.rows(1).len(), 1);
    let found = book.search("RED").unwrap();
    assert_eq!((&found["hits"][0]["of"], &found["hits"][0]["line"]), (&json!(0), &json!("red")));
    assert_eq!(book.search("nothing like it").unwrap()["hits"], json!([]));
}

#[test]
fn much_output_comes_in_parts() {
    static PART: [u8; 60_000] = [b'x'; 60_000];
    let mut whats = vec![What::Command { argv: vec!["yes".into()], timeout_ms: 0 }];
    whats.extend((0..12).map(|_| output(0, false, &PART)));
    let book = book(whats);
    let (mut from, mut bytes, mut asked) = (0, 0, 0);
    loop {
        let told = book.output(0, from).unwrap();
        bytes += told["pieces"][0]["text"].as_str().unwrap().len();
        asked += 1;
        let Some(next) = told["next"].as_u64() else { break };
        from = usize::try_from(next).unwrap();
    }
    assert_eq!((bytes, asked), (12 * PART.len(), 3));
}

#[test]
fn a_picture_is_whole() {
    let shot = What::Screenshot { monitor: 0, width: 1, height: 1, bytes: 6 };
    let part =
        |bytes: &'static [u8]| What::ScreenshotPart { of: 0, bytes: Bytes::from_static(bytes) };
    let book = book(vec![shot, part(b"abc"), part(b"def")]);
    assert_eq!(book.picture(0).unwrap().unwrap(), "abcdef");
    assert_eq!(book.picture(1).unwrap(), None);
    // Where there is no room for all of it there is none of it.
    book.part(5, b"abc", 3).unwrap();
    assert_eq!(book.picture(5).unwrap().unwrap(), "abc");
    for _ in 0..2 {
        book.part(5, b"def", 3).unwrap();
        assert_eq!(book.picture(5).unwrap(), None);
    }
    assert_eq!((book.picture(0).unwrap().unwrap(), book.dropped()), ("abcdef".into(), 2));
}

#[test]
fn no_search_finds_more_than_a_page_can_show() {
    let part = || What::Output { of: 0, stderr: false, bytes: "hit\n".repeat(MAX_HITS).into() };
    let book = book(vec![part(), part(), part()]);
    assert_eq!(book.hits("hit").unwrap().len(), MAX_HITS + 1);
    let found = book.search("hit").unwrap();
    assert_eq!((found["hits"].as_array().unwrap().len(), &found["more"]), (MAX_HITS, &json!(true)));
}

#[test]
fn what_cannot_be_decoded_is_a_row() {
    let book = book(Vec::new());
    book.broken(1_000_007, &"x\u{202e}".repeat(60_000));
    let row = &book.rows(0)[0];
    assert_eq!((&row["kind"], &row["at"]), (&json!("trouble"), &json!(7)));
    let title = row["title"].as_str().unwrap();
    assert!(title.len() < 1_000 && !title.contains('\u{202e}'), "{title}");
}
