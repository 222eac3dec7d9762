//! The bytes of a kept session: one line with a name, a version and a hash, then JSON. The hash is
//! there for the disk's faults: no flipped bit may widen a lease. Whoever can write the file is the
//! user himself.

use std::collections::BTreeMap;
use std::str::FromStr;

use data_encoding::{BASE64, HEXLOWER};
use deskside_protocol::grant::{Grant, GrantSet};
use deskside_protocol::key::SigningKey;
use deskside_protocol::transcript::sha256;
use deskside_protocol::wire::record::Signed;
use prost::Message as _;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Kept, MAX_FILE};
use crate::consent::{Standing, Visitor};
use crate::gate::Record;

const MAGIC: &str = "deskside-agent session 1";

/// Bytes that are no kept session of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Damaged;

/// The JSON. What is borrowed is read from the file's own bytes, which are wiped.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form<'a> {
    relay: String,
    session: String,
    seed: &'a str,
    peer_key: String,
    transcript: String,
    token: String,
    policy: String,
    name: String,
    login: String,
    organisation: String,
    standing: String,
    ticket: String,
    subject: String,
    requested: Vec<String>,
    opened: bool,
    held: Vec<String>,
    /// Absent where nothing that is held has an end, as in a file of before there were ends.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    grant_ends: BTreeMap<String, u64>,
    taken_back: Vec<String>,
    refusals: BTreeMap<String, u32>,
    /// Absent where the policy is as wide as it was, as in a file of before it could narrow.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    forbidden: Vec<String>,
    stopped: bool,
    written: u64,
    ends: u64,
}

/// The bytes of `kept`; `None` where they pass [`MAX_FILE`].
pub(super) fn encode(kept: &Kept) -> Option<Zeroizing<Vec<u8>>> {
    let seed = Zeroizing::new(HEXLOWER.encode(kept.session_key.seed().as_ref()));
    let form = Form {
        relay: kept.relay.to_string(),
        session: kept.session.to_string(),
        seed: &seed,
        peer_key: kept.peer_key.to_string(),
        transcript: HEXLOWER.encode(&kept.transcript),
        token: HEXLOWER.encode(&kept.token),
        policy: BASE64.encode(&kept.policy.encode_to_vec()),
        name: kept.visitor.name.clone(),
        login: kept.visitor.login.clone(),
        organisation: kept.visitor.organisation.clone(),
        standing: standing_word(kept.visitor.standing).to_owned(),
        ticket: kept.visitor.ticket.clone(),
        subject: kept.visitor.subject.clone(),
        requested: words(kept.requested),
        opened: kept.lease.opened,
        held: words(kept.lease.held),
        grant_ends: kept.lease.ends.iter().map(|(grant, at)| (grant.to_string(), *at)).collect(),
        taken_back: words(kept.lease.taken_back),
        refusals: kept.lease.refusals.iter().map(|(grant, n)| (grant.to_string(), *n)).collect(),
        forbidden: words(kept.lease.forbidden),
        stopped: kept.lease.stopped,
        written: kept.written,
        ends: kept.ends,
    };
    // Room for all of it, so that growing leaves no copy of the secret behind.
    let room = || Zeroizing::new(Vec::with_capacity(MAX_FILE));
    let (mut json, mut bytes) = (room(), room());
    serde_json::to_writer(&mut *json, &form).ok()?;
    let line = format!("{MAGIC} {}\n", HEXLOWER.encode(&sha256(&json)));
    if line.len() + json.len() > MAX_FILE {
        return None;
    }
    bytes.extend_from_slice(line.as_bytes());
    bytes.extend_from_slice(&json);
    Some(bytes)
}

/// Reads what [`encode`] wrote, and nothing else.
pub(super) fn decode(bytes: &[u8]) -> Result<Kept, Damaged> {
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or(Damaged)?;
    let (line, json) = bytes.split_at(end);
    let json = json.get(1..).ok_or(Damaged)?;
    let expected = format!("{MAGIC} {}", HEXLOWER.encode(&sha256(json)));
    if line != expected.as_bytes() {
        return Err(Damaged);
    }
    let form: Form<'_> = serde_json::from_slice(json).map_err(|_| Damaged)?;
    read(form).ok_or(Damaged)
}

fn read(form: Form<'_>) -> Option<Kept> {
    let refusals = form.refusals.iter();
    let refusals = refusals.map(|(word, n)| Some((Grant::from_str(word).ok()?, *n)));
    let ends = form.grant_ends.iter();
    let ends = ends.map(|(word, at)| Some((Grant::from_str(word).ok()?, *at)));
    Some(Kept {
        relay: form.relay.parse().ok()?,
        session: form.session.parse().ok()?,
        session_key: SigningKey::from_seed(Zeroizing::new(bytes(form.seed)?)),
        peer_key: deskside_protocol::key::PublicKey::from_bytes(bytes(&form.peer_key)?),
        transcript: bytes(&form.transcript)?,
        token: bytes(&form.token)?,
        policy: Signed::decode(BASE64.decode(form.policy.as_bytes()).ok()?.as_slice()).ok()?,
        visitor: Visitor {
            organisation: form.organisation,
            standing: standing(&form.standing)?,
            name: form.name,
            login: form.login,
            ticket: form.ticket,
            subject: form.subject,
        },
        requested: grants(&form.requested)?,
        lease: Record {
            opened: form.opened,
            held: grants(&form.held)?,
            ends: ends.collect::<Option<_>>()?,
            taken_back: grants(&form.taken_back)?,
            refusals: refusals.collect::<Option<_>>()?,
            forbidden: grants(&form.forbidden)?,
            stopped: form.stopped,
        },
        written: form.written,
        ends: form.ends,
    })
}

/// `N` bytes of lowercase hexadecimal digits, on no heap on their way.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut out = [0; N];
    let fits = HEXLOWER.decode_len(text.len()).ok()? == N;
    (fits && HEXLOWER.decode_mut(text.as_bytes(), &mut out).ok()? == N).then_some(out)
}

fn words(grants: GrantSet) -> Vec<String> {
    grants.iter().map(|grant| grant.to_string()).collect()
}

/// A word that this version does not know is damage: to skip one in `taken_back` would widen.
fn grants(words: &[String]) -> Option<GrantSet> {
    words.iter().map(|word| Grant::from_str(word).ok()).collect()
}

const STANDINGS: [(Standing, &str); 3] = [
    (Standing::Known, "known"),
    (Standing::New, "new"),
    (Standing::NameOfAnother, "name-of-another"),
];

fn standing_word(standing: Standing) -> &'static str {
    STANDINGS.iter().find(|(known, _)| *known == standing).map_or("", |(_, word)| word)
}

fn standing(word: &str) -> Option<Standing> {
    STANDINGS.iter().find(|(_, known)| *known == word).map(|(standing, _)| *standing)
}
