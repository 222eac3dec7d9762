//! Where the window stands among the others, and how large it is.

use winit::dpi::{LogicalSize, PhysicalPosition, PhysicalSize};
use winit::event_loop::ActiveEventLoop;
use winit::monitor::MonitorHandle;
use winit::window::{UserAttentionType, Window, WindowAttributes, WindowLevel};

use super::model::{Model, Pose};

/// Space that a panel of the desktop takes, on each side, in points.
const PANELS: f64 = 40.0;
/// The banner's distance from the edge of the screen, in points.
const EDGE: f64 = 16.0;
/// Nothing is smaller than this, in points.
const SMALLEST: LogicalSize<f64> = LogicalSize::new(280.0, 120.0);

/// What decides size and place; the window moves when it changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pose: Pose,
    /// Each question comes to the front anew.
    question: Option<u64>,
}

impl Place {
    pub(super) fn of(model: &Model) -> Self {
        Self { pose: model.pose(), question: model.question().map(|asked| asked.number) }
    }

    /// In points.
    const fn size(self) -> LogicalSize<f64> {
        match self.pose {
            Pose::Page => LogicalSize::new(540.0, 560.0),
            Pose::Prompt => LogicalSize::new(540.0, 780.0),
            Pose::Banner => LogicalSize::new(380.0, 640.0),
            Pose::Slim => LogicalSize::new(380.0, 172.0),
        }
    }

    /// Has the window stand so; `before` is how it stood.
    pub(super) fn take(self, window: &Window, before: Option<Self>) {
        let level = match self.pose {
            Pose::Page => WindowLevel::Normal,
            Pose::Prompt | Pose::Banner | Pose::Slim => WindowLevel::AlwaysOnTop,
        };
        window.set_window_level(level);
        if before.is_none_or(|before| before.pose != self.pose) {
            self.resize(window);
        }
        if self.pose == Pose::Prompt {
            window.set_minimized(false);
            window.request_user_attention(Some(UserAttentionType::Critical));
            window.focus_window();
        }
    }

    fn resize(self, window: &Window) {
        let screen = window.current_monitor().or_else(|| window.available_monitors().next());
        let size = fitting(self.size(), screen.as_ref(), window.scale_factor());
        // Where the system changes it at once it says so; else an event will.
        let _at_once = window.request_inner_size(size);
        if let Some(screen) = screen {
            window.set_outer_position(self.corner(&screen, size, window.scale_factor()));
        }
    }

    /// The upper left corner: pages and questions in the middle, the banner up on the right.
    fn corner(
        self,
        screen: &MonitorHandle,
        size: PhysicalSize<u32>,
        scale: f64,
    ) -> PhysicalPosition<i32> {
        let (at, whole) = (screen.position(), screen.size());
        let free = |whole: u32, taken: u32| i32::try_from(whole.saturating_sub(taken)).unwrap_or(0);
        let (across, down) = (free(whole.width, size.width), free(whole.height, size.height));
        let edge = LogicalSize::new(EDGE, EDGE).to_physical::<i32>(scale).width;
        match self.pose {
            Pose::Page | Pose::Prompt => PhysicalPosition::new(at.x + across / 2, at.y + down / 2),
            Pose::Banner | Pose::Slim => {
                PhysicalPosition::new(at.x + (across - edge).max(0), at.y + edge.min(down))
            }
        }
    }
}

/// `size` in pixels, cut to what the screen has room for.
fn fitting(
    size: LogicalSize<f64>,
    screen: Option<&MonitorHandle>,
    scale: f64,
) -> PhysicalSize<u32> {
    let size: PhysicalSize<u32> = size.to_physical(scale);
    let panels: PhysicalSize<u32> = LogicalSize::new(PANELS, 2.0 * PANELS).to_physical(scale);
    let most = screen.map_or(size, MonitorHandle::size);
    PhysicalSize::new(
        size.width.min(most.width.saturating_sub(panels.width).max(1)),
        size.height.min(most.height.saturating_sub(panels.height).max(1)),
    )
}

/// A window that is to be made; not shown yet.
pub(super) fn attributes(events: &ActiveEventLoop, title: String) -> WindowAttributes {
    let screen = events.primary_monitor().or_else(|| events.available_monitors().next());
    let scale = screen.as_ref().map_or(1.0, MonitorHandle::scale_factor);
    let size = Place { pose: Pose::Page, question: None }.size();
    let attributes = Window::default_attributes()
        .with_title(title)
        .with_visible(false)
        .with_min_inner_size(SMALLEST)
        .with_inner_size(fitting(size, screen.as_ref(), scale));
    #[cfg(all(unix, not(target_os = "macos")))]
    let attributes = {
        use winit::platform::x11::WindowAttributesExtX11 as _;
        attributes.with_name("deskside-agent", "deskside-agent")
    };
    attributes
}
