//! Signing in at an OpenID provider, as far as the relay and the technician's program both need it:
//! the provider's own description, small fetches over HTTPS, and the nonce that ties an ID token to
//! one technician's key.
//!
//! Everything here blocks: callers in a runtime use a thread for it. Nothing here judges a token;
//! only the relay does.

mod nonce;
mod provider;
mod web;

pub use nonce::{SALT, nonce};
pub use provider::Provider;
pub use web::{Answer, MAX_BODY, WebError, get, is_allowed, post};
