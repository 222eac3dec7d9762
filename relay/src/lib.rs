//! The relay of Deskside: pairs ends by code, forwards and records lines that it cannot open.

pub mod authority;
pub mod clock;
pub mod desk;
pub mod enrolment;
pub mod keyfile;
pub mod lobby;
pub mod node;
pub mod policy;
pub mod random;
pub mod recipient;
pub mod roles;
pub mod store;
