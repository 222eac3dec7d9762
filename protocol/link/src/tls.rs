//! TLS 1.3 with raw Ed25519 public keys (RFC 7250): a peer is its key, and nothing else counts.
//!
//! Nothing is resumed, no ticket is sent and there is no 0-RTT, so every handshake proves both keys
//! afresh.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use deskside_protocol::key::{PublicKey, SigningKey};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{
    CertificateDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime,
};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use zeroize::Zeroizing;

/// ALPN of legs.
pub const LEG_ALPN: &[u8] = b"deskside-leg/1";
/// ALPN of the main line.
pub const LINE_ALPN: &[u8] = b"deskside-line/1";
/// ALPN of the files line, which nobody records.
pub const FILES_ALPN: &[u8] = b"deskside-line-files/1";

/// `SEQUENCE { SEQUENCE { OID 1.3.101.112 }, BIT STRING }`: an Ed25519 SubjectPublicKeyInfo up to
/// its 32 bytes (RFC 8410 section 4).
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];
/// A PKCS #8 Ed25519 private key up to its 32 bytes (RFC 8410 section 7).
const PKCS8_PREFIX: [u8; 16] =
    [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// ring's algorithms: AES-256-GCM first where the processor has it, X25519 only.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    use rustls::crypto::ring::{cipher_suite as suite, default_provider, kx_group};
    let mut provider = default_provider();
    // QUIC's Initial packets need AES-128-GCM to be in the list (RFC 9001 section 5.2).
    provider.cipher_suites = if has_aes() {
        vec![
            suite::TLS13_AES_256_GCM_SHA384,
            suite::TLS13_AES_128_GCM_SHA256,
            suite::TLS13_CHACHA20_POLY1305_SHA256,
        ]
    } else {
        vec![suite::TLS13_CHACHA20_POLY1305_SHA256, suite::TLS13_AES_128_GCM_SHA256]
    };
    provider.kx_groups = vec![kx_group::X25519];
    Arc::new(provider)
}

#[cfg(target_arch = "x86_64")]
fn has_aes() -> bool {
    std::arch::is_x86_feature_detected!("aes")
}

#[cfg(target_arch = "aarch64")]
fn has_aes() -> bool {
    std::arch::is_aarch64_feature_detected!("aes")
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn has_aes() -> bool {
    false
}

/// The key in the shape that rustls signs with.
///
/// # Errors
/// rustls' own; never for a key of ours.
pub fn certified(key: &SigningKey) -> Result<Arc<CertifiedKey>, Error> {
    let mut pkcs8 = Zeroizing::new([0; PKCS8_PREFIX.len() + 32]);
    let (prefix, seed) = pkcs8.split_at_mut(PKCS8_PREFIX.len());
    prefix.copy_from_slice(&PKCS8_PREFIX);
    seed.copy_from_slice(key.seed().as_ref());
    let der = PrivatePkcs8KeyDer::from(pkcs8.as_slice());
    let signing = rustls::crypto::ring::sign::any_eddsa_type(&der)?;
    let spki = [&SPKI_PREFIX[..], key.public().as_bytes()].concat();
    Ok(Arc::new(CertifiedKey::new(vec![CertificateDer::from(spki)], signing)))
}

/// The Ed25519 key of a raw public key; `None` for anything else.
#[must_use]
pub fn key_of(raw: &CertificateDer<'_>) -> Option<PublicKey> {
    PublicKey::try_from(raw.as_ref().strip_prefix(&SPKI_PREFIX)?).ok()
}

/// The key that the other end of a connection proved.
#[must_use]
pub fn peer_key(connection: &quinn::Connection) -> Option<PublicKey> {
    let identity = connection.peer_identity()?;
    let chain = identity.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    key_of(chain.first()?)
}

/// Whose key is accepted.
#[derive(Debug, Clone)]
enum Accept {
    /// This one only.
    Pinned(PublicKey),
    /// Any Ed25519 key: the relay looks it up itself.
    Any,
}

/// Accepts raw public keys by what they are.
#[derive(Debug, Clone)]
pub struct KeyVerifier {
    accept: Accept,
    provider: Arc<CryptoProvider>,
    refused: Arc<AtomicBool>,
}

impl KeyVerifier {
    /// Accepts exactly `key`.
    #[must_use]
    pub fn pinned(key: PublicKey) -> Self {
        Self::new(Accept::Pinned(key))
    }

    /// Accepts every Ed25519 key whose owner proves it.
    #[must_use]
    pub fn any() -> Self {
        Self::new(Accept::Any)
    }

    fn new(accept: Accept) -> Self {
        Self { accept, provider: provider(), refused: Arc::default() }
    }

    /// Set once another key than the pinned one was shown.
    #[must_use]
    pub fn refused(&self) -> Arc<AtomicBool> {
        self.refused.clone()
    }

    fn check(&self, raw: &CertificateDer<'_>) -> Result<(), Error> {
        let accepted = match (&self.accept, key_of(raw)) {
            (Accept::Pinned(pinned), Some(shown)) => *pinned == shown,
            (Accept::Any, Some(_)) => true,
            (_, None) => false,
        };
        if accepted {
            return Ok(());
        }
        self.refused.store(true, Ordering::Relaxed);
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn check_signature(
        &self,
        message: &[u8],
        raw: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let spki = SubjectPublicKeyInfoDer::from(raw.as_ref());
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature_with_raw_key(message, &spki, signed, algorithms)
    }
}

fn tls_1_2() -> Result<HandshakeSignatureValid, Error> {
    Err(Error::General("TLS 1.2 is not spoken here".to_owned()))
}

impl ServerCertVerifier for KeyVerifier {
    fn verify_server_cert(
        &self,
        raw: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(raw).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _raw: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        tls_1_2()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        raw: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_signature(message, raw, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ClientCertVerifier for KeyVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        raw: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(raw).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _raw: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        tls_1_2()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        raw: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_signature(message, raw, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

/// The TLS settings of a connection that could not be made.
pub(crate) type TlsResult<T> = Result<T, Error>;

/// Settings of a connection that we dial: `verifier` for the other end, `key` as our own.
///
/// # Errors
/// rustls' own; never for keys of ours.
pub fn dialling(
    verifier: Arc<dyn ServerCertVerifier>,
    key: &SigningKey,
    alpn: &[u8],
) -> Result<rustls::ClientConfig, Error> {
    let resolver = rustls::client::AlwaysResolvesClientRawPublicKeys::new(certified(key)?);
    let mut config = rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = vec![alpn.to_vec()];
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}

/// Settings of a connection that we accept by a raw public key of ours.
///
/// # Errors
/// rustls' own; never for keys of ours.
pub fn accepting(
    verifier: KeyVerifier,
    key: &SigningKey,
    alpn: &[u8],
) -> Result<rustls::ServerConfig, Error> {
    let resolver = rustls::server::AlwaysResolvesServerRawPublicKeys::new(certified(key)?);
    let builder = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(Arc::new(verifier));
    Ok(without_resumption(builder.with_cert_resolver(Arc::new(resolver)), alpn))
}

/// Settings of a relay's legs by a certificate of a public authority. The ends still show raw keys.
///
/// # Errors
/// rustls' own: a certificate and key that do not fit.
pub fn accepting_by_certificate(
    chain: Vec<CertificateDer<'static>>,
    key: rustls::pki_types::PrivateKeyDer<'static>,
) -> Result<rustls::ServerConfig, Error> {
    let builder = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(Arc::new(KeyVerifier::any()));
    Ok(without_resumption(builder.with_single_cert(chain, key)?, LEG_ALPN))
}

fn without_resumption(mut config: rustls::ServerConfig, alpn: &[u8]) -> rustls::ServerConfig {
    config.alpn_protocols = vec![alpn.to_vec()];
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    config
}

/// The public authorities that this computer trusts, for relays with `tls=webpki`.
pub(crate) fn public_authorities() -> TlsResult<Arc<rustls::client::WebPkiServerVerifier>> {
    let mut roots = rustls::RootCertStore::empty();
    let loaded = rustls_native_certs::load_native_certs();
    for error in &loaded.errors {
        tracing::warn!(%error, "a certificate of this computer cannot be read");
    }
    roots.add_parsable_certificates(loaded.certs);
    rustls::client::WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
        .build()
        .map_err(|error| Error::General(error.to_string()))
}
