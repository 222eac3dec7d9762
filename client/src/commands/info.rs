//! What `deskside info` shows of an open session.

use deskside_protocol::text::visible;
use serde_json::{Value, json};

use crate::control::SessionInfo;
use crate::output::{minute, moment};
use crate::ticket::number;

/// For `--json`.
#[must_use]
pub fn info_event(info: &SessionInfo) -> Value {
    json!({
        "event": "info",
        "session": info.session,
        "ticket": number(&info.ticket),
        "subject": info.subject,
        "relay": info.relay,
        "device": {
            "hostname": info.hostname,
            "system": info.system,
            "user": info.user,
            "monitors": info.monitors,
        },
        "grants": info.grants,
        "recorded": info.recorded,
        "connected": info.connected,
        "away_since": info.away_since.map(moment),
        "since": moment(info.since),
    })
}

/// For people. What the other side said of itself is made safe to print.
#[must_use]
pub fn info_text(info: &SessionInfo) -> String {
    let monitors = match info.monitors {
        1 => "1 monitor".to_owned(),
        many => format!("{many} monitors"),
    };
    let computer = format!("{} ({}, {monitors})", info.hostname, info.system);
    let allowed = match info.grants.is_empty() {
        true => "nothing".to_owned(),
        false => info.grants.join(", "),
    };
    let yes_no =
        |yes, when_yes: &str, when_no: &str| if yes { when_yes } else { when_no }.to_owned();
    let rows = [
        ("session", info.session.clone()),
        ("ticket", format!("{} {}", info.ticket, info.subject)),
        ("computer", computer),
        ("user", info.user.clone()),
        ("allowed", allowed),
        ("since", format!("{} UTC", minute(info.since))),
        ("relay", info.relay.clone()),
        ("recorded", yes_no(info.recorded, "yes", "no")),
        ("connected", connected(info)),
    ];
    let line = |(name, value): &(&str, String)| format!("{name:<10} {}", visible(value));
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn connected(info: &SessionInfo) -> String {
    match (info.connected, info.away_since) {
        (true, _) => "yes".to_owned(),
        (false, Some(since)) => format!("not since {} UTC", minute(since)),
        (false, None) => "not at the moment".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peer_text_cannot_move_the_cursor() {
        let info = SessionInfo {
            ticket: "1001".into(),
            hostname: "pc\u{1b}[2J".into(),
            grants: vec!["view".into(), "command".into()],
            since: 1_795_326_600,
            ..SessionInfo::default()
        };
        let text = info_text(&info);
        assert!(!text.contains('\u{1b}'), "{text}");
        assert!(text.contains("allowed    view, command\n"), "{text}");
        assert!(text.contains("since      2026-11-22 05:50 UTC\n"), "{text}");
        assert!(text.ends_with("connected  not at the moment"), "{text}");
        assert_eq!(info_event(&info)["ticket"], 1001);
        let away = SessionInfo { away_since: Some(1_795_326_600), ..info };
        assert!(info_text(&away).ends_with("connected  not since 2026-11-22 05:50 UTC"));
        assert_eq!(info_event(&away)["away_since"], "2026-11-22T05:50:00Z");
    }
}
