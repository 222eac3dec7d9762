//! Which of the sealed secrets open a line, and under which suite. A seal is an end's word, so its
//! secrets are candidates; the first packet that opens decides, since nobody without the secrets
//! can make one. A secret of 48 bytes is one of AES-256-GCM; one of 32 bytes may be of either of
//! the other suites, and both are tried. The ServerHello is not asked: it stands in packets that
//! everybody can forge.

use deskside_protocol::seal::LineSecrets;
use deskside_protocol::session::{End, Ends};

use crate::keys::{Secret, Suite};
use crate::opening::Opener;

/// The openers of both directions under one candidate.
pub(crate) struct Candidate {
    pub(crate) suite: Suite,
    /// The secrets' hash, by which statements name them.
    pub(crate) name: [u8; 32],
    /// Who sealed these secrets.
    pub(crate) sealed_by: Vec<End>,
    pub(crate) handshake: Ends<Opener>,
    pub(crate) data: Ends<Opener>,
}

/// All candidates of what the ends sealed: at most two for each of two copies.
pub(crate) fn candidates(sealed: &[(End, LineSecrets)]) -> Vec<Candidate> {
    // The random opens nothing: copies that differ in it alone are one.
    let mut distinct: Vec<(&LineSecrets, Vec<End>)> = Vec::new();
    for (end, secrets) in sealed {
        match distinct.iter_mut().find(|(known, _)| known.secrets == secrets.secrets) {
            Some((_, ends)) => ends.push(*end),
            None => distinct.push((secrets, vec![*end])),
        }
    }
    let each = distinct.into_iter().flat_map(|(secrets, ends)| {
        let [handshake, ..] = &secrets.secrets;
        let suites = Suite::of_secret(handshake.len()).iter();
        suites.filter_map(move |suite| candidate(*suite, secrets, ends.clone()))
    });
    each.collect()
}

fn candidate(suite: Suite, secrets: &LineSecrets, sealed_by: Vec<End>) -> Option<Candidate> {
    let opener = |bytes: &[u8]| Opener::new(Secret::new(suite, bytes));
    // The technician is the client.
    let [client, server, client_data, server_data] = &secrets.secrets;
    let handshake = Ends { technician: opener(client)?, agent: opener(server)? };
    let data = Ends { technician: opener(client_data)?, agent: opener(server_data)? };
    Some(Candidate { suite, name: secrets.sha256(), sealed_by, handshake, data })
}
