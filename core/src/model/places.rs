//! Whether the cells of a feature map are places of the picture, as far as the graph tells.

use super::facts::Facts;
use super::head::obstacle::name;
use super::image_input::{INPUT_SIZE, Picture};
use super::moves::is_maximum;
use super::position::{Map, Position, Proof, ReceptiveField};
use super::tokens::grid::TokenGrid;
use super::types::{CellOrder, Head, HeadMatch, Layout};
use crate::onnx::graph::Graph;
use crate::onnx::ops::Op;
use crate::onnx::proto::Node;
use crate::onnx::shapes::{Shapes, whole};
use crate::onnx::window::windows;
use crate::remedy::Remedy;

/// Why the cells of a feature map are taken for places of the picture.
#[derive(Debug, Clone, PartialEq)]
pub enum Places {
    /// Each operator on the way to the map is known to keep places.
    Proven {
        /// Height and width of the map for an input of the network's size, square if free.
        cells: [usize; 2],
        /// What a cell sees; none where cells are closer than pixels.
        receptive_field: Option<ReceptiveField>,
    },
    /// The graph does not tell; a changed patch of the picture changes most the cells that should
    /// look there.
    Probed {
        /// The operator that keeps the graph from telling.
        by: String,
    },
    /// Tokens that the graph is known to have made of patches of the picture.
    Tokens {
        /// Rows and columns of patches.
        cells: [usize; 2],
        /// Centre of the first patch, vertical and horizontal, in pixels of the network's input.
        offset: [f64; 2],
        /// Distance between the centres of neighbouring patches, in pixels.
        stride: [f64; 2],
        /// A changed patch changes its token more than others. Otherwise the network's weights have attention look
        /// everywhere alike, so that any change of the picture changes all tokens.
        answers: bool,
    },
}

/// What is wrong with a feature map, and a sentence on what to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Lack {
    pub found: String,
    pub advice: Remedy,
}

const AVERAGES: Remedy = Remedy::Words("Use a network that averages over space.");
const LARGER_MAP: Remedy = Remedy::Words("Use a network that keeps a larger map.");

/// What the graph says of the places of the feature map of `head_match`, for a picture of shortest
/// side `side`.
///
/// # Errors
/// What keeps its cells from being places.
pub fn of_graph(
    graph: &Graph,
    picture: &Picture,
    head_match: &HeadMatch,
    side: u32,
) -> Result<Places, Lack> {
    check_room(graph, picture, picture.size(side))?;
    let square = of_size(graph, picture, head_match, picture.size(side))?;
    // Tokens are laid out for one size.
    if picture.fixed().is_some() || matches!(square, Places::Tokens { .. }) {
        return Ok(square);
    }
    // What holds for squares alone moves the heat on all other frames.
    for size in picture.oblong(side) {
        if let probed @ Places::Probed { .. } = of_size(graph, picture, head_match, size)? {
            return Ok(probed);
        }
    }
    Ok(square)
}

/// Makes sure that all windows of the network lie within what they slide over, in a picture of this height and width. Where they
/// do not, ONNX Runtime divides by zero, and the process ends.
fn check_room(graph: &Graph, picture: &Picture, size: [usize; 2]) -> Result<(), Lack> {
    let shapes = Shapes::infer(graph, &[(&picture.name, &picture.shape(size))]);
    let has_no_room = |node: &&Node| {
        let kernel = match node.op() {
            Op::Conv => shapes.of(graph, node.operand(1))?.get(2..)?.to_vec(),
            Op::AveragePool | Op::MaxPool | Op::LpPool => whole(node.ints("kernel_shape")?)?,
            _ => return None,
        };
        let x = shapes.of(graph, node.operand(0))?;
        let mut sides = x.get(2..)?.iter().zip(windows(node, &kernel)?);
        sides
            .any(|(&cells, window)| matches!(window.cells(cells), None | Some(0)))
            .then_some(())
    };
    let found = graph
        .nodes()
        .iter()
        .find(|node| has_no_room(node).is_some());
    found.map_or(Ok(()), |node| {
        let [height, width] = size;
        Err(Lack {
            found: format!(
                "cannot be had of a picture of {width} x {height} pixels: the windows of {} are larger than what they slide over",
                name(node)
            ),
            advice: larger(picture),
        })
    })
}

/// What helps where too little of a picture is left.
fn larger(picture: &Picture) -> Remedy {
    match picture.own_side() {
        None => Remedy::EnlargeInput,
        Some(_) => LARGER_MAP,
    }
}

/// The least shortest side above `side` that is found to give a map whose places the graph proves;
/// none where a larger picture is of no help, or where dense layers ask for a number of cells.
pub fn least_side(
    graph: &Graph,
    picture: &Picture,
    head_match: &HeadMatch,
    side: u32,
) -> Option<u32> {
    let is_proven = |side: u32| {
        matches!(
            of_graph(graph, picture, head_match, side),
            Ok(Places::Proven { .. })
        )
    };
    let (mut small, mut large) = (side, INPUT_SIZE.max(side.saturating_mul(2)));
    let is_flattened = matches!(head_match.head, Head::FlattenedLayers | Head::Layers { .. });
    if picture.own_side().is_some() || is_flattened || !is_proven(large) {
        return None;
    }
    while large - small > 1 {
        let middle = small + (large - small) / 2;
        if is_proven(middle) {
            large = middle;
        } else {
            small = middle;
        }
    }
    Some(large)
}

/// The places of tokens that lie in `grid`, if they cover a picture of this height and width.
pub fn of_grid(grid: &TokenGrid, size: [usize; 2]) -> Option<Places> {
    let map = Map::of_grid(grid.cells, grid.offset, grid.stride, size);
    (map.proof(Layout::ChannelsFirst) == Some(Proof::Holds)).then_some(Places::Tokens {
        cells: grid.cells,
        offset: grid.offset,
        stride: grid.stride,
        answers: true,
    })
}

/// As [`of_graph`], for a picture of this height and width.
fn of_size(
    graph: &Graph,
    picture: &Picture,
    head_match: &HeadMatch,
    size: [usize; 2],
) -> Result<Places, Lack> {
    let facts = Facts::trace(graph, picture, size);
    let named = |index: usize| graph.nodes().get(index).map(name).unwrap_or_default();
    let probed = |index: usize| Places::Probed { by: named(index) };
    let last = graph.producer_index(&head_match.features).unwrap_or(0);
    let layout = match &head_match.order {
        CellOrder::Map(layout) => *layout,
        CellOrder::Tokens(grid) => {
            return of_grid(grid, size).ok_or_else(|| Lack {
                found: format!(
                    "has {} x {} tokens that do not cover the picture",
                    grid.cells[1], grid.cells[0]
                ),
                advice: LARGER_MAP,
            });
        }
    };
    match facts.position(&head_match.features) {
        None => Ok(probed(last)),
        Some(Position::Unknown(index)) => Ok(probed(index)),
        Some(Position::Single(index)) => Err(single(graph, index, picture, size)),
        Some(Position::Map(map)) => match map.proof(layout) {
            None => Ok(probed(last)),
            Some(Proof::Holds) => Ok(Places::Proven {
                cells: map.cells(),
                receptive_field: map.receptive_field(),
            }),
            Some(Proof::Turned(index)) => Err(Lack {
                found: format!(
                    "lies on its side, because {} takes rows for columns",
                    named(index)
                ),
                advice: Remedy::Words(
                    "Export the network without that transposition, and transpose the pictures before they reach it.",
                ),
            }),
            Some(Proof::Cut(index)) => Err(Lack {
                found: format!(
                    "shows a part of the picture only, because {} cuts the rest off",
                    named(index)
                ),
                advice: Remedy::Words(
                    "Export the network without that crop, and crop the pictures before they reach it.",
                ),
            }),
        },
    }
}

fn single(graph: &Graph, index: usize, picture: &Picture, [height, width]: [usize; 2]) -> Lack {
    let Some(node) = graph.nodes().get(index) else {
        return Lack {
            found: "has a single cell".to_owned(),
            advice: LARGER_MAP,
        };
    };
    let named = name(node);
    if is_maximum(node) {
        return Lack {
            found: format!(
                "has a single cell, because {named} covers the whole map and pools by its maximum, which leaves no places"
            ),
            advice: AVERAGES,
        };
    }
    Lack {
        found: format!(
            "has a single cell for a picture of {width} x {height} pixels, because {named} covers the whole map"
        ),
        advice: larger(picture),
    }
}
