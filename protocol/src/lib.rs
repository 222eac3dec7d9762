//! The contract of Deskside: what its three programs say to each other and what they store, and the
//! state machines that more than one of them runs. It is pure: no clock, file, socket or thread;
//! time and randomness are arguments. What follows is `PROTOCOL.md`, the same contract byte for
//! byte for whoever has only that file.
#![doc = ""]
#![doc = include_str!("../PROTOCOL.md")]
#![warn(clippy::indexing_slicing)]

pub mod act;
pub mod attachment;
pub mod channel;
pub mod chat;
pub mod close;
pub mod code;
pub mod excerpt;
pub mod exit;
pub mod file;
pub mod frame;
pub mod grant;
pub mod identity;
pub mod key;
pub mod label;
pub mod log;
pub mod lv;
pub mod mask;
pub mod note;
pub mod pairing;
pub mod parsers;
pub mod policy;
pub mod random;
pub mod reattach;
pub mod recording;
pub mod seal;
pub mod session;
pub mod signed;
pub mod signed_note;
pub mod statement;
pub mod text;
pub mod transcript;
pub mod wire;
pub mod witness;
