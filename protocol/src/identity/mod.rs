//! Who is who: certificates that the organisation signed, the list of those that no longer count,
//! and the two texts that carry an organisation's key to a person's computer.

pub mod certificate;
pub mod file_name;
pub mod link;
pub mod revocations;
pub mod rotation;
pub mod token;
