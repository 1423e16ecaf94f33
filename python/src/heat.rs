//! Class maps over pictures.

use camoverlay::frame::{Geometry, Layout, PlaneMut, Presentation};
use camoverlay::render::{Blend, Colormap, MapView, Painter, Style};
use numpy::ndarray::Array3;
use numpy::{IntoPyArray, PyArray3, PyReadonlyArray2, PyReadonlyArray3};
use pyo3::prelude::*;

use crate::errors::{Failure, detached};
use crate::forked;
use crate::picture::Picture;
use crate::settings::one_of;

/// A colour map and its name.
type Named = (&'static str, fn() -> Colormap);

const COLORMAPS: [Named; 6] = [
    ("jet", Colormap::jet),
    ("turbo", Colormap::turbo),
    ("viridis", Colormap::viridis),
    ("inferno", Colormap::inferno),
    ("cividis", Colormap::cividis),
    ("gray", Colormap::gray),
];

/// A copy of `image` under the heat of `map`, of as many channels; of 3 where it is gray.
///
/// # Errors
/// `SettingsError` for names that are not known, shares that are none, and arrays that are no pictures or maps.
#[pyfunction]
pub fn overlay<'py>(
    py: Python<'py>,
    image: PyReadonlyArray3<'py, u8>,
    map: PyReadonlyArray2<'py, f32>,
    threshold: f64,
    colormap: &str,
    blend: &str,
    opacity: f64,
) -> PyResult<Bound<'py, PyArray3<u8>>> {
    let (image, (values, size)) = (image.as_array(), map_of(&map)?);
    let painted = detached(py, || {
        forked::check()?;
        share("threshold", threshold)?;
        share("opacity", opacity)?;
        let names = COLORMAPS.map(|(name, _)| name);
        let found = |name: &str| COLORMAPS.iter().find(|(own, _)| *own == name);
        let (_, made) = one_of("colormap", colormap, &names, found)?;
        let style = Style {
            colormap: made(),
            blend: one_of(
                "blend",
                blend,
                &Blend::ALL.map(Blend::name),
                Blend::from_name,
            )?,
            opacity,
        };
        let picture = Picture::of(image)?;
        let (geometry, shape) = (picture.geometry(), (picture.height, picture.width));
        let (mut data, stride) = picture.into_bytes()?;
        let mut painter = Painter::styled(&geometry, &Presentation::default(), &style);
        painter.set_map(view(&values, size), threshold);
        painter.paint(&mut [PlaneMut {
            data: &mut data,
            stride,
        }]);
        let shape = (shape.0, shape.1, stride / shape.1);
        Array3::from_shape_vec(shape, data).map_err(|error| Failure::run(error.to_string()))
    })?;
    Ok(painted.into_pyarray(py))
}

/// Boxes of what of `map` reaches `level` on a picture of `height` x `width`, the largest first: x, y, width, height, and how
/// many pixels are hot.
///
/// # Errors
/// `SettingsError` for a level that is no share, and arrays that are no maps.
#[pyfunction]
pub fn boxes(
    py: Python<'_>,
    map: PyReadonlyArray2<'_, f32>,
    size: (usize, usize),
    level: f64,
) -> PyResult<Vec<[usize; 5]>> {
    let (values, map_size) = map_of(&map)?;
    detached(py, || {
        forked::check()?;
        share("level", level)?;
        let geometry = Geometry {
            layout: Layout::RGB,
            width: size.1,
            height: size.0,
        };
        let mut painter = Painter::new(&geometry);
        painter.set_map(view(&values, map_size), 0.0);
        let mut regions = Vec::new();
        painter.find_regions(0, level, &mut regions);
        let boxes = regions.iter().map(|region| {
            [
                region.x,
                region.y,
                region.width,
                region.height,
                region.pixels,
            ]
        });
        Ok(boxes.collect())
    })
}

/// A map's values, row by row, and its width and height.
fn map_of(map: &PyReadonlyArray2<'_, f32>) -> PyResult<(Vec<f32>, (usize, usize))> {
    let map = map.as_array();
    let (height, width) = map.dim();
    if width == 0 || height == 0 {
        return Err(Failure::settings(
            "A map without cells gives no heat. Give one that has cells.",
        )
        .into());
    }
    Ok((map.iter().copied().collect(), (width, height)))
}

fn view(values: &[f32], (width, height): (usize, usize)) -> MapView<'_> {
    MapView {
        values,
        width,
        height,
    }
}

fn share(name: &str, value: f64) -> Result<(), Failure> {
    if (0.0..=1.0).contains(&value) {
        return Ok(());
    }
    Err(Failure::settings(format!(
        "{name}={value} is not between 0 and 1. Give a number that is."
    )))
}
