//! As much of an HTTP client as a test needs: one request, one answer, over plain TCP.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, bail};

/// An answer that is slower than this is none.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest head of an answer, in bytes.
const MAX_HEAD: usize = 64 * 1024;

/// What a server answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// What follows.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body, as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header's value; empty where there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }
}

/// `GET path` from `address` (`host:port`).
///
/// # Errors
/// What the system says, or an answer that is not HTTP.
pub fn get(address: &str, path: &str, headers: &[(&str, &str)]) -> anyhow::Result<Answer> {
    ask("GET", address, path, headers)
}

/// One request without a body.
///
/// # Errors
/// What the system says, or an answer that is not HTTP.
pub fn ask(
    method: &str,
    address: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> anyhow::Result<Answer> {
    ask_as(method, address, address, path, headers)
}

/// As [`ask`], under another name for the host.
///
/// # Errors
/// What the system says, or an answer that is not HTTP.
pub fn ask_as(
    method: &str,
    address: &str,
    host: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> anyhow::Result<Answer> {
    let mut stream = TcpStream::connect(address).context("reach an HTTP address")?;
    stream.set_read_timeout(Some(PATIENCE)).context("limit a read")?;
    // HTTP/1.0, so that the answer is not in chunks.
    let mut request = format!("{method} {path} HTTP/1.0\r\nHost: {host}\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).context("send a request")?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).context("read an answer")?;
    parse(&bytes)
}

fn parse(bytes: &[u8]) -> anyhow::Result<Answer> {
    let window = bytes.get(..bytes.len().min(MAX_HEAD)).unwrap_or_default();
    let end = memchr::memmem::find(window, b"\r\n\r\n").context("find the head of an answer")?;
    let head = std::str::from_utf8(window.get(..end).unwrap_or_default()).context("read a head")?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).context("read a status")?;
    let mut headers = Vec::new();
    for line in lines {
        let Some((name, value)) = line.split_once(':') else { bail!("that is no header: {line}") };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    Ok(Answer {
        status: status.parse().context("read a status")?,
        headers,
        body: bytes.get(end + 4..).unwrap_or_default().to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_taken_apart() {
        let answer =
            parse(b"HTTP/1.1 404 Not Found\r\nContent-Type: x\r\n\r\nbody\r\n\r\n").unwrap();
        assert_eq!((answer.status, answer.header("content-type")), (404, "x"));
        assert_eq!(answer.text(), "body\r\n\r\n");
        assert_eq!(answer.header("elsewhere"), "");
        assert!(parse(b"HTTP/1.1 200 OK\r\n").is_err());
    }
}
