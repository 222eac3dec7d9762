//! Where the three shipped programs are: built from this tree, once for each test process.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

/// A folder that holds all three programs, built already: `tests/run` sets it, so that not every
/// test process asks cargo again.
pub const PROGRAMS: &str = "DESKSIDE_PROGRAMS";

/// The three programs, as files.
#[derive(Debug, Clone)]
pub struct Programs {
    /// `deskside-relay`.
    pub relay: PathBuf,
    /// `deskside-agent`.
    pub agent: PathBuf,
    /// `deskside`, for technicians and auditors.
    pub client: PathBuf,
}

/// The programs, built where they are older than their source. Cargo's own words are shown only
/// where it fails.
///
/// # Errors
/// What cargo says.
pub fn programs() -> anyhow::Result<&'static Programs> {
    programs_telling(Stdio::piped())
}

/// As [`programs`]; where they have to be built, what cargo tells a person goes to `told`.
///
/// # Errors
/// What cargo says.
pub fn programs_telling(told: Stdio) -> anyhow::Result<&'static Programs> {
    static BUILT: OnceLock<Result<Programs, String>> = OnceLock::new();
    let find_or_build = || match env::var_os(PROGRAMS) {
        Some(folder) => in_folder(Path::new(&folder)),
        None => build(told),
    };
    let built = BUILT.get_or_init(|| find_or_build().map_err(|error| format!("{error:#}")));
    built.as_ref().map_err(|error| anyhow::anyhow!("{error}"))
}

/// The programs in `folder`; an error names the one that is missing.
fn in_folder(folder: &Path) -> anyhow::Result<Programs> {
    let program = |name: &str| {
        let path = folder.join(format!("{name}{}", env::consts::EXE_SUFFIX));
        ensure!(path.is_file(), "{PROGRAMS} holds no program {}", path.display());
        Ok(path)
    };
    Ok(Programs {
        relay: program("deskside-relay")?,
        agent: program("deskside-agent")?,
        client: program("deskside")?,
    })
}

/// Builds the programs with the profile of this executable.
fn build(told: Stdio) -> anyhow::Result<Programs> {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .args(["build", "--message-format", "json-render-diagnostics", "--bins"])
        .args(["-p", "deskside-relay", "-p", "deskside-agent", "-p", "deskside-client"])
        .args(["--profile", &profile()?])
        .stdin(Stdio::null())
        .stderr(told);
    let done = command.output().context("start cargo")?;
    if !done.status.success() {
        bail!("cargo could not build the programs\n{}", String::from_utf8_lossy(&done.stderr));
    }
    let told = String::from_utf8(done.stdout).context("read what cargo built")?;
    let built: Vec<Value> =
        told.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let program = |name: &str| {
        let of = |line: &&Value| line["executable"].is_string() && line["target"]["name"] == name;
        let line = built.iter().find(of);
        let path = line.and_then(|line| line["executable"].as_str());
        path.map(PathBuf::from).with_context(|| format!("cargo built no {name}"))
    };
    Ok(Programs {
        relay: program("deskside-relay")?,
        agent: program("deskside-agent")?,
        client: program("deskside")?,
    })
}

/// The profile that this executable was built with, read from its folder: a test lies in
/// `target/PROFILE/deps`, a program in `target/PROFILE`.
fn profile() -> anyhow::Result<String> {
    let own = env::current_exe().context("find this executable")?;
    let mut folder = own.parent();
    if folder.is_some_and(|folder| folder.ends_with("deps")) {
        folder = folder.and_then(Path::parent);
    }
    let name = folder.and_then(Path::file_name).and_then(|name| name.to_str());
    match name.context("read the build profile")? {
        "debug" => Ok("dev".to_owned()),
        name => Ok(name.to_owned()),
    }
}
