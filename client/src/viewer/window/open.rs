//! A window that is there: how large it is, and how it is drawn.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deskside_paint::theme;
use deskside_paint::{Painter, Patch, Target};
use egui::{Context, Theme, ViewportId};
use egui_winit::State;
use softbuffer::Surface;
use winit::dpi::PhysicalSize;
use winit::event_loop::{ActiveEventLoop, OwnedDisplayHandle};
use winit::window::{CursorIcon, CustomCursor, Fullscreen, Window};

use super::super::clipboard::Clipboard;
use super::super::front::{Front, Seen};
use super::super::model::{Desk, Held, Host, HostKey, Model, Pane, Zoom};
use super::super::texts;
use super::super::view::{self, Fields, Press, Scene};
use super::NoWindow;
use super::canvas::{Anew, Canvas, Overlay};

/// Pixels that panels of the technician's own desktop take, across and down.
const PANELS: (u32, u32) = (40, 80);
/// Nothing is smaller than this, in pixels.
const SMALLEST: PhysicalSize<u32> = PhysicalSize::new(320, 240);
/// Pixels of one window at most: a 16K screen.
const MAX_PIXELS: u64 = 16 * 3840 * 2160;

/// The window.
pub(super) struct Open {
    pub(super) front: Front,
    pub(super) window: Arc<Window>,
    surface: Surface<OwnedDisplayHandle, Arc<Window>>,
    pub(super) context: Context,
    pub(super) state: State,
    painter: Painter,
    overlay: Overlay,
    fields: Fields,
    pub(super) canvas: Canvas,
    pub(super) desk: Desk,
    pub(super) host: Host,
    host_key: HostKey,
    pub(super) held: Held,
    pub(super) clipboard: Clipboard,
    /// Where the overlay has the mouse, in points.
    pub(super) taken: Vec<egui::Rect>,
    /// What the window knew when it was drawn last.
    pub(super) model: Model,
    pub(super) mouse: super::input::Mouse,
    /// A Ctrl key is down.
    pub(super) ctrl: bool,
    /// Everything is drawn anew.
    all: bool,
    /// The overlay is laid out anew.
    pub(super) stirred: bool,
    title: String,
    full: bool,
    look: (bool, u64),
    /// When egui wants to be drawn again.
    again: Option<Instant>,
}

/// As large as the picture where there is room for it; else as large as there is.
fn size(events: &ActiveEventLoop, picture: (usize, usize)) -> (PhysicalSize<u32>, Zoom) {
    let whole = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
    let wanted = PhysicalSize::new(whole(picture.0), whole(picture.1));
    let screen = events.primary_monitor().or_else(|| events.available_monitors().next());
    let Some(screen) = screen.map(|screen| screen.size()) else { return (wanted, Zoom::Actual) };
    let most = PhysicalSize::new(
        screen.width.saturating_sub(PANELS.0).max(SMALLEST.width),
        screen.height.saturating_sub(PANELS.1).max(SMALLEST.height),
    );
    if wanted.width <= most.width && wanted.height <= most.height {
        return (wanted, Zoom::Actual);
    }
    let mut pane = Pane::default();
    (pane.picture, pane.zoom) = (picture, Zoom::Fit);
    pane.window = (most.width as usize, most.height as usize);
    let (width, height) = pane.shown();
    (PhysicalSize::new(whole(width), whole(height)), Zoom::Fit)
}

impl Open {
    /// Opens for the picture that is there.
    pub(super) fn new(
        events: &ActiveEventLoop,
        front: Front,
        host: HostKey,
        clipboard: Clipboard,
    ) -> Result<Self, NoWindow> {
        let picture = front
            .sight()
            .picture()
            .map_or((1, 1), |picture| (picture.size().width(), picture.size().height()));
        let (size, zoom) = size(events, picture);
        let model = front.model();
        let title = texts::title(&model.about);
        let attributes = Window::default_attributes()
            .with_title(title.clone())
            .with_min_inner_size(SMALLEST)
            .with_inner_size(size);
        #[cfg(all(unix, not(target_os = "macos")))]
        let attributes = {
            use winit::platform::x11::WindowAttributesExtX11 as _;
            attributes.with_name("deskside", "deskside")
        };
        let window = Arc::new(events.create_window(attributes)?);
        // What is composed of several keys comes as text.
        window.set_ime_allowed(true);
        let display = softbuffer::Context::new(events.owned_display_handle())?;
        let surface = Surface::new(&display, window.clone())?;
        let context = Context::default();
        theme::apply(&context);
        context.set_theme(Theme::Dark);
        #[allow(clippy::cast_possible_truncation, reason = "a scale is between 0.5 and 5")]
        let scale = window.scale_factor() as f32;
        let (id, look) = (ViewportId::ROOT, Some(winit::window::Theme::Dark));
        let mut state = State::new(context.clone(), id, &window, Some(scale), look, None);
        state.set_clipboard_shortcuts(false);
        Ok(Self {
            front,
            window,
            surface,
            context,
            state,
            painter: Painter::default(),
            overlay: Overlay::default(),
            fields: Fields::default(),
            canvas: Canvas::default(),
            desk: Desk { zoom, ..Desk::default() },
            host: Host::new(host),
            host_key: host,
            held: Held::default(),
            clipboard,
            taken: Vec::new(),
            model,
            mouse: super::input::Mouse::default(),
            ctrl: false,
            all: true,
            stirred: true,
            title,
            full: false,
            look: (false, 0),
            again: None,
        })
    }

    /// The system lost what was drawn.
    pub(super) const fn exposed(&mut self) {
        self.all = true;
    }

    /// A clock has struck.
    pub(super) const fn clock(&mut self) {
        self.stirred = true;
    }

    /// When it is drawn again by itself.
    pub(super) fn next(&self, now: Instant) -> Option<Instant> {
        let rest = self.mouse.rests_at(self.desk.panel);
        [self.again, self.model.changes_at(now), rest].into_iter().flatten().min()
    }

    /// Draws what has changed, at once.
    pub(super) fn draw(&mut self, events: &ActiveEventLoop) -> Result<(), NoWindow> {
        self.front.look();
        let began = Instant::now();
        if self.mouse.rests_at(self.desk.panel).is_some_and(|at| at <= began) {
            self.desk.hover();
            self.mouse.rested();
        }
        let model = self.front.model();
        self.stand(&model);
        let before = self.overlay.covers;
        self.lay_out(&model, began);
        self.model = model;
        self.look(events);
        let overlay = std::mem::take(&mut self.stirred);
        let anew = Anew { all: self.all, before: before.filter(|_| overlay), overlay };
        self.present(anew, began)
    }

    /// Title, full screen, and what is heard of the connection.
    fn stand(&mut self, model: &Model) {
        let title = texts::title(&model.about);
        if title != self.title {
            self.window.set_title(&title);
            self.title = title;
        }
        if self.full != self.desk.full {
            self.full = self.desk.full;
            self.window.set_fullscreen(self.full.then_some(Fullscreen::Borderless(None)));
        }
        self.front.read(self.desk.panel);
    }

    /// Lays out what lies over the picture, where that can have changed.
    fn lay_out(&mut self, model: &Model, now: Instant) {
        let changed = !same(model, &self.model);
        let scene = Scene { model, desk: &self.desk, host: self.host_key, now };
        let open = view::is_open(&scene);
        if !(self.stirred || changed) {
            return;
        }
        self.stirred = true;
        self.again = None;
        if !open {
            self.overlay = Overlay::default();
            self.taken.clear();
            return;
        }
        let input = self.state.take_egui_input(&self.window);
        let (mut drawn, fields) = (view::Drawn::default(), &mut self.fields);
        let output = self.context.run_ui(input, |ui| {
            let mut now = view::draw(ui.ctx(), &scene, fields);
            drawn.presses.append(&mut now.presses);
            drawn.taken = now.taken;
        });
        let mut textures = output.textures_delta;
        for command in &output.platform_output.commands {
            if let egui::OutputCommand::CopyText(text) = command {
                self.clipboard.write(text.clone());
            }
        }
        self.painter.take(&mut textures);
        let delay = output.viewport_output.get(&ViewportId::ROOT).map(|it| it.repaint_delay);
        self.again = delay.filter(|it| *it < Duration::from_secs(60)).map(|it| now + it);
        let scale = output.pixels_per_point;
        let size = self.window.inner_size();
        let (width, height) = (size.width as usize, size.height as usize);
        let window = Patch { x: 0, y: 0, width, height };
        self.overlay = Overlay::new(self.context.tessellate(output.shapes, scale), scale, window);
        self.taken = drawn.taken;
        self.desk.to_chat = false;
        for press in drawn.presses {
            self.press(press);
        }
    }

    fn press(&mut self, press: Press) {
        match press {
            Press::Act(action) => self.act(action),
            Press::Order(order) => self.order(order),
            Press::Answer(yes) => {
                if let Some(order) = self.desk.answer(yes) {
                    self.order(order);
                }
            }
        }
        // What it changed is laid out in the next picture.
        self.again = Some(Instant::now());
    }

    /// The mouse looks as the user's pointer does while it is the technician's.
    fn look(&mut self, events: &ActiveEventLoop) {
        let own = self.model.controls() && !self.desk.laser && !self.model.user_hand;
        let version = self.front.sight().pointer.version;
        let over = self.mouse.is_over(&self.taken, self.context.pixels_per_point());
        let wanted = (own && !over, version);
        self.canvas.pointer = !own;
        if std::mem::replace(&mut self.look, wanted) == wanted {
            return;
        }
        let shape = self.front.sight().pointer.shape().filter(|_| wanted.0).cloned();
        let Some(shape) = shape else {
            let icon =
                if self.desk.laser && !over { CursorIcon::Crosshair } else { CursorIcon::Default };
            return self.window.set_cursor(icon);
        };
        let straight = |pixel: &u32| {
            let [a, r, g, b] = pixel.to_be_bytes();
            egui::Color32::from_rgba_premultiplied(r, g, b, a).to_srgba_unmultiplied()
        };
        let rgba: Vec<u8> = shape.stamp.pixels.iter().flat_map(straight).collect();
        let small = |side: usize| u16::try_from(side).unwrap_or(u16::MAX);
        let (width, height) =
            (small(shape.stamp.width), small(shape.stamp.pixels.len() / shape.stamp.width.max(1)));
        let hot = |at: u32| u16::try_from(at).unwrap_or(0);
        match CustomCursor::from_rgba(rgba, width, height, hot(shape.hot.0), hot(shape.hot.1)) {
            Ok(source) => self.window.set_cursor(events.create_custom_cursor(source)),
            Err(error) => tracing::debug!(%error, "the pointer cannot look so"),
        }
    }

    fn present(&mut self, anew: Anew, began: Instant) -> Result<(), NoWindow> {
        let size = self.window.inner_size();
        let fits = u64::from(size.width) * u64::from(size.height) <= MAX_PIXELS;
        let (Some(width), Some(height)) =
            (NonZeroU32::new(size.width), NonZeroU32::new(size.height))
        else {
            return Ok(());
        };
        if !fits {
            return Ok(());
        }
        let mut sight = self.front.sight();
        let picture = sight.picture().map_or((0, 0), |it| (it.size().width(), it.size().height()));
        let mut pane = self.canvas.pane;
        (pane.picture, pane.zoom) = (picture, self.desk.zoom);
        pane.window = (size.width as usize, size.height as usize);
        let dimmed = !self.model.is_live();
        let all = anew.all || pane != self.canvas.pane || dimmed != self.canvas.dimmed;
        (self.canvas.pane, self.canvas.dimmed, self.all) = (pane, dimmed, false);
        self.surface.resize(width, height)?;
        let mut pixels = self.surface.buffer_mut()?;
        let all = all || pixels.age() == 0;
        let mut target = Target::new(&mut pixels, size.width as usize);
        let over = (&self.overlay, &self.painter);
        let patches = self.canvas.draw(&mut target, &mut sight, Anew { all, ..anew }, over);
        let (frame, whole) = sight.numbers();
        if !patches.is_empty() {
            let damage: Vec<softbuffer::Rect> = patches.iter().filter_map(damaged).collect();
            pixels.present_with_damage(&damage)?;
        }
        sight.busy(began.elapsed());
        drop(sight);
        self.front.seen(Seen { frame, whole });
        Ok(())
    }
}

fn damaged(patch: &Patch) -> Option<softbuffer::Rect> {
    let whole = |side: usize| u32::try_from(side).ok();
    Some(softbuffer::Rect {
        x: whole(patch.x)?,
        y: whole(patch.y)?,
        width: NonZeroU32::new(whole(patch.width)?)?,
        height: NonZeroU32::new(whole(patch.height)?)?,
    })
}

/// Whether the overlay of both looks alike.
fn same(one: &Model, other: &Model) -> bool {
    one.version == other.version
}
