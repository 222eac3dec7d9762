//! Whatever comes in whatever order: nothing is told of what was not there, and what begins ends once.

use std::collections::BTreeMap;

use bytes::Bytes;
use deskside_decode::{Entry, Item};
use deskside_protocol::channel::Channel;
use deskside_protocol::session::End;
use deskside_protocol::wire::message::message::Kind;
use deskside_protocol::wire::message::{self, Message, command_exit};
use deskside_story::{Film, Happening, What};
use proptest::prelude::*;

use crate::script::told;

fn kind() -> impl Strategy<Value = Kind> {
    let data = || Bytes::from_static(b"data");
    let exit = message::CommandExit { how: Some(command_exit::How::TimedOut(true)) };
    let frame =
        message::ScreenFrame { number: 1, width: 64, height: 64, exact: 4, ..Default::default() };
    let piece = message::ScreenPiece { frame: 1, width: 16, height: 16, ..Default::default() };
    let lease = |grants: Vec<i32>| Kind::Lease(message::Lease { grants, ..Default::default() });
    prop_oneof![
        Just(Kind::CommandStart(message::CommandStart::default())),
        Just(Kind::CommandOutput(message::CommandOutput { stderr: false, data: data() })),
        Just(Kind::CommandExit(exit)),
        Just(Kind::FilePut(message::FilePut::default())),
        Just(Kind::FileGet(message::FileGet::default())),
        Just(Kind::FileEntry(message::FileEntry::default())),
        Just(Kind::FileEnd(message::FileEnd::default())),
        Just(Kind::FileDone(message::FileDone::default())),
        Just(Kind::Refusal(message::Refusal::default())),
        Just(Kind::Watch(message::Watch::default())),
        any::<bool>().prop_map(|on| Kind::Masking(message::Masking { on })),
        Just(Kind::ScreenFrame(frame)),
        Just(Kind::ScreenPiece(piece)),
        Just(Kind::ScreenshotRequest(message::ScreenshotRequest::default())),
        Just(Kind::Screenshot(message::Screenshot::default())),
        Just(Kind::Chunk(message::Chunk { data: data() })),
        (0..300_u32, any::<bool>())
            .prop_map(|(usage, down)| Kind::Key(message::Key { usage, down })),
        (any::<i32>(), any::<bool>()).prop_map(|(x, down)| Kind::Button(message::Button {
            button: 1,
            down,
            x,
            y: -x.saturating_add(1)
        })),
        (any::<i32>()).prop_map(|down| Kind::Wheel(message::Wheel { down, ..Default::default() })),
        (0..4_i32, any::<i32>()).prop_map(|(what, x)| Kind::PointerAt(message::PointerAt {
            r#use: what,
            x,
            y: 0
        })),
        proptest::collection::vec(0..9_i32, 0..4).prop_map(lease),
    ]
}

fn item() -> impl Strategy<Value = Item> {
    prop_oneof![
        12 => kind().prop_map(|kind| Item::Message(Box::new(Message { kind: Some(kind) }))),
        1 => Just(Item::Message(Box::default())),
        2 => Just(Item::Masked { bytes: 80 }),
        2 => Just(Item::Raw { at: 0, bytes: Bytes::from_static(b"data") }),
        2 => Just(Item::Finished),
        1 => Just(Item::Reset { code: 7 }),
        1 => Just(Item::LineOpened(deskside_decode::Suite::Aes256Gcm)),
    ]
}

fn entry() -> impl Strategy<Value = Entry> {
    let channel = proptest::sample::select(Channel::all().collect::<Vec<_>>());
    (0..2_u16, any::<bool>(), 0..9_000_000_u64, channel, 0..4_u64, item()).prop_map(
        |(line, agent, time_us, channel, stream, item)| Entry {
            line,
            from: if agent { End::Agent } else { End::Technician },
            time_us,
            channel: Some(channel),
            stream: Some(stream),
            item,
        },
    )
}

/// The happening that another belongs to, and whether it ends it.
const fn belongs(what: &What) -> Option<(u64, bool)> {
    match what {
        What::Output { of, .. }
        | What::CommandInput { of, .. }
        | What::TransferReady { of, .. }
        | What::File { of, .. }
        | What::FileSkipped { of, .. }
        | What::ScreenshotPart { of, .. } => Some((*of, false)),
        What::CommandEnded { of, .. }
        | What::TransferEnded { of, .. }
        | What::MaskingEnded { of, .. } => Some((*of, true)),
        What::FileEnded(end) => Some((end.of, true)),
        _ => None,
    }
}

fn check(story: &[Happening]) -> Result<(), TestCaseError> {
    let mut open: BTreeMap<u64, usize> = BTreeMap::new();
    for (happening, number) in story.iter().zip(0..) {
        prop_assert_eq!(happening.number, number);
        if matches!(happening.what, What::Command { .. } | What::Transfer { .. } | What::Masking) {
            open.insert(number, 0);
        }
        if let Some((of, ends)) = belongs(&happening.what) {
            prop_assert!(of < number, "{:?}", happening);
            if ends {
                *open.entry(of).or_default() += 1;
            }
        }
    }
    prop_assert!(open.values().all(|ends| *ends == 1), "{open:?}");
    Ok(())
}

proptest! {
    #[test]
    fn what_begins_ends_once(entries in proptest::collection::vec(entry(), 0..60)) {
        check(&told(&entries))?;
    }

    #[test]
    fn a_film_takes_anything(entries in proptest::collection::vec(entry(), 0..60)) {
        let mut film = Film::new();
        for entry in &entries {
            // Refused or shown.
            drop(film.feed(entry));
        }
        prop_assert!(film.picture().is_none_or(|picture| picture.size().pixels() == 64 * 64));
    }
}
