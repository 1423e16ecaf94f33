//! From a network file to a network that can be run: everything that is found out once.

use std::path::{Path, PathBuf};

use super::batch;
use super::beside::Beside;
use super::catalogue::Entry;
use super::error::{LabelsError, RuntimeError};
use super::labels::LabelFile;
use super::metadata::Metadata;
use super::network::{Network, Structure};
use super::options::Options;
use super::preparation::Preparation;
use super::printable::printable;
use super::probe;
use super::provider::attach::How;
use super::provider::check::Request;
use super::provider::trial::{self, Demand, Trial};
use super::provider::{environment, find};
use super::session::{self, Cancellation, Choice, Failure, Session};
use super::transform;
use super::warnings::Warnings;
use super::{metadata, runtime};
use crate::error::Error;
use crate::model::analysis::Analysis;
use crate::model::error::ModelError;
use crate::model::head::outputs::{SizeOf, Wanted};
use crate::model::image_input::{INPUT_SIZE, Picture};
use crate::model::similar::{SimilarClasses, kernels_of_channels};
use crate::model::types::HeadMatch;
use crate::model::{Head, Layer, Outputs, Places, Scores, Target};
use crate::onnx::graph::Graph;

/// Loads ONNX Runtime if that has not happened yet, reads the network, finds its feature map and its
/// head, and gives it to the one provider that `options` name, if it is as demanded. `cancellation` ends the runs that
/// this takes.
///
/// # Errors
/// Any [`Error`] but [`RuntimeError::Run`].
pub fn network(
    options: &Options,
    demand: Demand,
    cancellation: &Cancellation,
) -> Result<Network, Error> {
    let _busy = session::Busy::begin();
    let (path, entry) = options.locate()?;
    // Of a label file that cannot be read is told once the network can.
    let label_file = options.labels.as_deref().map(LabelFile::read);
    let mut warnings = Warnings::new(&path);
    let beside = beside(&path, entry, &mut warnings);
    let size = |graph: &Graph, picture: &Picture| {
        picture_size(options, entry, &beside, &path, graph, picture)
    };
    let limit = options.memory_limit();
    let wanted = wanted(options, label_file.as_ref(), &beside, &size);
    let (analysis, mut files) = Analysis::of_file(&path, wanted)?;
    let graph = &analysis.graph;
    let picture = analysis.picture.clone();
    let sources = transform::Sources {
        options,
        entry,
        metadata: Metadata::of(graph),
        beside: &beside,
        picture: &picture,
    };
    let preparation = Preparation::new(&sources, &path, &mut warnings)?;
    let preprocessing = preparation.preprocessing.clone();
    let size = preparation.size;
    let input_size = size.shortest;
    let places = analysis.places(&path, input_size);
    let least_side = match places {
        Ok(Places::Proven { .. } | Places::Tokens { .. }) => None,
        Ok(Places::Probed { .. }) => analysis.least_side(input_size),
        Err(_) => analysis.least_side(input_size).or_else(|| {
            usual_size(&picture, input_size, |side| {
                analysis.places(&path, side).is_ok()
            })
        }),
    };
    // What a larger picture helps against is told as that.
    let at_this_size = |error: Error, least_side: Option<u32>| match least_side {
        Some(least) => ModelError::InputTooSmall {
            path: path.clone(),
            asked: input_size,
            least,
        }
        .into(),
        None => error,
    };
    let places = places.map_err(|error| at_this_size(error.into(), least_side))?;
    let environment = environment::environment(options)?;
    let own_labels = metadata::labels(graph, &beside);
    let name = match (entry, graph.metadata("name")) {
        (Some(entry), _) => entry.nick.to_owned(),
        (None, Some(name)) => printable(name),
        (None, None) => name_of(&path, &beside),
    };
    let ends_in_scores = analysis.head_match.logits != analysis.outputs.taken;
    let scores = beside.scores(
        ends_in_scores.then_some(analysis.head_match.scores),
        &mut warnings,
    );
    let sight = analysis.sight(&places, input_size);
    let mut structure = structure(&analysis, places);
    let analysis = analysis.with_gradient(&path, limit, options.cell_by_cell)?;
    let gradient = analysis.gradient.as_ref();
    let has_constant_of_space = analysis.has_constant_of_space();
    let has_sums = gradient.is_some_and(|gradient| gradient.sums.is_some());
    let rows = gradient.and_then(|gradient| gradient.rows.clone());
    let has_share = rows.is_some();
    let runs_cells = gradient.is_some_and(|gradient| gradient.alone.is_some());
    let has_attention = gradient.is_some_and(|gradient| gradient.attention.is_some());
    if let Some((width, height)) = picture.fixed() {
        let bytes =
            size_of::<f32>() as u64 * picture.channels as u64 * width as u64 * height as u64;
        if let Some(limit) = limit.filter(|&limit| bytes > limit) {
            return Err(ModelError::Memory {
                path,
                found: format!("its picture of {width} x {height} pixels has {bytes} bytes"),
                limit: Some(limit),
            }
            .into());
        }
    }
    let kernels = match analysis.head_match.head {
        Head::Channels => kernels_of_channels(&analysis.graph, &analysis.head_match),
        Head::Dense { .. } => None,
        Head::PooledLayers | Head::FlattenedLayers | Head::Layers { .. } => rows,
    };
    let attachment = find::find(&options.provider, options.threads, &options.search_roots)?;
    let for_cpu = attachment.how == How::Cpu;
    let choice = gradient.map(|_| Choice {
        target: Target::Class(0),
        further: for_cpu.then_some(&[][..]),
        detail: has_sums.then_some(false),
        share: has_share.then_some(0.0),
        alone: runs_cells.then_some(false),
    });
    let more_layers = analysis.head_match.beside.len();
    let mut analysis = analysis;
    let runs_several = options.batch_size > 1 && analysis.run_several();
    let (model, head_match) = analysis.rewrite(&path, limit.unwrap_or(u64::MAX), for_cpu)?;
    let unsupported = |message: String| match picture.batch {
        1 => Error::from(RuntimeError::Unsupported {
            path: path.clone(),
            message,
        }),
        pictures => ModelError::Batch {
            path: path.clone(),
            pictures,
            message,
        }
        .into(),
    };
    let measured = match for_cpu {
        true => None,
        false => {
            let may_be_one_size = has_constant_of_space
                || !matches!(head_match.head, Head::Channels | Head::Dense { .. })
                || !matches!(structure.places, Places::Proven { .. });
            let square = picture.size(input_size);
            let oblong = picture
                .oblong(input_size)
                .next()
                .filter(|_| !may_be_one_size);
            let trial = Trial::new(
                &model,
                probe::Frame {
                    size: oblong.unwrap_or(square),
                    normalization: preprocessing.normalization,
                },
                Request {
                    attachment: attachment.clone(),
                    runtime: runtime::loaded().unwrap_or_default(),
                    threads: options.threads,
                    channels: picture.channels,
                    size: oblong.unwrap_or(square),
                    choice,
                    is_sigmoid: scores == Scores::Sigmoid,
                },
            );
            Some(trial.measured(&path, &options.search_roots, demand, cancellation)?)
        }
    };
    if let Some(measured) = &measured {
        warnings.of_provider(&attachment.nick, measured);
    }
    let session = {
        let limit = limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
        Session::new(
            &environment,
            &model,
            picture.channels,
            options.threads,
            limit,
            &attachment,
        )
        .map_err(|refusal| match for_cpu {
            true => unsupported(refusal.words().to_owned()),
            false => trial::refused(refusal, &attachment, &path).into(),
        })?
    };
    drop(model);
    let mut outputs = session::Outputs::default().ended_by(cancellation);
    let does_not_run = |failure, outputs: &mut session::Outputs| {
        let message = match failure {
            Failure::Cancelled => return RuntimeError::Cancelled.into(),
            Failure::Words(message) => message,
        };
        let usual = || {
            usual_size(&picture, input_size, |side| {
                let side = side as usize;
                count_classes(&session, side, side, choice, outputs).is_ok()
            })
        };
        let error = match (picture.fixed(), picture.batch) {
            (Some(_), _) | (None, 2..) => unsupported(message),
            (None, _) => Error::from(RuntimeError::Size {
                path: path.clone(),
                side: input_size,
                message,
            }),
        };
        at_this_size(error, least_side.or_else(usual))
    };
    let classes = match &head_match.head {
        Head::Dense { bias, .. } => bias.len(),
        Head::Channels | Head::PooledLayers | Head::FlattenedLayers | Head::Layers { .. } => {
            match session.inferred_classes() {
                Some(classes) => classes,
                None => {
                    let [height, width] = picture.size(input_size);
                    count_classes(&session, width, height, choice, &mut outputs)
                        .map_err(|failure| does_not_run(failure, &mut outputs))?
                }
            }
        }
    };
    if picture.batch > 1 {
        let [height, width] = picture.size(input_size);
        let returned = count_classes(&session, width, height, choice, &mut outputs)
            .map_err(|failure| does_not_run(failure, &mut outputs))?;
        if returned != classes {
            let message = format!("it returns {returned} values for {classes} classes");
            return Err(unsupported(message));
        }
    }
    if classes < 2 {
        return Err(ModelError::OneClass { path, classes }.into());
    }
    let labels = match label_file {
        Some(read) => {
            let file = read?;
            let labels = file.labels(classes)?;
            files.push(file.ingredient());
            labels
        }
        None => metadata::choose_labels(&own_labels, classes, &mut warnings),
    };
    beside.check_classes(classes, &mut warnings);
    files.extend(beside.files);
    let is_probed = matches!(
        structure.places,
        Places::Probed { .. } | Places::Tokens { .. }
    );
    let mut sides = picture.sides;
    // Tokens are laid out for one size.
    let is_one_size = matches!(structure.places, Places::Tokens { .. });
    let may_be_fixed = is_probed
        || has_constant_of_space
        || matches!(head_match.head, Head::FlattenedLayers | Head::Layers { .. });
    if picture.fixed().is_none() && may_be_fixed {
        // A file may declare sizes free that its layers fix.
        let (width, height) = size.sides();
        let [height, width] = match is_one_size {
            true => [0, 1].map(|axis| picture.sides[axis].unwrap_or([height, width][axis])),
            false => picture.size(input_size),
        };
        let mut run = |width, height| count_classes(&session, width, height, choice, &mut outputs);
        // A constant may fix one of height and width alone.
        let tried = if has_constant_of_space { 2 } else { 1 };
        let mut sizes = picture.oblong(input_size).take(tried);
        if is_one_size || sizes.any(|[height, width]| run(width, height).is_err()) {
            run(width, height).map_err(|failure| does_not_run(failure, &mut outputs))?;
            sides = [Some(height), Some(width)];
        }
    }
    if is_probed {
        let frame = probe::Frame {
            size: match sides {
                [Some(height), Some(width)] => [height, width],
                _ => {
                    let square = picture.size(input_size);
                    picture.oblong(input_size).next().unwrap_or(square)
                }
            },
            normalization: preprocessing.normalization,
        };
        let taps = probe::taps(more_layers, has_attention);
        let checked = probe::check(&session, &frame, is_one_size, choice, &taps, cancellation);
        let is_seen = checked.map_err(|failure| match failure {
            probe::Failure::Run(failure) => does_not_run(failure, &mut outputs),
            probe::Failure::Lack(lack) => {
                let error = ModelError::NoPlaces {
                    path: path.clone(),
                    features: structure.features.clone(),
                    found: lack.found,
                    advice: lack.advice,
                };
                at_this_size(error.into(), least_side)
            }
        })?;
        if let Places::Tokens { answers, .. } = &mut structure.places {
            *answers = is_seen;
            if !is_seen {
                warnings.note_of_places(&structure.features);
            }
        }
    }
    let mut head = head_match.head;
    if let Head::Layers { vanishes, attends } = &mut head {
        *attends = has_attention;
        let usual = picture.size(input_size);
        let frame = probe::Frame {
            size: [0, 1].map(|axis| sides[axis].unwrap_or(usual[axis])),
            normalization: preprocessing.normalization,
        };
        let taps = probe::taps(more_layers, has_attention);
        *vanishes = probe::vanishes(&session, &frame, choice, &taps, cancellation)
            .map_err(|failure| does_not_run(failure, &mut outputs))?;
    }
    let fit = preparation.fit(sides, &mut warnings)?;
    let keeps_apart = runs_several && {
        let usual = picture.size(input_size);
        let frame = probe::Frame {
            size: [0, 1].map(|axis| sides[axis].unwrap_or(usual[axis])),
            normalization: preprocessing.normalization,
        };
        batch::are_kept_apart(&session, &frame, &mut outputs)
    };
    let batch_size = match keeps_apart {
        true => options.batch_size,
        false => 1,
    };
    if batch_size < options.batch_size {
        warnings.of_batch(runs_several);
    }
    session::free_memory::give_back();
    Ok(Network {
        session,
        measured,
        precision: options.provider.precision,
        path,
        name,
        labels,
        classes,
        preprocessing,
        fit,
        is_fixed: sides.iter().all(Option::is_some),
        structure,
        sight,
        similar: SimilarClasses::new(&head, classes, kernels),
        head,
        has_sums,
        has_share,
        runs_cells,
        tells_further: choice.is_some_and(|choice| choice.further.is_some()),
        batch_size,
        beside: more_layers,
        scores,
        warnings: warnings.list,
        notices: warnings.notices,
        files,
    })
}

/// The layers of a network that can be explained, which `layer` in [`Options`] names, in the order of its graph.
///
/// # Errors
/// Any [`Error`] about the network's file.
pub fn layers(options: &Options) -> Result<Vec<Layer>, Error> {
    Ok(analysis(options)?.1.layers())
}

/// Where the network's file is, and its graph taken apart.
///
/// # Errors
/// Any [`Error`] about the network's file.
pub(super) fn analysis(options: &Options) -> Result<(PathBuf, Analysis), Error> {
    let (path, entry) = options.locate()?;
    let label_file = options.labels.as_deref().map(LabelFile::read);
    let beside = beside(&path, entry, &mut Warnings::new(&path));
    let size = |graph: &Graph, picture: &Picture| {
        picture_size(options, entry, &beside, &path, graph, picture)
    };
    let wanted = wanted(options, label_file.as_ref(), &beside, &size);
    let (analysis, _) = Analysis::of_file(&path, wanted)?;
    Ok((path, analysis))
}

/// What exporters put beside the network; the catalogue knows its own, whatever lies in their folder.
fn beside(path: &Path, entry: Option<&Entry>, warnings: &mut Warnings) -> Beside {
    match entry {
        Some(_) => Beside::default(),
        None => Beside::of(path, warnings),
    }
}

/// What is asked of a network before it is read.
fn wanted<'a>(
    options: &'a Options,
    label_file: Option<&Result<LabelFile, LabelsError>>,
    beside: &Beside,
    size: &'a SizeOf<'a>,
) -> Wanted<'a> {
    Wanted {
        output: options.output.as_deref(),
        layer: options.layer.as_deref(),
        size: Some(size),
        labels: label_file.and_then(|read| read.as_ref().ok()?.count()),
        own_labels: Some(metadata::label_counts),
        labels_beside: beside
            .labels()
            .and_then(|(_, names)| Some(names.ok()?.len())),
    }
}

/// Height and width of the pictures of the network in `graph`. What is wrong with what its files say is told later.
fn picture_size(
    options: &Options,
    entry: Option<&Entry>,
    beside: &Beside,
    path: &Path,
    graph: &Graph,
    picture: &Picture,
) -> [usize; 2] {
    let sources = transform::Sources {
        options,
        entry,
        metadata: Metadata::of(graph),
        beside,
        picture,
    };
    match sources.size(path, &mut Warnings::new(path)) {
        Ok(size) => {
            let (width, height) = size.sides();
            [0, 1].map(|axis| picture.sides[axis].unwrap_or([height, width][axis]))
        }
        Err(_) => picture.size(INPUT_SIZE),
    }
}

/// The file's name or, of a network that lies among its descriptions, that of their folder: all of those
/// are called `model.onnx`.
fn name_of(path: &Path, beside: &Beside) -> String {
    let stem = path.file_stem().unwrap_or_default();
    let is_nameless = stem == "model" && beside.is_there();
    let of_folder = beside.folder().filter(|_| is_nameless);
    // “.” has a name too.
    let folder = of_folder.and_then(|folder| folder.canonicalize().ok());
    let name = folder.as_deref().and_then(Path::file_name).unwrap_or(stem);
    printable(&name.to_string_lossy())
}

fn structure(network: &Analysis, places: Places) -> Structure {
    let Analysis {
        graph,
        picture,
        head_match,
        outputs,
        ..
    } = network;
    let operators = head_match
        .tail
        .iter()
        .map(|&index| printable(graph.nodes()[index].op_type()));
    Structure {
        input: printable(&picture.name),
        layout: picture.layout,
        features: printable(&all_features(head_match)),
        outputs: Outputs {
            taken: printable(&outputs.taken),
            others: outputs.others.iter().map(|name| printable(name)).collect(),
            ..outputs.clone()
        },
        head: operators.collect(),
        places,
    }
}

/// The names of the layers that are explained together.
fn all_features(head_match: &HeadMatch) -> String {
    let beside = head_match.beside.iter().map(|tap| tap.features.as_str());
    let names: Vec<&str> = [head_match.features.as_str()]
        .into_iter()
        .chain(beside)
        .collect();
    names.join(" + ")
}

/// The size that most networks are made for, if the network fails on a smaller one alone.
fn usual_size(picture: &Picture, failed: u32, works: impl FnOnce(u32) -> bool) -> Option<u32> {
    let is_helped = picture.own_side().is_none() && failed < INPUT_SIZE && works(INPUT_SIZE);
    is_helped.then_some(INPUT_SIZE)
}

/// Number of logits that a run on a black picture returns.
fn count_classes(
    session: &Session,
    width: usize,
    height: usize,
    choice: Option<Choice>,
    outputs: &mut session::Outputs,
) -> Result<usize, Failure> {
    let black = vec![0.0; session.channels() * width * height];
    session.run(&black, width, height, choice, outputs)?;
    let count = outputs.get(1)?.values.len();
    let pictures = outputs.get(0)?.shape.first().copied();
    outputs.free();
    if pictures != Some(1) {
        return Err(format!("its feature map is of {} pictures", pictures.unwrap_or(0)).into());
    }
    Ok(count)
}
