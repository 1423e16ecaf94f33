//! Moments of a stream of unknown length, evenly spread: what the table and the contact sheet show.

use std::path::Path;

use gst_video::prelude::*;

use camoverlay_programs::Failure;

/// Moments shown in the end.
const SHOWN: usize = 6;
/// Width and height, in pixels, that a small picture fits in.
const CELL: usize = 320;

/// A small picture: RGB, rows without padding.
pub struct Picture {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

/// One frame before and after, and the classes seen in it: label and score (0..1), the likeliest first.
pub struct Moment {
    pub time: gst::ClockTime,
    pub top: Vec<(String, f64)>,
    pub original: Picture,
    pub overlay: Picture,
}

/// Keeps every n-th moment, n doubling whenever there are too many.
pub struct Moments {
    step: u64,
    kept: Vec<Moment>,
}

impl Picture {
    /// `buffer`, a frame with `caps`, scaled down to fit a cell.
    pub fn small(buffer: &gst::BufferRef, caps: &gst::CapsRef) -> Result<Self, Failure> {
        let info = gst_video::VideoInfo::from_caps(caps)?;
        let (par_n, par_d) = (f64::from(info.par().numer()), f64::from(info.par().denom()));
        let (width, height) = (
            f64::from(info.width()) * par_n / par_d,
            f64::from(info.height()),
        );
        let scale = CELL as f64 / width.max(height);
        let small = |length: f64| (length * scale).round().max(1.0) as u32;
        let small_info =
            gst_video::VideoInfo::builder(gst_video::VideoFormat::Rgb, small(width), small(height))
                .fps(info.fps())
                .interlace_mode(info.interlace_mode())
                .build()?;
        let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, &info)?;
        let mut target = gst_video::VideoFrame::from_buffer_writable(
            gst::Buffer::with_size(small_info.size())?,
            &small_info,
        )
        .map_err(|_| "A small picture cannot be written.")?;
        let converter = gst_video::VideoConverter::new(&info, &small_info, None)?;
        converter.frame_ref(&frame, &mut target.as_mut_video_frame_ref());
        let (width, height) = (target.width() as usize, target.height() as usize);
        let rows = target
            .plane_data(0)?
            .chunks(target.plane_stride()[0] as usize);
        let rgb = rows
            .take(height)
            .flat_map(|row| &row[..3 * width])
            .copied()
            .collect();
        Ok(Self { width, height, rgb })
    }
}

impl Default for Moments {
    fn default() -> Self {
        Self {
            step: 1,
            kept: Vec::new(),
        }
    }
}

impl Moments {
    /// Whether frame `n` of the stream is to be kept.
    pub fn wants(&self, n: u64) -> bool {
        n.is_multiple_of(self.step)
    }

    pub fn keep(&mut self, moment: Moment) {
        self.kept.push(moment);
        if self.kept.len() == 4 * SHOWN {
            let mut n = 0;
            self.kept.retain(|_| {
                n += 1;
                n % 2 == 1
            });
            self.step *= 2;
        }
    }

    /// At most six of them, from the first to the last.
    pub fn shown(&self) -> Vec<&Moment> {
        let last = self.kept.len().saturating_sub(1);
        let count = self.kept.len().min(SHOWN);
        (0..count)
            .map(|i| &self.kept[i * last / (count - 1).max(1)])
            .collect()
    }
}

/// Writes the contact sheet, a PNG: originals above overlays, one column a moment.
pub fn write_sheet(moments: &[&Moment], path: &Path) -> Result<(), Failure> {
    let size = |length: fn(&Picture) -> usize| {
        moments
            .iter()
            .map(|m| length(&m.original))
            .max()
            .unwrap_or(1)
    };
    let (cell_width, cell_height) = (size(|p| p.width), size(|p| p.height));
    let (width, height) = (cell_width * moments.len().max(1), 2 * cell_height);
    let info =
        gst_video::VideoInfo::builder(gst_video::VideoFormat::Rgb, width as u32, height as u32)
            .build()?;
    let stride = info.stride()[0] as usize;
    let mut sheet = vec![0; info.size()];
    for (column, moment) in moments.iter().enumerate() {
        for (row, picture) in [&moment.original, &moment.overlay].into_iter().enumerate() {
            let start = row * cell_height * stride + 3 * column * cell_width;
            for (y, line) in picture
                .rgb
                .chunks(3 * picture.width)
                .enumerate()
                .take(cell_height)
            {
                let line = &line[..3 * picture.width.min(cell_width)];
                sheet[start + y * stride..][..line.len()].copy_from_slice(line);
            }
        }
    }
    let sample = gst::Sample::builder()
        .buffer(&gst::Buffer::from_slice(sheet))
        .caps(&info.to_caps()?)
        .build();
    let png = gst::Caps::builder("image/png").build();
    let encoded = gst_video::convert_sample(&sample, &png, Some(gst::ClockTime::from_seconds(30)))?;
    let buffer = encoded
        .buffer()
        .ok_or("The contact sheet cannot be encoded.")?;
    std::fs::write(path, &*buffer.map_readable()?)?;
    Ok(())
}
