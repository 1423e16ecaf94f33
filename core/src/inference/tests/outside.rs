//! Tensors in other files, wherever a model can keep some.

use std::fs;
use std::os::unix::fs::symlink;

use prost::Message;

use crate::error::Error;
use crate::inference::Classifier;
use crate::onnx::error::FileError;
use crate::onnx::generated::StringStringEntryProto;
use crate::onnx::node::{node, with_graph, with_int};
use crate::onnx::proto::{self, Attribute, Tensor, data_type};
use crate::testing::{self, Draft};

/// A tensor of `numbers` that lies in the file at `location`.
fn outside(name: &str, location: &str, numbers: i64) -> Tensor {
    let length = (4 * numbers).to_string();
    Tensor {
        name: Some(name.into()),
        dims: vec![numbers],
        data_type: Some(data_type::FLOAT),
        data_location: Some(1),
        external_data: [("location", location), ("offset", "0"), ("length", &length)]
            .map(|(key, value)| StringStringEntryProto {
                key: Some(key.into()),
                value: Some(value.into()),
            })
            .to_vec(),
        ..Tensor::default()
    }
}

fn value_of(tensor: Tensor) -> Attribute {
    Attribute {
        name: Some("value".into()),
        t: Some(Box::new(tensor)),
        r#type: Some(4),
        ..Attribute::default()
    }
}

fn branch(name: &str, node: proto::Node, weight: Option<Tensor>) -> proto::Graph {
    proto::Graph {
        name: Some(name.into()),
        output: vec![proto::ValueInfo {
            name: Some(node.result().into()),
            ..proto::ValueInfo::default()
        }],
        node: vec![node],
        initializer: weight.into_iter().collect(),
        ..proto::Graph::default()
    }
}

/// A network to which one number is added that lies at `location`, kept in each of the ways that
/// the format has.
fn keeping(way: &str, location: &str) -> Draft {
    let mut draft = Draft::with_features();
    let mut constant = node("Constant", &[], "n");
    constant.attribute.push(value_of(outside("", location, 1)));
    match way {
        "weight" => draft.graph().initializer.push(outside("n", location, 1)),
        "constant" => drop(draft.push(constant)),
        "sparse" => {
            let mut indices = Draft::new();
            indices.integers("at", &[0]);
            draft.graph().sparse_initializer.push(proto::SparseTensor {
                values: Some(outside("n", location, 1)),
                indices: indices.graph().initializer.first().cloned(),
                dims: vec![1],
            });
        }
        "branch" | "constant in a branch" => {
            draft.weight("zero", &[], vec![0.0]);
            draft
                .push(with_int(node("ReduceSum", &["a"], "s"), "keepdims", 0))
                .node("Greater", &["s", "zero"], "positive");
            let part = |name: &str| match way {
                "branch" => {
                    let same = node("Identity", &["weight"], "inner");
                    branch(name, same, Some(outside("weight", location, 1)))
                }
                _ => branch(name, constant.clone(), None),
            };
            let choice = node("If", &["positive"], "n");
            let choice = with_graph(choice, part("then_branch"));
            draft.push(with_graph(choice, part("else_branch")));
        }
        "function" => {
            // Of another version, so that it stays a function.
            draft.model.functions.push(proto::Function {
                name: Some("number".into()),
                domain: Some("package".into()),
                output: vec!["n".into()],
                node: vec![constant],
                opset_import: vec![proto::OperatorSetId {
                    domain: None,
                    version: Some(12),
                }],
                ..proto::Function::default()
            });
            draft.model.opset_import.push(proto::OperatorSetId {
                domain: Some("package".into()),
                version: Some(1),
            });
            draft.push(proto::Node {
                domain: Some("package".into()),
                ..node("number", &[], "n")
            });
        }
        other => panic!("{other}"),
    }
    draft.classify_sum_with("n");
    draft
}

#[test]
fn tensors_stay_in_the_folder_wherever_they_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("inside");
    fs::create_dir(&inside).unwrap();
    fs::write(folder.path().join("secret.bin"), [0; 4]).unwrap();
    fs::write(inside.join("n.bin"), 0.5f32.to_le_bytes()).unwrap();
    symlink("../secret.bin", inside.join("link.bin")).unwrap();
    let path = inside.join("network.onnx");
    // Where the tests run there is such a file, and ONNX Runtime would find it there.
    assert!(fs::exists("Cargo.toml").unwrap());
    let ways = [
        "weight",
        "constant",
        "sparse",
        "branch",
        "constant in a branch",
        "function",
    ];
    for way in ways {
        let open = |location: &str| {
            fs::write(&path, keeping(way, location).model.encode_to_vec()).unwrap();
            Classifier::open(&testing::options(path.clone()))
        };
        for (location, words) in [
            ("../secret.bin", "outside the model's folder"),
            ("/etc/hostname", "outside the model's folder"),
            ("link.bin", "outside the model's folder"),
            ("Cargo.toml", "Cargo.toml"),
            ("*/_ORT_MEM_ADDR_/*", "_ORT_MEM_ADDR_"),
        ] {
            match open(location) {
                Err(Error::File(error @ FileError::ExternalData { .. })) => {
                    assert!(error.to_string().contains(words), "{way}: {error}");
                }
                Err(error) => panic!("{way}, {location}: {error}"),
                Ok(_) => panic!("{way}: {location} was taken"),
            }
        }
        if testing::is_runtime_installed() {
            open("n.bin").unwrap_or_else(|error| panic!("{way}: {error}"));
        }
    }
}

#[test]
fn a_network_that_is_a_link_may_keep_tensors_where_it_leads() {
    let root = tempfile::tempdir().unwrap();
    let (blobs, snapshot) = (root.path().join("blobs"), root.path().join("snapshot"));
    fs::create_dir(&blobs).unwrap();
    fs::create_dir(&snapshot).unwrap();
    fs::write(root.path().join("secret.bin"), [0; 4]).unwrap();
    fs::write(
        blobs.join("e3b0"),
        keeping("weight", "n.bin").model.encode_to_vec(),
    )
    .unwrap();
    fs::write(blobs.join("c442"), 0.5f32.to_le_bytes()).unwrap();
    symlink("../blobs/e3b0", snapshot.join("model.onnx")).unwrap();
    let open = |data: &str| {
        let link = snapshot.join("n.bin");
        let _ = fs::remove_file(&link);
        symlink(data, link).unwrap();
        Classifier::open(&testing::options(snapshot.clone()))
    };
    let outside = open("../secret.bin");
    assert!(matches!(
        outside,
        Err(Error::File(FileError::ExternalData { .. }))
    ));
    if testing::is_runtime_installed() {
        open("../blobs/c442").unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn weights_that_nothing_is_made_of_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("network.onnx");
    let numbers = 475_000_000;
    // 1.9 GB, without blocks on the disk.
    let huge = fs::File::create(folder.path().join("huge.bin")).unwrap();
    huge.set_len(4 * numbers as u64).unwrap();
    fs::write(folder.path().join("n.bin"), 0.5f32.to_le_bytes()).unwrap();
    let mut draft = keeping("weight", "n.bin");
    draft
        .graph()
        .initializer
        .push(outside("unused", "huge.bin", numbers));
    draft.node("Relu", &["unused"], "unused too");
    let bytes = draft.model.encode_to_vec();
    assert!(bytes.len() < 1000);
    fs::write(&path, bytes).unwrap();
    if testing::is_runtime_installed() {
        let read = || {
            let io = fs::read_to_string("/proc/self/io").unwrap();
            let read = io.lines().find_map(|line| line.strip_prefix("rchar: "));
            read.unwrap().parse::<u64>().unwrap()
        };
        let before = read();
        Classifier::open(&testing::options(path)).unwrap();
        // Other tests read meanwhile.
        assert!(read() - before < 1_000_000_000);
    }
}
