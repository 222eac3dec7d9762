use deskside_protocol::session::End;
use deskside_protocol::statement::State;

use super::*;

const HALF: Half = Half { stream: 4, from: End::Agent };

fn piece(offset: u64, bytes: &'static [u8], fin: bool) -> (u64, Bytes, bool) {
    (offset, Bytes::from_static(bytes), fin)
}

fn claim(offset: u64, bytes: &[u8]) -> Claim {
    Claim { by: End::Technician, offset, hash: *blake3::hash(bytes).as_bytes(), state: State::Open }
}

#[test]
fn a_stream_has_one_end() {
    let mut streams = Streams::default();
    assert!(!streams.data(HALF, piece(0, b"abc", false), 3, 1).two_ends);
    assert!(streams.data(HALF, piece(0, b"ab", true), 2, 1).two_ends);
    let mut streams = Streams::default();
    streams.data(HALF, piece(3, b"d", true), 1, 5);
    assert!(streams.data(HALF, piece(3, b"de", false), 2, 6).two_ends);
    let whole = streams.data(HALF, piece(0, b"abc", false), 3, 7);
    assert_eq!(whole.whole, Some((4, 7)));
    assert!(streams.data(HALF, piece(2, b"cde", false), 3, 8).two_ends, "after its end too");
    assert!(!streams.data(HALF, piece(2, b"cd", true), 2, 9).two_ends);
    assert_eq!(streams.reset(HALF, 9).0, None);
}

#[test]
fn what_was_given_up_ends_where_it_was() {
    let mut streams = Streams::default();
    streams.data(HALF, piece(0, b"abc", false), 3, 1);
    streams.data(HALF, piece(5, b"f", false), 1, 2);
    assert_eq!(streams.gaps().collect::<Vec<_>>(), [(HALF, (3, 5), 2)]);
    let (delivered, outcome) = streams.reset(HALF, 9);
    assert_eq!((delivered, outcome.two_ends), (Some(3), false));
    assert_eq!((streams.ahead_bytes, streams.recent_bytes, streams.open(End::Agent)), (0, 3, 0));
    assert_eq!(streams.compare(HALF, &claim(3, b"abc"), 7), Agreement::Proven);
    // The technician had read no further when it was given up.
    assert_eq!(streams.compare(HALF, &claim(2, b"ab"), 7), Agreement::Proven);
    let disputed = Agreement::Disputed(Party::Secrets(End::Technician));
    assert_eq!(streams.compare(HALF, &claim(2, b"aX"), 7), disputed);
    assert_eq!(streams.compare(HALF, &claim(5, b"abc??"), 7), Agreement::Consistent);
}

#[test]
fn what_ended_stays_in_memory_until_there_is_no_room() {
    let mut streams = Streams::default();
    let megabyte = Bytes::from(vec![7; 1024 * 1024]);
    let half = |number: u64| Half { stream: 4 * number, from: End::Agent };
    for number in 0..40 {
        streams.data(half(number), (0, megabyte.clone(), false), megabyte.len(), 0);
        streams.data(half(number), (1 << 20, megabyte.slice(..4), true), megabyte.len(), 0);
    }
    assert!(streams.recent_bytes <= MAX_RECENT && streams.recent_bytes > MAX_RECENT / 2);
    let in_memory: usize =
        streams.ended.values().flat_map(|it| &it.rest).map(|it| it.in_memory()).sum();
    assert_eq!(in_memory, streams.recent_bytes);
    // The oldest have their ends alone.
    let all = claim(megabyte.len() as u64, &megabyte);
    assert_eq!(streams.compare(half(0), &all, 7), Agreement::Consistent);
    assert_eq!(streams.compare(half(39), &all, 7), Agreement::Proven);
    let whole = claim(all.offset + 4, &[&megabyte[..], &[7; 4]].concat());
    assert_eq!(streams.compare(half(0), &whole, 7), Agreement::Proven);
}

#[test]
fn claims_are_compared_before_at_and_after_their_place() {
    let mut streams = Streams::default();
    streams.data(HALF, piece(0, b"abc", false), 3, 1);
    assert_eq!(streams.compare(HALF, &claim(2, b"ab"), 7), Agreement::Proven);
    let disputed = Agreement::Disputed(Party::Secrets(End::Technician));
    assert_eq!(streams.compare(HALF, &claim(3, b"abX"), 7), disputed);
    assert_eq!(streams.compare(HALF, &claim(5, b"abcde"), 7), Agreement::Consistent);
    assert_eq!(streams.compare(HALF, &claim(4, b"abcX"), 7), Agreement::Consistent);
    let outcome = streams.data(HALF, piece(3, b"def", true), 3, 2);
    assert_eq!(outcome.disputed, [claim(4, b"abcX")]);
    assert_eq!(streams.compare(HALF, &claim(6, b"abcdef"), 7), Agreement::Proven);
    assert_eq!(streams.tally, Tally { proven: 3, consistent: 0, disputed: 2 });
    let [all] = std::mem::take(&mut streams.stretches).finish()[..] else { panic!() };
    assert_eq!((all.time_us, all.tally, all.awaited), (7, streams.tally, 0));
    assert!(!all.is_proven());
}

/// Nobody knows which of them an end saw first.
#[test]
fn of_a_stream_with_two_ends_no_end_is_disputed() {
    let stated = Stated { by: End::Agent, offset: 2, state: State::Finished, time_us: 1 };
    for ends in [[4, 3], [3, 4]] {
        let mut streams = Streams::default();
        streams.data(HALF, piece(0, b"abc", false), 3, 1);
        let ended = ends.map(|end| streams.data(HALF, piece(end, b"", true), 0, 2).two_ends);
        assert_eq!(ended, [false, true], "{ends:?}");
        assert_eq!(streams.state(HALF, stated), (false, Vec::new()), "{ends:?}");
        assert_eq!(streams.rest(), []);
    }
    let mut streams = Streams::default();
    streams.data(HALF, piece(0, b"abcd", true), 4, 1);
    assert_eq!(streams.state(HALF, stated), (false, vec![(HALF, stated)]));
}

#[test]
fn a_stream_that_was_forgotten_does_not_begin_again() {
    let mut streams = Streams::default();
    for stream in 0..=MAX_ENDED as u64 {
        let half = Half { stream: 4 * stream, from: End::Agent };
        assert!(streams.data(half, piece(0, b"", true), 0, 0).whole.is_some());
    }
    let first = Half { stream: 0, from: End::Agent };
    streams.data(first, piece(7, b"again", false), 5, 0);
    assert_eq!((streams.gaps().count(), streams.ended.len()), (0, MAX_ENDED));
    let others = Half { stream: 0, from: End::Technician };
    assert_eq!(streams.data(others, piece(0, b"new", false), 3, 0).readable.len(), 1);
}

#[test]
fn memory_has_its_bounds() {
    let mut streams = Streams::default();
    let megabyte = Bytes::from(vec![7; 1024 * 1024]);
    for at in 0..40 {
        streams.data(HALF, (at << 20, megabyte.clone(), false), megabyte.len(), 0);
    }
    assert_eq!((streams.recent_bytes, streams.recent.len()), (MAX_RECENT, 32));
    for at in 100..140 {
        streams.data(HALF, (at << 20, megabyte.clone(), false), megabyte.len(), 0);
    }
    assert_eq!(streams.ahead_bytes, MAX_AHEAD + megabyte.len());
    for stream in 0..MAX_LIVE as u64 {
        let half = Half { stream, from: End::Technician };
        let outcome = streams.data(half, piece(0, b"", false), 0, 0);
        assert_eq!(outcome.no_room, stream == MAX_LIVE as u64 - 1);
    }
}
