//! A relay whose keys changed since the join link was given out: whether it proves that it is the
//! same one.

use std::time::Instant;

use deskside_protocol::close::CloseCode;
use deskside_protocol::identity::link::JoinLink;
use deskside_protocol::identity::rotation;
use quinn::Connection;

use super::dial::{self, DIAL_TIMEOUT, DialError, Dialler, Greeting};
use super::{Leg, LegError, Signals};
use crate::tls;

/// Asks whoever answers in the place of the relay of `link`; see [`ask`].
pub(super) async fn first(link: &JoinLink, software: &str) -> Option<JoinLink> {
    if link.webpki {
        return None;
    }
    let (dialler, connection) = dial::first(link, &Greeting::stranger().ok()?).await.ok()?;
    ask(link, connection, dialler, software).await
}

/// The same for an end that comes back, from the socket that it has.
pub(crate) async fn again(
    dialler: &Dialler,
    link: &JoinLink,
    turn: usize,
    software: &str,
) -> Option<JoinLink> {
    if link.webpki {
        return None;
    }
    let greeting = Greeting::stranger().ok()?;
    let connection = dialler.dial(link, &greeting, turn).await.ok()?;
    let leg = Leg::new(link.clone(), connection.clone(), dialler.clone(), software);
    let moved = hear(&leg, &connection).await;
    connection.close(CloseCode::Done.number().into(), b"");
    moved
}

/// The link with the keys of today, where statements lead from it to the very key that was shown.
/// Nothing is said there but a greeting, by a key of nobody's.
async fn ask(
    link: &JoinLink,
    connection: Connection,
    dialler: Dialler,
    software: &str,
) -> Option<JoinLink> {
    let leg = Leg::new(link.clone(), connection.clone(), dialler, software);
    let moved = hear(&leg, &connection).await;
    leg.close(CloseCode::Done).await;
    moved
}

async fn hear(leg: &Leg, connection: &Connection) -> Option<JoinLink> {
    let shown = tls::peer_key(connection)?;
    let welcome = greeted(leg).await.ok()?.ok()?.welcome;
    let relay = leg.link.origin();
    match rotation::leads_to(&leg.link, &welcome, &shown) {
        Ok(link) => {
            tracing::info!(relay, key = %shown, "the relay has another node key, and proves it");
            Some(link)
        }
        Err(error) => {
            tracing::warn!(relay, key = %shown, %error, "not the relay of the join link");
            None
        }
    }
}

/// The leg with the keys of today. A relay that refuses to greet says so again to whoever opens the
/// next stream.
pub(super) async fn of(mut leg: Leg) -> Result<Leg, DialError> {
    let origin = leg.link.origin();
    let signals = match greeted(&leg).await {
        Ok(signals) => signals,
        Err(_elapsed) => return Err(DialError::Unreachable { origin }),
    };
    if let Ok(signals) = &signals {
        let welcome = &signals.welcome;
        // A pinned leg has proved its node key, whatever comes after it.
        let today = if leg.link.webpki {
            rotation::today(&leg.link, welcome)
        } else {
            rotation::follow_authority(&leg.link.organisation, &welcome.organisations)
                .map(|organisation| JoinLink { organisation, ..leg.link.clone() })
        };
        leg.link = today.map_err(|error| {
            tracing::warn!(relay = origin, %error, "not the relay of the join link");
            DialError::WrongRelay { origin }
        })?;
        leg.organisations.clone_from(&welcome.organisations);
    }
    *leg.spare() = Some((Instant::now(), signals));
    Ok(leg)
}

/// A stream and the relay's greeting on it, unless it takes too long.
async fn greeted(leg: &Leg) -> Result<Result<Signals, LegError>, tokio::time::error::Elapsed> {
    tokio::time::timeout(DIAL_TIMEOUT, leg.greet()).await
}
