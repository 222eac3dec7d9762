//! Somebody works at a desk: writes, scrolls, opens windows, looks at photos. Always the same for the
//! same seed.

use crate::dice::Dice;

pub(super) const WIDTH: usize = 1_920;
pub(super) const HEIGHT: usize = 1_080;

/// A part of the screen: columns, rows, width, height.
type Part = (usize, usize, usize, usize);

/// The page that is written on and scrolled, and a sign on it.
const PAGE: Part = (80, 60, 1_200, 960);
const SIGN: (usize, usize) = (8, 16);
const LINE: usize = 24;
const PHOTO: Part = (1_320, 120, 560, 420);

/// A display's memory, BGRX.
pub(super) struct Office {
    pub(super) pixels: Vec<u8>,
    dice: Dice,
    column: usize,
    row: usize,
}

impl Office {
    pub(super) fn new() -> Self {
        let pixels = vec![0x60; WIDTH * HEIGHT * 4];
        let mut office = Self { pixels, dice: Dice(11), column: 0, row: 0 };
        office.fill(PAGE, 0xf8_f8_f8);
        office.photo();
        office
    }

    /// What happens next, and the part that it touches. Of 100 things 70 are signs that are typed,
    /// 12 a page that scrolls, 3 windows that open, 15 photos.
    pub(super) fn work(&mut self) -> Part {
        match self.dice.below(100) {
            0..=69 => self.write(),
            70..=81 => self.scroll(),
            82..=84 => self.window(),
            _ => self.photo(),
        }
    }

    fn put(&mut self, x: usize, y: usize, colour: u32) {
        let at = (y * WIDTH + x) * 4;
        if let Some(pixel) = self.pixels.get_mut(at..at + 4) {
            pixel.copy_from_slice(&colour.to_le_bytes());
        }
    }

    fn fill(&mut self, (x, y, width, height): Part, colour: u32) {
        for row in y..y + height {
            (x..x + width).for_each(|column| self.put(column, row, colour));
        }
    }

    /// A sign: strokes on paper.
    fn sign(&mut self, x: usize, y: usize) {
        let shape = self.dice.roll();
        for (bit, (row, column)) in
            (2..14).step_by(2).flat_map(|r| (1..7).map(move |c| (r, c))).enumerate()
        {
            let ink = shape >> (bit % 64) & 1 == 1;
            let colour = if ink { 0x20_24_28 } else { 0xf8_f8_f8 };
            self.put(x + column, y + row, colour);
            self.put(x + column, y + row + 1, colour);
        }
    }

    fn write(&mut self) -> Part {
        let (x, y) = (PAGE.0 + 20 + self.column * SIGN.0, PAGE.1 + 10 + self.row * LINE);
        self.sign(x, y);
        self.column += 1;
        if self.column > 140 {
            (self.column, self.row) = (0, (self.row + 1) % 38);
        }
        (x, y, SIGN.0, SIGN.1)
    }

    fn line(&mut self, y: usize) {
        let signs = 20 + self.dice.below(120);
        for column in 0..usize::try_from(signs).unwrap_or_default() {
            self.sign(PAGE.0 + 20 + column * SIGN.0, y);
        }
    }

    fn scroll(&mut self) -> Part {
        let by = LINE * 2;
        let (x, y, width, height) = PAGE;
        for row in y..y + height - by {
            let from = ((row + by) * WIDTH + x) * 4;
            self.pixels.copy_within(from..from + width * 4, (row * WIDTH + x) * 4);
        }
        self.fill((x, y + height - by, width, by), 0xf8_f8_f8);
        self.line(y + height - by + 4);
        self.line(y + height - LINE + 4);
        PAGE
    }

    fn window(&mut self) -> Part {
        let x = PAGE.0 + 100 + usize::try_from(self.dice.below(40) * 8).unwrap_or_default();
        let y = PAGE.1 + 40 + usize::try_from(self.dice.below(20) * 8).unwrap_or_default();
        self.fill((x, y, 640, 420), 0xe4_e8_ee);
        self.fill((x, y, 640, 28), 0x2f_6f_c4);
        for row in 0..12 {
            for column in 0..60 {
                self.sign(x + 20 + column * SIGN.0, y + 44 + row * 30);
            }
        }
        (x, y, 640, 420)
    }

    /// Another photo, or the next picture of a video.
    pub(super) fn photo(&mut self) -> Part {
        let (x, y, width, height) = PHOTO;
        let shift = self.dice.below(500) as f64;
        let wave = |at: f64, by: f64| ((at / by).sin() * 90.0 + 120.0).clamp(0.0, 255.0);
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "colours from 0 to 255"
        )]
        for row in 0..height {
            for column in 0..width {
                let (across, down) = (column as f64 + shift, row as f64);
                let noise = (self.dice.roll() & 7) as u32;
                let red = wave(across, 37.0) as u32 + noise;
                let green = wave(down, 23.0) as u32 + noise;
                let blue = wave(across + down, 61.0) as u32;
                self.put(x + column, y + row, red << 16 | green << 8 | blue);
            }
        }
        PHOTO
    }
}
