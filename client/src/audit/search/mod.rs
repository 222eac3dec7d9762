//! `deskside audit search`: words in what was said, typed, run and copied, in one recording or in
//! many. Nothing is kept of what is read.

mod held;

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use deskside_protocol::exit::Exit;
use deskside_protocol::log::leaf::Access;
use deskside_protocol::session::{End, SessionId};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use super::list::Wanted;
use super::source::Source;
use crate::cli::{SearchArgs, SourceArgs};
use crate::failure::{Failure, OrExit as _, exit_of};
use crate::home::Home;
use crate::output::{Output, moment};
use crate::seek::{Hit, Seeker, Text};

/// Recordings of one folder at the most.
const MAX_FILES: usize = 100_000;
/// Lines of one recording at the most: with some 700 bytes each 7 MB.
const MAX_HITS: usize = 10_000;
/// How often one recording is asked for.
const TRIES: u32 = 4;
/// And after what time again: by then the relay has forgiven 20 requests.
const PAUSE: Duration = Duration::from_secs(20);
/// What a recording's file is called.
const ENDING: &str = "dsr";
/// Which of them is read.
const BAR: &str = "{msg}  {pos}/{len}";

/// Looks through all places. `terminal` is whether somebody watches standard error. Gives the exit
/// code: 0, or 5 where nothing was found.
///
/// # Errors
/// Exit 2 for an identity that is none, 5 for a place where no recording is, 7 for a recording that
/// was named and cannot be read; the relay's refusal.
pub async fn search(
    args: SearchArgs,
    home: &Home,
    output: &mut Output,
    terminal: bool,
) -> anyhow::Result<u8> {
    if args.text.trim().is_empty() {
        return Err(Failure::new(Exit::Usage, "say what to look for").into());
    }
    let held = Wanted::from(args.held.clone());
    if !args.relay && !held.is_all() {
        let sentence =
            "--ticket, --person, --from and --to are about what the relay holds: add --relay";
        return Err(Failure::new(Exit::Usage, sentence).into());
    }
    let mut places = places(&args)?;
    if args.relay {
        places.extend(held::places(&held, home, output).await?);
    }
    let target = if terminal && !output.json() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(Some(places.len() as u64), target);
    bar.set_style(ProgressStyle::with_template(BAR).context("make a progress bar")?);
    let mut count = 0;
    for place in &places {
        bar.set_message(place.recording.clone());
        let source = source(&args, &place.recording);
        let found = match look_patiently(&source, &args, home, place.named).await {
            Ok(found) => found,
            // In a folder there may be others' recordings too; that one was left out is said.
            Err(error) if !place.named => {
                tracing::debug!(error = format!("{error:#}"), "a recording is left out");
                let why = error.to_string();
                bar.suspend(|| left_out(&place.recording, &why, output))?;
                bar.inc(1);
                continue;
            }
            Err(error) => return Err(error),
        };
        count += found.hits.len();
        bar.suspend(|| show(&found, place, output))?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    if count == 0 {
        output.text("nothing found")?;
    }
    let exit = if count == 0 { Exit::NotFound } else { Exit::Done };
    Ok(exit.code())
}

/// One recording that was named is waited for by a person.
async fn look_patiently(
    source: &SourceArgs,
    args: &SearchArgs,
    home: &Home,
    named: bool,
) -> anyhow::Result<Found> {
    if named {
        return look(source, args, home).await;
    }
    patiently(async || look(source, args, home).await).await
}

/// Tries again what a relay is too busy for, or cannot be reached for: it counts what one person asks
/// for in a minute, and there may be hundreds of recordings.
async fn patiently<T>(mut work: impl AsyncFnMut() -> anyhow::Result<T>) -> anyhow::Result<T> {
    for _ in 1..TRIES {
        match work().await {
            Err(error) if exit_of(&error) == Exit::NoConnection => {
                tracing::info!(error = format!("{error:#}"), "trying again in {PAUSE:?}");
                tokio::time::sleep(PAUSE).await;
            }
            done => return done,
        }
    }
    work().await
}

/// Says of a recording that it was not looked into.
fn left_out(recording: &str, why: &str, output: &mut Output) -> anyhow::Result<()> {
    let event = json!({"event": "left_out", "recording": recording, "why": why});
    output.show(&event, &format!("left out: {recording}: {why}"))
}

/// A recording to look into, and whether it was named itself.
struct Place {
    recording: String,
    named: bool,
}

/// The recordings of all places: of folders those in them, by name.
fn places(args: &SearchArgs) -> anyhow::Result<Vec<Place>> {
    let here = [".".to_owned()];
    let given = if args.places.is_empty() && !args.relay { &here[..] } else { &args.places };
    let mut places = Vec::new();
    for place in given {
        if !Path::new(place).is_dir() {
            places.push(Place { recording: place.clone(), named: true });
            continue;
        }
        let unreadable = format!("the folder {place} cannot be read");
        let mut files = Vec::new();
        for entry in std::fs::read_dir(place).or_exit(Exit::NotFound, unreadable.clone())? {
            let path = entry.or_exit(Exit::NotFound, unreadable.clone())?.path();
            if path.extension().is_some_and(|ending| ending == ENDING) && files.len() < MAX_FILES {
                files.push(path.to_string_lossy().into_owned());
            }
        }
        if files.is_empty() {
            let sentence = format!("there is no recording in the folder {place}");
            return Err(Failure::new(Exit::NotFound, sentence).into());
        }
        files.sort();
        places.extend(files.into_iter().map(|recording| Place { recording, named: false }));
    }
    Ok(places)
}

fn source(args: &SearchArgs, recording: &str) -> SourceArgs {
    SourceArgs { recording: recording.to_owned(), reader: args.reader.clone() }
}

/// What was found in one recording.
struct Found {
    session: String,
    technician: String,
    began_us: u64,
    hits: Vec<Hit>,
    /// There are more than these.
    more: bool,
    warning: Option<String>,
}

async fn look(source: &SourceArgs, args: &SearchArgs, home: &Home) -> anyhow::Result<Found> {
    let found = Source::find(source, home, Access::Replay).await?;
    let (source, home) = (source.clone(), home.clone());
    let mut seeker = Seeker::new(&args.text, &args.kind);
    let looking = tokio::task::spawn_blocking(move || {
        let tape = found.tape(&source, &home)?;
        let mut hits = Hits::default();
        let contents = tape.happenings(|happening| {
            if let Some(text) = Text::of(happening) {
                seeker.take(&text, |hit| hits.push(hit));
            }
            Ok(())
        })?;
        seeker.finish(|hit| hits.push(hit));
        let Hits { mut hits, more } = hits;
        hits.sort_by_key(|hit| hit.time_us);
        let judged = tape.judgement(&source, &home, Some(contents))?;
        let report = tape.report();
        let facts = report.facts.as_ref();
        anyhow::Ok(Found {
            session: facts.map(|facts| facts.session().to_string()).unwrap_or_default(),
            technician: facts.map(|facts| facts.certificate.name.clone()).unwrap_or_default(),
            began_us: report.times_us.map_or(0, |(began, _)| began),
            hits,
            more,
            warning: (!judged.is_sound()).then(|| judged.sentences().join(" ")),
        })
    });
    looking.await.context("look into a recording")?
}

/// Lines that have the words in them.
#[derive(Debug, Default)]
struct Hits {
    hits: Vec<Hit>,
    /// There are more than these.
    more: bool,
}

impl Hits {
    fn push(&mut self, hit: Hit) {
        if self.hits.len() < MAX_HITS {
            self.hits.push(hit);
        } else {
            self.more = true;
        }
    }
}

fn show(found: &Found, place: &Place, output: &mut Output) -> anyhow::Result<()> {
    if let Some(warning) = &found.warning
        && !found.hits.is_empty()
    {
        output.show(
            &json!({"event": "warning", "recording": place.recording, "session": found.session, "warning": warning}),
            &format!("WARNING: {}: {warning}", place.recording),
        )?;
    }
    for hit in &found.hits {
        let at = position(hit.time_us.saturating_sub(found.began_us));
        let time = moment(hit.time_us / 1_000_000);
        let who = if hit.from == End::Technician { found.technician.as_str() } else { "user" };
        let event = json!({
            "event": "hit",
            "recording": place.recording,
            "session": found.session,
            "time": time,
            "at": at,
            "by": hit.from.to_string(),
            "kind": hit.kind.word(),
            "line": hit.line,
        });
        let who = deskside_protocol::text::visible(who);
        let text =
            format!("{} {time} {at} {who}, {}: {}", place.shown(found), hit.kind.word(), hit.line);
        output.show(&event, &text)?;
    }
    if found.more {
        let event =
            json!({"event": "more", "recording": place.recording, "session": found.session});
        let text = format!("{} has more than these {MAX_HITS} lines", place.shown(found));
        output.show(&event, &text)?;
    }
    Ok(())
}

impl Place {
    /// The file, or the session where one was named.
    fn shown(&self, found: &Found) -> String {
        match self.recording.parse::<SessionId>() {
            Ok(session) => session.to_string(),
            Err(_) if self.recording.is_empty() => found.session.clone(),
            Err(_) => self.recording.clone(),
        }
    }
}

/// Microseconds since the beginning, as `--at` takes them.
fn position(since_us: u64) -> String {
    let (seconds, thousandths) = (since_us / 1_000_000, since_us / 1_000 % 1_000);
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    format!("{hours}:{minutes:02}:{:02}.{thousandths:03}", seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Time;
    use crate::cli::{AuditCommand, Cli, Command};
    use clap::Parser as _;

    #[test]
    fn positions_are_those_that_a_replay_takes() {
        for us in [0, 1_000, 59_999_000, 3_600_000_000, 90_061_234_000] {
            assert_eq!(position(us).parse(), Ok(Time::Since(us)));
        }
    }

    #[test]
    fn of_too_many_lines_the_first_are_kept() {
        let hit = |time_us| Hit {
            of: 0,
            time_us,
            from: End::Agent,
            kind: crate::seek::Kind::Chat,
            way: 0,
            line: String::new(),
        };
        let mut hits = Hits::default();
        (0..MAX_HITS as u64).for_each(|time_us| hits.push(hit(time_us)));
        assert_eq!((hits.hits.len(), hits.more), (MAX_HITS, false));
        hits.push(hit(u64::MAX));
        assert_eq!((hits.hits.len(), hits.more), (MAX_HITS, true));
        assert_eq!(hits.hits.last(), Some(&hit(MAX_HITS as u64 - 1)));
    }

    fn search_args(words: &[&str]) -> SearchArgs {
        let line = [&["deskside", "audit", "search", "text"], words].concat();
        let cli = Cli::try_parse_from(line).unwrap();
        let Command::Audit(AuditCommand::Search(args)) = cli.command else { unreachable!() };
        args
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_relay_is_asked_again_and_not_for_ever() {
        let began = tokio::time::Instant::now();
        let mut left = 2;
        let done = patiently(async || {
            left -= 1;
            if left >= 0 { Err(Failure::new(Exit::NoConnection, "busy").into()) } else { Ok(left) }
        });
        assert_eq!((done.await.unwrap(), began.elapsed()), (-1, 2 * PAUSE));
        for (exit, tries) in [(Exit::NoConnection, TRIES), (Exit::NotFound, 1)] {
            let mut tried = 0;
            let failed = patiently(async || {
                tried += 1;
                anyhow::Result::<()>::Err(Failure::new(exit, "no").into())
            });
            assert_eq!(exit_of(&failed.await.unwrap_err()), exit);
            assert_eq!(tried, tries);
        }
    }

    #[test]
    fn with_the_relays_ones_this_folder_is_not_meant() {
        assert!(places(&search_args(&["--relay", "--reason", "why"])).unwrap().is_empty());
    }

    #[test]
    fn folders_have_their_recordings_in_order_of_name() {
        let folder = tempfile::tempdir().unwrap();
        let given = [folder.path().to_str().unwrap().to_owned(), "other.dsr".to_owned()];
        let args =
            |words: &[&str]| search_args(&[words, &given.each_ref().map(String::as_str)].concat());
        let error = places(&args(&["--in"])).err().unwrap();
        assert_eq!(exit_of(&error), Exit::NotFound);
        for name in ["b.dsr", "a.dsr", "a.dsr.proof", "c.txt"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let places = places(&args(&["--in"])).unwrap();
        let names =
            places.iter().map(|place| (place.recording.rsplit('/').next().unwrap(), place.named));
        assert_eq!(
            names.collect::<Vec<_>>(),
            [("a.dsr", false), ("b.dsr", false), ("other.dsr", true)]
        );
    }
}
