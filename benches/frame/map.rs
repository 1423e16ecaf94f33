//! What the explanation adds to a run of the network.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use camoverlay::cam::{Explanation, Method, Query};
use camoverlay::inference::{Classifier, Options, Source};
use camoverlay::model::Target;
use camoverlay::preprocess::Fit;

use crate::{
    Effort, FULL_HD,
    bare::{self, Bare},
    by_hand::{self, Program},
    median,
    network::{Network, source_tree},
    probe,
};

/// A network file, and how it is opened.
pub struct Subject {
    pub name: String,
    /// Random numbers in place of weights.
    pub is_stand_in: bool,
    options: Options,
    file: PathBuf,
}

/// The networks of the catalogue that are here, and the ones that `make bench-python` and `make recipes-python` export.
fn subjects(networks: &[Network]) -> Vec<Subject> {
    let mut subjects: Vec<Subject> = networks
        .iter()
        .map(|network| Subject {
            name: network.nick.to_owned(),
            is_stand_in: false,
            options: network.options(),
            file: network.file.clone(),
        })
        .collect();
    let folder = source_tree().join(".deps/stand-ins");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|file| {
            file.extension()
                .is_some_and(|extension| extension == "onnx")
        })
        .collect();
    files.sort();
    subjects.extend(files.into_iter().map(|file| {
        Subject {
            name: file
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            is_stand_in: true,
            options: options(&file),
            file,
        }
    }));
    subjects
}

fn options(file: &Path) -> Options {
    Options {
        source: Source::File(file.to_owned()),
        search_roots: vec![source_tree()],
        ..Options::default()
    }
}

/// All of them, on frames of one size.
pub fn rows(networks: &[Network], effort: Effort) -> Vec<Row> {
    let python = by_hand::python_of_recipes();
    let mut grad_cam = Program::start(python, "grad_cam_maps.py");
    let subjects = subjects(networks);
    let rows = subjects
        .iter()
        .map(|subject| Row::measure(subject, FULL_HD, &mut grad_cam, effort));
    rows.collect()
}

/// Medians of one network on the tensor of one frame size, and its memory.
pub struct Row {
    pub name: String,
    pub is_stand_in: bool,
    pub head: &'static str,
    /// Width and height of the tensor.
    pub tensor: (usize, usize),
    /// The network file as it is.
    pub network: Duration,
    /// The network that returns its feature map, and the gradient where that is needed, too.
    pub with_features: Duration,
    /// Class map, best classes and scores.
    pub map: Duration,
    /// pytorch-grad-cam's map of the same network, without the scaling to the frame.
    pub grad_cam: Option<Duration>,
    /// Resident memory of a process that runs the network file as it is, in bytes.
    pub network_memory: u64,
    /// Resident memory of one that makes class maps, in bytes.
    pub map_memory: u64,
}

impl Row {
    fn measure(
        subject: &Subject,
        frame: (usize, usize),
        grad_cam: &mut Program,
        effort: Effort,
    ) -> Self {
        eprintln!("{} with its map", subject.name);
        let mut explainer = Explainer::open(&subject.options, |fit| fit.size(frame.0, frame.1));
        let tensor = explainer.size;
        let mut bare = Bare::of_file(&subject.file, tensor);
        let (mut networks, mut features, mut maps) = (Vec::new(), Vec::new(), Vec::new());
        let mut grad_cams = Vec::new();
        let request = format!("{}\t{}\t{}\t1", subject.name, tensor.0, tensor.1);
        effort.repeat(|counts| {
            let network_time = bare.run();
            let (features_time, map_time) = explainer.run();
            let times = grad_cam.times(&request);
            if counts {
                grad_cams.extend(times);
                networks.push(network_time);
                features.push(features_time);
                maps.push(map_time);
            }
        });
        let memory = |kind: &str| {
            let file = subject.file.to_string_lossy();
            probe::ask(kind, &file, &[tensor.0, tensor.1])[0]
        };
        Self {
            name: subject.name.clone(),
            is_stand_in: subject.is_stand_in,
            head: explainer.classifier.head().description(),
            tensor,
            network: median(networks),
            with_features: median(features),
            map: median(maps),
            grad_cam: (!grad_cams.is_empty()).then(|| median(grad_cams)),
            network_memory: memory("file"),
            map_memory: memory("map"),
        }
    }
}

/// A network that explains the same picture again and again.
pub struct Explainer {
    classifier: Classifier,
    explanation: Explanation,
    tensor: Vec<f32>,
    size: (usize, usize),
}

impl Explainer {
    /// Of the network in `file`, on pictures of this width and height.
    pub fn of_file(file: &Path, size: (usize, usize)) -> Self {
        Self::open(&options(file), |_| size)
    }

    fn open(options: &Options, size: impl FnOnce(Fit) -> (usize, usize)) -> Self {
        let classifier = Classifier::open(options).expect("the network is here");
        let size = size(classifier.fit());
        Self {
            classifier,
            explanation: Explanation::default(),
            tensor: bare::tensor(size),
            size,
        }
    }

    /// Times of the network and of what is made of its features.
    pub fn run(&mut self) -> (Duration, Duration) {
        let query = Query {
            target: Target::Rank(0),
            top_k: 3,
            method: Method::Auto,
        };
        let start = Instant::now();
        let (width, height) = self.size;
        let activation = self
            .classifier
            .run(
                &self.tensor,
                width,
                height,
                query.target,
                query.method.detail(),
            )
            .expect("the network runs");
        let features = start.elapsed();
        self.explanation
            .update(&activation, query.top_k, query.method)
            .expect("the network can be explained");
        (features, start.elapsed() - features)
    }
}
