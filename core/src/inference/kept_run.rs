//! What a run returned, for later.

use super::session::Outputs;
use crate::model::FeatureMap;

/// What a run returned, kept when the next one begins.
#[derive(Default)]
pub struct KeptRun(pub(super) Outputs);

impl KeptRun {
    /// The feature map; none before a run.
    pub fn features(&self) -> Option<FeatureMap<'_>> {
        let features = self.0.get(0).ok()?;
        let &[1, channels, height, width] = features.shape else {
            return None;
        };
        Some(FeatureMap {
            values: features.values,
            channels: channels as usize,
            height: height as usize,
            width: width as usize,
        })
    }
}
