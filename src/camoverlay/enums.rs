//! The enums of properties. A program that is linked with the plugin and finds it as a file too has each of them twice: the
//! second time under a name with a number.

use gst::glib;

use camoverlay::cam;

/// `glib::Enum` makes those names of a `&str` or a `String` in one `if`: here both are a `&str`, the second of which is never
/// freed, as a type is not.
macro_rules! format {
    ($($argument:tt)*) => { &*std::format!($($argument)*).leak() };
}

include!(concat!(env!("OUT_DIR"), "/net.rs"));

impl Net {
    /// The catalogue's entry: the enum is made from it, in its order.
    pub(super) fn entry(self) -> &'static camoverlay::inference::Entry {
        &camoverlay::inference::entries()[self as usize]
    }
}

/// Property `preprocess`: how pixel values are scaled for the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, glib::Enum)]
#[repr(i32)]
#[enum_type(name = "GstCamOverlayPreprocess", allow_name_conflict)]
pub enum Preprocess {
    #[enum_value(name = "From the catalogue or the file's own metadata", nick = "auto")]
    Auto,
    #[enum_value(
        name = "RGB, 0 to 1, less mean, over deviation (PyTorch)",
        nick = "torch"
    )]
    Torch,
    #[enum_value(name = "BGR, 0 to 255, less mean (Caffe)", nick = "caffe")]
    Caffe,
    #[enum_value(name = "RGB, -1 to 1 (TensorFlow)", nick = "tf")]
    Tf,
    #[enum_value(name = "RGB, (x - 127) / 128 (EfficientNet-Lite)", nick = "lite")]
    Lite,
    #[enum_value(name = "RGB, 0 to 1", nick = "unit")]
    Unit,
    #[enum_value(name = "RGB, 0 to 255", nick = "raw")]
    Raw,
}

impl From<Preprocess> for Option<camoverlay::preprocess::Preprocess> {
    fn from(preprocess: Preprocess) -> Self {
        Some(match preprocess {
            Preprocess::Auto => return None,
            Preprocess::Torch => camoverlay::preprocess::Preprocess::Torch,
            Preprocess::Caffe => camoverlay::preprocess::Preprocess::Caffe,
            Preprocess::Tf => camoverlay::preprocess::Preprocess::Tf,
            Preprocess::Lite => camoverlay::preprocess::Preprocess::Lite,
            Preprocess::Unit => camoverlay::preprocess::Preprocess::Unit,
            Preprocess::Raw => camoverlay::preprocess::Preprocess::Raw,
        })
    }
}

/// Property `color-order`: the colours that the network wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, glib::Enum)]
#[repr(i32)]
#[enum_type(name = "GstCamOverlayColorOrder", allow_name_conflict)]
pub enum ColorOrder {
    #[enum_value(
        name = "As preprocess and the network's channels have it",
        nick = "auto"
    )]
    Auto,
    #[enum_value(name = "Red, green, blue", nick = "rgb")]
    Rgb,
    #[enum_value(name = "Blue, green, red", nick = "bgr")]
    Bgr,
    #[enum_value(name = "Gray, in as many channels as the network takes", nick = "gray")]
    Gray,
}

impl From<ColorOrder> for Option<camoverlay::preprocess::ColorOrder> {
    fn from(order: ColorOrder) -> Self {
        Some(match order {
            ColorOrder::Auto => return None,
            ColorOrder::Rgb => camoverlay::preprocess::ColorOrder::Rgb,
            ColorOrder::Bgr => camoverlay::preprocess::ColorOrder::Bgr,
            ColorOrder::Gray => camoverlay::preprocess::ColorOrder::Gray,
        })
    }
}

/// Property `fit`: how frames fill the network's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, glib::Enum)]
#[repr(i32)]
#[enum_type(name = "GstCamOverlayFit", allow_name_conflict)]
pub enum Fit {
    #[enum_value(
        name = "As the network's file says, else shortest-side, or stretch where its input is fixed",
        nick = "auto"
    )]
    Auto,
    #[enum_value(
        name = "The whole frame in its shape, the shortest side as the network wants it",
        nick = "shortest-side"
    )]
    ShortestSide,
    #[enum_value(name = "The middle of the frame, in the input's shape", nick = "crop")]
    Crop,
    #[enum_value(
        name = "The whole frame, stretched to the input's shape",
        nick = "stretch"
    )]
    Stretch,
    #[enum_value(
        name = "The whole frame in its shape, in the middle of the input",
        nick = "letterbox"
    )]
    Letterbox,
}

impl From<Fit> for Option<camoverlay::preprocess::FitMode> {
    fn from(fit: Fit) -> Self {
        Some(match fit {
            Fit::Auto => return None,
            Fit::ShortestSide => camoverlay::preprocess::FitMode::ShortestSide,
            Fit::Crop => camoverlay::preprocess::FitMode::Crop,
            Fit::Stretch => camoverlay::preprocess::FitMode::Stretch,
            Fit::Letterbox => camoverlay::preprocess::FitMode::Letterbox,
        })
    }
}

/// Property `precision`: in how many bits the execution provider computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, glib::Enum)]
#[repr(i32)]
#[enum_type(name = "GstCamOverlayPrecision", allow_name_conflict)]
pub enum Precision {
    #[enum_value(name = "As the execution provider chooses", nick = "auto")]
    Auto,
    #[enum_value(name = "32 bits", nick = "float32")]
    Float32,
    #[enum_value(
        name = "16 bits, or whatever is the fastest that the execution provider has",
        nick = "reduced"
    )]
    Reduced,
}

impl From<Precision> for camoverlay::inference::Precision {
    fn from(precision: Precision) -> Self {
        match precision {
            Precision::Auto => Self::Auto,
            Precision::Float32 => Self::Float32,
            Precision::Reduced => Self::Reduced,
        }
    }
}

/// Property `method`: how the class map is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, glib::Enum)]
#[repr(i32)]
#[enum_type(name = "GstCamOverlayMethod", allow_name_conflict)]
pub enum Method {
    #[enum_value(name = "cam where it is exact, otherwise hirescam", nick = "auto")]
    Auto,
    #[enum_value(name = "Class activation map (Zhou 2016)", nick = "cam")]
    Cam,
    #[enum_value(name = "Grad-CAM (Selvaraju 2017)", nick = "gradcam")]
    GradCam,
    #[enum_value(name = "HiResCAM (Draelos 2020)", nick = "hirescam")]
    HiResCam,
    #[enum_value(name = "Grad-CAM++ (Chattopadhay 2018)", nick = "gradcam++")]
    GradCamPlusPlus,
    #[enum_value(name = "LayerCAM (Jiang 2021)", nick = "layercam")]
    LayerCam,
    #[enum_value(
        name = "Eigen-CAM (Muhammad 2020), the same for every class",
        nick = "eigencam"
    )]
    EigenCam,
    #[enum_value(name = "XGrad-CAM (Fu 2020)", nick = "xgradcam")]
    XGradCam,
    #[enum_value(
        name = "Grad-CAM element by element, only what speaks for the class",
        nick = "gradcam-elementwise"
    )]
    GradCamElementWise,
    #[enum_value(
        name = "Eigen-CAM of features times gradient (Muhammad 2020)",
        nick = "eigengradcam"
    )]
    EigenGradCam,
    #[enum_value(
        name = "Finer-CAM (Zhang 2025), against the three classes that are most like it",
        nick = "finercam"
    )]
    FinerCam,
    #[enum_value(name = "FEM (Fuad 2020), the same for every class", nick = "fem")]
    Fem,
    #[enum_value(
        name = "ReciproCAM (Byun 2024), the score from each cell alone",
        nick = "reciprocam"
    )]
    ReciproCam,
    #[enum_value(
        name = "LeGrad (Bousselham 2025), what tokens gain in attention, for transformers",
        nick = "legrad"
    )]
    LeGrad,
}

impl From<Method> for cam::Method {
    fn from(method: Method) -> Self {
        match method {
            Method::Auto => Self::Auto,
            Method::Cam => Self::Cam,
            Method::GradCam => Self::GradCam,
            Method::HiResCam => Self::HiResCam,
            Method::GradCamPlusPlus => Self::GradCamPlusPlus,
            Method::LayerCam => Self::LayerCam,
            Method::EigenCam => Self::EigenCam,
            Method::XGradCam => Self::XGradCam,
            Method::GradCamElementWise => Self::GradCamElementWise,
            Method::EigenGradCam => Self::EigenGradCam,
            Method::FinerCam => Self::FinerCam,
            Method::Fem => Self::Fem,
            Method::ReciproCam => Self::ReciproCam,
            Method::LeGrad => Self::LeGrad,
        }
    }
}

/// Property `inference`: whether a frame waits for its own class map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, glib::Enum)]
#[repr(i32)]
#[enum_type(name = "GstCamOverlayInference", allow_name_conflict)]
pub enum Inference {
    #[enum_value(name = "Each frame waits for its own class map", nick = "every-frame")]
    EveryFrame,
    #[enum_value(
        name = "Frames do not wait: they carry the newest finished class map",
        nick = "latest"
    )]
    Latest,
}

/// Property `post-messages`: when to post an element message with the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, glib::Enum)]
#[repr(i32)]
#[enum_type(name = "GstCamOverlayPostMessages", allow_name_conflict)]
pub enum PostMessages {
    #[enum_value(name = "Never", nick = "none")]
    None,
    #[enum_value(name = "When the reported classes change", nick = "changes")]
    Changes,
    #[enum_value(name = "After every inference", nick = "all")]
    All,
}
