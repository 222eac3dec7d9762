//! How a line comes about, of either kind: fresh TLS for each handshake, exactly the confirmed key,
//! and the kind's own name, settings and secrets.

use std::sync::Arc;

use deskside_protocol::key::SigningKey;
use deskside_protocol::label::Label;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{Connection, Endpoint};

use crate::line::{LINE_TIMEOUT, LineError, Plan};
use crate::secrets::Capture;
use crate::socket::{Lines, VIRTUAL};
use crate::{cid, tls, transport};

/// Handshakes that may fail before a listener gives up: strangers who know the label can knock.
const MAX_KNOCKS: usize = 16;

/// Which of a session's lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Carries everything, and is recorded where anything is.
    Main,
    /// Carries bodies of files and is recorded nowhere: its secrets are nobody's.
    Files,
}

impl Kind {
    const fn alpn(self) -> &'static [u8] {
        match self {
            Self::Main => tls::LINE_ALPN,
            Self::Files => tls::FILES_ALPN,
        }
    }

    fn transport(self) -> Arc<quinn::TransportConfig> {
        match self {
            Self::Main => transport::line(),
            Self::Files => transport::files_line(),
        }
    }

    /// What TLS gives away of this line.
    fn key_log(self, capture: &Arc<Capture>) -> Arc<dyn rustls::KeyLog> {
        match self {
            Self::Main => capture.clone(),
            Self::Files => Arc::new(rustls::NoKeyLog {}),
        }
    }
}

/// A connection that stands, of either kind.
pub(crate) struct Made {
    pub(crate) connection: Connection,
    pub(crate) endpoint: Endpoint,
    pub(crate) capture: Arc<Capture>,
}

pub(crate) async fn accept(
    endpoint: Endpoint,
    kind: Kind,
    plan: &Plan<'_>,
) -> Result<Made, LineError> {
    for _ in 0..MAX_KNOCKS {
        let Some(incoming) = endpoint.accept().await else { break };
        let capture = Capture::new();
        let accepted = match incoming.accept_with(Arc::new(server_config(kind, plan, &capture)?)) {
            Ok(connecting) => connecting.await,
            Err(error) => Err(error),
        };
        match accepted {
            Ok(connection) => {
                // There is one line to each pair of labels: no more knocks.
                endpoint.set_server_config(None);
                return Ok(Made { connection, endpoint, capture });
            }
            Err(error) => tracing::debug!(%error, "a handshake on the line failed"),
        }
    }
    Err(LineError::TimedOut)
}

pub(crate) async fn dial(lines: &Lines, kind: Kind, plan: &Plan<'_>) -> Result<Made, LineError> {
    let endpoint = endpoint(lines, plan.own)?;
    let capture = Capture::new();
    let config = client_config(kind, plan, &capture)?;
    let connecting = endpoint
        .connect_with(config, VIRTUAL, "deskside")
        .map_err(|error| LineError::Own(error.to_string()))?;
    let connection =
        tokio::time::timeout(LINE_TIMEOUT, connecting).await.map_err(|_| LineError::TimedOut)??;
    Ok(Made { connection, endpoint, capture })
}

pub(crate) fn endpoint(lines: &Lines, own: Label) -> Result<Endpoint, LineError> {
    let view = lines.view(own);
    let runtime = Arc::new(quinn::TokioRuntime);
    // A server without settings of its own: each knock is accepted with fresh ones.
    let endpoint = Endpoint::new_with_abstract_socket(
        cid::line_endpoint(own),
        Some(no_server()?),
        view,
        runtime,
    );
    endpoint.map_err(|error| LineError::Own(error.to_string()))
}

/// Settings under which nobody gets in, replaced at each knock.
fn no_server() -> Result<quinn::ServerConfig, LineError> {
    let nobody = SigningKey::generate(&mut crate::random::System::new());
    let verifier = tls::KeyVerifier::pinned(nobody.public());
    let tls = tls::accepting(verifier, &nobody, tls::LINE_ALPN).map_err(own)?;
    Ok(quinn::ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls).map_err(own)?)))
}

pub(crate) fn own(error: impl std::fmt::Display) -> LineError {
    LineError::Own(error.to_string())
}

pub(crate) fn server_config(
    kind: Kind,
    plan: &Plan<'_>,
    capture: &Arc<Capture>,
) -> Result<quinn::ServerConfig, LineError> {
    let verifier = tls::KeyVerifier::pinned(plan.peer_key);
    let mut tls = tls::accepting(verifier, plan.key, kind.alpn()).map_err(own)?;
    tls.key_log = kind.key_log(capture);
    let crypto = QuicServerConfig::try_from(tls).map_err(own)?;
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    config.transport_config(kind.transport());
    Ok(config)
}

pub(crate) fn client_config(
    kind: Kind,
    plan: &Plan<'_>,
    capture: &Arc<Capture>,
) -> Result<quinn::ClientConfig, LineError> {
    let verifier = Arc::new(tls::KeyVerifier::pinned(plan.peer_key));
    let mut tls = tls::dialling(verifier, plan.key, kind.alpn()).map_err(own)?;
    tls.key_log = kind.key_log(capture);
    let crypto = QuicClientConfig::try_from(tls).map_err(own)?;
    let mut config = quinn::ClientConfig::new(Arc::new(crypto));
    config
        .transport_config(kind.transport())
        .initial_dst_cid_provider(cid::dialled_line(plan.peer));
    Ok(config)
}
