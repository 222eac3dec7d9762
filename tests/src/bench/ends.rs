//! Two QUIC endpoints that know each other's key, with the settings of a line or of a leg and nothing
//! of Deskside between them: what the rest is measured against.

use std::sync::Arc;

use deskside_link::tls;
use deskside_protocol::key::SigningKey;
use quinn::TransportConfig;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};

/// Whoever accepts, by `key`; whoever dials has to show the same.
pub(super) fn accepting(
    key: &SigningKey,
    transport: Arc<TransportConfig>,
) -> anyhow::Result<quinn::ServerConfig> {
    let verifier = tls::KeyVerifier::pinned(key.public());
    let tls = tls::accepting(verifier, key, tls::LINE_ALPN)?;
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    config.transport_config(transport);
    Ok(config)
}

/// Whoever dials, by `key`; whoever accepts has to show the same.
pub(super) fn dialling(
    key: &SigningKey,
    transport: Arc<TransportConfig>,
) -> anyhow::Result<quinn::ClientConfig> {
    let verifier = Arc::new(tls::KeyVerifier::pinned(key.public()));
    let tls = tls::dialling(verifier, key, tls::LINE_ALPN)?;
    let mut config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
    config.transport_config(transport);
    Ok(config)
}
