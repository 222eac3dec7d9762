//! The help page in a real browser, and the program that it hands out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use deskside_protocol::identity::file_name;
use deskside_protocol::identity::link::JoinLink;
use deskside_tests::browser::{self, Look};
use deskside_tests::process::{Process, command};
use deskside_tests::programs::programs;
use deskside_tests::relay::Relay;
use deskside_tests::technician::Technician;
use deskside_tests::web;
use tempfile::TempDir;

/// A relay that hands out this tree's agent for every system.
fn relay(folder: &TempDir) -> Relay {
    let agent = &programs().unwrap().agent;
    let shelf = folder.path().join("programs");
    fs::create_dir(&shelf).unwrap();
    fs::copy(agent, shelf.join("deskside-agent-linux-x86_64")).unwrap();
    for other in ["linux-aarch64", "macos-aarch64", "macos-x86_64", "windows-x86_64.exe"] {
        fs::write(shelf.join(format!("deskside-agent-{other}")), other).unwrap();
    }
    let words = ["--programs", shelf.to_str().unwrap()];
    Relay::start_with(&folder.path().join("relay"), &words).unwrap()
}

/// Where pictures are left, to be looked at.
fn gallery() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("help");
    fs::create_dir_all(&folder).unwrap();
    folder
}

const LINUX: &str = "Mozilla/5.0 (X11; Linux x86_64) Chrome/156";
const WINDOWS: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/156";
const PHONE: &str = "Mozilla/5.0 (Linux; Android 16; Pixel) Chrome/156 Mobile";

#[test]
fn the_page_speaks_four_languages_and_fits_phone_and_desk() {
    let folder = TempDir::new().unwrap();
    let relay = relay(&folder);
    let page = format!("http://{}/help", relay.http());
    for (language, title, warning) in [
        ("en-GB,en;q=0.9", "Help with your computer", "Did you call them yourself?"),
        ("de-DE,de;q=0.9", "Hilfe mit Ihrem Computer", "Haben Sie selbst angerufen?"),
        ("es-ES,es;q=0.9", "Ayuda con su ordenador", "¿Ha llamado usted?"),
        ("fr-FR,fr;q=0.9", "De l’aide pour votre ordinateur", "Avez-vous appelé vous-même"),
    ] {
        let short = &language[..2];
        let look = Look { language, agent: Some(LINUX), ..Look::default() };
        let dom = browser::dom(&page, look).unwrap();
        assert!(dom.contains(&format!("<html lang=\"{short}\">")), "{dom}");
        assert!(dom.contains(&format!("<h1>{title}</h1>")), "{dom}");
        assert!(dom.contains(warning) && dom.contains("Example Help"), "{dom}");
        assert!(dom.contains("deskside-agent-linux-x86_64.tar"), "{dom}");
        let picture = |name: &str, size, dark| {
            let path = gallery().join(format!("{short}-{name}.png"));
            browser::picture(&page, Look { size, dark, ..look }, &path).unwrap();
            let picture = image::open(&path).unwrap().to_rgb8();
            assert_eq!(picture.dimensions(), size);
            // A corner that no text reaches is the paper: of the wished colour.
            let paper = picture.get_pixel(2, size.1 - 3).0.map(u32::from);
            let bright = paper.iter().sum::<u32>() / 3 > 128;
            assert_eq!(bright, !dark, "{name}: {paper:?}");
        };
        picture("desk", (1280, 1700), false);
        picture("desk-dark", (1280, 1700), true);
        picture("phone", (390, 2600), false);
    }
    // By the link of another language, whatever the browser prefers.
    let look = Look { language: "de", agent: Some(WINDOWS), ..Look::default() };
    let dom = browser::dom(&format!("{page}/fr"), look).unwrap();
    assert!(
        dom.contains("<html lang=\"fr\">") && dom.contains("Télécharger pour Windows"),
        "{dom}"
    );
    let look = Look { agent: Some(PHONE), size: (390, 2400), ..Look::default() };
    let dom = browser::dom(&page, look).unwrap();
    assert!(dom.contains("does not run on phones"), "{dom}");
    browser::picture(&page, look, &gallery().join("en-on-a-phone.png")).unwrap();
}

#[test]
fn the_page_asks_nobody_else_and_runs_no_script() {
    let folder = TempDir::new().unwrap();
    let relay = relay(&folder);
    let answer = web::get(relay.http(), "/help", &[]).unwrap();
    assert_eq!(answer.status, 200);
    let policy = answer.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    let html = answer.text();
    assert!(!html.contains("<script") && !html.contains("http://"), "{html}");
    assert_eq!(web::get(relay.http(), "/metrics", &[]).unwrap().status, 404);
    assert_eq!(web::get(relay.http(), "/help/xx", &[]).unwrap().status, 404);
    assert_eq!(web::get(relay.http(), "/help/program/..%2Fnode.key", &[]).unwrap().status, 404);
    assert_eq!(web::get(relay.http(), "/", &[]).unwrap().header("location"), "/help");
    assert!(relay.number("deskside_open_codes").unwrap() < 1.0);
}

/// Where the page leads a visitor with this browser, by its large button.
fn offered(relay: &Relay, agent: &str) -> String {
    let url = format!("http://{}/help", relay.http());
    let dom = browser::dom(&url, Look { agent: Some(agent), ..Look::default() }).unwrap();
    let (_, button) = dom.split_once("class=\"button\" href=\"").unwrap();
    button.split('"').next().unwrap().to_owned()
}

#[test]
fn what_is_downloaded_starts_and_finds_this_relay() {
    let folder = TempDir::new().unwrap();
    let relay = relay(&folder);
    let path = offered(&relay, LINUX);
    let answer = web::get(relay.http(), &path, &[]).unwrap();
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/x-tar"));
    let length = answer.header("content-length").parse::<usize>().unwrap();
    assert_eq!(length, answer.body.len());
    let archive = folder.path().join("downloaded.tar");
    fs::write(&archive, &answer.body).unwrap();
    // By a program that is not ours.
    let unpacked = Command::new("tar").arg("-xf").arg(&archive).current_dir(folder.path()).status();
    assert!(unpacked.unwrap().success());
    let inside = folder.path().join("deskside");
    let mut command = command(inside.join("deskside-agent"));
    command
        .args(["--json", "--allow", "view", "--screen", "synthetic", "--folder"])
        .arg(folder.path())
        .env("DESKSIDE_HOME", folder.path().join("home"))
        .env("HOME", folder.path().join("home"));
    let mut agent = Process::start("deskside-agent", &mut command).unwrap();
    let code = agent.wait_for("code").unwrap()["code"].as_str().unwrap().to_owned();
    // It is this relay's: its technician meets the agent there.
    let alice = Technician::enrolled(&folder.path().join("alice"), relay.token().unwrap()).unwrap();
    let ticket = alice.ticket("From the help page").unwrap();
    alice.connect(&code, &ticket).unwrap().end("").unwrap();
    agent.end().unwrap();
}

#[test]
fn windows_has_the_link_in_the_name_of_the_program() {
    let folder = TempDir::new().unwrap();
    let relay = relay(&folder);
    let path = offered(&relay, WINDOWS);
    let name = path.rsplit('/').next().unwrap();
    let link: JoinLink = relay.join().parse().unwrap();
    assert_eq!(file_name::parse(name), Some(link));
    let answer = web::get(relay.http(), &path, &[]).unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (200, "windows-x86_64.exe"));
    let disposition = answer.header("content-disposition");
    assert_eq!(disposition, format!("attachment; filename=\"{name}\""));
    // The page says how large each is, and its sum.
    let page = web::get(relay.http(), "/help/en", &[]).unwrap().text();
    let sum = data_encoding::HEXLOWER.encode(&sha256(b"windows-x86_64.exe"));
    assert!(page.contains(&sum) && page.contains("0.1 MB"), "{page}");
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    deskside_protocol::transcript::sha256(bytes)
}
