//! egui's triangles, drawn.
//!
//! Colours are blended as egui means them: premultiplied, and not made linear first. Edges follow the
//! top-left rule, so that two triangles that share one never both draw a pixel. No texture is
//! scaled: glyphs lie on whole pixels, so the nearest texel is the right one.

use std::collections::HashMap;

use egui::epaint::{ClippedPrimitive, ImageData, ImageDelta, Primitive, Vertex};
use egui::{Color32, ColorImage, Mesh, Rect, TextureId, TexturesDelta};

use crate::edges::Triangle;

/// The pixels of a window, row by row, as `0x00RRGGBB`.
#[derive(Debug)]
pub struct Target<'a> {
    pixels: &'a mut [u32],
    width: usize,
    height: usize,
}

impl<'a> Target<'a> {
    /// `width` by the whole rows that `pixels` holds.
    #[must_use]
    pub fn new(pixels: &'a mut [u32], width: usize) -> Self {
        let height = pixels.len().checked_div(width).unwrap_or(0);
        Self { pixels, width, height }
    }

    /// Fills everything.
    pub fn clear(&mut self, colour: Color32) {
        self.pixels.fill(packed(colour));
    }

    /// Pixels in a row, and rows.
    #[must_use]
    pub const fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// The pixels `from..to` of a row; none where they are not all inside.
    pub fn row(&mut self, y: usize, from: usize, to: usize) -> &mut [u32] {
        if to > self.width || from > to {
            return Default::default();
        }
        let start = y * self.width;
        self.pixels.get_mut(start + from..start + to).unwrap_or_default()
    }
}

/// Pixels from the upper left corner: left, top, right, bottom, the last two outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Clip {
    pub(crate) left: usize,
    pub(crate) top: usize,
    pub(crate) right: usize,
    pub(crate) bottom: usize,
}

/// What draws, with its textures: egui makes one, for glyphs.
#[derive(Debug, Default)]
pub struct Painter {
    pub(crate) textures: HashMap<TextureId, ColorImage>,
    /// Those that are no longer needed after the next picture.
    last: Vec<TextureId>,
}

impl Painter {
    /// Takes in what has changed of the textures, before each picture.
    pub fn take(&mut self, delta: &mut TexturesDelta) {
        for id in self.last.drain(..) {
            self.textures.remove(&id);
        }
        for (id, changes) in &delta.set {
            for change in changes {
                self.change(*id, change);
            }
        }
        self.last.extend(delta.free.iter().copied());
        delta.clear();
    }

    pub(crate) fn change(&mut self, id: TextureId, change: &ImageDelta) {
        let ImageData::Color(image) = &change.image;
        let Some([x, y]) = change.pos else {
            self.textures.insert(id, ColorImage::clone(image));
            return;
        };
        let Some(texture) = self.textures.get_mut(&id) else { return };
        let [across, _] = texture.size;
        let [width, _] = image.size;
        for (row, texels) in image.pixels.chunks_exact(width.max(1)).enumerate() {
            let start = (y + row) * across + x;
            if let Some(place) = texture.pixels.get_mut(start..start + width) {
                place.copy_from_slice(texels);
            }
        }
    }

    /// Draws, with `scale` pixels a point.
    pub fn paint(&self, target: &mut Target<'_>, primitives: &[ClippedPrimitive], scale: f32) {
        for primitive in primitives {
            // Nobody here makes callbacks.
            let Primitive::Mesh(mesh) = &primitive.primitive else { continue };
            let clip = clip(primitive.clip_rect, scale, target);
            if clip.left < clip.right && clip.top < clip.bottom {
                self.mesh(target, mesh, clip, scale);
            }
        }
    }

    fn mesh(&self, target: &mut Target<'_>, mesh: &Mesh, clip: Clip, scale: f32) {
        let Some(texture) = self.textures.get(&mesh.texture_id) else { return };
        let vertex = |index: &u32| mesh.vertices.get(usize::try_from(*index).ok()?);
        for corners in mesh.indices.chunks_exact(3) {
            let [a, b, c] = corners else { continue };
            if let (Some(a), Some(b), Some(c)) = (vertex(a), vertex(b), vertex(c)) {
                triangle(target, texture, [a, b, c], clip, scale);
            }
        }
    }
}

fn clip(rect: Rect, scale: f32, target: &Target<'_>) -> Clip {
    Clip {
        left: pixel(rect.min.x * scale, target.width),
        top: pixel(rect.min.y * scale, target.height),
        right: pixel(rect.max.x * scale, target.width),
        bottom: pixel(rect.max.y * scale, target.height),
    }
}

/// The nearest whole pixel, within `0..=most`.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rounded and clamped")]
fn pixel(place: f32, most: usize) -> usize {
    (place.round().max(0.0) as usize).min(most)
}

fn triangle(
    target: &mut Target<'_>,
    texture: &ColorImage,
    corners: [&Vertex; 3],
    clip: Clip,
    scale: f32,
) {
    let [a, b, c] = corners;
    let places = corners.map(|corner| (corner.pos.x * scale, corner.pos.y * scale));
    let Some(triangle) = Triangle::new(places) else { return };
    if a.color == b.color && b.color == c.color && a.uv == b.uv && b.uv == c.uv {
        let colour = tinted(a.color, texel(texture, a.uv.x, a.uv.y));
        triangle.rows(clip, |y, from, to| solid(target.row(y, from, to), colour));
        return;
    }
    let shade = |corner: &Vertex| {
        let [r, g, b, a] = corner.color.to_array().map(f32::from);
        [r, g, b, a, corner.uv.x, corner.uv.y]
    };
    let shades = [shade(a), shade(b), shade(c)];
    let even = a.color == b.color && b.color == c.color;
    triangle.rows(clip, |y, from, to| {
        let (mut at, step) = triangle.shaded(&shades, from, y);
        for pixel in target.row(y, from, to) {
            let [r, g, b, alpha, u, v] = at;
            let colour = if even { a.color } else { colour([r, g, b, alpha]) };
            *pixel = over(*pixel, tinted(colour, texel(texture, u, v)));
            at.iter_mut().zip(step).for_each(|(value, step)| *value += step);
        }
    });
}

fn solid(row: &mut [u32], colour: Color32) {
    if colour.is_opaque() {
        row.fill(packed(colour));
    } else if colour != Color32::TRANSPARENT {
        row.iter_mut().for_each(|pixel| *pixel = over(*pixel, colour));
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
fn colour(channels: [f32; 4]) -> Color32 {
    let [r, g, b, a] = channels.map(|channel| (channel + 0.5).clamp(0.0, 255.0) as u8);
    Color32::from_rgba_premultiplied(r, g, b, a)
}

/// The nearest texel; those outside are white, as if there were no texture.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a texture has at most a few thousand texels a side"
)]
fn texel(texture: &ColorImage, u: f32, v: f32) -> Color32 {
    let [width, height] = texture.size;
    let x = ((u * width as f32).max(0.0) as usize).min(width.saturating_sub(1));
    let y = ((v * height as f32).max(0.0) as usize).min(height.saturating_sub(1));
    texture.pixels.get(y * width + x).copied().unwrap_or(Color32::WHITE)
}

/// Two premultiplied colours, multiplied.
fn tinted(colour: Color32, texel: Color32) -> Color32 {
    if texel == Color32::WHITE {
        return colour;
    }
    let ([r, g, b, a], [tr, tg, tb, ta]) = (colour.to_array(), texel.to_array());
    Color32::from_rgba_premultiplied(times(r, tr), times(g, tg), times(b, tb), times(a, ta))
}

/// `a * b / 255`, rounded.
fn times(a: u8, b: u8) -> u8 {
    u8::try_from((u32::from(a) * u32::from(b) + 127) / 255).unwrap_or(u8::MAX)
}

/// A premultiplied colour over a pixel.
pub(crate) fn over(below: u32, colour: Color32) -> u32 {
    let alpha = u32::from(colour.a());
    match alpha {
        255 => packed(colour),
        0 if colour == Color32::TRANSPARENT => below,
        _ => {
            let left = 255 - alpha;
            let channel = |shift: u32, above: u8| {
                let below = (below >> shift) & 0xff;
                ((below * left + 127) / 255 + u32::from(above)).min(255) << shift
            };
            channel(16, colour.r()) | channel(8, colour.g()) | channel(0, colour.b())
        }
    }
}

fn packed(colour: Color32) -> u32 {
    u32::from_be_bytes([0, colour.r(), colour.g(), colour.b()])
}
