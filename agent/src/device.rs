//! What this computer is called, for the technician, once the user has let him in.

use deskside_protocol::wire::message::Device;

/// The longest text of each kind, in characters.
const MAX_TEXT: usize = 128;

/// This computer, with so many monitors.
#[must_use]
pub fn describe(monitors: usize) -> Device {
    Device {
        hostname: short(&gethostname::gethostname().to_string_lossy()),
        system: short(&system()),
        user: short(&user()),
        monitors: u32::try_from(monitors).unwrap_or(u32::MAX),
    }
}

/// The system's own name where it has one (`PRETTY_NAME` of os-release(5)), else its kind.
fn system() -> String {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let pretty = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    let name = pretty.map_or(std::env::consts::OS, |name| name.trim_matches('"'));
    format!("{name}, {}", std::env::consts::ARCH)
}

fn user() -> String {
    let names = ["USER", "LOGNAME", "USERNAME"].into_iter().filter_map(std::env::var_os);
    names
        .map(|name| name.to_string_lossy().into_owned())
        .find(|name| !name.is_empty())
        .unwrap_or_default()
}

fn short(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_computer_has_a_name_and_a_system() {
        let device = describe(2);
        assert!(!device.hostname.is_empty());
        assert!(device.system.contains(std::env::consts::ARCH));
        assert_eq!(device.monitors, 2);
    }
}
