//! The window as the system sees it: size, place, level, focus, keys, pixels, the accessibility tree.
//! It draws the model when it is woken or a clock ticks, and hands on what the user did.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use accesskit_winit::{Adapter, WindowEvent as AccessEvent};
use deskside_paint::theme::{self, Palette};
use deskside_paint::{Painter, Target};
use egui::{Context, FullOutput, Theme, ViewportId};
use egui_winit::State;
use softbuffer::{SoftBufferError, Surface};
use thiserror::Error;
use winit::application::ApplicationHandler;
use winit::error::{EventLoopError, OsError};
use winit::event::{StartCause, WindowEvent};
use winit::event_loop::{
    ActiveEventLoop, ControlFlow, EventLoop, EventLoopProxy, OwnedDisplayHandle,
};
use winit::window::{Window, WindowId};

use super::clipboard::Clipboard;
use super::daylight;
use super::helm::Helm;
use super::hotkey::{self, Hotkey};
use super::model::{Press, Stage};
use super::place::{self, Place};
use super::view::{self, Fields, Scene};
use crate::texts::Texts;

/// Pixels of one window at most: a 16K screen.
const MAX_PIXELS: u64 = 16 * 3840 * 2160;

/// Why there is no window.
#[derive(Debug, Error)]
pub enum NoWindow {
    /// The system has no windows for us.
    #[error("the display cannot be used: {0}")]
    Display(#[from] EventLoopError),
    /// What reads the keyboard is not installed.
    #[error("the libraries libxkbcommon and libxkbcommon-x11 are missing")]
    Libraries,
    /// It did not make one.
    #[error("the display makes no window: {0}")]
    Window(#[from] OsError),
    /// Its pixels cannot be set.
    #[error("the window cannot be drawn: {0}")]
    Pixels(String),
}

// Its error may hold what belongs to the window's thread.
impl From<SoftBufferError> for NoWindow {
    fn from(error: SoftBufferError) -> Self {
        Self::Pixels(error.to_string())
    }
}

/// What wakes the window's thread.
#[derive(Debug)]
pub enum Wake {
    /// The model has changed.
    Draw,
    /// A screen reader wants something.
    Access(accesskit_winit::Event),
    /// The program ends.
    Close,
}

impl From<accesskit_winit::Event> for Wake {
    fn from(event: accesskit_winit::Event) -> Self {
        Self::Access(event)
    }
}

/// Windows can be made.
pub(super) struct Ground {
    events: EventLoop<Wake>,
}

/// winit takes for granted that these are there, and panics without them.
#[cfg(all(unix, not(target_os = "macos")))]
fn has_keyboard_libraries() -> bool {
    xkbcommon_dl::xkbcommon_option().is_some()
        && xkbcommon_dl::x11::xkbcommon_x11_option().is_some()
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
const fn has_keyboard_libraries() -> bool {
    true
}

impl Ground {
    /// Connects to the display.
    pub(super) fn new() -> Result<Self, NoWindow> {
        if !has_keyboard_libraries() {
            return Err(NoWindow::Libraries);
        }
        Ok(Self { events: EventLoop::with_user_event().build()? })
    }

    pub(super) fn proxy(&self) -> EventLoopProxy<Wake> {
        self.events.create_proxy()
    }

    /// Shows the window until [`Wake::Close`]; `begin` is called once it is there.
    pub(super) fn run(
        self,
        helm: Helm,
        texts: Arc<Texts>,
        begin: impl FnOnce() + 'static,
    ) -> Result<(), NoWindow> {
        let mut shell = Shell {
            proxy: self.proxy(),
            helm,
            texts,
            begin: Some(Box::new(begin)),
            open: None,
            failed: None,
        };
        self.events.run_app(&mut shell)?;
        shell.failed.map_or(Ok(()), Err)
    }
}

struct Shell {
    proxy: EventLoopProxy<Wake>,
    helm: Helm,
    texts: Arc<Texts>,
    begin: Option<Box<dyn FnOnce()>>,
    open: Option<Open>,
    failed: Option<NoWindow>,
}

/// A window that is there.
struct Open {
    window: Arc<Window>,
    surface: Surface<OwnedDisplayHandle, Arc<Window>>,
    context: Context,
    state: State,
    access: Adapter,
    clipboard: Clipboard,
    painter: Painter,
    fields: Fields,
    place: Option<Place>,
    title: String,
    hotkey: Option<Hotkey>,
    /// When it is drawn again by itself.
    next: Option<Instant>,
}

impl Shell {
    fn fail(&mut self, events: &ActiveEventLoop, error: NoWindow) {
        tracing::error!(%error, "the window is lost");
        self.failed = Some(error);
        events.exit();
    }

    fn drawn(&mut self, events: &ActiveEventLoop) {
        let Some(open) = &mut self.open else { return };
        if let Err(error) = open.draw(&self.helm, &self.texts) {
            self.fail(events, error.into());
        }
    }
}

impl ApplicationHandler<Wake> for Shell {
    fn resumed(&mut self, events: &ActiveEventLoop) {
        if self.open.is_some() {
            return;
        }
        match Open::new(events, &self.proxy, &self.texts) {
            Ok(open) => {
                self.open = Some(open);
                self.drawn(events);
                if let Some(open) = &self.open {
                    open.window.set_visible(true);
                }
                if let (Some(begin), None) = (self.begin.take(), &self.failed) {
                    begin();
                }
            }
            Err(error) => self.fail(events, error),
        }
    }

    fn user_event(&mut self, events: &ActiveEventLoop, wake: Wake) {
        let Some(open) = &mut self.open else { return };
        match wake {
            Wake::Draw => {}
            Wake::Close => events.exit(),
            Wake::Access(event) => match event.window_event {
                AccessEvent::InitialTreeRequested => open.context.enable_accesskit(),
                AccessEvent::ActionRequested(request) => {
                    let event = egui::Event::AccessKitActionRequest(request);
                    open.state.egui_input_mut().events.push(event);
                }
                AccessEvent::AccessibilityDeactivated => open.context.disable_accesskit(),
            },
        }
        open.window.request_redraw();
    }

    fn new_events(&mut self, _events: &ActiveEventLoop, cause: StartCause) {
        if let (StartCause::ResumeTimeReached { .. }, Some(open)) = (cause, &self.open) {
            open.window.request_redraw();
        }
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "what else happens is for egui")]
    fn window_event(&mut self, events: &ActiveEventLoop, _id: WindowId, event: WindowEvent) {
        let Some(open) = &mut self.open else { return };
        match event {
            WindowEvent::RedrawRequested => return self.drawn(events),
            WindowEvent::CloseRequested => self.helm.press(Press::Close),
            event => {
                open.access.process_event(&open.window, &event);
                if !open.state.on_window_event(&open.window, &event).repaint {
                    return;
                }
                open.clipboard.paste(open.state.egui_input_mut());
            }
        }
        open.window.request_redraw();
    }

    fn about_to_wait(&mut self, events: &ActiveEventLoop) {
        let next = self.open.as_ref().and_then(|open| open.next);
        events.set_control_flow(next.map_or(ControlFlow::Wait, ControlFlow::WaitUntil));
    }
}

impl Open {
    /// A window that is not shown yet: a screen reader has to know it before.
    fn new(
        events: &ActiveEventLoop,
        proxy: &EventLoopProxy<Wake>,
        texts: &Texts,
    ) -> Result<Self, NoWindow> {
        let attributes = place::attributes(events, texts.say("window-title"));
        let window = Arc::new(events.create_window(attributes)?);
        let access = Adapter::with_event_loop_proxy(events, &window, proxy.clone());
        let surface = Surface::new(
            &softbuffer::Context::new(events.owned_display_handle())?,
            window.clone(),
        )?;
        let context = Context::default();
        theme::apply(&context);
        let scale = f64_to_f32(window.scale_factor());
        let (id, look) = (ViewportId::ROOT, window.theme());
        if look.is_none() {
            context.set_theme(daylight::of_desktop().unwrap_or(Theme::Light));
        }
        let mut state = State::new(context.clone(), id, &window, Some(scale), look, None);
        state.set_clipboard_shortcuts(false);
        Ok(Self {
            window,
            surface,
            context,
            state,
            access,
            clipboard: Clipboard::default(),
            painter: Painter::default(),
            fields: Fields::default(),
            place: None,
            title: String::new(),
            hotkey: None,
            next: None,
        })
    }

    fn draw(&mut self, helm: &Helm, texts: &Texts) -> Result<(), SoftBufferError> {
        let (model, now) = (helm.front().model(), helm.front().now());
        self.keep_hotkey(helm, *model.stage() == Stage::Here);
        self.stand(Place::of(&model));
        let title = view::title(&model, texts);
        if title != self.title {
            self.window.set_title(&title);
            self.title = title;
        }
        let keys = self.hotkey.as_ref().map(|_| hotkey::KEYS);
        let scene = Scene { model: &model, texts, now, hotkey: keys };
        let input = self.state.take_egui_input(&self.window);
        let mut presses = Vec::new();
        let fields = &mut self.fields;
        let output =
            self.context.run_ui(input, |ui| presses.extend(view::draw(ui, &scene, fields)));
        self.next = next(&output, model.changes_in(now));
        self.present(output)?;
        for press in presses {
            helm.press(press);
        }
        Ok(())
    }

    /// The keys that stop from anywhere are ours while somebody is here, and only then.
    fn keep_hotkey(&mut self, helm: &Helm, here: bool) {
        match (here, &self.hotkey) {
            (true, None) => {
                let helm = helm.clone();
                self.hotkey = Hotkey::grab(move || helm.press(Press::Stop));
            }
            (false, Some(_)) => self.hotkey = None,
            (true, Some(_)) | (false, None) => {}
        }
    }

    /// Stands among the other windows as the model wants.
    fn stand(&mut self, place: Place) {
        if self.place != Some(place) {
            place.take(&self.window, self.place);
            self.place = Some(place);
        }
    }

    fn present(&mut self, output: FullOutput) -> Result<(), SoftBufferError> {
        let FullOutput {
            mut platform_output, mut textures_delta, shapes, pixels_per_point, ..
        } = output;
        self.clipboard.copy(&platform_output.commands);
        if let Some(update) = platform_output.accesskit_update.take() {
            self.access.update_if_active(|| update);
        }
        self.state.handle_platform_output(&self.window, platform_output);
        self.painter.take(&mut textures_delta);
        let primitives = self.context.tessellate(shapes, pixels_per_point);
        let size = self.window.inner_size();
        let fits = u64::from(size.width) * u64::from(size.height) <= MAX_PIXELS;
        if let (true, Some(width), Some(height)) =
            (fits, NonZeroU32::new(size.width), NonZeroU32::new(size.height))
        {
            self.surface.resize(width, height)?;
            let mut pixels = self.surface.buffer_mut()?;
            let across = usize::try_from(width.get()).unwrap_or(usize::MAX);
            let mut target = Target::new(&mut pixels, across);
            target.clear(Palette::of(self.context.theme()).ground);
            self.painter.paint(&mut target, &primitives, pixels_per_point);
            self.window.pre_present_notify();
            pixels.present()?;
        }
        Ok(())
    }
}

/// When it is to be drawn again by itself: because egui says so, or because a clock ticks.
fn next(output: &FullOutput, changes_in: Option<Duration>) -> Option<Instant> {
    let egui = output.viewport_output.get(&ViewportId::ROOT).map(|viewport| viewport.repaint_delay);
    let soonest = [egui, changes_in].into_iter().flatten().min()?;
    Instant::now().checked_add(soonest)
}

#[allow(clippy::cast_possible_truncation, reason = "a scale is between 0.5 and 5")]
pub(super) const fn f64_to_f32(scale: f64) -> f32 {
    scale as f32
}
