//! Where the heat of frames comes from: one class's map, or several.

use std::time::Duration;

use super::cell_grid::CellGrid;
use super::column_group::ColumnGroup;
use super::quantize::Quantizer;
use super::regions::Runs;
use super::scale::{Limits, Scale};
use super::scaled_map::{MapScaler, MapView, Source};
use super::several::{MOST_CLASSES, Several};
use crate::frame::Orientation;
use crate::luma::tiles::COLUMNS;

/// Maps, to be scaled and quantised.
#[derive(Default)]
pub(crate) struct Heat {
    orientation: Orientation,
    pub grid: Option<CellGrid>,
    layers: Vec<Layer>,
    /// How many of them there are now.
    used: usize,
    threshold: f64,
    scale: Scale,
    /// Of [`Scale::Steady`].
    limits: Limits,
    /// How long ago the map before was new; none: it has nothing to do with it.
    pub elapsed: Option<Duration>,
    /// The maps are not scaled yet.
    is_new: bool,
    several: Option<Several>,
}

/// One class's map.
#[derive(Default)]
struct Layer {
    values: Vec<f32>,
    /// Width and height of the map.
    size: (usize, usize),
    /// Whether the map gives heat, as far as is known.
    gives_heat: bool,
    scaler: Option<MapScaler>,
    /// Takes the scaled map to heat indices; none where the map gives no heat.
    quantizer: Option<Quantizer>,
}

/// Heat of the frames to come.
#[derive(Clone, Copy)]
pub(crate) enum Scaled<'a> {
    One(&'a MapScaler, &'a Quantizer),
    Several(&'a Heat, &'a Several),
}

impl Heat {
    /// No heat, on frames that lie so.
    pub fn new(orientation: Orientation) -> Self {
        Self {
            orientation,
            ..Self::default()
        }
    }

    /// Takes one map, or several of different classes of which each pixel shows the highest; several have
    /// [`Scale::Common`].
    pub fn set(&mut self, maps: &[MapView], threshold: f64, scale: Scale) {
        let maps = &maps[..maps.len().min(MOST_CLASSES)];
        self.layers
            .resize_with(self.layers.len().max(maps.len()), Layer::default);
        for (layer, map) in self.layers.iter_mut().zip(maps) {
            layer.values.clear();
            layer.values.extend_from_slice(map.values);
            layer.size = (map.width, map.height);
        }
        self.used = maps.len();
        self.threshold = threshold;
        if self.scale != scale && scale == Scale::Steady {
            self.limits.clear();
        }
        self.scale = scale;
        self.is_new = true;
    }

    pub fn clear(&mut self) {
        self.is_new = false;
        self.used = 0;
        self.several = None;
        self.limits.clear();
        for layer in &mut self.layers {
            layer.quantizer = None;
        }
    }

    /// How many classes have heat.
    pub fn classes(&self) -> usize {
        self.used
    }

    /// Whether limits follow those of frames.
    pub fn is_steady(&self) -> bool {
        self.scale == Scale::Steady
    }

    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Prepares new maps that may give heat to be scaled to frames of `width` x `height` pixels: their groups are to be filled.
    pub fn load(
        &mut self,
        width: usize,
        height: usize,
    ) -> impl Iterator<Item = (&Source, &mut [ColumnGroup])> {
        let is_new = std::mem::take(&mut self.is_new);
        let (orientation, grid) = (self.orientation, self.grid);
        let layers = self
            .layers
            .iter_mut()
            .take(if is_new { self.used } else { 0 });
        layers.filter_map(move |layer| layer.load((width, height), orientation, grid))
    }

    /// How the new maps, with their groups filled, become heat indices.
    pub fn find_quantizers(&mut self) {
        if self.used > 1 {
            return self.find_several();
        }
        self.several = None;
        let Some(layer) = self.layers.first_mut() else {
            return;
        };
        let scaler = layer.scaler.as_mut().filter(|_| layer.gives_heat);
        layer.quantizer = scaler.and_then(|scaler| {
            let (least, most) = scaler.extremes()?;
            let limits = match self.scale {
                Scale::Frame => (least, most),
                Scale::Steady => self.limits.follow((least, most), self.elapsed),
                Scale::Common { least, most } => (least, most),
                Scale::Score(share) => (least, least + (most - least) / share),
                Scale::Positive => (least.max(0.0), most),
            };
            if !(limits.0 < limits.1 && limits.1.is_finite()) {
                return None;
            }
            let quantizer = scaler.quantizer(limits, self.threshold);
            scaler.bound_indices(&quantizer);
            Some(quantizer)
        });
    }

    fn find_several(&mut self) {
        self.several = None;
        let layers = &mut self.layers[..self.used];
        let Scale::Common { least, most } = self.scale else {
            return;
        };
        let extremes = layers.iter().filter_map(|layer| {
            let scaler = layer.scaler.as_ref().filter(|_| layer.gives_heat)?;
            Some(scaler.extremes()?.1)
        });
        let highest = extremes.fold(most, f64::max);
        if !(least < most && highest.is_finite()) {
            return;
        }
        // In indices of the highest, so that which is higher is told beyond what is drawn as the hottest too.
        let beyond = (highest - least) / (most - least);
        let mut several = Several::new(layers.len(), beyond);
        for layer in layers.iter_mut() {
            let scaler = layer.scaler.as_mut().filter(|_| layer.gives_heat);
            layer.quantizer = scaler.map(|scaler| {
                let quantizer = scaler.quantizer((least, highest), self.threshold / beyond);
                scaler.bound_indices(&quantizer);
                quantizer
            });
        }
        if self.maps().next().is_some() {
            several.bound_indices(self.maps().map(|(class, map, _)| (class, map)));
            self.several = Some(several);
        }
    }

    /// The scaled maps, where they give heat.
    pub fn scaled(&self) -> Option<Scaled<'_>> {
        match (&self.several, self.used) {
            (Some(several), _) => Some(Scaled::Several(self, several)),
            (None, 1) => {
                let layer = self.layers.first()?;
                Some(Scaled::One(
                    layer.scaler.as_ref()?,
                    layer.quantizer.as_ref()?,
                ))
            }
            (None, _) => None,
        }
    }

    /// Puts into `runs` what of the `class`-th map reaches `level` between its minimum (0) and maximum (1) over the frame.
    pub fn find_hot(&self, class: usize, level: f64, room: &mut Vec<bool>, runs: &mut Runs) {
        let layer = self.layers.get(class).filter(|_| class < self.used);
        let Some(scaler) = layer
            .filter(|layer| layer.gives_heat)
            .and_then(|layer| layer.scaler.as_ref())
        else {
            return;
        };
        let Some((least, most)) = scaler.extremes() else {
            return;
        };
        let (width, height) = scaler.size();
        room.resize(width, false);
        for y in 0..height {
            scaler.reach(y, least + level * (most - least), room);
            runs.add_row(y, room);
        }
    }

    /// The classes that have heat, by their numbers.
    fn maps(&self) -> impl Iterator<Item = (usize, &MapScaler, &Quantizer)> + Clone {
        let layers = self.layers.iter().take(self.used).enumerate();
        layers.filter_map(|(class, layer)| {
            let (map, quantizer) = layer.scaler.as_ref().zip(layer.quantizer.as_ref())?;
            Some((class, map, quantizer))
        })
    }
}

impl Layer {
    fn load(
        &mut self,
        size: (usize, usize),
        orientation: Orientation,
        grid: Option<CellGrid>,
    ) -> Option<(&Source, &mut [ColumnGroup])> {
        self.quantizer = None;
        let map = MapView {
            values: &self.values,
            width: self.size.0,
            height: self.size.1,
        };
        let range = map.extremes();
        self.gives_heat = range.is_some();
        let range = range?;
        if !self
            .scaler
            .as_ref()
            .is_some_and(|scaler| scaler.fits(map, grid))
        {
            self.scaler = Some(MapScaler::new(map, size, orientation, grid));
        }
        let scaler = self.scaler.as_mut()?;
        scaler.source.load(map, range);
        Some((&scaler.source, &mut scaler.groups))
    }
}

impl Scaled<'_> {
    /// The least and the greatest heat index that each tile can have, row by row.
    pub fn indices(&self) -> &[[u8; 2]] {
        match self {
            Self::One(map, _) => map.indices(),
            Self::Several(_, several) => several.indices(),
        }
    }

    /// Heat indices of a row of tiles, in rows that are whole tiles.
    pub fn quantize_rows(&self, row: usize, width: usize, out: &mut [u8]) {
        match self {
            Self::One(map, quantizer) => map.quantize_rows(row, quantizer, out),
            Self::Several(..) => {
                let per_row = width.div_ceil(COLUMNS);
                for column in 0..per_row {
                    let out = &mut out[column * COLUMNS..];
                    self.quantize_tile(row * per_row + column, out, per_row * COLUMNS);
                }
            }
        }
    }

    /// Heat indices of a tile, given by its number, into rows `stride` bytes apart.
    pub fn quantize_tile(&self, tile: usize, out: &mut [u8], stride: usize) {
        match self {
            Self::One(map, quantizer) => {
                map.quantize_tile(tile, quantizer, out, stride);
            }
            Self::Several(heat, several) => several.quantize_tile(heat.maps(), tile, out, stride),
        }
    }
}
