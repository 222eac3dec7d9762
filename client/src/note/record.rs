//! What happened in a session, as far as its note may need it. Bounded, and kept in a file with the
//! session, so that a restart of this program forgets nothing.

use std::path::{Path, PathBuf};

use deskside_protocol::grant::GrantSet;
use deskside_protocol::wire::record::Reason;
use serde::{Deserialize, Serialize};

use crate::commands::Outcome;

/// The most commands that a [`Record`] keeps; later ones are counted only.
pub const MAX_COMMANDS: usize = 512;
/// The most changes of what is allowed that a [`Record`] keeps; likewise.
pub const MAX_CHANGES: usize = 128;
/// The most files that a [`Record`] keeps; likewise.
pub const MAX_FILES: usize = 512;
/// The most lines of chat that a [`Record`] keeps; likewise.
pub const MAX_LINES: usize = 256;
/// The most pictures that a [`Record`] keeps; likewise.
pub const MAX_PICTURES: usize = 64;
/// The most bytes of one command line, file name or line of chat in a record: more than half a line of the note.
const MAX_KEPT: usize = 320;

/// What happened, as the technician's program saw it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// 32 hexadecimal digits.
    pub session: String,
    /// Name of the technician, from the certificate.
    pub technician: String,
    /// Login of the technician, from the certificate.
    pub login: String,
    /// Organisation of the technician.
    pub organisation: String,
    /// Who is logged in at the user's computer, as that computer says.
    pub user: String,
    /// The user's computer, as it says.
    pub hostname: String,
    /// Its operating system, as it says.
    pub system: String,
    /// Seconds since the epoch.
    pub started: u64,
    /// Seconds since the epoch.
    pub ended: u64,
    /// Why it ended.
    #[serde(skip)]
    pub reason: Reason,
    /// What was granted and revoked, and when.
    pub changes: Vec<Change>,
    /// Changes that did not fit.
    pub changes_left_out: usize,
    /// The commands, in the order of their starts.
    pub commands: Vec<Command>,
    /// Commands that did not fit.
    pub commands_left_out: usize,
    /// Screenshots that were taken.
    pub screenshots: u64,
    /// Those of them that were saved from the window, on the technician's computer.
    pub pictures: Vec<Picture>,
    /// Pictures that did not fit.
    pub pictures_left_out: usize,
    /// Files that were copied, in the order of their arrival.
    pub files: Vec<File>,
    /// Files that did not fit.
    pub files_left_out: usize,
    /// What both people wrote to each other.
    pub chat: Vec<Line>,
    /// Lines that did not fit.
    pub chat_left_out: usize,
    /// How often the connection was interrupted.
    pub gaps: u64,
    /// The longest interruption, in seconds.
    pub longest_gap: u64,
    /// How often a program was restarted in the middle.
    pub restarts: Restarts,
    /// Whether the relay recorded, as it said at the beginning.
    pub recorded: bool,
    /// Whether the relay lost its recording on the way, which the policy allows.
    pub unrecorded: bool,
    /// What the technician says was done.
    pub work_note: Option<String>,
    /// Chain hash of the recording's CLOSE block; empty where nothing was recorded.
    #[serde(skip)]
    pub recording_hash: Vec<u8>,
    /// Where the relay's log of sessions stood when the session was over.
    #[serde(skip)]
    pub log: LogAtEnd,
}

/// What the relay said of its log when the session was over.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum LogAtEnd {
    /// It was not asked, could not be, or keeps none.
    #[default]
    Unknown,
    /// It goes on from what was seen before: entries, and the root over them.
    At(u64, [u8; 32]),
    /// It does not.
    Broken,
}

/// The user's answer, or a change of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Seconds since the epoch.
    pub time: u64,
    /// Allowed from now on; otherwise no longer.
    pub granted: bool,
    /// What.
    #[serde(with = "words")]
    pub grants: GrantSet,
}

/// One command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// Seconds since the epoch.
    pub time: u64,
    /// Program and arguments, cut to what a line of the note can show.
    pub argv: Vec<String>,
    /// How it ended; `None` where that is not known.
    pub outcome: Option<Outcome>,
}

/// One file that has arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Seconds since the epoch.
    pub time: u64,
    /// Which way it went.
    pub way: Way,
    /// Its path under the destination.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256.
    pub sha256: Vec<u8>,
}

/// One picture of the user's screen, on the technician's computer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Picture {
    /// Seconds since the epoch.
    pub time: u64,
    /// The file, whose name the technician's program made.
    pub path: PathBuf,
    /// Its size, once it is on the ticket.
    pub bytes: u64,
    /// SHA-256 of what is on the ticket; empty until it is there.
    pub sha256: Vec<u8>,
}

impl Picture {
    /// The file's name.
    #[must_use]
    pub fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// One line of chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Seconds since the epoch.
    pub time: u64,
    /// Who said it.
    pub by: Voice,
    /// What, cut to what a line of the note can show.
    pub text: String,
}

/// Who says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Voice {
    /// The user.
    User,
    /// The technician.
    Technician,
}

impl Voice {
    /// In the note and in events.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Technician => "technician",
        }
    }
}

/// Which way a file went, as the technician sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// To the user's computer.
    Sent,
    /// From it.
    Received,
}

impl Way {
    /// In the note and in events.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Received => "received",
        }
    }
}

/// How often a program was restarted in the middle of the session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restarts {
    /// The user's.
    pub agent: u64,
    /// The technician's.
    pub technician: u64,
}

impl Record {
    /// Notes a file that has arrived, or counts it where there is no more room.
    pub fn copied(&mut self, mut file: File) {
        if self.files.len() < MAX_FILES {
            file.name.truncate(file.name.floor_char_boundary(MAX_KEPT));
            self.files.push(file);
        } else {
            self.files_left_out += 1;
        }
    }

    /// Notes a picture that was saved, or counts it where there is no more room.
    pub fn pictured(&mut self, time: u64, path: &Path) {
        if self.pictures.len() < MAX_PICTURES {
            self.pictures.push(Picture { time, path: path.to_owned(), ..Picture::default() });
        } else {
            self.pictures_left_out += 1;
        }
    }

    /// Notes a line of chat, or counts it where there is no more room.
    pub fn said(&mut self, time: u64, by: Voice, mut text: String) {
        if self.chat.len() < MAX_LINES {
            text.truncate(text.floor_char_boundary(MAX_KEPT));
            self.chat.push(Line { time, by, text });
        } else {
            self.chat_left_out += 1;
        }
    }

    /// Notes an interruption that is over, of so many seconds. `same`: the one before goes on with
    /// it, and is not counted again.
    pub fn interrupted(&mut self, seconds: u64, same: bool) {
        self.gaps += u64::from(!same);
        self.longest_gap = self.longest_gap.max(seconds);
    }

    /// Notes a change, or counts it where there is no more room.
    pub fn changed(&mut self, change: Change) {
        if self.changes.len() < MAX_CHANGES {
            self.changes.push(change);
        } else {
            self.changes_left_out += 1;
        }
    }

    /// Notes a command that starts. Gives its place, for [`Record::ended`].
    pub fn ran(&mut self, time: u64, argv: Vec<String>) -> Option<usize> {
        if self.commands.len() < MAX_COMMANDS {
            self.commands.push(Command { time, argv: cut(argv), outcome: None });
            Some(self.commands.len() - 1)
        } else {
            self.commands_left_out += 1;
            None
        }
    }

    /// Notes how a command ended.
    pub fn ended(&mut self, place: Option<usize>, outcome: Outcome) {
        if let Some(command) = place.and_then(|place| self.commands.get_mut(place)) {
            command.outcome = Some(outcome);
        }
    }
}

/// The words that a line of the note can show, so that no command line outgrows a record.
fn cut(argv: Vec<String>) -> Vec<String> {
    let mut room = MAX_KEPT;
    let mut kept = Vec::new();
    for mut word in argv {
        // One word more tells a command with arguments from one without.
        if room == 0 && kept.len() > 1 {
            break;
        }
        word.truncate(word.floor_char_boundary(room));
        room = room.saturating_sub(word.len() + 1);
        kept.push(word);
    }
    kept
}

/// Grants as a list of words.
mod words {
    use deskside_protocol::grant::GrantSet;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub(super) fn serialize<S: Serializer>(set: &GrantSet, to: S) -> Result<S::Ok, S::Error> {
        set.words().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<GrantSet, D::Error> {
        let words = Vec::<String>::deserialize(from)?;
        Ok(words.iter().filter_map(|word| word.parse().ok()).collect::<GrantSet>())
    }
}
