//! A picture of the user's screen, checked before it is kept: its announced size, its bytes, and
//! that it is the PNG that it claims to be.

use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bytes::{Bytes, BytesMut};
use deskside_protocol::exit::Exit;
use deskside_protocol::wire::message::{Message, Screenshot, ScreenshotRequest, message::Kind};
use image::{ImageFormat, ImageReader, Limits};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{answer, out_of_order};
use crate::control::{MessageReader, MessageWriter};
use crate::failure::{Failure, OrExit as _};

/// The largest PNG that is taken: two 4K monitors of noise have 50 MB.
pub(super) const MAX_PNG: u64 = 64 * 1024 * 1024;
/// The most pixels along one side: four 8K monitors beside each other have 30,720.
pub(super) const MAX_SIDE: u32 = 32_768;
/// The most memory for decoding, in bytes: 32 megapixel-monitors of four bytes, four times.
const MAX_DECODED: u64 = 512 * 1024 * 1024;

/// A checked picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// The file.
    pub png: Bytes,
}

/// Asks for a picture of `monitor` (from 1; 0 is the whole desktop) and checks it.
///
/// # Errors
/// The agent's refusal, a session that ended, or a picture that is not what it claims to be.
pub async fn take<R, W>(
    from: &mut MessageReader<R>,
    to: &mut MessageWriter<W>,
    monitor: u32,
) -> anyhow::Result<Picture>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let request = Kind::ScreenshotRequest(ScreenshotRequest { monitor });
    to.send(&Message { kind: Some(request) }).await?;
    let Kind::Screenshot(told) = answer(from).await? else { return Err(out_of_order()) };
    within_limits(&told)?;
    let png = collect(from, told.bytes).await?;
    let checked = png.clone();
    tokio::task::spawn_blocking(move || check(&checked, &told)).await.context("decode")??;
    Ok(Picture { width: told.width, height: told.height, png })
}

/// Whether what is announced may be taken at all.
///
/// # Errors
/// Where it may not.
pub(crate) fn within_limits(told: &Screenshot) -> Result<(), Failure> {
    let sides = (1..=MAX_SIDE).contains(&told.width) && (1..=MAX_SIDE).contains(&told.height);
    if sides && told.bytes <= MAX_PNG {
        return Ok(());
    }
    let Screenshot { width, height, bytes } = told;
    Err(Failure::new(
        Exit::Other,
        format!(
            "the user's computer announces a picture of {width} x {height} pixels in {bytes} bytes, which is over the limit: try --monitor 1"
        ),
    ))
}

async fn collect<R: AsyncRead + Unpin>(
    from: &mut MessageReader<R>,
    bytes: u64,
) -> anyhow::Result<Bytes> {
    let whole = usize::try_from(bytes).context("make room for a picture")?;
    let mut png = BytesMut::new();
    while png.len() < whole {
        let Kind::Chunk(chunk) = answer(from).await? else { return Err(out_of_order()) };
        if chunk.data.is_empty() || png.len() + chunk.data.len() > whole {
            return Err(out_of_order());
        }
        png.extend_from_slice(&chunk.data);
    }
    Ok(png.freeze())
}

/// Decodes the whole picture, so that a damaged one is noticed here and not by a viewer.
///
/// # Errors
/// A picture that is none, or of another size than was `told`.
pub(crate) fn check(png: &[u8], told: &Screenshot) -> anyhow::Result<()> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_DECODED);
    let mut reader = ImageReader::with_format(Cursor::new(png), ImageFormat::Png);
    reader.limits(limits);
    let sentence = "the user's computer sent a picture that cannot be read";
    let picture = reader.decode().or_exit(Exit::Other, sentence)?;
    if (picture.width(), picture.height()) == (told.width, told.height) {
        return Ok(());
    }
    let sentence = "the user's computer sent a picture of another size than it announced";
    Err(Failure::new(Exit::Other, sentence).into())
}

/// Saves `content` at `wished`, or under `default` in this folder, where a name that is taken gets a
/// number. Half a file is never seen. Gives the path.
///
/// # Errors
/// What the disk says.
pub fn save(content: &[u8], wished: Option<&Path>, default: &str) -> anyhow::Result<PathBuf> {
    let path = wished.map_or_else(|| PathBuf::from(default), Path::to_owned);
    let context = || format!("save {}", path.display());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut file =
        tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new("."))).with_context(context)?;
    file.write_all(content).with_context(context)?;
    if wished.is_some() {
        file.persist(&path).map_err(|error| error.error).with_context(context)?;
        return Ok(path);
    }
    let mut name = path.clone();
    let end = path.extension().map(|end| format!(".{}", end.to_string_lossy())).unwrap_or_default();
    for number in 2..100 {
        match file.persist_noclobber(&name) {
            Ok(_) => return Ok(name),
            Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {
                file = error.file;
                name = path.with_extension(format!("{number}{end}"));
            }
            Err(error) => return Err(error.error).with_context(context),
        }
    }
    anyhow::bail!("{} and 98 more of its name are there already", path.display())
}

/// The name of a picture of `session` taken at `now` (seconds since the epoch).
#[must_use]
pub fn default_name(session: &str, now: u64) -> String {
    let time = crate::output::moment(now).replace(['-', ':'], "");
    format!("deskside-{}-{time}.png", session.get(..8).unwrap_or(session))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{message, pipe};
    use super::*;
    use crate::failure::exit_of;
    use deskside_protocol::wire::message::{Chunk, Refusal, refusal};

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut out = Cursor::new(Vec::new());
        image::DynamicImage::new_rgb8(width, height).write_to(&mut out, ImageFormat::Png).unwrap();
        out.into_inner()
    }

    /// Plays an agent that answers with `answers`.
    async fn taken(answers: Vec<Kind>) -> anyhow::Result<Picture> {
        let ((mut reader, mut writer), (mut from, mut to)) = pipe();
        let agent = tokio::spawn(async move {
            let request = from.recv().await.unwrap().unwrap();
            let expected = Kind::ScreenshotRequest(ScreenshotRequest { monitor: 2 });
            assert_eq!(request.kind, Some(expected));
            for kind in answers {
                if to.send(&message(kind)).await.is_err() {
                    return;
                }
            }
            let _gone = to.close().await;
        });
        let taken = take(&mut reader, &mut writer, 2).await;
        drop((reader, writer));
        agent.await.unwrap();
        taken
    }

    fn told(width: u32, height: u32, bytes: usize) -> Kind {
        Kind::Screenshot(Screenshot { width, height, bytes: bytes as u64 })
    }

    fn chunks(png: &[u8]) -> impl Iterator<Item = Kind> + '_ {
        png.chunks(20).map(|piece| Kind::Chunk(Chunk { data: piece.to_vec().into() }))
    }

    #[tokio::test]
    async fn a_picture_arrives_in_pieces() {
        let png = png(30, 20);
        let answers = std::iter::once(told(30, 20, png.len())).chain(chunks(&png)).collect();
        let picture = taken(answers).await.unwrap();
        assert_eq!((picture.width, picture.height), (30, 20));
        assert_eq!(picture.png, png);
    }

    #[tokio::test]
    async fn what_is_not_as_announced_is_refused() {
        let png = png(30, 20);
        let with = |first: Kind| std::iter::once(first).chain(chunks(&png)).collect::<Vec<_>>();
        let mut damaged = png.clone();
        damaged[40] ^= 1;
        let damaged = std::iter::once(told(30, 20, png.len())).chain(chunks(&damaged)).collect();
        for (answers, exit) in [
            (with(told(31, 20, png.len())), Exit::Other),
            (with(told(30, 20, png.len() - 1)), Exit::Other),
            (with(told(30, 20, png.len() + 1)), Exit::EndedByPeer),
            (with(told(0, 20, png.len())), Exit::Other),
            (
                vec![Kind::Screenshot(Screenshot { width: 1, height: 1, bytes: MAX_PNG + 1 })],
                Exit::Other,
            ),
            (vec![Kind::Chunk(Chunk::default())], Exit::Other),
            (vec![told(1, 1, 5), Kind::Chunk(Chunk::default())], Exit::Other),
            (damaged, Exit::Other),
        ] {
            let error = taken(answers).await.unwrap_err();
            assert_eq!(exit_of(&error), exit, "{error:#}");
        }
    }

    #[tokio::test]
    async fn a_refusal_is_exit_3() {
        let cause = refusal::Cause::NotGranted.into();
        let refusal = Kind::Refusal(Refusal { cause, grant: 1, text: String::new() });
        let error = taken(vec![refusal]).await.unwrap_err();
        assert_eq!(exit_of(&error), Exit::Refused);
        assert_eq!(error.to_string(), "the user has not allowed view");
    }

    #[test]
    fn saving_never_overwrites_by_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        let save_default = |bytes| save(bytes, None, path.to_str().unwrap()).unwrap();
        assert_eq!(save_default(b"1"), path);
        assert_eq!(save_default(b"2"), folder.path().join("a.2.png"));
        assert_eq!(save(b"3", Some(&path), "unused").unwrap(), path);
        assert_eq!(std::fs::read(&path).unwrap(), b"3");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
        assert!(save(b"4", Some(&folder.path().join("no/such.png")), "unused").is_err());
    }

    #[test]
    fn the_name_says_session_and_time() {
        assert_eq!(
            default_name("00112233445566778899aabbccddeeff", 1_795_326_600),
            "deskside-00112233-20261122T055000Z.png"
        );
    }
}
