//! Which recordings are asked for, and how the relay's pages become one list.

use deskside_protocol::exit::Exit;
use deskside_protocol::wire::signal::signal::Kind;
use deskside_protocol::wire::signal::{Recording, RecordingList};

use crate::cli::{ListArgs, When};
use crate::failure::Failure;
use crate::relay::{Relay, request, unexpected};

/// A list without words shows so many, the newest.
pub(super) const SHOWN: usize = 500;
/// The longest list, of some 300 bytes each: a hundred a day for nearly three years.
const MAX_LISTED: usize = 100_000;
/// The relay's database and its log write down one beginning a moment apart: whoever holds one
/// against the other asks for so many seconds more on both sides.
pub(super) const APART: u64 = 60;

/// Which recordings are wanted: those that fit all of it.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Of this ticket.
    pub ticket: Option<String>,
    /// By this technician's login.
    pub person: Option<String>,
    /// Begun on that day or later.
    pub from: Option<When>,
    /// Begun before that moment, or on that day at the latest.
    pub to: Option<When>,
}

impl From<ListArgs> for Wanted {
    fn from(ListArgs { ticket, person, from, to }: ListArgs) -> Self {
        Self { ticket, person, from, to }
    }
}

impl Wanted {
    /// Whether everything is wanted.
    pub(in crate::audit) const fn is_all(&self) -> bool {
        matches!(self, Self { ticket: None, person: None, from: None, to: None })
    }

    /// Whether the log can say what is missing of it: it knows times, and no tickets nor people.
    pub(super) const fn is_by_time(&self) -> bool {
        matches!(self, Self { ticket: None, person: None, .. })
    }

    /// Whether one that began then, in seconds, is wanted.
    pub(in crate::audit) fn began(&self, at: u64) -> bool {
        self.from.is_none_or(|from| at >= from.begins) && self.to.is_none_or(|to| at < to.ends)
    }

    fn question(&self) -> RecordingList {
        RecordingList {
            ticket: self.ticket.clone().unwrap_or_default(),
            technician: self.person.clone().unwrap_or_default(),
            from: self.from.map_or(0, |from| from.begins.saturating_sub(APART)),
            to: self.to.map_or(0, |to| to.ends.saturating_add(APART)),
            behind: Default::default(),
        }
    }
}

/// What the relay says that it holds, the newest first.
#[derive(Debug, Default)]
pub(in crate::audit) struct Listing {
    /// All of it, and perhaps some that began up to a minute before or after what is wanted.
    pub(in crate::audit) recordings: Vec<Recording>,
    /// There are perhaps older ones that fit.
    pub(in crate::audit) cut: bool,
}

impl Listing {
    /// Asks for everything that is wanted, page by page.
    ///
    /// # Errors
    /// The relay's refusal; an answer that leads nowhere.
    pub(in crate::audit) async fn all(
        relay: &mut impl Relay,
        wanted: &Wanted,
    ) -> anyhow::Result<Self> {
        Self::up_to(MAX_LISTED, relay, wanted).await
    }

    /// The same, of at most about so many.
    pub(super) async fn up_to(
        most: usize,
        relay: &mut impl Relay,
        wanted: &Wanted,
    ) -> anyhow::Result<Self> {
        let (mut listing, mut question) = (Self::default(), wanted.question());
        loop {
            let ask = Kind::RecordingList(question.clone());
            let Kind::Recordings(page) = request(relay, ask).await? else {
                return Err(unexpected());
            };
            let full = page.recordings.len() >= SHOWN;
            listing.take(page.recordings)?;
            if !full {
                return Ok(listing);
            }
            if listing.recordings.len() >= most {
                listing.cut = true;
                return Ok(listing);
            }
            let last = listing.recordings.last();
            question.behind = last.map(|last| last.session.clone()).unwrap_or_default();
        }
    }

    /// Adds a page, which has to go on where the last one ended: else there may be no end of it.
    fn take(&mut self, page: Vec<Recording>) -> anyhow::Result<()> {
        for recording in page {
            let place = |one: &Recording| (std::cmp::Reverse(one.opened), one.session.clone());
            if self.recordings.last().is_some_and(|last| place(last) >= place(&recording)) {
                let what =
                    "the relay's list of recordings is in no order: is it of another version?";
                return Err(Failure::new(Exit::Other, what).into());
            }
            self.recordings.push(recording);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::tests::Scripted;
    use deskside_protocol::wire::signal::Recordings;

    fn when(text: &str) -> When {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_is_in_it_from_its_first_to_its_last_second() {
        let wanted = Wanted {
            from: Some(when("2026-11-26")),
            to: Some(when("2026-11-27")),
            ..Wanted::default()
        };
        let midnight = 1_795_651_200;
        for (at, is_in) in [
            (midnight - 1, false),
            (midnight, true),
            (midnight + 2 * 86_400 - 1, true),
            (midnight + 2 * 86_400, false),
        ] {
            assert_eq!(wanted.began(at), is_in, "{at}");
        }
    }

    fn page(ids: std::ops::Range<u32>) -> Kind {
        let recording = |id: u32| {
            let session = [&[0; 12][..], &id.to_be_bytes()].concat().into();
            Recording { session, opened: 7, ..Recording::default() }
        };
        Kind::Recordings(Recordings { recordings: ids.map(recording).collect() })
    }

    #[tokio::test]
    async fn pages_are_asked_for_until_one_is_not_full() {
        let mut relay = Scripted::answering([page(0..500), page(500..1000), page(1000..1000)]);
        let listing = Listing::all(&mut relay, &Wanted::default()).await.unwrap();
        assert_eq!((listing.recordings.len(), listing.cut), (1000, false));
        let behind = |id: u32| [&[0; 12][..], &id.to_be_bytes()].concat().into();
        let questions = [RecordingList::default().behind, behind(499), behind(999)];
        let questions = questions.map(|behind| {
            Kind::RecordingList(RecordingList { behind, ..RecordingList::default() })
        });
        assert_eq!(relay.questions, questions);
        let mut relay = Scripted::answering([page(0..500), page(500..501)]);
        let listing = Listing::up_to(SHOWN, &mut relay, &Wanted::default()).await.unwrap();
        assert_eq!((listing.recordings.len(), listing.cut), (500, true));
    }

    #[tokio::test]
    async fn a_relay_that_says_the_same_again_is_not_asked_for_ever() {
        let mut relay = Scripted::answering([page(0..500), page(0..500)]);
        assert!(Listing::all(&mut relay, &Wanted::default()).await.is_err());
        assert_eq!(relay.questions.len(), 2);
    }
}
