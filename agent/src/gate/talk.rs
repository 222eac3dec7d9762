//! Chat, as far as the gate has a say: who may be read, and what is shown of it.

use deskside_protocol::chat::{self, ChatError};
use deskside_protocol::wire::message::{self, Said, refusal::Cause};

use super::Gate;
use crate::events::{Event, Speaker};

impl Gate {
    /// Shows the user what the technician says. It needs no grant, but a session that the user let
    /// in.
    ///
    /// # Errors
    /// A refusal as it travels: nothing was shown.
    pub fn hear(&self, said: &Said) -> Result<(), message::Refusal> {
        let no = |cause, text: &str| message::Refusal {
            cause: cause as i32,
            grant: 0,
            text: text.to_owned(),
        };
        if self.is_stopped() || !self.shared.locked(|lease| lease.is_opened()) {
            return Err(no(Cause::UserRefused, "the user has let nobody in"));
        }
        let line = chat::heard(said);
        let text = line.map_err(|error| no(Cause::BadRequest, &error.to_string()))?;
        let by = Speaker::Technician(&self.shared.visitor.name);
        self.shared.show.tell(&Event::Said { by, text: &text });
        Ok(())
    }

    /// Shows the user what he says himself, as it goes to the technician.
    ///
    /// # Errors
    /// [`ChatError`]: nothing is said.
    pub fn say(&self, text: &str) -> Result<String, ChatError> {
        let text = chat::line(text)?;
        self.shared.show.tell(&Event::Said { by: Speaker::User, text: &text });
        Ok(text)
    }
}
