//! Roles as words: `technician,lead,auditor,admin`.

use deskside_protocol::wire::record::Role;
use thiserror::Error;

const WORDS: [(Role, &str); 4] = [
    (Role::Technician, "technician"),
    (Role::Lead, "lead"),
    (Role::Auditor, "auditor"),
    (Role::Admin, "admin"),
];

/// A word that names no role, or no word at all.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is not one of technician, lead, auditor, admin")]
pub struct UnknownRole(pub String);

/// A set of roles, in the order of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roles(Vec<Role>);

impl Roles {
    /// The first person's: may do all that a small help desk needs.
    #[must_use]
    pub fn founder() -> Self {
        Self(vec![Role::Technician, Role::Auditor, Role::Admin])
    }

    /// Whether `role` is among them.
    #[must_use]
    pub fn contains(&self, role: Role) -> bool {
        self.0.contains(&role)
    }

    /// These and those.
    #[must_use]
    pub fn and(self, others: Self) -> Self {
        let either = |role: &Role| self.contains(*role) || others.contains(*role);
        Self(WORDS.iter().map(|(role, _)| *role).filter(either).collect())
    }

    /// Wire numbers.
    #[must_use]
    pub fn to_wire(&self) -> Vec<i32> {
        self.0.iter().map(|role| *role as i32).collect()
    }

    /// Words.
    #[must_use]
    pub fn words(&self) -> Vec<&'static str> {
        WORDS.iter().filter(|(role, _)| self.contains(*role)).map(|(_, word)| *word).collect()
    }
}

impl std::str::FromStr for Roles {
    type Err = UnknownRole;

    fn from_str(list: &str) -> Result<Self, UnknownRole> {
        let mut wished = Vec::new();
        for word in list.split(',').map(str::trim) {
            let known = WORDS.iter().find(|(_, known)| *known == word);
            wished.push(known.ok_or_else(|| UnknownRole(word.to_owned()))?.0);
        }
        Ok(Self(WORDS.iter().map(|(role, _)| *role).filter(|role| wished.contains(role)).collect()))
    }
}

impl std::fmt::Display for Roles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.words().join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_back_sorted_and_once() {
        let roles: Roles = "admin, technician,admin".parse().unwrap();
        assert_eq!(roles.to_string(), "technician,admin");
        assert_eq!(roles.to_string().parse(), Ok(roles));
        assert_eq!("".parse::<Roles>(), Err(UnknownRole(String::new())));
        assert!("technician,boss".parse::<Roles>().is_err());
    }
}
