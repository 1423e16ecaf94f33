//! `pretrained_cfg`: how timm made the pictures of a training, in a `config.json` as timm writes it for
//! a hub, or in the network's own metadata.

use super::fields::{Fields, Pixels};
use super::told::{self, Crop, Geometry, Size};
use super::warnings::Fault;
use crate::preprocess::{ChannelOrder, Normalization};

/// The key under which timm keeps it.
pub const KEY: &str = "pretrained_cfg";

/// From pixels to numbers; none where nothing is said of it.
///
/// # Errors
/// The first key whose value is none, or that lacks another.
pub fn normalization(fields: Fields) -> Result<Option<Normalization>, Fault> {
    match (fields.mean("mean")?, fields.deviation("std")?) {
        (None, None) => Ok(None),
        (Some(mean), Some(deviation)) => {
            let (order, factor) = (ChannelOrder::Rgb, 1.0 / 255.0);
            Ok(Some(told::normalization(order, factor, mean, deviation)))
        }
        (Some(_), None) => Err(fields.fault("mean", "which comes without std")),
        (None, Some(_)) => Err(fields.fault("std", "which comes without mean")),
    }
}

/// The pictures' height and width.
pub fn geometry(fields: Fields) -> Geometry {
    let mut told = Geometry::default();
    told.read_filter(fields, "interpolation");
    let size = told.keep(fields.pixels("input_size"));
    let share = told.keep(fields.share("crop_pct"));
    let mode =
        told.keep(fields.read(
            "crop_mode",
            "no crop that is known",
            |value| match value.as_str()? {
                "center" => Some(false),
                "squash" => Some(true),
                _ => None,
            },
        ));
    let is_stretched = mode == Some(true);
    told.size = size.map(|pixels| Size {
        said: fields.said("input_size"),
        pixels: match is_stretched {
            true => pixels,
            false => Pixels::Shortest(pixels.shortest()),
        },
        is_stretched,
    });
    told.crop = share.map(|share| Crop {
        said: fields.said("crop_pct"),
        share,
    });
    told
}
