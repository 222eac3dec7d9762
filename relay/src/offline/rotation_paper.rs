//! The two files of a change of the authority key, which are carried as those of requests are.

use deskside_protocol::key::PublicKey;
use deskside_protocol::wire::record::{Rotation, Signed};
use prost::Message;
use serde::{Deserialize, Serialize};

use super::paper::{NotAPaper, decode, encode, key, not, read};

const ROTATING: &str = "deskside key change 1";
const ROTATED: &str = "deskside changed key 1";

/// What is to be signed anew by the new authority key.
#[derive(Debug, Clone, PartialEq)]
pub struct Rotating {
    /// The authority key of now.
    pub organisation: PublicKey,
    /// The policy in force.
    pub policy: Signed,
    /// Certificates that count.
    pub certificates: Vec<Signed>,
    /// Statements about the node key.
    pub nodes: Vec<Rotation>,
}

/// The same by the new key, and the statement that it follows the old one.
#[derive(Debug, Clone, PartialEq)]
pub struct Rotated {
    /// Signed by both authority keys.
    pub change: Rotation,
    /// With the next serial.
    pub policy: Signed,
    /// Word for word.
    pub certificates: Vec<Signed>,
    /// With the new key's signature in the place of the old one's.
    pub nodes: Vec<Rotation>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RotatingFile {
    file: String,
    organisation: String,
    policy: String,
    certificates: Vec<String>,
    nodes: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RotatedFile {
    file: String,
    change: String,
    policy: String,
    certificates: Vec<String>,
    nodes: Vec<String>,
}

impl Rotating {
    /// Whether a file says of itself that it is one.
    #[must_use]
    pub fn is(text: &[u8]) -> bool {
        kind(text).as_deref() == Some(ROTATING)
    }

    /// The file.
    ///
    /// # Errors
    /// [`NotAPaper`], never.
    pub fn to_text(&self) -> Result<String, NotAPaper> {
        let file = RotatingFile {
            file: ROTATING.to_owned(),
            organisation: self.organisation.to_string(),
            policy: encode(&self.policy),
            certificates: self.certificates.iter().map(encode).collect(),
            nodes: self.nodes.iter().map(encode).collect(),
        };
        serde_json::to_string_pretty(&file).map_err(|error| not(ROTATING, error))
    }

    /// Reads the file. Verifies nothing.
    ///
    /// # Errors
    /// [`NotAPaper`].
    pub fn parse(text: &[u8]) -> Result<Self, NotAPaper> {
        let file: RotatingFile = read(text, ROTATING)?;
        if file.file != ROTATING {
            return Err(not(ROTATING, file.file));
        }
        Ok(Self {
            organisation: key(&file.organisation, ROTATING)?,
            policy: decode(&file.policy, ROTATING)?,
            certificates: all(&file.certificates, ROTATING)?,
            nodes: all(&file.nodes, ROTATING)?,
        })
    }
}

impl Rotated {
    /// Whether a file says of itself that it is one.
    #[must_use]
    pub fn is(text: &[u8]) -> bool {
        kind(text).as_deref() == Some(ROTATED)
    }

    /// The file.
    ///
    /// # Errors
    /// [`NotAPaper`], never.
    pub fn to_text(&self) -> Result<String, NotAPaper> {
        let file = RotatedFile {
            file: ROTATED.to_owned(),
            change: encode(&self.change),
            policy: encode(&self.policy),
            certificates: self.certificates.iter().map(encode).collect(),
            nodes: self.nodes.iter().map(encode).collect(),
        };
        serde_json::to_string_pretty(&file).map_err(|error| not(ROTATED, error))
    }

    /// Reads the file. Verifies nothing.
    ///
    /// # Errors
    /// [`NotAPaper`].
    pub fn parse(text: &[u8]) -> Result<Self, NotAPaper> {
        let file: RotatedFile = read(text, ROTATED)?;
        if file.file != ROTATED {
            return Err(not(ROTATED, file.file));
        }
        Ok(Self {
            change: decode(&file.change, ROTATED)?,
            policy: decode(&file.policy, ROTATED)?,
            certificates: all(&file.certificates, ROTATED)?,
            nodes: all(&file.nodes, ROTATED)?,
        })
    }
}

/// What a file says that it is.
fn kind(text: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct File {
        file: String,
    }
    read::<File>(text, ROTATING).ok().map(|file| file.file)
}

fn all<M: Message + Default>(
    texts: &[String],
    expected: &'static str,
) -> Result<Vec<M>, NotAPaper> {
    texts.iter().map(|text| decode(text, expected)).collect()
}
