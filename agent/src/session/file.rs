//! Files.

use deskside_protocol::wire::message::refusal::Cause;

use crate::files::Files;
use crate::gate::{Answers, Gate, Heard, Unheard};

/// Serves a stream of the file channel.
pub(super) async fn serve(
    _heard: &mut Heard,
    answers: &mut Answers,
    _gate: &Gate,
    _files: &Files,
) -> Result<(), Unheard> {
    let text = "this version of the user's program has no such channel";
    Ok(answers.refuse_for(Cause::BadRequest, text).await?)
}
