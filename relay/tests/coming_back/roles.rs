//! Every first signal of a stream, by everybody who could say it: who is let in and who is not.

use deskside_link::Leg;
use deskside_link::leg::LegError;
use deskside_protocol::key::SigningKey;
use deskside_protocol::wire::signal::refused::Code;
use deskside_protocol::wire::signal::{
    AccessList, AttachmentFetch, CertificateRenew, Closed, Enrol, FilesLineAsk, Join, Open, Park,
    PolicyNow, Reattach, RecordingFetch, RecordingList, TechnicianUnlock, TicketAttach, TicketList,
    TicketNew, TicketNote, TicketShow, TicketStatus, signal::Kind,
};
use deskside_relay::clock;
use deskside_relay::enrolment::{self, CERTIFICATE_SECONDS, Request};

use crate::house::{House, key, soon};
use crate::pairing::AUDITOR;

/// Who may say it.
#[derive(Clone, Copy, PartialEq)]
enum May {
    Anybody,
    Enrolled,
    /// In one of these roles.
    Roles(&'static [&'static str]),
    /// It begins nothing: a bad request, whoever says it.
    Nobody,
}

fn table() -> Vec<(&'static str, Kind, May)> {
    let ticket = || "1".to_owned();
    vec![
        ("open", Kind::Open(Open {}), May::Anybody),
        ("reattach", Kind::Reattach(Reattach::default()), May::Anybody),
        ("enrol", Kind::Enrol(Enrol::default()), May::Anybody),
        ("renew", Kind::CertificateRenew(CertificateRenew { held: false }), May::Enrolled),
        ("ticket new", Kind::TicketNew(TicketNew::default()), May::Enrolled),
        ("ticket list", Kind::TicketList(TicketList::default()), May::Enrolled),
        ("ticket show", Kind::TicketShow(TicketShow { ticket: ticket() }), May::Enrolled),
        ("ticket note", Kind::TicketNote(TicketNote::default()), May::Enrolled),
        ("ticket status", Kind::TicketStatus(TicketStatus::default()), May::Enrolled),
        ("attach", Kind::TicketAttach(TicketAttach::default()), May::Enrolled),
        ("attachment", Kind::AttachmentFetch(AttachmentFetch::default()), May::Enrolled),
        ("join", Kind::Join(Join::default()), May::Roles(&["technician"])),
        ("recordings", Kind::RecordingList(RecordingList::default()), May::Roles(&["auditor"])),
        ("accesses", Kind::AccessList(AccessList::default()), May::Roles(&["auditor"])),
        ("fetch", Kind::RecordingFetch(RecordingFetch::default()), May::Roles(&["auditor"])),
        ("unlock", Kind::TechnicianUnlock(unlock("nobody", "")), May::Roles(&["lead", "admin"])),
        ("policy", Kind::PolicyNow(PolicyNow::default()), May::Nobody),
        ("files line", Kind::FilesLineAsk(FilesLineAsk::default()), May::Nobody),
        ("park", Kind::Park(Park::default()), May::Nobody),
        ("closed", Kind::Closed(Closed::default()), May::Nobody),
    ]
}

fn unlock(login: &str, ticket: &str) -> TechnicianUnlock {
    TechnicianUnlock { login: login.to_owned(), ticket: ticket.to_owned() }
}

/// A leg of somebody enrolled at `when` in this role.
pub(crate) async fn leg_of(house: &House, role: &str, when: u64) -> Leg {
    let node = &house.relay().node;
    let random = &mut deskside_link::random::System::new();
    let login = format!("{role}{when}");
    let invited =
        enrolment::invite(node, &login, role, &role.parse().unwrap(), None, when, random).await;
    let (secret, key) = (invited.unwrap(), key());
    let request = Request {
        secret: secret.as_ref(),
        key: key.public(),
        recipient: AUDITOR,
        login: "",
        name: "",
    };
    enrolment::redeem(node, request, when).await.unwrap();
    dial(house, &key).await
}

async fn dial(house: &House, key: &SigningKey) -> Leg {
    soon(Leg::dial(&house.join, key, "test")).await.unwrap()
}

/// The code of the refusal, where it was one of an answer's first word.
async fn refused(leg: &Leg, kind: Kind) -> Option<Code> {
    let mut signals = leg.open().await.unwrap();
    signals.send(kind).await.unwrap();
    signals.sender.finish();
    match soon(signals.receive()).await {
        Err(LegError::Refused(refused)) => Some(Code::try_from(refused.code).unwrap()),
        Ok(_) => None,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn each_request_is_for_those_whom_the_table_names() {
    let house = House::new().await;
    let now = clock::seconds();
    let mut people = Vec::new();
    for role in ["technician", "lead", "auditor", "admin"] {
        people.push((role, leg_of(&house, role, now).await));
    }
    for (role, leg) in &people {
        for (what, kind, may) in table() {
            let code = refused(leg, kind).await;
            let kept_out = matches!(code, Some(Code::NotPermitted | Code::NotEnrolled));
            let expected = matches!(may, May::Roles(needed) if !needed.contains(role));
            assert_eq!(kept_out, expected, "{role}: {what}: {code:?}");
        }
    }
    // Those who are nobody here, or no longer anybody.
    let expired = leg_of(&house, "technician", now - CERTIFICATE_SECONDS - 1).await;
    let revoked = leg_of(&house, "auditor", now - 1).await;
    house.relay().node.store().revoke(&format!("auditor{}", now - 1), now).await.unwrap();
    let stranger = dial(&house, &key()).await;
    for (who, leg, no) in [
        ("expired", &expired, Code::NotPermitted),
        ("revoked", &revoked, Code::NotPermitted),
        ("stranger", &stranger, Code::NotEnrolled),
    ] {
        for (what, kind, may) in table() {
            let code = refused(leg, kind).await;
            match may {
                May::Enrolled | May::Roles(_) => assert_eq!(code, Some(no), "{who}: {what}"),
                May::Nobody => assert_eq!(code, Some(Code::BadRequest), "{who}: {what}"),
                May::Anybody => assert!(
                    !matches!(code, Some(Code::NotPermitted | Code::NotEnrolled)),
                    "{who}: {what}: {code:?}"
                ),
            }
        }
    }
}

#[tokio::test]
async fn a_lock_is_lifted_by_somebody_else_who_may() {
    let house = House::new().await;
    let now = clock::seconds();
    let lead = leg_of(&house, "lead", now).await;
    leg_of(&house, "technician", now).await;
    let (own, bob) = (format!("lead{now}"), format!("technician{now}"));
    let store = house.relay().node.store();
    for ticket in ["1", "1", "2"] {
        store.burn(&bob, ticket, now, 0).await.unwrap();
    }
    let ask = async |login: &str, ticket: &str| match soon(
        lead.request(Kind::TechnicianUnlock(unlock(login, ticket))),
    )
    .await
    {
        Ok(Kind::TechnicianUnlocked(unlocked)) => Ok(unlocked.forgotten),
        Err(LegError::Refused(refused)) => Err(Code::try_from(refused.code).unwrap()),
        other => panic!("{other:?}"),
    };
    assert_eq!(ask(&bob, "1").await, Ok(2));
    assert_eq!(store.burned(&bob, 0).await.unwrap().len(), 1, "the other ticket's");
    assert_eq!(ask(&bob, "").await, Ok(1));
    assert_eq!(ask(&bob, "").await, Ok(0));
    assert_eq!(ask("nobody", "").await, Err(Code::NotFound));
    assert_eq!(ask(&own, "").await, Err(Code::NotPermitted));
}
