//! How much of what is too much: the one table, with its arithmetic.
//!
//! Each row lets `burst` of something through at once, and one more for each `every` that passes.

use std::num::NonZeroU32;
use std::time::Duration;

/// What somebody does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum What {
    /// A leg is dialled.
    Leg,
    /// A stream is opened on a leg.
    Stream,
    /// A code is opened.
    Code,
    /// A code is joined.
    Join,
    /// An enrolment token is tried.
    Enrol,
    /// Any other request: tickets, notes, lists of recordings.
    Request,
    /// A page or a program is fetched from the HTTP address.
    Page,
}

/// Of whom it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum By {
    /// An IPv4 address, an IPv6 /64.
    Address,
    /// An IPv4 /24, an IPv6 /48.
    Prefix,
    /// A login.
    Technician,
    /// A ticket.
    Ticket,
}

/// One row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) what: What,
    pub(crate) by: By,
    pub(crate) burst: NonZeroU32,
    pub(crate) every: Duration,
}

const fn rule(what: What, by: By, burst: u32, every: Duration) -> Rule {
    // A burst of 0 would be a rule that forbids: there is none in the table.
    let burst = match NonZeroU32::new(burst) {
        Some(burst) => burst,
        None => NonZeroU32::MIN,
    };
    Rule { what, by, burst, every }
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// All rules.
///
/// *Legs*: after a restart of the relay all ends behind one address come back at once, and a large
/// company has one: 1,000 at once. A handshake costs the relay 0.5 ms, so a burst is half a second
/// of a processor and 20 a second are 1 % of one. A neighbourhood has four such addresses.
///
/// *Streams*: greetings take the relay 0.1 ms. An end has one or two, a script one for each request.
///
/// *Codes*: an agent opens one, and another every ten minutes or after a failed run. A company whose
/// hundred users call at once has room; how many are *held* is counted in the lobby.
///
/// *Joins*: a technician has ten sessions a day and mistypes some: 10 at once and 6 a minute leave a
/// guesser 8,640 a day of 10^6 secrets, before burned codes lock him. A ticket has one technician at
/// a time, and one who takes over.
///
/// *Enrolment*: a token has 256 bits, so this is about the relay's work: a class of 30 enrols at
/// once from one room.
///
/// *Requests*: each is a commit of some milliseconds. A script files 60 tickets at once, and one a
/// second.
///
/// *Pages*: a page is three small fetches, a program one; a proxy in front has one address for all.
pub(crate) const TABLE: [Rule; 17] = [
    rule(What::Leg, By::Address, 1_000, millis(50)),
    rule(What::Leg, By::Prefix, 4_000, millis(12)),
    rule(What::Stream, By::Address, 2_000, millis(5)),
    rule(What::Stream, By::Prefix, 8_000, millis(1)),
    rule(What::Code, By::Address, 100, seconds(2)),
    rule(What::Code, By::Prefix, 400, millis(500)),
    rule(What::Join, By::Address, 60, seconds(1)),
    rule(What::Join, By::Prefix, 240, millis(250)),
    rule(What::Join, By::Technician, 10, seconds(10)),
    rule(What::Join, By::Ticket, 20, seconds(10)),
    rule(What::Enrol, By::Address, 30, seconds(10)),
    rule(What::Enrol, By::Prefix, 60, seconds(5)),
    rule(What::Request, By::Address, 600, millis(100)),
    rule(What::Request, By::Prefix, 2_400, millis(25)),
    rule(What::Request, By::Technician, 60, seconds(1)),
    rule(What::Page, By::Address, 300, millis(100)),
    rule(What::Page, By::Prefix, 1_200, millis(25)),
];

/// Keys that one rule remembers. A key takes 16 bytes, and a table that has just grown twice as
/// many places as keys: 17 rules x 32,768 x 2 x 17 bytes = 19 MB at the very most.
pub(crate) const MAX_KEYS: usize = 32_768;
/// What all have together whom a full rule cannot remember: so many times what one has.
pub(crate) const OVERFLOW: u32 = 32;
/// A full rule looks for stale keys this often: half a millisecond each.
pub(crate) const SWEEP: Duration = Duration::from_secs(1);

/// Nameplates that one address may hold, open or at rest. A code that is used at once holds its
/// nameplate for ten minutes, one that is not for twenty: 128 are some 400 codes an hour.
pub const MAX_HELD_NEAR: u32 = 128;
/// Nameplates that one neighbourhood may hold: 1 % of the 50,000 that may be in use at all.
pub const MAX_HELD_WIDE: u32 = 512;

/// The sentence for whoever is over a rule. All of these end by themselves, soon.
pub(crate) const fn sentence(what: What, by: By) -> &'static str {
    match (what, by) {
        (What::Leg, _) => "busy, try again in a minute: too many connections from your network",
        (What::Stream, _) => "busy, try again in a minute: too many streams from your network",
        (What::Code, _) => "busy, try again in a minute: too many codes for your network",
        (What::Join, By::Technician) => {
            "busy, try again in a minute: too many codes were tried in your name"
        }
        (What::Join, By::Ticket) => {
            "busy, try again in a minute: too many codes were tried for this ticket"
        }
        (What::Join, _) => {
            "busy, try again in a minute: too many codes were tried from your network"
        }
        (What::Enrol, _) => {
            "busy, try again in a minute: too many enrolments were tried from your network"
        }
        (What::Request, By::Technician) => {
            "busy, try again in a minute: too many requests in your name"
        }
        (What::Request, _) => "busy, try again in a minute: too many requests from your network",
        (What::Page, _) => "busy, try again in a minute",
    }
}
