//! `preprocessor_config.json`: the image processor that Transformers saves with a network.

use super::fields::{Fields, Pixels};
use super::told::{self, Crop, Geometry, Size};
use super::warnings::Fault;
use crate::preprocess::{ChannelOrder, Normalization};

/// The file's name.
pub const FILE: &str = "preprocessor_config.json";

/// What pixels are multiplied by where nothing else is said.
const FACTOR: f64 = 1.0 / 255.0;

/// What a processor may do to a picture that is done here too, or that is nothing to a frame.
const KNOWN: [&str; 7] = [
    "do_resize",
    "do_rescale",
    "do_normalize",
    "do_center_crop",
    "do_convert_rgb",
    "do_flip_channel_order",
    "do_reduce_labels",
];

/// The shortest side from which on processors with a `crop_pct` (ConvNeXt's) stretch without a crop.
const STRETCHED_FROM: u32 = 384;

/// What LeViT's processor crops, whatever its sizes say.
const LEVIT_CROP: f64 = 224.0 / 256.0;

/// From pixels to numbers; none where nothing is said of it.
///
/// # Errors
/// The first key whose value is none, or that lacks another.
pub fn normalization(fields: Fields) -> Result<Option<Normalization>, Fault> {
    let (mean, deviation) = (fields.mean("image_mean")?, fields.deviation("image_std")?);
    let factor = fields.factor("rescale_factor")?;
    let (scales, normalizes) = (fields.flag("do_rescale")?, fields.flag("do_normalize")?);
    let is_said = scales.is_some() || normalizes.is_some() || factor.is_some();
    if !is_said && mean.is_none() && deviation.is_none() {
        return Ok(None);
    }
    let factor = match scales {
        Some(false) => 1.0,
        Some(true) | None => factor.unwrap_or(FACTOR),
    };
    // EfficientNet's and ViViT's: from -1 on.
    let is_shifted = ["rescale_offset", "offset"].map(|key| fields.flag(key));
    let [first, second] = is_shifted;
    let shift = f64::from(u8::from(first? == Some(true) || second? == Some(true)));
    let order = match fields.flag("do_flip_channel_order")? {
        Some(true) => ChannelOrder::Bgr,
        Some(false) | None => ChannelOrder::Rgb,
    };
    let normalizes = normalizes.unwrap_or(mean.is_some() || deviation.is_some());
    let (mean, deviation) = match (normalizes, mean, deviation) {
        (false, ..) => ([0.0; 3], [1.0; 3]),
        (true, Some(mean), Some(deviation)) => (mean, deviation),
        (true, None, Some(_)) => {
            return Err(fields.fault("image_std", "which comes without image_mean"));
        }
        (true, Some(_), None) => {
            return Err(fields.fault("image_mean", "which comes without image_std"));
        }
        (true, None, None) => {
            let what = "which comes without image_mean and image_std";
            return Err(fields.fault("do_normalize", what));
        }
    };
    // EfficientNet's processor divides once more for networks with a head.
    let deviation = match fields.flag("include_top")? {
        Some(true) if normalizes => deviation.map(|deviation| deviation * deviation),
        Some(_) | None => deviation,
    };
    let mean = mean.map(|mean| mean + shift);
    Ok(Some(told::normalization(order, factor, mean, deviation)))
}

/// The pictures' height and width.
pub fn geometry(fields: Fields) -> Geometry {
    let mut told = Geometry::default();
    told.read_filter(fields, "resample");
    let unknown = fields.object.iter().filter(|(key, value)| {
        key.starts_with("do_") && value.as_bool() == Some(true) && !KNOWN.contains(&key.as_str())
    });
    for (key, _) in unknown {
        told.faults
            .push(fields.fault(key, "which is not known here"));
    }
    let resizes = told.keep(fields.flag("do_resize"));
    let size = told.keep(fields.pixels("size"));
    let crops = told.keep(fields.flag("do_center_crop"));
    let crop = told.keep(fields.pixels("crop_size"));
    let share = told.keep(fields.share("crop_pct"));
    if resizes == Some(false) {
        return told;
    }
    let is_of_levit = ["image_processor_type", "feature_extractor_type"]
        .iter()
        .filter_map(|key| fields.get(key)?.as_str())
        .any(|kind| kind.starts_with("Levit"));
    let of = |key: &str, pixels, is_stretched| {
        Some(Size {
            said: fields.said(key),
            pixels,
            is_stretched,
        })
    };
    let cut = |key: &str, share| {
        Some(Crop {
            said: fields.said(key),
            share,
        })
    };
    (told.size, told.crop) = match (size, crop.filter(|_| crops != Some(false)), share) {
        (size, Some(crop), _) => {
            let whole = size.map_or(crop, |size| size).shortest();
            let share = match is_of_levit {
                true => LEVIT_CROP,
                false => f64::from(crop.shortest()) / f64::from(whole),
            };
            let kept = Pixels::Shortest(crop.shortest());
            (
                of("crop_size", kept, false),
                cut("crop_size", share.min(1.0)),
            )
        }
        (Some(size), None, Some(share)) => {
            let side = size.shortest();
            let square = Pixels::Sides {
                height: side,
                width: side,
            };
            match side < STRETCHED_FROM {
                true => (
                    of("size", Pixels::Shortest(side), false),
                    cut("crop_pct", share),
                ),
                false => (of("size", square, true), None),
            }
        }
        (Some(size @ Pixels::Sides { .. }), None, None) => (of("size", size, true), None),
        (Some(size @ Pixels::Shortest(_)), None, None) => (of("size", size, false), None),
        (None, None, _) => (None, None),
    };
    told
}
