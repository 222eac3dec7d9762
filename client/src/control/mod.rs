//! The local socket by which `exec`, `screenshot`, `input`, `chat`, `info` and `end` reach a running `connect`, as
//! ssh's ControlMaster does: one pairing, many commands.
//!
//! A socket is named after its session, in an owner-only folder, and takes only this user's own
//! processes. Nothing here knows QUIC: `connect` takes [`LocalRequest`]s from a [`Server`] and does
//! with them what they ask.
//!
//! On the socket every frame is a 32-bit big-endian length and a body:
//! ```text
//! command -> connect   JSON   {"open":"screen"} | "info" | {"end":{"note":"..."}} | {"copy":{...}}
//!                             | {"chat":{"text":"..."}}
//! connect -> command   JSON   {"opened":{"session":"..."}} | {"info":{...}} | "ended" | "copying"
//!                             | "said" | {"failed":{"exit":3,"error":"..."}}
//! after "opened", both ways:  message.Message, until one side closes its half; {"failed":...} from
//!                             connect where it cannot go on
//! after "copying", connect:   CopyNews as JSON, to the outcome
//! ```
//! `connect` puts each message of the command into an Act on a stream of the line and hands the
//! agent's messages back as they came.

mod client;
mod copying;
mod frames;
mod local;
mod requests;
mod server;

pub use client::{Channel, Copying, Session, Sessions, open_sessions};
pub use copying::{Copied, CopyNews, CopyWay, CopyWish, Progress};
pub use frames::{MessageReader, MessageWriter};
pub use local::SessionInfo;
pub(crate) use local::failure;
pub use requests::{
    ChatRequest, CopyRequest, EndRequest, InfoRequest, LocalRequest, OpenRequest, Teller, Watcher,
};
pub use server::Server;

use deskside_protocol::wire::message;

/// Behind the session's id in a socket's name.
const SUFFIX: &str = ".sock";

/// The channels that a local command may open, and their words on the socket.
const CHANNELS: [(message::Channel, &str); 6] = [
    (message::Channel::Screen, "screen"),
    (message::Channel::Input, "input"),
    (message::Channel::Clipboard, "clipboard"),
    (message::Channel::Shell, "shell"),
    (message::Channel::Command, "command"),
    (message::Channel::File, "file"),
];

#[cfg(test)]
mod tests;
