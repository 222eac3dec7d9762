//! What happens, told in one of two forms: calm words for the person in front of the computer, or
//! one JSON object a line for scripts. Nothing else of the agent prints to standard output. Beside
//! either, a window may hear of it.

mod lines;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod told;
mod words;

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deskside_protocol::code::Code;
use deskside_protocol::grant::{Grant, GrantSet};
use deskside_protocol::wire::record::Reason;

use self::lines::lines;
pub use self::lines::reason_word;
pub use self::words::reason_in_words;
use self::words::words;
use crate::consent::{Direction, Question, Visitor};

/// Who granted something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The user, asked.
    User,
    /// `--allow`.
    Beforehand,
}

/// Who says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker<'a> {
    /// The user.
    User,
    /// The technician, by his name.
    Technician(&'a str),
}

/// Whose connection is interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// Ours to the relay.
    Relay,
    /// The technician's.
    Technician,
}

/// Something that the user or a script is told.
#[allow(missing_debug_implementations, reason = "it may hold a code, which never reaches a log")]
pub enum Event<'a> {
    /// A code can be read aloud.
    Code {
        /// All twelve digits.
        code: &'a Code,
        /// Seconds that it lives.
        expires_in: u32,
    },
    /// The code's time is up; another follows.
    CodeExpired,
    /// Somebody used the code and could not prove what he should; another follows.
    PairingFailed {
        /// In plain words.
        reason: &'a str,
        /// The digits were not the right ones: a slip, or a guess.
        wrong_code: bool,
    },
    /// After several failed runs: the next code waits for the Enter key.
    PressEnter,
    /// The technician has proved who he is.
    Paired {
        /// Who, verified.
        visitor: &'a Visitor,
        /// The session's id, where one is known.
        session: Option<&'a str>,
        /// Whether the relay records.
        recorded: bool,
    },
    /// The user is asked; whoever asks shows it to people himself.
    Question {
        /// What.
        question: &'a Question<'a>,
    },
    /// Grants were given.
    Granted {
        /// Those that are new.
        grants: GrantSet,
        /// All that hold now.
        lease: GrantSet,
        /// Who gave them.
        by: By,
        /// They are taken back by themselves after this time; else they hold for the session.
        ends_in: Option<Duration>,
    },
    /// The user said no.
    Refused {
        /// To these.
        grants: GrantSet,
    },
    /// The technician does something, from here on until [`Event::ActionOver`].
    Action {
        /// Counts up in a session.
        number: u64,
        /// His name.
        technician: &'a str,
        /// Under which grant.
        grant: Grant,
        /// What, in plain words or as typed; made safe already.
        what: &'a str,
    },
    /// What the technician did under this number is over, however it ended.
    ActionOver {
        /// Of its [`Event::Action`].
        number: u64,
    },
    /// Somebody says something: chat.
    Said {
        /// Who.
        by: Speaker<'a>,
        /// One line, made safe already.
        text: &'a str,
    },
    /// What the technician types is kept out of the recording, or no longer.
    Masking {
        /// Who asked for it.
        by: Speaker<'a>,
        /// From here on, or no longer.
        on: bool,
    },
    /// Grants were taken back.
    Revoked {
        /// These.
        grants: GrantSet,
    },
    /// The organisation's policy has ceased to allow something. What was granted of it is taken back
    /// next.
    Narrowed {
        /// This.
        grants: GrantSet,
    },
    /// This program was restarted and goes on with a session.
    Resumed {
        /// Who is here.
        visitor: &'a Visitor,
        /// The session's id.
        session: &'a str,
        /// Whether the relay records.
        recorded: bool,
        /// What the user had allowed and what holds still.
        lease: GrantSet,
    },
    /// The technician is blocked on this computer: he is refused, and nobody is asked.
    TurnedAway {
        /// Who, verified.
        visitor: &'a Visitor,
    },
    /// The session that an earlier process of this program left does not go on.
    NotResumed {
        /// In plain words, made safe already.
        why: &'a str,
    },
    /// Somebody's connection is interrupted.
    Gap {
        /// Whose.
        cause: Gone,
        /// The technician's name.
        technician: &'a str,
        /// After this time without a return the session ends.
        grace: Duration,
    },
    /// Everybody is there again.
    Back {
        /// How long it was interrupted.
        after: Duration,
    },
    /// From here on nothing is recorded.
    Unrecorded,
    /// A file went over, whole.
    File {
        /// Which way.
        direction: Direction,
        /// Where it lies under the folder, or what it is called.
        name: &'a str,
        /// Bytes.
        bytes: u64,
        /// Of the whole file.
        sha256: &'a [u8],
        /// Whether people are told its name: of many files they are told the sum.
        named: bool,
    },
    /// A file did not go over, or not whole.
    FileFailed {
        /// Which way it was to go.
        direction: Direction,
        /// As for [`Event::File`].
        name: &'a str,
        /// In plain words.
        why: &'a str,
    },
    /// Many files went over.
    Files {
        /// Which way.
        direction: Direction,
        /// How many.
        files: u64,
        /// Bytes of all of them.
        bytes: u64,
    },
    /// The session is over.
    Ended {
        /// Why.
        reason: Reason,
    },
    /// Anything else that the user should read.
    Notice {
        /// In plain words.
        text: &'a str,
    },
}

/// Somebody who hears of events beside standard output.
pub trait Hear: Send + Sync {
    /// Takes in one event, without waiting.
    fn hear(&self, event: &Event<'_>);
}

enum Form {
    People,
    Json,
}

/// Where events are told.
pub struct Show {
    form: Form,
    out: Mutex<Box<dyn Write + Send>>,
    also: Option<Arc<dyn Hear>>,
}

impl std::fmt::Debug for Show {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Show").finish_non_exhaustive()
    }
}

impl Show {
    /// Tells people, in words.
    pub fn people(out: impl Write + Send + 'static) -> Self {
        Self { form: Form::People, out: Mutex::new(Box::new(out)), also: None }
    }

    /// Tells scripts, one JSON object a line.
    pub fn json(out: impl Write + Send + 'static) -> Self {
        Self { form: Form::Json, out: Mutex::new(Box::new(out)), also: None }
    }

    /// Tells `hear` of everything, too.
    #[must_use]
    pub fn with(self, hear: Arc<dyn Hear>) -> Self {
        Self { also: Some(hear), ..self }
    }

    /// Tells one event, at once.
    pub fn tell(&self, event: &Event<'_>) {
        if let Some(also) = &self.also {
            also.hear(event);
        }
        let text = match self.form {
            Form::People => words(event),
            Form::Json => lines(event),
        };
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            tracing::debug!(%error, "cannot print an event");
        }
    }
}
