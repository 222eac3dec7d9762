//! A page: what is to be read, scrolled where there is no room for it, above what can be pressed,
//! which is always in view.

use egui::{Align, Id, Layout, Rect, ScrollArea, Ui, UiBuilder, pos2, vec2};

use deskside_paint::theme::COLUMN;

/// Space around a page, in points.
const MARGIN: f32 = 20.0;
/// Between what is read and what is pressed.
const GAP: f32 = 14.0;

/// Where what is read stands when there is more room than it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stand {
    /// In the middle.
    Middle,
    /// At the top.
    Top,
}

/// Heights of the last time, since a page is laid out from what it took then.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Taken {
    read: f32,
    pressed: f32,
}

/// Lays out a page: first what is read, then what is pressed, so that a screen reader comes by them
/// in this order. `read` is called in a column, `press` with the column's width.
pub(super) fn page<R>(
    ui: &mut Ui,
    stand: Stand,
    read: impl FnOnce(&mut Ui),
    press: impl FnOnce(&mut Ui, f32) -> R,
) -> R {
    let id = Id::unique("page");
    let last: Taken = ui.ctx().data(|data| data.get_temp(id)).unwrap_or_default();
    let whole = ui.ctx().content_rect();
    let margin = MARGIN.min(whole.width() / 20.0);
    let inner = whole.shrink(margin);
    let width = inner.width().min(COLUMN);
    let gap = if last.pressed > 0.0 { GAP } else { 0.0 };
    let room = (inner.height() - last.pressed - gap).max(0.0);
    let area = Rect::from_min_size(pos2(whole.left(), inner.top()), vec2(whole.width(), room));
    let space = match stand {
        Stand::Middle => ((room - last.read) / 2.0).max(0.0),
        Stand::Top => 0.0,
    };
    let left = inner.center().x - width / 2.0;
    let taken_by_reading = reading(ui, (area, left), width, space, read);
    let place = Rect::from_min_max(
        pos2(inner.center().x - width / 2.0, inner.bottom() - last.pressed),
        pos2(inner.center().x + width / 2.0, inner.bottom()),
    );
    let layout = Layout::top_down(Align::Center);
    let mut below = ui.new_child(UiBuilder::new().max_rect(place).layout(layout));
    let done = press(&mut below, width);
    let taken = Taken { read: taken_by_reading, pressed: below.min_rect().height() };
    if taken != last {
        ui.ctx().data_mut(|data| data.insert_temp(id, taken));
        ui.ctx().request_discard("a page is laid out from what it takes");
    }
    done
}

/// The scroll bar lies in the margin: what is read stands above what is pressed with and without it.
fn reading(
    ui: &mut Ui,
    (area, left): (Rect, f32),
    width: f32,
    space: f32,
    read: impl FnOnce(&mut Ui),
) -> f32 {
    let mut above = ui.new_child(UiBuilder::new().max_rect(area));
    let scroll = ScrollArea::vertical().auto_shrink([false, false]).max_height(area.height());
    let shown = scroll.show(&mut above, |ui| {
        ui.add_space(space);
        let top = ui.cursor().top();
        let column = Rect::from_min_size(pos2(left, top), vec2(width, f32::INFINITY));
        let layout = Layout::top_down(Align::Center);
        let read = ui.scope_builder(UiBuilder::new().max_rect(column).layout(layout), read);
        read.response.rect.height()
    });
    shown.inner
}
