//! Watches over the relay's log of sessions: remembers where it stood, and asks each time for the
//! proof that it went on from there. A relay that cut its log back, began another one or tells two
//! people two logs is found out by whoever saw more.

use deskside_protocol::exit::Exit;
use deskside_protocol::key::PublicKey;
use deskside_protocol::log::evidence::path;
use deskside_protocol::log::proof::verify_consistency;
use deskside_protocol::log::{Head, SignedHead};
use deskside_protocol::wire::signal::signal::Kind;
use deskside_protocol::wire::signal::{LogHead, LogHeadAsk, Refused, refused};

use crate::failure::Failure;
use crate::home::Home;
use crate::relay::{Relay, unexpected};

/// What is known of the log, and what is asked.
#[derive(Debug)]
pub struct Watch<'a> {
    home: &'a Home,
    known: Option<SignedHead>,
}

impl<'a> Watch<'a> {
    /// Remembers.
    ///
    /// # Errors
    /// A file that is no head.
    pub fn begin(home: &'a Home) -> anyhow::Result<Self> {
        Ok(Self { home, known: home.log_head()? })
    }

    /// What to ask the relay.
    #[must_use]
    pub fn question(&self) -> Kind {
        let size = self.known.as_ref().map_or(0, |known| known.head.size);
        Kind::LogHeadAsk(LogHeadAsk { size })
    }

    /// Judges the answer of the relay that is known by `node`, and remembers. `None`: a relay of
    /// before there was a log, at which nobody here has ever seen one.
    ///
    /// # Errors
    /// Exit 7 where the log does not go on from what is known.
    #[allow(clippy::wildcard_enum_match_arm, reason = "whatever else comes was not asked for")]
    pub fn judge(self, answer: Kind, node: &PublicKey) -> anyhow::Result<Option<SignedHead>> {
        let answer = match answer {
            Kind::LogHead(answer) => answer,
            Kind::Refused(Refused { code, .. }) if code == refused::Code::BadRequest as i32 => {
                return match self.known {
                    None => Ok(None),
                    Some(_) => Err(self.broken("the relay has no log any more")),
                };
            }
            Kind::Refused(refused) => return Err(Failure::from(&refused).into()),
            _ => return Err(unexpected()),
        };
        let signed = SignedHead::parse(answer.note.as_bytes()).ok();
        let signed = signed.filter(|signed| signed.verify(node).is_ok());
        let Some(signed) = signed else {
            return Err(self.broken("the head of the relay's log is not signed by the relay"));
        };
        if let Some(known) = &self.known {
            goes_on(&known.head, &signed.head, &answer).map_err(|what| self.broken(what))?;
        }
        self.home.keep_log_head(&signed)?;
        Ok(Some(signed))
    }

    fn broken(&self, what: &str) -> anyhow::Error {
        let file = self.home.log_head_file();
        let sentence = format!(
            "{what}. Somebody may be hiding sessions: tell an auditor, and keep {}, which proves \
             where the log stood. Only where whoever runs the relay can explain it, remove that \
             file and try again",
            file.display()
        );
        Failure::new(Exit::Verification, sentence).into()
    }
}

/// Whether `now` goes on from `known`, as `answer` has to prove; else what is wrong, for a person.
///
/// # Errors
/// That sentence.
pub fn goes_on(known: &Head, now: &Head, answer: &LogHead) -> Result<(), &'static str> {
    if known.origin != now.origin {
        return Err("the relay shows another log than before");
    }
    if now.size < known.size {
        return Err("the relay's log was cut back: it is shorter than it was");
    }
    let proof = path(&answer.consistency).unwrap_or_default();
    let (before, after) = ((known.size, &known.root), (now.size, &now.root));
    verify_consistency(before, after, &proof)
        .map_err(|_| "the relay's log was rewritten: it does not go on from what it said before")
}

/// Asks the relay where its log stands, and remembers.
///
/// # Errors
/// As [`Watch::judge`].
pub async fn catch_up(
    home: &Home,
    relay: &mut impl Relay,
    node: &PublicKey,
) -> anyhow::Result<Option<SignedHead>> {
    let watch = Watch::begin(home)?;
    let answer = relay.ask(watch.question()).await?;
    watch.judge(answer, node)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::exit_of;
    use crate::home::tests::{home_in, key};
    use crate::relay::tests::Scripted;
    use deskside_protocol::key::SigningKey;
    use deskside_protocol::log::tree::{fold, leaf_hash};
    use deskside_protocol::log::{Hash, proof};

    fn leaves(fork: u8) -> Vec<Hash> {
        (0..8).map(|number| leaf_hash(&[number, if number > 3 { fork } else { 0 }])).collect()
    }

    fn node(leaves: &[Hash]) -> impl FnMut(u32, u64) -> Result<Hash, ()> + '_ {
        |level, index| {
            let begin = usize::try_from(index << level).unwrap();
            fold(&leaves[begin..begin + (1 << level)]).ok_or(())
        }
    }

    /// The answer to who knows `old`, of a log of `size` that is like every other up to 4.
    fn answer(old: u64, size: u64, fork: u8, by: &SigningKey, origin: &str) -> Kind {
        let leaves = leaves(fork);
        let root = proof::root(size, &mut node(&leaves)).unwrap();
        let consistency = proof::consistency(old, size, &mut node(&leaves)).unwrap();
        let note = Head { origin: origin.to_owned(), size, root }.sign(by).encode();
        let consistency = consistency.iter().map(|hash| hash.to_vec().into()).collect();
        Kind::LogHead(LogHead { note, consistency })
    }

    const LOG: &str = "deskside-log/a";

    async fn caught_up(home: &Home, answer: Kind) -> anyhow::Result<Option<u64>> {
        let mut relay = Scripted::answering([answer]);
        let head = catch_up(home, &mut relay, &key(9).public()).await?;
        Ok(head.map(|head| head.head.size))
    }

    #[tokio::test]
    async fn a_log_that_goes_on_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let home = home_in(folder.path());
        for (old, size) in [(0, 0), (0, 3), (3, 3), (3, 5), (5, 8)] {
            assert_eq!(Watch::begin(&home).unwrap().question(), {
                Kind::LogHeadAsk(LogHeadAsk { size: old })
            });
            let answer = answer(old, size, 0, &key(9), LOG);
            assert_eq!(caught_up(&home, answer).await.unwrap(), Some(size));
        }
    }

    #[tokio::test]
    async fn one_that_does_not_is_exit_7_and_what_was_seen_stays() {
        let folder = tempfile::tempdir().unwrap();
        let home = home_in(folder.path());
        caught_up(&home, answer(0, 6, 0, &key(9), LOG)).await.unwrap();
        let known = home.log_head().unwrap();
        let none =
            Kind::Refused(Refused { code: refused::Code::BadRequest.into(), ..Refused::default() });
        for (lie, words) in [
            (answer(0, 5, 0, &key(9), LOG), "was cut back"),
            (answer(6, 8, 1, &key(9), LOG), "was rewritten"),
            (answer(6, 6, 1, &key(9), LOG), "was rewritten"),
            (answer(5, 8, 0, &key(9), LOG), "was rewritten"),
            (answer(6, 8, 0, &key(8), LOG), "not signed by the relay"),
            (answer(6, 8, 0, &key(9), "deskside-log/b"), "another log"),
            (none, "no log any more"),
        ] {
            let error = caught_up(&home, lie).await.unwrap_err();
            assert_eq!(exit_of(&error), Exit::Verification);
            assert!(error.to_string().contains(words), "{error}");
            assert_eq!(home.log_head().unwrap(), known);
        }
        assert_eq!(caught_up(&home, answer(6, 8, 0, &key(9), LOG)).await.unwrap(), Some(8));
    }

    #[tokio::test]
    async fn a_relay_of_before_there_was_a_log_is_taken_as_one() {
        let folder = tempfile::tempdir().unwrap();
        let home = home_in(folder.path());
        let refused = |code: refused::Code| {
            Kind::Refused(Refused { code: code.into(), ..Refused::default() })
        };
        assert_eq!(caught_up(&home, refused(refused::Code::BadRequest)).await.unwrap(), None);
        assert!(caught_up(&home, refused(refused::Code::Busy)).await.is_err());
    }
}
