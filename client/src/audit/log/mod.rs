//! What the relay's log says: of one recording, by proofs that can be kept beside it; and as a
//! whole.

mod proof;
mod walk;

pub(super) use proof::{InLog, beside, decoded, judge, keep, kept, proof, proof_file, went_on};
pub(super) use walk::{Known, Walk, entries, walk};
