//! Whatever happens on a screen: the viewer's picture follows, and at rest it is the screen, pixel
//! for pixel.
#![allow(
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    reason = "a test with small numbers"
)]

mod coding;
mod pair;
mod pieces;
mod points;
mod properties;
