//! Questions in the terminal: plain words, one letter to answer, no key that allows by accident.

use std::fmt::Write as _;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use deskside_protocol::grant::{Grant, GrantSet};
use deskside_protocol::text::visible;
use tokio::time::timeout;

use super::{
    ANSWER_TIME, Answer, Asker, Asking, Direction, Keyboard, Listing, Question, Standing, Visitor,
};
use crate::events::{Event, Show};
use crate::texts::Texts;

const RULE: &str = "  ------------------------------------------------------------";
/// Letters of a line, without its indentation: 80 columns.
const WIDTH: usize = 76;

/// What can be typed, and how it is asked for.
struct Choices {
    words: &'static str,
    prompt: &'static str,
    /// "Always" is one of them.
    always: bool,
}

const SESSION: Choices =
    Choices { words: "terminal-choices", prompt: "terminal-type", always: false };
const ONCE: Choices =
    Choices { words: "terminal-choices-once", prompt: "terminal-type-once", always: true };

/// Asks in a terminal.
pub struct Terminal<W> {
    keyboard: Arc<Keyboard>,
    out: Mutex<W>,
    texts: Arc<Texts>,
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
    /// Questions go to `out`, answers come from `keyboard`.
    pub fn new(keyboard: Arc<Keyboard>, out: W, texts: Arc<Texts>) -> Self {
        Self { keyboard, out: Mutex::new(out), texts, show: None }
    }

    /// Tells `show` of each question as well, for scripts: once it can be answered.
    #[must_use]
    pub fn telling(self, show: Arc<Show>) -> Self {
        Self { show: Some(show), ..self }
    }

    /// A sentence of its own.
    fn say(&self, key: &'static str) {
        self.print(&format!("  {}\n\n", self.texts.say(key)));
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
            self.print(&format!("  {} ", self.texts.say(choices.prompt)));
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
            self.print(&Wording::of(question, choices, &self.texts).text);
            if let Some(show) = &self.show {
                show.tell(&Event::Question { question });
            }
            let mut withdrawn = Withdrawn { terminal: self, answered: false };
            let answer = timeout(ANSWER_TIME, self.answer(choices)).await;
            withdrawn.answered = true;
            let (answer, words) = match answer {
                Ok(Answer::Allow) => (Answer::Allow, "terminal-allowed"),
                Ok(Answer::Always) => (Answer::Always, "terminal-allowed-always"),
                Ok(Answer::Refuse) => (Answer::Refuse, "terminal-refused"),
                Ok(Answer::NotAsked) => (Answer::NotAsked, "terminal-not-asked"),
                Err(_) => {
                    self.print("\n");
                    (Answer::Refuse, "terminal-late")
                }
            };
            self.say(words);
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
            self.terminal.print("\n");
            self.terminal.say("terminal-withdrawn");
        }
    }
}

const fn choices(question: &Question<'_>) -> &'static Choices {
    match question {
        Question::Opening { .. } | Question::More { once: false, .. } => &SESSION,
        Question::More { once: true, .. } | Question::Files { .. } => &ONCE,
    }
}

/// A question as it is printed.
struct Wording<'a> {
    texts: &'a Texts,
    text: String,
}

impl<'a> Wording<'a> {
    fn of(question: &Question<'_>, choices: &Choices, texts: &'a Texts) -> Self {
        let mut wording = Self { texts, text: format!("\n{RULE}\n") };
        match question {
            Question::Opening { visitor, grants } => wording.opening(visitor, *grants),
            Question::More { visitor, grant, what, .. } => wording.more(visitor, *grant, what),
            Question::Files { visitor, files } => wording.files(visitor, files),
        }
        wording.text.push('\n');
        wording.paragraph(&texts.say(choices.words));
        wording.text.push_str(RULE);
        wording.text.push('\n');
        wording
    }

    fn opening(&mut self, visitor: &Visitor, grants: GrantSet) {
        self.paragraph(&self.texts.say("ask-title"));
        self.text.push('\n');
        self.card(visitor);
        for (index, grant) in grants.iter().enumerate() {
            let label = if index == 0 { "ask-wants" } else { "" };
            self.row(label, &self.texts.grant(grant));
        }
        self.text.push('\n');
        self.paragraph(&self.texts.say("scam-title"));
        self.paragraph(&self.texts.say("terminal-scam"));
    }

    fn more(&mut self, visitor: &Visitor, grant: Grant, what: &str) {
        let (name, wish) = (visible(&visitor.name), self.texts.grant(grant));
        self.paragraph(&self.texts.with("more-title", &[("name", &name), ("wish", &wish)]));
        self.text.push('\n');
        self.card(visitor);
        if !what.is_empty() {
            self.row("more-what", &visible(what));
        }
        self.text.push('\n');
        self.paragraph(&self.texts.say("more-lead"));
    }

    fn files(&mut self, visitor: &Visitor, files: &Listing) {
        let (title, place) = match files.direction {
            Direction::Received => ("files-in-title", "terminal-into"),
            Direction::Sent => ("files-out-title", "terminal-out-of"),
        };
        self.paragraph(&self.texts.with(title, &[("name", &visible(&visitor.name))]));
        self.text.push('\n');
        self.card(visitor);
        self.row(place, &visible(&files.folder));
        for (index, (name, bytes)) in files.named.iter().enumerate() {
            let label = if index == 0 { "terminal-files" } else { "" };
            self.row(label, &format!("{} ({})", visible(name), self.texts.size(*bytes)));
        }
        let rest = (files.more > 0).then(|| self.texts.count("files-more", files.more, &[]));
        let sum = self.texts.with("files-size", &[("size", &self.texts.size(files.bytes))]);
        if files.more > 0 || files.named.len() > 1 {
            let label = if files.named.is_empty() { "terminal-files" } else { "" };
            self.row(label, &rest.into_iter().chain([sum]).collect::<Vec<_>>().join(", "));
        }
        self.text.push('\n');
        self.paragraph(&self.texts.say("files-lead"));
    }

    fn card(&mut self, visitor: &Visitor) {
        let name = format!("{} ({})", visible(&visitor.name), visible(&visitor.login));
        self.row("terminal-who", &name);
        self.row("terminal-from", &visible(&visitor.organisation));
        match visitor.standing {
            Standing::Known => {}
            Standing::New => self.row("", &self.texts.say("ask-new")),
            Standing::NameOfAnother => {
                self.row("", &self.texts.say("ask-name-of-another").to_uppercase());
            }
        }
        let ticket = format!("{}: {}", visible(&visitor.ticket), visible(&visitor.subject));
        self.row("ask-ticket", &ticket);
    }

    /// A label by its key, or none, and what it is about.
    fn row(&mut self, label: &'static str, value: &str) {
        let label = match label {
            "" => String::new(),
            label => format!("{}:", self.texts.say(label)),
        };
        self.push(format_args!("    {label:<14} {value}\n"));
    }

    /// Broken into lines between words.
    fn paragraph(&mut self, text: &str) {
        let mut column = 0;
        for word in text.split(' ') {
            let length = word.chars().count();
            match column {
                0 => self.push(format_args!("  {word}")),
                _ if column + 1 + length > WIDTH => {
                    self.push(format_args!("\n  {word}"));
                    column = 0;
                }
                _ => self.push(format_args!(" {word}")),
            }
            column += usize::from(column > 0) + length;
        }
        self.text.push('\n');
    }

    fn push(&mut self, what: std::fmt::Arguments<'_>) {
        // Writing to a String does not fail.
        self.text.write_fmt(what).unwrap_or_default();
    }
}

#[cfg(test)]
#[path = "terminal_tests.rs"]
mod tests;
