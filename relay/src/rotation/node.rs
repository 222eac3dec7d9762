//! Another node key: stated by a command at any time, in force from the next start of the relay on.
//!
//! Sessions that a crash left go on under the node key that they began with, since both ends bound it
//! when they paired and the recording's HEADER names it. So a key that is given up is kept until a
//! start finds no such session.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use deskside_protocol::identity::rotation;
use deskside_protocol::key::{PublicKey, SigningKey};
use deskside_protocol::random::Random;
use deskside_protocol::wire::record::Rotation;

use super::{RotateError, Rotations, SETTING, add};
use crate::keyfile;
use crate::node::Node;

/// Folder of node keys that were given up, in the data folder.
const FORMER: &str = "former-node-keys";

/// States that the relay of a folder has another node key. A relay that runs there goes on under the
/// old one until it is started again.
///
/// # Errors
/// [`RotateError`]; then the key is the old one.
pub async fn rotate_node(
    node: &Node,
    now: u64,
    random: &mut (dyn Random + Send),
) -> Result<PublicKey, RotateError> {
    let mut rotations = Rotations::read(node.store()).await?;
    if let Some(named) = rotation::last(&rotations.nodes)?
        && named != node.key().public()
    {
        return Err(RotateError::Pending(named));
    }
    let authority = node.authority().key(&node.organisation())?;
    // One that an interrupted try left was told to nobody.
    let next = next(&node.places().node_key());
    let new = keyfile::read_or_make(&next, random).map_err(RotateError::File)?.public();
    add(&mut rotations.nodes, rotation::node(node.key(), &authority, &new, now));
    node.store().set_setting(SETTING, &rotations.to_bytes()).await?;
    Ok(new)
}

fn next(path: &Path) -> PathBuf {
    path.with_extension("next")
}

/// Puts the node key that the statements name in its place, where it is not there yet, and the one
/// before among the former ones. For the process that serves the folder.
///
/// # Errors
/// What the file system says; `InvalidData` where the key that counts is nowhere.
pub(crate) fn settle(path: &Path, nodes: &[Rotation]) -> io::Result<()> {
    let malformed = |error| io::Error::new(ErrorKind::InvalidData, error);
    let Some(named) = rotation::last(nodes).map_err(malformed)? else { return Ok(()) };
    let held = match keyfile::read(path) {
        Ok(held) if held.public() == named => return Ok(()),
        Ok(held) => Some(held.public()),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let next = next(path);
    if keyfile::read(&next)?.public() != named {
        let text = "neither the node key nor the one beside it is the one of the last statement";
        return Err(io::Error::new(ErrorKind::InvalidData, text));
    }
    let data = path.parent().unwrap_or(Path::new("."));
    if let Some(held) = held {
        let former = data.join(FORMER);
        keyfile::make_folder(&former)?;
        fs::rename(path, former.join(format!("{held}.key")))?;
        sync(&former)?;
    }
    fs::rename(&next, path)?;
    sync(data)
}

fn sync(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

/// Node keys that were given up, and are kept for sessions of their time.
#[allow(missing_debug_implementations, reason = "holds secret keys")]
pub(crate) struct FormerKeys {
    folder: PathBuf,
    keys: Vec<SigningKey>,
}

impl FormerKeys {
    /// Those of a data folder.
    pub(crate) fn read(data: &Path) -> io::Result<Self> {
        let folder = data.join(FORMER);
        let files = match fs::read_dir(&folder) {
            Ok(files) => files,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(Self { folder, keys: Vec::new() });
            }
            Err(error) => return Err(error),
        };
        // One for each change since a session was last left over: a handful.
        let keys = files.map(|file| keyfile::read(&file?.path())).collect::<io::Result<_>>()?;
        Ok(Self { folder, keys })
    }

    /// The one of this public half.
    pub(crate) fn of(&self, public: &PublicKey) -> Option<&SigningKey> {
        self.keys.iter().find(|key| key.public() == *public)
    }

    /// Removes them: no session is left that needs one.
    pub(crate) fn forget(&self) -> io::Result<()> {
        if self.keys.is_empty() { Ok(()) } else { fs::remove_dir_all(&self.folder) }
    }
}
