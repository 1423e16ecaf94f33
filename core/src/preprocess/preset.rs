//! The ways in which classifiers expect their pictures.

use super::sampler::{ChannelOrder, Normalization};

/// Largest relative difference of factors, and difference of offsets, of one and the same preprocessing
/// written with other roundings.
const SAME: f64 = 1e-5;

/// A network's preprocessing: colour order, divisor, mean and deviation of its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Preprocess {
    /// As PyTorch, timm and the ONNX model zoo do.
    Torch,
    /// As Caffe does.
    Caffe,
    /// As TensorFlow and Keras do.
    Tf,
    /// As EfficientNet-Lite does.
    Lite,
    /// Red, green and blue from 0 to 1.
    Unit,
    /// Red, green and blue from 0 to 255.
    Raw,
}

impl Preprocess {
    /// Every preset.
    pub const ALL: [Self; 6] = [
        Self::Torch,
        Self::Caffe,
        Self::Tf,
        Self::Lite,
        Self::Unit,
        Self::Raw,
    ];

    /// The name that people write.
    pub fn name(self) -> &'static str {
        match self {
            Self::Torch => "torch",
            Self::Caffe => "caffe",
            Self::Tf => "tf",
            Self::Lite => "lite",
            Self::Unit => "unit",
            Self::Raw => "raw",
        }
    }

    /// What becomes of a pixel, in words.
    pub fn description(self) -> &'static str {
        match self {
            Self::Torch => "RGB, 0..1, minus ImageNet's mean, over its deviation",
            Self::Caffe => "BGR, 0..255, minus 104, 117, 123",
            Self::Tf => "RGB, -1..1",
            Self::Lite => "RGB, (x - 127) / 128",
            Self::Unit => "RGB, 0..1",
            Self::Raw => "RGB, 0..255",
        }
    }

    /// The preset of that [`name`](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|preprocess| preprocess.name() == name)
    }

    /// The preset whose numbers these are, whatever their units: x / 127.5 - 1 is (x / 255 - 0.5) / 0.5.
    pub fn of(normalization: &Normalization) -> Option<Self> {
        let is_same = |preset: &Self| {
            let own = preset.normalization();
            // Gray has no colours to put in order.
            let is_gray = normalization.order.is_gray() && own.order == ChannelOrder::Rgb;
            let order = if is_gray {
                normalization.order
            } else {
                own.order
            };
            Normalization { order, ..own }.is_alike(normalization)
        };
        Self::ALL.into_iter().find(is_same)
    }

    /// Understands a description such as "BGR, 0..255, minus 104,117,123" by its colour order and
    /// its telling numbers.
    pub fn from_description(description: &str) -> Option<Self> {
        let text = description.to_ascii_lowercase();
        if text.contains("bgr") {
            return text.contains("104").then_some(Self::Caffe);
        }
        let telling = [
            (".485", Self::Torch),
            ("127.5", Self::Tf),
            ("127) / 128", Self::Lite),
            ("/255", Self::Unit),
        ];
        telling
            .into_iter()
            .find(|(number, _)| text.contains(number))
            .map(|(_, found)| found)
    }

    /// The numbers behind the name.
    pub fn normalization(self) -> Normalization {
        let plain = |divisor: f32, mean: f32| Normalization {
            order: ChannelOrder::Rgb,
            divisor,
            mean: [mean; 3],
            deviation: [1.0; 3],
        };
        match self {
            Self::Torch => Normalization {
                mean: [0.485, 0.456, 0.406],
                deviation: [0.229, 0.224, 0.225],
                ..plain(255.0, 0.0)
            },
            Self::Caffe => Normalization {
                order: ChannelOrder::Bgr,
                mean: [104.0, 117.0, 123.0],
                ..plain(1.0, 0.0)
            },
            Self::Tf => plain(127.5, 1.0),
            Self::Lite => plain(128.0, 127.0 / 128.0),
            Self::Unit => plain(255.0, 0.0),
            Self::Raw => plain(1.0, 0.0),
        }
    }
}

impl Normalization {
    /// Factor and offset of each channel, in the tensor's order.
    fn line(&self) -> [(f64, f64); 3] {
        std::array::from_fn(|channel| {
            let deviation = f64::from(self.deviation[channel]);
            (
                1.0 / (f64::from(self.divisor) * deviation),
                -f64::from(self.mean[channel]) / deviation,
            )
        })
    }

    /// Whether both make the same of every pixel, but for roundings.
    pub fn is_alike(&self, other: &Self) -> bool {
        let pairs = self.line().into_iter().zip(other.line());
        self.order == other.order
            && pairs
                .into_iter()
                .all(|((scale, offset), (other_scale, other_offset))| {
                    (scale / other_scale - 1.0).abs() <= SAME
                        && (offset - other_offset).abs() <= SAME
                })
    }

    /// What becomes of a pixel, in words.
    pub fn description(&self) -> String {
        let (order, channels) = (self.order.name(), self.order.channels());
        let three = |[first, second, third]: [f32; 3]| match first == second && second == third {
            _ if channels == 1 => first.to_string(),
            true => first.to_string(),
            false => format!("{first} {second} {third}"),
        };
        let divided = match self.divisor {
            255.0 => "0..1".to_owned(),
            1.0 => "0..255".to_owned(),
            divisor => format!("x / {divisor}"),
        };
        let mut words = format!("{order}, {divided}");
        if self.mean != [0.0; 3] {
            words += &format!(", minus {}", three(self.mean));
        }
        if self.deviation != [1.0; 3] {
            words += &format!(", over {}", three(self.deviation));
        }
        words
    }
}

/// The colours that a network wants, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColorOrder {
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red.
    Bgr,
    /// Gray, in as many channels as the network takes.
    Gray,
}

impl ColorOrder {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Rgb, Self::Bgr, Self::Gray];

    /// The name that people write.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rgb => "rgb",
            Self::Bgr => "bgr",
            Self::Gray => "gray",
        }
    }

    /// The order of that [`name`](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|order| order.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preset_is_known_by_its_numbers() {
        for preset in Preprocess::ALL {
            assert_eq!(Preprocess::of(&preset.normalization()), Some(preset));
        }
        let half = Normalization {
            order: ChannelOrder::Rgb,
            divisor: (1.0 / 0.003_921_568_627_450_98_f64) as f32,
            mean: [0.5; 3],
            deviation: [0.5; 3],
        };
        assert_eq!(Preprocess::of(&half), Some(Preprocess::Tf));
        assert_eq!(half.description(), "RGB, 0..1, minus 0.5, over 0.5");
        let clip = Normalization {
            mean: [0.481_454_66, 0.457_827_5, 0.408_210_73],
            deviation: [0.268_629_54, 0.261_302_6, 0.275_777_1],
            ..half
        };
        assert_eq!(Preprocess::of(&clip), None);
        let bgr = Normalization {
            order: ChannelOrder::Bgr,
            ..half
        };
        assert_eq!(Preprocess::of(&bgr), None);
    }

    #[test]
    fn descriptions_are_understood() {
        for (text, expected) in [
            (
                "BGR, 0..255, minus 104,117,123 (B,G,R), no scaling",
                Some(Preprocess::Caffe),
            ),
            (
                "RGB, /255, mean .485,.456,.406, std .229,.224,.225",
                Some(Preprocess::Torch),
            ),
            ("RGB, x/127.5-1", Some(Preprocess::Tf)),
            ("RGB, (x - 127) / 128", Some(Preprocess::Lite)),
            ("RGB, /255", Some(Preprocess::Unit)),
            ("whatever", None),
        ] {
            assert_eq!(Preprocess::from_description(text), expected, "{text}");
        }
    }

    #[test]
    fn names_are_read_back() {
        for preprocess in Preprocess::ALL {
            assert_eq!(Preprocess::from_name(preprocess.name()), Some(preprocess));
        }
        assert_eq!(Preprocess::from_name("auto"), None);
    }
}
