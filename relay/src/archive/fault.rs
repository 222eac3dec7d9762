//! What can go wrong between folder and archive, and the sentence that says what to do.

use std::io;

use object_store::Error;
use thiserror::Error as ThisError;

use super::marker::NAME;
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
    /// It may be another archive than before.
    #[error(
        "{0} has no object {NAME}, which this relay once put there: is its disk mounted, and is it the \
         bucket of before? To use it all the same put an empty object of that name there"
    )]
    Unmarked(String),
    /// As many are read as may be.
    #[error("too many recordings are read from the archive at once: try again")]
    Busy,
    /// Nobody is to get it with its seals, and the copy without does not stand yet.
    #[error("the seals of the recording are being destroyed: try again in a day")]
    Shredding,
    /// It is in an archive that this relay does not know.
    #[error("the recording is in an archive, and this relay was started without --archive")]
    NoArchive,
}

impl Fault {
    /// Whether the archive itself is in the way, so that it makes no sense to go on with another
    /// recording at once.
    pub(crate) const fn is_of_the_archive(&self) -> bool {
        match self {
            Self::Archive(_) | Self::Differs | Self::Unmarked(_) => true,
            Self::File(_)
            | Self::Store(_)
            | Self::TooLarge
            | Self::Empty
            | Self::Busy
            | Self::Shredding
            | Self::NoArchive => false,
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
            | Self::Unmarked(_)
            | Self::Busy
            | Self::Shredding
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

/// The last cause, on one line, and nothing in it that moves a terminal's cursor.
fn innermost(error: &Error) -> String {
    let mut last: &dyn std::error::Error = error;
    while let Some(source) = last.source() {
        last = source;
    }
    let text: String = last.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::memory::InMemory;
    use object_store::path::Path;

    use super::*;

    #[test]
    fn every_fault_of_an_archive_has_its_sentence() {
        let objects = Objects {
            objects: Arc::new(InMemory::new()),
            parts: Arc::new(InMemory::new()),
            prefix: Path::default(),
            part: 1,
            name: "s3://audio/".into(),
            endpoint: Some("https://s3.example".into()),
        };
        let generic = |text: &str| Error::Generic { store: "S3", source: text.into() };
        let denied = |text: &str| Error::PermissionDenied { path: "x".into(), source: text.into() };
        let missing = Error::NotFound { path: "x".into(), source: "NoSuchBucket".into() };
        for (error, expected) in [
            (denied("<Code>InvalidAccessKeyId</Code>"), "does not know these keys: look at AWS_"),
            (denied("<Code>AccessDenied</Code>"), "refuses: allow these keys"),
            (missing, "there is no s3://audio/ at https://s3.example: make the bucket"),
            (generic("error sending request"), "cannot be reached: look at the address"),
            (generic("a\n b"), "cannot be used: a b"),
            (generic("a\u{1b}[31m\u{9b}2Jb"), "cannot be used: a[31m2Jb"),
        ] {
            let said = sentence(&objects, &error);
            assert!(said.contains(expected), "{said}");
        }
    }
}
