//! Both sides of the socket, and what is left by the dead.

use super::*;
use crate::failure::{Failure, exit_of};
use deskside_protocol::exit::Exit;
use deskside_protocol::wire::message::{Chunk, Message, message::Kind};

const ID: &str = "00112233445566778899aabbccddeeff";
const OTHER: &str = "00ffffffffffffffffffffffffffffff";

fn chunk(text: &'static str) -> Message {
    Message { kind: Some(Kind::Chunk(Chunk { data: text.into() })) }
}

/// Serves every request with what a test expects.
async fn serve(mut server: Server) -> anyhow::Result<()> {
    loop {
        match server.accept().await? {
            LocalRequest::Open(open) if open.channel == message::Channel::Screen => {
                let (mut reader, mut writer) = open.accept().await?;
                while let Some(body) = reader.recv_body().await? {
                    writer.send_body(&body).await?;
                }
            }
            LocalRequest::Open(open) => open.refuse(&Failure::new(Exit::Refused, "no")).await,
            LocalRequest::Copy(copy) => {
                let (wish, mut teller, mut watcher) = copy.accept().await?;
                let CopyWay::Put { into, .. } = wish.way else { unreachable!() };
                let name = into.join("/");
                teller.tell(&CopyNews::Progress(Progress { name, ..Progress::default() })).await?;
                watcher.gone().await;
            }
            LocalRequest::Info(info) => {
                info.answer(SessionInfo { ticket: "7".into(), ..SessionInfo::default() }).await;
            }
            LocalRequest::Chat(chat) if chat.text == "hello" => chat.done().await,
            LocalRequest::Chat(chat) => chat.failed(&Failure::new(Exit::Other, "busy")).await,
            LocalRequest::End(end) => {
                assert_eq!(end.note.as_deref(), Some("done"));
                end.done().await;
                return Ok(());
            }
        }
    }
}

#[tokio::test]
async fn a_session_answers_local_commands() {
    let folder = tempfile::tempdir().unwrap();
    let served = tokio::spawn(serve(Server::bind(folder.path(), ID).await.unwrap()));
    let session = open_sessions(folder.path()).await.unwrap().choose(Some("0011")).unwrap();
    assert_eq!(session.id, ID);

    let mut channel = session.open(message::Channel::Screen).await.unwrap();
    channel.writer.send(&chunk("hello")).await.unwrap();
    assert_eq!(channel.reader.recv().await.unwrap(), Some(chunk("hello")));
    channel.writer.close().await.unwrap();
    assert_eq!(channel.reader.recv().await.unwrap(), None);

    let refused = session.open(message::Channel::Command).await.unwrap_err();
    assert_eq!((exit_of(&refused), refused.to_string().as_str()), (Exit::Refused, "no"));
    assert_eq!(session.info().await.unwrap().ticket, "7");
    session.say("hello".to_owned()).await.unwrap();
    assert_eq!(session.say("x".to_owned()).await.unwrap_err().to_string(), "busy");
    session.end(Some("done".into())).await.unwrap();
    served.await.unwrap().unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the socket goes with it");
}

#[tokio::test]
async fn a_copy_is_told_of_and_ends_with_the_command() {
    let folder = tempfile::tempdir().unwrap();
    let served = tokio::spawn(serve(Server::bind(folder.path(), ID).await.unwrap()));
    let session = open_sessions(folder.path()).await.unwrap().choose(None).unwrap();
    let way = CopyWay::Put { local: vec!["/a".into()], into: vec!["x".into()], exact: true };
    let wish = CopyWish { way, recursive: false, resume: true };
    let mut copying = session.copy(wish).await.unwrap();
    let expected = Progress { name: "x".into(), ..Progress::default() };
    assert_eq!(copying.next().await.unwrap(), CopyNews::Progress(expected));
    drop(copying);
    // The server goes on only once it saw that the command is gone.
    session.end(Some("done".into())).await.unwrap();
    served.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_failure_may_come_instead_of_a_message() {
    let (ours, theirs) = tokio::io::duplex(8);
    let mut writer = MessageWriter::new(ours);
    let sender = tokio::spawn(async move {
        writer.send(&chunk("one")).await.unwrap();
        writer.send_failure(&Failure::new(Exit::EndedByPeer, "gone")).await.unwrap();
        writer.send_body(b"{}").await.unwrap();
    });
    let mut reader = MessageReader::new(theirs);
    assert_eq!(reader.recv().await.unwrap(), Some(chunk("one")));
    let error = reader.recv().await.unwrap_err();
    assert_eq!((exit_of(&error), error.to_string().as_str()), (Exit::EndedByPeer, "gone"));
    assert_eq!(exit_of(&reader.recv().await.unwrap_err()), Exit::Other);
    sender.await.unwrap();
}

#[test]
fn a_wish_reads_the_same_on_both_sides() {
    let get =
        CopyWay::Get { paths: vec![vec![], vec!["a".into(), "b".into()]], local: "/x".into() };
    let wish = CopyWish { way: get, recursive: true, resume: false };
    let text = serde_json::to_string(&local::Request::Copy(wish.clone())).unwrap();
    let plain =
        r#"{"copy":{"get":{"paths":[[],["a","b"]],"local":"/x"},"recursive":true,"resume":false}}"#;
    assert_eq!(text, plain);
    assert_eq!(serde_json::from_str::<local::Request>(plain).unwrap(), local::Request::Copy(wish));
}

#[tokio::test]
async fn the_dead_are_removed_and_the_living_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    drop(std::os::unix::net::UnixListener::bind(folder.path().join(format!("{OTHER}{SUFFIX}"))));
    let none = open_sessions(folder.path()).await.unwrap().choose(None).unwrap_err();
    assert_eq!(none.exit, Exit::NotFound);
    assert!(none.sentence.contains("deskside connect CODE"), "{none}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the dead socket is gone");

    let _first = Server::bind(folder.path(), ID).await.unwrap();
    let _second = Server::bind(folder.path(), OTHER).await.unwrap();
    let sessions = open_sessions(folder.path()).await.unwrap();
    for unclear in [None, Some("00")] {
        let failure = sessions.choose(unclear).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.sentence.contains(ID) && failure.sentence.contains(OTHER), "{failure}");
    }
    assert_eq!(sessions.choose(Some("00FF")).unwrap().id, OTHER);
    assert_eq!(sessions.choose(Some("77")).unwrap_err().exit, Exit::NotFound);
}

#[tokio::test]
async fn one_session_has_one_socket() {
    let folder = tempfile::tempdir().unwrap();
    let _first = Server::bind(folder.path(), ID).await.unwrap();
    assert!(Server::bind(folder.path(), ID).await.is_err());
}

#[tokio::test]
async fn nonsense_and_silence_stall_nobody() {
    use tokio::io::AsyncWriteExt as _;
    let folder = tempfile::tempdir().unwrap();
    let served = tokio::spawn(serve(Server::bind(folder.path(), ID).await.unwrap()));
    let path = folder.path().join(format!("{ID}{SUFFIX}"));
    let _silent = tokio::net::UnixStream::connect(&path).await.unwrap();
    for nonsense in [&b"\xff\xff\xff\xff"[..], b"\0\0\0\x02hi", b"\0\0\0\x10{\"open"] {
        let mut stream = tokio::net::UnixStream::connect(&path).await.unwrap();
        stream.write_all(nonsense).await.unwrap();
    }
    let session = open_sessions(folder.path()).await.unwrap().choose(None).unwrap();
    assert_eq!(session.info().await.unwrap().ticket, "7");
    served.abort();
}

#[tokio::test]
async fn frames_come_through_a_pipe_of_eight_bytes() {
    let (ours, theirs) = tokio::io::duplex(8);
    let mut writer = MessageWriter::new(ours);
    let sender = tokio::spawn(async move {
        writer.send(&chunk("a text of more than eight bytes")).await.unwrap();
        writer.send_body(b"").await.unwrap();
    });
    let mut reader = MessageReader::new(theirs);
    assert_eq!(reader.recv().await.unwrap(), Some(chunk("a text of more than eight bytes")));
    assert_eq!(reader.recv().await.unwrap(), Some(Message { kind: None }));
    assert_eq!(reader.recv().await.unwrap(), None);
    sender.await.unwrap();
}
