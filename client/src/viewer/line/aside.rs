//! A thread for what takes long, so that it holds up nothing else. Always the same one: what it needs
//! for a large frame is tens of megabytes, which the allocator keeps for each thread that ever did.

use std::io;
use std::sync::mpsc;

use tokio::sync::oneshot;

use super::Gone;

type Job = Box<dyn FnOnce() + Send>;

/// The thread. It ends with this value.
pub(super) struct Aside(mpsc::Sender<Job>);

impl Aside {
    pub(super) fn start() -> io::Result<Self> {
        let (jobs, waiting) = mpsc::channel::<Job>();
        std::thread::Builder::new()
            .name("decode".to_owned())
            .spawn(move || waiting.into_iter().for_each(|job| job()))?;
        Ok(Self(jobs))
    }

    /// Does `work` there, and waits for it.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Gone> {
        let (done, waits) = oneshot::channel();
        // Nobody may wait any more; and a thread that has ended answers nobody.
        let job = move || drop(done.send(work()));
        if self.0.send(Box::new(job)).is_err() {
            return Err(Gone::Lost);
        }
        waits.await.map_err(|_| Gone::Lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_is_done_by_one_thread_and_a_panic_is_the_end_of_it() {
        let aside = Aside::start().unwrap();
        let own = std::thread::current().id();
        let one = aside.run(|| std::thread::current().id()).await.ok();
        let two = aside.run(|| std::thread::current().id()).await.ok();
        assert!(one.is_some() && one == two && one != Some(own));
        assert!(matches!(aside.run(|| panic!("on purpose")).await, Err::<(), _>(Gone::Lost)));
        assert!(matches!(aside.run(|| ()).await, Err(Gone::Lost)));
    }
}
