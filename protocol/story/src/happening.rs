//! What a story is made of.

use bytes::Bytes;
use deskside_decode::{Closed, Party, Suite};
use deskside_protocol::channel::Channel;
use deskside_protocol::grant::Grant;
use deskside_protocol::session::End;
use deskside_protocol::wire::message::refusal::Cause;
use deskside_protocol::wire::record::Reason;

/// Something that a person cares about.
#[derive(Debug, Clone, PartialEq)]
pub struct Happening {
    /// Counts up from 0, in the order in which it was told.
    pub number: u64,
    /// On which line.
    pub line: u16,
    /// Who said or did it.
    pub from: End,
    /// When, as in the entries: microseconds since 1970-01-01 UTC. What is summed up has the time of
    /// its first part.
    pub time_us: u64,
    /// What it is.
    pub what: What,
}

/// What the relay itself saw of an end, of its road or of its own life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// The end's connection broke.
    Lost,
    /// It is there again; how long it was away, in the relay's words.
    Back(String),
    /// It came by another connection, or from another address.
    Moved,
    /// So many packets were not forwarded.
    Dropped(u64),
    /// The relay was ended.
    Killed,
    /// It was killed, and went on from here; what was cut off, in its words.
    Recovered(String),
    /// It opened a line for bodies of files, which is not recorded: the number of it.
    FilesLine(u64),
}

/// What happened. `of` is the number of the happening that it belongs to.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// The line can be read from here on.
    LineOpened(Suite),
    /// The line was closed.
    LineClosed(Closed),
    /// What the relay saw by itself, and says: no end signed it.
    Relay(Seen),
    /// No line stood from then on until now.
    Gap {
        /// The last that is known of the line before.
        since_us: u64,
    },

    /// The technician said what it is and what it wishes to do.
    Introduced {
        /// Its program.
        software: String,
        /// What it wishes.
        requested: Vec<Grant>,
    },
    /// The technician asked for more.
    Asked {
        /// What for.
        grants: Vec<Grant>,
        /// In the technician's words.
        why: String,
    },
    /// The user allowed something that was not allowed before, or for another time than before.
    Allowed {
        /// All that is in force now.
        terms: Vec<Allowance>,
        /// What of it is new.
        new: Vec<Grant>,
        /// The computer, told with the first answer on each line.
        computer: Option<Computer>,
    },
    /// Something is no longer allowed.
    TakenBack {
        /// What.
        grants: Vec<Grant>,
        /// Its time was over; else somebody took it back.
        expired: bool,
    },
    /// The answer was no.
    Refused(Refused),
    /// An end said that the session is over.
    Ending(Reason),

    /// A command was asked for.
    Command {
        /// Its words as the technician gave them.
        argv: Vec<String>,
        /// Milliseconds after which it is ended; 0: never.
        timeout_ms: u64,
    },
    /// Bytes for a command's standard input.
    CommandInput {
        /// The command.
        of: u64,
        /// The bytes, at most one message.
        bytes: Bytes,
    },
    /// Bytes of a command's output.
    Output {
        /// The command.
        of: u64,
        /// Of its standard error, not its standard output.
        stderr: bool,
        /// The bytes, at most one message.
        bytes: Bytes,
    },
    /// The command is over.
    CommandEnded {
        /// The command.
        of: u64,
        /// How.
        how: Outcome,
    },

    /// Files are to be copied.
    Transfer {
        /// Towards the user's computer.
        to_agent: bool,
        /// Where to or where from, beneath the folder that the user allowed.
        path: String,
        /// How many, where that is known yet.
        files: u64,
        /// Bytes of all of them.
        bytes: u64,
        /// The bodies go over the files line, by the policy: they are not in the recording.
        apart: bool,
    },
    /// The agent's yes, with what will come.
    TransferReady {
        /// The transfer.
        of: u64,
        /// How many files.
        files: u64,
        /// Bytes of all of them.
        bytes: u64,
    },
    /// A file, or a folder, is under way.
    File {
        /// The transfer.
        of: u64,
        /// Its path in the transfer.
        path: String,
        /// Bytes.
        size: u64,
        /// It is a folder: nothing more is heard of it.
        folder: bool,
    },
    /// What came of a file.
    FileEnded(FileEnd),
    /// Something was not sent.
    FileSkipped {
        /// The transfer.
        of: u64,
        /// Its path.
        path: String,
        /// Why.
        why: String,
    },
    /// The transfer is over.
    TransferEnded {
        /// The transfer.
        of: u64,
        /// How.
        how: Outcome,
    },

    /// A line of chat.
    Said {
        /// As it was said.
        text: String,
    },
    /// A clipboard's text went to the other end.
    Copied {
        /// As it was copied.
        text: String,
    },
    /// The technician used mouse and keyboard.
    Input(Input),
    /// Whose hand is on mouse and keyboard.
    Hand {
        /// The user's own.
        user: bool,
    },
    /// From here on what is typed is masked: the recording has it sealed for the agent alone.
    Masking,
    /// It is no longer.
    MaskingEnded {
        /// Where it began.
        of: u64,
        /// How many messages passed masked.
        messages: u64,
        /// Bytes of their seals: at least 17 more than each message has.
        bytes: u64,
    },
    /// Something of a command is masked.
    Masked {
        /// The command, where it is known.
        of: Option<u64>,
        /// Bytes of the seal.
        bytes: u64,
    },
    /// The technician showed the user a place, with the laser.
    Pointed {
        /// Until when.
        until_us: u64,
        /// The last place, on the desktop, in pixels.
        x: i32,
        /// Rows from its top.
        y: i32,
    },

    /// The technician watches the screen, or another monitor of it, or no longer.
    Watch {
        /// From 1; 0 is the whole desktop.
        monitor: u32,
        /// Nobody looks.
        hidden: bool,
    },
    /// How the screen is.
    Screen {
        /// The monitor that is shown; 0 is the whole desktop.
        monitor: u32,
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
        /// All monitors.
        monitors: Vec<Monitor>,
    },
    /// A picture of the screen was taken.
    Screenshot {
        /// From 1; 0 is the whole desktop.
        monitor: u32,
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
        /// Bytes of its PNG.
        bytes: u64,
    },
    /// Bytes of a picture's PNG.
    ScreenshotPart {
        /// The screenshot.
        of: u64,
        /// The bytes, at most one message.
        bytes: Bytes,
    },

    /// A stream, or the rest of one, or a datagram cannot be understood.
    NotUnderstood {
        /// On which channel, where that is known.
        channel: Option<Channel>,
        /// Why.
        why: String,
    },
    /// A message of a newer version, or one that does not belong there.
    Newer {
        /// On which channel.
        channel: Channel,
    },
    /// Something in the recording does not go together, or is missing from it.
    Disputed {
        /// What.
        what: String,
        /// Whom it points at.
        party: Party,
        /// Whether it speaks against the recording.
        grave: bool,
    },
}

/// How far and how long something is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// What.
    pub grant: Grant,
    /// How far.
    pub scope: Scope,
    /// Seconds until it is taken back; 0: it goes with its scope.
    pub ends_in: u32,
}

/// How far a grant goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The one thing that runs under it.
    Once,
    /// All of its kind until the session ends.
    Session,
}

/// The user's computer, as it calls itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Computer {
    /// Its name.
    pub hostname: String,
    /// Its operating system.
    pub system: String,
    /// Who is logged in.
    pub user: String,
}

/// A monitor of the user's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Monitor {
    /// As the system calls it.
    pub name: String,
    /// Columns right of the desktop's corner, in pixels.
    pub x: i32,
    /// Rows below it.
    pub y: i32,
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

/// A no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// What was asked for, where that is known.
    pub of: Option<u64>,
    /// On which channel.
    pub channel: Channel,
    /// Why, in the protocol's word.
    pub cause: Cause,
    /// Which grant was missing.
    pub grant: Option<Grant>,
    /// Why, for a person.
    pub text: String,
}

/// How a command or a transfer came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// By itself: a command's exit code; 0 for a transfer.
    Exited(i32),
    /// A signal killed it.
    Killed(i32),
    /// Its time was over.
    TimedOut,
    /// It was refused, see [`What::Refused`].
    Refused,
    /// An end broke it off, with this code of [`deskside_protocol::close`].
    BrokenOff {
        /// Who.
        by: End,
        /// The code.
        code: u64,
    },
    /// The line, or the recording, ended before it; how it went on is not known.
    Unknown,
}

/// What came of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEnd {
    /// The file.
    pub of: u64,
    /// Its path in the transfer.
    pub path: String,
    /// Bytes, as announced.
    pub size: u64,
    /// Bytes of its body that went over the line; fewer where it went on with a part, none where it
    /// went apart.
    pub sent: u64,
    /// The body is not in the recording, by the policy; its hashes are.
    pub apart: bool,
    /// SHA-256 of the whole file by the sender's word, 32 bytes; empty where it said none.
    pub sha256: Bytes,
    /// Whether it landed, by the receiver's word; else why not.
    pub landed: Result<(), String>,
}

/// What the technician did with mouse and keyboard, without a rest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Input {
    /// When the last of it was done.
    pub until_us: u64,
    /// What, in order.
    pub acts: Vec<Act>,
}

/// One thing done with mouse or keyboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Text was typed as text.
    Text(String),
    /// A key was pressed.
    Key {
        /// USB HID usage of the keyboard page.
        usage: u32,
        /// Keys that were held down with it: modifiers, by their usages.
        held: Vec<u32>,
    },
    /// A button was pressed.
    Click {
        /// 1 left, 2 middle, 3 right, 8 back, 9 forward.
        button: u32,
        /// On the desktop, in pixels.
        x: i32,
        /// Rows from its top.
        y: i32,
        /// Where it was let go, where that is another place.
        to: Option<(i32, i32)>,
    },
    /// The wheel was turned.
    Wheel {
        /// To the right, in 120ths of a notch.
        right: i32,
        /// Downwards.
        down: i32,
    },
}

impl Input {
    /// What was typed, for a person to read: text as it is, keys as they are on a keyboard of the
    /// United States, those that write nothing in brackets.
    #[must_use]
    pub fn typed(&self) -> String {
        let mut typed = String::new();
        for act in &self.acts {
            match act {
                Act::Text(text) => typed.push_str(text),
                Act::Key { usage, held } => crate::keys::write(*usage, held, &mut typed),
                Act::Click { .. } | Act::Wheel { .. } => {}
            }
        }
        typed
    }

    /// How often a button was pressed.
    #[must_use]
    pub fn clicks(&self) -> usize {
        self.acts.iter().filter(|act| matches!(act, Act::Click { .. })).count()
    }
}
