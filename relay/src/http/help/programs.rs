//! The users' programs: which systems there are, and what lies in the folder for them.

use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::time::SystemTime;

use data_encoding::HEXLOWER;
use ring::digest;
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;
use tokio::sync::Mutex;

/// Bytes of one read.
const PIECE: usize = 64 * 1024;

/// A system that a program can be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum System {
    Windows,
    MacArm,
    MacIntel,
    Linux,
    LinuxArm,
}

/// What a browser says of the computer in front of the visitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Visitor {
    /// The systems that it may be, the likeliest first.
    Computer(&'static [System]),
    /// A phone or tablet: no program runs there.
    Phone,
}

impl System {
    pub(super) const ALL: [Self; 5] =
        [Self::Windows, Self::MacArm, Self::MacIntel, Self::Linux, Self::LinuxArm];

    /// The file in the folder.
    pub(super) const fn file(self) -> &'static str {
        match self {
            Self::Windows => "deskside-agent-windows-x86_64.exe",
            Self::MacArm => "deskside-agent-macos-aarch64",
            Self::MacIntel => "deskside-agent-macos-x86_64",
            Self::Linux => "deskside-agent-linux-x86_64",
            Self::LinuxArm => "deskside-agent-linux-aarch64",
        }
    }

    /// As people call it, in any language.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Windows => "Windows",
            Self::MacArm => "macOS (Apple)",
            Self::MacIntel => "macOS (Intel)",
            Self::Linux => "Linux",
            Self::LinuxArm => "Linux (ARM)",
        }
    }

    /// What a `User-Agent` header says. It may lie; then the visitor takes another from the list.
    pub(super) fn of_visitor(agent: &str) -> Visitor {
        let has = |word: &str| agent.contains(word);
        if has("Android") || has("iPhone") || has("iPad") || has("Mobile") {
            return Visitor::Phone;
        }
        Visitor::Computer(if has("Macintosh") {
            // Browsers say "Intel" on either.
            &[Self::MacArm, Self::MacIntel]
        } else if has("Linux") || has("X11") {
            if has("aarch64") || has("arm64") { &[Self::LinuxArm] } else { &[Self::Linux] }
        } else {
            &[Self::Windows]
        })
    }
}

/// A program that can be handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Program {
    pub(super) system: System,
    pub(super) bytes: u64,
    /// SHA-256 of the program, in hexadecimal digits.
    pub(super) sha256: String,
    changed: SystemTime,
}

/// The folder, and what was found out about its files: each is hashed once, until it changes.
#[derive(Debug)]
pub(super) struct Programs {
    folder: Option<PathBuf>,
    known: Mutex<Vec<Program>>,
}

impl Programs {
    pub(super) fn new(folder: Option<PathBuf>) -> Self {
        Self { folder, known: Mutex::default() }
    }

    /// What can be handed out now. A file that cannot be read is left out, and the log says so.
    pub(super) async fn list(&self) -> Vec<Program> {
        // Whoever comes while files are hashed waits for that, and does not do it again.
        let mut known = self.known.lock().await;
        let mut found = Vec::new();
        for system in System::ALL {
            match self.look(system, &known).await {
                Ok(program) => found.extend(program),
                Err(error) => {
                    tracing::error!(%error, file = system.file(), "a program cannot be read");
                }
            }
        }
        known.clone_from(&found);
        found
    }

    async fn look(&self, system: System, known: &[Program]) -> io::Result<Option<Program>> {
        let Some((file, bytes)) = self.open(system).await? else { return Ok(None) };
        let changed = file.metadata().await?.modified()?;
        let same =
            |one: &&Program| (one.system, one.bytes, one.changed) == (system, bytes, changed);
        if let Some(same) = known.iter().find(same) {
            return Ok(Some(same.clone()));
        }
        let sha256 = hash(file).await?;
        Ok(Some(Program { system, bytes, sha256, changed }))
    }

    /// A program and its size; `None` where the folder has none for this system.
    pub(super) async fn open(&self, system: System) -> io::Result<Option<(File, u64)>> {
        let Some(folder) = &self.folder else { return Ok(None) };
        let file = match File::open(folder.join(system.file())).await {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let metadata = file.metadata().await?;
        if !metadata.is_file() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "that is not a file"));
        }
        Ok(Some((file, metadata.len())))
    }
}

async fn hash(mut file: File) -> io::Result<String> {
    let mut context = digest::Context::new(&digest::SHA256);
    let mut piece = vec![0; PIECE];
    loop {
        let length = file.read(&mut piece).await?;
        if length == 0 {
            return Ok(HEXLOWER.encode(context.finish().as_ref()));
        }
        context.update(piece.get(..length).unwrap_or_default());
    }
}
