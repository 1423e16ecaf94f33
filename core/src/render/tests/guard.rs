//! Memory whose neighbours nobody may touch.

#![allow(
    unsafe_code,
    reason = "memory that faults where it must not be touched"
)]

use std::ops::{Deref, DerefMut};
use std::{ptr, slice};

/// Numbers that begin right after a page that cannot be touched, or end right before one: to touch
/// another byte there ends the test.
pub struct Guarded<T: Copy> {
    map: *mut libc::c_void,
    bytes: usize,
    start: *mut T,
    len: usize,
}

/// Where the page is.
#[derive(Clone, Copy, Debug)]
pub enum Side {
    Before,
    After,
}

impl Side {
    pub const BOTH: [Self; 2] = [Self::Before, Self::After];
}

impl<T: Copy> Guarded<T> {
    /// A copy of `values`.
    pub fn new(values: &[T], side: Side) -> Self {
        // SAFETY: asks for a number.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
        let wanted = size_of_val(values);
        let inside = wanted.next_multiple_of(page).max(page);
        let bytes = inside + 2 * page;
        // SAFETY: a mapping of its own, of which the inner pages become memory to read and write.
        let map = unsafe {
            let map = libc::mmap(
                ptr::null_mut(),
                bytes,
                libc::PROT_NONE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            );
            assert_ne!(map, libc::MAP_FAILED);
            let access = libc::PROT_READ | libc::PROT_WRITE;
            assert_eq!(libc::mprotect(map.byte_add(page), inside, access), 0);
            map
        };
        let offset = match side {
            Side::Before => page,
            Side::After => page + inside - wanted,
        };
        // SAFETY: stays in the mapping. A page is a multiple of what numbers are aligned to.
        let start = unsafe { map.byte_add(offset) }.cast::<T>();
        let mut guarded = Self {
            map,
            bytes,
            start,
            len: values.len(),
        };
        guarded.copy_from_slice(values);
        guarded
    }
}

impl<T: Copy> Deref for Guarded<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: these lie in the inner pages, which are zeros until written to.
        unsafe { slice::from_raw_parts(self.start, self.len) }
    }
}

impl<T: Copy> DerefMut for Guarded<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above.
        unsafe { slice::from_raw_parts_mut(self.start, self.len) }
    }
}

impl<T: Copy> Drop for Guarded<T> {
    fn drop(&mut self) {
        // SAFETY: the mapping is this one's own, and nothing borrows from it any more.
        unsafe { libc::munmap(self.map, self.bytes) };
    }
}
