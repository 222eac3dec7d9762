//! Wishes as they are typed while no question is open. A line that is none of the few commands is
//! for the technician to read; one that begins as "take back" does never goes to him, so that a slip
//! of the finger cannot pass for a grant that was taken back.

use std::sync::Arc;
use std::time::Duration;

use deskside_protocol::grant::{Grant, GrantSet};

use super::{Wish, Wisher};
use crate::consent::Keyboard;
use crate::events::{Event, Show};

/// What can be typed, for the user.
pub const HELP: &str = "\
  stop                  end everything at once
  take back view        no longer allow it; several: take back view file; all: take back all
  give view             allow it; for some minutes only: give view 10
  do not record typing  keep a password that is typed out of the recording; record typing ends it
  anything else         your technician reads it
  The words: view, control, command, shell, file, clipboard, reboot.";

/// The most minutes that a grant can be given for: a day.
const MAX_MINUTES: u64 = 24 * 60;

/// What a line means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Typed {
    /// A wish.
    Wish(Wish),
    /// The user wants to know what can be typed.
    Help,
    /// It began as a command and does not go on as one.
    Unclear,
}

/// Reads one line.
#[must_use]
pub fn typed(line: &str) -> Typed {
    let line = line.trim();
    let lower = line.to_lowercase();
    let words: Vec<&str> = lower.split([' ', ',', '\t']).filter(|word| !word.is_empty()).collect();
    let Some((first, rest)) = words.split_first() else { return Typed::Wish(Wish::NextCode) };
    match (first.trim_end_matches(['!', '.']), rest) {
        ("stop", []) => Typed::Wish(Wish::Stop),
        ("help" | "?", []) => Typed::Help,
        ("take", ["back", grants @ ..]) => match grants {
            ["all" | "everything"] => Typed::Wish(Wish::TakeBack(GrantSet::all())),
            grants => {
                set(grants).map_or(Typed::Unclear, |grants| Typed::Wish(Wish::TakeBack(grants)))
            }
        },
        ("do", ["not", "record", "typing"]) => Typed::Wish(Wish::Mask(true)),
        ("record", ["typing"]) => Typed::Wish(Wish::Mask(false)),
        ("give", rest) => given(rest).unwrap_or_else(|| said(line)),
        _ => said(line),
    }
}

fn said(line: &str) -> Typed {
    Typed::Wish(Wish::Say(line.to_owned()))
}

/// "view file 10"; `None` where that is a sentence.
fn given(words: &[&str]) -> Option<Typed> {
    let (last, grants) = words.split_last()?;
    let Ok(minutes) = last.parse::<u64>() else {
        return Some(Typed::Wish(Wish::Give(set(words)?)));
    };
    let grants = set(grants)?;
    if !(1..=MAX_MINUTES).contains(&minutes) {
        return Some(Typed::Unclear);
    }
    Some(Typed::Wish(Wish::GiveFor(grants, Duration::from_secs(minutes * 60))))
}

/// The grants of some words; `None` where one is something else, or there are none.
fn set(words: &[&str]) -> Option<GrantSet> {
    let grants: GrantSet =
        words.iter().map(|word| word.parse::<Grant>().ok()).collect::<Option<_>>()?;
    (!grants.is_empty()).then_some(grants)
}

/// Turns what is typed between the questions into wishes, until nothing more can be typed.
pub async fn listen(keyboard: Arc<Keyboard>, wisher: Wisher, show: Arc<Show>) {
    while let Some(line) = keyboard.idle_line().await {
        let text = match typed(&line) {
            Typed::Wish(wish) => match wisher.wish(wish) {
                Ok(()) => continue,
                Err(_crowded) => "That was too much at once. Please do it again.",
            },
            Typed::Help => HELP.trim_start(),
            Typed::Unclear => {
                "Nothing was changed. Type for example: take back view, or: give view 10"
            }
        };
        show.tell(&Event::Notice { text });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(line: &str) -> Wish {
        match typed(line) {
            Typed::Wish(wish) => wish,
            other @ (Typed::Help | Typed::Unclear) => panic!("{line:?} is {other:?}"),
        }
    }

    #[test]
    fn the_words_of_the_help_are_understood() {
        let both = GrantSet::parse("view,file").unwrap();
        assert_eq!(wish(""), Wish::NextCode);
        for stop in ["stop", " STOP! ", "stop."] {
            assert_eq!(wish(stop), Wish::Stop);
        }
        assert_eq!(wish("take back view file"), Wish::TakeBack(both));
        assert_eq!(wish("Take  back View, file"), Wish::TakeBack(both));
        assert_eq!(wish("take back all"), Wish::TakeBack(GrantSet::all()));
        assert_eq!(wish("give view"), Wish::Give(Grant::View.into()));
        assert_eq!(wish("give view file 10"), Wish::GiveFor(both, Duration::from_secs(600)));
        assert_eq!(wish("do not record typing"), Wish::Mask(true));
        assert_eq!(wish("Record typing"), Wish::Mask(false));
        assert_eq!(typed("help"), Typed::Help);
    }

    #[test]
    fn a_sentence_is_said_and_a_slip_takes_nothing_back_silently() {
        for sentence in [
            "Stop it, please",
            "do not record my voice",
            "give me a second",
            "Take your time",
            "it works",
        ] {
            assert_eq!(wish(sentence), Wish::Say(sentence.to_owned()));
        }
        for slip in ["take back", "take back veiw", "take back view now", "give view 100000"] {
            assert_eq!(typed(slip), Typed::Unclear, "{slip}");
        }
    }
}
