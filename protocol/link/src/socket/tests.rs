//! The shared socket on loopback.

use super::*;
use std::io::IoSliceMut;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use deskside_protocol::label::Label;
use quinn::AsyncUdpSocket as _;

/// One receive through a view; gives the first byte behind the label.
async fn receive(view: &View) -> u8 {
    let mut buffer = [0; 2048];
    std::future::poll_fn(|cx| {
        let mut slices = [IoSliceMut::new(&mut buffer)];
        let mut meta = [RecvMeta::default()];
        view.poll_recv(cx, &mut slices, &mut meta)
    })
    .await
    .unwrap();
    buffer[9]
}

fn datagram(label: Label, mark: u8) -> Vec<u8> {
    [&[0x40][..], label.as_bytes(), &[mark; 20]].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_while_the_reading_changes_hands() {
    let peer = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let socket = Socket::bind(peer.local_addr().unwrap()).unwrap();
    let port = socket.way().port.local_addr().unwrap().port();
    let leg = socket.view(None);
    let reading = tokio::spawn(async move {
        loop {
            receive(&leg).await;
        }
    });
    for round in 0..20_000_u32 {
        let label = Label::from_bytes(&(u64::MAX - u64::from(round)).to_be_bytes()).unwrap();
        let to = (Ipv4Addr::LOCALHOST, port);
        // Something for the leg, so that it polls just when the line comes.
        peer.send_to(&[0x40; 30], to).unwrap();
        let line = socket.view(Some(label));
        let waiting = tokio::spawn(async move { receive(&line).await });
        peer.send_to(&datagram(label, 7), to).unwrap();
        let received = tokio::time::timeout(Duration::from_secs(5), waiting).await;
        assert!(matches!(received, Ok(Ok(7))), "round {round}: {received:?}");
    }
    reading.abort();
}

/// A port can send once the reactor has seen that it can.
async fn writable(view: &Arc<View>) {
    let mut poller = view.clone().create_io_poller();
    std::future::poll_fn(|cx| poller.as_mut().poll_writable(cx)).await.unwrap();
}

fn transmit(contents: &[u8]) -> Transmit<'_> {
    Transmit { destination: VIRTUAL, ecn: None, contents, segment_size: Some(40), src_ip: None }
}

#[tokio::test]
async fn the_last_datagram_of_a_line_is_sent_again_at_once() {
    let peer = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let socket = Socket::bind(peer.local_addr().unwrap()).unwrap();
    let leg = socket.view(None);
    socket.resend();
    let line = socket.view(Label::from_bytes(&[0x80; 8]));
    writable(&line).await;
    socket.resend();
    let mut buffer = [0; 2048];
    let mut next = || peer.recv(&mut buffer).map(|length| (length, buffer[0])).unwrap();
    // One send of three datagrams, as by segmentation offload: the last is the shorter one.
    let three = [[1; 40].as_slice(), &[2; 40], &[3; 25]].concat();
    let sent = if line.max_transmit_segments() >= 3 {
        line.try_send(&transmit(&three)).unwrap();
        [next(), next(), next()]
    } else {
        three.chunks(40).for_each(|one| line.try_send(&transmit(one)).unwrap());
        [next(), next(), next()]
    };
    assert_eq!(sent, [(40, 1), (40, 2), (25, 3)]);
    assert_eq!(socket.traffic().0, 3);
    // What the leg sends is its own to repeat.
    let destination = peer.local_addr().unwrap();
    leg.try_send(&Transmit { destination, ..transmit(&[9; 30]) }).unwrap();
    assert_eq!(next(), (30, 9));
    socket.resend();
    assert_eq!(next(), (25, 3));
    // To wherever the relay is by then.
    let elsewhere = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    elsewhere.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket.aim(elsewhere.local_addr().unwrap());
    socket.resend();
    assert_eq!(elsewhere.recv(&mut [0; 64]).unwrap(), 25);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_was_exchanged_is_read_by_whoever_read_before() {
    let peer = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let socket = Socket::bind(peer.local_addr().unwrap()).unwrap();
    let leg = socket.view(None);
    for mark in 0..100 {
        let waiting = tokio::spawn({
            let leg = leg.clone();
            async move { receive(&leg).await }
        });
        // Sometimes before the reader waits, sometimes after.
        if mark % 2 == 0 {
            tokio::task::yield_now().await;
        }
        let before = socket.way().port.local_addr().unwrap();
        socket.exchange(peer.local_addr().unwrap()).unwrap();
        let after = socket.way().port.local_addr().unwrap();
        assert_ne!(before, after);
        let leg_s = [&[0x40][..], &[mark; 30]].concat();
        peer.send_to(&leg_s, (Ipv4Addr::LOCALHOST, after.port())).unwrap();
        let received = tokio::time::timeout(Duration::from_secs(5), waiting).await;
        assert_eq!(received.unwrap().unwrap(), mark);
    }
}

#[tokio::test]
async fn the_family_of_the_port_follows_the_relay_and_errors_are_loss() {
    let socket = Socket::bind((Ipv4Addr::LOCALHOST, 9).into()).unwrap();
    let leg = socket.view(None);
    writable(&leg).await;
    // Nobody can be reached at port 0: the operating system says so, and QUIC never hears of it.
    leg.try_send(&Transmit { destination: (Ipv4Addr::LOCALHOST, 0).into(), ..transmit(&[1; 40]) })
        .unwrap();
    let before = socket.way().port.local_addr().unwrap();
    socket.reach((Ipv4Addr::LOCALHOST, 9).into()).unwrap();
    let after = socket.way().port.local_addr().unwrap();
    assert_ne!(before.port(), after.port(), "a broken port is exchanged");
    socket.reach((Ipv4Addr::LOCALHOST, 9).into()).unwrap();
    assert_eq!(after, socket.way().port.local_addr().unwrap(), "and a good one is not");
    if socket.reach((Ipv6Addr::LOCALHOST, 9).into()).is_ok() {
        assert!(socket.way().port.local_addr().unwrap().is_ipv6());
    }
    assert!(leg.local_addr().unwrap().is_ipv6());
}
