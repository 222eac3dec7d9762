//! What people read aloud, type and paste: codes, join links, enrolment tokens.

use data_encoding::BASE64URL_NOPAD;
use deskside_protocol::code::{Code, Nameplate};
use deskside_protocol::identity::link::JoinLink;
use deskside_protocol::identity::token::EnrolmentToken;
use deskside_protocol::session::SessionId;
use deskside_protocol::wire::record;
use prost::Message as _;
use zeroize::Zeroizing;

use crate::sheet::Sheet;
use crate::support::key;

/// The eleven digits with the check digit that fits.
pub(crate) fn code(eleven: &str) -> Code {
    let whole = |digit| Code::parse(&format!("{eleven}{digit}")).ok();
    (0..10).find_map(whole).unwrap()
}

fn digits(code: &Code) -> String {
    code.digits().iter().copied().map(char::from).collect()
}

#[test]
fn codes() {
    let mut sheet = Sheet::new(
        "codes",
        "\
# Codes as a person may type them, as JSON strings, and what comes of them: `->` the twelve
# digits, `!` the error. PROTOCOL.md, \"The code\".
",
    );
    sheet.part("eleven digits and the check digit over them");
    for eleven in ["00000000000", "12345678901", "48219302756", "99999999999", "00042000007"] {
        let code = code(eleven);
        sheet.line(&format!("{eleven:?} -> {}", digits(&code)));
        assert_eq!(code.nameplate().to_string(), eleven[..5]);
    }
    sheet.part("as typed");
    let good = digits(&code("48219302756"));
    let grouped = code("48219302756").grouped();
    let plain = good.as_str();
    let mut typed = vec![
        plain.to_owned(),
        grouped.to_string(),
        format!(" {}-{} ", &plain[..7], &plain[7..]),
        format!("{}\u{2013}{}", &plain[..6], &plain[6..]),
        format!("{}\t{}\n", &plain[..1], &plain[1..]),
    ];
    // A wrong digit at each place, then each pair of neighbours swapped.
    for at in 0..plain.len() {
        let mut wrong = plain.as_bytes().to_vec();
        wrong[at] = b'0' + (wrong[at] - b'0' + 1) % 10;
        typed.push(String::from_utf8(wrong).unwrap());
    }
    for at in 1..plain.len() {
        let mut swapped = plain.as_bytes().to_vec();
        swapped.swap(at - 1, at);
        typed.push(String::from_utf8(swapped).unwrap());
    }
    typed.push(plain[..11].to_owned());
    typed.push(format!("{plain}0"));
    for odd in ["", "4821_9302_7561", "48219302756O", "４８２１９３０２７５６１", "1e11"]
    {
        typed.push(odd.to_owned());
    }
    for text in typed {
        let read = Code::parse(&text);
        let outcome = match read {
            Ok(code) => format!("-> {}", digits(&code)),
            Err(error) => format!("! {error:?}"),
        };
        sheet.line(&format!("{text:?} {outcome}"));
    }
    sheet.part("nameplates, as they stand in signals");
    for text in ["00000", "00042", "99999", "0042", "000042", "+0042", "4 219", ""] {
        let outcome = match Nameplate::parse(text) {
            Ok(nameplate) => format!("-> {nameplate}"),
            Err(error) => format!("! {error:?}"),
        };
        sheet.line(&format!("{text:?} {outcome}"));
    }
    sheet.pinned();
}

fn link(host: &str, webpki: bool) -> JoinLink {
    let (organisation, node) = (key(1).public(), key(2).public());
    JoinLink { host: host.to_owned(), port: 7443, organisation, node, webpki }
}

#[test]
fn links() {
    let mut sheet = Sheet::new(
        "links",
        "\
# Join links. `->` the same link as this version writes it and the origin in it, `!` the error.
# The keys are those of Ed25519 seeds 01 (organisation) and 02 (node), 32 times the byte.
# PROTOCOL.md, \"Join link\".
",
    );
    let good = link("relay.example", false).to_string();
    let (head, query) = good.split_once('?').unwrap();
    let (org, node) = query.split_once('&').unwrap();
    let texts = [
        good.clone(),
        link("192.0.2.7", false).to_string(),
        link("2001:db8::7", false).to_string(),
        link("relay.example", true).to_string(),
        format!(" {good}\n"),
        format!("{head}/?{node}&{org}&colour=blue"),
        format!("{head}?{}&{node}", org.to_uppercase().replace("ORG", "org")),
        good.replace("deskside:", "https:"),
        good.replace(":7443", ""),
        good.replace(":7443", ":70000"),
        good.replace(":7443", ":+7443"),
        good.replace("relay.example", ""),
        good.replace("relay.example", "relay example"),
        good.replace("relay.example", "user@relay.example"),
        good.replace("relay.example", "2001:db8::7"),
        format!("{head}?{org}"),
        format!("{head}?{node}"),
        good[..good.len() - 1].to_owned(),
        format!("{good}&tls=dane"),
        format!("{good}&note={}", "x".repeat(512)),
        String::new(),
    ];
    for text in texts {
        let outcome = match text.parse::<JoinLink>() {
            Ok(link) => format!("-> {link} {}", link.origin()),
            Err(error) => format!("! {error:?}"),
        };
        sheet.line(&format!("{text:?}\n    {outcome}"));
    }
    sheet.pinned();
}

fn token(join: &str, secret: &[u8]) -> String {
    let body = record::EnrolmentToken { join: join.to_owned(), secret: secret.to_vec().into() };
    format!("dse1.{}", BASE64URL_NOPAD.encode(&body.encode_to_vec()))
}

#[test]
fn tokens() {
    let mut sheet = Sheet::new(
        "tokens",
        "\
# Enrolment tokens. `->` the join link and the secret in it, `!` the error.
# PROTOCOL.md, \"Enrolment token\".
",
    );
    let join = link("relay.example", false);
    let secret = [0x5a; 16];
    let good = EnrolmentToken { join: join.clone(), secret: Zeroizing::new(secret) };
    let good = good.to_text().to_string();
    assert_eq!(good, token(&join.to_string(), &secret));
    let texts = [
        good.clone(),
        format!("\t{good}\r\n"),
        good.replace("dse1.", "dse2."),
        good[..good.len() - 1].to_owned(),
        format!("{good}="),
        token(&join.to_string(), &secret[..15]),
        token("https://relay.example", &secret),
        token("", &secret),
        format!("dse1.{}", "A".repeat(1024)),
        String::new(),
    ];
    for text in texts {
        let outcome = match text.parse::<EnrolmentToken>() {
            Ok(token) => {
                let secret = data_encoding::HEXLOWER.encode(token.secret.as_ref());
                format!("-> {} {secret}", token.join)
            }
            Err(error) => format!("! {error:?}"),
        };
        sheet.line(&format!("{text:?}\n    {outcome}"));
    }
    sheet.part("session ids, as people see them");
    for text in
        ["0001feff303132333435363738396162", "0001FEFF303132333435363738396162", "0001feff", ""]
    {
        let outcome = match text.parse::<SessionId>() {
            Ok(id) => format!("-> {id}"),
            Err(error) => format!("! {error:?}"),
        };
        sheet.line(&format!("{text:?} {outcome}"));
    }
    sheet.pinned();
}
