//! Everything that takes real processes: relay, agent and technician's program, as users have them.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod accesses;
mod archive;
mod auditors;
mod bad_input;
mod coming_back;
mod decoding;
mod disclose;
mod export;
mod files;
mod files_line;
mod full_disk;
mod grants;
mod help;
mod hostile;
mod house;
mod identity;
mod input;
mod limits;
mod log;
mod main_job;
mod masking;
mod playing;
mod public_certificate;
mod recording;
mod replay;
mod rotation;
mod screen;
mod secrecy;
mod sign_in;
mod statements;
mod tickets;
mod viewer;
mod window;
