//! The same as a person sees it: the page in Chromium, from the moment that it is led there to the one
//! at which the picture is on the screen.

use anyhow::{Context as _, ensure};
use serde_json::json;

use super::super::Teller;
use super::super::figures::{Spread, rounded};
use crate::browser::Look;
use crate::devtools::Page;
use crate::dice::Dice;

/// The moment at which the wanted picture is on the screen, in milliseconds since the page began:
/// what was drawn is there when the frame after it begins.
const DRAWN: &str = "const frame = () => new Promise(requestAnimationFrame); \
    while (!(screen() && player.screen.shown === player.screen.wanted)) await frame(); \
    await frame(); return performance.now();";
/// Whether there is any picture.
const SCREEN: &str = "const screen = () => player.screen.shown !== null \
    && document.querySelector('canvas').width > 1;";

/// Waits until all of it was read.
const READ: &str = "new Promise((done) => { const look = () => player.whole ? done(0) \
    : setTimeout(look, 100); look(); })";
/// From here on it is known how long the program's answers took to be there.
const CLOCK: &str = "{ window.answered = 0; const own = window.fetch; window.fetch = async (to, more) => \
    { const began = performance.now(); const answer = await own(to, more); \
    if (`${to}`.startsWith('film')) { const bytes = await answer.arrayBuffer(); \
    window.answered = performance.now() - began; \
    return { ok: answer.ok, statusText: answer.statusText, arrayBuffer: async () => bytes }; } \
    return answer; }; } 0";

pub(super) fn measure(url: &str, seeks: u64, teller: Teller) -> anyhow::Result<()> {
    let mut page = Page::open(url, Look::default())?;
    page.until("player && player.screen && document.querySelector('canvas').width > 1")?;
    let first = number(&mut page, &format!("(async () => {{ {SCREEN} {DRAWN} }})()"))? / 1e3;
    teller.say(
        &json!({"figure": "first_picture_in_chromium", "seconds": rounded(first), "goal": 2}),
        &format!("in Chromium: a picture {first:.2} s after the page was asked for; goal 2"),
    );
    page.value(READ)?;
    let length = page.value("player.length")?.as_u64().unwrap_or_default();
    ensure!(length > 0, "the session has no length");
    page.value(CLOCK)?;
    let (mut dice, mut millis, mut answers) = (Dice(11), Vec::new(), Vec::new());
    for _ in 0..seeks {
        let at = dice.below(length);
        let jump = format!(
            "(async () => {{ {SCREEN} const began = performance.now(); player.go({at}); \
             const at = await (async () => {{ {DRAWN} }})(); return at - began; }})()"
        );
        millis.push(number(&mut page, &jump)?);
        answers.push(number(&mut page, "window.answered")?);
    }
    let answered = Spread::of(answers).context("there were no jumps")?.p50();
    let seeks = Spread::of(millis).context("there were no jumps")?;
    let (p50, p99, most) = (seeks.p50(), seeks.p99(), seeks.at(1.0));
    teller.say(
        &json!({"figure": "seek_in_chromium", "count": seeks.count(), "p50_ms": rounded(p50),
            "p99_ms": rounded(p99), "max_ms": rounded(most), "answer_p50_ms": rounded(answered),
            "goal_ms": 200}),
        &format!(
            "in Chromium: {} jumps until the picture is on the screen: {p50:.0} ms, p99 {p99:.0} ms, \
             at most {most:.0} ms; goal 200. The program's answer was there after {answered:.0} ms",
            seeks.count()
        ),
    );
    Ok(())
}

fn number(page: &mut Page, expression: &str) -> anyhow::Result<f64> {
    page.value(expression)?.as_f64().context("read a number from the page")
}
