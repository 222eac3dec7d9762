//! How this program fails: a sentence for a person and an exit code for a script, attached where
//! the trouble is understood and printed once, at the very end.

use deskside_protocol::exit::Exit;
use deskside_protocol::text::visible;
use deskside_protocol::wire::message::{Refusal, refusal};
use deskside_protocol::wire::signal::{Refused, refused};

/// A failure with its exit code. It rides in an `anyhow::Error`, alone or as context over a cause.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What went wrong and what to do about it.
    pub sentence: String,
}

impl Failure {
    /// A failure that ends the program with `exit`.
    pub fn new(exit: Exit, sentence: impl Into<String>) -> Self {
        Self { exit, sentence: sentence.into() }
    }
}

/// Standard output was closed by its reader (`deskside ... | head`): nobody is left to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("standard output was closed")]
pub struct OutputClosed;

/// The exit code of a program whose output nobody reads: 128 and SIGPIPE, as a shell shows it.
pub const OUTPUT_CLOSED: u8 = 141;

/// Attaches an exit code and a sentence to an error.
pub trait OrExit<T> {
    /// The value, or a [`Failure`] with the error as its cause.
    ///
    /// # Errors
    /// The failure.
    fn or_exit(self, exit: Exit, sentence: impl Into<String>) -> anyhow::Result<T>;

    /// The value, or a [`Failure`] that says what the error itself says.
    ///
    /// # Errors
    /// The failure.
    fn or_exit_as_is(self, exit: Exit) -> anyhow::Result<T>;
}

impl<T, E: Into<anyhow::Error>> OrExit<T> for Result<T, E> {
    fn or_exit(self, exit: Exit, sentence: impl Into<String>) -> anyhow::Result<T> {
        self.map_err(|error| error.into().context(Failure::new(exit, sentence)))
    }

    fn or_exit_as_is(self, exit: Exit) -> anyhow::Result<T> {
        self.map_err(|error| Failure::new(exit, format!("{:#}", error.into())).into())
    }
}

/// The exit code of an error: its outermost [`Failure`]'s, else 1.
#[must_use]
pub fn exit_of(error: &anyhow::Error) -> Exit {
    error.downcast_ref::<Failure>().map_or(Exit::Other, |failure| failure.exit)
}

/// The whole sentence: the error and its causes, made safe to print.
#[must_use]
pub fn sentence_of(error: &anyhow::Error) -> String {
    visible(&format!("{error:#}")).into_owned()
}

/// The exit code of a relay's refusal.
#[must_use]
pub fn refused_exit(code: refused::Code) -> Exit {
    use refused::Code;
    match code {
        Code::NotEnrolled | Code::NotPermitted | Code::TicketClosed => Exit::Refused,
        Code::NoAuditor | Code::AuthorityAway => Exit::Refused,
        Code::CodeSpent | Code::TokenSpent => Exit::Code,
        Code::TicketNotFound | Code::NotFound => Exit::NotFound,
        Code::Busy | Code::Version => Exit::NoConnection,
        Code::BadRequest => Exit::Usage,
        Code::Trouble | Code::Unspecified => Exit::Other,
    }
}

/// What to say where a relay gave no sentence of its own.
fn refused_sentence(code: refused::Code) -> &'static str {
    use refused::Code;
    match code {
        Code::Busy => "the relay is busy: try again in a minute",
        Code::NotEnrolled => "the relay does not know you: run deskside enroll TOKEN",
        Code::NotPermitted => "your roles do not permit this: ask whoever runs the relay",
        Code::CodeSpent => {
            "that code is unknown, used or expired: ask the user for the one shown now"
        }
        Code::TicketNotFound => "there is no such ticket: see deskside ticket list",
        Code::TicketClosed => "that ticket is closed: open another with deskside ticket new",
        Code::NoAuditor => {
            "the policy requires recording and names no auditor: whoever runs the relay runs \
             deskside-relay auditor add RECIPIENT"
        }
        Code::TokenSpent => "that token was used or has expired: ask for a new one",
        Code::AuthorityAway => {
            "the relay has no authority key at hand to sign with: ask whoever keeps it"
        }
        Code::NotFound => "the relay has no such thing",
        Code::BadRequest => "the relay does not accept this request",
        Code::Version => "this program and the relay are of versions that do not fit",
        Code::Trouble | Code::Unspecified => "the relay had a fault of its own: see its log",
    }
}

impl From<&Refused> for Failure {
    fn from(refused: &Refused) -> Self {
        let code = refused.code();
        let said = visible(&refused.text);
        let sentence = if said.trim().is_empty() { refused_sentence(code).into() } else { said };
        Self::new(refused_exit(code), sentence)
    }
}

/// The exit code of a refusal by the user's computer.
#[must_use]
pub fn refusal_exit(cause: refusal::Cause) -> Exit {
    use refusal::Cause;
    match cause {
        Cause::NotGranted | Cause::UserRefused | Cause::Policy => Exit::Refused,
        Cause::BadRequest => Exit::Usage,
        Cause::NotFound | Cause::NoScreen => Exit::NotFound,
        Cause::Forged => Exit::Verification,
        Cause::Trouble | Cause::Unspecified => Exit::Other,
    }
}

impl From<&Refusal> for Failure {
    fn from(refusal: &Refusal) -> Self {
        use refusal::Cause;
        let cause = refusal.cause();
        let grant = deskside_protocol::grant::Grant::from_wire(refusal.grant);
        let grant = grant.map_or("this", deskside_protocol::grant::Grant::word);
        let own = match cause {
            Cause::NotGranted => format!("the user has not allowed {grant}"),
            Cause::UserRefused => format!("the user refused {grant}"),
            Cause::Policy => format!("the policy does not allow {grant}"),
            Cause::Forged => "the user's computer did not recognise this as yours".to_owned(),
            Cause::BadRequest => "the user's computer does not accept this request".to_owned(),
            Cause::NoScreen => "the user's computer has no such screen".to_owned(),
            Cause::NotFound => "not found on the user's computer".to_owned(),
            Cause::Trouble | Cause::Unspecified => "the user's computer could not do it".to_owned(),
        };
        let said = visible(refusal.text.trim());
        // A whole sentence of the agent's stands for itself; half a one explains ours.
        let whole =
            ["the user ", "the policy ", "not found "].iter().any(|who| said.starts_with(who));
        let sentence = match (said.is_empty(), whole) {
            (true, _) => own,
            (false, true) => said.into_owned(),
            (false, false) if said.starts_with("there is no ") => {
                format!("{said} on the user's computer")
            }
            (false, false) => format!("{own}: {said}"),
        };
        Self::new(refusal_exit(cause), sentence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn the_exit_code_survives_context() {
        let inner: Result<(), _> = Err(std::io::Error::other("disk"));
        let error = inner.or_exit(Exit::NotFound, "no such file").context("verify x").unwrap_err();
        assert_eq!(exit_of(&error), Exit::NotFound);
        assert_eq!(sentence_of(&error), "verify x: no such file: disk");
        assert_eq!(exit_of(&anyhow::anyhow!("plain")), Exit::Other);
    }

    #[test]
    fn refusals_have_exit_and_sentence_even_without_words() {
        let spent = Refused { code: refused::Code::TokenSpent.into(), text: String::new() };
        let failure = Failure::from(&spent);
        assert_eq!(failure.exit, Exit::Code);
        assert!(failure.sentence.contains("new one"));

        let said = Refused { code: 99, text: "no\u{1b}[31m".into() };
        let failure = Failure::from(&said);
        assert_eq!(failure.exit, Exit::Other);
        assert!(!failure.sentence.contains('\u{1b}'));
    }

    #[test]
    fn a_missing_grant_is_named() {
        let refusal = Refusal {
            cause: refusal::Cause::NotGranted.into(),
            grant: deskside_protocol::wire::message::Grant::Command.into(),
            text: String::new(),
        };
        let failure = Failure::from(&refusal);
        assert_eq!(failure.exit, Exit::Refused);
        assert_eq!(failure.sentence, "the user has not allowed command");
    }

    #[test]
    fn nothing_is_said_twice() {
        let said = |cause: refusal::Cause, text: &str| {
            let grant = deskside_protocol::wire::message::Grant::Command.into();
            Failure::from(&Refusal { cause: cause.into(), grant, text: text.into() }).sentence
        };
        for (cause, text, sentence) in [
            (refusal::Cause::UserRefused, "the user did not allow command", None),
            (refusal::Cause::Policy, "the policy does not allow command", None),
            (refusal::Cause::NotGranted, "the user stopped it", None),
            (
                refusal::Cause::NotFound,
                "there is no a.txt",
                Some("there is no a.txt on the user's computer"),
            ),
            (refusal::Cause::UserRefused, "not now", Some("the user refused command: not now")),
            (
                refusal::Cause::Trouble,
                "needs 1.2 GB, and 300 MB are free",
                Some("the user's computer could not do it: needs 1.2 GB, and 300 MB are free"),
            ),
        ] {
            assert_eq!(said(cause, text), sentence.unwrap_or(text));
        }
    }
}
