//! Noticing cheaply that this computer slept or changed its network, so that the relay hears from us
//! at once and not after some silence.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant, SystemTime};

/// The wall clock ran this much further than the monotonic one, which stands still in sleep. Smaller
/// differences are a clock being set right.
const ASLEEP: Duration = Duration::from_secs(3);
/// How often the local address is looked at while nothing comes.
const LOOK: Duration = Duration::from_secs(1);

/// Where and when we were last seen awake.
#[derive(Debug)]
pub(super) struct Whereabouts {
    wall: SystemTime,
    clock: Instant,
    looked: Instant,
    local: Option<IpAddr>,
}

impl Whereabouts {
    /// Here, on the way to `relay`.
    pub(super) fn now(relay: SocketAddr) -> Self {
        let clock = Instant::now();
        Self { wall: SystemTime::now(), clock, looked: clock, local: local(relay).ok() }
    }

    /// Whether we slept or moved since this was asked last. The address is looked at only while
    /// `silent`: it costs three system calls.
    pub(super) fn moved(&mut self, relay: SocketAddr, silent: bool) -> bool {
        let (wall, clock) = (SystemTime::now(), Instant::now());
        let passed = wall.duration_since(self.wall).unwrap_or_default();
        let slept = slept(passed, clock.duration_since(self.clock));
        (self.wall, self.clock) = (wall, clock);
        let elsewhere = silent && clock.duration_since(self.looked) >= LOOK && {
            self.looked = clock;
            self.elsewhere(local(relay).ok())
        };
        slept || elsewhere
    }

    /// No address at all is not another one: that comes with the next network.
    fn elsewhere(&mut self, local: Option<IpAddr>) -> bool {
        let Some(local) = local else { return false };
        self.local.replace(local).is_some_and(|before| before != local)
    }
}

fn slept(wall: Duration, clock: Duration) -> bool {
    wall.saturating_sub(clock) > ASLEEP
}

/// The address that packets to `relay` would have. None is sent: connecting a UDP socket only asks
/// the routing table.
fn local(relay: SocketAddr) -> io::Result<IpAddr> {
    let any: SocketAddr = match relay {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect(relay)?;
    Ok(socket.local_addr()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleep_is_a_wall_clock_that_ran_ahead() {
        let seconds = Duration::from_secs;
        assert!(slept(seconds(100), seconds(1)));
        assert!(!slept(seconds(100), seconds(99)));
        assert!(!slept(seconds(0), seconds(100)), "a clock that was set back is none");
    }

    #[test]
    fn another_address_is_another_place_and_none_is_not() {
        let relay: SocketAddr = "127.0.0.1:9".parse().unwrap();
        let mut here = Whereabouts::now(relay);
        assert_eq!(here.local, Some(Ipv4Addr::LOCALHOST.into()));
        assert!(!here.elsewhere(None));
        assert!(!here.elsewhere(Some(Ipv4Addr::LOCALHOST.into())));
        assert!(here.elsewhere(Some(Ipv4Addr::new(192, 0, 2, 7).into())));
        assert!(!here.moved(relay, false));
    }
}
