//! Keys by their position: from winit's names to the usages of the USB HID keyboard page (HID Usage
//! Tables 1.5, page 0x07), which mean the same on every system and layout.

use winit::keyboard::KeyCode;

/// The usage of a key; `None` for one that the page does not have.
#[must_use]
pub fn usage(key: KeyCode) -> Option<u32> {
    TABLE.iter().find(|(known, _)| *known == key).map(|(_, usage)| *usage)
}

/// Each key once, each usage once.
const TABLE: &[(KeyCode, u32)] = &[
    (KeyCode::KeyA, 0x04),
    (KeyCode::KeyB, 0x05),
    (KeyCode::KeyC, 0x06),
    (KeyCode::KeyD, 0x07),
    (KeyCode::KeyE, 0x08),
    (KeyCode::KeyF, 0x09),
    (KeyCode::KeyG, 0x0a),
    (KeyCode::KeyH, 0x0b),
    (KeyCode::KeyI, 0x0c),
    (KeyCode::KeyJ, 0x0d),
    (KeyCode::KeyK, 0x0e),
    (KeyCode::KeyL, 0x0f),
    (KeyCode::KeyM, 0x10),
    (KeyCode::KeyN, 0x11),
    (KeyCode::KeyO, 0x12),
    (KeyCode::KeyP, 0x13),
    (KeyCode::KeyQ, 0x14),
    (KeyCode::KeyR, 0x15),
    (KeyCode::KeyS, 0x16),
    (KeyCode::KeyT, 0x17),
    (KeyCode::KeyU, 0x18),
    (KeyCode::KeyV, 0x19),
    (KeyCode::KeyW, 0x1a),
    (KeyCode::KeyX, 0x1b),
    (KeyCode::KeyY, 0x1c),
    (KeyCode::KeyZ, 0x1d),
    (KeyCode::Digit1, 0x1e),
    (KeyCode::Digit2, 0x1f),
    (KeyCode::Digit3, 0x20),
    (KeyCode::Digit4, 0x21),
    (KeyCode::Digit5, 0x22),
    (KeyCode::Digit6, 0x23),
    (KeyCode::Digit7, 0x24),
    (KeyCode::Digit8, 0x25),
    (KeyCode::Digit9, 0x26),
    (KeyCode::Digit0, 0x27),
    (KeyCode::Enter, 0x28),
    (KeyCode::Escape, 0x29),
    (KeyCode::Backspace, 0x2a),
    (KeyCode::Tab, 0x2b),
    (KeyCode::Space, 0x2c),
    (KeyCode::Minus, 0x2d),
    (KeyCode::Equal, 0x2e),
    (KeyCode::BracketLeft, 0x2f),
    (KeyCode::BracketRight, 0x30),
    // Where a keyboard has 0x32 instead, it is the same place (HID Usage Tables, note 2 of page 7).
    (KeyCode::Backslash, 0x31),
    (KeyCode::Semicolon, 0x33),
    (KeyCode::Quote, 0x34),
    (KeyCode::Backquote, 0x35),
    (KeyCode::Comma, 0x36),
    (KeyCode::Period, 0x37),
    (KeyCode::Slash, 0x38),
    (KeyCode::CapsLock, 0x39),
    (KeyCode::F1, 0x3a),
    (KeyCode::F2, 0x3b),
    (KeyCode::F3, 0x3c),
    (KeyCode::F4, 0x3d),
    (KeyCode::F5, 0x3e),
    (KeyCode::F6, 0x3f),
    (KeyCode::F7, 0x40),
    (KeyCode::F8, 0x41),
    (KeyCode::F9, 0x42),
    (KeyCode::F10, 0x43),
    (KeyCode::F11, 0x44),
    (KeyCode::F12, 0x45),
    (KeyCode::PrintScreen, 0x46),
    (KeyCode::ScrollLock, 0x47),
    (KeyCode::Pause, 0x48),
    (KeyCode::Insert, 0x49),
    (KeyCode::Home, 0x4a),
    (KeyCode::PageUp, 0x4b),
    (KeyCode::Delete, 0x4c),
    (KeyCode::End, 0x4d),
    (KeyCode::PageDown, 0x4e),
    (KeyCode::ArrowRight, 0x4f),
    (KeyCode::ArrowLeft, 0x50),
    (KeyCode::ArrowDown, 0x51),
    (KeyCode::ArrowUp, 0x52),
    (KeyCode::NumLock, 0x53),
    (KeyCode::NumpadDivide, 0x54),
    (KeyCode::NumpadMultiply, 0x55),
    (KeyCode::NumpadSubtract, 0x56),
    (KeyCode::NumpadAdd, 0x57),
    (KeyCode::NumpadEnter, 0x58),
    (KeyCode::Numpad1, 0x59),
    (KeyCode::Numpad2, 0x5a),
    (KeyCode::Numpad3, 0x5b),
    (KeyCode::Numpad4, 0x5c),
    (KeyCode::Numpad5, 0x5d),
    (KeyCode::Numpad6, 0x5e),
    (KeyCode::Numpad7, 0x5f),
    (KeyCode::Numpad8, 0x60),
    (KeyCode::Numpad9, 0x61),
    (KeyCode::Numpad0, 0x62),
    (KeyCode::NumpadDecimal, 0x63),
    (KeyCode::IntlBackslash, 0x64),
    (KeyCode::ContextMenu, 0x65),
    (KeyCode::Power, 0x66),
    (KeyCode::NumpadEqual, 0x67),
    (KeyCode::F13, 0x68),
    (KeyCode::F14, 0x69),
    (KeyCode::F15, 0x6a),
    (KeyCode::F16, 0x6b),
    (KeyCode::F17, 0x6c),
    (KeyCode::F18, 0x6d),
    (KeyCode::F19, 0x6e),
    (KeyCode::F20, 0x6f),
    (KeyCode::F21, 0x70),
    (KeyCode::F22, 0x71),
    (KeyCode::F23, 0x72),
    (KeyCode::F24, 0x73),
    (KeyCode::AudioVolumeMute, 0x7f),
    (KeyCode::AudioVolumeUp, 0x80),
    (KeyCode::AudioVolumeDown, 0x81),
    (KeyCode::NumpadComma, 0x85),
    (KeyCode::IntlRo, 0x87),
    (KeyCode::KanaMode, 0x88),
    (KeyCode::IntlYen, 0x89),
    (KeyCode::Convert, 0x8a),
    (KeyCode::NonConvert, 0x8b),
    (KeyCode::Lang1, 0x90),
    (KeyCode::Lang2, 0x91),
    (KeyCode::ControlLeft, 0xe0),
    (KeyCode::ShiftLeft, 0xe1),
    (KeyCode::AltLeft, 0xe2),
    (KeyCode::SuperLeft, 0xe3),
    (KeyCode::ControlRight, 0xe4),
    (KeyCode::ShiftRight, 0xe5),
    (KeyCode::AltRight, 0xe6),
    (KeyCode::SuperRight, 0xe7),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_key_and_no_usage_is_there_twice() {
        let keys: HashSet<_> = TABLE.iter().map(|(key, _)| *key).collect();
        let usages: HashSet<_> = TABLE.iter().map(|(_, usage)| *usage).collect();
        assert_eq!((keys.len(), usages.len()), (TABLE.len(), TABLE.len()));
    }

    #[test]
    fn places_of_the_standard() {
        for (key, expected) in [
            (KeyCode::KeyA, 4),
            (KeyCode::KeyZ, 29),
            (KeyCode::Digit1, 30),
            (KeyCode::Digit0, 39),
            (KeyCode::F12, 69),
            (KeyCode::Numpad0, 98),
            (KeyCode::SuperRight, 231),
        ] {
            assert_eq!(usage(key), Some(expected));
        }
        assert_eq!(usage(KeyCode::BrowserBack), None);
    }
}
