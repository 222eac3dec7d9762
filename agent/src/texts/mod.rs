//! What the user reads, in his language: the same Fluent messages for the window and the terminal.
//!
//! The messages are files in `agent/texts`, compiled in. A message that a language lacks is taken
//! from English; that none lacks one, nor an argument of one, is tested. This room reads no file and
//! knows nothing of windows.

mod language;
#[cfg(test)]
mod tests;

use std::time::Duration;

use deskside_files::Size;
use deskside_protocol::grant::{Grant, GrantSet};
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};

pub use self::language::{Language, Locale};

type Bundle = FluentBundle<FluentResource>;

/// The messages of one language.
pub struct Texts {
    language: Language,
    bundle: Bundle,
    /// What a message is taken from that the language lacks.
    english: Bundle,
}

impl std::fmt::Debug for Texts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Texts").field("language", &self.language).finish_non_exhaustive()
    }
}

impl Texts {
    /// The messages of `language`.
    #[must_use]
    pub fn of(language: Language) -> Self {
        Self { language, bundle: bundle(language), english: bundle(Language::English) }
    }

    /// Which language it is.
    #[must_use]
    pub const fn language(&self) -> Language {
        self.language
    }

    /// A message without arguments.
    #[must_use]
    pub fn say(&self, key: &'static str) -> String {
        self.with(key, &[])
    }

    /// A message with arguments. They are shown as they come: make a peer's text safe first.
    #[must_use]
    pub fn with(&self, key: &'static str, arguments: &[(&'static str, &str)]) -> String {
        let mut fluent = FluentArgs::with_capacity(arguments.len());
        for (name, value) in arguments {
            fluent.set(*name, FluentValue::from(*value));
        }
        self.format(key, &fluent)
    }

    /// A message about a number of things.
    #[must_use]
    pub fn count(
        &self,
        key: &'static str,
        count: u64,
        arguments: &[(&'static str, &str)],
    ) -> String {
        let mut fluent = FluentArgs::with_capacity(arguments.len() + 1);
        fluent.set("count", count);
        for (name, value) in arguments {
            fluent.set(*name, FluentValue::from(*value));
        }
        self.format(key, &fluent)
    }

    fn format(&self, key: &'static str, arguments: &FluentArgs<'_>) -> String {
        let found = [&self.bundle, &self.english].into_iter().find_map(|bundle| {
            let pattern = bundle.get_message(key)?.value()?;
            Some(bundle.format_pattern(pattern, Some(arguments), &mut Vec::new()).into_owned())
        });
        found.unwrap_or_else(|| key.to_owned())
    }

    /// What a grant means, behind "would like to".
    #[must_use]
    pub fn grant(&self, grant: Grant) -> String {
        self.say(match grant {
            Grant::View => "grant-view",
            Grant::Control => "grant-control",
            Grant::Command => "grant-command",
            Grant::Shell => "grant-shell",
            Grant::File => "grant-file",
            Grant::Clipboard => "grant-clipboard",
            Grant::Reboot => "grant-reboot",
        })
    }

    /// A grant in a word or three, for a switch.
    #[must_use]
    pub fn short(&self, grant: Grant) -> String {
        self.say(match grant {
            Grant::View => "short-view",
            Grant::Control => "short-control",
            Grant::Command => "short-command",
            Grant::Shell => "short-shell",
            Grant::File => "short-file",
            Grant::Clipboard => "short-clipboard",
            Grant::Reboot => "short-reboot",
        })
    }

    /// Several grants, in a word or three each.
    #[must_use]
    pub fn shorts(&self, grants: GrantSet) -> String {
        grants.iter().map(|grant| self.short(grant)).collect::<Vec<_>>().join(", ")
    }

    /// A size as people write it here: "3,1 MB" where the decimal mark is a comma.
    #[must_use]
    pub fn size(&self, bytes: u64) -> String {
        let size = Size(bytes).to_string();
        match self.language {
            Language::English => size,
            Language::German => size.replace('.', ",").replace("byte", "Byte"),
            Language::Spanish => size.replace('.', ","),
            Language::French => size.replace('.', ",").replace("byte", "octet").replace('B', "o"),
        }
    }
}

/// "9:41", rounded up, so that the last second is still one.
#[must_use]
pub fn clock(left: Duration) -> String {
    let seconds = whole_seconds(left);
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// Whole seconds, rounded up.
#[must_use]
pub fn whole_seconds(left: Duration) -> u64 {
    left.as_secs() + u64::from(left.subsec_nanos() > 0)
}

fn bundle(language: Language) -> Bundle {
    let mut bundle = Bundle::new_concurrent(vec![language.identifier()]);
    // The isolation marks are invisible characters; what a peer wrote has lost its own already.
    bundle.set_use_isolating(false);
    let resource = match FluentResource::try_new(language.source().to_owned()) {
        Ok(resource) => resource,
        // A test reads all four files: what parses is used all the same.
        Err((resource, _errors)) => resource,
    };
    bundle.add_resource_overriding(resource);
    bundle
}
