//! The verdicts in one word each, as scripts read them. PROTOCOL.md and the README have a row for each.

/// What came of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::audit) enum Word {
    Verified,
    Consistent,
    Shredded,
    Recovered,
    Incomplete,
    LogDisputed,
    Replaced,
    Disputed,
    SealsDisputed,
    Tampered,
    Unreadable,
}

impl Word {
    /// As it is printed.
    pub(in crate::audit) const fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Consistent => "consistent",
            Self::Shredded => "shredded",
            Self::Recovered => "recovered",
            Self::Incomplete => "incomplete",
            Self::LogDisputed => "log-disputed",
            Self::Replaced => "replaced",
            Self::Disputed => "disputed",
            Self::SealsDisputed => "seals-disputed",
            Self::Tampered => "tampered",
            Self::Unreadable => "unreadable",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROTOCOL: &str = include_str!("../../../../protocol/PROTOCOL.md");
    const README: &str = include_str!("../../../README.md");

    /// All of them, so that a new one does not compile before it has its place here.
    fn all() -> impl Iterator<Item = Word> {
        std::iter::successors(Some(Word::Verified), |word| match word {
            Word::Verified => Some(Word::Consistent),
            Word::Consistent => Some(Word::Shredded),
            Word::Shredded => Some(Word::Recovered),
            Word::Recovered => Some(Word::Incomplete),
            Word::Incomplete => Some(Word::LogDisputed),
            Word::LogDisputed => Some(Word::Replaced),
            Word::Replaced => Some(Word::Disputed),
            Word::Disputed => Some(Word::SealsDisputed),
            Word::SealsDisputed => Some(Word::Tampered),
            Word::Tampered => Some(Word::Unreadable),
            Word::Unreadable => None,
        })
    }

    /// The words of a table's first column, with the number in the column of this place.
    fn rows(page: &str, head: &str, exit: usize) -> Vec<(String, u8)> {
        let (_, table) = page.split_once(head).unwrap();
        let rows = table.trim_start().lines().skip(1).take_while(|line| line.starts_with('|'));
        let rows = rows.map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
        let words = |cells: Vec<&str>| {
            let exit = cells[exit].parse().unwrap();
            let words = cells[1].split(", ").map(move |word| (word.to_owned(), exit));
            words.collect::<Vec<_>>()
        };
        rows.flat_map(words).collect()
    }

    #[test]
    fn each_has_its_row_and_no_other_is_there() {
        let exit = |word| if matches!(word, Word::Verified | Word::Consistent) { 0 } else { 7 };
        let mut expected: Vec<_> =
            all().map(|word| (word.as_str().to_owned(), exit(word))).collect();
        assert_eq!(expected.len(), 11);
        expected.sort();
        for (page, head, at) in [
            (PROTOCOL, "| verdict | meaning | exit code |", 3),
            (README, "| verdict | exit | meaning |", 2),
        ] {
            let mut rows = rows(page, head, at);
            rows.sort();
            assert_eq!(rows, expected, "{head}");
        }
    }
}
