//! One relay process: its data folder, its key, its database.
//!
//! The folder is the owner's alone, and one serve holds it at a time; commands beside it go through
//! the database. What a first start needs is made here, in an order in which a crash between any
//! two steps leaves a first start that can be repeated.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use deskside_protocol::identity::link::JoinLink;
use deskside_protocol::identity::rotation as identity;
use deskside_protocol::key::{PublicKey, SigningKey};
use deskside_protocol::policy::{Policy, PolicyError};
use deskside_protocol::random::Random;
use deskside_protocol::wire::record::Signed;
use jiff::Timestamp;
use prost::Message as _;
use thiserror::Error;

use crate::archive;
use crate::authority::{Authority, AuthorityError};
use crate::desk::Desk;
use crate::invitation::{self, Secret};
use crate::keyfile;
use crate::rotation::{self, FormerKeys, Rotations};
use crate::rules::{Revoked, Rules};
use crate::store::{Store, StoreError, StoredPolicy};

/// How long the first policy holds: two years.
pub const POLICY_SECONDS: i64 = 2 * 365 * 24 * 60 * 60;

pub(crate) const ORGANISATION: &str = "organisation-key";
const ADDRESS: &str = "address";
const WEBPKI: &str = "webpki";

/// Why a relay cannot live in a folder.
#[derive(Debug, Error)]
pub enum NodeError {
    /// Another serve has it.
    #[error("another relay is already running on this folder ({})", folder.display())]
    InUse {
        /// The data folder.
        folder: PathBuf,
    },
    /// No first start happened here.
    #[error("there is no relay in {}: start `deskside-relay serve` there once", folder.display())]
    NotHere {
        /// The data folder.
        folder: PathBuf,
    },
    /// The folder or a file in it cannot be used.
    #[error("{} cannot be used", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The authority's folder.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The first policy could not be written.
    #[error(transparent)]
    Policy(#[from] PolicyError),
}

/// Where everything lies.
#[derive(Debug, Clone)]
pub struct Places {
    /// Node key, lock, and by default what follows.
    pub data: PathBuf,
    /// The authority key's own folder.
    pub authority: PathBuf,
    /// The database file.
    pub database: PathBuf,
    /// The folder of recordings.
    pub recordings: PathBuf,
    /// Where finished recordings go from there, if anywhere.
    pub archive: Option<archive::Settings>,
}

impl Places {
    /// Everything where it is by default: in the data folder, and the authority beside it.
    #[must_use]
    pub fn under(data: PathBuf) -> Self {
        // Without a slash at the end, so that "beside" is not inside.
        let data: PathBuf = data.components().collect();
        let mut beside = data.clone().into_os_string();
        beside.push("-authority");
        Self {
            authority: beside.into(),
            database: data.join("relay.db"),
            recordings: data.join("recordings"),
            archive: None,
            data,
        }
    }

    /// The folder of the log of sessions.
    pub(crate) fn log(&self) -> PathBuf {
        self.data.join("log")
    }

    pub(crate) fn node_key(&self) -> PathBuf {
        self.data.join("node.key")
    }
}

/// The right to serve from a data folder, until it is dropped or the process ends.
#[derive(Debug)]
pub struct Lock(#[allow(dead_code, reason = "held, never read")] File);

impl Lock {
    /// Takes the folder, making it where it is missing.
    ///
    /// # Errors
    /// [`NodeError::InUse`] or [`NodeError::File`].
    pub fn take(data: &Path) -> Result<Self, NodeError> {
        keyfile::make_folder(data).map_err(|source| file(data, source))?;
        let path = data.join("lock");
        let lock = OpenOptions::new().create(true).append(true).mode(0o600).open(&path);
        let lock = lock.map_err(|source| file(&path, source))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self(lock)),
            Err(TryLockError::WouldBlock) => Err(NodeError::InUse { folder: data.into() }),
            Err(TryLockError::Error(source)) => Err(file(&path, source)),
        }
    }
}

/// A relay's identity and its rooms. It holds no key of the organisation.
#[allow(missing_debug_implementations, reason = "holds the node key")]
pub struct Node {
    places: Places,
    key: SigningKey,
    organisation: PublicKey,
    authority: Authority,
    store: Store,
    rules: Rules,
    rotations: Rotations,
    former_keys: FormerKeys,
}

impl Node {
    /// Opens the relay of a data folder, or founds it: authority, node key, database, policy, and an
    /// invitation for the first person, whose secret comes back that one time. Hold [`Lock`].
    ///
    /// # Errors
    /// [`NodeError`].
    pub async fn start(
        places: Places,
        organisation: &str,
        now: u64,
        random: &mut (dyn Random + Send),
    ) -> Result<(Self, Option<Secret>), NodeError> {
        keyfile::make_folder(&places.recordings)
            .map_err(|source| file(&places.recordings, source))?;
        let store = Store::open(&places.database).await?;
        let mut secret = None;
        if store.setting(ORGANISATION).await?.is_none() {
            secret = found(&places, &store, organisation, now, random).await?;
        }
        let path = places.node_key();
        let rotations = Rotations::read(&store).await?;
        rotation::settle(&path, &rotations.nodes).map_err(|source| file(&path, source))?;
        Ok((Self::with_store(places, store).await?, secret))
    }

    /// Opens the relay of a data folder beside its serve.
    ///
    /// # Errors
    /// [`NodeError`], [`NodeError::NotHere`] where no serve was ever started.
    pub async fn open(places: Places) -> Result<Self, NodeError> {
        if !places.database.exists() || !places.node_key().exists() {
            return Err(NodeError::NotHere { folder: places.data });
        }
        let store = Store::open(&places.database).await?;
        Self::with_store(places, store).await
    }

    async fn with_store(places: Places, store: Store) -> Result<Self, NodeError> {
        let organisation = store.setting(ORGANISATION).await?;
        let organisation =
            organisation.ok_or_else(|| NodeError::NotHere { folder: places.data.clone() })?;
        let organisation = PublicKey::try_from(organisation.as_slice())
            .map_err(|_| StoreError::Value(ORGANISATION))?;
        let path = places.node_key();
        let key = keyfile::read(&path).map_err(|source| file(&path, source))?;
        let former_keys = FormerKeys::read(&places.data);
        let former_keys = former_keys.map_err(|source| file(&places.data, source))?;
        let authority = Authority::at(places.authority.clone());
        let rules = Rules::new(store.clone(), organisation);
        let rotations = Rotations::read(&store).await?;
        Ok(Self { places, key, organisation, authority, store, rules, rotations, former_keys })
    }

    /// Where everything lies.
    #[must_use]
    pub const fn places(&self) -> &Places {
        &self.places
    }

    /// The node key: TLS of the legs, revocations, receipts, checkpoints.
    #[must_use]
    pub const fn key(&self) -> &SigningKey {
        &self.key
    }

    /// The node key of this public half: today's, or one that was given up while sessions were on.
    #[must_use]
    pub(crate) fn key_of(&self, public: &[u8]) -> Option<&SigningKey> {
        let public = PublicKey::try_from(public).ok()?;
        let todays = (self.key.public() == public).then_some(&self.key);
        todays.or_else(|| self.former_keys.of(&public))
    }

    /// Removes node keys that were given up: no session needs one any more.
    pub(crate) fn forget_former_keys(&self) {
        if let Err(error) = self.former_keys.forget() {
            tracing::error!(%error, "node keys that were given up cannot be removed");
        }
    }

    /// How this relay came to its keys, for those who know older ones.
    #[must_use]
    pub const fn rotations(&self) -> &Rotations {
        &self.rotations
    }

    /// The authority keys that the organisation had before.
    pub(crate) fn former_organisations(&self) -> Vec<PublicKey> {
        identity::former(&self.organisation, &self.rotations.organisations)
    }

    /// The organisation's authority key, public half.
    #[must_use]
    pub const fn organisation(&self) -> PublicKey {
        self.organisation
    }

    /// Where the authority key would be.
    #[must_use]
    pub const fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The database.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// The tickets.
    #[must_use]
    pub fn desk(&self) -> Desk {
        Desk::new(self.store.clone())
    }

    /// Policy, revoked certificates, people: kept in memory until they change.
    #[must_use]
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The policy in force.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn policy(&self) -> Result<Signed, StoreError> {
        Ok(self.rules.policy().await?.signed.clone())
    }

    /// The certificates that no longer count, signed for now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn revocations(&self, now: u64) -> Result<Revoked, StoreError> {
        self.rules.revocations(&self.key, now).await
    }

    /// Remembers where this relay is reached, for links and tokens that commands make.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_address(&self, host: &str, port: u16, webpki: bool) -> Result<(), StoreError> {
        let address = format!("{host} {port}");
        self.store.set_setting(ADDRESS, address.as_bytes()).await?;
        self.store.set_setting(WEBPKI, &[u8::from(webpki)]).await
    }

    /// The join link for the address of the last start; `None` before there was one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn join_link(&self) -> Result<Option<JoinLink>, StoreError> {
        let Some(address) = self.store.setting(ADDRESS).await? else { return Ok(None) };
        let webpki = self.store.setting(WEBPKI).await? == Some(vec![1]);
        let malformed = || StoreError::Value(ADDRESS);
        let address = String::from_utf8(address).map_err(|_| malformed())?;
        let (host, port) = address.split_once(' ').ok_or_else(malformed)?;
        Ok(Some(JoinLink {
            host: host.to_owned(),
            port: port.parse().map_err(|_| malformed())?,
            organisation: self.organisation,
            node: self.key.public(),
            webpki,
        }))
    }
}

/// Keys first, on disk; then one transaction that makes it a relay.
async fn found(
    places: &Places,
    store: &Store,
    organisation: &str,
    now: u64,
    random: &mut (dyn Random + Send),
) -> Result<Option<Secret>, NodeError> {
    let authority = Authority::at(places.authority.clone()).found(random)?;
    let path = places.node_key();
    keyfile::read_or_make(&path, random).map_err(|source| file(&path, source))?;
    let policy = first_policy(organisation, now)?;
    let stored =
        StoredPolicy { serial: policy.serial, signed: policy.sign(&authority)?.encode_to_vec() };
    let (secret, invitation) = invitation::first(now, random);
    let key = authority.public();
    let facts = [(ORGANISATION, key.as_bytes().as_slice())];
    let founded = store.found(&facts, &stored, &invitation).await?;
    Ok(founded.then_some(secret))
}

fn first_policy(organisation: &str, now: u64) -> Result<Policy, PolicyError> {
    let seconds = i64::try_from(now).unwrap_or(i64::MAX);
    let time = |seconds: i64| {
        Timestamp::from_second(seconds).map_err(|error| PolicyError::Malformed(error.to_string()))
    };
    let ends = time(seconds.saturating_add(POLICY_SECONDS))?;
    Ok(Policy::first(organisation, time(seconds)?, ends))
}

fn file(path: &Path, source: io::Error) -> NodeError {
    NodeError::File { path: path.into(), source }
}
