//! How an answer of pixels goes to the browser: packed where the browser unpacks it. Eight million
//! bytes of a picture take a browser longer to hand from its network process to its page than it takes
//! to pack and unpack them.

use std::io;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// Smaller answers are there at once as they are.
const WORTH: usize = 64 * 1024;
/// As quick as a copy, and a tenth of the size for a screen of text.
const LEVEL: i32 = 1;

/// A content coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// None.
    Plain,
    /// RFC 8878.
    Zstd,
}

impl Coding {
    /// The one that whoever asks can read: zstd where it is named and not refused.
    pub(super) fn asked(headers: &HeaderMap) -> Self {
        let all = headers.get_all(header::ACCEPT_ENCODING);
        let told = all.iter().filter_map(|value| value.to_str().ok()).flat_map(|it| it.split(','));
        for coding in told {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
            if name.trim().eq_ignore_ascii_case("zstd") {
                let refused = weight.trim().strip_prefix("q=").and_then(|it| it.parse().ok());
                return if refused == Some(0.0_f32) { Self::Plain } else { Self::Zstd };
            }
        }
        Self::Plain
    }

    /// Packs, where that is worth it.
    ///
    /// # Errors
    /// Where there is no memory.
    pub(super) fn code(self, bytes: Vec<u8>) -> io::Result<(Self, Vec<u8>)> {
        match self {
            Self::Zstd if bytes.len() >= WORTH => Ok((self, zstd::bulk::compress(&bytes, LEVEL)?)),
            Self::Zstd | Self::Plain => Ok((Self::Plain, bytes)),
        }
    }

    pub(super) fn header(self) -> Option<(HeaderName, HeaderValue)> {
        let zstd = (header::CONTENT_ENCODING, HeaderValue::from_static("zstd"));
        (self == Self::Zstd).then_some(zstd)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(told: &[&'static str]) -> Coding {
        let value = |told: &&'static str| HeaderValue::from_static(told);
        let named = told.iter().map(|told| (header::ACCEPT_ENCODING, value(told)));
        Coding::asked(&named.collect())
    }

    #[test]
    fn it_is_packed_for_whoever_says_so() {
        for told in [&["gzip, deflate, br, zstd"][..], &["gzip", "ZSTD;q=0.5"]] {
            assert_eq!(asked(told), Coding::Zstd, "{told:?}");
        }
        for told in [&[][..], &["gzip, br"], &["zstd;q=0"], &["zstd; q=0.0, *"], &["xzstd"]] {
            assert_eq!(asked(told), Coding::Plain, "{told:?}");
        }
    }

    #[test]
    fn what_is_packed_is_the_same() {
        let bytes = [b"text ".as_slice(), &[0xff; WORTH]].concat();
        let (coding, packed) = Coding::Zstd.code(bytes.clone()).unwrap();
        assert_eq!(coding.header().unwrap().1, "zstd");
        assert!(packed.len() < bytes.len() / 10);
        assert_eq!(zstd::bulk::decompress(&packed, bytes.len()).unwrap(), bytes);
        for (coding, length) in [(Coding::Zstd, WORTH - 1), (Coding::Plain, WORTH)] {
            let (coding, same) = coding.code(bytes[..length].to_vec()).unwrap();
            assert_eq!((coding.header(), same.as_slice()), (None, &bytes[..length]));
        }
    }
}
