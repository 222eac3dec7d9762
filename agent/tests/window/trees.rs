//! What a screen reader comes by, compared with files that people have read.

use std::path::Path;

use deskside_agent::texts::Language;
use egui::Theme;

use crate::scenes;
use crate::stage::Stage;

#[test]
fn the_accessibility_tree_of_every_state_is_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/window/trees");
    let write = std::env::var_os("DESKSIDE_SNAPSHOTS").is_some_and(|value| value == "write");
    let mut differ = Vec::new();
    let mut names = Vec::new();
    for scene in scenes::all() {
        // Tall enough that nothing has to be scrolled to.
        let size = (scene.size.0, 1400);
        let mut stage = Stage::new(scene.model, Language::English, Theme::Light, size, 1);
        stage.now = scene.now;
        let tree = stage.settle().tree();
        let file = folder.join(format!("{}.txt", scene.name));
        if write {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&file, &tree).unwrap();
        }
        names.push(file.clone());
        if std::fs::read_to_string(&file).unwrap_or_default() != tree {
            differ.push(format!("{}:\n{tree}", scene.name));
        }
    }
    assert!(differ.is_empty(), "DESKSIDE_SNAPSHOTS=write writes them anew:\n{}", differ.join("\n"));
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        assert!(names.contains(&path), "{} is of no state", path.display());
    }
}
