//! The painter of a stream, and what it was last told.

use std::time::Duration;

use super::heat::Look;
use super::properties::Live;
use super::{Placement, Scale};
use camoverlay::cam::Explanation;
use camoverlay::frame::{Geometry, PlaneMut, Presentation};
use camoverlay::inference::Network;
use camoverlay::preprocess::GrayBounds;
use camoverlay::render::{self, CellGrid, MOST_CLASSES, MapView, Painter, Region, Style};

/// Paints what the properties ask for.
pub struct Painting {
    painter: Painter,
    frame: (usize, usize),
    look: Look,
    /// Where the cells of a map look, if that is known.
    grid: Option<CellGrid>,
}

/// What the network found in a frame.
pub struct Found<'a> {
    pub explanation: &'a Explanation,
    /// Of further targets.
    pub further: &'a [Explanation],
    /// Least and greatest value of the best class's map, where that was asked.
    pub common: Option<(f64, f64)>,
    pub tiles_frame: bool,
}

impl Painting {
    pub fn new(geometry: &Geometry, presentation: &Presentation, network: &Network) -> Self {
        let grid = network
            .sight()
            .map(|sight| CellGrid::of_sight(sight, network.fit(), geometry, presentation));
        Self {
            painter: Painter::presented(geometry, presentation),
            frame: (geometry.width, geometry.height),
            look: Look::default(),
            grid,
        }
    }

    /// Width and height of frames.
    pub fn frame(&self) -> (usize, usize) {
        self.frame
    }

    /// Where the cells of a map look, if that is known.
    pub fn grid(&self) -> Option<CellGrid> {
        self.grid
    }

    /// Whether maps are to be laid over the frame, because that is asked for or nothing else is known.
    pub fn tiles_frame(&self, live: &Live) -> bool {
        self.grid.is_none() || live.heat.placement == Placement::Frame
    }

    /// Says how long after the last one the next frame is shown; none: it has nothing to do with it.
    pub fn advance(&mut self, elapsed: Option<Duration>) {
        self.painter.advance(elapsed);
    }

    /// Takes the heat of the next frames from what was found. Maps tile the frame or else are the tensor's.
    pub fn set_maps(&mut self, found: &Found, live: &Live) {
        self.painter
            .set_grid(self.grid.filter(|_| !found.tiles_frame));
        let first = found.explanation;
        let scale = match (found.common, live.heat.scale) {
            (Some((least, most)), _) if !found.further.is_empty() => {
                render::Scale::Common { least, most }
            }
            _ if first.other.is_some() => render::Scale::Positive,
            (Some((least, most)), Scale::Common) => render::Scale::Common { least, most },
            (_, Scale::Frame) | (None, Scale::Common) => render::Scale::Frame,
            (_, Scale::Steady) => render::Scale::Steady,
            (_, Scale::Score) => render::Scale::Score(f64::from(first.target.score)),
        };
        let mut maps = [MapView::from(&first.map); MOST_CLASSES];
        for (view, further) in maps[1..].iter_mut().zip(found.further) {
            *view = MapView::from(&further.map);
        }
        let count = maps.len().min(1 + found.further.len());
        self.painter.set_maps(&maps[..count], live.threshold, scale);
    }

    /// Boxes of what is hot in the map that was set `number`-th.
    pub fn find_regions(&mut self, number: usize, level: f64, regions: &mut Vec<Region>) {
        self.painter.find_regions(number, level, regions);
    }

    /// No heat on the next frames.
    pub fn clear(&mut self) {
        self.painter.advance(None);
        self.painter.clear_map();
    }

    /// Paints a frame, of which a sampler may have found `bounds`, as the properties say.
    pub fn paint(&mut self, planes: &mut [PlaneMut], bounds: Option<&GrayBounds>, live: &Live) {
        let look = live.heat.look;
        if self.look != look {
            self.look = look;
            self.painter.set_style(&Style {
                colormap: look.colormap.into(),
                blend: look.blend.into(),
                opacity: look.opacity,
            });
        }
        match bounds {
            Some(bounds) => self.painter.paint_sampled(planes, bounds),
            None => self.painter.paint(planes),
        }
    }
}
