//! Those who lie: a technician's program and an agent that say what they like on a real relay, a
//! relay that says what it likes to real ends, and packets that nobody sent.
//!
//! They hold every key that their part has, and more than it could have where that makes the attack
//! stronger. The honest side is always a shipped program, and what is known of it is what it prints.

mod agent;
pub mod apart;
pub mod packet;
mod plug;
mod relay;
mod switch;
mod technician;

pub use agent::{Agent, Asked};
pub use plug::RawLine;
pub use relay::{Liar, Played};
pub use technician::{Said, Technician};
