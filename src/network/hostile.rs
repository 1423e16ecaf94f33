//! Files that are damaged or mean harm.

use std::time::{Duration, Instant};

use prost::Message;

use super::error::{Error, Fault};
use super::onnx;
use super::testing::{Draft, noise, open_bytes};
use super::{check, testing};

fn fault(bytes: Vec<u8>) -> Fault {
    match check(bytes) {
        Err(Error::NotOnnx { fault, .. }) => fault,
        other => panic!("{other:?}"),
    }
}

/// Convolution, pool, two dense layers with a function between: all that the reader knows.
fn sound() -> Draft {
    let mut draft = Draft::with_features();
    draft
        .node("GlobalAveragePool", &["a"], "p")
        .node("Flatten", &["p"], "f");
    draft
        .random("w", &[3, 6])
        .node("MatMul", &["f", "w"], "g")
        .node("Tanh", &["g"], "t");
    draft
        .random("v", &[6, 4])
        .random("c", &[4])
        .node("Gemm", &["t", "v", "c"], "y")
        .output("y");
    draft
}

#[test]
fn what_is_no_model_is_told_apart() {
    assert_eq!(fault(Vec::new()), Fault::Empty);
    assert!(matches!(
        fault(b"not a model at all".to_vec()),
        Fault::Format(_)
    ));
    let whole = sound().model.encode_to_vec();
    assert!(check(whole.clone()).is_ok());
    assert!(matches!(
        fault(whole[..whole.len() / 2].to_vec()),
        Fault::Format(_)
    ));
    assert_eq!(
        fault(
            onnx::Model::default()
                .encode_to_vec()
                .into_iter()
                .chain([8, 7])
                .collect()
        ),
        Fault::NoGraph
    );
}

#[test]
fn claims_beyond_the_file_are_refused() {
    // Field 7 (the graph) of 2 GiB, and a weight of 2 GiB, in a few bytes.
    assert!(matches!(
        fault(vec![0x3a, 0xff, 0xff, 0xff, 0xff, 0x07]),
        Fault::Format(_)
    ));
    let mut draft = sound();
    draft.graph().initializer[1].dims = vec![1 << 40, 1 << 40];
    assert!(matches!(
        fault(draft.model.encode_to_vec()),
        Fault::Weight { .. }
    ));
    draft.graph().initializer[1].dims = vec![-3, 6];
    assert!(matches!(
        fault(draft.model.encode_to_vec()),
        Fault::Weight { .. }
    ));
    // A picture of a million pixels a side.
    let mut draft = sound();
    draft.input(&[1, 3, 1_000_000, 1_000_000]);
    assert!(matches!(
        check(draft.model.encode_to_vec()),
        Err(Error::Input { .. })
    ));
    // Weights that a node would fill.
    let mut draft = Draft::with_features();
    draft
        .node("GlobalAveragePool", &["a"], "p")
        .node("Flatten", &["p"], "f");
    draft
        .integers("shape", &[3, 1 << 40])
        .node("ConstantOfShape", &["shape"], "w");
    draft.node("MatMul", &["f", "w"], "y").output("y");
    assert!(check(draft.model.encode_to_vec()).is_err());
}

#[test]
fn cycles_and_loose_ends_are_refused() {
    let mut draft = sound();
    draft.graph().node[0].input[0] = "y".into();
    assert!(matches!(
        fault(draft.model.encode_to_vec()),
        Fault::Undefined { .. }
    ));
    let mut draft = sound();
    draft.graph().initializer.clear();
    assert!(matches!(
        fault(draft.model.encode_to_vec()),
        Fault::Undefined { .. }
    ));
    let mut draft = sound();
    draft.node("Relu", &["a"], "g");
    assert_eq!(
        fault(draft.model.encode_to_vec()),
        Fault::Redefined { tensor: "g".into() }
    );
    let mut draft = sound();
    draft.output("nothing");
    assert!(matches!(
        fault(draft.model.encode_to_vec()),
        Fault::Undefined { .. }
    ));
}

#[test]
fn depth_and_length_are_bounded() {
    // A graph in a node in a graph, ten thousand deep.
    let mut bytes = Vec::new();
    for _ in 0..10_000 {
        for tag in [0x32u8, 0x2a, 0x0a] {
            let mut outer = vec![tag];
            prost::encoding::encode_varint(bytes.len() as u64, &mut outer);
            outer.append(&mut bytes);
            bytes = outer;
        }
    }
    let mut model = vec![0x3a];
    prost::encoding::encode_varint(bytes.len() as u64, &mut model);
    model.append(&mut bytes);
    assert!(matches!(fault(model), Fault::Format(_)));
    // A chain of a hundred thousand nodes, each joining its input to itself.
    let started = Instant::now();
    let mut draft = Draft::with_features();
    let mut tensor = "a".to_owned();
    for index in 0..100_000 {
        let next = format!("t{index}");
        draft.node("Concat", &[&tensor, &tensor], &next);
        tensor = next;
    }
    draft.node("Flatten", &[&tensor], "f");
    draft
        .random("w", &[3, 4])
        .node("MatMul", &["f", "w"], "y")
        .output("y");
    assert!(check(draft.model.encode_to_vec()).is_err());
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_mutated_file_never_panics() {
    let whole = sound().model.encode_to_vec();
    let changes = noise(3 * 4000, 9);
    for change in changes.as_chunks::<3>().0 {
        let mut bytes = whole.clone();
        let place = ((change[0] + 1.0) / 2.0 * (bytes.len() - 1) as f32) as usize;
        let value = (change[1] * 128.0) as i8 as u8;
        match (change[2] * 2.0) as i32 {
            -1 => bytes[place] = value,
            0 => bytes.insert(place, value),
            _ => bytes.truncate(place),
        }
        let _ = check(bytes);
    }
}

#[test]
fn weights_in_other_files_stay_in_the_folder() {
    let folder = std::env::temp_dir().join(format!("camoverlay-external-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("inside")).unwrap();
    let secret = folder.join("secret.bin");
    std::fs::write(&secret, [0; 72]).unwrap();
    std::fs::write(folder.join("inside/w.bin"), [1; 80]).unwrap();
    std::os::unix::fs::symlink(&secret, folder.join("inside/link.bin")).unwrap();
    let path = folder.join("inside/network.onnx");
    let open = |location: &str, offset: &str| {
        let mut draft = sound();
        let weight = &mut draft.graph().initializer[1];
        weight.float_data.clear();
        weight.data_location = Some(1);
        weight.external_data = [("location", location), ("offset", offset), ("length", "72")]
            .map(|(key, value)| onnx::StringStringEntry {
                key: Some(key.into()),
                value: Some(value.into()),
            })
            .to_vec();
        std::fs::write(&path, draft.model.encode_to_vec()).unwrap();
        super::Classifier::open(&testing::options(path.clone()))
    };
    if testing::is_runtime_installed() {
        assert!(open("w.bin", "8").is_ok());
    }
    for (location, offset, words) in [
        ("w.bin", "16", "does not hold the 72 bytes"),
        ("w.bin", "18446744073709551615", "does not hold"),
        ("w.bin", "first", "“first”"),
        ("missing.bin", "0", "missing.bin"),
        (".", "0", "not a file"),
        ("../secret.bin", "0", "outside the model's folder"),
        ("/etc/passwd", "0", "outside the model's folder"),
        ("link.bin", "0", "outside the model's folder"),
    ] {
        let Err(error @ Error::ExternalData { .. }) = open(location, offset) else {
            panic!("{location} at {offset} was taken");
        };
        assert!(error.to_string().contains(words), "{error}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn numbers_that_are_none_are_an_error_of_the_frame() {
    let mut draft = Draft::with_features();
    draft
        .node("GlobalAveragePool", &["a"], "p")
        .node("Flatten", &["p"], "f");
    draft
        .weight("w", &[3, 2], vec![f32::NAN; 6])
        .node("MatMul", &["f", "w"], "y")
        .output("y");
    let Some(opened) = open_bytes(&draft.model.encode_to_vec()) else {
        return;
    };
    let mut classifier = opened.unwrap();
    let target = super::Target::Rank(0);
    let activation = classifier.run(&noise(48, 2), 4, 4, target).unwrap();
    let request = crate::explain::Request {
        target,
        top_k: 1,
        method: crate::explain::Method::Auto,
    };
    let result = crate::explain::Explanation::default().update(&activation, &request);
    assert_eq!(result, Err(Error::NotFinite { what: "logits" }));
}
