//! Lines over loopback, with no relay between their ends.

use super::*;
use crate::making::{client_config, server_config};
use crate::secrets::Capture;
use std::net::{Ipv6Addr, SocketAddr};

/// Both ends of a line over loopback: the agent's, the technician's.
pub(crate) async fn pair() -> (Line, Line) {
    let (agent, technician) = made(Kind::Main).await;
    (Line::new(agent).unwrap(), Line::new(technician).unwrap())
}

/// The same of a files line.
pub(crate) async fn files_pair() -> (FilesLine, FilesLine) {
    let (agent, technician) = made(Kind::Files).await;
    for made in [&agent, &technician] {
        assert!(made.capture.take().is_none(), "the secrets of a files line are nobody's");
    }
    let line = |made: Made| FilesLine::new(made.connection, made.endpoint);
    (line(agent), line(technician))
}

async fn made(kind: Kind) -> (Made, Made) {
    let [agent, technician] = [1, 2].map(|byte| SigningKey::from_seed(Zeroizing::new([byte; 32])));
    let label = |byte| Label::from_bytes(&[byte; 8]).unwrap();
    let [here, there] = [Capture::new(), Capture::new()];
    let plan =
        Plan { own: label(0x81), peer: label(0x82), key: &agent, peer_key: technician.public() };
    let config = server_config(kind, &plan, &here).unwrap();
    let any = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
    let server = Endpoint::server(config, any).unwrap();
    let plan =
        Plan { own: label(0x82), peer: label(0x81), key: &technician, peer_key: agent.public() };
    let config = client_config(kind, &plan, &there).unwrap();
    let client = Endpoint::client(any).unwrap();
    let dialled = client.connect_with(config, server.local_addr().unwrap(), "deskside").unwrap();
    let (dialled, accepted) = tokio::join!(dialled, async { server.accept().await.unwrap().await });
    let agent = Made { connection: accepted.unwrap(), endpoint: server, capture: here };
    (agent, Made { connection: dialled.unwrap(), endpoint: client, capture: there })
}
