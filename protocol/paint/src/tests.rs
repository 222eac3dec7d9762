use egui::epaint::{ClippedPrimitive, ImageDelta, Primitive, Vertex};
use egui::{Color32, ColorImage, Mesh, Pos2, Rect, TextureId, TextureOptions, pos2, vec2};

use crate::painter::{Painter, Target, over};

const RED: Color32 = Color32::from_rgb(200, 10, 20);

fn painter() -> Painter {
    let mut painter = Painter::default();
    let white = ColorImage::filled([1, 1], Color32::WHITE);
    painter.change(TextureId::default(), &ImageDelta::full(white, TextureOptions::NEAREST));
    painter
}

fn mesh(corners: &[Pos2], indices: &[u32], colour: Color32) -> Mesh {
    let vertex = |pos: &Pos2| Vertex { pos: *pos, uv: pos2(0.0, 0.0), color: colour };
    Mesh {
        indices: indices.to_vec(),
        vertices: corners.iter().map(vertex).collect(),
        texture_id: TextureId::default(),
    }
}

/// Draws on black, `side` pixels square.
fn drawn(mesh: Mesh, clip: Rect, side: usize) -> Vec<u32> {
    let mut pixels = vec![0; side * side];
    let primitive = ClippedPrimitive { clip_rect: clip, primitive: Primitive::Mesh(mesh) };
    painter().paint(&mut Target::new(&mut pixels, side), &[primitive], 1.0);
    pixels
}

fn everywhere() -> Rect {
    Rect::from_min_size(Pos2::ZERO, vec2(1000.0, 1000.0))
}

#[test]
fn a_fan_of_half_transparent_triangles_draws_each_pixel_once() {
    // Around a centre that is no whole pixel, in both orders of the corners.
    let half = Color32::from_rgba_premultiplied(100, 0, 0, 128);
    let corners: Vec<Pos2> = std::iter::once(pos2(20.3, 19.8))
        .chain((0u8..16).map(|step| {
            let angle = f32::from(step) * std::f32::consts::TAU / 16.0;
            pos2(20.0, 20.0) + vec2(angle.cos(), angle.sin()) * 15.0
        }))
        .collect();
    let mut indices = Vec::new();
    for step in 0..16 {
        let (this, next) = (1 + step, 1 + (step + 1) % 16);
        indices.extend(if step % 2 == 0 { [0, this, next] } else { [0, next, this] });
    }
    let pixels = drawn(mesh(&corners, &indices, half), everywhere(), 40);
    let once = 100 << 16;
    assert!(pixels.iter().all(|pixel| *pixel == 0 || *pixel == once));
    let count = pixels.iter().filter(|pixel| **pixel == once).count();
    // A regular polygon of 16 corners and radius 15: 8 * 15² * sin(22.5°) = 688.8.
    assert!((680..=698).contains(&count), "{count} pixels");
}

#[test]
fn a_rectangle_fills_the_pixels_whose_centres_it_holds() {
    let corners = [pos2(1.4, 2.0), pos2(4.6, 2.0), pos2(4.6, 5.0), pos2(1.4, 5.0)];
    let pixels = drawn(mesh(&corners, &[0, 1, 2, 0, 2, 3], RED), everywhere(), 8);
    for (index, pixel) in pixels.iter().enumerate() {
        let (x, y) = (index % 8, index / 8);
        let inside = (1..5).contains(&x) && (2..5).contains(&y);
        assert_eq!(*pixel, if inside { 0x00c8_0a14 } else { 0 }, "{x}, {y}");
    }
}

#[test]
fn nothing_is_drawn_outside_the_clip_or_the_window() {
    let corners = [pos2(-900.0, -900.0), pos2(9000.0, -900.0), pos2(-900.0, 9000.0)];
    let clip = Rect::from_min_max(pos2(2.0, 3.0), pos2(5.0, 99.0));
    let pixels = drawn(mesh(&corners, &[0, 1, 2], RED), clip, 8);
    let count = pixels.iter().filter(|pixel| **pixel != 0).count();
    assert_eq!(count, 3 * 5);
    // What is no place at all is left out.
    let wild = [pos2(f32::NAN, 0.0), pos2(f32::INFINITY, 5.0), pos2(0.0, 1e30)];
    assert_eq!(drawn(mesh(&wild, &[0, 1, 2, 0, 7, 9], RED), everywhere(), 8), vec![0; 64]);
}

#[test]
fn colours_run_evenly_between_the_corners() {
    let corners = [pos2(0.0, 0.0), pos2(64.0, 0.0), pos2(64.0, 64.0), pos2(0.0, 64.0)];
    let mut mesh = mesh(&corners, &[0, 1, 2, 0, 2, 3], Color32::BLACK);
    mesh.vertices[1].color = Color32::from_rgb(255, 0, 0);
    mesh.vertices[2].color = Color32::from_rgb(255, 0, 0);
    let pixels = drawn(mesh, everywhere(), 64);
    for row in pixels.chunks(64) {
        let reds: Vec<u32> = row.iter().map(|pixel| pixel >> 16).collect();
        assert!(reds.windows(2).all(|pair| (3..=5).contains(&(pair[1] - pair[0]))), "{reds:?}");
        assert_eq!((reds[0], reds[63]), (2, 253));
    }
}

#[test]
fn a_patch_changes_its_part_of_a_texture() {
    let mut painter = painter();
    let id = TextureId::default();
    let sheet = ColorImage::filled([4, 4], Color32::WHITE);
    painter.change(id, &ImageDelta::full(sheet, TextureOptions::NEAREST));
    let patch = ColorImage::filled([2, 1], RED);
    painter.change(id, &ImageDelta::partial([1, 3], patch, TextureOptions::NEAREST));
    let red: Vec<usize> = painter.textures[&id]
        .pixels
        .iter()
        .enumerate()
        .filter(|(_, texel)| **texel == RED)
        .map(|(place, _)| place)
        .collect();
    assert_eq!(red, [13, 14]);
}

#[test]
fn half_a_colour_over_another_is_in_the_middle() {
    let half_white = Color32::from_rgba_premultiplied(128, 128, 128, 128);
    assert_eq!(over(0x0000_0000, half_white), 0x0080_8080);
    assert_eq!(over(0x00ff_ffff, half_white), 0x00ff_ffff);
    assert_eq!(over(0x0012_3456, Color32::TRANSPARENT), 0x0012_3456);
}
