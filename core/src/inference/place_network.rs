//! A network asked what one place of a picture says to its head.

use super::error::RuntimeError;
use super::open;
use super::options::Options;
use super::provider::{Provider, environment, find};
use super::session::{Busy, Outputs, Session};
use crate::error::Error;

/// A network in whose feature map every cell is given the same features: how its head is asked about one place where it has
/// several layers. It is there beside the one that explains, takes as much memory, and is run by ONNX Runtime's own code.
pub struct PlaceNetwork {
    session: Session,
    outputs: Outputs,
}

impl PlaceNetwork {
    /// Opens the network of `options`. None where its graph has no such way: where several layers are explained together, or the
    /// head has graphs within.
    ///
    /// # Errors
    /// Any [`Error`] but those of a run.
    pub fn open(options: &Options) -> Result<Option<Self>, Error> {
        let _busy = Busy::begin();
        let (path, analysis) = open::analysis(options)?;
        let channels = analysis.picture.channels;
        let limit = options.memory_limit();
        let Some(model) = analysis.uniform(&path, limit.unwrap_or(u64::MAX))? else {
            return Ok(None);
        };
        let environment = environment::environment(options)?;
        let roots = &options.search_roots;
        let attachment = find::find(&Provider::default(), options.threads, roots)?;
        let session = Session::new(
            &environment,
            &model,
            channels,
            options.threads,
            limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)),
            &attachment,
        );
        let session = session.map_err(|refusal| RuntimeError::Unsupported {
            path,
            message: refusal.words().to_owned(),
        })?;
        Ok(Some(Self {
            session,
            outputs: Outputs::default(),
        }))
    }

    /// The logits of a picture, which is 1 x channels x `height` x `width` and normalised as for the network itself, with
    /// `features`, one value a channel, in every cell of its feature map. What stands for no place, such as a class token, stays
    /// the picture's.
    ///
    /// # Errors
    /// [`RuntimeError::Run`].
    pub fn logits(
        &mut self,
        tensor: &[f32],
        (width, height): (usize, usize),
        features: &[f32],
    ) -> Result<&[f32], Error> {
        let failed = |message| Error::from(RuntimeError::Run { message });
        let outputs = &mut self.outputs;
        self.session
            .run_with_vector(tensor, width, height, features, outputs)
            .map_err(|failure| failed(failure.words()))?;
        Ok(self.outputs.get(0).map_err(failed)?.values)
    }
}
