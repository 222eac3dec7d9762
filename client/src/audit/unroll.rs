//! From the blocks of a recording to what was said on its lines.

use std::io::{self, Read};
use std::ops::ControlFlow;

use deskside_decode::{Decoder, Entry, Report, Timeline};

use super::file::walk;
use super::seals::Sealed;

/// One that has the lines' secrets, as each end sealed them.
pub(super) fn decoder(sealed: &Sealed) -> Decoder {
    let mut decoder = Decoder::new();
    for (line, end, secrets) in sealed {
        decoder.sealed(*line, *end, secrets.clone());
    }
    decoder
}

/// Decodes what `from` gives with what was `sealed`, up to its first fault, which is the verifier's
/// to name. `seen` may hold what an entry states against the decoder, and breaks off when it wants.
///
/// # Errors
/// What the disk says.
pub(super) fn unroll(
    from: impl Read,
    sealed: &Sealed,
    mut seen: impl FnMut(&Entry, &mut Decoder) -> ControlFlow<()>,
) -> io::Result<Report> {
    let (mut decoder, mut timeline) = (decoder(sealed), Timeline::new());
    let mut show = |timeline: &mut Timeline, decoder: &mut Decoder| {
        while let Some(entry) = timeline.poll() {
            seen(&entry, decoder)?;
        }
        ControlFlow::Continue(())
    };
    let mut over = ControlFlow::Continue(());
    walk(from, |next| {
        let Ok(block) = next else { return ControlFlow::Break(()) };
        decoder.feed(block);
        while let Some(event) = decoder.poll() {
            timeline.feed(event);
            over = show(&mut timeline, &mut decoder);
            over?;
        }
        ControlFlow::Continue(())
    })?;
    if over.is_continue() {
        timeline.finish();
        let _over = show(&mut timeline, &mut decoder);
    }
    Ok(decoder.finish())
}
