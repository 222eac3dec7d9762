//! What a person sees: each state as a PNG, in the sizes, themes and languages that differ most.

use std::path::PathBuf;

use deskside_agent::texts::Language;
use egui::Theme;

use crate::scenes::{self, PAGE, Scenery};
use crate::stage::Stage;

fn folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("window");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn staged(scene: Scenery, language: Language, theme: Theme, scale: u8) -> Stage {
    let mut stage = Stage::new(scene.model, language, theme, scene.size, scale);
    stage.now = scene.now;
    stage.settle();
    stage
}

fn shoot(language: Language, theme: Theme, scale: u8, wanted: impl Fn(&str) -> bool) {
    for scene in scenes::all().into_iter().filter(|scene| wanted(scene.name)) {
        let name = scene.name;
        let mut stage = staged(scene, language, theme, scale);
        let picture = stage.picture();
        let colours: std::collections::BTreeSet<_> = picture.pixels().map(|p| p.0).collect();
        assert!(colours.len() > 20, "{name} is empty");
        let theme = format!("{theme:?}").to_lowercase();
        let file = format!("{name}-{}-{theme}-{}.png", language.code(), u32::from(scale) * 100);
        picture.save(folder().join(file)).unwrap();
    }
}

#[test]
fn every_state_by_daylight() {
    shoot(Language::English, Theme::Light, 1, |_| true);
}

#[test]
fn every_state_by_night_in_german() {
    shoot(Language::German, Theme::Dark, 1, |_| true);
}

#[test]
fn what_is_widest_at_twice_the_size() {
    let widest = ["code", "ask", "files-in", "banner", "over"];
    shoot(Language::German, Theme::Light, 2, |name| widest.contains(&name));
}

#[test]
fn every_state_in_french() {
    shoot(Language::French, Theme::Light, 1, |_| true);
}

/// A laptop of 1366 by 768 at 200 %: 683 by 384 points, less what the desktop's panels take.
const CRAMPED: (u16, u16) = (540, 304);

#[test]
fn what_can_be_pressed_is_in_view_in_every_language_and_on_a_small_screen() {
    use egui::accesskit::Role;
    for language in Language::all() {
        for scene in scenes::all() {
            let (name, usual) = (scene.name, scene.size);
            for size in [usual, (usual.0, usual.1.min(CRAMPED.1)), (320, PAGE.1)] {
                let scene = Scenery { size, model: scene.model.clone(), ..scene };
                let stage = staged(scene, language, Theme::Light, 1);
                let window = egui::Rect::from_min_size(
                    egui::Pos2::ZERO,
                    egui::vec2(f32::from(size.0), f32::from(size.1)),
                );
                for (label, role, place) in stage.places() {
                    let sideways = place.left() >= -0.5 && place.right() <= window.right() + 0.5;
                    assert!(sideways, "{name} {language:?} {size:?}: {label:?} at {place:?}");
                    // What decides stands below what scrolls.
                    let answers = name.starts_with("ask") || name.starts_with("more");
                    if role == Role::Button && (answers || name == "banner-slim") && size == usual {
                        let whole = window.expand(0.5).contains_rect(place);
                        assert!(whole, "{name} {language:?} {size:?}: {label:?} at {place:?}");
                    }
                }
            }
        }
    }
}
