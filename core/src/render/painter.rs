//! Heat over a frame, in place.

use std::array;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::cell_grid::CellGrid;
use super::colormap::{Colormap, Span};
use super::column_group::ColumnGroup;
use super::contour::{Contour, Fifths};
use super::contrast::Search;
use super::frame_writer::{FrameWriter, Scratch};
use super::heat::{Heat, Scaled};
use super::overlay::Overlay;
use super::regions::{Region, Runs};
use super::scale::{Limits, Scale};
use super::scaled_map::{MapView, Source};
use super::scene::SceneCut;
use super::several::MOST_CLASSES;
use super::style::{Blend, Style};
use crate::frame::Presentation;
use crate::frame::layout::PLANES;
use crate::frame::{Geometry, Plane, PlaneMut};
use crate::luma::reader::GrayBounds;
use crate::luma::reader::{BoundedRows, GrayReader};
use crate::luma::tiles;
use crate::thread_pool::ThreadPool;

/// Paints a class map over frames of one geometry.
///
/// The picture is gray / 2 + heat in each channel, stretched so that its minimum and maximum over
/// all pixels and channels become 0 and 255. Heat is the colour that a [`Colormap`](super::Colormap) has for the scaled,
/// normalised and quantised class map (W. Zhou et al., "Learning deep features for discriminative
/// localization", 2016, and the figures that came with it). Other ways to lay heat over the picture are a [`Blend`].
///
/// In Y'CbCr that picture is painted in the frame's own matrix and range: heat and gray add
/// linearly and gray has no chroma, so luma becomes the stretched gray / 2 + heat luma, and chroma
/// the stretched heat chroma alone. Gray is the frame's own luma, scaled to 0..=255.
pub struct Painter {
    width: usize,
    height: usize,
    /// For each band of the frame's rows, from top to bottom.
    scratches: Vec<Scratch>,
    heat: Heat,
    reader: GrayReader,
    /// Of a frame that was not sampled.
    bounds: GrayBounds,
    search: Search,
    /// Half the gray of each value that is read.
    half: [f64; 256],
    writer: FrameWriter,
    /// As it was asked for.
    style: Style,
    /// For all that is not [`Blend::Darkened`].
    overlay: Overlay,
    contour: Contour,
    /// Classes that are shown at once, each in a colour of its own where there are several.
    classes: usize,
    /// Of [`Scale::Steady`]: of the final stretch, and what tells cuts.
    stretch: Limits,
    scene: SceneCut,
    /// How long the next frame is after the last one, and after the last map; none: it has nothing to do with it.
    elapsed: Option<Duration>,
    since_map: Option<Duration>,
    /// Of regions.
    hot: Vec<bool>,
    runs: Runs,
    /// For each band, where lines are drawn.
    fifths: Vec<Fifths>,
    pool: Arc<ThreadPool>,
}

/// Bands that a frame is painted in, each by one thread at a time.
const BANDS: usize = 16;

/// Parts that a map is scaled in.
const MAP_PARTS: usize = 4;

impl Painter {
    /// A painter of frames of `geometry`, whose sides must be positive; without heat.
    pub fn new(geometry: &Geometry) -> Self {
        Self::presented(geometry, &Presentation::default())
    }

    /// The same for frames that are meant to be seen as `presentation` says. Maps lie as the frames do; they are
    /// scaled as if the picture were upright. In a high dynamic range the brightest that is painted is
    /// BT.2408's reference white, and what is brighter in the frame counts as that.
    pub fn presented(geometry: &Geometry, presentation: &Presentation) -> Self {
        let style = Style::default();
        let colormap = &style.colormap;
        let white = presentation.white();
        let Geometry { width, height, .. } = *geometry;
        let reader = GrayReader::new(geometry);
        let bands = height.div_ceil(band_rows(height));
        Self {
            width,
            height,
            scratches: (0..bands).map(|_| Scratch::new(width)).collect(),
            heat: Heat::new(presentation.orientation),
            search: Search::new(width, height, colormap),
            half: reader.levels(white).map(|gray| gray / 2.0),
            bounds: reader.bounds(),
            reader,
            writer: FrameWriter::new(geometry, white, colormap),
            overlay: Overlay::new(geometry, white),
            contour: Contour::new(width, height),
            classes: 1,
            stretch: Limits::default(),
            scene: SceneCut::default(),
            elapsed: None,
            since_map: None,
            hot: Vec::new(),
            runs: Runs::default(),
            fifths: Vec::new(),
            style,
            pool: ThreadPool::get(),
        }
    }

    /// The same in a style.
    pub fn styled(geometry: &Geometry, presentation: &Presentation, style: &Style) -> Self {
        let mut painter = Self::presented(geometry, presentation);
        painter.set_style(style);
        painter
    }

    /// Paints the next frames in `style`.
    pub fn set_style(&mut self, style: &Style) {
        self.style = style.clone();
        self.apply_style();
    }

    fn apply_style(&mut self) {
        let mut style = self.style.clone();
        if self.classes > 1 {
            style.colormap = Colormap::classes(self.classes);
        }
        let style = &style;
        self.contour.set_classes(self.classes);
        self.fifths.clear();
        match style.blend {
            Blend::Darkened => {
                let colormap = style.colormap.faded(style.opacity.clamp(0.0, 1.0));
                self.search.set_colormap(&colormap);
                self.writer.set_colormap(&colormap);
            }
            Blend::Contour => {
                let contour = &self.contour;
                self.overlay
                    .set_style(style, |part| contour.heat_of_line(part));
                let rooms = self.scratches.iter();
                let rooms = rooms.map(|scratch| self.contour.room(scratch.stride));
                self.fifths.extend(rooms);
            }
            Blend::Colour | Blend::Mask => self.overlay.set_style(style, |heat| heat),
        }
    }

    /// Takes the heat of the next frames from `map`: scaled to the frame, from its minimum and
    /// maximum there to 0..1, no heat below `threshold`. A flat map gives no heat (its extremes
    /// differ by at most 1e-6 of the larger magnitude), nor does one with a value that is not
    /// finite.
    pub fn set_map(&mut self, map: MapView, threshold: f64) {
        self.set_scaled_map(map, threshold, Scale::Frame);
    }

    /// The same with another scale.
    pub fn set_scaled_map(&mut self, map: MapView, threshold: f64, scale: Scale) {
        self.set_maps(&[map], threshold, scale);
    }

    /// Takes the heat from the maps of several classes, [`MOST_CLASSES`] at most, all on one scale: each pixel has that of the
    /// class whose map is the highest there, in a colour of the class's own (see [`class_colour`](super::class_colour)). Several
    /// maps must come with [`Scale::Common`].
    pub fn set_maps(&mut self, maps: &[MapView], threshold: f64, scale: Scale) {
        self.heat.set(maps, threshold, scale);
        self.heat.elapsed = self.since_map.replace(Duration::ZERO);
        if self.classes != self.heat.classes().max(1) {
            self.classes = self.heat.classes().max(1);
            self.apply_style();
        }
    }

    /// Boxes of the connected parts of the frame in which the map that was set `class`-th reaches `level` between its minimum (0)
    /// and its maximum (1) over the frame, the largest first, into `regions`. Pixels are those of the frame as it is stored.
    pub fn find_regions(&mut self, class: usize, level: f64, regions: &mut Vec<Region>) {
        self.measure(None);
        self.heat
            .find_hot(class, level, &mut self.hot, &mut self.runs);
        self.runs.take(regions);
    }

    /// Says how long after the last one the next frame is shown, for what follows frames ([`Scale::Steady`]); none: it has nothing
    /// to do with it. To be said before the map is set and the frame painted.
    pub fn advance(&mut self, elapsed: Option<Duration>) {
        self.elapsed = elapsed;
        self.since_map = self
            .since_map
            .zip(elapsed)
            .map(|(before, now)| before + now);
    }

    /// Says where the cells of the maps to come lie; without, they tile the frame.
    pub fn set_grid(&mut self, grid: Option<CellGrid>) {
        self.heat.grid = grid;
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
        self.paint_within(planes, None);
    }

    /// Paints the frame in `planes`, for which a sampler of the same geometry found `bounds`:
    /// quicker than [`Self::paint`], and the same.
    ///
    /// # Panics
    /// Where a plane is smaller than the geometry asks for, or `bounds` are of another size.
    pub fn paint_sampled(&mut self, planes: &mut [PlaneMut], bounds: &GrayBounds) {
        assert_eq!(bounds.tiles().len(), self.bounds.tiles().len());
        self.paint_within(planes, Some(bounds));
    }

    fn paint_within(&mut self, planes: &mut [PlaneMut], bounds: Option<&GrayBounds>) {
        let mut planes = planes.iter_mut();
        let mut planes: [PlaneMut; PLANES] = array::from_fn(|_| match planes.next() {
            Some(plane) => plane.reborrow(),
            None => PlaneMut::default(),
        });
        let frame = planes.each_ref().map(PlaneMut::to_read);
        let is_stretched = self.style.blend == Blend::Darkened;
        self.measure((is_stretched && bounds.is_none()).then_some(&frame));
        let heat = self.heat.scaled();
        if is_stretched {
            let bounds = bounds.unwrap_or(&self.bounds);
            let read = |y, columns: Range<usize>, out: &mut [u8]| {
                self.reader.read(&frame, y, columns, out);
            };
            let tiles = bounds.tiles();
            let mut range = self.search.extremes(tiles, heat, &self.half, read);
            if self.heat.is_steady() {
                let is_cut = self.scene.is_cut(bounds);
                let elapsed = self.elapsed.filter(|_| !is_cut);
                let (lowest, highest) = self
                    .stretch
                    .follow_with_slack((range.lowest, range.highest), elapsed);
                range = Span { lowest, highest };
            }
            self.writer.set_range(range);
        } else if heat.is_none() && self.overlay.leaves_cold() {
            return;
        }

        let (writer, rows, height) = (&self.writer, band_rows(self.height), self.height);
        let (overlay, contour, width) = (&self.overlay, &self.contour, self.width);
        let mut fifths = self.fifths.iter_mut();
        let mut bands = self.scratches.iter_mut().enumerate();
        let mut parts: [_; BANDS] = array::from_fn(|_| {
            let (band, scratch) = bands.next()?;
            let rows = band * rows..height.min((band + 1) * rows);
            let planes = writer.take_rows(&mut planes, rows.len());
            Some((planes, rows, scratch, fifths.next()))
        });
        self.pool.each(&mut parts, |part| {
            let Some((planes, rows, scratch, fifths)) = part else {
                return;
            };
            let first = rows.start / tiles::ROWS;
            if let Some(fifths) = fifths {
                heat_rows(heat, first.saturating_sub(1), width, &mut scratch.index);
                contour.begin(first > 0, &scratch.index, fifths);
            }
            for row in first..rows.end.div_ceil(tiles::ROWS) {
                heat_rows(heat, row, width, &mut scratch.index);
                if let Some(fifths) = fifths {
                    contour.draw(&mut scratch.index, fifths);
                }
                let first = row * tiles::ROWS - rows.start;
                let rows = first..rows.len().min(first + tiles::ROWS);
                if is_stretched {
                    writer.paint(planes, rows, scratch);
                } else {
                    overlay.paint(planes, rows, &scratch.index, scratch.stride);
                }
            }
        });
    }

    /// Scales a new map, and beside that finds what the gray of each tile of `frame` lies in, if it
    /// is given.
    fn measure(&mut self, frame: Option<&[Plane; PLANES]>) {
        let is_new = self.heat.is_new();
        self.fill(frame);
        if is_new {
            self.heat.find_quantizers();
        }
    }

    /// Scales new maps across, and finds what the gray of the tiles of `frame` lies in.
    fn fill(&mut self, frame: Option<&[Plane; PLANES]>) {
        let new_maps = self.heat.load(self.width, self.height);
        let mut groups = new_maps.flat_map(|(source, groups)| {
            let each = groups.len().div_ceil(MAP_PARTS);
            groups.chunks_mut(each).map(move |groups| (source, groups))
        });
        let rows = self.bounds.parts(band_rows(self.height) / tiles::ROWS);
        let scratches = self.scratches.iter_mut().map(|scratch| &mut scratch.index);
        let mut bands = rows.zip(scratches);
        let mut parts: [_; MAP_PARTS * MOST_CLASSES + BANDS] = array::from_fn(|_| {
            // The map comes first, since its parts take longest.
            if let Some((source, groups)) = groups.next() {
                return Some(Part::Map(source, groups));
            }
            let (rows, scratch) = bands.next()?;
            Some(Part::Gray(frame?, rows, scratch))
        });
        let (reader, height) = (&self.reader, self.height);
        self.pool.each(&mut parts, |part| match part {
            Some(Part::Map(source, groups)) => {
                groups.iter_mut().for_each(|group| source.fill(group));
            }
            Some(Part::Gray(frame, rows, scratch)) => {
                rows.find(reader, &frame[..], height, scratch);
            }
            None => {}
        });
    }
}

/// Rows of each band of a frame of `height` rows, except the last.
fn band_rows(height: usize) -> usize {
    height.div_ceil(BANDS).next_multiple_of(tiles::ROWS)
}

/// Heat indices of a row of tiles of a frame of `width` pixels, in rows that are whole tiles.
fn heat_rows(heat: Option<Scaled>, row: usize, width: usize, out: &mut [u8]) {
    match heat {
        Some(heat) => heat.quantize_rows(row, width, out),
        None => out.fill(0),
    }
}

/// What one thread does at a time to measure a frame.
enum Part<'a> {
    Map(&'a Source, &'a mut [ColumnGroup]),
    Gray(&'a [Plane<'a>; PLANES], BoundedRows<'a>, &'a mut [u8]),
}
