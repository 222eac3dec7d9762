//! A judgement for scripts.

use data_encoding::HEXLOWER;
use deskside_protocol::recording::{Place, Verdict};
use serde_json::{Value, json};

use super::Judgement;
use super::sentences::seconds;
use crate::audit::anchor::Anchor;
use crate::audit::contents::Contents;
use crate::audit::log::InLog;
use crate::audit::tail::Kept;
use crate::ticket::number;

impl Judgement {
    /// For `--json`.
    pub(in crate::audit) fn event(&self) -> Value {
        let report = &self.report;
        let facts = report.facts.as_ref();
        let finding = if let Verdict::Tampered(finding) = &report.verdict {
            json!({
                "what": finding.what.to_string(),
                "at": place(&finding.at),
                "incriminates": finding.party.to_string(),
            })
        } else {
            Value::Null
        };
        let anchor = self.anchor.map(|anchor| match anchor {
            Anchor::Same => "same",
            Anchor::Different => "different",
            Anchor::Cut => "cut",
            Anchor::Forged => "forged",
            Anchor::None => "none",
        });
        let seals = self.seals.as_ref().map(|seals| {
            let flaws: Vec<_> = seals.flaws.iter().map(ToString::to_string).collect();
            json!({"equal": seals.equal, "single": seals.single, "flaws": flaws})
        });
        json!({
            "event": "verdict",
            "verdict": self.word().as_str(),
            "sound": self.is_sound(),
            "explanation": self.sentences(),
            "finding": finding,
            "session": facts.map(|facts| facts.session().to_string()),
            "ticket": facts.map(|facts| number(&facts.technician.join.ticket)),
            "technician": facts.map(|facts| facts.certificate.login.clone()),
            "organisation_key": facts.map(|facts| facts.organisation_key.to_string()),
            "blocks": report.blocks,
            "checkpoints": report.checkpoints,
            "packets": report.packets.agent.packets + report.packets.technician.packets,
            "recovered": if let Verdict::Recovered { at } = &report.verdict { place(at) } else { Value::Null },
            "hash": report.hash.map(|hash| HEXLOWER.encode(&hash)),
            "seals": seals,
            "contents": self.contents.as_ref().map(Contents::event),
            "note": anchor,
            "kept": self.kept.iter().map(Kept::event).collect::<Vec<_>>(),
            "log": log_event(&self.log),
        })
    }
}

fn log_event(log: &InLog) -> Value {
    match log {
        InLog::Proven(logged) => json!({
            "state": "proven",
            "origin": logged.head.origin,
            "size": logged.head.size,
            "opened": logged.opened.0,
            "closed": logged.closed.map(|(index, _)| index),
            "accesses": logged.accesses,
            "held": logged.held,
            "shredded": logged.shredded,
        }),
        InLog::Flawed(flaw) => json!({"state": "disputed", "what": flaw.to_string()}),
        InLog::Forked => json!({"state": "forked"}),
        InLog::NoProof => json!({"state": "no-proof"}),
        InLog::NoLog => json!({"state": "none"}),
    }
}

fn place(place: &Place) -> Value {
    json!({"block": place.seq, "byte": place.offset, "time": seconds(place.time_us)})
}
