//! A server that speaks S3 with one bucket, and the way to it that a relay is told of. It is somebody
//! else's (moto), and checks signatures only where it is strict: elsewhere any keys do.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, ensure};

use crate::gate::Gate;
use crate::process::{Process, command};
use crate::web;

/// The bucket's name.
pub const BUCKET: &str = "audio";

/// The server, behind a gate. All that it holds goes with it.
#[derive(Debug)]
pub struct Bucket {
    /// Between the relay and the server.
    pub gate: Gate,
    process: Process,
    address: SocketAddr,
    keys: Keys,
}

/// What opens a bucket.
#[derive(Debug, Clone)]
pub struct Keys {
    /// Their id.
    pub id: String,
    /// What requests are signed with.
    pub secret: String,
}

impl Bucket {
    /// Starts one; the gate is open.
    ///
    /// # Errors
    /// Where it is not installed, or its own words.
    pub fn start() -> anyhow::Result<Self> {
        Self::started(false)
    }

    /// Starts one that checks each signature, and knows its own keys alone.
    ///
    /// # Errors
    /// As for [`Bucket::start`].
    pub fn strict() -> anyhow::Result<Self> {
        Self::started(true)
    }

    fn started(strict: bool) -> anyhow::Result<Self> {
        let (process, address, keys) = serve(strict)?;
        let gate = Gate::closed()?;
        gate.open(address);
        Ok(Self { gate, process, address, keys })
    }

    /// Kills it, with all that it holds, and starts an empty one, which the gate does not lead to yet.
    ///
    /// # Errors
    /// As for [`Bucket::start`].
    pub fn replace(&mut self) -> anyhow::Result<()> {
        (self.process, self.address, self.keys) = serve(false)?;
        Ok(())
    }

    /// Everything passes.
    pub fn open(&self) {
        self.gate.open(self.address);
    }

    /// What a relay is told: the archive's address.
    #[must_use]
    pub fn archive() -> String {
        format!("s3://{BUCKET}/desk")
    }

    /// Keys that it knows.
    #[must_use]
    pub fn keys(&self) -> Keys {
        self.keys.clone()
    }

    /// What a relay is told by its environment, with keys that nobody gave out.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        self.told(Keys { id: "relay".to_owned(), secret: "nobody-else-knows".to_owned() })
    }

    /// What a relay is told by its environment.
    #[must_use]
    pub fn told(&self, keys: Keys) -> Vec<(String, String)> {
        let pairs = [
            ("DESKSIDE_ARCHIVE", Self::archive()),
            ("AWS_ENDPOINT_URL", format!("http://{}", self.gate.address())),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", keys.id),
            ("AWS_SECRET_ACCESS_KEY", keys.secret),
        ];
        pairs.map(|(name, value)| (name.to_owned(), value)).to_vec()
    }

    /// Bytes of the object of a session; `None` where there is none.
    ///
    /// # Errors
    /// Where the server does not answer.
    pub fn object(&self, session: &str) -> anyhow::Result<Option<Vec<u8>>> {
        let path = format!("/{BUCKET}/desk/{session}.dsr");
        let answer = web::get(&self.address.to_string(), &path, &[])?;
        Ok((answer.status == 200).then_some(answer.body))
    }

    /// Says that this is the archive of before, as whoever runs a relay would.
    ///
    /// # Errors
    /// Where the server does not take it.
    pub fn mark(&self) -> anyhow::Result<()> {
        let path = format!("/{BUCKET}/desk/deskside-archive");
        let answer = web::ask("PUT", &self.address.to_string(), &path, &[("Content-Length", "0")])?;
        ensure!(answer.status == 200, "the bucket says {}: {}", answer.status, answer.text());
        Ok(())
    }

    /// How many uploads in parts have no end.
    ///
    /// # Errors
    /// Where the server does not answer.
    pub fn uploads(&self) -> anyhow::Result<usize> {
        let answer = web::get(&self.address.to_string(), &format!("/{BUCKET}?uploads"), &[])?;
        ensure!(answer.status == 200, "the bucket says {}: {}", answer.status, answer.text());
        Ok(answer.text().matches("<UploadId>").count())
    }
}

fn serve(strict: bool) -> anyhow::Result<(Process, SocketAddr, Keys)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("store");
    let python: PathBuf = folder.join("venv/bin/python");
    ensure!(
        python.exists(),
        "the object store is not installed: tests/run does it, by tests/store/requirements.txt"
    );
    let mut command = command(python);
    // It ends with its standard input.
    command.current_dir(folder).args(["server.py", BUCKET, "0"]).stdin(Stdio::piped());
    if strict {
        command.env("INITIAL_NO_AUTH_ACTION_COUNT", "0");
    }
    let mut process = Process::start("the object store", &mut command)?;
    let ready = process.wait_for("ready")?;
    let said = |name: &str| ready[name].as_str().map(str::to_owned).context("read what it says");
    let keys = Keys { id: said("id")?, secret: said("secret")? };
    Ok((process, said("address")?.parse().context("read an address")?, keys))
}
