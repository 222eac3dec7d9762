use bytes::Bytes;
use deskside_decode::{Item, Trouble};
use deskside_protocol::channel::Channel;
use deskside_protocol::grant::Grant;
use deskside_protocol::session::End;
use deskside_protocol::wire::message::message::Kind;
use deskside_protocol::wire::message::refusal::Cause;
use deskside_protocol::wire::message::{self, command_exit, pointer_at::Use};
use deskside_protocol::wire::record::{self, Reason, event};
use deskside_story::{Act, Allowance, Outcome, Scope, Seen, What};

use crate::script::Script;

const VIEW: i32 = message::Grant::View as i32;
const COMMAND: i32 = message::Grant::Command as i32;

fn lease(terms: &[(i32, message::Scope, u32)]) -> Kind {
    let term = |(grant, scope, ends_in): &(i32, message::Scope, u32)| message::Term {
        grant: *grant,
        scope: *scope as i32,
        ends_in: *ends_in,
    };
    let terms = terms.iter().map(term).collect();
    Kind::Lease(message::Lease { terms, ..message::Lease::default() })
}

fn start(argv: &[&str]) -> Kind {
    let argv = argv.iter().map(|word| (*word).to_owned()).collect();
    Kind::CommandStart(message::CommandStart { argv, timeout_ms: 1_500, masked: Vec::new() })
}

fn output(stderr: bool, data: &'static [u8]) -> Kind {
    Kind::CommandOutput(message::CommandOutput { stderr, data: Bytes::from_static(data) })
}

fn exit(code: i32) -> Kind {
    let how = Some(command_exit::How::Code(code));
    Kind::CommandExit(message::CommandExit { how })
}

fn no(cause: Cause) -> Kind {
    let text = "no".to_owned();
    Kind::Refusal(message::Refusal { cause: cause as i32, grant: COMMAND, text })
}

#[test]
fn consent_is_told_as_what_changed() {
    use message::Scope::{Once, Session};
    let mut script = Script::default();
    let device = message::Device { hostname: "pc".into(), ..message::Device::default() };
    let first = message::Lease { grants: vec![VIEW], device: Some(device), terms: Vec::new() };
    let asked = message::GrantRequest { grants: vec![COMMAND], why: "to look".into() };
    let introduction = message::Introduction { software: "s".into(), requested: vec![VIEW, 99] };
    script
        .opened()
        .technician(Channel::Control, 0, Kind::Introduction(introduction))
        .agent(Channel::Control, 0, Kind::Lease(first))
        .technician(Channel::Control, 0, Kind::GrantRequest(asked.clone()))
        .agent(Channel::Control, 0, no(Cause::UserRefused))
        .agent(Channel::Control, 0, lease(&[(VIEW, Session, 0), (COMMAND, Once, 0)]))
        .agent(Channel::Control, 0, lease(&[(VIEW, Session, 0)]))
        .agent(Channel::Control, 0, lease(&[(VIEW, Session, 0), (COMMAND, Session, 60)]))
        .rest(60)
        .agent(Channel::Control, 0, lease(&[(VIEW, Session, 0)]))
        .agent(Channel::Control, 0, lease(&[]));
    let whats = script.whats();
    assert_eq!(whats[1], What::Introduced { software: "s".into(), requested: vec![Grant::View] });
    let What::Allowed { terms, new, computer } = &whats[2] else { panic!("{whats:?}") };
    let session = Allowance { grant: Grant::View, scope: Scope::Session, ends_in: 0 };
    assert_eq!(
        (terms.as_slice(), new.as_slice()),
        ([session].as_slice(), [Grant::View].as_slice())
    );
    assert_eq!(computer.as_ref().unwrap().hostname, "pc");
    assert!(matches!(&whats[3], What::Asked { why, .. } if why == "to look"));
    let What::Refused(refused) = &whats[4] else { panic!("{whats:?}") };
    assert_eq!((refused.of, refused.cause), (Some(3), Cause::UserRefused));
    assert!(matches!(&whats[5], What::Allowed { new, .. } if new == &[Grant::Command]));
    // What was allowed once went by itself, and is no taking back.
    assert!(matches!(&whats[6], What::Allowed { new, .. } if new == &[Grant::Command]));
    assert_eq!(whats[7], What::TakenBack { grants: vec![Grant::Command], expired: true });
    assert_eq!(whats[8], What::TakenBack { grants: vec![Grant::View], expired: false });
    assert_eq!(whats.len(), 9);
}

#[test]
fn another_end_is_news_and_another_line_is_none() {
    use message::Scope::Session;
    let device = || Some(message::Device { hostname: "pc".into(), ..message::Device::default() });
    let Kind::Lease(told) = lease(&[(VIEW, Session, 0), (COMMAND, Session, 300)]) else { panic!() };
    let told = Kind::Lease(message::Lease { device: device(), ..told });
    let mut script = Script::default();
    script
        .opened()
        .agent(Channel::Control, 0, lease(&[(VIEW, Session, 0), (COMMAND, Session, 600)]))
        .rest(60)
        // What is left of the same time.
        .agent(Channel::Control, 0, lease(&[(VIEW, Session, 0), (COMMAND, Session, 540)]))
        .agent(Channel::Control, 0, lease(&[(VIEW, Session, 60), (COMMAND, Session, 300)]))
        .agent(Channel::Control, 0, lease(&[(VIEW, Session, 0), (COMMAND, Session, 300)]))
        .closed();
    script.line = 1;
    script.opened().agent(Channel::Control, 0, told);
    let allowed: Vec<_> = script
        .whats()
        .into_iter()
        .filter_map(|what| match what {
            What::Allowed { terms, new, computer } => Some((terms.len(), new, computer.is_some())),
            _ => None,
        })
        .collect();
    let both = vec![Grant::View, Grant::Command];
    let expected = [
        (2, both.clone(), false),
        (2, both, false),
        (2, vec![Grant::View], false),
        (2, Vec::new(), true),
    ];
    assert_eq!(allowed, expected);
}

#[test]
fn one_stream_watches_and_a_second_is_told_of() {
    let wish = |monitor, hidden| Kind::Watch(message::Watch { monitor, hidden, afresh: false });
    let screen = Channel::Screen;
    let mut script = Script::default();
    script
        // Somebody who asks where a monitor lies looks at nothing, and ends no watch.
        .technician(screen, 4, wish(1, true))
        .technician(screen, 8, wish(1, false))
        .technician(screen, 12, wish(2, true))
        .technician(screen, 16, wish(2, false))
        .technician(screen, 8, wish(1, true));
    let whats = script.whats();
    assert_eq!(whats[0], What::Watch { monitor: 1, hidden: false });
    let What::NotUnderstood { channel, why } = &whats[1] else { panic!("{whats:?}") };
    assert_eq!((*channel, why.starts_with("a second stream")), (Some(screen), true));
    assert_eq!(whats[2], What::Watch { monitor: 1, hidden: true });
    assert_eq!(whats.len(), 3);
}

#[test]
fn a_command_has_its_output_and_one_end() {
    let mut script = Script::default();
    script
        .technician(Channel::Command, 4, start(&["ls", "-l"]))
        .technician(Channel::Command, 8, start(&["sleep", "9"]))
        .agent(Channel::Command, 4, output(false, b"a"))
        .agent(Channel::Command, 4, output(true, b"b"))
        .agent(Channel::Command, 4, exit(3))
        .finished(Channel::Command, 4)
        .item(End::Technician, Some((Channel::Command, 8)), Item::Reset { code: 0 })
        .technician(Channel::Command, 12, start(&["id"]))
        .agent(Channel::Command, 12, no(Cause::NotGranted))
        .finished(Channel::Command, 12)
        .technician(Channel::Command, 16, start(&["cut", "off"]));
    let whats = script.whats();
    let argv = vec!["ls".to_owned(), "-l".to_owned()];
    assert_eq!(whats[0], What::Command { argv, timeout_ms: 1_500 });
    assert_eq!(whats[2], What::Output { of: 0, stderr: false, bytes: Bytes::from_static(b"a") });
    assert_eq!(whats[3], What::Output { of: 0, stderr: true, bytes: Bytes::from_static(b"b") });
    assert_eq!(whats[4], What::CommandEnded { of: 0, how: Outcome::Exited(3) });
    let by = End::Technician;
    assert_eq!(whats[5], What::CommandEnded { of: 1, how: Outcome::BrokenOff { by, code: 0 } });
    assert!(matches!(&whats[7], What::Refused(refused) if refused.of == Some(6)));
    assert_eq!(whats[8], What::CommandEnded { of: 6, how: Outcome::Refused });
    assert_eq!(whats[10], What::CommandEnded { of: 9, how: Outcome::Unknown });
    assert_eq!(whats.len(), 11);
}

#[test]
fn mouse_and_keyboard_are_summed_up_and_the_laser_too() {
    let input = Channel::Input;
    let key = |usage, down| Kind::Key(message::Key { usage, down });
    let button = |down, x| Kind::Button(message::Button { button: 1, down, x, y: 7 });
    let wheel = |down| Kind::Wheel(message::Wheel { down, ..message::Wheel::default() });
    let at = |what: Use, x| Kind::PointerAt(message::PointerAt { r#use: what as i32, x, y: 2 });
    let mut script = Script::default();
    script
        .technician(input, 4, Kind::StillHeld(message::StillHeld {}))
        .technician(input, 4, Kind::Typed(message::Typed { text: "Grüße ".into() }))
        .technician(input, 4, key(0xe1, true))
        .technician(input, 4, key(0x0b, true))
        .technician(input, 4, key(0x0b, false))
        .technician(input, 4, key(0xe1, false))
        .technician(input, 4, key(0x0c, true))
        .technician(input, 4, button(true, 5))
        .technician(input, 4, button(false, 6))
        .technician(input, 4, button(true, 5))
        .technician(input, 4, button(false, 300))
        .technician(input, 4, wheel(120))
        .technician(input, 4, wheel(240))
        .technician(Channel::Pointer, u64::MAX, at(Use::Move, 1))
        .technician(Channel::Pointer, u64::MAX, at(Use::Show, 1))
        .technician(Channel::Pointer, u64::MAX, at(Use::Show, 2))
        .rest(3)
        .technician(input, 4, key(0xe3, true))
        .technician(input, 4, key(0xe3, false))
        .agent(input, 4, Kind::Hand(message::Hand { user: true }));
    let story = script.story();
    let [one, laser, hand, two] = story.as_slice() else { panic!("{story:?}") };
    let What::Input(input) = &one.what else { panic!("{one:?}") };
    assert_eq!((one.time_us, input.until_us), (2_000, 13_000));
    assert_eq!((input.typed().as_str(), input.clicks()), ("Grüße Hi", 2));
    let still = Act::Click { button: 1, x: 5, y: 7, to: None };
    let drag = Act::Click { button: 1, x: 5, y: 7, to: Some((300, 7)) };
    assert_eq!(input.acts[3..], [still, drag, Act::Wheel { right: 0, down: 360 }]);
    assert_eq!(laser.what, What::Pointed { until_us: 16_000, x: 2, y: 2 });
    assert_eq!(hand.what, What::Hand { user: true });
    assert!(matches!(&two.what, What::Input(input) if input.typed() == "[Super]"));
}

/// What the relay saw stands between, and a gap is as long as it was.
#[test]
fn what_the_relay_saw_is_told_and_ends_no_gap() {
    let saw = |kind: event::Kind, count, detail: &str| {
        Item::Relay(record::Event { kind: kind.into(), end: 0, count, detail: detail.into() })
    };
    let mut script = Script::default();
    let said = Kind::Said(message::Said { text: "a".into() });
    script.opened().technician(Channel::Chat, 4, said);
    let last = script.now_us;
    script.rest(2).item(End::Technician, None, saw(event::Kind::LegLost, 0, ""));
    script.rest(2).item(End::Technician, None, saw(event::Kind::LegBack, 0, "after 2000 ms"));
    script.item(End::Technician, None, saw(event::Kind::FilesLine, 1, ""));
    script.item(End::Agent, None, saw(event::Kind::Joined, 0, ""));
    script.line = 1;
    script.opened();
    let whats = script.whats();
    let seen = [Seen::Lost, Seen::Back("after 2000 ms".into()), Seen::FilesLine(1)];
    let seen = seen.map(What::Relay);
    let at = whats.iter().position(|what| *what == seen[0]).unwrap();
    assert_eq!(whats[at..at + 3], seen);
    assert_eq!(whats[at + 3], What::Gap { since_us: last });
}

#[test]
fn words_screens_ends_and_gaps_are_told() {
    let mut script = Script::default();
    let said = |text: &str| Kind::Said(message::Said { text: text.into() });
    let copied = |text: &str| Kind::Copied(message::Copied { text: text.into() });
    let watching = message::Watching { monitor: 1, width: 10, height: 9, ..Default::default() };
    let shot = message::Screenshot { width: 4, height: 3, bytes: 5 };
    let chunk = message::Chunk { data: Bytes::from_static(b"\x89PNG.") };
    let ending = message::Ending { reason: Reason::TechnicianEnded as i32 };
    script
        .opened()
        .technician(Channel::Chat, 4, said("hello"))
        .agent(Channel::Clipboard, 8, copied(""))
        .agent(Channel::Clipboard, 8, copied("text"))
        .agent(Channel::Screen, 12, Kind::Watching(watching.clone()))
        .agent(Channel::Screen, 12, Kind::Watching(watching))
        .technician(
            Channel::Screen,
            16,
            Kind::ScreenshotRequest(message::ScreenshotRequest { monitor: 2 }),
        )
        .agent(Channel::Screen, 16, Kind::Screenshot(shot))
        .agent(Channel::Screen, 16, Kind::Chunk(chunk))
        .item(End::Agent, Some((Channel::Chat, 4)), Item::Unreadable(Trouble::Malformed))
        .agent(Channel::Shell, 20, said("what will be"))
        .closed()
        .closed();
    script.line = 1;
    script.rest(5).opened().technician(Channel::Control, 0, Kind::Ending(ending)).closed();
    let whats = script.whats();
    assert_eq!(whats[1], What::Said { text: "hello".into() });
    assert_eq!(whats[2], What::Copied { text: "text".into() });
    assert!(matches!(&whats[3], What::Screen { monitor: 1, width: 10, height: 9, .. }));
    assert_eq!(whats[4], What::Screenshot { monitor: 2, width: 4, height: 3, bytes: 5 });
    assert!(matches!(&whats[5], What::ScreenshotPart { of: 4, bytes } if bytes.len() == 5));
    assert!(matches!(&whats[6], What::NotUnderstood { channel: Some(Channel::Chat), .. }));
    assert_eq!(whats[7], What::Newer { channel: Channel::Shell });
    assert!(matches!(whats[8], What::LineClosed(_)));
    assert_eq!(whats[9], What::Gap { since_us: 13_000 });
    assert!(matches!(whats[10], What::LineOpened(_)));
    assert_eq!(whats[11], What::Ending(Reason::TechnicianEnded));
    assert_eq!(whats.len(), 13);
}

#[test]
fn what_is_masked_is_a_passage_with_its_length_and_who_asked() {
    let (input, command) = (Channel::Input, Channel::Command);
    let masking = |on| Kind::Masking(message::Masking { on });
    let mut script = Script::default();
    script
        .agent(input, 4, masking(true))
        .item(End::Technician, Some((input, 4)), Item::Masked { bytes: 80 })
        .item(End::Technician, Some((input, 4)), Item::Masked { bytes: 160 })
        .agent(input, 4, masking(false))
        .item(End::Technician, Some((input, 4)), Item::Masked { bytes: 80 })
        .finished(input, 4)
        .technician(command, 8, start(&["passwd", "[masked]"]))
        .item(End::Technician, Some((command, 8)), Item::Masked { bytes: 80 })
        .agent(command, 8, exit(0));
    let story = script.story();
    let whats: Vec<What> = story.iter().map(|happening| happening.what.clone()).collect();
    assert_eq!((story[0].from, &whats[0]), (End::Agent, &What::Masking));
    assert_eq!(whats[1], What::MaskingEnded { of: 0, messages: 2, bytes: 240 });
    assert_eq!((story[2].from, &whats[2]), (End::Technician, &What::Masking));
    assert_eq!(whats[3], What::MaskingEnded { of: 2, messages: 1, bytes: 80 });
    assert_eq!(whats[5], What::Masked { of: Some(4), bytes: 80 });
    assert_eq!(whats.len(), 7);
}
