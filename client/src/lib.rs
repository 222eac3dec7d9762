//! The technician's and auditor's program of Deskside.
//!
//! `cli` reads what was typed; each room does one thing of it. `connect` holds a session open and
//! serves the other commands over `control`, on `lines`; `account`, `ticket` and `audit` ask the relay; `home`
//! is all that this program keeps.

pub mod account;
pub mod arrival;
pub mod audit;
mod browser;
pub mod cli;
pub mod commands;
pub mod connect;
pub mod control;
pub mod failure;
pub mod home;
pub mod ledger;
pub mod lines;
pub mod note;
pub mod output;
pub mod people;
mod player;
pub mod relay;
pub mod seek;
pub mod sign_in;
pub mod ticket;
pub mod viewer;
