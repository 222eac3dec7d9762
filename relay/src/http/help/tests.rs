//! The page without a browser: what it says to whom, and what it hands out.

use super::*;
use crate::http::help::programs::{System, Visitor};
use deskside_protocol::key::PublicKey;
use words::ALL;

fn join() -> JoinLink {
    let key = PublicKey::from_bytes([9; 32]);
    JoinLink {
        host: "help.example".into(),
        port: 7443,
        organisation: key,
        node: key,
        webpki: false,
    }
}

fn page(visitor: Visitor, programs: &[programs::Program], words: &'static Words) -> String {
    let join = join();
    let organisation = "Example <Help>";
    Page { words, organisation, recorded: true, visitor, programs, join: &join }.to_html()
}

#[tokio::test]
async fn a_folder_is_listed_with_sizes_and_sums_as_it_is_now() {
    let folder = tempfile::tempdir().unwrap();
    let programs = Programs::new(Some(folder.path().to_owned()));
    assert_eq!(programs.list().await, []);
    let file = folder.path().join(System::Linux.file());
    std::fs::write(&file, b"abc").unwrap();
    std::fs::write(folder.path().join("notes.txt"), b"no program").unwrap();
    std::fs::create_dir(folder.path().join(System::Windows.file())).unwrap();
    let listed = programs.list().await;
    assert_eq!(listed.len(), 1);
    // FIPS 180-4's example.
    let sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(
        (listed[0].system, listed[0].bytes, listed[0].sha256.as_str()),
        (System::Linux, 3, sum)
    );
    std::fs::write(&file, b"abcd").unwrap();
    assert_ne!(programs.list().await[0].sha256, sum);
    assert_eq!(Programs::new(None).list().await, []);
}

#[tokio::test]
async fn the_page_leads_with_the_program_for_the_visitor() {
    let folder = tempfile::tempdir().unwrap();
    for system in System::ALL {
        std::fs::write(folder.path().join(system.file()), b"abc").unwrap();
    }
    let programs = Programs::new(Some(folder.path().to_owned())).list().await;
    for (agent, expected) in [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64)", ">Download for Windows<"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)", ">Download for macOS<"),
        ("Mozilla/5.0 (X11; Linux x86_64)", ">Download for Linux<"),
        (
            "Mozilla/5.0 (X11; Linux aarch64)",
            "deskside-agent-linux-aarch64.tar\" download>Download",
        ),
        ("Mozilla/5.0 (Linux; Android 16) Mobile", "does not run on phones"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X)", "does not run on phones"),
        ("", ">Download for Windows<"),
    ] {
        let html = page(System::of_visitor(agent), &programs, &ALL[0]);
        assert!(html.contains(expected), "{agent}: {html}");
        assert!(html.contains("deskside-agent-macos-x86_64.tar"), "all systems are there");
    }
    let none = page(System::of_visitor("Windows"), &[], &ALL[0]);
    assert!(none.contains("There is no program for Windows here"), "{none}");
}

#[test]
fn every_language_is_whole_and_no_name_is_markup() {
    for words in &ALL {
        let html = page(Visitor::Phone, &[], words);
        assert!(html.contains(&format!("<html lang=\"{}\">", words.language)));
        assert!(html.contains("Example &lt;Help&gt;") && !html.contains("<Help>"));
        assert!(!html.contains("{org}") && !html.contains("{os}"), "{html}");
        for other in &ALL {
            assert!(html.contains(&format!("href=\"/help/{}\"", other.language)));
        }
        let from_elsewhere = html.contains("http://") || html.contains("https://");
        assert!(!html.contains("<script") && !html.contains("style=") && !from_elsewhere);
    }
}
