//! Gradients of operators that pick, join and spread elements: each element's gradient goes back to where it came from.

use super::context::{Context, MOST_CONSTANTS};
use crate::onnx::builder::GraphBuilder;
use crate::onnx::node::with_int;
use crate::onnx::ops::Op;
use crate::onnx::proto::Node;
use crate::onnx::shapes::{absolute, sliced, split_sizes};

/// dX of a tensor, `length` long along `axis`, of which the elements `cells` were picked.
fn scatter(
    builder: &mut GraphBuilder,
    dy: &str,
    rank: usize,
    axis: usize,
    length: usize,
    cells: &[usize],
) -> Option<String> {
    let is_run = cells.windows(2).all(|pair| pair[1] == pair[0] + 1);
    if let (true, Some(&first), Some(&last)) = (is_run, cells.first(), cells.last()) {
        return Some(builder.pad(
            dy,
            rank,
            &[(axis, [first, length.checked_sub(last + 1)?])],
            0.0,
        ));
    }
    // Where each element went, counted from 1; 0 is a zero put before them.
    let mut went = vec![0; length];
    let mut picked_twice = false;
    for (place, &cell) in cells.iter().enumerate() {
        let slot = went.get_mut(cell)?;
        picked_twice |= *slot != 0;
        *slot = place + 1;
    }
    if !picked_twice {
        let padded = builder.pad(dy, rank, &[(axis, [1, 0])], 0.0);
        return Some(builder.gather(&padded, axis, &went));
    }
    // One-hot rows, and a matrix product along the axis.
    let mut picks = vec![
        0.0;
        length
            .checked_mul(cells.len())
            .filter(|&size| size <= MOST_CONSTANTS)?
    ];
    for (place, &cell) in cells.iter().enumerate() {
        picks[cell * cells.len() + place] = 1.0;
    }
    let picks = builder.floats(&[length as i64, cells.len() as i64], picks);
    let mut order: Vec<usize> = (0..rank).collect();
    order.swap(axis, rank - 1);
    // The axis last, and rows of one-hot numbers as columns.
    let turned = builder.transpose(dy, &order);
    let turned_picks = builder.transpose(&picks, &[1, 0]);
    let sums = builder.push("MatMul", &[&turned, &turned_picks]);
    Some(builder.transpose(&sums, &order))
}

pub fn slice(
    builder: &mut GraphBuilder,
    context: &Context,
    node: &Node,
    dy: &str,
) -> Option<String> {
    let x = context.shape(node.operand(0))?;
    let slices = context.shapes.slices(context.graph, node, x.len())?;
    let mut dx = dy.to_owned();
    for (&axis, [start, end, step]) in slices.axes.iter().zip(slices.bounds) {
        let run = sliced(x[axis], start, end, step)?;
        if run.count == x[axis] && step == 1 {
            continue;
        }
        let cells: Vec<usize> = run.cells().collect();
        let length = context.fixed_length(node.operand(0), axis)?;
        dx = scatter(builder, &dx, x.len(), axis, length, &cells)?;
    }
    Some(dx)
}

pub fn gather(
    builder: &mut GraphBuilder,
    context: &Context,
    node: &Node,
    dy: &str,
) -> Option<String> {
    let x = context.shape(node.operand(0))?;
    let axis = absolute(node.int("axis", 0), x.len())?;
    let length = context.fixed_length(node.operand(0), axis)?;
    let indices = context.shapes.integers(context.graph, node.operand(1))?;
    let cells = indices
        .into_iter()
        .map(|index| absolute(index, length))
        .collect::<Option<Vec<_>>>()?;
    let mut dy = dy.to_owned();
    match context.rank(node.operand(1))? {
        0 => dy = builder.unsqueeze(&dy, &[axis as i64]),
        1 => {}
        _ => {
            let mut shape = context.fixed_shape(node.operand(0))?;
            shape[axis] = cells.len();
            dy = builder.reshape(&dy, &shape);
        }
    }
    scatter(builder, &dy, x.len(), axis, length, &cells)
}

/// dX of a `GatherND` of constant indices.
pub fn gather_nd(
    builder: &mut GraphBuilder,
    context: &Context,
    node: &Node,
    dy: &str,
) -> Option<String> {
    let x = context.fixed_shape(node.operand(0))?;
    let of_indices = context.shape(node.operand(1))?;
    let indices = context.shapes.integers(context.graph, node.operand(1))?;
    let depth = *of_indices.last()?;
    if node.int("batch_dims", 0) != 0 || depth == 0 || depth > x.len() {
        return None;
    }
    let cells = indices
        .chunks_exact(depth)
        .map(|pick| {
            pick.iter().zip(&x).try_fold(0, |place, (&index, &size)| {
                Some(place * size + absolute(index, size)?)
            })
        })
        .collect::<Option<Vec<_>>>()?;
    let length: usize = x[..depth].iter().product();
    let rows = builder.reshape(dy, &[cells.len(), x[depth..].iter().product()]);
    let dx = scatter(builder, &rows, 2, 0, length, &cells)?;
    Some(builder.reshape(&dx, &x))
}

/// dX of a `ScatterND` that puts its third operand into its first: each has what lies in it.
pub fn scatter_nd(
    builder: &mut GraphBuilder,
    node: &Node,
    index: usize,
    dy: &str,
) -> Option<String> {
    let reduction = node.find("reduction").and_then(|kind| kind.s.as_deref());
    if reduction.is_some_and(|kind| kind != b"none") || builder.opset() < 11 {
        return None;
    }
    let (indices, updates) = (node.operand(1), node.operand(2));
    Some(if index == 2 {
        builder.push("GatherND", &[dy, indices])
    } else {
        let zeros = builder.zeros_like(updates);
        builder.push("ScatterND", &[dy, indices, &zeros])
    })
}

/// d of the `index`th part.
pub fn concat(
    builder: &mut GraphBuilder,
    context: &Context,
    node: &Node,
    index: usize,
    dy: &str,
) -> Option<String> {
    let rank = context.rank(node.result())?;
    let axis = absolute(node.int("axis", 1), rank)?;
    let length = |index: usize| context.fixed_length(node.operand(index), axis);
    let start: usize = (0..index).map(length).sum::<Option<usize>>()?;
    let end = start + length(index)?;
    Some(builder.slice(
        dy,
        axis,
        i64::try_from(start).ok()?,
        i64::try_from(end).ok()?,
    ))
}

/// dX of a `Split` whose parts have these gradients, where they have one.
pub fn split(
    builder: &mut GraphBuilder,
    context: &Context,
    node: &Node,
    parts: &[Option<String>],
) -> Option<String> {
    let x = context.shape(node.operand(0))?;
    let axis = absolute(node.int("axis", 0), x.len())?;
    let sizes = split_sizes(context.graph, context.shapes, node, x[axis])?;
    let mut joined = Vec::new();
    for (place, part) in parts.iter().enumerate() {
        joined.push(match part {
            Some(part) => part.clone(),
            None if sizes.get(place) == Some(&0) => continue,
            None => {
                let shape = node.output.get(place).filter(|name| !name.is_empty())?;
                builder.zeros_like(shape)
            }
        });
    }
    let joined: Vec<&str> = joined.iter().map(String::as_str).collect();
    Some(builder.push_with("Concat", &joined, |node| {
        with_int(node, "axis", axis as i64)
    }))
}

pub fn pad(builder: &mut GraphBuilder, context: &Context, node: &Node, dy: &str) -> Option<String> {
    let mode = node.find("mode").and_then(|mode| mode.s.as_deref());
    let rank = context.rank(node.operand(0))?;
    let mut dx = dy.to_owned();
    for (axis, [before, after]) in context.shapes.pads(context.graph, node, rank)? {
        if (before, after) == (0, 0) {
            continue;
        }
        let length = i64::try_from(context.fixed_length(node.operand(0), axis)?).ok()?;
        match mode {
            None | Some(b"constant") if before >= 0 && after >= 0 => {
                dx = builder.slice(&dx, axis, before, before + length);
            }
            None | Some(b"constant") => return None,
            // Which element lies at each place: mirrored, the last one, or around.
            Some(kind) => {
                let cells = (-before..length + after)
                    .map(|cell| {
                        let found = match kind {
                            b"edge" => cell.clamp(0, length - 1),
                            b"wrap" => cell.rem_euclid(length),
                            b"reflect" if cell < 0 => -cell,
                            b"reflect" if cell >= length => 2 * (length - 1) - cell,
                            b"reflect" => cell,
                            _ => return None,
                        };
                        usize::try_from(found).ok()
                    })
                    .collect::<Option<Vec<_>>>()?;
                dx = scatter(
                    builder,
                    &dx,
                    rank,
                    axis,
                    usize::try_from(length).ok()?,
                    &cells,
                )?;
            }
        }
    }
    Some(dx)
}

/// dX of a `Tile`: the sum over its copies.
pub fn tile(
    builder: &mut GraphBuilder,
    context: &Context,
    node: &Node,
    dy: &str,
) -> Option<String> {
    let x = context.fixed_shape(node.operand(0))?;
    let y = context.shape(node.result())?;
    let parts: Vec<usize> = x
        .iter()
        .zip(&y)
        .flat_map(|(&own, &made)| [made / own.max(1), own])
        .collect();
    let copies: Vec<i64> = (0..x.len()).map(|axis| 2 * axis as i64).collect();
    let parted = builder.reshape(dy, &parts);
    let sum = builder.reduce("ReduceSum", &parted, &copies);
    Some(builder.reshape(&sum, &x))
}

/// dX of a `Resize`, which is a matrix along each axis: of what it makes of unit vectors.
pub fn resize(
    builder: &mut GraphBuilder,
    context: &Context,
    node: &Node,
    dy: &str,
) -> Option<String> {
    let (x, y) = (
        context.fixed_shape(node.operand(0))?,
        context.shape(node.result())?,
    );
    if x.len() != 4
        || builder.opset() < 11
        || node.op() != Op::Resize
        || node.ints("axes").is_some()
    {
        return None;
    }
    let scales = context
        .shapes
        .numbers(context.graph, node.operand(2))
        .map(|scales| scales.values)
        .filter(|scales| scales.len() == x.len());
    let mut dx = dy.to_owned();
    for axis in 0..x.len() {
        if x[axis] == y[axis] {
            continue;
        }
        let length = x[axis];
        if axis < 2 || length * length > MOST_CONSTANTS {
            return None;
        }
        let mut unit = vec![0.0; length * length];
        for cell in 0..length {
            unit[cell * length + cell] = 1.0;
        }
        let unit = builder.floats(&[1, 1, length as i64, length as i64], unit);
        let none = String::new();
        let (scale, size) = match &scales {
            Some(scales) => (
                builder.plain_floats(&[1.0, 1.0, scales[axis] as f32, 1.0]),
                none,
            ),
            None => (
                none,
                builder.integers(&[1, 1, y[axis] as i64, length as i64]),
            ),
        };
        // y[axis] x length
        let matrix = builder.push_with("Resize", &[&unit, "", &scale, &size], |mut made| {
            if size.is_empty() {
                made.input.truncate(3);
            }
            made.attribute = node.attribute.clone();
            made
        });
        dx = if axis == 2 {
            let turned = builder.transpose(&matrix, &[0, 1, 3, 2]);
            builder.push("MatMul", &[&turned, &dx])
        } else {
            builder.push("MatMul", &[&dx, &matrix])
        };
    }
    Some(dx)
}

/// dX of a `Transpose`.
pub fn transpose(
    builder: &mut GraphBuilder,
    context: &Context,
    node: &Node,
    dy: &str,
) -> Option<String> {
    let Some(order) = node.ints("perm") else {
        context.rank(node.operand(0));
        return Some(builder.push("Transpose", &[dy]));
    };
    let mut inverse = vec![0; order.len()];
    for (to, &from) in order.iter().enumerate() {
        *inverse.get_mut(usize::try_from(from).ok()?)? = to;
    }
    Some(builder.transpose(dy, &inverse))
}
