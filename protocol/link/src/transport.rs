//! QUIC settings of legs and lines. Every number is a bound with its reason.

use std::sync::Arc;
use std::time::Duration;

use quinn::{MtuDiscoveryConfig, TransportConfig, VarInt};

use crate::congestion;

/// A leg says something this often, so that a NAT keeps its mapping.
pub const LEG_KEEP_ALIVE: Duration = Duration::from_secs(3);
/// A leg that is silent this long is lost: three keep-alives and the round trip of the last.
pub const LEG_IDLE: Duration = Duration::from_secs(10);
/// What a line assumes before it has measured: its first packet may come before the other end is
/// ready for it, and is sent again after three of these.
const LINE_INITIAL_RTT: Duration = Duration::from_millis(60);
/// A line keeps its own clock apart from the leg's.
pub const LINE_KEEP_ALIVE: Duration = Duration::from_secs(10);
/// A line survives a silence this long: the longest grace time of a session, which begins only when
/// the leg is known to be lost, and ample room.
pub const LINE_IDLE: Duration = Duration::from_secs(360);

/// Requests that an end may have open at once beside its session's stream.
const LEG_STREAMS: u32 = 4;
/// Signals are short; what waits for a relay of thousands of legs has to be small.
const LEG_WINDOW_AT_RELAY: u32 = 32 * 1024;
/// An auditor downloads recordings on a leg: 4 MiB are 100 Mbit/s at 300 ms.
const LEG_WINDOW_AT_END: u32 = 4 * 1024 * 1024;

/// Streams that a technician may have open at once on a line.
const LINE_STREAMS: u32 = 64;
/// One stream: 1 Gbit/s at 64 ms.
const LINE_STREAM_WINDOW: u32 = 8 * 1024 * 1024;
/// All streams of a line together.
const LINE_WINDOW: u32 = 16 * 1024 * 1024;

/// The largest packet of a line, where the path takes it: ten of them, quinn's most for one send, are
/// the most that UDP sends at once. Every packet costs each program some microseconds, whatever its
/// length, so that loopback and jumbo frames carry a file in half the time. A first hop of 1,500
/// bytes refuses the probes for it without sending any.
pub(crate) const LINE_PACKET: u16 = 6_500;
/// The largest packet that quinn takes on a leg.
pub(crate) const LEG_PACKET: u16 = 1_472;
/// The longest that UDP carries.
const MAX_UDP: usize = 65_507;
const _: () = assert!(LINE_PACKET as usize * 10 <= MAX_UDP, "quinn sends ten at once");

/// Transfers whose bodies may come at once on a files line: with more than half of all streams that
/// a technician may have open, each as wide as on the main line.
pub(crate) const FILES_STREAMS: u32 = 32;
/// Streams in both directions on a files line: none belongs there, and one is let in so that it can
/// be answered by closing the line.
const FILES_STRAYS: u32 = 1;
/// Bytes of datagrams of a files line that wait for ever: nobody reads them, the oldest goes.
const FILES_DATAGRAMS: usize = 2 * 1024;

/// Bytes of datagrams that wait to leave: some fifty places of the pointer, the oldest is dropped.
const LINE_DATAGRAMS: usize = 4 * 1024;

/// A leg as the relay sees it.
#[must_use]
pub fn leg_at_relay() -> Arc<TransportConfig> {
    let mut config = leg();
    config
        .max_concurrent_bidi_streams(LEG_STREAMS.into())
        .stream_receive_window(LEG_WINDOW_AT_RELAY.into())
        .receive_window((2 * LEG_WINDOW_AT_RELAY).into())
        .send_window(LEG_WINDOW_AT_END.into());
    Arc::new(config)
}

/// A leg as an end sees it.
#[must_use]
pub fn leg_at_end() -> Arc<TransportConfig> {
    let mut config = leg();
    config
        .max_concurrent_bidi_streams(0u32.into())
        .stream_receive_window(LEG_WINDOW_AT_END.into())
        .receive_window(LEG_WINDOW_AT_END.into())
        .keep_alive_interval(Some(LEG_KEEP_ALIVE));
    Arc::new(config)
}

fn leg() -> TransportConfig {
    let mut config = TransportConfig::default();
    config
        .max_concurrent_uni_streams(0u32.into())
        .datagram_receive_buffer_size(None)
        .max_idle_timeout(Some(idle(LEG_IDLE)));
    config
}

/// A main line.
#[must_use]
pub fn line() -> Arc<TransportConfig> {
    Arc::new(any_line())
}

/// A files line.
#[must_use]
pub fn files_line() -> Arc<TransportConfig> {
    let mut config = any_line();
    config
        .max_concurrent_bidi_streams(FILES_STRAYS.into())
        .max_concurrent_uni_streams(FILES_STREAMS.into())
        .datagram_receive_buffer_size(Some(FILES_DATAGRAMS));
    Arc::new(config)
}

fn any_line() -> TransportConfig {
    let mut mtu = MtuDiscoveryConfig::default();
    mtu.upper_bound(LINE_PACKET);
    let mut config = TransportConfig::default();
    config
        .mtu_discovery_config(Some(mtu))
        .initial_rtt(LINE_INITIAL_RTT)
        .congestion_controller_factory(Arc::new(congestion::Factory))
        .max_concurrent_bidi_streams(LINE_STREAMS.into())
        .max_concurrent_uni_streams(LINE_STREAMS.into())
        .stream_receive_window(LINE_STREAM_WINDOW.into())
        .receive_window(LINE_WINDOW.into())
        .send_window(LINE_WINDOW.into())
        .datagram_send_buffer_size(LINE_DATAGRAMS)
        .keep_alive_interval(Some(LINE_KEEP_ALIVE))
        .max_idle_timeout(Some(idle(LINE_IDLE)));
    config
}

fn idle(time: Duration) -> quinn::IdleTimeout {
    let millis = u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
    VarInt::from_u32(millis).into()
}
