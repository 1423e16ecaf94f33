//! Which of a network's outputs is the one that tells the classes.

use super::obstacle::Obstacle;
use crate::model::error::ModelError;
use crate::model::facts::Facts;
use crate::model::image_input::Picture;
use crate::model::layers::dense_shape;
use crate::model::types::{Head, HeadMatch};
use crate::onnx::graph::Graph;

/// Most outputs that are compared.
pub const MOST_OUTPUTS: usize = 8;

/// What is known of the output before the network is read.
/// Height and width of the pictures that the network in a graph is run with.
pub type SizeOf<'a> = dyn Fn(&Graph, &Picture) -> [usize; 2] + 'a;

#[derive(Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// Name or index.
    pub output: Option<&'a str>,
    /// Name of the tensor or node whose feature map is explained; none: the last one with places.
    pub layer: Option<&'a str>,
    /// Tells how large the network's pictures are; where it does not, they are squares of the usual size.
    pub size: Option<&'a SizeOf<'a>>,
    /// Number of labels that the user gives.
    pub labels: Option<usize>,
    /// Reads from the network how many labels its file brings; more than one number where it brings
    /// several lists.
    pub own_labels: Option<fn(&Graph) -> Vec<usize>>,
    /// Number of labels in a file beside the network.
    pub labels_beside: Option<usize>,
}

/// The output that is explained, and others that might be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outputs {
    /// Name of the output that is explained.
    pub taken: String,
    /// Names of the others that might be.
    pub others: Vec<String>,
    /// The user chose.
    pub is_asked: bool,
}

/// How a classifier is taken apart.
pub struct Found {
    pub head_match: HeadMatch,
    pub outputs: Outputs,
    /// What stands between the output and a feature map that is pooled or flattened, where there is none: why it is
    /// refused if the rest has no gradient.
    pub obstacle: Option<Obstacle>,
}

/// One output that could be explained.
pub struct Candidate {
    pub output: String,
    pub head_match: HeadMatch,
    /// What kept its head from being a pool or a flattening.
    pub obstacle: Option<Obstacle>,
    /// It ends in a softmax or logistic function.
    pub has_scores: bool,
}

/// The name of the output that `wanted` is, by its name or its index.
///
/// # Errors
/// The names of all outputs, where it is none of them.
pub fn named<'a>(graph: &'a Graph, wanted: &str) -> Result<&'a str, Vec<String>> {
    let mut names = graph.outputs().iter().map(|output| output.name());
    let by_name = names.clone().find(|name| *name == wanted);
    let index = || wanted.parse::<usize>().ok();
    by_name.or_else(|| names.nth(index()?)).ok_or_else(|| {
        graph
            .outputs()
            .iter()
            .map(|output| output.name().to_owned())
            .collect()
    })
}

/// The best of several candidates, the earlier one of equals; none where there are none.
pub fn choose(
    graph: &Graph,
    facts: &Facts,
    mut candidates: Vec<Candidate>,
    wanted: Wanted,
) -> Option<Found> {
    let own_labels = wanted.own_labels.map(|counts| counts(graph));
    let mut own_labels = own_labels.unwrap_or_default();
    own_labels.extend(wanted.labels_beside);
    let rank = |candidate: &Candidate| {
        let classes = classes(graph, facts, &candidate.head_match);
        (
            wanted.labels.is_some() && classes == wanted.labels,
            candidate.has_scores,
            classes.is_some_and(|classes| own_labels.contains(&classes)),
            name_rank(&candidate.output),
            matches!(candidate.head_match.head, Head::Dense { .. }),
        )
    };
    let ranks: Vec<_> = candidates.iter().map(rank).collect();
    let best = (0..ranks.len()).reduce(|best, next| {
        if ranks[next] > ranks[best] {
            next
        } else {
            best
        }
    })?;
    let taken = candidates.remove(best);
    // Logits and the scores made of them are one answer.
    let others = candidates
        .into_iter()
        .filter(|other| other.head_match.logits != taken.head_match.logits)
        .map(|other| other.output);
    let outputs = Outputs {
        others: others.collect(),
        taken: taken.output,
        is_asked: wanted.output.is_some(),
    };
    Some(Found {
        head_match: taken.head_match,
        outputs,
        obstacle: taken.obstacle,
    })
}

/// Number of logits, from the weights that make them.
fn classes(graph: &Graph, facts: &Facts, head_match: &HeadMatch) -> Option<usize> {
    match &head_match.head {
        Head::Dense { bias, .. } => Some(bias.len()),
        Head::Channels => facts.channels(&head_match.features),
        Head::PooledLayers | Head::FlattenedLayers | Head::Layers { .. } => {
            let layers = head_match.tail.iter().rev();
            layers
                .filter_map(|&index| graph.nodes().get(index))
                .find_map(|node| dense_shape(graph, node))
                .map(|(_, outputs)| outputs)
        }
    }
}

/// What the name promises: 1 for logits, -1 for what stands beside them.
fn name_rank(name: &str) -> i8 {
    let name = name.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    if has(&[
        "aux", "embed", "feature", "hidden", "pool", "flatten", "dist",
    ]) {
        -1
    } else if has(&["logit", "class", "prob", "score", "pred", "softmax", "main"]) {
        1
    } else {
        0
    }
}

/// An output that the network has not.
pub fn no_such(path: &std::path::Path, asked: &str, outputs: Vec<String>) -> ModelError {
    ModelError::NoSuchOutput {
        path: path.to_owned(),
        asked: asked.to_owned(),
        outputs,
    }
}
