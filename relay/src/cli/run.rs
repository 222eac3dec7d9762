//! `serve`: what a newcomer needs on the screen, one ready line for scripts, and an end in order.

use deskside_protocol::identity::link::JoinLink;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::say::Say;
use crate::serve::{self, Running, Settings};

/// Serves until SIGTERM or SIGINT.
pub(super) async fn serve(settings: Settings, say: Say) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    let mut term = signal(SignalKind::terminate())?;
    let mut int = signal(SignalKind::interrupt())?;
    let running = serve::start(settings, stop.clone()).await?;
    ready(&running, say)?;
    let ended = running.ended();
    tokio::pin!(ended);
    tokio::select! {
        ended = &mut ended => return Ok(ended?),
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
    stop.cancel();
    ended.await?;
    say.answer(&json!({"event": "drained"}), || "Ended in order.".to_owned())
}

fn ready(running: &Running, say: Say) -> anyhow::Result<()> {
    let join = running.join.to_string();
    let mut object = json!({
        "event": "ready",
        "address": running.address.to_string(),
        "join": join,
        "http": format!("http://{}", running.http),
        "admin": format!("http://{}", running.admin),
    });
    if let (Some(archive), Some(fields)) = (running.relay.archive.name(), object.as_object_mut()) {
        fields.insert("archive".to_owned(), archive.into());
    }
    if let (Some(token), Some(fields)) = (&running.enroll, object.as_object_mut()) {
        fields.insert("enroll".to_owned(), token.as_str().into());
    }
    say.answer(&object, || words(running, &join))
}

/// For a person: what is where, what to do next, what to mind.
fn words(running: &Running, join: &str) -> String {
    let authority = running.relay.node.authority();
    let mut text = format!(
        "Deskside relay is running.\n\n  \
         address    {} (UDP)\n  \
         help page  http://{}/help\n  \
         numbers    http://{}/metrics\n  \
         join link  {join}\n",
        running.address, running.http, running.admin,
    );
    if let Some(archive) = running.relay.archive.name() {
        text.push_str(&format!("  archive    {archive}\n"));
    }
    if let Some(token) = &running.enroll {
        text.push_str(&format!(
            "\nNobody is enrolled yet. Within seven days, on your own computer:\n\n  \
             deskside enroll {}\n\n\
             It makes you technician, auditor and admin, and works once.\n",
            token.as_str(),
        ));
    }
    if authority.present() {
        text.push_str(&format!("\nMind: {}\n", authority.warning()));
    }
    text.push_str(&how_users_come(&running.join));
    text
}

fn how_users_come(join: &JoinLink) -> String {
    format!("\nUsers run: deskside-agent --relay '{join}'\nStop with Ctrl-C.\n")
}
