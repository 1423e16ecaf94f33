//! The ways to make a class map from features and their gradient.

use super::error::CamError;
use crate::model::{Detail, Head};

/// How the class map is made from the feature map A (channels k, cells i of n) and the gradient
/// G of the target's logit with respect to A. Maps are signed unless said otherwise; none is
/// clipped or normalised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Method {
    /// [`Cam`](Self::Cam) where the head is affine in pooled features, else
    /// [`HiResCam`](Self::HiResCam).
    #[default]
    Auto,
    /// Σ_k W\[c,k\] A_k: exactly what the logit is made of, cell by cell; its mean is the logit
    /// without its bias. Only for heads that are affine in pooled features. Zhou et al.,
    /// "Learning Deep Features for Discriminative Localization", CVPR 2016.
    Cam,
    /// Σ_k mean_i(G_k) A_k: smooth, for comparison with publications. Selvaraju et al.,
    /// "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization",
    /// ICCV 2017.
    GradCam,
    /// Σ_k G_k A_k: shows only places that the network used, in any head; n times smaller than
    /// [`Cam`](Self::Cam) where both apply. Draelos and Carin, "Use HiResCAM instead of Grad-CAM
    /// for faithful explanations of convolutional neural networks", 2020.
    HiResCam,
    /// Σ_k w_k A_k, with w_k = Σ_i α_ki max(G_ki, 0) and α = G² / (2 G² + G³ Σ_i A_k + 1e-6): covers
    /// several objects of one class. Chattopadhay et al., "Grad-CAM++: Generalized
    /// Gradient-based Visual Explanations for Deep Convolutional Networks", WACV 2018.
    GradCamPlusPlus,
    /// Σ_k max(G_k, 0) A_k: finer, only what speaks for the class. Jiang et al., "LayerCAM:
    /// Exploring Hierarchical Class Activation Maps for Localization", IEEE TIP 2021.
    LayerCam,
    /// A projected on its first principal component over the cells: what the features see most,
    /// whatever the class. Muhammad and Yeasin, "Eigen-CAM: Class Activation Map using Principal
    /// Components", IJCNN 2020.
    EigenCam,
}

impl Method {
    /// Every method, [`Auto`](Self::Auto) first.
    pub const ALL: [Self; 7] = [
        Self::Auto,
        Self::Cam,
        Self::GradCam,
        Self::HiResCam,
        Self::GradCamPlusPlus,
        Self::LayerCam,
        Self::EigenCam,
    ];

    /// The name that people write: `gradcam++`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Cam => "cam",
            Self::GradCam => "gradcam",
            Self::HiResCam => "hirescam",
            Self::GradCamPlusPlus => "gradcam++",
            Self::LayerCam => "layercam",
            Self::EigenCam => "eigencam",
        }
    }

    /// The method of that [`name`](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }

    /// What the method has to know of a gradient.
    pub fn detail(self) -> Detail {
        match self {
            Self::Auto | Self::Cam | Self::HiResCam | Self::EigenCam => Detail::Sums,
            Self::GradCam | Self::GradCamPlusPlus | Self::LayerCam => Detail::Gradient,
        }
    }

    /// The method itself, or what [`Auto`](Self::Auto) stands for with this head.
    ///
    /// # Errors
    /// [`CamError::Method`] where the method makes no sense for the head.
    pub fn resolve(self, head: &Head) -> Result<Self, CamError> {
        let is_affine = matches!(head, Head::Channels | Head::Dense { .. });
        let vanishes = matches!(head, Head::Layers { vanishes: true });
        match self {
            Self::Auto if is_affine => Ok(Self::Cam),
            Self::Auto if vanishes => Ok(Self::GradCam),
            Self::Auto => Ok(Self::HiResCam),
            Self::HiResCam if vanishes => Err(CamError::Method {
                method: "hirescam",
                reason: "features times gradient add up to zero there in every cell, because what follows takes the \
                         features through a normalisation alone, which does not change when they are scaled",
            }),
            Self::Cam if !is_affine => Err(CamError::Method {
                method: "cam",
                reason: "its head has layers between which the pooled features do not add up to \
                         the logits",
            }),
            method => Ok(method),
        }
    }
}
