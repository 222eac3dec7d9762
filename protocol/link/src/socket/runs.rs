//! Splitting a coalesced receive: one buffer may mix legs and lines, and several labels.

use std::ops::Range;

use deskside_protocol::label::{self, Label};

/// A stretch of datagrams with one owner, inside one receive buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    /// The label, or `None` for what belongs to a leg.
    pub(super) label: Option<Label>,
    /// Where it stands in the buffer: whole datagrams of the stride, the last may be shorter.
    pub(super) range: Range<usize>,
}

/// The runs of a buffer of `bytes` that holds datagrams of `stride` bytes.
pub(super) fn runs(bytes: &[u8], stride: usize) -> impl Iterator<Item = Run> + '_ {
    let stride = stride.max(1);
    let mut start = 0;
    std::iter::from_fn(move || {
        let first = bytes.get(start..)?.chunks(stride).next()?;
        let label = label::of_datagram(first);
        let mut end = start + first.len();
        while let Some(next) = bytes.get(end..).and_then(|rest| rest.chunks(stride).next()) {
            if label::of_datagram(next) != label {
                break;
            }
            end += next.len();
        }
        let range = start..end;
        start = end;
        Some(Run { label, range })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datagram(first_of_id: u8, length: usize) -> Vec<u8> {
        let mut datagram = vec![first_of_id; length];
        datagram[0] = 0x40;
        datagram
    }

    #[test]
    fn a_mixed_buffer_falls_into_runs() {
        let parts = [(0x80, 20), (0x80, 20), (0x01, 20), (0x81, 20), (0x81, 12)];
        let buffer: Vec<u8> = parts.iter().flat_map(|(id, n)| datagram(*id, *n)).collect();
        let runs: Vec<Run> = runs(&buffer, 20).collect();
        let ranges: Vec<_> = runs.iter().map(|run| run.range.clone()).collect();
        assert_eq!(ranges, [0..40, 40..60, 60..92]);
        assert_eq!(runs[0].label, Label::from_bytes(&[0x80; 8]));
        assert_eq!(runs[1].label, None);
        assert_eq!(runs[2].label, Label::from_bytes(&[0x81; 8]));
    }

    #[test]
    fn an_empty_buffer_has_none() {
        assert_eq!(runs(&[], 0).count(), 0);
    }
}
