//! The film, kept: its coded takes in a temporary file without a name, and in memory where each
//! stands, and pictures from which to go on. One writes at its end while others read.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use deskside_story::{FilmPoint, Take};

use super::shelf::{Place, Shelf};
use super::take;

/// Takes of one film at the most: 100 a second for eleven hours. With 24 bytes each 96 MiB.
const MAX_TAKES: usize = 4 * 1024 * 1024;
/// Bytes of pictures to go on from: those of 500 points of a screen of text. Beyond that those go whose
/// neighbours are nearest, and a seek takes longer wherever it leads.
const MAX_POINTS: usize = 256 * 1024 * 1024;
/// Bytes that are read at once: a few hundred small takes.
const READ: u64 = 1024 * 1024;
/// Seconds of which it is said whether anything moved: two days.
const MAX_SECONDS: usize = 48 * 3_600;

/// Where a take stands.
#[derive(Debug, Clone, Copy)]
struct Spot {
    time_us: u64,
    place: Place,
}

/// A picture to go on from, with the number of the take behind it.
#[derive(Debug, Clone)]
struct Mark {
    next: usize,
    bytes: usize,
    point: Arc<FilmPoint>,
}

#[derive(Debug, Default)]
struct Kept {
    spots: Vec<Spot>,
    marks: Vec<Mark>,
    mark_bytes: usize,
    /// Takes that there was no room for.
    dropped: u64,
    /// By second of the film: how many pictures changed, up to 255.
    moved: Vec<u8>,
}

/// The film.
#[derive(Debug)]
pub(super) struct Reel {
    began_us: u64,
    shelf: Shelf,
    kept: Mutex<Kept>,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Reel {
    /// An empty one, of a recording that began then.
    ///
    /// # Errors
    /// What the disk says.
    pub(super) fn new(began_us: u64) -> io::Result<Self> {
        Ok(Self { began_us, shelf: Shelf::new()?, kept: Mutex::default() })
    }

    /// Adds a take. `point` is where the film was just before it, where it can begin there.
    ///
    /// # Errors
    /// What the disk says.
    pub(super) fn push(&self, told: &Take, point: Option<FilmPoint>) -> io::Result<()> {
        let mut bytes = Vec::new();
        take::write(&told.told, &mut bytes);
        if held(&self.kept).spots.len() >= MAX_TAKES {
            held(&self.kept).dropped += 1;
            return Ok(());
        }
        let place = self.shelf.put(&bytes)?;
        let mut kept = held(&self.kept);
        // Entries of different streams come nearly in order; a film goes forward only.
        let before = kept.spots.last().map_or(0, |spot| spot.time_us);
        if let Some(point) = point {
            kept.mark(point);
        }
        kept.spots.push(Spot { time_us: told.time_us.max(before), place });
        Ok(())
    }

    /// A picture changed then.
    pub(super) fn moved(&self, time_us: u64) {
        let second = usize::try_from(time_us.saturating_sub(self.began_us) / 1_000_000);
        let Ok(second @ 0..MAX_SECONDS) = second else { return };
        let mut kept = held(&self.kept);
        if kept.moved.len() <= second {
            kept.moved.resize(second + 1, 0);
        }
        if let Some(count) = kept.moved.get_mut(second) {
            *count = count.saturating_add(1);
        }
    }

    /// By second, from `from` on: how many pictures changed, up to 255.
    pub(super) fn movement(&self, from: usize) -> Vec<u8> {
        held(&self.kept).moved.get(from..).unwrap_or_default().to_vec()
    }

    /// Takes that there was no room for.
    pub(super) fn dropped(&self) -> u64 {
        held(&self.kept).dropped
    }

    /// How many takes there are up to then, that time included.
    pub(super) fn until(&self, time_us: u64) -> usize {
        held(&self.kept).spots.partition_point(|spot| spot.time_us <= time_us)
    }

    /// Whether there is no film of it.
    pub(super) fn is_empty(&self) -> bool {
        held(&self.kept).spots.is_empty()
    }

    /// The last point at or before take number `next`, and the number of the take behind it.
    pub(super) fn point(&self, next: usize) -> Option<(usize, Arc<FilmPoint>)> {
        let kept = held(&self.kept);
        let behind = kept.marks.partition_point(|mark| mark.next <= next);
        let mark = kept.marks.get(behind.checked_sub(1)?)?;
        Some((mark.next, mark.point.clone()))
    }

    /// Takes from number `from` to before `to`, in order, a batch of them at a time.
    ///
    /// # Errors
    /// What the disk says.
    pub(super) fn takes(&self, from: usize, to: usize) -> io::Result<Vec<Take>> {
        let spots = self.batch(from, to);
        let (Some(first), Some(last)) = (spots.first(), spots.last()) else {
            return Ok(Vec::new());
        };
        let bytes = self.shelf.read(first.place, last.place)?;
        let take = |spot: &Spot| {
            let start = usize::try_from(spot.place.at - first.place.at).ok()?;
            let end = start + usize::try_from(spot.place.length).ok()?;
            take::read(spot.time_us, bytes.slice(start..end))
        };
        let takes = spots.iter().map(take).collect::<Option<Vec<_>>>();
        takes.ok_or_else(|| io::Error::other("the film's file is damaged"))
    }

    fn batch(&self, from: usize, to: usize) -> Vec<Spot> {
        let kept = held(&self.kept);
        let spots = kept.spots.get(from..to.min(kept.spots.len())).unwrap_or_default();
        let start = spots.first().map_or(0, |spot| spot.place.at);
        let few = spots.iter().skip(1).take_while(|spot| spot.place.at - start < READ).count();
        spots.iter().take(few + 1).copied().collect()
    }
}

impl Kept {
    /// Keeps a point for the take that comes next.
    fn mark(&mut self, point: FilmPoint) {
        let (next, bytes) = (self.spots.len(), point.bytes());
        self.keep(Mark { next, bytes, point: Arc::new(point) });
    }

    fn keep(&mut self, mark: Mark) {
        self.mark_bytes += mark.bytes;
        self.marks.push(mark);
        while self.mark_bytes > MAX_POINTS
            && let Some(at) = self.least()
        {
            self.mark_bytes -= self.marks.remove(at).bytes;
        }
    }

    /// The mark that is missed least: without it the way from the one before to the one behind is
    /// the shortest. Never the first, nor the last, behind which others will come.
    fn least(&self) -> Option<usize> {
        let way = |at: &usize| match self.marks.get(at - 1..=at + 1) {
            Some([before, _, behind]) => behind.next - before.next,
            Some(_) | None => usize::MAX,
        };
        (1..self.marks.len().saturating_sub(1)).min_by_key(way)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskside_story::{Film, Told};

    #[test]
    fn takes_are_found_by_their_times() {
        let reel = Reel::new(1_000_000).unwrap();
        assert!(reel.is_empty());
        for (number, time_us) in [(0, 5), (1, 9), (2, 7), (3, 20)] {
            let told = Told::Place { number, x: 1, y: 2 };
            let point = (number == 2).then(|| Film::new().point().unwrap().unwrap());
            reel.push(&Take { time_us, told }, point).unwrap();
        }
        assert_eq!([4, 5, 9, 19, 20].map(|time| reel.until(time)), [0, 1, 3, 3, 4]);
        let takes = reel.takes(1, 3).unwrap();
        let numbers = takes.iter().map(|take| (take.time_us, take.told.clone()));
        let place = |number| Told::Place { number, x: 1, y: 2 };
        assert_eq!(numbers.collect::<Vec<_>>(), [(9, place(1)), (9, place(2))]);
        assert!(reel.takes(4, 9).unwrap().is_empty());
        assert_eq!(reel.point(1).map(|(next, _)| next), None);
        assert_eq!(reel.point(3).map(|(next, _)| next), Some(2));
        for time_us in [0, 1_000_000, 3_500_000, 3_600_000, u64::MAX] {
            reel.moved(time_us);
        }
        assert_eq!((reel.movement(0), reel.movement(2)), (vec![2, 0, 2], vec![2]));
    }

    #[test]
    fn points_have_a_bound() {
        let mut kept = Kept::default();
        let bytes = MAX_POINTS / 4;
        for next in 0..9 {
            let point = Arc::new(Film::new().point().unwrap().unwrap());
            kept.keep(Mark { next, bytes, point });
            kept.mark(Film::new().point().unwrap().unwrap());
            assert!(kept.mark_bytes <= MAX_POINTS || kept.marks.len() <= 2);
        }
    }

    #[test]
    fn points_lie_as_near_at_the_beginning_as_at_the_end() {
        let mut kept = Kept::default();
        let point = Arc::new(Film::new().point().unwrap().unwrap());
        // Room for 20 of them.
        let bytes = MAX_POINTS / 20;
        for next in 0..1_000 {
            kept.keep(Mark { next, bytes, point: point.clone() });
        }
        assert_eq!((kept.marks.len(), kept.mark_bytes), (20, 20 * bytes));
        let ways = kept.marks.windows(2).map(|two| two[1].next - two[0].next);
        let (least, most) = (ways.clone().min().unwrap(), ways.max().unwrap());
        // Were they even there would be 53 takes between two.
        assert!(most <= 128, "{least} to {most}");
        assert_eq!(kept.marks[0].next, 0);
    }
}
