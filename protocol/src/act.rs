//! The numbered MAC on everything that a technician sends to an agent.
//!
//! The auditors' copy of a line's traffic secrets could also write while the session lives. The key
//! of these MACs comes from the line's TLS exporter, which traffic secrets do not yield (RFC 8446
//! section 7.1), so an injected message fails at the agent's gate.

use bytes::Bytes;
use prost::Message as _;
use ring::hmac;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::channel::Channel;
use crate::lv;
use crate::mask::MaskKey;
use crate::wire::message::{Act, Message};

/// Label of the TLS exporter (RFC 8446 section 7.5) that the key comes from; the context is empty.
pub const EXPORTER_LABEL: &[u8] = b"EXPORTER deskside act";
/// Bytes of the key.
pub const KEY: usize = 32;
/// In the place of a stream's number, for what comes in datagrams: QUIC's own end at 2^62.
pub const DATAGRAMS: u64 = u64::MAX;
/// Bytes of a MAC: HMAC-SHA-256, cut to its first half.
pub const MAC: usize = 16;

const CONTEXT: &[u8] = b"deskside1 act";
/// Of what is sealed.
const MASKED: &[u8] = b"deskside1 act masked";

/// An acting message is not what the paired technician sent next on this stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ActError {
    /// The number is not the next one.
    #[error("an acting message is out of order")]
    OutOfOrder,
    /// The MAC does not fit.
    #[error("an acting message does not come from the paired technician")]
    Forged,
    /// Authentic, but not a message.
    #[error("an acting message is malformed")]
    Malformed,
    /// Sealed, where everybody who may read the recording is to read it.
    #[error("an acting message is masked that may not be")]
    Masked,
}

/// The key of one line.
#[allow(missing_debug_implementations, reason = "a secret never reaches a log")]
#[derive(Clone)]
pub struct ActKey {
    key: Zeroizing<[u8; KEY]>,
    mask: Option<MaskKey>,
}

impl ActKey {
    /// The key that the line's exporter gave for [`EXPORTER_LABEL`].
    #[must_use]
    pub const fn new(exported: Zeroizing<[u8; KEY]>) -> Self {
        Self { key: exported, mask: None }
    }

    /// With the key of what is masked on the same line.
    #[must_use]
    pub fn with_mask(self, mask: MaskKey) -> Self {
        Self { mask: Some(mask), ..self }
    }

    /// The technician's side of one stream.
    #[must_use]
    pub fn actor(&self, channel: Channel, stream: u64) -> Actor {
        Actor(Numbered::new(self, channel, stream))
    }

    /// The agent's side of one stream.
    #[must_use]
    pub fn verifier(&self, channel: Channel, stream: u64) -> Verifier {
        Verifier(Numbered::new(self, channel, stream))
    }
}

#[derive(Clone)]
struct Numbered {
    key: ActKey,
    channel: Channel,
    stream: u64,
    next: u64,
}

impl Numbered {
    fn new(key: &ActKey, channel: Channel, stream: u64) -> Self {
        Self { key: key.clone(), channel, stream, next: 0 }
    }

    fn mac(&self, context: &[u8], message: &[u8]) -> hmac::Tag {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.key.key.as_ref());
        let channel = (self.channel.to_wire() as i32).to_be_bytes();
        let stream = self.stream.to_be_bytes();
        let number = self.next.to_be_bytes();
        hmac::sign(&key, &lv::encode(&[context, &channel, &stream, &number, message]))
    }
}

/// Wraps a technician's messages on one stream.
#[allow(missing_debug_implementations, reason = "holds the key")]
pub struct Actor(Numbered);

impl Actor {
    /// `message` with its number and MAC.
    pub fn wrap(&mut self, message: &Message) -> Act {
        let message = message.encode_to_vec();
        let mac = self.0.mac(CONTEXT, &message);
        self.numbered(&mac, Act { message: message.into(), ..Act::default() })
    }

    /// `message` so that only the agent can read it; `None` where it is longer than
    /// [`MAX_MESSAGE`](crate::mask::MAX_MESSAGE) or the line has no key for it.
    pub fn mask(&mut self, message: &Message) -> Option<Act> {
        let Numbered { key, channel, stream, next } = &self.0;
        let text = Zeroizing::new(message.encode_to_vec());
        let sealed = key.mask.as_ref()?.seal(*channel, *stream, *next, &text)?;
        let mac = self.0.mac(MASKED, &sealed);
        Some(self.numbered(&mac, Act { sealed: sealed.into(), ..Act::default() }))
    }

    fn numbered(&mut self, mac: &hmac::Tag, act: Act) -> Act {
        let mac = Bytes::copy_from_slice(mac.as_ref().get(..MAC).unwrap_or_default());
        let number = self.0.next;
        self.0.next += 1;
        Act { number, mac, ..act }
    }
}

/// Opens a technician's messages on one stream, at the agent's gate.
#[allow(missing_debug_implementations, reason = "holds the key")]
pub struct Verifier(Numbered);

impl Verifier {
    /// The message, once its number and MAC were checked.
    ///
    /// # Errors
    /// [`ActError`]; the stream must not be read further then.
    pub fn open(&mut self, act: &Act) -> Result<Message, ActError> {
        match self.open_any(act)? {
            (message, false) => Ok(message),
            (_, true) => Err(ActError::Masked),
        }
    }

    /// As [`Self::open`], and what is masked too. Gives whether it was.
    ///
    /// # Errors
    /// [`ActError`]; the stream must not be read further then.
    pub fn open_any(&mut self, act: &Act) -> Result<(Message, bool), ActError> {
        if act.number != self.0.next {
            return Err(ActError::OutOfOrder);
        }
        if act.sealed.is_empty() {
            return Ok((self.checked(act)?, false));
        }
        let Numbered { key, channel, stream, next } = &self.0;
        let mask = key.mask.as_ref().ok_or(ActError::Masked)?;
        if !act.message.is_empty() {
            return Err(ActError::Malformed);
        }
        if !fits(&self.0.mac(MASKED, &act.sealed), &act.mac) {
            return Err(ActError::Forged);
        }
        let text = mask.open(*channel, *stream, *next, &act.sealed).ok_or(ActError::Forged)?;
        self.0.next = self.0.next.saturating_add(1);
        let message = Message::decode(text.as_slice()).map_err(|_| ActError::Malformed)?;
        Ok((message, true))
    }

    /// As [`Self::open`], for [`DATAGRAMS`], which are lost and overtake each other: newer than all
    /// before is enough.
    ///
    /// # Errors
    /// [`ActError`]; those that follow can be read all the same.
    pub fn open_newer(&mut self, act: &Act) -> Result<Message, ActError> {
        if act.number < self.0.next {
            return Err(ActError::OutOfOrder);
        }
        let last = std::mem::replace(&mut self.0.next, act.number);
        self.checked(act).inspect_err(|_| self.0.next = last)
    }

    fn checked(&mut self, act: &Act) -> Result<Message, ActError> {
        if !fits(&self.0.mac(CONTEXT, &act.message), &act.mac) {
            return Err(ActError::Forged);
        }
        if !act.sealed.is_empty() {
            return Err(ActError::Masked);
        }
        self.0.next = self.0.next.saturating_add(1);
        Message::decode(act.message.clone()).map_err(|_| ActError::Malformed)
    }
}

/// Whether `mac` is the first half of `tag`.
fn fits(tag: &hmac::Tag, mac: &[u8]) -> bool {
    let expected = tag.as_ref().get(..MAC).unwrap_or_default();
    mac.len() == MAC && same(expected, mac)
}

/// Compares in time that depends on the length only.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |diff, (a, b)| diff | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::message::{CommandInput, message::Kind};

    fn key(byte: u8) -> ActKey {
        ActKey::new(Zeroizing::new([byte; KEY]))
    }

    fn input(data: &'static [u8]) -> Message {
        let data = Bytes::from_static(data);
        Message { kind: Some(Kind::CommandInput(CommandInput { data, end: false })) }
    }

    #[test]
    fn messages_open_in_order_and_only_once() {
        let (mut actor, mut verifier) =
            (key(1).actor(Channel::Command, 4), key(1).verifier(Channel::Command, 4));
        let (first, second) = (actor.wrap(&input(b"a")), actor.wrap(&input(b"b")));
        assert_eq!(verifier.open(&second), Err(ActError::OutOfOrder));
        assert_eq!(verifier.open(&first), Ok(input(b"a")));
        assert_eq!(verifier.open(&first), Err(ActError::OutOfOrder));
        assert_eq!(verifier.open(&second), Ok(input(b"b")));
    }

    #[test]
    fn datagrams_may_be_lost_and_never_come_twice_or_late() {
        let mut actor = key(1).actor(Channel::Pointer, DATAGRAMS);
        let mut verifier = key(1).verifier(Channel::Pointer, DATAGRAMS);
        let acts: Vec<Act> = (0..4).map(|_| actor.wrap(&input(b"a"))).collect();
        assert_eq!(verifier.open_newer(&acts[1]), Ok(input(b"a")));
        for late in &acts[..2] {
            assert_eq!(verifier.open_newer(late), Err(ActError::OutOfOrder));
        }
        let forged = Act { number: u64::MAX, ..acts[3].clone() };
        assert_eq!(verifier.open_newer(&forged), Err(ActError::Forged));
        assert_eq!(verifier.open_newer(&acts[3]), Ok(input(b"a")));
        assert_eq!(verifier.open_newer(&acts[2]), Err(ActError::OutOfOrder));
    }

    #[test]
    fn what_is_masked_is_read_where_it_may_be_and_by_the_agent_alone() {
        let masking = || key(1).with_mask(MaskKey::new(Zeroizing::new([9; 32])));
        let mut actor = masking().actor(Channel::Input, 4);
        let acts = [actor.mask(&input(b"hunter2")).unwrap(), actor.wrap(&input(b"b"))];
        assert!(acts[0].message.is_empty());
        assert!(!acts[0].sealed.windows(7).any(|part| part == b"hunter2"));
        let verifier = || masking().verifier(Channel::Input, 4);
        let mut open = verifier();
        assert_eq!(open.open_any(&acts[0]), Ok((input(b"hunter2"), true)));
        assert_eq!(open.open_any(&acts[1]), Ok((input(b"b"), false)));
        assert_eq!(verifier().open(&acts[0]), Err(ActError::Masked));
        assert_eq!(
            key(1).verifier(Channel::Input, 4).open_any(&acts[0]),
            Err(ActError::Masked),
            "no key"
        );
        // Neither the seal nor its MAC is of use elsewhere.
        let mut bent = acts[0].clone();
        bent.sealed =
            [&acts[0].sealed[..9], &[acts[0].sealed[9] ^ 1], &acts[0].sealed[10..]].concat().into();
        assert_eq!(verifier().open_any(&bent), Err(ActError::Forged));
        let both = Act { message: acts[1].message.clone(), ..acts[0].clone() };
        assert_eq!(verifier().open_any(&both), Err(ActError::Malformed));
        let as_clear =
            Act { message: acts[0].sealed.clone(), sealed: Bytes::new(), ..acts[0].clone() };
        assert_eq!(verifier().open_any(&as_clear), Err(ActError::Forged));
        let mut long = masking().actor(Channel::Input, 4);
        assert_eq!(long.mask(&input(&[0; 1_100])), None);
    }

    #[test]
    fn another_key_channel_stream_or_content_is_forged() {
        let act = key(1).actor(Channel::Command, 4).wrap(&input(b"a"));
        let others = [
            key(2).verifier(Channel::Command, 4),
            key(1).verifier(Channel::Shell, 4),
            key(1).verifier(Channel::Command, 8),
        ];
        for mut verifier in others {
            assert_eq!(verifier.open(&act), Err(ActError::Forged));
        }
        let mut changed = act.clone();
        changed.message = input(b"b").encode_to_vec().into();
        assert_eq!(key(1).verifier(Channel::Command, 4).open(&changed), Err(ActError::Forged));
        let mut cut = act;
        cut.mac = cut.mac.slice(..15);
        assert_eq!(key(1).verifier(Channel::Command, 4).open(&cut), Err(ActError::Forged));
    }
}
