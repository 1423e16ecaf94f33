//! Values of tensors that no input reaches: weights as they are stored, and through the few
//! operators that exporters put between a weight and its use.

use half::{bf16, f16};

use super::graph::{self, Graph};
use super::ops::Op;
use super::proto::{self, data_type};

/// Longest chain of operators between a stored weight and its use.
const DEEPEST: usize = 32;

/// A constant tensor, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Constant {
    pub shape: Vec<usize>,
    pub values: Values,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    Floats(Vec<f32>),
    Integers(Vec<i64>),
}

impl Constant {
    /// The values of a floating point tensor.
    pub fn floats(self) -> Option<Vec<f32>> {
        match self.values {
            Values::Floats(values) => Some(values),
            Values::Integers(_) => None,
        }
    }

    /// The values of an integer tensor.
    pub fn integers(self) -> Option<Vec<i64>> {
        match self.values {
            Values::Integers(values) => Some(values),
            Values::Floats(_) => None,
        }
    }

    fn permuted(self, order: &[usize]) -> Option<Self> {
        let mut sorted = order.to_vec();
        sorted.sort_unstable();
        if sorted != (0..self.shape.len()).collect::<Vec<_>>() {
            return None;
        }
        let mut strides = vec![1; self.shape.len()];
        for axis in (1..self.shape.len()).rev() {
            strides[axis - 1] = strides[axis] * self.shape[axis];
        }
        let shape: Vec<usize> = order.iter().map(|&axis| self.shape[axis]).collect();
        let strides: Vec<usize> = order.iter().map(|&axis| strides[axis]).collect();
        let count = shape.iter().product();
        let mut sources = Vec::with_capacity(count);
        let mut index = vec![0; shape.len()];
        for _ in 0..count {
            sources.push(
                index
                    .iter()
                    .zip(&strides)
                    .map(|(i, stride)| i * stride)
                    .sum(),
            );
            for axis in (0..shape.len()).rev() {
                index[axis] += 1;
                if index[axis] < shape[axis] {
                    break;
                }
                index[axis] = 0;
            }
        }
        let values = match self.values {
            Values::Floats(old) => {
                Values::Floats(sources.iter().map(|&i: &usize| old[i]).collect())
            }
            Values::Integers(old) => Values::Integers(sources.iter().map(|&i| old[i]).collect()),
        };
        Some(Self { shape, values })
    }
}

fn element_count(shape: &[usize]) -> Option<usize> {
    graph::element_count(shape.iter().map(|&size| i64::try_from(size).unwrap_or(-1)))
}

impl Graph {
    /// Value of `tensor` if it is constant and made by operators that are understood here.
    pub fn constant(&self, tensor: &str) -> Option<Constant> {
        self.evaluate(tensor, DEEPEST)
    }

    /// Shape of a constant `tensor`, without computing its values.
    pub fn constant_shape(&self, tensor: &str) -> Option<Vec<usize>> {
        self.evaluate_shape(tensor, DEEPEST)
    }

    fn evaluate(&self, tensor: &str, depth: usize) -> Option<Constant> {
        if let Some(stored) = self.initializer(tensor) {
            return decode(stored);
        }
        let depth = depth.checked_sub(1)?;
        let node = self.producer(tensor)?;
        let operand = |index: usize| self.evaluate(node.operand(index), depth);
        match node.op() {
            Op::Constant => constant_node(node),
            Op::ConstantOfShape => {
                let shape = self.evaluate_shape(tensor, depth)?;
                let count = element_count(&shape)?;
                let fill = node.find("value").and_then(|value| value.t.as_deref());
                let values = match fill.map_or(Some(Values::Floats(vec![0.0])), |fill| {
                    decode(fill).map(|fill| fill.values)
                })? {
                    Values::Floats(fill) => Values::Floats(vec![*fill.first()?; count]),
                    Values::Integers(fill) => Values::Integers(vec![*fill.first()?; count]),
                };
                Some(Constant { shape, values })
            }
            Op::Identity => operand(0),
            Op::Cast => cast(operand(0)?, node.int("to", 0)),
            Op::DequantizeLinear => dequantize(
                operand(0)?,
                operand(1)?,
                if node.operand(2).is_empty() {
                    None
                } else {
                    Some(operand(2)?)
                },
                node.int("axis", 1),
            ),
            Op::Transpose => {
                let constant = operand(0)?;
                let order = permutation(node, constant.shape.len())?;
                constant.permuted(&order)
            }
            Op::Reshape | Op::Flatten | Op::Squeeze | Op::Unsqueeze => {
                let shape = self.evaluate_shape(tensor, depth)?;
                let values = operand(0)?.values;
                Some(Constant { shape, values })
            }
            _ => None,
        }
    }

    fn evaluate_shape(&self, tensor: &str, depth: usize) -> Option<Vec<usize>> {
        if let Some(stored) = self.initializer(tensor) {
            return dimensions(stored);
        }
        let depth = depth.checked_sub(1)?;
        let node = self.producer(tensor)?;
        let operand = || self.evaluate_shape(node.operand(0), depth);
        let second = || self.evaluate(node.operand(1), depth)?.integers();
        match node.op() {
            Op::Constant => Some(constant_node(node)?.shape),
            Op::ConstantOfShape => {
                let shape = self.evaluate(node.operand(0), depth)?.integers()?;
                shape
                    .iter()
                    .map(|&size| usize::try_from(size).ok())
                    .collect()
            }
            Op::Identity | Op::Cast | Op::DequantizeLinear => operand(),
            Op::Transpose => {
                let shape = operand()?;
                let order = permutation(node, shape.len())?;
                order.iter().map(|&axis| shape.get(axis).copied()).collect()
            }
            Op::Reshape => reshaped(&operand()?, &second()?),
            Op::Flatten => {
                let shape = operand()?;
                let axis = position(node.int("axis", 1), shape.len())?;
                let count = |sizes: &[usize]| element_count(sizes);
                Some(vec![count(&shape[..axis])?, count(&shape[axis..])?])
            }
            Op::Squeeze | Op::Unsqueeze => {
                let axes = match node.ints("axes") {
                    Some(axes) => axes.to_vec(),
                    None => second()?,
                };
                resized(operand()?, &axes, node.op() == Op::Unsqueeze)
            }
            _ => None,
        }
    }
}

fn constant_node(node: &proto::Node) -> Option<Constant> {
    let attribute = node.attribute.first()?;
    let (shape, values) = match attribute.name() {
        "value" => return decode(attribute.t.as_deref()?),
        "value_float" => (vec![], Values::Floats(vec![attribute.f?])),
        "value_int" => (vec![], Values::Integers(vec![attribute.i?])),
        "value_floats" => {
            let values = attribute.floats.clone();
            (vec![values.len()], Values::Floats(values))
        }
        "value_ints" => {
            let values = attribute.ints.clone();
            (vec![values.len()], Values::Integers(values))
        }
        _ => return None,
    };
    Some(Constant { shape, values })
}

fn permutation(node: &proto::Node, rank: usize) -> Option<Vec<usize>> {
    match node.ints("perm") {
        Some(order) => order
            .iter()
            .map(|&axis| usize::try_from(axis).ok())
            .collect(),
        None => Some((0..rank).rev().collect()),
    }
}

/// `axis`, counted from the end where negative, as a position in 0..=`rank`.
fn position(axis: i64, rank: usize) -> Option<usize> {
    let axis = if axis < 0 {
        axis + i64::try_from(rank).ok()?
    } else {
        axis
    };
    usize::try_from(axis).ok().filter(|&axis| axis <= rank)
}

fn reshaped(shape: &[usize], wanted: &[i64]) -> Option<Vec<usize>> {
    let total = element_count(shape)?;
    let mut result = Vec::with_capacity(wanted.len());
    for (axis, &size) in wanted.iter().enumerate() {
        result.push(match size {
            -1 => 1,
            0 => *shape.get(axis)?,
            size => usize::try_from(size).ok()?,
        });
    }
    if let Some(free) = wanted.iter().position(|&size| size == -1) {
        result[free] = total.checked_div(element_count(&result)?)?;
    }
    (element_count(&result)? == total).then_some(result)
}

fn resized(shape: Vec<usize>, axes: &[i64], insert: bool) -> Option<Vec<usize>> {
    let rank = if insert {
        shape.len() + axes.len()
    } else {
        shape.len()
    };
    let axes: Option<Vec<usize>> = axes.iter().map(|&axis| position(axis, rank)).collect();
    let axes = axes?;
    if !insert {
        let kept = shape
            .iter()
            .enumerate()
            .filter(|(axis, _)| !axes.contains(axis));
        return Some(kept.map(|(_, &size)| size).collect());
    }
    let mut old = shape.into_iter();
    (0..rank)
        .map(|axis| {
            if axes.contains(&axis) {
                Some(1)
            } else {
                old.next()
            }
        })
        .collect()
}

fn cast(constant: Constant, to: i64) -> Option<Constant> {
    let to = i32::try_from(to).ok()?;
    let is_float = matches!(
        to,
        data_type::FLOAT | data_type::FLOAT16 | data_type::BFLOAT16 | data_type::DOUBLE
    );
    let values = match constant.values {
        Values::Integers(values) if is_float => {
            Values::Floats(values.iter().map(|&value| value as f32).collect())
        }
        Values::Floats(values) if !is_float => {
            Values::Integers(values.iter().map(|&value| value as i64).collect())
        }
        same => same,
    };
    Some(Constant {
        shape: constant.shape,
        values,
    })
}

/// (q - zero) * scale, with one scale for all or one for each slice along `axis`.
fn dequantize(
    quantized: Constant,
    scale: Constant,
    zero: Option<Constant>,
    axis: i64,
) -> Option<Constant> {
    let scales = scale.floats()?;
    let zeros = match zero {
        Some(zero) => zero.integers()?,
        None => vec![0; scales.len()],
    };
    if scales.len() != zeros.len() {
        return None;
    }
    let shape = quantized.shape.clone();
    let inner: usize = if scales.len() == 1 {
        1
    } else {
        let axis = position(axis, shape.len())?;
        if *shape.get(axis)? != scales.len() {
            return None;
        }
        shape[axis + 1..].iter().product()
    };
    let values = quantized.integers()?;
    let values = values.iter().enumerate().map(|(index, &value)| {
        let slice = index / inner.max(1) % scales.len();
        (value - zeros[slice]) as f32 * scales[slice]
    });
    Some(Constant {
        shape,
        values: Values::Floats(values.collect()),
    })
}

fn dimensions(tensor: &proto::Tensor) -> Option<Vec<usize>> {
    tensor
        .dims
        .iter()
        .map(|&size| usize::try_from(size).ok())
        .collect()
}

/// The values of a stored tensor; none where data and shape disagree or the type is not numeric.
pub fn decode(tensor: &proto::Tensor) -> Option<Constant> {
    let shape = dimensions(tensor)?;
    let count = element_count(&shape)?;
    let values = match &tensor.raw_data {
        Some(raw) => decode_raw(raw, tensor.data_type())?,
        None => decode_typed(tensor)?,
    };
    let found = match &values {
        Values::Floats(values) => values.len(),
        Values::Integers(values) => values.len(),
    };
    (found == count).then_some(Constant { shape, values })
}

fn decode_raw(raw: &[u8], data_type: i32) -> Option<Values> {
    fn each<const N: usize, T>(raw: &[u8], read: impl Fn([u8; N]) -> T) -> Option<Vec<T>> {
        let (chunks, rest) = raw.as_chunks::<N>();
        rest.is_empty()
            .then(|| chunks.iter().map(|&chunk| read(chunk)).collect())
    }
    Some(match data_type {
        data_type::FLOAT => Values::Floats(each(raw, f32::from_le_bytes)?),
        data_type::DOUBLE => Values::Floats(each(raw, |b| f64::from_le_bytes(b) as f32)?),
        data_type::FLOAT16 => Values::Floats(each(raw, |b| f16::from_le_bytes(b).to_f32())?),
        data_type::BFLOAT16 => Values::Floats(each(raw, |b| bf16::from_le_bytes(b).to_f32())?),
        data_type::INT64 => Values::Integers(each(raw, i64::from_le_bytes)?),
        data_type::INT32 => Values::Integers(each(raw, |b| i32::from_le_bytes(b).into())?),
        data_type::INT8 => Values::Integers(each(raw, |b| i8::from_le_bytes(b).into())?),
        data_type::UINT8 | data_type::BOOL => {
            Values::Integers(each(raw, |b| u8::from_le_bytes(b).into())?)
        }
        _ => return None,
    })
}

fn decode_typed(tensor: &proto::Tensor) -> Option<Values> {
    let words = tensor.int32_data.iter();
    Some(match tensor.data_type() {
        data_type::FLOAT => Values::Floats(tensor.float_data.clone()),
        data_type::DOUBLE => Values::Floats(
            tensor
                .double_data
                .iter()
                .map(|&value| value as f32)
                .collect(),
        ),
        data_type::FLOAT16 => Values::Floats(
            words
                .map(|&bits| f16::from_bits(bits as u16).to_f32())
                .collect(),
        ),
        data_type::BFLOAT16 => Values::Floats(
            words
                .map(|&bits| bf16::from_bits(bits as u16).to_f32())
                .collect(),
        ),
        data_type::INT64 => Values::Integers(tensor.int64_data.clone()),
        data_type::INT32 | data_type::INT8 | data_type::UINT8 | data_type::BOOL => {
            Values::Integers(words.map(|&value| value.into()).collect())
        }
        _ => return None,
    })
}
