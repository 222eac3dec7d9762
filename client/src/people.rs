//! Requests of a lead or an admin about the people who help.

use deskside_protocol::text::visible;
use deskside_protocol::wire::signal::TechnicianUnlock;
use deskside_protocol::wire::signal::signal::Kind;
use serde_json::json;

use crate::output::Output;
use crate::relay::{Relay, request, unexpected};
use crate::ticket::number;

/// Lifts the locks that failed codes put on `login`, on `ticket` or (empty) on all.
///
/// # Errors
/// The relay's refusal, or one that cannot be asked.
pub async fn unlock(
    login: String,
    ticket: String,
    relay: &mut impl Relay,
    output: &mut Output,
) -> anyhow::Result<()> {
    let ask = TechnicianUnlock { login: login.clone(), ticket: ticket.clone() };
    let Kind::TechnicianUnlocked(done) = request(relay, Kind::TechnicianUnlock(ask)).await? else {
        return Err(unexpected());
    };
    let on = (!ticket.is_empty()).then(|| number(&ticket));
    let event = json!({
        "event": "unlocked", "login": login, "ticket": on, "forgiven": done.forgotten,
    });
    let place = if ticket.is_empty() { String::new() } else { format!(" on ticket {ticket}") };
    let text = match done.forgotten {
        0 => format!("{login} was not locked{place}: no code failed within a day"),
        1 => format!("{login} can try again{place}: one failed code is forgotten"),
        many => format!("{login} can try again{place}: {many} failed codes are forgotten"),
    };
    output.show(&event, &visible(&text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::exit_of;
    use crate::output::tests::Buffer;
    use crate::relay::tests::Scripted;
    use deskside_protocol::exit::Exit;
    use deskside_protocol::wire::signal::{Refused, TechnicianUnlocked, refused};

    #[tokio::test]
    async fn who_is_unlocked_where_and_by_how_much_is_said() {
        for (ticket, forgotten, words) in [
            ("", 2, "bob can try again: 2 failed codes are forgotten"),
            ("1001", 1, "bob can try again on ticket 1001: one failed code"),
            ("1001", 0, "bob was not locked on ticket 1001"),
        ] {
            let answer = Kind::TechnicianUnlocked(TechnicianUnlocked { forgotten });
            let mut relay = Scripted::answering([answer]);
            let buffer = Buffer::default();
            let mut output = buffer.output(false);
            unlock("bob".into(), ticket.into(), &mut relay, &mut output).await.unwrap();
            assert!(buffer.text().contains(words), "{}", buffer.text());
            let asked = TechnicianUnlock { login: "bob".into(), ticket: ticket.into() };
            assert_eq!(relay.questions, [Kind::TechnicianUnlock(asked)]);
        }
        let refused = Refused { code: refused::Code::NotPermitted.into(), text: String::new() };
        let mut relay = Scripted::answering([Kind::Refused(refused)]);
        let mut output = Buffer::default().output(true);
        let error = unlock("bob".into(), String::new(), &mut relay, &mut output).await;
        assert_eq!(exit_of(&error.unwrap_err()), Exit::Refused);
    }
}
