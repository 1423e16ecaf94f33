//! Mends the index of an MP4's fragment (ISO/IEC 14496-12, 8.8) as GStreamer's muxer writes it.
//!
//! Where the last packet of a fragment is as large as the first, the muxer (1.22 to 1.26) says its size nowhere, and
//! players refuse the whole file, as long as it is not finished by an index of all that is in it. The size is put where
//! the index has something that is not needed: flags that only say which pictures stand on their own.

const TFHD_BASE_DATA_OFFSET: u32 = 0x01;
const TFHD_DESCRIPTION: u32 = 0x02;
const TFHD_DURATION: u32 = 0x08;
const TFHD_SIZE: u32 = 0x10;
const TFHD_FLAGS: u32 = 0x20;

const TRUN_DATA_OFFSET: u32 = 0x001;
const TRUN_FIRST_FLAGS: u32 = 0x004;
const TRUN_DURATION: u32 = 0x100;
const TRUN_SIZE: u32 = 0x200;
const TRUN_FLAGS: u32 = 0x400;
const TRUN_TIME_OFFSET: u32 = 0x800;

/// Whether `data` begins with a fragment's index.
pub fn is_index(data: &[u8]) -> bool {
    data.get(4..8) == Some(b"moof")
}

/// Writes down in the index `data` the sizes that are missing.
pub fn mend(data: &mut [u8]) {
    for (place, end) in boxes(data, (8, data.len()), *b"traf") {
        mend_track(data, place, end);
    }
}

/// Does so for the track whose content is at `place`, up to `end`.
fn mend_track(data: &mut [u8], place: usize, end: usize) -> Option<()> {
    let (header, _) = *boxes(data, (place, end), *b"tfhd").first()?;
    let runs = boxes(data, (place, end), *b"trun");
    let header_flags = flags(data, header)?;
    if header_flags & TFHD_SIZE != 0 {
        return None;
    }
    let (first, _) = *runs.first()?;
    let first_flags = flags(data, first)?;
    if first_flags & TRUN_SIZE == 0 {
        return None;
    }
    let fields = fields(first_flags, TRUN_DURATION);
    let size = number(data, first + 8 + 4 * fields)?;
    for (run, _) in runs {
        let run_flags = flags(data, run)?;
        if run_flags & TRUN_SIZE != 0 {
            continue;
        }
        if header_flags & TFHD_FLAGS != 0 {
            // For the whole track; what says its own size keeps it.
            let base = 2 * usize::from(header_flags & TFHD_BASE_DATA_OFFSET != 0);
            let others = [TFHD_DESCRIPTION, TFHD_DURATION].map(|f| header_flags & f != 0);
            let before = base + others.iter().filter(|is| **is).count();
            put(data, header, header_flags & !TFHD_FLAGS | TFHD_SIZE)?;
            return put(data, header + 8 + 4 * before, size);
        }
        if run_flags & TRUN_FLAGS != 0 {
            // Flags come right behind the size.
            let kept = run_flags & !TRUN_FLAGS | TRUN_SIZE;
            let start = run + 8 + 4 * self::fields(run_flags, 0);
            let each = [TRUN_DURATION, TRUN_FLAGS, TRUN_TIME_OFFSET];
            let stride = each.iter().filter(|flag| run_flags & **flag != 0).count();
            let before = usize::from(run_flags & TRUN_DURATION != 0);
            for sample in 0..number(data, run + 4)? as usize {
                put(data, start + 4 * (sample * stride + before), size)?;
            }
            put(data, run, kept)?;
        }
    }
    Some(())
}

/// How many numbers a run has between its count and its first sample, and in that before its size.
fn fields(run_flags: u32, each: u32) -> usize {
    let all = [TRUN_DATA_OFFSET, TRUN_FIRST_FLAGS, each];
    all.iter().filter(|flag| run_flags & **flag != 0).count()
}

/// Where the contents of the boxes called `name` begin and end, of those between `from` and `to`.
fn boxes(data: &[u8], (from, to): (usize, usize), name: [u8; 4]) -> Vec<(usize, usize)> {
    let (mut found, mut place) = (Vec::new(), from);
    while let Some(size) = number(data, place)
        && size >= 8
        && let end = place + size as usize
        && end <= to
    {
        if data[place + 4..place + 8] == name {
            found.push((place + 8, end));
        }
        place = end;
    }
    found
}

/// The flags of the box whose content begins at `place`, which come after its version.
fn flags(data: &[u8], place: usize) -> Option<u32> {
    Some(number(data, place)? & 0x00ff_ffff)
}

fn number(data: &[u8], place: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*data.get(place..)?.first_chunk()?))
}

fn put(data: &mut [u8], place: usize, number: u32) -> Option<()> {
    *data.get_mut(place..)?.first_chunk_mut()? = number.to_be_bytes();
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(name: &[u8], content: &[u32]) -> Vec<u8> {
        let size = 8 + 4 * content.len() as u32;
        let content = content.iter().flat_map(|number| number.to_be_bytes());
        let head = size.to_be_bytes().into_iter().chain(name.iter().copied());
        head.chain(content).collect()
    }

    fn index(tracks: &[Vec<Vec<u8>>]) -> Vec<u8> {
        let wrapped = |name: &[u8], content: &[u8]| {
            let size = (8 + content.len() as u32).to_be_bytes();
            [&size[..], name, content].concat()
        };
        let tracks = tracks.iter().map(|boxes| wrapped(b"traf", &boxes.concat()));
        let number = boxed(b"mfhd", &[0, 1]);
        wrapped(
            b"moof",
            &[number, tracks.collect::<Vec<_>>().concat()].concat(),
        )
    }

    #[test]
    fn a_size_that_is_missing_takes_the_place_of_flags() {
        let picture = |last: &[u32]| {
            vec![
                boxed(b"tfhd", &[0x09, 1, 0, 0, 3600]),
                boxed(b"trun", &[0x201, 1, 16, 700]),
                boxed(b"trun", &[0x601, 1, 900, 130, 0x1_00c0]),
                boxed(b"trun", last),
            ]
        };
        let sound = |default: [u32; 2]| {
            vec![
                boxed(b"tfhd", &[default[0], 2, 0, 0, default[1]]),
                boxed(b"trun", &[0x301, 1, 16, 1024, 206]),
                boxed(b"trun", &[0x305, 2, 16, 0xc0, 1024, 206, 1024, 207]),
                boxed(b"trun", &[0x001, 1, 90]),
            ]
        };
        let mut data = index(&[picture(&[0x401, 1, 999, 0x1_00c0]), sound([0x21, 0xc0])]);
        let expected = index(&[picture(&[0x201, 1, 999, 700]), sound([0x11, 206])]);
        assert!(is_index(&data));
        mend(&mut data);
        assert_eq!(data, expected);
        // What has all sizes stays.
        let mut whole = index(&[picture(&[0x601, 1, 999, 12, 0x1_00c0])]);
        let before = whole.clone();
        mend(&mut whole);
        assert_eq!(whole, before);
        // Nonsense is survived.
        for length in 0..expected.len() {
            mend(&mut data[..length]);
        }
    }
}
