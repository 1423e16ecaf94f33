//! The demo's own input: a clip that pans and zooms over two photos.

use std::path::Path;

use gst::prelude::*;
use gst_video::prelude::*;

use camoverlay_programs::{Event, Failure, Next, find, launch, run};

const WIDTH: usize = 640;
const HEIGHT: usize = 480;
const RATE: u32 = 30;
/// Seconds each photo is shown, and of them how many it fades into the next one.
const SHOWN: f64 = 6.0;
const FADE: f64 = 0.8;

/// A decoded photo: RGB, rows without padding.
struct Photo {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

/// Writes a clip of `photos` (PNG files), one after the other, as H.264 in MP4.
///
/// # Errors
/// A photo that cannot be decoded, or a missing encoder.
pub fn make(photos: &[&Path], clip: &Path) -> Result<(), Failure> {
    let photos = photos
        .iter()
        .map(|path| read(path))
        .collect::<Result<Vec<_>, _>>()?;
    let partial = clip.with_extension("part");
    let pipeline = launch(
        "appsrc name=frames format=time block=true ! videoconvert ! video/x-raw,format=I420 \
         ! x264enc speed-preset=fast ! mp4mux faststart=true ! filesink name=file",
    )?;
    let info =
        gst_video::VideoInfo::builder(gst_video::VideoFormat::Rgb, WIDTH as u32, HEIGHT as u32)
            .fps(gst::Fraction::new(RATE as i32, 1))
            .build()?;
    let frames = find::<gst_app::AppSrc>(&pipeline, "frames")?;
    frames.set_caps(Some(&info.to_caps()?));
    find::<gst::Element>(&pipeline, "file")?.set_property("location", &partial);
    pipeline.set_state(gst::State::Playing)?;

    let count = (photos.len() as f64 * SHOWN * f64::from(RATE)) as u64;
    for n in 0..count {
        let mut buffer = gst::Buffer::from_mut_slice(frame(&photos, n as f64 / f64::from(RATE)));
        if let Some(buffer) = buffer.get_mut() {
            let period = gst::ClockTime::SECOND;
            buffer.set_pts(period.mul_div_floor(n, u64::from(RATE)));
            buffer.set_duration(period.mul_div_floor(1, u64::from(RATE)));
        }
        if frames.push_buffer(buffer).is_err() {
            break; // the bus says why
        }
    }
    let _ = frames.end_of_stream();
    run(&pipeline, None, |event| match event {
        Event::Interrupted => Err("Interrupted.".into()),
        Event::Message(_) | Event::Stalled(_) | Event::Tick => Ok(Next::Continue),
    })?;
    std::fs::rename(partial, clip)?;
    Ok(())
}

fn read(path: &Path) -> Result<Photo, Failure> {
    let pipeline = launch(
        "filesrc name=file ! pngdec ! videoconvert ! video/x-raw,format=RGB ! appsink name=picture",
    )?;
    find::<gst::Element>(&pipeline, "file")?.set_property("location", path);
    let picture = find::<gst_app::AppSink>(&pipeline, "picture")?;
    pipeline.set_state(gst::State::Playing)?;
    let sample = picture
        .pull_sample()
        .map_err(|_| format!("{} cannot be decoded.", path.display()));
    pipeline.set_state(gst::State::Null)?;
    let sample = sample?;
    let (Some(buffer), Some(caps)) = (sample.buffer(), sample.caps()) else {
        return Err(format!("{} holds no picture.", path.display()).into());
    };
    let info = gst_video::VideoInfo::from_caps(caps)?;
    let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, &info)?;
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    let rows = frame
        .plane_data(0)?
        .chunks(frame.plane_stride()[0] as usize);
    let rgb = rows
        .take(height)
        .flat_map(|row| &row[..3 * width])
        .copied()
        .collect();
    Ok(Photo { width, height, rgb })
}

/// The frame at `time` seconds: the photo's turn, faded into the next one's at its end.
fn frame(photos: &[Photo], time: f64) -> Vec<u8> {
    let turn = ((time / SHOWN) as usize).min(photos.len() - 1);
    let into = time - turn as f64 * SHOWN;
    let mut rgb = view(&photos[turn], into / SHOWN);
    let faded = (into - (SHOWN - FADE)) / FADE;
    if let Some(next) = photos.get(turn + 1).filter(|_| faded > 0.0) {
        for (a, b) in rgb.iter_mut().zip(view(next, 0.0)) {
            *a = (f64::from(*a) * (1.0 - faded) + f64::from(b) * faded).round() as u8;
        }
    }
    rgb
}

/// What the moving window sees of `photo` when `progress` (0..1) of its turn is over: it starts at the whole
/// picture, closes in while it circles, and opens again. Bilinear.
fn view(photo: &Photo, progress: f64) -> Vec<u8> {
    let turn = progress * std::f64::consts::TAU;
    let zoom = 1.0 + 0.4 * (1.0 - turn.cos()) / 2.0;
    let (width, height) = (photo.width as f64, photo.height as f64);
    let scale = (width / WIDTH as f64).min(height / HEIGHT as f64) / zoom; // photo pixels a frame pixel
    let (seen_x, seen_y) = (scale * WIDTH as f64, scale * HEIGHT as f64);
    let left = (width - seen_x) * (0.5 + 0.5 * (2.0 * turn).sin());
    let top = (height - seen_y) * (0.5 + 0.5 * turn.sin());
    let taps = |start: f64, n: usize, length: usize| -> Vec<(usize, usize, f64)> {
        let last = length - 1;
        (0..n)
            .map(|i| {
                let at = (start + (i as f64 + 0.5) * scale - 0.5).clamp(0.0, last as f64);
                (at as usize, (at as usize + 1).min(last), at.fract())
            })
            .collect()
    };
    let columns = taps(left, WIDTH, photo.width);
    let mut rgb = Vec::with_capacity(3 * WIDTH * HEIGHT);
    for (above, below, down) in taps(top, HEIGHT, photo.height) {
        for &(before, after, right) in &columns {
            for channel in 0..3 {
                let at =
                    |y: usize, x: usize| f64::from(photo.rgb[3 * (y * photo.width + x) + channel]);
                let upper = at(above, before) * (1.0 - right) + at(above, after) * right;
                let lower = at(below, before) * (1.0 - right) + at(below, after) * right;
                rgb.push((upper * (1.0 - down) + lower * down).round() as u8);
            }
        }
    }
    rgb
}
