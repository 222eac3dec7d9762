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
pub mod policy;
pub mod random;
pub mod signed;
pub mod text;
pub mod wire;
