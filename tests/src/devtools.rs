//! Somebody who uses a page in a real browser: presses keys, clicks, waits for what shows, and sees
//! which requests the page makes. Chromium is told by its DevTools protocol over two pipes.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail, ensure};
use data_encoding::BASE64;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::browser::{Look, arguments};

/// An answer that is slower than this is none.
const PATIENCE: Duration = Duration::from_secs(60);
/// A page shows what it should in this time, in milliseconds.
const SHOWS: u32 = 30_000;

/// Two frames have passed, and what fades has faded. Animations are not waited for: some never end.
const AT_REST: &str = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))) \
                       .then(() => document.getAnimations()) \
                       .then((all) => all.filter((it) => it instanceof CSSTransition)) \
                       .then((all) => all.map((it) => it.finished)) \
                       .then((all) => Promise.allSettled(all)).then(() => 0)";

/// A page that is open.
#[derive(Debug)]
pub struct Page {
    browser: Child,
    to: File,
    said: Receiver<Value>,
    reader: Option<JoinHandle<()>>,
    next: u64,
    session: Option<String>,
    /// Addresses that were asked for, and what the console said.
    requests: Vec<String>,
    console: Vec<String>,
    _folder: TempDir,
}

impl Page {
    /// Opens `url`, seen like this.
    ///
    /// # Errors
    /// Where there is no Chromium, or it does not manage.
    pub fn open(url: &str, look: Look<'_>) -> anyhow::Result<Self> {
        let folder = TempDir::new().context("make a folder for a browser")?;
        let (there, back) = (folder.path().join("there"), folder.path().join("back"));
        for pipe in [&there, &back] {
            let made = Command::new("mkfifo").arg(pipe).status().context("make a pipe")?;
            ensure!(made.success(), "mkfifo failed");
        }
        // The shell opens the pipes as the numbers that Chromium knows.
        let script = r#"there=$1 back=$2; shift 2; exec chromium "$@" 3<"$there" 4>"$back""#;
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh"]).arg(&there).arg(&back);
        command.args(arguments(look, folder.path())?).arg("--remote-debugging-pipe");
        command.env("HOME", folder.path().join("home")).arg("about:blank");
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let browser =
            command.spawn().context("start a browser: is the package chromium installed?")?;
        let to = OpenOptions::new().write(true).open(&there).context("speak to a browser")?;
        let from = File::open(&back).context("hear a browser")?;
        let (tell, said) = channel();
        let reader = std::thread::spawn(move || {
            let mut from = BufReader::new(from);
            let mut message = Vec::new();
            while from.read_until(0, &mut message).is_ok_and(|length| length > 0) {
                message.pop();
                let parsed = serde_json::from_slice(&message);
                message.clear();
                if parsed.is_ok_and(|value| tell.send(value).is_err()) {
                    return;
                }
            }
        });
        let mut page = Self {
            browser,
            to,
            said,
            reader: Some(reader),
            next: 0,
            session: None,
            requests: Vec::new(),
            console: Vec::new(),
            _folder: folder,
        };
        page.begin(url, look)?;
        Ok(page)
    }

    fn begin(&mut self, url: &str, look: Look<'_>) -> anyhow::Result<()> {
        let made = self.call("Target.createTarget", json!({"url": "about:blank"}))?;
        let words = json!({"targetId": made["targetId"], "flatten": true});
        let attached = self.call("Target.attachToTarget", words)?;
        self.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Network", "Log"] {
            self.call(&format!("{domain}.enable"), json!({}))?;
        }
        self.looks(look)?;
        self.call("Page.navigate", json!({"url": url}))?;
        self.until("document.readyState === 'complete'")
    }

    /// Is seen like this from now on.
    ///
    /// # Errors
    /// What the browser says.
    pub fn looks(&mut self, look: Look<'_>) -> anyhow::Result<()> {
        let (width, height) = look.size;
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", size)?;
        let scheme = if look.dark { "dark" } else { "light" };
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.call("Emulation.setEmulatedMedia", json!({"features": features}))?;
        Ok(())
    }

    /// What an expression is in the page; a promise is waited for.
    ///
    /// # Errors
    /// What the page says.
    pub fn value(&mut self, expression: &str) -> anyhow::Result<Value> {
        let words = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let mut done = self.call("Runtime.evaluate", words)?;
        if let Some(trouble) = done.get("exceptionDetails") {
            bail!("{expression}: {trouble}");
        }
        Ok(done["result"]["value"].take())
    }

    /// Waits until an expression is true in the page.
    ///
    /// # Errors
    /// Where that does not come about.
    pub fn until(&mut self, expression: &str) -> anyhow::Result<()> {
        let waits = format!(
            "new Promise((done) => {{ const began = performance.now(); const look = () => {{ \
             let right = false; try {{ right = !!({expression}); }} catch {{}} \
             if (right) done(true); else if (performance.now() - began > {SHOWS}) done(false); \
             else setTimeout(look, 20); }}; look(); }})"
        );
        let came = self.value(&waits)?;
        ensure!(came == true, "the page never showed: {expression}; it says {:?}", self.console);
        Ok(())
    }

    /// Presses a key, by the name that pages know it by; a sign types itself.
    ///
    /// # Errors
    /// What the browser says.
    pub fn press(&mut self, key: &str) -> anyhow::Result<()> {
        let mut words = json!({"type": "keyDown", "key": key});
        if key.chars().count() == 1 {
            words["text"] = key.into();
        } else if key == "Enter" {
            words["text"] = "\r".into();
        }
        if key == "Tab" {
            words["windowsVirtualKeyCode"] = 9.into();
            words["code"] = "Tab".into();
        }
        self.call("Input.dispatchKeyEvent", words.clone())?;
        words["type"] = "keyUp".into();
        self.call("Input.dispatchKeyEvent", words)?;
        Ok(())
    }

    /// Clicks on the first element of a selector, at a part of its width.
    ///
    /// # Errors
    /// Where there is no such element; what the browser says.
    pub fn click(&mut self, selector: &str, across: f64) -> anyhow::Result<()> {
        let place = self.value(&format!(
            "(() => {{ const box = document.querySelector({}).getBoundingClientRect(); \
             return [box.left + {across} * box.width, box.top + box.height / 2]; }})()",
            json!(selector)
        ))?;
        for kind in ["mousePressed", "mouseReleased"] {
            let words = json!({"type": kind, "x": place[0], "y": place[1], "button": "left",
                "clickCount": 1});
            self.call("Input.dispatchMouseEvent", words)?;
        }
        Ok(())
    }

    /// Types a text, sign by sign.
    ///
    /// # Errors
    /// What the browser says.
    pub fn types(&mut self, text: &str) -> anyhow::Result<()> {
        text.chars().try_for_each(|sign| self.press(&sign.to_string()))
    }

    /// Saves what is seen as PNG.
    ///
    /// # Errors
    /// What the browser says.
    pub fn picture(&mut self, path: &Path) -> anyhow::Result<()> {
        self.value(AT_REST)?;
        let shot = self.call("Page.captureScreenshot", json!({"format": "png"}))?;
        let data = shot["data"].as_str().context("see a page")?;
        let png = BASE64.decode(data.as_bytes()).context("see a page")?;
        std::fs::write(path, png).context("save a picture of a page")
    }

    /// Addresses that the page has asked for.
    #[must_use]
    pub fn requests(&self) -> &[String] {
        &self.requests
    }

    /// What the page's own console says: exceptions, what the browser says of it, what its scripts
    /// write there.
    #[must_use]
    pub fn console(&self) -> &[String] {
        &self.console
    }

    fn call(&mut self, method: &str, params: Value) -> anyhow::Result<Value> {
        self.next += 1;
        let number = self.next;
        let mut message = json!({"id": number, "method": method, "params": params});
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.to.write_all(&bytes).context("speak to a browser")?;
        loop {
            let mut said = self.said.recv_timeout(PATIENCE).context("hear a browser")?;
            if said["id"] != number {
                self.note(&said);
                continue;
            }
            if let Some(error) = said.get("error") {
                return Err(anyhow!("{method}: {error}"));
            }
            return Ok(said["result"].take());
        }
    }

    fn note(&mut self, said: &Value) {
        let params = &said["params"];
        match said["method"].as_str() {
            Some("Network.requestWillBeSent") => {
                self.requests.extend(params["request"]["url"].as_str().map(str::to_owned));
            }
            Some("Runtime.exceptionThrown") => {
                self.console.push(params["exceptionDetails"].to_string());
            }
            Some("Runtime.consoleAPICalled") => self.console.push(params["args"].to_string()),
            Some("Log.entryAdded") => self.console.push(params["entry"].to_string()),
            _ => {}
        }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // It may have ended by itself. What it writes at its end goes with its folder only if that
        // stands until then.
        if self.call("Browser.close", json!({})).is_ok() {
            while self.said.recv_timeout(PATIENCE).is_ok() {}
        }
        let _ended = self.browser.kill();
        let _known = self.browser.wait();
        if let Some(reader) = self.reader.take() {
            let _done = reader.join();
        }
    }
}
