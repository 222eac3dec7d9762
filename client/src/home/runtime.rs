//! Where control sockets are. A Unix socket's path has room for 107 bytes on Linux and 103
//! elsewhere (`sun_path` in unix(7)); a home folder that is too deep gets a short one instead.

use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;

use super::Environment;

/// The longest path of a socket, in bytes, on every Unix.
const MAX_SOCKET_PATH: usize = 103;
/// Bytes of the longest name in the folder: a slash, a dot while it is made, 32 hexadecimal digits
/// of session, `.sock`.
const NAME: usize = 1 + 1 + 32 + 5;

/// The folder for `home`: the system's runtime folder, else one inside `home`, else a short one.
pub(super) fn folder(home: &Path, environment: &Environment) -> PathBuf {
    let runtime = environment.runtime.as_deref().map(Path::new).filter(|path| path.is_dir());
    let wished = match (&environment.home, runtime) {
        (None, Some(runtime)) => runtime.join("deskside"),
        _ => home.join("run"),
    };
    if wished.as_os_str().len() + NAME <= MAX_SOCKET_PATH { wished } else { short(home) }
}

/// A folder of the system's temporary one that only depends on `home` and its user.
fn short(home: &Path) -> PathBuf {
    let hash = ring::digest::digest(&ring::digest::SHA256, home.as_os_str().as_encoded_bytes());
    let hash = HEXLOWER.encode(hash.as_ref().get(..8).unwrap_or_default());
    std::env::temp_dir().join(format!("deskside-{}-{hash}", user()))
}

#[cfg(unix)]
fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(not(unix))]
fn user() -> u32 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(home: Option<&str>, runtime: Option<&str>) -> Environment {
        Environment { home: home.map(Into::into), runtime: runtime.map(Into::into) }
    }

    #[test]
    fn a_home_of_ones_own_holds_its_own_sockets() {
        let home = Path::new("/home/al/.config/deskside");
        let at = |home_variable, runtime| folder(home, &environment(home_variable, runtime));
        assert_eq!(at(None, Some("/")), Path::new("/deskside"));
        assert_eq!(at(None, Some("/no/such/folder")), home.join("run"));
        assert_eq!(at(None, None), home.join("run"));
        assert_eq!(at(Some("x"), Some("/")), home.join("run"));
    }

    #[test]
    fn a_deep_home_gets_a_short_folder_of_its_own() {
        let deep = |name: &str| {
            folder(Path::new(&format!("/{}/{name}", "d".repeat(90))), &environment(None, None))
        };
        assert!(deep("a").as_os_str().len() + NAME <= MAX_SOCKET_PATH);
        assert_eq!(deep("a"), deep("a"));
        assert_ne!(deep("a"), deep("b"));
    }
}
