//! Questions in the terminal: plain words, one letter to answer, no key that allows by accident.

use std::fmt::Write as _;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use deskside_files::Size;
use deskside_protocol::text::visible;
use tokio::time::timeout;

use super::{
    ANSWER_TIME, Answer, Asker, Asking, Keyboard, Listing, Question, Standing, Visitor, in_words,
};
use crate::events::{Direction, Event, Show};

const RULE: &str = "  ------------------------------------------------------------";
const WARNING: &str = "  Only continue if you called this help desk yourself.\n  \
    Did somebody call you, or did a message on the screen tell you to call?\n  \
    Then it is probably a fraud: type x.\n";
/// What can be typed, and how it is asked for.
struct Choices {
    words: &'static str,
    prompt: &'static str,
    /// "Always" is one of them.
    always: bool,
}

const SESSION: Choices = Choices {
    words: "  y = Allow     n = Refuse     x = I did not ask for this\n",
    prompt: "  Type y, n or x, then press Enter: ",
    always: false,
};
const ONCE: Choices = Choices {
    words: "  y = Allow this once     a = Allow always in this session\n  \
        n = Refuse              x = I did not ask for this\n",
    prompt: "  Type y, a, n or x, then press Enter: ",
    always: true,
};

/// Asks in a terminal.
pub struct Terminal<W> {
    keyboard: Arc<Keyboard>,
    out: Mutex<W>,
    /// Hears of each question, once it can be answered.
    show: Option<Arc<Show>>,
}

impl<W> std::fmt::Debug for Terminal<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Terminal").finish_non_exhaustive()
    }
}

impl<W: Write + Send> Terminal<W> {
    /// Questions go to `out`, answers come from `keyboard`.
    pub fn new(keyboard: Arc<Keyboard>, out: W) -> Self {
        Self { keyboard, out: Mutex::new(out), show: None }
    }

    /// Tells `show` of each question as well, for scripts: once it can be answered.
    #[must_use]
    pub fn telling(self, show: Arc<Show>) -> Self {
        Self { show: Some(show), ..self }
    }

    fn print(&self, text: &str) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            tracing::debug!(%error, "cannot print a question");
        }
    }

    /// Reads lines until one is an answer. No more lines is a refusal.
    async fn answer(&self, choices: &Choices) -> Answer {
        loop {
            self.print(choices.prompt);
            let Some(line) = self.keyboard.line().await else { return Answer::Refuse };
            match line.to_lowercase().as_str() {
                "y" | "yes" => return Answer::Allow,
                "n" | "no" => return Answer::Refuse,
                "a" | "always" if choices.always => return Answer::Always,
                "x" => return Answer::NotAsked,
                _ => {}
            }
        }
    }
}

impl<W: Write + Send> Asker for Terminal<W> {
    fn ask<'a>(&'a self, question: &'a Question<'a>) -> Asking<'a> {
        Box::pin(async move {
            let _floor = self.keyboard.question();
            self.keyboard.forget().await;
            let choices = choices(question);
            self.print(&wording(question, choices));
            if let Some(show) = &self.show {
                show.tell(&Event::Question { question });
            }
            let mut withdrawn = Withdrawn { terminal: self, answered: false };
            let answer = timeout(ANSWER_TIME, self.answer(choices)).await;
            withdrawn.answered = true;
            let (answer, words) = match answer {
                Ok(Answer::Allow) => (Answer::Allow, "  Allowed.\n\n"),
                Ok(Answer::Always) => (Answer::Always, "  Allowed for this session.\n\n"),
                Ok(Answer::Refuse) => (Answer::Refuse, "  Refused.\n\n"),
                Ok(Answer::NotAsked) => (Answer::NotAsked, "  Refused. Well done.\n\n"),
                Err(_) => (Answer::Refuse, "\n  No answer for a minute: refused.\n\n"),
            };
            self.print(words);
            answer
        })
    }
}

/// Tells the user when a question no longer wants an answer.
struct Withdrawn<'a, W: Write + Send> {
    terminal: &'a Terminal<W>,
    answered: bool,
}

impl<W: Write + Send> Drop for Withdrawn<'_, W> {
    fn drop(&mut self) {
        if !self.answered {
            self.terminal.print("\n  That question was withdrawn.\n\n");
        }
    }
}

const fn choices(question: &Question<'_>) -> &'static Choices {
    match question {
        Question::Opening { .. } | Question::More { once: false, .. } => &SESSION,
        Question::More { once: true, .. } | Question::Files { .. } => &ONCE,
    }
}

fn wording(question: &Question<'_>, choices: &Choices) -> String {
    let mut text = format!("\n{RULE}\n");
    match question {
        Question::Opening { visitor, grants } => {
            text.push_str("  Somebody wants to help you with this computer.\n\n");
            card(&mut text, visitor);
            for (index, grant) in grants.iter().enumerate() {
                let label = if index == 0 { "Wants to:" } else { "" };
                row(&mut text, label, in_words(grant));
            }
            text.push('\n');
            text.push_str(WARNING);
        }
        Question::More { visitor, grant, what, .. } => {
            let name = visible(&visitor.name);
            push(&mut text, format_args!("  {name} also wants to {}.\n\n", in_words(*grant)));
            card(&mut text, visitor);
            if !what.is_empty() {
                row(&mut text, "What for:", what);
            }
            text.push_str("\n  Only allow it if you expect this.\n");
        }
        Question::Files { visitor, files } => {
            let name = visible(&visitor.name);
            let wants = match files.direction {
                Direction::Received => "send files to this computer",
                Direction::Sent => "fetch files from this computer",
            };
            push(&mut text, format_args!("  {name} wants to {wants}.\n\n"));
            card(&mut text, visitor);
            listing(&mut text, files);
            text.push_str("\n  Only allow it if you expect this. Nothing is opened by itself.\n");
        }
    }
    push(&mut text, format_args!("\n{}{RULE}\n", choices.words));
    text
}

fn listing(text: &mut String, files: &Listing) {
    let place = match files.direction {
        Direction::Received => "Into:",
        Direction::Sent => "Out of:",
    };
    row(text, place, &visible(&files.folder));
    for (index, (name, bytes)) in files.named.iter().enumerate() {
        let label = if index == 0 { "Files:" } else { "" };
        row(text, label, &format!("{} ({})", visible(name), Size(*bytes)));
    }
    if files.more > 0 || files.named.len() > 1 {
        row(text, if files.named.is_empty() { "Files:" } else { "" }, &files.rest());
    }
}

fn card(text: &mut String, visitor: &Visitor) {
    let name = format!("{} ({})", visible(&visitor.name), visible(&visitor.login));
    row(text, "Who:", &name);
    row(text, "From:", &visible(&visitor.organisation));
    match visitor.standing {
        Standing::Known => {}
        Standing::New => row(text, "", "not known to this computer"),
        Standing::NameOfAnother => {
            row(text, "", "NOT KNOWN TO THIS COMPUTER, and it uses the name of one that is!");
        }
    }
    let ticket = format!("{}: {}", visible(&visitor.ticket), visible(&visitor.subject));
    row(text, "Ticket:", &ticket);
}

fn row(text: &mut String, label: &str, value: &str) {
    push(text, format_args!("    {label:<10} {value}\n"));
}

fn push(text: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing to a String does not fail.
    text.write_fmt(what).unwrap_or_default();
}

#[cfg(test)]
#[path = "terminal_tests.rs"]
mod tests;
