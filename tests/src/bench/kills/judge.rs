//! How long it took until bytes flowed again, by what the tap saw and the recording says.

use std::collections::HashSet;

use anyhow::Context as _;

use crate::recorded::Recorded;
use crate::tap::{BULK, Hash, Seen, Way};

/// Microseconds that one death of the relay took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    /// From the relay's own record that both ends are registered until new data left it.
    pub(super) registered: u64,
    /// From the SIGKILL until new data left the relay.
    pub(super) killed: u64,
    /// From the new process's own word that it serves until new data left it.
    pub(super) ready: u64,
}

/// The gap of a relay that was killed at `killed` and served again at `ready`.
///
/// New data is a packet of bulk size that no end had sent before both were registered: what the
/// ends send again in order to be noticed is no news.
pub(super) fn gap(
    recorded: &Recorded,
    seen: &[Seen],
    killed: u64,
    ready: u64,
) -> anyhow::Result<Gap> {
    let registered = recorded.registered(killed).context("see both ends come back")?;
    let begin = seen.partition_point(|seen| seen.at < killed);
    let before: HashSet<Hash> = seen
        .iter()
        .take_while(|seen| seen.at < registered)
        .filter(|seen| seen.way == Way::ToRelay && seen.length >= BULK)
        .map(|seen| seen.hash)
        .collect();
    let flows = seen.iter().skip(begin).find(|seen| {
        seen.way == Way::FromRelay
            && seen.length >= BULK
            && seen.at >= ready.min(registered)
            && !before.contains(&seen.hash)
    });
    let flows = flows.context("see bytes flow again")?.at;
    let since = |at| flows.saturating_sub(at);
    Ok(Gap { registered: since(registered), killed: since(killed), ready: since(ready) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskside_protocol::label::Label;
    use deskside_protocol::session::End;
    use deskside_protocol::wire::record::{Event, event};

    fn seen(at: u64, way: Way, mark: u8, length: usize) -> Seen {
        let label = Label::from_bytes(&[0x80; 8]).unwrap();
        Seen { at, way, door: 0, label, length, hash: [mark; 16] }
    }

    fn backs(backs: &[(u64, End)]) -> Recorded {
        let back = |(at, end): &(u64, End)| {
            let kind = event::Kind::LegBack as i32;
            (*at, Event { kind, end: end.to_wire(), ..Event::default() })
        };
        Recorded { events: backs.iter().map(back).collect(), ..Recorded::default() }
    }

    #[test]
    fn what_is_only_sent_again_does_not_end_a_gap() {
        let recorded = backs(&[(150, End::Agent), (200, End::Technician), (900, End::Agent)]);
        let seen = [
            seen(10, Way::ToRelay, 1, 1400),
            seen(11, Way::FromRelay, 1, 1400),
            seen(90, Way::ToRelay, 2, 1400),
            // Killed at 100, ready at 140, both back at 200: the last packet comes again.
            seen(201, Way::ToRelay, 2, 1400),
            seen(202, Way::FromRelay, 2, 1400),
            seen(205, Way::FromRelay, 3, 60),
            seen(230, Way::FromRelay, 4, 1400),
        ];
        let gap = gap(&recorded, &seen, 100, 140).unwrap();
        assert_eq!(gap, Gap { registered: 30, killed: 130, ready: 90 });
    }

    #[test]
    fn a_gap_that_never_ends_is_an_error() {
        assert!(gap(&backs(&[]), &[], 100, 140).is_err());
        let recorded = backs(&[(150, End::Agent), (200, End::Technician)]);
        assert!(gap(&recorded, &[seen(11, Way::FromRelay, 1, 1400)], 100, 140).is_err());
    }
}
