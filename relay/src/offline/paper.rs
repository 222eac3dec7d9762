//! The two files that are carried: JSON, so that a person can read what goes to be signed.

use data_encoding::{BASE64, HEXLOWER};
use deskside_protocol::key::PublicKey;
use deskside_protocol::wire::record::Signed;
use prost::Message;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::store::{RolesText, SigningRequest};

/// The longest file, in bytes: a thousand requests of 1 KiB.
pub const MAX_PAPER: usize = 1024 * 1024;

const REQUESTS: &str = "deskside signing requests 1";
const SIGNATURES: &str = "deskside signatures 1";

/// Not such a file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("that file does not hold {expected}: {why}")]
pub struct NotAPaper {
    expected: &'static str,
    why: String,
}

/// What waits for a signature.
#[derive(Debug, Clone, PartialEq)]
pub struct Requests {
    /// Whose signature.
    pub organisation: PublicKey,
    /// In force where the requests come from.
    pub policy: Signed,
    /// The requests.
    pub wanted: Vec<Wanted>,
}

/// One certificate that is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// The serial that it must carry.
    pub serial: u64,
    /// Short name.
    pub login: String,
    /// As users see it.
    pub name: String,
    /// Words, joined by commas.
    pub roles: RolesText,
    /// The long-term key, in hexadecimal digits.
    pub key: String,
    /// age recipient, for the role auditor; else empty.
    pub recipient: String,
    /// How long it is good, where that is not the usual time.
    pub valid_seconds: Option<u64>,
    /// Whether its holder has one already, which ends.
    pub renewal: bool,
}

impl From<SigningRequest> for Wanted {
    fn from(request: SigningRequest) -> Self {
        Self {
            serial: request.serial,
            login: request.login,
            name: request.name,
            roles: request.roles,
            key: HEXLOWER.encode(&request.public_key),
            recipient: request.recipient,
            valid_seconds: request.valid_seconds,
            renewal: request.invitation.is_none(),
        }
    }
}

/// What was signed.
#[derive(Debug, Clone, PartialEq)]
pub struct Signatures {
    /// By serial.
    pub certificates: Vec<(u64, Signed)>,
    /// Signed anew, where there is another auditor.
    pub policy: Option<Signed>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestsFile {
    file: String,
    organisation: String,
    policy: String,
    requests: Vec<Wanted>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignaturesFile {
    file: String,
    certificates: Vec<SignedFile>,
    policy: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignedFile {
    serial: u64,
    certificate: String,
}

impl Requests {
    /// The file.
    ///
    /// # Errors
    /// [`NotAPaper`], never.
    pub fn to_text(&self) -> Result<String, NotAPaper> {
        let file = RequestsFile {
            file: REQUESTS.to_owned(),
            organisation: self.organisation.to_string(),
            policy: encode(&self.policy),
            requests: self.wanted.clone(),
        };
        serde_json::to_string_pretty(&file).map_err(|error| not(REQUESTS, error))
    }

    /// Reads the file. Verifies nothing.
    ///
    /// # Errors
    /// [`NotAPaper`].
    pub fn parse(text: &[u8]) -> Result<Self, NotAPaper> {
        let file: RequestsFile = read(text, REQUESTS)?;
        if file.file != REQUESTS {
            return Err(not(REQUESTS, file.file));
        }
        Ok(Self {
            organisation: key(&file.organisation, REQUESTS)?,
            policy: decode(&file.policy, REQUESTS)?,
            wanted: file.requests,
        })
    }
}

impl Signatures {
    /// The file.
    ///
    /// # Errors
    /// [`NotAPaper`], never.
    pub fn to_text(&self) -> Result<String, NotAPaper> {
        let certificates = self
            .certificates
            .iter()
            .map(|(serial, signed)| SignedFile { serial: *serial, certificate: encode(signed) });
        let file = SignaturesFile {
            file: SIGNATURES.to_owned(),
            certificates: certificates.collect(),
            policy: self.policy.as_ref().map(encode),
        };
        serde_json::to_string_pretty(&file).map_err(|error| not(SIGNATURES, error))
    }

    /// Reads the file. Verifies nothing.
    ///
    /// # Errors
    /// [`NotAPaper`].
    pub fn parse(text: &[u8]) -> Result<Self, NotAPaper> {
        let file: SignaturesFile = read(text, SIGNATURES)?;
        if file.file != SIGNATURES {
            return Err(not(SIGNATURES, file.file));
        }
        let signed = |one: SignedFile| Ok((one.serial, decode(&one.certificate, SIGNATURES)?));
        Ok(Self {
            certificates: file.certificates.into_iter().map(signed).collect::<Result<_, _>>()?,
            policy: file.policy.map(|policy| decode(&policy, SIGNATURES)).transpose()?,
        })
    }
}

pub(super) fn read<T: for<'a> Deserialize<'a>>(
    text: &[u8],
    expected: &'static str,
) -> Result<T, NotAPaper> {
    if text.len() > MAX_PAPER {
        return Err(not(expected, "it is too long"));
    }
    serde_json::from_slice(text).map_err(|error| not(expected, error))
}

pub(super) fn encode(message: &impl Message) -> String {
    BASE64.encode(&message.encode_to_vec())
}

pub(super) fn decode<M: Message + Default>(
    text: &str,
    expected: &'static str,
) -> Result<M, NotAPaper> {
    let bytes = BASE64.decode(text.as_bytes()).map_err(|error| not(expected, error))?;
    M::decode(bytes.as_slice()).map_err(|error| not(expected, error))
}

/// A key in hexadecimal digits.
pub(super) fn key(text: &str, expected: &'static str) -> Result<PublicKey, NotAPaper> {
    let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|error| not(expected, error))?;
    PublicKey::try_from(bytes.as_slice()).map_err(|error| not(expected, error))
}

pub(super) fn not(expected: &'static str, why: impl ToString) -> NotAPaper {
    NotAPaper { expected, why: why.to_string() }
}
