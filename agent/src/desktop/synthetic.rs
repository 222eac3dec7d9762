//! A made-up desktop for machines without a display: windows, text and a frame counter, always the
//! same for the same frame. It is chosen by name only, never in place of a real screen.

use std::time::{Duration, Instant};

use super::bell::Bell;
use super::capture::{Capture, Cursor, News};
use super::{Desktop, DesktopError, Monitor, Picture, Region};

mod glyphs;

const WIDTH: u32 = 1280;
const HEIGHT: u32 = 720;
/// Pixels of one cell of text: a glyph of 5 by 7 dots, two pixels each, and the gaps.
const CELL: (u32, u32) = (12, 20);

/// From one frame of it to the next while it is watched.
const BLINK: Duration = Duration::from_millis(500);

/// A colour as 0xRRGGBB.
type Colour = u32;

const INK: Colour = 0x22_2b_38;
const PAPER: Colour = 0xf7_f8_fa;
const GREY: Colour = 0xd5_da_e1;
const BLUE: Colour = 0x2f_6f_c4;
const NIGHT: Colour = 0x14_1a_24;
const GREEN: Colour = 0x7f_d6_8b;
const WHITE: Colour = 0xff_ff_ff;

const TERMINAL: [&str; 9] = [
    "$ lpstat -p",
    "printer office-2 is idle.",
    "printer office-3 disabled since 09:12",
    "        reason: paper jam",
    "$ ip -brief address",
    "lo      UNKNOWN   127.0.0.1/8",
    "eth0    UP        192.0.2.17/24",
    "$ df -h /",
    "/dev/sda2   118G   97G   15G   87%",
];
const LETTER: [&str; 7] = [
    "Dear help desk,",
    "",
    "the printer on the third floor",
    "does not print my invoices.",
    "It worked until yesterday.",
    "",
    "Kind regards, Sam",
];

/// The made-up desktop.
#[derive(Debug, Default)]
pub(super) struct Synthetic {
    frame: u64,
}

impl Synthetic {
    pub(super) const fn new() -> Self {
        Self { frame: 0 }
    }
}

impl Desktop for Synthetic {
    fn capture(&mut self) -> Result<Box<dyn Capture>, DesktopError> {
        Ok(Box::new(Watched::new()))
    }

    fn size(&mut self) -> Result<(u32, u32), DesktopError> {
        Ok((WIDTH, HEIGHT))
    }

    fn monitors(&mut self) -> Result<Vec<Monitor>, DesktopError> {
        let region = Region { x: 0, y: 0, width: WIDTH, height: HEIGHT };
        Ok(vec![Monitor { region, name: "synthetic".to_owned() }])
    }

    fn grab(&mut self, region: Region) -> Result<Picture, DesktopError> {
        let canvas = Canvas::desktop(self.frame);
        self.frame += 1;
        region
            .clipped(WIDTH, HEIGHT)
            .and_then(|region| Picture::new(region.width, region.height, canvas.bgrx(region)))
            .ok_or_else(|| DesktopError::Read("outside of the desktop".to_owned()))
    }
}

/// The same, watched: it blinks and counts.
struct Watched {
    frame: u64,
    since: Instant,
    news: News,
    canvas: Canvas,
    begun: bool,
}

impl Watched {
    fn new() -> Self {
        let (frame, since) = (0, Instant::now());
        Self { frame, since, news: News::ALL, canvas: Canvas::desktop(frame), begun: false }
    }
}

impl Capture for Watched {
    fn wait(&mut self, bell: &Bell, most: Option<Duration>) -> Result<(), DesktopError> {
        let due = BLINK.saturating_sub(self.since.elapsed());
        bell.wait(most.map_or(due, |most| most.min(due)))
            .map_err(|error| DesktopError::Read(error.to_string()))
    }

    fn news(&mut self) -> Result<News, DesktopError> {
        if self.since.elapsed() >= BLINK {
            self.since = Instant::now();
            self.frame += 1;
            self.canvas = Canvas::desktop(self.frame);
            self.news.damage = true;
        }
        Ok(std::mem::take(&mut self.news))
    }

    fn damage(&mut self) -> Result<Vec<Region>, DesktopError> {
        let all = Region { x: 0, y: 0, width: WIDTH, height: HEIGHT };
        let counter = Region { x: WIDTH - 240, y: HEIGHT - 48, width: 240, height: 48 };
        let cursor = Region { x: 540, y: 520, width: 64, height: 64 };
        Ok(if std::mem::replace(&mut self.begun, true) { vec![counter, cursor] } else { vec![all] })
    }

    fn size(&mut self) -> Result<(u32, u32), DesktopError> {
        Synthetic::new().size()
    }

    fn monitors(&mut self) -> Result<Vec<Monitor>, DesktopError> {
        Synthetic::new().monitors()
    }

    fn fetch(&mut self, regions: &[Region]) -> Result<(), DesktopError> {
        let whole = Region { x: 0, y: 0, width: WIDTH, height: HEIGHT };
        if regions.iter().all(|region| whole.holds(*region)) {
            Ok(())
        } else {
            Err(DesktopError::Moved)
        }
    }

    fn copy(&self, part: Region, bgrx: &mut [u8]) {
        bgrx.iter_mut().zip(self.canvas.bgrx(part)).for_each(|(to, from)| *to = from);
    }

    fn cursor(&mut self) -> Result<Option<Cursor>, DesktopError> {
        Ok(None)
    }

    fn pointer(&mut self) -> Result<(i32, i32), DesktopError> {
        Ok((0, 0))
    }
}

/// Pixels, row by row.
struct Canvas {
    pixels: Vec<Colour>,
}

impl Canvas {
    fn desktop(frame: u64) -> Self {
        let mut canvas = Self { pixels: Vec::with_capacity(WIDTH as usize * HEIGHT as usize) };
        for y in 0..HEIGHT {
            for x in 0..WIDTH {
                canvas.pixels.push(background(x, y));
            }
        }
        canvas.mail();
        canvas.terminal(frame);
        canvas.bar(frame);
        canvas
    }

    fn mail(&mut self) {
        self.window((80, 70, 520, 420), "New message", PAPER);
        self.text((104, 124), "To:", BLUE);
        self.text((164, 124), "help@example.org", INK);
        self.fill((104, 150, 472, 1), GREY);
        for (line, text) in (0..).zip(LETTER) {
            self.text((104, 168 + line * 28), text, INK);
        }
        self.fill((104, 430, 112, 36), BLUE);
        self.text((136, 441), "Send", WHITE);
    }

    fn terminal(&mut self, frame: u64) {
        self.window((520, 230, 660, 380), "Terminal", NIGHT);
        for (line, text) in (0..).zip(TERMINAL) {
            let colour = if text.starts_with('$') { GREEN } else { GREY };
            self.text((540, 288 + line * 28), text, colour);
        }
        self.text((540, 288 + 9 * 28), "$", GREEN);
        if frame.is_multiple_of(2) {
            self.fill((564, 284 + 9 * 28, CELL.0, CELL.1), GREY);
        }
    }

    fn bar(&mut self, frame: u64) {
        self.fill((0, HEIGHT - 48, WIDTH, 48), INK);
        self.fill((12, HEIGHT - 40, 32, 32), BLUE);
        self.text((60, HEIGHT - 31), "Made-up desktop for demonstrations", GREY);
        self.text((WIDTH - 220, HEIGHT - 31), &format!("frame {frame:>8}"), WHITE);
    }

    fn window(&mut self, (x, y, width, height): (u32, u32, u32, u32), title: &str, inside: Colour) {
        self.shade((x + 6, y + 8, width, height));
        self.fill((x, y, width, height), INK);
        self.fill((x + 1, y + 1, width - 2, 36), GREY);
        self.fill((x + 1, y + 37, width - 2, height - 38), inside);
        self.text((x + 16, y + 12), title, INK);
        for (index, colour) in (0..).zip([0x9a_a5_b4, 0x9a_a5_b4, 0xd9_5b_5b]) {
            self.fill((x + width - 78 + index * 24, y + 12, 14, 14), colour);
        }
    }

    fn fill(&mut self, (x, y, width, height): (u32, u32, u32, u32), colour: Colour) {
        self.each(x, y, width, height, |pixel| *pixel = colour);
    }

    /// A shadow: every colour at three quarters.
    fn shade(&mut self, (x, y, width, height): (u32, u32, u32, u32)) {
        self.each(x, y, width, height, |pixel| *pixel = (*pixel >> 2 & 0x3f_3f_3f) * 3);
    }

    fn each(&mut self, x: u32, y: u32, width: u32, height: u32, change: impl Fn(&mut Colour)) {
        for row in y..(y + height).min(HEIGHT) {
            for column in x..(x + width).min(WIDTH) {
                if let Some(pixel) = self.pixels.get_mut((row * WIDTH + column) as usize) {
                    change(pixel);
                }
            }
        }
    }

    fn text(&mut self, (x, y): (u32, u32), text: &str, colour: Colour) {
        for (index, character) in (0..).zip(text.bytes()) {
            // These reach below the line, by one dot.
            let y = if b"gpqy".contains(&character) { y + 2 } else { y };
            for (column, bits) in (0..).zip(glyphs::of(character)) {
                for row in (0..7).filter(|row| bits >> row & 1 == 1) {
                    let (left, top) = (x + index * CELL.0 + column * 2, y + row * 2);
                    self.fill((left, top, 2, 2), colour);
                }
            }
        }
    }

    fn bgrx(&self, region: Region) -> Vec<u8> {
        let mut bytes = Vec::with_capacity((region.width * region.height * 4) as usize);
        for row in region.y..region.y + region.height {
            let start = (row * WIDTH + region.x) as usize;
            let pixels = self.pixels.get(start..start + region.width as usize).unwrap_or(&[]);
            bytes.extend(pixels.iter().flat_map(|pixel| pixel.to_le_bytes()));
        }
        bytes
    }
}

/// A calm slope from one blue to another.
fn background(x: u32, y: u32) -> Colour {
    let part = (x * 40 / WIDTH + y * 60 / HEIGHT).min(100);
    let mix = |from: u32, to: u32| (from * (100 - part) + to * part) / 100;
    mix(0x5b, 0x24) << 16 | mix(0x8f, 0x4a) << 8 | mix(0xc2, 0x7c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_frame_looks_the_same_and_the_next_differs() {
        let whole = Region { x: 0, y: 0, width: WIDTH, height: HEIGHT };
        let (mut one, mut other) = (Synthetic::new(), Synthetic::new());
        let first = one.grab(whole).unwrap();
        assert_eq!((first.width(), first.height()), (WIDTH, HEIGHT));
        assert_eq!(first.bgrx(), other.grab(whole).unwrap().bgrx());
        assert_ne!(first.bgrx(), one.grab(whole).unwrap().bgrx());
    }

    #[test]
    fn a_part_is_cut_out_of_the_whole() {
        let whole = Region { x: 0, y: 0, width: WIDTH, height: HEIGHT };
        let whole = Synthetic::new().grab(whole).unwrap();
        let part = Region { x: 500, y: 200, width: 10_000, height: 3 };
        let part = Synthetic::new().grab(part).unwrap();
        assert_eq!((part.width(), part.height()), (780, 3));
        let start = (200 * WIDTH as usize + 500) * 4;
        assert_eq!(part.bgrx()[..780 * 4], whole.bgrx()[start..start + 780 * 4]);
    }
}
