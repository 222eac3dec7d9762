//! The switch: tells legs and lines apart on the relay's one socket, and forwards lines by label.
//!
//! It looks at a label and at nothing behind it. A packet goes to the validated address of the leg
//! that owns its label, so nothing can be aimed at a stranger; it is accepted from the partner's
//! validated address, and within a small budget from elsewhere, since addresses change. For an end
//! that is away nothing is kept.
//!
//! One thread of its own receives, writes and sends on, without a hop (`pump`). Legs' packets it
//! leaves to their endpoint on the runtime.

mod baton;
mod bucket;
mod budget;
mod forward;
mod intake;
mod legs;
mod line;
mod pump;
mod socket;
mod thread;
mod watch;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use deskside_link::socket::Udp;
use deskside_protocol::label::Label;
use deskside_protocol::session::End;

use baton::Side;
pub(crate) use forward::Onward;
pub use intake::Intake;
pub use line::{Attached, Line};
pub use pump::Pump;
pub use socket::Switched;

use crate::metrics::Metrics;

/// Where packets with one label go.
#[derive(Debug, Clone)]
struct Route {
    line: Arc<Line>,
    to: End,
}

/// The table of labels, shared by the socket that forwards and the sessions that fill it.
#[derive(Debug)]
pub struct Switch {
    port: Arc<Udp>,
    metrics: Metrics,
    began: Instant,
    routes: RwLock<HashMap<Label, Route>>,
}

impl Switch {
    /// A switch on `port` without routes.
    #[must_use]
    pub fn new(port: Arc<Udp>, metrics: Metrics) -> Arc<Self> {
        Arc::new(Self { port, metrics, began: Instant::now(), routes: RwLock::default() })
    }

    /// Forwards what carries one of the line's two labels, until the guard is dropped.
    #[must_use]
    pub fn connect(self: &Arc<Self>, line: Arc<Line>) -> Connected {
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        for to in [End::Agent, End::Technician] {
            routes.insert(line.label(to), Route { line: line.clone(), to });
        }
        Connected { switch: self.clone(), line }
    }

    fn route(&self, label: Label) -> Option<Route> {
        self.routes.read().unwrap_or_else(PoisonError::into_inner).get(&label).cloned()
    }
}

/// A line that is being forwarded.
#[derive(Debug)]
pub struct Connected {
    switch: Arc<Switch>,
    line: Arc<Line>,
}

impl Connected {
    /// Forwards nothing any more. What came before is still written and sent.
    pub fn disconnect(&mut self) {
        let mut routes = self.switch.routes.write().unwrap_or_else(PoisonError::into_inner);
        for end in [End::Agent, End::Technician] {
            routes.remove(&self.line.label(end));
        }
    }

    /// The line itself.
    #[must_use]
    pub fn line(&self) -> &Line {
        &self.line
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.disconnect();
    }
}

#[cfg(test)]
mod tests;
