//! Several monitors at the user's: one after the other, and all of them. And all of the technician's
//! own for one.

use deskside_tests::person::key;
use deskside_tests::process::{Process, command};
use image::RgbImage;
use image::imageops::crop_imm;

use super::{HEIGHT, Seated, WIDTH, same, same_from};

#[test]
fn one_monitor_after_the_other_and_all_of_them() {
    let seated = Seated::new((1400, 1000), "view", &[]);
    seated.wait_for_exact();
    let (left, all, height) = (501, u32::from(WIDTH), u32::from(HEIGHT));
    seated.displays.0.split(left).unwrap();
    let left = u32::from(left);
    let whole = seated.original();
    let part = |x, width| crop_imm(&whole, x, 0, width, height).to_image();
    // Of several monitors the first is shown, or the one that the technician chose.
    for (name, x, width) in [('2', left, all - left), ('1', 0, left), ('2', left, all - left)] {
        let part = part(x, width);
        // It stands in the middle of the window.
        let middle =
            |seen: &RgbImage| crop_imm(seen, (all - width) / 2, 0, width, height).to_image();
        // The window does not say when it has heard of the second one.
        let shown = || {
            let seen = seated.person.picture().ok()?;
            same_from(&middle(&seen), &part, (x, 0)).then_some(())
        };
        seated.person.press_until(&[key::HOST, u32::from(name)], shown).unwrap();
        seated.shoot(&format!("monitor-{name}"));
    }
    seated.person.press(&[key::HOST, u32::from('0')]).unwrap();
    seated.wait_for_exact();
}

#[test]
fn full_screen_covers_the_display_and_goes_back() {
    let seated = Seated::new((1400, 1000), "view", &[]);
    seated.wait_for_exact();
    let ours = &seated.displays.1;
    let manager = "openbox: is the package openbox installed?";
    let mut command = command("openbox");
    let _manager = Process::start(manager, command.env("DISPLAY", ours.name())).unwrap();
    let original = seated.original();
    // Now the window has a frame, and is not where it was.
    seated.person.wait_until(|seen| !same(seen, &original)).unwrap();
    seated.person.wait_for("Deskside").unwrap();
    let framed = seated.shoot("framed");
    seated.person.press(&[key::HOST, u32::from('f')]).unwrap();
    // In the middle of the display; what is beside it is the window's.
    let margin = ((1400 - u32::from(WIDTH)) / 2, (1000 - u32::from(HEIGHT)) / 2);
    let full = |seen: &RgbImage| {
        let middle = crop_imm(seen, margin.0, margin.1, u32::from(WIDTH), u32::from(HEIGHT));
        let corners = [(0, 0), (1399, 0), (0, 999), (1399, 999)];
        let one = seen.get_pixel(0, 0);
        corners.iter().all(|(x, y)| seen.get_pixel(*x, *y) == one)
            && same(&middle.to_image(), &original)
    };
    seated.person.wait_until(full).unwrap();
    seated.shoot("full-screen");
    seated.person.press(&[key::HOST, u32::from('f')]).unwrap();
    // The frame's title has another colour meanwhile.
    let inside = |seen: &RgbImage| crop_imm(seen, 0, 40, 1400, 960).to_image();
    seated.person.wait_until(|seen| inside(seen) == inside(&framed)).unwrap();
}
