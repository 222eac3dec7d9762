//! The command line, as design/cli.md fixes it.

use std::path::PathBuf;

use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;
use deskside_protocol::grant::GrantSet;
use deskside_protocol::identity::link::JoinLink;

use crate::desktop::Choice;

/// The name of the program in generated files.
pub const NAME: &str = "deskside-agent";

/// Get help with this computer: shows the digits that you read to your technician.
///
/// Nothing is shown to anybody before you agree, and Ctrl-C ends everything at once.
#[derive(Debug, Clone, Parser)]
#[command(name = NAME, version, args_conflicts_with_subcommands = true, after_help = AFTER)]
pub struct Cli {
    /// The join link of your help desk's relay: deskside://host:port?org=...&node=...
    #[arg(long, value_name = "JOIN")]
    pub relay: Option<JoinLink>,
    /// Ask in the terminal, and show no window.
    #[arg(long)]
    pub terminal: bool,
    /// Print one JSON object a line.
    #[arg(long)]
    pub json: bool,
    /// Answer these questions beforehand with yes: view, control, command, shell, file, clipboard,
    /// reboot.
    #[arg(long, value_name = "GRANT,...", default_value = "", hide_default_value = true)]
    pub allow: GrantSet,
    /// Which screen to offer.
    #[arg(long, value_enum, default_value_t)]
    pub screen: Choice,
    /// Where files land and are fetched from; by default the download folder.
    #[arg(long, value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// Something other than a session.
    #[command(subcommand)]
    pub other: Option<Other>,
}

const AFTER: &str = "\
There is a window where there is a display; Ctrl + Alt + End stops from anywhere. The language is that of \
the system; DESKSIDE_LANGUAGE=en, de, es or fr chooses another.\n\n\
In the terminal, while no question is open, you can type:\n\n\
  stop                  end everything at once\n\
  take back view        no longer allow it; several: take back view file; all: take back all\n\
  give view             allow it; for some minutes only: give view 10\n\
  anything else         your technician reads it\n\n\
The join link is looked for in --relay, in DESKSIDE_RELAY, in a file deskside.join beside the program, \
in the program's own file name, and in the configuration file.\n\n\
Exit codes: 0 done, 2 wrong usage, 3 refused, 5 not found, 6 could not connect, 7 not the relay of the \
join link, 8 ended by the other side, 1 anything else.";

/// What packagers need.
#[derive(Debug, Clone, Subcommand)]
pub enum Other {
    /// Print completions for a shell.
    #[command(hide = true)]
    Completions {
        /// Which shell.
        shell: Shell,
    },
    /// Print the man page.
    #[command(hide = true)]
    Man,
}

impl Other {
    /// The file that was asked for.
    ///
    /// # Errors
    /// Never in practice: it is written to memory.
    pub fn render(&self) -> std::io::Result<Vec<u8>> {
        let mut command = Cli::command();
        let mut text = Vec::new();
        match self {
            Self::Completions { shell } => {
                clap_complete::generate(*shell, &mut command, NAME, &mut text);
            }
            Self::Man => clap_mangen::Man::new(command).render(&mut text)?,
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_cli_md_is_read() {
        Cli::command().debug_assert();
        let link = format!("deskside://h:1?org={}&node={}", "11".repeat(32), "22".repeat(32));
        let cli = Cli::try_parse_from([
            NAME,
            "--relay",
            &link,
            "--terminal",
            "--json",
            "--allow",
            "view,command",
            "--screen",
            "synthetic",
            "--folder",
            "/tmp",
        ])
        .unwrap();
        assert_eq!(cli.relay.map(|link| link.origin()).as_deref(), Some("h:1"));
        assert_eq!(cli.allow, GrantSet::parse("view,command").unwrap());
        assert_eq!(cli.screen, Choice::Synthetic);
        let plain = Cli::try_parse_from([NAME]).unwrap();
        assert_eq!((plain.allow, plain.screen), (GrantSet::NONE, Choice::Auto));
    }

    #[test]
    fn wrong_usage_is_refused_with_exit_code_2() {
        for bad in
            [["--relay", "https://h"], ["--allow", "camera"], ["--screen", "fake"], ["--code", "1"]]
        {
            let error = Cli::try_parse_from([NAME].iter().chain(&bad)).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{bad:?}");
        }
    }

    #[test]
    fn completions_and_man_page_are_made() {
        let bash = Other::Completions { shell: Shell::Bash }.render().unwrap();
        assert!(String::from_utf8(bash).unwrap().contains("--screen"));
        let man = Other::Man.render().unwrap();
        assert!(String::from_utf8(man).unwrap().contains("deskside\\-agent"));
    }
}
