//! Numbers that follow from shapes and constants: sizes, indices, masks of few elements.

use super::arithmetic::{
    absolute, broadcast, element_count, positions, sliced, spread_strides, strides,
};
use super::numbers::Numbers;
use super::table::{MOST_NUMBERS, Shapes};
use crate::onnx::constant_fold;
use crate::onnx::graph::Graph;
use crate::onnx::ops::Op;
use crate::onnx::proto::{Node, data_type};

/// The result of `node`, which follows from no picture.
pub fn computed(graph: &Graph, shapes: &Shapes, node: &Node) -> Option<Numbers> {
    let operand = |index: usize| shapes.numbers(graph, node.operand(index));
    let shape_of_result = || {
        let shape = shapes.of(graph, node.result())?;
        let count = element_count(&shape)?;
        (count <= MOST_NUMBERS).then_some(shape)
    };
    let spread = |operands: Vec<Numbers>, is_integer: Option<bool>, of: &dyn Fn(&[f64]) -> f64| {
        let shape = broadcast(operands.iter().map(|operand| operand.shape.as_slice()))?;
        let count = element_count(&shape)?;
        if count > MOST_NUMBERS {
            return None;
        }
        let places = operands
            .iter()
            .map(|operand| Some(positions(&shape, &spread_strides(&operand.shape, &shape)?)))
            .collect::<Option<Vec<_>>>()?;
        let mut row = vec![0.0; operands.len()];
        let values = (0..count).map(|element| {
            for ((value, operand), places) in row.iter_mut().zip(&operands).zip(&places) {
                *value = operand.values[places[element]];
            }
            of(&row)
        });
        Some(Numbers {
            values: values.collect(),
            is_integer: is_integer
                .unwrap_or_else(|| operands.last().is_some_and(|operand| operand.is_integer)),
            shape,
        })
    };
    let all = || {
        (0..node.input.len())
            .map(operand)
            .collect::<Option<Vec<_>>>()
    };
    let truth = |value: bool| f64::from(u8::from(value));
    match node.op() {
        Op::Shape => {
            let shape = shapes.of(graph, node.operand(0))?;
            let rank = i64::try_from(shape.len()).ok()?;
            let bound = |name, default| {
                let bound = node.int(name, default);
                let bound = if bound < 0 { bound + rank } else { bound };
                usize::try_from(bound.clamp(0, rank)).ok()
            };
            let part = shape.get(bound("start", 0)?..bound("end", rank)?)?;
            Some(Numbers {
                shape: vec![part.len()],
                values: part.iter().map(|&size| size as f64).collect(),
                is_integer: true,
            })
        }
        Op::Size => {
            let shape = shapes.of(graph, node.operand(0))?;
            Some(Numbers {
                shape: Vec::new(),
                values: vec![shape.iter().map(|&size| size as f64).product()],
                is_integer: true,
            })
        }
        Op::Constant => {
            let shape = graph.constant_shape(node.result())?;
            let count = element_count(&shape)?;
            (count <= MOST_NUMBERS)
                .then(|| graph.constant(node.result()).map(Numbers::from))
                .flatten()
        }
        Op::ConstantOfShape => {
            let shape: Vec<usize> = operand(0)?
                .integers()
                .into_iter()
                .map(|size| usize::try_from(size).ok())
                .collect::<Option<_>>()?;
            let count = element_count(&shape)?;
            let fill = match node.find("value").and_then(|value| value.t.as_deref()) {
                Some(fill) => Numbers::from(constant_fold::decode(fill)?),
                None => Numbers {
                    shape: vec![1],
                    values: vec![0.0],
                    is_integer: false,
                },
            };
            (count <= MOST_NUMBERS).then(|| {
                Some(Numbers {
                    values: vec![*fill.values.first()?; count],
                    is_integer: fill.is_integer,
                    shape,
                })
            })?
        }
        Op::Identity | Op::Dropout => operand(0),
        Op::Cast => {
            let numbers = operand(0)?;
            let to = i32::try_from(node.int("to", 1)).ok()?;
            let is_integer = !matches!(
                to,
                data_type::FLOAT | data_type::FLOAT16 | data_type::BFLOAT16 | data_type::DOUBLE
            );
            let values = numbers.values.into_iter();
            let values = values.map(|value| match (is_integer, to) {
                (true, data_type::BOOL) => truth(value != 0.0),
                (true, _) => value.trunc(),
                (false, _) => value,
            });
            Some(Numbers {
                values: values.collect(),
                is_integer,
                shape: numbers.shape,
            })
        }
        Op::Reshape | Op::Flatten | Op::Squeeze | Op::Unsqueeze => {
            operand(0)?.reshaped(shape_of_result()?)
        }
        Op::Transpose => {
            let numbers = operand(0)?;
            let own = strides(&numbers.shape);
            let reversed: Vec<i64> = (0..own.len() as i64).rev().collect();
            let order = node.ints("perm").unwrap_or(&reversed);
            let strides = order
                .iter()
                .map(|&axis| own.get(usize::try_from(axis).ok()?).copied())
                .collect::<Option<Vec<_>>>()?;
            let shape = shape_of_result()?;
            let places = positions(&shape, &strides);
            numbers.picked(shape, &places)
        }
        Op::Expand => {
            let numbers = operand(0)?;
            let shape = shape_of_result()?;
            let places = positions(&shape, &spread_strides(&numbers.shape, &shape)?);
            numbers.picked(shape, &places)
        }
        Op::Tile => {
            let numbers = operand(0)?;
            let shape = shape_of_result()?;
            let mut places = vec![0];
            for ((&size, &own), stride) in shape
                .iter()
                .zip(&numbers.shape)
                .zip(strides(&numbers.shape))
            {
                places = places
                    .into_iter()
                    .flat_map(|place| (0..size).map(move |index| place + index % own * stride))
                    .collect();
            }
            numbers.picked(shape, &places)
        }
        Op::Gather => {
            let (numbers, indices) = (operand(0)?, operand(1)?);
            let axis = absolute(node.int("axis", 0), numbers.shape.len())?;
            let length = numbers.shape[axis];
            let inner: usize = numbers.shape[axis + 1..].iter().product();
            let outer: usize = numbers.shape[..axis].iter().product();
            let indices = indices
                .integers()
                .into_iter()
                .map(|index| absolute(index, length))
                .collect::<Option<Vec<usize>>>()?;
            let shape = shape_of_result()?;
            let mut places = Vec::with_capacity(outer * indices.len() * inner);
            for block in 0..outer {
                for index in &indices {
                    let start = (block * length + index) * inner;
                    places.extend(start..start + inner);
                }
            }
            numbers.picked(shape, &places)
        }
        Op::Slice => {
            let numbers = operand(0)?;
            let slices = shapes.slices(graph, node, numbers.shape.len())?;
            let mut along: Vec<Vec<usize>> = numbers
                .shape
                .iter()
                .map(|&size| (0..size).collect())
                .collect();
            for (&axis, [start, end, step]) in slices.axes.iter().zip(slices.bounds) {
                along[axis] = sliced(numbers.shape[axis], start, end, step)?
                    .cells()
                    .collect();
            }
            let mut places = vec![0];
            for (cells, stride) in along.iter().zip(strides(&numbers.shape)) {
                places = places
                    .into_iter()
                    .flat_map(|place| cells.iter().map(move |cell| place + cell * stride))
                    .collect();
            }
            numbers.picked(along.iter().map(Vec::len).collect(), &places)
        }
        Op::Concat => {
            let parts = all()?;
            let shape = shape_of_result()?;
            let axis = absolute(node.int("axis", 1), shape.len())?;
            let outer: usize = shape[..axis].iter().product();
            let mut values = Vec::with_capacity(shape.iter().product());
            for block in 0..outer {
                for part in &parts {
                    let length = part.values.len().checked_div(outer)?;
                    values.extend_from_slice(part.values.get(block * length..)?.get(..length)?);
                }
            }
            Some(Numbers {
                shape,
                values,
                is_integer: parts.first()?.is_integer,
            })
        }
        Op::Range => {
            let [start, limit, step] = [operand(0)?, operand(1)?, operand(2)?].map(|numbers| {
                (
                    numbers.values.first().copied().unwrap_or(0.0),
                    numbers.is_integer,
                )
            });
            let count = ((limit.0 - start.0) / step.0).ceil().max(0.0);
            (count <= MOST_NUMBERS as f64).then(|| {
                let values = (0..count as usize).map(|index| start.0 + index as f64 * step.0);
                let values: Vec<f64> = values.collect();
                Numbers {
                    shape: vec![values.len()],
                    values,
                    is_integer: start.1,
                }
            })
        }
        Op::ReduceProd | Op::ReduceSum | Op::ReduceMax | Op::ReduceMin => {
            // Of a vector, which is what shapes are.
            let numbers = operand(0)?;
            let shape = shape_of_result()?;
            let values = numbers.values.iter().copied();
            let value = match node.op() {
                Op::ReduceProd => values.product(),
                Op::ReduceSum => values.sum(),
                Op::ReduceMax => values.fold(f64::NEG_INFINITY, f64::max),
                _ => values.fold(f64::INFINITY, f64::min),
            };
            (shape.iter().product::<usize>() == 1).then_some(Numbers {
                shape,
                values: vec![value],
                is_integer: numbers.is_integer,
            })
        }
        Op::Add => spread(all()?, None, &|v| v[0] + v[1]),
        Op::Sub => spread(all()?, None, &|v| v[0] - v[1]),
        Op::Mul => spread(all()?, None, &|v| v[0] * v[1]),
        Op::Div => {
            let operands = all()?;
            let is_integer = operands.first()?.is_integer;
            spread(operands, None, &|v| match is_integer {
                true if v[1] == 0.0 => f64::NAN,
                true => (v[0] / v[1]).trunc(),
                false => v[0] / v[1],
            })
            .filter(|numbers| !is_integer || numbers.values.iter().all(|value| !value.is_nan()))
        }
        Op::Mod => {
            let operands = all()?;
            let by_sign = node.int("fmod", 0) != 0;
            spread(operands, None, &|v| {
                let rest = v[0] % v[1];
                if !by_sign && rest != 0.0 && (rest < 0.0) != (v[1] < 0.0) {
                    rest + v[1]
                } else {
                    rest
                }
            })
        }
        Op::Min => spread(all()?, None, &|v| {
            v.iter().copied().fold(f64::INFINITY, f64::min)
        }),
        Op::Max => spread(all()?, None, &|v| {
            v.iter().copied().fold(f64::NEG_INFINITY, f64::max)
        }),
        Op::Clip => {
            // Bounds are operands or attributes; one that is left out does not bind.
            let bound = |index: usize, name: &str, none: f64| match node.operand(index) {
                "" => Some(f64::from(
                    node.find(name)
                        .and_then(|found| found.f)
                        .unwrap_or(none as f32),
                )),
                _ => operand(index)?.values.first().copied(),
            };
            let (low, high) = (
                bound(1, "min", f64::NEG_INFINITY)?,
                bound(2, "max", f64::INFINITY)?,
            );
            spread(vec![operand(0)?], None, &|v| v[0].max(low).min(high))
        }
        Op::Relu => spread(vec![operand(0)?], None, &|v| v[0].max(0.0)),
        Op::Pow => spread(all()?, None, &|v| v[0].powf(v[1])),
        Op::Equal => spread(all()?, Some(true), &|v| truth(v[0] == v[1])),
        Op::Greater => spread(all()?, Some(true), &|v| truth(v[0] > v[1])),
        Op::GreaterOrEqual => spread(all()?, Some(true), &|v| truth(v[0] >= v[1])),
        Op::Less => spread(all()?, Some(true), &|v| truth(v[0] < v[1])),
        Op::LessOrEqual => spread(all()?, Some(true), &|v| truth(v[0] <= v[1])),
        Op::And => spread(all()?, Some(true), &|v| truth(v[0] != 0.0 && v[1] != 0.0)),
        Op::Or => spread(all()?, Some(true), &|v| truth(v[0] != 0.0 || v[1] != 0.0)),
        Op::Where => spread(all()?, None, &|v| if v[0] != 0.0 { v[1] } else { v[2] }),
        Op::Not => spread(vec![operand(0)?], None, &|v| truth(v[0] == 0.0)),
        Op::Neg => spread(vec![operand(0)?], None, &|v| -v[0]),
        Op::Abs => spread(vec![operand(0)?], None, &|v| v[0].abs()),
        Op::Floor => spread(vec![operand(0)?], None, &|v| v[0].floor()),
        Op::Ceil => spread(vec![operand(0)?], None, &|v| v[0].ceil()),
        Op::Round => spread(vec![operand(0)?], None, &|v| v[0].round_ties_even()),
        Op::Reciprocal => spread(vec![operand(0)?], None, &|v| 1.0 / v[0]),
        Op::Exp => spread(vec![operand(0)?], None, &|v| v[0].exp()),
        Op::Log => spread(vec![operand(0)?], None, &|v| v[0].ln()),
        Op::Sqrt => spread(vec![operand(0)?], None, &|v| v[0].sqrt()),
        _ => None,
    }
}
