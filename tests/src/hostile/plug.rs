//! Lines by hand: QUIC connections under a label of the liar's, with any key, any ALPN, and as many
//! at once as it likes.

use std::io::{self, IoSliceMut};
use std::net::{Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use deskside_link::stream::{Receiver, Sender};
use deskside_link::{cid, tls, transport};
use deskside_protocol::act::{self, ActKey, Actor};
use deskside_protocol::channel::Channel;
use deskside_protocol::frame::MAX_MESSAGE;
use deskside_protocol::key::{PublicKey, SigningKey};
use deskside_protocol::label::Label;
use deskside_protocol::wire::message::{Act, Message, Opening, message::Kind};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, Connection, Endpoint, UdpPoller};
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use super::switch::Switch;

/// Packets that wait for quinn: a flight of a handshake and more.
const QUEUE: usize = 256;
/// A knock that is not answered by then will not be.
const KNOCK: Duration = Duration::from_secs(3);
/// Where every line seems to come from: quinn wants one address, and labels do the rest.
const SOMEWHERE: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1)), 1);

/// A socket for one label at the liar's switch.
#[derive(Debug)]
pub(super) struct Plug {
    switch: Arc<Switch>,
    taken: Mutex<mpsc::Receiver<Bytes>>,
}

impl Plug {
    fn new(switch: &Arc<Switch>, own: Label) -> Self {
        let (hold, taken) = mpsc::channel(QUEUE);
        switch.plug(own, hold);
        Self { switch: switch.clone(), taken: Mutex::new(taken) }
    }
}

#[derive(Debug)]
struct Always;

impl UdpPoller for Always {
    fn poll_writable(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncUdpSocket for Plug {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Always)
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.switch.deliver(transmit.contents);
        Ok(())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(packet) = ready!(taken.poll_recv(cx)) else { return Poll::Pending };
        let (Some(buffer), Some(received)) = (buffers.first_mut(), meta.first_mut()) else {
            return Poll::Ready(Ok(0));
        };
        let length = packet.len().min(buffer.len());
        buffer.split_at_mut(length).0.copy_from_slice(packet.split_at(length).0);
        let (len, stride) = (length, length);
        *received = RecvMeta { addr: SOMEWHERE, len, stride, ..RecvMeta::default() };
        Poll::Ready(Ok(1))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), 1))
    }

    fn may_fragment(&self) -> bool {
        false
    }
}

/// An endpoint that dials as the owner of one label.
#[derive(Debug, Clone)]
pub(super) struct Socket {
    endpoint: Endpoint,
    peer: Label,
}

impl Socket {
    pub(super) fn new(switch: &Arc<Switch>, own: Label, peer: Label) -> anyhow::Result<Self> {
        let settings = cid::line_endpoint(own);
        let (plug, runtime) = (Arc::new(Plug::new(switch, own)), Arc::new(quinn::TokioRuntime));
        let endpoint = Endpoint::new_with_abstract_socket(settings, None, plug, runtime)?;
        Ok(Self { endpoint, peer })
    }

    /// Dials the owner of the other label.
    pub(super) async fn dial(
        &self,
        alpn: &[u8],
        key: &SigningKey,
        peer_key: PublicKey,
    ) -> anyhow::Result<RawLine> {
        let verifier = Arc::new(tls::KeyVerifier::pinned(peer_key));
        let settings = tls::dialling(verifier, key, alpn)?;
        let mut config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(settings)?));
        let first = cid::dialled_line(self.peer);
        config.transport_config(transport::line()).initial_dst_cid_provider(first);
        let connecting = self.endpoint.connect_with(config, SOMEWHERE, "deskside")?;
        let connection =
            tokio::time::timeout(KNOCK, connecting).await.context("nobody answers")??;
        // A client believes that it is in before the server has looked at its key.
        let mut key = Zeroizing::new([0; act::KEY]);
        let exported = connection.export_keying_material(key.as_mut(), act::EXPORTER_LABEL, b"");
        exported.ok().context("export a key")?;
        Ok(RawLine { connection, act_key: ActKey::new(key) })
    }
}

/// A line that stands, as far as its technician knows.
#[allow(missing_debug_implementations, reason = "holds a secret key")]
pub struct RawLine {
    /// The connection itself.
    pub connection: Connection,
    act_key: ActKey,
}

impl RawLine {
    /// Says these messages on a fresh stream of `channel`, which stays open.
    ///
    /// # Errors
    /// Where the line is gone.
    pub async fn says(
        &self,
        channel: Channel,
        kinds: Vec<Kind>,
    ) -> anyhow::Result<(Sender<Act>, Receiver<Message>, Actor)> {
        let (send, receive) = self.connection.open_bi().await?;
        let mut sender = Sender::<Opening>::new(send, MAX_MESSAGE);
        sender.send(&Opening { channel: channel.to_wire() as i32 }).await?;
        let mut actor = self.act_key.actor(channel, sender.id());
        let mut sender: Sender<Act> = sender.retyped();
        for kind in kinds {
            sender.send(&actor.wrap(&Message { kind: Some(kind) })).await?;
        }
        Ok((sender, Receiver::new(receive, MAX_MESSAGE), actor))
    }
}
