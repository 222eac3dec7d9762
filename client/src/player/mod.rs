//! The player: one recording's timeline as a page in the browser of this computer.
//!
//! A [`Reading`] puts the recording onto a [`Stage`] while the page is served from it: rows of what
//! happened, text and pictures behind them, and the film of the screen, decoded here and handed over
//! as pixels. Nothing leaves the computer, and nothing stays on its disk.

mod book;
mod http;
mod reel;
mod shelf;
mod stage;
mod take;
mod telling;
mod view;

use std::sync::Arc;

use anyhow::Context as _;
use data_encoding::BASE64URL_NOPAD;
use deskside_link::random::System;
use deskside_protocol::random;
use tokio::net::TcpListener;

pub(crate) use stage::{Interval, Reading, Stage, Verdict};
pub(crate) use telling::{Telling, telling};

/// Bytes of the word under which the page stands: nobody guesses 32.
const WORD: usize = 32;

/// A page that is served.
pub(crate) struct Served {
    /// Where.
    pub(crate) url: String,
    /// An address that leads there once, for whoever starts the browser: all accounts of a computer
    /// see what its programs are started with.
    pub(crate) once: String,
    routes: axum::Router,
    gone: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>,
    listener: TcpListener,
}

impl Served {
    /// On a bound listener of this computer.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn new(listener: TcpListener, stage: Arc<Stage>) -> anyhow::Result<Self> {
        let address = listener.local_addr().context("serve a page")?;
        let word = || BASE64URL_NOPAD.encode(&random::bytes::<WORD>(&mut System::new()));
        let (word, once) = (word(), word());
        let (routes, gone) = http::routes(stage, address, (&word, &once));
        let url = format!("http://{address}/{word}/");
        let once = format!("http://{address}/{once}");
        Ok(Self { url, once, routes, gone: Box::pin(gone), listener })
    }

    /// Serves until `stop`, or until a page was there and has gone.
    ///
    /// # Errors
    /// What the listener says.
    pub(crate) async fn run(self, stop: impl Future<Output = ()> + Send) -> anyhow::Result<()> {
        let serving = axum::serve(self.listener, self.routes);
        // Connections that a browser keeps open would hold up an end in order.
        tokio::select! {
            served = serving => served.context("serve a page"),
            () = stop => Ok(()),
            () = self.gone => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
