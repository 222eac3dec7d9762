//! The ring as a window of X11's: cut out with the SHAPE extension, above all others, and with an
//! empty input shape, so that the pointer never meets it.

use x11rb::connection::Connection as _;
use x11rb::errors::{ConnectionError, ReplyError, ReplyOrIdError};
use x11rb::protocol::shape::{ConnectionExt as _, SK, SO};
use x11rb::protocol::xproto::{
    ChangeWindowAttributesAux, ClipOrdering, ConfigureWindowAux, ConnectionExt as _, CreateGCAux,
    CreateWindowAux, ImageFormat, ImageOrder, Pixmap, Rectangle, Screen, StackMode, Window,
    WindowClass,
};
use x11rb::rust_connection::RustConnection;

use super::picture::{Picture, Side};
use super::{Draw, DrawError, Place};

/// The depth whose pixels are taken: three bytes of colour in four.
const DEPTH: u8 = 24;

impl From<ConnectionError> for DrawError {
    fn from(error: ConnectionError) -> Self {
        Self(error.to_string())
    }
}

impl From<ReplyError> for DrawError {
    fn from(error: ReplyError) -> Self {
        Self(error.to_string())
    }
}

impl From<ReplyOrIdError> for DrawError {
    fn from(error: ReplyOrIdError) -> Self {
        Self(error.to_string())
    }
}

/// The window, shown or not.
pub(super) struct Overlay {
    connection: RustConnection,
    root: Window,
    window: Window,
    left: Look,
    right: Look,
    side: Side,
    shown: bool,
}

/// One of the two pictures, as the server has it.
struct Look {
    picture: Picture,
    pixmap: Pixmap,
    shape: Vec<Rectangle>,
}

impl Overlay {
    pub(super) fn open(display: &str, name: &str) -> Result<Self, DrawError> {
        let failed = |error: &dyn std::fmt::Display| DrawError(error.to_string());
        let (connection, number) = x11rb::connect(Some(display)).map_err(|error| failed(&error))?;
        let setup = connection.setup();
        let screen = setup.roots.get(number).ok_or_else(|| failed(&"no such screen"))?.clone();
        if screen.root_depth != DEPTH || setup.image_byte_order != ImageOrder::LSB_FIRST {
            return Err(failed(&"this display's colours are not drawn"));
        }
        connection.shape_query_version()?.reply()?;
        let window = connection.generate_id()?;
        let values = CreateWindowAux::new().override_redirect(1).border_pixel(0);
        let class = WindowClass::INPUT_OUTPUT;
        connection
            .create_window(DEPTH, window, screen.root, 0, 0, 1, 1, 0, class, 0, &values)?
            .check()?;
        let nothing: &[Rectangle] = &[];
        let order = ClipOrdering::YX_BANDED;
        connection.shape_rectangles(SO::SET, SK::INPUT, order, window, 0, 0, nothing)?.check()?;
        let left = Look::new(&connection, &screen, Picture::of(name, Side::Left))?;
        let right = Look::new(&connection, &screen, Picture::of(name, Side::Right))?;
        let (root, side) = (screen.root, Side::Right);
        let overlay = Self { connection, root, window, left, right, side, shown: false };
        overlay.dress()?;
        Ok(overlay)
    }

    const fn look(&self) -> &Look {
        match self.side {
            Side::Left => &self.left,
            Side::Right => &self.right,
        }
    }

    /// Gives the window the picture of its side.
    fn dress(&self) -> Result<(), DrawError> {
        let (connection, window, look) = (&self.connection, self.window, self.look());
        let (width, height) = look.size();
        let size = ConfigureWindowAux::new().width(width).height(height);
        connection.configure_window(window, &size)?;
        let order = ClipOrdering::YX_SORTED;
        connection.shape_rectangles(SO::SET, SK::BOUNDING, order, window, 0, 0, &look.shape)?;
        let ground = ChangeWindowAttributesAux::new().background_pixmap(look.pixmap);
        connection.change_window_attributes(window, &ground)?;
        connection.clear_area(false, window, 0, 0, 0, 0)?;
        Ok(())
    }
}

impl Draw for Overlay {
    fn show(&mut self, (x, y): Place) -> Result<(), DrawError> {
        let across = self.connection.get_geometry(self.root)?.reply()?.width;
        let (width, _) = self.right.size();
        let reaches = i64::from(x) + i64::from(width);
        let side = if reaches > i64::from(across) { Side::Left } else { Side::Right };
        if side != self.side {
            self.side = side;
            self.dress()?;
        }
        let (left, top) = self.look().picture.middle;
        let corner = |place: i32, middle: usize| {
            place.saturating_sub(i32::try_from(middle).unwrap_or(0)).clamp(-32_768, 32_767)
        };
        let place = ConfigureWindowAux::new()
            .x(corner(x, left))
            .y(corner(y, top))
            .stack_mode(StackMode::ABOVE);
        self.connection.configure_window(self.window, &place)?;
        if !std::mem::replace(&mut self.shown, true) {
            self.connection.map_window(self.window)?;
        }
        self.connection.get_input_focus()?.reply()?;
        Ok(())
    }

    fn hide(&mut self) -> Result<(), DrawError> {
        self.shown = false;
        self.connection.unmap_window(self.window)?;
        self.connection.get_input_focus()?.reply()?;
        Ok(())
    }
}

impl Look {
    fn new(
        connection: &RustConnection,
        screen: &Screen,
        picture: Picture,
    ) -> Result<Self, DrawError> {
        let (pixmap, gc) = (connection.generate_id()?, connection.generate_id()?);
        let (width, height) = (side(picture.width), side(picture.height));
        connection.create_pixmap(DEPTH, pixmap, screen.root, width, height)?;
        connection.create_gc(gc, pixmap, &CreateGCAux::new())?;
        let bytes: Vec<u8> = picture.pixels.iter().flat_map(|pixel| pixel.to_le_bytes()).collect();
        let format = ImageFormat::Z_PIXMAP;
        connection.put_image(format, pixmap, gc, width, height, 0, 0, 0, DEPTH, &bytes)?.check()?;
        connection.free_gc(gc)?;
        let shape = shape(&picture);
        Ok(Self { picture, pixmap, shape })
    }

    fn size(&self) -> (u32, u32) {
        (side(self.picture.width).into(), side(self.picture.height).into())
    }
}

fn side(pixels: usize) -> u16 {
    u16::try_from(pixels).unwrap_or(u16::MAX)
}

/// What is there, in runs of a row.
fn shape(picture: &Picture) -> Vec<Rectangle> {
    let mut shape = Vec::new();
    let place = |at: usize| i16::try_from(at).unwrap_or(i16::MAX);
    for (y, row) in picture.there.chunks(picture.width.max(1)).enumerate() {
        let mut x = 0;
        for run in row.chunk_by(|one, other| one == other) {
            if run.first() == Some(&true) {
                let (x, y, width) = (place(x), place(y), side(run.len()));
                shape.push(Rectangle { x, y, width, height: 1 });
            }
            x += run.len();
        }
    }
    shape
}
