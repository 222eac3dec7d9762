//! What the user does, and what is to be done about it.

use deskside_protocol::grant::Grant;
use deskside_protocol::identity::link::JoinLink;

use crate::consent::Answer;
use crate::wish::Wish;

/// What the user does in the window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Press {
    /// Goes on with this join link.
    Join(String),
    /// Wants another code after several failures.
    Next,
    /// Answers the question of this number.
    Answer(u64, Answer),
    /// Sets a switch.
    Set(Grant, bool),
    /// Keeps what is typed out of the recording, or no longer.
    Mask(bool),
    /// Says something to the technician.
    Say(String),
    /// Ends the session, or gives up.
    Stop,
    /// Makes the banner small, or large again.
    Slim(bool),
    /// Starts anew after the end.
    Again,
    /// Closes the window.
    Close,
}

/// What is to be done about it, outside of the window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Whoever asked is told.
    Answer(u64, Answer),
    /// The session is told.
    Wish(Wish),
    /// A session at this relay.
    Join(JoinLink),
    /// Another session.
    Again,
    /// The program ends.
    Close,
}
