//! A screen that is drawn on, and both halves of the coding.

use std::time::Duration;

use deskside_screen::{Coded, Decoder, Encoder, Picture, Rect, Size, View};

pub(crate) const PAGE_SMALL: Rect = Rect { x: 20, y: 30, width: 200, height: 100 };
pub(crate) const REST: Duration = Duration::from_millis(200);

/// A screen that a test draws on.
pub(crate) struct Screen {
    pub(crate) size: Size,
    pub(crate) bytes: Vec<u8>,
}

impl Screen {
    pub(crate) fn new(width: usize, height: usize) -> Self {
        let size = Size::new(width, height).unwrap();
        Self { size, bytes: vec![0; width * height * 4] }
    }

    pub(crate) fn view(&self) -> View<'_> {
        View::new(self.size, self.size.width() * 4, &self.bytes).unwrap()
    }

    pub(crate) fn draw(&mut self, rect: Rect, colour: impl Fn(usize, usize) -> u32) {
        for y in rect.y..rect.y + rect.height {
            for x in rect.x..rect.x + rect.width {
                let at = (y * self.size.width() + x) * 4;
                self.bytes[at..at + 4].copy_from_slice(&colour(x, y).to_le_bytes());
            }
        }
    }

    pub(crate) fn text(&mut self, rect: Rect, seed: usize) {
        self.draw(rect, |x, y| {
            if (x / 3 * 7 + y / 2 * 13 + seed).is_multiple_of(5) { 0 } else { 0xff_ffff }
        });
    }

    pub(crate) fn photo(&mut self, rect: Rect, seed: usize) {
        self.draw(rect, |x, y| {
            let wave = |it: usize| ((it as f64 / 23.0).sin() * 90.0 + 120.0) as u32;
            let noise = ((x * 31 + y * 17 + seed) as u32).wrapping_mul(2_654_435_761) >> 29;
            (wave(x + seed) + noise) << 16 | (wave(y) + noise) << 8 | wave(x + y)
        });
    }

    pub(crate) fn scroll(&mut self, rect: Rect, by: usize) {
        let old = self.bytes.clone();
        let width = self.size.width();
        for y in rect.y..rect.y + rect.height - by {
            let (to, from) = ((y * width + rect.x) * 4, ((y + by) * width + rect.x) * 4);
            self.bytes[to..to + rect.width * 4].copy_from_slice(&old[from..from + rect.width * 4]);
        }
    }
}

/// Both halves.
pub(crate) struct Pair {
    pub(crate) screen: Screen,
    pub(crate) encoder: Encoder,
    pub(crate) decoder: Decoder,
    pub(crate) now: Duration,
    /// What was shown.
    pub(crate) told: Vec<Coded>,
    /// No pieces arrive.
    losing: bool,
}

impl Pair {
    pub(crate) fn new(width: usize, height: usize) -> Self {
        let screen = Screen::new(width, height);
        let encoder = Encoder::new(screen.size).unwrap();
        let (decoder, now, told) = (Decoder::new().unwrap(), Duration::ZERO, Vec::new());
        Self { screen, encoder, decoder, now, told, losing: false }
    }

    /// A frame of all that changed.
    pub(crate) fn code(&mut self) -> Option<Coded> {
        self.now += Duration::from_millis(33);
        let all = [self.screen.size.rect()];
        self.encoder.frame(&self.screen.view(), &all, self.now).unwrap()
    }

    pub(crate) fn show(&mut self, coded: &Coded) {
        shown(&mut self.decoder, coded);
        self.encoder.acknowledge(self.decoder.whole());
        self.told.push(coded.clone());
    }

    /// None of its pieces arrives.
    fn lose(&mut self, mut coded: Coded) {
        coded.pieces.clear();
        shown(&mut self.decoder, &coded);
        self.told.push(coded);
    }

    pub(crate) fn act(&mut self, act: Act) {
        match act {
            Act::Text(rect, seed) => self.screen.text(rect, seed),
            Act::Photo(rect, seed) => self.screen.photo(rect, seed),
            Act::Fill(rect, colour) => self.screen.draw(rect, |_, _| colour),
            Act::Scroll(by) => self.screen.scroll(self.screen.size.rect(), by),
            Act::Rest => {
                self.rest();
            }
            Act::Restart => self.encoder.restart(),
            Act::Lose => self.losing = !self.losing,
        }
        match self.code() {
            Some(coded) if self.losing => self.lose(coded),
            Some(coded) => self.show(&coded),
            None => {}
        }
    }

    pub(crate) fn step(&mut self) -> usize {
        let Some(coded) = self.code() else { return 0 };
        self.show(&coded);
        bytes(&coded)
    }

    /// Time passes and nothing changes.
    pub(crate) fn rest(&mut self) -> usize {
        let mut sum = self.step();
        self.now += REST;
        while let Some(coded) = self.encoder.refine(self.now, REST, 100_000).unwrap() {
            assert!(coded.pieces.is_empty());
            sum += bytes(&coded);
            self.show(&coded);
        }
        assert!(self.encoder.is_exact());
        sum
    }

    pub(crate) fn is_exact(&self) -> bool {
        self.decoder.picture() == Some(&Picture::of(&self.screen.view()))
    }
}

pub(crate) fn shown(decoder: &mut Decoder, coded: &Coded) {
    decoder.frame(&coded.frame).unwrap();
    for piece in &coded.pieces {
        decoder.piece(piece).unwrap();
    }
}

fn bytes(coded: &Coded) -> usize {
    let pieces: usize = coded.pieces.iter().map(|piece| piece.jpeg.len()).sum();
    coded.frame.exact.len() + coded.frame.residual.len() + pieces
}

/// Something that happens on a screen.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    Text(Rect, usize),
    Photo(Rect, usize),
    Fill(Rect, u32),
    Scroll(usize),
    Rest,
    Restart,
    Lose,
}
