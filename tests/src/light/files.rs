//! The files line, as a light end asks for it, dials it, or takes it.

use anyhow::{Context as _, bail, ensure};
use deskside_link::line::{self, LINE_TIMEOUT, Listener, Plan};
use deskside_link::{FilesLine, Leg};
use deskside_protocol::label::Label;
use deskside_protocol::wire::signal::{FilesLine as Told, FilesLineAsk, signal::Kind};

use super::{Half, said};

impl Half {
    /// Asks for a files line behind the last one, and dials it. `None` where the relay gives none.
    ///
    /// # Errors
    /// Where it does not come about.
    pub async fn dial_files(&mut self, leg: &Leg) -> anyhow::Result<Option<FilesLine>> {
        let ask = FilesLineAsk { line: self.given.line.into(), after: self.files };
        self.signals.send(Kind::FilesLineAsk(ask)).await?;
        let told = self.files_line().await?;
        if told == (Told { line: self.given.line.into(), ..Told::default() }) {
            return Ok(None);
        }
        let plan = self.files_plan(&told)?;
        Ok(Some(line::dial_files(&leg.lines(), &plan).await?))
    }

    /// Waits until the relay gives a files line, and takes it.
    ///
    /// # Errors
    /// Where it does not come about.
    pub async fn take_files(&mut self, leg: &Leg) -> anyhow::Result<FilesLine> {
        let told = self.files_line().await?;
        let plan = self.files_plan(&told)?;
        let listener = Listener::bind(&leg.lines(), plan.own)?;
        Ok(listener.accept_files(LINE_TIMEOUT, &plan).await?)
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "whatever else comes is signed or refused")]
    async fn files_line(&mut self) -> anyhow::Result<Told> {
        loop {
            match said(&mut self.signals).await? {
                Kind::FilesLine(told) => return Ok(told),
                other => self.heard(other).await?,
            }
        }
    }

    fn files_plan(&mut self, told: &Told) -> anyhow::Result<Plan<'_>> {
        ensure!(told.line == u32::from(self.given.line), "a files line of another line");
        if told.number <= self.files {
            bail!("files line {} came behind {}", told.number, self.files);
        }
        self.files = told.number;
        let own = Label::from_bytes(&told.own_label).context("a label")?;
        let peer = Label::from_bytes(&told.peer_label).context("a label")?;
        let (key, peer_key) = (&self.paired.session_key, self.paired.peer_key);
        Ok(Plan { own, peer, key, peer_key })
    }
}
