//! The keyboard's layout as the core protocol tells it, searched for characters. Pure.
//!
//! For each key there are symbols in this order: group 1 level 1 and 2, group 2 level 1 and 2, group
//! 1 level 3 and 4, group 2 level 3 and 4 (XKB protocol, "Core Keyboard Mapping to XKB"). Level 2 is
//! Shift, level 3 what ISO_Level3_Shift does (AltGr).

use xkeysym::{Keysym, key};

/// No symbol.
pub(super) const NOTHING: u32 = 0;
/// Group and level of each place in a key's symbols.
const PLACES: [(u8, u8); 8] = [(0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (0, 3), (1, 2), (1, 3)];

/// Where a character is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The server's number of the key.
    pub(super) code: u8,
    /// Group of the layout, from 0.
    pub(super) group: u8,
    /// With Shift.
    pub(super) shift: bool,
    /// With ISO_Level3_Shift.
    pub(super) third: bool,
}

/// What the server tells.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) first: u8,
    /// Symbols of one key.
    pub(super) each: usize,
    pub(super) symbols: Vec<u32>,
    /// Keys that are modifiers: not to be made anything else.
    pub(super) modifiers: Vec<u8>,
}

impl Layout {
    /// Where `wanted` is, in `group` where it is there.
    pub(super) fn find(&self, wanted: char, group: u8) -> Option<Place> {
        let third = self.with(key::ISO_Level3_Shift).is_some();
        let here = |symbol: u32| is(symbol, wanted);
        let places = self.keys().flat_map(|(code, symbols)| {
            PLACES.iter().zip(symbols).filter(move |(_, symbol)| here(**symbol)).map(
                move |((group, level), _)| Place {
                    code,
                    group: *group,
                    shift: level & 1 == 1,
                    third: level & 2 == 2,
                },
            )
        });
        // The fewest keys first: of the group that is on, and without a modifier.
        let cost = |place: &Place| (place.group != group, place.third, place.shift);
        places.filter(|place| third || !place.third).min_by_key(cost)
    }

    /// A key with this symbol on it.
    pub(super) fn with(&self, symbol: u32) -> Option<u8> {
        self.keys().find(|(_, symbols)| symbols.contains(&symbol)).map(|(code, _)| code)
    }

    /// Keys without any symbol.
    pub(super) fn spare(&self) -> impl Iterator<Item = u8> + '_ {
        let nothing = |symbols: &[u32]| symbols.iter().all(|symbol| *symbol == NOTHING);
        self.keys()
            .filter(move |(code, symbols)| nothing(symbols) && !self.modifiers.contains(code))
            .map(|(code, _)| code)
    }

    fn keys(&self) -> impl Iterator<Item = (u8, &[u32])> {
        (self.first..=u8::MAX).zip(self.symbols.chunks(self.each.max(1)))
    }
}

/// The symbol that a character is typed with: line breaks and tabs are keys.
pub(super) fn symbol(wanted: char) -> u32 {
    match wanted {
        '\n' => key::Return,
        '\t' => key::Tab,
        wanted => Keysym::from_char(wanted).raw(),
    }
}

fn is(found: u32, wanted: char) -> bool {
    if wanted.is_control() {
        return found == symbol(wanted);
    }
    found != NOTHING
        // The keypad's are the same characters, and depend on Num Lock.
        && !(key::KP_Space..=key::KP_9).contains(&found)
        && Keysym::new(found).key_char() == Some(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes from 8: a, KP_5, 7 with a slash and a brace, AltGr, Cyrillic on the second group, two
    /// spares, the last of them a modifier.
    fn layout(each: usize) -> Layout {
        let keys: [&[u32]; 7] = [
            &[0x61, 0x41, 0x61, 0x41],
            &[key::KP_5, key::KP_5],
            &[0x37, 0x2f, 0x37, 0x2f, 0x7b],
            &[key::ISO_Level3_Shift],
            &[0x78, 0x58, 0x06de, 0x06fe],
            &[],
            &[],
        ];
        let symbols = keys.iter().flat_map(|symbols| {
            let rest = std::iter::repeat(NOTHING);
            symbols.iter().copied().chain(rest).take(each).collect::<Vec<u32>>()
        });
        Layout { first: 8, each, symbols: symbols.collect(), modifiers: vec![14] }
    }

    #[test]
    fn characters_are_found_with_their_modifiers_and_group() {
        let layout = layout(8);
        let place = |code, group, shift, third| Some(Place { code, group, shift, third });
        assert_eq!(layout.find('a', 0), place(8, 0, false, false));
        assert_eq!(layout.find('a', 1), place(8, 1, false, false));
        assert_eq!(layout.find('A', 0), place(8, 0, true, false));
        assert_eq!(layout.find('/', 0), place(10, 0, true, false));
        assert_eq!(layout.find('{', 0), place(10, 0, false, true));
        // Cyrillic small che has a symbol of its own, from before Unicode.
        assert_eq!(layout.find('\u{44c}', 0), None);
        assert_eq!(layout.find('\u{447}', 0), place(12, 1, false, false));
        assert_eq!((layout.find('5', 0), layout.find('\u{65e5}', 0)), (None, None));
        assert_eq!(layout.find('\n', 0), None);
    }

    #[test]
    fn without_a_key_for_it_there_is_no_third_level() {
        let mut layout = layout(8);
        layout.symbols.retain(|symbol| *symbol != key::ISO_Level3_Shift);
        layout.symbols.insert(24, NOTHING);
        assert_eq!(layout.find('{', 0), None);
    }

    #[test]
    fn spare_keys_have_nothing_on_them_and_are_no_modifiers() {
        assert_eq!(layout(8).spare().collect::<Vec<u8>>(), [13]);
        assert_eq!((symbol('\n'), symbol('\t')), (key::Return, key::Tab));
        assert_eq!(symbol('\u{65e5}'), 0x0100_65e5);
    }
}
