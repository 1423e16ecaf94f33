//! One ONNX Runtime session over a rewritten classifier.

#![allow(
    unsafe_code,
    reason = "two runs at once on one session, a bound on its memory, what is free of it, and the end of the process"
)]

mod arena;
mod cancellation;
pub mod exit;
pub mod free_memory;

use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::ptr::{self, NonNull};

use ort::AsPointer;
use ort::environment::Environment;
use ort::logging::LogLevel;
use ort::session::Session as OrtSession;
use ort::session::builder::SessionBuilder;
use ort::value::{DynValue, DynValueRef, Outlet, TensorRef, ValueType};

pub use cancellation::Cancellation;
pub use exit::Busy;

use super::provider::attach::{Attachment, How, Refusal};
use super::provider::cache::Turn;
use super::provider::registry;
use crate::model::Target;

/// A network as ONNX Runtime has it in memory. Several threads may run it at the same time: with one
/// run after the other a sixth of two cores stays idle.
pub struct Session {
    session: OrtSession,
    attachment: Attachment,
    /// Of a picture.
    channels: usize,
    /// In the order of the graph.
    input_names: Vec<CString>,
    output_names: Vec<CString>,
}

/// The tensors that a run returned, and what ends it before it does.
#[derive(Default)]
pub struct Outputs {
    values: Vec<DynValue>,
    cancellation: Option<Cancellation>,
}

/// Why a run returned nothing.
#[derive(Debug)]
pub enum Failure {
    Cancelled,
    /// ONNX Runtime's own.
    Words(String),
}

impl Failure {
    /// What was said.
    pub fn words(self) -> String {
        match self {
            Self::Cancelled => "it was stopped".to_owned(),
            Self::Words(words) => words,
        }
    }
}

impl From<String> for Failure {
    fn from(words: String) -> Self {
        Self::Words(words)
    }
}

/// What a network with a gradient is asked.
#[derive(Debug, Clone, Copy)]
pub struct Choice<'a> {
    pub target: Target,
    /// Further classes, where the graph tells of several in one run.
    pub further: Option<&'a [Target]>,
    /// Whether the gradient of each feature is wanted, where the graph leaves the choice.
    pub detail: Option<bool>,
    /// The share of the most similar classes that is taken away, where the graph compares them.
    pub share: Option<f32>,
    /// Whether the logits of each cell alone are wanted, where the graph can tell them.
    pub alone: Option<bool>,
}

/// A tensor that a run returned: its dimensions and its values, row-major.
pub struct Output<'a> {
    pub shape: &'a [i64],
    pub values: &'a [f32],
}

impl Session {
    /// Loads a serialised model that takes pictures of `channels` and is computed by what is attached. `threads` work inside
    /// an operator; 0 stands for as many as there are cores. It never holds more than `limit` bytes of the processor's
    /// memory where ONNX Runtime's own code computes; none: what it takes.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn new(
        environment: &Environment,
        model: &[u8],
        channels: usize,
        threads: usize,
        limit: Option<usize>,
        attachment: &Attachment,
    ) -> Result<Self, Refusal> {
        Self::profiled(
            environment,
            model,
            channels,
            threads,
            limit,
            attachment,
            None,
        )
    }

    /// The same, which writes down in a file whose name begins with `profile` which operators run where, until
    /// [`end_profile`](Self::end_profile).
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn profiled(
        environment: &Environment,
        model: &[u8],
        channels: usize,
        threads: usize,
        limit: Option<usize>,
        attachment: &Attachment,
        profile: Option<&Path>,
    ) -> Result<Self, Refusal> {
        let threads = match threads {
            0 => std::thread::available_parallelism().map_or(1, |cores| cores.get()),
            threads => threads,
        };
        attachment.register(environment)?;
        let _turn = attachment.cache.as_deref().and_then(Turn::wait);
        let _none_registers = registry::hold();
        let builder = builder(environment, threads, profile)?;
        let mut builder = attachment.attach(environment, builder)?;
        // What another provider takes is not ONNX Runtime's to bound.
        let session = match limit.filter(|_| attachment.how == How::Cpu) {
            None => builder.commit_from_memory(model)?,
            Some(limit) => {
                let mut builder = builder.with_env_allocators().map_err(ort::Error::from)?;
                arena::bounded(environment, limit, || builder.commit_from_memory(model))?
            }
        };
        let names = |outlets: &[Outlet]| {
            let names = outlets.iter().map(|outlet| CString::new(outlet.name()));
            let names: Result<Vec<_>, _> = names.collect();
            names.map_err(|error| Refusal::Network(error.to_string()))
        };
        Ok(Self {
            attachment: attachment.clone(),
            input_names: names(session.inputs())?,
            output_names: names(session.outputs())?,
            session,
            channels,
        })
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

    /// Who computes it.
    pub fn attachment(&self) -> &Attachment {
        &self.attachment
    }

    /// Ends what [`profiled`](Self::profiled) began, and says in which file it is.
    ///
    /// # Errors
    /// ONNX Runtime's own words.
    pub fn end_profile(&mut self) -> Result<PathBuf, String> {
        let file = self.session.end_profiling();
        file.map(PathBuf::from).map_err(|error| error.to_string())
    }

    /// Channels of a picture.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Runs the network on a picture, 1 x channels x `height` x `width`, or on several if its graph takes such; a network with a
    /// gradient takes a `choice`. What `outputs` held is freed before.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn run(
        &self,
        image: &[f32],
        width: usize,
        height: usize,
        choice: Option<Choice>,
        outputs: &mut Outputs,
    ) -> Result<(), Failure> {
        let _busy = Busy::begin();
        outputs.free();
        let run = self.run_on_picture(image, width, height, choice, outputs);
        run.map_err(|error| match &outputs.cancellation {
            Some(cancellation) if cancellation.is_cancelled() => Failure::Cancelled,
            _ => Failure::Words(error.to_string()),
        })
    }

    /// Runs a network that takes a vector of features beside the picture. What `outputs` held is freed before.
    ///
    /// # Errors
    /// [`Failure::Words`].
    pub fn run_with_vector(
        &self,
        image: &[f32],
        width: usize,
        height: usize,
        vector: &[f32],
        outputs: &mut Outputs,
    ) -> Result<(), Failure> {
        let _busy = Busy::begin();
        outputs.free();
        let mut run = || {
            let image = TensorRef::from_array_view(([1, self.channels, height, width], image))?;
            let vector = TensorRef::from_array_view(([vector.len()], vector))?;
            self.run_on(&[image.into_dyn(), vector.into_dyn()], outputs)
        };
        run().map_err(|error: ort::Error| Failure::Words(error.to_string()))
    }

    fn run_on_picture(
        &self,
        image: &[f32],
        width: usize,
        height: usize,
        choice: Option<Choice>,
        outputs: &mut Outputs,
    ) -> ort::Result<()> {
        let pictures = image.len() / (self.channels * width * height).max(1);
        let shape = [pictures, self.channels, height, width];
        let image = TensorRef::from_array_view((shape, image))?.into_dyn();
        let Some(Choice {
            target,
            further,
            detail,
            share,
            alone,
        }) = choice
        else {
            return self.run_on(&[image], outputs);
        };
        let (class, slot) = ([class_input(&target)], [slot_input(&target)]);
        let further = further.map(|targets| {
            let inputs = [class_input, slot_input];
            inputs.map(|of| targets.iter().map(of).collect::<Vec<i64>>())
        });
        let class = TensorRef::from_array_view(([1usize, 1], &class[..]))?.into_dyn();
        let slot = TensorRef::from_array_view(([1usize], &slot[..]))?.into_dyn();
        let (detail, share) = (detail.map(|detail| [detail]), share.map(|share| [share]));
        let alone = alone.map(|alone| [alone]);
        let mut inputs = vec![image, class, slot];
        for numbers in further.iter().flatten() {
            inputs.push(TensorRef::from_array_view(([numbers.len()], &numbers[..]))?.into_dyn());
        }
        if let Some(detail) = &detail {
            inputs.push(TensorRef::from_array_view(([1usize], &detail[..]))?.into_dyn());
        }
        if let Some(share) = &share {
            inputs.push(TensorRef::from_array_view(([1usize], &share[..]))?.into_dyn());
        }
        if let Some(alone) = &alone {
            inputs.push(TensorRef::from_array_view(([1usize], &alone[..]))?.into_dyn());
        }
        self.run_on(&inputs, outputs)
    }

    /// Runs the network on the first of its inputs.
    fn run_on(&self, inputs: &[DynValueRef<'_>], outputs: &mut Outputs) -> ort::Result<()> {
        let inputs = self.input_names.iter().zip(inputs);
        let (input_names, inputs): (Vec<_>, Vec<_>) = inputs
            .map(|(name, value)| (name.as_ptr(), value.ptr()))
            .unzip();
        let output_names: Vec<_> = self.output_names.iter().map(|name| name.as_ptr()).collect();
        let mut returned = vec![ptr::null_mut(); output_names.len()];
        let options = match &outputs.cancellation {
            Some(cancellation) => cancellation.run_options()?,
            None => ptr::null(),
        };
        // SAFETY: each pointer leads to what `self`, `inputs` and this frame keep alive through the call,
        // in arrays as long as is said, and `returned` has room for each output. `ort` asks for `&mut`
        // to run because some execution providers are not made for several threads; ONNX Runtime documents
        // `OrtApi::Run` as safe to be called by several threads at once, which is left to those sessions whose
        // providers say the same: `SharedClassifier` leases others once at a time. What it returned is ours, each of
        // the session's own allocator.
        unsafe {
            let status = (ort::api().Run)(
                self.session.ptr().cast_mut(),
                options,
                input_names.as_ptr(),
                inputs.as_ptr(),
                inputs.len(),
                output_names.as_ptr(),
                output_names.len(),
                returned.as_mut_ptr(),
            );
            ort::Error::result_from_status(status)?;
            let returned = returned.into_iter().filter_map(NonNull::new);
            let allocator = Some(self.session.allocator());
            outputs
                .values
                .extend(returned.map(|value| DynValue::from_ptr(value, allocator)));
        }
        Ok(())
    }
}

impl Outputs {
    /// The same room, for runs that `cancellation` ends.
    pub fn ended_by(self, cancellation: &Cancellation) -> Self {
        Self {
            values: self.values,
            cancellation: Some(cancellation.clone()),
        }
    }

    /// Frees what the last run returned, and forgets what ends it.
    pub fn clear(&mut self) {
        self.free();
        self.cancellation = None;
    }

    /// Frees what the last run returned.
    pub fn free(&mut self) {
        self.values.clear();
    }

    /// The `index`th output of the run.
    ///
    /// # Errors
    /// ONNX Runtime's own words, or that there was no run.
    pub fn get(&self, index: usize) -> Result<Output<'_>, String> {
        let value = self.values.get(index).ok_or("there is no such output")?;
        let (shape, values) = value
            .try_extract_tensor::<f32>()
            .map_err(|error| error.to_string())?;
        Ok(Output { shape, values })
    }
}

/// The class of a graph's choice; none counts where a rank does.
fn class_input(target: &Target) -> i64 {
    match target {
        Target::Class(class) => *class as i64,
        Target::Rank(_) => 0,
    }
}

/// The slot of a graph's choice: 0 for the class of its number, 1 + r for that of rank r.
fn slot_input(target: &Target) -> i64 {
    match target {
        Target::Class(_) => 0,
        Target::Rank(rank) => 1 + *rank as i64,
    }
}

fn builder(
    environment: &Environment,
    threads: usize,
    profile: Option<&Path>,
) -> ort::Result<SessionBuilder> {
    let builder = OrtSession::builder(environment)?
        .with_intra_threads(threads)?
        .with_inter_threads(1)?
        // Spinning threads take the cores from the other elements of a pipeline.
        .with_intra_op_spinning(false)?
        // It warns of weights that are inputs too, which is meant (see `edit`).
        .with_log_level(LogLevel::Fatal)?;
    Ok(match profile {
        Some(profile) => builder.with_profiling(profile)?,
        None => builder,
    })
}
