//! What the relay's log says of one recording, by proofs that can be kept beside it.

use std::ffi::OsString;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use deskside_protocol::key::PublicKey;
use deskside_protocol::log::evidence::{Claim, Flaw, Logged, MAX_ENCODED};
use deskside_protocol::log::{Head, SignedHead};
use deskside_protocol::recording::Report;
use deskside_protocol::session::SessionId;
use deskside_protocol::wire::record::LogProof;
use deskside_protocol::wire::signal::signal::Kind;
use deskside_protocol::wire::signal::{LogHeadAsk, LogProofAsk, refused};
use prost::Message as _;

use crate::failure::Failure;
use crate::ledger::goes_on;
use crate::relay::{Relay, request, unexpected};

/// What the log says of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::audit) enum InLog {
    /// It is as the log says.
    Proven(Logged),
    /// It is not.
    Flawed(Flaw),
    /// The log that the ticket's note names is not the beginning of the relay's log.
    Forked,
    /// There is no proof beside the file.
    NoProof,
    /// The relay keeps no log.
    NoLog,
}

impl InLog {
    /// Whether it takes nothing from the recording.
    pub(in crate::audit) const fn is_sound(&self) -> bool {
        matches!(self, Self::Proven(_) | Self::NoProof | Self::NoLog)
    }
}

/// The file beside a recording that holds its proof.
pub(in crate::audit) fn proof_file(recording: &Path) -> PathBuf {
    let mut name = OsString::from(recording);
    name.push(".proof");
    name.into()
}

/// Asks for the entries of one session. `None` where the relay keeps no log.
///
/// # Errors
/// The relay's refusal.
pub(in crate::audit) async fn proof(
    relay: &mut impl Relay,
    session: SessionId,
) -> anyhow::Result<Option<LogProof>> {
    let session = session.as_bytes().to_vec().into();
    let answer = relay.ask(Kind::LogProofAsk(LogProofAsk { session })).await?;
    if let Kind::Refused(refused) = &answer {
        let old = refused.code == refused::Code::BadRequest as i32;
        let unknown = refused.code == refused::Code::NotFound as i32;
        return match (old, unknown) {
            (true, _) => Ok(None),
            // Nothing of it: that is an answer too.
            (_, true) => Ok(Some(LogProof::default())),
            _ => Err(Failure::from(refused).into()),
        };
    }
    let Kind::LogProof(proof) = answer else { return Err(unexpected()) };
    Ok(Some(proof))
}

/// Keeps a proof beside its recording.
///
/// # Errors
/// What the disk says.
pub(in crate::audit) fn keep(recording: &Path, proof: &LogProof) -> anyhow::Result<()> {
    let path = proof_file(recording);
    std::fs::write(&path, proof.encode_to_vec()).with_context(|| format!("save {}", path.display()))
}

/// Judges a recording by the proof that lies beside it.
///
/// # Errors
/// A file that cannot be read.
pub(in crate::audit) fn beside(
    recording: &Path,
    report: &Report,
    node: Option<PublicKey>,
) -> anyhow::Result<InLog> {
    let Some(bytes) = kept(recording)? else { return Ok(InLog::NoProof) };
    Ok(encoded(&bytes, report, node))
}

/// The bytes of the proof that lies beside a recording, if one does.
///
/// # Errors
/// A file that cannot be read.
pub(in crate::audit) fn kept(recording: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    let path = proof_file(recording);
    let reading = || format!("read {}", path.display());
    let file = match File::open(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.with_context(reading)?,
    };
    let mut bytes = Vec::new();
    // One byte more than there may be shows that it is too long.
    file.take(MAX_ENCODED as u64 + 1).read_to_end(&mut bytes).with_context(reading)?;
    Ok(Some(bytes))
}

/// Judges a recording by a proof as it is kept.
pub(in crate::audit) fn encoded(bytes: &[u8], report: &Report, node: Option<PublicKey>) -> InLog {
    let proof = decoded(bytes);
    proof.map_or(InLog::Flawed(Flaw::Malformed), |proof| judge(report, &proof, node))
}

/// A proof as it is kept; `None` where it is none.
pub(in crate::audit) fn decoded(bytes: &[u8]) -> Option<LogProof> {
    if bytes.len() > MAX_ENCODED { None } else { LogProof::decode(bytes).ok() }
}

/// Holds a recording against its proof. `node` is the relay's key of today, where it is known.
pub(in crate::audit) fn judge(report: &Report, proof: &LogProof, node: Option<PublicKey>) -> InLog {
    // Without these nothing is said of the recording at all.
    let (Some(facts), Some(first)) = (&report.facts, report.first_hash) else {
        return InLog::Flawed(Flaw::Malformed);
    };
    if *proof == LogProof::default() {
        return InLog::Flawed(Flaw::NoOpen);
    }
    let keys: Vec<_> = [Some(facts.node_key), node].into_iter().flatten().collect();
    let last = report.hash.filter(|_| report.closing.is_some());
    let claim = Claim { session: facts.session(), first, last, keys: &keys };
    claim.judge(proof).map_or_else(InLog::Flawed, InLog::Proven)
}

/// Whether the log that `noted` was the head of has become the one of `now`.
///
/// # Errors
/// The relay's refusal.
pub(in crate::audit) async fn went_on(
    relay: &mut impl Relay,
    noted: &Head,
    node: &PublicKey,
) -> anyhow::Result<bool> {
    let ask = Kind::LogHeadAsk(LogHeadAsk { size: noted.size });
    let Kind::LogHead(answer) = request(relay, ask).await? else { return Err(unexpected()) };
    let now = SignedHead::parse(answer.note.as_bytes()).ok();
    let now = now.filter(|now| now.verify(node).is_ok());
    Ok(now.is_some_and(|now| goes_on(noted, &now.head, &answer).is_ok()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::tests::Scripted;
    use deskside_protocol::wire::signal::Refused;

    #[test]
    fn of_a_proof_no_more_is_read_than_one_can_have() {
        let folder = tempfile::tempdir().unwrap();
        let recording = folder.path().join("a.dsr");
        assert_eq!(kept(&recording).unwrap(), None);
        for (length, known) in [(MAX_ENCODED, true), (MAX_ENCODED + 1, false), (1 << 20, false)] {
            // Tag and length of the head take 4 bytes.
            let proof = LogProof { head: "x".repeat(length - 4), ..LogProof::default() };
            assert_eq!(proof.encoded_len(), length);
            keep(&recording, &proof).unwrap();
            let kept = kept(&recording).unwrap().unwrap();
            assert_eq!(kept.len(), length.min(MAX_ENCODED + 1));
            assert_eq!(decoded(&kept).is_some(), known, "{length}");
        }
    }

    #[tokio::test]
    async fn a_relay_without_a_log_and_one_that_knows_nothing_are_told_apart() {
        let session = SessionId::from_bytes([1; 16]);
        for (code, expected) in [
            (refused::Code::BadRequest, None),
            (refused::Code::NotFound, Some(LogProof::default())),
        ] {
            let refused = Kind::Refused(Refused { code: code.into(), ..Refused::default() });
            let mut relay = Scripted::answering([refused]);
            assert_eq!(proof(&mut relay, session).await.unwrap(), expected);
        }
        let code = refused::Code::NotPermitted.into();
        let refused = Kind::Refused(Refused { code, ..Refused::default() });
        assert!(proof(&mut Scripted::answering([refused]), session).await.is_err());
    }
}
