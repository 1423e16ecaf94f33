//! How large the tensors are that follow from constants alone. ONNX Runtime computes these when it opens a network,
//! in memory that no option of its bounds.

use crate::model::shape_arithmetic::MOST_NUMBERS;
use crate::onnx::constant_fold::{self, Values};
use crate::onnx::ops::{self, Op, Places};
use crate::onnx::proto::{Node, Tensor, data_type};

/// What is known of a constant before it is computed.
#[derive(Debug, Clone, Default)]
pub struct Constant {
    /// The most elements that it can have; none where the file does not tell.
    elements: Option<u64>,
    shape: Option<Vec<u64>>,
    /// Its values, where they are few numbers. Where precision is lost, not the magnitude is.
    numbers: Option<Vec<f64>>,
    /// Bytes of an element.
    width: u64,
    /// It is computed in each run, not when the network is opened.
    is_kept: bool,
}

impl Constant {
    pub fn of_weight(weight: &Tensor) -> Self {
        let numbers = || {
            let few = weight.dims.iter().try_fold(1u64, |count, &size| {
                count.checked_mul(u64::try_from(size).ok()?)
            });
            few.filter(|&count| count <= MOST_NUMBERS as u64)?;
            Some(match constant_fold::decode(weight)?.values {
                Values::Floats(values) => values.into_iter().map(f64::from).collect(),
                Values::Integers(values) => values.into_iter().map(|value| value as f64).collect(),
            })
        };
        Self {
            numbers: numbers(),
            ..Self::of_shape(sizes(&weight.dims), width(weight.data_type()))
        }
    }

    /// Of `sizes` elements of `width` bytes.
    pub fn of_shape(shape: Option<Vec<u64>>, width: u64) -> Self {
        Self {
            elements: shape.as_deref().map(product),
            shape,
            width,
            ..Self::default()
        }
    }

    fn of_elements(elements: Option<u64>, width: u64) -> Self {
        Self {
            elements,
            width,
            ..Self::default()
        }
    }

    /// Most bytes that it can take; none where the file does not tell.
    pub fn bytes(&self) -> Option<u64> {
        Some(self.elements?.saturating_mul(self.width))
    }

    pub fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// The same, computed in each run if `is_kept`.
    pub fn kept(self, is_kept: bool) -> Self {
        Self { is_kept, ..self }
    }

    /// Whether that is how many it has, if it comes to be at all.
    pub fn is_exact(&self) -> bool {
        self.shape.is_some()
    }

    /// The number that it is.
    pub fn number(&self) -> Option<f64> {
        match self.numbers.as_deref() {
            Some(&[number]) => Some(number),
            _ => None,
        }
    }

    /// What `node` makes of a tensor that follows from the picture: of its shape.
    pub fn of_unknown_shape() -> Self {
        Self::of_elements(Some(MOST_NUMBERS as u64), 8)
    }

    /// What `node` makes of constants; none stands for an operand that is left out.
    pub fn made(node: &Node, operands: &[Option<&Self>]) -> Self {
        let nothing = Self::default();
        let at = |index: usize| operands.get(index).copied().flatten().unwrap_or(&nothing);
        let first = at(0);
        let kept = |shape| Self {
            shape,
            ..first.clone()
        };
        let told = |numbers: Option<&[f64]>| -> Option<Vec<u64>> {
            // What is negative or no number is a mistake that makes nothing.
            Some(numbers?.iter().map(|&size| size as u64).collect())
        };
        match node.op() {
            Op::Constant => Self::of_constant_node(node),
            Op::Shape | Op::Size => {
                let shape = first.shape.as_ref().filter(|_| node.op() == Op::Shape);
                let whole = node.find("start").is_none() && node.find("end").is_none();
                Self {
                    numbers: shape
                        .filter(|shape| whole && shape.len() <= MOST_NUMBERS)
                        .map(|shape| shape.iter().map(|&size| size as f64).collect()),
                    elements: Some(shape.map_or(MOST_NUMBERS as u64, |shape| shape.len() as u64)),
                    shape: shape
                        .filter(|_| whole)
                        .map(|shape| vec![shape.len() as u64]),
                    width: 8,
                    is_kept: false,
                }
            }
            Op::ConstantOfShape => {
                let fill = node.find("value").and_then(|value| value.t.as_deref());
                let fill = fill.map_or(4, |fill| width(fill.data_type()));
                Self::of_shape(told(first.numbers.as_deref()), fill)
            }
            Op::Expand => {
                let shape = told(at(1).numbers.as_deref());
                let asked = Self::of_shape(shape, first.width);
                Self::spread([first, &asked].into_iter())
            }
            Op::Tile => {
                let times = told(at(1).numbers.as_deref());
                let shape = first.shape.as_ref().zip(times.as_ref());
                let shape = shape.map(|(shape, times)| {
                    let axes = shape.iter().zip(times);
                    axes.map(|(size, times)| size.saturating_mul(*times))
                        .collect()
                });
                let elements = first.elements.zip(times);
                let elements = elements.map(|(count, times)| count.saturating_mul(product(&times)));
                Self {
                    shape,
                    ..Self::of_elements(elements, first.width)
                }
            }
            Op::Range => {
                let numbers = [0, 1, 2].map(|index| at(index).number());
                let [Some(start), Some(limit), Some(step)] = numbers else {
                    return Self::of_elements(None, first.width);
                };
                let count = ((limit - start) / step).ceil();
                // A step of 0 makes an infinite number, and a range without end.
                let count = if count.is_nan() { f64::INFINITY } else { count };
                Self::of_shape(Some(vec![count.max(0.0) as u64]), first.width)
            }
            Op::Concat => {
                let parts: Option<Vec<&Self>> = operands.iter().copied().collect();
                let Some(parts) = parts else { return nothing };
                let elements = parts
                    .iter()
                    .try_fold(0u64, |sum, part| Some(sum.saturating_add(part.elements?)));
                let numbers = parts.iter().map(|part| part.numbers.clone());
                let numbers: Option<Vec<Vec<f64>>> = numbers.collect();
                let numbers = numbers.map(|numbers| numbers.concat());
                let numbers = numbers.filter(|numbers| numbers.len() <= MOST_NUMBERS);
                Self {
                    shape: first.shape.clone().and_then(|mut shape| {
                        let axis = position(node.int("axis", 0), shape.len())?;
                        let mut sizes = parts
                            .iter()
                            .map(|part| part.shape.as_ref()?.get(axis).copied());
                        shape[axis] =
                            sizes.try_fold(0u64, |sum, size| Some(sum.saturating_add(size?)))?;
                        Some(shape)
                    }),
                    numbers,
                    ..Self::of_elements(elements, first.width)
                }
            }
            Op::Gather => {
                let (data, indices) = (first, at(1));
                let axis = node.int("axis", 0);
                let row = data.shape.as_ref().and_then(|shape| {
                    let mut rest = shape.clone();
                    rest.remove(position(axis, shape.len())?);
                    Some(product(&rest))
                });
                let row = row.or(data.elements);
                let elements = row.zip(indices.elements);
                let picked = || {
                    let numbers = data.numbers.as_ref().filter(|_| axis == 0)?;
                    let indices = indices.numbers.as_ref()?.iter();
                    let pick = |&index: &f64| {
                        let index = if index < 0.0 {
                            index + numbers.len() as f64
                        } else {
                            index
                        };
                        numbers.get(index as usize).copied()
                    };
                    indices.map(pick).collect()
                };
                Self {
                    elements: elements.map(|(row, count)| row.saturating_mul(count)),
                    numbers: picked(),
                    width: data.width,
                    ..Self::default()
                }
            }
            Op::Cast => Self {
                width: width(i32::try_from(node.int("to", 1)).unwrap_or(data_type::FLOAT)),
                ..first.clone()
            },
            Op::Identity => first.clone(),
            Op::Transpose => {
                let shape = first.shape.as_ref().and_then(|shape| {
                    let order: Vec<usize> = match node.ints("perm") {
                        Some(order) => order.iter().map(|&axis| axis as usize).collect(),
                        None => (0..shape.len()).rev().collect(),
                    };
                    order.iter().map(|&axis| shape.get(axis).copied()).collect()
                });
                Self {
                    numbers: None,
                    ..kept(shape)
                }
            }
            Op::Reshape => {
                let wanted = at(1).numbers.as_deref();
                let whole = wanted.filter(|sizes| sizes.iter().all(|&size| size > 0.0));
                let shape = told(whole);
                Self {
                    elements: shape.as_deref().map(product).or(first.elements),
                    ..kept(shape)
                }
            }
            Op::Squeeze | Op::Unsqueeze | Op::Flatten => kept(None),
            // One scale and one mean a channel, which are spread out to nothing else than the first operand.
            Op::BatchNormalization
            | Op::GroupNormalization
            | Op::InstanceNormalization
            | Op::LayerNormalization => Self {
                numbers: None,
                ..first.clone()
            },
            Op::DequantizeLinear => Self {
                width: 4,
                numbers: None,
                ..first.clone()
            },
            op @ (Op::Add | Op::Sub | Op::Mul | Op::Div) => {
                let spread = Self::spread(operands.iter().copied().flatten());
                Self {
                    numbers: computed(op, first, at(1)),
                    ..spread
                }
            }
            op => Self::bounded(op, node, operands).unwrap_or(nothing),
        }
    }

    /// Where the operator's row alone says that no more comes out than goes in.
    fn bounded(op: Op, node: &Node, operands: &[Option<&Self>]) -> Option<Self> {
        let all = || operands.iter().copied().flatten();
        let facts = op.facts();
        // Microsoft's operators of quantisation are the standard's.
        let quantises = matches!(node.op_type(), "QuantizeLinear" | "DequantizeLinear");
        let is_smaller = quantises
            || matches!(
                facts.places,
                Places::Reduce | Places::Global | Places::Slice | Places::Split | Places::Squeeze
            )
            || facts.values == ops::Values::Keeps;
        let first = (*operands.first()?)?;
        if is_smaller {
            return Some(Self::of_elements(first.elements, first.width.max(4)));
        }
        let spreads = facts.spreads
            || facts.places == Places::Elementwise
            || matches!(
                op,
                Op::And
                    | Op::Cos
                    | Op::CumSum
                    | Op::GreaterOrEqual
                    | Op::LessOrEqual
                    | Op::Mod
                    | Op::Or
                    | Op::Sin
                    | Op::Trilu
                    | Op::Xor
            );
        spreads.then(|| Self::spread(all()))
    }

    /// Operands spread out to one size; sizes are matched from the last axis on.
    fn spread<'a>(operands: impl Iterator<Item = &'a Self> + Clone) -> Self {
        let width = operands.clone().map(|operand| operand.width).max();
        let width = width.unwrap_or_default();
        let shapes: Option<Vec<&Vec<u64>>> = operands
            .clone()
            .map(|operand| operand.shape.as_ref())
            .collect();
        let Some(shapes) = shapes else {
            let elements = operands.map(|operand| operand.elements);
            let elements = elements.into_iter().try_fold(1u64, |count, elements| {
                Some(count.saturating_mul(elements?))
            });
            return Self::of_elements(elements, width);
        };
        let rank = shapes.iter().map(|shape| shape.len()).max().unwrap_or(0);
        let axis = |axis: usize| {
            let sizes = shapes.iter().map(|shape| {
                let axis = (axis + shape.len()).checked_sub(rank);
                axis.map_or(1, |axis| shape[axis])
            });
            sizes.max().unwrap_or(1)
        };
        Self::of_shape(Some((0..rank).map(axis).collect()), width)
    }

    fn of_constant_node(node: &Node) -> Self {
        // What a function's call gives is not known here.
        let Some(attribute) = node.attribute.first() else {
            return Self::default();
        };
        match attribute.name() {
            "value" => attribute
                .t
                .as_deref()
                .map_or_else(Self::default, Self::of_weight),
            "sparse_value" => {
                let sparse = attribute.sparse_tensor.as_deref();
                let values = sparse.and_then(|sparse| sparse.values.as_ref());
                let shape = sparse.and_then(|sparse| sizes(&sparse.dims));
                Self::of_shape(shape, values.map_or(8, |values| width(values.data_type())))
            }
            "value_int" => Self {
                numbers: attribute.i.map(|value| vec![value as f64]),
                ..Self::of_shape(Some(vec![]), 8)
            },
            "value_float" => Self {
                numbers: attribute.f.map(|value| vec![f64::from(value)]),
                ..Self::of_shape(Some(vec![]), 4)
            },
            "value_ints" if attribute.ints.len() <= MOST_NUMBERS => {
                let numbers = attribute.ints.iter().map(|&value| value as f64);
                Self {
                    numbers: Some(numbers.collect()),
                    ..Self::of_shape(Some(vec![attribute.ints.len() as u64]), 8)
                }
            }
            // As large as the file says them.
            _ => {
                let count = attribute.ints.len() + attribute.floats.len() + attribute.strings.len();
                Self::of_shape(Some(vec![count.max(1) as u64]), 32)
            }
        }
    }
}

/// The result on few numbers, of which one may stand for all.
fn computed(op: Op, a: &Constant, b: &Constant) -> Option<Vec<f64>> {
    let (a, b) = (a.numbers.as_ref()?, b.numbers.as_ref()?);
    let at = |numbers: &[f64], index: usize| match numbers {
        [one] => Some(*one),
        several => several.get(index).copied(),
    };
    let both = (0..a.len().max(b.len())).map(|index| Some((at(a, index)?, at(b, index)?)));
    both.map(|pair| {
        pair.map(|(a, b)| match op {
            Op::Add => a + b,
            Op::Sub => a - b,
            Op::Mul => a * b,
            _ => a / b,
        })
    })
    .collect()
}

/// `axis` of `rank`, counted from the end where it is negative.
fn position(axis: i64, rank: usize) -> Option<usize> {
    let axis = if axis < 0 {
        axis.checked_add(i64::try_from(rank).ok()?)?
    } else {
        axis
    };
    usize::try_from(axis).ok().filter(|&axis| axis < rank)
}

fn product(sizes: &[u64]) -> u64 {
    // Not 0 times as much as there is, where one of the sizes is.
    if sizes.contains(&0) {
        return 0;
    }
    sizes
        .iter()
        .fold(1, |count: u64, &size| count.saturating_mul(size))
}

fn sizes(dims: &[i64]) -> Option<Vec<u64>> {
    dims.iter().map(|&size| u64::try_from(size).ok()).collect()
}

/// Bytes of an element in memory.
pub fn width(element_type: i32) -> u64 {
    /// A string without its characters.
    const STRING: i32 = 8;
    match element_type {
        data_type::UINT8 | data_type::INT8 | data_type::BOOL => 1,
        data_type::FLOAT16 | data_type::BFLOAT16 => 2,
        data_type::FLOAT | data_type::INT32 => 4,
        STRING => 32,
        _ => 8,
    }
}
