//! A program on its way to a user, together with the join link.
//!
//! Windows runs a downloaded `.exe` as it is, and shows archives without unpacking them: there the
//! link is in the file name. Elsewhere a bare download may not be run, so program and link leave as a
//! `.tar`, in which the program is executable. It is made while it is sent: a header, the file, the
//! link.

use std::io;
use std::io::Cursor;

use axum::body::Body;
use axum::http::{Response, StatusCode, header};
use axum::response::IntoResponse as _;
use deskside_protocol::identity::file_name;
use deskside_protocol::identity::link::JoinLink;
use tar::{EntryType, Header};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::io::ReaderStream;

use super::programs::System;

/// A tar archive consists of blocks of this size (POSIX pax, "ustar interchange format").
const BLOCK: u64 = 512;
/// Two blocks of zeros end an archive.
const END: u64 = 2 * BLOCK;
/// Bytes of one read.
const PIECE: usize = 64 * 1024;
/// The folder in an archive, so that program and link stay together.
const FOLDER: &str = "deskside";

/// How a program leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As it is, the link in its name.
    Named,
    /// With the link beside it.
    Archive,
}

/// How the program for a system leaves, and under which name.
pub(super) fn name(system: System, join: &JoinLink) -> (Form, String) {
    let windows = system == System::Windows;
    match file_name::of(join).filter(|_| windows) {
        Some(name) => (Form::Named, format!("{name}.exe")),
        None => (Form::Archive, format!("{}.tar", system.file().trim_end_matches(".exe"))),
    }
}

/// The answer that carries it. `turn` is kept until the last byte is gone.
pub(super) fn answer(
    system: System,
    join: &JoinLink,
    file: File,
    bytes: u64,
    turn: OwnedSemaphorePermit,
) -> Response<Body> {
    let (form, name) = name(system, join);
    let program = file.take(bytes);
    let (kind, length, body) = match form {
        Form::Named => ("application/octet-stream", bytes, stream(program, turn)),
        Form::Archive => match ends(system, join, bytes) {
            Ok((head, tail)) => {
                let length = head.len() as u64 + bytes + tail.len() as u64;
                let whole = Cursor::new(head).chain(program).chain(Cursor::new(tail));
                ("application/x-tar", length, stream(whole, turn))
            }
            Err(error) => {
                tracing::error!(%error, "an archive cannot be made");
                return StatusCode::INTERNAL_SERVER_ERROR.into_response();
            }
        },
    };
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_LENGTH, length.to_string()),
        // A name has no quotes or backslashes: it is of ours, a host name and base32.
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    (headers, body).into_response()
}

fn stream(read: impl AsyncRead + Send + 'static, turn: OwnedSemaphorePermit) -> Body {
    Body::from_stream(ReaderStream::with_capacity(
        Held { read: Box::pin(read), _turn: turn },
        PIECE,
    ))
}

/// A reader with what has to be kept until it is read.
struct Held {
    read: std::pin::Pin<Box<dyn AsyncRead + Send>>,
    _turn: OwnedSemaphorePermit,
}

impl AsyncRead for Held {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<io::Result<()>> {
        self.read.as_mut().poll_read(cx, buffer)
    }
}

/// What stands before and behind a program of so many bytes in its archive.
fn ends(system: System, join: &JoinLink, bytes: u64) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let suffix = if system == System::Windows { ".exe" } else { "" };
    let head = entry(&format!("{FOLDER}/deskside-agent{suffix}"), bytes, 0o755)?;
    let link = format!("{join}\n");
    let mut tail = padding(bytes);
    tail.extend(entry(&format!("{FOLDER}/deskside.join"), link.len() as u64, 0o644)?);
    tail.extend(link.as_bytes());
    tail.extend(padding(link.len() as u64));
    tail.extend(zeros(END));
    Ok((head, tail))
}

fn entry(path: &str, bytes: u64, mode: u32) -> io::Result<Vec<u8>> {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_path(path)?;
    header.set_size(bytes);
    header.set_mode(mode);
    header.set_mtime(crate::clock::seconds());
    header.set_cksum();
    Ok(header.as_bytes().to_vec())
}

fn padding(bytes: u64) -> Vec<u8> {
    zeros(bytes.next_multiple_of(BLOCK) - bytes)
}

fn zeros(count: u64) -> Vec<u8> {
    // At most two blocks.
    (0..count).map(|_| 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskside_protocol::key::PublicKey;
    use std::io::Read as _;

    fn join(host: &str) -> JoinLink {
        let key = PublicKey::from_bytes([9; 32]);
        JoinLink { host: host.to_owned(), port: 7443, organisation: key, node: key, webpki: false }
    }

    #[test]
    fn an_archive_holds_a_program_that_runs_and_a_link() {
        for bytes in [0, 1, 511, 512, 513] {
            let link = join("help.example.org");
            let (head, tail) = ends(System::Linux, &link, bytes).unwrap();
            let program = vec![7; usize::try_from(bytes).unwrap()];
            let whole = [head, program.clone(), tail].concat();
            let mut archive = tar::Archive::new(whole.as_slice());
            let mut found = Vec::new();
            for entry in archive.entries().unwrap() {
                let mut entry = entry.unwrap();
                let mut contents = Vec::new();
                entry.read_to_end(&mut contents).unwrap();
                let path = entry.path().unwrap().to_str().unwrap().to_owned();
                found.push((path, entry.header().mode().unwrap(), contents));
            }
            let link = format!("{link}\n").into_bytes();
            assert_eq!(
                found,
                [
                    ("deskside/deskside-agent".to_owned(), 0o755, program),
                    ("deskside/deskside.join".to_owned(), 0o644, link),
                ]
            );
        }
    }

    #[test]
    fn windows_has_the_link_in_the_name_where_it_fits() {
        let link = join("help.example.org");
        let (form, named) = name(System::Windows, &link);
        assert_eq!(form, Form::Named);
        assert_eq!(file_name::parse(&named), Some(link.clone()));
        let (form, archive) = name(System::Windows, &join("2001:db8::1"));
        assert_eq!((form, archive.as_str()), (Form::Archive, "deskside-agent-windows-x86_64.tar"));
        assert_eq!(name(System::Linux, &link).1, "deskside-agent-linux-x86_64.tar");
    }
}
