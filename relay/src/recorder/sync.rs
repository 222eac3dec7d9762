//! Bounds what a power cut can take: a thread that forces new data to the disk every 100 ms.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::Recording;

/// How old what was forwarded can be before it is on the disk.
const INTERVAL: Duration = Duration::from_millis(100);

/// Hands recordings to the thread, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Sync(mpsc::Sender<Weak<Recording>>);

impl Sync {
    pub(super) fn start() -> std::io::Result<Self> {
        let (sender, arrivals) = mpsc::channel();
        std::thread::Builder::new()
            .name("recorder-sync".to_owned())
            .spawn(move || run(&arrivals))?;
        Ok(Self(sender))
    }

    /// Looks after `recording` until it is dropped.
    pub(super) fn watch(&self, recording: &Arc<Recording>) {
        if self.0.send(Arc::downgrade(recording)).is_err() {
            tracing::error!("the thread that syncs recordings has ended");
        }
    }
}

fn run(arrivals: &mpsc::Receiver<Weak<Recording>>) {
    let mut watched: Vec<Weak<Recording>> = Vec::new();
    loop {
        match arrivals.recv_timeout(INTERVAL) {
            Ok(recording) => watched.push(recording),
            Err(RecvTimeoutError::Timeout) => watched.retain(sync),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// `false` once the recording is gone.
fn sync(recording: &Weak<Recording>) -> bool {
    let Some(recording) = recording.upgrade() else { return false };
    if let Err(error) = recording.file.sync() {
        recording.fail(&error);
    }
    true
}
