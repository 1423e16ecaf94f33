//! What is known of each standard operator: one row of facts, and no other list of operators.
//!
//! A fact holds for the operator whatever its attributes; what depends on them (`transA`, `perm`,
//! `keepdims`) is for those who ask. Operators without a row, and those of other domains, are
//! [`Op::Other`].

/// What an operator does to the numbers of a single vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// Returns the same ones in the same order; the two operators of quantisation up to its rounding.
    Keeps,
    /// Returns those that its indices pick.
    Picks,
    /// Returns numbers that follow from the shape of its operand alone.
    OfShape,
    Changes,
}

/// How an operator moves places: which axes and cells of its result stand for which of its operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Places {
    /// Leaves every value at its place, or sums over channels and whole maps only.
    Elementwise,
    /// Slides a window over the map; the operand that is the kernel, where there is one.
    Window {
        kernel: usize,
    },
    /// Makes one value of a whole map.
    Global,
    /// As [`Global`](Self::Global), or over some of its axes.
    Reduce,
    Pad,
    Slice,
    Transpose,
    Concat,
    Split,
    Gather,
    Unsqueeze,
    Squeeze,
    Reshape,
    Resize,
    /// Makes channels of blocks of cells.
    Blocks,
    /// Mixes the last axis.
    Matrix,
    Unknown,
}

/// How a pool or a reduction sums up what it sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pool {
    Mean,
    Maximum,
    Norm,
}

/// Where the number of channels of an operator's result, N x C x h x w, comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channels {
    /// From the operand before it, or not known otherwise.
    Kept,
    /// One for each kernel of its second operand.
    Kernels,
    /// One for each value of its second operand.
    Scales,
    /// From all operands, along its axis.
    Joined,
    /// The result is no such map, or mixes its axes.
    Lost,
}

/// Where the element type of an operator's result comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// From its operands.
    Operands,
    /// From its attribute `to`.
    Named,
    /// Single precision.
    Float,
}

/// Through which operands a gradient flows back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gradient {
    /// Through each that follows from the picture.
    All,
    /// Through the first, where no other follows from the picture.
    FirstAlone,
    /// Through the first; further ones (shapes, ratios, indices) carry none even where they vary.
    First,
    /// There is no rule.
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    pub values: Values,
    pub places: Places,
    pub pool: Option<Pool>,
    pub channels: Channels,
    pub element: Element,
    /// It multiplies its first operand with weights, its second.
    pub is_dense: bool,
    pub gradient: Gradient,
}

const OTHER: Facts = Facts {
    values: Values::Changes,
    places: Places::Unknown,
    pool: None,
    channels: Channels::Kept,
    element: Element::Operands,
    is_dense: false,
    gradient: Gradient::None,
};
const ELEMENTWISE: Facts = moving(Places::Elementwise);
const DIFFERENTIABLE: Facts = Facts {
    gradient: Gradient::All,
    ..ELEMENTWISE
};
/// Of one operand, and of settings that are not differentiated.
const WITH_SETTINGS: Facts = Facts {
    gradient: Gradient::FirstAlone,
    ..ELEMENTWISE
};
const DENSE: Facts = Facts {
    is_dense: true,
    gradient: Gradient::FirstAlone,
    channels: Channels::Lost,
    ..OTHER
};

const fn moving(places: Places) -> Facts {
    Facts { places, ..OTHER }
}

const fn pooling(places: Places, pool: Pool) -> Facts {
    Facts {
        pool: Some(pool),
        ..moving(places)
    }
}

/// Returns the same numbers elsewhere; a gradient goes back the same way.
const fn keeping(places: Places) -> Facts {
    Facts {
        values: Values::Keeps,
        gradient: Gradient::First,
        ..moving(places)
    }
}

/// As [`keeping`], and the axes of a feature map may be others afterwards.
const fn reshaping(places: Places) -> Facts {
    Facts {
        channels: Channels::Lost,
        ..keeping(places)
    }
}

macro_rules! operators {
    ($($op:ident => $facts:expr,)*) => {
        /// A standard operator that something is known of.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(clippy::upper_case_acronyms, reason = "as the standard spells them")]
        pub enum Op {
            $($op,)*
            /// Any other.
            Other,
        }

        impl Op {
            #[cfg(test)]
            pub const ALL: &[(Self, &str)] = &[$((Self::$op, stringify!($op)),)*];

            /// The operator that the standard calls `name`.
            pub fn named(name: &str) -> Self {
                match name {
                    $(stringify!($op) => Self::$op,)*
                    _ => Self::Other,
                }
            }

            pub const fn facts(self) -> Facts {
                match self {
                    $(Self::$op => $facts,)*
                    Self::Other => OTHER,
                }
            }
        }
    };
}

operators! {
    Abs => ELEMENTWISE,
    Add => DIFFERENTIABLE,
    ArgMax => OTHER,
    AveragePool => pooling(Places::Window { kernel: 1 }, Pool::Mean),
    BatchNormalization => Facts { channels: Channels::Scales, ..WITH_SETTINGS },
    Cast => Facts { element: Element::Named, ..keeping(Places::Elementwise) },
    Ceil => ELEMENTWISE,
    Celu => ELEMENTWISE,
    Clip => WITH_SETTINGS,
    Concat => Facts { channels: Channels::Joined, ..moving(Places::Concat) },
    Constant => OTHER,
    ConstantOfShape => OTHER,
    Conv => Facts { places: Places::Window { kernel: 1 }, channels: Channels::Kernels, ..DENSE },
    ConvInteger => moving(Places::Window { kernel: 1 }),
    ConvTranspose => OTHER,
    DequantizeLinear => Facts { element: Element::Float, ..keeping(Places::Elementwise) },
    Div => DIFFERENTIABLE,
    Dropout => keeping(Places::Elementwise),
    DynamicQuantizeLinear => ELEMENTWISE,
    Einsum => OTHER,
    Elu => ELEMENTWISE,
    Equal => ELEMENTWISE,
    Erf => DIFFERENTIABLE,
    Exp => DIFFERENTIABLE,
    Flatten => reshaping(Places::Unknown),
    Floor => ELEMENTWISE,
    GRU => OTHER,
    Gather => Facts { values: Values::Picks, ..reshaping(Places::Gather) },
    GatherElements => OTHER,
    GatherND => OTHER,
    Gelu => DIFFERENTIABLE,
    Gemm => DENSE,
    GlobalAveragePool => Facts { gradient: Gradient::All, ..pooling(Places::Global, Pool::Mean) },
    GlobalLpPool => pooling(Places::Global, Pool::Norm),
    GlobalMaxPool => pooling(Places::Global, Pool::Maximum),
    Greater => ELEMENTWISE,
    GroupNormalization => ELEMENTWISE,
    HardSigmoid => DIFFERENTIABLE,
    HardSwish => DIFFERENTIABLE,
    Identity => keeping(Places::Elementwise),
    InstanceNormalization => ELEMENTWISE,
    LRN => ELEMENTWISE,
    LSTM => OTHER,
    LayerNormalization => Facts { channels: Channels::Lost, ..WITH_SETTINGS },
    LeakyRelu => DIFFERENTIABLE,
    Less => ELEMENTWISE,
    Log => DIFFERENTIABLE,
    LogSoftmax => OTHER,
    LpPool => pooling(Places::Window { kernel: 1 }, Pool::Norm),
    MatMul => Facts { places: Places::Matrix, ..DENSE },
    MatMulInteger => moving(Places::Matrix),
    Max => ELEMENTWISE,
    MaxPool => pooling(Places::Window { kernel: 1 }, Pool::Maximum),
    Min => ELEMENTWISE,
    Mish => ELEMENTWISE,
    Mul => DIFFERENTIABLE,
    Neg => DIFFERENTIABLE,
    NonMaxSuppression => OTHER,
    Not => ELEMENTWISE,
    PRelu => ELEMENTWISE,
    Pad => moving(Places::Pad),
    Pow => WITH_SETTINGS,
    QLinearConv => moving(Places::Window { kernel: 3 }),
    QuantizeLinear => keeping(Places::Elementwise),
    RNN => OTHER,
    Reciprocal => DIFFERENTIABLE,
    ReduceL2 => pooling(Places::Reduce, Pool::Norm),
    ReduceMax => pooling(Places::Reduce, Pool::Maximum),
    ReduceMean => Facts {
        channels: Channels::Lost,
        gradient: Gradient::All,
        ..pooling(Places::Reduce, Pool::Mean)
    },
    ReduceMin => moving(Places::Reduce),
    ReduceSum => Facts { gradient: Gradient::All, ..moving(Places::Reduce) },
    Relu => DIFFERENTIABLE,
    Reshape => reshaping(Places::Reshape),
    Resize => moving(Places::Resize),
    Round => ELEMENTWISE,
    Selu => ELEMENTWISE,
    Shape => Facts { values: Values::OfShape, ..OTHER },
    Sigmoid => DIFFERENTIABLE,
    Sign => ELEMENTWISE,
    Size => Facts { values: Values::OfShape, ..OTHER },
    Slice => moving(Places::Slice),
    Softmax => ELEMENTWISE,
    Softplus => DIFFERENTIABLE,
    Softsign => ELEMENTWISE,
    SpaceToDepth => moving(Places::Blocks),
    Split => moving(Places::Split),
    Sqrt => DIFFERENTIABLE,
    Squeeze => reshaping(Places::Squeeze),
    Sub => DIFFERENTIABLE,
    Sum => DIFFERENTIABLE,
    Swish => ELEMENTWISE,
    Tanh => DIFFERENTIABLE,
    ThresholdedRelu => ELEMENTWISE,
    TopK => OTHER,
    Transpose => reshaping(Places::Transpose),
    Unsqueeze => reshaping(Places::Unsqueeze),
    Upsample => moving(Places::Resize),
    Where => ELEMENTWISE,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_operator_has_one_row_in_alphabetical_order() {
        let names: Vec<&str> = Op::ALL.iter().map(|(_, name)| *name).collect();
        assert!(names.is_sorted(), "{names:?}");
        let distinct: BTreeSet<&str> = names.iter().copied().collect();
        assert_eq!(distinct.len(), names.len());
        for (op, name) in Op::ALL {
            assert_eq!(Op::named(name), *op);
        }
        assert_eq!(Op::named("relu"), Op::Other);
        assert_eq!(Op::named("Other"), Op::Other);
        assert_eq!(Op::named(""), Op::Other);
    }

    #[test]
    fn facts_are_those_of_the_standard() {
        assert_eq!(Op::Other.facts(), OTHER);
        assert_eq!(Op::Relu.facts().gradient, Gradient::All);
        assert_eq!(Op::ArgMax.facts().gradient, Gradient::None);
        assert_eq!(Op::Clip.facts().gradient, Gradient::FirstAlone);
        assert_eq!(Op::Dropout.facts().gradient, Gradient::First);
        assert_eq!(Op::Gather.facts().values, Values::Picks);
        assert_eq!(Op::Shape.facts().values, Values::OfShape);
        assert_eq!(Op::Softmax.facts().values, Values::Changes);
        assert_eq!(Op::QLinearConv.facts().places, Places::Window { kernel: 3 });
        assert_eq!(Op::Upsample.facts().places, Op::Resize.facts().places);
        assert_eq!(Op::ReduceMax.facts().pool, Some(Pool::Maximum));
        assert_eq!(Op::Concat.facts().channels, Channels::Joined);
        assert_eq!(Op::Cast.facts().element, Element::Named);
    }

    #[test]
    fn facts_of_a_row_agree_with_each_other() {
        for (op, name) in Op::ALL {
            let facts = op.facts();
            // What keeps values passes gradients on, and does nothing else.
            if matches!(facts.values, Values::Keeps | Values::Picks) {
                assert_eq!(facts.gradient, Gradient::First, "{name}");
                assert_eq!(facts.pool, None, "{name}");
            }
            // Channels that come from a second operand are the weights of a layer or a scale.
            if facts.is_dense {
                assert_eq!(facts.gradient, Gradient::FirstAlone, "{name}");
                assert_ne!(facts.channels, Channels::Kept, "{name}");
            }
            let pools = matches!(
                facts.places,
                Places::Global | Places::Reduce | Places::Window { .. }
            );
            assert!(pools || facts.pool.is_none(), "{name}");
        }
    }
}
