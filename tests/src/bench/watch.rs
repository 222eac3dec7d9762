//! What a process costs, by the kernel's own books in `/proc`.

use std::fs;

use anyhow::Context as _;

/// The kernel's unit of `/proc/PID/stat` (proc_pid_stat(5)): `USER_HZ`, 100 on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU seconds that a process has used, all of its threads together.
pub(super) fn cpu(id: u32) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).context("read a process's clock")?;
    ticks(&stat).map(|ticks| ticks / TICKS_PER_SECOND).context("read a process's clock")
}

/// User and system time: the 12th and 13th word behind the name, which may hold anything.
fn ticks(stat: &str) -> Option<f64> {
    let (_, words) = stat.rsplit_once(')')?;
    let mut words = words.split_ascii_whitespace().skip(11).map(str::parse::<f64>);
    Some(words.next()?.ok()? + words.next()?.ok()?)
}

/// Memory of a process, in KiB.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Memory {
    /// Resident.
    pub(super) rss: f64,
    /// Resident, what is shared counted by its share.
    pub(super) pss: f64,
}

pub(super) fn memory(id: u32) -> anyhow::Result<Memory> {
    let text = fs::read_to_string(format!("/proc/{id}/smaps_rollup"));
    let text = text.context("read a process's memory")?;
    let line = |name| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.split_ascii_whitespace().nth(1)?.parse().ok()
    };
    let found = line("Rss:").zip(line("Pss:")).map(|(rss, pss)| Memory { rss, pss });
    found.context("read a process's memory")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_found_behind_any_name() {
        let stat = "7 (a) b) 1 (c) R 1 1 1 0 -1 4194304 100 0 0 0 250 50 9 9 20 0";
        assert_eq!(ticks(stat), Some(300.0));
        assert_eq!(ticks("7 (a) R 1"), None);
    }

    #[test]
    fn our_own_costs_something() {
        let own = std::process::id();
        assert!(cpu(own).unwrap() >= 0.0);
        let memory = memory(own).unwrap();
        assert!(memory.rss >= memory.pss && memory.pss > 100.0);
    }
}
