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
    port: Arc<Udp>,
    metrics: Metrics,
    connected: Connected,
    label: Label,
    agent: UdpSocket,
    technician: UdpSocket,
    pump: Pump,
}

impl Bench {
    fn new() -> Self {
        let port = Arc::new(Udp::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap());
        let (metrics, agent, technician) = (Metrics::new(), socket(), socket());
        let label = || Label::random(&mut System::new());
        let (one, two) = (label(), label());
        let attached = |label, end| Attached { label, address: home(end) };
        let line = Line::new(0, attached(one, &agent), attached(two, &technician), None);
        let switch = Switch::new(port.clone(), metrics.clone());
        let connected = switch.connect(line);
        let pump = Pump::start(&switch).unwrap();
        Self { port, metrics, connected, label: one, agent, technician, pump }
    }

    /// A packet for the agent.
    fn send(&self, from: &UdpSocket, mark: u8) {
        let packet = [&[0x40][..], self.label.as_bytes(), &[mark; 20]].concat();
        from.send_to(&packet, self.port.local_addr().unwrap()).unwrap();
    }

    /// Waits until so many packets were dropped.
    fn dropped(&self, count: usize) {
        let line = format!("deskside_dropped_packets_total {count}\n");
        while !self.metrics.render().contains(&line) {
            std::thread::yield_now();
        }
    }
}

fn arrives(at: &UdpSocket) -> u8 {
    let mut packet = [0; 100];
    let length = at.recv(&mut packet).unwrap();
    packet[length - 1]
}

#[test]
fn for_an_end_that_is_away_nothing_is_kept() {
    let bench = Bench::new();
    bench.send(&bench.technician, 1);
    assert_eq!(arrives(&bench.agent), 1);
    bench.connected.line().place(End::Agent, None);
    bench.send(&bench.technician, 2);
    bench.dropped(1);
    bench.connected.line().place(End::Agent, home(&bench.agent));
    bench.send(&bench.technician, 3);
    assert_eq!(arrives(&bench.agent), 3);
}

#[test]
fn an_end_that_moved_gets_its_packets_at_the_new_place() {
    let bench = Bench::new();
    let new = socket();
    bench.connected.line().place(End::Agent, home(&new));
    bench.send(&bench.technician, 1);
    assert_eq!(arrives(&new), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn strange_packets_pass_and_are_a_hint() {
    let bench = Bench::new();
    let stranger = socket();
    bench.send(&stranger, 1);
    bench.connected.line().strayed().await;
    assert_eq!(arrives(&bench.agent), 1);
}

#[test]
fn a_line_that_ended_is_nobodys() {
    let mut bench = Bench::new();
    bench.connected.disconnect();
    bench.send(&bench.technician, 1);
    bench.dropped(1);
}

#[tokio::test]
async fn what_is_a_legs_goes_to_its_endpoint() {
    let bench = Bench::new();
    let packet = [&[0x40, 0x01][..], &[7; 30]].concat();
    bench.technician.send_to(&packet, bench.port.local_addr().unwrap()).unwrap();
    let (socket, mut space) = (bench.pump.socket(), vec![0; 100]);
    let mut meta = [RecvMeta::default()];
    let count = std::future::poll_fn(|cx| {
        socket.poll_recv(cx, &mut [IoSliceMut::new(&mut space)], &mut meta)
    });
    assert_eq!(count.await.unwrap(), 1);
    assert_eq!(
        (&space[..meta[0].len], meta[0].addr),
        (&packet[..], home(&bench.technician).unwrap())
    );
}

#[test]
fn a_switch_that_ends_does_not_wait_for_packets() {
    let bench = Bench::new();
    drop(bench.pump);
}
