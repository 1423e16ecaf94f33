//! How frames are meant to be seen.

/// What a frame's samples and their layout do not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Presentation {
    /// How the frame is turned before it is shown.
    pub orientation: Orientation,
    /// Width and height of a stored pixel, in units of each other; both positive.
    pub pixel_aspect: (u32, u32),
    /// None for the standard dynamic range.
    pub hdr: Option<Hdr>,
}

impl Default for Presentation {
    fn default() -> Self {
        Self {
            orientation: Orientation::IDENTITY,
            pixel_aspect: (1, 1),
            hdr: None,
        }
    }
}

/// High dynamic range: ITU-R BT.2100's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hdr {
    /// How codes become light.
    pub curve: Curve,
    /// The primaries are those of BT.2020, otherwise BT.709's.
    pub wide: bool,
}

/// What code values mean in light.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Curve {
    /// Perceptual quantisation (SMPTE ST 2084).
    Pq,
    /// Hybrid log-gamma (ARIB STD-B67).
    Hlg,
}

impl Curve {
    /// The non-linear signal (0 to 1) of BT.2408's reference white, 203 cd/m².
    pub(crate) fn white(self) -> f64 {
        match self {
            Self::Pq => 0.58,
            Self::Hlg => 0.75,
        }
    }
}

/// How a stored picture is turned to be upright: one of eight ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Orientation {
    /// Rows of the stored picture are columns of the upright one.
    pub transposed: bool,
    /// Stored columns follow each other in the other direction than in the upright picture.
    pub mirrored_x: bool,
    /// Stored rows do so.
    pub mirrored_y: bool,
}

impl Orientation {
    /// Stored upright.
    pub const IDENTITY: Self = Self::new(false, false, false);
    /// A quarter clockwise.
    pub const CLOCKWISE: Self = Self::new(true, false, true);
    /// Half a turn.
    pub const HALF_TURN: Self = Self::new(false, true, true);
    /// A quarter counterclockwise.
    pub const COUNTERCLOCKWISE: Self = Self::new(true, true, false);
    /// Left and right change places.
    pub const HORIZONTAL: Self = Self::new(false, true, false);
    /// Top and bottom change places.
    pub const VERTICAL: Self = Self::new(false, false, true);
    /// Mirrored at the diagonal from the upper left.
    pub const TRANSPOSED: Self = Self::new(true, false, false);
    /// Mirrored at the diagonal from the upper right.
    pub const TRANSVERSE: Self = Self::new(true, true, true);

    /// Every orientation.
    pub const ALL: [Self; 8] = [
        Self::IDENTITY,
        Self::CLOCKWISE,
        Self::HALF_TURN,
        Self::COUNTERCLOCKWISE,
        Self::HORIZONTAL,
        Self::VERTICAL,
        Self::TRANSPOSED,
        Self::TRANSVERSE,
    ];

    const fn new(transposed: bool, mirrored_x: bool, mirrored_y: bool) -> Self {
        Self {
            transposed,
            mirrored_x,
            mirrored_y,
        }
    }

    /// What belongs to width and height, of the stored picture from the upright one's or the other way round.
    pub fn sides<T>(self, (x, y): (T, T)) -> (T, T) {
        if self.transposed { (y, x) } else { (x, y) }
    }

    /// Where the stored pixel `x`, `y` of `width` x `height` is in the upright picture.
    pub(crate) fn upright(
        self,
        (x, y): (usize, usize),
        (width, height): (usize, usize),
    ) -> (usize, usize) {
        let x = if self.mirrored_x { width - 1 - x } else { x };
        let y = if self.mirrored_y { height - 1 - y } else { y };
        self.sides((x, y))
    }

    /// Turns `width` x `height` values of an upright picture back to how the picture is stored, row by row in `out`,
    /// whose memory is used again.
    pub fn turn_back<T: Copy>(
        self,
        upright: &[T],
        (width, height): (usize, usize),
        out: &mut Vec<T>,
    ) {
        let stored = self.sides((width, height));
        out.clear();
        for y in 0..stored.1 {
            for x in 0..stored.0 {
                let (x, y) = self.upright((x, y), stored);
                out.extend(upright.get(y * width + x));
            }
        }
    }
}

impl Presentation {
    /// Width and height of an upright pixel, in units of each other.
    pub(crate) fn upright_aspect(&self) -> (u32, u32) {
        self.orientation.sides(self.pixel_aspect)
    }

    /// The share of the codes between black and white that is used to paint on.
    pub(crate) fn white(&self) -> Option<f64> {
        self.hdr.map(|hdr| hdr.curve.white())
    }
}
