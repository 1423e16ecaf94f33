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
    /// From its operands, which are spread out to one size where they are several.
    Kept,
    /// One for each kernel in this operand.
    Kernels { operand: usize },
    /// One for each kernel of its second operand in each group, the kernels lying along its second
    /// axis.
    TransposedKernels,
    /// One for each value of its second operand.
    Scales,
    /// From all operands, along its axis.
    Joined,
    /// From its operand, as many times more or fewer as a block has cells.
    Blocks,
    /// From its operand and what it adds along its axes.
    Padded,
    /// From its operand, or the part along its axes.
    Sliced,
    /// From its operand, or the parts along its axis.
    Split,
    /// One for each index, along its axis.
    Picked,
    /// The result is no such map, or mixes its axes.
    Lost,
    /// It is not known what it does to them.
    Unknown,
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
    /// It spreads its operands out to one size.
    pub spreads: bool,
    pub gradient: Gradient,
}

const OTHER: Facts = Facts {
    values: Values::Changes,
    places: Places::Unknown,
    pool: None,
    channels: Channels::Unknown,
    element: Element::Operands,
    is_dense: false,
    spreads: false,
    gradient: Gradient::None,
};
const ELEMENTWISE: Facts = Facts {
    channels: Channels::Kept,
    ..moving(Places::Elementwise)
};
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

/// What the numbers of a shape are made of, or constants.
const NO_MAP: Facts = Facts {
    channels: Channels::Lost,
    ..OTHER
};

const fn spreading(facts: Facts) -> Facts {
    Facts {
        spreads: true,
        ..facts
    }
}

const fn moving(places: Places) -> Facts {
    Facts { places, ..OTHER }
}

/// Makes the cells of a map into others, in each channel alone.
const fn in_channels(places: Places) -> Facts {
    Facts {
        channels: Channels::Kept,
        ..moving(places)
    }
}

/// Takes a map apart along an axis, or adds to it.
const fn along(places: Places, channels: Channels) -> Facts {
    Facts {
        channels,
        ..moving(places)
    }
}

const fn convolving(kernel: usize) -> Facts {
    Facts {
        channels: Channels::Kernels { operand: kernel },
        ..moving(Places::Window { kernel })
    }
}

const fn pooling(places: Places, pool: Pool) -> Facts {
    Facts {
        pool: Some(pool),
        ..in_channels(places)
    }
}

/// Over axes that its attributes say, that of the channels perhaps.
const fn reducing(pool: Pool) -> Facts {
    Facts {
        channels: Channels::Unknown,
        ..pooling(Places::Reduce, pool)
    }
}

/// Returns the same numbers at the same places.
const KEEPING: Facts = Facts {
    values: Values::Keeps,
    gradient: Gradient::First,
    ..ELEMENTWISE
};

/// Returns the same numbers in another shape: the axes of a feature map may be others afterwards.
const fn reshaping(places: Places) -> Facts {
    Facts {
        places,
        channels: Channels::Lost,
        ..KEEPING
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
    Add => spreading(DIFFERENTIABLE),
    And => OTHER,
    ArgMax => OTHER,
    ArgMin => OTHER,
    Attention => OTHER,
    AveragePool => pooling(Places::Window { kernel: 1 }, Pool::Mean),
    BatchNormalization => Facts { channels: Channels::Scales, ..WITH_SETTINGS },
    Cast => Facts { element: Element::Named, ..KEEPING },
    CastLike => KEEPING,
    Ceil => ELEMENTWISE,
    Celu => DIFFERENTIABLE,
    Clip => WITH_SETTINGS,
    Col2Im => OTHER,
    Concat => along(Places::Concat, Channels::Joined),
    Constant => NO_MAP,
    ConstantOfShape => NO_MAP,
    Conv => Facts { is_dense: true, gradient: Gradient::FirstAlone, ..convolving(1) },
    ConvInteger => convolving(1),
    ConvTranspose => along(Places::Unknown, Channels::TransposedKernels),
    Cos => OTHER,
    CumSum => OTHER,
    DepthToSpace => along(Places::Unknown, Channels::Blocks),
    DequantizeLinear => Facts { element: Element::Float, ..KEEPING },
    Div => spreading(DIFFERENTIABLE),
    Dropout => KEEPING,
    DynamicQuantizeLinear => ELEMENTWISE,
    Einsum => OTHER,
    Elu => DIFFERENTIABLE,
    Equal => ELEMENTWISE,
    Erf => DIFFERENTIABLE,
    Exp => DIFFERENTIABLE,
    Expand => OTHER,
    EyeLike => NO_MAP,
    Flatten => reshaping(Places::Unknown),
    Floor => ELEMENTWISE,
    GRU => OTHER,
    Gather => Facts { values: Values::Picks, channels: Channels::Picked, ..reshaping(Places::Gather) },
    GatherElements => OTHER,
    GatherND => OTHER,
    Gelu => DIFFERENTIABLE,
    Gemm => DENSE,
    GlobalAveragePool => Facts { gradient: Gradient::All, ..pooling(Places::Global, Pool::Mean) },
    GlobalLpPool => pooling(Places::Global, Pool::Norm),
    GlobalMaxPool => pooling(Places::Global, Pool::Maximum),
    Greater => ELEMENTWISE,
    GreaterOrEqual => OTHER,
    GroupNormalization => ELEMENTWISE,
    HardSigmoid => DIFFERENTIABLE,
    HardSwish => DIFFERENTIABLE,
    Hardmax => OTHER,
    Identity => KEEPING,
    InstanceNormalization => ELEMENTWISE,
    IsInf => OTHER,
    IsNaN => OTHER,
    LRN => ELEMENTWISE,
    LSTM => OTHER,
    LayerNormalization => Facts { channels: Channels::Lost, ..WITH_SETTINGS },
    LeakyRelu => DIFFERENTIABLE,
    Less => ELEMENTWISE,
    LessOrEqual => OTHER,
    Log => DIFFERENTIABLE,
    LogSoftmax => in_channels(Places::Unknown),
    LpNormalization => in_channels(Places::Unknown),
    LpPool => pooling(Places::Window { kernel: 1 }, Pool::Norm),
    MatMul => Facts { places: Places::Matrix, ..DENSE },
    MatMulInteger => along(Places::Matrix, Channels::Lost),
    Max => spreading(ELEMENTWISE),
    MaxPool => pooling(Places::Window { kernel: 1 }, Pool::Maximum),
    Mean => spreading(ELEMENTWISE),
    MeanVarianceNormalization => in_channels(Places::Unknown),
    Min => spreading(ELEMENTWISE),
    Mish => DIFFERENTIABLE,
    Mod => OTHER,
    Mul => spreading(DIFFERENTIABLE),
    Neg => DIFFERENTIABLE,
    NonMaxSuppression => OTHER,
    Not => ELEMENTWISE,
    OneHot => OTHER,
    Or => OTHER,
    PRelu => spreading(WITH_SETTINGS),
    Pad => along(Places::Pad, Channels::Padded),
    Pow => spreading(WITH_SETTINGS),
    QLinearConv => convolving(3),
    QuantizeLinear => KEEPING,
    RMSNormalization => Facts { channels: Channels::Lost, ..ELEMENTWISE },
    RNN => OTHER,
    Range => OTHER,
    Reciprocal => DIFFERENTIABLE,
    ReduceL1 => reducing(Pool::Norm),
    ReduceL2 => reducing(Pool::Norm),
    ReduceLogSum => moving(Places::Reduce),
    ReduceLogSumExp => moving(Places::Reduce),
    ReduceMax => reducing(Pool::Maximum),
    ReduceMean => Facts {
        channels: Channels::Lost,
        gradient: Gradient::All,
        ..reducing(Pool::Mean)
    },
    ReduceMin => moving(Places::Reduce),
    ReduceProd => moving(Places::Reduce),
    ReduceSum => Facts { gradient: Gradient::All, ..moving(Places::Reduce) },
    ReduceSumSquare => moving(Places::Reduce),
    Relu => DIFFERENTIABLE,
    Reshape => reshaping(Places::Reshape),
    Resize => in_channels(Places::Resize),
    RotaryEmbedding => OTHER,
    Round => ELEMENTWISE,
    ScatterElements => OTHER,
    ScatterND => OTHER,
    Selu => DIFFERENTIABLE,
    Shape => Facts { values: Values::OfShape, ..NO_MAP },
    Shrink => ELEMENTWISE,
    Sigmoid => DIFFERENTIABLE,
    Sign => ELEMENTWISE,
    Sin => OTHER,
    Size => Facts { values: Values::OfShape, ..NO_MAP },
    Slice => along(Places::Slice, Channels::Sliced),
    Softmax => ELEMENTWISE,
    Softplus => DIFFERENTIABLE,
    Softsign => DIFFERENTIABLE,
    SpaceToDepth => along(Places::Blocks, Channels::Blocks),
    Split => along(Places::Split, Channels::Split),
    Sqrt => DIFFERENTIABLE,
    Squeeze => reshaping(Places::Squeeze),
    Sub => spreading(DIFFERENTIABLE),
    Sum => spreading(DIFFERENTIABLE),
    Swish => ELEMENTWISE,
    Tanh => DIFFERENTIABLE,
    ThresholdedRelu => DIFFERENTIABLE,
    Tile => OTHER,
    TopK => OTHER,
    Transpose => reshaping(Places::Transpose),
    Trilu => OTHER,
    Unsqueeze => reshaping(Places::Unsqueeze),
    Upsample => in_channels(Places::Resize),
    Where => spreading(ELEMENTWISE),
    Xor => OTHER,
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
        for (op, channels) in [
            (Op::Relu, Channels::Kept),
            (Op::MaxPool, Channels::Kept),
            (Op::Resize, Channels::Kept),
            (Op::Conv, Channels::Kernels { operand: 1 }),
            (Op::QLinearConv, Channels::Kernels { operand: 3 }),
            (Op::ConvTranspose, Channels::TransposedKernels),
            (Op::SpaceToDepth, Channels::Blocks),
            (Op::DepthToSpace, Channels::Blocks),
            (Op::Pad, Channels::Padded),
            (Op::Slice, Channels::Sliced),
            (Op::Split, Channels::Split),
            (Op::Gather, Channels::Picked),
            (Op::Transpose, Channels::Lost),
            (Op::ReduceMax, Channels::Unknown),
            (Op::Einsum, Channels::Unknown),
            (Op::Other, Channels::Unknown),
        ] {
            assert_eq!(op.facts().channels, channels, "{op:?}");
        }
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
            // What moves values along an axis, or is not known to keep them in their channels, tells
            // nothing of their number by that of its operand.
            let keeps_channels = matches!(
                facts.places,
                Places::Elementwise
                    | Places::Window { .. }
                    | Places::Global
                    | Places::Resize
                    | Places::Unknown
            );
            assert!(keeps_channels || facts.channels != Channels::Kept, "{name}");
            if let (Places::Window { kernel }, Channels::Kernels { operand }) =
                (facts.places, facts.channels)
            {
                assert_eq!(kernel, operand, "{name}");
            }
            let pools = matches!(
                facts.places,
                Places::Global | Places::Reduce | Places::Window { .. }
            );
            assert!(pools || facts.pool.is_none(), "{name}");
        }
    }
}
