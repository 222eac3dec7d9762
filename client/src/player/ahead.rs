//! Many takes at once: photos are decoded in a thread of their own, while what is exact is decoded in
//! the caller's. A jump is half a minute of takes, and photos are a third of its time.

use std::sync::mpsc::sync_channel;
use std::thread;

use deskside_screen::{DecodeError, Ready};
use deskside_story::{Film, Take, Told, Turn};

/// Photos that are ready before their turn, of 4 MiB at the most.
const MAX_READY: usize = 8;
/// So many photos are worth a thread.
const WORTH: usize = 3;

/// Shows `takes`, one after the other, and tells `turned` what came of each.
pub(super) fn show(
    film: &mut Film,
    takes: &[Take],
    mut turned: impl FnMut(Result<Turn, DecodeError>),
) {
    let photos = || takes.iter().filter_map(photo);
    if photos().count() < WORTH {
        takes.iter().for_each(|take| turned(film.show(take)));
        return;
    }
    thread::scope(|scope| {
        let (ready, next) = sync_channel(MAX_READY);
        scope.spawn(move || {
            for photo in photos() {
                // One that cannot be decoded is told of when it is shown.
                if ready.send(photo.ready().ok()).is_err() {
                    return;
                }
            }
        });
        for take in takes {
            let ready: Option<Ready> = photo(take).and_then(|_| next.recv().ok().flatten());
            turned(film.show_ready(take, ready));
        }
    });
}

const fn photo(take: &Take) -> Option<&deskside_screen::Piece> {
    match &take.told {
        Told::Piece(piece) => Some(piece),
        Told::Began
        | Told::Ended
        | Told::Hidden(_)
        | Told::Watching(_)
        | Told::Frame(_)
        | Told::Lost(_)
        | Told::Shape(_)
        | Told::Place { .. }
        | Told::Laser(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use deskside_screen::{Encoder, Piece, Size, View};

    use super::*;

    /// Frames of photos, another one each time, as they are told.
    fn photos(frames: u64) -> Vec<Take> {
        let size = Size::new(320, 200).unwrap();
        let mut encoder = Encoder::new(size).unwrap();
        let mut told = vec![Told::Began];
        for frame in 0..frames {
            let seed = 11 * u32::try_from(frame).unwrap();
            let wave = |at: u32| (at % 360).abs_diff(180);
            let pixel = |at: u32| {
                let (x, y) = (at % 320, at / 320);
                let noise = (x * 31 + y * 17 + seed).wrapping_mul(2_654_435_761) >> 29;
                (wave(x + seed) + noise) << 16 | (wave(y) + noise) << 8 | wave(x + y)
            };
            let bytes: Vec<u8> = (0..320 * 200).flat_map(|at| pixel(at).to_le_bytes()).collect();
            let view = View::new(size, size.width() * 4, &bytes).unwrap();
            let now = Duration::from_millis(33 * frame);
            let coded = encoder.frame(&view, &[size.rect()], now).unwrap().unwrap();
            told.push(Told::Frame(coded.frame));
            told.extend(coded.pieces.into_iter().map(Told::Piece));
        }
        told.into_iter().zip(1..).map(|(told, time_us)| Take { time_us, told }).collect()
    }

    #[test]
    fn it_is_the_same_film() {
        let mut takes = photos(6);
        assert!(takes.iter().filter_map(photo).count() > WORTH);
        for broken in [false, true] {
            if broken && let Told::Piece(piece) = &mut takes.last_mut().unwrap().told {
                *piece = Piece { jpeg: piece.jpeg.slice(..9), ..piece.clone() };
            }
            let (mut one, mut other) = (Film::new(), Film::new());
            let (mut alone, mut ahead) = (Vec::new(), Vec::new());
            takes.iter().for_each(|take| alone.push(one.show(take)));
            show(&mut other, &takes, |turn| ahead.push(turn));
            assert_eq!(alone, ahead);
            assert_eq!((one.picture(), one.is_lost()), (other.picture(), broken));
        }
    }
}
