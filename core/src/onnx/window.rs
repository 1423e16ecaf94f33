//! The windows that convolutions and pools slide over a map.

use crate::onnx::proto::Node;

/// No kernel, stride or padding is as large.
const ABSURD: usize = 1 << 20;

/// What one output of an operator sees of its input, along one axis.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    pub kernel: usize,
    pub stride: usize,
    pub dilation: usize,
    padding: Padding,
    rounds_up: bool,
}

#[derive(Debug, Clone, Copy)]
enum Padding {
    Given {
        before: usize,
        after: usize,
    },
    /// As much as leaves a cell for every started stride; the odd one before or after the map.
    Same {
        odd_before: bool,
    },
}

impl Window {
    /// Cells from the first to the last one seen.
    pub fn reach(&self) -> Option<usize> {
        self.kernel.checked_sub(1)?.checked_mul(self.dilation)
    }

    /// Padding before the first of `cells`.
    pub fn pad_before(&self, cells: usize) -> usize {
        match self.padding {
            Padding::Given { before, .. } => before,
            Padding::Same { odd_before } => {
                let steps = cells.div_ceil(self.stride).saturating_sub(1);
                let covered = steps
                    .saturating_mul(self.stride)
                    .saturating_add(self.reach().unwrap_or(0))
                    .saturating_add(1);
                let total = covered.saturating_sub(cells);
                if odd_before {
                    total.div_ceil(2)
                } else {
                    total / 2
                }
            }
        }
    }

    /// Whether the padding before the first cell follows from the number of cells.
    pub fn begins_by_size(&self) -> bool {
        self.stride > 1 && matches!(self.padding, Padding::Same { .. })
    }

    /// Whether it follows from the number of cells where windows end.
    pub fn ends_by_size(&self) -> bool {
        self.rounds_up && self.stride > 1
    }

    /// Padding before and after however many cells, within which all windows end, and perhaps one more. None where it
    /// [begins](Self::begins_by_size) by their number.
    pub fn pads_of_any_size(&self) -> Option<[usize; 2]> {
        let Padding::Given { before, after } = self.padding else {
            return None;
        };
        Some([before, after.checked_add(self.stride - 1)?])
    }

    /// Padding before the first of `cells` and after the last one, of which `made` cells are made; at least so much that
    /// the last window ends within it.
    pub fn pads(&self, cells: usize, made: usize) -> Option<[usize; 2]> {
        let before = self.pad_before(cells);
        let given = match self.padding {
            Padding::Given { after, .. } => after,
            Padding::Same { .. } => 0,
        };
        let needed = self.covered(made)?.saturating_sub(cells + before);
        Some([before, given.max(needed)])
    }

    /// Cells from the first one that the first of `made` windows sees to the last one of the last.
    pub fn covered(&self, made: usize) -> Option<usize> {
        let steps = made.checked_sub(1)?.checked_mul(self.stride)?;
        steps.checked_add(self.reach()?)?.checked_add(1)
    }

    /// How many cells are made of `cells`.
    pub fn cells(&self, cells: usize) -> Option<usize> {
        let (before, after) = match self.padding {
            Padding::Same { .. } => return Some(cells.div_ceil(self.stride)),
            Padding::Given { before, after } => (before, after),
        };
        let padded = cells.checked_add(before)?.checked_add(after)?;
        let rest = padded.checked_sub(self.reach()?.checked_add(1)?)?;
        if !self.rounds_up {
            return Some(rest / self.stride + 1);
        }
        let rounded = rest.div_ceil(self.stride) + 1;
        // A window that would start behind the map is none.
        let starts_behind = (rounded - 1) * self.stride >= cells.checked_add(before)?;
        Some(if starts_behind { rounded - 1 } else { rounded })
    }
}

/// The windows of `node`, one for each axis of its `kernel`; none where one of them is absurd.
pub fn windows(node: &Node, kernel: &[usize]) -> Option<Vec<Window>> {
    let setting = |attribute: &str, index: usize, default: usize| match node.ints(attribute) {
        Some(values) => values
            .get(index)
            .and_then(|&value| usize::try_from(value).ok())
            .filter(|&value| value < ABSURD),
        None => Some(default),
    };
    let kernels = kernel.len();
    let automatic = node.find("auto_pad").and_then(|found| found.s.as_deref());
    let window = |(axis, &kernel): (usize, &usize)| {
        let padding = match automatic {
            Some(b"SAME_UPPER") => Padding::Same { odd_before: false },
            Some(b"SAME_LOWER") => Padding::Same { odd_before: true },
            Some(b"VALID") => Padding::Given {
                before: 0,
                after: 0,
            },
            _ => Padding::Given {
                before: setting("pads", axis, 0)?,
                after: setting("pads", axis + kernels, 0)?,
            },
        };
        Some(Window {
            kernel: Some(kernel).filter(|kernel| (1..ABSURD).contains(kernel))?,
            stride: setting("strides", axis, 1).filter(|&stride| stride > 0)?,
            dilation: setting("dilations", axis, 1)?,
            padding,
            rounds_up: node.int("ceil_mode", 0) != 0,
        })
    };
    kernel.iter().enumerate().map(window).collect()
}

/// The sizes of a kernel that the attribute of `node` gives, or else the shape of its weights.
pub fn kernel(node: &Node, weights: impl FnOnce() -> Option<Vec<usize>>) -> Option<Vec<usize>> {
    match node.ints("kernel_shape") {
        Some(kernel) => kernel
            .iter()
            .map(|&size| usize::try_from(size).ok())
            .collect(),
        None => Some(weights()?.get(2..)?.to_vec()),
    }
}
