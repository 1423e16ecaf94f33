//! Why an input cannot be read, in one sentence for all programs, and one on what to do.

use gst::glib;

/// What a bin says of an input in which no stream is a picture.
pub const NO_PICTURE: &str = "There is no picture in it.";

/// Largest width and height that GStreamer's converters take, in pixels.
pub const LARGEST_SIDE: i32 = 32_767;

/// What is known of an input besides an error.
#[derive(Default)]
pub struct Symptoms {
    /// The media type that its first bytes have.
    pub kind: Option<String>,
    /// What there is no plugin for, in GStreamer's words.
    pub missing: Option<String>,
    /// With what a web server refuses it.
    pub status: Option<u32>,
    /// Width and height of pictures of which one is above [`LARGEST_SIDE`].
    pub too_large: Option<(i32, i32)>,
    /// Whether a web server does not send the part of it that it was asked for: its end, where an index lies, or the rest
    /// after a connection has broken off.
    pub lacks_parts: bool,
    /// Whether there was no connection, or one that ended before anything came.
    pub is_out_of_reach: bool,
}

/// Names the input, what is wrong with it, and what helps.
pub fn sentence(name: &str, error: &glib::Error, symptoms: &Symptoms) -> String {
    let words = error.message().trim_end_matches('.');
    let kind = symptoms.kind.as_deref().unwrap_or_default();
    let picture = kind.strip_prefix("image/").map(format_name);
    let is_of_stream = error.is::<gst::StreamError>();
    let (why, help) = if let Some(status @ 300..400) = symptoms.status {
        (
            format!(
                "its server sends on and on to other addresses, the last time with {status} ({words})"
            ),
            "Is the address right? Does it open in a browser?",
        )
    } else if let Some(status) = symptoms.status {
        (
            format!("its server answers {status} ({words})"),
            advice(status),
        )
    } else if symptoms.is_out_of_reach {
        (
            "there is no connection to its server, or nothing comes from it".to_owned(),
            "Is the address right, and does the server run?",
        )
    } else if words == NO_PICTURE.trim_end_matches('.') {
        (
            "there is no picture in it".to_owned(),
            "Give a video, a picture or a camera.",
        )
    } else if symptoms.lacks_parts {
        (
            "it has to be read from the middle, and its server sends it from the beginning only"
                .to_owned(),
            "Try again, or download it first.",
        )
    } else if let Some((width, height)) = symptoms.too_large {
        (
            format!(
                "its pictures have {width} x {height} pixels, and GStreamer converts {LARGEST_SIDE} a side at most"
            ),
            "Scale them down.",
        )
    } else if kind.starts_with("text/") {
        ("it is text".to_owned(), "Give a video or a picture.")
    } else if let Some(missing) = &symptoms.missing {
        (
            format!("GStreamer's plugin for {missing} is not installed"),
            match picture {
                Some(_) => "Convert it to PNG or JPEG.",
                None => "Install GStreamer's plugins, good, bad, ugly and libav.",
            },
        )
    } else if error.matches(gst::StreamError::TypeNotFound) {
        (
            "it is no video or picture that GStreamer knows".to_owned(),
            "Convert it, for instance to MP4, PNG or JPEG.",
        )
    } else if let Some(picture) = picture.filter(|_| is_of_stream) {
        (
            format!(
                "GStreamer cannot decode this {picture} picture{}",
                details(words)
            ),
            "Is it whole? If so, convert it to PNG or JPEG.",
        )
    } else if is_of_stream {
        let kind = if kind.is_empty() { "input" } else { kind };
        (
            format!("GStreamer cannot decode this {kind}{}", details(words)),
            "Is it whole, and a video or a picture?",
        )
    } else {
        (words.to_owned(), "")
    };
    let sentence = format!("{name} cannot be read: {why}. {help}");
    sentence.trim_end().to_owned()
}

/// Whether `error` is that a web server does not send the part that GStreamer has asked for.
pub fn is_break(error: &glib::Error) -> bool {
    error.message().trim_end_matches('.') == "Server does not support seeking"
}

/// What to do where a web server answers with `status`.
fn advice(status: u32) -> &'static str {
    match status {
        401 | 403 | 407 => {
            "May you see it? A name and a password go into the address: http://NAME:PASSWORD@..."
        }
        500.. => "Try again later, or ask those who run the server.",
        _ => "Is the address right?",
    }
}

/// The name of a picture's format as people know it.
fn format_name(kind: &str) -> String {
    let kind = kind
        .trim_start_matches("x-")
        .trim_start_matches("gst-libav-");
    kind.to_uppercase()
}

/// GStreamer's own words where they say anything.
fn details(words: &str) -> String {
    match words {
        "Internal data stream error" => String::new(),
        words => format!(" ({words})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_names_the_input_and_what_is_not_supported() {
        gst::init().unwrap();
        let failed = |code, words: &str| glib::Error::new::<gst::StreamError>(code, words);
        let stream = failed(gst::StreamError::Failed, "Internal data stream error.");
        let of = |kind: &str, missing: Option<&str>| Symptoms {
            kind: Some(kind.to_owned()),
            missing: missing.map(String::from),
            ..Symptoms::default()
        };
        let gone = glib::Error::new(gst::ResourceError::NotFound, "Not found");
        for (error, symptoms, expected) in [
            (
                &stream,
                of("image/tiff", None),
                "a cannot be read: GStreamer cannot decode this TIFF picture. Is it whole? If so, convert it to PNG or JPEG.",
            ),
            (
                &stream,
                of("video/quicktime", None),
                "a cannot be read: GStreamer cannot decode this video/quicktime. Is it whole, and a video or a picture?",
            ),
            (
                &stream,
                of("video/quicktime", Some("H.265 decoder")),
                "a cannot be read: GStreamer's plugin for H.265 decoder is not installed. Install GStreamer's plugins, \
                 good, bad, ugly and libav.",
            ),
            (
                &failed(
                    gst::StreamError::WrongType,
                    "This appears to be a text file",
                ),
                of("text/plain", None),
                "a cannot be read: it is text. Give a video or a picture.",
            ),
            (
                &failed(gst::StreamError::WrongType, NO_PICTURE),
                of("video/quicktime", None),
                "a cannot be read: there is no picture in it. Give a video, a picture or a camera.",
            ),
            (&gone, Symptoms::default(), "a cannot be read: Not found."),
            (
                &gone,
                Symptoms {
                    status: Some(404),
                    ..Symptoms::default()
                },
                "a cannot be read: its server answers 404 (Not found). Is the address right?",
            ),
            (
                &stream,
                Symptoms {
                    lacks_parts: true,
                    ..of("video/quicktime", None)
                },
                "a cannot be read: it has to be read from the middle, and its server sends it from the beginning only. Try \
                 again, or download it first.",
            ),
            (
                &stream,
                Symptoms {
                    is_out_of_reach: true,
                    ..Symptoms::default()
                },
                "a cannot be read: there is no connection to its server, or nothing comes from it. Is the address right, \
                 and does the server run?",
            ),
        ] {
            assert_eq!(sentence("a", error, &symptoms), expected);
        }
    }
}
