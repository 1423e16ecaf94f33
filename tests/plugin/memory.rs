//! Frames as they may lie in memory, and frames whose memory is not what it should be.

use crate::common;

use crate::common::meta;
use gst::prelude::*;
use gst_video::{VideoFormat, VideoInfo, VideoMeta};

fn info(format: VideoFormat, width: usize, height: usize) -> VideoInfo {
    common::init();
    common::info(format, width, height)
}

fn noise(bytes: usize) -> Vec<u8> {
    (0..bytes as u32)
        .map(|i| (i.wrapping_mul(0x9e37_79b9) >> 24) as u8)
        .collect()
}

/// Says where the planes of `buffer` lie.
fn describe(buffer: &mut gst::Buffer, info: &VideoInfo, offsets: &[usize], strides: &[i32]) {
    let buffer = buffer.get_mut().unwrap();
    let flags = gst_video::VideoFrameFlags::empty();
    VideoMeta::add_full(
        buffer,
        flags,
        info.format(),
        info.width(),
        info.height(),
        offsets,
        strides,
    )
    .unwrap();
}

/// What the pipeline says of `buffer`, which cannot be explained.
fn error_of(info: &VideoInfo, buffer: gst::Buffer) -> String {
    let mut harness = common::harness("camoverlay", info);
    let bus = gst::Bus::new();
    harness.element().unwrap().set_bus(Some(&bus));
    assert_eq!(harness.push(buffer), Err(gst::FlowError::Error));
    let message = bus
        .pop_filtered(&[gst::MessageType::Error])
        .expect("an error");
    let gst::MessageView::Error(error) = message.view() else {
        unreachable!()
    };
    assert!(error.error().kind::<gst::StreamError>() == Some(gst::StreamError::Failed));
    error.error().message().to_string()
}

#[test]
fn a_gray_frame_without_padding_is_told_what_it_lacks() {
    let info = info(VideoFormat::Gray8, 30, 30);
    assert_eq!(
        error_of(&info, gst::Buffer::from_mut_slice(noise(900))),
        "A frame has 900 bytes, but 30 x 30 pixels of GRAY8 in rows of 32 bytes need 960. Make the element before \
         camoverlay send what its caps say: rows are padded to a multiple of 4 bytes unless a GstVideoMeta says otherwise."
    );
    let mut tight = gst::Buffer::from_mut_slice(noise(900));
    describe(&mut tight, &info, &[0], &[30]);
    let mut harness = common::harness("camoverlay", &info);
    harness.push(tight).unwrap();
    meta(&harness.pull().unwrap());
}

#[test]
fn frames_of_all_kinds_that_are_too_short_are_told_so() {
    for format in [
        VideoFormat::Nv12,
        VideoFormat::I420,
        VideoFormat::Rgb,
        VideoFormat::P01010le,
    ] {
        let info = info(format, 50, 38);
        for bytes in [0, 1, info.size() / 2, info.size() - 1] {
            let words =
                format!("A frame has {bytes} bytes, but 50 x 38 pixels of {format} in rows");
            let plain = error_of(&info, gst::Buffer::from_mut_slice(noise(bytes)));
            assert!(plain.starts_with(&words), "{plain}");
            assert!(plain.contains(&format!("need {}.", info.size())), "{plain}");
            let mut described = gst::Buffer::from_mut_slice(noise(info.size()));
            describe(&mut described, &info, info.offset(), info.stride());
            // The padding of the last row may be missing.
            let bytes = bytes.min(info.size() - 9);
            described.get_mut().unwrap().set_size(bytes);
            let described = error_of(&info, described);
            assert!(
                described.starts_with(&format!("A frame has {bytes} bytes")),
                "{described}"
            );
        }
    }
}

#[test]
fn metadata_that_contradicts_the_caps_is_told_of() {
    let caps = info(VideoFormat::Rgb, 64, 48);
    let mut other = gst::Buffer::from_mut_slice(noise(64 * 48 * 4));
    describe(&mut other, &info(VideoFormat::Bgrx, 64, 40), &[0], &[256]);
    assert_eq!(
        error_of(&caps, other),
        "The caps announce frames of 64 x 48 pixels of RGB, but a frame's GstVideoMeta says 64 x 40 of BGRx. Make the \
         element before camoverlay announce what it sends."
    );
}

#[test]
fn rows_from_bottom_to_top_are_told_of() {
    let info = info(VideoFormat::Rgb, 64, 48);
    let mut upside_down = gst::Buffer::from_mut_slice(noise(info.size()));
    describe(&mut upside_down, &info, &[47 * 192], &[-192]);
    assert_eq!(
        error_of(&info, upside_down),
        "A frame's GstVideoMeta has rows -192 bytes apart, but a row takes 192. Make the element before camoverlay send \
         rows from top to bottom, one after the other."
    );
}

/// Rows of each plane: how many, and bytes of each without padding.
fn planes(info: &VideoInfo) -> Vec<(usize, usize)> {
    let plane = |plane| {
        let components =
            (0..info.n_components() as u8).filter(move |c| info.comp_plane(*c) == plane);
        components.fold((0, 0), |(rows, bytes), c| {
            let row = info.comp_width(c) as usize * info.comp_pstride(c) as usize;
            (rows.max(info.comp_height(c) as usize), bytes.max(row))
        })
    };
    (0..info.n_planes()).map(plane).collect()
}

/// The rows of `buffer`, one after the other.
fn rows(buffer: &gst::BufferRef, info: &VideoInfo) -> Vec<u8> {
    let data = buffer.map_readable().unwrap();
    let layout = buffer.meta::<VideoMeta>();
    let (offsets, strides) = match &layout {
        Some(meta) => (meta.offset(), meta.stride()),
        None => (info.offset(), info.stride()),
    };
    let starts = planes(info).into_iter().zip(offsets.iter().zip(strides));
    let rows = starts.flat_map(|((rows, bytes), (offset, stride))| {
        (0..rows).map(move |y| (offset + y * *stride as usize, bytes))
    });
    rows.flat_map(|(start, bytes)| data[start..start + bytes].to_vec())
        .collect()
}

/// `buffer`, with rows `padding` bytes longer than need be, nothing after the last one, and its planes from `start` on.
fn laid_out(
    buffer: &gst::Buffer,
    info: &VideoInfo,
    padding: usize,
    start: usize,
) -> (Vec<u8>, Vec<usize>, Vec<i32>) {
    let pixels = rows(buffer, info);
    let (mut left, mut data) = (&pixels[..], vec![0; start]);
    let (mut offsets, mut strides) = (Vec::new(), Vec::new());
    for (rows, bytes) in planes(info) {
        offsets.push(data.len());
        strides.push((bytes + padding) as i32);
        for _ in 0..rows {
            let (row, rest) = left.split_at(bytes);
            data.extend(row);
            data.extend(vec![0xa5; padding]);
            left = rest;
        }
    }
    data.truncate(data.len() - padding);
    (data, offsets, strides)
}

#[test]
fn every_layout_in_memory_gives_the_same_picture() {
    for format in [
        VideoFormat::Gray8,
        VideoFormat::Rgb,
        VideoFormat::Bgrx,
        VideoFormat::Yuy2,
        VideoFormat::I420,
        VideoFormat::Nv12,
        VideoFormat::P01010le,
    ] {
        let info = info(format, 67, 51);
        let mut harness = common::harness("camoverlay draw-labels=false", &info);
        let mut painted = |buffer: gst::Buffer| {
            harness.push(buffer).unwrap();
            rows(&harness.pull().unwrap(), &info)
        };
        let plain = gst::Buffer::from_mut_slice(noise(info.size()));
        let wanted = painted(plain.copy_deep().unwrap());
        assert_ne!(wanted, rows(&plain, &info));
        for (padding, start) in [(0, 0), (5, 0), (0, 7), (61, 3)] {
            let (data, offsets, strides) = laid_out(&plain, &info, padding, start);
            let cut = data.len() / 3;
            let mut in_blocks = gst::Buffer::from_mut_slice(data[..cut].to_vec());
            let rest = gst::Memory::from_mut_slice(data[cut..].to_vec());
            in_blocks.get_mut().unwrap().append_memory(rest);
            for mut buffer in [gst::Buffer::from_mut_slice(data), in_blocks] {
                // The metadata is only added to a buffer that has the last row's padding too.
                let short = buffer.size();
                let filler = gst::Memory::from_mut_slice(vec![0; padding + 64]);
                buffer.get_mut().unwrap().append_memory(filler);
                describe(&mut buffer, &info, &offsets, &strides);
                buffer.get_mut().unwrap().set_size(short);
                assert_eq!(painted(buffer), wanted, "{format}, {padding} and {start}");
            }
        }
    }
}
