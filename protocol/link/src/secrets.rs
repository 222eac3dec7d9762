//! Taking exactly the four traffic secrets of one handshake, and nothing else.
//!
//! rustls offers the exporter's secret to a key log too. It would open what is masked and forge
//! acting messages, so it is not even asked for.

use std::sync::{Arc, Mutex, PoisonError};

use deskside_protocol::seal::{LABELS, LineSecrets};
use rustls::KeyLog;
use zeroize::Zeroizing;

/// Collects one handshake's secrets. Each attempt at a line has its own.
#[derive(Default)]
pub(crate) struct Capture(Mutex<Option<LineSecrets>>);

impl Capture {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// The secrets, once all four were seen; they are gone from here then.
    pub(crate) fn take(&self) -> Option<LineSecrets> {
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let whole = taken.secrets.iter().all(|secret| !secret.is_empty());
        whole.then_some(taken)
    }
}

impl KeyLog for Capture {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let Ok(client_random) = <[u8; 32]>::try_from(client_random) else { return };
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let secrets = held.get_or_insert_with(|| LineSecrets {
            client_random,
            secrets: std::array::from_fn(|_| Zeroizing::new(Vec::new())),
        });
        if secrets.client_random != client_random {
            return;
        }
        let slots = LABELS.iter().zip(&mut secrets.secrets);
        for (_, slot) in slots.filter(|(known, _)| **known == label) {
            *slot = Zeroizing::new(secret.to_vec());
        }
    }

    fn will_log(&self, label: &str) -> bool {
        LABELS.contains(&label)
    }
}

impl std::fmt::Debug for Capture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Capture")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_labels_are_taken_and_the_exporter_is_not() {
        let capture = Capture::new();
        assert!(!capture.will_log("EXPORTER_SECRET"));
        for label in LABELS.iter().take(3) {
            capture.log(label, &[1; 32], &[2; 32]);
        }
        capture.log("EXPORTER_SECRET", &[1; 32], &[3; 32]);
        capture.log(LABELS[3], &[9; 32], &[2; 32]);
        assert!(capture.take().is_none(), "three are not four, whatever else was logged");
        for label in LABELS {
            capture.log(label, &[1; 32], &[2; 32]);
        }
        let secrets = capture.take().unwrap();
        assert!(secrets.secrets.iter().all(|secret| secret.as_slice() == [2; 32]));
    }
}
