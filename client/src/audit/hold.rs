//! `deskside audit hold`: a recording is kept beyond its time, or no longer. The relay logs who and
//! why.

use deskside_protocol::wire::signal::RecordingHold;
use deskside_protocol::wire::signal::signal::Kind;
use serde_json::json;

use super::Wish;
use crate::output::Output;
use crate::relay::{Relay, request, unexpected};

/// Holds the recording of `wish`, or releases it.
///
/// # Errors
/// The relay's refusal.
pub async fn hold(
    relay: &mut impl Relay,
    wish: &Wish,
    release: bool,
    output: &mut Output,
) -> anyhow::Result<()> {
    let session = wish.session();
    let (id, reason) = (session.as_bytes().to_vec().into(), wish.reason().to_owned());
    let ask = Kind::RecordingHold(RecordingHold { session: id, reason, release });
    let Kind::RecordingHeld(now) = request(relay, ask).await? else { return Err(unexpected()) };
    let event = json!({"event": "held", "session": session.to_string(), "held": now.held});
    let text = match now.held {
        true => "the recording is held: it is kept until somebody releases it",
        false => "the recording is not held any more: it is kept as long as the policy says",
    };
    output.show(&event, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::tests::Buffer;
    use crate::relay::tests::Scripted;
    use deskside_protocol::wire::signal::RecordingHeld;

    #[tokio::test]
    async fn what_is_asked_is_what_was_typed() {
        for release in [false, true] {
            let answer = Kind::RecordingHeld(RecordingHeld { held: !release });
            let (mut relay, buffer) = (Scripted::answering([answer]), Buffer::default());
            let wish = Wish::new(&"ab".repeat(16), " court order ").unwrap();
            hold(&mut relay, &wish, release, &mut buffer.output(true)).await.unwrap();
            let asked = RecordingHold {
                session: vec![0xab; 16].into(),
                reason: "court order".into(),
                release,
            };
            assert_eq!(relay.questions, [Kind::RecordingHold(asked)]);
            assert!(buffer.text().contains(&format!("\"held\":{}", !release)));
        }
    }
}
