//! Names of keys and what they are by position: USB HID usages of the keyboard page (0x07).

use deskside_protocol::exit::Exit;

use crate::failure::Failure;

/// Keys of one combination: more than two hands have fingers for.
const MAX_KEYS: usize = 10;
/// Usage of A and of 1: the others follow in order, and behind 9 comes 0.
const A: u32 = 0x04;
const ONE: u32 = 0x1e;
/// Usage of F1 and of F13.
const F1: u32 = 0x3a;
const F13: u32 = 0x68;

/// Names in small letters, with their usage. The first of a usage is its proper one.
const NAMES: [(&str, u32); 76] = [
    ("return", 0x28),
    ("enter", 0x28),
    ("escape", 0x29),
    ("esc", 0x29),
    ("backspace", 0x2a),
    ("tab", 0x2b),
    ("space", 0x2c),
    ("minus", 0x2d),
    ("-", 0x2d),
    ("equal", 0x2e),
    ("=", 0x2e),
    ("bracketleft", 0x2f),
    ("[", 0x2f),
    ("bracketright", 0x30),
    ("]", 0x30),
    ("backslash", 0x31),
    ("\\", 0x31),
    ("semicolon", 0x33),
    (";", 0x33),
    ("apostrophe", 0x34),
    ("'", 0x34),
    ("grave", 0x35),
    ("`", 0x35),
    ("comma", 0x36),
    (",", 0x36),
    ("period", 0x37),
    (".", 0x37),
    ("slash", 0x38),
    ("/", 0x38),
    ("capslock", 0x39),
    ("print", 0x46),
    ("scrolllock", 0x47),
    ("pause", 0x48),
    ("insert", 0x49),
    ("ins", 0x49),
    ("home", 0x4a),
    ("pageup", 0x4b),
    ("delete", 0x4c),
    ("del", 0x4c),
    ("end", 0x4d),
    ("pagedown", 0x4e),
    ("right", 0x4f),
    ("left", 0x50),
    ("down", 0x51),
    ("up", 0x52),
    ("numlock", 0x53),
    ("kp_divide", 0x54),
    ("kp_multiply", 0x55),
    ("kp_minus", 0x56),
    ("kp_plus", 0x57),
    ("kp_enter", 0x58),
    ("kp_1", 0x59),
    ("kp_2", 0x5a),
    ("kp_3", 0x5b),
    ("kp_4", 0x5c),
    ("kp_5", 0x5d),
    ("kp_6", 0x5e),
    ("kp_7", 0x5f),
    ("kp_8", 0x60),
    ("kp_9", 0x61),
    ("kp_0", 0x62),
    ("kp_period", 0x63),
    ("less", 0x64),
    ("menu", 0x65),
    ("ctrl", 0xe0),
    ("control", 0xe0),
    ("shift", 0xe1),
    ("alt", 0xe2),
    ("super", 0xe3),
    ("win", 0xe3),
    ("cmd", 0xe3),
    ("rctrl", 0xe4),
    ("rshift", 0xe5),
    ("altgr", 0xe6),
    ("ralt", 0xe6),
    ("rsuper", 0xe7),
];

/// The keys of a combination such as `ctrl+alt+t`, in the order in which they go down.
///
/// # Errors
/// Exit 2: a name that is none, no name, or too many.
pub(super) fn combination(text: &str) -> Result<Vec<u32>, Failure> {
    let wrong = |why: String| Failure::new(Exit::Usage, why);
    let names: Vec<&str> = text.split('+').map(str::trim).collect();
    if names.len() > MAX_KEYS {
        return Err(wrong(format!("{text} has too many keys: {MAX_KEYS} at most")));
    }
    let unknown = |name: &str| {
        let which = if name.is_empty() { "+ stands between keys".into() } else { unknown(name) };
        wrong(format!("{which}: see deskside input key --help"))
    };
    names.into_iter().map(|name| usage(name).ok_or_else(|| unknown(name))).collect()
}

fn unknown(name: &str) -> String {
    format!("there is no key {name:?}")
}

fn usage(name: &str) -> Option<u32> {
    let name = name.to_ascii_lowercase();
    let mut letters = name.chars();
    if let (Some(letter), None) = (letters.next(), letters.next()) {
        match letter {
            'a'..='z' => return Some(A + (u32::from(letter) - u32::from('a'))),
            // Behind 9.
            '0' => return Some(ONE + 9),
            '1'..='9' => return Some(ONE + (u32::from(letter) - u32::from('1'))),
            _ => {}
        }
    }
    if let Some(number) = name.strip_prefix('f').and_then(|number| number.parse::<u32>().ok()) {
        return match number {
            1..=12 => Some(F1 + number - 1),
            13..=24 => Some(F13 + number - 13),
            _ => None,
        };
    }
    NAMES.iter().find(|(known, _)| *known == name).map(|(_, usage)| *usage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn combinations_are_read_in_any_case() {
        for (text, keys) in [
            ("ctrl+alt+t", vec![0xe0, 0xe2, 0x17]),
            ("Return", vec![0x28]),
            ("Shift + F10", vec![0xe1, 0x43]),
            ("super", vec![0xe3]),
            ("z", vec![0x1d]),
            ("0", vec![0x27]),
            ("1", vec![0x1e]),
            ("F13", vec![0x68]),
            ("f24", vec![0x73]),
            ("AltGr+KP_Enter", vec![0xe6, 0x58]),
        ] {
            assert_eq!(combination(text).unwrap(), keys, "{text}");
        }
    }

    #[test]
    fn what_is_no_key_is_named() {
        for text in ["ctrl+hyper", "", "ctrl+", "f0", "f25", "ä", "a+b+c+d+e+f+g+h+i+j+k"] {
            let failure = combination(text).unwrap_err();
            assert_eq!(failure.exit, Exit::Usage, "{text}");
        }
        let failure = combination("ctrl+hyper").unwrap_err();
        assert!(failure.sentence.contains("hyper"), "{failure}");
    }

    #[test]
    fn no_name_stands_twice() {
        let names: std::collections::BTreeSet<_> = NAMES.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), NAMES.len());
    }
}
