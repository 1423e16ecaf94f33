//! The ways to make a class map from features and their gradient.

use super::error::CamError;
use crate::model::{Detail, Head, LogitCombination, SimilarClasses, Traits};

/// How much of the mean of its three nearest classes' logits [`Method::FinerCam`] takes from a class's: the authors' α.
const FINER_SHARE: f32 = 0.6;

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
    /// Σ_k w_k A_k, with w_k = Σ_i G_ki A_ki / Σ_i A_ki: the mean of the gradient over the cells, each counting for as much
    /// as there is of the channel in it, so that the map adds up to what [`HiResCam`](Self::HiResCam)'s does. Where the
    /// gradient is the same in all cells of a channel it is [`GradCam`](Self::GradCam); so is the weight of a channel whose
    /// features, of both signs, add up to no more than rounding. Fu et al., "Axiom-based Grad-CAM: Towards Accurate
    /// Visualization and Explanation of CNNs", BMVC 2020.
    XGradCam,
    /// Σ_k max(G_k A_k, 0): what speaks for the class, in each channel by itself; never negative. Nothing that speaks
    /// against it is taken off. As pytorch-grad-cam's `GradCAMElementWise` has it.
    GradCamElementWise,
    /// G ⊙ A projected on its first principal component over the cells: [`EigenCam`](Self::EigenCam) that knows of the
    /// class. Its sign, which is free, is the one that goes up with Σ_k G_k A_k. As pytorch-grad-cam's `EigenGradCAM` has it.
    EigenGradCam,
    /// The map of z_c - 0.6 mean(z_d) over the three classes d whose weights have the largest cosine with those of c,
    /// Σ_k (W\[c,k\] - 0.6 mean_d(W\[d,k\])) A_k: what sets the class apart from those that are most like it. Its mean is
    /// that difference of logits without its biases. In heads of several layers, whose last one tells the classes, the
    /// weights are that one's, and the map is the one of [`Auto`](Self::Auto) with the difference's gradient. Zhang et al.,
    /// "Finer-CAM: Spotting the Difference Reveals Finer Details for Visual Explanation", CVPR 2025.
    FinerCam,
    /// Σ_k w_k A_k, with w_k the share of the cells in which A_k exceeds its mean by two standard deviations: the channels that
    /// stand out somewhere, whatever the class. Zero on fewer than six cells, none of which can. Fuad et al., "Features
    /// Understanding in 3D CNNs for Actions Recognition in Video", IPTA 2020.
    Fem,
    /// What the cell i alone adds to the class's score, -1..1: the score that the head gives to a feature map whose other
    /// cells are zero, less that of an empty one; softmax(W A_i / n + b) - softmax(b) where the head
    /// is affine in pooled features, or with the logistic function. Other heads are run once for each cell, if the network
    /// was [opened for that](crate::inference::Options::cell_by_cell); what stands for no place, such as a class token, stays
    /// as it is. It takes no gradient. Byun and Lee, "ReciproCAM: Lightweight
    /// Gradient-free Class Activation Map for Post-hoc Explanations", CVPR Workshops 2024, without their Gaussian, which
    /// changes no more than the border behind such a head.
    ReciproCam,
    /// What each token gains for the class in attention, as a key: the mean over heads, queries and layers of
    /// max(∂z/∂a, 0) with respect to the weights a of attention, of all attention behind the features. For transformers
    /// alone; never negative. Of the features themselves nothing is taken. Bousselham et al., "LeGrad: An Explainability
    /// Method for Vision Transformers via Feature Formation Sensitivity", ICCV 2025, with the logit itself in place of what
    /// the head makes of each layer's tokens.
    LeGrad,
    /// A projected on its first principal component over the cells: what the features see most,
    /// whatever the class. Muhammad and Yeasin, "Eigen-CAM: Class Activation Map using Principal
    /// Components", IJCNN 2020.
    EigenCam,
}

impl Method {
    /// Every method, [`Auto`](Self::Auto) first.
    pub const ALL: [Self; 14] = [
        Self::Auto,
        Self::Cam,
        Self::GradCam,
        Self::HiResCam,
        Self::GradCamPlusPlus,
        Self::LayerCam,
        Self::EigenCam,
        Self::XGradCam,
        Self::GradCamElementWise,
        Self::EigenGradCam,
        Self::FinerCam,
        Self::Fem,
        Self::ReciproCam,
        Self::LeGrad,
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
            Self::XGradCam => "xgradcam",
            Self::GradCamElementWise => "gradcam-elementwise",
            Self::EigenGradCam => "eigengradcam",
            Self::FinerCam => "finercam",
            Self::Fem => "fem",
            Self::ReciproCam => "reciprocam",
            Self::LeGrad => "legrad",
        }
    }

    /// The method of that [`name`](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }

    /// Whether its map of a difference of logits is the difference of their maps, in any head.
    pub fn is_linear(self) -> bool {
        match self {
            Self::Auto | Self::Cam | Self::GradCam | Self::HiResCam | Self::XGradCam => true,
            Self::GradCamPlusPlus
            | Self::LayerCam
            | Self::EigenCam
            | Self::GradCamElementWise
            | Self::EigenGradCam
            | Self::FinerCam
            | Self::Fem
            | Self::ReciproCam
            | Self::LeGrad => false,
        }
    }

    /// Whether there is a map by it of why one class rather than another: for [affine](Head::is_affine) heads by all that look at
    /// the gradient of what is explained, for others by those that are [linear](Self::is_linear) in it.
    pub fn compares(self, head: &Head) -> bool {
        match self {
            Self::GradCamPlusPlus
            | Self::LayerCam
            | Self::GradCamElementWise
            | Self::EigenGradCam => head.is_affine(),
            Self::Auto
            | Self::Cam
            | Self::GradCam
            | Self::HiResCam
            | Self::XGradCam
            | Self::EigenCam
            | Self::FinerCam
            | Self::Fem
            | Self::ReciproCam
            | Self::LeGrad => self.is_linear(),
        }
    }

    /// All that make sense for a network of these `traits`, without [`Auto`](Self::Auto).
    pub fn suiting(traits: Traits) -> Vec<Self> {
        let suits = |method: &Self| *method != Self::Auto && method.resolve(traits).is_ok();
        Self::ALL.into_iter().filter(suits).collect()
    }

    /// What the method has to know of a gradient.
    pub fn detail(self) -> Detail {
        match self {
            Self::Auto | Self::Cam | Self::HiResCam | Self::EigenCam | Self::Fem | Self::LeGrad => {
                Detail::Sums
            }
            Self::ReciproCam => Detail::Cells,
            Self::FinerCam => Detail::Difference { share: FINER_SHARE },
            Self::GradCam
            | Self::GradCamPlusPlus
            | Self::LayerCam
            | Self::XGradCam
            | Self::GradCamElementWise
            | Self::EigenGradCam => Detail::Gradient,
        }
    }

    /// The method itself, or what [`Auto`](Self::Auto) stands for with this head.
    ///
    /// # Errors
    /// [`CamError::Method`] where the method makes no sense for the head.
    pub fn resolve(self, traits: Traits) -> Result<Self, CamError> {
        let Traits {
            head,
            similar,
            runs_cells,
        } = traits;
        let is_affine = matches!(head, Head::Channels | Head::Dense { .. });
        let vanishes = matches!(head, Head::Layers { vanishes: true, .. });
        let refused = |reason| {
            Err(CamError::Method {
                method: self.name(),
                reason,
            })
        };
        match self {
            Self::Auto if is_affine => Ok(Self::Cam),
            Self::Auto if vanishes => Ok(Self::GradCam),
            Self::Auto => Ok(Self::HiResCam),
            Self::HiResCam if vanishes => refused(
                "features times gradient add up to zero there in every cell, because what follows takes the features \
                 through a normalisation alone, which does not change when they are scaled",
            ),
            Self::Cam if !is_affine => refused(
                "its head has layers between which the pooled features do not add up to the logits",
            ),
            Self::FinerCam if !similar.are_known() && is_affine => refused(
                "it compares the weights with which single classes are told, and each class has a channel of its own \
                 that no convolution makes",
            ),
            Self::FinerCam if !similar.are_known() => refused(
                "it compares the weights with which single classes are told, and the last layer of the head is no dense \
                 one",
            ),
            Self::LeGrad if !matches!(head, Head::Layers { attends: true, .. }) => refused(
                "it follows attention over tokens, and none comes between the layer that is explained and the logits",
            ),
            Self::ReciproCam if !is_affine && !runs_cells => refused(
                "it runs the head's layers on each cell by itself, for which the network has to be opened with this method set, \
                 and at a single layer",
            ),
            method => Ok(method),
        }
    }

    /// What the method's map of `class` explains: its logit, or with [`FinerCam`](Self::FinerCam) what it has more than
    /// the classes that are most like it. The method must be resolved.
    pub(super) fn explains(
        self,
        head: &Head,
        similar: &SimilarClasses,
        class: usize,
    ) -> LogitCombination {
        match self {
            Self::FinerCam => {
                LogitCombination::less_mean_of(class, similar.of(head, class), FINER_SHARE)
            }
            Self::Auto
            | Self::Cam
            | Self::GradCam
            | Self::HiResCam
            | Self::GradCamPlusPlus
            | Self::LayerCam
            | Self::EigenCam
            | Self::XGradCam
            | Self::GradCamElementWise
            | Self::EigenGradCam
            | Self::Fem
            | Self::LeGrad
            | Self::ReciproCam => LogitCombination::of_class(class),
        }
    }
}
