//! Enrolling: a token becomes a certificate. What the relay sends back is checked against the
//! organisation's key in the token, and kept only if all of it fits.

use anyhow::Context as _;
use deskside_link::Leg;
use deskside_protocol::exit::Exit;
use deskside_protocol::identity::certificate;
use deskside_protocol::identity::link::JoinLink;
use deskside_protocol::identity::rotation::follow_authority;
use deskside_protocol::identity::token::EnrolmentToken;
use deskside_protocol::key::SigningKey;
use deskside_protocol::policy::Policy;
use deskside_protocol::text::visible;
use deskside_protocol::wire::record::{Certificate, Role, Rotation};
use deskside_protocol::wire::signal::signal::Kind;
use deskside_protocol::wire::signal::{Enrol, Enrolled};
use serde_json::{Value, json};

use crate::failure::{Failure, OrExit as _};
use crate::home::{Account, Home};
use crate::relay::{Relay, request, unexpected};

/// Somebody who wants to be enrolled: the relay, and the keys that wait for what it brings. All of it
/// is on the disk before anyone is asked, so that a crash cannot waste a token.
#[allow(missing_debug_implementations, reason = "a secret never reaches a log")]
pub struct Applicant {
    /// The relay to ask, and the organisation's key.
    pub join: JoinLink,
    /// The key to ask with.
    pub key: SigningKey,
    /// Of the age identity that is kept where this person becomes an auditor.
    pub recipient: String,
    /// How the organisation came to its key, as the relay tells it.
    pub organisations: Vec<Rotation>,
}

/// An applicant with a token.
#[allow(missing_debug_implementations, reason = "a secret never reaches a log")]
pub struct Enrolment {
    token: EnrolmentToken,
    applicant: Applicant,
    wished: Wished,
}

/// What a person would like to be called, where the invitation leaves that open: the first person's
/// does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wished {
    /// For lists and notes.
    pub login: String,
    /// For users.
    pub name: String,
}

impl Wished {
    /// As said on the command line, else after the account on this computer.
    #[must_use]
    pub fn of(login: Option<String>, name: Option<String>, user: Option<&str>) -> Self {
        let login = login.unwrap_or_else(|| {
            let allowed = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
            let user: String = user.unwrap_or_default().chars().filter(allowed).take(64).collect();
            if user.is_empty() { "admin".to_owned() } else { user.to_ascii_lowercase() }
        });
        let name = name.unwrap_or_else(|| login.clone());
        Self { login, name }
    }
}

impl Applicant {
    /// Gets the keys ready in `home`.
    ///
    /// # Errors
    /// What the disk says.
    pub fn prepare(home: &Home, join: JoinLink) -> anyhow::Result<Self> {
        let key = match home.key()? {
            Some(key) => key,
            None => {
                let key = SigningKey::generate(&mut deskside_link::random::System::new());
                home.keep_key(&key)?;
                key
            }
        };
        let recipient = home.auditor().recipient()?.to_string();
        Ok(Self { join, key, recipient, organisations: Vec::new() })
    }

    /// The same, at the relay as it was found: its keys may be others than those of the link.
    ///
    /// # Errors
    /// Exit 3 where `home` belongs to another organisation.
    pub fn at(self, home: &Home, leg: &Leg) -> anyhow::Result<Self> {
        self.at_today(home, leg.link().clone(), leg.organisations().to_vec())
    }

    fn at_today(
        self,
        home: &Home,
        join: JoinLink,
        organisations: Vec<Rotation>,
    ) -> anyhow::Result<Self> {
        if let Some(account) = home.account()? {
            let held = account.join.organisation;
            // Its key may have changed since this computer was last there.
            let followed = follow_authority(&held, &organisations) == Ok(join.organisation);
            if !followed && !account.is_organisation(&join.organisation) {
                return Err(another_organisation(home, &account).into());
            }
        }
        Ok(Self { join, organisations, ..self })
    }

    /// Keeps what the relay sent at `now` (seconds since the epoch), where all of it fits.
    ///
    /// # Errors
    /// Exit 7 where it is not what this organisation would send to this key.
    pub fn enrolled(&self, home: &Home, enrolled: Enrolled, now: u64) -> anyhow::Result<Member> {
        let seen = home.account()?.map_or(0, |account| account.policy_serial);
        let (account, person, policy) = self.checked(enrolled, now, seen)?;
        home.keep_account(&account)?;
        let auditor = policy.auditors.contains(&self.recipient);
        home.auditor().settle(auditor)?;
        let identity = auditor.then(|| home.auditor().path());
        Ok(Member { person, relay: account.join.origin(), identity })
    }

    fn checked(
        &self,
        enrolled: Enrolled,
        now: u64,
        seen: u64,
    ) -> anyhow::Result<(Account, Certificate, Policy)> {
        let organisation = &self.join.organisation;
        let certificate = enrolled.certificate.context("find a certificate in the answer")?;
        let person = certificate::open(&certificate, organisation).or_exit(
            Exit::Verification,
            "the relay sent a certificate that is not the organisation's: do not use this relay",
        )?;
        if person.public_key.as_ref() != self.key.public().as_bytes() {
            let sentence = "the relay sent somebody else's certificate: do not use this relay";
            return Err(Failure::new(Exit::Verification, sentence).into());
        }
        let policy = enrolled.policy.context("find a policy in the answer")?;
        let policy = Policy::open(&policy, organisation, now, seen)
            .or_exit(Exit::Verification, "the relay sent a policy that cannot be taken")?;
        let (join, organisations) = (self.join.clone(), self.organisations.clone());
        let account = Account { join, certificate, policy_serial: policy.serial, organisations };
        Ok((account, person, policy))
    }
}

impl Enrolment {
    /// Reads a token and gets the keys ready in `home`.
    ///
    /// # Errors
    /// Exit 4 for a mistyped token.
    pub fn prepare(home: &Home, token: &str) -> anyhow::Result<Self> {
        let token: EnrolmentToken = token.parse().or_exit_as_is(Exit::Code)?;
        let applicant = Applicant::prepare(home, token.join.clone())?;
        Ok(Self { token, applicant, wished: Wished::default() })
    }

    /// The same, with a wish for login and name.
    #[must_use]
    pub fn named(self, wished: Wished) -> Self {
        Self { wished, ..self }
    }

    /// As [`Applicant::at`].
    ///
    /// # Errors
    /// As there.
    pub fn at(self, home: &Home, leg: &Leg) -> anyhow::Result<Self> {
        Ok(Self { applicant: self.applicant.at(home, leg)?, ..self })
    }

    /// The relay to ask.
    #[must_use]
    pub const fn join(&self) -> &JoinLink {
        &self.applicant.join
    }

    /// The key to ask with.
    #[must_use]
    pub const fn key(&self) -> &SigningKey {
        &self.applicant.key
    }

    /// Trades the token at `now` (seconds since the epoch).
    ///
    /// # Errors
    /// The relay's refusal; exit 7 where what it sends is not what the token promises.
    pub async fn trade(
        self,
        home: &Home,
        relay: &mut impl Relay,
        now: u64,
    ) -> anyhow::Result<Member> {
        let enrol = Enrol {
            secret: self.token.secret.to_vec().into(),
            recipient: self.applicant.recipient.clone(),
            login: self.wished.login.clone(),
            name: self.wished.name.clone(),
        };
        let Kind::Enrolled(enrolled) = request(relay, Kind::Enrol(enrol)).await? else {
            return Err(unexpected());
        };
        self.applicant.enrolled(home, enrolled, now)
    }
}

fn another_organisation(home: &Home, account: &Account) -> Failure {
    let name =
        account.person().map_or_else(|_| account.join.origin(), |person| person.organisation);
    let sentence = format!(
        "{} belongs to {}, and this is another organisation: to be in both, set DESKSIDE_HOME to \
         another folder and enroll there",
        home.path().display(),
        visible(&name),
    );
    Failure::new(Exit::Refused, sentence)
}

/// Somebody who has enrolled.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// As the organisation signed it.
    pub person: Certificate,
    /// The relay, as host:port.
    pub relay: String,
    /// The auditor's age identity, where this person is one.
    pub identity: Option<std::path::PathBuf>,
}

impl Member {
    /// For `--json`.
    #[must_use]
    pub fn event(&self) -> Value {
        json!({
            "event": "enrolled",
            "login": self.person.login,
            "name": self.person.name,
            "organisation": self.person.organisation,
            "roles": role_words(&self.person),
            "relay": self.relay,
            "auditor_identity": self.identity,
        })
    }

    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        let Certificate { name, login, organisation, .. } = &self.person;
        let roles = role_words(&self.person).join(", ");
        let mut text = visible(&format!(
            "You are {name} ({login}) of {organisation} at {}, with the roles {roles}.",
            self.relay
        ))
        .into_owned();
        if let Some(identity) = &self.identity {
            text.push_str(&format!(
                "\nYour key that opens recordings is {}: keep a copy in a safe place, nobody else \
                 has one.",
                identity.display()
            ));
        }
        text
    }
}

fn role_words(person: &Certificate) -> Vec<&'static str> {
    let word = |role| match role {
        Role::Technician => Some("technician"),
        Role::Lead => Some("lead"),
        Role::Auditor => Some("auditor"),
        Role::Admin => Some("admin"),
        Role::Unspecified => None,
    };
    person.roles().filter_map(word).collect()
}

#[cfg(test)]
#[path = "account_tests.rs"]
pub(crate) mod tests;
