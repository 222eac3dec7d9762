//! What is sent, and when the relay is killed meanwhile: all of it from one number.

use crate::dice::Dice;

/// The smallest file: what is left of it behind the latest kill takes 20 ms at 4 Gbit/s, so that the
/// kill is not late for the transfer.
const SMALLEST: u64 = 24 * 1024 * 1024;
/// Kills in one transfer, at most.
const KILLS_EACH: u64 = 3;
/// The relay is killed between these shares of a file, in thousandths.
const EARLIEST: u64 = 30;
const LATEST: u64 = 600;
/// It stays away for this long, in milliseconds, at most.
const LONGEST_PAUSE: u64 = 400;
/// One time of so many it stays away for longer, so that both ends have begun to dial.
const LONG_ONE_OF: u64 = 8;
const LONG_PAUSE: u64 = 2500;

/// One file that is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Transfer {
    /// From the technician to the agent.
    pub(super) up: bool,
    pub(super) bytes: u64,
    pub(super) kills: Vec<Kill>,
}

/// One death of the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kill {
    /// When so many bytes of the file have left the relay.
    pub(super) at: u64,
    /// Milliseconds until it is started again.
    pub(super) pause: u64,
    /// Whether it comes back on its other port.
    pub(super) elsewhere: bool,
}

/// Transfers with `kills` deaths in all, of files of at most `largest` bytes.
pub(super) fn plan(seed: u64, kills: u64, largest: u64) -> Vec<Transfer> {
    let mut dice = Dice(seed);
    let mut left = kills;
    let mut all = Vec::new();
    while left > 0 {
        let count = (1 + dice.below(KILLS_EACH)).min(left);
        left -= count;
        let bytes = dice.between(SMALLEST, largest.max(SMALLEST + 1));
        let mut kills: Vec<_> = (0..count).map(|_| kill(&mut dice, bytes)).collect();
        kills.sort_by_key(|kill| kill.at);
        all.push(Transfer { up: dice.below(2) == 0, bytes, kills });
    }
    all
}

/// One death in the middle of a file of so many bytes.
fn kill(dice: &mut Dice, bytes: u64) -> Kill {
    let at = bytes / 1000 * dice.between(EARLIEST, LATEST);
    let long = dice.below(LONG_ONE_OF) == 0;
    let pause = if long { LONG_PAUSE } else { dice.below(LONGEST_PAUSE) };
    Kill { at, pause, elsewhere: dice.below(2) == 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGEST: u64 = 64 * 1024 * 1024;

    #[test]
    fn the_same_seed_is_the_same_plan_and_another_one_another() {
        assert_eq!(plan(7, 50, LARGEST), plan(7, 50, LARGEST));
        assert_ne!(plan(7, 50, LARGEST), plan(8, 50, LARGEST));
    }

    #[test]
    fn exactly_so_many_kills_each_within_its_file_and_in_order() {
        for count in [0, 1, 2, 50] {
            let transfers = plan(1, count, LARGEST);
            let kills: u64 = transfers.iter().map(|transfer| transfer.kills.len() as u64).sum();
            assert_eq!(kills, count);
            for Transfer { bytes, kills, .. } in transfers {
                assert!((SMALLEST..LARGEST).contains(&bytes) && !kills.is_empty());
                assert!(kills.is_sorted_by_key(|kill| kill.at));
                assert!(kills.iter().all(|kill| kill.at > 0 && kill.at < bytes));
            }
        }
    }

    #[test]
    fn every_kind_of_kill_occurs() {
        let transfers = plan(1, 50, LARGEST);
        let kills = || transfers.iter().flat_map(|transfer| &transfer.kills);
        let both = |all: &mut dyn Iterator<Item = bool>| {
            let all: Vec<_> = all.collect();
            all.contains(&true) && all.contains(&false)
        };
        assert!(both(&mut transfers.iter().map(|transfer| transfer.up)));
        assert!(both(&mut kills().map(|kill| kill.elsewhere)));
        assert!(both(&mut kills().map(|kill| kill.pause == LONG_PAUSE)));
    }
}
