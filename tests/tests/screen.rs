//! The screenshot against a picture that somebody else took of the same display.

use deskside_tests::agent::{Agent, Wish};
use deskside_tests::display::Display;
use deskside_tests::process::{command, run};
use deskside_tests::xwd;

use crate::house::House;

#[test]
fn a_screenshot_equals_xwd_of_the_same_root() {
    let house = House::new();
    let display = Display::start(801, 603).unwrap();
    let _painting = display.paint().unwrap();
    let screen = vec![("DISPLAY", display.name().to_owned())];
    let wish = Wish { allow: "view", screen: "x11", display: screen, ..Wish::default() };
    let mut agent = Agent::start(&house.path("agent"), house.relay.join(), &wish).unwrap();
    let ticket = house.alice.ticket("Colours").unwrap();
    let session = house.alice.connect(&agent.code().unwrap(), &ticket).unwrap();

    let picture = house.path("screen.png");
    let words = ["screenshot", "-o", picture.to_str().unwrap()];
    house.alice.run(&words).unwrap().done().unwrap();
    let ours = image::open(&picture).unwrap().to_rgb8();

    let mut program = command("xwd");
    program.args(["-root", "-silent", "-display", display.name()]);
    let theirs = run("xwd", &mut program, None).unwrap();
    assert_eq!(theirs.code, Some(0), "{theirs}: is the package x11-apps installed?");
    let theirs = xwd::parse(&theirs.stdout).unwrap();

    assert_eq!(ours.dimensions(), (theirs.width, theirs.height));
    assert_eq!(ours.dimensions(), (801, 603));
    let differ = ours.as_raw().iter().zip(&theirs.rgb).position(|(ours, theirs)| ours != theirs);
    assert_eq!((differ, ours.as_raw().len()), (None, theirs.rgb.len()));
    // A picture of one colour would be equal too, and prove nothing.
    let colours: std::collections::HashSet<_> = ours.pixels().map(|pixel| pixel.0).collect();
    assert!(colours.len() > 200, "{} colours", colours.len());
    assert_eq!(ours.get_pixel(800, 602).0, [0xfe, 0xdc, 0x01]);

    assert_eq!(session.exec(&["true"], b"").unwrap().code, Some(3), "commands were not allowed");
    session.end("").unwrap();
}
