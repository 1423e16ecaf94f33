//! Whether a file is a whole shared library, before the loader maps it: of a truncated one it would touch pages that
//! are not there, which ends the process.
//!
//! Of the format: <https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html>.

use std::path::Path;

use crate::file::Opened;

/// The function by which ONNX Runtime is entered.
const ENTRY: &[u8] = b"\0OrtGetApiBase\0";

/// The functions by one of which the library of an execution provider is entered.
const PROVIDER_ENTRIES: [&[u8]; 2] = [b"\0CreateEpFactories\0", b"\0GetProvider\0"];

const FILE_HEADER: usize = 64;
const PROGRAM_HEADER: usize = 56;
const SECTION_HEADER: usize = 64;

/// Type of a file that is a shared library.
const SHARED: u16 = 3;
/// Types of a program header: a part to be loaded, and the table of what the loader has to know.
const LOAD: u32 = 1;
const DYNAMIC: u32 = 2;
/// Entries of that table: where the names of its symbols are, and how many bytes they have.
const NAMES: u64 = 5;
const NAMES_SIZE: u64 = 10;
/// Type of a section that holds names.
const STRINGS: u32 = 3;
/// Type of a section that takes no room in the file.
const NO_BITS: u32 = 8;

/// Most bytes of names, and of the loader's table: ONNX Runtime's have some thousand.
const MOST_BYTES: u64 = 16 << 20;

/// Looks at the library at `path`.
///
/// # Errors
/// Why it cannot be ONNX Runtime's, as the end of a sentence about it.
pub fn check(path: &Path) -> Result<(), String> {
    check_for(path, &[ENTRY], "not ONNX Runtime")
}

/// The same of the library of an execution provider.
///
/// # Errors
/// Why it cannot be one, as the end of a sentence about it.
pub fn check_provider(path: &Path) -> Result<(), String> {
    let what = "of no execution provider (CreateEpFactories is missing)";
    check_for(path, &PROVIDER_ENTRIES, what)
}

fn check_for(path: &Path, entries: &[&[u8]], what: &str) -> Result<(), String> {
    let file = Opened::new(path).map_err(|trouble| trouble.to_string())?;
    let length = file.bytes();
    let cut = || format!("is cut off: {length} bytes are not all of it");
    let read = |offset: u64, bytes: u64| {
        let bytes = usize::try_from(bytes).map_err(|_| cut())?;
        file.read_range(offset, bytes).map_err(|_| cut())
    };
    let magic = read(0, length.min(4))?;
    if magic != b"\x7fELF"[..magic.len()] || magic.is_empty() {
        return Err("is no shared library".to_owned());
    }
    let header = Fields(read(0, FILE_HEADER as u64)?);
    let here = match std::env::consts::ARCH {
        "x86_64" => 62,
        "aarch64" => 183,
        // There is no ONNX Runtime for the others that this runs on.
        _ => header.u16(18),
    };
    let is_of_here = header.0[4] == 2
        && header.0[5] == if cfg!(target_endian = "little") { 1 } else { 2 }
        && header.u16(18) == here;
    if !is_of_here {
        return Err("is made for another kind of processor".to_owned());
    }
    if header.u16(16) != SHARED {
        return Err("is no shared library".to_owned());
    }
    let ends_inside =
        |offset: u64, size: u64| offset.checked_add(size).is_some_and(|end| end <= length);
    let table = |offset: u64, size: u16, count: u16, expected: usize| match usize::from(size) {
        size if size == expected => read(offset, (size * usize::from(count)) as u64),
        _ => Err("is damaged: its header is none".to_owned()),
    };
    let (offset, size, count) = (header.u64(40), header.u16(58), header.u16(60));
    // The last thing in the file as linkers write it.
    let sections = match offset {
        0 => Vec::new(),
        offset => table(offset, size, count, SECTION_HEADER)?,
    };
    for section in sections.chunks_exact(SECTION_HEADER) {
        let section = Fields(section.to_vec());
        if section.u32(4) != NO_BITS && !ends_inside(section.u64(24), section.u64(32)) {
            return Err(cut());
        }
    }
    let names = usize::from(header.u16(62));
    let names = sections.chunks_exact(SECTION_HEADER).nth(names);
    if names.is_some_and(|names| Fields(names.to_vec()).u32(4) != STRINGS) {
        return Err("is damaged: its end is missing".to_owned());
    }
    let programs = table(
        header.u64(32),
        header.u16(54),
        header.u16(56),
        PROGRAM_HEADER,
    )?;
    let mut loaded = Vec::new();
    let mut dynamic = None;
    for program in programs.chunks_exact(PROGRAM_HEADER) {
        let program = Fields(program.to_vec());
        let (offset, address, size) = (program.u64(8), program.u64(16), program.u64(32));
        if matches!(program.u32(0), LOAD | DYNAMIC) && !ends_inside(offset, size) {
            return Err(cut());
        }
        match program.u32(0) {
            LOAD => loaded.push((address, offset, size)),
            DYNAMIC => dynamic = Some((offset, size)),
            _ => {}
        }
    }
    let damaged = || "is damaged: it names no symbols".to_owned();
    let (offset, size) = dynamic
        .filter(|(_, size)| *size <= MOST_BYTES)
        .ok_or_else(damaged)?;
    let dynamic = read(offset, size)?;
    let entry = |wanted: u64| {
        let mut entries = dynamic.chunks_exact(16).map(|entry| Fields(entry.to_vec()));
        entries
            .find(|entry| entry.u64(0) == wanted)
            .map(|entry| entry.u64(8))
    };
    let (address, size) = entry(NAMES).zip(entry(NAMES_SIZE)).ok_or_else(damaged)?;
    let place = loaded.iter().find_map(|(start, offset, bytes)| {
        let inside = address.checked_sub(*start)?;
        (inside < *bytes).then(|| offset + inside)
    });
    let place = place.filter(|_| size <= MOST_BYTES).ok_or_else(damaged)?;
    let names = read(place, size)?;
    let is_there = |entry: &&[u8]| names.windows(entry.len()).any(|name| name == *entry);
    match entries.iter().any(is_there) {
        true => Ok(()),
        false => Err(format!("is a shared library, but {what}")),
    }
}

/// Numbers in a header, in the machine's own order.
struct Fields(Vec<u8>);

impl Fields {
    fn array<const N: usize>(&self, offset: usize) -> [u8; N] {
        let bytes = self.0.get(offset..).and_then(|rest| rest.first_chunk());
        bytes.copied().unwrap_or([0; N])
    }

    fn u16(&self, offset: usize) -> u16 {
        u16::from_ne_bytes(self.array(offset))
    }

    fn u32(&self, offset: usize) -> u32 {
        u32::from_ne_bytes(self.array(offset))
    }

    fn u64(&self, offset: usize) -> u64 {
        u64::from_ne_bytes(self.array(offset))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    /// The library that set-up installed.
    fn installed() -> Option<PathBuf> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../.deps/lib/camoverlay");
        let entries = fs::read_dir(folder).ok()?.flatten();
        let mut paths = entries.map(|entry| entry.path());
        paths.find(|path| path.to_string_lossy().contains("libonnxruntime.so"))
    }

    #[test]
    fn whatever_is_cut_off_says_so() {
        let Some(library) = installed() else {
            crate::testing::is_runtime_installed();
            return;
        };
        assert_eq!(check(&library), Ok(()));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("libonnxruntime.so");
        fs::copy(&library, &path).unwrap();
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        let whole = file.metadata().unwrap().len();
        let mut lengths: Vec<u64> = (1..64).map(|part| whole / 64 * part).collect();
        lengths.extend([whole - 1, whole - 4096, 70_000, 4096, 64, 63, 10, 4]);
        lengths.sort_unstable_by(|a, b| b.cmp(a));
        for length in lengths {
            file.set_len(length).unwrap();
            let words = check(&path).unwrap_err();
            assert!(words.contains("is cut off"), "{length}: {words}");
            // As a download that was broken off leaves it, where its place was reserved. The last bytes are zeros
            // in the whole one too.
            if length == whole - 1 {
                continue;
            }
            file.set_len(whole).unwrap();
            assert!(check(&path).is_err(), "{length}");
            file.set_len(length).unwrap();
        }
        file.set_len(0).unwrap();
        assert_eq!(check(&path), Err("is no shared library".to_owned()));
    }

    #[test]
    fn damaged_headers_do_no_harm() {
        use std::os::unix::fs::FileExt;
        let Some(library) = installed() else { return };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("libonnxruntime.so");
        fs::copy(&library, &path).unwrap();
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        let bytes = fs::read(&library).unwrap();
        for place in 0..FILE_HEADER + 12 * PROGRAM_HEADER {
            for byte in [0, 1, 0x7f, 0xff] {
                file.write_all_at(&[byte], place as u64).unwrap();
                // It may be whole still; what matters is that this ends.
                let _ = check(&path);
            }
            file.write_all_at(&bytes[place..=place], place as u64)
                .unwrap();
        }
        assert_eq!(check(&path), Ok(()));
    }

    #[test]
    fn what_is_another_file_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("libonnxruntime.so");
        fs::write(&path, "GROUP ( libonnxruntime.so.1 )").unwrap();
        assert_eq!(check(&path), Err("is no shared library".to_owned()));
        assert_eq!(
            check(folder.path()),
            Err("is a folder, not a regular file".to_owned())
        );
        // The tests' own program: of the right kind, but no ONNX Runtime.
        let program = std::env::current_exe().unwrap();
        let mut bytes = fs::read(&program).unwrap();
        assert_eq!(
            check(&program),
            Err("is a shared library, but not ONNX Runtime".to_owned())
        );
        for (place, byte, words) in [
            (4, 1, "another kind of processor"),
            (5, 3, "another kind of processor"),
            (18, 40, "another kind of processor"),
            (16, 2, "is no shared library"),
            (54, 1, "is damaged"),
            (39, 0x7f, "is cut off"),
        ] {
            let kept = std::mem::replace(&mut bytes[place], byte);
            fs::write(&path, &bytes).unwrap();
            let found = check(&path).unwrap_err();
            assert!(found.contains(words), "{place}: {found}");
            bytes[place] = kept;
        }
    }
}
