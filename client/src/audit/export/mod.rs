//! `deskside audit export`: a recording made into something that other people's programs show. What
//! is written is there whole or not at all; what each form holds stands in its own room.

mod apng;
mod canvas;
mod capture;
mod cast;
mod film;
mod html;
mod jsonl;
mod matroska;
mod moment;
mod pcapng;
mod saving;
mod screen;
mod span;
mod spool;
mod words;

use deskside_protocol::exit::Exit;
use deskside_protocol::log::leaf::Access;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use saving::Out;
use screen::Sight;
use serde_json::{Value, json};

use super::source::Source;
use super::tape::Tape;
use crate::cli::{ExportArgs, Form, SpanArgs};
use crate::failure::Failure;
use crate::home::Home;
use crate::output::{Output, size};

pub(super) use saving::{Saved, saved_from};
pub(super) use span::Span;
pub(super) use words::{event, instant};

/// How far the recording was read.
const BAR: &str = "{msg}  {bar:24}  {binary_bytes}/{binary_total_bytes}  {eta}";
/// Drawn this often a second at most.
const DRAWS: u8 = 10;

/// What was written.
struct Made {
    /// More of it for a script.
    event: Value,
    /// More of it for a person.
    words: String,
}

/// Makes what `args` wish. `terminal` is whether somebody watches standard error.
///
/// # Errors
/// Exit 2 for a wish that has no sense, 5 where what is wished is not in the recording, 7 where it
/// cannot be read.
pub async fn export(
    args: ExportArgs,
    home: &Home,
    output: &mut Output,
    terminal: bool,
) -> anyhow::Result<()> {
    let form = formed(&args)?;
    let source = Source::find(&args.source, home, Access::Export).await?;
    let bar = bar(terminal && !output.json());
    let (wish, path) = (args.source.clone(), args.output.clone());
    let making =
        saved_from(source, wish, home, (&path, bar), move |tape, out| make(form, tape, &args, out));
    let Saved { made, bytes, warning } = making.await?;
    let mut event = json!({"event": "exported", "path": path, "bytes": bytes, "as": form.word()});
    if let (Some(event), Value::Object(more)) = (event.as_object_mut(), made.event) {
        event.extend(more);
        event.insert("warning".to_owned(), warning.clone().into());
    }
    let text = format!("saved {} ({}){}", path.display(), size(bytes), made.words);
    output.show(&event, &text)?;
    output.text(&warning.map(|warning| format!("WARNING: {warning}")).unwrap_or_default())
}

/// The form that is wished, and whether the rest goes with it.
fn formed(args: &ExportArgs) -> anyhow::Result<Form> {
    let usage = |sentence: String| anyhow::Error::from(Failure::new(Exit::Usage, sentence));
    let form = args.form.or_else(|| Form::of_name(&args.output)).ok_or_else(|| {
        usage("the ending of the file's name is that of no form: say it with --as".to_owned())
    })?;
    let parted = args.span.from.is_some() || args.span.to.is_some();
    if form == Form::Pcapng && parted {
        let sentence = "a capture begins with its first packet, else its keys open nothing: leave \
                        --from and --to out";
        return Err(usage(sentence.to_owned()));
    }
    if form == Form::Png && parted || form != Form::Png && args.at.is_some() {
        return Err(usage("--at is for png, and --from and --to are for the rest".to_owned()));
    }
    Ok(form)
}

fn make(form: Form, tape: &Tape, args: &ExportArgs, out: &mut Out) -> anyhow::Result<Made> {
    let span = || spanned(tape, args.span);
    let sight = || anyhow::Ok(Sight { span: span()?, cursor: !args.no_cursor, dims: true });
    Ok(match form {
        Form::Jsonl => counted("happenings", jsonl::write(tape, span()?, out)?),
        Form::Cast => counted("commands", cast::write(tape, span()?, out)?),
        Form::Png => {
            let (began, ended) = tape.report().times_us.unwrap_or_default();
            let at = args.at.map_or(ended, |at| at.resolved(began));
            let (width, height) = moment::write(tape, at, !args.no_cursor, out)?;
            let event = json!({"width": width, "height": height, "at": instant(at)});
            Made { event, words: format!(": {width} x {height}") }
        }
        Form::Apng => counted("pictures", apng::write(tape, sight()?, out)?.into()),
        Form::Mp4 | Form::Webm => {
            counted("pictures", film::write(tape, sight()?, form, out.get_ref().path())?)
        }
        Form::Html => {
            let html::Counts { happenings, pictures } = html::write(tape, sight()?, out)?;
            let words =
                format!(": {happenings} happenings, {pictures} pictures, the recording in it");
            Made { event: json!({"happenings": happenings, "pictures": pictures}), words }
        }
        Form::Pcapng => {
            let (packets, left_out) = pcapng::write(tape, out)?;
            let words = format!(": {packets} packets; {left_out} that say nothing are left out");
            Made { event: json!({"packets": packets, "left_out": left_out}), words }
        }
    })
}

fn counted(what: &str, count: u64) -> Made {
    Made { event: json!({what: count}), words: format!(": {count} {what}") }
}

/// The part that is wished.
pub(super) fn spanned(tape: &Tape, args: SpanArgs) -> anyhow::Result<Span> {
    let times = tape.report().times_us.unwrap_or_default();
    let none = || {
        let (began, ended) = (instant(times.0), instant(times.1));
        let sentence =
            format!("nothing of that time is in the recording, which is of {began} to {ended}");
        Failure::new(Exit::NotFound, sentence)
    };
    Ok(Span::new(args.from, args.to, times).ok_or_else(none)?)
}

pub(super) fn bar(shown: bool) -> ProgressBar {
    let target = match shown {
        true => ProgressDrawTarget::stderr_with_hz(DRAWS),
        false => ProgressDrawTarget::hidden(),
    };
    let bar = ProgressBar::with_draw_target(Some(0), target).with_message("reading");
    // A style that cannot be read is a bar of the plain sort.
    bar.set_style(
        ProgressStyle::with_template(BAR).unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    bar
}
