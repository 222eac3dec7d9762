//! Sifting a receive batch: what is ours stays for quinn, the rest goes elsewhere.

use std::io::IoSliceMut;

use deskside_protocol::label::Label;
use quinn::udp::RecvMeta;

use super::runs::{Run, runs};

/// Keeps the runs that are `ours` in the first buffers and hands each other run to `foreign`, with
/// the metadata of the buffer it came in. Returns how many buffers still hold something.
pub fn sift(
    buffers: &mut [IoSliceMut<'_>],
    meta: &mut [RecvMeta],
    count: usize,
    ours: impl Fn(Option<Label>) -> bool,
    mut foreign: impl FnMut(Option<Label>, &RecvMeta, &[u8]),
) -> usize {
    let mut kept = 0;
    for index in 0..count {
        let (Some(buffer), Some(received)) = (buffers.get_mut(index), meta.get_mut(index)) else {
            break;
        };
        received.len = sift_one(buffer, *received, &ours, &mut foreign);
        if received.len > 0 {
            buffers.swap(kept, index);
            meta.swap(kept, index);
            kept += 1;
        }
    }
    kept
}

/// Moves our own runs to the front of one buffer and returns their length.
fn sift_one(
    buffer: &mut [u8],
    received: RecvMeta,
    ours: &impl Fn(Option<Label>) -> bool,
    foreign: &mut impl FnMut(Option<Label>, &RecvMeta, &[u8]),
) -> usize {
    let filled = buffer.get(..received.len).unwrap_or_default();
    // What belongs to one owner alone, as bulk data does, is not moved.
    let sole = {
        let mut split = runs(filled, received.stride);
        match (split.next(), split.next()) {
            (None, _) => return 0,
            (Some(run), None) => Some(run),
            _ => None,
        }
    };
    if let Some(Run { label, .. }) = sole {
        if ours(label) {
            return received.len;
        }
        foreign(label, &received, filled);
        return 0;
    }
    let mut kept = 0;
    let all: Vec<Run> = runs(filled, received.stride).collect();
    for Run { label, range } in all {
        if ours(label) {
            buffer.copy_within(range.clone(), kept);
            kept += range.len();
        } else {
            foreign(label, &received, buffer.get(range).unwrap_or_default());
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEG: u8 = 0x01;
    const ONE: u8 = 0x81;
    const TWO: u8 = 0x82;

    fn buffer(owners: &[u8]) -> Vec<u8> {
        owners.iter().flat_map(|id| [&[0x40][..], &[*id; 19]].concat()).collect()
    }

    #[test]
    fn ours_moves_to_the_front_and_the_rest_is_handed_on() {
        let contents = [buffer(&[ONE, ONE]), buffer(&[ONE, LEG, TWO, LEG]), buffer(&[LEG])];
        let mut buffers = contents.clone();
        let mut slices: Vec<_> = buffers.iter_mut().map(|b| IoSliceMut::new(b)).collect();
        let mut meta = contents.each_ref().map(|b| RecvMeta {
            len: b.len(),
            stride: 20,
            ..RecvMeta::default()
        });
        let mut handed = Vec::new();
        let foreign = |label: Option<Label>, _: &RecvMeta, bytes: &[u8]| {
            handed.push((label.unwrap().as_bytes()[0], bytes.len()));
        };
        let kept = sift(&mut slices, &mut meta, 3, |label| label.is_none(), foreign);
        assert_eq!(kept, 2);
        assert_eq!(handed, [(ONE, 40), (ONE, 20), (TWO, 20)]);
        assert_eq!(slices[0][..meta[0].len], buffer(&[LEG, LEG]));
        assert_eq!(slices[1][..meta[1].len], buffer(&[LEG]));
    }
}
