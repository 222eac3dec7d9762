//! `deskside audit replay`: one recording as a page in the browser of this computer. It can be looked
//! at while it is still being read.

use std::net::Ipv4Addr;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use deskside_protocol::log::leaf::Access;
use deskside_protocol::recording::verify::Facts;
use deskside_protocol::text::visible;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::intervals;
use super::source::Source;
use super::tape::Tape;
use super::verdict::Judgement;
use crate::browser;
use crate::cli::ReplayArgs;
use crate::home::Home;
use crate::output::{Output, minute};
use crate::player::{Interval, Reading, Served, Stage, Verdict};

/// Serves the page until it has gone, or until `stop`.
///
/// # Errors
/// What keeps the recording from being read, see [`Tape::open`]; the relay's refusal.
pub async fn replay(
    args: ReplayArgs,
    home: &Home,
    output: &mut Output,
    stop: impl Future<Output = ()> + Send,
) -> anyhow::Result<()> {
    let source = Source::find(&args.source, home, Access::Replay).await?;
    let (source_args, own) = (args.source.clone(), home.clone());
    let opening = tokio::task::spawn_blocking(move || {
        let tape = source.tape(&source_args, &own)?;
        // A copy from the relay goes when all is over.
        anyhow::Ok((tape, source))
    });
    let (tape, source) = opening.await.context("open a recording")??;
    let times_us = tape.report().times_us.unwrap_or_default();
    let first = words(&tape.judgement(&args.source, home, None)?, Vec::new());
    let stage = Stage::new(times_us, title(&tape), first).context("make room for a replay")?;
    let stage = Arc::new(stage);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("serve a page")?;
    let served = Served::new(listener, stage.clone())?;
    let at = args.at.map(|at| at.resolved(times_us.0).saturating_sub(times_us.0));
    let there = |url: &str| at.map_or_else(|| url.to_owned(), |at| format!("{url}#at={at}"));
    let url = there(&served.url);
    output.show(&json!({"event": "replay", "url": url}), &told(&url))?;
    if !args.no_browser && !output.json() {
        // The address of the page is in nobody's list of processes.
        browser::open(&there(&served.once));
    }
    let stopped = Arc::new(AtomicBool::new(false));
    let reading = {
        let (stage, stopped, source_args) = (stage.clone(), stopped.clone(), args.source.clone());
        let home = home.clone();
        tokio::task::spawn_blocking(move || {
            if let Err(error) = read(&tape, &stage, &stopped, &source_args, &home) {
                let error = format!("{error:#}");
                tracing::error!(error, "the recording was not read to its end");
                stage.fail(visible(&error).into_owned());
            }
        })
    };
    let served = served.run(stop).await;
    stopped.store(true, Ordering::Relaxed);
    reading.await.context("read a recording")?;
    drop(source);
    served
}

fn told(url: &str) -> String {
    format!(
        "The replay is at\n\n  {url}\n\nfor this computer only, until its page is closed, or Ctrl-C."
    )
}

/// Reads all of it onto the stage.
fn read(
    tape: &Tape,
    stage: &Stage,
    stopped: &AtomicBool,
    args: &crate::cli::SourceArgs,
    home: &Home,
) -> anyhow::Result<()> {
    let mut reading = Reading::new(stage);
    let mut taken = Ok(());
    let contents = tape.read(|entry| {
        taken = reading.take(entry);
        let go_on = taken.is_ok() && !stopped.load(Ordering::Relaxed);
        if go_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    taken.context("keep a replay")?;
    if stopped.load(Ordering::Relaxed) {
        return Ok(());
    }
    let report = contents.report().clone();
    let intervals = intervals::of(&report).iter().map(shown).collect();
    let verdict = words(&tape.judgement(args, home, Some(contents))?, intervals);
    reading.finish(&report, verdict).context("keep a replay")
}

/// As the page's track shows it.
const fn shown(one: &intervals::Interval) -> Interval {
    Interval { from_us: one.from_us, to_us: one.to_us, word: one.fit.word() }
}

fn words(judgement: &Judgement, intervals: Vec<Interval>) -> Verdict {
    Verdict {
        word: judgement.word().as_str().to_owned(),
        sound: judgement.is_sound(),
        sentences: judgement.sentences(),
        intervals,
    }
}

/// Whose session it is, for the top of the page.
fn title(tape: &Tape) -> Value {
    let Some(facts) = &tape.report().facts else {
        return json!({"session": "", "subject": "", "people": ""});
    };
    json!({
        "session": facts.session().to_string(),
        "subject": visible(&facts.technician.join.subject),
        "people": people(facts),
    })
}

fn people(facts: &Facts) -> String {
    let (ticket, technician) = (&facts.technician.join.ticket, &facts.certificate);
    let name = visible(&technician.name);
    let organisation = visible(&technician.organisation);
    let opened = minute(facts.opened_us / 1_000_000);
    format!("Ticket {} · {name}, {organisation} · {opened} UTC", visible(ticket))
}
