//! What a relay finds at the end of a file that it did not close: a torn tail, which a crash
//! leaves, or a whole block behind a bad one, which only a hand leaves.

use super::format::{self, BLOCK_HEADER, BlockHeader, CHAIN_HASH, Kind, MAX_BLOCK};
use super::reader::chain_hash;

/// Bytes of the tail that are worth reading: the torn block and two behind it.
pub const MAX_TAIL: usize = 3 * MAX_BLOCK;

/// Candidates that are hashed at most. Chance gives none (one in 2^64 at each byte); whoever sends
/// packets full of headers gets no more work out of the relay than this, some 64 MiB of hashing.
const MAX_CANDIDATES: usize = 16;

/// Looks for a whole block behind the place where a [`Reader`](super::Reader) stopped: `tail` is
/// the file from [`Reader::offset`](super::Reader::offset) on, of which only the first
/// [`MAX_TAIL`] bytes count, and `seq` is that of the reader's state.
///
/// `None`: the tail is torn, and is cut off at the reader's offset. `Some(offset in tail)`: the
/// bytes before it were altered; keep the file as it is and refuse to go on.
#[must_use]
pub fn whole_block_behind(tail: &[u8], seq: u64) -> Option<usize> {
    let tail = tail.get(..MAX_TAIL).unwrap_or(tail);
    let ends = CHAIN_HASH..tail.len().saturating_sub(BLOCK_HEADER);
    ends.filter(|at| stands_there(tail, *at, seq))
        .take(MAX_CANDIDATES)
        .find(|at| is_whole(tail, *at))
}

/// Whether a header at `at` could follow: its number is the next where something was inserted, the
/// second where the next block was altered, the third where that block's chain hash was.
fn stands_there(tail: &[u8], at: usize, seq: u64) -> bool {
    header(tail, at).is_some_and(|header| {
        matches!(header.seq.checked_sub(seq), Some(0..=2))
            && !matches!(header.kind, Kind::Unknown(_))
            && header.flags <= format::FLAG_SHREDDED
    })
}

/// Whether the block at `at` fits the chain hash that stands before it.
fn is_whole(tail: &[u8], at: usize) -> bool {
    let fits = || {
        let (before, block) = tail.split_at_checked(at)?;
        let header = header(tail, at)?;
        let end = BLOCK_HEADER.checked_add(usize::try_from(header.len).ok()?)?;
        let (whole, behind) = block.split_at_checked(end)?;
        let body = whole.get(BLOCK_HEADER..)?;
        let hash = chain_hash(before.last_chunk()?, &header, whole, body);
        Some(behind.first_chunk() == Some(&hash))
    };
    fits().unwrap_or(false)
}

fn header(tail: &[u8], at: usize) -> Option<BlockHeader> {
    tail.get(at..)?.first_chunk().map(BlockHeader::decode)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::{Reader, Step, Writer};

    /// Four blocks, and where each begins.
    fn file() -> (Vec<u8>, Vec<usize>) {
        let (mut writer, preamble) = Writer::create();
        let (mut file, mut starts) = (preamble.to_vec(), Vec::new());
        for kind in [Kind::Event, Kind::Packets, Kind::Seal, Kind::Event] {
            starts.push(file.len());
            let next = writer.block(kind, 0, 5, &[7; 100], &mut file).unwrap();
            writer.commit(next);
        }
        (file, starts)
    }

    fn found(file: &[u8]) -> Option<usize> {
        let (mut reader, mut rest) = (Reader::new(), file);
        while let Ok(Step::Block(_)) = reader.next(&mut rest) {}
        let good = usize::try_from(reader.offset()).unwrap();
        whole_block_behind(&file[good..], reader.state().seq()).map(|at| good + at)
    }

    #[test]
    fn a_torn_tail_has_nothing_behind_it() {
        let (file, _) = file();
        for end in 10..=file.len() {
            assert_eq!(found(&file[..end]), None, "{end}");
        }
        let zeroed = [&file[..300], &[0; 5_000]].concat();
        assert_eq!(found(&zeroed), None);
    }

    #[test]
    fn an_altered_block_has_a_whole_one_behind_it() {
        let (file, starts) = file();
        for at in starts[1]..starts[2] {
            let mut altered = file.clone();
            altered[at] ^= 1;
            let next = if at < starts[2] - CHAIN_HASH { starts[2] } else { starts[3] };
            assert_eq!(found(&altered), Some(next), "{at}");
        }
    }

    #[test]
    fn a_missing_stretch_and_an_inserted_one_show_too() {
        let (file, starts) = file();
        let missing = [&file[..starts[1] + 5], &file[starts[1] + 60..]].concat();
        assert_eq!(found(&missing), Some(starts[2] - 55));
        let inserted = [&file[..starts[2]], b"inserted", &file[starts[2]..]].concat();
        // The inserted bytes push the hash away from its block, so the one behind is found.
        assert_eq!(found(&inserted), Some(starts[3] + 8));
    }

    #[test]
    fn many_false_headers_cost_a_bounded_amount() {
        let header = BlockHeader {
            len: 4_000_000,
            kind: Kind::Packets,
            flags: 0,
            line: 0,
            seq: 1,
            time_us: 0,
        };
        let tail = header.encode().repeat(300_000);
        assert_eq!(whole_block_behind(&tail, 0), None);
    }
}
