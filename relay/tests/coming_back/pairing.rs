//! A technician, and a pairing as the relay sees it: it checks shapes, and the ends here skip what
//! only they would check.

use bytes::Bytes;
use deskside_link::Leg;
use deskside_link::leg::Signals;
use deskside_protocol::code::Nameplate;
use deskside_protocol::identity::link::JoinLink;
use deskside_protocol::identity::token::EnrolmentToken;
use deskside_protocol::key::SigningKey;
use deskside_protocol::recording::Binding;
use deskside_protocol::session::{End, Ends, SessionId};
use deskside_protocol::transcript::{
    AgentData, ChannelIdentifier, Join as Joining, Transcript, policy_hash, sid,
};
use deskside_protocol::wire::signal::{
    Confirmed, Enrol, Join, Open, PairingAnswer, PairingOffer, Park, TicketNew, signal::Kind,
};
use prost::Message as _;

use crate::house::{Seat, key, refusal, soon};

pub(crate) const AUDITOR: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";

/// A technician: key and certificate.
pub(crate) struct Alice(pub(crate) SigningKey, Bytes);

impl Alice {
    pub(crate) async fn enrolled(join: &JoinLink, token: &EnrolmentToken) -> Self {
        let alice = key();
        let leg = Leg::dial(join, &alice, "test").await.unwrap();
        let enrol = Enrol {
            secret: Bytes::copy_from_slice(token.secret.as_ref()),
            recipient: AUDITOR.to_owned(),
            login: "alice".to_owned(),
            name: "Alice Ng".to_owned(),
        };
        let answer = leg.request(Kind::Enrol(enrol)).await.unwrap();
        let Kind::Enrolled(enrolled) = answer else { panic!("{answer:?}") };
        Self(alice, enrolled.certificate.unwrap().encode_to_vec().into())
    }
}

/// Two ends that the relay has heard out, before it says what comes of it.
struct Paired {
    keys: Ends<SigningKey>,
    legs: Ends<Leg>,
    signals: Ends<Signals>,
    transcript: [u8; 32],
}

/// What both are told, by number, where no session comes of it.
pub(crate) async fn unpaired(link: &JoinLink, alice: &Alice) -> Ends<i32> {
    let Paired { legs: _legs, signals: Ends { mut agent, mut technician }, .. } =
        paired(link, link, alice).await;
    Ends { agent: refusal(&mut agent).await, technician: refusal(&mut technician).await }
}

/// A session of two new ends, the technician's leg through `link`.
pub(crate) async fn pair(agent_link: &JoinLink, link: &JoinLink, alice: &Alice) -> Ends<Seat> {
    let Paired { keys, legs, signals, transcript } = paired(agent_link, link, alice).await;
    let seat = async |end, key, leg, mut signals: Signals| {
        let Ok(Kind::Session(given)) = soon(signals.receive()).await else { panic!() };
        let session = SessionId::try_from(given.session.as_ref()).unwrap();
        Seat { end, key, binding: Binding { session, transcript }, leg, signals, given }
    };
    Ends {
        agent: seat(End::Agent, keys.agent, legs.agent, signals.agent).await,
        technician: {
            seat(End::Technician, keys.technician, legs.technician, signals.technician).await
        },
    }
}

async fn paired(
    agent_link: &JoinLink,
    link: &JoinLink,
    Alice(alice, certificate): &Alice,
) -> Paired {
    let keys = Ends { agent: key(), technician: key() };
    let (y, tag) = (Bytes::from_static(&[7; 32]), Bytes::from_static(&[8; 32]));
    let leg = Leg::dial(agent_link, &key(), "test").await.unwrap();
    let mut agent = leg.open().await.unwrap();
    agent.send(Kind::Open(Open {})).await.unwrap();
    let Kind::Opened(opened) = agent.receive().await.unwrap() else { panic!() };
    let data =
        AgentData { version: 1, session_key: keys.agent.public(), answered: 0, nonce: [1; 32] };
    let ad_a = Bytes::from(data.encode());
    agent.send(Kind::Park(Park { y_a: y.clone(), ad_a: ad_a.clone() })).await.unwrap();
    let Kind::Parked(_) = agent.receive().await.unwrap() else { panic!() };

    let alices = Leg::dial(link, alice, "test").await.unwrap();
    let new = TicketNew { subject: "Printer".to_owned(), ..TicketNew::default() };
    let Kind::Ticket(ticket) = alices.request(Kind::TicketNew(new)).await.unwrap() else {
        panic!()
    };
    let mut technician = alices.open().await.unwrap();
    let (nameplate, ticket) = (opened.nameplate, ticket.ticket);
    let join = Join { nameplate: nameplate.clone(), ticket: ticket.clone() };
    technician.send(Kind::Join(join)).await.unwrap();
    let Kind::Joined(_) = technician.receive().await.unwrap() else { panic!() };
    let ci = ChannelIdentifier {
        relay_origin: agent.welcome.relay_origin.clone(),
        node_key: agent_link.node,
        organisation_key: agent_link.organisation,
        policy_hash: policy_hash(agent.welcome.policy.as_ref().unwrap()),
    }
    .encode();
    let sid = sid(Nameplate::parse(&nameplate).ok().unwrap(), &[1; 32]);
    let joining = Joining {
        version: 1,
        session_key: keys.technician.public(),
        certificate: certificate.clone(),
        ticket,
        subject: "Printer".to_owned(),
        requested: 0,
        nonce: [2; 32],
    };
    let ad_t = Bytes::from(joining.sign(alice, &ci, &sid, &y).encode());
    let offer = PairingOffer { y_t: y.clone(), ad_t: ad_t.clone(), tag_t: tag.clone() };
    technician.send(Kind::PairingOffer(offer)).await.unwrap();
    let Kind::PairingOffer(_) = agent.receive().await.unwrap() else { panic!() };
    agent.send(Kind::PairingAnswer(PairingAnswer { tag_a: tag })).await.unwrap();
    let Kind::PairingAnswer(_) = technician.receive().await.unwrap() else { panic!() };
    technician.send(Kind::Confirmed(Confirmed {})).await.unwrap();

    let transcript =
        Transcript { ci: &ci, sid: &sid, y_a: &y, ad_a: &ad_a, y_t: &y, ad_t: &ad_t }.hash();
    let legs = Ends { agent: leg, technician: alices };
    Paired { keys, legs, signals: Ends { agent, technician }, transcript }
}
