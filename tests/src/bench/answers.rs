//! `bench answers`: how long the relay takes to say that a code is no good, where it is unknown,
//! used or expired, beside each other. A guesser must not learn from it which of them it was.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::Args as Parse;
use deskside_link::Leg;
use deskside_link::leg::LegError;
use deskside_protocol::close::CloseCode;
use deskside_protocol::policy::Recording;
use deskside_protocol::wire::signal::refused::Code;
use deskside_protocol::wire::signal::{Join, signal::Kind};
use serde_json::json;

use super::Teller;
use super::figures::{Spread, rounded};
use super::ground::Ground;
use crate::light::{Shown, agent_leg, pair, technician_leg};

/// Streams of one leg at once.
const STREAMS: usize = 4;

/// How much is measured.
#[derive(Debug, Parse)]
pub(super) struct Args {
    /// Codes of each kind
    #[arg(long, default_value_t = 40)]
    codes: usize,
    /// Answers of each kind that are timed
    #[arg(long, default_value_t = 200)]
    count: usize,
    /// Without expired codes, for which it waits ten minutes
    #[arg(long)]
    without_expired: bool,
    /// Where the relay's folder is made
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    folder: PathBuf,
}

/// Measures.
pub(super) async fn run(args: &Args, teller: Teller) -> anyhow::Result<()> {
    let ground = Ground::new(&args.folder, Recording::Off)?;
    let mut kinds = Vec::new();
    if !args.without_expired {
        kinds.push(("expired", expired(args, &ground).await?));
    }
    kinds.push(("used", used(args, &ground).await?));
    let known: Vec<String> = kinds.iter().flat_map(|(_, plates)| plates.clone()).collect();
    let unknown = (0..100_000).map(|plate| format!("{plate:05}"));
    let unknown = unknown.filter(|plate| !known.contains(plate)).step_by(997).take(args.codes);
    kinds.insert(0, ("unknown", unknown.collect()));

    let leg = technician_leg(&ground.access).await?;
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); kinds.len()];
    // In turns, so that all of them see the same machine.
    for nth in 0..args.count {
        for ((_, plates), times) in kinds.iter().zip(&mut times) {
            let plate = plates.get(nth % plates.len().max(1)).context("find a code")?;
            times.push(answer(&leg, plate, &ground.access.ticket).await?);
        }
    }
    leg.close(CloseCode::Done).await;
    let mut medians = Vec::new();
    for ((kind, _), times) in kinds.iter().zip(times) {
        let spread = Spread::of(times).context("time anything")?;
        medians.push(spread.p50());
        let figure = json!({
            "figure": "answers", "code": kind, "count": spread.count(),
            "ms_p50": rounded(spread.p50()), "ms_p99": rounded(spread.p99()),
        });
        let text = format!(
            "answer for {kind:<8} codes: {:>8.3} ms p50, {:>8.3} ms p99",
            spread.p50(),
            spread.p99()
        );
        teller.say(&figure, &text);
    }
    let spread = Spread::of(medians).context("time anything")?;
    let (least, most) = (spread.at(0.0), spread.at(1.0));
    let figure = json!({
        "figure": "answers", "medians_apart_ms": rounded(most - least),
        "ratio": rounded(most / least),
    });
    let text = format!(
        "medians are {:.3} ms apart, the largest {:.4} times the smallest",
        most - least,
        most / least
    );
    teller.say(&figure, &text);
    Ok(())
}

/// Codes whose time is over.
async fn expired(args: &Args, ground: &Ground) -> anyhow::Result<Vec<String>> {
    let (mut legs, mut waiting) = (Vec::new(), Vec::new());
    for nth in 0..args.codes {
        if nth % STREAMS == 0 {
            legs.push(agent_leg(&ground.access).await?);
        }
        let leg = legs.last().context("find a leg")?;
        waiting.push(Shown::open(&ground.access.link, leg).await?);
    }
    let mut plates = Vec::new();
    for shown in waiting {
        plates.push(shown.expired().await?);
    }
    for leg in legs {
        leg.close(CloseCode::Done).await;
    }
    Ok(plates)
}

/// Codes that led to a session.
async fn used(args: &Args, ground: &Ground) -> anyhow::Result<Vec<String>> {
    let technician = technician_leg(&ground.access).await?;
    let mut plates = Vec::new();
    for _ in 0..args.codes {
        let agent = agent_leg(&ground.access).await?;
        let met = pair(&ground.access, &agent, &technician).await?;
        plates.push(met.nameplate.clone());
        met.end().await?;
        agent.close(CloseCode::Done).await;
    }
    technician.close(CloseCode::Done).await;
    Ok(plates)
}

/// Milliseconds from `Join` to the refusal, on a stream that has exchanged greetings.
async fn answer(leg: &Leg, plate: &str, ticket: &str) -> anyhow::Result<f64> {
    let mut signals = leg.open().await?;
    let join = Join { nameplate: plate.to_owned(), ticket: ticket.to_owned() };
    let began = Instant::now();
    signals.send(Kind::Join(join)).await?;
    let said = tokio::time::timeout(Duration::from_secs(30), signals.receive()).await;
    match said.context("wait for an answer")? {
        Err(LegError::Refused(refused)) if refused.code == Code::CodeSpent as i32 => {
            Ok(began.elapsed().as_secs_f64() * 1e3)
        }
        other => bail!("the relay says {other:?}"),
    }
}
