//! An end's statements over all lines of a session: when one is due, what is said in it, what the
//! other end says, and the file that both are kept in. Which stream they travel on, and what becomes
//! of a session whose ends differ, is the end's own to do.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use deskside_protocol::statement::{Difference, EVERY, Exchange, Parties, Tail};
use deskside_protocol::wire::record::Signed;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::Line;
use crate::ledger::Ledger;
use crate::tails::Tails;

/// The text of the relay's last checkpoint that this end has signed.
pub type Checkpoint = watch::Receiver<Option<Arc<str>>>;

/// One end's half of a session's statements. A clone is the same.
#[allow(missing_debug_implementations, reason = "holds a secret key")]
#[derive(Clone)]
pub struct Statements(Arc<Shared>);

struct Shared {
    exchange: Mutex<Exchange>,
    checkpoint: Checkpoint,
    tails: Option<Tails>,
    /// Nothing is recorded any more.
    over: AtomicBool,
    warned: AtomicBool,
}

impl Statements {
    /// Of a session that begins; or that goes on in this process, where `tails` has what the process
    /// before has said.
    #[must_use]
    pub fn new(parties: Parties, checkpoint: Checkpoint, tails: Option<Tails>) -> Self {
        let (over, warned) = (AtomicBool::new(false), AtomicBool::new(false));
        let kept = tails.as_ref().and_then(|tails| {
            if let Err(error) = tails.prune(SystemTime::now()) {
                tracing::debug!(%error, "what was kept of old sessions stays");
            }
            let read = tails.read(parties.session);
            read.inspect_err(|error| tracing::warn!(%error, "what was stated cannot be read"))
                .ok()?
        });
        let exchange = Mutex::new(Exchange::new(parties, kept));
        Self(Arc::new(Shared { exchange, checkpoint, tails, over, warned }))
    }

    /// On another line, whose number is `number`. Numbers and chains go on. On a line that is not
    /// counted nothing is stated.
    #[must_use]
    pub fn on(&self, line: &Line, number: u16) -> Stating {
        let ledger = line.ledger().cloned();
        if ledger.is_some() {
            self.exchange().begin_line(number);
        }
        Stating {
            statements: self.clone(),
            ledger,
            next: Instant::now() + EVERY,
            more: false,
            done: false,
        }
    }

    /// The relay records nothing any more: nothing more is stated.
    pub fn unrecorded(&self) {
        self.0.over.store(true, Ordering::Relaxed);
    }

    /// The last that was said and heard.
    #[must_use]
    pub fn tail(&self) -> Tail {
        let mut exchange = self.exchange();
        self.0.look(&mut exchange);
        exchange.tail().clone()
    }

    /// Keeps the tail as it is: for the checkpoints that came since the last statement.
    pub fn keep(&self) {
        let tail = self.tail();
        let stated = tail.own.is_some() || tail.other.is_some();
        if stated {
            self.0.keep(&tail);
        }
    }

    fn exchange(&self) -> MutexGuard<'_, Exchange> {
        self.0.exchange.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn look(&self, exchange: &mut Exchange) {
        if let Some(text) = self.checkpoint.borrow().as_deref() {
            exchange.checkpoint(text);
        }
    }

    /// A tail that cannot be kept is no reason to end a session; it cannot be gone on with then.
    fn keep(&self, tail: &Tail) {
        let Some(tails) = &self.tails else { return };
        if let Err(error) = tails.write(tail)
            && !self.warned.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(%error, "what is stated of this session is not kept on this computer");
        }
    }
}

/// The statements on one line.
#[allow(missing_debug_implementations, reason = "holds a secret key")]
pub struct Stating {
    statements: Statements,
    /// `None` where the line is not recorded.
    ledger: Option<Ledger>,
    next: Instant,
    /// The last one did not have room for everything.
    more: bool,
    /// The last of all was made.
    done: bool,
}

impl Stating {
    /// Waits until a statement is due. Loses nothing when cancelled.
    pub async fn due(&mut self) {
        let Some(ledger) = &self.ledger else { return std::future::pending().await };
        while !self.more {
            tokio::select! {
                () = sleep_until(self.next) => {
                    self.next = Instant::now() + EVERY;
                    if ledger.lock().has_news() {
                        break;
                    }
                }
                () = ledger.due() => break,
            }
        }
        if self.done || self.is_over() {
            std::future::pending().await
        }
    }

    /// The next statement, to be sent before anything else is said on the same stream. It is kept
    /// already. `None` where nothing is stated.
    pub fn say(&mut self) -> Option<Signed> {
        self.make(false)
    }

    /// Lets nothing more go over the line but what its control stream carries, and makes what is
    /// left to be stated: the last statement is the last of these. Nothing where it was made before.
    pub fn say_last(&mut self) -> Vec<Signed> {
        if let Some(ledger) = &self.ledger {
            ledger.lock().freeze();
        }
        self.done = true;
        std::iter::from_fn(|| self.make(true)).collect()
    }

    /// Checks what the other end says. Gives whether that was its last one.
    ///
    /// # Errors
    /// [`Difference`]: the session cannot go on.
    pub fn hear(&mut self, signed: &Signed) -> Result<bool, Difference> {
        let Some(ledger) = self.ledger.as_ref().filter(|_| !self.is_over()) else {
            return Ok(false);
        };
        let mut exchange = self.statements.exchange();
        let said = exchange.hear(&mut ledger.lock(), signed)?;
        let tail = exchange.tail().clone();
        drop(exchange);
        self.statements.0.keep(&tail);
        Ok(said.last)
    }

    /// Something else than a statement was said on the control stream.
    pub fn touch(&self) {
        if let Some(ledger) = &self.ledger {
            ledger.lock().touch();
        }
    }

    /// Whether both ends have made their last statement; also where none is made.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.ledger.is_none() || self.is_over() || self.statements.exchange().is_complete()
    }

    fn make(&mut self, last: bool) -> Option<Signed> {
        let ledger = self.ledger.as_ref().filter(|_| !self.is_over())?;
        self.next = Instant::now() + EVERY;
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let micros = now.map_or(0, |now| u64::try_from(now.as_micros()).unwrap_or(u64::MAX));
        let mut exchange = self.statements.exchange();
        self.statements.0.look(&mut exchange);
        let said = exchange.say(&mut ledger.lock(), micros, last)?;
        self.more = said.more;
        let tail = exchange.tail().clone();
        drop(exchange);
        // Before it is sent: whoever is restarted never says another thing under the same number.
        self.statements.0.keep(&tail);
        Some(said.signed)
    }

    fn is_over(&self) -> bool {
        self.statements.0.over.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
#[path = "statements_tests.rs"]
mod tests;
