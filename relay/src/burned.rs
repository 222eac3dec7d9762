//! Codes that a technician burned, and what follows: two on one ticket lock him there for a while,
//! ten anywhere for a day.
//!
//! A burned code is one that was spent on a wrong guess: the user's program said that whoever tried
//! did not have it. Most often that is a slip; a guesser gets no further than these numbers, and the
//! user, the technician and the ticket are told of each one. The rule itself is a pure function of
//! times; it stands in the database, so a restart of the relay lifts nothing.

use deskside_protocol::code::Nameplate;
use thiserror::Error;

use crate::clock;
use crate::desk::DeskError;
use crate::limits::Run;
use crate::relay::Relay;
use crate::store::{Burned, StoreError};

/// So many on one ticket lock a technician there.
pub const MOST_HERE: usize = 2;
/// For so long from the last one on, in seconds; further apart they do not count together.
pub const LOCK_SECONDS: u64 = 15 * 60;
/// So many on any tickets lock a technician everywhere: with 10^6 secrets the chance of one hit is
/// 1 in 100,000 a day.
pub const MOST_ANYWHERE: usize = 10;
/// Until the oldest of them is so old, in seconds.
pub const LONG_LOCK_SECONDS: u64 = 24 * 60 * 60;

/// Who may not try for a while.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Locked {
    #[error(
        "{MOST_HERE} codes failed in your name on ticket {ticket}: you can try again there in {}, \
         or a lead or admin lifts the lock: deskside technician unlock {login}", wait(*.seconds)
    )]
    Here { login: String, ticket: String, seconds: u64 },
    #[error(
        "{MOST_ANYWHERE} codes failed in your name within a day: you can try again in {}, or a \
         lead or admin lifts the lock: deskside technician unlock {login}", wait(*.seconds)
    )]
    Anywhere { login: String, seconds: u64 },
    #[error(
        "another code is being tried in your name on ticket {ticket}: wait for what comes of it"
    )]
    Trying { ticket: String },
}

/// "14 minutes", "5 hours".
fn wait(seconds: u64) -> String {
    let (count, unit) = match seconds.div_ceil(60) {
        minutes @ 0..=90 => (minutes.max(1), "minute"),
        minutes => (minutes.div_ceil(60), "hour"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// Why a technician gets no try.
#[derive(Debug, Error)]
pub(crate) enum NoTry {
    #[error(transparent)]
    Locked(#[from] Locked),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Seconds that a lock on this ticket still lasts. `times` has the newest first.
fn locked_here(times: &[u64], now: u64) -> Option<u64> {
    let (last, first) = (times.first()?, times.get(MOST_HERE - 1)?);
    let ends = last.saturating_add(LOCK_SECONDS);
    (last.saturating_sub(*first) <= LOCK_SECONDS && now < ends).then(|| ends - now)
}

/// Seconds that a lock on all tickets still lasts.
fn locked_anywhere(times: &[u64], now: u64) -> Option<u64> {
    let ends = times.get(MOST_ANYWHERE - 1)?.saturating_add(LONG_LOCK_SECONDS);
    (now < ends).then(|| ends - now)
}

/// How many on this ticket would lock together with another one now.
fn counting(times: &[u64], now: u64) -> usize {
    times.iter().filter(|at| now.saturating_sub(**at) <= LOCK_SECONDS).count()
}

struct Times {
    here: Vec<u64>,
    anywhere: Vec<u64>,
}

impl Times {
    fn of(burned: &[Burned], ticket: &str) -> Self {
        let here = burned.iter().filter(|one| one.ticket == ticket).map(|one| one.at);
        Self { here: here.collect(), anywhere: burned.iter().map(|one| one.at).collect() }
    }

    async fn read(relay: &Relay, login: &str, ticket: &str, now: u64) -> Result<Self, StoreError> {
        let since = now.saturating_sub(LONG_LOCK_SECONDS);
        let burned = relay.node.store().burned(login, since).await?;
        Ok(Self::of(&burned, ticket))
    }
}

/// A try for a technician on a ticket: it counts until it is dropped.
///
/// # Errors
/// [`NoTry`].
pub(crate) async fn begin(
    relay: &Relay,
    login: &str,
    ticket: &str,
    counts: bool,
) -> Result<Run, NoTry> {
    let now = clock::seconds();
    let times = Times::read(relay, login, ticket, now).await?;
    let (login, ticket) = (login.to_owned(), ticket.to_owned());
    if let Some(seconds) = locked_anywhere(&times.anywhere, now) {
        relay.metrics.locked();
        return Err(Locked::Anywhere { login, seconds }.into());
    }
    if let Some(seconds) = locked_here(&times.here, now) {
        relay.metrics.locked();
        return Err(Locked::Here { login, ticket, seconds }.into());
    }
    let (here, anywhere) = (counting(&times.here, now), times.anywhere.len());
    let may = |trying_here: u32, trying: u32| {
        !counts
            || (trying_here as usize + here < MOST_HERE
                && trying as usize + anywhere < MOST_ANYWHERE)
    };
    let run = Run::begin(&relay.limits, &login, &ticket, may);
    run.ok_or_else(|| {
        relay.metrics.limited();
        Locked::Trying { ticket }.into()
    })
}

/// A code was burned: that is written down, also on the ticket. Gives what the technician is told.
pub(crate) async fn note(relay: &Relay, login: &str, ticket: &str, plate: Nameplate) -> String {
    let now = clock::seconds();
    relay.metrics.pairing_failed();
    tracing::warn!(technician = login, ticket, nameplate = %plate, "a code was tried that is not the one on the user's screen");
    match write_down(relay, login, ticket, plate, now).await {
        Ok(times) => told(&times, ticket, now),
        Err(error) => {
            let error = crate::chain(&error);
            tracing::error!(error, "a failed pairing cannot be written down");
            String::new()
        }
    }
}

async fn write_down(
    relay: &Relay,
    login: &str,
    ticket: &str,
    plate: Nameplate,
    now: u64,
) -> Result<Times, DeskError> {
    let store = relay.node.store();
    store.burn(login, ticket, now, now.saturating_sub(LONG_LOCK_SECONDS)).await?;
    let text = format!(
        "Pairing failed: {login} typed a code for {plate} that was not the one on the user's \
         screen. Nobody was connected; the user was told."
    );
    relay.node.desk().note(ticket, NOTED_BY, &text, false, now).await?;
    Ok(Times::read(relay, login, ticket, now).await?)
}

/// Author of what the relay itself writes on a ticket: no login, which has no spaces.
const NOTED_BY: &str = "the relay";

fn told(times: &Times, ticket: &str, now: u64) -> String {
    if let Some(seconds) = locked_anywhere(&times.anywhere, now) {
        return format!("too many codes have failed today: wait {}", wait(seconds));
    }
    match locked_here(&times.here, now) {
        Some(seconds) => {
            format!(
                "that was the second one on ticket {ticket}: you can try again in {}",
                wait(seconds)
            )
        }
        None => {
            format!("one more that fails locks ticket {ticket} for you for {}", wait(LOCK_SECONDS))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_305_600;

    #[test]
    fn two_within_a_quarter_of_an_hour_lock_for_a_quarter_of_an_hour() {
        for (ago, locked) in [
            (&[][..], None),
            (&[0][..], None),
            (&[0, 0][..], Some(LOCK_SECONDS)),
            (&[0, LOCK_SECONDS][..], Some(LOCK_SECONDS)),
            (&[0, LOCK_SECONDS + 1][..], None),
            (&[60, 70][..], Some(LOCK_SECONDS - 60)),
            (&[LOCK_SECONDS - 1, LOCK_SECONDS][..], Some(1)),
            (&[LOCK_SECONDS, LOCK_SECONDS][..], None),
        ] {
            let times: Vec<u64> = ago.iter().map(|ago| NOW - ago).collect();
            assert_eq!(locked_here(&times, NOW), locked, "{ago:?}");
        }
    }

    #[test]
    fn ten_in_a_day_lock_until_the_first_is_a_day_old() {
        let times: Vec<u64> = (0..10).map(|nth| NOW - nth * 3_600).collect();
        assert_eq!(locked_anywhere(&times[..9], NOW), None);
        assert_eq!(locked_anywhere(&times, NOW), Some(LONG_LOCK_SECONDS - 9 * 3_600));
        assert_eq!(locked_anywhere(&times, NOW + LONG_LOCK_SECONDS), None);
    }

    #[test]
    fn a_wait_is_said_in_words() {
        for (seconds, words) in [
            (1, "1 minute"),
            (60, "1 minute"),
            (61, "2 minutes"),
            (900, "15 minutes"),
            (86_400, "24 hours"),
        ] {
            assert_eq!(wait(seconds), words);
        }
    }

    #[test]
    fn everybody_who_is_locked_reads_how_long_and_who_helps() {
        let here = Locked::Here { login: "bob".into(), ticket: "7".into(), seconds: 850 };
        let text = here.to_string();
        assert!(text.contains("ticket 7") && text.contains("in 15 minutes"), "{text}");
        assert!(text.contains("deskside technician unlock bob"), "{text}");
    }
}
