//! What is allowed, and what of that changed.

use deskside_protocol::grant::Grant;
use deskside_protocol::wire::message::{self, Lease};

use crate::happening::{Allowance, Computer, Scope, What};

/// An end of a grant that came about so near to its time came by that, and one that is so near to
/// what it was is the same: two seconds, since a lease counts in whole ones.
const ABOUT_US: u64 = 2_000_000;
/// Terms of one lease: each grant for the session, and as many things that run once as an agent has
/// under way.
const MAX_TERMS: usize = 256;

/// What is allowed.
#[derive(Debug, Default)]
pub(crate) struct Consent {
    /// With the time until which it holds by its own terms.
    in_force: Vec<(Allowance, Option<u64>)>,
}

impl Consent {
    /// Takes the whole set that is in force now. Gives what of it is news.
    pub(crate) fn lease(&mut self, time_us: u64, lease: &Lease) -> Vec<What> {
        let terms = terms(lease);
        let before = std::mem::take(&mut self.in_force);
        let until = |term: &Allowance| {
            (term.ends_in > 0).then(|| time_us.saturating_add(u64::from(term.ends_in) * 1_000_000))
        };
        self.in_force = terms.iter().map(|term| (*term, until(term))).collect();
        let knew = |term: &Allowance| {
            before.iter().any(|(old, end)| {
                (old.grant, old.scope) == (term.grant, term.scope) && same(*end, until(term))
            })
        };
        let new: Vec<Grant> = terms.iter().filter(|it| !knew(it)).map(|it| it.grant).collect();
        let computer = lease.device.as_ref().map(|device| Computer {
            hostname: device.hostname.clone(),
            system: device.system.clone(),
            user: device.user.clone(),
        });
        let (expired, revoked) = gone(time_us, &before, &terms);
        let mut told = Vec::new();
        for (grants, expired) in [(revoked, false), (expired, true)] {
            if !grants.is_empty() {
                told.push(What::TakenBack { grants, expired });
            }
        }
        if !new.is_empty() || computer.is_some() {
            told.push(What::Allowed { terms, new, computer });
        }
        told
    }

    /// An end said that something is no longer allowed.
    pub(crate) fn revoked(&mut self, grants: &[i32]) -> Option<What> {
        let grants: Vec<Grant> = grants.iter().filter_map(|it| Grant::from_wire(*it)).collect();
        self.in_force.retain(|(term, _)| !grants.contains(&term.grant));
        (!grants.is_empty()).then_some(What::TakenBack { grants, expired: false })
    }
}

/// Whether a grant holds as long as before.
const fn same(before: Option<u64>, now: Option<u64>) -> bool {
    match (before, now) {
        (None, None) => true,
        (Some(before), Some(now)) => before.abs_diff(now) <= ABOUT_US,
        (None, Some(_)) | (Some(_), None) => false,
    }
}

/// Grants for the session that are there no more: by their time, and otherwise. What was allowed once
/// goes by itself.
fn gone(
    time_us: u64,
    before: &[(Allowance, Option<u64>)],
    terms: &[Allowance],
) -> (Vec<Grant>, Vec<Grant>) {
    let (mut expired, mut revoked) = (Vec::new(), Vec::new());
    for (old, until) in before.iter().filter(|(old, _)| old.scope == Scope::Session) {
        if !terms.iter().any(|term| term.grant == old.grant && term.scope == Scope::Session) {
            let due = until.is_some_and(|until| until <= time_us.saturating_add(ABOUT_US));
            if due { &mut expired } else { &mut revoked }.push(old.grant);
        }
    }
    (expired, revoked)
}

/// Grants of wire numbers, without those that this version does not know.
pub(crate) fn grants(numbers: &[i32]) -> Vec<Grant> {
    numbers.iter().take(MAX_TERMS).filter_map(|it| Grant::from_wire(*it)).collect()
}

fn terms(lease: &Lease) -> Vec<Allowance> {
    let known = |term: &message::Term| {
        let scope = match message::Scope::try_from(term.scope) {
            Ok(message::Scope::Once) => Scope::Once,
            Ok(message::Scope::Session) => Scope::Session,
            Ok(message::Scope::Unspecified) | Err(_) => return None,
        };
        Some(Allowance { grant: Grant::from_wire(term.grant)?, scope, ends_in: term.ends_in })
    };
    if lease.terms.is_empty() {
        let session = |grant| Allowance { grant, scope: Scope::Session, ends_in: 0 };
        return grants(&lease.grants).into_iter().map(session).collect();
    }
    lease.terms.iter().take(MAX_TERMS).filter_map(known).collect()
}
