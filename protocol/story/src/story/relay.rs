//! What the relay says that it saw.

use deskside_protocol::wire::record::{self, event::Kind};

use crate::Seen;

/// What of an EVENT is worth a row; that somebody joined is told by what they said then.
pub(super) fn seen(event: &record::Event) -> Option<Seen> {
    match event.kind() {
        Kind::LegLost => Some(Seen::Lost),
        Kind::LegBack => Some(Seen::Back(event.detail.clone())),
        Kind::LegMoved => Some(Seen::Moved),
        Kind::Dropped => Some(Seen::Dropped(event.count)),
        Kind::Killed => Some(Seen::Killed),
        Kind::Recovered => Some(Seen::Recovered(event.detail.clone())),
        Kind::FilesLine => Some(Seen::FilesLine(event.count)),
        Kind::Unspecified | Kind::Joined | Kind::Confirmed => None,
    }
}
