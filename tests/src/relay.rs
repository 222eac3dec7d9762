//! A relay on a free port, in a folder of its own.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, bail, ensure};
use deskside_protocol::policy::Policy;
use rustix::process::Signal;
use serde_json::Value;

use crate::process::{Process, Ran, command, full_disk_is_an_error, run};
use crate::programs::programs;
use crate::web;

/// `deskside-relay serve`, running.
#[derive(Debug)]
pub struct Relay {
    data: PathBuf,
    /// What it and every command beside it are told by their environment.
    environment: Vec<(String, String)>,
    ready: Value,
    /// The process.
    pub process: Process,
}

impl Relay {
    /// Starts one on the folder `data`, which need not exist, on any free port of this machine.
    ///
    /// # Errors
    /// The relay's own words.
    pub fn start(data: &Path) -> anyhow::Result<Self> {
        Self::start_at(data, "127.0.0.1:0")
    }

    /// Starts one on the folder `data`, with further words for `serve`.
    ///
    /// # Errors
    /// The relay's own words.
    pub fn start_with(data: &Path, words: &[&str]) -> anyhow::Result<Self> {
        Self::serving(data, serve_command(data, "127.0.0.1:0")?.args(words))
    }

    /// Starts one on the folder `data` at an address.
    ///
    /// # Errors
    /// The relay's own words.
    pub fn start_at(data: &Path, listen: &str) -> anyhow::Result<Self> {
        Self::serving(data, &mut serve_command(data, listen)?)
    }

    /// Starts one that will be killed and started again where it was: on a port that the system gives
    /// to nobody by itself, so that it is still free then.
    ///
    /// # Errors
    /// The relay's own words.
    pub fn start_lasting(data: &Path) -> anyhow::Result<Self> {
        Self::start_at(data, &lasting_port()?.to_string())
    }

    /// As [`Relay::start_lasting`], told something by its environment, as is every command beside it.
    ///
    /// # Errors
    /// The relay's own words.
    pub fn start_told(data: &Path, environment: Vec<(String, String)>) -> anyhow::Result<Self> {
        Self::told(data, &lasting_port()?.to_string(), environment)
    }

    fn told(data: &Path, listen: &str, environment: Vec<(String, String)>) -> anyhow::Result<Self> {
        let command = &mut serve_command(data, listen)?;
        let relay = Self::serving(data, command.envs(environment.iter().cloned()))?;
        Ok(Self { environment, ..relay })
    }

    fn serving(data: &Path, command: &mut Command) -> anyhow::Result<Self> {
        let mut process = Process::start("deskside-relay", command)?;
        let ready = process.wait_for("ready")?;
        Ok(Self { data: data.to_owned(), environment: Vec::new(), ready, process })
    }

    /// Starts one on the folder `data` whose disk can be filled later: [`Relay::fill_disk`].
    ///
    /// # Errors
    /// The relay's own words.
    pub fn start_fillable(data: &Path) -> anyhow::Result<Self> {
        let mut command = full_disk_is_an_error(&serve_command(data, "127.0.0.1:0")?);
        Self::serving(data, &mut command)
    }

    /// From now on none of its files may grow past `bytes`.
    ///
    /// # Errors
    /// What the system says.
    pub fn fill_disk(&self, bytes: u64) -> anyhow::Result<()> {
        self.process.fill_disk(bytes)
    }

    /// Runs a command beside it, with `--json`.
    ///
    /// # Errors
    /// What the system says.
    pub fn beside(&self, words: &[&str]) -> anyhow::Result<Ran> {
        beside_told(&self.data, words, &self.environment)
    }

    /// Its data folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Its address, `127.0.0.1:PORT`.
    #[must_use]
    pub fn address(&self) -> &str {
        self.ready["address"].as_str().unwrap_or_default()
    }

    /// Its address for people, `127.0.0.1:PORT`: the help page and health.
    #[must_use]
    pub fn http(&self) -> &str {
        self.ready["http"].as_str().unwrap_or_default().trim_start_matches("http://")
    }

    /// Its address for whoever runs it, `127.0.0.1:PORT`.
    #[must_use]
    pub fn admin(&self) -> &str {
        self.ready["admin"].as_str().unwrap_or_default().trim_start_matches("http://")
    }

    /// A number of its `/metrics`.
    ///
    /// # Errors
    /// Where it does not answer, or has no such number.
    pub fn number(&self, name: &str) -> anyhow::Result<f64> {
        let answer = web::get(self.admin(), "/metrics", &[])?;
        let text = answer.text();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.with_context(|| format!("find {name}"))?.parse().context("read a number")
    }

    /// Its join link.
    #[must_use]
    pub fn join(&self) -> &str {
        self.ready["join"].as_str().unwrap_or_default()
    }

    /// The first person's enrolment token, after a first start.
    ///
    /// # Errors
    /// After any later start.
    pub fn token(&self) -> anyhow::Result<&str> {
        self.ready["enroll"].as_str().context("find the first enrolment token")
    }

    /// Invites a person, and gives the token.
    ///
    /// # Errors
    /// The relay's own words.
    pub fn invite(&self, login: &str, roles: &str) -> anyhow::Result<String> {
        let words = ["technician", "invite", login, "--name", login, "--role", roles];
        let invited = self.beside(&words)?.done()?;
        Ok(invited["token"].as_str().context("find a token")?.to_owned())
    }

    /// Changes the policy in force, beside it.
    ///
    /// # Errors
    /// The relay's own words.
    pub fn change_policy(&self, change: impl FnOnce(&mut Policy)) -> anyhow::Result<()> {
        change_policy(&self.data, change)
    }

    /// Kills it: SIGKILL, no last word.
    ///
    /// # Errors
    /// What the system says.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.process.signal(Signal::KILL)?;
        let code = self.process.end()?;
        ensure!(code.is_none(), "the relay ended with {code:?} before it was killed");
        Ok(())
    }

    /// Starts it again on the same folder, at this address.
    ///
    /// # Errors
    /// The relay's own words.
    pub fn restart_at(&mut self, listen: &str) -> anyhow::Result<()> {
        let again = Self::told(&self.data, listen, self.environment.clone())?;
        (self.ready, self.process) = (again.ready, again.process);
        Ok(())
    }

    /// Starts it again where it was.
    ///
    /// # Errors
    /// The relay's own words.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        let address = self.address().to_owned();
        self.restart_at(&address)
    }

    /// Ends it in order.
    ///
    /// # Errors
    /// Where it does not say so, or ends with another code than 0.
    pub fn stop(mut self) -> anyhow::Result<()> {
        self.process.signal(Signal::TERM)?;
        self.process.wait_for("drained")?;
        let code = self.process.end()?;
        ensure!(code == Some(0), "the relay ended with {code:?}: {}", self.process.words());
        Ok(())
    }
}

/// Changes the policy in the folder of a relay.
///
/// # Errors
/// The relay's own words.
pub fn change_policy(data: &Path, change: impl FnOnce(&mut Policy)) -> anyhow::Result<()> {
    let shown = beside(data, &["policy", "show"])?.done()?;
    let mut policy: Policy =
        serde_json::from_value(shown["policy"].clone()).context("read the policy in force")?;
    change(&mut policy);
    let file = data.with_extension("policy.toml");
    std::fs::write(&file, policy.to_toml()?).context("write a policy")?;
    beside(data, &["policy", "set", file.to_str().context("name a policy")?])?.done()?;
    Ok(())
}

/// Below what systems give out by themselves (32,768 and up on Linux, 49,152 elsewhere).
const LASTING: std::ops::Range<u32> = 20_000..32_000;

/// An address of this machine that is free, and stays so until somebody asks for that very one.
///
/// # Errors
/// Where there is none.
pub fn lasting_port() -> anyhow::Result<SocketAddr> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Tests run in processes of their own, at the same time.
    let own = std::process::id().wrapping_mul(97);
    for _ in 0..LASTING.len() {
        let nth =
            own.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % (LASTING.end - LASTING.start);
        let port = u16::try_from(LASTING.start + nth).context("make a port")?;
        if let Ok(free) = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)) {
            return free.local_addr().context("find a free port");
        }
    }
    bail!("every port from {} is taken", LASTING.start)
}

/// Runs a command on the folder of a relay, with `--json`.
///
/// # Errors
/// What the system says.
pub fn beside(data: &Path, words: &[&str]) -> anyhow::Result<Ran> {
    beside_told(data, words, &[])
}

fn beside_told(
    data: &Path,
    words: &[&str],
    environment: &[(String, String)],
) -> anyhow::Result<Ran> {
    let name = format!("deskside-relay {}", words.join(" "));
    let mut command = relay_command(data)?;
    command.args(words).envs(environment.iter().cloned());
    run(&name, &mut command, None)
}

fn serve_command(data: &Path, listen: &str) -> anyhow::Result<Command> {
    let mut command = relay_command(data)?;
    command.args(["serve", "--listen", listen, "--organisation", "Example Help"]);
    Ok(command)
}

fn relay_command(data: &Path) -> anyhow::Result<Command> {
    let mut command = command(&programs()?.relay);
    // A home beside the data, so that nobody's configuration file is read.
    command.env("HOME", data.with_extension("home")).arg("--json").arg("--data").arg(data);
    Ok(command)
}
