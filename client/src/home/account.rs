//! The account: what enrolling brought, as one JSON file.

use anyhow::Context as _;
use data_encoding::BASE64;
use deskside_protocol::identity::certificate;
use deskside_protocol::identity::link::JoinLink;
use deskside_protocol::identity::rotation;
use deskside_protocol::key::PublicKey;
use deskside_protocol::policy::{Policy, PolicyError};
use deskside_protocol::wire::record::{Certificate, Rotation, Signed};
use prost::Message as _;
use serde::{Deserialize, Serialize};

/// Who this person is, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// The relay, and the organisation's key.
    pub join: JoinLink,
    /// The certificate, as the organisation signed it.
    pub certificate: Signed,
    /// The highest serial of a policy that was seen.
    pub policy_serial: u64,
    /// How the organisation came to its key, where it had others before.
    pub organisations: Vec<Rotation>,
}

/// The file's shape. Login, name and organisation are there for a person who opens it; the program
/// reads them from the certificate.
#[derive(Serialize, Deserialize)]
struct File {
    join: String,
    certificate: String,
    policy_serial: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    organisation_changes: Vec<String>,
    #[serde(default)]
    login: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    organisation: String,
}

impl Account {
    /// The certificate's words, once the organisation's signature was verified.
    ///
    /// # Errors
    /// A certificate that the organisation did not sign.
    pub fn person(&self) -> anyhow::Result<Certificate> {
        certificate::open(&self.certificate, &self.join.organisation)
            .context("read your certificate")
    }

    /// The keys that the organisation had before, proved by the statements that are kept here.
    #[must_use]
    pub fn former_organisations(&self) -> Vec<PublicKey> {
        rotation::former(&self.join.organisation, &self.organisations)
    }

    /// Whether a key is the organisation's, today's or one of before.
    #[must_use]
    pub fn is_organisation(&self, key: &PublicKey) -> bool {
        *key == self.join.organisation || self.former_organisations().contains(key)
    }

    /// A policy of any time, by whichever of the organisation's keys has signed it.
    ///
    /// # Errors
    /// [`PolicyError`].
    pub fn policy_of_any_time(&self, signed: &Signed) -> Result<Policy, PolicyError> {
        let by = |key: &PublicKey| Policy::open_at_any_time(signed, key);
        let former = self.former_organisations();
        former.iter().fold(by(&self.join.organisation), |opened, key| opened.or_else(|_| by(key)))
    }

    pub(super) fn parse(text: &[u8]) -> anyhow::Result<Self> {
        let file: File = serde_json::from_slice(text).context("parse the account")?;
        let certificate =
            BASE64.decode(file.certificate.as_bytes()).context("parse the certificate")?;
        Ok(Self {
            join: file.join.parse().context("parse the join link")?,
            certificate: Signed::decode(certificate.as_slice()).context("parse the certificate")?,
            policy_serial: file.policy_serial,
            organisations: file
                .organisation_changes
                .iter()
                .map(|text| Ok(Rotation::decode(BASE64.decode(text.as_bytes())?.as_slice())?))
                .collect::<anyhow::Result<_>>()
                .context("parse the organisation's changes of key")?,
        })
    }

    pub(super) fn to_text(&self) -> anyhow::Result<String> {
        let person = self.person()?;
        let file = File {
            join: self.join.to_string(),
            certificate: BASE64.encode(&self.certificate.encode_to_vec()),
            policy_serial: self.policy_serial,
            organisation_changes: self
                .organisations
                .iter()
                .map(|rotation| BASE64.encode(&rotation.encode_to_vec()))
                .collect(),
            login: person.login,
            name: person.name,
            organisation: person.organisation,
        };
        serde_json::to_string_pretty(&file).context("write the account")
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::home::tests::home_in;
    use deskside_protocol::key::SigningKey;
    use deskside_protocol::wire::record::Role;
    use zeroize::Zeroizing;

    pub(crate) fn key(byte: u8) -> SigningKey {
        SigningKey::from_seed(Zeroizing::new([byte; 32]))
    }

    pub(crate) fn join(organisation: &SigningKey) -> JoinLink {
        JoinLink {
            host: "relay.example".into(),
            port: 4433,
            organisation: organisation.public(),
            node: key(9).public(),
            webpki: false,
        }
    }

    pub(crate) fn certificate_of(authority: &SigningKey, person: &SigningKey) -> Signed {
        let certificate = Certificate {
            login: "alice".into(),
            name: "Alice Ng".into(),
            organisation: "Example".into(),
            public_key: person.public().as_bytes().to_vec().into(),
            roles: vec![Role::Technician.into()],
            not_before: 0,
            not_after: u64::MAX,
            serial: 1,
        };
        certificate::issue(authority, &certificate)
    }

    #[test]
    fn an_account_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let home = home_in(folder.path());
        let account = Account {
            join: join(&key(1)),
            certificate: certificate_of(&key(1), &key(2)),
            policy_serial: 3,
            organisations: Vec::new(),
        };
        home.keep_account(&account).unwrap();
        assert_eq!(home.account().unwrap(), Some(account.clone()));
        home.keep_policy_serial(5).unwrap();
        home.keep_policy_serial(4).unwrap();
        assert_eq!(home.account().unwrap().unwrap().policy_serial, 5);
        assert_eq!(account.person().unwrap().login, "alice");
    }

    #[test]
    fn another_organisations_certificate_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let account = Account {
            join: join(&key(1)),
            certificate: certificate_of(&key(7), &key(2)),
            policy_serial: 3,
            organisations: Vec::new(),
        };
        assert!(home_in(folder.path()).keep_account(&account).is_err());
    }
}
