use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use fluent_bundle::FluentResource;

use super::*;

/// Each message of a language, with the names of its arguments.
fn messages(language: Language) -> BTreeMap<String, BTreeSet<String>> {
    let source = language.source();
    let parsed = FluentResource::try_new(source.to_owned());
    assert!(parsed.is_ok(), "{language:?} does not parse: {:?}", parsed.err().map(|(_, e)| e));
    let mut messages: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut current = String::new();
    for line in source.lines().filter(|line| !line.starts_with('#')) {
        if let Some((key, _)) = line.split_once(" =").filter(|_| !line.starts_with(' ')) {
            key.clone_into(&mut current);
            assert!(messages.insert(current.clone(), BTreeSet::new()).is_none(), "{key} twice");
        }
        for argument in line.split("{ $").skip(1) {
            let name = argument.split([' ', '}']).next().unwrap().to_owned();
            messages.get_mut(&current).unwrap().insert(name);
        }
    }
    messages
}

#[test]
fn all_languages_have_the_same_messages_with_the_same_arguments() {
    let english = messages(Language::English);
    assert!(english.len() > 100, "{} messages", english.len());
    for language in Language::all() {
        assert_eq!(messages(language), english, "{language:?}");
    }
}

/// The keys that the sources name: each string literal that is one of `known`, and each literal
/// argument of `say`, `with` and `count`.
fn named(folder: &Path, known: &BTreeSet<String>, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            named(&path, known, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let source = std::fs::read_to_string(&path).unwrap();
            let literals = source.split('"').filter(|text| known.contains(*text));
            found.extend(literals.map(str::to_owned));
            for call in ["texts.say(\"", "texts.with(\"", "texts.count(\""] {
                let keys = source.split(call).skip(1).filter_map(|rest| rest.split('"').next());
                found.extend(keys.map(str::to_owned));
            }
        }
    }
}

#[test]
fn every_message_that_the_sources_name_is_there_and_none_is_left_over() {
    let known: BTreeSet<String> = messages(Language::English).into_keys().collect();
    let mut found = BTreeSet::new();
    named(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &known, &mut found);
    assert_eq!(found, known);
}

#[test]
fn a_message_takes_its_arguments_in_every_language() {
    for language in Language::all() {
        let texts = Texts::of(language);
        let title = texts.with("banner-title", &[("name", "Alice Ng")]);
        assert!(title.contains("Alice Ng"), "{title}");
        assert!(!title.contains(['{', '\u{2068}']), "{title}");
        let (one, three) = (texts.count("files-more", 1, &[]), texts.count("files-more", 3, &[]));
        assert!(three.contains('3') && !one.contains('1'), "{one} / {three}");
    }
}

#[test]
fn the_strongest_variable_names_the_language() {
    let of = |variables: [&str; 4]| {
        let set = |value: &str| (!value.is_empty()).then(|| value.into());
        Locale { variables: variables.map(set) }.language()
    };
    assert_eq!(of(["", "", "", ""]), Language::English);
    assert_eq!(of(["", "", "", "de_AT.UTF-8"]), Language::German);
    assert_eq!(of(["", "", "fr_CA", "de_AT.UTF-8"]), Language::French);
    assert_eq!(of(["", "C.UTF-8", "", "de_AT.UTF-8"]), Language::English);
    assert_eq!(of(["es", "C.UTF-8", "", "de_AT.UTF-8"]), Language::Spanish);
    assert_eq!(of(["", "", "", "tlh"]), Language::English);
}

#[test]
fn clocks_and_sizes_read_as_people_write_them() {
    assert_eq!(clock(Duration::from_millis(580_001)), "9:41");
    assert_eq!(clock(Duration::from_secs(60)), "1:00");
    assert_eq!(clock(Duration::ZERO), "0:00");
    assert_eq!(Texts::of(Language::English).size(3_100_000), "3.1 MB");
    assert_eq!(Texts::of(Language::German).size(3_100_000), "3,1 MB");
}
