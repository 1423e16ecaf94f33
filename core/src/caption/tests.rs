//! Captions on frames of every layout. Nothing here depends on which fonts there are.

use super::*;
use crate::frame::{Component, Depth, Encoding, Layout, Matrix, Range, Samples};
use crate::frame::{Orientation, Presentation};
use crate::render::tests::{PACKED, Y_CB_CR};

const LINES: [(&str, f32); 3] = [
    ("Egyptian cat", 0.617),
    ("埃及猫", 0.234),
    ("قط مصري", 0.0651),
];

/// A caption of `lines`, the first marked, drawn on a frame of one gray value, and that frame as
/// its RGB pixels, row by row.
fn gray_frame(width: usize, height: usize, gray: u8, lines: &[(&str, f32)]) -> Vec<[u8; 3]> {
    let layout = Layout::RGB;
    let mut caption = Caption::new(&Geometry {
        layout,
        width,
        height,
    });
    caption.set_lines(lines.iter().copied(), Some(0));
    let mut data = vec![gray; width * height * 3];
    let plane = PlaneMut {
        data: &mut data,
        stride: width * 3,
    };
    caption.draw(&mut [plane]);
    data.as_chunks().0.to_vec()
}

/// Left, top, right and bottom of the pixels that two frames of `width` do not share.
fn difference(a: &[[u8; 3]], b: &[[u8; 3]], width: usize) -> Option<[usize; 4]> {
    let places = (0..a.len()).filter(|&i| a[i] != b[i]);
    let edges = places.map(|i| [i % width, i / width, i % width, i / width]);
    edges.reduce(|a, b| {
        [
            a[0].min(b[0]),
            a[1].min(b[1]),
            a[2].max(b[2]),
            a[3].max(b[3]),
        ]
    })
}

#[test]
fn letters_and_plate_lie_in_the_upper_left_corner() {
    for (width, height) in [
        (160, 120),
        (641, 481),
        (1920, 1080),
        (1080, 1920),
        (400, 61),
    ] {
        let plain = vec![[200; 3]; width * height];
        let drawn = gray_frame(width, height, 200, &LINES);
        let size = (width.min(height) / 30).max(10);
        let [left, top, right, bottom] = difference(&plain, &drawn, width).unwrap();
        assert!(
            left.abs_diff(size / 2) <= 2 && top.abs_diff(size / 2) <= 2,
            "{left} {top}"
        );
        assert!(
            right < width.min(30 * size) && bottom < 6 * size,
            "{right} {bottom}"
        );
        assert!(drawn.iter().all(|[r, g, b]| r == g && g == b));
        let brightest = drawn.iter().max().unwrap();
        let darkest = drawn.iter().min().unwrap();
        assert!(
            brightest[0] > 230 && darkest[0] == 60,
            "{brightest:?} {darkest:?}"
        );
    }
}

#[test]
fn every_layout_shows_the_same_and_keeps_what_is_no_channel() {
    let (width, height) = (173, 95);
    let expected = gray_frame(width, height, 90, &LINES);
    for layout in PACKED {
        let Layout::Packed(order) = layout else {
            unreachable!("all of them are packed");
        };
        let (bytes, [r, g, b]) = (order.bytes(), order.offsets());
        let mut caption = Caption::new(&Geometry {
            layout,
            width,
            height,
        });
        caption.set_lines(LINES, Some(0));
        let stride = width * bytes + 5;
        // The last row ends with its pixels.
        let mut data = vec![33; stride * (height - 1) + width * bytes];
        for row in data.chunks_mut(stride) {
            for pixel in row[..width * bytes].chunks_exact_mut(bytes) {
                (pixel[r], pixel[g], pixel[b]) = (90, 90, 90);
            }
        }
        caption.draw(&mut [PlaneMut {
            data: &mut data,
            stride,
        }]);
        for (row, expected) in data.chunks(stride).zip(expected.chunks_exact(width)) {
            let (pixels, padding) = row.split_at(width * bytes);
            for (pixel, expected) in pixels.chunks_exact(bytes).zip(expected) {
                assert_eq!([pixel[r], pixel[g], pixel[b]], *expected);
                assert!((0..bytes).all(|i| [r, g, b].contains(&i) || pixel[i] == 33));
            }
            assert!(padding.iter().all(|&byte| byte == 33));
        }
    }
}

#[test]
fn planes_of_colours_show_the_same() {
    let (width, height) = (173, 95);
    let mut caption = Caption::new(&Geometry {
        layout: Layout::GBR,
        width,
        height,
    });
    caption.set_lines(LINES, Some(0));
    let mut data = vec![vec![90; width * height]; 3];
    let planes = data.iter_mut();
    let mut planes: Vec<_> = planes
        .map(|data| PlaneMut {
            data,
            stride: width,
        })
        .collect();
    caption.draw(&mut planes);
    let expected = gray_frame(width, height, 90, &LINES);
    assert!(expected.iter().map(|[r, ..]| r).eq(&data[0]));
    assert!(data[1] == data[0] && data[2] == data[0]);
}

/// A frame of 16-bit samples, or of bytes, in up to three planes with a few bytes between rows.
struct Frame {
    samples: Samples,
    stride: usize,
    data: [Vec<u8>; 3],
}

impl Frame {
    const FILL: u8 = 0x40;

    fn new(samples: Samples, width: usize, height: usize) -> Self {
        // Enough for pairs of 16-bit samples, and for two packed bytes a pixel.
        let stride = 2 * width.next_multiple_of(2) + 6;
        Self {
            samples,
            stride,
            data: std::array::from_fn(|_| vec![Self::FILL; stride * height]),
        }
    }

    fn bytes(&mut self, component: Component, x: usize, y: usize) -> &mut [u8] {
        let size = self.samples.depth.bytes();
        let at = y * self.stride + (component.offset + x * component.step) * size;
        &mut self.data[component.plane][at..][..size]
    }

    fn shift(&self) -> u32 {
        match self.samples.depth {
            Depth::TenHigh => 6,
            Depth::Eight | Depth::TenLow => 0,
        }
    }

    fn set(&mut self, component: Component, (x, y): (usize, usize), value: u16) {
        let value = value << self.shift();
        let bytes = self.bytes(component, x, y);
        bytes.copy_from_slice(&value.to_le_bytes()[..bytes.len()]);
    }

    /// Takes a sample and leaves what the frame was filled with.
    fn take(&mut self, component: Component, (x, y): (usize, usize)) -> f64 {
        let shift = self.shift();
        let bytes = self.bytes(component, x, y);
        let high = bytes.get(1).copied().unwrap_or(0);
        let value = u16::from_le_bytes([bytes[0], high]);
        bytes.fill(Self::FILL);
        assert_eq!(value >> shift << shift, value);
        f64::from(value >> shift)
    }
}

/// Each pixel keeps a part of the frame and adds white; from two gray frames it is known how much.
#[test]
fn luma_and_chroma_show_the_same() {
    let (width, height) = (173, 95);
    let black = gray_frame(width, height, 0, &LINES);
    let white = gray_frame(width, height, 255, &LINES);
    let added = |at: usize| f64::from(black[at][0]) / 255.0;
    let kept = |at: usize| f64::from(white[at][0] - black[at][0]) / 255.0;
    let ranges = [Range::Limited, Range::Full];
    for (samples, range) in Y_CB_CR.into_iter().flat_map(|s| ranges.map(|r| (s, r))) {
        let mut caption = Caption::new(&Geometry {
            layout: Layout::YCbCr {
                samples,
                encoding: Encoding {
                    matrix: Matrix::Bt709,
                    range,
                },
            },
            width,
            height,
        });
        caption.set_lines(LINES, Some(0));
        let unit = match samples.depth {
            Depth::Eight => 1.0,
            Depth::TenLow | Depth::TenHigh => 4.0,
        };
        let (low, span) = match (range, unit) {
            (Range::Limited, _) => (16.0 * unit, 219.0 * unit),
            (Range::Full, 1.0) => (0.0, 255.0),
            (Range::Full, _) => (0.0, 1023.0),
        };
        let (neutral, luma, colour) = (128.0 * unit, 90.0 * unit, 90.0 * unit);
        let near = |value: f64, expected: f64| (value - expected).abs() <= 1.1 * unit;

        let mut frame = Frame::new(samples, width, height);
        let filled = frame.data.clone();
        let places = |width, height| (0..height).flat_map(move |y| (0..width).map(move |x| (x, y)));
        for place in places(width, height) {
            frame.set(samples.y, place, luma as u16);
        }
        let chroma = samples.chroma.map(|chroma| {
            let (columns, rows) = chroma.size(width, height);
            for place in places(columns, rows) {
                frame.set(chroma.cb, place, colour as u16);
                frame.set(chroma.cr, place, colour as u16);
            }
            (chroma, columns, rows)
        });

        let stride = frame.stride;
        let planes = frame.data.iter_mut();
        let mut planes: Vec<_> = planes.map(|data| PlaneMut { data, stride }).collect();
        caption.draw(&mut planes);

        for (x, y) in places(width, height) {
            let at = y * width + x;
            let expected = low + (luma - low) * kept(at) + span * added(at);
            let value = frame.take(samples.y, (x, y));
            let same = kept(at) < 1.0 || value == luma;
            assert!(
                same && near(value, expected),
                "{samples:?} {x} {y}: {value} {expected}"
            );
        }
        if let Some((chroma, columns, rows)) = chroma {
            let (across, down) = (
                1 + usize::from(chroma.halved_x),
                1 + usize::from(chroma.halved_y),
            );
            for (x, y) in places(columns, rows) {
                let pixels = places(across, down).map(|(i, j)| (x * across + i, y * down + j));
                let inside = pixels.filter(|&(x, y)| x < width && y < height);
                let kept: Vec<f64> = inside.map(|(x, y)| kept(y * width + x)).collect();
                let kept = kept.iter().sum::<f64>() / kept.len() as f64;
                let expected = neutral + (colour - neutral) * kept;
                for component in [chroma.cb, chroma.cr] {
                    let value = frame.take(component, (x, y));
                    let same = kept < 1.0 || value == colour;
                    assert!(
                        same && near(value, expected),
                        "{samples:?} {x} {y}: {value} {expected}"
                    );
                }
            }
        }
        assert!(frame.data == filled, "{samples:?}: what is no sample stays");
    }
}

#[test]
fn frames_without_room_stay_as_they_are() {
    for (width, height) in [
        (1, 1),
        (8, 8),
        (9, 7),
        (1, 500),
        (500, 1),
        (40, 40),
        (16, 200),
    ] {
        let drawn = gray_frame(width, height, 7, &LINES);
        assert!(
            drawn.iter().all(|&pixel| pixel == [7; 3]),
            "{width} x {height}"
        );
    }
    for (width, height) in [(97, 51), (101, 49), (1025, 47)] {
        let plain = vec![[7; 3]; width * height];
        assert!(difference(&plain, &gray_frame(width, height, 7, &LINES), width).is_some());
    }
}

#[test]
fn every_size_draws_inside_the_frame() {
    for width in 1..140 {
        for height in [1, 20, 23, 24, 47, 60] {
            gray_frame(width, height, 7, &LINES);
        }
    }
}

#[test]
fn a_long_label_leaves_the_score_visible() {
    let (width, height) = (320, 240);
    for word in ["constrictor ", "埃及猫", "قط مصري "] {
        let label = word.repeat(200);
        let drawn = |score| gray_frame(width, height, 7, &[(&label, score)]);
        let [left, _, right, _] = difference(&drawn(0.11), &drawn(0.88), width).unwrap();
        let plain = vec![[7; 3]; width * height];
        let [plate_left, _, plate_right, _] = difference(&plain, &drawn(0.11), width).unwrap();
        assert!(right - left < 30, "{word}: only digits differ");
        let at_the_end = plate_right - right < 12 || left - plate_left < 30;
        assert!(at_the_end && plate_right < width - 4, "{word}");
    }
}

#[test]
fn labels_are_plain_text() {
    let drawn = |label| gray_frame(320, 240, 7, &[(label, 0.5)]);
    assert_eq!(drawn("a\nb\tc\u{2029}d\0"), drawn("a b c d"));
    assert_eq!(drawn(" \n"), drawn(""));
    assert_ne!(drawn("<b>a</b>"), drawn("a"));
    assert_ne!(drawn("&amp;"), drawn("&"));
    for label in [
        "\u{202e}abc",
        "\u{2067}",
        "e\u{301}\u{301}\u{301}",
        "\u{200d}\u{fe0f}🐱",
    ] {
        drawn(label);
    }
    drawn(&"x\u{301}".repeat(1_000_000));
}

#[test]
fn the_marked_line_is_drawn_even_when_there_is_room_for_few() {
    let (width, height) = (160, 120);
    let mut caption = Caption::new(&Geometry {
        layout: Layout::RGB,
        width,
        height,
    });
    let mut frame_with = |last: f32| {
        let lines = (0..100).map(|i| ("cat", if i == 99 { last } else { 0.5 }));
        caption.set_lines(lines, Some(99));
        let mut data = vec![7; width * height * 3];
        caption.draw(&mut [PlaneMut {
            data: &mut data,
            stride: width * 3,
        }]);
        data
    };
    assert_ne!(frame_with(0.11), frame_with(0.22));
}

#[test]
fn text_is_set_only_when_it_changes() {
    let mut caption = Caption::new(&Geometry {
        layout: Layout::RGB,
        width: 320,
        height: 240,
    });
    assert!(!caption.set_lines([], None));
    assert!(caption.set_lines(LINES, Some(0)));
    let masks = caption.masks.as_ptr();
    assert!(!caption.set_lines(LINES, Some(0)));
    // The same to two decimals.
    assert!(!caption.set_lines(LINES.map(|(label, score)| (label, score + 0.0009)), Some(0)));
    assert_eq!(caption.masks.as_ptr(), masks);
    assert!(caption.set_lines(LINES, Some(1)));
    assert!(caption.set_lines(LINES.map(|(label, score)| (label, score + 0.01)), Some(1)));
    assert!(caption.set_lines(LINES[..2].iter().copied(), Some(1)));
    assert!(caption.set_lines([], None));
    assert!(caption.masks.is_empty());
    for score in [f32::NAN, f32::INFINITY, -1.0] {
        caption.set_lines([("cat", score)], None);
    }
}

#[test]
fn scores_that_change_look_as_if_they_had_never_been_others() {
    let (width, height) = (640, 480);
    let y_cb_cr = Y_CB_CR.map(|samples| Layout::YCbCr {
        samples,
        encoding: Encoding {
            matrix: Matrix::Bt601,
            range: Range::Limited,
        },
    });
    let lines = |i: usize| {
        let scores =
            [i * 37 % 101, i * 59 % 101, i / 2 % 101].map(|percent| percent as f32 / 100.0);
        let labels = ["Egyptian cat", "قط مصري", ""];
        std::array::from_fn::<_, 3, _>(|line| (labels[line], scores[line]))
    };
    for layout in PACKED.into_iter().chain(y_cb_cr) {
        let geometry = Geometry {
            layout,
            width,
            height,
        };
        let drawn = |caption: &Caption| {
            let mut data: [Vec<u8>; 3] = std::array::from_fn(|_| vec![0x42; 4 * width * height]);
            let stride = 4 * width;
            caption.draw(&mut data.each_mut().map(|data| PlaneMut { data, stride }));
            data
        };
        let mut kept = Caption::new(&geometry);
        for i in 0..12 {
            let mut fresh = Caption::new(&geometry);
            kept.set_lines(lines(i), Some(i / 6));
            fresh.set_lines(lines(i), Some(i / 6));
            assert!(drawn(&kept) == drawn(&fresh), "{layout:?} {i}");
        }
    }
}

#[test]
fn a_caption_may_change_threads() {
    fn sendable<T: Send>(_: &T) {}
    sendable(&Caption::new(&Geometry {
        layout: Layout::RGB,
        width: 1,
        height: 1,
    }));
}

/// A gray frame whose picture is `shown`, upright, with a caption, turned upright.
fn shown_frame(width: usize, height: usize, presentation: Presentation) -> Vec<[u8; 3]> {
    let lines = [("Egyptian cat", 0.62), ("tabby", 0.2), ("lynx", 0.05)];
    let orientation = presentation.orientation;
    let mut data = vec![128; width * height * 3];
    let mut caption = Caption::presented(
        &Geometry {
            layout: Layout::RGB,
            width,
            height,
        },
        &presentation,
    );
    // Scores are put in anew as they change.
    caption.set_lines(lines.map(|(label, _)| (label, 0.5)), Some(0));
    caption.set_lines(lines, Some(0));
    caption.draw(&mut [PlaneMut {
        data: &mut data,
        stride: width * 3,
    }]);
    let (pixels, _) = data.as_chunks::<3>();
    let mut upright = vec![[0; 3]; width * height];
    for (i, pixel) in pixels.iter().enumerate() {
        let (x, y) = orientation.upright((i % width, i / width), (width, height));
        upright[y * orientation.sides((width, height)).0 + x] = *pixel;
    }
    upright
}

#[test]
fn captions_are_upright_once_the_frame_is_turned() {
    let plain = shown_frame(240, 160, Presentation::default());
    assert!(plain.iter().any(|pixel| *pixel != [128; 3]));
    for orientation in Orientation::ALL {
        let (width, height) = orientation.sides((240, 160));
        let presentation = Presentation {
            orientation,
            ..Presentation::default()
        };
        let turned = shown_frame(width, height, presentation);
        assert!(turned == plain, "{orientation:?}");
    }
}

#[test]
fn captions_on_oblong_pixels_are_as_wide_as_on_square_ones() {
    let edges = |frame: &[[u8; 3]], width: usize| {
        let blank = vec![[128; 3]; frame.len()];
        difference(frame, &blank, width).unwrap()
    };
    let square = shown_frame(480, 320, Presentation::default());
    let [left, top, right, bottom] = edges(&square, 480);
    for orientation in Orientation::ALL {
        let (width, height) = orientation.sides((240, 320));
        let presentation = Presentation {
            orientation,
            pixel_aspect: orientation.sides((2, 1)),
            ..Presentation::default()
        };
        let narrow = shown_frame(width, height, presentation);
        let actual = edges(&narrow, 240);
        let expected = [left / 2, top, right.div_ceil(2), bottom];
        for (actual, expected) in actual.into_iter().zip(expected) {
            assert!(
                actual.abs_diff(expected) <= 2,
                "{orientation:?} {actual} {expected}"
            );
        }
    }
}

#[test]
fn captions_stay_inside_frames_of_every_size_and_presentation() {
    for orientation in Orientation::ALL {
        for pixel_aspect in [(1, 1), (2, 1), (1, 2), (64, 45), (1, 1000), (1000, 1)] {
            for (width, height) in [
                (1, 1),
                (1, 700),
                (700, 1),
                (35, 87),
                (101, 63),
                (333, 111),
                (640, 3),
            ] {
                let presentation = Presentation {
                    orientation,
                    pixel_aspect,
                    ..Presentation::default()
                };
                shown_frame(width, height, presentation);
            }
        }
    }
}

#[test]
fn what_cannot_be_set_leaves_the_frame_as_it_is_and_the_other_labels_are_set() {
    let accents = "\u{301}".repeat(2048);
    let ligatures = "\u{fdfa}".repeat(1365);
    let flags = "🏳️‍🌈".repeat(290);
    let overrides = "\u{202e}a\u{2066}".repeat(580);
    let odd = "\u{ffff}\u{fffe}\u{10ffff}\u{1}\u{7f}\t\u{2028}".repeat(250);
    let (width, height) = (640, 480);
    let plain = gray_frame(width, height, 200, &[]);
    for label in [&accents, &ligatures, &flags, &overrides, &odd] {
        for (width, height) in [(1, 1), (30, 17), (31, 400), (width, height)] {
            gray_frame(width, height, 200, &[(label, 0.5)]);
        }
        let beside = gray_frame(width, height, 200, &[(label, 0.5), ("tabby", 0.3)]);
        let [left, top, right, _] = difference(&plain, &beside, width).unwrap();
        assert!(left < 20 && top < 20 && right < width - 8, "{right}");
    }
}

#[test]
fn a_legend_has_a_line_of_each_colour_below_the_one_before() {
    let (width, height) = (320, 240);
    let colours = [[86, 180, 233], [230, 159, 0]];
    for layout in [Layout::RGB, Layout::BGRX] {
        let geometry = Geometry {
            layout,
            width,
            height,
        };
        let Layout::Packed(order) = layout else {
            panic!("{layout:?}");
        };
        let mut captions =
            colours.map(|rgb| Caption::coloured(&geometry, &Presentation::default(), rgb));
        captions[0].set_lines([("espresso", 0.5)], None);
        let (above, below) = captions.split_at_mut(1);
        assert!(below[0].put_below(&above[0]));
        below[0].set_lines([("cup", 0.25)], None);
        assert!(!below[0].put_below(&above[0]));
        // The rows in which a colour is as strong as letters are.
        let rows = [0, 1].map(|number: usize| {
            let mut data = vec![0; width * height * order.bytes()];
            let stride = width * order.bytes();
            captions[number].draw(&mut [PlaneMut {
                data: &mut data,
                stride,
            }]);
            let [r, g, b] = order.offsets();
            let is_letter = |pixel: &[u8]| {
                let found = [pixel[r], pixel[g], pixel[b]];
                found.iter().zip(colours[number]).all(|(a, b)| {
                    // Letters of lines that are not marked are a little transparent.
                    f64::from(*a) >= 0.8 * f64::from(b) && *a <= b
                })
            };
            let lines = data.chunks_exact(stride).enumerate();
            let lines = lines.filter(|(_, row)| row.chunks_exact(order.bytes()).any(is_letter));
            lines.map(|(y, _)| y).collect::<Vec<usize>>()
        });
        assert!(!rows[0].is_empty() && !rows[1].is_empty(), "{layout:?}");
        assert!(rows[0].iter().max() < rows[1].iter().min(), "{layout:?}");
    }
}
