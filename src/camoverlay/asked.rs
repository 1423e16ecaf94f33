//! All that is asked of one run of the network.

use camoverlay::cam::Query;
use camoverlay::model::Target;
use camoverlay::render::MOST_CLASSES;

/// What a frame is asked.
#[derive(Clone, Copy, PartialEq)]
pub struct Asked {
    /// The first target.
    pub query: Query,
    /// Further ones, to be shown together.
    pub further: [Option<Target>; MOST_CLASSES - 1],
    /// Explain the target rather than this.
    pub versus: Option<Target>,
    /// What the best class's map holds is needed too.
    pub common: bool,
}

impl Asked {
    /// One target by itself.
    pub fn one(query: Query) -> Self {
        Self {
            query,
            further: [None; MOST_CLASSES - 1],
            versus: None,
            common: false,
        }
    }
}
