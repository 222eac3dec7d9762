//! Text on an X11 keyboard: each character by the key that has it, and by a spare key where none has.
//!
//! Programs ask for the meaning of a key when they come to it, not when it was pressed: a spare key
//! keeps its character until it is surely read, and is put back behind that. Locks (Caps Lock) are off
//! meanwhile, and on again afterwards.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::{Duration, Instant};

use x11rb::connection::Connection as _;
use x11rb::protocol::xkb::{ConnectionExt as _, Group, ID};
use x11rb::protocol::xproto::{ConnectionExt as _, ModMask};
use x11rb::rust_connection::RustConnection;
use xkeysym::key;

use super::Keyboard;
use super::layout::{Layout, NOTHING, Place, symbol};
use crate::desktop::hands::{GoOn, HandError};

/// A program that has not read a key by then is busy for longer than a person waits for an echo.
const READ: Duration = Duration::from_millis(400);
/// Num Lock's modifier on every keyboard of today; it changes no letter and stays as it is.
const NUM_LOCK: ModMask = ModMask::M2;

/// What has been changed of the keyboard.
pub(super) struct Typist {
    /// Spare keys that we gave a character, and when it was typed last.
    spares: BTreeMap<u8, Instant>,
}

/// Locks and group before a text.
struct Before {
    locks: ModMask,
    group: u8,
}

impl Typist {
    pub(super) fn new(connection: &RustConnection) -> Result<Self, HandError> {
        let unable = |_| HandError::Unable("XKB");
        connection.xkb_use_extension(1, 0)?.reply().map_err(unable)?;
        Ok(Self { spares: BTreeMap::new() })
    }

    /// Types `text`; what cannot be typed is said before anything is.
    pub(super) fn type_text(
        &mut self,
        keyboard: &Keyboard,
        text: &str,
        go_on: GoOn<'_>,
    ) -> Result<(), HandError> {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        if let Some(strange) = text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
            return Err(HandError::NoKey(strange));
        }
        let before = unlock(keyboard)?;
        let typed = self.all(keyboard, &text, before.group, go_on);
        let locked = lock(keyboard, &before);
        typed.and(locked)
    }

    fn all(
        &mut self,
        keyboard: &Keyboard,
        text: &str,
        group: u8,
        go_on: GoOn<'_>,
    ) -> Result<(), HandError> {
        let mut rest = text;
        while !rest.is_empty() {
            let (layout, ready) = self.prepare(keyboard, rest, group)?;
            let (now, later) = rest.split_at(ready);
            self.letters(keyboard, &layout, now, group, go_on)?;
            rest = later;
        }
        Ok(())
    }

    /// Gives spare keys the characters that no key has. Gives the bytes of `text` that can be typed
    /// then: all of them, unless there are too few spare keys.
    fn prepare(
        &mut self,
        keyboard: &Keyboard,
        text: &str,
        group: u8,
    ) -> Result<(Layout, usize), HandError> {
        let layout = read(&keyboard.connection)?;
        let mut spare: Vec<u8> = layout.spare().collect();
        let mut given: BTreeMap<u8, char> = BTreeMap::new();
        for (at, wanted) in text.char_indices() {
            if layout.find(wanted, group).is_some() || given.values().any(|has| *has == wanted) {
                continue;
            }
            let Some(code) = spare.pop().or_else(|| self.oldest(&given)) else {
                if at == 0 {
                    return Err(HandError::NoKey(wanted));
                }
                return self.give(keyboard, &layout, &given).map(|layout| (layout, at));
            };
            given.insert(code, wanted);
        }
        self.give(keyboard, &layout, &given).map(|layout| (layout, text.len()))
    }

    /// The spare key that was typed longest ago, once it was surely read.
    fn oldest(&self, given: &BTreeMap<u8, char>) -> Option<u8> {
        let ours = self.spares.iter().filter(|(code, _)| !given.contains_key(code));
        let (code, typed) = ours.min_by_key(|(_, typed)| **typed)?;
        sleep(READ.saturating_sub(typed.elapsed()));
        Some(*code)
    }

    fn give(
        &mut self,
        keyboard: &Keyboard,
        layout: &Layout,
        given: &BTreeMap<u8, char>,
    ) -> Result<Layout, HandError> {
        if given.is_empty() {
            return Ok(layout.clone());
        }
        for (first, run) in runs(given) {
            // Twice: with and without Shift, so that the server takes it for no letter with a capital.
            let symbols: Vec<u32> = run.iter().flat_map(|c| [symbol(*c); 2]).collect();
            let count = u8::try_from(run.len()).unwrap_or(u8::MAX);
            keyboard.connection.change_keyboard_mapping(count, first, 2, &symbols)?.check()?;
        }
        self.spares.extend(given.keys().map(|code| (*code, Instant::now())));
        read(&keyboard.connection)
    }

    fn letters(
        &mut self,
        keyboard: &Keyboard,
        layout: &Layout,
        text: &str,
        group: u8,
        go_on: GoOn<'_>,
    ) -> Result<(), HandError> {
        let mut current = group;
        for wanted in text.chars() {
            go_on()?;
            keyboard.own.spares_focus(&keyboard.connection, keyboard.root)?;
            let place = layout.find(wanted, group).ok_or(HandError::NoKey(wanted))?;
            if place.group != current {
                set(keyboard, ModMask::from(0_u16), Some(place.group))?;
                current = place.group;
            }
            letter(keyboard, layout, place)?;
            keyboard.connection.flush()?;
            if let Some(typed) = self.spares.get_mut(&place.code) {
                *typed = Instant::now();
            }
        }
        Ok(())
    }

    /// Takes the characters off the spare keys again, once they were surely read.
    pub(super) fn put_back(&mut self, keyboard: &Keyboard) -> Result<(), HandError> {
        let Some(last) = self.spares.values().max() else { return Ok(()) };
        sleep(READ.saturating_sub(last.elapsed()));
        for code in std::mem::take(&mut self.spares).into_keys() {
            keyboard.connection.change_keyboard_mapping(1, code, 1, &[NOTHING])?.check()?;
        }
        Ok(())
    }
}

/// One character, with its modifiers around it.
fn letter(keyboard: &Keyboard, layout: &Layout, place: Place) -> Result<(), HandError> {
    let wanted = [(place.shift, key::Shift_L), (place.third, key::ISO_Level3_Shift)];
    let modifiers = wanted.iter().filter(|(wanted, _)| *wanted);
    let modifiers: Vec<u8> = modifiers.filter_map(|(_, symbol)| layout.with(*symbol)).collect();
    for modifier in &modifiers {
        keyboard.key(*modifier, true)?;
    }
    keyboard.key(place.code, true)?;
    keyboard.key(place.code, false)?;
    for modifier in modifiers.iter().rev() {
        keyboard.key(*modifier, false)?;
    }
    Ok(())
}

/// Keys beside each other, with their characters.
fn runs(given: &BTreeMap<u8, char>) -> Vec<(u8, Vec<char>)> {
    let mut runs: Vec<(u8, Vec<char>)> = Vec::new();
    for (code, wanted) in given {
        match runs.last_mut() {
            Some((first, run)) if usize::from(*code) == usize::from(*first) + run.len() => {
                run.push(*wanted);
            }
            _ => runs.push((*code, vec![*wanted])),
        }
    }
    runs
}

fn read(connection: &RustConnection) -> Result<Layout, HandError> {
    let (first, last) = (connection.setup().min_keycode, connection.setup().max_keycode);
    let count = last.saturating_sub(first).saturating_add(1);
    let mapping = connection.get_keyboard_mapping(first, count)?;
    let modifiers = connection.get_modifier_mapping()?;
    let mapping = mapping.reply()?;
    let modifiers = modifiers.reply()?.keycodes;
    let each = usize::from(mapping.keysyms_per_keycode);
    Ok(Layout { first, each, symbols: mapping.keysyms, modifiers })
}

/// Takes the locks off, Num Lock apart.
fn unlock(keyboard: &Keyboard) -> Result<Before, HandError> {
    let state = keyboard.connection.xkb_get_state(u16::from(ID::USE_CORE_KBD))?.reply()?;
    let locks = state.locked_mods & !u16::from(NUM_LOCK);
    let before = Before { locks, group: u8::from(state.group) };
    if u16::from(locks) != 0 || u16::from(state.latched_mods) != 0 {
        set(keyboard, ModMask::from(0_u16), None)?;
    }
    Ok(before)
}

fn lock(keyboard: &Keyboard, before: &Before) -> Result<(), HandError> {
    set(keyboard, before.locks, Some(before.group))?;
    keyboard.finish()
}

/// Sets the locks, Num Lock apart, and the group.
fn set(keyboard: &Keyboard, locks: ModMask, group: Option<u8>) -> Result<(), HandError> {
    let all = ModMask::from(0x00ff_u16 & !u16::from(NUM_LOCK));
    keyboard.connection.xkb_latch_lock_state(
        u16::from(ID::USE_CORE_KBD),
        all,
        locks,
        group.is_some(),
        Group::from(group.unwrap_or_default()),
        all,
        false,
        0,
    )?;
    Ok(())
}
