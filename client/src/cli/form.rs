//! What a recording can be made into.

use std::path::Path;

use clap::ValueEnum;

/// A form of export. In the order in which they are offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// All that happened, one JSON object a line
    Jsonl,
    /// Commands and what they printed, as a terminal recording (asciicast v3)
    Cast,
    /// The screen at one moment (--at)
    Png,
    /// The screen as a moving PNG
    Apng,
    /// The screen as a film; needs ffmpeg
    Mp4,
    /// The screen as a film in a free format; needs ffmpeg
    Webm,
    /// One page that anybody can open, with the recording and its proof in it
    Html,
    /// The packets with their keys, for Wireshark
    Pcapng,
}

impl Form {
    /// The form that a file's name ends in.
    #[must_use]
    pub fn of_name(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?;
        Self::from_str(ending, true).ok()
    }

    /// Its word on the command line.
    #[must_use]
    pub fn word(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}
