//! What an auditor makes of a recording for other people's programs, each form held against what
//! really happened by a program of somebody else's: sessions between real processes with commands, a
//! file, a conversation and a screen that was watched.

mod packets;
mod pictures;
mod text;

use std::path::PathBuf;

use deskside_protocol::recording::verify::whole;
use deskside_protocol::seal::LineSecrets;
use deskside_protocol::session::End;
use deskside_tests::process::Ran;
use serde_json::Value;

use crate::house::{Helped, House};
use crate::secrecy::decrypted;

/// A session that is over, as a file.
pub(crate) struct Exported {
    pub(crate) house: House,
    pub(crate) id: String,
    pub(crate) file: PathBuf,
}

impl Exported {
    /// Two commands, a file there, and a word.
    pub(crate) fn new() -> Self {
        Self::of(House::new())
    }

    /// As [`Exported::new`], in this house.
    fn of(house: House) -> Self {
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
    pub(crate) fn export(&self, name: &str, words: &[&str]) -> (PathBuf, Ran) {
        let out = self.house.path(name);
        let (file, to) = (self.file.to_str().unwrap(), out.to_str().unwrap());
        let words = [&["audit", "export", file, "-o", to][..], words].concat();
        let ran = self.house.alice.run(&words).unwrap();
        (out, ran)
    }

    /// All that the player, the search and the exports tell of it.
    pub(crate) fn happenings(&self) -> Vec<Value> {
        let (out, ran) = self.export("happenings.jsonl", &[]);
        ran.done().unwrap();
        let lines = std::fs::read_to_string(out).unwrap();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The organisation's key, as it stands in the join link.
    pub(crate) fn organisation(&self) -> String {
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
    pub(crate) fn secrets(&self) -> Vec<Vec<u8>> {
        let sealed = self.sealed();
        let secrets = sealed.iter().flat_map(|(_, _, secrets)| &secrets.secrets);
        let both = |secret: &[u8]| {
            let text: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
            [secret.to_vec(), text.into_bytes()]
        };
        secrets.flat_map(|secret| both(secret)).collect()
    }
}
