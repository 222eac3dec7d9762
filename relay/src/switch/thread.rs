//! A thread as the other one sees it.

use std::thread::Thread;

/// A thread that can be woken, and asked whether it waits for something.
#[derive(Debug)]
pub(super) struct Colleague {
    thread: Thread,
    #[cfg(target_os = "linux")]
    state: std::path::PathBuf,
}

impl Colleague {
    /// The calling thread.
    pub(super) fn current() -> Self {
        Self {
            thread: std::thread::current(),
            #[cfg(target_os = "linux")]
            state: format!("/proc/self/task/{}/stat", rustix::thread::gettid().as_raw_nonzero())
                .into(),
        }
    }

    pub(super) fn wake(&self) {
        self.thread.unpark();
    }

    /// Whether it waits for something, a disk for example, and not for a processor alone: on a busy
    /// machine a thread that only computes can stand still just as long.
    #[cfg(target_os = "linux")]
    pub(super) fn waits(&self) -> bool {
        // "1234 (name) S ...": the state stands behind the name, which may hold anything.
        let read = std::fs::read_to_string(&self.state);
        let state = read.as_deref().ok().and_then(|it| Some(it.rsplit_once(") ")?.1));
        !state.is_some_and(|state| state.starts_with('R'))
    }

    /// As far as can be known here.
    #[cfg(not(target_os = "linux"))]
    pub(super) const fn waits(&self) -> bool {
        true
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Mutex, mpsc};

    #[test]
    fn who_computes_does_not_wait_and_who_sleeps_does() {
        let (tell, told) = mpsc::channel();
        let (ended, held) = (AtomicBool::new(false), Mutex::new(()));
        std::thread::scope(|scope| {
            let asleep = held.lock().unwrap();
            let (ended, held, other) = (&ended, &held, tell.clone());
            scope.spawn(move || {
                tell.send(Colleague::current()).unwrap();
                while !ended.load(Ordering::Relaxed) {}
            });
            let busy = told.recv().unwrap();
            scope.spawn(move || {
                other.send(Colleague::current()).unwrap();
                drop(held.lock());
            });
            let idle = told.recv().unwrap();
            while !idle.waits() {
                std::thread::yield_now();
            }
            for _ in 0..100 {
                assert!(!busy.waits());
                assert!(idle.waits());
            }
            ended.store(true, Ordering::Relaxed);
            drop(asleep);
        });
    }
}
