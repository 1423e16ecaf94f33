//! What an MP4 or QuickTime file says of its tracks and GStreamer's demuxer does not tell (ISO/IEC 14496-12, 8.3.2, 8.4).
//!
//! That is how the picture is to be turned: the matrix in its track header (6.2.2). The demuxer tells rotations, mirrored
//! pictures in some of its versions only, and one mirrored turn (EXIF's 7) in none. And it is how many sounds there are:
//! the demuxer leaves out a track that is shorter than a fifth of the film, in silence.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Largest index of a file, in bytes, that is looked into; an hour's is a few megabytes.
const LARGEST: u64 = 256 << 20;

/// From left and top as they are stored to left and top as they are shown, in the order of the matrix, and what
/// videoflip calls that.
const TURNS: [([i32; 4], &str); 8] = [
    ([1, 0, 0, 1], "identity"),
    ([-1, 0, 0, 1], "horiz"),
    ([-1, 0, 0, -1], "180"),
    ([1, 0, 0, -1], "vert"),
    ([0, 1, 1, 0], "ul-lr"),
    ([0, 1, -1, 0], "90r"),
    ([0, -1, -1, 0], "ur-ll"),
    ([0, -1, 1, 0], "90l"),
];

/// The video-direction of videoflip that shows the first picture track of the file at `path` upright; none where the
/// file is of another kind, or its matrix does more than turn and scale.
pub fn direction(path: &Path) -> Option<&'static str> {
    let index = index(&mut File::open(path).ok()?)?;
    let picture = tracks(&index, b"vide").find_map(|track| child(track, b"tkhd"))?;
    let begin = match picture.first()? {
        0 => 40,
        _ => 52,
    };
    // What scales as well is of no interest: the picture is shown in its own size.
    let sign = |place: usize| {
        let bytes = picture.get(begin + 4 * place..)?.first_chunk()?;
        Some(i32::from_be_bytes(*bytes).signum())
    };
    let found = [sign(0)?, sign(1)?, sign(3)?, sign(4)?];
    let turn = TURNS.iter().find(|(turn, _)| *turn == found);
    turn.map(|(_, direction)| *direction)
}

/// How many sounds of some length the file at `path` has; none where it is of another kind.
pub fn sounds(path: &Path) -> Option<usize> {
    let index = index(&mut File::open(path).ok()?)?;
    let lasts = |track: &&[u8]| {
        let header = child(track, b"mdia").and_then(|media| child(media, b"mdhd"));
        let length = header.and_then(|header| match header.first()? {
            0 => header.get(16..20),
            _ => header.get(24..32),
        });
        length.is_some_and(|length| length.iter().any(|byte| *byte != 0))
    };
    Some(tracks(&index, b"soun").filter(lasts).count())
}

/// The contents of the tracks in `index` whose media have this `handler`.
fn tracks<'a>(index: &'a [u8], handler: &'a [u8; 4]) -> impl Iterator<Item = &'a [u8]> {
    let tracks = boxes(index).filter(|(kind, _)| *kind == b"trak");
    tracks.map(|(_, track)| track).filter(move |track| {
        let header = child(track, b"mdia").and_then(|media| child(media, b"hdlr"));
        header.is_some_and(|header| header.get(8..12) == Some(handler))
    })
}

/// The content of the first box of a `kind` in `data`.
fn child<'a>(data: &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
    boxes(data).find_map(|(found, data)| (found == kind).then_some(data))
}

/// The content of the box `moov`, wherever it lies in `file`.
fn index(file: &mut File) -> Option<Vec<u8>> {
    let mut place = 0;
    loop {
        file.seek(SeekFrom::Start(place)).ok()?;
        let mut head = [0; 16];
        file.read_exact(&mut head[..8]).ok()?;
        let (mut size, mut length) = (u64::from(number(&head[..4])?), 8);
        if size == 1 {
            file.read_exact(&mut head[8..]).ok()?;
            (size, length) = (u64::from_be_bytes(head[8..].try_into().ok()?), 16);
        }
        if place == 0
            && !matches!(
                &head[4..8],
                b"ftyp" | b"moov" | b"wide" | b"mdat" | b"free" | b"skip"
            )
        {
            return None;
        }
        let content = size.checked_sub(length)?;
        if &head[4..8] == b"moov" {
            let mut data = Vec::new();
            let limited = file.take(content.min(LARGEST)).read_to_end(&mut data);
            return limited.ok().map(|_| data);
        }
        place = place.checked_add(size)?;
    }
}

/// The kinds and contents of the boxes in `data`, up to one that is damaged.
fn boxes(mut data: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    std::iter::from_fn(move || {
        let size = number(data.get(..4)?)? as usize;
        let found = data.get(..size)?;
        data = &data[size..];
        Some((found.get(4..8)?, &found[8..]))
    })
}

fn number(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        let size = (content.len() as u32 + 8).to_be_bytes();
        [&size, kind.as_slice(), content].concat()
    }

    fn track(handler: &[u8; 4], turn: [i32; 4]) -> Vec<u8> {
        let [a, b, c, d] = turn.map(|number| number << 16);
        let matrix = [a, b, 0, c, d, 0, 0, 0, 1 << 30].map(i32::to_be_bytes);
        let header = [&[0; 40], matrix.as_flattened(), &[0; 8]].concat();
        let handler = [&[0; 8], handler.as_slice(), &[0; 12]].concat();
        let media = boxed(b"mdia", &boxed(b"hdlr", &handler));
        boxed(b"trak", &[boxed(b"tkhd", &header), media].concat())
    }

    #[test]
    fn sounds_that_last_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clip.mp4");
        let sound = |version: u8, length: u8| {
            let width = if version == 0 { 4 } else { 8 };
            let mut header = vec![version, 0, 0, 0];
            header.extend(vec![0; 2 * width + 4]);
            header.extend(vec![0; width - 1]);
            header.extend([length, 0, 0, 0, 0]);
            let handler = [&[0; 8], b"soun".as_slice(), &[0; 12]].concat();
            let media = [boxed(b"mdhd", &header), boxed(b"hdlr", &handler)].concat();
            boxed(b"trak", &boxed(b"mdia", &media))
        };
        let picture = track(b"vide", [1, 0, 0, 1]);
        for (tracks, count) in [
            (vec![picture.clone()], 0),
            (vec![picture.clone(), sound(0, 1)], 1),
            (vec![sound(0, 0), picture.clone(), sound(1, 0)], 0),
            (vec![sound(1, 9), picture, sound(0, 2), sound(0, 0)], 2),
        ] {
            let index = boxed(b"moov", &tracks.concat());
            std::fs::write(&path, [boxed(b"ftyp", b"isom"), index].concat()).unwrap();
            assert_eq!(sounds(&path), Some(count));
        }
        std::fs::write(&path, b"RIFF\0\0\0\0AVI LIST").unwrap();
        assert_eq!(sounds(&path), None);
    }

    #[test]
    fn the_picture_track_tells_how_it_is_turned() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clip.mp4");
        let sound = track(b"soun", [0, 1, -1, 0]);
        let start = [boxed(b"ftyp", b"isom"), boxed(b"mdat", &[7; 100])].concat();
        for (turn, name) in TURNS {
            let index = boxed(b"moov", &[sound.clone(), track(b"vide", turn)].concat());
            let file = [start.clone(), index].concat();
            std::fs::write(&path, &file).unwrap();
            assert_eq!(direction(&path), Some(name));
            for end in 0..file.len() {
                std::fs::write(&path, &file[..end]).unwrap();
                let found = direction(&path);
                assert!(found.is_none_or(|found| found == name), "{end}");
            }
        }
        for (scaled, name) in [
            ([2, 0, 0, 2], "identity"),
            ([2, 0, 0, 1], "identity"),
            ([0, 2, -2, 0], "90r"),
            ([0, -3, 2, 0], "90l"),
        ] {
            std::fs::write(&path, boxed(b"moov", &track(b"vide", scaled))).unwrap();
            assert_eq!(direction(&path), Some(name));
        }
        for other in [
            &b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..],
            b"",
            b"RIFF\0\0\0\0AVI LIST",
        ] {
            std::fs::write(&path, other).unwrap();
            assert_eq!(direction(&path), None);
        }
        let skewed = boxed(b"moov", &track(b"vide", [2, 1, 0, 1]));
        std::fs::write(&path, skewed).unwrap();
        assert_eq!(direction(&path), None);
    }
}
