//! The pixels of both ends' windows, made by the processor, so that they look the same with a broken
//! graphics driver, in a virtual machine and over a remote desktop, and tests see them without any
//! display.
//!
//! [`Painter`] draws what egui lays out, [`theme`] is how it looks, [`Scaler`] makes pictures larger
//! and smaller, and a [`Target`] takes parts of them. Pure: numbers in, pixels out; a pixel is
//! `0x00RRGGBB`.

mod edges;
mod painter;
mod patch;
mod scale;
#[cfg(test)]
mod tests;
pub mod theme;

pub use painter::{Painter, Target};
pub use patch::{Patch, Stamp};
pub use scale::Scaler;
