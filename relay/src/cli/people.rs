//! `technician invite|list|unlock|revoke`.

use deskside_protocol::identity::token::EnrolmentToken;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::say::{Say, table};
use super::{NotThere, auditor};
use crate::node::Node;
use crate::roles::Roles;
use crate::store::{Renewal, Technician};
use crate::{clock, enrolment, invitation};
use deskside_link::random::System;

pub(super) async fn invite(
    node: &Node,
    login: &str,
    name: &str,
    roles: &Roles,
    valid_seconds: Option<u64>,
    say: Say,
) -> anyhow::Result<()> {
    let join = node.join_link().await?.ok_or_else(|| {
        NotThere("this relay was never started, so a token has no address: start it once".into())
    })?;
    let now = clock::seconds();
    let random = &mut System::new();
    let secret = enrolment::invite(node, login, name, roles, valid_seconds, now, random).await?;
    let token = EnrolmentToken { join, secret }.to_text();
    let expires = now + invitation::INVITATION_SECONDS;
    let object = json!({
        "token": token.as_str(),
        "login": login,
        "name": name,
        "roles": roles.words(),
        "expires": expires,
        "valid_seconds": valid_seconds,
    });
    say.answer(&object, || {
        format!(
            "{name} ({login}) is invited as {roles}. Until {}, once, on that person's computer:\n\n  \
             deskside enroll {}\n",
            day(expires),
            token.as_str(),
        )
    })
}

pub(super) async fn list(node: &Node, say: Say) -> anyhow::Result<()> {
    let now = clock::seconds();
    let mut objects: Vec<Value> = Vec::new();
    let mut rows = Vec::new();
    for who in node.store().technicians().await? {
        let state = state(&who, now);
        objects.push(json!({
            "login": who.login,
            "name": who.name,
            "roles": who.roles.split(',').collect::<Vec<_>>(),
            "state": state,
            "serial": who.serial,
            "enrolled": who.enrolled_at,
            "expires": who.expires_at,
            "revoked": who.revoked_at,
            "seen": who.seen_at,
            "renewal": renewal_word(who.renewal),
        }));
        let seen = who.seen_at.map_or_else(|| "never".to_owned(), minute);
        let until = minute(who.expires_at);
        rows.push(vec![who.login, who.name, who.roles, state.to_owned(), until, seen]);
    }
    for who in node.store().invitations(now).await? {
        objects.push(json!({
            "login": who.login,
            "name": who.name,
            "roles": who.roles.split(',').collect::<Vec<_>>(),
            "state": "invited",
            "expires": who.expires_at,
        }));
        let login = if who.login.is_empty() { "(first person)".to_owned() } else { who.login };
        rows.push(vec![
            login,
            who.name,
            who.roles,
            "invited".to_owned(),
            minute(who.expires_at),
            String::new(),
        ]);
    }
    say.rows(&objects, || {
        if rows.is_empty() {
            return "Nobody is enrolled or invited: deskside-relay technician invite".to_owned();
        }
        table(&["LOGIN", "NAME", "ROLES", "STATE", "UNTIL (UTC)", "LAST SEEN"], &rows)
    })
}

pub(super) async fn unlock(node: &Node, login: &str, say: Say) -> anyhow::Result<()> {
    let forgiven = node.store().forgive(login, None).await?;
    let forgiven =
        forgiven.ok_or_else(|| NotThere(format!("nobody here has the login {login}")))?;
    tracing::info!(login, forgiven, "locks were lifted");
    say.answer(&json!({"login": login, "forgiven": forgiven}), || match forgiven {
        0 => format!("{login} was not locked: no code failed within a day."),
        1 => format!("{login} can try again: one failed code is forgotten."),
        many => format!("{login} can try again: {many} failed codes are forgotten."),
    })
}

pub(super) async fn revoke(node: &Node, login: &str, say: Say) -> anyhow::Result<()> {
    let serials = node.store().revoke(login, clock::seconds()).await?;
    let serials = serials.ok_or_else(|| NotThere(format!("nobody here has the login {login}")))?;
    // After the revocation, which counts in any case.
    let auditor = auditor::forget(node, login).await;
    let object = json!({"login": login, "revoked": serials, "auditor": auditor.object()});
    say.answer(&object, || {
        let certificates = match serials.len() {
            0 => format!("{login} had no certificate in force; open invitations are withdrawn."),
            1 => format!("{login}'s certificate no longer counts; open invitations are withdrawn."),
            many => format!(
                "{login}'s {many} certificates no longer count; open invitations are withdrawn."
            ),
        };
        format!("{certificates}{}", auditor.words())
    })
}

fn state(who: &Technician, now: u64) -> &'static str {
    if who.revoked_at.is_some() {
        "revoked"
    } else if who.expires_at <= now {
        "expired"
    } else {
        "enrolled"
    }
}

/// How a certificate gets a later end, for scripts.
const fn renewal_word(renewal: Renewal) -> &'static str {
    match renewal {
        Renewal::ByItself => "by_itself",
        Renewal::BySignIn => "by_sign_in",
        Renewal::Never => "never",
    }
}

/// The day of a time, in UTC.
fn day(seconds: u64) -> String {
    minute(seconds).chars().take(10).collect()
}

/// A time to the minute, in UTC: `2026-11-26 17:45`.
fn minute(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|at| Timestamp::from_second(at).ok());
    let text = time.map_or_else(|| "?".to_owned(), |time| time.to_string());
    text.chars().take(16).collect::<String>().replace('T', " ")
}
