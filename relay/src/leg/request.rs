//! Requests of people: each on a stream of its own, one answer.

use deskside_protocol::key::PublicKey;
use deskside_protocol::wire::signal::{
    Enrol, Enrolled, Refused, SignIn, TechnicianUnlock, TechnicianUnlocked, TicketNote, Tickets,
    refused::Code, signal::Kind,
};

use super::{admission, log, recordings};
use crate::desk::DeskError;
use crate::enrolment::{self, Request};
use crate::service::Service;
use crate::sign_in::SignInError;
use crate::store::Technician;
use crate::talk::{Talk, trouble};
use crate::{chain, clock};

/// Answers one request, of whoever was admitted with it.
pub(super) async fn serve(
    service: &Service,
    mut talk: Talk,
    who: Option<Technician>,
    request: Kind,
) {
    let answer = answer(service, talk.caller.key, who, request).await;
    talk.say_last(answer.unwrap_or_else(Kind::Refused)).await;
}

#[allow(clippy::wildcard_enum_match_arm, reason = "everything else is no request")]
async fn answer(
    service: &Service,
    key: PublicKey,
    who: Option<Technician>,
    request: Kind,
) -> Result<Kind, Refused> {
    let desk = service.relay.node.desk();
    let now = clock::seconds();
    let refused = |error: DeskError| error.refusal();
    match (request, who) {
        (Kind::Enrol(enrol), _) => enrolled(service, key, &enrol).await,
        (Kind::TicketNew(new), _) => desk.open(&new, now).await.map(Kind::Ticket).map_err(refused),
        (Kind::TicketList(list), _) => {
            let tickets = desk.list(list.all).await.map_err(refused)?;
            Ok(Kind::Tickets(Tickets { tickets }))
        }
        (Kind::TicketShow(show), _) => {
            desk.show(&show.ticket).await.map(Kind::Ticket).map_err(refused)
        }
        (Kind::TicketStatus(change), _) => {
            let changed = desk.set_status(&change.ticket, change.status, now).await;
            changed.map(Kind::Ticket).map_err(refused)
        }
        (Kind::TicketNote(note), Some(who)) => noted(service, &who, &key, note).await,
        (Kind::RecordingList(wanted), _) => recordings::list(service, wanted).await,
        (Kind::AccessList(wanted), _) => recordings::accesses(service, wanted).await,
        (Kind::CertificateRenew(renew), Some(who)) => {
            let renewed = enrolment::renew(&service.relay.node, &who, renew.held, now).await;
            renewed.map(enrolled_kind).map_err(|error| error.refusal())
        }
        (Kind::TechnicianUnlock(unlock), Some(who)) => unlocked(service, &who, &unlock).await,
        (Kind::LogHeadAsk(ask), _) => log::head(service, ask).await,
        (Kind::LogProofAsk(ask), _) => log::proof(service, ask).await,
        (Kind::LogTileAsk(ask), _) => log::tile(service, ask).await,
        (Kind::RecordingHold(wish), Some(who)) => log::hold(service, &who, wish).await,
        (Kind::SignInAsk(_), _) => match &service.relay.sign_in {
            Some(sign_in) => Ok(Kind::SignInTerms(sign_in.terms())),
            None => Err(SignInError::Off.refusal()),
        },
        (Kind::SignIn(said), _) => signed_in(service, key, &said, now).await,
        _ => Err(admission::no_request()),
    }
}

/// Lifts the locks that failed codes put on somebody else. Nobody lifts his own: two tries would be
/// as many as he likes.
async fn unlocked(
    service: &Service,
    who: &Technician,
    unlock: &TechnicianUnlock,
) -> Result<Kind, Refused> {
    let TechnicianUnlock { login, ticket } = unlock;
    let refused = |code: Code, text: String| Refused { code: code as i32, text };
    if *login == who.login {
        let text =
            "nobody lifts his own lock: ask another lead or admin, or whoever runs the relay";
        return Err(refused(Code::NotPermitted, text.to_owned()));
    }
    let only = (!ticket.is_empty()).then_some(ticket.as_str());
    let store = service.relay.node.store();
    let forgotten = store.forgive(login, only).await.map_err(|error| trouble(&error))?;
    let Some(forgotten) = forgotten else {
        return Err(refused(Code::NotFound, format!("nobody here has the login {login}")));
    };
    tracing::warn!(login, ticket, forgotten, by = who.login, "locks were lifted");
    let forgotten = u32::try_from(forgotten).unwrap_or(u32::MAX);
    Ok(Kind::TechnicianUnlocked(TechnicianUnlocked { forgotten }))
}

async fn signed_in(
    service: &Service,
    key: PublicKey,
    said: &SignIn,
    now: u64,
) -> Result<Kind, Refused> {
    let Some(sign_in) = &service.relay.sign_in else { return Err(SignInError::Off.refusal()) };
    match sign_in.trade(&service.relay.node, key, said, now).await {
        Ok(enrolled) => Ok(enrolled_kind(enrolled)),
        Err(error) => {
            tracing::warn!(error = chain(&error), "a sign-in does not count");
            Err(error.refusal())
        }
    }
}

fn enrolled_kind(enrolled: enrolment::Enrolled) -> Kind {
    let (certificate, policy) = (Some(enrolled.certificate), Some(enrolled.policy));
    Kind::Enrolled(Enrolled { certificate, policy })
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
    enrolled.map(enrolled_kind).map_err(|error| error.refusal())
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
