//! A process and the group that it leads. The main process stays unreaped until the very end: as
//! long as it is a zombie its number cannot be given to another group, so a signal to the group
//! never meets a stranger.

#[cfg(not(unix))]
pub(super) use self::single::Group;
#[cfg(unix)]
pub(super) use self::unix::Group;

#[cfg(unix)]
mod unix {
    use std::io;
    use std::process::Stdio;
    use std::time::Duration;

    use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
    use std::os::unix::process::ExitStatusExt as _;
    use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
    use tokio::signal::unix::{SignalKind, signal};
    use tokio::time::{Instant, sleep};

    use super::super::{How, TERM_TIME};

    /// How often a group that was asked to end is looked at.
    const LOOK: Duration = Duration::from_millis(20);

    /// A process group that was made here. Dropping it kills it.
    pub(in super::super) struct Group {
        child: Child,
        leader: Option<Pid>,
        children: tokio::signal::unix::Signal,
    }

    impl Group {
        pub(in super::super) fn start(mut process: Command) -> io::Result<Self> {
            // Before the start, so that no end is missed.
            let children = signal(SignalKind::child())?;
            process.process_group(0).kill_on_drop(true);
            process.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let child = process.spawn()?;
            let leader = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
            Ok(Self { child, leader, children })
        }

        pub(in super::super) fn stdin(&mut self) -> Option<ChildStdin> {
            self.child.stdin.take()
        }

        pub(in super::super) fn stdout(&mut self) -> Option<ChildStdout> {
            self.child.stdout.take()
        }

        pub(in super::super) fn stderr(&mut self) -> Option<ChildStderr> {
            self.child.stderr.take()
        }

        /// Ends once the main process has ended. It is not reaped.
        pub(in super::super) async fn exited(&mut self) {
            while !self.has_exited() {
                if self.children.recv().await.is_none() {
                    sleep(LOOK).await;
                }
            }
        }

        fn has_exited(&self) -> bool {
            let Some(leader) = self.leader else { return true };
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
            !matches!(waitid(WaitId::Pid(leader), options), Ok(None))
        }

        /// Asks the group to end, waits until the main process did, at most [`TERM_TIME`], and
        /// kills what is left.
        pub(in super::super) async fn end(&mut self) {
            self.send(Signal::TERM);
            let asked = Instant::now();
            while !self.has_exited() && asked.elapsed() < TERM_TIME {
                sleep(LOOK).await;
            }
            self.kill();
        }

        /// Kills the group.
        pub(in super::super) fn kill(&self) {
            self.send(Signal::KILL);
        }

        fn send(&self, what: Signal) {
            if let Some(leader) = self.leader
                && let Err(error) = kill_process_group(leader, what)
            {
                tracing::debug!(%error, "cannot signal the command");
            }
        }

        /// Takes the ended main process from the system; from here on the group is not ours.
        pub(in super::super) async fn reap(mut self) -> How {
            let status = self.child.wait().await;
            self.leader = None;
            match status {
                Ok(status) => match (status.code(), status.signal()) {
                    (Some(code), _) => How::Code(code),
                    (None, Some(number)) => How::Signal(number),
                    (None, None) => How::Code(-1),
                },
                Err(error) => {
                    tracing::debug!(%error, "cannot learn how the command ended");
                    How::Code(-1)
                }
            }
        }
    }

    impl Drop for Group {
        fn drop(&mut self) {
            self.kill();
        }
    }
}

/// Where there are no process groups: the process alone.
#[cfg(not(unix))]
mod single {
    use std::io;
    use std::process::Stdio;

    use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

    use super::super::How;

    /// A process. Dropping it kills it.
    pub(in super::super) struct Group {
        child: Child,
    }

    impl Group {
        pub(in super::super) fn start(mut process: Command) -> io::Result<Self> {
            process.kill_on_drop(true);
            process.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            Ok(Self { child: process.spawn()? })
        }

        pub(in super::super) fn stdin(&mut self) -> Option<ChildStdin> {
            self.child.stdin.take()
        }

        pub(in super::super) fn stdout(&mut self) -> Option<ChildStdout> {
            self.child.stdout.take()
        }

        pub(in super::super) fn stderr(&mut self) -> Option<ChildStderr> {
            self.child.stderr.take()
        }

        pub(in super::super) async fn exited(&mut self) {
            if let Err(error) = self.child.wait().await {
                tracing::debug!(%error, "cannot wait for the command");
            }
        }

        pub(in super::super) async fn end(&mut self) {
            self.kill();
        }

        pub(in super::super) fn kill(&mut self) {
            if let Err(error) = self.child.start_kill() {
                tracing::debug!(%error, "cannot kill the command");
            }
        }

        pub(in super::super) async fn reap(mut self) -> How {
            let status = self.child.wait().await;
            How::Code(status.ok().and_then(|status| status.code()).unwrap_or(-1))
        }
    }
}
