//! Heat over a frame, in place.

use std::array;
use std::sync::Arc;

use super::band::Band;
use super::brush::{Brush, Scratch};
use super::crew::Crew;
use super::heat::Span;
use super::map::{MapScaler, MapView, Quantizer};
use super::tile;
use super::view::{Geometry, PLANES, PlaneMut};

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
    /// The frame's rows, from top to bottom.
    bands: Vec<(Band, Scratch)>,
    heat: Heat,
    /// Half the gray of each value that the brush reads.
    half: [f64; 256],
    brush: Brush,
    crew: Arc<Crew>,
}

/// Bands that a frame is painted in, each by one thread at a time.
const BANDS: usize = 8;

impl Painter {
    /// A painter of frames of `geometry`, whose sides must be positive; without heat.
    pub fn new(geometry: &Geometry) -> Self {
        let Geometry { width, height, .. } = *geometry;
        let brush = Brush::new(geometry);
        let rows = height.div_ceil(BANDS).next_multiple_of(tile::ROWS);
        let bands = (0..height).step_by(rows).map(|first| {
            let band = Band::new(first..height.min(first + rows), width);
            (band, Scratch::new(width))
        });
        Self {
            width,
            height,
            bands: bands.collect(),
            heat: Heat::default(),
            half: brush.gray_levels().map(|gray| gray / 2.0),
            brush,
            crew: Crew::get(),
        }
    }

    /// Takes the heat of the next frames from `map`: scaled to the frame, from its minimum and
    /// maximum there to 0..1, no heat below `threshold`. A flat map gives no heat (its extremes
    /// differ by at most 1e-6 of the larger magnitude), nor does one with a value that is not
    /// finite.
    pub fn set_map(&mut self, map: MapView, threshold: f64) {
        self.heat.set(map, threshold);
    }

    /// No heat on the next frames.
    pub fn clear_map(&mut self) {
        self.heat.is_new = false;
        for (band, _) in &mut self.bands {
            band.clear_heat();
        }
    }

    /// Paints the frame in `planes`.
    ///
    /// # Panics
    /// Where a plane is smaller than the geometry asks for.
    pub fn paint(&mut self, planes: &mut [PlaneMut]) {
        // A new map is scaled while gray is read.
        let is_new = self.heat.is_new;
        self.each_part(planes, |brush, planes, band, _| {
            band.fill_gray(|y, row| brush.read_gray(planes, y, row));
        });
        match &self.heat.scaled() {
            Some((map, quantizer)) if is_new => {
                let work = |(band, _): &mut (Band, _)| band.fill_heat(map, quantizer);
                self.crew.each(&mut self.bands, work);
            }
            None if is_new => self.clear_map(),
            _ => {}
        }
        for (band, _) in &mut self.bands {
            band.measure(&self.half);
        }
        self.brush.set_range(self.extremes());
        self.each_part(planes, |brush, planes, band, scratch| {
            brush.paint(planes, band, scratch);
        });
    }

    /// Does `work` on each band and its part of the planes, and scales a new map beside it.
    fn each_part(
        &mut self,
        planes: &mut [PlaneMut],
        work: impl Fn(&Brush, &mut [PlaneMut; PLANES], &mut Band, &mut Scratch) + Sync,
    ) {
        let (brush, width, height) = (&self.brush, self.width, self.height);
        let mut planes = planes.iter_mut();
        let mut rest: [PlaneMut; PLANES] = array::from_fn(|_| match planes.next() {
            Some(plane) => plane.reborrow(),
            None => PlaneMut::default(),
        });
        let mut heat = Some(&mut self.heat).filter(|heat| heat.is_new);
        let mut bands = self.bands.iter_mut();
        let mut parts: [_; BANDS + 1] = array::from_fn(|_| {
            // The map comes first, since it takes longest.
            if let Some(heat) = heat.take() {
                return Some(Part::Map(heat));
            }
            let (band, scratch) = bands.next()?;
            let planes = brush.take_rows(&mut rest, band.rows.len());
            Some(Part::Band(planes, band, scratch))
        });
        self.crew.each(&mut parts, |part| match part {
            Some(Part::Map(heat)) => heat.scale(width, height),
            Some(Part::Band(planes, band, scratch)) => work(brush, planes, band, scratch),
            None => {}
        });
    }

    /// Minimum and maximum of gray / 2 + heat over all pixels and channels.
    ///
    /// Bounds of whole tiles come first, and are exact where a tile has one heat; of the other tiles
    /// only those that may hold an extreme are looked into, the likeliest first.
    fn extremes(&self) -> Span {
        let bands = || self.bands.iter().map(|(band, _)| band);
        let mut found = bands().fold(Span::NONE, |found, band| found.joined(band.sure_span()));
        let mixed = || bands().flat_map(Band::mixed_tiles);
        let lowest = mixed().min_by(|a, b| a.span.lowest.total_cmp(&b.span.lowest));
        let highest = mixed().max_by(|a, b| a.span.highest.total_cmp(&b.span.highest));
        for tile in lowest.into_iter().chain(highest).chain(mixed()) {
            if !found.holds(tile.span) {
                found = found.joined(tile.exact_span(&self.half));
            }
        }
        found
    }
}

/// What one thread does of a step.
enum Part<'a> {
    Map(&'a mut Heat),
    Band([PlaneMut<'a>; PLANES], &'a mut Band, &'a mut Scratch),
}

/// Where the heat comes from.
#[derive(Default)]
struct Heat {
    values: Vec<f32>,
    /// Width and height of the map.
    size: (usize, usize),
    threshold: f64,
    /// The map is not scaled yet.
    is_new: bool,
    scaler: Option<MapScaler>,
    /// Takes the scaled map to heat indices; none where the map gives no heat.
    quantizer: Option<Quantizer>,
}

impl Heat {
    fn set(&mut self, map: MapView, threshold: f64) {
        self.values.clear();
        self.values.extend_from_slice(map.values);
        self.size = (map.width, map.height);
        self.threshold = threshold;
        self.is_new = true;
    }

    /// Scales the map to frames of `width` x `height` pixels.
    fn scale(&mut self, width: usize, height: usize) {
        self.is_new = false;
        let map = MapView {
            values: &self.values,
            width: self.size.0,
            height: self.size.1,
        };
        self.quantizer = map.extremes().and_then(|range| {
            let scaler = match &mut self.scaler {
                Some(scaler) if scaler.fits(map) => scaler,
                scaler => scaler.insert(MapScaler::new(map, width, height)),
            };
            scaler.load(map, range);
            let extremes = scaler.extremes()?;
            Some(scaler.quantizer(extremes, self.threshold))
        });
    }

    /// The scaled map, where it gives heat.
    fn scaled(&self) -> Option<(&MapScaler, &Quantizer)> {
        self.scaler.as_ref().zip(self.quantizer.as_ref())
    }
}
