//! What the window wants of a session that lives.

use deskside_protocol::chat;
use deskside_protocol::wire::record::Reason;

use super::chat::Speaker;
use super::live::Live;
use super::over::Over;
use super::talk::Talk;
use super::window;
use crate::viewer::model::Order;

impl Live<'_> {
    /// What the window wants.
    pub(super) async fn wanted(
        &mut self,
        wish: window::Wish,
        talk: &mut Talk,
    ) -> anyhow::Result<Option<Over>> {
        match wish {
            window::Wish::Order(Order::End) => {
                return Ok(Some(Over::here(Reason::TechnicianEnded)));
            }
            window::Wish::Order(Order::Ask(grant)) => {
                if !talk.ask(grant) {
                    self.telling.unasked();
                }
            }
            window::Wish::Order(Order::Say(text)) => match (chat::line(&text), self.window.front())
            {
                (Ok(text), Some(front)) => {
                    self.chat.say(Speaker::Window(text, front.clone())).await;
                }
                (Err(error), _) => self.telling.notice(error.to_string()),
                (Ok(_), None) => {}
            },
            window::Wish::Order(Order::Screenshot) => {
                let folder = self.technician.home.runtime()?;
                self.window.shoot(folder, self.telling.about.session.clone());
            }
            window::Wish::Shot(shot) => self.telling.shot(shot)?,
        }
        Ok(None)
    }
}
