//! What the technician says on one stream, so that only the agent can read it where it is to be so: a
//! masked argument always, keys and text within a passage that either side asked for.

use deskside_protocol::act::Actor;
use deskside_protocol::exit::Exit;
use deskside_protocol::wire::message::{Act, Message, message::Kind};

use crate::failure::Failure;

/// The technician's side of a stream.
#[allow(missing_debug_implementations, reason = "holds the key")]
pub(crate) struct Saying {
    actor: Actor,
    /// The technician wants it.
    own: bool,
    /// The user does.
    users: bool,
}

impl Saying {
    /// Nothing is masked yet.
    pub(crate) const fn new(actor: Actor) -> Self {
        Self { actor, own: false, users: false }
    }

    /// The next message, as it goes to the agent.
    ///
    /// # Errors
    /// Exit 2: it is to be masked and is too long for that.
    pub(crate) fn wrap(&mut self, message: &Message) -> Result<Act, Failure> {
        if let Some(Kind::Masking(masking)) = &message.kind {
            self.own = masking.on;
        }
        if !self.is_masked(message.kind.as_ref()) {
            return Ok(self.actor.wrap(message));
        }
        let long = || Failure::new(Exit::Usage, "what is masked has at most 1,024 bytes");
        self.actor.mask(message).ok_or_else(long)
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "nothing else is ever masked")]
    fn is_masked(&self, kind: Option<&Kind>) -> bool {
        match kind {
            Some(Kind::CommandMasked(_)) => true,
            Some(Kind::Typed(_) | Kind::Key(_)) => self.own || self.users,
            _ => false,
        }
    }

    /// The agent said this on the stream.
    pub(crate) fn heard(&mut self, kind: Option<&Kind>) {
        if let Some(Kind::Masking(masking)) = kind {
            self.users = masking.on;
            // It lasted too long, or the user ended it: the technician begins another where he wants one.
            self.own &= masking.on;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskside_protocol::act::ActKey;
    use deskside_protocol::channel::Channel;
    use deskside_protocol::mask::MaskKey;
    use deskside_protocol::wire::message::{CommandMasked, Masking, StillHeld, Typed};
    use zeroize::Zeroizing;

    fn saying() -> Saying {
        let mask = MaskKey::new(Zeroizing::new([2; 32]));
        let key = ActKey::new(Zeroizing::new([1; 32])).with_mask(mask);
        Saying::new(key.actor(Channel::Input, 4))
    }

    const fn masking(on: bool) -> Kind {
        Kind::Masking(Masking { on })
    }

    #[test]
    fn keys_and_text_are_masked_while_anybody_wants_it() {
        let mut saying = saying();
        let typed = || Kind::Typed(Typed { text: "x".to_owned() });
        let mut masked = |kind| {
            let act = saying.wrap(&Message { kind: Some(kind) }).unwrap();
            assert_ne!(act.sealed.is_empty(), act.message.is_empty());
            !act.sealed.is_empty()
        };
        assert!(!masked(typed()));
        assert!(!masked(masking(true)));
        assert!(masked(typed()));
        assert!(!masked(Kind::StillHeld(StillHeld {})));
        assert!(!masked(masking(false)));
        assert!(!masked(typed()));
        assert!(masked(Kind::CommandMasked(CommandMasked::default())));
        saying.heard(Some(&masking(true)));
        assert!(saying.is_masked(Some(&typed())));
        saying.wrap(&Message { kind: Some(masking(true)) }).unwrap();
        saying.heard(Some(&masking(false)));
        assert!(!saying.is_masked(Some(&typed())), "the agent ended it");
    }

    #[test]
    fn what_is_too_long_is_never_said_in_the_open() {
        let arguments = vec!["x".repeat(2_000)];
        let kind = Some(Kind::CommandMasked(CommandMasked { arguments }));
        assert!(saying().wrap(&Message { kind }).is_err());
    }
}
