//! Mends the index of an MP4's fragment (ISO/IEC 14496-12, 8.8) as GStreamer's muxer writes it.
//!
//! A packet that is as large as the first of its fragment, or lasts as long, and behind which none differs, has no size or
//! length of its own there, and the default that would stand for it is left out as well (GStreamer 1.22). Players
//! refuse the file for the one, as long as it is not finished by an index of all that is in it, and show frames at
//! wrong times for the other. The defaults are put where the index says where its data begins in the file, and that is
//! told from where the index itself lies.
//!
//! A file may also end in the middle of an index. Players refuse all of it then, so that an index is [hidden](hide) until all
//! of it is written.

const TFHD_BASE_DATA_OFFSET: u32 = 0x01;
const TFHD_DESCRIPTION: u32 = 0x02;
const TFHD_DURATION: u32 = 0x08;
const TFHD_SIZE: u32 = 0x10;
const TFHD_FLAGS: u32 = 0x20;
const TFHD_BASE_IS_INDEX: u32 = 0x02_0000;

const TRUN_DATA_OFFSET: u32 = 0x001;
const TRUN_FIRST_FLAGS: u32 = 0x004;
const TRUN_DURATION: u32 = 0x100;
const TRUN_SIZE: u32 = 0x200;

/// What makes a box a fragment's index, and where in it that stands.
pub const NAME: [u8; 4] = *b"moof";
pub const NAME_PLACE: usize = 4;
/// The name of boxes that players skip.
const NOTHING: [u8; 4] = *b"free";

/// Whether `data` begins with a fragment's index.
pub fn is_index(data: &[u8]) -> bool {
    data.get(NAME_PLACE..NAME_PLACE + NAME.len()) == Some(&NAME)
}

/// Has players skip the index `data`, until its name is put back.
pub fn hide(data: &mut [u8]) {
    data[NAME_PLACE..NAME_PLACE + NAME.len()].copy_from_slice(&NOTHING);
}

/// Writes down in the index `data`, which lies at `place` in its file, what is missing.
pub fn mend(data: &mut [u8], place: u64) {
    for track in boxes(data, (8, data.len()), *b"traf") {
        mend_track(data, track, place);
    }
}

/// Does so for the track whose content lies between the two places in `track`.
fn mend_track(data: &mut [u8], track: (usize, usize), place: u64) -> Option<()> {
    let (header, _) = *boxes(data, track, *b"tfhd").first()?;
    let runs = boxes(data, track, *b"trun");
    let found = flags(data, header)?;
    let lacks = |default: u32, own: u32| {
        found & default == 0
            && runs
                .iter()
                .any(|(run, _)| flags(data, *run).is_some_and(|flags| flags & own == 0))
    };
    if !lacks(TFHD_DURATION, TRUN_DURATION) && !lacks(TFHD_SIZE, TRUN_SIZE) {
        return None;
    }
    if found & (TFHD_BASE_DATA_OFFSET | TFHD_DESCRIPTION) != TFHD_BASE_DATA_OFFSET {
        return None;
    }
    let base = u64::from(number(data, header + 8)?) << 32 | u64::from(number(data, header + 12)?);
    // The fields behind it, each there or not: duration, size, flags.
    let after = |flag: u32| {
        let before = [TFHD_DURATION, TFHD_SIZE]
            .into_iter()
            .filter(|other| *other < flag);
        let count = before.filter(|other| found & other != 0).count();
        (found & flag != 0)
            .then(|| number(data, header + 16 + 4 * count))
            .flatten()
    };
    // What the first packet has is what the others of which nothing is said have.
    let (first, _) = *runs.first()?;
    let first_flags = flags(data, first)?;
    let of_first = |flag: u32| {
        let before = [TRUN_DATA_OFFSET, TRUN_FIRST_FLAGS, TRUN_DURATION];
        let before = before
            .into_iter()
            .filter(|other| *other < flag && first_flags & other != 0);
        let value = || number(data, first + 8 + 4 * before.count());
        (first_flags & flag != 0).then(value).flatten()
    };
    let duration = after(TFHD_DURATION).or_else(|| of_first(TRUN_DURATION))?;
    let size = after(TFHD_SIZE).or_else(|| of_first(TRUN_SIZE))?;
    let is_full = found & (TFHD_DURATION | TFHD_SIZE) == 0;
    let sample_flags = after(TFHD_FLAGS);
    let moved = i64::try_from(base)
        .ok()?
        .checked_sub(i64::try_from(place).ok()?)?;
    let moved = i32::try_from(moved).ok()?;
    let offsets: Vec<(usize, i32)> = runs
        .iter()
        .map(|(run, _)| {
            let offset = number(data, run + 8)?.cast_signed().checked_add(moved)?;
            (flags(data, *run)? & TRUN_DATA_OFFSET != 0).then_some((run + 8, offset))
        })
        .collect::<Option<_>>()?;

    let kept = found & !TFHD_BASE_DATA_OFFSET | TFHD_DURATION | TFHD_SIZE | TFHD_BASE_IS_INDEX;
    // One of the two was there: something else fills its place.
    let description = (!is_full).then_some(1);
    let described = if is_full { 0 } else { TFHD_DESCRIPTION };
    put(data, header, kept | described)?;
    let fields = description
        .into_iter()
        .chain([duration, size])
        .chain(sample_flags);
    for (n, field) in fields.enumerate() {
        put(data, header + 8 + 4 * n, field)?;
    }
    for (at, offset) in offsets {
        put(data, at, offset.cast_unsigned())?;
    }
    Some(())
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
    fn defaults_take_the_place_of_where_data_begins() {
        // Data at 1000, the index at 5000.
        let picture = |header: &[u32], moved: i32| {
            let at = |offset: i32| (offset + moved).cast_unsigned();
            vec![
                boxed(b"tfhd", header),
                boxed(b"trun", &[0x201, 1, at(16), 700]),
                boxed(b"trun", &[0x601, 1, at(900), 130, 0x1_00c0]),
                boxed(b"trun", &[0x401, 1, at(999), 0x1_00c0]),
            ]
        };
        let sound = |header: &[u32], moved: i32| {
            let at = |offset: i32| (offset + moved).cast_unsigned();
            vec![
                boxed(b"tfhd", header),
                boxed(b"trun", &[0x301, 1, at(16), 1024, 206]),
                boxed(b"trun", &[0x305, 2, at(17), 0xc0, 1024, 206, 1025, 207]),
                boxed(b"trun", &[0x001, 1, at(90)]),
            ]
        };
        let mut data = index(&[
            picture(&[0x09, 1, 0, 1000, 3600], 0),
            sound(&[0x21, 2, 0, 1000, 0xc0], 0),
        ]);
        let expected = index(&[
            picture(&[0x02_001a, 1, 1, 3600, 700], -4000),
            sound(&[0x02_0038, 2, 1024, 206, 0xc0], -4000),
        ]);
        assert!(is_index(&data));
        mend(&mut data, 5000);
        assert_eq!(data, expected);
        // What lacks nothing stays.
        mend(&mut data, 5000);
        assert_eq!(data, expected);
        // Nonsense is survived.
        for length in 0..expected.len() {
            mend(&mut data[..length], 5000);
            mend(&mut data[length..], 5000);
        }
    }
}
