//! The shape of what each operator makes of operands of known shapes (ONNX, "Operators").

use super::arithmetic::{absolute, broadcast, element_count, sliced};
use super::table::Shapes;
use crate::onnx::graph::{self, Graph};
use crate::onnx::ops::{Op, Places};
use crate::onnx::proto::Node;
use crate::onnx::window::windows;

/// The shapes of the outputs of `node`, as many as are known; none where nothing is.
pub fn results(graph: &Graph, shapes: &Shapes, node: &Node) -> Option<Vec<Option<Vec<usize>>>> {
    let made = made(graph, shapes, node)?;
    let is_sane = |shape: &Vec<usize>| {
        graph::element_count(shape.iter().map(|&size| i64::try_from(size).unwrap_or(-1))).is_some()
    };
    Some(
        made.into_iter()
            .map(|shape| shape.filter(is_sane))
            .collect(),
    )
}

fn made(graph: &Graph, shapes: &Shapes, node: &Node) -> Option<Vec<Option<Vec<usize>>>> {
    let operand = |index: usize| shapes.of(graph, node.operand(index));
    let integers = |index: usize| shapes.integers(graph, node.operand(index));
    let one = |shape: Vec<usize>| Some(vec![Some(shape)]);
    let facts = node.op().facts();
    let spread = || {
        let operands = (0..node.input.len())
            .filter(|&index| !node.operand(index).is_empty())
            .map(operand)
            .collect::<Option<Vec<_>>>()?;
        broadcast(operands.iter().map(Vec::as_slice))
    };
    match node.op() {
        Op::And
        | Op::Equal
        | Op::Greater
        | Op::GreaterOrEqual
        | Op::Less
        | Op::LessOrEqual
        | Op::Mean
        | Op::Mod
        | Op::Or
        | Op::Xor => one(spread()?),
        _ if facts.spreads => one(spread()?),
        Op::Conv | Op::ConvInteger | Op::QLinearConv => {
            let kernel = match node.op() {
                Op::QLinearConv => operand(3)?,
                _ => operand(1)?,
            };
            let sizes = windowed(node, &operand(0)?, kernel.get(2..)?)?;
            one([&[*operand(0)?.first()?, *kernel.first()?], sizes.as_slice()].concat())
        }
        Op::AveragePool | Op::MaxPool | Op::LpPool => {
            let kernel = whole(node.ints("kernel_shape")?)?;
            let x = operand(0)?;
            let shape = [x.get(..2)?, &windowed(node, &x, &kernel)?].concat();
            Some(vec![Some(shape.clone()), Some(shape)])
        }
        Op::ConvTranspose => one(transposed(node, &operand(0)?, &operand(1)?)?),
        Op::GlobalAveragePool | Op::GlobalMaxPool | Op::GlobalLpPool => {
            let mut shape = operand(0)?;
            shape.get_mut(2..)?.fill(1);
            one(shape)
        }
        Op::ArgMax | Op::ArgMin => {
            let mut shape = operand(0)?;
            let axis = absolute(node.int("axis", 0), shape.len())?;
            if node.int("keepdims", 1) != 0 {
                shape[axis] = 1;
            } else {
                shape.remove(axis);
            }
            one(shape)
        }
        _ if facts.places == Places::Reduce => {
            let mut shape = operand(0)?;
            let axes = shapes.reduced_axes(graph, node, shape.len())?;
            for &axis in axes.iter().rev() {
                if node.int("keepdims", 1) != 0 {
                    shape[axis] = 1;
                } else {
                    shape.remove(axis);
                }
            }
            one(shape)
        }
        Op::MatMul | Op::MatMulInteger => one(product(operand(0)?, operand(1)?)?),
        Op::Gemm => {
            let side = |index: usize, transpose: &str, axis: usize| {
                let shape = operand(index).filter(|shape| shape.len() == 2)?;
                Some(shape[axis ^ usize::from(node.int(transpose, 0) != 0)])
            };
            one(vec![side(0, "transA", 0)?, side(1, "transB", 1)?])
        }
        Op::Einsum => {
            let operands = (0..node.input.len())
                .map(operand)
                .collect::<Option<Vec<_>>>()?;
            let equation = Equation::of(node)?;
            one(equation.shape(&operands)?)
        }
        Op::Concat => {
            let mut shape = operand(0)?;
            let axis = absolute(node.int("axis", 1), shape.len())?;
            shape[axis] = 0;
            for index in 0..node.input.len() {
                let size = *operand(index)?.get(axis)?;
                shape[axis] = shape[axis].checked_add(size)?;
            }
            one(shape)
        }
        Op::Split => {
            let shape = operand(0)?;
            let axis = absolute(node.int("axis", 0), shape.len())?;
            let sizes = split_sizes(graph, shapes, node, shape[axis])?;
            let parts = sizes.into_iter().map(|size| {
                let mut part = shape.clone();
                part[axis] = size;
                Some(part)
            });
            Some(parts.collect())
        }
        Op::Slice => {
            let mut shape = operand(0)?;
            let slices = shapes.slices(graph, node, shape.len())?;
            for (&axis, [start, end, step]) in slices.axes.iter().zip(slices.bounds) {
                shape[axis] = sliced(shape[axis], start, end, step)?.count;
            }
            one(shape)
        }
        Op::Gather => {
            let (shape, indices) = (operand(0)?, operand(1)?);
            let axis = absolute(node.int("axis", 0), shape.len())?;
            one([&shape[..axis], &indices, &shape[axis + 1..]].concat())
        }
        Op::GatherElements => one(operand(1)?),
        Op::GatherND => {
            let (shape, indices) = (operand(0)?, operand(1)?);
            let batch = usize::try_from(node.int("batch_dims", 0)).ok()?;
            let (&depth, before) = indices.split_last()?;
            one([before, shape.get(batch + depth..)?].concat())
        }
        Op::Pad => {
            let mut shape = operand(0)?;
            for (axis, [before, after]) in shapes.pads(graph, node, shape.len())? {
                let size = i64::try_from(shape[axis]).ok()? + before + after;
                shape[axis] = usize::try_from(size).ok()?;
            }
            one(shape)
        }
        Op::Tile => {
            let repeats = integers(1)?;
            let shape = operand(0)?;
            let sizes = shape
                .iter()
                .zip(repeats)
                .map(|(&size, repeat)| size.checked_mul(usize::try_from(repeat).ok()?));
            one(sizes.collect::<Option<_>>()?)
        }
        Op::Expand => {
            let wanted = whole(&integers(1)?)?;
            one(broadcast([operand(0)?.as_slice(), &wanted])?)
        }
        Op::Reshape => {
            let wanted = match node.ints("shape") {
                Some(shape) => shape.to_vec(),
                None => integers(1)?,
            };
            one(reshaped(
                &operand(0)?,
                &wanted,
                node.int("allowzero", 0) != 0,
            )?)
        }
        Op::Flatten => {
            let shape = operand(0)?;
            let axis = node.int("axis", 1);
            let axis = match i64::try_from(shape.len()).ok()? {
                rank if axis == rank => shape.len(),
                _ => absolute(axis, shape.len())?,
            };
            one(vec![
                element_count(&shape[..axis])?,
                element_count(&shape[axis..])?,
            ])
        }
        Op::Squeeze => {
            let mut shape = operand(0)?;
            if node.find("axes").is_none() && node.operand(1).is_empty() {
                shape.retain(|&size| size != 1);
                return one(shape);
            }
            for axis in shapes.axes(graph, node, 1, shape.len())?.into_iter().rev() {
                shape.remove(axis);
            }
            one(shape)
        }
        Op::Unsqueeze => {
            let mut shape = operand(0)?;
            let added = shapes.setting(graph, node, "axes", 1)?.len();
            for axis in shapes.axes(graph, node, 1, shape.len() + added)? {
                shape.insert(axis.min(shape.len()), 1);
            }
            one(shape)
        }
        Op::Transpose => {
            let shape = operand(0)?;
            let order = match node.ints("perm") {
                Some(order) => whole(order)?,
                None => (0..shape.len()).rev().collect(),
            };
            let sizes = order.iter().map(|&axis| shape.get(axis).copied());
            one(sizes.collect::<Option<_>>()?)
        }
        Op::DepthToSpace | Op::SpaceToDepth => {
            let &[batch, channels, height, width] = operand(0)?.as_slice() else {
                return None;
            };
            let side = usize::try_from(node.int("blocksize", 1))
                .ok()
                .filter(|&side| side > 0)?;
            let cells = side.checked_mul(side)?;
            one(match node.op() {
                Op::SpaceToDepth => {
                    let channels = channels.checked_mul(cells)?;
                    vec![batch, channels, height / side, width / side]
                }
                _ => {
                    let [height, width] = [height.checked_mul(side)?, width.checked_mul(side)?];
                    vec![batch, channels / cells, height, width]
                }
            })
        }
        Op::Resize | Op::Upsample => {
            let shape = operand(0)?;
            let sizes = integers(3).filter(|_| node.op() == Op::Resize && node.input.len() > 3);
            if let Some(sizes) = sizes.filter(|sizes| sizes.len() == shape.len()) {
                return one(whole(&sizes)?);
            }
            let scales = match node.find("scales") {
                Some(scales) => scales.floats.iter().copied().map(f64::from).collect(),
                None => {
                    let at = if node.op() == Op::Upsample || graph.opset() < 11 {
                        1
                    } else {
                        2
                    };
                    shapes.numbers(graph, node.operand(at))?.values
                }
            };
            let sizes = shape.iter().zip(&scales).map(|(&size, &scale)| {
                let size = (size as f64 * scale).floor();
                (1.0..65_536.0).contains(&size).then_some(size as usize)
            });
            one(sizes
                .collect::<Option<Vec<_>>>()
                .filter(|sizes| sizes.len() == shape.len())?)
        }
        Op::TopK => {
            let mut shape = operand(0)?;
            let axis = absolute(node.int("axis", -1), shape.len())?;
            let count = match node.find("k") {
                Some(_) => node.int("k", 1),
                None => *integers(1)?.first()?,
            };
            shape[axis] = usize::try_from(count).ok()?;
            Some(vec![Some(shape.clone()), Some(shape)])
        }
        Op::OneHot => {
            let mut shape = operand(0)?;
            let depth = usize::try_from(*integers(1)?.first()?).ok()?;
            let axis = absolute(node.int("axis", -1), shape.len() + 1)?;
            shape.insert(axis, depth);
            one(shape)
        }
        Op::Col2Im => {
            let [columns, block, sizes] =
                [operand(0)?, whole(&integers(2)?)?, whole(&integers(1)?)?];
            let (&pictures, &rows) = (columns.first()?, columns.get(1)?);
            let channels = rows.checked_div(element_count(&block)?)?;
            one([&[pictures, channels], sizes.as_slice()].concat())
        }
        Op::ConstantOfShape => one(whole(&integers(0)?)?),
        Op::Other
        | Op::Attention
        | Op::Constant
        | Op::GRU
        | Op::LSTM
        | Op::NonMaxSuppression
        | Op::RNN
        | Op::Range
        | Op::Shape
        | Op::Size => None,
        // All others are functions of each element, or of its neighbours along an axis.
        _ => one(operand(0)?),
    }
}

/// Numbers none of which is below 0.
pub fn whole(numbers: &[i64]) -> Option<Vec<usize>> {
    numbers
        .iter()
        .map(|&number| usize::try_from(number).ok())
        .collect()
}

/// The sizes along space of what windows of `kernel` make of `x`, of any number of axes.
fn windowed(node: &Node, x: &[usize], kernel: &[usize]) -> Option<Vec<usize>> {
    let space = x.get(2..).filter(|space| space.len() == kernel.len())?;
    let windows = windows(node, kernel)?;
    let sizes = windows.iter().zip(space);
    sizes.map(|(window, &cells)| window.cells(cells)).collect()
}

fn transposed(node: &Node, x: &[usize], kernel: &[usize]) -> Option<Vec<usize>> {
    let space = x.get(2..)?;
    let group = usize::try_from(node.int("group", 1)).ok()?;
    let mut shape = vec![*x.first()?, kernel.get(1)?.checked_mul(group)?];
    let setting = |name: &str, index: usize, default: usize| match node.ints(name) {
        Some(values) => usize::try_from(*values.get(index)?)
            .ok()
            .filter(|&v| v < 1 << 20),
        None => Some(default),
    };
    let is_automatic = node
        .find("auto_pad")
        .and_then(|found| found.s.as_deref())
        .is_some_and(|kind| kind.starts_with(b"SAME"));
    for (axis, &size) in space.iter().enumerate() {
        if let Some(sizes) = node.ints("output_shape") {
            let at = axis + sizes.len().checked_sub(space.len())?;
            shape.push(usize::try_from(*sizes.get(at)?).ok()?);
            continue;
        }
        let stride = setting("strides", axis, 1)?;
        if is_automatic {
            shape.push(size.checked_mul(stride)?);
            continue;
        }
        let reach =
            kernel
                .get(axis + 2)?
                .checked_sub(1)?
                .checked_mul(setting("dilations", axis, 1)?)?;
        let padded = size
            .checked_sub(1)?
            .checked_mul(stride)?
            .checked_add(setting("output_padding", axis, 0)?)?
            .checked_add(reach + 1)?;
        let pads = setting("pads", axis, 0)? + setting("pads", axis + space.len(), 0)?;
        shape.push(padded.checked_sub(pads)?);
    }
    Some(shape)
}

/// A matrix product, or several (numpy.matmul).
fn product(mut a: Vec<usize>, mut b: Vec<usize>) -> Option<Vec<usize>> {
    let (is_row, is_column) = (a.len() == 1, b.len() == 1);
    if is_row {
        a.insert(0, 1);
    }
    if is_column {
        b.push(1);
    }
    let (of_a, of_b) = (a.len().checked_sub(2)?, b.len().checked_sub(2)?);
    if a[of_a + 1] != b[of_b] {
        return None;
    }
    let mut shape = broadcast([&a[..of_a], &b[..of_b]])?;
    if !is_row {
        shape.push(a[of_a]);
    }
    if !is_column {
        shape.push(b[of_b + 1]);
    }
    Some(shape)
}

/// What `Split` makes of an axis of `length`.
pub fn split_sizes(
    graph: &Graph,
    shapes: &Shapes,
    node: &Node,
    length: usize,
) -> Option<Vec<usize>> {
    if node.find("split").is_some() || !node.operand(1).is_empty() {
        let sizes = whole(&shapes.setting(graph, node, "split", 1)?)?;
        let sum = sizes
            .iter()
            .try_fold(0usize, |sum, &size| sum.checked_add(size))?;
        return (sum == length && sizes.len() == node.output.len()).then_some(sizes);
    }
    // Equal parts, of which the last may be smaller.
    let part = length.div_ceil(node.output.len().max(1));
    let rest = |index: usize| length.saturating_sub(part.saturating_mul(index)).min(part);
    Some((0..node.output.len()).map(rest).collect())
}

fn reshaped(shape: &[usize], wanted: &[i64], keeps_zero: bool) -> Option<Vec<usize>> {
    let total = element_count(shape)?;
    let mut sizes = Vec::with_capacity(wanted.len());
    for (axis, &size) in wanted.iter().enumerate() {
        sizes.push(match size {
            -1 => 1,
            0 if !keeps_zero => *shape.get(axis)?,
            size => usize::try_from(size).ok()?,
        });
    }
    if let Some(free) = wanted.iter().position(|&size| size == -1) {
        sizes[free] = total.checked_div(element_count(&sizes)?)?;
    }
    (element_count(&sizes)? == total).then_some(sizes)
}

/// The equation of an `Einsum`, without dots.
pub struct Equation {
    /// The axes of each operand, by letter.
    pub operands: Vec<Vec<u8>>,
    pub result: Vec<u8>,
}

impl Equation {
    /// None where it has dots, repeats a letter in one operand, or says no result.
    pub fn of(node: &Node) -> Option<Self> {
        let text = node.find("equation")?.s.as_deref()?;
        let text: Vec<u8> = text.iter().copied().filter(|byte| *byte != b' ').collect();
        let arrow = text.windows(2).position(|pair| pair == b"->")?;
        let operands: Vec<Vec<u8>> = text[..arrow]
            .split(|&byte| byte == b',')
            .map(<[u8]>::to_vec)
            .collect();
        let result = text[arrow + 2..].to_vec();
        let is_plain = |letters: &Vec<u8>| {
            let distinct: std::collections::BTreeSet<u8> = letters.iter().copied().collect();
            distinct.len() == letters.len() && letters.iter().all(u8::is_ascii_alphabetic)
        };
        (operands.iter().all(is_plain) && is_plain(&result) && operands.len() == node.input.len())
            .then_some(Self { operands, result })
    }

    fn shape(&self, operands: &[Vec<usize>]) -> Option<Vec<usize>> {
        let size = |letter: &u8| {
            self.operands
                .iter()
                .zip(operands)
                .find_map(|(letters, shape)| {
                    let at = letters.iter().position(|other| other == letter)?;
                    shape.get(at).copied()
                })
        };
        self.result.iter().map(size).collect()
    }
}
