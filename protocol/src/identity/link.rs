//! The join link: where a relay is, and the two keys by which it is recognised.
//!
//! `deskside://host:port?org=HEX&node=HEX`, and `&tls=webpki` where the relay's leg has a
//! certificate of a public authority.

use data_encoding::HEXLOWER_PERMISSIVE;
use thiserror::Error;

use crate::key::PublicKey;

/// The longest join link, in bytes.
pub const MAX_LINK: usize = 512;

const SCHEME: &str = "deskside://";

/// A text that is not a join link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("that is not a join link: it reads deskside://host:port?org=...&node=...")]
pub struct NotALink;

/// Where a relay is, and the keys by which it is recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinLink {
    /// Host name or address, without brackets.
    pub host: String,
    /// UDP port.
    pub port: u16,
    /// The organisation's authority key.
    pub organisation: PublicKey,
    /// The relay's node key.
    pub node: PublicKey,
    /// Whether the leg is verified by public certificate authorities instead of the node key.
    pub webpki: bool,
}

impl JoinLink {
    /// `host:port`, an IPv6 address in brackets.
    #[must_use]
    pub fn origin(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl std::fmt::Display for JoinLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tls = if self.webpki { "&tls=webpki" } else { "" };
        let origin = self.origin();
        write!(f, "{SCHEME}{origin}?org={}&node={}{tls}", self.organisation, self.node)
    }
}

impl std::str::FromStr for JoinLink {
    type Err = NotALink;

    fn from_str(text: &str) -> Result<Self, NotALink> {
        let text = text.trim();
        if text.len() > MAX_LINK {
            return Err(NotALink);
        }
        let rest = text.strip_prefix(SCHEME).ok_or(NotALink)?;
        let (origin, query) = rest.split_once('?').ok_or(NotALink)?;
        let (host, port) = origin.trim_end_matches('/').rsplit_once(':').ok_or(NotALink)?;
        let value = |name: &str| {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.clone().find(|(key, _)| *key == name).map(|(_, value)| value)
        };
        Ok(Self {
            host: host_name(host)?,
            port: port_number(port)?,
            organisation: key(value("org"))?,
            node: key(value("node"))?,
            webpki: webpki(value("tls"))?,
        })
    }
}

fn host_name(host: &str) -> Result<String, NotALink> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = bare.unwrap_or(host);
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '_' | '%');
    let whole = !host.is_empty() && host.chars().all(allowed);
    // A colon outside brackets would make the port ambiguous.
    if whole && (bare.is_some() || !host.contains(':')) {
        Ok(host.to_owned())
    } else {
        Err(NotALink)
    }
}

/// Rust's own parser would take a plus sign too.
fn port_number(digits: &str) -> Result<u16, NotALink> {
    match digits.parse() {
        Ok(port) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Ok(port),
        _ => Err(NotALink),
    }
}

/// A way to verify the relay that this version does not know is no reason to take the default.
fn webpki(tls: Option<&str>) -> Result<bool, NotALink> {
    match tls {
        None => Ok(false),
        Some("webpki") => Ok(true),
        Some(_) => Err(NotALink),
    }
}

fn key(hex: Option<&str>) -> Result<PublicKey, NotALink> {
    let bytes = HEXLOWER_PERMISSIVE.decode(hex.ok_or(NotALink)?.as_bytes());
    PublicKey::try_from(bytes.map_err(|_| NotALink)?.as_slice()).map_err(|_| NotALink)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_and_addresses_come_back() {
        for host in ["relay.example", "127.0.0.1", "::1"] {
            for webpki in [false, true] {
                let link = JoinLink {
                    host: host.to_owned(),
                    port: 7443,
                    organisation: PublicKey::from_bytes([1; 32]),
                    node: PublicKey::from_bytes([0xab; 32]),
                    webpki,
                };
                assert_eq!(link.to_string().parse(), Ok(link));
            }
        }
    }

    #[test]
    fn what_is_missing_or_odd_is_refused() {
        let keys = format!("org={}&node={}", "11".repeat(32), "22".repeat(32));
        let ok = format!("deskside://h:1?{keys}");
        assert!(ok.parse::<JoinLink>().is_ok());
        for bad in [
            format!("https://h:1?{keys}"),
            format!("deskside://h?{keys}"),
            format!("deskside://h:99999?{keys}"),
            format!("deskside://h:+1?{keys}"),
            format!("deskside://h:1?{keys}&tls=dane"),
            format!("deskside://h x:1?{keys}"),
            format!("deskside://::1:1?{keys}"),
            format!("deskside://h:1?org={}", "11".repeat(32)),
            "deskside://h:1?org=1&node=2".to_owned(),
            ok.repeat(4),
        ] {
            assert_eq!(bad.parse::<JoinLink>(), Err(NotALink), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(deskside://)?.{0,80}") {
            if let Ok(link) = text.parse::<JoinLink>() {
                prop_assert_eq!(link.to_string().parse(), Ok(link));
            }
        }
    }
}
