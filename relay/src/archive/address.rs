//! Where the archive is, as somebody writes it down, and the way to it. Region, endpoint and whatever
//! opens a bucket come from the environment (`AWS_...`) or from a file, never from a flag.

use std::fmt;
use std::path::{self, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey as Key};
use object_store::client::{ClientConfigKey, ClientOptions};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{BackoffConfig, RetryConfig};
use thiserror::Error;

use super::credentials::{self, CredentialsError};
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
    #[error("the archive's folder {} cannot be made", path.display())]
    Folder {
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
        let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket);
        if let Some(file) = &self.credentials {
            let keys = credentials::read(file)?;
            builder = builder
                .with_access_key_id(keys.id)
                .with_secret_access_key(keys.secret.as_str().to_owned());
            if let Some(token) = keys.token {
                builder = builder.with_token(token.as_str().to_owned());
            }
        }
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
}

fn folder(path: &path::Path) -> Result<Objects, SetupError> {
    let made = crate::keyfile::make_folder(path);
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

    #[test]
    fn no_secret_fits_into_an_address() {
        let bad =
            ["", "s3://", "s3:///x", "s3://key:secret@b/x", "s3://b?key=x", "file:", "file:x"];
        for text in bad.into_iter().chain(["gs://b", "/srv", "s3://b/a//c", "s3://b/../c"]) {
            assert_eq!(text.parse::<Address>(), Err(NotAnAddress), "{text}");
        }
    }
}
