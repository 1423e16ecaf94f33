//! Whether a file is as long as it says itself: what is copied or downloaded by half is not.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// What a file's own structure says of its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wholeness {
    /// It ends where it says.
    Whole,
    /// It ends earlier; whether frames are missing, its times tell.
    Short,
    /// It ends earlier, within what has frames.
    Torn,
    /// It says nothing.
    Unknown,
}

/// Packets of a transport stream (ISO/IEC 13818-1, 2.4.3.2), alone and behind the time stamps of Blu-ray and camcorders.
const TS_PACKETS: [(usize, usize); 2] = [(188, 0), (192, 4)];
const TS_SYNC: u8 = 0x47;
/// Of Matroska (RFC 8794 and 9559).
const EBML: [u8; 4] = [0x1a, 0x45, 0xdf, 0xa3];
const MATROSKA_SEGMENT: [u8; 4] = [0x18, 0x53, 0x80, 0x67];

/// Of Ogg (RFC 3533): what a page begins with, how long one is at most, and the flag of a stream's last one.
const OGG_PAGE: &[u8] = b"OggS";
const OGG_LONGEST: u64 = 65_307;
const OGG_LAST: u8 = 4;

/// What the file at `path` says; a pipe says nothing.
pub fn of_file(path: &Path) -> Wholeness {
    let look = || {
        let about = path.metadata()?;
        match about.is_file() {
            true => look_at(&mut File::open(path)?, about.len()),
            false => Ok(Wholeness::Unknown),
        }
    };
    look().unwrap_or(Wholeness::Unknown)
}

/// Whether a transport stream of so many bytes ends between two packets.
pub fn is_of_packets(bytes: u64) -> bool {
    let mut sizes = TS_PACKETS.iter();
    sizes.any(|(size, _)| bytes.is_multiple_of(*size as u64))
}

fn look_at(file: &mut File, length: u64) -> io::Result<Wholeness> {
    let mut start = Vec::new();
    file.by_ref().take(4096).read_to_end(&mut start)?;
    if start.starts_with(&EBML) {
        return Ok(of_matroska(&start, length));
    }
    if start.starts_with(OGG_PAGE) {
        return of_pages(file, length);
    }
    if start.starts_with(b"RIFF") {
        return of_chunks(file, length, riff_chunk);
    }
    if matches!(
        start.get(4..8),
        Some(b"ftyp" | b"moov" | b"mdat" | b"free" | b"wide" | b"skip")
    ) {
        return of_chunks(file, length, mp4_box);
    }
    let packet = TS_PACKETS.into_iter().find(|(size, offset)| {
        let marks = start.iter().skip(*offset).step_by(*size);
        start.len() > 3 * size && marks.clone().all(|mark| *mark == TS_SYNC)
    });
    Ok(match packet {
        Some((size, _)) if !length.is_multiple_of(size as u64) => Wholeness::Torn,
        // What is cut between two packets looks whole.
        Some(_) | None => Wholeness::Unknown,
    })
}

/// What the last page of an Ogg file says.
fn of_pages(file: &mut File, length: u64) -> io::Result<Wholeness> {
    file.seek(SeekFrom::Start(length.saturating_sub(OGG_LONGEST)))?;
    let mut end = Vec::new();
    file.take(OGG_LONGEST).read_to_end(&mut end)?;
    let last = end
        .windows(OGG_PAGE.len())
        .rposition(|four| four == OGG_PAGE);
    // Its sizes are in a table behind 27 bytes, which end with how many there are.
    let whole = last.and_then(|at| {
        let page = &end[at..];
        let count = usize::from(*page.get(26)?);
        let sizes = page
            .get(27..27 + count)?
            .iter()
            .map(|size| usize::from(*size));
        let is_last = page.get(5)? & OGG_LAST != 0;
        Some(is_last && 27 + count + sizes.sum::<usize>() <= page.len())
    });
    Ok(match whole {
        Some(true) => Wholeness::Whole,
        Some(false) | None => Wholeness::Torn,
    })
}

/// What the size of the one element says that holds everything.
fn of_matroska(start: &[u8], length: u64) -> Wholeness {
    let end = || {
        let (size, width) = ebml_size(start.get(4..)?)?;
        let segment = 4 + width + usize::try_from(size?).ok()?;
        let rest = start.get(segment..)?.strip_prefix(&MATROSKA_SEGMENT)?;
        let (size, width) = ebml_size(rest)?;
        Some((segment + 4 + width) as u64 + size?)
    };
    match end() {
        Some(end) if end > length => Wholeness::Short,
        Some(_) => Wholeness::Whole,
        None => Wholeness::Unknown,
    }
}

/// A size as EBML writes it, none where it is left open, and how many bytes it takes.
fn ebml_size(bytes: &[u8]) -> Option<(Option<u64>, usize)> {
    let width = bytes.first()?.leading_zeros() as usize + 1;
    let bytes = bytes.get(..width).filter(|_| width <= 8)?;
    let all = bytes
        .iter()
        .fold(0, |all, byte| all << 8 | u64::from(*byte));
    let mask = (1 << (7 * width)) - 1;
    let size = all & mask;
    Some(((size != mask).then_some(size), width))
}

/// The name and the size of a chunk, header included, from its first 16 bytes; none where it goes on to the end.
type Header = fn(&[u8; 16]) -> Option<([u8; 4], u64)>;

fn mp4_box(head: &[u8; 16]) -> Option<([u8; 4], u64)> {
    let [a, b, c, d, name @ ..] = *head.first_chunk::<8>()?;
    let size = match u32::from_be_bytes([a, b, c, d]) {
        0 => return None,
        1 => u64::from_be_bytes(*head.last_chunk()?),
        size => size.into(),
    };
    Some((name, size))
}

fn riff_chunk(head: &[u8; 16]) -> Option<([u8; 4], u64)> {
    let [a, b, c, d, e, f, g, h] = *head.first_chunk()?;
    let size = u32::from_le_bytes([e, f, g, h]);
    // What was not finished has no size; chunks begin at even places.
    let all = 8 + u64::from(size).next_multiple_of(2);
    (size > 0 && size < u32::MAX).then_some(([a, b, c, d], all))
}

/// What the sizes of the outermost chunks say.
fn of_chunks(file: &mut File, length: u64, header: Header) -> io::Result<Wholeness> {
    let (mut place, mut has_fragments) = (0, false);
    while place + 8 <= length {
        file.seek(SeekFrom::Start(place))?;
        let mut head = Vec::new();
        file.by_ref().take(16).read_to_end(&mut head)?;
        head.resize(16, 0);
        let head = head.first_chunk().ok_or(io::ErrorKind::UnexpectedEof)?;
        let Some((name, size)) = header(head) else {
            return Ok(Wholeness::Unknown);
        };
        if size < 8
            || !name
                .iter()
                .all(|c| c.is_ascii_graphic() || *c == b' ' || *c == 0xa9)
        {
            // Something else lies behind it.
            return Ok(Wholeness::Whole);
        }
        has_fragments |= name == *b"moof";
        let end = place.saturating_add(size);
        if end > length && name == *b"RIFF" {
            // Whether what it lacks is more than its index, its lists tell.
            place += 12;
            continue;
        }
        if end > length {
            return Ok(match &name {
                b"moof" | b"LIST" => Wholeness::Torn,
                b"mdat" if has_fragments => Wholeness::Torn,
                b"mdat" | b"moov" => Wholeness::Short,
                // Room to spare, and what is no picture.
                _ => Wholeness::Whole,
            });
        }
        place = end
            + match &name {
                b"RIFF" => size % 2,
                _ => 0,
            };
    }
    Ok(Wholeness::Whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_its_end_is_found_out() {
        let folder = tempfile::tempdir().unwrap();
        let of = |data: &[u8]| {
            let path = folder.path().join("file");
            std::fs::write(&path, data).unwrap();
            of_file(&path)
        };
        let mp4 = [
            &b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\x10mdat12345678\0\0\0\x0amoovab"[..],
            &[],
        ]
        .concat();
        assert_eq!(of(&mp4), Wholeness::Whole);
        assert_eq!(of(&mp4[..mp4.len() - 1]), Wholeness::Short);
        assert_eq!(of(&mp4[..30]), Wholeness::Short);
        let spare = [&mp4[..], b"\0\0\0\x10free1"].concat();
        assert_eq!(of(&spare), Wholeness::Whole);
        let torn = [&mp4[..], b"\0\0\0\x0cmoof1234\0\0\0\x0cmdat1"].concat();
        assert_eq!(of(&torn), Wholeness::Torn);
        // To the end, whatever its size.
        let open = b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\0mdat123";
        assert_eq!(of(open), Wholeness::Unknown);
        let mkv = [&EBML[..], &[0x81, 0], &MATROSKA_SEGMENT, &[0x40, 10]].concat();
        assert_eq!(of(&[&mkv[..], &[0; 10]].concat()), Wholeness::Whole);
        assert_eq!(of(&[&mkv[..], &[0; 9]].concat()), Wholeness::Short);
        let live = [&EBML[..], &[0x81, 0], &MATROSKA_SEGMENT, &[0xff], &[0; 9]].concat();
        assert_eq!(of(&live), Wholeness::Unknown);
        let ts: Vec<u8> = (0..188 * 30)
            .map(|i| if i % 188 == 0 { TS_SYNC } else { 0 })
            .collect();
        assert_eq!(of(&ts), Wholeness::Unknown);
        assert_eq!(of(&ts[..188 * 29 + 5]), Wholeness::Torn);
        let avi = b"RIFF\x1c\0\0\0AVI LIST\x05\0\0\0movi1\0idx1\x02\0\0\0ab";
        assert_eq!(of(avi), Wholeness::Whole);
        assert_eq!(of(&avi[..avi.len() - 1]), Wholeness::Whole);
        assert_eq!(of(&avi[..24]), Wholeness::Torn);
        let ogg = |flags: u8| [b"OggS\0", &[flags][..], &[0; 20], &[2, 3, 1], b"abcd"].concat();
        let pages = [ogg(2), ogg(0), ogg(4)].concat();
        assert_eq!(of(&pages), Wholeness::Whole);
        assert_eq!(of(&pages[..pages.len() - 1]), Wholeness::Torn);
        assert_eq!(of(&pages[..2 * pages.len() / 3]), Wholeness::Torn);
        assert_eq!(of(b""), Wholeness::Unknown);
        assert_eq!(of(b"text that is no video at all"), Wholeness::Unknown);
    }
}
