//! Where the archive is, as somebody writes it down, and the way to it. Region, endpoint and whatever
//! opens a bucket come from the environment (`AWS_...`) or from a file, never from a flag.

use std::fmt;
use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{self, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey as Key, AwsCredential};
use object_store::client::{ClientConfigKey, ClientOptions};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{BackoffConfig, RetryConfig, StaticCredentialProvider};
use thiserror::Error;

use super::credentials::{self, CredentialsError, Keys};
use super::folder::Folder;
use super::objects::{Objects, PART};

/// One request may take so long: a part of 16 MiB over a way of 1 Mbit/s takes 134 s.
const REQUEST: Duration = Duration::from_secs(180);
/// Until a store answers at all.
const CONNECT: Duration = Duration::from_secs(5);
/// The library tries a request again so often, for what passes in a moment (a 503, a connection that
/// was closed); what takes longer is the keeper's to wait for.
const TRIES: usize = 2;

/// Where the archive is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A bucket of something that speaks S3, and what the names of objects begin with.
    S3 {
        /// The bucket.
        bucket: String,
        /// May be empty.
        prefix: Path,
    },
    /// A folder, most likely of another disk or machine.
    Folder(PathBuf),
}

/// A text that is no address of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "an archive is s3://BUCKET/PREFIX or file:///FOLDER; keys and endpoint come from the environment or from a file"
)]
pub struct NotAnAddress;

impl FromStr for Address {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        if let Some(rest) = text.strip_prefix("file:") {
            let path = PathBuf::from(rest.strip_prefix("//").unwrap_or(rest));
            return if path.is_absolute() { Ok(Self::Folder(path)) } else { Err(NotAnAddress) };
        }
        let rest = text.strip_prefix("s3://").ok_or(NotAnAddress)?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        // Neither `user:secret@bucket` nor `?key=`: what is secret has no place here.
        let allowed = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
        if bucket.is_empty() || !bucket.chars().all(allowed) {
            return Err(NotAnAddress);
        }
        let prefix = Path::parse(prefix.trim_end_matches('/')).map_err(|_| NotAnAddress)?;
        Ok(Self::S3 { bucket: bucket.to_owned(), prefix })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::S3 { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
            Self::Folder(path) => write!(f, "file://{}", path.display()),
        }
    }
}

/// What a relay is told of its archive.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it is.
    pub address: Address,
    /// A file with what opens the bucket, where it is not in the environment.
    pub credentials: Option<PathBuf>,
}

/// Why there is no way to the archive, before anything was asked of it.
#[derive(Debug, Error)]
pub enum SetupError {
    /// The file with the keys.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The folder.
    #[error(
        "the archive's folder {} cannot be made: is its disk mounted, and is there the folder it is to \
         be in?",
        path.display()
    )]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The folder that recordings are written to.
    #[error("the folder of recordings {} cannot be made", path.display())]
    Recordings {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The endpoint is not encrypted, and nobody said that this is meant.
    #[error(
        "the archive's endpoint {0} is plain HTTP: use https, or set AWS_ALLOW_HTTP=true where the way to it is safe"
    )]
    Plain(String),
    /// The environment names something that makes no sense.
    #[error("the settings of the archive do not fit")]
    Settings(#[from] object_store::Error),
}

impl Settings {
    /// The way to the archive. Asks nothing of it.
    ///
    /// # Errors
    /// [`SetupError`].
    pub(super) fn open(&self) -> Result<Objects, SetupError> {
        match &self.address {
            Address::Folder(path) => folder(path),
            Address::S3 { bucket, prefix } => self.bucket(bucket, prefix.clone()),
        }
    }

    fn bucket(&self, bucket: &str, prefix: Path) -> Result<Objects, SetupError> {
        let builder = self.keyed(AmazonS3Builder::from_env())?.with_bucket_name(bucket);
        let endpoint = builder
            .get_config_value(&Key::S3Endpoint)
            .or_else(|| builder.get_config_value(&Key::Endpoint));
        let allow_http = Key::Client(ClientConfigKey::AllowHttp);
        let plain = builder.get_config_value(&allow_http).is_some_and(|value| value == "true");
        if let Some(endpoint) = endpoint.as_ref().filter(|it| it.starts_with("http://") && !plain) {
            return Err(SetupError::Plain(endpoint.clone()));
        }
        // TLS by the same provider as everything else; where a test set one before, that one stays.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = ClientOptions::new()
            .with_allow_http(plain)
            .with_timeout(REQUEST)
            .with_connect_timeout(CONNECT);
        let retry = RetryConfig {
            backoff: BackoffConfig::default(),
            max_retries: TRIES,
            retry_timeout: REQUEST,
        };
        let store = builder.with_client_options(client).with_retry(retry).build()?;
        let store = Arc::new(store);
        Ok(Objects {
            objects: store.clone(),
            parts: store,
            prefix,
            part: PART,
            name: self.address.to_string(),
            endpoint,
        })
    }

    /// With the keys of the file, where there is one: all of them, since a token of the environment
    /// belongs to other keys.
    fn keyed(&self, builder: AmazonS3Builder) -> Result<AmazonS3Builder, CredentialsError> {
        let Some(file) = &self.credentials else { return Ok(builder) };
        Ok(builder.with_credentials(Arc::new(credential(credentials::read(file)?))))
    }
}

fn credential(keys: Keys) -> StaticCredentialProvider<AwsCredential> {
    StaticCredentialProvider::new(AwsCredential {
        key_id: keys.id,
        secret_key: keys.secret.as_str().to_owned(),
        token: keys.token.map(|token| token.as_str().to_owned()),
    })
}

/// Makes the folder, and nothing above it: that would be where a disk is not mounted.
fn folder(path: &path::Path) -> Result<Objects, SetupError> {
    let made = match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        made => made,
    };
    made.map_err(|source| SetupError::Folder { path: path.into(), source })?;
    let objects = LocalFileSystem::new_with_prefix(path)?.with_fsync(true);
    Ok(Objects {
        objects: Arc::new(objects),
        parts: Arc::new(Folder::new(path.into(), PART)),
        prefix: Path::default(),
        part: PART,
        name: Address::Folder(path.into()).to_string(),
        endpoint: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_as_they_are_written() {
        for text in ["s3://audio/desk/eu", "s3://audio/", "file:///srv/archive"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        assert_eq!("s3://a".parse::<Address>(), "s3://a/".parse());
        assert_eq!("file:/srv".parse::<Address>(), Ok(Address::Folder("/srv".into())));
    }

    #[tokio::test]
    async fn a_file_of_keys_counts_alone() {
        drop(rustls::crypto::ring::default_provider().install_default());
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys");
        std::fs::write(&file, "[default]\naws_access_key_id = a\naws_secret_access_key = b\n")
            .unwrap();
        let mine = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&file, mine).unwrap();
        let address = "s3://audio".parse().unwrap();
        let settings = Settings { address, credentials: Some(file) };
        let others = AmazonS3Builder::new().with_bucket_name("audio").with_region("x");
        let others = others.with_access_key_id("c").with_secret_access_key("d").with_token("e");
        let store = settings.keyed(others).unwrap().build().unwrap();
        let keys = store.credentials().get_credential().await.unwrap();
        let keys = (keys.key_id.as_str(), keys.secret_key.as_str(), keys.token.as_deref());
        assert_eq!(keys, ("a", "b", None));
    }

    #[test]
    fn a_folder_is_made_where_its_disk_is_and_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let settings =
            |path: PathBuf| Settings { address: Address::Folder(path), credentials: None };
        let disk = folder.path().join("disk");
        let away = settings(disk.join("archive")).open().unwrap_err().to_string();
        assert!(away.contains("is its disk mounted") && !disk.exists(), "{away}");
        std::fs::create_dir(&disk).unwrap();
        settings(disk.join("archive")).open().unwrap();
        settings(disk.join("archive")).open().unwrap();
    }

    #[test]
    fn no_secret_fits_into_an_address() {
        let bad =
            ["", "s3://", "s3:///x", "s3://key:secret@b/x", "s3://b?key=x", "file:", "file:x"];
        for text in bad.into_iter().chain(["gs://b", "/srv", "s3://b/a//c", "s3://b/../c"]) {
            assert_eq!(text.parse::<Address>(), Err(NotAnAddress), "{text}");
        }
    }
}
