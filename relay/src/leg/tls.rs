//! The TLS settings of the relay's legs: its node key, or a certificate of a public authority.

use std::io;
use std::sync::Arc;

use deskside_link::{tls, transport};
use quinn::crypto::rustls::QuicServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::relay::{PublicCertificate, Relay};

/// Settings for accepting legs.
pub(crate) fn server(relay: &Relay) -> io::Result<quinn::ServerConfig> {
    let tls = match &relay.certificate {
        Some(files) => by_certificate(files)?,
        None => tls::accepting(tls::KeyVerifier::any(), relay.node.key(), tls::LEG_ALPN)
            .map_err(io::Error::other)?,
    };
    let crypto = QuicServerConfig::try_from(tls).map_err(io::Error::other)?;
    let mut server = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    server.transport_config(transport::leg_at_relay());
    Ok(server)
}

fn by_certificate(files: &PublicCertificate) -> io::Result<rustls::ServerConfig> {
    let named = |path: &std::path::Path, error: rustls::pki_types::pem::Error| {
        io::Error::other(format!("{} cannot be used: {error}", path.display()))
    };
    let chain = CertificateDer::pem_file_iter(&files.chain)
        .and_then(Iterator::collect)
        .map_err(|error| named(&files.chain, error))?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| named(&files.key, error))?;
    tls::accepting_by_certificate(chain, key).map_err(io::Error::other)
}
