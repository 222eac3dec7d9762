//! A real browser that nobody sits in front of: Debian's Chromium, headless.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use tempfile::TempDir;

/// How a page is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// What the person prefers, as `Accept-Language`.
    pub language: &'a str,
    /// Width and height, in pixels.
    pub size: (u32, u32),
    /// Whether the person prefers dark pages.
    pub dark: bool,
    /// What the browser says of itself; its own where there is none.
    pub agent: Option<&'a str>,
}

impl Default for Look<'_> {
    fn default() -> Self {
        Self { language: "en", size: (1280, 1000), dark: false, agent: None }
    }
}

/// The page as the browser understood it, after everything of it was fetched.
///
/// # Errors
/// Where there is no Chromium, or it does not manage.
pub fn dom(url: &str, look: Look<'_>) -> anyhow::Result<String> {
    let bytes = run(look, &["--dump-dom".into(), url.into()])?;
    String::from_utf8(bytes).context("read a page")
}

/// A picture of the page, written to `path` as PNG.
///
/// # Errors
/// Where there is no Chromium, or it does not manage.
pub fn picture(url: &str, look: Look<'_>, path: &Path) -> anyhow::Result<()> {
    let mut flag = OsString::from("--screenshot=");
    flag.push(path);
    run(look, &[flag, url.into()])?;
    ensure!(path.is_file(), "Chromium made no picture of {url}");
    Ok(())
}

/// The words that every start has: nothing is asked of the network, and nothing kept but in `folder`.
pub(crate) fn arguments(look: Look<'_>, folder: &Path) -> anyhow::Result<Vec<OsString>> {
    let (width, height) = look.size;
    let mut profile = OsString::from("--user-data-dir=");
    profile.push(folder);
    let plain = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--hide-scrollbars",
        "--disable-dev-shm-usage",
    ];
    let mut words: Vec<OsString> = plain.map(OsString::from).into();
    words.push(format!("--window-size={width},{height}").into());
    words.push(format!("--accept-lang={}", look.language).into());
    // 0 is dark, 1 light (blink's `PreferredColorScheme`).
    let scheme = u8::from(!look.dark);
    words.push(format!("--blink-settings=preferredColorScheme={scheme}").into());
    words.push(profile);
    if let Some(agent) = look.agent {
        words.push(format!("--user-agent={agent}").into());
    }
    // A home of its own: it writes into it whatever its profile is.
    std::fs::create_dir(folder.join("home")).context("make a home for a browser")?;
    Ok(words)
}

fn run(look: Look<'_>, words: &[OsString]) -> anyhow::Result<Vec<u8>> {
    let folder = TempDir::new().context("make a folder for a browser")?;
    let mut command = Command::new("chromium");
    command.args(arguments(look, folder.path())?).arg("--timeout=30000");
    let done = command.args(words).env("HOME", folder.path().join("home")).output();
    let done = done.context("start a browser: is the package chromium installed?")?;
    let said = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "Chromium ended with {}: {said}", done.status);
    Ok(done.stdout)
}
