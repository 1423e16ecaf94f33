//! The network file as it is, without feature map output or any work of ours.

use std::path::Path;
use std::time::{Duration, Instant};

use camoverlay::inference::environment;
use ort::{session::Session, value::TensorRef};

use crate::network::{Network, source_tree};

pub struct Bare {
    session: Session,
    pub tensor: Vec<f32>,
    shape: [usize; 4],
}

impl Bare {
    /// A session with the element's options, for the tensor of frames of a size.
    pub fn open(network: &Network, frame: (usize, usize)) -> Self {
        Self::of_file(&network.file, network.tensor_size(frame))
    }

    /// The same of a file and for a tensor of this width and height.
    pub fn of_file(file: &Path, (width, height): (usize, usize)) -> Self {
        let environment =
            environment(None, &[source_tree()]).expect("set-up installed ONNX Runtime");
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        let session = Session::builder(&environment)
            .and_then(|builder| Ok(builder.with_intra_threads(cores)?))
            .and_then(|builder| Ok(builder.with_inter_threads(1)?))
            .and_then(|builder| Ok(builder.with_intra_op_spinning(false)?))
            .and_then(|mut builder| builder.commit_from_file(file))
            .expect("ONNX Runtime reads the network");
        let tensor = tensor((width, height));
        Self {
            session,
            tensor,
            shape: [1, 3, height, width],
        }
    }

    pub fn run(&mut self) -> Duration {
        let start = Instant::now();
        let input =
            TensorRef::from_array_view((self.shape, &*self.tensor)).expect("the shape fits");
        let outputs = self
            .session
            .run(ort::inputs![input])
            .expect("the network runs");
        let time = start.elapsed();
        drop(outputs);
        time
    }
}

/// A picture of this width and height without any meaning.
pub fn tensor((width, height): (usize, usize)) -> Vec<f32> {
    (0..3 * width * height)
        .map(|i| (i % 251) as f32 / 125.0 - 1.0)
        .collect()
}
