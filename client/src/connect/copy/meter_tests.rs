//! What a command hears of its copy, and how often.

use super::*;
use crate::control::Copying;
use crate::note::Record;
use deskside_protocol::wire::message::refusal::Cause;

fn meter() -> Meter {
    Meter::new(Way::Sent, Tally::new(Record::default()))
}

fn report(name: &str, failed: Option<Fault>) -> FileReport {
    FileReport {
        path: RelativePath::parse(name).unwrap(),
        bytes: 1000,
        sha256: failed.is_none().then_some([7; 32]),
        resumed_from: 0,
        took: Duration::from_millis(1234),
        failed,
    }
}

#[tokio::test(start_paused = true)]
async fn a_fast_copy_is_told_of_ten_times_a_second() {
    let meter = meter();
    let (ours, theirs) = tokio::io::duplex(8);
    let copy = async {
        meter.announced(1, 100_000);
        for _ in 0..1000 {
            meter.moved(100);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        meter.over(Ok(()));
    };
    let told = async {
        let mut teller = Teller::new(theirs);
        meter.tell(&mut teller).await
    };
    let heard = async {
        let (mut copying, mut news) = (Copying::new(ours), Vec::new());
        loop {
            let next = copying.next().await.unwrap();
            if next == CopyNews::Done {
                return news;
            }
            news.push(next);
        }
    };
    let ((), told, heard) = tokio::join!(copy, told, heard);
    told.unwrap();
    // Two seconds, and what is told at their beginning and end.
    assert!((15..=22).contains(&heard.len()), "{}", heard.len());
    let last = control::Progress { files: 1, bytes: 100_000, total: 100_000, ..Default::default() };
    assert_eq!(heard.last(), Some(&CopyNews::Progress(last)));
}

#[tokio::test(start_paused = true)]
async fn an_idle_copy_says_nothing_again() {
    let meter = meter();
    meter.announced(0, 0);
    assert_eq!(meter.take().0.len(), 1);
    assert_eq!(meter.take(), (Vec::new(), false));
    meter.broken("x");
    meter.over(Err(Failure::new(Exit::NotFound, "gone")));
    let (news, over) = meter.take();
    let failed = CopyNews::Failed { exit: Exit::NotFound.code(), error: "gone".into() };
    assert_eq!(news, [CopyNews::Broken { why: "x".into() }, failed]);
    assert!(over);
}

#[test]
fn what_comes_again_over_another_line_is_told_and_noted_once() {
    let meter = meter();
    meter.announced(2, 2000);
    meter.moved(1000);
    meter.ended(&report("a/b", None));
    let denied = Fault::new(Cause::BadRequest, "c is a link, and links are not followed");
    meter.skipped(&RelativePath::parse("c").unwrap(), &denied);
    // The line dies, and the transfer begins anew.
    meter.announced(2, 2000);
    meter.resumed(500);
    meter.moved(500);
    meter.ended(&report("a/b", None));
    meter.skipped(&RelativePath::parse("c").unwrap(), &denied);
    meter.moved(1000);
    meter.ended(&report("d", Some(denied)));
    let (news, _) = meter.take();
    let expected =
        control::Progress { name: String::new(), done: 2, files: 2, bytes: 2000, total: 2000 };
    assert_eq!(news[0], CopyNews::Progress(expected));
    let word = |news: &CopyNews| match news {
        CopyNews::Copied(file) => (file.name.clone(), 0),
        CopyNews::Skipped { name, exit, .. } => (name.clone(), *exit),
        CopyNews::Progress(_)
        | CopyNews::Broken { .. }
        | CopyNews::Done
        | CopyNews::Failed { .. } => panic!("{news:?}"),
    };
    let words: Vec<_> = news[1..].iter().map(word).collect();
    let words: Vec<_> = words.iter().map(|(name, exit)| (name.as_str(), *exit)).collect();
    assert_eq!(words, [("a/b", 0), ("c", 1), ("d", 1)]);
    let files = meter.tally.record().files;
    assert_eq!((files.len(), files[0].name.as_str()), (1, "a/b"));

    meter.next();
    meter.announced(1, 50);
    meter.ended(&report("a/b", None));
    let (news, _) = meter.take();
    let CopyNews::Progress(progress) = &news[0] else { panic!("{news:?}") };
    assert_eq!((progress.done, progress.files, progress.total), (3, 3, 2050));
    assert_eq!(meter.tally.record().files.len(), 2);
}
