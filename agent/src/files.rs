//! The one folder of the user's that files land in and are fetched from.
//!
//! What a request would come to is found out before the user is asked, so that he is asked with
//! names and sizes; none of it is told to the technician. Nothing is read or written but for a holder
//! of a [`Permit`], and nothing outside of the folder.

mod told;

use std::path::Path;
use std::sync::Arc;

use deskside_files::{
    Expected, Fault, FileError, Folder, Hear, Landing, RelativePath, Report, Size, Source, Speak,
    TransferError,
};
use deskside_protocol::session::SessionId;
use deskside_protocol::text::visible;
use deskside_protocol::wire::message::refusal::Cause;
use deskside_protocol::wire::message::{FileGet, FilePut};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::told::{Told, beneath};
use crate::consent::{Direction, Listing, MAX_LISTED};
use crate::events::Show;
use crate::gate::{File, Permit};

/// Files of one transfer that are told to people by name; of more only the sum is.
const MAX_NAMED: u64 = 20;

/// Transfers at once, those included that wait for the user: each may hold the names of a whole tree
/// (16 MiB), and 2 MiB of a file.
pub const MAX_TRANSFERS: usize = 8;

/// What the file channel reaches. A clone is the same.
#[derive(Debug, Clone)]
pub struct Files {
    folder: Folder,
    show: Arc<Show>,
    turns: Arc<Semaphore>,
    /// What files that land are marked with.
    origin: Arc<str>,
}

impl Files {
    /// Opens the folder at `path`, which it stays from here on; what goes over is told to `show`.
    ///
    /// # Errors
    /// [`FileError`] where that is no folder, or may not be opened.
    pub fn open(path: &Path, show: Arc<Show>) -> Result<Self, FileError> {
        let turns = Arc::new(Semaphore::new(MAX_TRANSFERS));
        Ok(Self { folder: Folder::open(path)?, show, turns, origin: "deskside:".into() })
    }

    /// The same folder in this session: what lands is marked as of it.
    #[must_use]
    pub fn of_session(self, session: SessionId) -> Self {
        Self { origin: format!("deskside:session/{session}").into(), ..self }
    }

    /// Waits until there is room for one transfer more; it has it as long as it holds the turn.
    /// `None` never: nobody closes the folder.
    pub async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        self.turns.clone().acquire_owned().await.ok()
    }

    /// Where a technician's files would land.
    ///
    /// # Errors
    /// [`Fault`] where what he names is no list of files: the user is not asked about that.
    pub async fn place(&self, put: &FilePut) -> Result<Place, Fault> {
        let expected = Expected::by_put(put)
            .map_err(|breach| Fault::new(Cause::BadRequest, breach.to_string()))?;
        let landing = match RelativePath::from_wire(&put.into) {
            Ok(into) => {
                let landing = Landing::beneath(&self.folder, &into, put.exact).await;
                landing.map_err(|error| Fault::from(&error))
            }
            Err(error) => Err(Fault::from(error)),
        };
        let landing = landing.map(|landing| landing.from_stranger(&self.origin));
        Ok(Place {
            words: self.place_in_words(put, landing.as_ref().ok()),
            listing: self.placed(&expected, landing.as_ref().ok()),
            landing,
            expected,
            show: self.show.clone(),
        })
    }

    /// What the user is asked about.
    fn placed(&self, expected: &Expected, landing: Option<&Landing>) -> Listing {
        let lands = |path: &RelativePath| {
            landing.map_or_else(|| path.to_string(), |landing| landing.lands_at(path))
        };
        let named = expected.listed().iter().map(|(path, size)| (lands(path), *size)).collect();
        let announced = expected.announced();
        self.listing(Direction::Received, named, announced.files, announced.bytes)
    }

    fn listing(
        &self,
        direction: Direction,
        named: Vec<(String, u64)>,
        files: u64,
        bytes: u64,
    ) -> Listing {
        let more = files.saturating_sub(u64::try_from(named.len()).unwrap_or(u64::MAX));
        let folder = visible(&self.folder.path().to_string_lossy()).into_owned();
        Listing { direction, folder, named, more, bytes }
    }

    fn place_in_words(&self, put: &FilePut, landing: Option<&Landing>) -> String {
        let size = Size(put.bytes);
        if let Some(name) = landing.and_then(Landing::new_name) {
            return match put.files {
                1 => format!("receive {name} ({size})"),
                files => format!("receive {name} ({}, {size})", count(files)),
            };
        }
        let into = if put.into.is_empty() { self.name() } else { put.into.join("/") };
        format!("receive {} ({size}) into {into}", count(put.files))
    }

    /// What of the user's would be sent to a technician.
    pub async fn find(&self, get: &FileGet) -> Found {
        let path = RelativePath::from_wire(&get.path);
        let source = match &path {
            Ok(path) => {
                let source = Source::beneath(&self.folder, path, get.recursive).await;
                source.map_err(|error| Fault::from(&error))
            }
            Err(error) => Err(Fault::from(*error)),
        };
        let above = path.ok().and_then(|path| path.split_last().map(|(above, _)| above));
        let above = above.unwrap_or_default();
        Found {
            words: self.found_in_words(get, source.as_ref().ok()),
            listing: source.as_ref().ok().map(|source| self.sought(source, &above)),
            source,
            above,
            resume: get.resume,
            show: self.show.clone(),
        }
    }

    fn sought(&self, source: &Source, above: &RelativePath) -> Listing {
        let named = source.first(MAX_LISTED).map(|(path, size)| (beneath(above, path), size));
        self.listing(Direction::Sent, named.collect(), source.files(), source.bytes())
    }

    fn found_in_words(&self, get: &FileGet, source: Option<&Source>) -> String {
        let path = if get.path.is_empty() { self.name() } else { get.path.join("/") };
        match source {
            None => format!("send {path}"),
            Some(source) if !get.recursive => format!("send {path} ({})", Size(source.bytes())),
            Some(source) => {
                let (files, size) = (source.files(), Size(source.bytes()));
                let folder = if files == 1 { "" } else { "folder " };
                format!("send {folder}{path} ({}, {size})", count(files))
            }
        }
    }

    /// As the user knows the folder.
    fn name(&self) -> String {
        let path = self.folder.path();
        path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
    }
}

fn count(files: u64) -> String {
    format!("{files} file{}", if files == 1 { "" } else { "s" })
}

/// Where files would land. Nothing was written.
#[derive(Debug)]
pub struct Place {
    words: String,
    listing: Listing,
    landing: Result<Landing, Fault>,
    expected: Expected,
    show: Arc<Show>,
}

impl Place {
    /// What would happen, for the user: "receive photo.png (3.1 MB)".
    #[must_use]
    pub fn in_words(&self) -> &str {
        &self.words
    }

    /// The files, for the user.
    #[must_use]
    pub const fn listing(&self) -> &Listing {
        &self.listing
    }

    /// Makes sure that they can land here, for the technician to be told.
    ///
    /// # Errors
    /// [`Fault`] in his words.
    pub fn ready(self, permit: Permit<File>) -> Result<Receiving, Fault> {
        let landing = self.landing?;
        // With parts that are there already less is needed: each file is measured then.
        let announced = self.expected.announced();
        if !announced.resume {
            landing.room_for(announced.bytes).map_err(|error| Fault::from(&error))?;
        }
        Ok(Receiving { landing, expected: self.expected, show: self.show, permit })
    }
}

/// Files may come.
#[derive(Debug)]
pub struct Receiving {
    landing: Landing,
    expected: Expected,
    show: Arc<Show>,
    permit: Permit<File>,
}

impl Receiving {
    /// What was announced: files, and bytes of all of them.
    #[must_use]
    pub const fn announced(&self) -> (u64, u64) {
        let announced = self.expected.announced();
        (announced.files, announced.bytes)
    }

    /// Receives until all has come; `None` where the user took the grant back: then nothing more is
    /// written.
    pub async fn run(
        self,
        speak: &mut impl Speak,
        hear: &mut impl Hear,
    ) -> Option<Result<Report, TransferError>> {
        let Self { landing, expected, show, permit } = self;
        let names = landing.clone();
        let told = Told {
            show: &show,
            direction: Direction::Received,
            named: expected.announced().files <= MAX_NAMED,
            name: |path: &RelativePath| names.lands_at(path),
        };
        let receiving = deskside_files::receive(landing, expected, speak, hear, &told);
        revocable(&permit, receiving, &told).await
    }
}

/// What would be sent. Nothing was read but names and sizes.
#[derive(Debug)]
pub struct Found {
    words: String,
    /// `None` where nothing was found.
    listing: Option<Listing>,
    source: Result<Source, Fault>,
    above: RelativePath,
    resume: bool,
    show: Arc<Show>,
}

impl Found {
    /// What would happen, for the user: "send folder Invoices (12 files, 40 MB)".
    #[must_use]
    pub fn in_words(&self) -> &str {
        &self.words
    }

    /// The files, for the user; `None` where there are none, which he learns when he is asked.
    #[must_use]
    pub const fn listing(&self) -> Option<&Listing> {
        self.listing.as_ref()
    }

    /// What may be sent, for the technician to be told.
    ///
    /// # Errors
    /// [`Fault`] in his words.
    pub fn ready(self, permit: Permit<File>) -> Result<Sending, Fault> {
        let Self { source, above, resume, show, .. } = self;
        Ok(Sending { source: source?, above, resume, show, permit })
    }
}

/// Files may go.
#[derive(Debug)]
pub struct Sending {
    source: Source,
    above: RelativePath,
    resume: bool,
    show: Arc<Show>,
    permit: Permit<File>,
}

impl Sending {
    /// What will go: files, and bytes of all of them.
    #[must_use]
    pub const fn announced(&self) -> (u64, u64) {
        (self.source.files(), self.source.bytes())
    }

    /// Sends until all has gone; `None` where the user took the grant back: then nothing more is
    /// read.
    pub async fn run(
        self,
        speak: &mut impl Speak,
        hear: &mut impl Hear,
    ) -> Option<Result<Report, TransferError>> {
        let Self { source, above, resume, show, permit } = self;
        let told = Told {
            show: &show,
            direction: Direction::Sent,
            named: source.files() <= MAX_NAMED,
            name: |path: &RelativePath| beneath(&above, path),
        };
        let sending = deskside_files::send(source, resume, speak, hear, &told);
        revocable(&permit, sending, &told).await
    }
}

/// Stops where the grant is taken back, in the middle of whatever it does.
async fn revocable<N: Fn(&RelativePath) -> String + Sync>(
    permit: &Permit<File>,
    transfer: impl Future<Output = Result<Report, TransferError>>,
    told: &Told<'_, N>,
) -> Option<Result<Report, TransferError>> {
    let done = tokio::select! {
        biased;
        () = permit.revoked() => return None,
        done = transfer => done,
    };
    if let Ok(report) = &done {
        told.all(report);
    }
    Some(done)
}
