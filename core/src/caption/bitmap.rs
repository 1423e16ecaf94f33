//! Small shapes that are drawn once and put in many places.

use super::pango::TextLine;
use pangocairo::cairo;

/// A drawn shape.
pub(crate) struct Bitmap {
    /// Of the upper left pixel, from where the shape starts (letters, on their baseline).
    pub x: i32,
    pub y: i32,
    pub width: i32,
    pub height: i32,
    /// How much of each pixel is ink, 0 to 255.
    coverage: Vec<u8>,
}

impl Bitmap {
    /// Letters, none where Cairo has no room.
    pub fn of_text(line: &TextLine) -> Option<Self> {
        Self::draw(line.ink(), |cairo| {
            pangocairo::functions::show_layout_line(cairo, &line.line);
        })
    }

    /// The inside of an outline, of what lies between left, top, right and bottom.
    pub fn of_shape(edges: [i32; 4], outline: impl FnOnce(&cairo::Context)) -> Option<Self> {
        Self::draw(edges, |cairo| {
            outline(cairo);
            // What fails leaves no ink.
            let _ = cairo.fill();
        })
    }

    fn draw([x, y, right, bottom]: [i32; 4], draw: impl FnOnce(&cairo::Context)) -> Option<Self> {
        let (width, height) = (right - x, bottom - y);
        let surface = cairo::ImageSurface::create(cairo::Format::A8, width, height).ok()?;
        let cairo = cairo::Context::new(&surface).ok()?;
        cairo.translate(f64::from(-x), f64::from(-y));
        cairo.move_to(0.0, 0.0);
        draw(&cairo);
        drop(cairo);
        let stride = usize::try_from(surface.stride()).ok()?;
        let data = surface.take_data().ok()?;
        let mut coverage = Vec::with_capacity(width as usize * height as usize);
        for row in data.chunks(stride.max(1)).take(height as usize) {
            coverage.extend_from_slice(&row[..width as usize]);
        }
        Some(Self {
            x,
            y,
            width,
            height,
            coverage,
        })
    }

    /// The coverage of each row, from top to bottom.
    pub fn rows(&self) -> impl DoubleEndedIterator<Item = &[u8]> + ExactSizeIterator {
        self.coverage.chunks_exact(self.width.max(1) as usize)
    }
}
