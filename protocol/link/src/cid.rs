//! Connection ids by which one socket tells legs and lines apart.

use std::sync::Arc;
use std::time::Duration;

use deskside_protocol::key::SigningKey;
use deskside_protocol::label::{LEG_CID, LINE_CID, Label, leg_connection_id};
use deskside_protocol::reattach::reset_key;
use quinn::{ConnectionId, ConnectionIdGenerator};
use ring::hmac;

use crate::random::System;
use crate::transport::LINE_PACKET;

/// Ids of legs: random, the first bit 0.
#[derive(Debug)]
pub(crate) struct LegIds;

impl ConnectionIdGenerator for LegIds {
    fn generate_cid(&mut self) -> ConnectionId {
        ConnectionId::new(&leg_connection_id(&mut System::new()))
    }

    fn cid_len(&self) -> usize {
        LEG_CID
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

/// Ids of lines that end here: our label, then eight random bytes.
#[derive(Debug)]
pub(crate) struct LineIds(pub(crate) Label);

impl ConnectionIdGenerator for LineIds {
    fn generate_cid(&mut self) -> ConnectionId {
        ConnectionId::new(&self.0.connection_id(&mut System::new()))
    }

    fn cid_len(&self) -> usize {
        LINE_CID
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

/// A relay that was restarted answers each packet of a leg that it does not know by a stateless
/// reset: no more than one in this time, so that all its sessions notice within a second or two.
/// A reset is shorter than what it answers, so that it amplifies nothing.
const RESET_INTERVAL: Duration = Duration::from_micros(100);

/// Endpoint settings of a leg. A relay gives its node key: the ends recognise its stateless resets
/// (RFC 9000 section 10.3) after a restart too then.
#[must_use]
pub fn leg_endpoint(node: Option<&SigningKey>) -> quinn::EndpointConfig {
    let mut config = match node.and_then(reset_key) {
        Some(key) => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_ref());
            let mut config = quinn::EndpointConfig::new(Arc::new(key));
            config.min_reset_interval(RESET_INTERVAL);
            config
        }
        None => quinn::EndpointConfig::default(),
    };
    config.cid_generator(|| Box::new(LegIds));
    config
}

/// Endpoint settings of a line whose packets to us carry `own`.
#[must_use]
pub fn line_endpoint(own: Label) -> quinn::EndpointConfig {
    let mut config = quinn::EndpointConfig::default();
    config.cid_generator(move || Box::new(LineIds(own)));
    if let Err(error) = config.max_udp_payload_size(LINE_PACKET) {
        tracing::error!(%error, "lines keep to packets of the common size");
    }
    config
}

/// First destination id of a leg that we dial: quinn's own would look like a line's half the time.
#[must_use]
pub fn dialled_leg() -> Arc<dyn Fn() -> ConnectionId + Send + Sync> {
    Arc::new(|| ConnectionId::new(&leg_connection_id(&mut System::new())))
}

/// First destination id of a line that we dial: the peer's label, so that the relay can forward it.
#[must_use]
pub fn dialled_line(peer: Label) -> Arc<dyn Fn() -> ConnectionId + Send + Sync> {
    Arc::new(move || ConnectionId::new(&peer.connection_id(&mut System::new())))
}
