//! Two ends over one line in memory: what both say fits, whatever is cut, late or broken off; and
//! each lie is a difference of its own.

use proptest::prelude::*;
use prost::Message as _;
use zeroize::Zeroizing;

use super::*;
use crate::key::SigningKey;
use crate::session::{End, SessionId};
use crate::wire::record::Signed;

const SECRETS: [u8; 32] = [5; 32];
const UP: u64 = 4;

fn key(byte: u8) -> SigningKey {
    SigningKey::from_seed(Zeroizing::new([byte; 32]))
}

fn parties(end: End) -> Parties {
    let (own, peer) = match end {
        End::Agent => (key(1), key(2)),
        End::Technician => (key(2), key(1)),
    };
    let session = SessionId::from_bytes([9; 16]);
    Parties { session, end, key: own, peer: peer.public() }
}

/// One end with its ledger.
struct Half {
    exchange: Exchange,
    ledger: Ledger,
}

impl Half {
    fn new(end: End, line: u16, kept: Option<Tail>) -> Self {
        let mut exchange = Exchange::new(parties(end), kept);
        exchange.begin_line(line);
        Self { exchange, ledger: Ledger::new(SECRETS) }
    }

    fn on(mut self, line: u16) -> Self {
        self.exchange.begin_line(line);
        self.ledger = Ledger::new(SECRETS);
        self
    }

    fn says(&mut self) -> Signed {
        self.exchange.say(&mut self.ledger, 7, false).unwrap().signed
    }

    fn says_last(&mut self) -> Signed {
        self.ledger.freeze();
        self.exchange.say(&mut self.ledger, 7, true).unwrap().signed
    }

    fn hears(&mut self, signed: &Signed) -> Result<Statement, Difference> {
        self.exchange.hear(&mut self.ledger, signed)
    }

    fn sends(&mut self, id: u64, bytes: &[u8]) {
        self.ledger.opened((id, Way::Sent), false);
        self.ledger.count((id, Way::Sent), bytes);
    }

    fn delivers(&mut self, id: u64, bytes: &[u8]) {
        self.ledger.opened((id, Way::Delivered), false);
        self.ledger.count((id, Way::Delivered), bytes);
    }
}

fn pair() -> (Half, Half) {
    (Half::new(End::Agent, 0, None), Half::new(End::Technician, 0, None))
}

/// A statement of the technician's that says what the closure makes of a true one.
fn lie(technician: &mut Half, change: impl FnOnce(&mut Statement)) -> Signed {
    let signed = technician.says();
    let body = crate::wire::record::Statement::decode(signed.body).unwrap();
    let mut statement = Statement::from_wire(&body).unwrap();
    change(&mut statement);
    statement.sign(&key(2))
}

#[test]
fn what_both_say_fits_and_names_the_other_s() {
    let (mut agent, mut technician) = pair();
    technician.sends(UP, b"hello");
    agent.delivers(UP, b"hel");
    let first = technician.says();
    assert_eq!(agent.hears(&first).unwrap().streams[0].offset, 5);
    let answer = agent.says();
    let read = technician.hears(&answer).unwrap();
    assert_eq!(read.heard, Some(Heard { number: 0, name: name(&first) }));
    assert_eq!((read.number, read.previous), (0, None));
    technician.ledger.ended((UP, Way::Sent), State::Finished);
    agent.delivers(UP, b"lo");
    agent.ledger.ended((UP, Way::Delivered), State::Finished);
    let last = technician.says_last();
    assert!(agent.hears(&last).unwrap().last);
    assert!(!agent.exchange.is_complete());
    let before = name(&answer);
    let answer = agent.says_last();
    assert_eq!(technician.hears(&answer).unwrap().previous, Some(before));
    assert!(agent.exchange.is_complete() && technician.exchange.is_complete());
    assert!(agent.exchange.say(&mut agent.ledger, 8, false).is_none(), "that was the last");
}

#[test]
fn each_lie_is_a_difference_of_its_own() {
    type Change = fn(&mut Statement);
    let lies: [(Difference, Change); 11] = [
        (Difference::Misplaced, |said| said.line = 1),
        (Difference::Misplaced, |said| said.session = SessionId::from_bytes([8; 16])),
        (Difference::Secrets, |said| said.secrets = [6; 32]),
        (Difference::Chain, |said| (said.number, said.previous) = (1, Some([1; 32]))),
        (Difference::Heard, |said| said.heard = Some(Heard { number: 1, name: [1; 32] })),
        (Difference::Heard, |said| said.heard = Some(Heard { number: 0, name: [1; 32] })),
        (Difference::Content { id: 8 }, |said| said.streams[1].hash = [0; 32]),
        (Difference::Amount { id: 8 }, |said| said.streams[1].offset = 4),
        (Difference::Ended { id: 8 }, |said| said.streams[1].state = State::Finished),
        (Difference::Content { id: 4 }, |said| said.streams[0].hash = [0; 32]),
        (Difference::Datagrams, |said| {
            let delivered = Tally { count: 1, sum: [0; 32] };
            said.datagrams = Some(Datagrams { delivered, ..Datagrams::default() });
        }),
    ];
    for (difference, change) in lies {
        let (mut agent, mut technician) = pair();
        technician.sends(UP, b"hello");
        agent.delivers(UP, b"hello");
        agent.sends(8, b"abc");
        agent.sends(8, b"def");
        agent.ledger.datagram(Way::Sent, b"here");
        technician.delivers(8, b"abcdef");
        agent.says();
        if matches!(difference, Difference::Amount { .. }) {
            // Four bytes are fewer than were delivered, and it says that was all.
            agent.delivers(UP, b"!");
            let false_end = lie(&mut technician, |said| said.streams[0].state = State::Finished);
            assert_eq!(agent.hears(&false_end), Err(Difference::Amount { id: UP }));
            let (mut agent, mut technician) = pair();
            agent.sends(8, b"abc");
            technician.delivers(8, b"abcd");
            assert_eq!(agent.hears(&technician.says()), Err(difference));
            continue;
        }
        assert_eq!(agent.hears(&lie(&mut technician, change)), Err(difference));
    }
}

#[test]
fn nobody_else_speaks_for_an_end() {
    let (mut agent, mut technician) = pair();
    let mut signed = technician.says();
    assert_eq!(agent.exchange.say(&mut agent.ledger, 7, false).map(|said| said.more), Some(false));
    let own = agent.says();
    assert_eq!(agent.hears(&own), Err(Difference::Misplaced), "its own word comes back");
    signed.signature = own.signature;
    let unsigned = Difference::Unsound(StatementError::Signature);
    assert_eq!(agent.hears(&signed), Err(unsigned));
    signed.body = vec![0; MAX_STATEMENT + 1].into();
    assert_eq!(agent.hears(&signed), Err(Difference::Unsound(StatementError::TooLong)));
}

#[test]
fn what_was_said_is_not_taken_back() {
    let (mut agent, mut technician) = pair();
    technician.sends(UP, b"hello");
    technician.ledger.ended((UP, Way::Sent), State::Finished);
    agent.hears(&technician.says()).unwrap();
    technician.ledger.ended((UP, Way::Sent), State::Reset);
    agent.hears(&technician.says()).unwrap();
    let again = Stream { id: UP, way: Way::Sent, offset: 6, hash: [0; 32], state: State::Open };
    let back = lie(&mut technician, |said| said.streams.push(again));
    assert_eq!(agent.hears(&back), Err(Difference::Backwards { id: UP, way: Way::Sent }));
    let known = lie(&mut technician, |said| {
        said.number = 0;
        said.previous = None;
    });
    assert_eq!(agent.hears(&known), Err(Difference::Chain));
    let last = pair();
    let (mut agent, mut technician) = last;
    agent.hears(&technician.says_last()).unwrap();
    let behind = Statement {
        number: 1,
        previous: technician.exchange.tail().statement_of(End::Technician),
        last: false,
        ..open(technician.exchange.tail().own.as_ref().unwrap(), &parties(End::Agent).keys())
            .unwrap()
    };
    assert_eq!(agent.hears(&behind.sign(&key(2))), Err(Difference::AfterLast));
}

#[test]
fn a_program_that_was_restarted_goes_on_with_number_and_chain() {
    let (mut agent, mut technician) = pair();
    agent.hears(&technician.says()).unwrap();
    let unheard = technician.says();
    technician.hears(&agent.says()).unwrap();
    let kept = Tail::decode(&technician.exchange.tail().encode(1)).unwrap();
    assert_eq!(kept, *technician.exchange.tail());
    // Its statement 1 was signed and kept, and died with the line.
    let mut technician = Half::new(End::Technician, 1, Some(kept));
    let mut agent = agent.on(1);
    let first = technician.says();
    let read = agent.hears(&first).unwrap();
    assert_eq!((read.number, read.previous), (2, Some(name(&unheard))));
    assert_eq!(read.heard.map(|heard| heard.number), Some(0));
    let next = lie(&mut technician, |said| said.number = 9);
    assert_eq!(agent.hears(&next), Err(Difference::Chain), "once it speaks nothing is missing");
}

#[test]
fn a_program_that_forgot_what_it_said_is_found_out() {
    let (mut agent, mut technician) = pair();
    agent.hears(&technician.says()).unwrap();
    let mut forgetful = Half::new(End::Technician, 1, None);
    assert_eq!(agent.on(1).hears(&forgetful.says()), Err(Difference::Chain));
    let foreign =
        Tail { session: SessionId::from_bytes([1; 16]), ..technician.exchange.tail().clone() };
    let mut fresh = Exchange::new(parties(End::Technician), Some(foreign));
    fresh.begin_line(0);
    let first = fresh.say(&mut Ledger::new(SECRETS), 1, false).unwrap().signed;
    assert_eq!(open(&first, &parties(End::Agent).keys()).unwrap().number, 0);
}

#[test]
fn more_streams_than_fit_are_stated_in_several() {
    let (mut agent, mut technician) = pair();
    let many = MAX_STREAMS as u64 + 5;
    for id in 0..many {
        technician.sends(id, b"x");
        technician.ledger.ended((id, Way::Sent), State::Finished);
        agent.delivers(id, b"x");
        agent.ledger.ended((id, Way::Delivered), State::Finished);
    }
    technician.ledger.freeze();
    assert!(technician.ledger.is_due());
    let first = technician.exchange.say(&mut technician.ledger, 7, true).unwrap();
    assert!(first.more && first.signed.body.len() < MAX_STATEMENT);
    assert!(!agent.hears(&first.signed).unwrap().last);
    let second = technician.exchange.say(&mut technician.ledger, 7, true).unwrap();
    assert!(!second.more);
    let read = agent.hears(&second.signed).unwrap();
    assert!(read.last && read.streams.len() == 5);
    while let Some(said) = agent.exchange.say(&mut agent.ledger, 7, true) {
        technician.hears(&said.signed).unwrap();
    }
    assert!(technician.exchange.is_complete());
}

#[test]
fn a_quiet_stream_is_stated_and_asks_for_nothing() {
    let mut ledger = Ledger::new(SECRETS);
    ledger.opened((0, Way::Sent), true);
    ledger.count((0, Way::Sent), b"a statement");
    assert!(!ledger.has_news());
    ledger.freeze();
    assert!(!ledger.is_frozen((0, Way::Sent)) && ledger.is_frozen((4, Way::Sent)));
    ledger.touch();
    assert!(ledger.has_news());
    assert_eq!(ledger.take().0[0].offset, 11);
    assert!(!ledger.has_news());
}

#[test]
fn a_peer_that_takes_no_statements_gets_nothing_more() {
    let mut ledger = Ledger::new(SECRETS);
    for id in 0..20_000 {
        if !ledger.is_frozen((id, Way::Sent)) {
            ledger.opened((id, Way::Sent), false);
            ledger.count((id, Way::Sent), b"x");
        }
    }
    let mut stated = 0;
    loop {
        let (streams, _) = ledger.take();
        stated += streams.len();
        if !ledger.has_more() {
            break;
        }
    }
    assert_eq!(stated, 8192);
}

proptest! {
    /// However the bytes of some streams are cut, delayed and broken off, and whenever statements
    /// are made on the way, no honest end is ever found to lie, and the last statements agree.
    #[test]
    fn honest_ends_never_differ(
        steps in proptest::collection::vec((0u8..8, 0u64..4, 1usize..3000), 1..120)
    ) {
        let (mut agent, mut technician) = pair();
        // What is on its way, and whether the stream was finished behind it.
        let mut way: Vec<(Vec<u8>, bool)> = vec![(Vec::new(), false); 4];
        let mut said: std::collections::VecDeque<(End, Signed)> = std::collections::VecDeque::new();
        for (step, id, size) in steps {
            let at = usize::try_from(id).unwrap();
            match step {
                0..=2 if !way[at].1 => {
                    let bytes = vec![step; size];
                    technician.sends(id, &bytes);
                    way[at].0.extend_from_slice(&bytes);
                }
                3 | 4 => {
                    let size = size.min(way[at].0.len());
                    let bytes: Vec<u8> = way[at].0.drain(..size).collect();
                    agent.delivers(id, &bytes);
                    if way[at].1 && way[at].0.is_empty() {
                        agent.ledger.ended((id, Way::Delivered), State::Finished);
                    }
                }
                5 if size > 2500 => {
                    way[at].1 = true;
                    technician.ledger.ended((id, Way::Sent), State::Finished);
                }
                6 => said.push_back((End::Technician, technician.says())),
                7 => said.push_back((End::Agent, agent.says())),
                _ => if let Some((by, signed)) = said.pop_front() {
                    let other = if by == End::Agent { &mut technician } else { &mut agent };
                    prop_assert!(other.hears(&signed).is_ok());
                },
            }
        }
        said.push_back((End::Technician, technician.says_last()));
        said.push_back((End::Agent, agent.says_last()));
        for (by, signed) in said {
            let other = if by == End::Agent { &mut technician } else { &mut agent };
            prop_assert!(other.hears(&signed).is_ok());
        }
        prop_assert!(agent.exchange.is_complete() && technician.exchange.is_complete());
    }

    #[test]
    fn a_statement_reads_as_it_was_signed_and_no_changed_byte_passes(
        number in any::<u64>(), offset in any::<u64>(), last in any::<bool>(), at in any::<usize>(),
    ) {
        let statement = Statement {
            session: SessionId::from_bytes([9; 16]),
            end: End::Agent,
            line: 3,
            number,
            previous: (number > 0).then_some([1; 32]),
            secrets: SECRETS,
            time_us: 4,
            heard: Some(Heard { number, name: [2; 32] }),
            checkpoint: None,
            streams: vec![Stream { id: 2, way: Way::Sent, offset, hash: [3; 32], state: State::Reset }],
            datagrams: Some(Datagrams::default()),
            last,
        };
        let keys = parties(End::Agent).keys();
        let signed = statement.sign(&key(1));
        prop_assert_eq!(open(&signed, &keys), Ok(statement));
        let mut body = signed.body.to_vec();
        let at = at % body.len();
        body[at] ^= 1;
        let changed = Signed { body: body.into(), ..signed };
        prop_assert!(open(&changed, &keys).is_err());
    }
}
