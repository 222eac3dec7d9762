//! What of a happening is text that somebody may look for.

use bytes::Bytes;
use clap::ValueEnum;
use data_encoding::HEXLOWER;
use deskside_protocol::session::End;
use deskside_story::{Happening, What};

/// What a text is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum Kind {
    /// A command's words
    Command,
    /// What a command printed, and what it was given to read
    Output,
    /// A line of chat
    Chat,
    /// A file's name, its SHA-256, or why it did not land
    File,
    /// What the technician typed
    Typed,
    /// A text that was copied
    Clipboard,
    /// The rest: questions, answers, the computer's name, what is not understood
    Session,
}

impl Kind {
    /// For scripts and for people.
    #[must_use]
    pub fn word(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// A text, or the next part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    /// The happening.
    pub(crate) number: u64,
    /// What it belongs to, where parts belong together; else the happening itself.
    pub(crate) of: u64,
    pub(crate) time_us: u64,
    pub(crate) from: End,
    pub(crate) kind: Kind,
    /// Which of the texts that belong together: 0 standard output, 1 standard error, 2 standard input.
    pub(crate) way: u8,
    pub(crate) bytes: Bytes,
}

impl Text {
    /// Of this happening; `None` where it says nothing.
    pub(crate) fn of(happening: &Happening) -> Option<Self> {
        let number = happening.number;
        let (kind, of, way, bytes) = words(&happening.what, number)?;
        let (time_us, from) = (happening.time_us, happening.from);
        (!bytes.is_empty()).then_some(Self { number, of, time_us, from, kind, way, bytes })
    }
}

type Words = (Kind, u64, u8, Bytes);

fn words(what: &What, number: u64) -> Option<Words> {
    let whole = |kind, text: String| Some((kind, number, 0, Bytes::from(text)));
    match what {
        What::Command { argv, .. } => whole(Kind::Command, line(argv)),
        What::CommandInput { of, bytes } => Some((Kind::Output, *of, 2, bytes.clone())),
        What::Output { of, stderr, bytes } => {
            Some((Kind::Output, *of, u8::from(*stderr), bytes.clone()))
        }
        What::Said { text } => whole(Kind::Chat, text.clone()),
        What::Copied { text } => whole(Kind::Clipboard, text.clone()),
        What::Input(input) => whole(Kind::Typed, input.typed()),
        What::Transfer { path, .. } | What::File { path, .. } => whole(Kind::File, path.clone()),
        What::FileSkipped { path, why, .. } => whole(Kind::File, format!("{path}: {why}")),
        What::FileEnded(end) => {
            let sum = HEXLOWER.encode(&end.sha256);
            let why = end.landed.as_ref().err().map_or("", String::as_str);
            let apart = if end.apart { "not in the recording" } else { "" };
            let words = [end.path.as_str(), &sum, why, apart];
            let words: Vec<_> = words.into_iter().filter(|word| !word.is_empty()).collect();
            whole(Kind::File, words.join(" "))
        }
        What::Asked { why, .. } => whole(Kind::Session, why.clone()),
        What::Introduced { software, .. } => whole(Kind::Session, software.clone()),
        What::Allowed { computer, .. } => {
            let computer = computer.as_ref()?;
            let words = [&computer.hostname, &computer.user, &computer.system];
            whole(Kind::Session, words.map(String::as_str).join(" "))
        }
        What::Refused(refused) => whole(Kind::Session, refused.text.clone()),
        What::NotUnderstood { why, .. } => whole(Kind::Session, why.clone()),
        What::Disputed { what, .. } => whole(Kind::Session, what.clone()),
        What::LineOpened(_)
        | What::LineClosed(_)
        | What::Relay(_)
        | What::Gap { .. }
        | What::TakenBack { .. }
        | What::Ending(_)
        | What::CommandEnded { .. }
        | What::TransferReady { .. }
        | What::TransferEnded { .. }
        | What::Hand { .. }
        | What::Masking
        | What::MaskingEnded { .. }
        | What::Masked { .. }
        | What::Pointed { .. }
        | What::Watch { .. }
        | What::Screen { .. }
        | What::Screenshot { .. }
        | What::ScreenshotPart { .. }
        | What::Newer { .. } => None,
    }
}

/// A command as one would type it: words with anything but plain signs in them are quoted.
pub(crate) fn line(argv: &[String]) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=@%+,".contains(c);
    let quoted = |word: &String| {
        if !word.is_empty() && word.chars().all(plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
    };
    argv.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_reads_as_it_is_typed() {
        let argv = ["sh", "-c", "echo it's", "", "a=b"].map(str::to_owned);
        assert_eq!(line(&argv), r"sh -c 'echo it'\''s' '' a=b");
    }

    #[test]
    fn hashes_and_inputs_are_found_too() {
        let end = deskside_story::FileEnd {
            of: 2,
            path: "box/a.txt".into(),
            size: 3,
            sent: 0,
            apart: true,
            sha256: Bytes::from_static(&[0xab; 32]),
            landed: Err("the disk is full".into()),
        };
        let happening = |what| Happening { number: 7, line: 0, from: End::Agent, time_us: 5, what };
        let text = Text::of(&happening(What::FileEnded(end))).unwrap();
        let said = String::from_utf8(text.bytes.to_vec()).unwrap();
        assert_eq!(
            said,
            format!("box/a.txt {} the disk is full not in the recording", "ab".repeat(32))
        );
        let input = What::CommandInput { of: 3, bytes: Bytes::from_static(b"in") };
        let text = Text::of(&happening(input)).unwrap();
        assert_eq!((text.of, text.way, text.kind), (3, 2, Kind::Output));
        assert_eq!(Text::of(&happening(What::Gap { since_us: 1 })), None);
    }
}
