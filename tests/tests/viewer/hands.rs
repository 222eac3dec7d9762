//! What the technician's hands do in the window, as it arrives on the user's screen: keys, mouse, laser,
//! clipboard.

use deskside_tests::clipboard;
use deskside_tests::display::Display;
use deskside_tests::person::{Person, key};
use x11rb::connection::Connection as _;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    ConnectionExt as _, CreateWindowAux, EventMask, InputFocus, WindowClass,
};
use x11rb::rust_connection::RustConnection;

use super::Seated;

/// A window on the user's screen that says what reaches it.
struct Listener {
    connection: RustConnection,
    person: Person,
}

impl Listener {
    fn on(display: &Display) -> Self {
        let (connection, number) = x11rb::connect(Some(display.name())).unwrap();
        let root = connection.setup().roots[number].root;
        let window = connection.generate_id().unwrap();
        let hears = EventMask::KEY_PRESS
            | EventMask::KEY_RELEASE
            | EventMask::BUTTON_PRESS
            | EventMask::BUTTON_RELEASE
            | EventMask::POINTER_MOTION;
        let attributes = CreateWindowAux::new().override_redirect(1).event_mask(hears);
        let (class, depth) = (WindowClass::INPUT_OUTPUT, x11rb::COPY_DEPTH_FROM_PARENT);
        connection
            .create_window(depth, window, root, 0, 0, 400, 300, 0, class, 0, &attributes)
            .unwrap();
        connection.map_window(window).unwrap();
        let (parent, now) = (InputFocus::PARENT, x11rb::CURRENT_TIME);
        connection.set_input_focus(parent, window, now).unwrap().check().unwrap();
        Self { connection, person: Person::at(display.name()).unwrap() }
    }

    /// The next thing that it hears: a word, a key or button, its place.
    #[allow(clippy::wildcard_enum_match_arm, reason = "of what a display tells, this much counts")]
    fn next(&self) -> (&'static str, u8, (i16, i16)) {
        loop {
            return match self.connection.wait_for_event().unwrap() {
                Event::KeyPress(it) => ("key down", it.detail, (0, 0)),
                Event::KeyRelease(it) => ("key up", it.detail, (0, 0)),
                Event::ButtonPress(it) => ("button down", it.detail, (it.root_x, it.root_y)),
                Event::ButtonRelease(it) => ("button up", it.detail, (it.root_x, it.root_y)),
                _ => continue,
            };
        }
    }

    /// Waits until the pointer is there.
    fn sees(&self, place: (i16, i16)) {
        loop {
            if let Event::MotionNotify(it) = self.connection.wait_for_event().unwrap()
                && (it.root_x, it.root_y) == place
            {
                return;
            }
        }
    }

    fn hears(&self, expected: &[(&'static str, u8, (i16, i16))]) {
        for expected in expected {
            assert_eq!(self.next(), *expected);
        }
    }
}

#[test]
fn keys_and_mouse_reach_the_users_computer_and_nothing_sticks() {
    let seated = Seated::new((1400, 1000), "view,control", &["--request", "view,control"]);
    seated.wait_for_exact();
    let listener = Listener::on(&seated.displays.0);
    let letter = |letter: char| listener.person.code(u32::from(letter)).unwrap();
    let shift = listener.person.code(key::SHIFT).unwrap();

    // The pointer follows before anything was pressed.
    seated.person.point(70, 80).unwrap();
    listener.sees((70, 80));
    // The host key and what is pressed with it stay here.
    seated.host('h');
    seated.person.press(&[key::ESCAPE]).unwrap();
    seated.person.press(&[u32::from('a')]).unwrap();
    listener.hears(&[("key down", letter('a'), (0, 0)), ("key up", letter('a'), (0, 0))]);
    seated.person.point(50, 60).unwrap();
    for button in [1, 3] {
        seated.person.click(button).unwrap();
        listener.hears(&[("button down", button, (50, 60)), ("button up", button, (50, 60))]);
    }
    // What is held when the window loses the keyboard is let go of.
    seated.person.hold(key::SHIFT).unwrap();
    listener.hears(&[("key down", shift, (0, 0))]);
    seated.person.look_away().unwrap();
    listener.hears(&[("key up", shift, (0, 0))]);
    seated.person.wait_for("Deskside").unwrap();
    seated.person.click(5).unwrap();
    listener.hears(&[("button down", 5, (50, 60)), ("button up", 5, (50, 60))]);
}

#[test]
fn the_laser_shows_where_the_technician_points_and_the_mouse_stays_the_users() {
    let seated = Seated::new((1400, 1000), "view", &[]);
    seated.wait_for_exact();
    let before = seated.original();
    let mouse = seated.user.pointer().unwrap();
    seated.host('l');
    seated.person.point(300, 200).unwrap();
    let (x, y) = (300 - 32, 200 - 32);
    let near =
        |picture: &image::RgbImage| image::imageops::crop_imm(picture, x, y, 64, 64).to_image();
    let dot = seated.user.wait_until(|seen| near(seen) != near(&before)).unwrap();
    dot.save(concat!(env!("CARGO_TARGET_TMPDIR"), "/laser-user.png")).unwrap();
    seated.shoot("laser");
    assert_eq!(seated.user.pointer().unwrap(), mouse, "the user has it still");
    seated.host('l');
    seated.user.wait_until(|seen| *seen == before).unwrap();
}

#[test]
fn what_is_copied_in_one_place_is_pasted_in_the_other() {
    let words = ["--request", "view,clipboard"];
    let seated = Seated::new((1400, 1000), "view,clipboard", &words);
    seated.wait_for_exact();
    let (theirs, ours) = &seated.displays;
    clipboard::copy(theirs, "Straße\n日本", false).unwrap();
    clipboard::wait_for(ours, "Straße\n日本").unwrap();
    // The other way it goes when the technician comes back to the window.
    seated.person.look_away().unwrap();
    clipboard::copy(ours, "ip -brief address", false).unwrap();
    seated.person.wait_for("Deskside").unwrap();
    clipboard::wait_for(theirs, "ip -brief address").unwrap();
}

#[test]
fn a_password_is_typed_while_the_user_sees_that_it_is_masked() {
    let mut seated = Seated::new((1400, 1000), "view,control", &["--request", "view,control"]);
    seated.wait_for_exact();
    let listener = Listener::on(&seated.displays.0);
    let letter = |letter: char| listener.person.code(u32::from(letter)).unwrap();
    for (on, typed) in [(true, 'a'), (false, 'b')] {
        seated.host('p');
        let told = seated.agent.wait_for("masking").unwrap();
        assert_eq!((&told["on"], &told["by"]), (&on.into(), &"technician".into()));
        if on {
            seated.shoot("masked");
        }
        seated.person.press(&[u32::from(typed)]).unwrap();
        listener.hears(&[("key down", letter(typed), (0, 0)), ("key up", letter(typed), (0, 0))]);
    }
}
