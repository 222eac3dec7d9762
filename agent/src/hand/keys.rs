//! Keys by their position: the keyboard page of USB HID (HID Usage Tables 1.5, page 0x07) to Linux's
//! input-event-codes.h, as the kernel's driver for USB keyboards has them. An X server of today adds
//! 8 to the latter.

/// Usages from 0; 0 where there is no key.
#[rustfmt::skip]
const LOW: [u8; 149] = [
    0, 0, 0, 0, 30, 48, 46, 32, 18, 33, 34, 35, 23, 36, 37, 38,
    50, 49, 24, 25, 16, 19, 31, 20, 22, 47, 17, 45, 21, 44, 2, 3,
    4, 5, 6, 7, 8, 9, 10, 11, 28, 1, 14, 15, 57, 12, 13, 26,
    27, 43, 43, 39, 40, 41, 51, 52, 53, 58, 59, 60, 61, 62, 63, 64,
    65, 66, 67, 68, 87, 88, 99, 70, 119, 110, 102, 104, 111, 107, 109, 106,
    105, 108, 103, 69, 98, 55, 74, 78, 96, 79, 80, 81, 75, 76, 77, 71,
    72, 73, 82, 83, 86, 127, 116, 117, 183, 184, 185, 186, 187, 188, 189, 190,
    191, 192, 193, 194, 134, 138, 130, 132, 128, 129, 131, 137, 133, 135, 136, 113,
    115, 114, 0, 0, 0, 121, 0, 89, 93, 124, 92, 94, 95, 0, 0, 0,
    122, 123, 90, 91, 85,
];
/// Usages from 0xe0: Control, Shift, Alt, Super, left and then right.
const MODIFIERS: [u8; 8] = [29, 42, 56, 125, 97, 54, 100, 126];
/// The first of them.
const FIRST_MODIFIER: usize = 0xe0;
/// Usage of End.
pub(super) const END: u32 = 0x4d;

/// Linux's number of a key.
#[must_use]
pub fn linux(usage: u32) -> Option<u8> {
    let usage = usize::try_from(usage).ok()?;
    let modifier = usage.checked_sub(FIRST_MODIFIER).and_then(|place| MODIFIERS.get(place));
    LOW.get(usage).or(modifier).copied().filter(|code| *code > 0)
}

/// Whether this key of Linux's is a Control key.
pub(super) fn is_control(code: u8) -> bool {
    [MODIFIERS[0], MODIFIERS[4]].contains(&code)
}

/// Whether this key of Linux's is an Alt key.
pub(super) fn is_alt(code: u8) -> bool {
    [MODIFIERS[2], MODIFIERS[6]].contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_those_of_the_kernel() {
        let known = [
            (0x04, 30), // A
            (0x1c, 21), // Y, where a German keyboard has Z
            (0x28, 28), // Enter
            (0x2b, 15), // Tab
            (END, 107),
            (0x64, 86),  // the key that only European keyboards have
            (0x73, 194), // F24
            (0xe0, 29),  // left Control
            (0xe6, 100), // right Alt
            (0xe7, 126),
        ];
        for (usage, code) in known {
            assert_eq!(linux(usage), Some(code), "{usage:#x}");
        }
        for none in [0, 3, 0x82, 0xa5, 0xdf, 0xe8, u32::MAX] {
            assert_eq!(linux(none), None, "{none:#x}");
        }
        assert!(is_control(29) && is_control(97) && !is_control(56));
        assert!(is_alt(56) && is_alt(100) && !is_alt(29));
    }
}
