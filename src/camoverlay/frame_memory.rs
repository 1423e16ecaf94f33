//! Whether a frame's memory holds what its caps promise. GStreamer maps planes that a `GstVideoMeta` describes without
//! looking where their memory ends.

use std::fmt;

use gst_video::{VideoFormat, VideoInfo, VideoMeta};

/// Most planes that a frame of the element's formats has.
pub const PLANES: usize = 3;

/// What is wrong with a frame's memory. `Display` says it and what to do.
pub enum Fault {
    /// There is less of it than caps or metadata need.
    Short {
        size: usize,
        need: usize,
        frame: (u32, u32),
        format: VideoFormat,
        stride: usize,
    },
    /// The metadata's frame is not the caps'.
    Differs {
        caps: (VideoFormat, u32, u32),
        meta: (VideoFormat, u32, u32),
    },
    /// Rows overlap, or lie from bottom to top.
    Stride { stride: i32, row: usize },
    /// It is not where the processor can write.
    Unmappable { memory: String },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short {
                size,
                need,
                frame: (width, height),
                format,
                stride,
            } => write!(
                f,
                "A frame has {size} bytes, but {width} x {height} pixels of {format} in rows of {stride} bytes need \
                 {need}. Make the element before camoverlay send what its caps say: rows are padded to a multiple \
                 of 4 bytes unless a GstVideoMeta says otherwise."
            ),
            Self::Differs { caps, meta } => write!(
                f,
                "The caps announce frames of {} x {} pixels of {}, but a frame's GstVideoMeta says {} x {} of {}. \
                 Make the element before camoverlay announce what it sends.",
                caps.1, caps.2, caps.0, meta.1, meta.2, meta.0
            ),
            Self::Stride { stride, row } => write!(
                f,
                "A frame's GstVideoMeta has rows {stride} bytes apart, but a row takes {row}. Make the element \
                 before camoverlay send rows from top to bottom, one after the other."
            ),
            Self::Unmappable { memory } => write!(
                f,
                "A frame's memory ({memory}) cannot be mapped for writing. Put an element in front of camoverlay that \
                 brings frames into system memory, such as gldownload or cudadownload."
            ),
        }
    }
}

/// Bytes of each plane of a frame of `info` that lie in the memory of `buffer`, from the plane's first pixel on; the
/// padding of the last row may be missing. Blocks of memory become one where a plane goes on from one in the next, since
/// GStreamer maps the block in which a plane begins.
///
/// # Errors
/// The memory does not hold the frame, or its metadata says something else than the caps.
pub fn planes(buffer: &mut gst::BufferRef, info: &VideoInfo) -> Result<[usize; PLANES], Fault> {
    if let Some(lengths) = in_blocks(buffer, info)? {
        return Ok(lengths);
    }
    // Mapping all of it joins its blocks for good.
    let joined = buffer.map_writable().is_ok();
    let lengths = if joined {
        in_blocks(buffer, info)?
    } else {
        None
    };
    lengths.ok_or_else(|| unmappable(buffer))
}

/// As [`planes`]; nothing where a plane is in several blocks.
fn in_blocks(buffer: &gst::BufferRef, info: &VideoInfo) -> Result<Option<[usize; PLANES]>, Fault> {
    let meta = buffer.meta::<VideoMeta>();
    let (offsets, strides) = match &meta {
        Some(meta) => (meta.offset(), meta.stride()),
        None => (info.offset(), info.stride()),
    };
    if let Some(meta) = &meta {
        let same = meta.format() == info.format() && meta.n_planes() == info.n_planes();
        if !same || meta.width() < info.width() || meta.height() < info.height() {
            return Err(Fault::Differs {
                caps: (info.format(), info.width(), info.height()),
                meta: (meta.format(), meta.width(), meta.height()),
            });
        }
    }
    let mut lengths = [0; PLANES];
    for (plane, length) in lengths
        .iter_mut()
        .enumerate()
        .take(info.n_planes() as usize)
    {
        let (row, rows) = extent(info, plane);
        let (offset, stride) = (offsets[plane], strides[plane]);
        let Some(step) = usize::try_from(stride).ok().filter(|step| *step >= row) else {
            return Err(Fault::Stride { stride, row });
        };
        let need = step * rows.saturating_sub(1) + row;
        let end = offset.saturating_add(need);
        // Without metadata GStreamer wants the padding of the last row too.
        let least = if meta.is_some() { end } else { info.size() };
        if buffer.size() < least {
            return Err(Fault::Short {
                size: buffer.size(),
                need: least,
                frame: (info.width(), info.height()),
                format: info.format(),
                stride: step,
            });
        }
        // Without metadata all of the memory is mapped as one.
        let left = match &meta {
            Some(_) => left_in_block(buffer, offset),
            None => buffer.size() - offset,
        };
        if left < need {
            return Ok(None);
        }
        *length = left.min(step * rows);
    }
    Ok(Some(lengths))
}

/// Bytes of a row of `plane`, and how many rows it has.
fn extent(info: &VideoInfo, plane: usize) -> (usize, usize) {
    let components =
        (0..info.n_components() as u8).filter(|c| info.comp_plane(*c) as usize == plane);
    components.fold((0, 0), |(row, rows), component| {
        let step = usize::try_from(info.comp_pstride(component)).unwrap_or(0);
        (
            row.max(info.comp_width(component) as usize * step),
            rows.max(info.comp_height(component) as usize),
        )
    })
}

/// Bytes from `offset` on in the block of memory that it lies in.
fn left_in_block(buffer: &gst::BufferRef, offset: usize) -> usize {
    let block = buffer.find_memory(offset..offset.saturating_add(1));
    block.map_or(0, |(blocks, skip)| {
        buffer.peek_memory(blocks.start).size().saturating_sub(skip)
    })
}

/// Why the memory of `buffer`, large enough as it is, cannot be mapped.
pub fn unmappable(buffer: &gst::BufferRef) -> Fault {
    let first = (buffer.n_memory() > 0).then(|| buffer.peek_memory(0));
    let kind = first.and_then(|memory| memory.allocator().map(gst::Allocator::memory_type));
    Fault::Unmappable {
        memory: kind.map_or("of no allocator", |kind| kind.as_str()).into(),
    }
}
