//! Ends that are away, that move, and that nobody knows.

use std::io::IoSliceMut;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use deskside_link::random::System;
use quinn::AsyncUdpSocket as _;
use quinn::udp::RecvMeta;

use super::*;

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket
}

fn home(socket: &UdpSocket) -> Option<SocketAddr> {
    Some(socket.local_addr().unwrap())
}

/// A switch that forwards, a line on it, and its two ends.
struct Bench {
    port: Arc<Port>,
    metrics: Metrics,
    connected: Connected,
    label: Label,
    agent: UdpSocket,
    technician: UdpSocket,
}

impl Bench {
    async fn new() -> Self {
        let port = Arc::new(Port::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap());
        let mut poller = port.clone().poller();
        std::future::poll_fn(|cx| poller.as_mut().poll_writable(cx)).await.unwrap();
        let (metrics, agent, technician) = (Metrics::new(), socket(), socket());
        let label = || Label::random(&mut System::new());
        let (one, two) = (label(), label());
        let attached = |label, end| Attached { label, address: home(end) };
        let line = Line::new(0, attached(one, &agent), attached(two, &technician), None);
        let switch = Switch::new(port.clone(), metrics.clone());
        let connected = switch.connect(line);
        let socket = Switched::new(switch);
        tokio::spawn(async move {
            let mut buffer = vec![0; 2_000];
            std::future::poll_fn(|cx| {
                let slices = &mut [IoSliceMut::new(&mut buffer)];
                socket.poll_recv(cx, slices, &mut [RecvMeta::default()]).map(drop)
            })
            .await;
        });
        Self { port, metrics, connected, label: one, agent, technician }
    }

    /// A packet for the agent.
    fn send(&self, from: &UdpSocket, mark: u8) {
        let packet = [&[0x40][..], self.label.as_bytes(), &[mark; 20]].concat();
        from.send_to(&packet, self.port.local_addr().unwrap()).unwrap();
    }

    /// Waits until so many packets were dropped.
    async fn dropped(&self, count: usize) {
        let line = format!("deskside_dropped_packets_total {count}\n");
        while !self.metrics.render().contains(&line) {
            tokio::task::yield_now().await;
        }
    }
}

fn arrives(at: &UdpSocket) -> u8 {
    let mut packet = [0; 100];
    let length = at.recv(&mut packet).unwrap();
    packet[length - 1]
}

#[tokio::test(flavor = "multi_thread")]
async fn for_an_end_that_is_away_nothing_is_kept() {
    let bench = Bench::new().await;
    bench.send(&bench.technician, 1);
    assert_eq!(arrives(&bench.agent), 1);
    bench.connected.line().place(End::Agent, None);
    bench.send(&bench.technician, 2);
    bench.dropped(1).await;
    bench.connected.line().place(End::Agent, home(&bench.agent));
    bench.send(&bench.technician, 3);
    assert_eq!(arrives(&bench.agent), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_moved_gets_its_packets_at_the_new_place() {
    let bench = Bench::new().await;
    let new = socket();
    bench.connected.line().place(End::Agent, home(&new));
    bench.send(&bench.technician, 1);
    assert_eq!(arrives(&new), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn strange_packets_pass_and_are_a_hint() {
    let bench = Bench::new().await;
    let stranger = socket();
    bench.send(&stranger, 1);
    bench.connected.line().strayed().await;
    assert_eq!(arrives(&bench.agent), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_ended_is_nobodys() {
    let mut bench = Bench::new().await;
    bench.connected.disconnect();
    bench.send(&bench.technician, 1);
    bench.dropped(1).await;
}
