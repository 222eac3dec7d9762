//! What a person or a script sees of a copy while `connect` makes it.

use std::time::Instant;

use deskside_protocol::text::visible;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use tokio::io::AsyncRead;

use crate::control::{Copied, CopyNews, Copying, Progress, failure};
use crate::failure::Failure;
use crate::output::{Output, size};

/// Name, bytes, rate, time left.
const BAR: &str =
    "{msg}  {bar:24}  {binary_bytes}/{binary_total_bytes}  {binary_bytes_per_sec}  {eta}";
/// The longest name beside the bar, in characters.
const NAME: usize = 32;
/// Drawn this often a second at most.
const DRAWS: u8 = 10;

/// Follows a copy to its outcome. `terminal` is whether somebody watches standard error.
///
/// # Errors
/// Why it failed; the first reason where only some files did.
pub async fn follow<R: AsyncRead + Unpin>(
    copying: &mut Copying<R>,
    output: &mut Output,
    terminal: bool,
) -> anyhow::Result<()> {
    let mut shown = Shown::new(output, terminal);
    loop {
        match copying.next().await? {
            CopyNews::Progress(progress) => shown.progress(&progress),
            CopyNews::Copied(file) => shown.copied(&file)?,
            CopyNews::Skipped { name, exit, error } => {
                shown.skipped(&name, failure(exit, error))?;
            }
            CopyNews::Broken { why } => shown.broken(&why)?,
            CopyNews::Done => return shown.done(),
            CopyNews::Failed { exit, error } => {
                shown.bar.finish_and_clear();
                return Err(failure(exit, error).into());
            }
        }
    }
}

struct Shown<'a> {
    output: &'a mut Output,
    bar: ProgressBar,
    started: Instant,
    files: u64,
    bytes: u64,
    last: Option<String>,
    skipped: u64,
    why: Option<Failure>,
}

impl<'a> Shown<'a> {
    fn new(output: &'a mut Output, terminal: bool) -> Self {
        let target = match terminal && !output.json() {
            true => ProgressDrawTarget::stderr_with_hz(DRAWS),
            false => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        // A style that cannot be read is a bar of the plain sort, and caught by the test.
        bar.set_style(style().unwrap_or_else(|_| ProgressStyle::default_bar()));
        let started = Instant::now();
        Self { output, bar, started, files: 0, bytes: 0, last: None, skipped: 0, why: None }
    }

    fn progress(&self, progress: &Progress) {
        let name = shortened(&visible(&progress.name));
        let message = match progress.files {
            0 | 1 => name,
            files => format!("{}/{files} {name}", (progress.done + 1).min(files)),
        };
        self.bar.set_message(message);
        self.bar.set_length(progress.total);
        let jumped = self.bar.position() == 0 && progress.bytes > 0;
        self.bar.set_position(progress.bytes);
        // What an earlier transfer brought is no speed of this one.
        if jumped {
            self.bar.reset_eta();
        }
    }

    fn copied(&mut self, file: &Copied) -> anyhow::Result<()> {
        self.files += 1;
        self.bytes += file.bytes;
        self.last = Some(file.name.clone());
        self.output.event(&json!({
            "event": "file",
            "name": file.name,
            "bytes": file.bytes,
            "sha256": file.sha256,
            "resumed": file.resumed,
            "seconds": file.seconds,
        }))
    }

    fn skipped(&mut self, name: &str, why: Failure) -> anyhow::Result<()> {
        self.skipped += 1;
        let event = json!({
            "event": "skipped", "name": name, "exit": why.exit.code(), "error": why.sentence,
        });
        let text = format!("not copied: {}: {}", visible(name), visible(&why.sentence));
        self.why.get_or_insert(why);
        let output = &mut *self.output;
        self.bar.suspend(|| output.show(&event, &text))
    }

    fn broken(&mut self, why: &str) -> anyhow::Result<()> {
        let event = json!({"event": "broken", "text": why});
        let output = &mut *self.output;
        self.bar.suspend(|| output.show(&event, &visible(why)))
    }

    fn done(self) -> anyhow::Result<()> {
        self.bar.finish_and_clear();
        let Self { output, files, bytes, skipped, why, .. } = self;
        let seconds = self.started.elapsed().as_secs_f64();
        let event =
            json!({"event": "copied", "files": files, "bytes": bytes, "seconds": rounded(seconds)});
        let what = match (files, &self.last) {
            (1, Some(name)) => visible(name).into_owned(),
            (files, _) => format!("{files} files"),
        };
        let text = format!("copied {what} ({}) in {seconds:.1} s", size(bytes));
        if files > 0 || skipped == 0 {
            output.show(&event, &text)?;
        } else {
            output.event(&event)?;
        }
        match (why, files, skipped) {
            (None, _, _) => Ok(()),
            // The one thing that was asked for: its own reason is the whole story.
            (Some(why), 0, 1) => Err(why.into()),
            (Some(why), _, _) => {
                let sentence = format!("{skipped} of {} were not copied", files + skipped);
                Err(Failure::new(why.exit, sentence).into())
            }
        }
    }
}

fn style() -> Result<ProgressStyle, indicatif::style::TemplateError> {
    Ok(ProgressStyle::with_template(BAR)?.progress_chars("=> "))
}

/// Milliseconds are enough.
fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

/// The end of a long path: the name itself stands there.
fn shortened(name: &str) -> String {
    let count = name.chars().count();
    if count <= NAME {
        return name.to_owned();
    }
    let end: String = name.chars().skip(count - NAME + 3).collect();
    format!("...{end}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Teller;
    use crate::failure::exit_of;
    use crate::output::tests::Buffer;
    use deskside_protocol::exit::Exit;

    fn copied(name: &str, bytes: u64) -> CopyNews {
        let sha256 = "ab".repeat(32);
        CopyNews::Copied(Copied { name: name.into(), bytes, sha256, ..Copied::default() })
    }

    fn skipped(exit: Exit) -> CopyNews {
        CopyNews::Skipped { name: "x".into(), exit: exit.code(), error: "no".into() }
    }

    /// Shows what `connect` tells through a pipe of eight bytes.
    async fn shown(told: Vec<CopyNews>, json: bool) -> (anyhow::Result<()>, String) {
        let (ours, theirs) = tokio::io::duplex(8);
        let teller = tokio::spawn(async move {
            let mut teller = Teller::new(theirs);
            for news in told {
                teller.tell(&news).await.unwrap();
            }
        });
        let buffer = Buffer::default();
        let mut output = buffer.output(json);
        let outcome = follow(&mut Copying::new(ours), &mut output, false).await;
        teller.await.unwrap();
        (outcome, buffer.text())
    }

    #[test]
    fn the_bar_can_be_drawn() {
        assert!(style().is_ok());
        assert_eq!(shortened("a/b.txt"), "a/b.txt");
        let long = shortened(&format!("{}/end.txt", "d".repeat(90)));
        assert!(long.starts_with("...d") && long.ends_with("/end.txt"), "{long}");
        assert_eq!(long.chars().count(), NAME);
    }

    #[tokio::test]
    async fn a_script_reads_one_line_a_file_and_one_more() {
        let progress = CopyNews::Progress(Progress::default());
        let told = vec![progress, copied("a", 3), copied("b/c", 4), CopyNews::Done];
        let (outcome, text) = shown(told, true).await;
        outcome.unwrap();
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0]["event"], "file");
        assert_eq!((&lines[1]["name"], &lines[1]["bytes"]), (&json!("b/c"), &json!(4)));
        assert_eq!(lines[0]["resumed"], 0);
        assert_eq!(lines[2]["event"], "copied");
        assert_eq!((&lines[2]["files"], &lines[2]["bytes"]), (&json!(2), &json!(7)));
    }

    #[tokio::test]
    async fn a_pipe_sees_no_bar() {
        let progress = CopyNews::Progress(Progress { name: "a".into(), ..Progress::default() });
        let (outcome, text) =
            shown(vec![progress, copied("a\u{1b}", 3), CopyNews::Done], false).await;
        outcome.unwrap();
        assert!(text.starts_with("copied a\u{fffd} (3 B) in "), "{text}");
        assert_eq!(text.lines().count(), 1);
    }

    #[tokio::test]
    async fn what_was_left_out_decides_the_exit_code() {
        let (outcome, text) = shown(vec![skipped(Exit::NotFound), CopyNews::Done], false).await;
        let error = outcome.unwrap_err();
        assert_eq!((exit_of(&error), error.to_string().as_str()), (Exit::NotFound, "no"));
        assert_eq!(text, "not copied: x: no\n");

        let told = vec![copied("a", 1), skipped(Exit::Refused), CopyNews::Done];
        let error = shown(told, true).await.0.unwrap_err();
        assert_eq!(exit_of(&error), Exit::Refused);
        assert_eq!(error.to_string(), "1 of 2 were not copied");
    }

    #[tokio::test]
    async fn a_failed_copy_and_a_lost_session_have_their_exit_codes() {
        let failed = CopyNews::Failed { exit: Exit::Refused.code(), error: "no".into() };
        assert_eq!(exit_of(&shown(vec![failed], true).await.0.unwrap_err()), Exit::Refused);
        let broken = CopyNews::Broken { why: "the line died".into() };
        let (outcome, text) = shown(vec![broken], true).await;
        assert_eq!(exit_of(&outcome.unwrap_err()), Exit::EndedByPeer);
        assert!(text.contains("the line died"), "{text}");
    }
}
