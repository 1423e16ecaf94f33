//! Axes, sizes and positions, without a graph.

/// `axis`, counted from the end where negative.
pub fn absolute(axis: i64, rank: usize) -> Option<usize> {
    let axis = if axis < 0 {
        axis.checked_add(i64::try_from(rank).ok()?)?
    } else {
        axis
    };
    usize::try_from(axis).ok().filter(|&axis| axis < rank)
}

/// Number of elements of a tensor of this shape; none where there are more than can be counted.
pub fn element_count(shape: &[usize]) -> Option<usize> {
    shape
        .iter()
        .try_fold(1usize, |count, &size| count.checked_mul(size))
}

/// The shape to which operands of these shapes are spread out (ONNX, "Broadcasting").
pub fn broadcast<'a>(shapes: impl IntoIterator<Item = &'a [usize]>) -> Option<Vec<usize>> {
    let mut result: Vec<usize> = Vec::new();
    for shape in shapes {
        while result.len() < shape.len() {
            result.insert(0, 1);
        }
        let offset = result.len() - shape.len();
        for (size, &other) in result[offset..].iter_mut().zip(shape) {
            match (*size, other) {
                (a, b) if a == b => {}
                (1, other) => *size = other,
                (_, 1) => {}
                _ => return None,
            }
        }
    }
    Some(result)
}

/// Cells along an axis, at equal distances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    pub first: usize,
    pub step: i64,
    pub count: usize,
}

impl Run {
    /// The cells in their order.
    pub fn cells(self) -> impl ExactSizeIterator<Item = usize> {
        let cell = move |index: usize| {
            self.first
                .saturating_add_signed((index as isize).saturating_mul(self.step as isize))
        };
        (0..self.count).map(cell)
    }
}

/// The cells along an axis of `length` that a slice from `start` to before `end` by `step` picks; negative bounds count
/// from the end.
pub fn sliced(length: usize, start: i64, end: i64, step: i64) -> Option<Run> {
    let length = i64::try_from(length).ok()?;
    let from_start = |bound: i64| match bound < 0 {
        true => bound.saturating_add(length),
        false => bound,
    };
    // Backwards, the end may lie before the first cell.
    let (low, high) = if step > 0 {
        (0, length)
    } else {
        (-1, length - 1)
    };
    let first = from_start(start).clamp(low.max(0), high.max(0));
    let end = from_start(end).clamp(low, high);
    let distance = if step > 0 { end - first } else { first - end };
    let count = match u64::try_from(distance) {
        Ok(distance) if length > 0 => distance.div_ceil(step.unsigned_abs().max(1)),
        _ => 0,
    };
    (step != 0).then_some(Run {
        first: usize::try_from(first).ok()?,
        step,
        count: usize::try_from(count).ok()?,
    })
}

/// For each element of a tensor of `shape`, where in a tensor of `strides` it lies.
pub fn positions(shape: &[usize], strides: &[usize]) -> Vec<usize> {
    let mut positions = vec![0];
    for (&size, &stride) in shape.iter().zip(strides) {
        positions = positions
            .into_iter()
            .flat_map(|position| (0..size).map(move |index| position + index * stride))
            .collect();
    }
    positions
}

/// Distance, in elements, between neighbours along each axis.
pub fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1usize; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis].saturating_mul(shape[axis]);
    }
    strides
}

/// Strides with which a tensor of `shape` is read as one of `wanted`, to which it is spread out.
pub fn spread_strides(shape: &[usize], wanted: &[usize]) -> Option<Vec<usize>> {
    let missing = wanted.len().checked_sub(shape.len())?;
    let own = strides(shape);
    let along = shape
        .iter()
        .zip(own)
        .map(|(&size, stride)| if size == 1 { 0 } else { stride });
    Some(std::iter::repeat_n(0, missing).chain(along).collect())
}
