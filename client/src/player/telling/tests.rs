use super::*;
use deskside_story::Act;

fn title(from: End, what: What) -> String {
    let happening = Happening { number: 1, line: 0, from, time_us: 5, what };
    match telling(&happening) {
        Some(Telling::Row { title, .. }) => title,
        Some(Telling::End { words, .. }) => words,
        None => String::new(),
    }
}

#[test]
fn a_happening_reads_as_a_sentence() {
    let terms = vec![
        Allowance { grant: Grant::View, scope: Scope::Session, ends_in: 0 },
        Allowance { grant: Grant::Command, scope: Scope::Session, ends_in: 600 },
        Allowance { grant: Grant::File, scope: Scope::Once, ends_in: 0 },
    ];
    let new = vec![Grant::Command, Grant::File];
    let allowed = |terms, new| What::Allowed { terms, new, computer: None };
    let told = title(End::Agent, allowed(terms.clone(), new));
    assert_eq!(told, "Allowed command for 10 min, file once");
    let told = title(End::Agent, allowed(terms, Vec::new()));
    assert_eq!(told, "Still allowed: view for the session, command for 10 min, file once");
    assert_eq!(title(End::Agent, allowed(Vec::new(), Vec::new())), "Nothing is allowed");
    let click = Act::Click { button: 1, x: 0, y: 0, to: None };
    let key = Act::Key { usage: 0x28, held: Vec::new() };
    let input = |acts: Vec<Act>| What::Input(Input { until_us: 0, acts });
    let typed = input(vec![Act::Text("ls".into()), key, click.clone()]);
    assert_eq!(title(End::Technician, typed), "Typed ls[Return], and a click");
    assert_eq!(title(End::Technician, input(vec![click.clone(), click])), "2 clicks");
    let turned = input(vec![Act::Wheel { right: 0, down: 120 }]);
    assert_eq!(title(End::Technician, turned), "Turned the wheel");
    let by = End::Technician;
    for (how, words) in [
        (Outcome::Exited(3), "exit 3"),
        (Outcome::Killed(9), "killed by signal 9"),
        (Outcome::BrokenOff { by, code: 0 }, "broken off by the technician"),
    ] {
        assert_eq!(title(End::Agent, What::CommandEnded { of: 0, how }), words);
    }
    let long = title(End::Agent, What::Said { text: "\u{202e}x".repeat(400) });
    assert_eq!(long.chars().count(), MAX_TITLE + 1);
    assert!(long.starts_with("\u{fffd}x") && long.ends_with('…'));
    let end = FileEnd {
        of: 0,
        path: String::new(),
        size: 0,
        sent: 0,
        apart: true,
        sha256: vec![7; 60_000].into(),
        landed: Err("x".repeat(60_000)),
    };
    let told = telling(&Happening {
        number: 1,
        line: 0,
        from: End::Agent,
        time_us: 5,
        what: What::FileEnded(end),
    });
    let Some(Telling::End { words, more, .. }) = told else { panic!("{told:?}") };
    assert!(words.chars().count() < 2 * MAX_TITLE && more.to_string().len() < 2 * MAX_TITLE);
    let part = What::Output { of: 0, stderr: false, bytes: "x".into() };
    assert_eq!(title(End::Agent, part), "");
}
