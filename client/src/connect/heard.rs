//! What the conversation with the agent brings: lines that stand or are gone, what the user allows and
//! refuses, and what the agent may not say.

use deskside_link::line::close_code;
use deskside_protocol::close::CloseCode;
use deskside_protocol::exit::Exit;
use deskside_protocol::wire::record::Reason;

use super::live::Live;
use super::over::Over;
use super::talk::{Said, Talk};
use crate::failure::{exit_of, sentence_of};

impl Live<'_> {
    /// What the conversation brings.
    pub(super) async fn heard(
        &mut self,
        said: Said,
        talk: &mut Talk,
    ) -> anyhow::Result<Option<Over>> {
        match said {
            Said::Up(line) => {
                self.files.beside(line.clone(), self.files_maker());
                self.lines.set(line);
                if !std::mem::replace(&mut self.began, true) {
                    self.telling.text("Connected. The user is being asked.")?;
                }
            }
            Said::NotMade(error) if !self.began => {
                return Ok(Some(Over::failed(Reason::NotSealed, error)));
            }
            Said::NotMade(error) if exit_of(&error) == Exit::Refused => {
                let over = Over::here(Reason::NotSealed);
                return Ok(Some(over.saying(sentence_of(&error))));
            }
            // The leg may have been lost on the way: what the relay says next decides.
            Said::NotMade(error) => {
                tracing::debug!(error = sentence_of(&error), "another line did not come about");
            }
            Said::Lease(lease) => {
                let folder = self.technician.home.runtime()?;
                self.local.open(&folder, &self.telling.about.session).await?;
                self.telling.lease(&lease)?;
            }
            Said::No(refusal) => return Ok(Some(Over::refused(Some(refusal.text)))),
            Said::Refused(refusal) => self.telling.refused(&refusal)?,
            Said::Broken(breach) => {
                let text = format!("the user's computer broke the protocol: {breach}");
                return Ok(Some(Over::gave_up(Exit::EndedByPeer, text)));
            }
            Said::Disputed(difference) => {
                self.telling.disputed(&difference)?;
                if let Some(line) = talk.line() {
                    line.close(CloseCode::Misbehaved);
                }
                return Ok(Some(Over::disputed(difference)));
            }
            Said::LineGone(error) => match close_code(&error) {
                Some(CloseCode::Refused) => return Ok(Some(Over::refused(None))),
                // In order: the relay says why in a moment.
                Some(CloseCode::SessionEnded) => {}
                code => {
                    tracing::debug!(%error, ?code, "the line is gone");
                    self.lines.drop_line();
                }
            },
            Said::Late { .. } if self.telling.gap.away().is_some() => talk.wait_on(),
            Said::Late { asked: true } => {
                return Ok(Some(Over::gave_up(Exit::Refused, "the user did not answer in time")));
            }
            Said::Late { asked: false } => {
                let text = "the user's computer could not be reached any more";
                return Ok(Some(Over::gave_up(Exit::EndedByPeer, text)));
            }
        }
        Ok(None)
    }
}
