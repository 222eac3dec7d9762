//! The session's first question: put once, whatever happens to the line meanwhile. It is asked when
//! the technician's program has introduced itself, and each line's conversation waits for the answer.

use std::time::Duration;

use deskside_protocol::grant::GrantSet;
use deskside_protocol::wire::record::Reason;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::gate::{Gate, TurnedDown};

/// A line has this long to tell the technician of a no, before the session ends over it.
const TELLING: Duration = Duration::from_secs(3);

type Answered = Option<Result<(), TurnedDown>>;

#[derive(Debug)]
pub(super) struct Consent {
    gate: Gate,
    requested: GrantSet,
    introduced: CancellationToken,
    answered: watch::Sender<Answered>,
}

impl Consent {
    pub(super) fn new(gate: Gate, requested: GrantSet) -> Self {
        let answered = watch::Sender::new(None);
        Self { gate, requested, introduced: CancellationToken::new(), answered }
    }

    /// Asks once somebody has introduced himself; `admitted` is called after a yes. Ends only where
    /// the user turned the session down.
    pub(super) async fn ask(&self, admitted: impl FnOnce()) -> Reason {
        self.introduced.cancelled().await;
        let answer = self.gate.open(self.requested).await.map(drop);
        self.answered.send_replace(Some(answer));
        if answer.is_ok() {
            admitted();
            std::future::pending::<()>().await;
        }
        sleep(TELLING).await;
        Reason::UserRefused
    }

    /// For a technician who has introduced himself: the user's answer.
    pub(super) async fn answer(&self) -> Result<(), TurnedDown> {
        self.introduced.cancel();
        let mut answered = self.answered.subscribe();
        match answered.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(answer)) => *answer,
            Ok(None) | Err(_) => Err(TurnedDown::Stopped),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use deskside_protocol::grant::Grant;
    use tokio::sync::Semaphore;
    use tokio::time::timeout;

    use super::*;
    use crate::consent::{Answer, Asker, Asking, Question, Standing, Visitor};
    use crate::events::Show;
    use crate::gate::{Forget, Record, Terms};

    /// Answers once it may.
    struct Slow {
        answer: Answer,
        may: Semaphore,
        asked: AtomicUsize,
    }

    impl Asker for Slow {
        fn ask<'a>(&'a self, _question: &'a Question<'a>) -> Asking<'a> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            Box::pin(async {
                self.may.acquire().await.unwrap().forget();
                self.answer
            })
        }
    }

    fn consent(answer: Answer, record: Record) -> (Consent, Arc<Slow>) {
        let asker = Arc::new(Slow { answer, may: Semaphore::new(0), asked: 0.into() });
        let visitor = Visitor {
            organisation: String::new(),
            standing: Standing::Known,
            name: String::new(),
            login: String::new(),
            ticket: String::new(),
            subject: String::new(),
        };
        let (policy, beforehand) = (GrantSet::all(), GrantSet::NONE);
        let terms = Terms { policy, masking: true, beforehand, visitor, record };
        let show = Arc::new(Show::json(std::io::sink()));
        let gate = Gate::new(terms, Arc::new(Forget), asker.clone(), show);
        (Consent::new(gate, GrantSet::all()), asker)
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_outlives_the_line_on_which_it_came_up() {
        let (consent, asker) = consent(Answer::Allow, Record::default());
        let admitted = std::cell::Cell::new(false);
        let mut asking = pin!(consent.ask(|| admitted.set(true)));
        let line = Duration::from_secs(5);
        // The first line is lost while the user thinks; the answer is for the second.
        tokio::select! {
            _ = &mut asking => unreachable!(),
            answer = timeout(line, consent.answer()) => assert!(answer.is_err()),
        }
        asker.may.add_permits(1);
        for _ in 0..2 {
            tokio::select! {
                _ = &mut asking => unreachable!(),
                answer = timeout(line, consent.answer()) => assert_eq!(answer, Ok(Ok(()))),
            }
        }
        assert_eq!(asker.asked.load(Ordering::SeqCst), 1);
        assert_eq!(consent.gate.lease(), GrantSet::all());
        assert!(admitted.get());
    }

    #[tokio::test(start_paused = true)]
    async fn a_no_ends_the_session_and_nobody_is_asked_before_the_introduction() {
        let (consent, asker) = consent(Answer::Refuse, Record::default());
        let mut asking = pin!(consent.ask(|| {}));
        assert!(timeout(Duration::from_secs(60), &mut asking).await.is_err());
        assert_eq!(asker.asked.load(Ordering::SeqCst), 0);
        asker.may.add_permits(1);
        let (answer, reason) = tokio::join!(consent.answer(), asking);
        assert_eq!((answer, reason), (Err(TurnedDown::Refused), Reason::UserRefused));
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_of_before_is_not_asked_about_again() {
        let held = Grant::View.into();
        let record = Record { opened: true, held, ..Record::default() };
        let (consent, asker) = consent(Answer::Refuse, record);
        let mut asking = pin!(consent.ask(|| {}));
        tokio::select! {
            _ = &mut asking => unreachable!(),
            answer = consent.answer() => assert_eq!(answer, Ok(())),
        }
        assert_eq!(asker.asked.load(Ordering::SeqCst), 0);
        assert_eq!(consent.gate.lease(), held);
    }
}
