//! Where a monitor lies on the user's desktop: asked of the live screen without watching it.

use deskside_protocol::exit::Exit;
use deskside_protocol::wire::message::{Message, Watch, message::Kind};
use tokio::io::{AsyncRead, AsyncWrite};

use super::super::{answer, out_of_order};
use crate::control::{MessageReader, MessageWriter};
use crate::failure::Failure;

/// The upper left corner of a monitor (from 1) on the desktop, in pixels.
///
/// # Errors
/// The agent's refusal, exit 5 where there is no such monitor, or a session that ended.
pub async fn corner<R, W>(
    from: &mut MessageReader<R>,
    to: &mut MessageWriter<W>,
    monitor: u32,
) -> anyhow::Result<(i32, i32)>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let watch = Kind::Watch(Watch { monitor, hidden: true, afresh: false });
    to.send(&Message { kind: Some(watch) }).await?;
    let Kind::Watching(watching) = answer(from).await? else { return Err(out_of_order()) };
    if watching.monitor != monitor {
        let text = format!("the user's computer has no monitor {monitor}");
        return Err(Failure::new(Exit::NotFound, text).into());
    }
    Ok((watching.x, watching.y))
}
