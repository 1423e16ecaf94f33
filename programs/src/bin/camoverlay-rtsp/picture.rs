//! From the input to H.264.

use camoverlay_programs::{self, Failure, Feed, OverlayOptions, Wish};

use super::relay::Relay;

/// H.264 in I420 has no odd sizes: such a picture is scaled by the odd pixel. Parameter sets go before every key frame, for
/// clients that come later.
const CHAIN: &str = "videoconvert ! videoscale ! video/x-raw,width=[2,16384,2],height=[2,16384,2] ! \
                     camoverlay name=camoverlay ! videoconvert ! video/x-raw,format=I420 ! \
                     x264enc tune=zerolatency speed-preset=veryfast key-int-max=60 ! h264parse config-interval=-1 ! \
                     video/x-h264,stream-format=byte-stream,alignment=au";

/// The pipeline from the input that is wished for to H.264, and what takes that; an input that is to come `back` is opened
/// again whenever it breaks off.
///
/// # Errors
/// There is no such camera, an option cannot be, or an element is missing.
pub fn picture(
    wish: Wish,
    comes_back: bool,
    overlay: &OverlayOptions,
) -> Result<(Feed, Relay), Failure> {
    let mut feed = Feed::new(wish, comes_back, overlay, CHAIN)?;
    let encoded = camoverlay_programs::find(&feed.pipeline, "encoded")?;
    let relay = Relay::new(&feed.pipeline, &encoded);
    let watch = relay.clone();
    feed.run_while(move || watch.is_watched() || !watch.is_ready())?;
    Ok((feed, relay))
}
