//! The lines that the user types. Standard input is shared by all questions, so one thread reads it
//! for the whole program, and nobody who waits for a line blocks the runtime.

use std::io::{self, BufRead, BufReader, Read};
use std::thread;

use tokio::sync::{Mutex, mpsc, watch};

/// Bytes of one line that are kept: an answer is one letter, and a line of chat no longer than this.
pub const MAX_LINE: usize = deskside_protocol::chat::MAX_SAID;
/// Lines that may lie unread; what is typed beyond them is dropped.
const UNREAD: usize = 16;

/// Whoever waits for a line takes it from here.
#[derive(Debug)]
pub struct Keyboard {
    lines: Mutex<mpsc::Receiver<String>>,
    /// Questions that want the next line.
    questions: watch::Sender<usize>,
}

/// A question that is open: until it is dropped, lines are its answers.
#[derive(Debug)]
pub struct Floor<'a>(&'a watch::Sender<usize>);

impl Drop for Floor<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open = open.saturating_sub(1));
    }
}

impl Keyboard {
    /// Reads `input` on a thread of its own, until it ends.
    ///
    /// # Errors
    /// Where no thread can be started.
    pub fn reading(input: impl Read + Send + 'static) -> io::Result<Self> {
        let (sender, lines) = mpsc::channel(UNREAD);
        thread::Builder::new().name("keyboard".to_owned()).spawn(move || {
            let mut input = BufReader::new(input);
            while let Ok(Some(line)) = line(&mut input) {
                if let Err(mpsc::error::TrySendError::Closed(_)) = sender.try_send(line) {
                    return;
                }
            }
        })?;
        Ok(Self::of(lines))
    }

    /// Takes lines from a channel.
    #[must_use]
    pub fn of(lines: mpsc::Receiver<String>) -> Self {
        Self { lines: Mutex::new(lines), questions: watch::Sender::new(0) }
    }

    /// Nobody types.
    #[must_use]
    pub fn none() -> Self {
        Self::of(mpsc::channel(1).1)
    }

    /// The next line without its end; `None` once there are no more.
    pub async fn line(&self) -> Option<String> {
        self.lines.lock().await.recv().await
    }

    /// Opens a question: what is typed from here on is not for [`Keyboard::idle_line`].
    #[must_use]
    pub fn question(&self) -> Floor<'_> {
        self.questions.send_modify(|open| *open += 1);
        Floor(&self.questions)
    }

    /// The next line that is typed while no question is open; `None` once there are no more.
    pub async fn idle_line(&self) -> Option<String> {
        let mut questions = self.questions.subscribe();
        loop {
            questions.wait_for(|open| *open == 0).await.ok()?;
            tokio::select! {
                biased;
                _ = questions.wait_for(|open| *open > 0) => {}
                line = self.line() => return line,
            }
        }
    }

    /// Forgets what was typed so far: an answer counts only after its question.
    pub async fn forget(&self) {
        let mut lines = self.lines.lock().await;
        while lines.try_recv().is_ok() {}
    }
}

/// One line, cut at [`MAX_LINE`] bytes; the rest of a longer one is skipped.
fn line(input: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() && bytes.is_empty() {
            return Ok(None);
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let room = MAX_LINE - bytes.len();
        let part = &buffer[..end.unwrap_or(buffer.len())];
        bytes.extend_from_slice(&part[..part.len().min(room)]);
        let used = end.map_or(buffer.len(), |end| end + 1);
        let last = end.is_some() || buffer.is_empty();
        input.consume(used);
        if last {
            return Ok(Some(String::from_utf8_lossy(&bytes).trim().to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_come_one_by_one_and_long_ones_are_cut() {
        let text = format!("y\r\n{}\nlast", "z".repeat(10_000));
        let keyboard = Keyboard::reading(io::Cursor::new(text)).unwrap();
        assert_eq!(keyboard.line().await.as_deref(), Some("y"));
        assert_eq!(keyboard.line().await.map(|line| line.len()), Some(MAX_LINE));
        assert_eq!(keyboard.line().await.as_deref(), Some("last"));
        assert_eq!(keyboard.line().await, None);
    }

    #[tokio::test]
    async fn a_question_has_the_lines_as_long_as_it_is_open() {
        let (sender, lines) = mpsc::channel(4);
        let keyboard = Keyboard::of(lines);
        let idle = keyboard.idle_line();
        tokio::pin!(idle);
        tokio::select! {
            biased;
            _ = &mut idle => unreachable!(),
            () = tokio::task::yield_now() => {}
        }
        let floor = keyboard.question();
        sender.send("y".to_owned()).await.unwrap();
        let answer = tokio::select! {
            biased;
            _ = &mut idle => unreachable!(),
            answer = keyboard.line() => answer,
        };
        assert_eq!(answer.as_deref(), Some("y"));
        sender.send("stop".to_owned()).await.unwrap();
        drop(floor);
        assert_eq!(idle.await.as_deref(), Some("stop"));
    }

    #[tokio::test]
    async fn what_was_typed_before_is_forgotten() {
        let (sender, lines) = mpsc::channel(4);
        let keyboard = Keyboard::of(lines);
        sender.send("y".to_owned()).await.unwrap();
        keyboard.forget().await;
        sender.send("n".to_owned()).await.unwrap();
        assert_eq!(keyboard.line().await.as_deref(), Some("n"));
    }
}
