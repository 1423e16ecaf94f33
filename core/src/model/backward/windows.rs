//! Gradients of what slides windows over a map: convolutions and pools.

use super::context::{Context, MOST_CONSTANTS};
use crate::onnx::builder::GraphBuilder;
use crate::onnx::node::{with_int, with_ints};
use crate::onnx::ops::Op;
use crate::onnx::proto::Node;
use crate::onnx::shapes::element_count;
use crate::onnx::window::{Window, kernel, windows};

/// Fills what lies beside a map whose maximum is sought. Times zero it is zero, which infinity is not.
const LOWEST: f32 = -1e30;

/// The windows of a node, with the padding written out.
pub struct Geometry {
    windows: Vec<Window>,
    /// Padding before and after, along each axis of space.
    pads: Vec<[usize; 2]>,
    /// Cells that no window reaches at the end of each padded axis; none where they differ from picture to picture.
    rest: Option<Vec<usize>>,
    /// The padded map may have room for one window more than there are.
    has_room: bool,
}

impl Geometry {
    /// None where the node's padding differs from picture to picture, or shapes are not known.
    pub fn of(context: &Context, node: &Node) -> Option<Self> {
        let (x, y) = (
            context.shape(node.operand(0))?,
            context.shape(node.result())?,
        );
        let kernel = kernel(node, || context.shape(node.operand(1)))?;
        let windows = windows(node, &kernel)?;
        if x.len() != windows.len() + 2 || y.len() != x.len() {
            return None;
        }
        let is_fixed =
            (2..x.len()).all(|axis| context.fixed_length(node.operand(0), axis).is_some());
        if !is_fixed && windows.iter().any(Window::begins_by_size) {
            return None;
        }
        if !is_fixed && windows.iter().any(Window::ends_by_size) {
            let pads = windows.iter().map(Window::pads_of_any_size);
            return Some(Self {
                pads: pads.collect::<Option<_>>()?,
                rest: None,
                has_room: true,
                windows,
            });
        }
        let sizes = || windows.iter().zip(x[2..].iter().zip(&y[2..]));
        let pads: Vec<[usize; 2]> = sizes()
            .map(|(window, (&cells, &made))| window.pads(cells, made))
            .collect::<Option<_>>()?;
        let rest = sizes()
            .zip(&pads)
            .map(|((window, (&cells, &made)), [before, after])| {
                (cells + before + after).checked_sub(window.covered(made)?)
            });
        let rest = rest.collect::<Option<_>>()?;
        Some(Self {
            pads,
            rest: is_fixed.then_some(rest),
            has_room: false,
            windows,
        })
    }

    /// The same windows of a map that is padded already.
    fn without_pads(&self) -> Self {
        Self {
            windows: self.windows.clone(),
            pads: vec![[0, 0]; self.pads.len()],
            rest: None,
            has_room: false,
        }
    }

    /// The kernel's sizes.
    fn kernel(&self) -> impl Iterator<Item = usize> {
        self.windows.iter().map(|window| window.kernel)
    }

    /// Cells of a window, if they are not too many to be picked one by one.
    fn cells(&self) -> Option<usize> {
        let kernel: Vec<usize> = self.kernel().collect();
        let cells = element_count(&kernel)?;
        (cells.checked_mul(cells)? <= MOST_CONSTANTS).then_some(cells)
    }

    fn with_windows(&self, node: Node) -> Node {
        let ints = |of: fn(&Window) -> usize| {
            let values = self.windows.iter().map(|window| of(window) as i64);
            values.collect::<Vec<_>>()
        };
        let node = with_ints(node, "strides", &ints(|window| window.stride));
        with_ints(node, "dilations", &ints(|window| window.dilation))
    }

    fn with_pads(&self, node: Node) -> Node {
        let side = |end: usize| self.pads.iter().map(move |pads| pads[end] as i64);
        let pads: Vec<i64> = side(0).chain(side(1)).collect();
        with_ints(node, "pads", &pads)
    }

    /// The transposed convolution of `dy` with `kernels`, in the shape of `x`.
    pub fn transposed(
        &self,
        builder: &mut GraphBuilder,
        context: &Context,
        dy: &str,
        kernels: &str,
        group: i64,
        x: &str,
    ) -> Option<String> {
        let plain = self.windows.iter().all(|window| window.stride == 1);
        let is_padded = self.pads.iter().any(|pads| *pads != [0, 0]);
        if plain || self.rest.is_some() {
            let rest: Vec<i64> = self
                .rest
                .iter()
                .flatten()
                .map(|&rest| rest as i64)
                .collect();
            let reaches_all = rest.iter().all(|&rest| rest == 0);
            return Some(
                builder.push_with("ConvTranspose", &[dy, kernels], |mut node| {
                    if !plain || self.windows.iter().any(|window| window.dilation != 1) {
                        node = self.with_windows(node);
                    }
                    if is_padded {
                        node = self.with_pads(node);
                    }
                    if !reaches_all {
                        node = with_ints(node, "output_padding", &rest);
                    }
                    if group == 1 {
                        node
                    } else {
                        with_int(node, "group", group)
                    }
                }),
            );
        }
        // How many cells no window reaches depends on the picture's size.
        if builder.opset() < 10 {
            return None;
        }
        let whole = builder.push_with("ConvTranspose", &[dy, kernels], |node| {
            with_int(self.with_windows(node), "group", group)
        });
        let rank = context.rank(x)?;
        let ends: Vec<(usize, [usize; 2])> = (0..self.windows.len())
            .map(|axis| (axis + 2, [0, self.windows[axis].stride]))
            .collect();
        let padded = builder.pad(&whole, rank, &ends, 0.0);
        let shape = builder.push("Shape", &[x]);
        let sizes = builder.slice(&shape, 0, 2, rank as i64);
        let starts: Vec<i64> = self.pads.iter().map(|pads| pads[0] as i64).collect();
        let starts = builder.integers(&starts);
        let ends = builder.push("Add", &[&sizes, &starts]);
        let axes: Vec<i64> = (2..rank as i64).collect();
        let axes = builder.integers(&axes);
        Some(builder.push("Slice", &[&padded, &starts, &ends, &axes]))
    }

    /// Kernels that pick each cell of a window: cells x 1 x kernel.
    fn picks(&self, builder: &mut GraphBuilder, cells: usize) -> String {
        let mut values = vec![0.0; cells * cells];
        for cell in 0..cells {
            values[cell * cells + cell] = 1.0;
        }
        let dims: Vec<i64> = [cells as i64, 1]
            .into_iter()
            .chain(self.kernel().map(|size| size as i64))
            .collect();
        builder.floats(&dims, values)
    }
}

/// dX of a pool of windows. Channels are taken for pictures of one channel; each window is written out along a new axis,
/// so that what a window does to its cells is a matter of that axis.
pub fn pool(
    builder: &mut GraphBuilder,
    context: &Context,
    node: &Node,
    dy: &str,
) -> Option<String> {
    let geometry = Geometry::of(context, node)?;
    let (x, y) = (node.operand(0), node.result());
    let rank = context.rank(x)?;
    let axes = rank - 2;
    let single = |builder: &mut GraphBuilder, tensor: &str| {
        // 1 x C x ... to C x 1 x ...
        let order: Vec<usize> = [1, 0].into_iter().chain(2..rank).collect();
        builder.transpose(tensor, &order)
    };
    let dy = single(builder, dy);
    let x_single = single(builder, x);
    let cells = geometry.cells()?;
    let unpadded = geometry.without_pads();
    let pads: Vec<(usize, [usize; 2])> = (0..axes)
        .map(|axis| (axis + 2, geometry.pads[axis]))
        .collect();
    if geometry.has_room && builder.opset() < 10 {
        return None;
    }
    let windows = |builder: &mut GraphBuilder, tensor: &str, picks: &str| {
        let conv = |node| unpadded.with_windows(node);
        let windows = builder.push_with("Conv", &[tensor, picks], conv);
        if !geometry.has_room {
            return windows;
        }
        let shape = builder.push("Shape", &[y]);
        let ends = builder.slice(&shape, 0, 2, rank as i64);
        let starts = builder.integers(&vec![0; axes]);
        let axes: Vec<i64> = (2..rank as i64).collect();
        let axes = builder.integers(&axes);
        builder.push("Slice", &[&windows, &starts, &ends, &axes])
    };
    let dx = match node.op() {
        Op::AveragePool => {
            let ones = vec![1.0; cells];
            let dims: Vec<i64> = [1, 1]
                .into_iter()
                .chain(geometry.kernel().map(|size| size as i64))
                .collect();
            let ones = builder.floats(&dims, ones);
            let counts_padding = node.int("count_include_pad", 0) != 0;
            let share = if counts_padding && node.int("ceil_mode", 0) == 0 {
                builder.scale(&dy, 1.0 / cells as f32)
            } else {
                // Cells that lie in the map, or in its own padding where that counts.
                let zeros = builder.zeros_like(&x_single);
                let one = builder.scalar(1.0);
                let mut map = builder.push("Add", &[&zeros, &one]);
                let mut left = pads.clone();
                if counts_padding {
                    let own = |axis: usize, end: usize| {
                        let given = node
                            .ints("pads")
                            .and_then(|pads| pads.get(axis + end * axes));
                        given
                            .and_then(|&pad| usize::try_from(pad).ok())
                            .unwrap_or(0)
                    };
                    let own: Vec<(usize, [usize; 2])> = (0..axes)
                        .map(|axis| (axis + 2, [own(axis, 0), own(axis, 1)]))
                        .collect();
                    map = builder.pad(&map, rank, &own, 1.0);
                    for ((_, left), (_, own)) in left.iter_mut().zip(&own) {
                        *left = [
                            left[0].saturating_sub(own[0]),
                            left[1].saturating_sub(own[1]),
                        ];
                    }
                }
                let map = builder.pad(&map, rank, &left, 0.0);
                let counts = windows(builder, &map, &ones);
                builder.push("Div", &[&dy, &counts])
            };
            geometry.transposed(builder, context, &share, &ones, 1, x)?
        }
        Op::MaxPool => {
            let picks = geometry.picks(builder, cells);
            let padded = builder.pad(&x_single, rank, &pads, LOWEST);
            let seen = windows(builder, &padded, &picks);
            // The first of equals, as in PyTorch.
            let best = builder.push_with("ArgMax", &[&seen], |node| with_int(node, "axis", 1));
            let numbers: Vec<i64> = (0..cells as i64).collect();
            let numbers = builder.integers(&numbers);
            let shape: Vec<usize> = [1, cells].into_iter().chain(vec![1; axes]).collect();
            let numbers = builder.reshape(&numbers, &shape);
            let is_best = builder.push("Equal", &[&best, &numbers]);
            let is_best = builder.as_float(&is_best);
            let share = builder.mul(&is_best, &dy);
            geometry.transposed(builder, context, &share, &picks, 1, x)?
        }
        Op::LpPool => {
            let power = node.int("p", 2) as f32;
            let picks = geometry.picks(builder, cells);
            let padded = builder.pad(&x_single, rank, &pads, 0.0);
            let seen = windows(builder, &padded, &picks);
            let y = single(builder, y);
            let slope = norm_slope(builder, &seen, &y, power);
            let share = builder.mul(&slope, &dy);
            geometry.transposed(builder, context, &share, &picks, 1, x)?
        }
        _ => return None,
    };
    Some(single(builder, &dx))
}

/// dY/dX of y = (Σ |x|^p)^(1/p): sign(x) (|x| / y)^(p - 1), and 0 where y is.
pub fn norm_slope(builder: &mut GraphBuilder, x: &str, y: &str, power: f32) -> String {
    let sign = builder.sign(x);
    if power == 1.0 {
        return sign;
    }
    let zero = builder.scalar(0.0);
    let is_zero = builder.equal(y, &zero);
    let divisor = builder.push("Add", &[y, &is_zero]);
    let share = builder.push("Div", &[x, &divisor]);
    if power == 2.0 {
        return share;
    }
    let size = builder.push("Abs", &[&share]);
    let exponent = builder.scalar(power - 1.0);
    let size = builder.push("Pow", &[&size, &exponent]);
    builder.mul(&sign, &size)
}
