//! The file channel over real QUIC streams: what passes the gate lands whole, and what does not
//! leaves no trace.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use deskside_files::{Announced, Hear as _, Landing, Source, Speak as _};
use deskside_link::line::Stream;
use deskside_link::stream::{Receiver, Sender};
use deskside_protocol::act::ActKey;
use deskside_protocol::channel::Channel;
use deskside_protocol::frame::MAX_MESSAGE;
use deskside_protocol::grant::{Grant, GrantSet};
use deskside_protocol::wire::message::{FileEnd, FileEntry, FileListed};
use tokio::task::JoinSet;
use zeroize::Zeroizing;

use super::*;
use crate::consent::{Answer, Asker, Asking, Direction, Listing, Question, Standing, Visitor};
use crate::events::Show;
use crate::gate::{Forget, Record, Terms, listen};
use crate::session::stage::{Hears, Says, connection};

/// Answers alike and keeps the questions.
struct Answering {
    answer: Answer,
    asked: AtomicUsize,
    what: Mutex<String>,
    files: Mutex<Option<Listing>>,
}

impl Asker for Answering {
    fn ask<'a>(&'a self, question: &'a Question<'a>) -> Asking<'a> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        match question {
            Question::Opening { .. } => {}
            Question::More { what, .. } => (*what).clone_into(&mut self.what.lock().unwrap()),
            Question::Files { files, .. } => {
                *self.files.lock().unwrap() = Some((*files).clone());
            }
        }
        Box::pin(std::future::ready(self.answer))
    }
}

/// An agent's folder and gate, and a connection between a technician and it.
struct House {
    folder: tempfile::TempDir,
    asker: Arc<Answering>,
    gate: Gate,
    key: ActKey,
    technician: quinn::Connection,
    _serving: JoinSet<()>,
}

impl House {
    async fn new(answer: Answer) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let asker = Arc::new(Answering {
            answer,
            asked: 0.into(),
            what: Mutex::default(),
            files: Mutex::default(),
        });
        let show = Arc::new(Show::json(std::io::sink()));
        let visitor = Visitor {
            organisation: String::new(),
            standing: Standing::Known,
            name: "Alice Ng".to_owned(),
            login: String::new(),
            ticket: String::new(),
            subject: String::new(),
        };
        let (policy, beforehand) = (GrantSet::all(), GrantSet::NONE);
        let terms = Terms { policy, masking: true, beforehand, visitor, record: Record::default() };
        let gate = Gate::new(terms, Arc::new(Forget), asker.clone(), show.clone());
        let files = Files::open(folder.path(), show).unwrap();
        let key = ActKey::new(Zeroizing::new([7; 32]));
        let (technician, agent) = connection().await;
        let mut serving = JoinSet::new();
        let (served, verifying) = (gate.clone(), key.clone());
        serving.spawn(async move {
            let mut streams = JoinSet::new();
            while let Ok((send, receive)) = agent.accept_bi().await {
                let (gate, key, files) = (served.clone(), verifying.clone(), files.clone());
                streams.spawn(async move {
                    let sender = Sender::new(send, MAX_MESSAGE);
                    let id = sender.id();
                    let receiver = Receiver::new(receive, MAX_MESSAGE);
                    let stream = Stream { channel: Channel::File, id, sender, receiver };
                    let (_, mut heard, mut answers) = listen(stream, &key);
                    let served = serve(&mut heard, &mut answers, &gate, (&files, None)).await;
                    if let Err(Unheard::Act(error)) = served {
                        answers.refuse_for(Cause::Forged, error.to_string()).await.unwrap();
                    }
                });
            }
        });
        Self { folder, asker, gate, key, technician, _serving: serving }
    }

    /// A stream of the technician's.
    async fn stream(&self) -> (Says, Hears) {
        let (send, receive) = self.technician.open_bi().await.unwrap();
        let sender = Sender::new(send, MAX_MESSAGE);
        let actor = self.key.actor(Channel::File, sender.id());
        (Says { sender, actor }, Hears(Receiver::new(receive, MAX_MESSAGE)))
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// What lies in the folder, parts of broken transfers apart.
    fn names(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.folder.path()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| !name.ends_with(".deskside-part")).collect()
    }
}

fn put(into: &[&str], files: u64, bytes: u64) -> FilePut {
    let into: Vec<String> = into.iter().map(|&part| part.to_owned()).collect();
    FilePut { exact: !into.is_empty(), into, files, bytes, ..FilePut::default() }
}

fn get(path: &[&str], recursive: bool) -> FileGet {
    let path = path.iter().map(|&part| part.to_owned()).collect();
    FileGet { path, recursive, ..FileGet::default() }
}

/// The refusal that comes next.
async fn refusal(hears: &mut Hears) -> (Cause, String) {
    match hears.hear().await.unwrap() {
        Some(Kind::Refusal(refusal)) => (refusal.cause(), refusal.text),
        other => panic!("{other:?}"),
    }
}

async fn sends(house: &House, from: &Path, into: &str) -> Report {
    let source = Source::local(&[from.to_owned()], false).await.unwrap();
    let (mut says, mut hears) = house.stream().await;
    let put = put(&[into], source.files(), source.bytes());
    let asked = Kind::FilePut(FilePut { listed: source.listed(), ..put });
    deskside_files::request(asked, &mut says, &mut hears).await.unwrap();
    deskside_files::send(source, false, &mut says, &mut hears, &()).await.unwrap()
}

#[tokio::test]
async fn each_transfer_is_asked_about_by_name_and_size_until_all_are_allowed() {
    for (answer, questions) in [(Answer::Allow, 3), (Answer::Always, 1)] {
        let house = House::new(answer).await;
        let outside = tempfile::tempdir().unwrap();
        let (one, two) = (outside.path().join("one"), outside.path().join("two"));
        std::fs::write(&one, vec![1; 3_145_728]).unwrap();
        std::fs::write(&two, b"two").unwrap();
        let first = sends(&house, &one, "photo.png").await;
        let listing = house.asker.files.lock().unwrap().clone().unwrap();
        assert_eq!(listing.direction, Direction::Received);
        assert_eq!(listing.folder, house.folder.path().to_str().unwrap());
        assert_eq!(listing.named, [("photo.png".to_owned(), 3_145_728)]);
        assert_eq!((listing.more, listing.bytes), (0, 3_145_728));
        let second = sends(&house, &two, "a.txt");
        let (second, third) = tokio::join!(second, sends(&house, &two, "b.txt"));
        for report in [&first, &second, &third] {
            assert!(report.is_whole(), "{report:?}");
        }
        assert_eq!(std::fs::read(house.path("photo.png")).unwrap(), vec![1; 3_145_728]);
        assert_eq!(std::fs::read(house.path("b.txt")).unwrap(), b"two");
        assert_eq!(house.asker.asked.load(Ordering::SeqCst), questions, "{answer:?}");
    }
}

#[tokio::test]
async fn another_file_than_the_user_saw_does_not_land() {
    let house = House::new(Answer::Allow).await;
    let listed = vec![FileListed { path: vec!["report.pdf".to_owned()], size: 4 }];
    let (mut says, mut hears) = house.stream().await;
    let asked = Kind::FilePut(FilePut { listed, ..put(&[], 1, 4) });
    deskside_files::request(asked, &mut says, &mut hears).await.unwrap();
    let entry = |name: &str, size| {
        let path = vec![name.to_owned()];
        Kind::FileEntry(FileEntry { path, size, ..FileEntry::default() })
    };
    says.say(entry("evil.desktop", 4)).await.unwrap();
    let (cause, text) = refusal(&mut hears).await;
    assert_eq!(cause, Cause::BadRequest);
    assert!(text.contains("another file"), "{text}");
    // A list that does not fit what is announced is not even asked about.
    let listed = vec![FileListed { path: vec!["a".to_owned()], size: 5 }; 2];
    let (mut says, mut hears) = house.stream().await;
    says.say(Kind::FilePut(FilePut { listed, ..put(&[], 1, 10) })).await.unwrap();
    assert_eq!(refusal(&mut hears).await.0, Cause::BadRequest);
    assert_eq!(house.asker.asked.load(Ordering::SeqCst), 1);
    assert_eq!(house.names(), Vec::<String>::new());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_lands_is_marked_and_is_no_program() {
    use std::os::unix::fs::PermissionsExt;
    let house = House::new(Answer::Allow).await;
    let outside = tempfile::tempdir().unwrap();
    let script = outside.path().join("fix.sh");
    std::fs::write(&script, b"#!/bin/sh\n").unwrap();
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
    let landed = house.path("fix.sh");
    // Also in the place of one that was a program.
    for before in [None, Some(0o755)] {
        if let Some(mode) = before {
            std::fs::set_permissions(&landed, PermissionsExt::from_mode(mode)).unwrap();
        }
        assert!(sends(&house, &script, "fix.sh").await.is_whole());
        let mode = std::fs::metadata(&landed).unwrap().permissions().mode();
        assert_eq!(mode & 0o111, 0, "{mode:o} can be run");
    }
    let mut mark = [0; 256];
    let read = rustix::fs::getxattr(&landed, "user.xdg.origin.url", &mut mark[..]);
    match read {
        Ok(length) => assert_eq!(&mark[..length], b"deskside:"),
        // The file system of the test keeps none: nothing to see.
        Err(error) => assert_eq!(error, rustix::io::Errno::NOTSUP),
    }
}

#[tokio::test]
async fn a_folder_is_fetched() {
    let house = House::new(Answer::Allow).await;
    std::fs::create_dir_all(house.path("Documents/Invoices/old")).unwrap();
    std::fs::write(house.path("Documents/Invoices/a.pdf"), vec![2; 600_000]).unwrap();
    std::fs::write(house.path("Documents/Invoices/old/b.pdf"), b"b").unwrap();
    let home = tempfile::tempdir().unwrap();
    let (mut says, mut hears) = house.stream().await;
    let asked = Kind::FileGet(get(&["Documents", "Invoices"], true));
    let ready = deskside_files::request(asked, &mut says, &mut hears).await.unwrap();
    assert_eq!((ready.files, ready.bytes), (2, 600_001));
    let listing = house.asker.files.lock().unwrap().clone().unwrap();
    assert_eq!(listing.direction, Direction::Sent);
    let named = ["Documents/Invoices/a.pdf", "Documents/Invoices/old/b.pdf"];
    assert_eq!(listing.named, [(named[0].to_owned(), 600_000), (named[1].to_owned(), 1)]);
    assert_eq!((listing.more, listing.bytes), (0, 600_001));
    let landing = Landing::local(home.path(), false).await.unwrap();
    let announced = Announced::by_ready(&ready, false);
    let report =
        deskside_files::receive(landing, announced, &mut says, &mut hears, &()).await.unwrap();
    assert!(report.is_whole() && report.files.len() == 2);
    assert_eq!(std::fs::read(home.path().join("Invoices/a.pdf")).unwrap(), vec![2; 600_000]);
    assert_eq!(std::fs::read(home.path().join("Invoices/old/b.pdf")).unwrap(), b"b");
}

#[tokio::test]
async fn without_the_users_yes_nothing_is_written_or_told() {
    let house = House::new(Answer::Refuse).await;
    std::fs::write(house.path("secret.txt"), b"secret").unwrap();
    let requests = [
        Kind::FilePut(put(&["new.txt"], 1, 3)),
        // Whether it is there makes no difference to the answer.
        Kind::FileGet(get(&["secret.txt"], false)),
        Kind::FileGet(get(&["missing.txt"], false)),
        Kind::FileGet(get(&["secret.txt"], false)),
    ];
    for (asked, request) in requests.into_iter().enumerate() {
        let (mut says, mut hears) = house.stream().await;
        says.say(request).await.unwrap();
        let (cause, text) = refusal(&mut hears).await;
        assert_eq!(cause, Cause::UserRefused);
        let said = ["2 more times", "once more", "not asked for again", "not asked for again"];
        assert!(text.contains(said[asked]), "{text}");
    }
    assert_eq!(house.asker.asked.load(Ordering::SeqCst), 3);
    assert_eq!(house.names(), ["secret.txt"]);
}

#[tokio::test]
async fn names_that_lead_out_are_refused() {
    let house = House::new(Answer::Allow).await;
    for name in ["..", "/etc", "a/b", "C:", "CON", ".x.deskside-part"] {
        for request in [Kind::FilePut(put(&[name], 1, 1)), Kind::FileGet(get(&[name], true))] {
            let (mut says, mut hears) = house.stream().await;
            says.say(request).await.unwrap();
            assert_eq!(refusal(&mut hears).await.0, Cause::BadRequest, "{name}");
        }
    }
    assert_eq!(house.names(), Vec::<String>::new());
}

/// Begins to send a file of two pieces, and sends the first.
async fn half_sent(house: &House) -> (Says, Hears) {
    let (mut says, mut hears) = house.stream().await;
    let asked = Kind::FilePut(put(&[], 1, 200_000));
    deskside_files::request(asked, &mut says, &mut hears).await.unwrap();
    let path = vec!["half.bin".to_owned()];
    says.say(Kind::FileEntry(FileEntry { path, size: 200_000, ..FileEntry::default() }))
        .await
        .unwrap();
    says.body(vec![3; 100_000].into()).await.unwrap();
    (says, hears)
}

#[tokio::test]
async fn a_grant_taken_back_ends_a_file_that_comes() {
    let house = House::new(Answer::Allow).await;
    let (_says, mut hears) = half_sent(&house).await;
    house.gate.revoke(Grant::File.into());
    let (cause, text) = refusal(&mut hears).await;
    assert_eq!((cause, text.as_str()), (Cause::NotGranted, "the user stopped it"));
    assert_eq!(house.names(), Vec::<String>::new());
}

#[tokio::test]
async fn a_grant_taken_back_ends_a_file_that_goes() {
    let house = House::new(Answer::Allow).await;
    let size = 256 * 1024 * 1024;
    let file = std::fs::File::create(house.path("large.bin")).unwrap();
    file.set_len(size).unwrap();
    let (mut says, mut hears) = house.stream().await;
    let asked = Kind::FileGet(get(&["large.bin"], false));
    deskside_files::request(asked, &mut says, &mut hears).await.unwrap();
    hears.hear().await.unwrap();
    assert!(hears.body().await.unwrap().is_some());
    house.gate.revoke(Grant::File.into());
    let mut more = 0;
    let broken = loop {
        match hears.body().await {
            Ok(Some(piece)) => more += piece.len() as u64,
            Ok(None) => panic!("it ended as if it were whole"),
            Err(error) => break error,
        }
    };
    let broken = broken.into_inner().downcast::<StreamError>().unwrap();
    let refused = deskside_protocol::close::CloseCode::Refused.number().into();
    assert!(
        matches!(*broken, StreamError::Read(quinn::ReadError::Reset(code)) if code == refused),
        "{broken:?}"
    );
    assert!(more < size / 2, "{more} bytes left after the no");
}

#[tokio::test]
async fn a_body_that_nobody_vouches_for_does_not_land() {
    let house = House::new(Answer::Allow).await;
    let (mut says, mut hears) = half_sent(&house).await;
    says.body(vec![3; 100_000].into()).await.unwrap();
    says.body(Bytes::new()).await.unwrap();
    // Whoever has the traffic secrets only can write bytes and hashes, but no MAC.
    says.actor = ActKey::new(Zeroizing::new([8; 32])).actor(Channel::File, says.sender.id());
    let hash = Bytes::from(vec![0; 32]);
    let end = FileEnd { blake3: hash.clone(), sha256: hash, failed: None };
    says.say(Kind::FileEnd(end)).await.unwrap();
    assert_eq!(refusal(&mut hears).await.0, Cause::Forged);
    assert_eq!(house.names(), Vec::<String>::new());
}

#[tokio::test]
async fn what_does_not_fit_is_told_before_anything_moves() {
    let house = House::new(Answer::Allow).await;
    let (mut says, mut hears) = house.stream().await;
    says.say(Kind::FilePut(put(&["huge.iso"], 1, u64::MAX / 2))).await.unwrap();
    let (cause, text) = refusal(&mut hears).await;
    assert_eq!(cause, Cause::Trouble);
    assert!(text.starts_with("needs ") && text.ends_with(" are free"), "{text}");
    assert_eq!(house.names(), Vec::<String>::new());
}
