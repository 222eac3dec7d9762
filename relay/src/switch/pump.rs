//! The threads that receive for the whole relay. One does; the other stands by for the case that a
//! disk holds the first one up (see `baton`).

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use rustix::event::{PollFd, PollFlags, poll};

use super::legs::Legs;
use super::watch::Watch;
use super::{Intake, Side, Switch, Switched};

/// The two threads. They end when this does.
#[derive(Debug)]
pub struct Pump {
    switch: Arc<Switch>,
    legs: Arc<Legs>,
    watch: Arc<Watch>,
    threads: Vec<JoinHandle<()>>,
}

impl Pump {
    /// Starts to receive on the switch's port.
    ///
    /// # Errors
    /// Where the operating system has no thread to give.
    pub fn start(switch: &Arc<Switch>) -> io::Result<Self> {
        let legs = Arc::new(Legs::new()?);
        let watch = Arc::new(Watch::new(switch.clone()));
        let switch = switch.clone();
        let mut pump = Self { switch, legs, watch, threads: Vec::with_capacity(2) };
        for (side, name) in [(Side::One, "switch-1"), (Side::Two, "switch-2")] {
            let worker = pump.worker(side);
            let thread = std::thread::Builder::new().name(name.to_owned());
            pump.threads.push(thread.spawn(move || worker.run())?);
        }
        Ok(pump)
    }

    fn worker(&self, side: Side) -> Worker {
        let (switch, legs, watch) = (self.switch.clone(), self.legs.clone(), self.watch.clone());
        Worker { switch, legs, watch, side }
    }

    /// What the legs' endpoint takes for its socket.
    #[must_use]
    pub fn socket(&self) -> Switched {
        Switched::new(self.switch.port.clone(), self.legs.clone())
    }
}

impl Drop for Pump {
    /// Waits for the threads: one that a disk holds up finishes its write first.
    fn drop(&mut self) {
        self.watch.end();
        self.legs.nudge();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread that receives broke down");
            }
        }
    }
}

/// What one thread has.
struct Worker {
    switch: Arc<Switch>,
    legs: Arc<Legs>,
    watch: Arc<Watch>,
    side: Side,
}

impl Worker {
    fn run(self) {
        self.watch.enter(self.side);
        let Self { switch, legs, watch, side } = &self;
        let mut intake = Intake::new(switch.clone(), legs.clone(), watch.clone(), *side);
        while !watch.has_ended() {
            watch.stand_by(*side);
            if let Err(error) = self.receive(&mut intake) {
                tracing::error!(%error, "nothing can be received any more");
                legs.fail(error);
                watch.end();
            }
        }
    }

    /// Receives as long as that is this side's.
    fn receive(&self, intake: &mut Intake) -> io::Result<()> {
        while !self.watch.has_ended() && self.watch.is_held_by(self.side) {
            if !intake.turn()? && !self.yielded(intake)? {
                self.wait()?;
            }
        }
        Ok(())
    }

    /// Lets whoever sends to us go on for a moment, where all processors are busy: then more comes at
    /// once and each packet costs less. Whether something came.
    fn yielded(&self, intake: &mut Intake) -> io::Result<bool> {
        std::thread::yield_now();
        intake.turn()
    }

    /// Waits until there is something to receive, or room to send where a leg needs some, or a
    /// nudge.
    fn wait(&self) -> io::Result<()> {
        let wish = if self.legs.is_full() { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
        let nudged = self.legs.nudged();
        let mut waiting =
            [PollFd::new(&self.switch.port, wish), PollFd::new(&nudged, PollFlags::IN)];
        match poll(&mut waiting, None) {
            Err(rustix::io::Errno::INTR) => return Ok(()),
            other => other?,
        };
        let [port, nudge] = &waiting;
        if port.revents().contains(PollFlags::OUT) {
            self.legs.note_room();
        }
        if nudge.revents().is_empty() { Ok(()) } else { self.legs.heed() }
    }
}
