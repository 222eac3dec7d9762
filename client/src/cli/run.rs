//! Takes each command to the room that does it.

use std::io::{IsTerminal as _, Write as _};

use anyhow::Context as _;
use clap::CommandFactory as _;
use deskside_protocol::chat;
use deskside_protocol::exit::Exit;
use deskside_protocol::text::visible;
use deskside_protocol::wire::message;
use serde_json::json;

use super::ask::{ask_person, whole_input};
use super::input::typed;
use super::{
    AuditCommand, Cli, ClipboardArgs, ClipboardCommand, Command, CpArgs, ExecArgs, InputArgs,
    ScreenshotArgs, SessionArgs, TechnicianCommand, TicketCommand,
};
use crate::account::{Enrolment, Wished};
use crate::arrival::{Arrived, arrive};
use crate::commands::{self, Argv, Mask, Standard};
use crate::control::{Session, open_sessions};
use crate::failure::OrExit as _;
use crate::home::{Environment, Home};
use crate::output::{Output, now, size, written};
use crate::relay::Relay as _;
use crate::viewer::Seat;
use crate::{audit, connect, people, relay, sign_in, ticket};

/// Does what was typed; a session is seen in the window at `seat`. Gives the exit code, which is 0 but for `exec` and `audit`.
///
/// # Errors
/// What went wrong, to be printed once.
pub async fn run(cli: Cli, seat: Option<Seat>) -> anyhow::Result<u8> {
    let mut output = Output::standard(cli.json);
    let output = &mut output;
    if let Command::Completions { shell } = cli.command {
        completions(shell)?;
    } else if let Command::Man { dir } = cli.command {
        manual(dir.as_deref())?;
    } else {
        let home = Home::open(Environment::of_process())?;
        return Box::pin(at_home(cli.command, &home, output, seat)).await;
    }
    Ok(Exit::Done.code())
}

async fn at_home(
    command: Command,
    home: &Home,
    output: &mut Output,
    seat: Option<Seat>,
) -> anyhow::Result<u8> {
    match command {
        Command::Enroll { sign_in: Some(link), .. } => {
            let link = (!link.is_empty()).then_some(link.as_str());
            sign_in::run(link, home, output).await?;
        }
        Command::Enroll { token, login, name, .. } => {
            let wished = Wished::of(login, name, std::env::var("USER").ok().as_deref());
            enroll(token, wished, home, output).await?;
        }
        Command::Ticket(command) => tickets(command, home, output).await?,
        Command::Connect(mut args) => {
            let words = std::mem::take(&mut args.code);
            let typed = (!words.is_empty()).then(|| words.join(" "));
            let code = ask_person(typed, "code")?;
            connect::run(code, args, home, output, seat).await?;
        }
        Command::Resume(args) => connect::resume(&args, home, output, seat).await?,
        Command::Screenshot(args) => screenshot(args, home, output).await?,
        Command::Exec(args) => return exec(args, home, output).await,
        Command::Cp(args) => copy(&args, home, output).await?,
        Command::Input(args) => input(args, home, output).await?,
        Command::Clipboard(args) => clipboard(args, home, output).await?,
        Command::Chat { session: args, text } => {
            let text = text.join(" ");
            let text = if text == "-" { whole_input()? } else { text };
            let text = chat::line(&text).or_exit_as_is(Exit::Usage)?;
            session(home, &args).await?.say(text.clone()).await?;
            output.show(&json!({"event": "said", "by": "technician", "text": text}), "said")?;
        }
        Command::Info(args) => {
            let info = session(home, &args).await?.info().await?;
            output.show(&commands::info_event(&info), &commands::info_text(&info))?;
        }
        Command::End { session: args, note } => {
            let session = session(home, &args).await?;
            session.end(note).await?;
            let event = json!({"event": "ended", "session": session.id});
            output.show(&event, "the session has ended")?;
        }
        Command::Technician(TechnicianCommand::Unlock { login, ticket }) => {
            let mut leg = arrive(home).await?.leg;
            let done = people::unlock(login, ticket.unwrap_or_default(), &mut leg, output).await;
            leg.bye().await;
            done?;
        }
        Command::Audit(command) => return audits(command, home, output).await,
        Command::Completions { .. } | Command::Man { .. } => {}
    }
    Ok(Exit::Done.code())
}

async fn enroll(
    token: Option<String>,
    wished: Wished,
    home: &Home,
    output: &mut Output,
) -> anyhow::Result<()> {
    let token = ask_person(token, "token")?;
    let enrolment = Enrolment::prepare(home, &token)?.named(wished);
    let mut leg = relay::dial(enrolment.join(), enrolment.key()).await?;
    let member = match enrolment.at(home, &leg) {
        Ok(enrolment) => enrolment.trade(home, &mut leg, now()).await,
        Err(error) => Err(error),
    };
    leg.bye().await;
    let member = member?;
    output.show(&member.event(), &member.text())
}

async fn tickets(
    mut command: TicketCommand,
    home: &Home,
    output: &mut Output,
) -> anyhow::Result<()> {
    if let TicketCommand::Note { text, .. } = &mut command
        && text == "-"
    {
        *text = whole_input()?;
    }
    let mut leg = arrive(home).await?.leg;
    let done = ticket::run(command, &mut leg, output).await;
    leg.bye().await;
    done
}

async fn audits(command: AuditCommand, home: &Home, output: &mut Output) -> anyhow::Result<u8> {
    match command {
        AuditCommand::List(wanted) => {
            let wanted = audit::Wanted::from(wanted);
            let Arrived { account, mut leg, .. } = arrive(home).await?;
            let listed = audit::list(&mut leg, home, &account.join.node, &wanted, output).await;
            leg.bye().await;
            return listed;
        }
        AuditCommand::Log { session } => {
            let Arrived { account, mut leg, .. } = arrive(home).await?;
            let node = &account.join.node;
            let walked = match session {
                Some(session) => audit::accesses(&mut leg, home, node, &session, output).await,
                None => audit::whole(&mut leg, home, node, output).await,
            };
            leg.bye().await;
            return walked;
        }
        AuditCommand::Hold { session, reason, release } => {
            let wish = audit::Wish::new(&session, &reason)?;
            let mut leg = arrive(home).await?.leg;
            let held = audit::hold(&mut leg, &wish, release, output).await;
            leg.bye().await;
            held?;
        }
        AuditCommand::Fetch { session, output: file, reason } => {
            let wish = audit::Wish::new(&session, &reason)?;
            let mut leg = arrive(home).await?.leg;
            let saved = audit::fetch_with_proof(&mut leg, &wish, &file).await;
            leg.bye().await;
            let (bytes, proof) = saved?;
            let proven = if proof { ", and its proof beside it" } else { "; the relay has no log" };
            let text = format!("saved {} ({}){proven}", file.display(), size(bytes));
            let event = json!({"event": "recording", "session": session, "path": file,
                "bytes": bytes, "proof": proof});
            output.show(&event, &text)?;
        }
        AuditCommand::Search(args) => {
            return audit::search(args, home, output, std::io::stderr().is_terminal()).await;
        }
        AuditCommand::Replay(args) => {
            let stop = async {
                if let Err(error) = connect::stop_signal().await {
                    tracing::error!(error = format!("{error:#}"), "only the page's end ends this");
                    std::future::pending::<()>().await;
                }
            };
            audit::replay(args, home, output, stop).await?;
        }
        AuditCommand::Export(args) => {
            audit::export(args, home, output, std::io::stderr().is_terminal()).await?;
        }
        AuditCommand::Disclose(args) => {
            audit::disclose(args, home, output, std::io::stderr().is_terminal()).await?;
        }
        AuditCommand::Verify(args) => return audit::verify(&args, home, output).await,
    }
    Ok(Exit::Done.code())
}

/// The open session that is meant.
async fn session(home: &Home, args: &SessionArgs) -> anyhow::Result<Session> {
    let sessions = open_sessions(&home.runtime()?).await?;
    Ok(sessions.choose(args.session.as_deref())?)
}

async fn screenshot(args: ScreenshotArgs, home: &Home, output: &mut Output) -> anyhow::Result<()> {
    let session = session(home, &args.session).await?;
    let mut channel = session.open(message::Channel::Screen).await?;
    let monitor = args.monitor.unwrap_or(0);
    let picture = commands::take(&mut channel.reader, &mut channel.writer, monitor).await?;
    let default = commands::default_name(&session.id, now());
    let path = commands::save(&picture.png, args.output.as_deref(), &default)?;
    let event = json!({
        "event": "screenshot",
        "path": path,
        "width": picture.width,
        "height": picture.height,
        "bytes": picture.png.len(),
    });
    let text = format!("{} ({} x {})", path.display(), picture.width, picture.height);
    output.show(&event, &text)
}

async fn exec(args: ExecArgs, home: &Home, output: &Output) -> anyhow::Result<u8> {
    let variable = |name: &str| std::env::var(name).ok();
    let masks = args.mask.iter().map(|word| Mask::read(word, variable));
    let argv = Argv::new(args.argv, &masks.collect::<Result<Vec<_>, _>>()?)?;
    let session = session(home, &args.session).await?;
    let mut channel = session.open(message::Channel::Command).await?;
    let typed = std::io::stdin().is_terminal();
    let standard = Standard {
        input: (!typed).then(tokio::io::stdin),
        output: tokio::io::stdout(),
        errors: tokio::io::stderr(),
        json: output.json(),
    };
    let (reader, writer) = (&mut channel.reader, &mut channel.writer);
    let outcome = commands::exec(reader, writer, argv, args.timeout, standard).await?;
    Ok(outcome.exit_code())
}

async fn input(args: InputArgs, home: &Home, output: &mut Output) -> anyhow::Result<()> {
    // Wrong usage is said before anything is looked for.
    let mut act = args.what.clone().act((0, 0))?;
    let session = session(home, &SessionArgs { session: args.session }).await?;
    if let Some(monitor) = args.what.monitor() {
        let mut screen = session.open(message::Channel::Screen).await?;
        let corner = commands::corner(&mut screen.reader, &mut screen.writer, monitor).await?;
        act = args.what.act(corner)?;
    }
    let mut channel = session.open(message::Channel::Input).await?;
    commands::input(&mut channel.reader, &mut channel.writer, &act).await?;
    output.show(&act.event, &act.text)
}

async fn clipboard(args: ClipboardArgs, home: &Home, output: &mut Output) -> anyhow::Result<()> {
    let set = match args.what {
        ClipboardCommand::Get => None,
        ClipboardCommand::Set { text } if text == "-" => Some(commands::copiable(typed()?)?),
        ClipboardCommand::Set { text } => Some(commands::copiable(text)?),
    };
    let session = session(home, &SessionArgs { session: args.session }).await?;
    let mut channel = session.open(message::Channel::Clipboard).await?;
    let (reader, writer) = (&mut channel.reader, &mut channel.writer);
    if let Some(text) = set {
        commands::set_copied(reader, writer, &text).await?;
        let event = json!({"event": "clipboard", "did": "set", "bytes": text.len()});
        return output.show(&event, &format!("copied {} bytes", text.len()));
    }
    let text = commands::copied(reader, writer).await?;
    if output.json() {
        return output.event(&json!({"event": "clipboard", "did": "get", "text": text}));
    }
    // As it is into a pipe; what would drive a terminal is made visible on one.
    let shown = std::io::stdout().is_terminal();
    let lines: Vec<_> = text.split('\n').map(visible).collect();
    let text = if shown { lines.join("\n") + "\n" } else { text };
    written(std::io::stdout().write_all(text.as_bytes()))
}

async fn copy(args: &CpArgs, home: &Home, output: &mut Output) -> anyhow::Result<()> {
    let base = std::env::current_dir().context("find this folder")?;
    let wish = commands::cp::wish(args, &base)?;
    let mut copying = session(home, &args.session).await?.copy(wish).await?;
    commands::cp::follow(&mut copying, output, std::io::stderr().is_terminal()).await
}

fn completions(shell: clap_complete::Shell) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "deskside", &mut script);
    written(std::io::stdout().write_all(&script))
}

fn manual(folder: Option<&std::path::Path>) -> anyhow::Result<()> {
    if let Some(folder) = folder {
        let pages = clap_mangen::generate_to(Cli::command(), folder);
        return pages.with_context(|| format!("write manual pages to {}", folder.display()));
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page).context("write the manual page")?;
    written(std::io::stdout().write_all(&page))
}
