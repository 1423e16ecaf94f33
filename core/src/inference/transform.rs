//! The evaluation transform of a network: how frames become the pictures that it takes. Whoever opens
//! it may say so, or its file does, or files beside it do; all of that comes together here.

use std::path::Path;

use super::beside::Beside;
use super::catalogue::Entry;
use super::fields::{Fields, Pixels};
use super::metadata::{Metadata, Ultralytics};
use super::options::{Options, PreprocessOrigin};
use super::told::{Geometry, Size};
use super::warnings::{Fault, Place, Warnings};
use super::{image_processor, pretrained_cfg};
use crate::model::error::ModelError;
use crate::model::image_input::{INPUT_SIZE, Picture};
use crate::preprocess::{FitMode, Normalization, Preprocess};
use crate::remedy::Remedy;

/// From pixels to a network's numbers, and where that was learnt.
#[derive(Debug, Clone, PartialEq)]
pub struct Preprocessing {
    /// The numbers.
    pub normalization: Normalization,
    /// Who says so.
    pub origin: PreprocessOrigin,
}

impl Preprocessing {
    /// The preset that it is, if it is one.
    pub fn preset(&self) -> Option<Preprocess> {
        Preprocess::of(&self.normalization)
    }

    /// The preset's name, or `custom`.
    pub fn name(&self) -> &'static str {
        self.preset().map_or("custom", Preprocess::name)
    }

    /// What becomes of a pixel, in words.
    pub fn description(&self) -> String {
        match self.preset() {
            // Gray takes them too.
            Some(preset) => preset.description().replacen(
                preset.normalization().order.name(),
                self.normalization.order.name(),
                1,
            ),
            None => self.normalization.description(),
        }
    }
}

/// What is said of a network's pictures, by all who may say something.
pub struct Sources<'a> {
    pub options: &'a Options,
    pub entry: Option<&'a Entry>,
    pub metadata: Metadata<'a>,
    pub beside: &'a Beside,
    /// What the network takes.
    pub picture: &'a Picture,
}

/// How large a network's pictures are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureSize {
    /// Shortest side, in pixels.
    pub shortest: u32,
    /// Width and height to which pictures are scaled whatever their aspect, as its files say.
    pub stretched: Option<(usize, usize)>,
}

impl PictureSize {
    /// Width and height, of a square where only the shortest side is said.
    pub fn sides(&self) -> (usize, usize) {
        let side = self.shortest as usize;
        self.stretched.unwrap_or((side, side))
    }
}

impl Sources<'_> {
    /// From pixels to the network's numbers.
    pub fn preprocessing(&self, warnings: &mut Warnings) -> Preprocessing {
        let preset = |preset: Preprocess, origin| Preprocessing {
            normalization: preset.normalization(),
            origin,
        };
        if let Some(asked) = self.options.preprocess {
            return preset(asked, PreprocessOrigin::Options);
        }
        if let Some(entry) = self.entry {
            return preset(entry.preprocess, PreprocessOrigin::Catalogue);
        }
        let mut faults = Vec::new();
        let mut found: Option<Preprocessing> = None;
        faults.extend(self.metadata.fault.clone());
        if let Some(named) = self.metadata.preprocess(warnings, &mut faults) {
            found = Some(preset(named, PreprocessOrigin::File));
        }
        type Read = fn(Fields) -> Result<Option<Normalization>, Fault>;
        let told: [(Option<Fields>, Read, &str); 3] = [
            (
                self.metadata.pretrained_cfg(),
                pretrained_cfg::normalization,
                "mean",
            ),
            (
                self.beside.processor(),
                image_processor::normalization,
                "image_mean",
            ),
            (
                self.beside.pretrained_cfg(),
                pretrained_cfg::normalization,
                "mean",
            ),
        ];
        for (fields, read, key) in told {
            let Some(fields) = fields else { continue };
            let normalization = match read(fields) {
                Ok(Some(normalization)) => normalization,
                Ok(None) => continue,
                Err(fault) => {
                    faults.push(fault);
                    continue;
                }
            };
            let told = Preprocessing {
                normalization,
                origin: match fields.place {
                    Place::Metadata => PreprocessOrigin::File,
                    Place::Beside(name) => PreprocessOrigin::Beside(name),
                },
            };
            match &found {
                None => found = Some(told),
                Some(first) if !first.normalization.is_alike(&told.normalization) => {
                    faults.push(fields.fault(key, "which contradicts what is said elsewhere"));
                }
                Some(_) => {}
            }
        }
        let (taken, why) = match found {
            Some(found) => {
                let why = match found.origin {
                    PreprocessOrigin::Beside(name) => format!("as {name} says"),
                    _ => "as its metadata says".to_owned(),
                };
                (found, why)
            }
            None => {
                let of_ultralytics = "as Ultralytics' classifiers have it";
                let (taken, origin, why) = match self.metadata.ultralytics() {
                    Some(Ultralytics::Classifier) => {
                        (Preprocess::Unit, PreprocessOrigin::File, of_ultralytics)
                    }
                    Some(Ultralytics::Untold) => {
                        (Preprocess::Unit, PreprocessOrigin::Assumed, of_ultralytics)
                    }
                    None => {
                        let common = "the most common one";
                        (Preprocess::Torch, PreprocessOrigin::Assumed, common)
                    }
                };
                (preset(taken, origin), why.to_owned())
            }
        };
        let instead = match taken.preset() {
            Some(preset) => preset.name().to_owned(),
            None => format!("“{}”", taken.description()),
        };
        let instead = format!("{instead}, {why}, is taken instead");
        for Fault { said, what } in &faults {
            warnings.add(said, what, &instead, Some(Remedy::SetPreprocess));
        }
        taken
    }

    /// How large the network's pictures are, in pixels.
    ///
    /// # Errors
    /// [`ModelError::FixedInput`].
    pub fn size(&self, path: &Path, warnings: &mut Warnings) -> Result<PictureSize, ModelError> {
        let asked = self.options.input_size;
        if let (Some(own), Some(asked)) = (self.picture.own_side(), asked)
            && own != asked
        {
            let [height, width] = self.picture.sides;
            return Err(ModelError::FixedInput {
                path: path.to_owned(),
                width,
                height,
                asked,
            });
        }
        if let Some(entry) = self.entry {
            return Ok(PictureSize {
                shortest: asked.unwrap_or(entry.input_size),
                stretched: None,
            });
        }
        let mut told = self.geometries();
        let faults: Vec<Fault> = told
            .iter_mut()
            .flat_map(|told| told.faults.drain(..))
            .collect();
        let sizes: Vec<Size> = told
            .iter_mut()
            .filter_map(|told| told.size.take())
            .collect();
        let found = self.chosen_size(&sizes, warnings);
        self.tell_faults(&faults, found, warnings);
        self.tell_of_others(&told, found, warnings);
        Ok(found)
    }

    /// What each of those says that know something of height and width.
    fn geometries(&self) -> Vec<Geometry> {
        let mut told = self.metadata.geometries();
        told.extend(self.metadata.pretrained_cfg().map(pretrained_cfg::geometry));
        told.extend(self.beside.processor().map(image_processor::geometry));
        told.extend(self.beside.pretrained_cfg().map(pretrained_cfg::geometry));
        // The size of the training, where nothing else is said.
        if told.iter().all(|told| told.size.is_none())
            && let Some(config) = self.beside.config()
        {
            let mut of_training = Geometry::default();
            let pixels = of_training.keep(config.pixels("image_size"));
            of_training.size = pixels.map(|pixels| Size {
                said: config.said("image_size"),
                pixels: Pixels::Shortest(pixels.shortest()),
                is_stretched: false,
            });
            told.push(of_training);
        }
        told
    }

    /// Part of the shortest side that the evaluation's crop leaves.
    pub fn crop_share(&self) -> Option<f64> {
        let told = self.geometries();
        told.iter().find_map(|told| Some(told.crop.as_ref()?.share))
    }

    /// The first of `sizes`, unless network or user know better; of those that contradict is told.
    fn chosen_size(&self, sizes: &[Size], warnings: &mut Warnings) -> PictureSize {
        let own = self.picture.own_side();
        let asked = self.options.input_size;
        let found = sizes.first().map(|size| size.pixels.shortest());
        let taken = own.or(asked).or(found).unwrap_or(INPUT_SIZE);
        for size in sizes {
            let is_other = size.pixels.shortest() != taken;
            let fault = match (self.picture.fixed(), asked) {
                (Some(fixed), _) => {
                    let is_other_shape = matches!(size.pixels, Pixels::Sides { height, width }
                        if size.is_stretched && fixed != (width as usize, height as usize));
                    (is_other || is_other_shape)
                        .then_some("which is not the size that the network takes")
                }
                (None, Some(_)) => None,
                (None, None) => is_other.then_some("which contradicts what is said elsewhere"),
            };
            if let Some(fault) = fault {
                let (instead, remedy) = self.instead_of_size(taken);
                warnings.add(&size.said, fault, &instead, remedy);
            }
        }
        let stretched = sizes
            .first()
            .filter(|size| size.is_stretched && own.is_none());
        let stretched = stretched.and_then(|size| match size.pixels {
            Pixels::Sides { height, width } => {
                let scale = f64::from(taken) / f64::from(height.min(width));
                let scaled = |side: u32| (f64::from(side) * scale).round() as usize;
                Some((scaled(width), scaled(height)))
            }
            Pixels::Shortest(_) => None,
        });
        PictureSize {
            shortest: taken,
            stretched,
        }
    }

    /// What is taken instead of a size that is not, and how to have another.
    fn instead_of_size(&self, taken: u32) -> (String, Option<Remedy>) {
        match self.picture.own_side() {
            Some(own) => (
                format!("{own}, which the network is fixed to, is taken instead"),
                None,
            ),
            None => (
                format!("{taken} is taken instead"),
                Some(Remedy::SetInputSize),
            ),
        }
    }

    /// What becomes of frames in place of a crop.
    fn instead_of_crop(&self, size: PictureSize) -> String {
        let scaled = match self.picture.fixed().or(size.stretched) {
            Some((width, height)) => format!("they are scaled to {width} x {height}"),
            None => format!("their shortest side becomes {}", size.shortest),
        };
        format!("frames are not cropped, so that all of them counts, and {scaled}")
    }

    fn tell_faults(&self, faults: &[Fault], size: PictureSize, warnings: &mut Warnings) {
        for Fault { said, what } in faults {
            let (instead, remedy) = match said.key.as_str() {
                "input_size" | "imgsz" | "size" | "crop_size" | "image_size" | "do_resize" => {
                    // Whoever asks for a size has read of it.
                    if self.options.input_size.is_some() {
                        continue;
                    }
                    self.instead_of_size(size.shortest)
                }
                "crop_pct" | "crop_mode" | "do_center_crop" => (self.instead_of_crop(size), None),
                "resample" | "interpolation" => (BICUBIC.to_owned(), None),
                _ => ("it is not done".to_owned(), None),
            };
            warnings.add(said, what, &instead, remedy);
        }
    }

    /// Tells of what is in order and done in another way here; the first that speaks of it counts.
    fn tell_of_others(&self, told: &[Geometry], size: PictureSize, warnings: &mut Warnings) {
        if let Some((said, filter)) = told.iter().find_map(|told| told.filter.as_ref()) {
            warnings.note(said, &format!("the {filter} filter"), BICUBIC);
        }
        let crop = told.iter().find_map(|told| told.crop.as_ref());
        let is_done = self.options.fit == Some(FitMode::Crop);
        if let Some(crop) = crop.filter(|crop| crop.share < 1.0 && !is_done) {
            let percent = (1e4 * crop.share).round() / 1e2;
            let what = format!("a crop to the middle {percent} %");
            warnings.note(&crop.said, &what, &self.instead_of_crop(size));
        }
    }
}

/// What is done with every frame, whatever filter is asked for.
const BICUBIC: &str =
    "frames are sampled by an antialiased bicubic one, and scores may differ a little";
