//! `doctor`: one look at everything that keeps a relay from serving, each with what to do.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use deskside_protocol::exit::Exit;
use deskside_protocol::policy::{Policy, Recording};
use serde_json::json;

use super::say::{Say, table};
use crate::archive::Archive;
use crate::node::{Lock, Node, NodeError, Places};
use crate::store::Waiting;
use crate::{chain, clock, log, policy};

/// A policy or certificate that ends within this time is worth a word, in seconds.
const SOON: u64 = 30 * 24 * 60 * 60;
/// Bytes that the relay's socket wants to buffer.
const SOCKET_BUFFER: u64 = 4 * 1024 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Well,
    Mind,
    Fault,
}

impl Level {
    const fn word(self) -> &'static str {
        match self {
            Self::Well => "ok",
            Self::Mind => "warning",
            Self::Fault => "fault",
        }
    }
}

struct Finding(Level, &'static str, String);

/// Exit 0 where nothing keeps the relay from serving, else 1.
pub(super) async fn run(places: Places, say: Say) -> anyhow::Result<Exit> {
    let findings = examine(places).await;
    let objects: Vec<_> = findings
        .iter()
        .map(|Finding(level, what, text)| {
            json!({"check": what, "state": level.word(), "text": text})
        })
        .collect();
    say.rows(&objects, || {
        let rows: Vec<_> = findings
            .iter()
            .map(|Finding(level, what, text)| {
                vec![level.word().to_owned(), (*what).to_owned(), text.clone()]
            })
            .collect();
        table(&["STATE", "CHECK", "FOUND"], &rows)
    })?;
    let fault = findings.iter().any(|Finding(level, ..)| *level == Level::Fault);
    Ok(if fault { Exit::Other } else { Exit::Done })
}

async fn examine(places: Places) -> Vec<Finding> {
    let mut findings = vec![folder(&places.data)];
    if !places.data.exists() {
        return findings;
    }
    findings.push(running(&places.data));
    findings.push(recordings(&places.recordings));
    findings.extend(archive(&places).await);
    findings.push(sessions(&places.log()));
    findings.push(socket_buffer());
    match Node::open(places).await {
        Ok(node) => inside(&node, &mut findings).await,
        Err(error) => findings.push(Finding(Level::Fault, "relay", chain(&error))),
    }
    findings
}

async fn inside(node: &Node, findings: &mut Vec<Finding>) {
    findings.push(match node.store().ping().await {
        Ok(()) => Finding(Level::Well, "database", "answers".into()),
        Err(error) => Finding(Level::Fault, "database", chain(&error)),
    });
    match policy::current(node).await {
        Ok(policy) => findings.extend([in_force(&policy), auditors(&policy)]),
        Err(error) => findings.push(Finding(Level::Fault, "policy", chain(&error))),
    }
    findings.extend(waiting(node).await);
    findings.push(people(node).await);
    let authority = node.authority();
    findings.push(if authority.present() {
        Finding(Level::Mind, "authority", authority.warning())
    } else {
        Finding(Level::Well, "authority", "its key is not on this machine".into())
    });
}

fn folder(data: &Path) -> Finding {
    let what = "folder";
    match fs::metadata(data) {
        Err(error) => Finding(
            Level::Fault,
            what,
            format!(
                "{}: {error}: start `deskside-relay serve` once, or name --data",
                data.display()
            ),
        ),
        Ok(about) if about.permissions().mode() & 0o077 != 0 => Finding(
            Level::Fault,
            what,
            format!("others may enter {}: chmod 700 it", data.display()),
        ),
        Ok(_) => Finding(Level::Well, what, data.display().to_string()),
    }
}

fn running(data: &Path) -> Finding {
    match Lock::take(data) {
        Ok(lock) => {
            drop(lock);
            Finding(Level::Mind, "serve", "no relay is running on this folder".into())
        }
        Err(NodeError::InUse { .. }) => Finding(Level::Well, "serve", "is running".into()),
        Err(error) => Finding(Level::Fault, "serve", chain(&error)),
    }
}

fn recordings(folder: &Path) -> Finding {
    let probe = folder.join(".doctor");
    match fs::write(&probe, b"x").and_then(|()| fs::remove_file(&probe)) {
        Ok(()) => Finding(Level::Well, "recordings", folder.display().to_string()),
        Err(error) => Finding(
            Level::Fault,
            "recordings",
            format!("nothing can be written in {}: {error}", folder.display()),
        ),
    }
}

/// Whether the archive takes, gives back and deletes; nothing where the folder is the archive.
async fn archive(places: &Places) -> Option<Finding> {
    let what = "archive";
    let archive = match Archive::open(places) {
        Ok(archive) => archive,
        Err(error) => return Some(Finding(Level::Fault, what, chain(&error))),
    };
    let probed = archive.probe().await?;
    Some(match probed {
        Ok(()) => Finding(Level::Well, what, archive.name().unwrap_or_default().to_owned()),
        Err(sentence) => Finding(Level::Fault, what, sentence),
    })
}

/// Whether it is the archive of before, and how much waits for it; nothing where the folder is the
/// archive.
async fn waiting(node: &Node) -> Option<Finding> {
    let what = "archive";
    // Where there is no way to it that was said before.
    let archive = Archive::open(node.places()).ok()?;
    archive.name()?;
    if let Some(sentence) = archive.is_another(node.store()).await {
        return Some(Finding(Level::Fault, what, sentence));
    }
    Some(match node.store().waiting_for_archive().await {
        Ok(Waiting { count: 0, .. }) => Finding(Level::Well, what, "nothing waits for it".into()),
        Ok(Waiting { count, bytes }) => {
            let text = format!("{count} finished recordings of {} MiB wait for it", bytes >> 20);
            Finding(Level::Mind, what, text)
        }
        Err(error) => Finding(Level::Fault, what, chain(&error)),
    })
}

/// The log of sessions, whose tiles have to be those of its head.
fn sessions(folder: &Path) -> Finding {
    match log::look(folder) {
        Ok(size) => Finding(Level::Well, "log", format!("{size} entries")),
        Err(error) => Finding(Level::Fault, "log", chain(&error)),
    }
}

/// Linux caps what a socket may buffer; elsewhere there is nothing to look at.
fn socket_buffer() -> Finding {
    let what = "socket";
    let cap = fs::read_to_string("/proc/sys/net/core/rmem_max").ok();
    match cap.and_then(|text| text.trim().parse::<u64>().ok()) {
        Some(cap) if cap < SOCKET_BUFFER => Finding(
            Level::Mind,
            what,
            format!(
                "the system caps socket buffers at {cap} bytes; for many sessions at once: \
                 sysctl -w net.core.rmem_max={SOCKET_BUFFER}"
            ),
        ),
        Some(_) => Finding(Level::Well, what, "may buffer enough".into()),
        None => Finding(Level::Well, what, "the system names no cap on buffers".into()),
    }
}

fn in_force(policy: &Policy) -> Finding {
    let left = u64::try_from(policy.ends.as_second()).unwrap_or(0).checked_sub(clock::seconds());
    let renew = "set a later end with `deskside-relay policy set`";
    match left {
        None => Finding(Level::Fault, "policy", format!("ended on {}: {renew}", policy.ends)),
        Some(left) if left < SOON => {
            Finding(Level::Mind, "policy", format!("ends on {}: {renew}", policy.ends))
        }
        Some(_) => {
            Finding(Level::Well, "policy", format!("{} until {}", policy.serial, policy.ends))
        }
    }
}

fn auditors(policy: &Policy) -> Finding {
    let what = "auditors";
    match (policy.auditors.len(), policy.recording) {
        (0, Recording::Required) => Finding(
            Level::Fault,
            what,
            "recording is required and there is no auditor, so nobody can connect: enrol one, or \
             `deskside-relay auditor add RECIPIENT`"
                .into(),
        ),
        (0, Recording::BestEffort | Recording::Off) => {
            Finding(Level::Mind, what, "none: nobody will be able to open a recording".into())
        }
        (count, _) => Finding(Level::Well, what, count.to_string()),
    }
}

async fn people(node: &Node) -> Finding {
    let what = "people";
    match node.store().technicians().await {
        Ok(all) => {
            let now = clock::seconds();
            let count = all.iter().filter(|who| who.revoked_at.is_none() && who.expires_at > now);
            match count.count() {
                0 => Finding(
                    Level::Mind,
                    what,
                    "nobody is enrolled: use the first start's token, or `technician invite`"
                        .into(),
                ),
                count => Finding(Level::Well, what, format!("{count} enrolled")),
            }
        }
        Err(error) => Finding(Level::Fault, what, chain(&error)),
    }
}
