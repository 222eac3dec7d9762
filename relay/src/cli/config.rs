//! Flags before environment before the configuration file: clap settles the first two, this file
//! the third.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use directories::BaseDirs;
use serde::Deserialize;
use thiserror::Error;

use super::args::{PlacesArgs, ServeArgs};
use crate::archive;
use crate::limits::Phases;
use crate::node::Places;
use crate::relay::PublicCertificate;
use crate::serve::Settings;
use crate::sign_in;

/// What was asked for makes no sense: exit 2.
#[derive(Debug, Error)]
#[error("{0}")]
pub(super) struct Wrong(pub(super) String);

const LISTEN: &str = "0.0.0.0:7443";
const HTTP: &str = "127.0.0.1:0";
const ADMIN: &str = "127.0.0.1:0";
const ORGANISATION: &str = "Help desk";

/// `deskside/relay.toml` in the platform's configuration folder.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Config {
    data: Option<PathBuf>,
    authority: Option<PathBuf>,
    database: Option<String>,
    store: Option<String>,
    archive: Option<String>,
    archive_credentials: Option<PathBuf>,
    listen: Option<SocketAddr>,
    http: Option<SocketAddr>,
    admin: Option<SocketAddr>,
    programs: Option<PathBuf>,
    #[serde(default)]
    unlimited: Vec<String>,
    public: Option<String>,
    organisation: Option<String>,
    tls_cert: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    sign_in: Option<SignIn>,
}

/// `[sign-in]` of the configuration file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct SignIn {
    issuer: String,
    client_id: String,
    #[serde(default = "scope")]
    scope: String,
    #[serde(default = "groups_claim")]
    groups_claim: String,
    #[serde(default = "login_claim")]
    login_claim: String,
    lifetime: Option<String>,
    roles: BTreeMap<String, String>,
}

fn scope() -> String {
    "openid profile".to_owned()
}

fn groups_claim() -> String {
    "groups".to_owned()
}

fn login_claim() -> String {
    "preferred_username".to_owned()
}

impl SignIn {
    fn settings(self) -> anyhow::Result<sign_in::Settings> {
        let roles = self.roles.into_iter().map(|(group, roles)| match roles.parse() {
            Ok(roles) => Ok((group, roles)),
            Err(error) => Err(wrong(&format!("sign-in: the roles of {group}: {error}"))),
        });
        let lifetime = self.lifetime.as_deref().map(super::args::time).transpose();
        let settings = sign_in::Settings {
            issuer: self.issuer,
            client_id: self.client_id,
            scope: self.scope,
            groups_claim: self.groups_claim,
            login_claim: self.login_claim,
            roles: roles.collect::<anyhow::Result<_>>()?,
            lifetime: lifetime.map_err(|error| wrong(&error))?.unwrap_or(sign_in::LIFETIME),
        };
        settings.check().map_err(|error| wrong(&error.to_string()))
    }
}

/// The configuration file; empty where there is none.
pub(super) fn read() -> anyhow::Result<Config> {
    let Some(folders) = BaseDirs::new() else { return Ok(Config::default()) };
    let path = folders.config_dir().join("deskside").join("relay.toml");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Config::default()),
        Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
    };
    toml::from_str(&text).map_err(|error| Wrong(format!("{}: {error}", path.display())).into())
}

/// Where everything lies.
pub(super) fn places(args: PlacesArgs, config: Config) -> anyhow::Result<Places> {
    let data = match args.data.or(config.data) {
        Some(data) => data,
        None => default_data()?,
    };
    let mut places = Places::under(data);
    if let Some(authority) = args.authority.or(config.authority) {
        places.authority = authority;
    }
    if let Some(url) = args.database.or(config.database) {
        places.database = path_of(&url, "database", "sqlite")?;
    }
    if let Some(url) = args.store.or(config.store) {
        places.recordings = path_of(&url, "store", "file")?;
    }
    // What somebody put a key into by mistake is not repeated.
    let archive = args.archive.or(config.archive).map(|text| {
        text.parse().map_err(|error: archive::NotAnAddress| wrong(&format!("--archive: {error}")))
    });
    let archive = archive.transpose()?;
    let credentials = args.archive_credentials.or(config.archive_credentials);
    places.archive = archive.map(|address| archive::Settings { address, credentials });
    Ok(places)
}

/// Everything that a serve needs.
pub(super) fn settings(
    places: PlacesArgs,
    args: ServeArgs,
    mut config: Config,
) -> anyhow::Result<Settings> {
    let organisation = args.organisation.or(config.organisation.take());
    let public = args.public.or(config.public.take());
    let certificate =
        match (args.tls_cert.or(config.tls_cert.take()), args.tls_key.or(config.tls_key.take())) {
            (Some(chain), Some(key)) => Some(PublicCertificate { chain, key }),
            (None, None) => None,
            (Some(_), None) => return Err(wrong("--tls-cert needs --tls-key beside it")),
            (None, Some(_)) => return Err(wrong("--tls-key needs --tls-cert beside it")),
        };
    let unlimited = if args.unlimited.is_empty() {
        std::mem::take(&mut config.unlimited)
    } else {
        args.unlimited
    };
    let unlimited = unlimited
        .iter()
        .map(|text| text.parse().map_err(|error| wrong(&format!("--unlimited {text}: {error}"))));
    let unlimited = unlimited.collect::<anyhow::Result<_>>()?;
    let sign_in = config.sign_in.take().map(SignIn::settings).transpose()?;
    Ok(Settings {
        listen: args.listen.or(config.listen).map_or_else(|| LISTEN.parse(), Ok)?,
        http: args.http.or(config.http).map_or_else(|| HTTP.parse(), Ok)?,
        admin: args.admin.or(config.admin).map_or_else(|| ADMIN.parse(), Ok)?,
        programs: args.programs.or(config.programs.take()),
        unlimited,
        phases: Phases::default(),
        public: public.as_deref().map(host_and_port).transpose()?,
        organisation: checked(organisation.unwrap_or_else(|| ORGANISATION.to_owned()))?,
        places: self::places(places, config)?,
        certificate,
        sign_in,
    })
}

fn default_data() -> anyhow::Result<PathBuf> {
    let folders = BaseDirs::new().ok_or_else(|| {
        wrong("this user has no home folder: name the relay's folder with --data")
    })?;
    Ok(folders.data_dir().join("deskside").join("relay"))
}

/// `sqlite:PATH` and `sqlite://PATH`, likewise `file:`.
fn path_of(url: &str, what: &str, known: &str) -> anyhow::Result<PathBuf> {
    let (scheme, rest) = url.split_once(':').unwrap_or(("", url));
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if scheme != known {
        // The URL may hold a password: only its scheme is repeated.
        return Err(wrong(&format!(
            "--{what} {scheme}: is not supported yet; this version takes {known}:PATH"
        )));
    }
    if path.is_empty() {
        return Err(wrong(&format!("--{what} {known}: names no path")));
    }
    Ok(path.into())
}

fn host_and_port(text: &str) -> anyhow::Result<(String, u16)> {
    let parts = text.rsplit_once(':').and_then(|(host, port)| {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = bare.unwrap_or(host);
        let allowed = |c: char| c.is_ascii_alphanumeric() || ".-_:%".contains(c);
        let fits = !host.is_empty()
            && host.chars().all(allowed)
            && (bare.is_some() || !host.contains(':'));
        Some((host.to_owned(), port.parse().ok()?)).filter(|_| fits)
    });
    parts.ok_or_else(|| wrong("--public takes HOST:PORT, an IPv6 address in brackets"))
}

fn checked(organisation: String) -> anyhow::Result<String> {
    let fits = crate::policy::is_organisation(&organisation);
    if fits {
        Ok(organisation)
    } else {
        Err(wrong("--organisation takes 1 to 128 bytes without control characters"))
    }
}

fn wrong(text: &str) -> anyhow::Error {
    Wrong(text.to_owned()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places_args() -> PlacesArgs {
        PlacesArgs {
            data: None,
            authority: None,
            database: None,
            store: None,
            archive: None,
            archive_credentials: None,
        }
    }

    #[test]
    fn flags_win_over_the_file_and_the_rest_follows_the_folder() {
        let config: Config =
            toml::from_str("data = \"/srv/a\"\nauthority = \"/mnt/org\"\n").unwrap();
        let args = PlacesArgs { data: Some("/srv/b/".into()), ..places_args() };
        let places = places(args, config).unwrap();
        assert_eq!(places.database, PathBuf::from("/srv/b/relay.db"));
        assert_eq!(places.authority, PathBuf::from("/mnt/org"));
        let alone = PlacesArgs { data: Some("/srv/b/".into()), ..places_args() };
        let places = super::places(alone, Config::default()).unwrap();
        assert_eq!(places.authority, PathBuf::from("/srv/b-authority"));
    }

    #[test]
    fn another_database_is_a_clear_sentence_without_its_password() {
        let error = path_of("postgres://u:secret@h/d", "database", "sqlite").unwrap_err();
        assert!(error.is::<Wrong>());
        assert!(error.to_string().contains("postgres: is not supported yet"));
        assert!(!error.to_string().contains("secret"));
        assert_eq!(path_of("file:///srv/x", "store", "file").unwrap(), PathBuf::from("/srv/x"));
        assert_eq!(path_of("file:x", "store", "file").unwrap(), PathBuf::from("x"));
        assert!(path_of("file:", "store", "file").is_err());
    }

    #[test]
    fn a_public_address_has_a_host_and_a_port() {
        assert_eq!(host_and_port("help.example:443").unwrap(), ("help.example".into(), 443));
        assert_eq!(host_and_port("help.example:0").unwrap().1, 0);
        assert_eq!(host_and_port("[2001:db8::1]:1").unwrap(), ("2001:db8::1".into(), 1));
        for bad in ["help.example", "2001:db8::1:1", ":1", "h x:1", "h:99999"] {
            assert!(host_and_port(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn signing_in_has_to_make_sense() {
        let read = |change: (&str, &str)| {
            let good = "issuer = \"https://id.example\"\nclient-id = \"deskside\"\n\
                        [roles]\nhelpdesk = \"technician,lead\"\n";
            let sign_in: SignIn = toml::from_str(&good.replace(change.0, change.1)).unwrap();
            sign_in.settings()
        };
        let good = read(("", "")).unwrap();
        assert_eq!((good.lifetime, good.roles.len()), (43_200, 1));
        for change in [
            ("https", "http"),
            ("\"deskside\"", "\"\""),
            ("lead", "boss"),
            ("helpdesk = \"technician,lead\"", ""),
            ("[roles]", "lifetime = \"8d\"\n[roles]"),
            ("[roles]", "lifetime = \"1\"\n[roles]"),
        ] {
            assert!(read(change).unwrap_err().is::<Wrong>(), "{change:?}");
        }
    }

    #[test]
    fn a_slip_in_the_file_is_named() {
        let error = toml::from_str::<Config>("lsiten = \"x\"").unwrap_err();
        assert!(error.to_string().contains("lsiten"));
    }
}
