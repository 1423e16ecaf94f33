//! The components of scaled pictures, layout by layout, and the planes that they come from.

use super::fit::{Fit, Scaling};
use crate::frame::{Chroma, Depth, Geometry, Layout, Samples};
use crate::resample::coefficients::Axis;
use crate::resample::horizontal::View;
use crate::resample::plane::PlaneScaler;

/// How the components of a scaled picture are made: red, green and blue, or luma, blue and red
/// difference, or gray alone.
pub(crate) struct Components {
    /// Scalers of planes, each with the number of its plane.
    pub planes: Vec<(usize, PlaneScaler)>,
    pub places: Vec<Place>,
    /// Width and height of the tensor.
    pub size: (usize, usize),
    /// Width and height of the scaled picture, and where in the tensor it begins.
    pub picture: (usize, usize),
    pub inset: (usize, usize),
}

/// Where the samples of a component are.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    /// Index of the scaler.
    pub plane: usize,
    pub view: usize,
    pub offset: usize,
}

impl Components {
    /// Of upright frames whose pixels are `aspect` wide and high.
    pub fn new(geometry: &Geometry, fit: Fit, aspect: (u32, u32)) -> Self {
        let builder = Builder::new(geometry, fit, aspect);
        let (planes, places) = match geometry.layout {
            Layout::Packed(order) => {
                let place = |offset| Place {
                    plane: 0,
                    view: 0,
                    offset,
                };
                (
                    vec![(0, builder.rgb_plane(order.bytes()))],
                    order.offsets().map(place).into(),
                )
            }
            Layout::Planar { r, g, b } => {
                let planes = [r, g, b].map(|plane| (plane, builder.rgb_plane(1)));
                let place = |plane| Place {
                    plane,
                    view: 0,
                    offset: 0,
                };
                (planes.into(), [0, 1, 2].map(place).into())
            }
            Layout::YCbCr { samples, .. } => builder.y_cb_cr(samples),
        };
        Self {
            planes,
            places,
            size: builder.size,
            picture: (builder.out_width, builder.out_height),
            inset: builder.inset,
        }
    }
}

/// Makes the scalers of a frame's planes.
struct Builder {
    width: usize,
    height: usize,
    out_width: usize,
    out_height: usize,
    scale_x: f64,
    scale_y: f64,
    /// Pixels of the frame that are left out at the left and at the top.
    cut_x: f64,
    cut_y: f64,
    size: (usize, usize),
    inset: (usize, usize),
}

impl Builder {
    fn new(geometry: &Geometry, fit: Fit, aspect: (u32, u32)) -> Self {
        let (width, height) = (geometry.width, geometry.height);
        let Scaling {
            size,
            scale: (scale_x, scale_y),
            picture: (out_width, out_height),
            inset,
            cut,
        } = fit.scaling((width, height), aspect);
        Self {
            width,
            height,
            out_width,
            out_height,
            scale_x,
            scale_y,
            cut_x: cut.0 / scale_x,
            cut_y: cut.1 / scale_y,
            size,
            inset,
        }
    }

    fn view(&self, samples: usize, halved: bool) -> View {
        let axis = if halved {
            // A sample stands at the first of its two pixels, a quarter of a sample before the
            // middle between them.
            Axis::new(
                self.width.div_ceil(2),
                self.out_width,
                2.0 * self.scale_x,
                0.25 + self.cut_x / 2.0,
            )
        } else {
            Axis::new(self.width, self.out_width, self.scale_x, self.cut_x)
        };
        View::new(axis, samples)
    }

    fn vertical(&self, halved: bool) -> Axis {
        if halved {
            Axis::new(
                self.height.div_ceil(2),
                self.out_height,
                2.0 * self.scale_y,
                self.cut_y / 2.0,
            )
        } else {
            Axis::new(self.height, self.out_height, self.scale_y, self.cut_y)
        }
    }

    /// A plane of pixels of `samples` bytes.
    fn rgb_plane(&self, samples: usize) -> PlaneScaler {
        PlaneScaler::new(
            Depth::Eight,
            self.width * samples,
            self.vertical(false),
            self.scale_y <= self.scale_x,
            vec![self.view(samples, false)],
        )
    }

    /// Planes of luma and chroma samples.
    fn y_cb_cr(&self, samples: Samples) -> (Vec<(usize, PlaneScaler)>, Vec<Place>) {
        let Samples { y, chroma, depth } = samples;
        let mut planes = vec![(
            y.plane,
            vec![self.view(y.step, false)],
            self.width * y.step,
            false,
        )];
        let luma = Place {
            plane: 0,
            view: 0,
            offset: y.offset,
        };
        let mut scaled = vec![luma];
        if let Some(layout) = chroma {
            let Chroma {
                cb,
                cr,
                halved_x,
                halved_y,
            } = layout;
            let (width, _) = layout.size(self.width, self.height);
            for component in [cb, cr] {
                let known = planes.iter().position(|plane| plane.0 == component.plane);
                let plane = known.unwrap_or(planes.len());
                if known.is_none() {
                    planes.push((component.plane, Vec::new(), 0, halved_y));
                }
                let (_, views, row_samples, _) = &mut planes[plane];
                *row_samples = width * component.step;
                if views.iter().all(|view| view.lanes() != component.step) {
                    views.push(self.view(component.step, halved_x));
                }
                scaled.push(Place {
                    plane,
                    view: views.len() - 1,
                    offset: component.offset,
                });
            }
        }
        let planes = planes
            .into_iter()
            .map(|(plane, views, row_samples, halved)| {
                let vertical = self.vertical(halved);
                (
                    plane,
                    PlaneScaler::new(depth, row_samples, vertical, true, views),
                )
            });
        (planes.collect(), scaled)
    }
}
