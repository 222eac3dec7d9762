//! A hostile technician: enrolled, with the code, and with a program of his own.

mod acting;
mod apart;
mod files;
mod pairing;

use deskside_protocol::grant::GrantSet;
use deskside_protocol::policy::Recording;
use deskside_tests::agent::{Agent, Wish};
use deskside_tests::hostile::Technician;
use deskside_tests::light::Access;

use crate::house::House;

/// What nobody may read, and what nobody may find outside of the folder.
const SECRET: &str = "what is none of a technician's business";
const MARKER: &str = "sent by somebody who means no good";

/// A house that records nothing: what is said is what counts here.
fn house() -> House {
    let house = House::new();
    house.relay.change_policy(|policy| policy.recording = Recording::Off).unwrap();
    house
}

/// What enrolling left to Alice, on a ticket of its own: a relay counts what goes wrong on one.
fn access(house: &House) -> Access {
    let ticket = house.alice.ticket("Hostile").unwrap();
    Access::read(house.alice.home(), ticket).unwrap()
}

fn agent_that_allows(house: &House, name: &str, allow: &str) -> Agent {
    house.agent_as(name, &Wish { allow, ..Wish::default() })
}

/// A session of a hostile technician, introduced, with all grants signed for.
fn met(house: &House, agent: &mut Agent) -> Technician {
    let code = agent.code().unwrap();
    let mut hostile = Technician::meets(&access(house), &code, GrantSet::all()).unwrap();
    hostile.introduces(GrantSet::all()).unwrap();
    hostile
}
