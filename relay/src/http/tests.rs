//! Both addresses, over real sockets.

use std::net::SocketAddr;
use std::path::Path;

use deskside_link::Leg;
use deskside_link::random::System;
use deskside_protocol::close::CloseCode;
use deskside_protocol::key::SigningKey;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::admin::TOKEN_FILE;
use super::listener::MAX_OF_ONE;
use crate::limits::Phases;
use crate::node::Places;
use crate::serve::{self, Running, Settings};

struct House {
    running: Running,
    stop: CancellationToken,
    folder: tempfile::TempDir,
}

impl House {
    async fn new(programs: Option<&Path>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let settings = Settings {
            listen: any,
            http: any,
            admin: any,
            public: None,
            organisation: "Example <Help>".to_owned(),
            places: Places::under(folder.path().join("relay")),
            certificate: None,
            sign_in: None,
            programs: programs.map(Path::to_owned),
            unlimited: Vec::new(),
            phases: Phases::default(),
        };
        let stop = CancellationToken::new();
        let running = serve::start(settings, stop.clone()).await.unwrap();
        Self { running, stop, folder }
    }

    /// Somebody was greeted: the room for legs has begun, and needs the database no more for that.
    async fn has_greeted(&self) {
        let key = SigningKey::generate(&mut System::new());
        let leg = Leg::dial(&self.running.join, &key, "test").await.unwrap();
        drop(leg.open().await.unwrap());
        leg.close(CloseCode::Done).await;
    }

    async fn end(self) {
        self.stop.cancel();
        self.running.ended().await.unwrap();
    }
}

async fn ask(address: SocketAddr, method: &str, path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request =
        format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

async fn get(address: SocketAddr, path: &str) -> String {
    ask(address, "GET", path, "").await
}

#[track_caller]
fn assert_status(answer: &str, status: u16) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
}

#[tokio::test]
async fn each_address_serves_its_own() {
    let house = House::new(None).await;
    let (http, admin) = (house.running.http, house.running.admin);
    for address in [http, admin] {
        assert_status(&get(address, "/healthz").await, 200);
        assert_status(&get(address, "/elsewhere").await, 404);
    }
    assert_status(&get(http, "/metrics").await, 404);
    assert_status(&ask(http, "POST", "/technicians/alice/unlock", "").await, 404);
    assert_status(&get(admin, "/help").await, 404);
    assert!(get(admin, "/metrics").await.contains("deskside_open_codes 0"));

    house.has_greeted().await;
    house.running.relay.node.store().close().await;
    for address in [http, admin] {
        let answer = get(address, "/healthz").await;
        assert_status(&answer, 503);
        assert!(answer.contains("the database does not answer"), "{answer}");
    }
    house.stop.cancel();
    house.running.ended().await.unwrap();
}

#[tokio::test]
async fn what_changes_something_takes_the_token_of_the_folder() {
    use std::os::unix::fs::PermissionsExt as _;
    let house = House::new(None).await;
    let admin = house.running.admin;
    let file = house.folder.path().join("relay").join(TOKEN_FILE);
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let token = std::fs::read_to_string(&file).unwrap();
    let path = "/technicians/nobody/unlock";
    let (wrong, right) = ("0".repeat(64), token.trim());
    for headers in [
        String::new(),
        "Authorization: Bearer \r\n".to_owned(),
        format!("Authorization: Bearer {wrong}\r\n"),
        format!("Authorization: {right}\r\n"),
    ] {
        assert_status(&ask(admin, "POST", path, &headers).await, 401);
    }
    let bearer = format!("Authorization: Bearer {right}\r\n");
    assert_status(&ask(admin, "POST", path, &bearer).await, 404);
    assert_status(&ask(admin, "GET", path, &bearer).await, 405);
    house.end().await;
}

#[tokio::test]
async fn one_network_cannot_take_all_connections() {
    let house = House::new(None).await;
    let http = house.running.http;
    let mut idle = Vec::new();
    for _ in 0..MAX_OF_ONE {
        idle.push(TcpStream::connect(http).await.unwrap());
    }
    // One more is closed at once.
    let mut more = TcpStream::connect(http).await.unwrap();
    assert_eq!(more.read(&mut [0]).await.unwrap(), 0);
    drop(idle);
    let answered = async {
        loop {
            let mut stream = TcpStream::connect(http).await.unwrap();
            let request = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
            let mut answer = String::new();
            // Refused until those that left are noticed.
            let asked = stream.write_all(request.as_bytes()).await.is_ok()
                && stream.read_to_string(&mut answer).await.is_ok();
            if asked && answer.starts_with("HTTP/1.1 200") {
                return;
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), answered).await.unwrap();
    house.end().await;
}
