//! The relay of Deskside: pairs ends by code, forwards and records lines that it cannot open.

pub mod archive;
pub mod authority;
pub mod burned;
pub mod cli;
pub mod clock;
pub mod desk;
pub mod enrolment;
mod hall;
pub mod http;
pub mod invitation;
pub mod keyfile;
mod leg;
pub mod limits;
pub mod lobby;
pub mod log;
pub mod metrics;
pub mod node;
pub mod offline;
pub mod policy;
pub mod recipient;
pub mod recorder;
pub mod relay;
pub mod retention;
pub mod roles;
pub mod rotation;
pub mod rules;
pub mod serve;
mod service;
mod session;
mod sessions;
pub mod sign_in;
mod standing;
pub mod store;
pub mod switch;
mod talk;

/// Name and version of this program, for greetings and recordings.
pub const SOFTWARE: &str = concat!("deskside-relay ", env!("CARGO_PKG_VERSION"));

/// An error with all its causes, in one line.
#[must_use]
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut texts: Vec<String> = Vec::new();
    for text in causes.map(ToString::to_string) {
        // A transparent error repeats its cause.
        if texts.last() != Some(&text) {
            texts.push(text);
        }
    }
    texts.join(": ")
}
