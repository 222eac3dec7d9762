//! The pointer's shapes that the viewer remembers: a shape that comes back, as a busy one does with
//! each of its pictures, is not sent again.

use crate::desktop::capture::Cursor;

/// Shapes that both ends remember.
const PLACES: u32 = 32;

/// What the viewer has.
#[derive(Debug, Default)]
pub(super) struct Shapes {
    known: Vec<Cursor>,
    next: u32,
    current: Option<u32>,
}

impl Shapes {
    /// The viewer has none.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// What is to be told where the pointer looks like `cursor` now; `None` where the viewer knows.
    pub(super) fn told(&mut self, mut cursor: Cursor) -> Option<(u32, Cursor)> {
        let place = (0..PLACES).zip(&self.known).find(|(_, known)| **known == cursor);
        if let Some((place, _)) = place {
            cursor.bgra = Vec::new();
            return (self.current.replace(place) != Some(place)).then_some((place, cursor));
        }
        let place = self.next;
        self.next = (self.next + 1) % PLACES;
        let index = usize::try_from(place).unwrap_or(usize::MAX);
        match self.known.get_mut(index) {
            Some(known) => known.clone_from(&cursor),
            None => self.known.push(cursor.clone()),
        }
        self.current = Some(place);
        Some((place, cursor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(colour: u8) -> Cursor {
        Cursor { width: 1, height: 1, hot_x: 0, hot_y: 0, bgra: vec![colour; 4] }
    }

    #[test]
    fn a_shape_is_sent_once_and_then_named() {
        let mut shapes = Shapes::default();
        assert_eq!(shapes.told(cursor(1)), Some((0, cursor(1))));
        assert_eq!(shapes.told(cursor(1)), None);
        assert_eq!(shapes.told(cursor(2)), Some((1, cursor(2))));
        let named = Cursor { bgra: Vec::new(), ..cursor(1) };
        assert_eq!(shapes.told(cursor(1)), Some((0, named)));
        for colour in 3..=34 {
            assert!(shapes.told(cursor(colour)).is_some_and(|(_, it)| !it.bgra.is_empty()));
        }
        // The first was overwritten.
        assert_eq!(shapes.told(cursor(1)).map(|(_, it)| it), Some(cursor(1)));
    }
}
