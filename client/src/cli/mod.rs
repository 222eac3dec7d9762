//! The command line: every command with its words. What a command does lives in the room of its
//! name; `run` only takes the arguments there.

mod ask;
mod audit;
mod form;
mod input;
mod replay;
mod run;
mod session;
mod times;

pub use ask::{Input, ask};
pub use audit::{DiscloseArgs, ExportArgs, ListArgs, ReaderArgs, SourceArgs, SpanArgs};
pub use form::Form;
pub use input::{ClipboardArgs, ClipboardCommand, InputArgs, InputCommand};
pub use replay::{ReplayArgs, SearchArgs};
pub use run::run;
pub use session::{
    ConnectArgs, CpArgs, ExecArgs, ResumeArgs, ScreenshotArgs, SessionArgs, WindowArgs,
};
pub use times::{Time, When};

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use deskside_protocol::wire::signal;

const AFTER: &str = "\
Exit codes: 0 done, 2 wrong usage, 3 refused by the user or the policy, 4 wrong or used code or
token, 5 not found, 6 no connection, 7 verification failed, 8 ended by the other side, 1 anything
else. `exec` passes on the exit code of the remote command.

Keys and certificate are in the configuration folder of your system, or in DESKSIDE_HOME.
RUST_LOG=debug writes a log to standard error.";

/// Help a person at their computer, and prove later what was done.
#[derive(Debug, Parser)]
#[command(name = "deskside", version, after_help = AFTER, max_term_width = 100)]
pub struct Cli {
    /// Print one JSON object a line, and nothing else, on standard output
    #[arg(long, global = true, help_heading = "Options for every command")]
    pub json: bool,

    #[command(subcommand)]
    #[allow(missing_docs, reason = "a doc comment here would become the program's help")]
    pub command: Command,
}

impl Cli {
    /// How the session of this command is to be seen, where it has one.
    #[must_use]
    pub const fn window(&self) -> Option<WindowArgs> {
        if let Command::Connect(args) = &self.command {
            Some(args.window)
        } else if let Command::Resume(args) = &self.command {
            Some(args.window)
        } else {
            None
        }
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make this computer yours: trade a token, or a sign-in, for a certificate
    Enroll {
        /// The token, or - to read it from standard input; without it the program asks
        token: Option<String>,
        /// Sign in at your organisation instead, for the relay of this join link [default: the relay that you are enrolled at]
        #[arg(
            long, value_name = "RELAYLINK", num_args = 0..=1, default_missing_value = "",
            conflicts_with_all = ["token", "login", "name"]
        )]
        sign_in: Option<String>,
        /// Your login, where the token leaves it open [default: your login on this computer]
        #[arg(long, value_name = "LOGIN")]
        login: Option<String>,
        /// Your name as users will see it, where the token leaves it open [default: the login]
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
    },
    /// Open, read and change help-desk tickets
    #[command(subcommand)]
    Ticket(TicketCommand),
    /// Help the person who reads a code to you, and stay until the session ends
    Connect(ConnectArgs),
    /// Go on with a session after this program was restarted
    Resume(ResumeArgs),
    /// Save a picture of the user's screen as PNG
    Screenshot(ScreenshotArgs),
    /// Run one command on the user's computer and pass its exit code on
    Exec(ExecArgs),
    /// Copy files to the user's computer, or from it
    #[command(after_help = session::CP_AFTER)]
    Cp(CpArgs),
    /// Use the user's mouse and keyboard
    Input(InputArgs),
    /// Read or set what is copied on the user's computer
    Clipboard(ClipboardArgs),
    /// Say something to the user: it stands in their window
    Chat {
        #[command(flatten)]
        #[allow(missing_docs, reason = "flattened")]
        session: SessionArgs,
        /// What to say, or - to read it from standard input
        #[arg(required = true, value_name = "TEXT")]
        text: Vec<String>,
    },
    /// Show the session that is open: who, since when, what is allowed
    Info(SessionArgs),
    /// End the session and write its note to the ticket
    End {
        #[command(flatten)]
        #[allow(missing_docs, reason = "flattened")]
        session: SessionArgs,
        /// What you did, for the ticket
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
    },
    /// Help the people who help (roles lead and admin)
    #[command(subcommand)]
    Technician(TechnicianCommand),
    /// List, fetch, verify and hold recordings
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Print the completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print this program's manual page, in roff
    Man {
        /// Write the pages of all commands into this folder instead
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

/// `deskside ticket ...`.
#[derive(Debug, Clone, Subcommand)]
pub enum TicketCommand {
    /// Open a ticket and print its number
    New {
        /// What it is about, in one line
        #[arg(long, value_name = "S")]
        subject: String,
        /// Who asks for help
        #[arg(long, value_name = "R", default_value = "", hide_default_value = true)]
        requester: String,
        /// How to reach them
        #[arg(long, value_name = "C", default_value = "", hide_default_value = true)]
        contact: String,
        /// What is wrong, at length
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        description: String,
    },
    /// List open tickets
    List {
        /// Resolved and closed ones too
        #[arg(long)]
        all: bool,
    },
    /// Show a ticket and its notes
    Show {
        /// Its number
        #[arg(value_name = "N")]
        ticket: String,
    },
    /// Add a note to a ticket
    Note {
        /// Its number
        #[arg(value_name = "N")]
        ticket: String,
        /// The note, or - to read it from standard input
        text: String,
        /// Let the requester see it
        #[arg(long)]
        public: bool,
    },
    /// Put a file on a ticket: a picture of an error message, a log
    Attach {
        /// Its number
        #[arg(value_name = "N")]
        ticket: String,
        /// The file, of at most 32 MiB
        file: PathBuf,
    },
    /// Save a file that is on a ticket
    Attachment {
        /// Its number
        #[arg(value_name = "N")]
        ticket: String,
        /// Which: its number in `ticket show`
        #[arg(value_name = "ATTACHMENT")]
        number: u64,
        /// Where to; its own name in this folder otherwise, and never over another file
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Change a ticket's status
    Status {
        /// Its number
        #[arg(value_name = "N")]
        ticket: String,
        /// The new status
        status: StatusWord,
    },
}

/// A ticket's status, as written on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StatusWord {
    /// Nobody has looked at it
    New,
    /// Being worked on
    Open,
    /// Waiting for somebody else
    Waiting,
    /// Done, as far as we know
    Resolved,
    /// Done for good
    Closed,
}

impl From<StatusWord> for signal::Status {
    fn from(word: StatusWord) -> Self {
        match word {
            StatusWord::New => Self::New,
            StatusWord::Open => Self::Open,
            StatusWord::Waiting => Self::Waiting,
            StatusWord::Resolved => Self::Resolved,
            StatusWord::Closed => Self::Closed,
        }
    }
}

/// `deskside technician ...`.
#[derive(Debug, Clone, Subcommand)]
pub enum TechnicianCommand {
    /// Lift the locks that failed codes put on somebody else
    Unlock {
        /// Whose
        login: String,
        /// On this ticket only
        #[arg(long, value_name = "N")]
        ticket: Option<String>,
    },
}

/// `deskside audit ...`.
#[derive(Debug, Clone, Subcommand)]
pub enum AuditCommand {
    /// List the recordings that the relay holds: the newest 500, or all that are asked for
    List(ListArgs),
    /// Save a recording as a file; the relay logs who, when and why
    Fetch {
        /// Session id, as in the list
        session: String,
        /// Where to save it
        #[arg(short, long, value_name = "FILE.dsr")]
        output: PathBuf,
        /// Why you need it
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Check whether anybody changed a recording: what is wrong, where, and whom it points at
    Verify(VerifyArgs),
    /// Look for words in what was said, typed, run and copied
    Search(SearchArgs),
    /// See a session again, in the browser of this computer
    Replay(ReplayArgs),
    /// Make of a recording what other programs show: a film, text, packets, one page
    Export(ExportArgs),
    /// Hand out a part of a recording, signed by you and proven by both ends, without its keys
    Disclose(DiscloseArgs),
    /// Check that the relay's log of all sessions is whole and that nothing was deleted; or who had one recording, when and why
    Log {
        /// Who had the recording of this session [default: all sessions]
        session: Option<String>,
    },
    /// Keep a recording beyond its time; the relay logs who, when and why
    Hold {
        /// Session id, as in the list
        session: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// No longer
        #[arg(long)]
        release: bool,
    },
}

/// `deskside audit verify`.
#[derive(Debug, Clone, Args)]
pub struct VerifyArgs {
    /// A recording's file, a page or an excerpt of one, or a session id to fetch it from the relay
    #[arg(value_name = "FILE.dsr|SESSION")]
    pub recording: String,
    /// Whose key opens the seals, so that the packets are read too [default: your own, where you are
    /// an auditor]
    #[arg(long, value_name = "AGE_IDENTITY_FILE")]
    pub identity: Option<PathBuf>,
    /// The organisation's public key, as 64 hexadecimal digits [default: your own organisation's]
    #[arg(long, value_name = "KEYHEX")]
    pub org: Option<String>,
    /// What the agent's or the technician's program kept of the session, a file in its folder `tails`
    /// [your own is looked at by itself]
    #[arg(long, value_name = "FILE.tail")]
    pub tail: Vec<PathBuf>,
    /// Why you need it; for a session id only
    #[arg(long, value_name = "TEXT", default_value = "verification", hide_default_value = true)]
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split(' '))
    }

    #[test]
    fn clap_finds_no_contradiction() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_lines_of_the_design_are_read() {
        for line in [
            "deskside enroll -",
            "deskside --json enroll TOKEN",
            "deskside ticket new --subject S --json",
            "deskside ticket note 1001 text",
            "deskside ticket status 1001 resolved",
            "deskside connect - --ticket 1001 --view-only --headless",
            "deskside connect 4821 9302 7568 --ticket 1001",
            "deskside connect 4821-9302-7568 --ticket 1001 --request view,control",
            "deskside connect 1 --ticket 1001 --host-key scroll-lock",
            "deskside screenshot -o a.png --monitor 2",
            "deskside exec --timeout 1.5 --session ab -- ls -la",
            "deskside cp a.txt b.txt agent:in/box --json",
            "deskside cp agent:a agent:b . --recursive --resume --session ab",
            "deskside cp -r a agent:",
            "deskside resume",
            "deskside resume 0011 --headless",
            "deskside chat Is the lamp on?",
            "deskside chat --session ab - --json",
            "deskside info",
            "deskside end --note done",
            "deskside technician unlock bob",
            "deskside technician unlock bob --ticket 1001 --json",
            "deskside audit list",
            "deskside audit list --ticket 1001 --person ada --from 2026-11-01 --to 2026-11-26T14:05:00Z",
            "deskside audit fetch 00 -o a.dsr --reason why",
            "deskside audit verify a.dsr --identity key --org 00",
            "deskside audit verify a.dsr --tail 00.tail --tail 01.tail",
            "deskside audit search printer --identity key",
            "deskside audit search ERR --in a.dsr folder 00 --kind output,chat --reason why --json",
            "deskside audit search ERR --relay --ticket 1001 --from 2026-11-01 --reason why",
            "deskside audit replay a.dsr --identity key --at 1:30 --no-browser --json",
            "deskside audit replay 00 --reason why",
            "deskside audit export a.dsr --identity key -o a.jsonl",
            "deskside audit export 00 --reason why -o a --as cast --from 1:30 --to 2026-11-26T14:05:00Z",
            "deskside audit export a.dsr -o a.png --at 0:01:30.5 --no-cursor",
            "deskside audit disclose a.dsr --channels command,chat --from 1:30 -o a.excerpt",
            "deskside audit log --json",
            "deskside audit log 00",
            "deskside audit hold 00 --reason why",
            "deskside audit hold 00 --reason why --release",
            "deskside completions bash",
            "deskside man",
        ] {
            assert!(parse(line).is_ok(), "{line}: {:?}", parse(line).err());
        }
    }

    #[test]
    fn wrong_usage_is_exit_2() {
        for line in [
            "deskside connect 482193027568",
            "deskside connect 1 --ticket 1 --view-only --request view",
            "deskside connect 1 --ticket 1 --request fly",
            "deskside exec ls",
            "deskside chat",
            "deskside cp agent:a",
            "deskside exec --timeout 0 -- ls",
            "deskside audit fetch 00 -o a.dsr",
            "deskside audit hold 00",
            "deskside audit list --from noon",
            "deskside audit search",
            "deskside audit search ERR --relay",
            "deskside audit search a --kind smoke",
            "deskside audit replay a.dsr --at noon",
            "deskside audit export a.dsr",
            "deskside audit disclose a.dsr -o a.excerpt --channels commands",
            "deskside audit export a.dsr -o a --as gif",
            "deskside audit export a.dsr -o a.jsonl --from noon",
            "deskside screenshot --monitor 0",
        ] {
            assert_eq!(parse(line).err().map(|error| error.exit_code()), Some(2), "{line}");
        }
    }

    #[test]
    fn view_only_asks_for_nothing_else() {
        let requested = |line| {
            let Command::Connect(args) = parse(line).unwrap().command else { unreachable!() };
            args.requested().to_string()
        };
        assert_eq!(requested("deskside connect 1 --ticket 1 --view-only"), "view");
        assert_eq!(requested("deskside connect 1 --ticket 1"), "view");
        assert_eq!(requested("deskside connect 1 --ticket 1 --request shell,view"), "view, shell");
    }
}
