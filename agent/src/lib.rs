//! The agent of Deskside: the program that the person with the broken computer opens.
//!
//! It shows twelve digits, asks the person whom to let in and what for, and does what was allowed.
//! Everything that a technician can reach passes the [`gate`]; [`desktop`] and [`command`] act only
//! for a holder of its permits.

pub mod cli;
pub mod command;
pub mod consent;
pub mod desktop;
pub mod device;
pub mod events;
pub mod files;
pub mod gate;
pub mod hand;
pub mod kept;
pub mod known;
pub mod laser;
pub mod session;
pub mod settings;
pub mod start;
pub mod texts;
pub mod window;
pub mod wish;

/// Name and version of this program, for greetings.
pub const SOFTWARE: &str = concat!("deskside-agent ", env!("CARGO_PKG_VERSION"));
