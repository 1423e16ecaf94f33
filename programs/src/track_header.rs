//! How an MP4 or QuickTime file says that its picture is to be turned: the matrix in its track header (ISO/IEC 14496-12,
//! 6.2.2 and 8.3.2). GStreamer's demuxer tells rotations, mirrored pictures in some of its versions only, and one
//! mirrored turn (EXIF's 7) in none.

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
    let picture = boxes(&index).find_map(|(kind, track)| {
        let child = |kind| {
            move |data| boxes(data).find_map(|(found, data)| (found == kind).then_some(data))
        };
        let media = (kind == b"trak").then(|| child(b"mdia")(track))??;
        let handler = child(b"hdlr")(media)?;
        (handler.get(8..12)? == b"vide").then(|| child(b"tkhd")(track))?
    })?;
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
