//! What both ends stated of a direction of a stream, held against its bytes.

use std::collections::BTreeMap;

use super::form::Half;
use crate::session::End;
use crate::statement::{Statement, Stream, Way};

/// What a statement says of the first bytes of a direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim<'a> {
    /// Which of the statements.
    pub statement: usize,
    /// Whose it is.
    pub by: End,
    /// What it says.
    pub stream: &'a Stream,
}

/// All that was stated, by what it is of.
#[derive(Debug, Clone, Default)]
pub struct Claims<'a>(BTreeMap<(u16, u64, u8), Vec<Claim<'a>>>);

impl<'a> Claims<'a> {
    /// Of these statements, whose signatures hold.
    #[must_use]
    pub fn of(stated: &'a [Statement]) -> Self {
        let mut claims = BTreeMap::<_, Vec<_>>::new();
        for (at, statement) in stated.iter().enumerate() {
            let by = statement.end;
            for stream in &statement.streams {
                let from = match (stream.way, by) {
                    (Way::Sent, end) => end,
                    (Way::Delivered, End::Agent) => End::Technician,
                    (Way::Delivered, End::Technician) => End::Agent,
                };
                let of = (statement.line, stream.id, from.byte());
                claims.entry(of).or_default().push(Claim { statement: at, by, stream });
            }
        }
        for claims in claims.values_mut() {
            claims.sort_by_key(|claim| claim.stream.offset);
        }
        Self(claims)
    }

    /// What was stated of bytes that are there, by how far it reaches, and whether it was these.
    #[must_use]
    pub fn on(&self, half: &Half<'_>) -> Vec<(Claim<'a>, bool)> {
        let claims = self.0.get(&(half.line, half.stream, half.from.byte()));
        let (mut hasher, mut at) = (blake3::Hasher::new(), 0);
        let mut held = Vec::new();
        for claim in claims.into_iter().flatten() {
            let end = usize::try_from(claim.stream.offset).unwrap_or(usize::MAX);
            let Some(bytes) = half.bytes.get(at..end) else { break };
            hasher.update(bytes);
            at = end;
            held.push((*claim, *hasher.finalize().as_bytes() == claim.stream.hash));
        }
        held
    }
}
