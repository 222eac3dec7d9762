//! What both ends sealed for the auditors, opened and compared. They sealed the secrets of the same
//! line, so the copies are equal or an end lied.

use std::collections::BTreeMap;
use std::io::{BufReader, Read as _};
use std::path::Path;

use age::{Decryptor, Identity, IdentityFile};
use anyhow::Context as _;
use deskside_protocol::exit::Exit;
use deskside_protocol::recording::Report;
use deskside_protocol::recording::format::MAX_AGE;
use deskside_protocol::recording::verify::SealFact;
use deskside_protocol::seal::LineSecrets;
use deskside_protocol::session::{End, SessionId};
use zeroize::Zeroizing;

use crate::failure::{Failure, OrExit as _};

/// What came of opening the seals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Seals {
    /// Lines whose two copies were opened and are equal.
    pub(super) equal: Vec<u16>,
    /// Lines that only one end had sealed when they ended: nothing but a handshake passed there.
    pub(super) single: Vec<u16>,
    /// What is wrong.
    pub(super) flaws: Vec<SealFlaw>,
}

/// What is wrong with a seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum SealFlaw {
    /// Not sealed to this identity, or not an age file.
    #[error("line {line}: the {end}'s seal cannot be opened with this identity")]
    Closed {
        /// The line.
        line: u16,
        /// Whose.
        end: End,
    },
    /// Something else was sealed.
    #[error("line {line}: the {end} sealed something else than this line's secrets")]
    NotSecrets {
        /// The line.
        line: u16,
        /// Whose.
        end: End,
    },
    /// The copies differ.
    #[error("line {line}: agent and technician sealed different secrets, so one of them lied")]
    Different {
        /// The line.
        line: u16,
    },
}

/// The identities of an age identity file.
pub type Identities = Vec<Box<dyn Identity + Send + Sync>>;

/// Reads an age identity file.
///
/// # Errors
/// Exit 5 for a file that cannot be read, 2 for one that holds no identity.
pub fn identities(path: &Path) -> anyhow::Result<Identities> {
    let name = path.display();
    let file = std::fs::File::open(path);
    let file = file.or_exit(Exit::NotFound, format!("the identity file {name} cannot be read"))?;
    let parsed = IdentityFile::from_buffer(BufReader::new(file));
    let parsed = parsed.or_exit(Exit::Usage, format!("{name} is not an age identity file"))?;
    // The error type is not ours to show: it can name key material.
    match parsed.into_identities() {
        Ok(identities) if !identities.is_empty() => Ok(identities),
        _ => Err(Failure::new(Exit::Usage, format!("{name} holds no age identity")))
            .context("open the seals"),
    }
}

/// What each end sealed of each line.
pub(super) type Sealed = Vec<(u16, End, LineSecrets)>;

/// Opens and compares the seals of `report`, whose facts name the session.
pub(super) fn open(report: &Report, identities: &Identities) -> (Seals, Sealed) {
    let (mut seals, mut sealed) = (Seals::default(), Vec::new());
    let Some(facts) = &report.facts else { return (seals, sealed) };
    let mut lines: BTreeMap<u16, Vec<Result<LineSecrets, SealFlaw>>> = BTreeMap::new();
    for seal in &report.seals {
        let opened = open_one(seal, facts.session(), identities);
        if let Ok(secrets) = &opened {
            sealed.push((seal.line, seal.end, secrets.clone()));
        }
        lines.entry(seal.line).or_default().push(opened);
    }
    for (line, copies) in lines {
        seals.flaws.extend(copies.iter().filter_map(|copy| copy.as_ref().err().copied()));
        match copies.as_slice() {
            [Ok(one), Ok(other)] if one == other => seals.equal.push(line),
            [Ok(_), Ok(_)] => seals.flaws.push(SealFlaw::Different { line }),
            [Ok(_)] => seals.single.push(line),
            _ => {}
        }
    }
    (seals, sealed)
}

fn open_one(
    seal: &SealFact,
    session: SessionId,
    identities: &Identities,
) -> Result<LineSecrets, SealFlaw> {
    let (line, end) = (seal.line, seal.end);
    let text = decrypt(&seal.age, identities).ok_or(SealFlaw::Closed { line, end })?;
    std::str::from_utf8(&text)
        .ok()
        .and_then(|text| LineSecrets::from_key_log(text, session, line, end).ok())
        .ok_or(SealFlaw::NotSecrets { line, end })
}

fn decrypt(age: &[u8], identities: &Identities) -> Option<Zeroizing<Vec<u8>>> {
    let decryptor = Decryptor::new(age).ok()?;
    let reader =
        decryptor.decrypt(identities.iter().map(|identity| &**identity as &dyn Identity)).ok()?;
    // Never grows, so that no copy of the secrets stays behind in memory.
    let mut text = Zeroizing::new(Vec::with_capacity(MAX_AGE));
    reader.take(MAX_AGE as u64).read_to_end(&mut text).ok()?;
    Some(text)
}
