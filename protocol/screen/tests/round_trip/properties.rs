//! Whatever happens, in whatever order.

use deskside_screen::{Decoder, Rect};
use proptest::prelude::*;

use crate::pair::{Act, PAGE_SMALL, Pair, REST, shown};

fn rect() -> impl Strategy<Value = Rect> {
    (0..300_usize, 0..200_usize, 1..300_usize, 1..200_usize).prop_map(|(x, y, width, height)| {
        Rect { x, y, width: width.min(301 - x), height: height.min(203 - y) }
    })
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        (rect(), 0..100_usize).prop_map(|(rect, seed)| Act::Text(rect, seed)),
        (rect(), 0..100_usize).prop_map(|(rect, seed)| Act::Photo(rect, seed)),
        (rect(), any::<u32>()).prop_map(|(rect, colour)| Act::Fill(rect, colour)),
        (1..60_usize).prop_map(Act::Scroll),
        Just(Act::Rest),
        Just(Act::Restart),
        Just(Act::Lose),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn at_rest_the_viewer_sees_the_screen(acts in proptest::collection::vec(act(), 1..14)) {
        let mut pair = Pair::new(301, 203);
        acts.into_iter().for_each(|act| pair.act(act));
        pair.step();
        pair.rest();
        prop_assert!(pair.is_exact());
    }

    #[test]
    fn who_skims_sees_the_same(
        acts in proptest::collection::vec(act(), 1..14),
        looks in proptest::collection::vec(any::<bool>(), 14),
    ) {
        let mut pair = Pair::new(301, 203);
        acts.into_iter().for_each(|act| pair.act(act));
        let (mut one, mut other) = (Decoder::new().unwrap(), Decoder::new().unwrap());
        other.skim();
        for (coded, looks) in pair.told.iter().zip(looks.into_iter().cycle()) {
            shown(&mut one, coded);
            shown(&mut other, coded);
            prop_assert_eq!(one.whole(), other.whole());
            if looks {
                other.settle().unwrap();
                prop_assert!(other.picture() == one.picture());
                other.skim();
            }
        }
        other.settle().unwrap();
        prop_assert!(other.picture() == one.picture());
    }

    #[test]
    fn damaged_frames_are_refused_or_shown_and_never_panic(
        at in any::<prop::sample::Index>(), bit in 0..8_u32, residual in any::<bool>(),
    ) {
        let mut pair = Pair::new(301, 203);
        pair.screen.photo(PAGE_SMALL, 1);
        pair.step();
        pair.now += REST;
        let mut frame = if residual {
            pair.encoder.refine(pair.now, REST, usize::MAX).unwrap().unwrap().frame
        } else {
            pair.screen.text(PAGE_SMALL, 1);
            pair.code().unwrap().frame
        };
        let part = if residual { &mut frame.residual } else { &mut frame.exact };
        let mut bytes = part.to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= 1_u8 << bit;
        *part = bytes.into();
        let before = pair.decoder.picture().cloned();
        if pair.decoder.frame(&frame).is_err() {
            prop_assert!(pair.decoder.picture() == before.as_ref(), "half of it is shown");
        }
    }
}
