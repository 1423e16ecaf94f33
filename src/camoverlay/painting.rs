//! The painter of a stream, and what it was last told.

use super::Placement;
use super::heat::Look;
use super::properties::Live;
use camoverlay::frame::{Geometry, PlaneMut, Presentation};
use camoverlay::inference::Network;
use camoverlay::preprocess::GrayBounds;
use camoverlay::render::{CellGrid, MapView, Painter, Style};

/// Paints what the properties ask for.
pub struct Painting {
    painter: Painter,
    look: Look,
    /// Where the cells of a map look, if that is known.
    grid: Option<CellGrid>,
}

impl Painting {
    pub fn new(geometry: &Geometry, presentation: &Presentation, network: &Network) -> Self {
        let grid = network
            .sight()
            .map(|sight| CellGrid::of_sight(sight, network.fit(), geometry, presentation));
        Self {
            painter: Painter::presented(geometry, presentation),
            look: Look::default(),
            grid,
        }
    }

    /// Whether maps are to be laid over the frame, because that is asked for or nothing else is known.
    pub fn tiles_frame(&self, live: &Live) -> bool {
        self.grid.is_none() || live.heat.placement == Placement::Frame
    }

    /// Takes the heat of the next frames from `map`, which tiles the frame or else is the tensor's.
    pub fn set_map(&mut self, map: MapView, tiles_frame: bool, live: &Live) {
        self.painter.set_grid(self.grid.filter(|_| !tiles_frame));
        self.painter.set_map(map, live.threshold);
    }

    /// No heat on the next frames.
    pub fn clear(&mut self) {
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
