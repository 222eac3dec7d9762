//! Events of the system, and of the session, for the window.

use std::time::Instant;

use winit::application::ApplicationHandler;
use winit::event::{StartCause, WindowEvent};
use winit::event_loop::{ActiveEventLoop, ControlFlow, EventLoop};
use winit::window::WindowId;

use super::super::clipboard::Clipboard;
use super::super::front::{Front, Wake};
use super::super::model::HostKey;
use super::NoWindow;
use super::open::Open;

/// Shows the window until [`Wake::Close`], from the first picture on.
pub(super) fn run(
    events: EventLoop<Wake>,
    front: Front,
    host: HostKey,
    clipboard: Clipboard,
) -> Result<(), NoWindow> {
    events.set_control_flow(ControlFlow::Wait);
    let mut shell = Shell { front, host, clipboard, open: None, failed: None };
    events.run_app(&mut shell)?;
    shell.failed.map_or(Ok(()), Err)
}

struct Shell {
    front: Front,
    host: HostKey,
    clipboard: Clipboard,
    open: Option<Open>,
    failed: Option<NoWindow>,
}

impl Shell {
    fn check(&mut self, events: &ActiveEventLoop, done: Result<(), NoWindow>) {
        if let Err(error) = done {
            self.failed = Some(error);
            events.exit();
        }
    }

    fn draw(&mut self, events: &ActiveEventLoop) {
        if self.open.is_none() {
            self.front.look();
            if self.front.sight().picture().is_none() {
                return;
            }
            let (front, clipboard) = (self.front.clone(), self.clipboard.clone());
            match Open::new(events, front, self.host, clipboard) {
                Ok(open) => self.open = Some(open),
                Err(error) => return self.check(events, Err(error)),
            }
        }
        let Some(open) = &mut self.open else { return };
        let drawn = open.draw(events);
        self.check(events, drawn);
    }
}

impl ApplicationHandler<Wake> for Shell {
    fn resumed(&mut self, _events: &ActiveEventLoop) {}

    fn user_event(&mut self, events: &ActiveEventLoop, wake: Wake) {
        match wake {
            // At once: a frame of the system's would be waited for otherwise.
            Wake::Draw => self.draw(events),
            Wake::Pasted(text) => {
                if let Some(open) = &mut self.open {
                    open.pasted(text);
                }
                self.draw(events);
            }
            Wake::Close => events.exit(),
        }
    }

    fn new_events(&mut self, events: &ActiveEventLoop, cause: StartCause) {
        if let (StartCause::ResumeTimeReached { .. }, Some(open)) = (cause, &mut self.open) {
            open.clock();
            self.draw(events);
        }
    }

    fn window_event(&mut self, events: &ActiveEventLoop, _id: WindowId, event: WindowEvent) {
        let Some(open) = &mut self.open else { return };
        if matches!(event, WindowEvent::RedrawRequested) {
            open.exposed();
            return self.draw(events);
        }
        if open.hear(&event) {
            self.draw(events);
        }
    }

    fn about_to_wait(&mut self, events: &ActiveEventLoop) {
        let Some(open) = &mut self.open else { return };
        // Of all moves since the last time the newest is enough.
        open.point();
        let next = open.next(Instant::now());
        events.set_control_flow(next.map_or(ControlFlow::Wait, ControlFlow::WaitUntil));
    }
}
