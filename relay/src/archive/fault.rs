//! What can go wrong between folder and archive, and the sentence that says what to do.

use std::io;

use object_store::Error;
use thiserror::Error as ThisError;

use super::objects::Objects;
use crate::store::StoreError;

/// A recording does not come into the archive, or out of it.
#[derive(Debug, ThisError)]
pub enum Fault {
    /// The archive refuses, or does not answer.
    #[error("the archive does not do what it is asked for")]
    Archive(#[from] Error),
    /// The file in the relay's folder.
    #[error("the recording cannot be read or written in the relay's folder")]
    File(#[from] io::Error),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The object is not what was sent.
    #[error("the archive gives back something else than was put into it")]
    Differs,
    /// More than an archive takes.
    #[error("the recording is larger than an archive takes (10,000 parts of 16 MiB)")]
    TooLarge,
    /// The file has no bytes.
    #[error("the recording's file is empty")]
    Empty,
    /// It is in an archive that this relay does not know.
    #[error("the recording is in an archive, and this relay was started without --archive")]
    NoArchive,
}

impl Fault {
    /// Whether the archive itself is in the way, so that it makes no sense to go on with another
    /// recording at once.
    pub(super) const fn is_of_the_archive(&self) -> bool {
        match self {
            Self::Archive(_) | Self::Differs => true,
            Self::File(_) | Self::Store(_) | Self::TooLarge | Self::Empty | Self::NoArchive => {
                false
            }
        }
    }

    /// Whether there is no such object or file.
    pub(crate) fn is_missing(&self) -> bool {
        match self {
            Self::Archive(Error::NotFound { .. }) => true,
            Self::File(error) => error.kind() == io::ErrorKind::NotFound,
            Self::Archive(_)
            | Self::Store(_)
            | Self::Differs
            | Self::TooLarge
            | Self::Empty
            | Self::NoArchive => false,
        }
    }
}

/// What is wrong with the archive, and what to do about it.
pub(super) fn sentence(objects: &Objects, error: &Error) -> String {
    let Objects { name, endpoint, .. } = objects;
    let at = endpoint.as_ref().map(|it| format!(" at {it}")).unwrap_or_default();
    let text = innermost(error);
    // What a store says of keys comes as 401, as 403, and from some as 400.
    let keys = ["InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"];
    let said = crate::chain(error);
    if keys.iter().any(|word| said.contains(word)) || matches!(error, Error::Unauthenticated { .. })
    {
        return format!(
            "{name}{at} does not know these keys: look at AWS_ACCESS_KEY_ID and \
             AWS_SECRET_ACCESS_KEY, or at the file of --archive-credentials ({text})"
        );
    }
    if let Error::PermissionDenied { .. } = error {
        return format!(
            "{name}{at} refuses: allow these keys to put, get and delete objects there ({text})"
        );
    }
    if let Error::NotFound { .. } = error {
        return format!(
            "there is no {name}{at}: make the bucket, or name another one with --archive ({text})"
        );
    }
    if is_connection(&said) {
        return format!(
            "{name}{at} cannot be reached: look at the address (AWS_ENDPOINT_URL), the network, and \
             whether it runs ({text})"
        );
    }
    format!("{name}{at} cannot be used: {text}")
}

/// The library keeps the kind of a failed connection to itself, so its words have to do.
pub(super) fn is_connection(said: &str) -> bool {
    ["error sending request", "onnect", "dns", "timed out"].iter().any(|word| said.contains(word))
}

/// The last cause, on one line.
fn innermost(error: &Error) -> String {
    let mut last: &dyn std::error::Error = error;
    while let Some(source) = last.source() {
        last = source;
    }
    let text: String = last.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    text.chars().take(300).collect()
}
