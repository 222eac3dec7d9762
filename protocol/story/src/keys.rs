//! Keys by their position (USB HID usages of the keyboard page, 0x07), as a person reads them.

/// Usages of A and of 1; the letters and digits follow.
const A: u32 = 0x04;
const ONE: u32 = 0x1e;
/// Usages of F1 and F13.
const F1: u32 = 0x3a;
const F13: u32 = 0x68;
/// The left Ctrl; with it seven more, up to the right Super.
const CTRL: u32 = 0xe0;
const SHIFTS: [u32; 2] = [0xe1, 0xe5];

/// Keys that write, without and with Shift, on a keyboard of the United States.
const SIGNS: [(u32, char, char); 22] = [
    (0x1e, '1', '!'),
    (0x1f, '2', '@'),
    (0x20, '3', '#'),
    (0x21, '4', '$'),
    (0x22, '5', '%'),
    (0x23, '6', '^'),
    (0x24, '7', '&'),
    (0x25, '8', '*'),
    (0x26, '9', '('),
    (0x27, '0', ')'),
    (0x2c, ' ', ' '),
    (0x2d, '-', '_'),
    (0x2e, '=', '+'),
    (0x2f, '[', '{'),
    (0x30, ']', '}'),
    (0x31, '\\', '|'),
    (0x33, ';', ':'),
    (0x34, '\'', '"'),
    (0x35, '`', '~'),
    (0x36, ',', '<'),
    (0x37, '.', '>'),
    (0x38, '/', '?'),
];

/// Keys that do something else.
const NAMES: [(u32, &str); 37] = [
    (0x28, "Return"),
    (0x29, "Escape"),
    (0x2a, "Backspace"),
    (0x2b, "Tab"),
    (0x2c, "Space"),
    (0x39, "CapsLock"),
    (0x46, "Print"),
    (0x47, "ScrollLock"),
    (0x48, "Pause"),
    (0x49, "Insert"),
    (0x4a, "Home"),
    (0x4b, "PageUp"),
    (0x4c, "Delete"),
    (0x4d, "End"),
    (0x4e, "PageDown"),
    (0x4f, "Right"),
    (0x50, "Left"),
    (0x51, "Down"),
    (0x52, "Up"),
    (0x53, "NumLock"),
    (0x54, "Keypad/"),
    (0x55, "Keypad*"),
    (0x56, "Keypad-"),
    (0x57, "Keypad+"),
    (0x58, "KeypadEnter"),
    (0x63, "Keypad."),
    (0x64, "Less"),
    (0x65, "Menu"),
    (0x66, "Power"),
    (0xe0, "Ctrl"),
    (0xe1, "Shift"),
    (0xe2, "Alt"),
    (0xe3, "Super"),
    (0xe4, "Ctrl"),
    (0xe5, "Shift"),
    (0xe6, "AltGr"),
    (0xe7, "Super"),
];

/// What a key is called.
#[must_use]
pub fn key_name(usage: u32) -> String {
    if let Some((_, name)) = NAMES.iter().find(|(known, _)| *known == usage) {
        return (*name).to_owned();
    }
    if let Some(sign) = sign(usage, false) {
        return sign.to_ascii_uppercase().to_string();
    }
    match usage {
        F1..=0x45 => format!("F{}", usage - F1 + 1),
        F13..=0x73 => format!("F{}", usage - F13 + 13),
        0x59..=0x61 => format!("Keypad{}", usage - 0x58),
        0x62 => "Keypad0".to_owned(),
        _ => format!("Key{usage:#04x}"),
    }
}

/// Whether a key only changes what others do.
pub(crate) const fn is_modifier(usage: u32) -> bool {
    usage >= CTRL && usage <= CTRL + 7
}

/// Adds what a press of a key does, with the modifiers that were held.
pub(crate) fn write(usage: u32, held: &[u32], to: &mut String) {
    let plain = held.iter().all(|key| SHIFTS.contains(key));
    if plain && let Some(sign) = sign(usage, !held.is_empty()) {
        to.push(sign);
        return;
    }
    to.push('[');
    for key in held {
        to.push_str(&key_name(*key));
        to.push('+');
    }
    to.push_str(&key_name(usage));
    to.push(']');
}

/// What it writes; AltGr makes another of it on most keyboards, which nobody can know here.
fn sign(usage: u32, shift: bool) -> Option<char> {
    if (A..ONE).contains(&usage) {
        let letter = char::from(b'a' + u8::try_from(usage - A).ok()?);
        return Some(if shift { letter.to_ascii_uppercase() } else { letter });
    }
    let (_, plain, shifted) = SIGNS.iter().find(|(known, _, _)| *known == usage)?;
    Some(if shift { *shifted } else { *plain })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_as_they_are_printed() {
        let typed = |keys: &[(u32, &[u32])]| {
            let mut typed = String::new();
            keys.iter().for_each(|(usage, held)| write(*usage, held, &mut typed));
            typed
        };
        assert_eq!(typed(&[(0x0b, &[0xe1]), (0x0c, &[]), (0x1e, &[0xe5]), (0x2c, &[])]), "Hi! ");
        assert_eq!(typed(&[(0x06, &[0xe0]), (0x28, &[])]), "[Ctrl+C][Return]");
        assert_eq!(typed(&[(0x4c, &[0xe0, 0xe2]), (0x14, &[0xe6])]), "[Ctrl+Alt+Delete][AltGr+Q]");
        assert_eq!(
            [0x3a, 0x45, 0x73, 0x62, 0xff].map(key_name).join(" "),
            "F1 F12 F24 Keypad0 Key0xff"
        );
    }
}
