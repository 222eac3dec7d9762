//! Parts of the desktop that were read at once: in memory that the server shares, or in our own.

use x11rb::connection::Connection as _;
use x11rb::errors::ReplyError;

use super::Connected;
use crate::desktop::Region;
use crate::desktop::picture::PIXEL;

/// What was read last.
#[derive(Default)]
pub(super) struct Fetched(Vec<Part>);

struct Part {
    region: Region,
    pixels: Pixels,
}

/// BGRX, row by row without padding.
enum Pixels {
    /// Behind so many bytes of the shared memory.
    #[cfg(target_os = "linux")]
    Shared(usize),
    Own(Vec<u8>),
}

impl Connected {
    /// Reads `regions`, which lie inside the root, in one round trip where memory is shared.
    pub(super) fn fetch(&mut self, regions: &[Region]) -> Result<(), ReplyError> {
        self.fetched.0.clear();
        #[cfg(target_os = "linux")]
        if self.layout.is_bgrx() && self.fetch_shared(regions)? {
            return Ok(());
        }
        for region in regions {
            let pixels = Pixels::Own(self.pixels(*region)?);
            self.fetched.0.push(Part { region: *region, pixels });
        }
        Ok(())
    }

    #[cfg(target_os = "linux")]
    fn fetch_shared(&mut self, regions: &[Region]) -> Result<bool, ReplyError> {
        let bytes = |region: &Region| self.layout.bytes_of(region.width, region.height);
        let lengths: Vec<usize> = regions.iter().map(bytes).collect();
        let Some(shared) = self.shared_for(lengths.iter().sum())? else { return Ok(false) };
        let mut offset = 0;
        let mut asked = Vec::with_capacity(regions.len());
        for (region, length) in regions.iter().zip(lengths) {
            asked.push(shared.ask(&self.connection, self.root, *region, offset)?);
            let pixels = Pixels::Shared(offset);
            self.fetched.0.push(Part { region: *region, pixels });
            offset += length;
        }
        self.shared = Some(shared);
        self.connection.flush()?;
        // All answers are taken, so that none is left for whoever asks next.
        let answers: Vec<_> = asked.into_iter().map(x11rb::cookie::Cookie::reply).collect();
        for answer in answers {
            answer?;
        }
        Ok(true)
    }

    /// Copies `part`, which lies inside one of the regions that were read last, to `to`.
    pub(super) fn copy(&self, part: Region, to: &mut [u8]) {
        let Some(found) = self.fetched.0.iter().find(|it| it.region.holds(part)) else {
            debug_assert!(false, "what is copied was read before");
            return;
        };
        let number = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let stride = number(found.region.width) * PIXEL;
        let begin =
            number(part.y - found.region.y) * stride + number(part.x - found.region.x) * PIXEL;
        let rows = (begin..).step_by(stride);
        for (from, to) in rows.zip(to.chunks_exact_mut(number(part.width) * PIXEL)) {
            match &found.pixels {
                #[cfg(target_os = "linux")]
                Pixels::Shared(offset) => {
                    if let Some(shared) = &self.shared {
                        shared.copy(offset + from, to);
                    }
                }
                Pixels::Own(bytes) => {
                    if let Some(row) = bytes.get(from..from + to.len()) {
                        to.copy_from_slice(row);
                    }
                }
            }
        }
    }
}
