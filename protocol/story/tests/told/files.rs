use bytes::Bytes;
use deskside_decode::Item;
use deskside_protocol::channel::Channel;
use deskside_protocol::session::End;
use deskside_protocol::wire::message;
use deskside_protocol::wire::message::message::Kind;
use deskside_story::{Outcome, What};

use crate::script::Script;

fn entry(name: &str, size: u64) -> Kind {
    let path = vec!["box".to_owned(), name.to_owned()];
    Kind::FileEntry(message::FileEntry { path, size, ..message::FileEntry::default() })
}

fn done(failed: Option<&str>) -> Kind {
    let failed = failed.map(|text| message::Refusal { text: text.into(), ..Default::default() });
    Kind::FileDone(message::FileDone { sha256: Bytes::from_static(&[7; 32]), failed })
}

#[test]
fn files_have_their_hashes_and_what_came_of_them() {
    let mut script = Script::default();
    let put =
        message::FilePut { files: 3, bytes: 30, into: vec!["in".into()], ..Default::default() };
    let end = message::FileEnd { sha256: Bytes::from_static(&[9; 32]), ..Default::default() };
    let file = Channel::File;
    script
        .technician(file, 4, Kind::FilePut(put))
        .agent(
            file,
            4,
            Kind::FileReady(message::FileReady { files: 3, bytes: 30, ..Default::default() }),
        )
        .technician(file, 4, entry("a", 10))
        .item(
            End::Technician,
            Some((file, 4)),
            Item::Raw { at: 0, bytes: Bytes::from_static(&[0; 10]) },
        )
        .technician(file, 4, Kind::FileEnd(end.clone()))
        .technician(file, 4, entry("b", 10))
        .technician(file, 4, Kind::FileEnd(end))
        .agent(file, 4, done(None))
        .agent(file, 4, done(Some("the disk is full")))
        .technician(file, 4, entry("c", 10))
        .finished(file, 4);
    let whats = script.whats();
    let path = "in".to_owned();
    assert_eq!(
        whats[0],
        What::Transfer { to_agent: true, path, files: 3, bytes: 30, apart: false }
    );
    assert_eq!(whats[2], What::File { of: 0, path: "box/a".into(), size: 10, folder: false });
    let ended: Vec<_> = whats
        .iter()
        .filter_map(|what| if let What::FileEnded(end) = what { Some(end) } else { None })
        .map(|end| {
            (end.of, end.path.as_str(), end.sent, end.sha256.first().copied(), end.landed.clone())
        })
        .collect();
    assert_eq!(ended[0], (2, "box/a", 10, Some(9), Ok(())));
    assert_eq!(ended[1], (3, "box/b", 0, Some(9), Err("the disk is full".into())));
    assert_eq!((ended[2].1, ended[2].4.is_err()), ("box/c", true));
    assert_eq!(whats.last(), Some(&What::TransferEnded { of: 0, how: Outcome::Exited(0) }));
}

#[test]
fn each_end_speaks_for_its_own_part_of_a_transfer() {
    let file = Channel::File;
    let body = |from, script: &mut Script| {
        let item = Item::Raw { at: 0, bytes: Bytes::from_static(&[0; 10]) };
        script.item(from, Some((file, 4)), item);
    };
    let end = message::FileEnd { sha256: Bytes::from_static(&[9; 32]), ..Default::default() };
    let own = message::FileEnd { sha256: Bytes::from_static(&[6; 32]), ..Default::default() };
    let put = Kind::FilePut(message::FilePut { files: 1, bytes: 10, ..Default::default() });
    let get = Kind::FileGet(message::FileGet::default());
    for (wish, sender, receiver) in
        [(put, End::Technician, End::Agent), (get, End::Agent, End::Technician)]
    {
        let mut script = Script::default();
        script.technician(file, 4, wish).says(sender, file, 4, entry("a", 10));
        body(sender, &mut script);
        body(receiver, &mut script);
        script
            .says(sender, file, 4, Kind::FileEnd(end.clone()))
            .says(receiver, file, 4, Kind::FileEnd(own.clone()))
            .says(receiver, file, 4, entry("b", 10))
            // By its own word, before the other says that it failed.
            .says(sender, file, 4, done(None))
            .says(receiver, file, 4, done(Some("the disk is full")));
        let whats = script.whats();
        let ended = whats.iter().find_map(|what| match what {
            What::FileEnded(end) => Some((end.sent, end.sha256[0], end.landed.clone())),
            _ => None,
        });
        assert_eq!(ended, Some((10, 9, Err("the disk is full".into()))), "{sender}");
        let odd = |what: &&What| matches!(what, What::Newer { channel: Channel::File });
        assert_eq!(whats.iter().filter(odd).count(), 3, "{whats:?}");
        let files = whats.iter().filter(|what| matches!(what, What::File { .. }));
        assert_eq!(files.count(), 1, "{whats:?}");
    }
}

#[test]
fn a_body_that_went_apart_is_told_as_such_and_its_hash_with_it() {
    let file = Channel::File;
    let put = message::FilePut { files: 1, bytes: 10, apart: true, ..Default::default() };
    let end = message::FileEnd { sha256: Bytes::from_static(&[9; 32]), ..Default::default() };
    let mut script = Script::default();
    script
        .technician(file, 4, Kind::FilePut(put))
        .technician(file, 4, entry("a", 10))
        .technician(file, 4, Kind::FileEnd(end))
        .agent(file, 4, done(None))
        .finished(file, 4);
    let whats = script.whats();
    assert!(matches!(whats[0], What::Transfer { apart: true, .. }), "{whats:?}");
    let ended = whats.iter().find_map(|what| match what {
        What::FileEnded(end) => Some((end.apart, end.sent, end.sha256[0], end.landed.clone())),
        _ => None,
    });
    assert_eq!(ended, Some((true, 0, 9, Ok(()))));
}
