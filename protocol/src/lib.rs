//! The contract of Deskside. See `PROTOCOL.md`.

pub mod act;
pub mod channel;
pub mod close;
pub mod code;
pub mod exit;
pub mod frame;
pub mod grant;
pub mod identity;
pub mod key;
pub mod label;
pub mod lv;
pub mod pairing;
pub mod parsers;
pub mod policy;
pub mod random;
pub mod recording;
pub mod seal;
pub mod session;
pub mod signed;
pub mod text;
pub mod transcript;
pub mod wire;
pub mod witness;
