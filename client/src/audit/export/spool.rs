//! What has to be put in another order than it comes: it waits on the disk, and of each part only its
//! key and its place are kept in memory.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};

use anyhow::Context as _;
use deskside_protocol::exit::Exit;

use crate::failure::Failure;

/// Parts at the most: with keys of 32 bytes some 200 MiB of memory. Packets of 1,200 bytes are then
/// 5 GB of a recording.
pub(super) const MAX_PARTS: usize = 4 * 1024 * 1024;

/// Where a part lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    at: u64,
    length: usize,
}

/// Parts, each under a key.
#[derive(Debug)]
pub(super) struct Spool<K> {
    file: BufWriter<File>,
    places: Vec<(K, Place)>,
    end: u64,
}

impl<K> Spool<K> {
    /// Without any part.
    ///
    /// # Errors
    /// What the disk says.
    pub(super) fn new() -> anyhow::Result<Self> {
        let file = tempfile::tempfile().context("make room for what is exported")?;
        Ok(Self { file: BufWriter::new(file), places: Vec::new(), end: 0 })
    }

    /// Adds a part.
    ///
    /// # Errors
    /// What the disk says; exit 1 where it is one too many.
    pub(super) fn push(&mut self, key: K, part: &[u8]) -> anyhow::Result<()> {
        if self.places.len() >= MAX_PARTS {
            let sentence = format!("there is more in it than {MAX_PARTS} parts: take less of it");
            return Err(Failure::new(Exit::Other, sentence).into());
        }
        self.file.write_all(part).context("keep what is exported")?;
        let place = Place { at: self.end, length: part.len() };
        self.end += part.len() as u64;
        self.places.push((key, place));
        Ok(())
    }

    /// Its parts in the order that `order` makes of their keys; those that it leaves out are left out.
    ///
    /// # Errors
    /// What the disk and `seen` say.
    pub(super) fn each(
        self,
        order: impl FnOnce(&mut Vec<(K, usize)>),
        mut seen: impl FnMut(&K, &[u8]) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error);
        let mut file = BufReader::new(file.context("keep what is exported")?);
        let (keys, places): (Vec<K>, Vec<Place>) = self.places.into_iter().unzip();
        let mut ordered: Vec<_> = keys.into_iter().zip(0..).collect();
        order(&mut ordered);
        let mut part = Vec::new();
        for (key, number) in ordered {
            let Some(place) = places.get(number) else { continue };
            part.resize(place.length, 0);
            file.seek(SeekFrom::Start(place.at)).context("read what is exported")?;
            file.read_exact(&mut part).context("read what is exported")?;
            seen(&key, &part)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_in_the_wished_order() {
        let mut spool = Spool::new().unwrap();
        for (key, part) in [(3, "three"), (1, "one"), (2, ""), (1, "one more"), (9, "gone")] {
            spool.push(key, part.as_bytes()).unwrap();
        }
        let mut seen = Vec::new();
        let order = |parts: &mut Vec<(u8, usize)>| {
            parts.retain(|(key, _)| *key != 9);
            parts.sort_by_key(|(key, _)| *key);
        };
        let each = spool.each(order, |key, part| {
            seen.push((*key, String::from_utf8(part.to_vec()).unwrap()));
            Ok(())
        });
        each.unwrap();
        let wanted = [(1, "one"), (1, "one more"), (2, ""), (3, "three")];
        assert_eq!(seen, wanted.map(|(key, part)| (key, part.to_owned())));
    }
}
