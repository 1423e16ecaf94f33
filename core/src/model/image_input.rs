//! What a classifier takes: one picture, or else it is refused.

use std::path::Path;

use super::error::ModelError;
use super::types::Layout;
use crate::onnx::graph::Graph;
use crate::onnx::proto::{ValueInfo, data_type};

/// Longest side of a picture, in pixels: beyond it a file is damaged, or worse.
const LARGEST_SIDE: usize = 16_384;

/// Shortest side fed to a network that does not say its own, in pixels.
pub const INPUT_SIZE: u32 = 224;

/// The picture that a network takes.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// Name of the graph's input.
    pub name: String,
    pub layout: Layout,
    pub element_type: i32,
    /// Width and height where the network fixes them.
    pub fixed: Option<(usize, usize)>,
}

impl Picture {
    /// Height and width: the network's own, or a square of `side` pixels.
    pub fn size(&self, side: u32) -> [usize; 2] {
        let side = side as usize;
        self.fixed
            .map_or([side, side], |(width, height)| [height, width])
    }

    /// The one input of `graph`, the network in the file at `path`, that is a picture of three
    /// channels.
    ///
    /// # Errors
    /// [`ModelError::Input`], [`ModelError::MoreInputs`].
    pub fn of(graph: &Graph, path: &Path) -> Result<Self, ModelError> {
        let inputs: Vec<&ValueInfo> = graph.inputs().collect();
        let names = || inputs.iter().map(|input| input.name());
        let found = match inputs.as_slice() {
            [input] => match Self::of_input(input) {
                Ok(picture) => return Ok(picture),
                Err(found) => found,
            },
            several => {
                let mut pictures = several
                    .iter()
                    .filter_map(|input| Self::of_input(input).ok());
                if let (Some(picture), None) = (pictures.next(), pictures.next()) {
                    let others = names().filter(|&name| name != picture.name);
                    return Err(ModelError::MoreInputs {
                        path: path.to_owned(),
                        others: others.map(str::to_owned).collect(),
                        picture: picture.name,
                    });
                }
                let names: Vec<&str> = names().collect();
                format!("it has {} inputs ({})", names.len(), names.join(", "))
            }
        };
        Err(ModelError::Input {
            path: path.to_owned(),
            found,
        })
    }

    /// The picture that `input` is, or what it is instead.
    fn of_input(input: &ValueInfo) -> Result<Self, String> {
        let name = input.name().to_owned();
        let Some((element_type, dims)) = Graph::input_type(input) else {
            return Err(format!("its input “{name}” is not a tensor of known rank"));
        };
        let shape = || {
            let sizes = dims
                .iter()
                .map(|dim| dim.map_or("?".to_owned(), |size| size.to_string()));
            format!(
                "its input “{name}” is {}",
                sizes.collect::<Vec<_>>().join(" x ")
            )
        };
        let &[batch, second, third, fourth] = dims.as_slice() else {
            return Err(shape());
        };
        if !matches!(
            element_type,
            data_type::FLOAT | data_type::FLOAT16 | data_type::BFLOAT16 | data_type::DOUBLE
        ) {
            return Err(format!(
                "its input “{name}” does not hold floating point numbers"
            ));
        }
        if dims.iter().flatten().any(|&size| size > LARGEST_SIDE) {
            return Err(shape());
        }
        if batch.is_some_and(|batch| batch != 1) {
            return Err(format!("{}, more than one picture at a time", shape()));
        }
        let (layout, height, width) = match (second, fourth) {
            (Some(3) | None, _) if second.is_some() || fourth != Some(3) => {
                (Layout::ChannelsFirst, third, fourth)
            }
            (_, Some(3)) => (Layout::ChannelsLast, second, third),
            _ => return Err(shape()),
        };
        // A single fixed side would need another scaling for each frame size.
        let fixed = match (width, height) {
            (Some(width), Some(height)) => Some((width, height)),
            (None, None) => None,
            _ => return Err(format!("{}, of which only one side is fixed", shape())),
        };
        Ok(Self {
            name,
            layout,
            element_type,
            fixed,
        })
    }
}
