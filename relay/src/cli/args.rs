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
    /// Where recordings go, for now file:PATH [default: file:DATA/recordings].
    #[arg(long, global = true, value_name = "URL", env = "DESKSIDE_STORE", hide_env_values = true)]
    pub(super) store: Option<String>,
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
pub(super) enum AuditorCommand {
    /// Seal recordings from now on for this age recipient too.
    Add {
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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

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
