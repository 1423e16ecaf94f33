//! The command-line options that say how heat looks, where it lies and what is hot.

use clap::Args;
use gst::ClockTime;
use gst::prelude::*;

use crate::failure::Failure;
use crate::options::{nicks, number, set};
use gstcamoverlay::camoverlay::{Blend, Colormap, Placement, Scale};

/// Units of time and their nanoseconds.
const UNITS: [(&str, u64); 2] = [("ms", 1_000_000), ("s", 1_000_000_000)];

/// How heat is shown. Whatever is not given is as the element has it.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Heat")]
pub struct HeatOptions {
    /// The colours of heat
    #[arg(long, value_name = "COLORMAP", value_parser = nicks::<Colormap>())]
    pub colormap: Option<String>,
    /// How heat lies over the picture
    #[arg(long, value_name = "BLEND", value_parser = nicks::<Blend>())]
    pub blend: Option<String>,
    /// Share of the heat that is shown (0 to 1)
    #[arg(long, value_name = "SHARE", value_parser = number::<f64>)]
    pub opacity: Option<f64>,
    /// Where heat lies
    #[arg(long, value_name = "PLACEMENT", value_parser = nicks::<Placement>())]
    pub placement: Option<String>,
    /// What is the hottest
    #[arg(long, value_name = "SCALE", value_parser = nicks::<Scale>())]
    pub scale: Option<String>,
    /// Time constant with which maps follow each other, such as 500ms or 2s; 0s for at once
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub smoothing: Option<ClockTime>,
    /// Explain why the target rather than this class
    #[arg(long, value_name = "CLASS")]
    pub versus: Option<String>,
}

/// Boxes of what is hot, in programs that show or write them.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Heat")]
pub struct RegionOptions {
    /// Tell boxes of what is hot
    #[arg(long)]
    pub regions: bool,
    /// Share of the maximum that counts as hot for --regions (0 to 1), 0.5 unless said otherwise
    #[arg(long, value_name = "SHARE", requires = "regions", value_parser = number::<f64>)]
    pub region_level: Option<f64>,
}

impl HeatOptions {
    /// Sets the properties of a `camoverlay` element that the options name.
    ///
    /// # Errors
    /// A value that the element's property does not take.
    pub(crate) fn configure(&self, element: &gst::Element) -> Result<(), Failure> {
        let settings = [
            ("colormap", self.colormap.clone()),
            ("blend", self.blend.clone()),
            ("opacity", self.opacity.map(|share| share.to_string())),
            ("placement", self.placement.clone()),
            ("scale", self.scale.clone()),
            ("versus", self.versus.clone()),
        ];
        for (name, value) in settings {
            if let Some(value) = value {
                set(element, name, &value)?;
            }
        }
        if let Some(time) = self.smoothing {
            element.set_property("smoothing", time.nseconds());
        }
        Ok(())
    }
}

impl RegionOptions {
    /// The same for boxes.
    ///
    /// # Errors
    /// A level that the element's property does not take.
    pub fn configure(&self, element: &gst::Element) -> Result<(), Failure> {
        element.set_property("regions", self.regions);
        match self.region_level {
            Some(level) => set(element, "region-level", &level.to_string()),
            None => Ok(()),
        }
    }
}

/// `500ms` or `2s`.
fn duration(text: &str) -> Result<ClockTime, String> {
    let parsed = || {
        let letters = text.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit) = text.split_at(letters);
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit.trim())?;
        let nanoseconds = number.parse::<u64>().ok()?.checked_mul(*factor)?;
        (nanoseconds != u64::MAX).then(|| ClockTime::from_nseconds(nanoseconds))
    };
    parsed().ok_or_else(|| "a time such as 500ms or 2s".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OverlayOptions;
    use clap::Parser;

    #[derive(Parser)]
    struct Arguments {
        #[command(flatten)]
        overlay: OverlayOptions,
        #[command(flatten)]
        regions: RegionOptions,
    }

    /// The element that the command line `words` sets up.
    fn element(words: &str) -> Result<gst::Element, String> {
        crate::start().unwrap();
        let words = std::iter::once("test").chain(words.split_whitespace());
        let arguments = Arguments::try_parse_from(words).map_err(|error| error.to_string())?;
        let element = arguments.overlay.element().map_err(|e| e.to_string())?;
        let regions = arguments.regions.configure(&element);
        regions.map_err(|error| error.to_string())?;
        Ok(element)
    }

    /// A property as gst-launch-1.0 would write it; nothing for what is unset.
    fn value(element: &gst::Element, name: &str) -> String {
        let value = element.property_value(name).serialize();
        value.map_or_else(|_| String::new(), |text| text.to_string())
    }

    #[test]
    fn every_option_is_the_elements_property() {
        let element = element(
            "--colormap viridis --blend contour --opacity 0.5 --placement receptive-field --scale common --smoothing 500ms \
             --versus tabby --target espresso;cup --regions --region-level 0.25",
        )
        .unwrap();
        for (name, expected) in [
            ("colormap", "viridis"),
            ("blend", "contour"),
            ("opacity", "0.5"),
            ("placement", "receptive-field"),
            ("scale", "common"),
            ("smoothing", "500000000"),
            ("versus", "tabby"),
            ("target", "\"espresso\\;cup\""),
            ("regions", "true"),
            ("region-level", "0.25"),
        ] {
            assert_eq!(value(&element, name), expected, "{name}");
        }
    }

    #[test]
    fn what_is_not_given_is_as_the_element_has_it() {
        let asked = element("").unwrap();
        let plain = gst::ElementFactory::make("camoverlay").build().unwrap();
        for name in [
            "colormap",
            "blend",
            "opacity",
            "placement",
            "scale",
            "smoothing",
            "versus",
            "regions",
            "region-level",
        ] {
            assert_eq!(value(&asked, name), value(&plain, name), "{name}");
        }
    }

    #[test]
    fn values_that_cannot_be_are_refused() {
        for (words, why) in [
            ("--opacity 2", "--opacity takes a number from 0 to 1"),
            (
                "--regions --region-level 1.5",
                "--region-level takes a number from 0 to 1",
            ),
            ("--colormap hot", "cividis"),
            ("--smoothing 5", "a time such as 500ms or 2s"),
            ("--smoothing 1.5s", "a time such as 500ms or 2s"),
            ("--smoothing 99999999999999s", "a time such as 500ms or 2s"),
            ("--region-level 0.5", "--regions"),
        ] {
            let error = element(words).unwrap_err();
            assert!(error.contains(why), "{words}: {error}");
        }
    }
}
