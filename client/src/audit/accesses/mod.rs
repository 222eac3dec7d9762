//! `deskside audit log SESSION`: who had a recording handed out, held or released, when and why. The
//! relay says who; the log, which names nobody, proves for each whether that is what was written down
//! before the recording was handed out, and that there were no others.

mod fit;

use deskside_protocol::exit::Exit;
use deskside_protocol::key::PublicKey;
use deskside_protocol::log::Leaf;
use deskside_protocol::session::SessionId;
use deskside_protocol::wire::signal::signal::Kind;
use deskside_protocol::wire::signal::{self, AccessList};

use self::fit::{Entry, Line, matched};
use super::log::entries;
use crate::failure::{Failure, OrExit as _};
use crate::home::Home;
use crate::ledger::catch_up;
use crate::output::{Output, table};
use crate::relay::{Relay, request, unexpected};

/// So many of one recording are taken, of at most 1.2 KiB each.
const MAX_ACCESSES: usize = 20_000;

/// Asks the relay for everybody behind number `behind`, page by page.
async fn told(
    relay: &mut impl Relay,
    session: SessionId,
    mut behind: u64,
    said: &mut Vec<signal::Access>,
) -> anyhow::Result<u64> {
    let id = bytes::Bytes::copy_from_slice(session.as_bytes());
    loop {
        let ask = Kind::AccessList(AccessList { session: id.clone(), behind });
        let Kind::Accesses(page) = request(relay, ask).await? else { return Err(unexpected()) };
        if page.accesses.is_empty() {
            return Ok(behind);
        }
        for access in page.accesses {
            // A page that goes back would come again and again.
            if access.number <= behind || said.len() >= MAX_ACCESSES {
                let what = "the relay's list of who had this recording is in no order, or too long";
                return Err(Failure::new(Exit::Other, what).into());
            }
            behind = access.number;
            said.push(access);
        }
    }
}

/// Says who had a session's recording, by the relay that is known by `node`. Gives the exit code: 0,
/// or 7 where the log has an entry that nobody is named for.
///
/// # Errors
/// The relay's refusal; exit 2 for what is no session's id, 5 for one that the log does not know, 7
/// where the log does not hold.
pub async fn accesses(
    relay: &mut impl Relay,
    home: &Home,
    node: &PublicKey,
    session: &str,
    output: &mut Output,
) -> anyhow::Result<u8> {
    let session: SessionId = session.parse().or_exit_as_is(Exit::Usage)?;
    let mut said = Vec::new();
    let known = told(relay, session, 0, &mut said).await?;
    let head = catch_up(home, relay, node).await?.map(|head| head.head);
    let none = || Failure::new(Exit::NotFound, "this relay keeps no log of sessions");
    let head = head.ok_or_else(none)?;
    let (mut opened, mut logged) = (false, Vec::new());
    let take = |index, leaf: Option<Leaf>| {
        if let Some(leaf) = leaf.filter(|leaf| leaf.session == session) {
            opened = true;
            logged.extend(Entry::of(index, &leaf));
        }
        if logged.len() > MAX_ACCESSES {
            let what = "the log has more about this recording than this program takes";
            return Err(Failure::new(Exit::Other, what).into());
        }
        Ok(())
    };
    entries(relay, &head, take).await?;
    if !opened && said.is_empty() {
        let what = format!("the relay's log knows no session {session}: deskside audit list");
        return Err(Failure::new(Exit::NotFound, what).into());
    }
    told(relay, session, known, &mut said).await?;
    print(session, &matched(logged, said, known), output)
}

fn print(session: SessionId, lines: &[Line], output: &mut Output) -> anyhow::Result<u8> {
    for line in lines {
        output.event(&line.event(session))?;
    }
    if lines.is_empty() {
        output.text("Nobody had this recording yet: the relay's log is whole and has no entry.")?;
        return Ok(Exit::Done.code());
    }
    let rows: Vec<_> = lines.iter().map(Line::row).collect();
    output.text(&table(["WHEN (UTC)", "WHO", "WHAT", "ENTRY", "BY THE LOG", "WHY"], &rows))?;
    let wrong = lines.iter().filter(|line| !line.is_sound()).count();
    if wrong == 0 {
        let what = "The relay's log is whole and has no other entry about this recording.";
        output.text(what)?;
        return Ok(Exit::Done.code());
    }
    output.text(&format!(
        "WRONG: what the relay says does not fit {wrong} of the log's entries: somebody had the \
         recording, and the relay does not say truly who, why or for what."
    ))?;
    Ok(Exit::Verification.code())
}

#[cfg(test)]
mod tests {
    use super::fit::tests::{entry, said};
    use super::*;
    use crate::output::tests::Buffer;
    use crate::relay::tests::Scripted;
    use deskside_protocol::wire::signal::Accesses;
    use serde_json::Value;

    const SESSION: SessionId = SessionId::from_bytes([7; 16]);

    #[test]
    fn nobody_named_is_exit_7_and_words_of_others_cannot_draw() {
        let print = |lines: &[Line], json| {
            let buffer = Buffer::default();
            let exit = print(SESSION, lines, &mut buffer.output(json)).unwrap();
            (exit, buffer.text())
        };
        let sound = matched(vec![entry(1, 1, "x\u{1b}[2J")], vec![said(1, 1, "x\u{1b}[2J")], 1);
        let (exit, text) = print(&sound, false);
        assert_eq!(exit, 0);
        assert!(
            text.contains("mona  download  1      proven") && !text.contains('\u{1b}'),
            "{text}"
        );
        let (exit, text) = print(&matched(vec![entry(1, 2, "x")], Vec::new(), 0), true);
        assert_eq!(exit, 7);
        let event: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&event["state"], &event["login"]), (&"unnamed".into(), &Value::Null));
        assert_eq!((&event["kind"], &event["entry"]), (&"replay".into(), &1.into()));
        assert_eq!(print(&[], false).0, 0);
    }

    #[tokio::test]
    async fn pages_go_on_and_never_back() {
        let page = |numbers: &[u64]| {
            let accesses = numbers.iter().map(|number| said(*number, 1, "a")).collect();
            Kind::Accesses(Accesses { accesses })
        };
        let mut all = Vec::new();
        let mut relay = Scripted::answering([page(&[1, 4]), page(&[5]), page(&[])]);
        assert_eq!(told(&mut relay, SESSION, 0, &mut all).await.unwrap(), 5);
        let session = bytes::Bytes::copy_from_slice(SESSION.as_bytes());
        let asked = [0, 4, 5]
            .map(|behind| Kind::AccessList(AccessList { session: session.clone(), behind }));
        assert_eq!((relay.questions, all.len()), (asked.to_vec(), 3));
        let mut relay = Scripted::answering([page(&[1, 4]), page(&[4])]);
        assert!(told(&mut relay, SESSION, 0, &mut all).await.is_err());
    }
}
