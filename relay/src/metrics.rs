//! What this relay counts, for Prometheus. Handles, no global state: each node has its own.

use metrics::{Counter, Gauge, Key, KeyName, Level, Metadata, Recorder as _, Unit};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

const METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, None);

/// Gauges and counters of one node. Cloning is cheap.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
    open_codes: Gauge,
    live_sessions: Gauge,
    ends_away: Gauge,
    returns: Counter,
    unrecorded: Counter,
    not_asked: Counter,
    forwarded_packets: Counter,
    forwarded_bytes: Counter,
    dropped_packets: Counter,
    half_open: Gauge,
    limited: Counter,
    retries: Counter,
    refused_legs: Counter,
    failed_pairings: Counter,
    locked: Counter,
    disk_stalls: Counter,
    archive_waiting: Gauge,
    archive_waiting_bytes: Gauge,
    archive_failing: Gauge,
    archive_failures: Counter,
    archived: Counter,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let recorder = PrometheusBuilder::new().build_recorder();
        let count = |name, what| counter(&recorder, name, Unit::Count, what);
        Self {
            open_codes: gauge(&recorder, "deskside_open_codes", "Codes that are open now"),
            live_sessions: gauge(&recorder, "deskside_live_sessions", "Sessions that are on now"),
            ends_away: gauge(
                &recorder,
                "deskside_ends_away",
                "Ends of live sessions that are waited for",
            ),
            returns: count("deskside_returns_total", "Ends that came back to their session"),
            unrecorded: count(
                "deskside_unrecorded_sessions_total",
                "Sessions that went on unrecorded, as a best-effort policy allows",
            ),
            not_asked: count(
                "deskside_not_asked_sessions_total",
                "Sessions that users ended because they had not asked for help",
            ),
            forwarded_packets: count(
                "deskside_forwarded_packets_total",
                "Packets of lines that were forwarded",
            ),
            forwarded_bytes: counter(
                &recorder,
                "deskside_forwarded_bytes_total",
                Unit::Bytes,
                "Bytes of lines that were forwarded",
            ),
            dropped_packets: count(
                "deskside_dropped_packets_total",
                "Packets of lines that were not forwarded",
            ),
            half_open: gauge(&recorder, "deskside_half_open", "Handshakes that are under way"),
            limited: count(
                "deskside_limited_total",
                "Codes, joins, enrolments, requests and pages that were over a limit",
            ),
            retries: count(
                "deskside_retries_total",
                "Legs that had to validate their address first",
            ),
            refused_legs: count("deskside_refused_legs_total", "Legs that were refused"),
            failed_pairings: count(
                "deskside_failed_pairings_total",
                "Codes that were spent on a wrong guess",
            ),
            locked: count(
                "deskside_locked_total",
                "Joins that were refused because of failed codes before",
            ),
            disk_stalls: count(
                "deskside_disk_stalls_total",
                "Times that a write of a recording took long and others went on without it",
            ),
            archive_waiting: gauge(
                &recorder,
                "deskside_archive_waiting",
                "Finished recordings that are not in the archive yet",
            ),
            archive_waiting_bytes: gauge(
                &recorder,
                "deskside_archive_waiting_bytes",
                "Bytes of finished recordings that are not in the archive yet, to the MiB",
            ),
            archive_failing: gauge(
                &recorder,
                "deskside_archive_failing",
                "Whether the archive fails: 1, or 0",
            ),
            archive_failures: count(
                "deskside_archive_failures_total",
                "Requests to the archive that failed and are tried again",
            ),
            archived: count("deskside_archived_total", "Recordings that were archived"),
            handle: recorder.handle(),
        }
    }
}

impl Metrics {
    /// All at zero.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Codes that are open now.
    pub fn set_open_codes(&self, count: usize) {
        // A count of codes is far below 2^32, so the float is exact.
        self.open_codes.set(u32::try_from(count).map_or(f64::INFINITY, f64::from));
    }

    /// A session begins.
    pub fn session_began(&self) {
        self.live_sessions.increment(1.0);
    }

    /// A session ended.
    pub fn session_ended(&self) {
        self.live_sessions.decrement(1.0);
    }

    /// An end of a session is waited for, until the guard is dropped.
    #[must_use]
    pub fn end_away(&self) -> Away {
        self.ends_away.increment(1.0);
        Away(self.ends_away.clone())
    }

    /// An end came back to its session.
    pub fn returned(&self) {
        self.returns.increment(1);
    }

    /// A session goes on unrecorded.
    pub fn went_unrecorded(&self) {
        self.unrecorded.increment(1);
    }

    /// A user says that he did not ask for a session.
    pub fn not_asked_for(&self) {
        self.not_asked.increment(1);
    }

    /// Packets of a line left for the other end.
    pub fn forwarded(&self, packets: u64, bytes: u64) {
        self.forwarded_packets.increment(packets);
        self.forwarded_bytes.increment(bytes);
    }

    /// A write of a recording holds up the thread that receives.
    pub fn disk_stalled(&self) {
        self.disk_stalls.increment(1);
    }

    /// Packets of a line were not forwarded.
    pub fn dropped(&self, packets: u64) {
        self.dropped_packets.increment(packets);
    }

    /// Handshakes that are under way.
    pub fn set_half_open(&self, count: usize) {
        self.half_open.set(u32::try_from(count).map_or(f64::INFINITY, f64::from));
    }

    /// Somebody was over a limit.
    pub fn limited(&self) {
        self.limited.increment(1);
    }

    /// A leg has to validate its address first.
    pub fn retried(&self) {
        self.retries.increment(1);
    }

    /// So much waits to be archived.
    pub fn set_archive_waiting(&self, count: u64, bytes: u64) {
        self.archive_waiting.set(u32::try_from(count).map_or(f64::INFINITY, f64::from));
        // To the MiB and below 2^32 of them: bytes would not be exact as a float either.
        let mebibytes = u32::try_from(bytes >> 20).map_or(f64::INFINITY, f64::from);
        self.archive_waiting_bytes.set(mebibytes * 1_048_576.0);
    }

    /// Whether the archive does what it is asked for.
    pub fn set_archive_failing(&self, failing: bool) {
        self.archive_failing.set(f64::from(u8::from(failing)));
    }

    /// A request to the archive failed.
    pub fn archive_failed(&self) {
        self.archive_failures.increment(1);
    }

    /// A recording was archived.
    pub fn archived(&self) {
        self.archived.increment(1);
    }

    /// A leg was refused.
    pub fn leg_refused(&self) {
        self.refused_legs.increment(1);
    }

    /// A code was spent on a wrong guess.
    pub fn pairing_failed(&self) {
        self.failed_pairings.increment(1);
    }

    /// A technician may not try for a while.
    pub fn locked(&self) {
        self.locked.increment(1);
    }

    /// Everything in Prometheus' text format.
    #[must_use]
    pub fn render(&self) -> String {
        self.handle.render()
    }
}

/// An end that is waited for.
pub struct Away(Gauge);

impl std::fmt::Debug for Away {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Away")
    }
}

impl Drop for Away {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

fn gauge(recorder: &PrometheusRecorder, name: &'static str, words: &'static str) -> Gauge {
    recorder.describe_gauge(KeyName::from_const_str(name), Some(Unit::Count), words.into());
    let gauge = recorder.register_gauge(&Key::from_static_name(name), &METADATA);
    gauge.set(0.0);
    gauge
}

fn counter(
    recorder: &PrometheusRecorder,
    name: &'static str,
    unit: Unit,
    words: &'static str,
) -> Counter {
    recorder.describe_counter(KeyName::from_const_str(name), Some(unit), words.into());
    recorder.register_counter(&Key::from_static_name(name), &METADATA)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_nodes_count_apart() {
        let (one, two) = (Metrics::new(), Metrics::new());
        one.session_began();
        one.set_open_codes(3);
        one.forwarded(2, 2400);
        one.dropped(1);
        one.returned();
        one.went_unrecorded();
        let away = one.end_away();
        drop(one.end_away());
        let text = one.render();
        for line in [
            "deskside_live_sessions 1",
            "deskside_open_codes 3",
            "deskside_ends_away 1",
            "deskside_returns_total 1",
            "deskside_unrecorded_sessions_total 1",
            "deskside_forwarded_packets_total 2",
            "deskside_forwarded_bytes_total 2400",
            "deskside_dropped_packets_total 1",
        ] {
            assert!(text.lines().any(|it| it == line), "{line} is missing in\n{text}");
        }
        drop(away);
        assert!(one.render().lines().any(|it| it == "deskside_ends_away 0"));
        assert!(two.render().lines().any(|it| it == "deskside_live_sessions 0"));
    }
}
