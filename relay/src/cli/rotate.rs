//! `rotate node|authority`, and what `authority sign|import` do with a change of the authority key.

use std::path::Path;

use deskside_link::random::System;
use deskside_protocol::key::PublicKey;
use serde_json::json;

use super::authority::{agreed, write};
use super::config::Wrong;
use super::say::{Say, table};
use crate::authority::{Authority, AuthorityError};
use crate::clock;
use crate::node::{Lock, Node, NodeError, Places};
use crate::offline::rotation::{self as paper, Rotated, Rotating};
use crate::rotation::{RotateError, rotate_authority, rotate_node};

pub(super) async fn node(node: &Node, say: Say) -> anyhow::Result<()> {
    let new = rotate_node(node, clock::seconds(), &mut System::new()).await?;
    say.answer(&json!({"node": new.to_string()}), || {
        format!(
            "The node key will be {new} from the next start of the relay on. Sessions that go on \
             over it keep the old one to their end. Join links, tokens and accounts of before go \
             on working; links that are made from then on name the new key."
        )
    })
}

pub(super) async fn authority(
    places: Places,
    output: Option<&Path>,
    say: Say,
) -> anyhow::Result<()> {
    let (lock, node) = at_rest(places).await?;
    let now = clock::seconds();
    if let Some(output) = output {
        let asked = paper::collect(&node, now).await?;
        write(output, &asked.to_text()?)?;
        let object = json!({"certificates": asked.certificates.len(), "file": output});
        say.answer(&object, || {
            format!(
                "Written to {}. On the machine that has the organisation's key:\n\n  \
                 deskside-relay authority sign {} --authority DIR --output SIGNED\n",
                output.display(),
                output.display(),
            )
        })?;
        drop(lock);
        return Ok(());
    }
    let changed = rotate_authority(&node, now, &mut System::new()).await;
    drop(lock);
    match changed {
        Ok(new) => in_force(&new, say),
        Err(error @ RotateError::Authority(AuthorityError::Away { .. })) => {
            Err(anyhow::Error::from(error)
                .context("nothing was changed (where the key stays elsewhere: rotate authority --output FILE)"))
        }
        Err(error) => Err(error.into()),
    }
}

/// On the machine that has the key: only its folder is needed, and no relay.
pub(super) fn sign(
    authority: &Authority,
    text: &[u8],
    output: &Path,
    yes: bool,
    say: Say,
) -> anyhow::Result<()> {
    let asked = Rotating::parse(text).map_err(crate::offline::OfflineError::from)?;
    let old = authority.key(&asked.organisation)?;
    let people = asked.people()?;
    let rows: Vec<_> = people.iter().map(|who| vec![who.login.clone(), who.name.clone()]).collect();
    let shown = format!(
        "The organisation gets another authority key. What the old one has signed is signed anew, \
         word for word: the policy, and the certificates of\n{}",
        table(&["LOGIN", "NAME"], &rows)
    );
    if !yes && !agreed(&shown)? {
        return Err(Wrong("nothing was signed".to_owned()).into());
    }
    let new = authority.next(&mut System::new())?;
    let rotated = paper::sign(&old, &new, &asked, clock::seconds())?;
    write(output, &rotated.to_text()?)?;
    let object = json!({"organisation": new.public().to_string(), "file": output});
    say.answer(&object, || {
        format!(
            "The new key lies beside the old one in {}, and takes its place once it signs. Bring \
             {} back to the relay, and stop it:\n\n  deskside-relay authority import {}\n",
            authority.folder().display(),
            output.display(),
            output.display(),
        )
    })
}

pub(super) async fn import(places: Places, text: &[u8], say: Say) -> anyhow::Result<()> {
    let rotated = Rotated::parse(text).map_err(crate::offline::OfflineError::from)?;
    let (lock, node) = at_rest(places).await?;
    let new = paper::import(&node, &rotated, clock::seconds()).await?;
    drop(lock);
    in_force(&new, say)
}

/// A relay that is there and does not run, as long as the lock is held.
async fn at_rest(places: Places) -> Result<(Lock, Node), NodeError> {
    // Before the lock, which would make a folder that is not there.
    drop(Node::open(places.clone()).await?);
    let lock = Lock::take(&places.data)?;
    Ok((lock, Node::open(places).await?))
}

fn in_force(new: &PublicKey, say: Say) -> anyhow::Result<()> {
    say.answer(&json!({"organisation": new.to_string()}), || {
        format!(
            "The organisation's key is {new} now. Start the relay again. Join links, tokens and \
             accounts of before go on working, and recordings of before still verify."
        )
    })
}
