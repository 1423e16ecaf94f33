//! Files that are damaged or mean harm.

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use prost::Message;

use crate::cam::error::CamError;
use crate::error::Error;
use crate::model::analysis::Analysis;
use crate::model::check;
use crate::model::error::ModelError;
use crate::model::head::outputs::Wanted;
use crate::onnx::error::{Fault, FileError};
use crate::onnx::node::{node, with_int, with_ints};
use crate::onnx::proto;
use crate::testing;
use crate::testing::{Draft, ask, noise, open_bytes};

/// What takes so long never ends: fractions of a second are usual, on an emulated processor under load too.
const FOREVER: Duration = Duration::from_secs(60);

fn fault(bytes: Vec<u8>) -> Fault {
    match check(bytes) {
        Err(Error::File(FileError::NotOnnx { fault, .. })) => fault,
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
            proto::Model::default()
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
        Err(Error::Model(ModelError::Input { .. }))
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
        Fault::Cycle { .. }
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
    // A node that makes the picture out of itself.
    let mut draft = Draft::new();
    draft.node("Relu", &["x"], "x").output("x");
    assert_eq!(
        fault(draft.model.encode_to_vec()),
        Fault::Redefined { tensor: "x".into() }
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
    assert!(started.elapsed() < FOREVER);
}

/// Changes `bytes` in one to eight places: a byte, a bit, a run cut out, doubled or swapped in from
/// elsewhere, a length raised, the end cut off.
fn mutate(bytes: &mut Vec<u8>, random: &mut impl FnMut(usize) -> usize) {
    for _ in 0..1 + random(8) {
        if bytes.is_empty() {
            return;
        }
        let place = random(bytes.len());
        let end = (place + 1 + random(24)).min(bytes.len());
        match random(7) {
            0 => bytes[place] = random(256) as u8,
            1 => bytes[place] ^= 1 << random(8),
            2 => drop(bytes.drain(place..end)),
            3 => {
                let run = bytes[place..end].to_vec();
                let to = random(bytes.len());
                bytes.splice(to..to, run);
            }
            4 => bytes[place] = bytes[place].saturating_add(1 << random(7)),
            5 => bytes
                .splice(place..end, [0xff, 0xff, 0xff, 0xff, 0x07])
                .for_each(drop),
            _ if random(8) == 0 => bytes.truncate(place),
            _ => bytes.insert(place, random(256) as u8),
        }
    }
}

/// Ends the test when a file takes more than `limit` and so may never end, or fill the memory.
fn watch(seed: u64, round: Weak<AtomicUsize>, limit: Duration) {
    let mut last = None;
    while let Some(round) = round.upgrade() {
        let now = round.load(Ordering::Relaxed);
        drop(round);
        if last.replace(now) == Some(now) {
            // Not `eprintln`, which the test would keep to itself.
            let words = format!("seed {seed}: file {now} takes more than {limit:?}\n");
            let _ = std::io::stderr().write_all(words.as_bytes());
            std::process::abort();
        }
        std::thread::sleep(limit);
    }
}

/// Patches and a class token, attention, and two classes of the class token.
fn transformer() -> Draft {
    let mut draft = Draft::with_features();
    draft
        .integers("row", &[1, 3, -1])
        .node("Reshape", &["a", "row"], "r")
        .node_ints("Transpose", &["r"], "patches", ("perm", &[0, 2, 1]))
        .random("class", &[1, 1, 3])
        .node_int("Concat", &["class", "patches"], "tokens", ("axis", 1))
        .random("s", &[3])
        .random("b", &[3]);
    draft
        .node("LayerNormalization", &["tokens", "s", "b"], "n")
        .random("w", &[3, 12])
        .node("MatMul", &["n", "w"], "qkv");
    let mut split = with_int(node("Split", &["qkv", "parts"], "q"), "axis", 2);
    split.output.extend(["k".into(), "v".into()]);
    draft
        .integers("parts", &[4, 4, 4])
        .push(split)
        .node_ints("Transpose", &["k"], "kt", ("perm", &[0, 2, 1]))
        .node("MatMul", &["q", "kt"], "scores")
        .node_int("Softmax", &["scores"], "attention", ("axis", -1))
        .node("MatMul", &["attention", "v"], "mixed")
        .random("out", &[4, 3])
        .node("MatMul", &["mixed", "out"], "o")
        .node("Add", &["tokens", "o"], "sum")
        .integers("first", &[0])
        .node_int("Gather", &["sum", "first"], "token", ("axis", 1))
        .node("Flatten", &["token"], "f")
        .random("last", &[3, 2])
        .node("MatMul", &["f", "last"], "y")
        .output("y");
    draft.opset(17);
    draft
}

/// All that moves elements, and windows of every kind, before two classes.
fn of_moves() -> Draft {
    let mut draft = Draft::with_features();
    let pool = with_ints(node("MaxPool", &["a"], "m"), "kernel_shape", &[3, 3]);
    let pool = with_ints(pool, "strides", &[2, 2]);
    draft
        .push(with_ints(pool, "pads", &[1, 1, 1, 1]))
        .integers("pads", &[0, 0, 1, 0, 0, 0, 1, 2])
        .node("Pad", &["m", "pads"], "p");
    let pool = with_ints(node("AveragePool", &["p"], "q"), "kernel_shape", &[2, 2]);
    draft
        .push(with_int(pool, "ceil_mode", 1))
        .integers("repeats", &[1, 2, 1, 2])
        .node("Tile", &["q", "repeats"], "t")
        .integers("start", &[-1])
        .integers("end", &[-99])
        .integers("axis", &[3])
        .integers("step", &[-2])
        .node("Slice", &["t", "start", "end", "axis", "step"], "s")
        .integers("picks", &[1, 0, 1])
        .node_int("Gather", &["s", "picks"], "g", ("axis", 2))
        .integers("axes", &[2, 3])
        .node("ReduceSum", &["g", "axes"], "sum")
        .node("Flatten", &["sum"], "f")
        .random("w", &[6, 2])
        .node("MatMul", &["f", "w"], "y")
        .output("y");
    draft
}

/// Mutates sound files and files mutated before, and reads them, until `done` says so.
fn fuzz(seed: u64, mut done: impl FnMut(usize) -> bool) {
    let progress = Arc::new(AtomicUsize::new(0));
    let watched = Arc::downgrade(&progress);
    std::thread::spawn(move || watch(seed, watched, FOREVER));
    let mut state = seed | 1;
    let mut random = |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as usize % bound.max(1)
    };
    let mut flattened = Draft::with_features();
    flattened.node("Flatten", &["a"], "f").random("w", &[48, 2]);
    flattened
        .node_int("Gemm", &["f", "w"], "g", ("transA", 0))
        .node("Softmax", &["g"], "y");
    flattened.output("y");
    // With a weight that is large enough to be left in the file until it is needed.
    let mut large = Draft::with_features();
    large.node("Flatten", &["a"], "f").random("w", &[48, 24]);
    large.node("MatMul", &["f", "w"], "y").output("y");
    let weight = &mut large.graph().initializer[1];
    let values = std::mem::take(&mut weight.float_data);
    weight.raw_data = Some(
        values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect(),
    );
    let mut corpus = vec![
        sound().model.encode_to_vec(),
        flattened.model.encode_to_vec(),
        large.model.encode_to_vec(),
        transformer().model.encode_to_vec(),
        of_moves().model.encode_to_vec(),
    ];
    for file in &corpus {
        check(file.clone()).unwrap();
    }
    let sound = corpus.len();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("network.onnx");
    for round in 0.. {
        if done(round) {
            return;
        }
        progress.store(round, Ordering::Relaxed);
        let pick = if random(2) == 0 {
            random(sound)
        } else {
            random(corpus.len())
        };
        let mut bytes = corpus[pick].clone();
        mutate(&mut bytes, &mut random);
        let result = check(bytes.clone());
        // The same from a file, of which less is read; weights in other files, which only miss above, are looked for.
        std::fs::write(&path, &bytes).unwrap();
        let read = Analysis::of_file(&path, Wanted::default()).err();
        let is_outside = matches!(read, Some(Error::File(FileError::ExternalData { .. })));
        assert!(
            result.is_err() || read.is_none() || is_outside,
            "seed {seed}, file {round}: {read:?}"
        );
        // What is almost sound leads deeper than what is not.
        let is_near = match result {
            Ok(()) => true,
            Err(Error::File(FileError::NotOnnx { fault, .. })) => {
                matches!(
                    fault,
                    Fault::Undefined { .. } | Fault::Redefined { .. } | Fault::Cycle { .. }
                )
            }
            Err(_) => true,
        };
        if is_near && corpus.len() < 512 {
            corpus.push(bytes);
        }
    }
}

#[test]
fn mutated_files_neither_panic_nor_hang() {
    fuzz(9, |round| round == 4000);
}

/// Runs for the seconds that `CAMOVERLAY_FUZZ_SECONDS` says, 60 unless set, from a seed of the
/// clock's.
#[test]
#[ignore = "takes a minute; run with --ignored"]
fn mutated_files_for_a_minute() {
    let seconds = std::env::var("CAMOVERLAY_FUZZ_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok());
    let limit = Duration::from_secs(seconds.unwrap_or(60));
    let since_epoch = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    let seed = since_epoch.as_nanos() as u64;
    println!("seed {seed}");
    let started = Instant::now();
    let mut rounds = 0;
    fuzz(seed, |round| {
        rounds = round;
        started.elapsed() > limit
    });
    println!("{rounds} files");
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
            .map(
                |(key, value)| crate::onnx::generated::StringStringEntryProto {
                    key: Some(key.into()),
                    value: Some(value.into()),
                },
            )
            .to_vec();
        std::fs::write(&path, draft.model.encode_to_vec()).unwrap();
        crate::inference::classifier::Classifier::open(&testing::options(path.clone()))
    };
    let pipe = std::process::Command::new("mkfifo")
        .arg(folder.join("inside/pipe.bin"))
        .status();
    assert!(pipe.unwrap().success());
    // More than any memory holds, without blocks on the disk: only the weight's own bytes are read.
    let huge = std::fs::File::create(folder.join("inside/huge.bin")).unwrap();
    huge.set_len(8 << 40).unwrap();
    if testing::is_runtime_installed() {
        assert!(open("w.bin", "8").is_ok());
        assert!(open("huge.bin", "4398046511104").is_ok());
    }
    for (location, offset, words) in [
        ("w.bin", "16", "does not hold the 72 bytes"),
        ("w.bin", "18446744073709551615", "does not hold"),
        ("w.bin", "first", "“first”"),
        ("missing.bin", "0", "missing.bin"),
        (".", "0", "is a folder, not a regular file"),
        ("pipe.bin", "0", "is a pipe, not a regular file"),
        ("../secret.bin", "0", "outside the model's folder"),
        ("/etc/passwd", "0", "outside the model's folder"),
        ("link.bin", "0", "outside the model's folder"),
    ] {
        let Err(Error::File(error @ FileError::ExternalData { .. })) = open(location, offset)
        else {
            panic!("{location} at {offset} was taken");
        };
        assert!(error.to_string().contains(words), "{error}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn numbers_that_are_none_are_an_error_of_the_frame() {
    // Before the head, whose own weights are looked at when the network is opened.
    let mut draft = Draft::with_features();
    draft
        .weight("scale", &[1, 3, 1, 1], vec![f32::NAN; 3])
        .node("Mul", &["a", "scale"], "m")
        .node("GlobalAveragePool", &["m"], "p")
        .node("Flatten", &["p"], "f")
        .random("w", &[3, 2])
        .node("MatMul", &["f", "w"], "y")
        .output("y");
    let Some(opened) = open_bytes(&draft.model.encode_to_vec()) else {
        return;
    };
    let mut classifier = opened.unwrap();
    let target = crate::model::Target::Rank(0);
    let activation = ask(&mut classifier, &noise(48, 2), target).unwrap();
    let result =
        crate::cam::Explanation::default().update(&activation, 1, crate::cam::Method::Auto);
    // The first tensor that is none, whatever the platform's kernels make of it on the way to the logits.
    assert_eq!(result, Err(CamError::NotFinite { what: "features" }.into()));
}
