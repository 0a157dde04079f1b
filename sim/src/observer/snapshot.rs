//! States of one chain at chosen steps.

use nalgebra::DMatrix;

use super::{Observer, ResumableObserver, StateBlock};
use crate::error::Result;
use crate::saved_state::{StateReader, StateWriter, mismatch};

/// Keeps the states at chosen steps: one row per step, positions then velocities.
#[derive(Clone, Debug)]
pub struct SnapshotObserver<'a> {
    steps: &'a [u64],
    kept: Vec<f64>,
    width: usize,
}

impl<'a> SnapshotObserver<'a> {
    /// For ascending steps.
    pub fn new(steps: &'a [u64]) -> Self {
        Self { steps, kept: Vec::new(), width: 0 }
    }
}

impl Observer for SnapshotObserver<'_> {
    type Output = DMatrix<f64>;

    fn observe(&mut self, block: &StateBlock<'_>) {
        self.width = 2 * block.width;
        for (step, position, velocity) in block.rows() {
            if self.steps.binary_search(&step).is_ok() {
                self.kept.extend_from_slice(position);
                self.kept.extend_from_slice(velocity);
            }
        }
    }

    /// (number of steps reached) x (2 x outputs x dimension).
    fn finish(self) -> DMatrix<f64> {
        let width = self.width.max(1);
        DMatrix::from_row_slice(self.kept.len() / width, width, &self.kept)
    }
}

impl ResumableObserver for SnapshotObserver<'_> {
    fn save(&self, state: &mut StateWriter) {
        state.count(self.width as u64);
        state.numbers(&self.kept);
    }

    fn restore(&mut self, state: &mut StateReader<'_>) -> Result<()> {
        self.width = state.count()? as usize;
        self.kept = state.numbers()?;
        if self.kept.len().checked_rem(self.width).unwrap_or(self.kept.len()) != 0 {
            return Err(mismatch(format!("{} numbers in rows of {}", self.kept.len(), self.width)));
        }
        Ok(())
    }
}
