//! How pictures are made for a network: their colours, the numbers of the normalisation and what becomes of frames of
//! another shape, each from the options, else from the file, else from what is usual.

use std::path::Path;

use super::metadata;
use super::options::{Options, PreprocessOrigin};
use super::transform::{PictureSize, Preprocessing, Sources};
use super::warnings::{Place, Said, Warnings};
use crate::model::error::ModelError;
use crate::model::image_input::Picture;
use crate::onnx::graph::Graph;
use crate::preprocess::{ChannelOrder, ColorOrder, Fit, FitMode, Normalization, Preprocess};

/// What is known before the network is run.
pub struct Preparation<'a> {
    pub preprocessing: Preprocessing,
    pub size: PictureSize,
    /// How frames are to be fitted, and whether that was asked for rather than said by the file.
    mode: Option<(FitMode, bool)>,
    /// Part of the shortest side that a crop leaves.
    crop_share: f64,
    path: &'a Path,
}

/// Where the settings of one network are looked up.
struct Lookup<'a, 'b> {
    options: &'a Options,
    graph: &'a Graph,
    picture: &'a Picture,
    path: &'a Path,
    /// The file may say what the options do not.
    is_told_by_file: bool,
    warnings: &'b mut Warnings,
}

impl<'a> Preparation<'a> {
    /// # Errors
    /// [`ModelError::Preparation`], for options that do not go with the network; [`ModelError::FixedInput`].
    pub fn new(
        sources: &Sources,
        path: &'a Path,
        warnings: &mut Warnings,
    ) -> Result<Self, ModelError> {
        let options = sources.options;
        let mut lookup = Lookup {
            options,
            graph: sources.metadata.graph(),
            picture: sources.picture,
            path,
            is_told_by_file: sources.entry.is_none(),
            warnings,
        };
        let Preprocessing {
            normalization: told,
            mut origin,
        } = lookup.preprocessing(sources)?;
        let order = lookup.order(told.order)?;
        let mut normalization = in_order(told, order);
        // Who asks for a preprocessing asks for all of its numbers.
        lookup.is_told_by_file &= options.preprocess.is_none();
        let mean = lookup.numbers("mean", &options.mean, order)?;
        let deviation = lookup.numbers("std", &options.std, order)?;
        if mean.is_some() || deviation.is_some() {
            normalization = in_units(normalization);
            normalization.mean = mean.unwrap_or(normalization.mean);
            normalization.deviation = deviation.unwrap_or(normalization.deviation);
        }
        if mean.is_some() && deviation.is_some() {
            let is_asked = options.mean.is_some() || options.std.is_some();
            origin = match is_asked {
                true => PreprocessOrigin::Options,
                false => PreprocessOrigin::File,
            };
        }
        lookup.is_told_by_file = sources.entry.is_none();
        let mode = lookup.mode();
        let crop_share = lookup.crop_share(sources)?;
        Ok(Self {
            preprocessing: Preprocessing {
                normalization,
                origin,
            },
            size: sources.size(path, warnings)?,
            mode,
            crop_share,
            path,
        })
    }

    /// How frames are fitted to a network that takes pictures of `sides` (height and width, each where it is fixed)
    /// and elsewhere of its [`size`](Self::size).
    ///
    /// # Errors
    /// [`ModelError::Preparation`], for a fit that was asked for and that the network does not allow.
    pub fn fit(
        &self,
        sides: [Option<usize>; 2],
        warnings: &mut Warnings,
    ) -> Result<Fit, ModelError> {
        let side = self.size.shortest as usize;
        let (width, height) = self.size.sides();
        let [height, width] = [0, 1].map(|axis| sides[axis].unwrap_or([height, width][axis]));
        let own = match sides {
            [None, None] if self.size.stretched.is_some() => Fit::Exact { width, height },
            [None, None] => Fit::ShortestSide(side),
            [Some(height), None] => Fit::Height(height),
            [None, Some(width)] => Fit::Width(width),
            [Some(height), Some(width)] => Fit::Exact { width, height },
        };
        Ok(match self.mode {
            None => own,
            Some((FitMode::ShortestSide, true)) if sides == [None, None] => Fit::ShortestSide(side),
            Some((FitMode::ShortestSide, is_asked)) => match (own, is_asked) {
                (Fit::Exact { .. }, true) => {
                    return Err(ModelError::Preparation {
                        path: self.path.to_owned(),
                        found: format!(
                            "takes pictures of {width} x {height} pixels only, so that their shortest side alone \
                             cannot be fitted"
                        ),
                        advice: "Set fit to crop, stretch or letterbox.",
                    });
                }
                (Fit::Exact { .. }, false) => {
                    warnings.add(
                        &in_file("fit", FitMode::ShortestSide.name()),
                        "but the network takes pictures of one size only",
                        "stretch is taken instead",
                        None,
                    );
                    own
                }
                (own, _) => own,
            },
            Some((FitMode::Stretch, _)) => Fit::Exact { width, height },
            Some((FitMode::Letterbox, _)) => Fit::Letterbox { width, height },
            Some((FitMode::Crop, _)) => {
                // As timm and torchvision round it.
                let covered = |side: usize| (side as f64 / self.crop_share + 1e-6) as usize;
                Fit::Crop {
                    width,
                    height,
                    covers: (covered(width), covered(height)),
                }
            }
        })
    }
}

impl Lookup<'_, '_> {
    fn refused(&self, found: String, advice: &'static str) -> ModelError {
        ModelError::Preparation {
            path: self.path.to_owned(),
            found,
            advice,
        }
    }

    /// What the file says under `key`, as `read` understands it; `what` it is and what is `taken` where it does not.
    fn said<T>(
        &mut self,
        key: &'static str,
        what: &str,
        taken: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let said = metadata::value(self.graph, key).filter(|_| self.is_told_by_file)?;
        let found = read(said.1);
        if found.is_none() {
            self.warnings.add(
                &in_file(said.0, said.1),
                &format!("which is not {what}"),
                taken,
                None,
            );
        }
        found
    }

    fn preprocessing(&mut self, sources: &Sources) -> Result<Preprocessing, ModelError> {
        let options = self.options;
        if self.picture.is_whole() {
            let is_asked = options
                .preprocess
                .is_some_and(|asked| asked != Preprocess::Raw);
            if is_asked || options.mean.is_some() || options.std.is_some() {
                return Err(self.refused(
                    "takes whole numbers, the pixels of 0 to 255 as they are, and normalises them itself".to_owned(),
                    "Leave mean and std empty, and preprocess to the network, or ask for raw.",
                ));
            }
        }
        let told = sources.preprocessing(self.warnings);
        if self.picture.is_whole() {
            if told.preset() != Some(Preprocess::Raw) && told.origin == PreprocessOrigin::File {
                self.warnings.add(
                    &in_file("preprocess", told.name()),
                    "but its input holds whole numbers",
                    "raw, the pixels of 0 to 255 as they are, is taken instead",
                    None,
                );
            }
            let origin = match told.origin {
                PreprocessOrigin::Assumed => PreprocessOrigin::File,
                told => told,
            };
            return Ok(Preprocessing {
                normalization: Preprocess::Raw.normalization(),
                origin,
            });
        }
        // ImageNet's colours say nothing about networks for gray pictures.
        let is_unknown = told.origin == PreprocessOrigin::Assumed && self.picture.channels == 1;
        Ok(Preprocessing {
            normalization: if is_unknown {
                Preprocess::Unit.normalization()
            } else {
                told.normalization
            },
            origin: told.origin,
        })
    }

    fn order(&mut self, told_order: ChannelOrder) -> Result<ChannelOrder, ModelError> {
        let is_gray = self.picture.channels == 1;
        let named = |text: &str| ColorOrder::from_name(&text.trim().to_lowercase());
        let told = self
            .options
            .color_order
            .or_else(|| self.said("color_order", "rgb, bgr or gray", "it is left out", named));
        Ok(match (told, is_gray) {
            (None | Some(ColorOrder::Gray), true) => ChannelOrder::Gray,
            (None, false) => told_order,
            (Some(ColorOrder::Gray), false) => ChannelOrder::GrayThrice,
            (Some(ColorOrder::Rgb), false) => ChannelOrder::Rgb,
            (Some(ColorOrder::Bgr), false) => ChannelOrder::Bgr,
            (Some(ColorOrder::Rgb | ColorOrder::Bgr), true)
                if self.options.color_order.is_none() =>
            {
                ChannelOrder::Gray
            }
            (Some(ColorOrder::Rgb | ColorOrder::Bgr), true) => {
                return Err(self.refused(
                    "takes pictures of one channel, and colours have three".to_owned(),
                    "Leave the colour order to the network, or ask for gray.",
                ));
            }
        })
    }

    /// The mean or the deviation, as `key` calls it, of each channel.
    fn numbers(
        &mut self,
        key: &'static str,
        asked: &Option<Vec<f64>>,
        order: ChannelOrder,
    ) -> Result<Option<[f32; 3]>, ModelError> {
        let channels = order.channels();
        let what = match channels {
            1 => "1 number from 0 to 1",
            _ => "1 or 3 numbers from 0 to 1",
        };
        let of_channels = |values: &[f64]| {
            let is_number = |value: &f64| {
                let is_divisor = (1.0 / (*value as f32)).is_finite();
                (0.0..=1.0).contains(value) && (key == "mean" || is_divisor)
            };
            match *values {
                _ if !values.iter().all(is_number) => None,
                [all] => Some([all as f32; 3]),
                [first, second, third] if channels == 3 => {
                    Some([first, second, third].map(|value| value as f32))
                }
                _ => None,
            }
        };
        let Some(values) = asked else {
            let read = |text: &str| of_channels(&numbers(text)?);
            return Ok(self.said(key, what, "preprocess's are taken instead", read));
        };
        let refused = || {
            let values: Vec<String> = values.iter().map(f64::to_string).collect();
            let below = if key == "mean" { "" } else { ", and not 0" };
            self.refused(
                format!("asks for a {key} of {what}{below}, and was given {}", values.join(", ")),
                "Give them as training recipes do: 0.485, 0.456, 0.406 for a mean, 0.229, 0.224, 0.225 for a std, or \
                 0.5 for either; what is told in 0 to 255 is divided by 255.",
            )
        };
        of_channels(values).map(Some).ok_or_else(refused)
    }

    fn mode(&mut self) -> Option<(FitMode, bool)> {
        if let Some(asked) = self.options.fit {
            return Some((asked, true));
        }
        let names = FitMode::ALL.map(FitMode::name).join(", ");
        let named = |text: &str| FitMode::from_name(&text.trim().to_lowercase().replace('_', "-"));
        let said = self.said("fit", &format!("one of {names}"), "it is left out", named);
        Some((said?, false))
    }

    fn crop_share(&mut self, sources: &Sources) -> Result<f64, ModelError> {
        let is_share = |share: &f64| (MOST_CROPPED..=1.0).contains(share);
        if let Some(asked) = self.options.crop_share {
            return Some(asked).filter(is_share).ok_or_else(|| {
                self.refused(
                    format!("is to be shown {asked} of a picture's shortest side"),
                    "Give a share from 0.05 to 1.",
                )
            });
        }
        let read = |text: &str| text.trim().parse().ok().filter(is_share);
        let said = self.said(
            "crop_pct",
            "a share from 0.05 to 1",
            "1 is taken instead",
            read,
        );
        let beside = || sources.crop_share().filter(is_share);
        Ok(said.or_else(beside).unwrap_or(1.0))
    }
}

/// Least part of the shortest side that a crop leaves.
const MOST_CROPPED: f64 = 0.05;

/// Numbers as exporters write them: `0.5`, `0.485, 0.456, 0.406`, or a list of Python's.
fn numbers(text: &str) -> Option<Vec<f64>> {
    let text = text.trim().trim_matches(['[', ']', '(', ')', '<', '>']);
    let parts = text.split([',', ' ', ';']).filter(|part| !part.is_empty());
    parts.map(|part| part.parse().ok()).collect()
}

/// What the network's own file says.
fn in_file(key: &str, value: &str) -> Said {
    Said {
        place: Place::Metadata,
        key: key.to_owned(),
        value: value.to_owned(),
    }
}

/// The numbers of a normalisation for channels in this order: a colour keeps its own, and gray has their mean.
fn in_order(own: Normalization, order: ChannelOrder) -> Normalization {
    let mut numbers = [own.mean, own.deviation];
    for channels in &mut numbers {
        match (own.order, order) {
            (ChannelOrder::Rgb, ChannelOrder::Bgr) | (ChannelOrder::Bgr, ChannelOrder::Rgb) => {
                channels.reverse();
            }
            (_, ChannelOrder::Gray) => *channels = [channels.iter().sum::<f32>() / 3.0; 3],
            (_, ChannelOrder::Rgb | ChannelOrder::Bgr | ChannelOrder::GrayThrice) => {}
        }
    }
    let [mean, deviation] = numbers;
    Normalization {
        order,
        divisor: own.divisor,
        mean,
        deviation,
    }
}

/// The same normalisation of pixels that are divided by 255 first.
fn in_units(normalization: Normalization) -> Normalization {
    let factor = normalization.divisor / 255.0;
    let scaled = |values: [f32; 3]| values.map(|value| value * factor);
    Normalization {
        order: normalization.order,
        divisor: 255.0,
        mean: scaled(normalization.mean),
        deviation: scaled(normalization.deviation),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_recipes_write_them() {
        for (text, expected) in [
            ("0.5", Some(vec![0.5])),
            ("[0.485, 0.456, 0.406]", Some(vec![0.485, 0.456, 0.406])),
            ("(0.5,0.5,0.5)", Some(vec![0.5; 3])),
            (" .1 .2 .3 ", Some(vec![0.1, 0.2, 0.3])),
            ("half", None),
            ("0.5, half", None),
        ] {
            assert_eq!(numbers(text), expected, "{text}");
        }
    }

    /// (v / divisor - mean) / deviation of a channel's every value.
    fn values(normalization: &Normalization, channel: usize) -> Vec<f32> {
        let of = |v: u8| {
            (f32::from(v) / normalization.divisor - normalization.mean[channel])
                / normalization.deviation[channel]
        };
        (0..=255).map(of).collect()
    }

    #[test]
    fn a_preset_is_the_same_in_units() {
        for preprocess in Preprocess::ALL {
            let own = preprocess.normalization();
            for channel in 0..3 {
                let same = values(&in_units(own), channel);
                for (a, b) in values(&own, channel).iter().zip(same) {
                    assert!(
                        (a - b).abs() < 1e-4 * a.abs().max(1.0),
                        "{preprocess:?}: {a} {b}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_colour_keeps_its_mean_in_another_order() {
        let caffe = in_order(Preprocess::Caffe.normalization(), ChannelOrder::Rgb);
        assert_eq!(caffe.mean, [123.0, 117.0, 104.0]);
        let torch = in_order(Preprocess::Torch.normalization(), ChannelOrder::Bgr);
        assert_eq!(torch.mean, [0.406, 0.456, 0.485]);
        assert_eq!(torch.deviation, [0.225, 0.224, 0.229]);
        let gray = in_order(Preprocess::Torch.normalization(), ChannelOrder::Gray);
        assert!((gray.mean[0] - 0.449).abs() < 1e-6);
        let thrice = in_order(Preprocess::Torch.normalization(), ChannelOrder::GrayThrice);
        assert_eq!(thrice.mean, Preprocess::Torch.normalization().mean);
    }
}
