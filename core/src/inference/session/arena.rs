//! A bound on the memory that one session takes.
//!
//! ONNX Runtime's sessions have arenas of their own, and no option bounds one. Its environment can be given an
//! allocator with a bound, which a session that is built meanwhile takes for its own if it is told to: the session
//! keeps it when it is taken back from the environment, and frees it with itself.

use std::ptr;
use std::sync::{Mutex, PoisonError};

use ort::AsPointer;
use ort::environment::Environment;
use ort::memory::{AllocationDevice, AllocatorType, MemoryInfo, MemoryType};

/// Held while an allocator is lent to the environment, so that a session finds its own there.
static LENT: Mutex<()> = Mutex::new(());

/// What `build` makes of a session that uses the environment's allocators: it will hold no more than
/// `limit` bytes at a time, weights included.
///
/// # Errors
/// What `build` returned, or ONNX Runtime's own words.
pub fn bounded<T>(
    environment: &Environment,
    limit: usize,
    build: impl FnOnce() -> ort::Result<T>,
) -> ort::Result<T> {
    // Nothing behind it that a panic could leave half-changed.
    let _lent = LENT.lock().unwrap_or_else(PoisonError::into_inner);
    let place = MemoryInfo::new(
        AllocationDevice::CPU,
        0,
        AllocatorType::Arena,
        MemoryType::Default,
    )?;
    let api = ort::api();
    let keys = [c"max_mem".as_ptr()];
    let mut arena = ptr::null_mut();
    // SAFETY: keys and values are as many as is said; `place`, `environment` and the configuration are
    // kept alive through the calls, and the configuration, which is copied, is freed once. The environment's
    // list of allocators has a lock of its own.
    unsafe {
        let status =
            (api.CreateArenaCfgV2)(keys.as_ptr(), &raw const limit, keys.len(), &mut arena);
        ort::Error::result_from_status(status)?;
        let status =
            (api.CreateAndRegisterAllocator)(environment.ptr().cast_mut(), place.ptr(), arena);
        (api.ReleaseArenaCfg)(arena);
        ort::Error::result_from_status(status)?;
    }
    let built = build();
    // SAFETY: as above. Sessions hold the allocator by a counted pointer.
    let status = unsafe { (api.UnregisterAllocator)(environment.ptr().cast_mut(), place.ptr()) };
    // SAFETY: the status is ours, and is taken once.
    let taken_back = unsafe { ort::Error::result_from_status(status) };
    built.and_then(|built| taken_back.map(|()| built))
}
