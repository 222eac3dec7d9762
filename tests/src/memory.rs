//! Searches the whole memory of a process and every file of a folder for given bytes.
//!
//! What cannot be read is an error, never an empty answer: a search that saw nothing proves nothing.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use anyhow::{Context as _, ensure};
use memchr::memmem;

/// Bytes read at once; neighbours overlap by the longest needle.
const PIECE: usize = 4 * 1024 * 1024;

/// What was searched, and what of the needles was in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Bytes looked at.
    pub searched: u64,
    /// The names of the needles that were there, and where first.
    pub hits: Vec<(&'static str, String)>,
}

impl Found {
    /// Whether the needle of this name was there.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.hits.iter().any(|(hit, _)| *hit == name)
    }
}

/// Bytes to look for, with a name for the report.
#[derive(Clone)]
pub struct Needle {
    /// For the report, which never repeats the bytes.
    pub name: &'static str,
    /// What to look for.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Needle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Needle").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Needle {
    /// A needle.
    pub fn new(name: &'static str, bytes: impl Into<Vec<u8>>) -> Self {
        Self { name, bytes: bytes.into() }
    }
}

/// Searches every readable region of process `id`, which has to stand still meanwhile:
/// [`Process::memory`](crate::process::Process::memory) sees to it.
///
/// # Errors
/// Where the process is gone or its memory cannot be read, all of it.
pub fn process(id: u32, needles: &[Needle]) -> anyhow::Result<Found> {
    let maps = fs::read_to_string(format!("/proc/{id}/maps")).context("list a process's memory")?;
    let memory = File::open(format!("/proc/{id}/mem")).context("open a process's memory")?;
    let mut search = Search::new(needles)?;
    for region in maps.lines().filter_map(Region::parse) {
        search.region(&memory, &region).with_context(|| format!("read {}", region.line))?;
    }
    ensure!(search.found.searched > 0, "process {id} shows no memory at all");
    Ok(search.found)
}

/// Searches every file under `folder`, names included.
///
/// # Errors
/// Where a file cannot be read.
pub fn folder(folder: &Path, needles: &[Needle]) -> anyhow::Result<Found> {
    let mut search = Search::new(needles)?;
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let entries = fs::read_dir(&next).with_context(|| format!("list {}", next.display()))?;
        for entry in entries {
            let entry = entry.context("list a folder")?;
            let path = entry.path();
            search.look(entry.file_name().as_encoded_bytes(), &path.display().to_string());
            if entry.file_type().context("list a folder")?.is_dir() {
                folders.push(path);
            } else {
                search.file(&path)?;
            }
        }
    }
    ensure!(search.found.searched > 0, "{} holds nothing at all", folder.display());
    Ok(search.found)
}

/// One line of `/proc/PID/maps` (proc_pid_maps(5)).
struct Region<'a> {
    start: u64,
    end: u64,
    line: &'a str,
}

impl<'a> Region<'a> {
    /// `None` for what no process can read, and for the kernel's own pages, which hold its clock
    /// and the code that reads it, and refuse to be read by `/proc`.
    fn parse(line: &'a str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let (start, end) = words.next()?.split_once('-')?;
        let readable = words.next()?.starts_with('r');
        let kernels = ["[vvar]", "[vvar_vclock]", "[vsyscall]"];
        let kernels = words.nth(3).is_some_and(|name| kernels.contains(&name));
        let number = |text| u64::from_str_radix(text, 16).ok();
        let region = Self { start: number(start)?, end: number(end)?, line };
        (readable && !kernels).then_some(region)
    }
}

struct Search<'a> {
    needles: &'a [Needle],
    overlap: usize,
    found: Found,
}

impl<'a> Search<'a> {
    fn new(needles: &'a [Needle]) -> anyhow::Result<Self> {
        // Shorter ones occur by chance.
        ensure!(needles.iter().all(|needle| needle.bytes.len() >= 12), "a needle is too short");
        let longest =
            needles.iter().map(|needle| needle.bytes.len()).max().context("no needles")?;
        let found = Found { searched: 0, hits: Vec::new() };
        Ok(Self { needles, overlap: longest - 1, found })
    }

    fn region(&mut self, memory: &File, region: &Region<'_>) -> anyhow::Result<()> {
        let mut buffer = vec![0; PIECE + self.overlap];
        let mut kept = 0;
        let mut at = region.start;
        while at < region.end {
            let left = usize::try_from(region.end - at).unwrap_or(PIECE).min(PIECE);
            let room = buffer.get_mut(kept..kept + left).context("make room")?;
            memory.read_exact_at(room, at).with_context(|| format!("at {at:x}"))?;
            self.look(buffer.get(..kept + left).unwrap_or_default(), region.line);
            let keep = self.overlap.min(kept + left);
            buffer.copy_within(kept + left - keep..kept + left, 0);
            (kept, at) = (keep, at + left as u64);
        }
        Ok(())
    }

    fn file(&mut self, path: &Path) -> anyhow::Result<()> {
        let mut whole = Vec::new();
        let read = File::open(path).and_then(|mut file| file.read_to_end(&mut whole));
        match read {
            // The database's side files come and go.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            read => read.with_context(|| format!("read {}", path.display()))?,
        };
        self.look(&whole, &path.display().to_string());
        Ok(())
    }

    fn look(&mut self, bytes: &[u8], place: &str) {
        self.found.searched += bytes.len() as u64;
        for needle in self.needles {
            if !self.found.has(needle.name) && memmem::find(bytes, &needle.bytes).is_some() {
                self.found.hits.push((needle.name, place.to_owned()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_needle_across_two_pieces_is_found() {
        let marker = b"needle-in-own-memory-1795326600".to_vec();
        let mut own = vec![b'.'; 3 * PIECE];
        // Wherever the region begins, every alignment of the piece's end is covered.
        for at in (0..2 * PIECE).step_by(PIECE / 2 + 7) {
            own[at..at + marker.len()].copy_from_slice(&marker);
        }
        let here = std::hint::black_box(&own);
        let found = process(std::process::id(), &[Needle::new("marker", marker)]).unwrap();
        assert!(found.has("marker") && found.searched > here.len() as u64);
    }

    #[test]
    fn what_is_not_there_is_not_found_and_nothing_to_search_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let needle = [Needle::new("marker", *b"not in this folder")];
        assert!(super::folder(folder.path(), &needle).is_err());
        fs::write(folder.path().join("a"), "nothing of interest").unwrap();
        assert_eq!(super::folder(folder.path(), &needle).unwrap().hits, []);
        fs::write(folder.path().join("b"), "x not in this folder x").unwrap();
        assert!(super::folder(folder.path(), &needle).unwrap().has("marker"));
        assert!(process(u32::MAX / 2, &needle).is_err());
        assert!(Search::new(&[Needle::new("short", *b"123456")]).is_err());
    }
}
