//! A join link in a file name, so that a downloaded program needs no file beside it:
//! `deskside-agent--HOST--PORT--KEYS[--webpki][.exe]`.
//!
//! KEYS are the 64 bytes of the organisation's and the node's key in lower-case base32 without
//! padding, 103 characters: a name that every file system takes, whatever it does to case. What a
//! browser adds to a second download (" (1)") is skipped. An IPv6 address does not fit in a name.

use data_encoding::BASE32_NOPAD;

use super::link::JoinLink;
use crate::key::PublicKey;

const SEPARATOR: &str = "--";
const WEBPKI: &str = "webpki";
const EXE: &str = ".exe";
/// Bytes of a file name on the file systems that matter.
const MAX_NAME: usize = 255;

/// The join link in a file name, if there is one.
#[must_use]
pub fn parse(name: &str) -> Option<JoinLink> {
    let name = name.strip_suffix(EXE).unwrap_or(name);
    let name = name.split([' ', '(']).next()?;
    let (_, link) = name.split_once(SEPARATOR)?;
    let (link, webpki) =
        match link.strip_suffix(WEBPKI).and_then(|link| link.strip_suffix(SEPARATOR)) {
            Some(link) => (link, true),
            None => (link, false),
        };
    // From the right: a host name may hold the separator ("xn--").
    let (link, keys) = link.rsplit_once(SEPARATOR)?;
    let (host, port) = link.rsplit_once(SEPARATOR)?;
    let keys = BASE32_NOPAD.decode(keys.to_ascii_uppercase().as_bytes()).ok()?;
    let (organisation, node) = keys.split_at_checked(32)?;
    let link = JoinLink {
        host: host.to_owned(),
        port: port.parse().ok()?,
        organisation: PublicKey::try_from(organisation).ok()?,
        node: PublicKey::try_from(node).ok()?,
        webpki,
    };
    // Only what is a link in writing, too: its parser checks the host.
    link.to_string().parse().ok()
}

/// The file name that carries `link`, without a suffix for the system; `None` where it does not fit.
#[must_use]
pub fn of(link: &JoinLink) -> Option<String> {
    let mut keys = link.organisation.as_bytes().to_vec();
    keys.extend_from_slice(link.node.as_bytes());
    let keys = BASE32_NOPAD.encode(&keys).to_ascii_lowercase();
    let tls = if link.webpki { "--webpki" } else { "" };
    let name = format!("deskside-agent--{}--{}--{keys}{tls}", link.host, link.port);
    let fits = name.len() + EXE.len() <= MAX_NAME && !link.host.contains(':');
    fits.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_survives_the_name_the_browser_and_the_system() {
        for host in ["relay.example.org", "192.0.2.7", "xn--bcher-kva.example"] {
            for webpki in [false, true] {
                let link = JoinLink {
                    host: host.to_owned(),
                    port: 7443,
                    organisation: PublicKey::from_bytes([0xa7; 32]),
                    node: PublicKey::from_bytes([0x11; 32]),
                    webpki,
                };
                let name = of(&link).unwrap();
                for name in [
                    name.clone(),
                    format!("{name}.exe"),
                    format!("{name} (1).exe"),
                    format!("{name}(2)"),
                ] {
                    assert_eq!(parse(&name).as_ref(), Some(&link), "{name}");
                }
            }
        }
    }

    #[test]
    fn other_names_are_no_links() {
        for name in ["deskside-agent", "deskside-agent.exe", "a--b--1--c", "----", "x--h h--1--"] {
            assert_eq!(parse(name), None, "{name}");
        }
    }
}
