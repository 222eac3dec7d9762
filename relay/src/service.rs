//! A relay in service: what all its streams and sessions share.

use std::sync::Arc;

use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::hall::Hall;
use crate::recorder::Recorder;
use crate::relay::Relay;
use crate::rules::InForce;
use crate::sessions::Sessions;
use crate::standing::Standing;
use crate::switch::Switch;

/// What every stream and session needs.
pub(crate) struct Service {
    pub(crate) relay: Arc<Relay>,
    pub(crate) switch: Arc<Switch>,
    pub(crate) recorder: Recorder,
    pub(crate) hall: Hall,
    pub(crate) sessions: Arc<Sessions>,
    /// Technicians who are here, and whether they may stay.
    pub(crate) standing: Standing,
    /// Room for files of tickets that are on their way.
    pub(crate) attachments: Semaphore,
    /// The policy in force, as far as it was looked at: sessions hear of each change.
    pub(crate) policy: watch::Sender<Option<Arc<InForce>>>,
    /// Cancelled when the relay ends: sessions close, codes are taken back.
    pub(crate) stop: CancellationToken,
}
