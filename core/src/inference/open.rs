//! From a network file to a network that can be run: everything that is found out once.

use super::error::RuntimeError;
use super::labels::LabelFile;
use super::network::{Network, Structure};
use super::options::Options;
use super::printable::printable;
use super::probe;
use super::session::{self, Cancellation, Choice, Failure, Session};
use super::{metadata, runtime};
use crate::error::Error;
use crate::model::analysis::Analysis;
use crate::model::error::ModelError;
use crate::model::head::outputs::Wanted;
use crate::model::image_input::{INPUT_SIZE, Picture};
use crate::model::places::oblong;
use crate::model::similar::{SimilarClasses, kernels_of_channels};
use crate::model::{Head, Outputs, Places};

/// Loads ONNX Runtime if that has not happened yet, reads the network, finds its feature map and its
/// head. `cancellation` ends the runs that this takes.
///
/// # Errors
/// Any [`Error`] but [`RuntimeError::Run`].
pub fn network(options: &Options, cancellation: &Cancellation) -> Result<Network, Error> {
    let _busy = session::Busy::begin();
    let (path, entry) = options.locate()?;
    // Of a label file that cannot be read is told once the network can.
    let label_file = options.labels.as_deref().map(LabelFile::read);
    let wanted = Wanted {
        output: options.output.as_deref(),
        labels: label_file
            .as_ref()
            .and_then(|read| read.as_ref().ok()?.count()),
        own_labels: Some(metadata::label_counts),
    };
    let (analysis, mut files) = Analysis::of_file(&path, wanted)?;
    let graph = &analysis.graph;
    let mut warnings = metadata::Warnings::new(&path);
    let preprocess = metadata::preprocess(options, entry, graph, &mut warnings);
    let input_size = metadata::input_size(options, entry, &analysis, &path, &mut warnings)?;
    let places = analysis.places(&path, input_size);
    let least_side = match places {
        Ok(Places::Proven { .. }) => None,
        Ok(Places::Probed { .. }) | Err(_) => analysis.least_side(input_size),
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
    let environment = runtime::environment(options.ort_library.as_deref(), &options.search_roots)?;
    let own_labels = metadata::labels(graph);
    let name = match (entry, graph.metadata("name")) {
        (Some(entry), _) => entry.nick.to_owned(),
        (None, Some(name)) => printable(name),
        (None, None) => printable(&path.file_stem().unwrap_or_default().to_string_lossy()),
    };
    let limit = options.memory_limit();
    let structure = structure(&analysis, places);
    let gradient = analysis.gradient.as_ref();
    let has_constant_of_space = analysis.has_constant_of_space();
    let has_sums = gradient.is_some_and(|gradient| gradient.sums.is_some());
    if let Some((width, height)) = analysis.picture.fixed {
        let bytes = size_of::<f32>() as u64 * 3 * width as u64 * height as u64;
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
        Head::Dense { .. } | Head::PooledLayers | Head::FlattenedLayers => None,
    };
    let choice = gradient.map(|_| Choice {
        class: 0,
        slot: 0,
        detail: has_sums.then_some(false),
    });
    let (model, picture, head_match) = analysis.rewrite(&path, limit.unwrap_or(u64::MAX))?;
    let unsupported = |message| {
        Error::from(RuntimeError::Unsupported {
            path: path.clone(),
            message,
        })
    };
    let session = {
        let limit = limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
        Session::new(&environment, &model, options.threads, limit).map_err(unsupported)?
    };
    drop(model);
    let mut outputs = session::Outputs::default().ended_by(cancellation);
    let does_not_run = |failure, outputs: &mut session::Outputs| {
        let message = match failure {
            Failure::Cancelled => return RuntimeError::Cancelled.into(),
            Failure::Words(message) => message,
        };
        let usual = || usual_size(&session, &picture, input_size, choice, outputs);
        let error = match picture.fixed {
            Some(_) => unsupported(message),
            None => Error::from(RuntimeError::Size {
                path: path.clone(),
                side: input_size,
                message,
            }),
        };
        at_this_size(error, least_side.or_else(usual))
    };
    let classes = match &head_match.head {
        Head::Dense { bias, .. } => bias.len(),
        Head::Channels | Head::PooledLayers | Head::FlattenedLayers => {
            match session.inferred_classes() {
                Some(classes) => classes,
                None => {
                    let side = input_size as usize;
                    let (width, height) = picture.fixed.unwrap_or((side, side));
                    count_classes(&session, width, height, choice, &mut outputs)
                        .map_err(|failure| does_not_run(failure, &mut outputs))?
                }
            }
        }
    };
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
        None => metadata::choose_labels(own_labels, classes, &mut warnings),
    };
    let is_probed = matches!(structure.places, Places::Probed { .. });
    let mut fixed = picture.fixed;
    let may_be_fixed =
        is_probed || has_constant_of_space || matches!(head_match.head, Head::FlattenedLayers);
    if fixed.is_none() && may_be_fixed {
        // A file may declare sizes free that its layers fix.
        let side = input_size as usize;
        let mut run = |width, height| count_classes(&session, width, height, choice, &mut outputs);
        // A constant may fix one of height and width alone.
        let tried = if has_constant_of_space { 2 } else { 1 };
        let mut sizes = oblong(side).into_iter().take(tried);
        if sizes.any(|[height, width]| run(width, height).is_err()) {
            run(side, side).map_err(|failure| does_not_run(failure, &mut outputs))?;
            fixed = Some((side, side));
        }
    }
    if is_probed {
        let frame = probe::Frame {
            size: match fixed {
                Some((width, height)) => [height, width],
                None => oblong(input_size as usize)[0],
            },
            normalization: preprocess.0.normalization(),
        };
        let checked = probe::check(&session, &frame, choice, cancellation);
        checked.map_err(|failure| match failure {
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
    }
    session::free_memory::give_back();
    Ok(Network {
        session,
        path,
        name,
        labels,
        classes,
        preprocess,
        input_size,
        fixed,
        structure,
        similar: SimilarClasses::new(&head_match.head, classes, kernels),
        head: head_match.head,
        has_sums,
        scores: head_match.scores,
        warnings: warnings.list,
        files,
    })
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
        features: printable(&head_match.features),
        outputs: Outputs {
            taken: printable(&outputs.taken),
            others: outputs.others.iter().map(|name| printable(name)).collect(),
            ..outputs.clone()
        },
        head: operators.collect(),
        places,
    }
}

/// The size that most networks are made for, if the network fails on a smaller one alone.
fn usual_size(
    session: &Session,
    picture: &Picture,
    failed: u32,
    choice: Option<Choice>,
    outputs: &mut session::Outputs,
) -> Option<u32> {
    let side = INPUT_SIZE as usize;
    let is_helped = picture.fixed.is_none()
        && failed < INPUT_SIZE
        && count_classes(session, side, side, choice, outputs).is_ok();
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
    let black = vec![0.0; 3 * width * height];
    session.run(&black, width, height, choice, outputs)?;
    let count = outputs.get(1)?.values.len();
    outputs.free();
    Ok(count)
}
