//! Heat where the cells of real networks look.

use super::*;
use crate::common::test_model;
use camoverlay::frame::{Geometry, Layout, Orientation, PlaneMut, Presentation};
use camoverlay::inference::{Classifier, Options, Source};
use camoverlay::preprocess::Fit;
use camoverlay::render::{Blend, CellGrid, MapView, Painter, Style};
use std::path::{Path, PathBuf};

/// Networks of which something is known by other means.
fn networks() -> Vec<PathBuf> {
    let installed = ["squeezenet", "efficientnet-lite0"]
        .map(|name| source(&format!(".deps/share/camoverlay/models/{name}.onnx")));
    let own = ["vit", "vit-registers", "vit-oblong"]
        .map(|name| source(&format!("tests/graphs/transformers/{name}.onnx")));
    let lent = [
        "squeezenet1_1.onnx",
        "googlenet.onnx",
        "resnet18.onnx",
        "mobilenet_v2.onnx",
    ];
    let lent = lent
        .into_iter()
        .filter_map(|name| test_model("placement of heat", name));
    installed.into_iter().chain(own).chain(lent).collect()
}

fn open(file: &Path) -> Classifier {
    let options = Options {
        source: Source::File(file.to_owned()),
        search_roots: vec![source("")],
        ..Options::default()
    };
    Classifier::open(&options).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Offset and stride, vertical and horizontal, of the cells of `features` in an input of `height` x `width`.
fn told(file: &Path, features: &str, (width, height): (usize, usize)) -> [[f64; 2]; 2] {
    let output = Command::new(common::python())
        .arg(source("tests/oracle/sight.py"))
        .args([file.to_str().unwrap(), features])
        .args([height.to_string(), width.to_string()])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    ["offset", "stride"].map(|name| [0, 1].map(|axis| told[name][axis].as_f64().unwrap()))
}

/// Whether the features are tokens, one for each patch that the first convolution cuts out.
fn are_tokens(file: &Path) -> bool {
    let name = file.file_stem().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with("vit"))
}

/// Where the only heat is on white frames of `size`, the middle of all pixels of the most, in pixels.
fn peak(
    grid: CellGrid,
    cells: (usize, usize),
    hot: (usize, usize),
    size: (usize, usize),
) -> (f64, f64) {
    let geometry = Geometry {
        layout: Layout::GBR,
        width: size.0,
        height: size.1,
    };
    let style = Style {
        blend: Blend::Mask,
        ..Style::default()
    };
    let mut painter = Painter::styled(&geometry, &Presentation::default(), &style);
    let mut values = vec![0.0; cells.0 * cells.1];
    values[hot.1 * cells.0 + hot.0] = 1.0;
    painter.set_grid(Some(grid));
    let (width, height) = cells;
    let map = MapView {
        values: &values,
        width,
        height,
    };
    painter.set_map(map, 0.2);
    let mut planes = vec![vec![255u8; size.0 * size.1]; 3];
    let mut all: Vec<_> = planes
        .iter_mut()
        .map(|data| PlaneMut {
            data,
            stride: size.0,
        })
        .collect();
    painter.paint(&mut all);
    let hottest = planes[0].iter().max().unwrap();
    let places = (0..planes[0].len()).filter(|at| planes[0][*at] == *hottest);
    let (mut x, mut y, mut count) = (0.0, 0.0, 0.0);
    for at in places {
        x += (at % size.0) as f64 + 0.5;
        y += (at / size.0) as f64 + 0.5;
        count += 1.0;
    }
    (x / count, y / count)
}

#[test]
fn a_hot_cell_peaks_where_the_windows_say_that_it_looks() {
    common::init();
    for file in networks() {
        let network = open(&file);
        let sight = network
            .sight()
            .unwrap_or_else(|| panic!("{} tells", file.display()));
        for frame in [(448, 448), (677, 448), (300, 431)] {
            let geometry = Geometry {
                layout: Layout::RGB,
                width: frame.0,
                height: frame.1,
            };
            let presentation = Presentation::default();
            let fit = network.fit();
            let tensor = fit.presented_size(frame.0, frame.1, &presentation);
            let grid = CellGrid::of_sight(sight, fit, &geometry, &presentation);
            let features = match are_tokens(&file) {
                true => "",
                false => &network.structure().features,
            };
            let [offset, stride] = told(&file, features, tensor);
            let cells = [1, 0].map(|axis| {
                let length = [tensor.1, tensor.0][axis] as f64;
                ((length - offset[axis]) / stride[axis]).ceil() as usize
            });
            let scale = (
                frame.0 as f64 / tensor.0 as f64,
                frame.1 as f64 / tensor.1 as f64,
            );
            let scale = match fit {
                Fit::ShortestSide(side) => {
                    let scale = frame.0.min(frame.1) as f64 / side as f64;
                    (scale, scale)
                }
                _ => scale,
            };
            for hot in [(1, 1), (cells[0] / 2, cells[1] / 2), (cells[0] - 2, 1)] {
                let (x, y) = peak(grid, (cells[0], cells[1]), hot, frame);
                let expected = (
                    (offset[1] + stride[1] * hot.0 as f64) * scale.0,
                    (offset[0] + stride[0] * hot.1 as f64) * scale.1,
                );
                let off = ((x - expected.0) / scale.0).hypot((y - expected.1) / scale.1);
                let of_224 = off * 224.0 / tensor.0.min(tensor.1) as f64;
                assert!(
                    of_224 <= 1.0,
                    "{} {frame:?} cell {hot:?}: ({x}, {y}), not {expected:?}",
                    file.display()
                );
            }
        }
    }
}

/// Middle, as shares of width and height, of what is hotter than half.
fn middle(picture: &Picture) -> (f64, f64) {
    let bright = picture
        .rgb
        .chunks_exact(3)
        .enumerate()
        .filter(|(_, rgb)| rgb[0] > 127);
    let (mut x, mut y, mut count) = (0.0, 0.0, 0.0);
    for (i, _) in bright {
        x += (i % picture.width) as f64 + 0.5;
        y += (i / picture.width) as f64 + 0.5;
        count += 1.0;
    }
    (
        x / count / picture.width as f64,
        y / count / picture.height as f64,
    )
}

#[test]
fn pictures_with_placed_heat_are_the_oracles() {
    common::init();
    let photos = photos();
    let mut seen = Vec::new();
    let files = networks().into_iter().filter(|file| !are_tokens(file));
    for file in files.collect::<Vec<_>>() {
        let network = open(&file);
        for photo in &photos {
            let fit = network.fit();
            let (width, height) = fit.size(photo.width, photo.height);
            let [offset, stride] = told(&file, &network.structure().features, (width, height));
            let Fit::ShortestSide(side) = fit else {
                panic!("{fit:?}");
            };
            let properties = format!("model={} placement=receptive-field", file.display());
            let settings = json!({
                "sight": {"offset": offset, "stride": stride},
                "side": side,
            });
            seen.push((photo, see(photo, &properties), settings, file.clone()));
        }
    }
    let cases: Vec<_> = seen
        .iter()
        .map(|(photo, seen, settings, _)| (*photo, seen, settings.clone()))
        .collect();
    for ((photo, seen, _, file), expected) in seen.iter().zip(&oracle(&cases)) {
        assert_alike(&file.display().to_string(), &seen.picture, expected, 1);
        let tiled = see(photo, &format!("model={}", file.display()));
        assert!(tiled.picture.rgb != seen.picture.rgb);
    }
}

#[test]
fn placed_heat_lies_the_same_however_frames_come() {
    common::init();
    let photo = Picture::load(&source("examples/media/coffee.png"));
    let properties = "placement=receptive-field blend=mask net=efficientnet-lite0";
    let upright = see(&photo, properties);
    let at = middle(&upright.picture);
    for (method, orientation) in [
        ("180", Orientation::HALF_TURN),
        ("horiz", Orientation::HORIZONTAL),
        ("vert", Orientation::VERTICAL),
    ] {
        let (width, height) = (photo.width, photo.height);
        let turned = Picture::from_fn(width, height, |x, y| {
            let x = if orientation.mirrored_x {
                width - 1 - x
            } else {
                x
            };
            let y = if orientation.mirrored_y {
                height - 1 - y
            } else {
                y
            };
            let at = 3 * (y * width + x);
            [0, 1, 2].map(|c| photo.rgb[at + c])
        });
        let seen = see(&turned, &format!("{properties} orientation={method}"));
        let mut found = middle(&seen.picture);
        if orientation.mirrored_x {
            found.0 = 1.0 - found.0;
        }
        if orientation.mirrored_y {
            found.1 = 1.0 - found.1;
        }
        assert!(
            (found.0 - at.0).abs() < 0.002 && (found.1 - at.1).abs() < 0.002,
            "{method}: {found:?} {at:?}"
        );
    }
}
