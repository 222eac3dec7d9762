//! The course of a session: one task that hears both ends, keeps time, and takes in whoever comes
//! back. What it does about each is in the rooms beside this one; whatever ends it gets a reason.

use std::sync::Arc;

use deskside_protocol::session::End;
use deskside_protocol::wire::record::Reason;
use deskside_protocol::wire::signal::signal::Kind;
use tokio::time::Instant;

use super::closing;
use super::due::SECOND_LOOK;
use super::live::Live;
use super::terms::{BOTH, Session, without};
use crate::recorder::{Broken, Recording};
use crate::sessions::Visit;
use crate::standing::Expelled;
use crate::talk::{Gone, Talk};

/// What a session waited for.
enum Step {
    Said(End, Box<Result<Option<Kind>, Gone>>),
    Visit(End, Box<Visit>),
    Strayed,
    Broken(Broken),
    Expelled(Expelled),
    Policy,
    Stop,
    Time,
}

impl Live {
    /// Lives until something ends it, then closes.
    pub(super) async fn run(mut self: Box<Self>) {
        let reason = loop {
            let step = self.next().await;
            // Steps are rare and their futures large: an idle session does not carry them.
            if let Err(reason) = Box::pin(self.take(step)).await {
                break reason;
            }
        };
        Box::pin(closing::close(*self, reason)).await;
    }

    async fn next(&mut self) -> Step {
        let wake = self.wake();
        let looking = self.second_look.is_some();
        let Self { session, talks, line, recorded, policy, .. } = self;
        let Session { service, place, recording, stay, .. } = session;
        let recording = recording.as_ref().filter(|_| *recorded);
        tokio::select! {
            said = hear(&mut talks.agent) => Step::Said(End::Agent, Box::new(said)),
            said = hear(&mut talks.technician) => Step::Said(End::Technician, Box::new(said)),
            (end, visit) = place.door().visit() => Step::Visit(end, visit),
            () = line.strayed(), if !looking => Step::Strayed,
            broken = broken(recording) => Step::Broken(broken),
            out = stay.expelled() => Step::Expelled(out),
            // The relay has the other half to its end.
            Ok(()) = policy.changed() => Step::Policy,
            () = service.stop.cancelled() => Step::Stop,
            () = tokio::time::sleep_until(wake) => Step::Time,
        }
    }

    async fn take(&mut self, step: Step) -> Result<(), Reason> {
        match step {
            Step::Said(end, said) => match *said {
                Ok(said) => {
                    if let Some(said) = said {
                        self.heard(end, said).await?;
                    }
                    // An end that has moved says anything at all.
                    self.look().await;
                }
                Err(gone) => self.lose(end, &gone).await?,
            },
            Step::Visit(end, visit) => self.visit(end, *visit).await?,
            Step::Strayed => {
                self.second_look = Some(Instant::now() + SECOND_LOOK);
                self.look().await;
            }
            Step::Broken(broken) => self.broke(broken).await?,
            Step::Expelled(out) => return Err(out.reason()),
            Step::Policy => {
                for end in BOTH {
                    self.tell_policy(end).await;
                }
            }
            Step::Stop => return Err(Reason::RelayStopped),
            Step::Time => self.time().await?,
        }
        // Whoever could not be told something is lost too.
        for end in BOTH {
            if self.presence.is_here(end) && self.talks.of(end).is_none() {
                self.lose(end, &Gone::Left).await?;
            }
        }
        self.keep_watch();
        Ok(())
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "whatever else comes does not belong here")]
    async fn heard(&mut self, from: End, said: Kind) -> Result<(), Reason> {
        match said {
            Kind::Seal(seal) => self.seal(from, seal).await,
            Kind::EndSignature(signature) => self.end_signature(from, &signature).await,
            Kind::Proof(proof) => self.proved(from, &proof).await,
            Kind::FilesLineAsk(ask) => self.files_line_asked(from, ask).await,
            Kind::EndSession(end) => Err(claimed(from, end.reason)),
            // Signals of a newer version's are skipped before they come here.
            _ => Err(without(from)),
        }
    }
}

/// An end may say that it ends the session, not that somebody else did.
fn claimed(from: End, reason: i32) -> Reason {
    match (from, Reason::try_from(reason)) {
        (End::Agent, Ok(reason @ (Reason::UserRefused | Reason::NotAsked))) => reason,
        (_, Ok(reason @ (Reason::NotSealed | Reason::Disputed))) => reason,
        (End::Agent, _) => Reason::UserEnded,
        (End::Technician, _) => Reason::TechnicianEnded,
    }
}

/// The next signal of an end that is there.
async fn hear(talk: &mut Option<Talk>) -> Result<Option<Kind>, Gone> {
    match talk {
        Some(talk) => talk.hear().await,
        None => std::future::pending().await,
    }
}

async fn broken(recording: Option<&Arc<Recording>>) -> Broken {
    match recording {
        Some(recording) => recording.broken().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size<F: Future>(_: impl FnOnce(Box<Live>) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn an_idle_session_is_small() {
        // Of the 50 KiB that a session may take together with its two legs.
        let size = size(Live::run) + size_of::<Live>();
        assert!(size <= 5 * 1024, "{size} bytes");
    }
}
