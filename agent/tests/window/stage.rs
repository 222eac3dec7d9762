//! A window of any size, scale, theme and language in virtual time: what it shows as pixels and as an
//! accessibility tree, and a keyboard.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use deskside_agent::texts::{Language, Texts};
use deskside_agent::window::model::{Model, Order, Press};
use deskside_agent::window::view::{self, Fields, Scene};
use deskside_paint::{Painter, Target, theme};
use egui::accesskit::{Action, ActionRequest, Node, NodeId, Role, TreeId, TreeUpdate};
use egui::{Context, Event, FullOutput, Key, Modifiers, RawInput, Rect, Theme, ViewportId, vec2};
use image::RgbImage;

/// How many times a page is drawn until it has found its layout.
const SETTLING: usize = 4;

pub(crate) struct Stage {
    pub(crate) model: Model,
    pub(crate) now: Duration,
    pub(crate) presses: Vec<Press>,
    texts: Texts,
    context: Context,
    painter: Painter,
    fields: Fields,
    /// In pixels.
    size: (u16, u16),
    scale: f32,
    theme: Theme,
    nodes: BTreeMap<NodeId, Node>,
    root: Option<NodeId>,
    focus: Option<NodeId>,
    last: Option<FullOutput>,
}

impl Stage {
    /// `size` in points.
    pub(crate) fn new(
        model: Model,
        language: Language,
        theme: Theme,
        size: (u16, u16),
        scale: u8,
    ) -> Self {
        let context = Context::default();
        theme::apply(&context);
        context.enable_accesskit();
        let (scale, pixels) = (f32::from(scale), |points: u16| points * u16::from(scale));
        Self {
            model,
            now: Duration::ZERO,
            presses: Vec::new(),
            texts: Texts::of(language),
            context,
            painter: Painter::default(),
            fields: Fields::default(),
            size: (pixels(size.0), pixels(size.1)),
            scale,
            theme,
            nodes: BTreeMap::new(),
            root: None,
            focus: None,
            last: None,
        }
    }

    /// Draws until nothing moves any more.
    pub(crate) fn settle(&mut self) -> &mut Self {
        for _ in 0..SETTLING {
            self.frame(Vec::new());
        }
        self
    }

    pub(crate) fn frame(&mut self, events: Vec<Event>) {
        let mut input = RawInput {
            screen_rect: Some(Rect::from_min_size(
                egui::Pos2::ZERO,
                vec2(f32::from(self.size.0), f32::from(self.size.1)) / self.scale,
            )),
            time: Some(self.now.as_secs_f64()),
            system_theme: Some(self.theme),
            focused: true,
            events,
            ..RawInput::default()
        };
        let viewport = input.viewports.entry(ViewportId::ROOT).or_default();
        viewport.native_pixels_per_point = Some(self.scale);
        let scene = Scene {
            model: &self.model,
            texts: &self.texts,
            now: self.now,
            hotkey: Some("Ctrl + Alt + End"),
        };
        let (presses, fields) = (&mut self.presses, &mut self.fields);
        let mut output =
            self.context.run_ui(input, |ui| presses.extend(view::draw(ui, &scene, fields)));
        self.painter.take(&mut output.textures_delta);
        if let Some(update) = output.platform_output.accesskit_update.take() {
            self.take(update);
        }
        self.last = Some(output);
    }

    /// As the window does: what the user did goes to the model.
    pub(crate) fn orders(&mut self) -> Vec<Order> {
        let presses = std::mem::take(&mut self.presses);
        presses.into_iter().filter_map(|press| self.model.press(press, self.now)).collect()
    }

    fn take(&mut self, update: TreeUpdate) {
        self.nodes.extend(update.nodes);
        self.root = update.tree.map(|tree| tree.root).or(self.root);
        self.focus = Some(update.focus);
    }

    /// Presses a key and lets it go.
    pub(crate) fn key(&mut self, key: Key, modifiers: Modifiers) {
        for pressed in [true, false] {
            let (physical_key, repeat) = (None, false);
            self.frame(vec![Event::Key { key, physical_key, pressed, repeat, modifiers }]);
        }
        self.settle();
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.frame(vec![Event::Text(text.to_owned())]);
    }

    /// As a screen reader presses it.
    pub(crate) fn click(&mut self, name: &str) {
        let (target, _) = self.find(name).unwrap_or_else(|| panic!("{name:?} in {}", self.tree()));
        let request = ActionRequest {
            action: Action::Click,
            target_node: target,
            target_tree: TreeId::ROOT,
            data: None,
        };
        self.frame(vec![Event::AccessKitActionRequest(request)]);
        self.settle();
    }

    /// What can be acted on under a name.
    pub(crate) fn find(&self, name: &str) -> Option<(NodeId, &Node)> {
        self.reachable().into_iter().find(|(_, node)| {
            node.label() == Some(name)
                && matches!(node.role(), Role::Button | Role::Switch | Role::TextInput)
        })
    }

    /// The name of what the keyboard is on.
    pub(crate) fn focused(&self) -> Option<String> {
        self.nodes.get(&self.focus?)?.label().map(str::to_owned)
    }

    fn reachable(&self) -> Vec<(NodeId, &Node)> {
        let mut found = Vec::new();
        let mut next: Vec<NodeId> = self.root.into_iter().collect();
        while let Some(id) = next.pop() {
            let Some(node) = self.nodes.get(&id) else { continue };
            found.push((id, node));
            next.extend(node.children().iter().rev());
        }
        found
    }

    /// Where things are, in points, by their names.
    #[allow(clippy::cast_possible_truncation, reason = "places in a window")]
    pub(crate) fn places(&self) -> Vec<(String, Role, Rect)> {
        let place = |(_, node): (NodeId, &Node)| {
            let bounds = node.bounds()?;
            let place = |x: f64, y: f64| egui::pos2(x as f32, y as f32);
            let rect = Rect::from_min_max(place(bounds.x0, bounds.y0), place(bounds.x1, bounds.y1));
            Some((node.label().or(node.value())?.to_owned(), node.role(), rect))
        };
        self.reachable().into_iter().filter_map(place).collect()
    }

    /// The accessibility tree in the order of reading: role, name, state.
    pub(crate) fn tree(&self) -> String {
        let mut text = String::new();
        if let Some(root) = self.root {
            self.branch(root, 0, &mut text);
        }
        text
    }

    fn branch(&self, id: NodeId, depth: usize, text: &mut String) {
        let Some(node) = self.nodes.get(&id) else { return };
        let name = node.label().or(node.value()).unwrap_or_default();
        let silent =
            matches!(node.role(), Role::GenericContainer | Role::Unknown) && name.is_empty();
        if !silent {
            write!(text, "{}{:?}", "  ".repeat(depth), node.role()).unwrap();
            if !name.is_empty() {
                write!(text, " {name:?}").unwrap();
            }
            if let Some(toggled) = node.toggled() {
                write!(text, " toggled={toggled:?}").unwrap();
            }
            if let Some(live) = node.live() {
                write!(text, " live={live:?}").unwrap();
            }
            if node.is_disabled() {
                text.push_str(" disabled");
            }
            if self.focus == Some(id) && Some(id) != self.root {
                text.push_str(" focused");
            }
            text.push('\n');
        }
        for child in node.children() {
            self.branch(*child, depth + usize::from(!silent), text);
        }
    }

    pub(crate) fn picture(&mut self) -> RgbImage {
        let output = self.last.take().unwrap();
        let primitives = self.context.tessellate(output.shapes, output.pixels_per_point);
        let (width, height) = self.size;
        let mut pixels = vec![0u32; usize::from(width) * usize::from(height)];
        let mut target = Target::new(&mut pixels, usize::from(width));
        self.painter.paint(&mut target, &primitives, output.pixels_per_point);
        RgbImage::from_fn(width.into(), height.into(), |x, y| {
            let [_, r, g, b] = pixels[(y * u32::from(width) + x) as usize].to_be_bytes();
            image::Rgb([r, g, b])
        })
    }
}
