use deskside_protocol::channel::Channel;
use deskside_protocol::key::SigningKey;
use deskside_protocol::session::SessionId;
use deskside_protocol::statement::{Heard, State, Stream};
use deskside_protocol::wire::message::Message;
use zeroize::Zeroizing;

use super::*;

const SECRETS: [u8; 32] = [9; 32];

fn key(byte: u8) -> SigningKey {
    SigningKey::from_seed(Zeroizing::new([byte; 32]))
}

fn stated() -> Stated {
    let keys = Ends { agent: key(1).public(), technician: key(2).public() };
    Stated::new(Some(keys), [(0, SECRETS)])
}

fn said(end: End, number: u64, previous: Option<[u8; 32]>) -> Statement {
    let stream = |way| Stream { id: 4, way, offset: 7, hash: [5; 32], state: State::Finished };
    Statement {
        number,
        previous,
        time_us: 1,
        streams: vec![stream(Way::Sent), stream(Way::Delivered)],
        last: number > 0,
        ..Statement::first(SessionId::from_bytes([3; 16]), end, 0, SECRETS)
    }
}

fn entry(from: End, signed: Signed) -> Entry {
    let message = Message { kind: Some(Kind::Statement(signed)) };
    let item = Item::Message(Box::new(message));
    let (channel, stream) = (Some(Channel::Control), Some(0));
    Entry { line: 0, from, time_us: 2, channel, stream, item }
}

/// Nothing is wrong with it, and it is to be compared.
fn is_sound(taken: &Taken) -> bool {
    taken.statement.is_some() && taken.found.is_empty()
}

#[test]
fn what_is_sound_is_claimed_and_the_last_word_is_known() {
    let mut stated = stated();
    let first = Statement { checkpoint: Some([6; 32]), ..said(End::Agent, 0, None) };
    let first = first.sign(&key(1));
    let taken = stated.take(&entry(End::Agent, first.clone())).statement.unwrap();
    let claims: Vec<_> = claims(&taken).collect();
    let halves: Vec<_> = claims.iter().map(|(half, claim)| (half.from, claim.by)).collect();
    assert_eq!(halves, [(End::Agent, End::Agent), (End::Technician, End::Agent)]);
    assert!(!stated.has_last(End::Agent));
    let next = said(End::Agent, 1, Some(statement::name(&first))).sign(&key(1));
    assert!(stated.take(&entry(End::Agent, next)).statement.is_some_and(|said| said.last));
    assert!(stated.has_last(End::Agent) && !stated.has_last(End::Technician));
    assert_eq!(stated.count(End::Agent), 2);
    assert_eq!(stated.checkpoints().collect::<Vec<_>>(), [&[6; 32]]);
    assert!(stated.lag(End::Agent) != Lag::default());
    assert_eq!(stated.lag(End::Technician), Lag::default());
}

#[test]
fn each_flaw_is_told_and_claims_nothing() {
    let first = said(End::Agent, 0, None);
    let other_secrets = Statement { secrets: [8; 32], ..first.clone() };
    let other_line = Statement { line: 1, ..first.clone() };
    let table = [
        (End::Agent, first.sign(&key(2)), StatementFlaw::Unsigned),
        (End::Technician, first.sign(&key(1)), StatementFlaw::Misplaced),
        (End::Agent, other_line.sign(&key(1)), StatementFlaw::Misplaced),
        (End::Agent, other_secrets.sign(&key(1)), StatementFlaw::Secrets),
        (End::Agent, said(End::Agent, 1, Some([4; 32])).sign(&key(1)), StatementFlaw::Unfollowed),
    ];
    let told = |by, flaw| vec![(Found::Flawed { by, flaw }, Party::Secrets(by))];
    for (from, signed, flaw) in table {
        let taken = stated().take(&entry(from, signed.clone()));
        assert_eq!((taken.statement, taken.found), (None, told(from, flaw)));
        let taken = Stated::default().take(&entry(from, signed));
        assert_eq!((taken.statement, taken.found), (None, told(from, StatementFlaw::Unpaired)));
    }
    // One that comes a second time follows nothing either.
    let mut stated = stated();
    let signed = first.sign(&key(1));
    assert!(is_sound(&stated.take(&entry(End::Agent, signed.clone()))));
    let again = stated.take(&entry(End::Agent, signed));
    assert_eq!(again.found, told(End::Agent, StatementFlaw::Unfollowed));
}

/// What the agent said last on line 0 was never acknowledged, and the technician heard it.
#[test]
fn what_died_with_its_line_is_missed_by_nobody() {
    for (number, line, previous, follows) in
        [(2, 1, [4; 32], true), (2, 0, [4; 32], false), (1, 1, [4; 32], false)]
    {
        let mut stated = stated();
        let first = said(End::Agent, 0, None).sign(&key(1));
        stated.take(&entry(End::Agent, first));
        let later = Statement { line, ..said(End::Agent, number, Some(previous)) };
        let later = Entry { line, ..entry(End::Agent, later.sign(&key(1))) };
        assert_eq!(is_sound(&stated.take(&later)), follows, "{number} on {line}");
    }
}

/// In whichever order they come: the technician names a statement of the agent's.
#[test]
fn what_an_end_heard_is_what_the_other_one_said_or_unknown() {
    let first = said(End::Agent, 0, None).sign(&key(1));
    let name = statement::name(&first);
    let next = said(End::Agent, 1, Some(name)).sign(&key(1));
    let heard = |number, name| {
        let heard = Some(Heard { number, name });
        let said = Statement { heard, ..said(End::Technician, 0, None) };
        entry(End::Technician, said.sign(&key(2)))
    };
    for (number, name, sound) in [
        (0, name, true),
        (0, [4; 32], false),
        (1, statement::name(&next), true),
        (1, name, false),
        (2, [4; 32], true),
    ] {
        let agents = [entry(End::Agent, first.clone()), entry(End::Agent, next.clone())];
        for at in 0..=2 {
            let mut entries = agents.to_vec();
            entries.insert(at, heard(number, name));
            let mut stated = stated();
            let taken: Vec<_> = entries.iter().map(|entry| stated.take(entry)).collect();
            assert!(taken.iter().all(|taken| taken.statement.is_some()));
            let found: Vec<_> = taken.into_iter().flat_map(|taken| taken.found).collect();
            let (by, from) = (End::Technician, End::Agent);
            let other = (Found::Heard { by, from, number }, Party::Ends);
            assert_eq!(found, Vec::from_iter((!sound).then_some(other)), "{at}");
        }
    }
}

/// The agent's first statement was lost; its next one names it.
#[test]
fn one_that_is_not_here_is_known_by_the_next() {
    for (name, sound) in [([4; 32], true), ([5; 32], false)] {
        let mut stated = stated();
        stated.line = 1;
        let next = Statement { line: 1, ..said(End::Agent, 1, Some([4; 32])) };
        let heard = Some(Heard { number: 0, name });
        let other = Statement { line: 1, heard, ..said(End::Technician, 0, None) };
        let both = [(End::Agent, next, 1, true), (End::Technician, other, 2, sound)];
        for (from, said, own, sound) in both {
            let entry = Entry { line: 1, ..entry(from, said.sign(&key(own))) };
            let taken = stated.take(&entry);
            assert_eq!((taken.statement.is_some(), is_sound(&taken)), (true, sound));
        }
    }
}
