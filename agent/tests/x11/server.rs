//! Real X servers, and what `xwd` sees of them.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use deskside_agent::desktop::{self, Choice, Screen};
use x11rb::protocol::xproto::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;

/// An X server that ends with this value.
pub(crate) struct Server {
    child: Child,
    pub(crate) display: String,
}

impl Server {
    pub(crate) fn start(screen: &str, more: &[&str]) -> Self {
        let mut child = Command::new("Xvfb")
            .args(["-displayfd", "1", "-nolisten", "tcp", "-screen", "0", screen])
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("this test needs Xvfb: install the package xvfb");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let display = format!(":{}", line.trim());
        assert!(display.len() > 1, "Xvfb did not start");
        Self { child, display }
    }

    pub(crate) fn screen(&self) -> Screen {
        desktop::open(Choice::X11, Some(OsStr::new(&self.display))).unwrap().unwrap()
    }

    /// The root window as `xwd` sees it.
    pub(crate) fn xwd(&self) -> Dump {
        let output = Command::new("xwd")
            .args(["-root", "-silent", "-display", &self.display])
            .output()
            .expect("this test needs xwd: install the package x11-apps");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Dump::parse(&output.stdout)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// A picture from an XWD file (X11/XWDFile.h): 25 big-endian words, the window's name, the colours
/// of 12 bytes each, the rows.
pub(crate) struct Dump {
    pub(crate) width: usize,
    pub(crate) rgb: Vec<[u8; 3]>,
}

impl Dump {
    fn parse(file: &[u8]) -> Self {
        let word = |index: usize| {
            let bytes = file[index * 4..index * 4 + 4].try_into().unwrap();
            u32::from_be_bytes(bytes)
        };
        let (header, version, format) = (word(0) as usize, word(1), word(2));
        assert_eq!((version, format), (7, 2), "not an XWD file in ZPixmap format");
        let (width, height) = (word(4) as usize, word(5) as usize);
        let (big_endian, bits, line) = (word(7) == 1, word(11) as usize, word(12) as usize);
        let masks = [word(14), word(15), word(16)];
        let colours = word(19) as usize;
        let rows = &file[header + colours * 12..];
        let mut rgb = Vec::new();
        for row in rows.chunks_exact(line).take(height) {
            for pixel in row[..width * bits / 8].chunks_exact(bits / 8) {
                let value = pixel.iter().enumerate().fold(0, |value, (index, byte)| {
                    let place = if big_endian { pixel.len() - 1 - index } else { index };
                    value | u32::from(*byte) << (8 * place)
                });
                rgb.push(masks.map(|mask| scaled(value, mask)));
            }
        }
        assert_eq!(rgb.len(), width * height);
        Self { width, rgb }
    }

    pub(crate) fn crop(&self, x: usize, y: usize, width: usize, height: usize) -> Vec<[u8; 3]> {
        let rows = (y..y + height).map(|row| row * self.width + x);
        rows.flat_map(|start| self.rgb[start..start + width].to_vec()).collect()
    }
}

fn scaled(value: u32, mask: u32) -> u8 {
    let most = f64::from(mask >> mask.trailing_zeros());
    let part = f64::from((value & mask) >> mask.trailing_zeros());
    format!("{:.0}", part / most * 255.0).parse().unwrap()
}

pub(crate) trait Sync {
    fn sync(&self);
}
impl Sync for RustConnection {
    /// Returns once the server has done everything before.
    fn sync(&self) {
        self.get_input_focus().unwrap().reply().unwrap();
    }
}
