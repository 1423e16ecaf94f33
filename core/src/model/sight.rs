//! Where in the picture the cells of the explained feature map look.

use super::facts::Facts;
use super::image_input::Picture;
use super::places::Places;
use super::position::Map;
use super::types::HeadMatch;
use crate::onnx::graph::Graph;

/// Largest stride for which centres are worked out for pictures of all sizes.
const MOST_SIZES: usize = 64;

/// Centres of the cells of a feature map: cell i of an axis looks at `offset + stride · i`, in pixels of the network's input
/// from its edge (the first pixel's centre is 0.5). Cells near the border look further inward.
#[derive(Debug, Clone, PartialEq)]
pub struct Sight {
    /// Distance of neighbouring cells, vertical and horizontal, in pixels.
    pub stride: [f64; 2],
    /// Centre of the first cell, vertical and horizontal, by the remainder of the input's length over how many there are: padding
    /// that makes a cell of every started stride depends on that.
    offsets: Vec<[f64; 2]>,
}

impl Sight {
    /// What graph and places say of it; none where the graph does not tell.
    pub(crate) fn of(
        graph: &Graph,
        picture: &Picture,
        head_match: &HeadMatch,
        places: &Places,
        side: u32,
    ) -> Option<Self> {
        match places {
            Places::Tokens { offset, stride, .. } => Some(Self {
                stride: *stride,
                offsets: vec![*offset],
            }),
            Places::Probed { .. } => None,
            Places::Proven { .. } => {
                let tiles = |size: [usize; 2]| {
                    let facts = Facts::trace(graph, picture, size);
                    let map = facts.position(&head_match.features)?.map()?;
                    Some(Map::tiles(&map))
                };
                let size = picture.size(side);
                let usual = tiles(size)?;
                let stride = usual.map(|(_, stride)| stride);
                let period = stride[0].max(stride[1]) as usize;
                let is_even = stride.iter().all(|stride| stride.fract() == 0.0);
                let depends = is_even && picture.fixed().is_none() && pads_by_size(graph);
                let offsets = if depends && period <= MOST_SIZES {
                    let least = (side as usize).next_multiple_of(period.max(1));
                    let of =
                        |rest: usize| Some(tiles([least + rest; 2])?.map(|(offset, _)| offset));
                    (0..period.max(1)).map(of).collect::<Option<_>>()?
                } else {
                    vec![usual.map(|(offset, _)| offset)]
                };
                Some(Self { stride, offsets })
            }
        }
    }

    /// Centre of the first cell, vertical and horizontal, in an input of this height and width.
    pub fn offset(&self, [height, width]: [usize; 2]) -> [f64; 2] {
        let of = |length: usize, axis: usize| self.offsets[length % self.offsets.len()][axis];
        [of(height, 0), of(width, 1)]
    }
}

/// Whether padding follows from the size of what is padded.
fn pads_by_size(graph: &Graph) -> bool {
    graph.nodes().iter().any(|node| {
        let padding = node.find("auto_pad").and_then(|found| found.s.as_deref());
        padding.is_some_and(|padding| padding.starts_with(b"SAME"))
    })
}
