//! A temporary file without a name: what is put there is read by its place, and goes when the program
//! ends.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

/// The file, and how long it is.
#[derive(Debug)]
pub(super) struct Shelf(Mutex<(File, u64)>);

/// Where something stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) at: u64,
    pub(super) length: u32,
}

impl Place {
    pub(super) fn end(self) -> u64 {
        self.at + u64::from(self.length)
    }
}

impl Shelf {
    /// An empty one.
    ///
    /// # Errors
    /// What the disk says.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self(Mutex::new((tempfile::tempfile()?, 0))))
    }

    /// Puts something behind all that is there.
    ///
    /// # Errors
    /// What the disk says.
    pub(super) fn put(&self, bytes: &[u8]) -> io::Result<Place> {
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, end) = &mut *held;
        let at = *end;
        file.seek(SeekFrom::Start(at))?;
        file.write_all(bytes)?;
        *end = at + u64::from(length);
        Ok(Place { at, length })
    }

    /// Everything from one place to the end of another.
    ///
    /// # Errors
    /// What the disk says.
    pub(super) fn read(&self, first: Place, last: Place) -> io::Result<Bytes> {
        let length = usize::try_from(last.end() - first.at).map_err(io::Error::other)?;
        let mut bytes = vec![0; length];
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.0.seek(SeekFrom::Start(first.at))?;
        held.0.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_is_read_in_any_order() {
        let shelf = Shelf::new().unwrap();
        let places = ["one", "", "three"].map(|text| shelf.put(text.as_bytes()).unwrap());
        assert_eq!(shelf.read(places[2], places[2]).unwrap(), "three");
        assert_eq!(shelf.read(places[0], places[2]).unwrap(), "onethree");
        assert_eq!(shelf.read(places[1], places[1]).unwrap(), "");
        assert_eq!(shelf.put(b"x").unwrap().at, 8);
    }
}
