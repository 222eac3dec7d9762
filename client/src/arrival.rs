//! Coming to the relay as whoever this computer is enrolled: dials it, and has the certificate
//! renewed where it is time for that.

use std::io::Write as _;

use anyhow::Context as _;
use deskside_link::Leg;
use deskside_protocol::exit::Exit;
use deskside_protocol::identity::link::JoinLink;
use deskside_protocol::identity::{certificate, rotation};
use deskside_protocol::key::SigningKey;
use deskside_protocol::wire::record::{Certificate, Rotation};
use deskside_protocol::wire::signal::signal::Kind;
use deskside_protocol::wire::signal::{CertificateRenew, Enrolled, refused};
use jiff::Timestamp;

use crate::failure::{Failure, OrExit as _};
use crate::home::{Account, Home};
use crate::output::now;
use crate::relay::{self, Relay, request, unexpected};

/// The part of a certificate's time in which another is asked for: the last third.
const LAST_PART: u64 = 3;
/// Where none can be had a person hears of it this long before the end, in seconds: 14 days.
const WARNING: u64 = 14 * 24 * 60 * 60;
/// Or in this part of the time of a certificate that lasts for hours: the last tenth.
const WARNING_PART: u64 = 10;
/// Relays begin a certificate this long before they sign it, in seconds.
const BEGUN_EARLY: u64 = 24 * 60 * 60;

/// Somebody who is enrolled, at the relay.
#[allow(missing_debug_implementations, reason = "holds a secret key")]
pub struct Arrived {
    /// The long-term key.
    pub key: SigningKey,
    /// With the certificate of the moment.
    pub account: Account,
    /// The way to the relay.
    pub leg: Leg,
}

/// Dials the relay of `home`, and renews the certificate where it is time.
///
/// # Errors
/// Exit 3 for somebody who is not enrolled, 6 and 7 as for [`relay::dial`].
pub async fn arrive(home: &Home) -> anyhow::Result<Arrived> {
    let (key, account) = home.enrolled()?;
    let mut leg = relay::dial(&account.join, &key).await?;
    let today = Today { join: leg.link().clone(), organisations: leg.organisations().to_vec() };
    let account = moved(home, &key, account, today, &mut leg).await?;
    let (account, word) = renewed(home, &key, account, &mut leg, now()).await?;
    if let Some(word) = word {
        // With standard error closed nobody is left to tell.
        let _nobody_left = writeln!(std::io::stderr(), "note: {word}");
    }
    Ok(Arrived { key, account, leg })
}

/// The relay's keys of today, as it has proved them.
struct Today {
    join: JoinLink,
    organisations: Vec<Rotation>,
}

/// The account with the keys of today. Under another authority key there is another certificate, of
/// the same words, to be had from the relay.
async fn moved(
    home: &Home,
    key: &SigningKey,
    account: Account,
    today: Today,
    relay: &mut impl Relay,
) -> anyhow::Result<Account> {
    let Today { join, organisations } = today;
    // A relay that tells of fewer keys than are known takes no recording's proof away.
    let former = rotation::former(&join.organisation, &organisations);
    let organisations = if former.len() > account.former_organisations().len() {
        organisations
    } else {
        account.organisations.clone()
    };
    if account.join == join && account.organisations == organisations {
        return Ok(account);
    }
    let renewed = account.join.organisation != join.organisation;
    let next = Account { join, organisations, ..account.clone() };
    let next = if renewed {
        let held = Kind::CertificateRenew(CertificateRenew { held: true });
        let Kind::Enrolled(enrolled) = request(relay, held).await? else {
            return Err(unexpected());
        };
        taken(key, &account.person()?, next, enrolled)?
    } else {
        next
    };
    home.keep_account(&next)?;
    Ok(next)
}

/// The account with a certificate that lasts, and what a person should know of it.
#[allow(clippy::wildcard_enum_match_arm, reason = "whatever else comes does not belong here")]
async fn renewed(
    home: &Home,
    key: &SigningKey,
    account: Account,
    relay: &mut impl Relay,
    now: u64,
) -> anyhow::Result<(Account, Option<String>)> {
    let person = account.person()?;
    if !is_due(&person, now) {
        return Ok((account, None));
    }
    let refused = match relay.ask(Kind::CertificateRenew(CertificateRenew { held: false })).await? {
        Kind::Enrolled(enrolled) => {
            let account = taken(key, &person, account, enrolled)?;
            home.keep_account(&account)?;
            return Ok((account, None));
        }
        Kind::Refused(refused) => refused,
        _ => return Err(unexpected()),
    };
    let left = person.not_after.saturating_sub(now);
    let late = left <= WARNING.min(lasts(&person) / WARNING_PART);
    let word = match refused.code() {
        // Whoever is revoked or too late hears it from what was really asked for.
        _ if left == 0 => None,
        refused::Code::AuthorityAway if late => Some(format!(
            "your certificate ends on {}, and the relay cannot renew it while the organisation's \
             authority key is away. Your request waits there: ask whoever runs the relay to have \
             it signed (deskside-relay authority requests)",
            day(person.not_after)
        )),
        refused::Code::NotPermitted if late => Some(format!(
            "your certificate ends on {}: {}",
            day(person.not_after),
            Failure::from(&refused).sentence
        )),
        _ => None,
    };
    Ok((account, word))
}

fn is_due(person: &Certificate, now: u64) -> bool {
    person.not_after.saturating_sub(now) < lasts(person) / LAST_PART
}

/// From its signing to its end, in seconds.
fn lasts(person: &Certificate) -> u64 {
    person.not_after.saturating_sub(person.not_before).saturating_sub(BEGUN_EARLY)
}

/// What the relay sent in the place of the certificate that says `held`: for the same key, signed by
/// the account's organisation, and no shorter.
fn taken(
    key: &SigningKey,
    held: &Certificate,
    account: Account,
    enrolled: Enrolled,
) -> anyhow::Result<Account> {
    let sentence = "the relay sent a certificate that is not yours: do not use this relay";
    let certificate = enrolled.certificate.context("find a certificate in the answer")?;
    let person = certificate::open(&certificate, &account.join.organisation)
        .or_exit(Exit::Verification, sentence)?;
    if person.public_key.as_ref() != key.public().as_bytes() || person.not_after < held.not_after {
        return Err(Failure::new(Exit::Verification, sentence).into());
    }
    Ok(Account { certificate, ..account })
}

fn day(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|at| Timestamp::from_second(at).ok());
    time.map_or_else(|| "?".to_owned(), |time| time.to_string().chars().take(10).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::exit_of;
    use crate::home::tests::{home_in, join, key};
    use crate::relay::tests::Scripted;
    use deskside_protocol::wire::record::{Role, Signed};
    use deskside_protocol::wire::signal::Refused;
    use tempfile::TempDir;

    /// 365 days, beginning at 0.
    const YEAR: u64 = 365 * 24 * 60 * 60;

    fn certificate(authority: u8, holder: u8, not_after: u64) -> Signed {
        let body = Certificate {
            login: "alice".into(),
            name: "Alice Ng".into(),
            organisation: "Example".into(),
            public_key: key(holder).public().as_bytes().to_vec().into(),
            roles: vec![Role::Technician.into()],
            not_before: 0,
            not_after,
            serial: 1,
        };
        certificate::issue(&key(authority), &body)
    }

    fn enrolled_home() -> (TempDir, Home, Account) {
        let folder = tempfile::tempdir().unwrap();
        let home = home_in(folder.path());
        let certificate = certificate(1, 2, YEAR);
        let account = Account {
            join: join(&key(1)),
            certificate,
            policy_serial: 1,
            organisations: Vec::new(),
        };
        home.keep_account(&account).unwrap();
        (folder, home, account)
    }

    fn answer(certificate: Signed) -> Kind {
        Kind::Enrolled(Enrolled { certificate: Some(certificate), policy: None })
    }

    #[tokio::test]
    async fn it_is_asked_for_in_the_last_third_and_kept() {
        let (_folder, home, account) = enrolled_home();
        let mut relay = Scripted::default();
        let early = renewed(&home, &key(2), account.clone(), &mut relay, YEAR / 2).await.unwrap();
        assert_eq!((early, relay.questions.len()), ((account.clone(), None), 0));

        let longer = certificate(1, 2, 2 * YEAR);
        let mut relay = Scripted::answering([answer(longer.clone())]);
        let now = YEAR - (YEAR - BEGUN_EARLY) / 3 + 1;
        let (later, word) = renewed(&home, &key(2), account, &mut relay, now).await.unwrap();
        assert_eq!((later.certificate, word), (longer.clone(), None));
        assert_eq!(home.account().unwrap().unwrap().certificate, longer);
    }

    #[tokio::test]
    async fn what_is_not_ours_or_shorter_is_exit_7_and_not_kept() {
        let (_folder, home, account) = enrolled_home();
        for lie in
            [certificate(1, 3, 2 * YEAR), certificate(8, 2, 2 * YEAR), certificate(1, 2, YEAR - 1)]
        {
            let mut relay = Scripted::answering([answer(lie)]);
            let error = renewed(&home, &key(2), account.clone(), &mut relay, YEAR).await.err();
            assert_eq!(exit_of(&error.unwrap()), Exit::Verification);
            assert_eq!(home.account().unwrap().unwrap(), account);
        }
    }

    #[tokio::test]
    async fn another_authority_key_is_taken_over_with_its_certificate() {
        let (_folder, home, account) = enrolled_home();
        let today = |by: u8| Today {
            join: join(&key(by)),
            organisations: vec![rotation::authority(&key(1), &key(7), 100)],
        };
        let mut relay = Scripted::answering([answer(certificate(7, 2, YEAR))]);
        let next = moved(&home, &key(2), account.clone(), today(7), &mut relay).await.unwrap();
        assert_eq!(next.person().unwrap(), account.person().unwrap());
        assert_eq!(next.former_organisations(), [key(1).public()]);
        assert_eq!(home.account().unwrap(), Some(next.clone()));
        let asked = Kind::CertificateRenew(CertificateRenew { held: true });
        assert_eq!(relay.questions, [asked]);

        // Then there is nothing to do, and a relay that tells of less takes nothing away.
        let mut relay = Scripted::default();
        let less = Today { organisations: Vec::new(), ..today(7) };
        let same = moved(&home, &key(2), next.clone(), less, &mut relay).await.unwrap();
        assert_eq!((same, relay.questions.len()), (next, 0));

        // A certificate of the old key's is none any more.
        let mut relay = Scripted::answering([answer(certificate(1, 2, YEAR))]);
        let error = moved(&home, &key(2), account, today(7), &mut relay).await.unwrap_err();
        assert_eq!(exit_of(&error), Exit::Verification);
    }

    #[tokio::test]
    async fn a_person_hears_of_it_two_weeks_before_and_can_go_on() {
        let (_folder, home, account) = enrolled_home();
        for (left, code, words) in [
            (WARNING + 1, refused::Code::AuthorityAway, None),
            (WARNING, refused::Code::AuthorityAway, Some("authority key is away")),
            (WARNING, refused::Code::NotPermitted, Some("ends on 1971-01-01: sign in")),
            (0, refused::Code::NotPermitted, None),
        ] {
            let refused = Refused { code: code.into(), text: "sign in again".into() };
            let mut relay = Scripted::answering([Kind::Refused(refused)]);
            let now = YEAR - left;
            let (same, word) =
                renewed(&home, &key(2), account.clone(), &mut relay, now).await.unwrap();
            assert_eq!(same, account);
            match words {
                Some(words) => assert!(word.as_deref().unwrap().contains(words), "{word:?}"),
                None => assert_eq!(word, None),
            }
        }
    }
}
