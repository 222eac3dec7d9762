//! Passwords that stay out of the recording: whether the policy lets anybody keep them out, and whether
//! the user wants it now. What counts as masked the channels decide, see `session/passage.rs`.

use tokio::sync::watch;

use super::Gate;
use crate::events::{Event, Speaker};

impl Gate {
    /// Whether the policy lets anything be masked.
    #[must_use]
    pub fn may_mask(&self) -> bool {
        self.shared.may_mask
    }

    /// Whether the user wants what is typed from now on kept out of the recording, and each change.
    #[must_use]
    pub fn masked_by_user(&self) -> watch::Receiver<bool> {
        self.shared.masks.subscribe()
    }

    /// The user's own act. Gives whether it counts: the policy may not allow it.
    pub fn mask(&self, on: bool) -> bool {
        if on && !self.shared.may_mask {
            return false;
        }
        if self.shared.masks.send_if_modified(|masks| std::mem::replace(masks, on) != on) {
            self.shared.show.tell(&Event::Masking { by: Speaker::User, on });
        }
        true
    }

    /// The technician keeps what he types out of the recording: the user is told, and told again when
    /// that is over, however it ends.
    #[must_use]
    pub fn masks(&self) -> Masks {
        let masks = Masks(self.clone());
        masks.tell(true);
        masks
    }
}

/// The technician's passage, as long as it lasts.
#[derive(Debug)]
pub struct Masks(Gate);

impl Masks {
    fn tell(&self, on: bool) {
        let by = Speaker::Technician(&self.0.shared.visitor.name);
        self.0.shared.show.tell(&Event::Masking { by, on });
    }
}

impl Drop for Masks {
    fn drop(&mut self) {
        self.tell(false);
    }
}
