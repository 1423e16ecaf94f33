//! Several classes of one picture, of one run of the network where it can tell of them.

use super::error::RuntimeError;
use super::network::Network;
use super::session::Outputs;
use crate::error::Error;
use crate::model::{Activation, Detail, Head, Target};

impl Network {
    /// Whether one run tells what a map needs of several classes: where the head is [affine](Head::is_affine), for which the
    /// feature map is enough, and where ONNX Runtime's own processor code computes, of which a run returns the gradient of each.
    pub fn tells_of_several(&self) -> bool {
        self.head().is_affine() || self.tells_further
    }

    /// As [`Classifier::run_each`](super::Classifier::run_each), into `outputs`.
    ///
    /// # Errors
    /// As [`Classifier::run_each`](super::Classifier::run_each).
    pub(super) fn run_each(
        &self,
        tensor: &[f32],
        size: (usize, usize),
        targets: &[Target],
        detail: Detail,
        outputs: &mut Outputs,
        take: &mut dyn FnMut(usize, &Activation) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Some((&first, further)) = targets.split_first() else {
            return Ok(());
        };
        if !self.tells_of_several() {
            for (number, &target) in targets.iter().enumerate() {
                let activation = self.run(tensor, size, target, detail, outputs)?;
                take(number, &activation)?;
            }
            return Ok(());
        }
        self.compute(tensor, size, (first, further), detail, outputs)?;
        let activation = self.activation(first, detail, outputs)?;
        take(0, &activation)?;
        for (row, &target) in further.iter().enumerate() {
            let of_target = match self.tells_further {
                true => self.of_further(&activation, outputs, row, further.len()),
                false => Ok(activation),
            };
            let of_target = of_target.map_err(|message| RuntimeError::Run { message })?;
            take(
                1 + row,
                &Activation {
                    target,
                    ..of_target
                },
            )?;
        }
        Ok(())
    }

    /// The run's `activation` with the gradients of one of the further classes, of which there are `count`.
    fn of_further<'a>(
        &self,
        activation: &Activation<'a>,
        outputs: &'a Outputs,
        row: usize,
        count: usize,
    ) -> Result<Activation<'a>, String> {
        let attends = matches!(self.head, Head::Layers { attends: true, .. });
        let has_third = self.has_sums || attends;
        let mut next = 3 + usize::from(has_third) + 2 * self.beside + usize::from(self.runs_cells);
        let mut take = |first: Option<&[f32]>| {
            let output = outputs.get(next)?;
            next += 1;
            let Some(first) = first else {
                return Ok(None);
            };
            if output.values.len() != count * first.len() {
                let found = output.values.len();
                let expected = first.len();
                return Err(format!(
                    "of {count} further classes it returned {found} values, not {expected} each"
                ));
            }
            Ok(output
                .values
                .get(row * first.len()..(row + 1) * first.len()))
        };
        let mut of_row = *activation;
        of_row.gradient = take(activation.gradient)?;
        if has_third {
            let third = take(activation.sums.or(activation.attention))?;
            of_row.sums = activation.sums.and(third);
            of_row.attention = activation.attention.and(third);
        }
        for layer in of_row.beside.iter_mut().take(self.beside) {
            if let Some((_, gradient)) = layer
                && let Some(own) = take(Some(gradient))?
            {
                *gradient = own;
            }
        }
        Ok(of_row)
    }
}
