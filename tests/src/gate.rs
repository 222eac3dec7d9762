//! A way over TCP that a test can close, or hold up after so many bytes: what a network does to an
//! object store.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::{Context as _, ensure};

use crate::process::PATIENCE;

/// Bytes that are passed on at once.
const PIECE: usize = 16 * 1024;
/// Connections of one test at once; a relay keeps four uploads and a few looks.
const MAX_CONNECTIONS: usize = 64;

/// A gate between whoever connects and a server. It goes with its handle.
#[derive(Debug)]
pub struct Gate {
    address: SocketAddr,
    inside: Arc<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    state: Mutex<State>,
    news: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Where connections lead; `None` while they are refused.
    to: Option<SocketAddr>,
    /// Bytes towards the server that may still pass; `None` for all.
    left: Option<u64>,
    /// Somebody waits for more.
    held_up: bool,
    ended: bool,
    open: Vec<TcpStream>,
}

impl Inside {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.news.notify_all();
    }

    /// Waits until so many bytes may pass; `false` where the gate was closed.
    fn pass(&self, bytes: u64) -> bool {
        let mut state = self.state();
        loop {
            if state.ended || state.to.is_none() {
                return false;
            }
            match &mut state.left {
                None => return true,
                Some(left) if *left >= bytes => {
                    *left -= bytes;
                    return true;
                }
                Some(_) => {
                    state.held_up = true;
                    self.news.notify_all();
                    state = self.news.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }
}

impl Gate {
    /// A gate on a free port that is closed.
    ///
    /// # Errors
    /// What the system says.
    pub fn closed() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("open a gate")?;
        let address = listener.local_addr().context("open a gate")?;
        let inside = Arc::<Inside>::default();
        let own = inside.clone();
        thread::spawn(move || accept(&listener, &own));
        Ok(Self { address, inside })
    }

    /// Where to connect to.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Everything passes, to this server.
    pub fn open(&self, to: SocketAddr) {
        self.inside.change(|state| {
            (state.to, state.left, state.held_up) = (Some(to), None, false);
        });
    }

    /// So many bytes pass towards the server, and then nothing more.
    pub fn hold_up_after(&self, bytes: u64) {
        self.inside.change(|state| (state.left, state.held_up) = (Some(bytes), false));
    }

    /// Waits until somebody is held up.
    ///
    /// # Errors
    /// Where nobody is in time.
    pub fn wait_until_held_up(&self) -> anyhow::Result<()> {
        let state = self.inside.state();
        let waits = |state: &mut State| !state.held_up && !state.ended;
        let waited = self.inside.news.wait_timeout_while(state, PATIENCE, waits);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        ensure!(state.held_up, "nobody was held up; {:?} bytes may still pass", state.left);
        Ok(())
    }

    /// Nothing passes, and every connection breaks.
    pub fn close(&self) {
        self.inside.change(State::close);
    }
}

impl State {
    fn close(&mut self) {
        self.to = None;
        for stream in self.open.drain(..) {
            // One that has ended is closed already.
            drop(stream.shutdown(Shutdown::Both));
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.inside.change(|state| {
            state.ended = true;
            state.close();
        });
        // The thread that accepts looks up.
        drop(TcpStream::connect(self.address));
    }
}

fn accept(listener: &TcpListener, inside: &Arc<Inside>) {
    for stream in listener.incoming() {
        let to = {
            let state = inside.state();
            if state.ended {
                return;
            }
            state.to.filter(|_| state.open.len() < MAX_CONNECTIONS)
        };
        // What cannot be passed on is closed by being dropped.
        if let (Ok(stream), Some(to)) = (stream, to) {
            drop(connect(stream, to, inside));
        }
    }
}

fn connect(near: TcpStream, to: SocketAddr, inside: &Arc<Inside>) -> io::Result<()> {
    let far = TcpStream::connect(to)?;
    let (back, on) = ((far.try_clone()?, near.try_clone()?), (near.try_clone()?, far.try_clone()?));
    inside.change(|state| {
        // Those that have ended make room.
        state.open.retain(|stream| stream.peer_addr().is_ok());
        state.open.extend([near, far]);
    });
    let own = inside.clone();
    thread::spawn(move || copy(on, |bytes| own.pass(bytes)));
    thread::spawn(move || copy(back, |_| true));
    Ok(())
}

/// Copies until one side ends, and ends the other.
fn copy((mut from, mut to): (TcpStream, TcpStream), may_pass: impl Fn(u64) -> bool) {
    let mut piece = vec![0; PIECE];
    while let Ok(read @ 1..) = from.read(&mut piece) {
        let Some(bytes) = piece.get(..read) else { break };
        if !may_pass(read as u64) || to.write_all(bytes).is_err() {
            break;
        }
    }
    for stream in [from, to] {
        drop(stream.shutdown(Shutdown::Both));
    }
}
