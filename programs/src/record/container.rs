//! What a recording is stored in and encoded with, by the suffix of its name.

use std::path::Path;

use crate::failure::Failure;

/// The file format of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    Mp4,
    Matroska,
    WebM,
}

/// A way to encode pictures.
struct VideoEncoder {
    factory: &'static str,
    /// Properties for a constant quality that leaves no visible trace of the encoder.
    quality: &'static str,
    /// Properties for a number of kbit/s.
    bitrate: fn(u32) -> String,
    parser: Option<&'static str>,
    /// What pictures with an odd side are encoded as, where that is possible: H.264 halves chroma in even steps only.
    odd: Option<&'static str>,
}

/// No B-frames: frames are decoded in the order and at the times they are shown, so that the lengths of frames come out
/// right whatever the frame rate does.
const X264: VideoEncoder = VideoEncoder {
    factory: "x264enc",
    quality: "speed-preset=veryfast bframes=0 pass=qual quantizer=21 vbv-buf-capacity=0",
    bitrate: |kbit| format!("speed-preset=veryfast bframes=0 bitrate={kbit}"),
    parser: Some("h264parse"),
    odd: Some("Y444"),
};
const OPENH264: VideoEncoder = VideoEncoder {
    factory: "openh264enc",
    quality: "rate-control=off qp-min=22 qp-max=22",
    bitrate: |kbit| format!("rate-control=bitrate bitrate={}", kbit * 1000),
    parser: Some("h264parse"),
    odd: None,
};
const VP8: VideoEncoder = VideoEncoder {
    factory: "vp8enc",
    quality: "deadline=1 cpu-used=4 threads=4 end-usage=cq cq-level=12 target-bitrate=50000000",
    bitrate: |kbit| {
        format!(
            "deadline=1 cpu-used=4 threads=4 target-bitrate={}",
            kbit * 1000
        )
    },
    parser: None,
    odd: Some("I420"),
};

/// The format of pictures with even sides, which everything plays.
const EVEN: &str = "I420";

impl Container {
    /// The format that the suffix of `path` names.
    ///
    /// # Errors
    /// No suffix, or one that means nothing here.
    pub fn of(path: &Path) -> Result<Self, Failure> {
        let suffix = path.extension().map(|suffix| suffix.to_ascii_lowercase());
        match suffix.as_ref().and_then(|suffix| suffix.to_str()) {
            Some("mp4" | "m4v") => Ok(Self::Mp4),
            Some("mkv") => Ok(Self::Matroska),
            Some("webm") => Ok(Self::WebM),
            _ => Err(Failure::usage(format!(
                "{} says not what to write: name the output .mp4, .mkv or .webm.",
                path.display()
            ))),
        }
    }

    /// Whether the earliest stream starts the file, whatever its running time; otherwise running times are the file's.
    pub fn starts_at_earliest(self) -> bool {
        self == Self::Mp4
    }

    fn muxer_name(self) -> &'static str {
        match self {
            Self::Mp4 => "mp4mux",
            Self::Matroska => "matroskamux",
            Self::WebM => "webmmux",
        }
    }

    /// What has a file play that was not finished. An MP4 grows by fragments of a second, each with an index of its own,
    /// and becomes a plain one with a single index at its end; Matroska is made so that it plays without its end.
    fn muxer_settings(self) -> &'static str {
        match self {
            Self::Mp4 => "fragment-duration=1000 fragment-mode=first-moov-then-finalise",
            Self::Matroska | Self::WebM => "",
        }
    }

    /// The encoders to try, best first.
    fn video_encoders(self) -> &'static [VideoEncoder] {
        match self {
            Self::Mp4 => &[X264, OPENH264],
            Self::Matroska => &[X264, OPENH264, VP8],
            Self::WebM => &[VP8],
        }
    }

    fn sound_encoders(self) -> &'static [&'static str] {
        match self {
            Self::Mp4 => &["avenc_aac", "fdkaacenc", "voaacenc"],
            Self::Matroska => &["opusenc", "vorbisenc", "avenc_aac"],
            Self::WebM => &["opusenc", "vorbisenc"],
        }
    }

    /// A new muxer.
    ///
    /// # Errors
    /// Its plugin is missing.
    pub fn muxer(self) -> Result<gst::Element, Failure> {
        element(&format!("{} {}", self.muxer_name(), self.muxer_settings()))
    }

    /// Whether encoded sound of `caps` can be stored as it is.
    pub fn keeps(self, caps: &gst::CapsRef) -> bool {
        let Some(factory) = gst::ElementFactory::find(self.muxer_name()) else {
            return false;
        };
        // A parser makes whatever framing the muxer wants, but for AAC in LOAS.
        let mut stored = caps.to_owned();
        for structure in stored.make_mut().iter_mut() {
            if structure.get("stream-format") != Ok("loas") {
                structure.remove_field("stream-format");
            }
        }
        let is = |name| caps.iter().any(|structure| structure.name() == name);
        // GStreamer 1.22's mp4mux reverses the bytes of how much of Opus is to be left out at its start: of each recording,
        // players would leave out the first third of a second.
        let is_spoilt = self == Self::Mp4 && is("audio/x-opus");
        !is("audio/x-raw")
            && !is_spoilt
            && factory.static_pad_templates().iter().any(|template| {
                template.name_template().starts_with("audio")
                    && template.caps().can_intersect(&stored)
            })
    }

    /// The elements that encode pictures of `width` x `height` as the first installed encoder can: a filter for the
    /// encoder's input format, the encoder, and what follows it.
    ///
    /// # Errors
    /// None is installed.
    pub fn video_chain(self, bitrate: Option<u32>) -> Result<VideoChain, Failure> {
        let encoders = self.video_encoders();
        let encoder = first_installed(encoders, |encoder| encoder.factory, "video")?;
        let settings = bitrate.map_or_else(|| encoder.quality.to_owned(), encoder.bitrate);
        let mut elements = vec![element(&format!("{} {settings}", encoder.factory))?];
        if let Some(parser) = encoder.parser {
            elements.push(element(parser)?);
        }
        Ok(VideoChain {
            elements,
            encoder: encoder.factory,
            odd: encoder.odd,
        })
    }

    /// An encoder for sound.
    ///
    /// # Errors
    /// None is installed.
    pub fn sound_encoder(self) -> Result<gst::Element, Failure> {
        element(first_installed(
            self.sound_encoders(),
            |name| name,
            "sound",
        )?)
    }
}

/// Encoder and parser, and what they take.
pub struct VideoChain {
    pub elements: Vec<gst::Element>,
    encoder: &'static str,
    odd: Option<&'static str>,
}

impl VideoChain {
    /// The pixel format in which pictures of this size are encoded.
    ///
    /// # Errors
    /// The encoder cannot take an odd side.
    pub fn format(&self, width: u32, height: u32) -> Result<&'static str, Failure> {
        if width.is_multiple_of(2) && height.is_multiple_of(2) {
            return Ok(EVEN);
        }
        self.odd.ok_or_else(|| {
            let encoder = self.encoder;
            Failure::from(format!(
                "{encoder} cannot encode pictures of {width} x {height}. Install x264enc (Debian: \
                 gstreamer1.0-plugins-ugly), or record to .webm."
            ))
        })
    }
}

/// The one element that `description` (gst-launch's syntax) describes.
///
/// # Errors
/// It is not installed.
pub fn element(description: &str) -> Result<gst::Element, Failure> {
    gst::parse::launch(description).map_err(|error| {
        let words = error.message();
        format!("{words}. Install GStreamer's plugins, good, bad, ugly and libav.").into()
    })
}

fn first_installed<'a, T>(
    choices: &'a [T],
    name: impl Fn(&T) -> &'static str,
    what: &str,
) -> Result<&'a T, Failure> {
    let installed = choices
        .iter()
        .find(|choice| gst::ElementFactory::find(name(choice)).is_some());
    installed.ok_or_else(|| {
        let names: Vec<_> = choices.iter().map(name).collect();
        format!(
            "No {what} encoder is installed: looked for {}. Install GStreamer's plugins, good, ugly and libav.",
            names.join(", ")
        )
        .into()
    })
}
