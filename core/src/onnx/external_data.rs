//! Tensors that a model keeps in other files.

use std::collections::{HashMap, HashSet};
use std::path::{Component, Path, PathBuf};

use prost::bytes::Bytes;

use super::graph;
use super::load::LARGEST_FILE;
use super::node::captured;
use super::proto::{self, Attribute, DataLocation, Node, Tensor};
use super::skim::SELF;
use crate::file::{Ingredient, Opened};

/// Brings the tensors that `model` keeps in its `own` file (see [`SELF`]) and in others under `folder` into the model,
/// wherever in it they stand, and returns which files those are. Weights that nothing is made of are left out, and only the
/// tensors' own bytes are read; several in one place share them.
///
/// # Errors
/// What is wrong with those files: missing, no regular files, too short, more than 2 GiB of weights
/// or than memory allows, changed while they are read, or outside `folder` and of that to which the network is a link.
pub fn inline(
    model: &mut proto::Model,
    own: &Opened,
    folder: &Path,
) -> Result<Vec<Ingredient>, String> {
    if let Some(graph) = &mut model.graph {
        leave_out(graph);
    }
    let mut reader = Reader {
        own,
        folder,
        files: HashMap::new(),
        known: HashMap::new(),
        total: 0,
    };
    // Nobody trains here.
    model.training_info.clear();
    if let Some(graph) = &mut model.graph {
        in_graph(graph, &mut |tensor| reader.inline(tensor))?;
    }
    for function in &mut model.functions {
        let attributes = function.attribute_proto.iter_mut();
        in_attributes(attributes, &mut |tensor| reader.inline(tensor))?;
        in_nodes(&mut function.node, &mut |tensor| reader.inline(tensor))?;
    }
    for (path, file) in &reader.files {
        file.check()
            .map_err(|trouble| format!("{} {trouble}", path.display()))?;
    }
    Ok(reader.files.into_values().map(Opened::ingredient).collect())
}

/// Removes the weights outside of the graph that none of the outputs is made of.
fn leave_out(graph: &mut proto::Graph) {
    let is_outside = |weight: &Tensor| weight.data_location() == DataLocation::External;
    if !graph.initializer.iter().any(is_outside) {
        return;
    }
    let mut makers: HashMap<&str, Vec<&Node>> = HashMap::new();
    for node in &graph.node {
        for output in &node.output {
            makers.entry(output).or_default().push(node);
        }
    }
    let mut waiting: Vec<String> = graph
        .output
        .iter()
        .map(|output| output.name().to_owned())
        .collect();
    let mut needed: HashSet<String> = waiting.iter().cloned().collect();
    while let Some(tensor) = waiting.pop() {
        // Each node once.
        for node in makers.remove(tensor.as_str()).into_iter().flatten() {
            let mut used: HashSet<String> = node.input.iter().cloned().collect();
            captured(node, &mut used);
            let new = used.into_iter().filter(|tensor| !needed.contains(tensor));
            let new: Vec<String> = new.collect();
            needed.extend(new.iter().cloned());
            waiting.extend(new);
        }
    }
    let mut left = HashSet::new();
    graph.initializer.retain(|weight| {
        let is_left = is_outside(weight) && !needed.contains(weight.name());
        if is_left {
            left.insert(weight.name().to_owned());
        }
        !is_left
    });
    if left.is_empty() {
        return;
    }
    // Nor what is made of them.
    graph
        .node
        .retain(|node| node.output.iter().any(|output| needed.contains(output)));
    // IR versions before 4 list weights among the inputs.
    graph.input.retain(|input| !left.contains(input.name()));
}

type Visit<'a> = &'a mut dyn FnMut(&mut Tensor) -> Result<(), String>;

/// Calls `visit` for each tensor in `graph` and in the graphs in its nodes. The reader of protobuf
/// bounds how deep they lie.
fn in_graph(graph: &mut proto::Graph, visit: Visit) -> Result<(), String> {
    graph.initializer.iter_mut().try_for_each(&mut *visit)?;
    for sparse in &mut graph.sparse_initializer {
        in_sparse(sparse, visit)?;
    }
    in_nodes(&mut graph.node, visit)
}

fn in_nodes(nodes: &mut [Node], visit: Visit) -> Result<(), String> {
    nodes
        .iter_mut()
        .try_for_each(|node| in_attributes(node.attribute.iter_mut(), visit))
}

fn in_attributes<'a>(
    attributes: impl Iterator<Item = &'a mut Attribute>,
    visit: Visit,
) -> Result<(), String> {
    for attribute in attributes {
        let tensors = attribute.t.as_deref_mut().into_iter();
        tensors
            .chain(&mut attribute.tensors)
            .try_for_each(&mut *visit)?;
        let sparse = attribute.sparse_tensor.as_deref_mut().into_iter();
        for sparse in sparse.chain(&mut attribute.sparse_tensors) {
            in_sparse(sparse, visit)?;
        }
        let graphs = attribute.g.as_deref_mut().into_iter();
        for graph in graphs.chain(&mut attribute.graphs) {
            in_graph(graph, visit)?;
        }
    }
    Ok(())
}

fn in_sparse(sparse: &mut proto::SparseTensor, visit: Visit) -> Result<(), String> {
    let parts = [sparse.values.as_mut(), sparse.indices.as_mut()];
    parts.into_iter().flatten().try_for_each(visit)
}

/// The files in a folder, as far as they were asked for.
struct Reader<'a> {
    own: &'a Opened,
    folder: &'a Path,
    files: HashMap<PathBuf, Opened>,
    known: HashMap<(PathBuf, u64, usize), Bytes>,
    /// Bytes read.
    total: usize,
}

impl Reader<'_> {
    /// Brings the data of `tensor` into it, if it is elsewhere.
    fn inline(&mut self, tensor: &mut Tensor) -> Result<(), String> {
        if tensor.data_location() != DataLocation::External {
            return Ok(());
        }
        let place = Place::of(tensor)?;
        if place.location == SELF {
            // Whether the shape fits is seen when the graph is checked.
            let read = self.own.read_range(place.offset, place.length.unwrap_or(0));
            let data = read.map_err(|trouble| format!("the file itself {trouble}"))?;
            take_in(tensor, data.into());
            return Ok(());
        }
        let path = confine(self.folder, self.own.home().as_deref(), place.location)?;
        let size = graph::byte_size(tensor)
            .ok_or_else(|| format!("the shape of weight “{}” is absurd", tensor.name()))?;
        let too_short = || {
            let (path, name) = (path.display(), tensor.name());
            format!("{path} does not hold the {size} bytes of weight “{name}”")
        };
        if place.length.is_some_and(|length| length != size) {
            return Err(too_short());
        }
        let key = (path.clone(), place.offset, size);
        let data = match self.known.get(&key) {
            Some(data) => data.clone(),
            None => {
                self.total = self.total.saturating_add(size);
                if self.total > LARGEST_FILE {
                    return Err(format!(
                        "the weights in {} and others are larger than 2 GiB",
                        path.display()
                    ));
                }
                let failed = |trouble| format!("{} {trouble}", path.display());
                if !self.files.contains_key(&path) {
                    let opened = Opened::new(&path).map_err(failed)?;
                    self.files.insert(path.clone(), opened);
                }
                let data = self.files[&path].read_range(place.offset, size);
                let data = Bytes::from(data.map_err(|trouble| match trouble {
                    crate::file::Trouble::TooShort => too_short(),
                    other => failed(other),
                })?);
                self.known.insert(key, data.clone());
                data
            }
        };
        take_in(tensor, data);
        Ok(())
    }
}

fn take_in(tensor: &mut Tensor, data: Bytes) {
    tensor.raw_data = Some(data);
    tensor.external_data.clear();
    tensor.data_location = None;
}

/// Where a weight's bytes are.
struct Place<'a> {
    location: &'a str,
    offset: u64,
    length: Option<usize>,
}

impl<'a> Place<'a> {
    fn of(weight: &'a Tensor) -> Result<Self, String> {
        let value = |key: &str| {
            let mut entries = weight.external_data.iter();
            entries
                .find(|entry| entry.key() == key)
                .map(|entry| entry.value())
        };
        let number = |key: &str| match value(key) {
            None => Ok(None),
            Some(text) => text
                .trim()
                .parse::<u64>()
                .map(Some)
                .map_err(|_| format!("the {key} of weight “{}” is “{text}”", weight.name())),
        };
        let length = number("length")?;
        Ok(Self {
            location: value("location")
                .ok_or_else(|| format!("weight “{}” names no file", weight.name()))?,
            offset: number("offset")?.unwrap_or(0),
            length: length.map(|length| usize::try_from(length).unwrap_or(usize::MAX)),
        })
    }
}

/// The file at `location` under `folder`, links followed. They may lead into `home` too, where the network's own link leads:
/// hubs keep what they have fetched under other names, and a folder of links to it.
fn confine(folder: &Path, home: Option<&Path>, location: &str) -> Result<PathBuf, String> {
    let relative = Path::new(location);
    let outside = || format!("{location} lies outside the model's folder");
    if !relative
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
    {
        return Err(outside());
    }
    let path = folder.join(relative);
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let resolved = path.canonicalize().map_err(failed)?;
    let folder = folder.canonicalize().map_err(failed)?;
    if !resolved.starts_with(folder) && home.is_none_or(|home| !resolved.starts_with(home)) {
        return Err(outside());
    }
    Ok(resolved)
}
