//! One end's half of the exchange, over all lines of a session: its own statements, numbered and
//! chained, and the check of the other end's against them and against the ledger.

use std::collections::VecDeque;

use super::difference::Difference;
use super::form::{Heard, Statement, open};
use super::ledger::Ledger;
use super::{Tail, name};
use crate::key::{PublicKey, SigningKey};
use crate::session::{End, Ends, SessionId};
use crate::wire::record::Signed;

/// Own statements whose names are known still, to compare with what the other end says that it
/// heard: more are never on their way but where a line was lost.
const NAMES: usize = 64;

/// Who states to whom.
#[allow(missing_debug_implementations, reason = "holds a secret key")]
#[derive(Clone)]
pub struct Parties {
    /// The session.
    pub session: SessionId,
    /// Which end we are.
    pub end: End,
    /// Our session key.
    pub key: SigningKey,
    /// The other end's.
    pub peer: PublicKey,
}

impl Parties {
    const fn other(&self) -> End {
        self.end.other()
    }

    /// The session keys of both ends.
    #[must_use]
    pub const fn keys(&self) -> Ends<PublicKey> {
        let mut keys = Ends { agent: self.peer, technician: self.peer };
        *keys.of_mut(self.end) = self.key.public();
        keys
    }
}

/// Where the exchange is on the line of the moment.
#[derive(Debug, Clone, Copy)]
struct OnLine {
    line: u16,
    /// The other end has said something on it.
    heard: bool,
    said_last: bool,
    heard_last: bool,
}

/// A statement of ours, to be sent.
#[derive(Debug, Clone)]
pub struct Said {
    /// As it is sent.
    pub signed: Signed,
    /// There is more to state: the next one follows at once.
    pub more: bool,
}

/// One end's half of the exchange.
#[allow(missing_debug_implementations, reason = "holds a secret key")]
pub struct Exchange {
    parties: Parties,
    tail: Tail,
    /// The number of our next statement.
    next: u64,
    /// Our last ones, the newest last.
    names: VecDeque<Heard>,
    /// The other end's last one.
    heard: Option<Heard>,
    line: Option<OnLine>,
}

impl Exchange {
    /// At a session's beginning; or where an earlier process of this program left it, with what that
    /// one has kept. A tail that is not this session's and this end's counts for nothing.
    #[must_use]
    pub fn new(parties: Parties, kept: Option<Tail>) -> Self {
        let (session, end) = (parties.session, parties.end);
        let kept = kept.filter(|tail| tail.session == session && tail.end == end);
        let mut tail = kept.unwrap_or_else(|| Tail::new(session, end));
        let keys = parties.keys();
        let last = |signed: &Option<Signed>, of: End| {
            let signed = signed.as_ref()?;
            let read = open(signed, &keys).ok()?;
            let own = read.session == session && read.end == of;
            own.then(|| Heard { number: read.number, name: name(signed) })
        };
        let own = last(&tail.own, end);
        let heard = last(&tail.other, parties.other());
        if own.is_none() {
            tail.own = None;
        }
        if heard.is_none() {
            tail.other = None;
        }
        let next = own.map_or(0, |own| own.number.saturating_add(1));
        Self { parties, tail, next, names: own.into_iter().collect(), heard, line: None }
    }

    /// There is another line. Numbers and chains go on.
    pub const fn begin_line(&mut self, line: u16) {
        let begun = OnLine { line, heard: false, said_last: false, heard_last: false };
        self.line = Some(begun);
    }

    /// What is to be kept of it.
    #[must_use]
    pub const fn tail(&self) -> &Tail {
        &self.tail
    }

    /// The relay's last checkpoint, which this end has signed.
    pub fn checkpoint(&mut self, text: &str) {
        if self.tail.checkpoint.as_deref() != Some(text) {
            self.tail.checkpoint = Some(text.to_owned());
        }
    }

    /// Our next statement: what changed in the ledger, at `time_us` (microseconds since the epoch).
    /// Where it is to be the last the ledger has to be frozen. `None` behind the last one, and where
    /// there is no line.
    pub fn say(&mut self, ledger: &mut Ledger, time_us: u64, last: bool) -> Option<Said> {
        let on = self.line.as_mut().filter(|on| !on.said_last)?;
        let (streams, datagrams) = ledger.take();
        let more = ledger.has_more();
        on.said_last = last && !more;
        let statement = Statement {
            session: self.parties.session,
            end: self.parties.end,
            line: on.line,
            number: self.next,
            previous: self.names.back().map(|own| own.name),
            secrets: *ledger.secrets(),
            time_us,
            heard: self.heard,
            checkpoint: self.tail.checkpoint_sha256(),
            streams,
            datagrams,
            last: on.said_last,
        };
        let signed = statement.sign(&self.parties.key);
        self.names.push_back(Heard { number: self.next, name: name(&signed) });
        if self.names.len() > NAMES {
            self.names.pop_front();
        }
        self.next = self.next.saturating_add(1);
        self.tail.own = Some(signed.clone());
        Some(Said { signed, more })
    }

    /// The other end's next statement: checked, compared, and kept.
    ///
    /// # Errors
    /// [`Difference`]: the session ends, and nothing of the statement is kept.
    pub fn hear(&mut self, ledger: &mut Ledger, signed: &Signed) -> Result<Statement, Difference> {
        let said = open(signed, &self.parties.keys())?;
        let on = self.line.ok_or(Difference::Misplaced)?;
        let place = (said.session, said.end, said.line);
        if place != (self.parties.session, self.parties.other(), on.line) {
            return Err(Difference::Misplaced);
        }
        if said.secrets != *ledger.secrets() {
            return Err(Difference::Secrets);
        }
        if on.heard_last {
            return Err(Difference::AfterLast);
        }
        if !self.follows(&said, on) {
            return Err(Difference::Chain);
        }
        if !said.heard.is_none_or(|heard| self.made(heard)) {
            return Err(Difference::Heard);
        }
        ledger.compare(&said)?;
        self.heard = Some(Heard { number: said.number, name: name(signed) });
        self.tail.other = Some(signed.clone());
        self.line = Some(OnLine { heard: true, heard_last: said.last, ..on });
        Ok(said)
    }

    /// Whether both ends have made their last statement on the line of the moment.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.line.is_some_and(|on| on.said_last && on.heard_last)
    }

    /// Whether it is the one that has to come now. What was on its way when the line before was lost
    /// never came: the first on a later line may be further on.
    fn follows(&self, said: &Statement, on: OnLine) -> bool {
        let later = on.line > 0 && !on.heard;
        match self.heard {
            None => said.number == 0 || later,
            Some(heard) if said.number == heard.number.saturating_add(1) => {
                said.previous == Some(heard.name)
            }
            Some(heard) => later && said.number > heard.number,
        }
    }

    /// Whether we made the statement that the other end says it heard.
    fn made(&self, heard: Heard) -> bool {
        let known = self.names.iter().find(|own| own.number == heard.number);
        known.map_or(heard.number < self.next, |own| own.name == heard.name)
    }
}
