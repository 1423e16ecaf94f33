//! How many channels a feature map N x C x h x w has, from the convolutions that make it.

use super::shape_arithmetic::{numbers, short_constant};
use crate::onnx::graph::Graph;
use crate::onnx::ops::{Channels, Op};
use crate::onnx::proto::Node;

/// The number of channels of a feature map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    pub channels: usize,
    /// Each operator since the convolutions is known; else this is what it is if the unknown ones
    /// have kept it.
    pub is_certain: bool,
}

impl Count {
    fn certain(channels: usize) -> Self {
        Self {
            channels,
            is_certain: true,
        }
    }

    fn if_kept(self) -> Self {
        Self {
            is_certain: false,
            ..self
        }
    }

    /// The number that `change` makes of it; itself, if kept, where that is not known.
    fn changed(self, change: impl FnOnce(usize) -> Option<usize>) -> Self {
        match change(self.channels) {
            Some(channels) => Self { channels, ..self },
            None => self.if_kept(),
        }
    }
}

/// The channels of the output of `node` at `place`, whose operands have `counts`; none where it is no map
/// N x C x h x w.
pub fn made(graph: &Graph, node: &Node, place: usize, counts: &[Option<Count>]) -> Option<Count> {
    let channels = node.op().facts().channels;
    // Further results of others are masks, indices and scales.
    if place > 0 && channels != Channels::Split {
        return None;
    }
    let first = || {
        let varying = node.input.iter().position(|operand| graph.varies(operand));
        counts.get(varying?).copied().flatten()
    };
    match channels {
        Channels::Kept => widest(graph, node, counts),
        Channels::Kernels { operand } => {
            let weights = graph.constant_shape(node.operand(operand))?;
            let kernels = weights.first().filter(|_| weights.len() == 4)?;
            Some(Count::certain(*kernels))
        }
        Channels::TransposedKernels => {
            let weights = graph.constant_shape(node.operand(1));
            let of_kernels = |weights: Vec<usize>| {
                let group = usize::try_from(node.int("group", 1)).ok()?;
                weights.get(1)?.checked_mul(group)
            };
            match weights
                .filter(|weights| weights.len() == 4)
                .and_then(of_kernels)
            {
                Some(channels) => Some(Count::certain(channels)),
                None => first().map(Count::if_kept),
            }
        }
        Channels::Scales => {
            let scales = graph.constant_shape(node.operand(1))?;
            Some(Count::certain(*scales.first()?))
        }
        Channels::Joined => {
            let is_along = is_channel_axis(node.int("axis", 1));
            let mut sum = Count::certain(0);
            for (operand, count) in node.input.iter().zip(counts).filter(|_| is_along) {
                let joined = if graph.varies(operand) {
                    (*count)?
                } else {
                    Count::certain(*graph.constant_shape(operand)?.get(1)?)
                };
                sum.channels = sum.channels.checked_add(joined.channels)?;
                sum.is_certain &= joined.is_certain;
            }
            is_along.then_some(sum)
        }
        Channels::Blocks => {
            let side = usize::try_from(node.int("blocksize", 1)).ok()?;
            let cells = side.checked_mul(side)?;
            Some(first()?.changed(|channels| match node.op() {
                Op::SpaceToDepth => channels.checked_mul(cells),
                _ => channels.checked_div(cells),
            }))
        }
        Channels::Padded => Some(first()?.changed(|channels| padded(graph, node, channels))),
        Channels::Sliced => Some(first()?.changed(|channels| sliced(graph, node, channels))),
        Channels::Split => Some(first()?.changed(|channels| split(graph, node, place, channels))),
        Channels::Picked => {
            let indices = graph.constant_shape(node.operand(1))?;
            let [count] = indices[..] else { return None };
            let is_along = is_channel_axis(node.int("axis", 0));
            (is_along && first()?.is_certain).then_some(Count::certain(count))
        }
        Channels::Lost => None,
        Channels::Unknown => first().map(Count::if_kept),
    }
}

/// Whether `axis` of a map N x C x h x w is that of its channels.
fn is_channel_axis(axis: i64) -> bool {
    matches!(axis, 1 | -3)
}

/// What is left when operands are spread out to one size: of single channels one for each of the
/// others'.
fn widest(graph: &Graph, node: &Node, counts: &[Option<Count>]) -> Option<Count> {
    let mut widest: Option<Count> = None;
    let mut has_unknown = false;
    for (operand, count) in node.input.iter().zip(counts) {
        if graph.varies(operand) {
            match (*count, widest) {
                (Some(count), None) => widest = Some(count),
                (Some(count), Some(so_far)) if count.channels > so_far.channels => {
                    widest = Some(count);
                }
                (Some(_), Some(_)) => {}
                (None, _) => has_unknown = true,
            }
        }
    }
    let widest = widest?;
    if widest.channels > 1 {
        // What has several channels is met by as many or by one.
        return Some(widest);
    }
    let spread = node.input.iter().filter(|operand| !graph.varies(operand));
    let spread = spread
        .filter_map(|operand| {
            let shape = graph.constant_shape(operand)?;
            shape.len().checked_sub(3).map(|axis| shape[axis])
        })
        .max();
    Some(match spread {
        _ if has_unknown => widest.if_kept(),
        Some(channels) if channels > 1 => Count { channels, ..widest },
        Some(_) | None => widest,
    })
}

fn padded(graph: &Graph, node: &Node, channels: usize) -> Option<usize> {
    let pads = numbers(graph, node, "pads", 1)?;
    let axes = match node.operand(3) {
        "" => (0..4).collect(),
        axes => short_constant(graph, axes)?.integers()?,
    };
    let Some(place) = axes.iter().position(|&axis| is_channel_axis(axis)) else {
        return Some(channels);
    };
    let added = pads
        .get(place)?
        .checked_add(*pads.get(place + axes.len())?)?;
    usize::try_from(i64::try_from(channels).ok()?.checked_add(added)?).ok()
}

fn sliced(graph: &Graph, node: &Node, channels: usize) -> Option<usize> {
    let starts = || numbers(graph, node, "starts", 1);
    let has_axes = node.find("axes").is_some() || !node.operand(3).is_empty();
    let axes = match has_axes {
        true => numbers(graph, node, "axes", 3)?,
        false => (0..i64::try_from(starts()?.len()).ok()?).collect(),
    };
    let Some(place) = axes.iter().position(|&axis| is_channel_axis(axis)) else {
        return Some(channels);
    };
    let step = match node.operand(4) {
        "" => 1,
        steps => *short_constant(graph, steps)?.integers()?.get(place)?,
    };
    let (start, end) = (
        *starts()?.get(place)?,
        *numbers(graph, node, "ends", 2)?.get(place)?,
    );
    let length = i64::try_from(channels).ok()?;
    let from_start = |bound: i64| match bound < 0 {
        true => bound.saturating_add(length),
        false => bound,
    };
    let left = match step {
        1.. => from_start(end).clamp(0, length) - from_start(start).clamp(0, length),
        ..=-1 => from_start(start).clamp(-1, length - 1) - from_start(end).clamp(-1, length - 1),
        0 => return None,
    };
    usize::try_from(left)
        .ok()
        .map(|left| left.div_ceil(step.unsigned_abs() as usize))
}

fn split(graph: &Graph, node: &Node, place: usize, channels: usize) -> Option<usize> {
    if !is_channel_axis(node.int("axis", 0)) {
        return Some(channels);
    }
    if node.find("split").is_some() || !node.operand(1).is_empty() {
        let sizes = numbers(graph, node, "split", 1)?;
        return usize::try_from(*sizes.get(place)?).ok();
    }
    // Equal parts, of which the last may be smaller.
    let part = channels.div_ceil(node.output.len());
    Some(part.min(channels.saturating_sub(part * place)))
}
