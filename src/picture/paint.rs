//! Heat over a frame, in place.

use super::brush::Brush;
use super::heat::{self, Span};
use super::index::IndexPlane;
use super::map::MapView;
use super::tile::{self, TileBounds};
use super::view::{Geometry, PlaneMut};

/// Paints a class map over frames of one geometry.
///
/// The picture is gray / 2 + heat in each channel, stretched so that its minimum and maximum over
/// all pixels and channels become 0 and 255. Heat is MATLAB's jet(255), darkened towards its cold
/// end, at the scaled, normalised and quantised class map (W. Zhou et al., "Learning deep features
/// for discriminative localization", 2016, and the figures that came with it).
///
/// In Y'CbCr that picture is painted in the frame's own matrix and range: heat and gray add
/// linearly and gray has no chroma, so luma becomes the stretched gray / 2 + heat luma, and chroma
/// the stretched heat chroma alone. Gray is the frame's own luma, scaled to 0..=255.
pub struct Painter {
    width: usize,
    height: usize,
    heat: IndexPlane,
    /// Gray of the frame, rows and tiles as in `heat`.
    gray: Vec<u8>,
    bounds: TileBounds,
    /// Bounds of gray / 2 + heat in each tile.
    spans: Vec<Span>,
    /// Half the gray of each value of `gray`.
    half: [f64; 256],
    brush: Brush,
}

impl Painter {
    /// A painter of frames of `geometry`, whose sides must be positive; without heat.
    pub fn new(geometry: &Geometry) -> Self {
        let heat = IndexPlane::new(geometry.width, geometry.height);
        let brush = Brush::new(geometry);
        Self {
            width: geometry.width,
            height: geometry.height,
            gray: vec![0; heat.stride() * geometry.height],
            bounds: TileBounds::new(heat.stride(), geometry.height),
            spans: vec![Span::default(); heat.bounds().len()],
            heat,
            half: brush.gray_levels().map(|gray| gray / 2.0),
            brush,
        }
    }

    /// Takes the heat of the next frames from `map`: scaled to the frame, from its minimum and
    /// maximum there to 0..1, no heat below `threshold`. A flat map gives no heat (its extremes
    /// differ by at most 1e-6 of the larger magnitude), nor does one with a value that is not
    /// finite.
    pub fn set_map(&mut self, map: MapView, threshold: f64) {
        self.heat.fill(map, threshold);
    }

    /// No heat on the next frames.
    pub fn clear_map(&mut self) {
        self.heat.clear();
    }

    /// Paints the frame in `planes`.
    ///
    /// # Panics
    /// Where a plane is smaller than the geometry asks for.
    pub fn paint(&mut self, planes: &mut [PlaneMut]) {
        for (y, gray) in self.gray.chunks_exact_mut(self.heat.stride()).enumerate() {
            let (inside, outside) = gray.split_at_mut(self.width);
            self.brush.read_gray(planes, y, inside);
            outside.fill(inside[self.width - 1]);
            self.bounds.add_row(y, gray);
        }
        let range = self.extremes();
        self.brush.paint(planes, &self.gray, &self.heat, range);
    }

    /// Minimum and maximum of gray / 2 + heat over all pixels and channels.
    ///
    /// Bounds of whole tiles come first; only tiles that may hold an extreme are looked into.
    fn extremes(&mut self) -> (f64, f64) {
        let mut bound = (f64::INFINITY, f64::NEG_INFINITY);
        let (mut lowest, mut highest) = (0, 0);
        let tiles = self.bounds.get().iter().zip(self.heat.bounds());
        for (i, (&[dark, bright], &[coolest, hottest])) in tiles.enumerate() {
            let heat = heat::span(coolest, hottest);
            let span = Span {
                lowest: self.half[usize::from(dark)] + heat.lowest,
                highest: self.half[usize::from(bright)] + heat.highest,
            };
            self.spans[i] = span;
            if span.lowest < bound.0 {
                (bound.0, lowest) = (span.lowest, i);
            }
            if span.highest > bound.1 {
                (bound.1, highest) = (span.highest, i);
            }
        }
        let mut range = (f64::INFINITY, f64::NEG_INFINITY);
        let (stride, rows) = (self.heat.stride(), &*heat::ROWS);
        let per_row = stride / tile::COLUMNS;
        for i in [lowest, highest].into_iter().chain(0..self.spans.len()) {
            if self.spans[i].lowest >= range.0 && self.spans[i].highest <= range.1 {
                continue;
            }
            let (y, x) = (i / per_row * tile::ROWS, i % per_row * tile::COLUMNS);
            for y in y..self.height.min(y + tile::ROWS) {
                let gray = &self.gray[y * stride + x..][..tile::COLUMNS];
                for (&gray, &index) in gray.iter().zip(&self.heat.row(y)[x..]) {
                    let (gray, heat) = (self.half[usize::from(gray)], rows[usize::from(index)]);
                    range.0 = range.0.min(gray + heat.lowest);
                    range.1 = range.1.max(gray + heat.highest);
                }
            }
        }
        range
    }
}
