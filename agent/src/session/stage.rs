//! A technician and an agent's channels, with no relay between them: for tests of what is let
//! through.

use std::net::Ipv4Addr;
use std::sync::Arc;

use bytes::Bytes;
use deskside_files::{Hear, PipeError, Speak};
use deskside_link::line::Stream;
use deskside_link::stream::{Receiver, Sender};
use deskside_link::{Beside, Bodies, FilesLine};
use deskside_protocol::act::{ActKey, Actor, DATAGRAMS};
use deskside_protocol::channel::Channel;
use deskside_protocol::frame::MAX_MESSAGE;
use deskside_protocol::grant::GrantSet;
use deskside_protocol::mask::MaskKey;
use deskside_protocol::wire::message::{Act, Message, PointerAt, message::Kind};
use prost::Message as _;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::task::JoinSet;
use zeroize::Zeroizing;

use super::chat::Chat;
use super::control::Conversation;
use super::line::{Reach, one};
use super::parting::Parting;
use super::pointer::{self, Pointer};
use super::watch::Seat;
use crate::consent::{Asker, Standing, Unattended, Visitor};
use crate::desktop::{self, Choice, Clipboard, Controls, Screen};
use crate::events::Show;
use crate::files::Files;
use crate::gate::{Forget, Gate, Record, Terms, listen};
use crate::laser::Laser;

/// A connection between a technician and an agent.
pub(super) async fn connection() -> (quinn::Connection, quinn::Connection) {
    connection_of(quinn::TransportConfig::default()).await
}

/// As [`connection`], with the technician's settings.
pub(super) async fn connection_of(
    transport: quinn::TransportConfig,
) -> (quinn::Connection, quinn::Connection) {
    let [(technician, _), (agent, _)] = ends(transport).await;
    (technician, agent)
}

/// A files line between an agent and a technician.
pub(super) async fn files_line() -> (FilesLine, FilesLine) {
    let [technician, agent] = ends(quinn::TransportConfig::default()).await;
    let line = |(connection, endpoint)| FilesLine::new(connection, endpoint);
    (line(agent), line(technician))
}

/// The technician's end of a connection, and the agent's.
async fn ends(transport: quinn::TransportConfig) -> [(quinn::Connection, quinn::Endpoint); 2] {
    // Whichever test came first.
    drop(rustls::crypto::ring::default_provider().install_default());
    let made = rcgen::generate_simple_self_signed(vec!["deskside".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let certificate = made.cert.der().clone();
    let server = quinn::ServerConfig::with_single_cert(vec![certificate.clone()], key.into());
    let any = (Ipv4Addr::LOCALHOST, 0).into();
    let agent = quinn::Endpoint::server(server.unwrap(), any).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).unwrap();
    let mut config = quinn::ClientConfig::with_root_certificates(Arc::new(roots)).unwrap();
    config.transport_config(Arc::new(transport));
    let technician = quinn::Endpoint::client(any).unwrap();
    let address = agent.local_addr().unwrap();
    let dialled = technician.connect_with(config, address, "deskside").unwrap();
    let (dialled, accepted) = tokio::join!(dialled, async { agent.accept().await.unwrap().await });
    [(dialled.unwrap(), technician), (accepted.unwrap(), agent)]
}

/// The technician's half towards the agent.
pub(super) struct Says {
    pub(super) sender: Sender<Act>,
    pub(super) actor: Actor,
}

impl Says {
    /// Says it so that only the agent can read it.
    pub(super) async fn mask(&mut self, kind: Kind) {
        let act = self.actor.mask(&Message { kind: Some(kind) }).unwrap();
        self.sender.send(&act).await.unwrap();
    }
}

impl Speak for Says {
    async fn say(&mut self, kind: Kind) -> Result<(), PipeError> {
        let act = self.actor.wrap(&Message { kind: Some(kind) });
        self.sender.send(&act).await.map_err(PipeError::new)
    }

    async fn body(&mut self, bytes: Bytes) -> Result<(), PipeError> {
        self.sender.send_body(bytes).await.map_err(PipeError::new)
    }

    async fn finish(&mut self) -> Result<(), PipeError> {
        self.sender.finish();
        Ok(())
    }
}

/// The technician's half from the agent.
pub(super) struct Hears(pub(super) Receiver<Message>);

impl Hear for Hears {
    async fn hear(&mut self) -> Result<Option<Kind>, PipeError> {
        Ok(self.0.receive().await.map_err(PipeError::new)?.and_then(|message| message.kind))
    }

    async fn body(&mut self) -> Result<Option<Bytes>, PipeError> {
        self.0.receive_body().await.map_err(PipeError::new)
    }
}

/// The technician's mouse.
pub(super) struct Mouse {
    beside: Beside,
    actor: Actor,
}

impl Mouse {
    pub(super) fn at(&mut self, place: PointerAt) {
        let message = Message { kind: Some(Kind::PointerAt(place)) };
        self.beside.send(self.actor.wrap(&message).encode_to_vec().into());
    }
}

/// A gate that grants `allowed` to whoever asks.
pub(super) fn gate_of(allowed: GrantSet) -> Gate {
    let show = Show::json(std::io::sink());
    gate_with((allowed, allowed), Arc::new(Unattended), show)
}

/// A gate under this policy, with this answered beforehand, all else by `asker`.
pub(super) fn gate_with(
    (policy, beforehand): (GrantSet, GrantSet),
    asker: Arc<dyn Asker>,
    show: Show,
) -> Gate {
    let text = String::new;
    let visitor = Visitor {
        organisation: text(),
        standing: Standing::Known,
        name: "Alice Ng".to_owned(),
        login: text(),
        ticket: text(),
        subject: text(),
    };
    let terms = Terms { policy, masking: true, beforehand, visitor, record: Record::default() };
    Gate::new(terms, Arc::new(Forget), asker, Arc::new(show))
}

/// All channels of an agent behind one gate, served as on a line.
pub(super) struct Stage {
    pub(super) folder: tempfile::TempDir,
    pub(super) chat: Arc<Chat>,
    pub(super) controls: Controls,
    pub(super) pointer: Arc<Pointer>,
    pub(super) laser: Laser,
    key: ActKey,
    technician: quinn::Connection,
    serving: JoinSet<()>,
}

impl Stage {
    pub(super) async fn new(gate: Gate, screen: Option<Screen>) -> Self {
        Self::on(gate, screen, connection().await)
    }

    /// Where the bodies of files go over files lines.
    pub(super) async fn apart(gate: Gate, bodies: Bodies) -> Self {
        Self::serving(gate, (None, Some(bodies)), connection().await)
    }

    pub(super) fn on(
        gate: Gate,
        screen: Option<Screen>,
        connection: (quinn::Connection, quinn::Connection),
    ) -> Self {
        Self::serving(gate, (screen, None), connection)
    }

    fn serving(
        gate: Gate,
        (screen, bodies): (Option<Screen>, Option<Bodies>),
        (technician, agent): (quinn::Connection, quinn::Connection),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let show = Arc::new(Show::json(std::io::sink()));
        let (files, chat) = (Files::open(folder.path(), show).unwrap(), Arc::new(Chat::new()));
        let controls = desktop::controls(Choice::Synthetic, None);
        let laser = Laser::new(None, "Alice Ng");
        let pointer = Arc::new(Pointer::new(gate.clone(), laser.clone()));
        let reach = Reach {
            gate,
            screen,
            seat: Seat::new(),
            controls: controls.clone(),
            pointer: pointer.clone(),
            clipboard: Clipboard::new(None),
            files,
            chat: chat.clone(),
        };
        let mask = MaskKey::new(Zeroizing::new([9; 32]));
        let key = ActKey::new(Zeroizing::new([7; 32])).with_mask(mask);
        let mut serving = JoinSet::new();
        let (beside, moving, mouse) = (Beside::new(agent.clone()), key.clone(), pointer.clone());
        serving.spawn(async move { drop(pointer::hear(beside, &moving, &mouse).await) });
        let verifying = key.clone();
        serving.spawn(async move {
            let mut streams = JoinSet::new();
            while let Ok((send, mut receive)) = agent.accept_bi().await {
                let (reach, key) = (reach.clone(), verifying.clone());
                let (beside, bodies) = (Beside::new(agent.clone()), bodies.clone());
                streams.spawn(async move {
                    // In the place of an opening.
                    let mut number = [0];
                    receive.read_exact(&mut number).await.unwrap();
                    let channel = Channel::from_wire(number[0].into()).unwrap();
                    let sender = Sender::new(send, MAX_MESSAGE);
                    let id = sender.id();
                    let receiver = Receiver::new(receive, MAX_MESSAGE);
                    let stream = Stream { channel, id, sender, receiver };
                    let (channel, heard, answers) = listen(stream, &key);
                    if channel == Channel::Control {
                        let parting = Parting::new();
                        let mut talk = Conversation::new(&reach.gate, heard, answers);
                        drop(talk.run(&parting).await);
                    } else {
                        let beside = (&beside, bodies.as_ref());
                        drop(one(channel, heard, answers, &reach, beside).await);
                    }
                });
            }
        });
        Self { folder, chat, controls: controls.unwrap(), pointer, laser, key, technician, serving }
    }

    /// What the agent opens by itself.
    pub(super) fn beside(&self) -> Beside {
        Beside::new(self.technician.clone())
    }

    /// A stream of the technician's.
    pub(super) async fn stream(&self, channel: Channel) -> (Says, Hears) {
        self.stream_by(channel, &self.key).await
    }

    /// As when the line is gone: nothing of its streams outlives it.
    pub(super) fn lose_line(&mut self) {
        self.serving.abort_all();
    }

    /// The technician's mouse, in datagrams.
    pub(super) fn mouse(&self) -> Mouse {
        self.mouse_by(&self.key)
    }

    /// The mouse of somebody who has only the line's traffic secrets.
    pub(super) fn stranger(&self) -> Mouse {
        self.mouse_by(&ActKey::new(Zeroizing::new([8; 32])))
    }

    fn mouse_by(&self, key: &ActKey) -> Mouse {
        let actor = key.actor(Channel::Pointer, DATAGRAMS);
        Mouse { beside: Beside::new(self.technician.clone()), actor }
    }

    /// A stream of somebody's who has this key.
    pub(super) async fn stream_by(&self, channel: Channel, key: &ActKey) -> (Says, Hears) {
        let (mut send, receive) = self.technician.open_bi().await.unwrap();
        let number = u8::try_from(channel.to_wire() as i32).unwrap();
        send.write_all(&[number]).await.unwrap();
        let sender = Sender::new(send, MAX_MESSAGE);
        let actor = key.actor(channel, sender.id());
        (Says { sender, actor }, Hears(Receiver::new(receive, MAX_MESSAGE)))
    }
}
