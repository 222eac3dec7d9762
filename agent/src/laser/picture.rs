//! How a shown place looks: a ring around it, and beside the ring a name. Drawn by egui, as the window
//! is, and cut out: what is covered by less than half is left to the window below.

use deskside_paint::theme;
use deskside_paint::{Painter, Target};
use deskside_protocol::text::visible;
use egui::{
    Align2, Color32, Context, CornerRadius, FontFamily, FontId, Pos2, RawInput, Rect, Stroke,
    StrokeKind, pos2, vec2,
};

/// Characters of a name that are shown.
const MAX_NAME: usize = 28;
/// The largest picture: a name of so many of the widest letters.
const CANVAS: (u16, u16) = (640, 64);
/// From the middle of the ring to its outer edge.
const RADIUS: f32 = 24.0;
/// A red that stands out on light and dark, and its white edge.
const RED: Color32 = Color32::from_rgb(0xd6, 0x16, 0x3a);
const EDGE: Color32 = Color32::WHITE;

/// On which side of the ring the name stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Left of it.
    Left,
    /// Right of it.
    Right,
}

/// Pixels, and which of them are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels across.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
    /// The shown place in it, from its upper left corner.
    pub middle: (usize, usize),
    /// Row by row, as `0x00RRGGBB`.
    pub pixels: Vec<u32>,
    /// Row by row.
    pub there: Vec<bool>,
}

impl Picture {
    /// A ring with `name`, which may be a peer's.
    #[must_use]
    pub fn of(name: &str, side: Side) -> Self {
        let name: String = visible(name).chars().take(MAX_NAME).collect();
        let context = Context::default();
        theme::apply(&context);
        let canvas = vec2(f32::from(CANVAS.0), f32::from(CANVAS.1));
        let input = || RawInput {
            screen_rect: Some(Rect::from_min_size(Pos2::ZERO, canvas)),
            ..RawInput::default()
        };
        let mut painter = Painter::default();
        let mut ends = 0.0;
        // Fonts are there from the second time on.
        let mut last = None;
        for _ in 0..2 {
            let mut output = context.run_ui(input(), |ui| ends = draw(ui.painter(), &name, side));
            painter.take(&mut output.textures_delta);
            last = Some(output);
        }
        let shapes = last.map(|output| output.shapes).unwrap_or_default();
        let primitives = context.tessellate(shapes, 1.0);
        let (across, down) = (usize::from(CANVAS.0), usize::from(CANVAS.1));
        let paint = |ground| {
            let mut pixels = vec![0; across * down];
            let mut target = Target::new(&mut pixels, across);
            target.clear(ground);
            painter.paint(&mut target, &primitives, 1.0);
            pixels
        };
        cut(&paint(Color32::BLACK), &paint(Color32::WHITE), ends, side)
    }
}

/// Draws both; gives how far it reaches.
fn draw(painter: &egui::Painter, name: &str, side: Side) -> f32 {
    let (across, middle) = (f32::from(CANVAS.0), f32::from(CANVAS.1) / 2.0);
    let ring = match side {
        Side::Right => pos2(middle, middle),
        Side::Left => pos2(across - middle, middle),
    };
    // The stroke of a circle lies outside of its radius.
    for (inner, width, colour) in [(9.0, 9.0, EDGE), (7.0, 5.0, RED)] {
        painter.circle_stroke(ring, RADIUS - inner, Stroke::new(width, colour));
    }
    let font = FontId::new(theme::BODY, FontFamily::Name("strong".into()));
    let text = painter.layout_no_wrap(name.to_owned(), font, Color32::WHITE);
    let size = text.size() + vec2(20.0, 10.0);
    let label = match side {
        Side::Right => Align2::LEFT_CENTER.anchor_size(ring + vec2(RADIUS + 4.0, 0.0), size),
        Side::Left => Align2::RIGHT_CENTER.anchor_size(ring - vec2(RADIUS + 4.0, 0.0), size),
    };
    painter.rect(label, CornerRadius::same(8), RED, Stroke::new(2.0, EDGE), StrokeKind::Inside);
    painter.galley(label.center() - text.size() / 2.0, text, Color32::WHITE);
    match side {
        Side::Right => label.max.x,
        Side::Left => label.min.x,
    }
}

/// What the same picture covers of a black and of a white ground.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
fn cut(black: &[u32], white: &[u32], ends: f32, side: Side) -> Picture {
    let (across, height) = (usize::from(CANVAS.0), usize::from(CANVAS.1));
    let ends = (ends.clamp(0.0, f32::from(CANVAS.0))).round() as usize;
    let columns = match side {
        Side::Right => 0..ends,
        Side::Left => ends..across,
    };
    let middle = match side {
        Side::Right => height / 2,
        Side::Left => columns.len().saturating_sub(height / 2),
    };
    let mut picture = Picture {
        width: columns.len(),
        height,
        middle: (middle, height / 2),
        pixels: Vec::new(),
        there: Vec::new(),
    };
    let rows = black.chunks_exact(across).zip(white.chunks_exact(across));
    for (black, white) in rows {
        for (black, white) in black.iter().zip(white).skip(columns.start).take(columns.len()) {
            let green = |pixel: u32| (pixel >> 8) & 0xff;
            let covered = 255 - green(*white).saturating_sub(green(*black)).min(255);
            picture.there.push(covered >= 128);
            picture.pixels.push(full(*black, covered));
        }
    }
    picture
}

/// The colour of a pixel that is covered in part, as if it were covered whole.
fn full(premultiplied: u32, covered: u32) -> u32 {
    let channel = |shift: u32| {
        let part = (premultiplied >> shift) & 0xff;
        (part * 255).checked_div(covered).unwrap_or(0).min(255) << shift
    };
    channel(16) | channel(8) | channel(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ring_is_around_the_place_and_the_name_beside_it() {
        for side in [Side::Left, Side::Right] {
            let picture = Picture::of("Alice Ng", side);
            let at = |x: usize, y: usize| picture.there[y * picture.width + x];
            let (x, y) = picture.middle;
            assert!(!at(x, y), "the place itself is free");
            for (x, y) in [(x - 20, y), (x + 20, y), (x, y - 20), (x, y + 20)] {
                assert!(at(x, y), "{side:?}");
                let pixel = picture.pixels[y * picture.width + x];
                assert_eq!(pixel, 0x00d6_163a, "{pixel:06x}");
            }
            let label = if side == Side::Right { x + 60 } else { x - 60 };
            assert!(at(label, y) && !at(x, 0) && !at(label, 2), "{side:?}");
            assert_eq!(picture.there.len(), picture.width * picture.height);
            assert!(picture.width > 120 && picture.width < 240, "{}", picture.width);
            let white = picture.pixels.iter().zip(&picture.there);
            let white = white.filter(|(pixel, there)| **there && **pixel == 0x00ff_ffff);
            assert!(white.count() > 100, "the name cannot be read");
        }
    }

    #[test]
    fn a_long_or_evil_name_stays_in_its_picture() {
        let wide = Picture::of(&"W".repeat(500), Side::Right);
        assert!(wide.width <= usize::from(CANVAS.0));
        assert!(Picture::of("", Side::Left).width < wide.width);
        assert_eq!(Picture::of("a\u{1b}b", Side::Right), Picture::of("a\u{fffd}b", Side::Right));
    }
}
