//! The command line, word by word.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::roles::Roles;

/// The relay of Deskside: brings a technician and a user together, carries and records what passes
/// between them, and can read none of it.
#[derive(Debug, Parser)]
#[command(name = "deskside-relay", version, arg_required_else_help = true)]
pub(super) struct Cli {
    /// Print one JSON object a line on standard output and nothing else.
    #[arg(long, global = true)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) places: PlacesArgs,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// Where everything lies.
#[derive(Debug, Args)]
pub(super) struct PlacesArgs {
    /// Folder of the relay: node key, database, recordings.
    #[arg(long, global = true, value_name = "DIR", env = "DESKSIDE_DATA")]
    pub(super) data: Option<PathBuf>,
    /// Folder of the organisation's authority key [default: DATA-authority].
    #[arg(long, global = true, value_name = "DIR", env = "DESKSIDE_AUTHORITY")]
    pub(super) authority: Option<PathBuf>,
    /// Database, for now sqlite:PATH [default: sqlite:DATA/relay.db].
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "DESKSIDE_DATABASE",
        hide_env_values = true
    )]
    pub(super) database: Option<String>,
    /// Where recordings are written, for now file:PATH [default: file:DATA/recordings].
    #[arg(long, global = true, value_name = "URL", env = "DESKSIDE_STORE", hide_env_values = true)]
    pub(super) store: Option<String>,
    /// Where finished recordings go from there: s3://BUCKET/PREFIX or file:///FOLDER [default: they stay].
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "DESKSIDE_ARCHIVE",
        hide_env_values = true
    )]
    pub(super) archive: Option<String>,
    /// File with the keys of the bucket, where AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set.
    #[arg(long, global = true, value_name = "FILE", env = "DESKSIDE_ARCHIVE_CREDENTIALS")]
    pub(super) archive_credentials: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the relay. A first start makes everything it needs.
    Serve(Box<ServeArgs>),
    /// Invite, list and revoke the people who help.
    Technician {
        #[command(subcommand)]
        command: TechnicianCommand,
    },
    /// Sign with the organisation's key on the machine that has it, and bring the signatures here.
    Authority {
        #[command(subcommand)]
        command: AuthorityCommand,
    },
    /// Give the relay or the organisation another key; old join links go on working.
    Rotate {
        #[command(subcommand)]
        command: RotateCommand,
    },
    /// Say for whom recordings are sealed.
    Auditor {
        #[command(subcommand)]
        command: AuditorCommand,
    },
    /// Show or change what is recorded and what may be asked for.
    Policy {
        #[command(subcommand)]
        command: PolicyCommand,
    },
    /// Look for what is wrong with this relay, and say what to do.
    Doctor,
    /// Print a completion script for a shell.
    Completions {
        /// Which shell.
        shell: Shell,
    },
    /// Print the manual page.
    Man,
}

#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// Address for users' and technicians' programs (UDP) [default: 0.0.0.0:7443].
    #[arg(long, value_name = "ADDR:PORT", env = "DESKSIDE_LISTEN")]
    pub(super) listen: Option<SocketAddr>,
    /// Address for the users' help page and for health, plain HTTP [default: 127.0.0.1:0, any free port].
    #[arg(long, value_name = "ADDR:PORT", env = "DESKSIDE_HTTP")]
    pub(super) http: Option<SocketAddr>,
    /// Address for numbers and for lifting locks [default: 127.0.0.1:0, any free port].
    #[arg(long, value_name = "ADDR:PORT", env = "DESKSIDE_ADMIN")]
    pub(super) admin: Option<SocketAddr>,
    /// Folder with the users' programs that the help page hands out: deskside-agent-linux-x86_64, deskside-agent-windows-x86_64.exe, ...
    #[arg(long, value_name = "DIR", env = "DESKSIDE_PROGRAMS_DIR")]
    pub(super) programs: Option<PathBuf>,
    /// Networks whose addresses have no limits, by comma: a company behind one address, a proxy.
    #[arg(long, value_name = "NETWORKS", env = "DESKSIDE_UNLIMITED", value_delimiter = ',')]
    pub(super) unlimited: Vec<String>,
    /// Name and port by which the world reaches this relay, for the join link; port 0 is the one that it listens on.
    #[arg(long, value_name = "HOST:PORT", env = "DESKSIDE_PUBLIC")]
    pub(super) public: Option<String>,
    /// Name of the organisation, as users see it; used by a first start.
    #[arg(long, value_name = "NAME", env = "DESKSIDE_ORGANISATION")]
    pub(super) organisation: Option<String>,
    /// Certificate chain of a public authority (PEM), instead of the node key in the join link.
    #[arg(long, value_name = "FILE", env = "DESKSIDE_TLS_CERT")]
    pub(super) tls_cert: Option<PathBuf>,
    /// Private key of that certificate (PEM).
    #[arg(long, value_name = "FILE", env = "DESKSIDE_TLS_KEY")]
    pub(super) tls_key: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(super) enum TechnicianCommand {
    /// Make a token that enrols a person once.
    Invite {
        /// Short name: a-z, 0-9, '.', '-', '_'.
        login: String,
        /// Name as users see it.
        #[arg(long)]
        name: String,
        /// What the person may do: technician, lead, auditor, admin; several by comma.
        #[arg(long, default_value = "technician", value_name = "ROLES")]
        role: Roles,
        /// The certificate ends after this time and is not renewed: 12h, 90d [default: one year, renewed by itself].
        #[arg(long, value_name = "TIME", value_parser = time)]
        valid: Option<u64>,
    },
    /// Show who is enrolled and who is invited.
    List,
    /// Lift the locks that failed codes put on a person.
    Unlock {
        /// Whose.
        login: String,
    },
    /// Take a person's certificates and open invitations back, at once.
    Revoke {
        /// Whose.
        login: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum AuthorityCommand {
    /// Write what waits for a signature to a file.
    Requests {
        /// Where to; without it what waits is only shown.
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Where the key is (--authority DIR): show the requests, ask, and sign them. Needs no relay.
    Sign {
        /// As `requests` wrote it.
        file: PathBuf,
        /// Where the signatures go.
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Take the signatures in.
    Import {
        /// As `sign` wrote it.
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum RotateCommand {
    /// Another node key, from the next start of the relay on. Takes the authority's key.
    Node,
    /// Another authority key. The relay must not run. Where the key is elsewhere, by a file.
    Authority {
        /// The key is elsewhere: write what it has to sign anew, for `authority sign`.
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum AuditorCommand {
    /// Seal recordings from now on for this age recipient too; not those of before.
    Add {
        /// age1...
        recipient: String,
    },
    /// Show for whom recordings are sealed, and whose keys these are.
    List,
    /// Seal recordings no more for this age recipient; what was sealed for it before stays readable.
    Remove {
        /// age1...
        recipient: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    /// Print the policy in force, as TOML.
    Show,
    /// Put an edited copy of the policy in force.
    Set {
        /// TOML, as `policy show` prints it.
        file: PathBuf,
    },
}

/// `90s`, `30m`, `12h`, `90d`, in seconds, at most ten years.
pub(super) fn time(text: &str) -> Result<u64, String> {
    const UNITS: [(char, u64); 4] = [('s', 1), ('m', 60), ('h', 60 * 60), ('d', 24 * 60 * 60)];
    const LONGEST: u64 = 10 * 365 * 24 * 60 * 60;
    let read = || {
        let (_, seconds) = UNITS.iter().find(|(unit, _)| text.ends_with(*unit))?;
        let number: u64 = text.get(..text.len() - 1)?.parse().ok()?;
        number.checked_mul(*seconds).filter(|time| (1..=LONGEST).contains(time))
    };
    read().ok_or_else(|| "a time is a number and s, m, h or d: 12h".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn times_have_a_unit_and_a_bound() {
        assert_eq!((time("90s"), time("12h"), time("2d")), (Ok(90), Ok(43_200), Ok(172_800)));
        for bad in ["", "h", "12", "0s", "-1h", "1w", "3651d", "99999999999999999999d", "1\u{fc}"] {
            assert!(time(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn roles_come_by_comma_and_places_stand_anywhere() {
        let line = "deskside-relay technician invite bob --name Bob --role technician,lead \
                    --data /x --json";
        let cli = Cli::try_parse_from(line.split_whitespace()).unwrap();
        assert!(cli.json);
        assert_eq!(cli.places.data, Some("/x".into()));
        let Command::Technician { command: TechnicianCommand::Invite { role, .. } } = cli.command
        else {
            panic!("another command");
        };
        assert_eq!(role.to_string(), "technician,lead");
    }
}
