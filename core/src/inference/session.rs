//! One ONNX Runtime session over a rewritten classifier.

#![allow(unsafe_code, reason = "two runs at once on one session")]

use std::mem::ManuallyDrop;
use std::ptr;
use std::sync::Arc;

use ort::environment::Environment;
use ort::logging::LogLevel;
use ort::session::{Session as OrtSession, SessionOutputs};
use ort::value::{DynValue, TensorRef, ValueType};

/// A session and the outputs of its last run here.
pub struct Session {
    session: Arc<OrtSession>,
    outputs: Vec<DynValue>,
}

/// What a network with a gradient is asked.
#[derive(Debug, Clone, Copy)]
pub struct Choice {
    pub class: i64,
    pub slot: i64,
    /// Whether the gradient of each feature is wanted, where the graph leaves the choice.
    pub detail: Option<bool>,
}

/// A tensor that a run returned: its dimensions and its values, row-major.
pub struct Output<'a> {
    pub shape: &'a [i64],
    pub values: &'a [f32],
}

impl Session {
    /// Loads a serialised model. `threads` work inside an operator; 0 stands for as many as
    /// there are cores.
    ///
    /// # Errors
    /// ONNX Runtime's own words.
    pub fn new(environment: &Environment, model: &[u8], threads: usize) -> Result<Self, String> {
        let threads = match threads {
            0 => std::thread::available_parallelism().map_or(1, |cores| cores.get()),
            threads => threads,
        };
        let session = build(environment, model, threads).map_err(|error| error.to_string())?;
        Ok(Self {
            session: Arc::new(session),
            outputs: Vec::new(),
        })
    }

    /// The same session for another thread, which may run it at the same time: with one run after
    /// the other a sixth of two cores stays idle.
    pub fn another(&self) -> Self {
        Self {
            session: self.session.clone(),
            outputs: Vec::new(),
        }
    }

    /// Number of classes, as far as ONNX Runtime infers the shape of the logits.
    pub fn inferred_classes(&self) -> Option<usize> {
        let logits = self.session.outputs().get(1)?;
        let ValueType::Tensor { shape, .. } = logits.dtype() else {
            return None;
        };
        let classes = shape.iter().skip(1).try_fold(1usize, |count, &size| {
            usize::try_from(size)
                .ok()
                .filter(|&size| size > 0)?
                .checked_mul(count)
        })?;
        (shape.len() > 1).then_some(classes)
    }

    /// Runs the network on a picture, 1 x 3 x `height` x `width`; a network with a gradient takes
    /// a `choice`.
    ///
    /// # Errors
    /// ONNX Runtime's own words.
    pub fn run(
        &mut self,
        image: &[f32],
        width: usize,
        height: usize,
        choice: Option<Choice>,
    ) -> Result<(), String> {
        self.free_outputs();
        // SAFETY: the copy is read only, never dropped, and gone before the original. `run` takes it
        // mutably not to change it, but because some execution providers are not made for several
        // threads (so ort documents it). Sessions here have the CPU's alone, on which ONNX Runtime
        // documents `OrtApi::Run` as safe to be called by several threads at once.
        let mut session = ManuallyDrop::new(unsafe { ptr::read(&*self.session) });
        let outputs =
            run(&mut session, image, width, height, choice).map_err(|error| error.to_string())?;
        self.outputs
            .extend(outputs.into_iter().map(|(_, value)| value));
        Ok(())
    }

    /// Frees the outputs of the last run here.
    pub fn free_outputs(&mut self) {
        self.outputs.clear();
    }

    /// The `index`th output of the last run.
    ///
    /// # Errors
    /// ONNX Runtime's own words, or that there was no run.
    pub fn output(&self, index: usize) -> Result<Output<'_>, String> {
        let value = self.outputs.get(index).ok_or("there is no such output")?;
        let (shape, values) = value
            .try_extract_tensor::<f32>()
            .map_err(|error| error.to_string())?;
        Ok(Output { shape, values })
    }
}

fn build(environment: &Environment, model: &[u8], threads: usize) -> ort::Result<OrtSession> {
    OrtSession::builder(environment)?
        .with_intra_threads(threads)?
        .with_inter_threads(1)?
        // Spinning threads take the cores from the other elements of a pipeline.
        .with_intra_op_spinning(false)?
        // It warns of weights that are inputs too, which is meant (see `edit`).
        .with_log_level(LogLevel::Fatal)?
        .commit_from_memory(model)
}

fn run<'s>(
    session: &'s mut OrtSession,
    image: &[f32],
    width: usize,
    height: usize,
    choice: Option<Choice>,
) -> ort::Result<SessionOutputs<'s>> {
    let image = TensorRef::from_array_view(([1, 3, height, width], image))?;
    let Some(Choice {
        class,
        slot,
        detail,
    }) = choice
    else {
        return session.run(ort::inputs![image]);
    };
    let (class, slot) = ([class], [slot]);
    let class = TensorRef::from_array_view(([1usize, 1], &class[..]))?;
    let slot = TensorRef::from_array_view(([1usize], &slot[..]))?;
    match detail {
        None => session.run(ort::inputs![image, class, slot]),
        Some(detail) => {
            let detail = [detail];
            let detail = TensorRef::from_array_view(([1usize], &detail[..]))?;
            session.run(ort::inputs![image, class, slot, detail])
        }
    }
}
