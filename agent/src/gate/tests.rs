//! Every grant against every answer, and that nothing widens by itself.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use deskside_protocol::grant::Grant;
use deskside_protocol::wire::message::refusal::Cause;
use tokio::sync::{Semaphore, mpsc};

use super::*;
use crate::consent::{
    Asking, Direction, Standing as OrganisationStanding, Unattended, is_asked_each_time,
};

/// Answers every question alike, once `go` lets it, and counts them.
struct Scripted {
    answer: Answer,
    go: Semaphore,
    asked: AtomicUsize,
    seen: mpsc::UnboundedSender<String>,
}

impl Asker for Scripted {
    fn ask<'a>(&'a self, question: &'a Question<'a>) -> Asking<'a> {
        Box::pin(async move {
            self.asked.fetch_add(1, Ordering::SeqCst);
            drop(self.seen.send(format!("{question:?}")));
            self.go.acquire().await.unwrap().forget();
            self.answer
        })
    }
}

fn scripted(answer: Answer, answers: usize) -> (Arc<Scripted>, mpsc::UnboundedReceiver<String>) {
    let (seen, questions) = mpsc::unbounded_channel();
    let go = Semaphore::new(answers);
    (Arc::new(Scripted { answer, go, asked: AtomicUsize::new(0), seen }), questions)
}

fn visitor() -> Visitor {
    Visitor {
        organisation: "Example IT".to_owned(),
        standing: OrganisationStanding::Known,
        name: "Alice Ng".to_owned(),
        login: "alice".to_owned(),
        ticket: "17".to_owned(),
        subject: "Printer".to_owned(),
    }
}

fn gate(policy: GrantSet, beforehand: GrantSet, asker: Arc<dyn Asker>) -> Gate {
    let show = Arc::new(Show::json(std::io::sink()));
    let terms =
        Terms { policy, masking: true, beforehand, visitor: visitor(), record: Record::default() };
    Gate::new(terms, Arc::new(Forget), asker, show)
}

/// A gate where everything was answered beforehand, for the tests of what needs permits.
pub(crate) fn allowing_all() -> Gate {
    gate(GrantSet::all(), GrantSet::all(), Arc::new(Unattended))
}

/// What `admit` says for each grant.
async fn admit_each(gate: &Gate) -> Vec<(Grant, Result<(), Cause>)> {
    async fn one<K: Kind>(gate: &Gate) -> (Grant, Result<(), Cause>) {
        let admitted = gate.admit::<K>("something").await;
        (K::GRANT, admitted.map(drop).map_err(|refusal| refusal.cause))
    }
    vec![
        one::<View>(gate).await,
        one::<Control>(gate).await,
        one::<Command>(gate).await,
        one::<Shell>(gate).await,
        one::<File>(gate).await,
        one::<Clipboard>(gate).await,
        one::<Reboot>(gate).await,
    ]
}

#[tokio::test]
async fn every_grant_follows_policy_answer_and_what_was_said_beforehand() {
    let (all, none) = (GrantSet::all(), GrantSet::NONE);
    let table: [(GrantSet, GrantSet, Answer, Result<(), Cause>); 7] = [
        (all, none, Answer::Allow, Ok(())),
        (all, none, Answer::Refuse, Err(Cause::UserRefused)),
        (all, none, Answer::NotAsked, Err(Cause::UserRefused)),
        (all, all, Answer::Refuse, Ok(())),
        (none, none, Answer::Allow, Err(Cause::Policy)),
        (none, all, Answer::Allow, Err(Cause::Policy)),
        (none, all, Answer::Refuse, Err(Cause::Policy)),
    ];
    for (policy, beforehand, answer, expected) in table {
        let (asker, _questions) = scripted(answer, 100);
        let gate = gate(policy, beforehand, asker);
        let answers = admit_each(&gate).await;
        assert_eq!(answers.len(), Grant::all().count(), "a grant is missing in this test");
        for (grant, admitted) in answers {
            assert_eq!(admitted, expected, "{grant} {policy} {beforehand} {answer:?}");
        }
    }
}

#[tokio::test]
async fn one_grant_gives_no_other() {
    for grant in Grant::all() {
        let only = gate(GrantSet::all(), grant.into(), Arc::new(Unattended));
        for (other, admitted) in admit_each(&only).await {
            assert_eq!(admitted.is_ok(), other == grant, "{grant} and {other}");
        }
        assert_eq!(only.lease(), grant.into());
    }
}

#[tokio::test]
async fn the_first_question_holds_everything_and_the_policy_narrows_it() {
    let policy = GrantSet::parse("view,command,file").unwrap();
    let (asker, mut questions) = scripted(Answer::Allow, 1);
    let gate = gate(policy, Grant::View.into(), asker);
    let lease = gate.open(GrantSet::parse("view,command,shell").unwrap()).await.unwrap();
    assert_eq!(lease, GrantSet::parse("view,command").unwrap());
    let question = questions.recv().await.unwrap();
    assert!(question.contains("{command}"), "{question}");
}

#[tokio::test]
async fn a_session_needs_something_granted() {
    let wish = GrantSet::parse("view,command").unwrap();
    let open = |policy, beforehand, answer| async move {
        let (asker, _questions) = scripted(answer, 1);
        gate(policy, beforehand, asker).open(wish).await
    };
    let (all, view) = (GrantSet::all(), GrantSet::from(Grant::View));
    assert_eq!(open(all, GrantSet::NONE, Answer::Refuse).await, Err(TurnedDown::Refused));
    assert_eq!(open(all, GrantSet::NONE, Answer::NotAsked).await, Err(TurnedDown::NotAsked));
    assert_eq!(open(all, view, Answer::Refuse).await, Ok(view));
    assert_eq!(open(all, view, Answer::NotAsked).await, Err(TurnedDown::NotAsked));
    assert_eq!(open(Grant::File.into(), all, Answer::Allow).await, Err(TurnedDown::Policy));
}

#[tokio::test]
async fn a_question_is_put_once_for_all_who_wait() {
    let (asker, mut questions) = scripted(Answer::Always, 0);
    let gate = gate(GrantSet::all(), GrantSet::NONE, asker.clone());
    let both =
        async { tokio::join!(gate.admit::<Command>("ip route"), gate.admit::<Command>("ip link")) };
    let let_go = async {
        questions.recv().await.unwrap();
        tokio::task::yield_now().await;
        asker.go.add_permits(1);
    };
    let ((first, second), ()) = tokio::join!(both, let_go);
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(asker.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_no_counts_for_all_who_wait_and_three_end_the_asking() {
    let (asker, mut questions) = scripted(Answer::Refuse, 0);
    let gate = gate(GrantSet::all(), GrantSet::NONE, asker.clone());
    let let_go = async {
        questions.recv().await.unwrap();
        tokio::task::yield_now().await;
        asker.go.add_permits(100);
    };
    let (first, second, ()) =
        tokio::join!(gate.admit::<Shell>("a"), gate.admit::<Shell>("b"), let_go);
    assert!(first.is_err() && second.is_err());
    assert_eq!(asker.asked.load(Ordering::SeqCst), 1);
    for _ in 0..5 {
        assert!(gate.admit::<Shell>("again").await.is_err());
    }
    assert_eq!(asker.asked.load(Ordering::SeqCst), MAX_REFUSALS as usize);
}

#[tokio::test]
async fn waiting_requests_are_bounded() {
    let (asker, mut questions) = scripted(Answer::Allow, 0);
    let gate = gate(GrantSet::all(), GrantSet::NONE, asker);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..MAX_WAITING {
        let gate = gate.clone();
        tasks.spawn(async move { gate.admit::<File>("x").await.map(drop) });
    }
    questions.recv().await.unwrap();
    tokio::task::yield_now().await;
    let refusal = gate.admit::<File>("one more").await.map(drop).unwrap_err();
    assert_eq!(refusal.cause, Cause::NotGranted);
    tasks.shutdown().await;
    // Those that gave up no longer count.
    let wait = tokio::time::timeout(Duration::from_millis(20), gate.admit::<File>("y")).await;
    assert!(wait.is_err());
}

#[tokio::test]
async fn a_revoked_grant_ends_its_permits_and_is_asked_for_again() {
    let (asker, _questions) = scripted(Answer::Refuse, 100);
    let gate = gate(GrantSet::all(), GrantSet::all(), asker.clone());
    let command = gate.admit::<Command>("x").await.unwrap();
    let view = gate.admit::<View>("x").await.unwrap();
    let changes = gate.changes();
    assert_eq!(gate.revoke(Grant::Command.into()), Grant::Command.into());
    command.revoked().await;
    assert!(command.is_revoked() && !view.is_revoked());
    assert_eq!(*changes.borrow(), Grant::View.into());
    // What was allowed beforehand does not bring it back: the user is asked.
    assert!(gate.admit::<Command>("x").await.is_err());
    assert_eq!(asker.asked.load(Ordering::SeqCst), 1);
    assert_eq!(gate.lease(), Grant::View.into());
}

#[tokio::test]
async fn stopping_ends_permits_waiting_questions_and_the_future() {
    let (asker, mut questions) = scripted(Answer::Allow, 0);
    let gate = gate(GrantSet::all(), Grant::View.into(), asker);
    let view = gate.admit::<View>("x").await.unwrap();
    let stop = async {
        questions.recv().await.unwrap();
        gate.stop();
    };
    let (waiting, ()) = tokio::join!(gate.admit::<Shell>("x"), stop);
    assert!(waiting.is_err() && view.is_revoked());
    for (grant, admitted) in admit_each(&gate).await {
        assert_eq!(admitted, Err(Cause::UserRefused), "{grant}");
    }
    assert_eq!(gate.open(GrantSet::all()).await.ok(), None);
    assert!(gate.lease().is_empty() && !gate.was_not_asked_for());
}

#[tokio::test]
async fn i_did_not_ask_for_this_stops_the_session() {
    let (asker, _questions) = scripted(Answer::NotAsked, 1);
    let gate = gate(GrantSet::all(), Grant::View.into(), asker);
    let view = gate.admit::<View>("x").await.unwrap();
    assert!(gate.admit::<Control>("x").await.is_err());
    gate.stopped().await;
    assert!(view.is_revoked() && gate.was_not_asked_for());
}

#[test]
fn what_a_technician_writes_is_shown_safe_and_short() {
    assert_eq!(shown("rm\x1b[2J"), "rm\u{FFFD}[2J");
    assert_eq!(shown(&"a".repeat(10_000)).chars().count(), MAX_WHAT + 1);
}

/// A gate whose session was opened, with nothing granted but to view.
async fn opened(answer: Answer, answers: usize) -> (Gate, Arc<Scripted>) {
    let (asker, _questions) = scripted(answer, answers);
    let gate = gate(GrantSet::all(), Grant::View.into(), asker.clone());
    gate.open(Grant::View.into()).await.unwrap();
    (gate, asker)
}

#[tokio::test]
async fn allowed_once_is_asked_again_and_always_is_not() {
    for (answer, questions) in [(Answer::Allow, 2), (Answer::Always, 1)] {
        let (gate, asker) = opened(answer, 100).await;
        let first = gate.admit::<Command>("a").await.unwrap();
        let scope = gate.terms().iter().find(|term| term.grant == Grant::Command).unwrap().scope;
        assert_eq!(scope == Scope::Once, answer == Answer::Allow);
        drop(first);
        gate.admit::<Command>("b").await.unwrap();
        assert_eq!(asker.asked.load(Ordering::SeqCst), questions, "{answer:?}");
        let lasts = answer == Answer::Always;
        assert_eq!(gate.lease().contains(Grant::Command), lasts);
        assert_eq!(gate.terms().iter().any(|term| term.grant == Grant::Command), lasts);
    }
}

#[tokio::test]
async fn what_is_not_asked_each_time_is_allowed_for_the_session() {
    for grant in Grant::all() {
        let (asker, _questions) = scripted(Answer::Allow, 100);
        let gate = gate(GrantSet::all(), GrantSet::NONE, asker);
        let admitted = admit_each(&gate).await;
        assert!(admitted.iter().all(|(_, admitted)| admitted.is_ok()));
        assert_eq!(gate.lease().contains(grant), !is_asked_each_time(grant), "{grant}");
        // A request without an action is for the session, whatever the grant.
        gate.request(grant.into(), "why").await.unwrap();
        assert!(gate.lease().contains(grant));
    }
}

#[tokio::test]
async fn taking_a_grant_back_ends_what_was_allowed_once() {
    let (gate, _asker) = opened(Answer::Allow, 100).await;
    let (one, two) =
        (gate.admit::<File>("a").await.unwrap(), gate.admit::<File>("b").await.unwrap());
    let command = gate.admit::<Command>("x").await.unwrap();
    drop(two);
    assert_eq!(gate.revoke(Grant::File.into()), Grant::File.into());
    one.revoked().await;
    assert!(!command.is_revoked());
    gate.stop();
    command.revoked().await;
}

#[tokio::test]
async fn a_narrower_policy_ends_what_runs_and_is_never_widened_again() {
    let (gate, asker) = opened(Answer::Allow, 100).await;
    gate.give(Grant::File.into(), None);
    let (held, once) =
        (gate.admit::<File>("a").await.unwrap(), gate.admit::<Command>("x").await.unwrap());
    let view = gate.admit::<View>("y").await.unwrap();
    gate.narrow(GrantSet::parse("view,shell").unwrap());
    assert!(held.is_revoked() && once.is_revoked() && !view.is_revoked());
    let said = gate.taken_back::<Command>();
    assert!(said.cause == Cause::Policy && said.text.contains("policy changed"), "{said}");
    assert_eq!(gate.taken_back::<View>().cause, Cause::NotGranted);
    // Neither a wider policy nor the user brings it back, and nobody is asked.
    gate.narrow(GrantSet::all());
    let asked = asker.asked.load(Ordering::SeqCst);
    assert_eq!(gate.give(GrantSet::all(), None), GrantSet::parse("view,shell").unwrap());
    let refused = gate.admit::<Command>("x").await.unwrap_err();
    assert_eq!((refused.cause, asker.asked.load(Ordering::SeqCst)), (Cause::Policy, asked));
}

#[tokio::test]
async fn the_user_gives_without_a_question_and_never_beyond_the_policy() {
    let (asker, _questions) = scripted(Answer::Refuse, 100);
    let policy = GrantSet::parse("view,command").unwrap();
    let gate = gate(policy, Grant::View.into(), asker.clone());
    // Nobody has been let in yet.
    assert!(gate.give(GrantSet::all(), None).is_empty() && gate.lease().is_empty());
    gate.open(Grant::View.into()).await.unwrap();
    gate.revoke(Grant::View.into());
    assert!(gate.admit::<View>("x").await.is_err(), "it is asked for");
    assert_eq!(gate.give(GrantSet::all(), None), policy);
    assert!(gate.admit::<View>("x").await.is_ok() && gate.admit::<Command>("x").await.is_ok());
    assert_eq!(asker.asked.load(Ordering::SeqCst), 1);
    gate.stop();
    assert!(gate.give(GrantSet::all(), None).is_empty() && gate.lease().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_ends_is_taken_back_by_itself_and_told() {
    let (gate, _asker) = opened(Answer::Refuse, 100).await;
    gate.give(Grant::Command.into(), Some(Duration::from_secs(600)));
    let permit = gate.admit::<Command>("x").await.unwrap();
    let term = *gate.terms().iter().find(|term| term.grant == Grant::Command).unwrap();
    assert!(term.ends_in.unwrap() > Duration::from_secs(595) && term.scope == Scope::Session);
    let began = tokio::time::Instant::now();
    tokio::select! {
        () = gate.watch_ends() => unreachable!(),
        () = permit.revoked() => {}
    }
    assert_eq!(began.elapsed().as_secs(), 600);
    assert_eq!(gate.lease(), Grant::View.into());
    assert!(gate.admit::<Command>("y").await.is_err(), "it is asked for again");
}

/// Where events go, to be read.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn each_action_is_told_with_a_number_and_so_is_its_end() {
    let lines = Lines::default();
    let show = Arc::new(Show::json(lines.clone()));
    let (policy, beforehand) = (GrantSet::all(), GrantSet::all());
    let terms =
        Terms { policy, masking: true, beforehand, visitor: visitor(), record: Record::default() };
    let gate = Gate::new(terms, Arc::new(Forget), Arc::new(Unattended), show);
    let first = gate.admit::<View>("your screen").await.unwrap();
    let second = gate.admit::<Command>("ip route").await.unwrap();
    drop(first);
    gate.stop();
    drop(second);
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let told: Vec<(String, u64)> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter_map(|event| Some((event["event"].as_str()?.to_owned(), event["number"].as_u64()?)))
        .collect();
    let expected = [("action", 0), ("action", 1), ("action_over", 0), ("action_over", 1)];
    assert_eq!(told, expected.map(|(event, number)| (event.to_owned(), number)));
}

fn listing() -> Listing {
    Listing {
        direction: Direction::Received,
        folder: "Downloads".to_owned(),
        named: vec![("photo.png".to_owned(), 3_145_728)],
        more: 0,
        bytes: 3_145_728,
    }
}

#[tokio::test]
async fn a_burst_of_transfers_is_one_question_at_a_time_and_ends_with_the_third_no() {
    let (asker, mut questions) = scripted(Answer::Refuse, 0);
    let gate = gate(GrantSet::all(), GrantSet::NONE, asker.clone());
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..500 {
        let gate = gate.clone();
        tasks.spawn(async move { gate.admit_files(&listing(), "x").await.map(drop) });
    }
    let mut causes = Vec::new();
    // All but those that may wait are answered while the first question stands.
    while causes.len() < 500 - MAX_WAITING {
        causes.push(tasks.join_next().await.unwrap().unwrap().unwrap_err().cause);
    }
    assert!(causes.iter().all(|cause| *cause == Cause::NotGranted));
    assert_eq!(asker.asked.load(Ordering::SeqCst), 1);
    let question = questions.recv().await.unwrap();
    assert!(question.contains("photo.png") && question.contains("3145728"), "{question}");
    asker.go.add_permits(1000);
    while let Some(done) = tasks.join_next().await {
        assert_eq!(done.unwrap().unwrap_err().cause, Cause::UserRefused);
    }
    // One no was for all who waited. Twice more, and it is over.
    for _ in 0..500 {
        assert!(gate.admit_files(&listing(), "x").await.is_err());
    }
    assert_eq!(asker.asked.load(Ordering::SeqCst), MAX_REFUSALS as usize);
}
