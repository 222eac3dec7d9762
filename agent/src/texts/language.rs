//! Which language the user reads: what the environment says, in the order of POSIX.

use std::ffi::OsString;

use unic_langid::LanguageIdentifier;

/// A language with messages of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// The one that is taken where nothing else is known.
    #[default]
    English,
    /// German.
    German,
    /// Spanish.
    Spanish,
    /// French.
    French,
}

/// One row a language: the code of ISO 639 and the file.
const TABLE: [(Language, &str, &str); 4] = [
    (Language::English, "en", include_str!("../../texts/en.ftl")),
    (Language::German, "de", include_str!("../../texts/de.ftl")),
    (Language::Spanish, "es", include_str!("../../texts/es.ftl")),
    (Language::French, "fr", include_str!("../../texts/fr.ftl")),
];

/// What names the language, the strongest first. An argument, so that tests need not change the
/// environment.
#[derive(Debug, Clone, Default)]
pub struct Locale {
    /// `DESKSIDE_LANGUAGE`, `LC_ALL`, `LC_MESSAGES`, `LANG`.
    pub variables: [Option<OsString>; 4],
}

impl Locale {
    /// The real one. Empty variables count as unset.
    #[must_use]
    pub fn of_process() -> Self {
        let variables = ["DESKSIDE_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"];
        let value = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        Self { variables: variables.map(value) }
    }

    /// The language of the strongest variable that is set; English where that one has none here.
    #[must_use]
    pub fn language(&self) -> Language {
        let strongest = self.variables.iter().flatten().next();
        strongest.and_then(|value| Language::parse(&value.to_string_lossy())).unwrap_or_default()
    }
}

impl Language {
    /// Every language.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|(language, _, _)| *language)
    }

    /// The language of a locale's name: `de`, `de_AT.UTF-8`, `fr-CA`.
    #[must_use]
    pub fn parse(locale: &str) -> Option<Self> {
        let code = locale.split(['_', '-', '.', '@']).next()?.to_ascii_lowercase();
        TABLE.iter().find(|(_, known, _)| *known == code).map(|(language, _, _)| *language)
    }

    /// Two letters.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.row().1
    }

    pub(super) fn source(self) -> &'static str {
        self.row().2
    }

    pub(super) fn identifier(self) -> LanguageIdentifier {
        // The codes of the table are valid; "und" is what no language is called.
        self.code().parse().unwrap_or_default()
    }

    fn row(self) -> &'static (Self, &'static str, &'static str) {
        TABLE.iter().find(|(language, _, _)| *language == self).unwrap_or(&TABLE[0])
    }
}
