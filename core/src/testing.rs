//! Small graphs for tests, and ONNX Runtime to run them with where it is installed.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use prost::Message;

use crate::error::Error;
use crate::inference::{Classifier, Options, Source, runtime};
use crate::model::{Activation, Detail, Target};
use crate::onnx::generated::StringStringEntryProto;
use crate::onnx::node::{floats, integers, node, with_int, with_ints};
use crate::onnx::proto::{self, Node, data_type};

#[path = "../tests/common/skips.rs"]
mod skips;

/// A graph under construction: opset 13, input `x` of 1 x 3 x 4 x 4.
pub struct Draft {
    pub model: proto::Model,
    seed: u32,
}

impl Draft {
    pub fn new() -> Self {
        let mut draft = Self {
            model: proto::Model {
                ir_version: Some(7),
                graph: Some(proto::Graph {
                    name: Some("test".into()),
                    ..proto::Graph::default()
                }),
                ..proto::Model::default()
            },
            seed: 1,
        };
        draft.opset(13);
        draft.input(&[1, 3, 4, 4]);
        draft
    }

    /// `x` taken as the feature map `a`: 3 channels of 4 x 4.
    pub fn with_features() -> Self {
        let mut draft = Self::new();
        let mut identity = vec![0.0; 9];
        (0..3).for_each(|channel| identity[channel * 4] = 1.0);
        draft.weight("identity", &[3, 3, 1, 1], identity);
        draft.node("Conv", &["x", "identity"], "a");
        draft
    }

    /// A classifier to its logits `z`: the mean `p` of [`with_features`](Self::with_features), as a row `f`, and a dense
    /// layer.
    pub fn classifier() -> Self {
        let mut draft = Self::with_features();
        draft
            .node("GlobalAveragePool", &["a"], "p")
            .node("Flatten", &["p"], "f");
        draft.random("w", &[3, 4]).node("MatMul", &["f", "w"], "z");
        draft
    }

    /// Two classes `y` of the feature map `a` and the tensor `number` added to it.
    pub fn classify_sum_with(&mut self, number: &str) -> &mut Self {
        self.node("Add", &["a", number], "m")
            .node("GlobalAveragePool", &["m"], "p")
            .node("Flatten", &["p"], "f")
            .random("w", &[3, 2])
            .node("MatMul", &["f", "w"], "y")
            .output("y")
    }

    pub fn graph(&mut self) -> &mut proto::Graph {
        self.model.graph.as_mut().unwrap()
    }

    pub fn opset(&mut self, version: i64) {
        self.model.opset_import = vec![proto::OperatorSetId {
            domain: None,
            version: Some(version),
        }];
    }

    pub fn input(&mut self, sizes: &[i64]) {
        self.graph().input = vec![value("x", sizes)];
    }

    /// The input as one of numbers of another type.
    pub fn input_type(&mut self, element_type: i32) -> &mut Self {
        let input = &mut self.graph().input[0];
        if let Some(proto::TypeValue::TensorType(tensor)) =
            input.r#type.as_mut().and_then(|found| found.value.as_mut())
        {
            tensor.elem_type = Some(element_type);
        }
        self
    }

    pub fn metadata(&mut self, key: &str, value: &str) -> &mut Self {
        self.model.metadata_props.push(StringStringEntryProto {
            key: Some(key.to_owned()),
            value: Some(value.to_owned()),
        });
        self
    }

    pub fn output(&mut self, name: &str) -> &mut Self {
        self.graph().output.push(value(name, &[]));
        self
    }

    pub fn push(&mut self, node: Node) -> &mut Self {
        self.graph().node.push(node);
        self
    }

    pub fn node(&mut self, op: &str, inputs: &[&str], output: &str) -> &mut Self {
        self.push(node(op, inputs, output))
    }

    pub fn node_int(
        &mut self,
        op: &str,
        inputs: &[&str],
        output: &str,
        attribute: (&str, i64),
    ) -> &mut Self {
        self.push(with_int(node(op, inputs, output), attribute.0, attribute.1))
    }

    pub fn node_ints(
        &mut self,
        op: &str,
        inputs: &[&str],
        output: &str,
        attribute: (&str, &[i64]),
    ) -> &mut Self {
        self.push(with_ints(
            node(op, inputs, output),
            attribute.0,
            attribute.1,
        ))
    }

    pub fn weight(&mut self, name: &str, dims: &[i64], values: Vec<f32>) -> &mut Self {
        let weight = floats(name, dims, values);
        self.graph().initializer.push(weight);
        self
    }

    /// A weight of numbers between -1 and 1 that have no pattern.
    pub fn random(&mut self, name: &str, dims: &[i64]) -> &mut Self {
        let count = dims.iter().product::<i64>() as usize;
        let values = noise(count, self.seed);
        self.seed += 1;
        self.weight(name, dims, values)
    }

    pub fn integers(&mut self, name: &str, values: &[i64]) -> &mut Self {
        let integers = integers(name, values);
        self.graph().initializer.push(integers);
        self
    }

    /// Writes the file and opens it; none, said aloud, where ONNX Runtime is not installed.
    pub fn open(&self) -> Option<Result<Classifier, Error>> {
        open_bytes(&self.model.encode_to_vec())
    }

    /// As [`open`](Self::open), with other options than all the network's own.
    pub fn open_with(
        &self,
        change: impl Fn(Options) -> Options,
    ) -> Option<Result<Classifier, Error>> {
        open_with(&self.model.encode_to_vec(), change)
    }
}

/// Opens the bytes of a network file.
pub fn open_bytes(bytes: &[u8]) -> Option<Result<Classifier, Error>> {
    open_with(bytes, |options| options)
}

fn open_with(
    bytes: &[u8],
    change: impl Fn(Options) -> Options,
) -> Option<Result<Classifier, Error>> {
    if !is_runtime_installed() {
        return None;
    }
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("camoverlay-{}-{count}.onnx", std::process::id());
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, bytes).unwrap();
    let opened = Classifier::open(&change(options(path.clone())));
    std::fs::remove_file(path).unwrap();
    Some(opened)
}

/// What `classifier` answers to a picture of 4 x 4, with the gradient.
pub fn ask<'a>(
    classifier: &'a mut Classifier,
    image: &[f32],
    target: Target,
) -> Result<Activation<'a>, Error> {
    classifier.run(image, 4, 4, target, Detail::Gradient)
}

/// Options that leave all but the file to the network.
pub fn options(path: PathBuf) -> Options {
    Options {
        source: Source::File(path),
        threads: 1,
        search_roots: roots(),
        ..Options::default()
    }
}

/// Where set-up installs ONNX Runtime: the workspace.
pub fn roots() -> Vec<PathBuf> {
    vec![concat!(env!("CARGO_MANIFEST_DIR"), "/..").into()]
}

pub fn is_runtime_installed() -> bool {
    let installed = runtime::environment(None, &roots()).is_ok();
    if !installed {
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        skips::skipped(&test, "ONNX Runtime is not installed (make setup)");
    }
    installed
}

/// Numbers between -1 and 1 without a pattern, the same for the same seed.
pub fn noise(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as f32 / u32::MAX as f32 * 2.0 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

fn value(name: &str, sizes: &[i64]) -> proto::ValueInfo {
    let dim = sizes.iter().map(|&size| proto::Dimension {
        value: (size > 0).then_some(proto::DimensionValue::DimValue(size)),
        denotation: None,
    });
    let tensor = proto::TensorType {
        elem_type: Some(data_type::FLOAT),
        shape: (!sizes.is_empty()).then(|| proto::TensorShape { dim: dim.collect() }),
    };
    proto::ValueInfo {
        name: Some(name.into()),
        r#type: Some(proto::Type {
            value: Some(proto::TypeValue::TensorType(tensor)),
            denotation: None,
        }),
        ..proto::ValueInfo::default()
    }
}
