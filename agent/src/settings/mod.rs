//! Where the agent finds what it was not told on the command line: its relay, its own folder, the
//! folder for files. It reads small files and the environment, and writes nothing.

use std::ffi::OsString;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use deskside_protocol::identity::file_name;
use deskside_protocol::identity::link::JoinLink;
use directories::{ProjectDirs, UserDirs};
use serde::Deserialize;
use thiserror::Error;

/// Bytes of a configuration or join file that are read.
const MAX_FILE: u64 = 64 * 1024;
/// The file beside the program.
pub const JOIN_FILE: &str = "deskside.join";
/// The configuration file in the agent's folder.
pub const CONFIG_FILE: &str = "config.toml";

/// Why the agent cannot start. All of them are wrong usage, exit code 2.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// Nowhere is a join link.
    #[error("this program does not know its help desk: start it with --relay and the join link, or put the link into {}, or into {} as relay = \"deskside://...\"", beside.display(), config.display())]
    NoRelay {
        /// The file beside the program.
        beside: PathBuf,
        /// The configuration file.
        config: PathBuf,
    },
    /// What stands there is no join link.
    #[error("{place}: that is not a join link; it reads deskside://host:port?org=...&node=...")]
    BadLink {
        /// Where it stands.
        place: String,
    },
    /// The configuration file does not parse.
    #[error("{}: {cause}", path.display())]
    BadConfig {
        /// The file.
        path: PathBuf,
        /// Where and what.
        cause: String,
    },
    /// A file is there and cannot be read.
    #[error("cannot read {}: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The system names no home folder.
    #[error("this system names no folder for settings: set DESKSIDE_HOME")]
    NoHome,
    /// The folder for files is none.
    #[error("{} is not a folder: name one with --folder", path.display())]
    NoFolder {
        /// What was named.
        path: PathBuf,
    },
}

/// What the environment gives. An argument, so that tests need not change their own.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `DESKSIDE_RELAY`.
    pub relay: Option<String>,
    /// `DESKSIDE_HOME`.
    pub home: Option<PathBuf>,
    /// `XDG_DOWNLOAD_DIR`.
    pub download: Option<PathBuf>,
    /// `DISPLAY`.
    pub display: Option<OsString>,
    /// The program's own file.
    pub executable: Option<PathBuf>,
}

impl Environment {
    /// The real one. Empty variables count as unset.
    #[must_use]
    pub fn of_process() -> Self {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        Self {
            relay: variable("DESKSIDE_RELAY").map(|value| value.to_string_lossy().into_owned()),
            home: variable("DESKSIDE_HOME").map(PathBuf::from),
            download: variable("XDG_DOWNLOAD_DIR").map(PathBuf::from),
            display: variable("DISPLAY"),
            executable: std::env::current_exe().ok(),
        }
    }

    /// The agent's own folder, for its configuration and its memory. It may not exist yet.
    ///
    /// # Errors
    /// [`SettingsError::NoHome`].
    pub fn agent_folder(&self) -> Result<PathBuf, SettingsError> {
        let home = match &self.home {
            Some(home) => home.clone(),
            None => ProjectDirs::from("", "", "deskside")
                .map(|folders| folders.config_dir().to_owned())
                .ok_or(SettingsError::NoHome)?,
        };
        Ok(home.join("agent"))
    }
}

/// The configuration file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// A join link.
    relay: Option<String>,
    /// Where files land.
    folder: Option<PathBuf>,
}

/// The settings that a session needs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The relay.
    pub relay: JoinLink,
    /// The agent's own folder.
    pub agent_folder: PathBuf,
    /// Where files land and are fetched from.
    pub folder: PathBuf,
}

impl Settings {
    /// Looks everything up; what the command line says wins.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn find(
        relay: Option<JoinLink>,
        folder: Option<PathBuf>,
        environment: &Environment,
    ) -> Result<Self, SettingsError> {
        let agent_folder = environment.agent_folder()?;
        let path = agent_folder.join(CONFIG_FILE);
        let config = match read(&path)? {
            None => Config::default(),
            Some(text) => toml::from_str(&text).map_err(|error| SettingsError::BadConfig {
                path: path.clone(),
                cause: error.to_string(),
            })?,
        };
        let relay = match relay {
            Some(relay) => relay,
            None => find_relay(environment, config.relay.as_deref(), &path)?,
        };
        let folder = folder.or(config.folder).or_else(|| download_folder(environment));
        let folder = folder.ok_or(SettingsError::NoHome)?;
        if !folder.is_dir() {
            return Err(SettingsError::NoFolder { path: folder });
        }
        Ok(Self { relay, agent_folder, folder })
    }
}

fn find_relay(
    environment: &Environment,
    configured: Option<&str>,
    config: &Path,
) -> Result<JoinLink, SettingsError> {
    if let Some(text) = &environment.relay {
        return link(text, || "DESKSIDE_RELAY".to_owned());
    }
    let executable = environment.executable.as_deref();
    let beside = executable.and_then(Path::parent).unwrap_or(Path::new(".")).join(JOIN_FILE);
    if let Some(text) = read(&beside)? {
        let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        return link(line, || beside.display().to_string());
    }
    let name = executable.and_then(Path::file_name).map(|name| name.to_string_lossy());
    if let Some(relay) = name.as_deref().and_then(file_name::parse) {
        return Ok(relay);
    }
    if let Some(text) = configured {
        return link(text, || config.display().to_string());
    }
    Err(SettingsError::NoRelay { beside, config: config.to_owned() })
}

fn link(text: &str, place: impl Fn() -> String) -> Result<JoinLink, SettingsError> {
    text.parse().map_err(|_| SettingsError::BadLink { place: place() })
}

/// The desktop's download folder, else the home folder.
fn download_folder(environment: &Environment) -> Option<PathBuf> {
    let named = environment.download.clone().filter(|folder| folder.is_absolute());
    named.or_else(|| {
        let user = UserDirs::new()?;
        let download = user.download_dir().map(Path::to_owned);
        let download = download.unwrap_or_else(|| user.home_dir().join("Downloads"));
        Some(if download.is_dir() { download } else { user.home_dir().to_owned() })
    })
}

/// The text of a small file; `None` where there is none.
fn read(path: &Path) -> Result<Option<String>, SettingsError> {
    let unreadable = |cause| SettingsError::Unreadable { path: path.to_owned(), cause };
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    let mut text = String::new();
    file.take(MAX_FILE).read_to_string(&mut text).map_err(unreadable)?;
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relay(host: &str) -> String {
        format!("deskside://{host}:7443?org={}&node={}", "11".repeat(32), "22".repeat(32))
    }

    fn found(environment: &Environment) -> Result<String, SettingsError> {
        let folder = Some(std::env::temp_dir());
        Settings::find(None, folder, environment).map(|settings| settings.relay.host)
    }

    #[test]
    fn the_nearest_join_link_wins() {
        let home = tempfile::tempdir().unwrap();
        let program = home.path().join("programs");
        let agent = home.path().join("agent");
        std::fs::create_dir_all(&program).unwrap();
        std::fs::create_dir_all(&agent).unwrap();
        let mut environment = Environment {
            home: Some(home.path().to_owned()),
            executable: Some(program.join("deskside-agent")),
            ..Environment::default()
        };
        let none = found(&environment).unwrap_err();
        assert!(none.to_string().contains(JOIN_FILE), "{none}");

        std::fs::write(agent.join(CONFIG_FILE), format!("relay = \"{}\"", relay("config")))
            .unwrap();
        assert_eq!(found(&environment).unwrap(), "config");

        let named = file_name::of(&relay("named").parse().unwrap()).unwrap();
        environment.executable = Some(program.join(named));
        assert_eq!(found(&environment).unwrap(), "named");

        std::fs::write(program.join(JOIN_FILE), format!("\n {}\n", relay("beside"))).unwrap();
        assert_eq!(found(&environment).unwrap(), "beside");

        environment.relay = Some(relay("variable"));
        assert_eq!(found(&environment).unwrap(), "variable");

        let flag = Some(relay("flag").parse().unwrap());
        let folder = Some(std::env::temp_dir());
        let settings = Settings::find(flag, folder, &environment).unwrap();
        assert_eq!(settings.relay.host, "flag");
        assert_eq!(settings.agent_folder, agent);
    }

    #[test]
    fn what_is_wrong_is_named_and_not_skipped() {
        let home = tempfile::tempdir().unwrap();
        let agent = home.path().join("agent");
        std::fs::create_dir_all(&agent).unwrap();
        let mut environment =
            Environment { home: Some(home.path().to_owned()), ..Environment::default() };
        std::fs::write(agent.join(CONFIG_FILE), "relais = 1").unwrap();
        assert!(matches!(found(&environment), Err(SettingsError::BadConfig { .. })));
        std::fs::write(agent.join(CONFIG_FILE), "relay = \"https://x\"").unwrap();
        assert!(matches!(found(&environment), Err(SettingsError::BadLink { .. })));
        environment.relay = Some("x".to_owned());
        let error = found(&environment).unwrap_err().to_string();
        assert!(error.starts_with("DESKSIDE_RELAY"), "{error}");
        let gone = Some(home.path().join("gone"));
        let link = Some(relay("flag").parse().unwrap());
        let error = Settings::find(link, gone, &environment).unwrap_err();
        assert!(matches!(error, SettingsError::BadConfig { .. } | SettingsError::NoFolder { .. }));
    }

    #[test]
    fn the_download_folder_of_the_desktop_is_the_default() {
        let home = tempfile::tempdir().unwrap();
        let environment = Environment {
            relay: Some(relay("x")),
            home: Some(home.path().to_owned()),
            download: Some(home.path().to_owned()),
            ..Environment::default()
        };
        let settings = Settings::find(None, None, &environment).unwrap();
        assert_eq!(settings.folder, home.path());
    }
}
