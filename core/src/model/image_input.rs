//! What a classifier takes: one picture, or else it is refused.

use std::path::Path;

use super::error::ModelError;
use super::types::Layout;
use crate::onnx::graph::Graph;
use crate::onnx::proto::{ValueInfo, data_type};

/// Longest side of a picture, in pixels: beyond it a file is damaged, or worse.
const LARGEST_SIDE: usize = 16_384;

/// Most pictures at a time: a network whose first size is larger takes something else.
const LARGEST_BATCH: usize = 1024;

/// Shortest side fed to a network that does not say its own, in pixels.
pub const INPUT_SIZE: u32 = 224;

/// The picture that a network takes.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// Name of the graph's input.
    pub name: String,
    pub layout: Layout,
    pub element_type: i32,
    /// Pictures that the network takes at a time, 1 where it leaves that free.
    pub batch: usize,
    /// Several are to be run at a time, though `batch` is 1.
    pub several: bool,
    /// 3, or 1 of gray pictures.
    pub channels: usize,
    /// Height and width, each where the network fixes it.
    pub sides: [Option<usize>; 2],
}

impl Picture {
    /// Width and height where the network fixes both.
    pub fn fixed(&self) -> Option<(usize, usize)> {
        let [height, width] = self.sides;
        width.zip(height)
    }

    /// Height and width: the network's own, and `side` pixels where it leaves them free.
    pub fn size(&self, side: u32) -> [usize; 2] {
        self.sides.map(|own| own.unwrap_or(side as usize))
    }

    /// The shape of the tensor of one picture of this height and width.
    pub fn shape(&self, [height, width]: [usize; 2]) -> [usize; 4] {
        match self.layout {
            Layout::ChannelsFirst => [1, self.channels, height, width],
            Layout::ChannelsLast => [1, height, width, self.channels],
        }
    }

    /// The shortest side that the network fixes, in pixels.
    pub fn own_side(&self) -> Option<u32> {
        let side = self.sides.into_iter().flatten().min()?;
        u32::try_from(side).ok()
    }

    /// Heights and widths of pictures that are no squares, of shortest side `side`, lying and upright; none where both
    /// are fixed.
    pub fn oblong(&self, side: u32) -> impl Iterator<Item = [usize; 2]> + use<> {
        let short = side as usize;
        let long = short + short.div_ceil(2);
        let [height, width] = self.sides;
        let lying = width
            .is_none()
            .then(|| [height.unwrap_or(short), width.unwrap_or(long)]);
        let upright = height
            .is_none()
            .then(|| [height.unwrap_or(long), width.unwrap_or(short)]);
        [lying, upright].into_iter().flatten()
    }

    /// Whether the input holds whole numbers: pixels of 0..255 as they are.
    pub fn is_whole(&self) -> bool {
        is_whole(self.element_type)
    }

    /// The one input of `graph`, the network in the file at `path`, that is a picture of one or three
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
        if element_type == data_type::INT8 {
            return Err(format!(
                "its input “{name}” holds bytes with a sign, of which it does not say for which pixels they stand"
            ));
        }
        let is_float = matches!(
            element_type,
            data_type::FLOAT | data_type::FLOAT16 | data_type::BFLOAT16 | data_type::DOUBLE
        );
        if !is_float && !is_whole(element_type) {
            return Err(format!("its input “{name}” does not hold numbers"));
        }
        if dims.iter().flatten().any(|&size| size > LARGEST_SIDE) {
            return Err(shape());
        }
        let batch = batch.unwrap_or(1);
        if batch > LARGEST_BATCH {
            return Err(format!(
                "{}, more than {LARGEST_BATCH} pictures at a time",
                shape()
            ));
        }
        // What is free on both sides is taken for three channels first, as nearly all networks have it.
        let (layout, channels, [height, width]) = match (second, fourth) {
            (Some(3), _) => (Layout::ChannelsFirst, 3, [third, fourth]),
            (_, Some(3)) => (Layout::ChannelsLast, 3, [second, third]),
            (Some(1), _) => (Layout::ChannelsFirst, 1, [third, fourth]),
            (_, Some(1)) => (Layout::ChannelsLast, 1, [second, third]),
            (None, _) => (Layout::ChannelsFirst, 3, [third, fourth]),
            _ => return Err(shape()),
        };
        Ok(Self {
            name,
            layout,
            element_type,
            batch,
            several: false,
            channels,
            sides: [height, width],
        })
    }
}

/// Whether a type holds whole numbers that every pixel of 0..255 is one of.
fn is_whole(element_type: i32) -> bool {
    matches!(
        element_type,
        data_type::UINT8
            | data_type::UINT16
            | data_type::INT16
            | data_type::INT32
            | data_type::UINT32
            | data_type::INT64
    )
}
