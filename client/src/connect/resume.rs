//! Goes on with a session that a program before this one began: it died, or was killed, and had kept
//! what is needed to come back. A session that ended meanwhile gets its note.

use deskside_link::attend::{Attendance, ResumeError};
use deskside_link::leg::DialError;
use deskside_protocol::exit::Exit;
use deskside_protocol::policy::Policy;
use serde_json::json;
use tokio::sync::watch;

use super::ending::End;
use super::keeping::Keeper;
use super::serving::Begun;
use super::{Technician, attendee, held, maker, statements, telling};
use crate::cli::ResumeArgs;
use crate::failure::{Failure, OrExit as _};
use crate::home::{Claim, Home, Kept};
use crate::output::{Output, now};
use crate::relay::dial_exit;
use crate::viewer::Seat;

/// The relay is tried for at least this long, in seconds, also after the session's end: it says how
/// it ended.
const TRY: u64 = 15;

/// Goes on with the session of `args`, and serves it as `connect` does.
///
/// # Errors
/// Everything that can go wrong, each with its exit code.
pub async fn resume(
    args: &ResumeArgs,
    home: &Home,
    output: &mut Output,
    seat: Option<Seat>,
) -> anyhow::Result<()> {
    let (key, account) = home.enrolled()?;
    let (claim, mut kept) = choose(home, args.session.as_deref())?;
    // It was in force when the session began: its end date is no matter here.
    let policy = account.policy_of_any_time(&kept.policy).or_exit_as_is(Exit::Refused)?;
    let (wished, view_only, ticket) = (kept.requested, kept.view_only, kept.ticket.clone());
    let technician = Technician { key, account, home, ticket, wished, view_only };
    let mut attendee = attendee(&technician, &kept, &policy);
    let left = kept.ends().saturating_sub(now()).max(TRY);
    attendee.grace = attendee.grace.min(std::time::Duration::from_secs(left));
    let (was, ends) = (kept.alive, kept.ends());
    match Box::pin(Attendance::resume(attendee, true)).await {
        Ok((attendance, given)) => {
            kept.record.ended = 0;
            kept.record.restarts.technician += 1;
            kept.record.interrupted(now().saturating_sub(was), false);
            kept.recorded = given.recorded;
            kept.token = given.token;
            let mut telling = telling(&technician, &kept, output);
            telling.resumed()?;
            let maker = maker(&kept, policy);
            let technician = &technician;
            let statements = statements(technician, &kept, attendance.checkpoint());
            let keeper = Keeper::new(claim, kept);
            let begun =
                Begun { technician, attendance, given, maker, statements, keeper, telling, seat };
            Box::pin(begun.run()).await
        }
        Err(ResumeError::Ended(closed)) => {
            let telling = telling(&technician, &kept, output);
            // Nobody gives checkpoints any more: what was kept is what there is.
            let (_over, none) = watch::channel(None);
            let statements = statements(&technician, &kept, none);
            let keeper = Keeper::new(claim, kept);
            let (technician, note) = (&technician, policy.note);
            let end = End { technician, note, telling, keeper, statements };
            Box::pin(end.late(ends.min(now()), closed)).await
        }
        Err(ResumeError::Gone) => gone(&technician, claim, kept, policy),
        Err(ResumeError::Dial(error)) => Err(unreached(&error)),
        Err(ResumeError::Attend(error)) => {
            Err(Failure::new(Exit::NoConnection, error.to_string()).into())
        }
    }
}

/// The session that is meant, for this program alone.
fn choose(home: &Home, wanted: Option<&str>) -> anyhow::Result<(Claim, Kept)> {
    let sessions = home.kept_sessions()?;
    let ids = sessions.ids()?;
    let wanted = wanted.map(str::to_ascii_lowercase);
    let fits = |id: &&String| wanted.as_deref().is_none_or(|start| id.starts_with(start));
    let (mut free, mut busy) = (Vec::new(), None);
    for id in ids.iter().filter(fits) {
        match sessions.claim(id)? {
            Some(claim) => free.push((id, claim)),
            None => busy = Some(id),
        }
    }
    if free.len() > 1 {
        let ids: Vec<_> = free.iter().map(|(id, _)| id.as_str()).collect();
        let ids = ids.join(", ");
        let sentence = format!("several sessions can be resumed: name one of {ids}");
        return Err(Failure::new(Exit::Usage, sentence).into());
    }
    let nothing = || match (busy, &wanted) {
        (Some(id), _) => held(id),
        (None, Some(id)) => {
            Failure::new(Exit::NotFound, format!("no session {id} can be resumed from here"))
        }
        (None, None) => Failure::new(Exit::NotFound, "there is no session to resume"),
    };
    let (_, claim) = free.pop().ok_or_else(nothing)?;
    let kept = claim.read()?.ok_or_else(nothing)?;
    Ok((claim, kept))
}

/// The relay does not know the session any more: the note can only stay here.
fn gone(
    technician: &Technician<'_>,
    claim: Claim,
    kept: Kept,
    policy: Policy,
) -> anyhow::Result<()> {
    let session = kept.session.to_string();
    let mut record = kept.record;
    if record.ended == 0 {
        record.ended = kept.alive;
    }
    let note = crate::note::compose(&record, policy.note);
    let path = technician.home.keep_note(&session, &note)?;
    claim.remove()?;
    let sentence = format!(
        "the relay does not know session {session} any more; what happened in it is kept in {}",
        path.display()
    );
    Err(Failure::new(Exit::EndedByPeer, sentence).into())
}

fn unreached(error: &DialError) -> anyhow::Error {
    Failure::new(dial_exit(error), format!("{error}: the session is kept, try again")).into()
}

/// Tells of sessions whose program died.
pub(super) fn mention(home: &Home, output: &mut Output) -> anyhow::Result<()> {
    for kept in home.kept_sessions()?.orphans()? {
        let seconds = kept.ends().saturating_sub(now());
        let event = json!({"event": "resumable", "session": kept.session.to_string(),
            "seconds": seconds});
        output.show(&event, &mentioned(&kept, seconds))?;
    }
    Ok(())
}

fn mentioned(kept: &Kept, seconds: u64) -> String {
    let Kept { session, ticket, .. } = kept;
    let ticket = deskside_protocol::text::visible(ticket);
    match seconds {
        0 => format!(
            "Session {session} (ticket {ticket}) ended while nobody was there, and its note is \
             not written yet: deskside resume {session}"
        ),
        seconds => {
            let minutes = seconds.div_ceil(60);
            let unit = if minutes == 1 { "minute" } else { "minutes" };
            format!(
                "Session {session} (ticket {ticket}) can be resumed for {minutes} {unit}: deskside \
                 resume {session}"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::WindowArgs;
    use crate::failure::exit_of;
    use crate::home::tests::{home_in, kept};
    use crate::output::tests::Buffer;
    use deskside_protocol::session::SessionId;

    fn keep(home: &Home, first: u8, alive: u64) -> String {
        let session = SessionId::from_bytes([first; 16]);
        let kept = Kept { session, alive, ..kept() };
        let claim = home.kept_sessions().unwrap().claim(&session.to_string()).unwrap().unwrap();
        claim.write(&kept).unwrap();
        session.to_string()
    }

    fn chosen(home: &Home, wanted: Option<&str>) -> Result<String, Failure> {
        match choose(home, wanted) {
            Ok((_, kept)) => Ok(kept.session.to_string()),
            Err(error) => Err(error.downcast().unwrap()),
        }
    }

    #[test]
    fn the_session_that_is_meant_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let home = home_in(folder.path());
        assert_eq!(chosen(&home, None).unwrap_err().exit, Exit::NotFound);
        let first = keep(&home, 0x1a, 1000);
        assert_eq!(chosen(&home, None).unwrap(), first);
        let second = keep(&home, 0x2b, 1000);
        let several = chosen(&home, None).unwrap_err();
        assert_eq!(several.exit, Exit::Usage);
        assert!(several.sentence.contains(&first) && several.sentence.contains(&second));
        assert_eq!(chosen(&home, Some("2B")).unwrap(), second);
        assert_eq!(chosen(&home, Some("77")).unwrap_err().exit, Exit::NotFound);

        let claim = home.kept_sessions().unwrap().claim(&second).unwrap().unwrap();
        assert_eq!(chosen(&home, None).unwrap(), first, "the other one is held");
        let held = chosen(&home, Some("2b")).unwrap_err();
        assert!(held.sentence.contains("another deskside holds"), "{held}");
        claim.remove().unwrap();
        assert_eq!(chosen(&home, Some("2b")).unwrap_err().exit, Exit::NotFound);
    }

    #[test]
    fn who_connects_hears_of_what_was_left() {
        let folder = tempfile::tempdir().unwrap();
        let home = home_in(folder.path());
        let told = |json| {
            let buffer = Buffer::default();
            mention(&home, &mut buffer.output(json)).unwrap();
            buffer.text()
        };
        assert_eq!(told(false), "");
        keep(&home, 0x1a, now().saturating_sub(150));
        let text = told(false);
        assert!(text.contains("can be resumed for 3 minutes: deskside resume 1a1a"), "{text}");
        keep(&home, 0x1a, 1000);
        assert!(told(false).contains("its note is not written yet"));
        let event: serde_json::Value = serde_json::from_str(&told(true)).unwrap();
        assert_eq!((&event["event"], &event["seconds"]), (&json!("resumable"), &json!(0)));
    }

    #[tokio::test]
    async fn a_session_that_nobody_kept_is_exit_5() {
        let folder = tempfile::tempdir().unwrap();
        let home = home_in(folder.path());
        let args = ResumeArgs { session: None, window: WindowArgs::default() };
        let mut output = Buffer::default().output(true);
        // Nobody is enrolled here: that comes first.
        assert_eq!(
            exit_of(&resume(&args, &home, &mut output, None).await.unwrap_err()),
            Exit::Refused
        );
    }
}
