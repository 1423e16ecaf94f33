//! The classes and boxes of a frame as GStreamer's own elements read them: GstAnalytics, there from GStreamer 1.24 on.
//!
//! Its library is looked up when an element starts rather than linked to, so that one build of the plugin also loads where
//! there is none, as in Debian 12.
#![allow(unsafe_code, reason = "calls a C library that is found at run time")]

use std::ffi::{CStr, OsStr, c_int, c_uint, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use gst::glib::{self, translate::IntoGlib};
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

use camoverlay::render::Region;

const LIBRARY: &str = "libgstanalytics-1.0.so.0";

/// The first release with analytics.
const SINCE: (u32, u32) = (1, 24);

/// `GST_ANALYTICS_REL_TYPE_IS_PART_OF`
const IS_PART_OF: c_int = 1 << 1;
/// `GST_ANALYTICS_REL_TYPE_RELATE_TO`
const RELATES_TO: c_int = 1 << 3;

/// `GstAnalyticsRelationMeta`, one a buffer.
type RelationMeta = *mut c_void;

/// `GstAnalyticsMtd`: something said in a relation metadata.
#[repr(C)]
#[derive(Clone, Copy)]
struct Mtd {
    id: c_uint,
    meta: RelationMeta,
}

/// `gst_buffer_get_analytics_relation_meta` and `gst_buffer_add_analytics_relation_meta`
type MetaOfBuffer = unsafe extern "C" fn(*mut gst::ffi::GstBuffer) -> RelationMeta;
/// `gst_analytics_relation_meta_add_cls_mtd`: count, confidences, quarks
type AddClasses = unsafe extern "C" fn(
    RelationMeta,
    usize,
    *const f32,
    *const glib::ffi::GQuark,
    *mut Mtd,
) -> glib::ffi::gboolean;
/// `gst_analytics_relation_meta_add_od_mtd`: quark, x, y, width, height, confidence
type AddBox = unsafe extern "C" fn(
    RelationMeta,
    glib::ffi::GQuark,
    c_int,
    c_int,
    c_int,
    c_int,
    f32,
    *mut Mtd,
) -> glib::ffi::gboolean;
/// `gst_analytics_relation_meta_set_relation`: type, from, to
type SetRelation = unsafe extern "C" fn(RelationMeta, c_int, c_uint, c_uint) -> glib::ffi::gboolean;

/// A class as analytics name it.
#[derive(Clone, Copy)]
pub struct Class<'a> {
    pub label: &'a str,
    pub score: f32,
}

impl Class<'_> {
    fn quark(&self) -> glib::ffi::GQuark {
        glib::Quark::from_str(self.label).into_glib()
    }
}

/// GStreamer's analytics library, as far as it is needed.
pub struct Analytics {
    meta_of_buffer: MetaOfBuffer,
    add_meta: MetaOfBuffer,
    add_classes: AddClasses,
    add_box: AddBox,
    set_relation: SetRelation,
    /// Never unloaded: it registers types.
    _library: Library,
}

impl Analytics {
    /// That of this process, loaded when it is asked for first; `None` where GStreamer is older or comes without.
    pub fn installed() -> Option<&'static Self> {
        static INSTALLED: OnceLock<Option<Analytics>> = OnceLock::new();
        let installed = INSTALLED.get_or_init(|| {
            let (major, minor, ..) = gst::version();
            if (major, minor) < SINCE {
                return None;
            }
            Self::load()
                .inspect_err(|error| {
                    gst::info!(super::log::CAT, "no GstAnalytics on buffers: {error}");
                })
                .ok()
        });
        installed.as_ref()
    }

    fn load() -> Result<Self, libloading::Error> {
        // SAFETY: a library of GStreamer, whose loading runs nothing of its own.
        let open = |path: &Path| unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) };
        // That of the GStreamer in this process first: the system may have another one.
        let library = match beside_gstreamer() {
            Some(path) => open(&path).or_else(|_| open(LIBRARY.as_ref()))?,
            None => open(LIBRARY.as_ref())?,
        };
        // SAFETY: the types are those of gstanalyticsmeta.h, gstanalyticsclassificationmtd.h and
        // gstanalyticsobjectdetectionmtd.h, which GStreamer keeps compatible.
        unsafe {
            Ok(Self {
                meta_of_buffer: *library.get(b"gst_buffer_get_analytics_relation_meta\0")?,
                add_meta: *library.get(b"gst_buffer_add_analytics_relation_meta\0")?,
                add_classes: *library.get(b"gst_analytics_relation_meta_add_cls_mtd\0")?,
                add_box: *library.get(b"gst_analytics_relation_meta_add_od_mtd\0")?,
                set_relation: *library.get(b"gst_analytics_relation_meta_set_relation\0")?,
                _library: library,
            })
        }
    }

    /// Adds `classes`, the best first, as one classification to the buffer's relation metadata, and each of `boxes` as an object
    /// of its class.
    ///
    /// A reader such as `objectdetectionoverlay` calls an object what the first class says that it *relates to*. So a box of the
    /// best class relates to the classification; one of another class is *part of* it, and keeps its own name.
    pub fn attach<'a>(
        &self,
        buffer: &mut gst::BufferRef,
        classes: impl Iterator<Item = Class<'a>>,
        boxes: impl Iterator<Item = (Class<'a>, Region)>,
    ) -> Result<(), glib::BoolError> {
        let (quarks, scores): (Vec<_>, Vec<_>) =
            classes.map(|class| (class.quark(), class.score)).unzip();
        let failed = || glib::bool_error!("GstAnalytics takes no metadata");
        let mtd = || Mtd {
            id: 0,
            meta: std::ptr::null_mut(),
        };
        // SAFETY: the buffer is writable, as its reference is exclusive; both arrays have as many values as is said, and are
        // copied; a relation metadata lives as long as its buffer, and ids are those that it has just given.
        unsafe {
            let buffer = buffer.as_mut_ptr();
            let mut meta = (self.meta_of_buffer)(buffer);
            if meta.is_null() {
                meta = (self.add_meta)(buffer);
            }
            if meta.is_null() {
                return Err(failed());
            }
            let mut classification = mtd();
            let added = (self.add_classes)(
                meta,
                quarks.len(),
                scores.as_ptr(),
                quarks.as_ptr(),
                &raw mut classification,
            );
            if added == glib::ffi::GFALSE {
                return Err(failed());
            }
            for (class, region) in boxes {
                let mut object = mtd();
                let quark = class.quark();
                let [x, y, width, height] = [region.x, region.y, region.width, region.height]
                    .map(|pixels| c_int::try_from(pixels).unwrap_or(c_int::MAX));
                let added = (self.add_box)(
                    meta,
                    quark,
                    x,
                    y,
                    width,
                    height,
                    class.score,
                    &raw mut object,
                );
                let relation = if quarks.first() == Some(&quark) {
                    RELATES_TO
                } else {
                    IS_PART_OF
                };
                if added == glib::ffi::GFALSE
                    || (self.set_relation)(meta, relation, object.id, classification.id)
                        == glib::ffi::GFALSE
                {
                    return Err(failed());
                }
            }
        }
        Ok(())
    }
}

/// Where the library would be that came with the GStreamer of this process.
fn beside_gstreamer() -> Option<PathBuf> {
    // SAFETY: the address is that of a function, and what is filled in is read only where dladdr says that it was.
    let name = unsafe {
        let mut info: libc::Dl_info = std::mem::zeroed();
        let function = gst::ffi::gst_buffer_new as *const c_void;
        if libc::dladdr(function, &raw mut info) == 0 || info.dli_fname.is_null() {
            return None;
        }
        CStr::from_ptr(info.dli_fname).to_owned()
    };
    let path = Path::new(OsStr::from_bytes(name.to_bytes()));
    // What is linked statically is in no folder of libraries.
    let is_gstreamer = path
        .file_name()?
        .as_bytes()
        .starts_with(b"libgstreamer-1.0");
    let beside = path.with_file_name(LIBRARY);
    (is_gstreamer && beside.exists()).then_some(beside)
}
