//! Captions on frames of every packed layout. Nothing here depends on which fonts there are.

use super::*;
use crate::picture::view::{Encoding, Layout, Matrix, Range, Samples};

const LAYOUTS: [Layout; 6] = [
    Layout::RGB,
    Layout::BGR,
    Layout::RGBX,
    Layout::BGRX,
    Layout::XRGB,
    Layout::XBGR,
];

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
            brightest[0] > 230 && darkest[0] == 80,
            "{brightest:?} {darkest:?}"
        );
    }
}

#[test]
fn every_layout_shows_the_same_and_keeps_what_is_no_channel() {
    let (width, height) = (173, 95);
    let expected = gray_frame(width, height, 90, &LINES);
    for layout in LAYOUTS {
        let Layout::Packed { bytes, r, g, b } = layout else {
            continue;
        };
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
fn luma_shows_the_same_and_chroma_fades() {
    let (width, height) = (173, 95);
    let expected = gray_frame(width, height, 90, &LINES);
    let encoding = Encoding {
        matrix: Matrix::Bt709,
        range: Range::Full,
    };
    let half = width.div_ceil(2);
    // The bytes of a row of each plane, and which bytes of the first are luma.
    for (samples, strides, step, offset) in [
        (Samples::I420, &[width, half, half][..], 1, 0),
        (Samples::NV12, &[width, 2 * half], 1, 0),
        (Samples::YUY2, &[4 * half], 2, 0),
        (Samples::UYVY, &[4 * half], 2, 1),
        (Samples::GRAY8, &[width], 1, 0),
    ] {
        let mut caption = Caption::new(&Geometry {
            layout: Layout::YCbCr { samples, encoding },
            width,
            height,
        });
        caption.set_lines(LINES, Some(0));
        let mut data: Vec<Vec<u8>> = strides.iter().map(|s| vec![90; s * height]).collect();
        let planes = data.iter_mut().zip(strides);
        let mut planes: Vec<_> = planes
            .map(|(data, &stride)| PlaneMut { data, stride })
            .collect();
        caption.draw(&mut planes);

        let luma_rows = data[0].chunks_exact(strides[0]);
        for (row, expected) in luma_rows.zip(expected.chunks_exact(width)) {
            let luma = row.iter().skip(offset).step_by(step);
            assert!(luma.zip(expected).all(|(luma, [gray, ..])| luma == gray));
        }
        let chroma: Vec<u8> = match step {
            1 => data[1..].concat(),
            _ => data[0]
                .iter()
                .skip(1 - offset)
                .step_by(2)
                .copied()
                .collect(),
        };
        assert!(chroma.iter().all(|v| (90..=128).contains(v)));
        let faded = chroma.iter().filter(|v| **v > 105).count();
        assert!(
            faded > 100 || samples.chroma.is_none(),
            "{samples:?} {faded}"
        );
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
    let stamps = caption.stamps.as_ptr();
    assert!(!caption.set_lines(LINES, Some(0)));
    // The same to two decimals.
    assert!(!caption.set_lines(LINES.map(|(label, score)| (label, score + 0.0009)), Some(0)));
    assert_eq!(caption.stamps.as_ptr(), stamps);
    assert!(caption.set_lines(LINES, Some(1)));
    assert!(caption.set_lines(LINES.map(|(label, score)| (label, score + 0.01)), Some(1)));
    assert!(caption.set_lines(LINES[..2].iter().copied(), Some(1)));
    assert!(caption.set_lines([], None));
    assert!(caption.stamps.is_empty());
    for score in [f32::NAN, f32::INFINITY, -1.0] {
        caption.set_lines([("cat", score)], None);
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
