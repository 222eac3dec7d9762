//! What a technician types or hands to a command and nobody else is to read: a password. It is
//! sealed once more inside the line, under a key that the auditors' traffic secrets do not yield (RFC
//! 8446 section 7.1). They see that something masked passed, when, how much at the most, and who asked
//! for it.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use zeroize::Zeroizing;

use crate::channel::Channel;
use crate::lv;

/// Label of the TLS exporter (RFC 8446 section 7.5) that the key comes from; the context is empty.
pub const EXPORTER_LABEL: &[u8] = b"EXPORTER deskside mask";
/// Bytes of the key.
pub const KEY: usize = 32;
/// The most bytes of a message that is sealed: a text of 1,024 bytes and what wraps it.
pub const MAX_MESSAGE: usize = 1_088;
/// Bytes are filled up to a multiple of this, so that a password's length does not show.
pub const STEP: usize = 64;
/// The longest seal: the message, its filling and the tag.
pub const MAX_SEALED: usize = MAX_MESSAGE + STEP + 16;

/// What shows in the place of something masked.
pub const SHOWN: &str = "[masked]";

const CONTEXT: &[u8] = b"deskside1 mask";
/// Where the message ends and the filling begins.
const END: u8 = 0x80;

/// Whether `argument` is what `shown` says of it: [`SHOWN`] stands for anything, and everything around
/// it is as it is. So nobody shows one argument and masks another.
#[must_use]
pub fn is_shown_as(argument: &str, shown: &str) -> bool {
    let Some((first, rest)) = shown.split_once(SHOWN) else { return false };
    let (middle, last) =
        rest.rsplit_once(SHOWN).map_or((None, rest), |(middle, last)| (Some(middle), last));
    let inner = argument.strip_prefix(first).and_then(|rest| rest.strip_suffix(last));
    let Some(mut inner) = inner else { return false };
    let parts = middle.into_iter().flat_map(|middle| middle.split(SHOWN));
    for part in parts {
        match inner.split_once(part) {
            Some((_, behind)) => inner = behind,
            None => return false,
        }
    }
    true
}

/// The key of one line, which both ends take from its exporter.
#[allow(missing_debug_implementations, reason = "a secret never reaches a log")]
#[derive(Clone)]
pub struct MaskKey(Zeroizing<[u8; KEY]>);

impl MaskKey {
    /// The key that the line's exporter gave for [`EXPORTER_LABEL`].
    #[must_use]
    pub const fn new(exported: Zeroizing<[u8; KEY]>) -> Self {
        Self(exported)
    }

    /// Seals the technician's message of this number on a stream; `None` where it is too long.
    #[must_use]
    pub fn seal(
        &self,
        channel: Channel,
        stream: u64,
        number: u64,
        message: &[u8],
    ) -> Option<Vec<u8>> {
        if message.len() > MAX_MESSAGE {
            return None;
        }
        let mut sealed = Vec::with_capacity(MAX_SEALED);
        sealed.extend_from_slice(message);
        sealed.push(END);
        sealed.resize(sealed.len().next_multiple_of(STEP), 0);
        let key = self.of_stream(channel, stream)?;
        key.seal_in_place_append_tag(nonce(number), Aad::empty(), &mut sealed).ok()?;
        Some(sealed)
    }

    /// The message; `None` for what this key did not seal in this place.
    #[must_use]
    pub fn open(
        &self,
        channel: Channel,
        stream: u64,
        number: u64,
        sealed: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        if sealed.len() > MAX_SEALED {
            return None;
        }
        let mut text = Zeroizing::new(sealed.to_vec());
        let key = self.of_stream(channel, stream)?;
        let opened = key.open_in_place(nonce(number), Aad::empty(), &mut text).ok()?;
        let length = opened.iter().rposition(|byte| *byte != 0)?;
        let whole = opened.get(length) == Some(&END);
        text.truncate(length);
        whole.then_some(text)
    }

    /// A stream's numbers begin at 0, so that each stream has a key of its own.
    fn of_stream(&self, channel: Channel, stream: u64) -> Option<LessSafeKey> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.as_ref());
        let channel = (channel.to_wire() as i32).to_be_bytes();
        let parts: [&[u8]; 3] = [CONTEXT, &channel, &stream.to_be_bytes()];
        let tag = hmac::sign(&key, &lv::encode(&parts));
        UnboundKey::new(&CHACHA20_POLY1305, tag.as_ref()).ok().map(LessSafeKey::new)
    }
}

/// Four bytes of nothing and the number, big-endian.
fn nonce(number: u64) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    let (_, last) = nonce.split_at_mut(NONCE_LEN - 8);
    last.copy_from_slice(&number.to_be_bytes());
    Nonce::assume_unique_for_key(nonce)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(byte: u8) -> MaskKey {
        MaskKey::new(Zeroizing::new([byte; KEY]))
    }

    #[test]
    fn it_opens_in_its_own_place_only() {
        let sealed = key(1).seal(Channel::Input, 4, 7, b"secret").unwrap();
        assert_eq!(key(1).open(Channel::Input, 4, 7, &sealed).unwrap().as_slice(), b"secret");
        assert!(key(2).open(Channel::Input, 4, 7, &sealed).is_none());
        assert!(key(1).open(Channel::Command, 4, 7, &sealed).is_none());
        assert!(key(1).open(Channel::Input, 8, 7, &sealed).is_none());
        assert!(key(1).open(Channel::Input, 4, 8, &sealed).is_none());
        assert!(key(1).open(Channel::Input, 4, 7, sealed.get(1..).unwrap()).is_none());
    }

    #[test]
    fn the_length_shows_in_steps_only() {
        let length = |message: &[u8]| key(1).seal(Channel::Input, 4, 0, message).unwrap().len();
        assert_eq!((length(b""), length(&[1; 63]), length(&[1; 64])), (80, 80, 144));
        assert_eq!(length(&[1; MAX_MESSAGE]), MAX_SEALED);
        assert!(key(1).seal(Channel::Input, 4, 0, &[1; MAX_MESSAGE + 1]).is_none());
    }

    #[test]
    fn what_shows_of_an_argument_is_true() {
        for (argument, shown) in [
            ("hunter2", "[masked]"),
            ("", "[masked]"),
            ("-phunter2", "-p[masked]"),
            ("u:pw@host", "u:[masked]@host"),
            ("a1b2c", "a[masked]b[masked]c"),
            ("a[masked]c", "a[masked]c"),
            ("xy", "[masked][masked]"),
        ] {
            assert!(is_shown_as(argument, shown), "{argument} {shown}");
        }
        for (argument, shown) in [
            ("/", "harmless.txt"),
            ("hunter2", "hunter2"),
            ("-qhunter2", "-p[masked]"),
            ("ab", "ab[masked]b"),
            ("a1c", "a[masked]b[masked]c"),
            ("-p", "-p[masked"),
        ] {
            assert!(!is_shown_as(argument, shown), "{argument} {shown}");
        }
    }

    proptest! {
        #[test]
        fn what_was_masked_is_shown_as_that(parts in proptest::collection::vec("[a-c]{0,3}", 2..5), text in "[a-c]{0,4}") {
            prop_assert!(is_shown_as(&parts.join(&text), &parts.join(SHOWN)));
        }

        #[test]
        fn every_message_comes_back(
            message in proptest::collection::vec(any::<u8>(), 0..=MAX_MESSAGE),
            number: u64,
        ) {
            let sealed = key(3).seal(Channel::Command, 12, number, &message).unwrap();
            let opened = key(3).open(Channel::Command, 12, number, &sealed).unwrap();
            prop_assert_eq!(opened.as_slice(), message);
        }

        #[test]
        fn anything_else_is_refused(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            prop_assert!(key(3).open(Channel::Input, 0, 0, &bytes).is_none());
        }
    }
}
