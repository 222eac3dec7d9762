//! Every state of the window, with people and things that are long enough to be awkward.

use std::time::Duration;

use deskside_agent::consent::{Direction, Listing, Question, Standing, Visitor};
use deskside_agent::events::{By, Event, Gone, Speaker};
use deskside_agent::window::Model;
use deskside_agent::window::model::Press;
use deskside_protocol::code::{Code, Nameplate};
use deskside_protocol::grant::{Grant, GrantSet};
use deskside_protocol::random::Random;
use deskside_protocol::wire::record::Reason;

/// A state: its name, the model, and by when it is looked at.
pub(crate) struct Scenery {
    pub(crate) name: &'static str,
    pub(crate) model: Model,
    pub(crate) now: Duration,
    /// In points.
    pub(crate) size: (u16, u16),
}

pub(crate) const PAGE: (u16, u16) = (540, 560);
pub(crate) const PROMPT: (u16, u16) = (540, 780);
pub(crate) const BANNER: (u16, u16) = (380, 640);
pub(crate) const SLIM: (u16, u16) = (380, 172);

pub(crate) fn visitor(standing: Standing) -> Visitor {
    Visitor {
        organisation: "Example Help Desk".to_owned(),
        standing,
        name: "Alice Ng".to_owned(),
        login: "alice".to_owned(),
        ticket: "1001".to_owned(),
        subject: "The printer on the second floor does not print".to_owned(),
    }
}

struct Fixed;

impl Random for Fixed {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(0x5a);
    }
}

fn code(model: &mut Model, now: Duration) {
    let nameplate = Nameplate::parse("48213").unwrap();
    let code = Code::generate(nameplate, &mut Fixed);
    model.hear(&Event::Code { code: &code, expires_in: 600 }, now);
}

fn paired(recorded: bool) -> Model {
    let mut model = Model::new();
    let visitor = visitor(Standing::Known);
    model.hear(&Event::Paired { visitor: &visitor, session: None, recorded }, Duration::ZERO);
    model
}

fn granted(model: &mut Model) {
    let lease = GrantSet::parse("view,command,file").unwrap();
    let (by, ends_in) = (By::User, None);
    model.hear(&Event::Granted { grants: lease, lease, by, ends_in }, Duration::ZERO);
}

pub(crate) fn busy() -> Model {
    let mut model = paired(true);
    granted(&mut model);
    let hear = |model: &mut Model, event| model.hear(&event, Duration::from_secs(1));
    hear(&mut model, Event::Revoked { grants: Grant::File.into() });
    let file = |name, bytes| Event::File {
        direction: Direction::Received,
        name,
        bytes,
        sha256: &[],
        named: true,
    };
    hear(&mut model, file("printer-driver_2.41_amd64.deb", 3_145_728));
    let action =
        |number, grant, what| Event::Action { number, technician: "Alice Ng", grant, what };
    hear(&mut model, action(1, Grant::Command, "lpstat -p"));
    hear(&mut model, Event::ActionOver { number: 1 });
    hear(&mut model, action(2, Grant::Command, "ip route"));
    let (alice, text) = (Speaker::Technician("Alice Ng"), "Is the printer switched on?");
    hear(&mut model, Event::Said { by: alice, text });
    hear(&mut model, Event::Said { by: Speaker::User, text: "Yes, the green light is on." });
    model
}

fn ended(reason: Reason) -> Model {
    let mut model = busy();
    model.hear(&Event::Ended { reason }, Duration::from_secs(2));
    model
}

pub(crate) fn listing(direction: Direction) -> Listing {
    Listing {
        direction,
        folder: "/home/sam/Downloads".to_owned(),
        named: vec![
            ("printer-driver_2.41_amd64.deb".to_owned(), 3_145_728),
            ("Read me first.txt".to_owned(), 1_812),
            (
                "Scans/2026/a name that is much longer than anybody would think of.pdf".to_owned(),
                84_000_000,
            ),
        ],
        more: 12,
        bytes: 3_200_000_000,
    }
}

pub(crate) fn asked(question: &Question<'_>) -> Model {
    let mut model = paired(true);
    model.ask(question, Duration::ZERO);
    model
}

/// Every state.
pub(crate) fn all() -> Vec<Scenery> {
    let mut scenes = before();
    scenes.extend(questions());
    scenes.extend(during());
    scenes.extend(after());
    scenes
}

fn scene(name: &'static str, model: Model, seconds: u64, size: (u16, u16)) -> Scenery {
    Scenery { name, model, now: Duration::from_secs(seconds), size }
}

fn before() -> Vec<Scenery> {
    let mut join = Model::new();
    join.want_join();
    let mut join_bad = join.clone();
    join_bad.press(Press::Join("http://example.com".to_owned()), Duration::ZERO);
    let mut fresh = Model::new();
    code(&mut fresh, Duration::ZERO);
    let mut expired = fresh.clone();
    expired.hear(&Event::CodeExpired, Duration::from_secs(600));
    code(&mut expired, Duration::from_secs(600));
    let mut failed = Model::new();
    let reason = "the certificate is of another organisation";
    failed.hear(&Event::PairingFailed { reason, wrong_code: false }, Duration::ZERO);
    code(&mut failed, Duration::ZERO);
    let mut mistyped = Model::new();
    let event = Event::PairingFailed { reason: "", wrong_code: true };
    mistyped.hear(&event, Duration::ZERO);
    code(&mut mistyped, Duration::ZERO);
    let mut next = failed.clone();
    next.hear(&Event::PressEnter, Duration::ZERO);
    vec![
        scene("join", join, 0, PAGE),
        scene("join-bad", join_bad, 0, PAGE),
        scene("starting", Model::new(), 0, PAGE),
        scene("code", fresh, 79, PAGE),
        scene("code-expired", expired, 605, PAGE),
        scene("code-failed", failed, 560, PAGE),
        scene("code-mistyped", mistyped, 33, PAGE),
        scene("next", next, 0, PAGE),
    ]
}

fn questions() -> Vec<Scenery> {
    let grants = GrantSet::parse("view,control,command,file").unwrap();
    let ask = |standing, grants| asked(&Question::Opening { visitor: &visitor(standing), grants });
    let known = visitor(Standing::Known);
    let what = "sudo apt-get install --reinstall cups printer-driver-gutenprint";
    let more = asked(&Question::More { visitor: &known, grant: Grant::Command, what, once: true });
    let control =
        asked(&Question::More { visitor: &known, grant: Grant::Control, what: "", once: false });
    let files = |direction| asked(&Question::Files { visitor: &known, files: &listing(direction) });
    vec![
        scene("ask-wait", ask(Standing::Known, grants), 1, PROMPT),
        scene("ask", ask(Standing::Known, grants), 17, PROMPT),
        scene("ask-new", ask(Standing::New, Grant::View.into()), 17, PROMPT),
        scene("ask-name-of-another", ask(Standing::NameOfAnother, grants), 17, PROMPT),
        scene("more-command", more, 20, PROMPT),
        scene("more-control", control, 20, PROMPT),
        scene("files-in", files(Direction::Received), 20, PROMPT),
        scene("files-out", files(Direction::Sent), 20, PROMPT),
    ]
}

fn during() -> Vec<Scenery> {
    let mut idle = paired(false);
    granted(&mut idle);
    let busy = busy();
    let gap = |cause| {
        let mut model = busy.clone();
        let (technician, grace) = ("Alice Ng", Duration::from_secs(300));
        model.hear(&Event::Gap { cause, technician, grace }, Duration::from_secs(10));
        model
    };
    let mut slim = busy.clone();
    slim.press(Press::Slim(true), Duration::ZERO);
    vec![
        scene("door", paired(true), 1, PAGE),
        scene("banner-idle", idle, 5, BANNER),
        scene("banner", busy.clone(), 5, BANNER),
        scene("banner-slim", slim, 5, SLIM),
        scene("gap-relay", gap(Gone::Relay), 23, BANNER),
        scene("gap-technician", gap(Gone::Technician), 23, BANNER),
    ]
}

fn after() -> Vec<Scenery> {
    let mut scam = busy();
    let visitor = visitor(Standing::Known);
    let question = Question::More { visitor: &visitor, grant: Grant::Shell, what: "", once: true };
    let number = scam.ask(&question, Duration::ZERO);
    let late = Duration::from_secs(9);
    scam.press(Press::Answer(number, deskside_agent::consent::Answer::NotAsked), late);
    scam.hear(&Event::Ended { reason: Reason::NotAsked }, late);
    let mut away = Model::new();
    away.hear(&Event::TurnedAway { visitor: &visitor }, Duration::ZERO);
    away.hear(&Event::Ended { reason: Reason::UserRefused }, Duration::ZERO);
    let mut failed = Model::new();
    failed.failed("cannot reach the relay at help.example.com:7443: nobody answers");
    vec![
        scene("over", ended(Reason::TechnicianEnded), 9, PAGE),
        scene("over-lost", ended(Reason::RelayStopped), 9, PAGE),
        scene("over-not-asked", scam, 9, PAGE),
        scene("over-turned-away", away, 9, PAGE),
        scene("failed", failed, 9, PAGE),
    ]
}
