//! Requests of people: each on a stream of its own, one answer.

use deskside_protocol::key::PublicKey;
use deskside_protocol::wire::record::Role;
use deskside_protocol::wire::signal::refused::Code;
use deskside_protocol::wire::signal::{
    Enrol, Enrolled, Recording, Recordings, Refused, TicketNote, Tickets, signal::Kind,
};

use crate::clock;
use crate::desk::DeskError;
use crate::enrolment::{self, Request};
use crate::limits::{Limited, What};
use crate::roles::Roles;
use crate::service::Service;
use crate::store::{SessionRow, Technician};
use crate::talk::{Talk, trouble};

/// Recordings of one list: the newest.
const MAX_LISTED: u32 = 500;

/// Answers one request.
pub(super) async fn serve(service: &Service, mut talk: Talk, request: Kind) {
    let answer = answer(service, &talk, request).await;
    talk.say_last(answer.unwrap_or_else(Kind::Refused)).await;
}

async fn answer(service: &Service, talk: &Talk, request: Kind) -> Result<Kind, Refused> {
    let key = &talk.caller.key;
    let what = if matches!(request, Kind::Enrol(_)) { What::Enrol } else { What::Request };
    admit(service, talk, what).await?;
    if let Kind::Enrol(enrol) = request {
        return enrolled(service, *key, &enrol).await;
    }
    let desk = service.relay.node.desk();
    let now = clock::seconds();
    let refused = |error: DeskError| error.refusal();
    #[allow(clippy::wildcard_enum_match_arm, reason = "everything else is no request")]
    match request {
        Kind::TicketNew(new) => {
            person(service, key, None).await?;
            desk.open(&new, now).await.map(Kind::Ticket).map_err(refused)
        }
        Kind::TicketList(list) => {
            person(service, key, None).await?;
            let tickets = desk.list(list.all).await.map_err(refused)?;
            Ok(Kind::Tickets(Tickets { tickets }))
        }
        Kind::TicketShow(show) => {
            person(service, key, None).await?;
            desk.show(&show.ticket).await.map(Kind::Ticket).map_err(refused)
        }
        Kind::TicketStatus(change) => {
            person(service, key, None).await?;
            let changed = desk.set_status(&change.ticket, change.status, now).await;
            changed.map(Kind::Ticket).map_err(refused)
        }
        Kind::TicketNote(note) => {
            let who = person(service, key, None).await?;
            noted(service, &who, key, note).await
        }
        Kind::RecordingList(_) => {
            person(service, key, Some(Role::Auditor)).await?;
            recordings(service).await
        }
        _ => {
            let text = "that is no request that this relay knows: upgrade the older program";
            Err(Refused { code: Code::BadRequest as i32, text: text.to_owned() })
        }
    }
}

/// Counts one more request, of an address and of whoever is known by the leg's key.
pub(super) async fn admit(service: &Service, talk: &Talk, what: What) -> Result<(), Refused> {
    let relay = &service.relay;
    let busy = |limited: Limited| Refused { code: Code::Busy as i32, text: limited.to_string() };
    relay.admit(what, talk.doer()).map_err(busy)?;
    let known =
        relay.node.rules().person(&talk.caller.key).await.map_err(|error| trouble(&error))?;
    let Some(who) = known else { return Ok(()) };
    relay.admit(what, talk.doer().named(&who.login, None)).map_err(busy)
}

/// The enrolled person of a leg's key, with `role` where one is needed.
pub(super) async fn person(
    service: &Service,
    key: &PublicKey,
    role: Option<Role>,
) -> Result<Technician, Refused> {
    let rules = service.relay.node.rules();
    let known = rules.person(key).await.map_err(|error| trouble(&error))?;
    let refuse = |code: Code, text: &str| Refused { code: code as i32, text: text.to_owned() };
    let Some(who) = known else {
        let text = "this computer is not enrolled at the relay: ask for an invitation, then run `deskside enroll TOKEN`";
        return Err(refuse(Code::NotEnrolled, text));
    };
    if who.revoked_at.is_some() || who.expires_at <= clock::seconds() {
        let text = "your enrolment was revoked or has expired: ask for a new invitation";
        return Err(refuse(Code::NotPermitted, text));
    }
    let roles: Roles = who.roles.parse().map_err(|error| trouble(&error))?;
    match role {
        Some(role) if !roles.contains(role) => {
            let text = "your enrolment lacks the role for this: ask whoever runs the relay";
            Err(refuse(Code::NotPermitted, text))
        }
        _ => Ok(who),
    }
}

async fn enrolled(service: &Service, key: PublicKey, enrol: &Enrol) -> Result<Kind, Refused> {
    let request = Request {
        secret: &enrol.secret,
        key,
        recipient: &enrol.recipient,
        login: &enrol.login,
        name: &enrol.name,
    };
    let enrolled = enrolment::redeem(&service.relay.node, request, clock::seconds()).await;
    let enrolled = enrolled.map_err(|error| error.refusal())?;
    let (certificate, policy) = (Some(enrolled.certificate), Some(enrolled.policy));
    Ok(Kind::Enrolled(Enrolled { certificate, policy }))
}

async fn noted(
    service: &Service,
    who: &Technician,
    key: &PublicKey,
    note: TicketNote,
) -> Result<Kind, Refused> {
    let desk = service.relay.node.desk();
    let now = clock::seconds();
    let noted = match &note.session_note {
        Some(signed) => desk.session_note(&note.ticket, &who.login, key, signed, now).await,
        None => desk.note(&note.ticket, &who.login, &note.text, note.public, now).await,
    };
    noted.map(Kind::Ticket).map_err(|error| error.refusal())
}

async fn recordings(service: &Service) -> Result<Kind, Refused> {
    let store = service.relay.node.store();
    let rows = store.sessions(MAX_LISTED).await.map_err(|error| trouble(&error))?;
    let recorded = rows.into_iter().filter(|row| !row.recording.is_empty());
    Ok(Kind::Recordings(Recordings { recordings: recorded.map(recording).collect() }))
}

fn recording(row: SessionRow) -> Recording {
    Recording {
        session: row.session.to_vec().into(),
        ticket: row.ticket,
        technician: row.technician,
        opened: row.opened_at,
        closed: row.closed_at.unwrap_or(0),
        bytes: row.bytes,
        hash: row.hash.map(|hash| hash.to_vec().into()).unwrap_or_default(),
    }
}
