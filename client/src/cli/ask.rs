//! Where a code or token comes from: an argument, standard input, or a question on the terminal.

use std::io::{self, BufRead, IsTerminal as _, Read as _, Write as _};

use anyhow::Context as _;
use deskside_protocol::exit::Exit;
use zeroize::Zeroizing;

use crate::failure::Failure;

/// The longest line that is read for a code, a token or a note, in bytes.
const MAX_LINE: u64 = 16 * 1024;

/// Standard input, as far as questions go.
#[allow(missing_debug_implementations, reason = "a reader has nothing to show")]
pub struct Input<'a> {
    /// What is typed or piped.
    pub from: &'a mut dyn BufRead,
    /// Where a question is asked, if somebody is there to answer it.
    pub prompt: Option<&'a mut dyn io::Write>,
}

/// The text behind `argument`: itself, a line of standard input for `-`, the answer to `question`
/// where there is none and a person sits at the terminal.
///
/// # Errors
/// Exit 2 where there is neither argument nor terminal, or the answer is empty.
pub fn ask(
    argument: Option<String>,
    question: &str,
    input: &mut Input<'_>,
) -> anyhow::Result<Zeroizing<String>> {
    match argument.map(Zeroizing::new) {
        Some(text) if text.as_str() != "-" => return Ok(text),
        Some(_) => {}
        None => match input.prompt.as_mut() {
            Some(prompt) => {
                write!(prompt, "{question}: ").and_then(|()| prompt.flush()).context("ask")?;
            }
            None => {
                let what = format!(
                    "no {question} given: write it as an argument, or - to read it from standard input"
                );
                return Err(Failure::new(Exit::Usage, what).into());
            }
        },
    }
    let mut line = Zeroizing::new(String::new());
    input.from.take(MAX_LINE).read_line(&mut line).context("read standard input")?;
    let text = Zeroizing::new(line.trim().to_owned());
    if text.is_empty() {
        return Err(Failure::new(Exit::Usage, format!("no {question} on standard input")).into());
    }
    Ok(text)
}

/// [`ask`] at the real standard input; questions go to standard error, so that `--json` stays clean.
///
/// # Errors
/// As [`ask`].
pub(super) fn ask_person(
    argument: Option<String>,
    question: &str,
) -> anyhow::Result<Zeroizing<String>> {
    let stdin = io::stdin();
    let someone = stdin.is_terminal() && io::stderr().is_terminal();
    let mut stderr = io::stderr();
    let mut lock = stdin.lock();
    let prompt = someone.then_some(&mut stderr as &mut dyn io::Write);
    ask(argument, question, &mut Input { from: &mut lock, prompt })
}

/// All of standard input, for a note.
///
/// # Errors
/// Text that is not UTF-8, or over the maximum.
pub(super) fn whole_input() -> anyhow::Result<String> {
    let mut text = String::new();
    io::stdin()
        .lock()
        .take(MAX_LINE + 1)
        .read_to_string(&mut text)
        .context("read standard input")?;
    if text.len() as u64 > MAX_LINE {
        return Err(Failure::new(Exit::Usage, "a note may have 16 KiB at most").into());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::exit_of;

    fn asked(
        argument: Option<&str>,
        typed: &str,
        terminal: bool,
    ) -> (anyhow::Result<String>, String) {
        let mut prompt = Vec::new();
        let mut from = typed.as_bytes();
        let mut input = Input {
            from: &mut from,
            prompt: terminal.then_some(&mut prompt as &mut dyn io::Write),
        };
        let answer = ask(argument.map(str::to_owned), "code", &mut input);
        (answer.map(|text| text.to_string()), String::from_utf8(prompt).unwrap())
    }

    #[test]
    fn an_argument_wins_and_a_dash_reads_one_line() {
        assert_eq!(asked(Some("4821"), "", false).0.unwrap(), "4821");
        assert_eq!(asked(Some("-"), " 4821 9302\nmore", false).0.unwrap(), "4821 9302");
    }

    #[test]
    fn a_terminal_is_asked_and_a_pipe_is_not() {
        let (answer, prompt) = asked(None, "4821\n", true);
        assert_eq!((answer.unwrap().as_str(), prompt.as_str()), ("4821", "code: "));
        let (answer, prompt) = asked(None, "4821\n", false);
        assert_eq!(exit_of(&answer.unwrap_err()), Exit::Usage);
        assert_eq!(prompt, "");
    }

    #[test]
    fn nothing_at_all_is_wrong_usage() {
        assert_eq!(exit_of(&asked(Some("-"), "", false).0.unwrap_err()), Exit::Usage);
    }
}
