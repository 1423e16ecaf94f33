//! The ways in which classifiers expect their pictures.

use super::sampler::{ChannelOrder, Normalization};

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
