//! What a recording's chain and signatures say, held against an organisation's key.

use std::io::{self, Read};
use std::ops::ControlFlow;

use data_encoding::HEXLOWER_PERMISSIVE;
use deskside_protocol::exit::Exit;
use deskside_protocol::key::PublicKey;
use deskside_protocol::recording::{Report, Verifier};

use super::file::walk;
use crate::failure::Failure;
use crate::home::Home;

/// An organisation, by its key of today and those of before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organisation {
    pub(super) key: PublicKey,
    pub(super) former: Vec<PublicKey>,
}

/// The organisation's key: from `--org`, else the account's, else nobody's.
///
/// # Errors
/// Exit 2 for a key that is none, or an account that cannot be read.
pub fn organisation(hex: Option<&str>, home: &Home) -> anyhow::Result<Option<Organisation>> {
    let account = home.account()?;
    let Some(hex) = hex else {
        return Ok(account.map(|account| Organisation {
            key: account.join.organisation,
            former: account.former_organisations(),
        }));
    };
    let bytes = HEXLOWER_PERMISSIVE.decode(hex.trim().as_bytes()).unwrap_or_default();
    let key = PublicKey::try_from(bytes.as_slice());
    let sentence = "--org takes the organisation's public key as 64 hexadecimal digits";
    let key = key.map_err(|_| Failure::new(Exit::Usage, sentence))?;
    // What one's own account knows of that very organisation counts for it.
    let own = account.filter(|account| account.join.organisation == key);
    let former = own.map(|account| account.former_organisations()).unwrap_or_default();
    Ok(Some(Organisation { key, former }))
}

/// Judges what `from` gives, against `organisation` where it is known.
///
/// # Errors
/// What the disk says; everything that is wrong with the recording is in the report.
pub(super) fn judge(from: impl Read, organisation: Option<Organisation>) -> io::Result<Report> {
    let (key, former) = organisation.map(|known| (known.key, known.former)).unzip();
    let mut verifier = Verifier::new(key).or_former(former.unwrap_or_default());
    walk(from, |next| {
        match next {
            Ok(block) => verifier.feed(block),
            Err(fault) => verifier.broken(fault),
        }
        ControlFlow::Continue(())
    })?;
    Ok(verifier.finish())
}
