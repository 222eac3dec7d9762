//! Pieces of pictures, approximately: baseline JPEG with half the colour resolution.

use bytes::Bytes;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use crate::{DecodeError, EncodeError, Picture, Rect};

/// Pixels of a piece's side at the most: a lost packet delays a quarter of a 1080p picture, and the
/// 600 bytes of tables in each piece are little.
pub const MAX_PIECE: usize = 1_024;

/// Codes a part of `picture` at `quality` from 1 to 100.
pub(crate) fn encode(picture: &Picture, rect: Rect, quality: u8) -> Result<Bytes, EncodeError> {
    let side = |side: usize| u16::try_from(side).map_err(|_| EncodeError::Jpeg);
    let (width, height) = (side(rect.width)?, side(rect.height)?);
    let mut pixels = Vec::with_capacity(rect.pixels() * 4);
    for row in picture.rows(rect) {
        pixels.extend(row.iter().flat_map(|pixel| pixel.to_le_bytes()));
    }
    let mut jpeg = Vec::with_capacity(rect.pixels() / 8);
    let mut encoder = Encoder::new(&mut jpeg, quality);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.encode(&pixels, width, height, ColorType::Bgra).map_err(|_| EncodeError::Jpeg)?;
    Ok(jpeg.into())
}

/// The pixels of a JPEG that has to be of this size.
pub(crate) fn decode(jpeg: &[u8], width: usize, height: usize) -> Result<Vec<u32>, DecodeError> {
    let options = DecoderOptions::default()
        .set_max_width(MAX_PIECE)
        .set_max_height(MAX_PIECE)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(jpeg), options);
    decoder.decode_headers().map_err(|_| DecodeError::Jpeg)?;
    if decoder.dimensions() != Some((width, height)) {
        return Err(DecodeError::Jpeg);
    }
    let bytes = decoder.decode().map_err(|_| DecodeError::Jpeg)?;
    let pixels: Vec<u32> = bytes
        .as_chunks::<3>()
        .0
        .iter()
        .map(|[red, green, blue]| u32::from_le_bytes([*blue, *green, *red, 0]))
        .collect();
    if pixels.len() == width * height { Ok(pixels) } else { Err(DecodeError::Jpeg) }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "small numbers of a test")]
mod tests {
    use super::*;
    use crate::Size;
    use proptest::prelude::*;

    fn picture() -> Picture {
        let size = Size::new(100, 60).unwrap();
        let mut picture = Picture::new(size);
        for y in 0..60 {
            for (x, pixel) in picture.row_mut(0, y, 100).iter_mut().enumerate() {
                *pixel = u32::from_le_bytes([100, (y * 4) as u8, (x * 2) as u8, 0]);
            }
        }
        picture
    }

    #[test]
    fn a_piece_comes_back_much_alike() {
        let picture = picture();
        let rect = Rect { x: 10, y: 5, width: 81, height: 50 };
        let jpeg = encode(&picture, rect, 80).unwrap();
        let back = decode(&jpeg, 81, 50).unwrap();
        let flat = picture.rows(rect).flatten();
        for (one, two) in flat.zip(&back) {
            for (one, two) in one.to_le_bytes().iter().zip(two.to_le_bytes()) {
                assert!(one.abs_diff(two) < 24, "{one} {two}");
            }
        }
        assert_eq!(decode(&jpeg, 80, 50), Err(DecodeError::Jpeg));
        assert_eq!(decode(&jpeg[..20], 81, 50), Err(DecodeError::Jpeg));
    }

    proptest! {
        #[test]
        fn damage_is_refused_or_bounded(at in 0..3_000_usize, bit in 0..8_u32) {
            let rect = Rect { x: 0, y: 0, width: 64, height: 48 };
            let mut jpeg = encode(&picture(), rect, 80).unwrap().to_vec();
            let at = at % jpeg.len();
            jpeg[at] ^= 1_u8 << bit;
            if let Ok(pixels) = decode(&jpeg, 64, 48) {
                prop_assert_eq!(pixels.len(), 64 * 48);
            }
        }
    }
}
