//! What the person in front of the computer sees: the digits, who asks and what for, what is being
//! done, and Stop.
//!
//! [`model`] knows, [`view`] draws it, [`deskside_paint`] makes pixels of it; the shell is the
//! system's window. The window lives on the main thread, sessions on others: they meet
//! in [`Front`], which is an `Asker` and hears events, and in [`Helm`], where presses go.

mod clipboard;
mod daylight;
mod front;
mod helm;
mod hotkey;
pub mod model;
mod place;
mod shell;
pub mod view;

use std::sync::Arc;
use std::thread;

use anyhow::{Context as _, anyhow};
use deskside_protocol::exit::Exit;
use tokio::sync::mpsc;

pub use self::front::Front;
pub use self::helm::Helm;
pub use self::model::{Model, Order};
use self::shell::Ground;
pub use self::shell::{NoWindow, Wake};
use crate::texts::Texts;

/// Shows the window on this thread, which has to be the program's first, and runs `sessions` on
/// another until it returns; then the window closes.
///
/// # Errors
/// [`NoWindow`] where there is none; then `sessions` was not called. Once it was, its own result.
pub fn run(
    texts: Arc<Texts>,
    sessions: impl FnOnce(Helm, mpsc::Receiver<Order>) -> anyhow::Result<Exit> + Send + 'static,
) -> Result<anyhow::Result<Exit>, NoWindow> {
    let ground = Ground::new()?;
    let proxy = ground.proxy();
    let wake = move || {
        // A window that is closed has nothing to draw.
        let _closed = proxy.send_event(Wake::Draw);
    };
    let (helm, orders) = Helm::new(Front::new(Model::new(), wake));
    let (proxy, steering) = (ground.proxy(), helm.clone());
    let (done, result) = std::sync::mpsc::sync_channel(1);
    let begin = move || {
        let ended = move || {
            let result = sessions(steering, orders);
            let _window_gone = done.send(result);
            let _window_gone = proxy.send_event(Wake::Close);
        };
        if let Err(error) = thread::Builder::new().name("sessions".to_owned()).spawn(ended) {
            tracing::error!(%error, "no thread for sessions");
        }
    };
    let shown = ground.run(helm.clone(), texts, begin);
    match (shown, result.try_recv()) {
        (_, Ok(result)) => Ok(result),
        // The window is lost while somebody may be here: nobody would see what he does.
        (Err(lost), Err(std::sync::mpsc::TryRecvError::Empty)) => {
            helm.press(model::Press::Close);
            Ok(result.recv().context("end the session").and_then(|_| Err(anyhow!(lost))))
        }
        (Err(never), Err(std::sync::mpsc::TryRecvError::Disconnected)) => Err(never),
        (Ok(()), Err(_)) => Ok(Err(anyhow!("the window's thread ended before its sessions"))),
    }
}
