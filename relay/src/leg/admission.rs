//! Who may say what, and how often: one table for the first signal of every stream. What stands here
//! nobody else has to ask; what an end may say later follows from what it was let in with.

use deskside_protocol::wire::record::Role;
use deskside_protocol::wire::signal::refused::Code;
use deskside_protocol::wire::signal::{Refused, signal::Kind};

use crate::clock;
use crate::limits::{Limited, What};
use crate::roles::Roles;
use crate::service::Service;
use crate::store::Technician;
use crate::talk::{Caller, Talk, trouble};

/// Who may begin a stream with a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    /// Whoever dials: an agent, or somebody who has a token or a session to show.
    Anybody,
    /// Whoever is enrolled, in whatever role.
    Enrolled,
    /// Whoever is enrolled in one of these roles.
    In(&'static [Role]),
    /// It begins nothing.
    Nobody,
}

/// The table. A new signal has to take its place here before anything compiles.
const fn who_may(first: &Kind) -> Who {
    match first {
        Kind::Open(_) | Kind::Reattach(_) | Kind::Enrol(_) => Who::Anybody,
        Kind::SignInAsk(_) | Kind::SignIn(_) => Who::Anybody,
        Kind::TicketNew(_)
        | Kind::TicketList(_)
        | Kind::TicketShow(_)
        | Kind::TicketNote(_)
        | Kind::TicketStatus(_)
        | Kind::TicketAttach(_)
        | Kind::AttachmentFetch(_)
        | Kind::CertificateRenew(_)
        | Kind::LogHeadAsk(_) => Who::Enrolled,
        Kind::Join(_) => Who::In(&[Role::Technician]),
        Kind::RecordingList(_) | Kind::RecordingFetch(_) | Kind::AccessList(_) => {
            Who::In(&[Role::Auditor])
        }
        Kind::LogProofAsk(_) | Kind::LogTileAsk(_) => Who::In(&[Role::Auditor]),
        Kind::RecordingHold(_) => Who::In(&[Role::Auditor, Role::Admin]),
        Kind::TechnicianUnlock(_) => Who::In(&[Role::Lead, Role::Admin]),
        Kind::Refused(_)
        | Kind::Hello(_)
        | Kind::Welcome(_)
        | Kind::Opened(_)
        | Kind::Park(_)
        | Kind::Parked(_)
        | Kind::CodeEnded(_)
        | Kind::Renew(_)
        | Kind::Joined(_)
        | Kind::PairingOffer(_)
        | Kind::PairingAnswer(_)
        | Kind::PairingFailed(_)
        | Kind::Confirmed(_)
        | Kind::Session(_)
        | Kind::Seal(_)
        | Kind::Receipt(_)
        | Kind::Checkpoint(_)
        | Kind::EndSignature(_)
        | Kind::EndSession(_)
        | Kind::CloseProposal(_)
        | Kind::CloseSignature(_)
        | Kind::Closed(_)
        | Kind::Peer(_)
        | Kind::Challenge(_)
        | Kind::Proof(_)
        | Kind::Unrecorded(_)
        | Kind::FilesLineAsk(_)
        | Kind::FilesLine(_)
        | Kind::PolicyNow(_)
        | Kind::TechnicianUnlocked(_)
        | Kind::Enrolled(_)
        | Kind::Ticket(_)
        | Kind::Tickets(_)
        | Kind::Recordings(_)
        | Kind::RecordingFollows(_)
        | Kind::AttachmentFollows(_)
        | Kind::SignInTerms(_)
        | Kind::LogHead(_)
        | Kind::LogProof(_)
        | Kind::LogTile(_)
        | Kind::RecordingHeld(_)
        | Kind::Accesses(_) => Who::Nobody,
    }
}

/// What a signal counts as, before anything is known but the address that it came from. What agents
/// say is counted where they are served.
#[allow(clippy::wildcard_enum_match_arm, reason = "whatever begins nothing is a request too")]
fn counts_as(first: &Kind) -> Option<What> {
    match first {
        Kind::Open(_) | Kind::Reattach(_) => None,
        // A walk over the log asks for thousands; the limit of streams bounds it.
        Kind::LogTileAsk(_) => None,
        // So do the further pages of a list.
        Kind::RecordingList(list) if !list.behind.is_empty() => None,
        Kind::AccessList(list) if list.behind != 0 => None,
        Kind::Join(_) => Some(What::Join),
        Kind::Enrol(_) | Kind::SignIn(_) => Some(What::Enrol),
        _ => Some(What::Request),
    }
}

/// Lets whoever calls begin a stream with `first`: who it is, where that has to be known.
pub(super) async fn admit(
    service: &Service,
    talk: &Talk,
    first: &Kind,
) -> Result<Option<Technician>, Refused> {
    let busy = |limited: Limited| refuse(Code::Busy, &limited.to_string());
    let what = counts_as(first);
    if let Some(what) = what {
        service.relay.admit(what, talk.doer()).map_err(busy)?;
    }
    let roles = match who_may(first) {
        Who::Anybody => return Ok(None),
        Who::Nobody => return Err(no_request()),
        Who::Enrolled => None,
        Who::In(roles) => Some(roles),
    };
    let who = person(service, &talk.caller, roles).await?;
    if let Some(what @ What::Request) = what {
        service.relay.admit(what, talk.doer().named(&who.login, None)).map_err(busy)?;
    }
    Ok(Some(who))
}

/// What is said to a signal that begins nothing.
pub(super) fn no_request() -> Refused {
    refuse(Code::BadRequest, "that is no request that this relay knows: upgrade the older program")
}

fn refuse(code: Code, text: &str) -> Refused {
    Refused { code: code as i32, text: text.to_owned() }
}

/// The enrolled person of a leg's key, with one of `needed` where a role is needed.
async fn person(
    service: &Service,
    caller: &Caller,
    needed: Option<&[Role]>,
) -> Result<Technician, Refused> {
    let rules = service.relay.node.rules();
    let known = rules.person(&caller.key).await.map_err(|error| trouble(&error))?;
    let Some(who) = known else {
        let text = "this computer is not enrolled at the relay: ask for an invitation, then run `deskside enroll TOKEN`";
        return Err(refuse(Code::NotEnrolled, text));
    };
    let now = clock::seconds();
    if who.revoked_at.is_some() {
        let text = "your enrolment was revoked: ask whoever runs the relay";
        return Err(refuse(Code::NotPermitted, text));
    }
    if who.expires_at <= now {
        let text = "your certificate has expired: run deskside enroll again, with a new token or with --sign-in";
        return Err(refuse(Code::NotPermitted, text));
    }
    let roles: Roles = who.roles.parse().map_err(|error| trouble(&error))?;
    match needed {
        Some(needed) if !needed.iter().any(|role| roles.contains(*role)) => {
            let text = "your enrolment lacks the role for this: ask whoever runs the relay";
            Err(refuse(Code::NotPermitted, text))
        }
        _ => {
            service.standing.seen(&who, &caller.connection, now);
            Ok(who)
        }
    }
}
